//! The nonce and timestamp of one request.

use alloc::boxed::Box;
use core::fmt;

use crate::Error;
use crate::error::refuse;

/// The nonce of one request: text that a client never repeats within one timestamp (RFC 5849 3.3).
#[derive(Clone)]
pub struct Nonce(Text);

/// Random nonces are made for every request and take no heap.
#[derive(Clone)]
enum Text {
    Random([u8; RANDOM_LENGTH]),
    Given(Box<str>),
}

/// Two halves of 64 bits, 11 digits of base 62 each.
const RANDOM_LENGTH: usize = 22;

impl Nonce {
    /// A nonce of 128 bits from the operating system.
    ///
    /// # Errors
    /// [`Error::Random`] when the system gives none. Nothing weaker is used instead.
    #[cfg(feature = "getrandom")]
    pub fn random() -> Result<Self, Error> {
        let mut octets = [0; 16];
        getrandom::fill(&mut octets)
            .map_err(|fault| Error::Random { code: fault.raw_os_error() })?;
        Ok(Self::from_random_octets(octets))
    }

    /// A nonce from 128 bits of the caller's own random source: 22 letters and digits, different
    /// for different octets.
    #[must_use]
    pub fn from_random_octets(octets: [u8; 16]) -> Self {
        let bits = u128::from_be_bytes(octets);
        #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
        let halves = [(bits >> 64) as u64, bits as u64];
        let [mut high, mut low] = halves;
        let mut text = [b'0'; RANDOM_LENGTH];
        let (first, second) = text.split_at_mut(RANDOM_LENGTH / 2);
        for (one, other) in first.iter_mut().zip(second) {
            *one = digit(high);
            *other = digit(low);
            high /= 62;
            low /= 62;
        }
        Self(Text::Random(text))
    }

    /// A nonce given as text.
    ///
    /// # Errors
    /// [`Error::Empty`], or [`Error::Character`] for a control character or a space.
    pub fn new(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::Empty { what: "nonce" });
        }
        refuse("nonce", text, "no control character and no space", |c| {
            c.is_ascii_control() || c == ' '
        })?;
        Ok(Self(Text::Given(text.into())))
    }

    /// The text, sent as `oauth_nonce`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // Only digits of base 62 are ever stored.
            Text::Random(digits) => core::str::from_utf8(digits).unwrap_or_default(),
            Text::Given(text) => text,
        }
    }
}

impl Nonce {
    /// Whether it is known to have nothing to encode.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.0, Text::Random(_))
    }
}

/// The last digit of a number in base 62.
fn digit(number: u64) -> u8 {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let index = usize::try_from(number % 62).unwrap_or_default();
    DIGITS.get(index).copied().unwrap_or_default()
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Nonce").field(&self.as_str()).finish()
    }
}

impl PartialEq for Nonce {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Nonce {}

/// The nonce and timestamp of one request (RFC 5849 3.3): made fresh for every signature, also
/// when the same request is signed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    nonce: Nonce,
    timestamp: u64,
}

impl Stamp {
    /// A stamp of a nonce and the seconds since 1970-01-01 00:00:00 GMT.
    #[must_use]
    pub fn new(nonce: Nonce, timestamp: u64) -> Self {
        Self { nonce, timestamp }
    }

    /// A stamp with a random nonce. This crate has no clock: the caller says what time it is.
    ///
    /// # Errors
    /// As [`Nonce::random`].
    #[cfg(feature = "getrandom")]
    pub fn random(timestamp: u64) -> Result<Self, Error> {
        Ok(Self { nonce: Nonce::random()?, timestamp })
    }

    /// The nonce.
    #[must_use]
    pub fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// Seconds since 1970-01-01 00:00:00 GMT.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        self.timestamp
    }
}

/// A number as decimal text on the stack.
#[derive(Clone)]
pub(crate) struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    pub(crate) fn new(number: u64) -> Self {
        let mut digits = [b'0'; 20];
        let mut start = digits.len();
        let mut left = number;
        for (at, digit) in digits.iter_mut().enumerate().rev() {
            // A remainder below 10 fits an octet.
            *digit = b'0' + u8::try_from(left % 10).unwrap_or_default();
            start = at;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        Self { digits, start }
    }

    pub(crate) fn as_str(&self) -> &str {
        let digits = self.digits.get(self.start..).unwrap_or_default();
        core::str::from_utf8(digits).unwrap_or_default()
    }
}
