//! Octets that a server sent where text is meant.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::escape_into;

/// Octets of a server: mostly text, in whatever charset the message has.
///
/// They are kept as they came; [`Octets::lossy`] reads them as UTF-8. `Debug` shows them as escaped text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Octets(Vec<u8>);

/// Octets that a [`Mask`] looks at in one go.
const PIECE: usize = 4096;

impl Octets {
    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A copy without the secrets that `mask` knows. Nothing is cut off.
    pub(crate) fn masked(octets: &[u8], mask: Option<&Mask>) -> Self {
        let Some(mask) = mask.filter(|mask| !mask.is_empty()) else { return octets.into() };
        // In pieces that the mask takes whole.
        let pieces = octets.chunks(PIECE).map(|piece| mask.apply(piece));
        Self(pieces.fold(Vec::with_capacity(octets.len()), |mut all, piece| {
            all.extend_from_slice(&piece);
            all
        }))
    }

    /// The octets, without a copy.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }

    /// The octets as UTF-8; what is not becomes U+FFFD.
    pub fn lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Octets {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Octets {
    fn from(octets: Vec<u8>) -> Self {
        Self(octets)
    }
}

impl From<&[u8]> for Octets {
    fn from(octets: &[u8]) -> Self {
        Self(octets.into())
    }
}

impl From<&str> for Octets {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl PartialEq<str> for Octets {
    fn eq(&self, text: &str) -> bool {
        self.0 == text.as_bytes()
    }
}

impl PartialEq<&str> for Octets {
    fn eq(&self, text: &&str) -> bool {
        self.0 == text.as_bytes()
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        escape_into(&self.0, &mut text);
        write!(f, "\"{text}\"")
    }
}
