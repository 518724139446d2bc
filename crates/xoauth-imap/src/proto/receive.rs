//! The receive buffer and the framing of responses: where one ends and the next begins.
//!
//! ```text
//!      0        start            literal     scan          end          buffer.len()
//!      | spent  | head of the response | ... searched | unread | room to read |
//! ```
//!
//! Invariants: `start <= scan <= end <= buffer.len()`. The response being framed begins at `start`; no octet
//! before `scan` is searched for a line end again, so that octet-wise arrival costs linear time. A literal
//! that is streamed never grows the buffer: its octets stand behind the head only until they were lent. Those
//! that still stand there are taken out when they are more than the head they are moved for, and when the
//! response is complete, so that nobody sees how they arrived.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use xoauth_sasl::Mask;

use crate::parse::StreamedLiteral;
use crate::proto::limits::{LimitKind, Limits};
use crate::proto::line::{Class, Head, PIECE, SEARCH, announced_literal, end_of_numbers};

mod room;
use room::{Buffer, MOST_STREAMED, READ_ROOM, SMALL};

/// What framing found next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Framed {
    /// More octets are needed.
    Incomplete,
    /// A literal of this many octets begins; `accept` must be called before `next`.
    Literal(u64),
    /// Octets of a streamed literal; lent by `chunk` until `next` is called again.
    Chunk,
    /// The response at `response` is complete; `consume` ends it.
    Response,
}

/// What framing refuses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FramingFault {
    /// A limit was passed.
    Limit(LimitKind),
    /// A line feed stood without its carriage return outside a literal.
    BareLineFeed,
}

/// Where the octets of a literal go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    /// They stay in the buffer, as part of the response.
    Buffer,
    /// They are handed out in pieces and forgotten.
    Stream,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Searching the end of a line.
    Line,
    /// A literal was announced and waits for `accept`.
    Announced { len: u64 },
    /// Inside a literal that stays in the buffer.
    Buffered { left: usize, len: usize },
    /// Inside a literal that is handed out; `lent` octets behind `scan` are lent now.
    Streamed { left: u64, len: u64, lent: usize },
}

/// The receive buffer with its framing.
pub(crate) struct Receive {
    buffer: Buffer,
    /// How long it gets when much comes, unless a response is longer.
    largest: usize,
    /// No response without literals needs more, as the limits are.
    text: usize,
    /// No response needs more.
    most: usize,
    /// The last reading took all the room there was.
    is_filled: bool,
    start: usize,
    scan: usize,
    end: usize,
    /// Where the line being searched begins; behind the last literal.
    line: usize,
    /// Octets of the response up to its first literal; 0 while it has none.
    opening: usize,
    phase: Phase,
    streamed: Vec<Streamed>,
    /// The same as a parser takes them, once the response is complete.
    literals: Vec<StreamedLiteral>,
    /// Octets announced by the literals of this response that stay in the buffer.
    announced: usize,
    /// Octets of literals between `start` and `scan`: they are no text.
    no_text: usize,
    /// Those of them that were lent and still stand there.
    spent: usize,
    /// What begins the response.
    head: Head,
    /// The response is a piece of a long SEARCH answer: how far what is behind it was searched.
    piece: Option<usize>,
    /// The response goes on where a piece ended.
    is_rest: bool,
    /// It was found not to be a response that can be cut.
    is_whole: bool,
}

/// A literal that was handed out.
#[derive(Debug)]
struct Streamed {
    /// Where in the response its octets begin, counted from `start`.
    at: usize,
    /// Octets of it that stand there.
    present: usize,
    len: u64,
}

impl Receive {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            buffer: Buffer::new(SMALL),
            largest: limits.read_buffer.max(SMALL),
            text: limits.response.saturating_add(2 * limits.read_buffer.max(SMALL)),
            most: (limits.response.saturating_add(limits.buffered_literal))
                .saturating_add(2 * limits.read_buffer.max(SMALL)),
            is_filled: false,
            start: 0,
            scan: 0,
            end: 0,
            line: 0,
            phase: Phase::Line,
            opening: 0,
            streamed: Vec::new(),
            literals: Vec::new(),
            announced: 0,
            no_text: 0,
            spent: 0,
            head: Head::default(),
            piece: None,
            is_rest: false,
            is_whole: false,
        }
    }

    /// Room to read into; never empty.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.shift_to_front();
        }
        if core::mem::take(&mut self.is_filled) && self.buffer.len() < self.largest {
            // More comes than one reading takes.
            self.buffer.replace(self.largest, self.end);
        }
        if self.buffer.len() - self.end < READ_ROOM {
            self.shift_to_front();
            if self.buffer.len() - self.end < READ_ROOM {
                // The response itself is long; `next` has checked it against the limits.
                let longer = room::longer(self.buffer.len(), self.text, self.most);
                self.buffer.replace(longer, self.end);
            }
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    pub(crate) fn received(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(self.buffer.len());
        self.is_filled = self.end == self.buffer.len();
        self.buffer.note_used(self.end);
    }

    /// Nothing is under way: what long answers needed is given back.
    pub(crate) fn rest(&mut self) {
        if self.start == self.end && self.buffer.len() > SMALL {
            self.shift_to_front();
            self.buffer.replace(SMALL, 0);
        }
    }

    /// Octets that were received and belong to no complete response yet.
    pub(crate) fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The same, taken away: they are no response as they stand.
    pub(crate) fn take_pending(&mut self) -> Vec<u8> {
        let pending = self.pending().to_vec();
        self.end = self.start;
        self.scan = self.start;
        pending
    }

    /// A literal that has begun and is not complete: announced and received octets.
    pub(crate) fn unfinished_literal(&self) -> Option<(u64, u64)> {
        match self.phase {
            Phase::Streamed { left, len, .. } => Some((len, len - left)),
            Phase::Buffered { left, len } => Some((len as u64, (len - left) as u64)),
            Phase::Line | Phase::Announced { .. } => None,
        }
    }

    /// The response up to its first literal, and the part of it between the literal that was just announced
    /// and the one before.
    pub(crate) fn announcement(&self) -> (&[u8], &[u8]) {
        let octets = |from, to| self.buffer.get(from..to).unwrap_or_default();
        (octets(self.start, self.start + self.opening), octets(self.line, self.scan))
    }

    /// The complete response, its CRLF included and what was streamed left out; after a fault what there is of
    /// it.
    pub(crate) fn response(&self) -> (&[u8], &[StreamedLiteral]) {
        let bytes = self.buffer.get(self.start..self.scan).unwrap_or_default();
        (bytes, &self.literals)
    }

    /// Hides our secrets in a part of the complete response, where it stands.
    pub(crate) fn hide(&mut self, part: Range<usize>, mask: &Mask) {
        let response = self.buffer.get_mut(self.start..self.scan).unwrap_or_default();
        mask.hide_in_place(response.get_mut(part).unwrap_or_default());
    }

    /// The octets lent by [`Framed::Chunk`].
    pub(crate) fn chunk(&self) -> &[u8] {
        let Phase::Streamed { lent, .. } = self.phase else { return &[] };
        self.buffer.get(self.scan..self.scan + lent).unwrap_or_default()
    }

    /// The response began in pieces that were handed out as responses of their own: it can be nothing else than
    /// they were.
    pub(crate) fn is_rest_of_search(&self) -> bool {
        self.is_rest
    }

    /// Ends the response that `next` found.
    pub(crate) fn consume(&mut self) {
        self.is_rest = self.piece.is_some();
        self.is_whole = false;
        if let Some(searched) = self.piece.take() {
            // The next piece is given the head of the first, over the end of this one.
            let head = self.scan.saturating_sub(SEARCH.len());
            if let Some(room) = self.buffer.get_mut(head..self.scan) {
                room.copy_from_slice(SEARCH);
            }
            self.start = head;
            self.line = head;
            self.scan = searched;
            return;
        }
        self.start = self.scan;
        self.line = self.scan;
        self.announced = 0;
        self.opening = 0;
        self.no_text = 0;
        self.spent = 0;
        self.head.begin();
        self.streamed.clear();
        self.literals.clear();
    }

    /// Decides where the announced literal goes.
    pub(crate) fn accept(&mut self, storage: Storage, limits: &Limits) -> Result<(), FramingFault> {
        let Phase::Announced { len } = self.phase else { return Ok(()) };
        self.phase = match storage {
            Storage::Stream if self.streamed.len() + self.literals.len() >= MOST_STREAMED => {
                return Err(FramingFault::Limit(LimitKind::Literal));
            }
            Storage::Stream => Phase::Streamed { left: len, len, lent: 0 },
            Storage::Buffer => {
                let too_long = FramingFault::Limit(LimitKind::Literal);
                let left =
                    usize::try_from(len).map_err(|_| FramingFault::Limit(LimitKind::Literal))?;
                let total = self.announced.checked_add(left).ok_or(too_long)?;
                if total > limits.buffered_literal {
                    return Err(FramingFault::Limit(LimitKind::Literal));
                }
                self.announced = total;
                Phase::Buffered { left, len: left }
            }
        };
        Ok(())
    }

    /// Goes on framing with what was received.
    pub(crate) fn next(&mut self, limits: &Limits) -> Result<Framed, FramingFault> {
        let framed = self.frame(limits);
        if matches!(framed, Ok(Framed::Response) | Err(_)) && !self.streamed.is_empty() {
            self.leave_out_streamed();
        }
        framed
    }

    fn frame(&mut self, limits: &Limits) -> Result<Framed, FramingFault> {
        loop {
            match self.phase {
                Phase::Announced { len } => return Ok(Framed::Literal(len)),
                Phase::Buffered { left, len } => {
                    let take = left.min(self.end - self.scan);
                    self.scan += take;
                    self.no_text += take;
                    if take < left {
                        self.phase = Phase::Buffered { left: left - take, len };
                        return Ok(Framed::Incomplete);
                    }
                    self.line = self.scan;
                    self.phase = Phase::Line;
                }
                Phase::Streamed { left, len, lent } => {
                    if let Some(framed) = self.stream(left, len, lent) {
                        return Ok(framed);
                    }
                }
                Phase::Line => {
                    if let Some(framed) = self.search_line(limits)? {
                        return Ok(framed);
                    }
                }
            }
        }
    }

    /// Lends what is there of a streamed literal; `None` when the literal has ended.
    fn stream(&mut self, left: u64, len: u64, lent: usize) -> Option<Framed> {
        if lent > 0 {
            let rest = left - lent as u64;
            if rest > 0 {
                // All that was there was lent: the next octets may take its place.
                self.end = self.scan;
                self.phase = Phase::Streamed { left: rest, len, lent: 0 };
                // Whatever stood before the head makes room for them; only the head is moved.
                self.shift_to_front();
            } else {
                self.streamed.push(Streamed { at: self.scan - self.start, present: lent, len });
                self.scan += lent;
                self.no_text += lent;
                self.spent += lent;
                // As many octets came since the head was moved last: it costs in proportion.
                if self.spent >= READ_ROOM.max(self.scan - self.start - self.spent) {
                    self.leave_out_streamed();
                }
                self.line = self.scan;
                self.phase = Phase::Line;
                return None;
            }
        } else if left == 0 {
            self.streamed.push(Streamed { at: self.scan - self.start, present: 0, len });
            self.line = self.scan;
            self.phase = Phase::Line;
            return None;
        }
        let Phase::Streamed { left, .. } = self.phase else { return None };
        let have = self.end - self.scan;
        if have == 0 {
            return Some(Framed::Incomplete);
        }
        let lent = usize::try_from(left).unwrap_or(usize::MAX).min(have);
        self.phase = Phase::Streamed { left, len, lent };
        Some(Framed::Chunk)
    }

    /// Searches the end of the line at `line`; `None` when a literal was announced and framing goes on.
    fn search_line(&mut self, limits: &Limits) -> Result<Option<Framed>, FramingFault> {
        loop {
            let unread = self.buffer.get(self.scan..self.end).unwrap_or_default();
            let Some(offset) = memchr::memchr(b'\n', unread) else {
                self.scan = self.end;
                if self.cut_search() {
                    return Ok(Some(Framed::Response));
                }
                self.check_length(limits)?;
                return Ok(Some(Framed::Incomplete));
            };
            self.scan += offset;
            if self.cut_search() {
                return Ok(Some(Framed::Response));
            }
            self.scan += 1;
            self.check_length(limits)?;
            let class = self.class();
            let line = self.buffer.get(self.line..self.scan).unwrap_or_default();
            let Some(text) = line.strip_suffix(b"\r\n") else {
                // Twisted folds long challenges with a bare LF inside one continuation; a line feed
                // alone ends no line anywhere, so that two readers never disagree about where one ends.
                if class == Some(Class::Continuation) {
                    continue;
                }
                return Err(FramingFault::BareLineFeed);
            };
            if class == Some(Class::Data) {
                match announced_literal(text) {
                    Some(Some(len)) => {
                        self.phase = Phase::Announced { len };
                        if self.opening == 0 {
                            self.opening = self.scan - self.start;
                        }
                        return Ok(None);
                    }
                    Some(None) => return Err(FramingFault::Limit(LimitKind::Literal)),
                    None => {}
                }
            }
            return Ok(Some(Framed::Response));
        }
    }

    /// A SEARCH answer of any length is handed out in pieces of about `PIECE` octets, each as a response: nothing
    /// has to hold it whole. Cut is at a space between numbers, and at the same places however the octets arrive.
    fn cut_search(&mut self) -> bool {
        if self.scan - self.start <= PIECE || self.is_whole || self.opening > 0 {
            return false;
        }
        let piece = self.buffer.get(self.start..self.start + PIECE).unwrap_or_default();
        match end_of_numbers(piece) {
            Some(end) => {
                self.piece = Some(self.scan);
                self.scan = self.start + end;
            }
            None => self.is_whole = true,
        }
        self.piece.is_some()
    }

    /// Moves the head of the response up over the octets of streamed literals that still stand in it: from
    /// the last to the first, so that each octet moves once.
    fn leave_out_streamed(&mut self) {
        let mut gone = 0;
        let mut end = self.scan;
        for literal in self.streamed.iter().rev() {
            let behind = self.start + literal.at + literal.present;
            if gone > 0 {
                self.buffer.copy_within(behind..end, behind + gone);
            }
            gone += literal.present;
            end = self.start + literal.at;
        }
        if gone > 0 {
            self.buffer.copy_within(self.start..end, self.start + gone);
        }
        self.start += gone;
        self.no_text -= gone;
        self.spent = 0;
        let mut before = 0;
        let known = self.literals.len();
        for (index, literal) in (known..).zip(self.streamed.drain(..)) {
            self.literals.push(StreamedLiteral {
                at: literal.at - before,
                len: literal.len,
                index: u32::try_from(index).unwrap_or(u32::MAX),
            });
            before += literal.present;
        }
    }

    fn check_length(&mut self, limits: &Limits) -> Result<(), FramingFault> {
        let text = self.scan - self.start - self.no_text;
        if text <= limits.line {
            return Ok(());
        }
        match self.class() {
            None | Some(Class::Data) if text <= limits.response => Ok(()),
            None | Some(Class::Data) => Err(FramingFault::Limit(LimitKind::Response)),
            Some(Class::Continuation | Class::Status) => Err(FramingFault::Limit(LimitKind::Line)),
        }
    }

    /// The class of the response; `None` while the word that decides it is not complete.
    fn class(&mut self) -> Option<Class> {
        self.head.class(self.buffer.get(self.start..self.scan).unwrap_or_default())
    }

    fn shift_to_front(&mut self) {
        if self.start == 0 {
            return;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.scan -= self.start;
        self.line = self.line.saturating_sub(self.start);
        self.start = 0;
    }
}

impl fmt::Debug for Receive {
    /// Shows no content: servers echo what they were sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receive")
            .field("phase", &self.phase)
            .field("pending", &self.pending().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
