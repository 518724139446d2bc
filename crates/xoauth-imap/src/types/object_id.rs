//! Identifiers that last: OBJECTID (RFC 8474).

use alloc::boxed::Box;
use core::fmt;

use xoauth_sasl::Mask;

use super::hidden;

/// `objectid`, RFC 8474 7: 1 to 255 letters, digits, `_` and `-`, the same for ever and never given twice.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(Box<str>);

impl ObjectId {
    /// An identifier a server gave.
    pub fn new(text: &str) -> Option<Self> {
        Self::is_valid(text.as_bytes()).then(|| Self(text.into()))
    }

    /// Whether these octets are an identifier.
    pub(crate) fn is_valid(octets: &[u8]) -> bool {
        let sound = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        (1..=255).contains(&octets.len()) && octets.iter().all(sound)
    }

    pub(crate) fn from_wire(octets: &[u8]) -> Option<Self> {
        Self::new(core::str::from_utf8(octets).ok()?)
    }

    /// `"(" objectid ")"`.
    pub(crate) fn in_parentheses(octets: &[u8]) -> Option<Self> {
        Self::from_wire(octets.strip_prefix(b"(")?.strip_suffix(b")")?)
    }

    /// Hides these secrets in an identifier that was learned before they were known.
    pub(crate) fn hide(&mut self, mask: &Mask) {
        self.0 = hidden(core::mem::take(&mut self.0).into(), mask).into();
    }

    /// The identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({})", self.0)
    }
}
