//! THREAD responses.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::Tolerated;
use super::cursor::{Cursor, Result};
use super::search::nz_number;
use crate::types::{ThreadNode, Threads};

/// `thread-data = "THREAD" [SP 1*thread-list]`, RFC 5256 6, behind the word THREAD.
///
/// ```text
/// thread-list   = "(" (thread-members / thread-nested) ")"
/// thread-members = nz-number *(SP nz-number) [SP thread-nested]
/// thread-nested = 2*thread-list
/// ```
///
/// The lists that are open are kept beside, not on the stack: their depth costs nothing but their octets.
pub(super) fn threads(
    cursor: &mut Cursor<'_>,
    tolerated: &mut Tolerated,
) -> Result<Threads<NonZeroU32>> {
    let count = nodes(cursor.rest());
    tolerated.unfold::<ThreadNode<NonZeroU32>>(count, cursor)?;
    let mut threads = Threads::with_capacity(count);
    // The message each open list hangs on.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut current = None;
    let mut list_begins = false;
    loop {
        match cursor.peek() {
            Some(b' ') => {
                cursor.take(1);
            }
            Some(b'(') => {
                if list_begins {
                    // What these lists answer is not in the mailbox.
                    current = Some(threads.push(None, current));
                }
                cursor.take(1);
                open.push(current);
                list_begins = true;
            }
            Some(b')') => {
                current = match open.pop() {
                    Some(outer) if !list_begins => outer,
                    _ => return Err(cursor.error("a message number or a list")),
                };
                cursor.take(1);
                if open.is_empty() {
                    current = None;
                }
            }
            Some(b'0'..=b'9') if !open.is_empty() => {
                current = Some(threads.push(Some(nz_number(cursor)?), current));
                list_begins = false;
            }
            None if open.is_empty() => return Ok(threads),
            None => return Err(cursor.error("a closing parenthesis")),
            Some(_) => return Err(cursor.error("a list of message numbers")),
        }
    }
}

/// How many messages there are at most, those included that are not in the mailbox: a number begins, or a list
/// inside another.
fn nodes(octets: &[u8]) -> usize {
    let begins = |pair: &&[u8]| match pair {
        [before, b'0'..=b'9'] => !before.is_ascii_digit(),
        [b'(', b'('] => true,
        _ => false,
    };
    octets.windows(2).filter(begins).count()
}
