//! What was received, and where its replies end.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::parse::{Separator, parse_line};
use crate::proto::limits::{LimitKind, Limits};
use crate::types::ReplyCode;

/// The read buffer, framed into replies.
///
/// ```text
/// | consumed | lines of the reply so far | line so far | free room |
/// 0        start                       line     scanned..end    buffer.len()
/// ```
///
/// `start <= line <= scanned <= end <= buffer.len()`. No octet is looked at twice for its line end, so
/// that octets may arrive one by one. The buffer grows to one reply of [`Limits::reply`] and one reading.
#[derive(Default)]
pub(crate) struct Receive {
    buffer: Zeroizing<Vec<u8>>,
    start: usize,
    line: usize,
    scanned: usize,
    end: usize,
    /// Of the reply so far.
    lines: usize,
    code: Option<ReplyCode>,
}

/// Why the octets are no reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FramingFault {
    Limit(LimitKind),
    /// The line is [`Receive::line`].
    Malformed {
        expected: &'static str,
    },
}

/// Room that a reading gets at least: a record of TLS, in which a flight of replies fits.
const ROOM: usize = 16 * 1024;

impl Receive {
    /// Room to read into, never empty.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 && self.buffer.len() - self.end < ROOM {
            self.buffer.copy_within(self.start..self.end, 0);
            self.line -= self.start;
            self.scanned -= self.start;
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < ROOM / 2 {
            // No copy stays behind: servers repeat secrets. A quarter more, that what is moved stays in proportion.
            let mut buffer = vec![0; self.end + ROOM.max(self.end / 4)];
            let held = self.buffer.get(..self.end).unwrap_or_default();
            buffer.get_mut(..self.end).unwrap_or_default().copy_from_slice(held);
            self.buffer = Zeroizing::new(buffer);
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// `n` octets were read into the room.
    pub(crate) fn received(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(self.buffer.len());
    }

    /// The code of the next reply, if it is there whole: [`Receive::reply`] are its lines.
    pub(crate) fn next(&mut self, limits: &Limits) -> Result<Option<ReplyCode>, FramingFault> {
        loop {
            let unscanned = self.buffer.get(self.scanned..self.end).unwrap_or_default();
            let found = memchr::memchr(b'\n', unscanned);
            self.scanned = found.map_or(self.end, |at| self.scanned + at + 1);
            if self.scanned - self.line > limits.line {
                return Err(FramingFault::Limit(LimitKind::Line));
            }
            if self.scanned - self.start > limits.reply {
                return Err(FramingFault::Limit(LimitKind::Reply));
            }
            if found.is_none() {
                return Ok(None);
            }
            if self.lines >= limits.lines {
                return Err(FramingFault::Limit(LimitKind::Lines));
            }
            let line =
                parse_line(self.line()).map_err(|expected| FramingFault::Malformed { expected })?;
            if self.code.is_some_and(|code| code != line.code) {
                let expected = "the same reply code in every line";
                return Err(FramingFault::Malformed { expected });
            }
            self.code = Some(line.code);
            self.lines += 1;
            self.line = self.scanned;
            if line.separator == Separator::Last {
                return Ok(self.code);
            }
        }
    }

    /// The lines of the reply that [`Receive::next`] found.
    pub(crate) fn reply(&self) -> &[u8] {
        self.buffer.get(self.start..self.line).unwrap_or_default()
    }

    /// Forgets the reply that was found.
    pub(crate) fn consume(&mut self) {
        self.start = self.line;
        self.lines = 0;
        self.code = None;
        if self.start == self.end {
            (self.start, self.line, self.scanned, self.end) = (0, 0, 0, 0);
        }
    }

    /// The line that was looked at last.
    pub(crate) fn line(&self) -> &[u8] {
        self.buffer.get(self.line..self.scanned).unwrap_or_default()
    }

    /// Everything that was received and not consumed.
    pub(crate) fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }
}

impl fmt::Debug for Receive {
    /// Shows no content: servers echo what they were sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receive").field("pending", &self.pending().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Feeds octets in pieces of a size, and collects what comes out.
    fn feed(octets: &[u8], size: usize, limits: &Limits) -> (Vec<Vec<u8>>, Option<FramingFault>) {
        let mut receive = Receive::default();
        let mut replies = Vec::new();
        let mut rest = octets;
        while !rest.is_empty() {
            let room = receive.room();
            let n = size.min(rest.len()).min(room.len());
            let (piece, behind) = rest.split_at(n);
            room[..n].copy_from_slice(piece);
            receive.received(n);
            rest = behind;
            loop {
                match receive.next(limits) {
                    Ok(Some(_)) => {
                        replies.push(receive.reply().to_vec());
                        receive.consume();
                    }
                    Ok(None) => break,
                    Err(fault) => return (replies, Some(fault)),
                }
            }
        }
        (replies, None)
    }

    #[test]
    fn replies_are_framed_whole_and_octet_by_octet() {
        let malformed = |expected| Some(FramingFault::Malformed { expected });
        type Case<'a> = (&'a [u8], &'a [&'a [u8]], Option<FramingFault>);
        let cases: [Case<'_>; 8] = [
            (b"250 ok\r\n", &[b"250 ok\r\n"], None),
            (
                b"250-a\r\n250-b\r\n250 c\r\n220\r\n",
                &[b"250-a\r\n250-b\r\n250 c\r\n", b"220\r\n"],
                None,
            ),
            (b"250 ok\r", &[], None),
            (b"250-a\r\n", &[], None),
            (b"250 a\r\n25", &[b"250 a\r\n"], None),
            (b"250-a\r\n251 b\r\n", &[], malformed("the same reply code in every line")),
            (
                b"250 a\r\n* OK\r\n",
                &[b"250 a\r\n"],
                malformed("a reply code of three digits, 200 to 599"),
            ),
            (b"250 a\n", &[], malformed("a carriage return before the line feed")),
        ];
        for (octets, replies, fault) in cases {
            for size in [1, 2, 7, usize::MAX] {
                let (found, stopped) = feed(octets, size, &Limits::default());
                assert_eq!(found, replies, "{octets:?}");
                assert_eq!(stopped, fault, "{octets:?}");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "so much takes hours")]
    fn limits_hold_just_under_and_just_over() {
        let limits = Limits { line: 20, reply: 50, lines: 4, window: 1 };
        let line = |n: usize| [b"250 ".to_vec(), vec![b'x'; n - 6], b"\r\n".to_vec()].concat();
        let over = |kind| Some(FramingFault::Limit(kind));
        let cases = [
            (line(20), None),
            (line(21), over(LimitKind::Line)),
            (vec![b'2'; 20], None),
            (vec![b'2'; 21], over(LimitKind::Line)),
            ([b"250-\r\n".repeat(3), b"250 \r\n".to_vec()].concat(), None),
            ([b"250-\r\n".repeat(4), b"250 \r\n".to_vec()].concat(), over(LimitKind::Lines)),
            ([b"250-345678901234\r\n".repeat(2), line(14)].concat(), None),
            ([b"250-345678901234\r\n".repeat(2), line(15)].concat(), over(LimitKind::Reply)),
        ];
        for (octets, fault) in cases {
            for size in [1, 3, usize::MAX] {
                assert_eq!(feed(&octets, size, &limits).1, fault, "{octets:?}");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "so much takes hours")]
    fn endless_replies_take_no_memory_past_the_limit() {
        let mut receive = Receive::default();
        let limits = Limits { lines: usize::MAX, ..Limits::default() };
        let mut fed = 0;
        let fault = loop {
            let room = receive.room();
            room.iter_mut()
                .zip(b"250-x\r\n".iter().cycle().skip(fed % 7))
                .for_each(|(to, from)| *to = *from);
            let n = room.len();
            receive.received(n);
            fed += n;
            if let Err(fault) = receive.next(&limits) {
                break fault;
            }
        };
        assert_eq!(fault, FramingFault::Limit(LimitKind::Reply));
        assert!(receive.buffer.capacity() <= 2 * (limits.reply + ROOM));
    }
}
