//! Lists of flags.

use alloc::vec::Vec;
use core::fmt;

use super::cursor::{Cursor, Result};
use super::{FaultKind, Tolerated};
use crate::types::{Flag, Flags};

/// `flag-list`, RFC 9051 9: the system flags as bits, the keywords still in the response.
#[derive(Clone, Copy)]
pub struct FlagsRef<'a> {
    bits: u8,
    /// What stands between the parentheses.
    list: &'a [u8],
}

impl<'a> FlagsRef<'a> {
    /// Parses `flag-list`, or `flag-perm` in its list: a flag is whatever stands between the spaces.
    #[inline]
    pub(super) fn parse(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<Self> {
        cursor.expect(b'(', "a list of flags")?;
        let content = *cursor;
        let mut bits = 0;
        let mut count = 0;
        loop {
            let mut is_empty = false;
            if let Some(bit) = system_flag(cursor) {
                bits |= bit;
            } else {
                let flag = cursor.take_while(is_flag_char);
                if let [b'\\', ..] = flag {
                    bits |= Flag::system_bit(flag);
                }
                is_empty = flag.is_empty();
            }
            count += usize::from(!is_empty);
            if count > MAX_FLAGS {
                return Err(cursor.error("at most 10000 flags"));
            }
            match cursor.peek() {
                Some(b')') => {
                    let list = content.until(cursor);
                    if is_empty && !list.is_empty() {
                        tolerated.record(FaultKind::SurplusSpace, cursor.position());
                    }
                    cursor.take(1);
                    tolerated.unfold::<Flag>(count, cursor)?;
                    return Ok(Self { bits, list });
                }
                Some(b' ') if !is_empty => cursor.space(tolerated)?,
                Some(b' ') => cursor.surplus_spaces(tolerated),
                _ => return Err(cursor.error("a flag or a closing parenthesis")),
            }
        }
    }

    /// What stands between the parentheses.
    pub(crate) fn list(&self) -> &'a [u8] {
        self.list
    }

    /// The flag is in the list.
    pub fn contains(&self, flag: &Flag) -> bool {
        match flag.bit() {
            0 => self.names().any(|name| name.eq_ignore_ascii_case(flag.as_str().as_bytes())),
            bit => self.bits & bit != 0,
        }
    }

    /// The message was read.
    pub fn is_seen(&self) -> bool {
        self.contains(&Flag::Seen)
    }

    /// The flags as the server wrote them, in its order; nothing is allocated.
    pub fn names(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.list.split(|&octet| octet == b' ').filter(|name| !name.is_empty())
    }

    /// The flags in the server's order.
    pub fn to_vec(&self) -> Vec<Flag> {
        self.names().map(Flag::from_wire).collect()
    }

    /// The flags as a set.
    pub fn to_flags(&self) -> Flags {
        Flags::from_wire(self.bits, self.names())
    }
}

impl fmt::Debug for FlagsRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", self.list.escape_ascii())
    }
}

/// A list of more flags is an attack on memory.
const MAX_FLAGS: usize = 10_000;

/// A flag of the standard as most servers write it; others go the long way.
#[inline]
fn system_flag(cursor: &mut Cursor<'_>) -> Option<u8> {
    let mut ahead = *cursor;
    let flag = match ahead.rest() {
        [b'\\', b'S', ..] if ahead.eat_all(b"\\Seen") => Flag::Seen,
        [b'\\', b'A', ..] if ahead.eat_all(b"\\Answered") => Flag::Answered,
        [b'\\', b'F', ..] if ahead.eat_all(b"\\Flagged") => Flag::Flagged,
        [b'\\', b'R', ..] if ahead.eat_all(b"\\Recent") => Flag::Recent,
        [b'\\', b'D', b'e', ..] if ahead.eat_all(b"\\Deleted") => Flag::Deleted,
        _ => return None,
    };
    if !matches!(ahead.peek(), Some(b' ' | b')')) {
        return None;
    }
    *cursor = ahead;
    Some(flag.bit())
}

/// `flag`, RFC 9051 9, is `flag-keyword` or a backslash and an atom; what ends neither is taken.
#[inline]
fn is_flag_char(octet: u8) -> bool {
    octet > b' ' && !matches!(octet, b'(' | b')' | 0x7f)
}
