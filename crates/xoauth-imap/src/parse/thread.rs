//! THREAD responses.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::cursor::{Cursor, Result};
use super::search::nz_number;
use crate::types::Threads;

/// `thread-data = "THREAD" [SP 1*thread-list]`, RFC 5256 6, behind the word THREAD.
///
/// ```text
/// thread-list   = "(" (thread-members / thread-nested) ")"
/// thread-members = nz-number *(SP nz-number) [SP thread-nested]
/// thread-nested = 2*thread-list
/// ```
///
/// The lists that are open are kept beside, not on the stack: their depth costs nothing but their octets.
pub(super) fn threads(cursor: &mut Cursor<'_>) -> Result<Threads<NonZeroU32>> {
    let mut threads = Threads::default();
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
