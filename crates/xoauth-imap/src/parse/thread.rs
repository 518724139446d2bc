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
    let Size { nodes, depth } = Size::of(cursor.rest());
    tolerated.unfold::<ThreadNode<NonZeroU32>>(nodes, cursor)?;
    tolerated.unfold::<Option<usize>>(depth, cursor)?;
    let mut threads = Threads::with_capacity(nodes);
    // The message each open list hangs on.
    let mut open: Vec<Option<usize>> = Vec::with_capacity(depth);
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

/// What is kept of an answer at most.
#[derive(Default)]
struct Size {
    /// Messages, those included that are not in the mailbox: a number begins, or a list as the first of another.
    nodes: usize,
    /// Lists that are open at once.
    depth: usize,
}

impl Size {
    fn of(octets: &[u8]) -> Self {
        let mut size = Self::default();
        let mut open = 0usize;
        let (mut list_begins, mut number_goes_on) = (false, false);
        for octet in octets {
            let is_digit = octet.is_ascii_digit();
            match octet {
                b'(' => {
                    size.nodes += usize::from(list_begins);
                    open += 1;
                    size.depth = size.depth.max(open);
                }
                b')' => open = open.saturating_sub(1),
                _ => size.nodes += usize::from(is_digit && !number_goes_on),
            }
            list_begins = *octet == b'(' || *octet == b' ' && list_begins;
            number_goes_on = is_digit;
        }
        size
    }
}
