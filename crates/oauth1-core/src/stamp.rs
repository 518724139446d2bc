//! The nonce and timestamp of one request.

use alloc::boxed::Box;
use core::fmt;

use crate::Error;
use crate::ascii::Ascii;
use crate::encode::{CONTROL, ESCAPED, SPACE, classes};
use crate::error::refuse;

/// The nonce of one request: text that a client never repeats within one timestamp (RFC 5849 3.3).
#[derive(Clone)]
pub struct Nonce {
    text: Text,
    plain: bool,
}

/// Nonces are made for every request: the usual ones take no heap.
#[derive(Clone)]
enum Text {
    Short(Ascii<32>),
    Long(Box<str>),
}

/// Two halves of 64 bits, 13 digits of base 32 each.
pub(crate) const RANDOM_LENGTH: usize = 26;

impl Nonce {
    /// A nonce of 128 bits from the operating system.
    ///
    /// # Errors
    /// [`Error::Random`] when the system gives none. Nothing weaker is used instead.
    #[cfg(feature = "getrandom")]
    pub fn random() -> Result<Self, Error> {
        Self::random_from(getrandom::fill)
    }

    /// A nonce of what `fill` gives: the source is an argument, so that one that fails can be tried.
    #[cfg(feature = "getrandom")]
    fn random_from(
        fill: impl FnOnce(&mut [u8]) -> Result<(), getrandom::Error>,
    ) -> Result<Self, Error> {
        let mut octets = [0; 16];
        fill(&mut octets).map_err(|fault| Error::Random { code: fault.raw_os_error() })?;
        Ok(Self::from_random_octets(octets))
    }

    /// A nonce from 128 bits of the caller's own random source: 26 letters and digits, different
    /// for different octets.
    #[must_use]
    pub fn from_random_octets(octets: [u8; 16]) -> Self {
        let bits = u128::from_be_bytes(octets);
        #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
        let halves = [(bits >> 64) as u64, bits as u64];
        let mut text = [0; 32];
        for (half, digits) in halves.into_iter().zip(text.chunks_exact_mut(RANDOM_LENGTH / 2)) {
            for (place, digit) in digits.iter_mut().zip(0..) {
                *place = base_32(half >> (5 * digit));
            }
        }
        Self { text: Text::Short(Ascii::new(text, RANDOM_LENGTH)), plain: true }
    }

    /// A nonce given as text.
    ///
    /// # Errors
    /// [`Error::Empty`], or [`Error::Character`] for a control character or a space.
    pub fn new(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::Empty { argument: "nonce" });
        }
        let classes = classes(text);
        if classes & (CONTROL | SPACE) != 0 {
            refuse("nonce", text, "no control character and no space", |c| {
                c.is_ascii_control() || c == ' '
            })?;
        }
        let plain = classes & ESCAPED == 0;
        let text = Ascii::copied(text).map_or_else(|| Text::Long(text.into()), Text::Short);
        Ok(Self { text, plain })
    }

    /// The text, sent as `oauth_nonce`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.text {
            Text::Short(text) => text.as_str(),
            Text::Long(text) => text,
        }
    }
}

impl Nonce {
    /// Whether it has nothing to encode.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }
}

/// The digit of the lowest five bits (RFC 4648 6, in lower case).
fn base_32(bits: u64) -> u8 {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let index = usize::try_from(bits % 32).unwrap_or_default();
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

#[cfg(all(test, feature = "getrandom"))]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_random_source_that_fails_is_an_error_and_no_nonce() {
        for fault in [
            getrandom::Error::UNSUPPORTED,
            getrandom::Error::UNEXPECTED,
            getrandom::Error::new_custom(7),
        ] {
            // Some of the octets were written before it failed: they are used for nothing.
            let fails = |octets: &mut [u8]| {
                octets.iter_mut().take(8).for_each(|octet| *octet = 1);
                Err(fault)
            };
            let error = Nonce::random_from(fails).unwrap_err();
            assert_eq!(error, Error::Random { code: None });
            assert_eq!(error.to_string(), "no random octets from the operating system");
        }
    }

    #[test]
    fn a_nonce_is_what_the_source_gives() {
        let fill = |octets: &mut [u8]| {
            octets.copy_from_slice(&[0xff; 16]);
            Ok(())
        };
        let nonce = Nonce::random_from(fill).unwrap();
        assert_eq!(nonce, Nonce::from_random_octets([0xff; 16]));
    }
}
