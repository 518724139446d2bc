//! Messages that are stored: from memory or from a reader, in constant memory.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::task::{Context, Poll, ready};

use xoauth_sasl::wire::{AnySource, Source, poll_piece};

use crate::error::Error;

/// The octets of one message, of a length that is known before the first is sent.
///
/// What is in memory converts: `Vec<u8>`, `String`, `&[u8]`, `&str`. [`Content::from_source`] takes the rest; the
/// crate `xoauth` has a source for any `Read`.
pub struct Content {
    len: u64,
    given: u64,
    from: Origin,
}

enum Origin {
    Memory(Vec<u8>),
    Source(AnySource<'static>),
}

impl Content {
    /// `len` octets of a source. One that ends early or fails breaks the session, for a literal has the length it
    /// announced; what a source has beyond `len` stays in it. It is read in pieces of up to 64 KiB while they
    /// are sent.
    pub fn from_source(source: impl Source + 'static, len: u64) -> Self {
        Self { len, given: 0, from: Origin::Source(Box::new(source)) }
    }

    /// Octets of the message.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// There is a NUL octet, which only `literal8` can carry. Of a source that is not known before it is read.
    pub(super) fn has_nul(&self) -> bool {
        match &self.from {
            Origin::Memory(octets) => memchr::memchr(0, octets).is_some(),
            Origin::Source(_) => false,
        }
    }

    /// Nothing is known of its octets before they are read.
    pub(super) fn is_from_source(&self) -> bool {
        matches!(self.from, Origin::Source(_))
    }

    /// The next octets into `room`; none once all were given.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<Result<usize, Error>> {
        let n = match &mut self.from {
            Origin::Memory(octets) => {
                let given = usize::try_from(self.given).unwrap_or(usize::MAX);
                let rest = octets.get(given..).unwrap_or_default();
                let n = rest.len().min(room.len());
                if let (Some(to), Some(from)) = (room.get_mut(..n), rest.get(..n)) {
                    to.copy_from_slice(from);
                }
                n
            }
            Origin::Source(source) => {
                let left = usize::try_from(self.len - self.given).unwrap_or(usize::MAX);
                let most = left.min(room.len());
                let Some(room) = room.get_mut(..most) else { return Poll::Ready(Ok(0)) };
                match ready!(poll_piece(&mut **source, cx, room)) {
                    Ok(piece) => piece.len(),
                    Err(source) => {
                        let (reason, source) = ("its source failed", Some(source));
                        return Poll::Ready(Err(Error::Content { reason, source }));
                    }
                }
            }
        };
        self.given += n as u64;
        Poll::Ready(Ok(n))
    }

    /// All of it was given.
    pub(super) fn is_spent(&self) -> bool {
        self.given >= self.len
    }
}

impl From<Vec<u8>> for Content {
    fn from(octets: Vec<u8>) -> Self {
        Self { len: octets.len() as u64, given: 0, from: Origin::Memory(octets) }
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&[u8]> for Content {
    fn from(octets: &[u8]) -> Self {
        octets.to_owned().into()
    }
}

impl<const N: usize> From<&[u8; N]> for Content {
    fn from(octets: &[u8; N]) -> Self {
        octets.as_slice().into()
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("len", &self.len).finish_non_exhaustive()
    }
}
