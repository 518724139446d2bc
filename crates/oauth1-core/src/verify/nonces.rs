//! Remembering nonces, so that a request counts once (RFC 5849 3.3).

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::cell::RefCell;
use core::fmt;

use sha1::Digest;
use sha2::Sha256;

/// What must not come twice: a nonce together with the timestamp, the consumer and the token that
/// it was used with (RFC 5849 3.3).
#[derive(Debug, Clone, Copy)]
pub struct NonceKey<'a> {
    timestamp: u64,
    consumer_key: &'a str,
    token_key: Option<&'a str>,
    nonce: &'a str,
    window: u64,
}

impl<'a> NonceKey<'a> {
    /// A key; `window` is how many seconds a timestamp may be from the server's time.
    #[must_use]
    pub fn new(
        timestamp: u64,
        consumer_key: &'a str,
        token_key: Option<&'a str>,
        nonce: &'a str,
        window: u64,
    ) -> Self {
        Self { timestamp, consumer_key, token_key, nonce, window }
    }

    /// The timestamp of the request, in seconds since 1970-01-01 00:00:00 GMT.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// The consumer.
    #[must_use]
    pub fn consumer_key(&self) -> &'a str {
        self.consumer_key
    }

    /// The token, where the request has one.
    #[must_use]
    pub fn token_key(&self) -> Option<&'a str> {
        self.token_key
    }

    /// The nonce: any text of any length.
    #[must_use]
    pub fn nonce(&self) -> &'a str {
        self.nonce
    }

    /// The last second at which a replay would still be inside the window: the key must be
    /// remembered until then.
    #[must_use]
    pub fn expires(&self) -> u64 {
        self.timestamp.saturating_add(self.window)
    }

    /// A text of fixed size that differs for different keys.
    fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let token = self.token_key.unwrap_or_default();
        for part in [self.consumer_key, token, self.nonce] {
            // With its length in front, a part cannot run into the next one.
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

/// Remembers nonces. A [`Verifier`](crate::Verifier) asks it last, once the signature is right.
///
/// Implementations lock for themselves, and look up and remember in one step: of two requests
/// that come at the same time with the same key only one may pass. [`MemoryNonceStore`] does in a
/// `RefCell` for one thread and, with the feature `std`, in a `std::sync::Mutex` for several.
/// Servers that share their users must share their store.
pub trait NonceStore {
    /// Remembers a key, at least until it [expires](NonceKey::expires); `now` is the server's time.
    ///
    /// # Errors
    /// [`NonceError::Replayed`] when the key is remembered already; any other error when the
    /// store cannot tell or cannot remember. The request is refused in every case.
    fn insert(&self, key: NonceKey<'_>, now: u64) -> Result<(), NonceError>;
}

/// Why a store did not take a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NonceError {
    /// The key was there before, or is so old that it may have been.
    Replayed,
    /// The store is full of keys that have not expired.
    Full,
    /// The store cannot be reached.
    Unavailable,
}

impl fmt::Display for NonceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Replayed => "nonce was used before",
            Self::Full => "nonce store is full",
            Self::Unavailable => "nonce store is unavailable",
        })
    }
}

impl core::error::Error for NonceError {}

/// A nonce store in memory, for one process.
///
/// It holds at most as many keys as its capacity, 40 octets each and the overhead of a tree. Keys
/// leave when they expire and never earlier: when it is full of live keys it refuses new ones.
/// Only rightly signed requests take a place. A capacity of twice the window in seconds, times
/// the requests a second, never fills.
#[derive(Clone)]
pub struct MemoryNonceStore {
    // Ordered by timestamp, so that what expires stands in front. Every timestamp in it is
    // `>= forgotten`, and `live.len() <= capacity`.
    live: BTreeSet<(u64, [u8; 32])>,
    capacity: usize,
    /// The widest window that was asked for.
    window: u64,
    /// Keys with a timestamp below may have been in the store.
    forgotten: u64,
}

impl MemoryNonceStore {
    /// An empty store for at most `capacity` keys.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { live: BTreeSet::new(), capacity, window: 0, forgotten: 0 }
    }

    /// How many keys it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether it holds no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Forgets what has expired and remembers a key; see [`NonceStore::insert`].
    ///
    /// # Errors
    /// [`NonceError::Replayed`], also for a key that would have been forgotten by now: after the
    /// clock has been set back a replay could not be told. [`NonceError::Full`].
    pub fn insert(&mut self, key: NonceKey<'_>, now: u64) -> Result<(), NonceError> {
        self.window = self.window.max(key.window);
        let oldest = now.saturating_sub(self.window);
        if oldest > self.forgotten {
            self.forgotten = oldest;
            self.live = self.live.split_off(&(oldest, [0; 32]));
        }
        let entry = (key.timestamp, key.digest());
        if key.timestamp < self.forgotten || self.live.contains(&entry) {
            return Err(NonceError::Replayed);
        }
        if self.live.len() >= self.capacity {
            return Err(NonceError::Full);
        }
        self.live.insert(entry);
        Ok(())
    }
}

impl fmt::Debug for MemoryNonceStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryNonceStore")
            .field("len", &self.live.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

impl NonceStore for RefCell<MemoryNonceStore> {
    fn insert(&self, key: NonceKey<'_>, now: u64) -> Result<(), NonceError> {
        self.try_borrow_mut().map_err(|_| NonceError::Unavailable)?.insert(key, now)
    }
}

/// A poisoned lock is [`NonceError::Unavailable`].
#[cfg(feature = "std")]
impl NonceStore for std::sync::Mutex<MemoryNonceStore> {
    fn insert(&self, key: NonceKey<'_>, now: u64) -> Result<(), NonceError> {
        self.lock().map_err(|_| NonceError::Unavailable)?.insert(key, now)
    }
}

impl<S: NonceStore + ?Sized> NonceStore for &S {
    fn insert(&self, key: NonceKey<'_>, now: u64) -> Result<(), NonceError> {
        (**self).insert(key, now)
    }
}

impl<S: NonceStore + ?Sized> NonceStore for Arc<S> {
    fn insert(&self, key: NonceKey<'_>, now: u64) -> Result<(), NonceError> {
        (**self).insert(key, now)
    }
}
