//! VANISHED responses.

use super::cursor::{Cursor, Result};
use super::{SetRef, Tolerated};
use crate::types::Uid;

/// `expunged-resp = "VANISHED" [SP "(EARLIER)"] SP known-uids`, RFC 7162 7: messages that are gone.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct VanishedRef<'a> {
    /// They went before the mailbox was selected, and are not counted in EXISTS any more.
    pub earlier: bool,
    /// Their unique identifiers.
    pub set: SetRef<'a>,
}

impl<'a> VanishedRef<'a> {
    /// Parses what stands behind the word VANISHED.
    pub(super) fn parse(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<Self> {
        cursor.space(tolerated)?;
        let mut earlier = false;
        if cursor.eat(b'(') {
            if !cursor.atom()?.eq_ignore_ascii_case(b"EARLIER") {
                return Err(cursor.error("EARLIER"));
            }
            cursor.expect(b')', "a closing parenthesis")?;
            cursor.space(tolerated)?;
            earlier = true;
        }
        Ok(Self { earlier, set: SetRef::parse(cursor, tolerated)? })
    }

    /// The unique identifiers as ranges, both ends included.
    pub fn uids(&self) -> impl Iterator<Item = (Uid, Uid)> + use<'a> {
        self.set.ranges().map(|(from, to)| (Uid::from(from), Uid::from(to)))
    }

    /// How many messages that are.
    pub(crate) fn count(&self) -> u64 {
        self.uids().map(|(from, to)| u64::from(to.get()) - u64::from(from.get()) + 1).sum()
    }
}
