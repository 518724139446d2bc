//! The value of a string as the server wrote it.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use xoauth_sasl::wire::escape_into;

use crate::types::Octets;

/// `nstring` or `astring`, RFC 9051 9: borrowed, its escapes not yet undone.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Text<'a> {
    /// NIL: no value.
    Nil,
    /// The octets themselves: an atom, a literal or a quoted string without escapes.
    Raw(&'a [u8]),
    /// The content of a quoted string with backslashes to undo.
    Quoted(&'a [u8]),
    /// A literal whose octets were handed out before the response was complete.
    Streamed {
        /// Octets it announced.
        len: u64,
        /// Which of the streamed literals of the response it is, counted from 0.
        index: u32,
    },
}

impl<'a> Text<'a> {
    /// The octets; none for NIL and for a literal that was streamed.
    pub fn cow(self) -> Cow<'a, [u8]> {
        match self {
            Self::Nil | Self::Streamed { .. } => Cow::Borrowed(&[]),
            Self::Raw(octets) => Cow::Borrowed(octets),
            Self::Quoted(octets) => {
                let mut octets = octets.iter().copied();
                let mut plain = Vec::with_capacity(octets.len());
                while let Some(octet) = octets.next() {
                    plain.push(if octet == b'\\' { octets.next().unwrap_or(octet) } else { octet });
                }
                Cow::Owned(plain)
            }
        }
    }

    /// The octets where they are those on the wire, so that no backslash is to be left out.
    #[inline]
    pub(super) fn as_on_the_wire(self) -> Option<&'a [u8]> {
        match self {
            Self::Nil | Self::Streamed { .. } => Some(&[]),
            Self::Raw(octets) => Some(octets),
            Self::Quoted(_) => None,
        }
    }

    /// A copy of the octets; none for NIL and for a literal that was streamed.
    pub fn to_vec(self) -> Vec<u8> {
        self.cow().into_owned()
    }

    /// A copy of the octets; `None` for NIL.
    pub fn to_octets(self) -> Option<Octets> {
        match self {
            Self::Nil => None,
            other => Some(other.octets()),
        }
    }

    /// The same; none for NIL.
    #[inline]
    pub(crate) fn octets(self) -> Octets {
        match self {
            Self::Nil | Self::Streamed { .. } => Octets::default(),
            Self::Raw(octets) => Octets::from(octets),
            Self::Quoted(_) => Octets::from(self.to_vec()),
        }
    }

    /// No value.
    pub fn is_nil(self) -> bool {
        self == Self::Nil
    }

    pub(super) fn eq_ignore_ascii_case(self, word: &[u8]) -> bool {
        matches!(self, Self::Raw(octets) if octets.eq_ignore_ascii_case(word))
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("NIL"),
            Self::Streamed { len, index } => write!(f, "<literal {index} of {len} octets>"),
            Self::Raw(_) | Self::Quoted(_) => {
                let mut text = alloc::string::String::new();
                escape_into(&self.cow(), &mut text);
                write!(f, "\"{text}\"")
            }
        }
    }
}
