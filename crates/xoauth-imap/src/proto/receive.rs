//! The receive buffer and the framing of responses: where one ends and the next begins.
//!
//! ```text
//!      0        start            literal     scan          end          buffer.len()
//!      | spent  | head of the response | ... searched | unread | room to read |
//! ```
//!
//! Invariants: `start <= scan <= end <= buffer.len()`. The response being framed begins at `start`; no octet
//! before `scan` is searched for a line end again, so that octet-wise arrival costs linear time. A literal
//! that is streamed never grows the buffer: its octets stand behind the head only until they were lent, and
//! those that still stand there when the response is complete are taken out of it, so that nobody sees how
//! they arrived.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use crate::parse::StreamedLiteral;
use crate::proto::limits::{LimitKind, Limits};

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

/// What kind of line a response begins with: decides its limit and whether `{n}` announces a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// `* ` and no status word: response data, which may hold literals (RFC 9051, 7).
    Data,
    /// `+ `: text of a continuation (RFC 9051, 7.6).
    Continuation,
    /// A status response, tagged or not: its text is free and may end in `{5}` without meaning anything.
    Status,
}

/// The words of status responses (RFC 9051, 7.1), and the octets of the longest.
const STATUS: [&[u8]; 5] = [b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"];
const LONGEST_STATUS: usize = 7;

/// The receive buffer with its framing.
pub(crate) struct Receive {
    buffer: Vec<u8>,
    /// How long it gets when much comes, unless a response is longer.
    largest: usize,
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
    /// The class of this response, once the word that decides it is complete.
    class: Option<Class>,
    /// The response is a piece of a long SEARCH answer: how far what is behind it was searched.
    piece: Option<usize>,
    /// The response goes on where a piece ended.
    is_rest: bool,
    /// It was found to be none that can be cut.
    is_whole: bool,
    /// Blank octets behind the `*` of this response that need no second look while its class is unknown.
    blank: usize,
    /// Octets looked at to tell classes.
    #[cfg(test)]
    looked_at: usize,
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

/// How a SEARCH answer begins that is cut into pieces, and how long they are.
const SEARCH: &[u8] = b"* SEARCH";
const PIECE: usize = 32 * 1024;

/// A read is worth a system call when it can take this much.
const READ_ROOM: usize = 16 * 1024;

/// What a session holds that is idle: there may be many of them.
const SMALL: usize = 2 * READ_ROOM;

impl Receive {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            buffer: vec![0; SMALL],
            largest: limits.read_buffer.max(SMALL),
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
            class: None,
            piece: None,
            is_rest: false,
            is_whole: false,
            blank: 0,
            #[cfg(test)]
            looked_at: 0,
        }
    }

    /// Room to read into; never empty.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.shift_to_front();
        }
        if core::mem::take(&mut self.is_filled) && self.buffer.len() < self.largest {
            // More comes than one reading takes.
            self.buffer.resize(self.largest, 0);
        }
        if self.buffer.len() - self.end < READ_ROOM {
            self.shift_to_front();
            if self.buffer.len() - self.end < READ_ROOM {
                // The response itself is long; `next` has checked it against the limits.
                let len = self.buffer.len() * 2;
                self.buffer.resize(len, 0);
            }
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    pub(crate) fn received(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(self.buffer.len());
        self.is_filled = self.end == self.buffer.len();
    }

    /// Nothing is under way: what long answers needed is given back.
    pub(crate) fn rest(&mut self) {
        if self.start == self.end && self.buffer.len() > SMALL {
            self.shift_to_front();
            self.buffer.truncate(SMALL);
            self.buffer.shrink_to_fit();
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
        self.class = None;
        self.blank = 0;
        self.streamed.clear();
        self.literals.clear();
    }

    /// Decides where the announced literal goes.
    pub(crate) fn accept(&mut self, storage: Storage, limits: &Limits) -> Result<(), FramingFault> {
        let Phase::Announced { len } = self.phase else { return Ok(()) };
        self.phase = match storage {
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
        if matches!(framed, Ok(Framed::Response) | Err(_)) {
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
        let numbers = piece.strip_prefix(SEARCH).filter(|numbers| {
            let begun = numbers.first() == Some(&b' ');
            numbers.iter().fold(begun, |sound, b| sound & matches!(b, b'0'..=b'9' | b' '))
        });
        match numbers.and_then(|numbers| memchr::memrchr(b' ', numbers)) {
            Some(cut @ 1..) => {
                self.piece = Some(self.scan);
                self.scan = self.start + SEARCH.len() + cut;
            }
            _ => self.is_whole = true,
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
        let mut before = 0;
        for (index, literal) in self.streamed.drain(..).enumerate() {
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
    ///
    /// It is asked at every reading once a response is long, so each octet is looked at once: blanks are
    /// counted, of the word behind them its first octets decide.
    fn class(&mut self) -> Option<Class> {
        if self.class.is_none() {
            let head = self.buffer.get(self.start..self.scan).unwrap_or_default();
            self.class = match head {
                [] => None,
                [b'+', ..] => Some(Class::Continuation),
                // One octet tells that this is none of the words in `STATUS`.
                [b'*', b' ', first, ..] if !begins_status(*first) => Some(Class::Data),
                [b'*', ..] => {
                    let rest = head.get(1 + self.blank..).unwrap_or_default();
                    let text = rest.trim_ascii_start();
                    let blank = rest.len() - text.len();
                    self.blank += blank;
                    let text = text.get(..=LONGEST_STATUS).unwrap_or(text);
                    let letters = text.iter().take_while(|octet| octet.is_ascii_alphabetic());
                    let (word, behind) = text.split_at_checked(letters.count())?;
                    #[cfg(test)]
                    {
                        self.looked_at += blank + word.len() + 1;
                    }
                    if STATUS.iter().any(|status| word.eq_ignore_ascii_case(status)) {
                        behind.first().map(|_| Class::Status)
                    } else if behind.is_empty() && word.len() <= LONGEST_STATUS {
                        None
                    } else {
                        Some(Class::Data)
                    }
                }
                _ => Some(Class::Status),
            };
        }
        self.class
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

/// A word of [`STATUS`] may begin here, or a blank before it.
fn begins_status(octet: u8) -> bool {
    matches!(octet.to_ascii_uppercase(), b'O' | b'N' | b'B' | b'P') || octet.is_ascii_whitespace()
}

/// `literal = "{" number64 ["+"] "}" CRLF` at the end of a line, RFC 9051 9; `literal8` has a `~` before
/// it, which changes nothing here. The inner `None` is a number beyond 64 bits.
fn announced_literal(line: &[u8]) -> Option<Option<u64>> {
    let rest = line.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', rest)?;
    let digits = rest.get(open + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().try_fold(0u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    /// What a stream of octets is framed into: whole responses, and `|`-joined chunks before them.
    fn frame(
        octets: &[u8],
        step: usize,
        stream: bool,
        limits: &Limits,
    ) -> Result<Vec<String>, FramingFault> {
        let mut receive = Receive::new(limits);
        let mut found = Vec::new();
        let mut chunks = String::new();
        for piece in octets.chunks(step) {
            let mut piece = piece;
            while !piece.is_empty() {
                let room = receive.room();
                let n = room.len().min(piece.len());
                room[..n].copy_from_slice(&piece[..n]);
                receive.received(n);
                piece = &piece[n..];
                loop {
                    match receive.next(limits)? {
                        Framed::Incomplete => break,
                        Framed::Literal(_) => {
                            let storage = if stream { Storage::Stream } else { Storage::Buffer };
                            receive.accept(storage, limits)?;
                        }
                        Framed::Chunk => {
                            chunks.push_str(core::str::from_utf8(receive.chunk()).unwrap())
                        }
                        Framed::Response => {
                            if !chunks.is_empty() {
                                found.push(core::mem::take(&mut chunks));
                            }
                            let (response, streamed) = receive.response();
                            for literal in streamed {
                                assert!(response[..literal.at].ends_with(b"}\r\n"), "{literal:?}");
                            }
                            found.push(String::from_utf8(response.to_vec()).unwrap());
                            receive.consume();
                        }
                    }
                }
            }
        }
        Ok(found)
    }

    const ANSWER: &[u8] =
        b"* OK ready {5}\r\n* 1 FETCH (UID 5 BODY[] {12}\r\nHello\r\nworld FLAGS ())\r\n\
        * 2 FETCH (BODY[HEADER] {3}\r\nab\n BODY[TEXT] {0}\r\n)\r\n+ go {3}\r\nt1 OK done {7}\r\n";

    #[test]
    fn framing_does_not_depend_on_how_octets_arrive() {
        let limits = Limits::default();
        let kept: &[&str] = &[
            "* OK ready {5}\r\n",
            "* 1 FETCH (UID 5 BODY[] {12}\r\nHello\r\nworld FLAGS ())\r\n",
            "* 2 FETCH (BODY[HEADER] {3}\r\nab\n BODY[TEXT] {0}\r\n)\r\n",
            "+ go {3}\r\n",
            "t1 OK done {7}\r\n",
        ];
        let streamed: &[&str] = &[
            "* OK ready {5}\r\n",
            "Hello\r\nworld",
            "* 1 FETCH (UID 5 BODY[] {12}\r\n FLAGS ())\r\n",
            "ab\n",
            "* 2 FETCH (BODY[HEADER] {3}\r\n BODY[TEXT] {0}\r\n)\r\n",
            "+ go {3}\r\n",
            "t1 OK done {7}\r\n",
        ];
        for step in 1..=ANSWER.len() {
            assert_eq!(frame(ANSWER, step, false, &limits).unwrap(), kept, "step {step}");
            assert_eq!(frame(ANSWER, step, true, &limits).unwrap(), streamed, "step {step}");
        }
    }

    #[test]
    fn a_streamed_literal_does_not_grow_the_buffer() {
        let limits = Limits::default();
        let mut receive = Receive::new(&limits);
        let head = b"* 1 FETCH (BODY[] {10000000}\r\n";
        receive.room()[..head.len()].copy_from_slice(head);
        receive.received(head.len());
        assert_eq!(receive.next(&limits), Ok(Framed::Literal(10_000_000)));
        receive.accept(Storage::Stream, &limits).unwrap();
        let mut lent = 0;
        while lent < 10_000_000 {
            match receive.next(&limits).unwrap() {
                Framed::Incomplete => {
                    let n = receive.room().len();
                    receive.received(n);
                }
                Framed::Chunk => lent += receive.chunk().len(),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(receive.buffer.len(), limits.read_buffer);
        // What was needed while much came is given back once nothing is under way.
        let rest = receive.room();
        rest[..4].copy_from_slice(b")\r\n*");
        receive.received(3);
        assert_eq!(receive.next(&limits), Ok(Framed::Response));
        receive.consume();
        receive.rest();
        assert_eq!(receive.buffer.len(), SMALL);
        assert!(receive.pending().is_empty() && receive.room().len() >= READ_ROOM);
    }

    #[test]
    fn a_long_search_answer_comes_in_pieces() {
        let limits = Limits { response: 2 * PIECE, ..Limits::default() };
        let search = |count: u32, end: &str| {
            let numbers: Vec<_> = (1..=count).map(|n| alloc::format!(" {n}")).collect();
            alloc::format!("* SEARCH{}{end}\r\nt1 OK done\r\n", numbers.concat())
        };
        let text = search(30_000, " (MODSEQ 7)");
        assert!(text.len() > 4 * PIECE);
        let whole = frame(text.as_bytes(), usize::MAX, false, &limits).unwrap();
        for piece in whole.iter().rev().skip(2) {
            assert!(piece.starts_with("* SEARCH ") && (PIECE - 8..=PIECE).contains(&piece.len()));
        }
        assert_eq!(whole.last().unwrap(), "t1 OK done\r\n");
        let numbers = |found: &[String]| found.concat().replace("* SEARCH", "");
        assert_eq!(numbers(&whole), text.replace("* SEARCH", ""));
        for step in [1, 7, 1000, PIECE - 1, PIECE, PIECE + 1] {
            assert_eq!(frame(text.as_bytes(), step, false, &limits).unwrap(), whole, "{step}");
        }
        // Just there.
        let line = |n: usize| alloc::format!("* SEARCH {}\r\n", "1 ".repeat(n));
        let pieces = |line: &str| frame(line.as_bytes(), 100, false, &limits).unwrap().len();
        let most = (PIECE - "* SEARCH \r".len()) / 2;
        assert_eq!((pieces(&line(most)), pieces(&line(most + 1))), (1, 2));
        // What is not numbers alone is no such answer, and held to the limit.
        for text in ["* SEARCH x", "* search", "* SEARCH 1\t", "* SEARCH1", "* SORT"] {
            let text = [text, &" 1".repeat(2 * PIECE)].concat();
            let passed = Err(FramingFault::Limit(LimitKind::Response));
            assert_eq!(frame(text.as_bytes(), 1000, false, &limits), passed);
        }
    }

    #[test]
    fn a_line_feed_alone_ends_no_line() {
        let limits = Limits::default();
        assert_eq!(frame(b"* OK a\n", 1, false, &limits), Err(FramingFault::BareLineFeed));
        assert_eq!(
            frame(b"* LIST () \"/\" a\nb\r\n", 9, false, &limits),
            Err(FramingFault::BareLineFeed)
        );
        // Twisted folds its challenges so.
        assert_eq!(frame(b"+ YQ\n==\r\n", 1, false, &limits).unwrap(), ["+ YQ\n==\r\n"]);
    }

    #[test]
    fn lines_are_bounded_just_there() {
        let limits = Limits { line: 20, response: 30, ..Limits::default() };
        let status = |n: usize| [b"* OK ", "x".repeat(n - 7).as_bytes(), b"\r\n"].concat();
        assert!(frame(&status(20), 1, false, &limits).is_ok());
        assert_eq!(
            frame(&status(21), 1, false, &limits),
            Err(FramingFault::Limit(LimitKind::Line))
        );
        assert_eq!(
            frame(&status(21), 21, false, &limits),
            Err(FramingFault::Limit(LimitKind::Line))
        );
        let data = |n: usize| [b"* XX ", "x".repeat(n - 7).as_bytes(), b"\r\n"].concat();
        assert!(frame(&data(30), 1, false, &limits).is_ok());
        assert_eq!(
            frame(&data(31), 1, false, &limits),
            Err(FramingFault::Limit(LimitKind::Response))
        );
        // Octets of literals are no text.
        let literal = b"* X {25}\r\n0123456789012345678901234\r\n";
        assert!(frame(literal, 1, false, &limits).is_ok());
        assert!(frame(literal, 1, true, &limits).is_ok());
    }

    #[test]
    fn long_lines_are_classified_once() {
        let limits = Limits { line: 10, response: 50_000, ..Limits::default() };
        let heads: [&[u8]; 6] = [b"* ", b"*", b"* XX", b"* 1 FETCH (", b"* (", b"* 9"];
        for head in heads {
            for filling in [b'A', b' ', b'9', b'('] {
                let mut receive = Receive::new(&limits);
                for at in 0..limits.response {
                    let octet = head.get(at).copied().unwrap_or(filling);
                    receive.room()[0] = octet;
                    receive.received(1);
                    assert_eq!(receive.next(&limits), Ok(Framed::Incomplete));
                }
                let looked_at = receive.looked_at;
                assert!(looked_at <= 2 * limits.response, "{head:?} {filling}: {looked_at}");
            }
        }
    }

    #[test]
    fn the_class_of_a_line_does_not_depend_on_how_it_arrives() {
        let limits = Limits { line: 1, ..Limits::default() };
        let over = Err(FramingFault::Limit(LimitKind::Line));
        for word in ["OK", "no", "BAD", "bye", "PREAUTH", " OK", "\t OK"] {
            for step in [1, 2, 3, 100] {
                let line = alloc::format!("* {word} x {{3}}\r\n");
                assert_eq!(frame(line.as_bytes(), step, false, &limits), over, "{line}");
            }
        }
        for word in ["OKAY", "N", "PREAUTHS", "BYEBYEBYE", "1", "("] {
            for step in [1, 2, 3, 100] {
                let line = alloc::format!("* {word} x {{3}}\r\nabc\r\n");
                let found = frame(line.as_bytes(), step, false, &limits);
                assert_eq!(found.unwrap(), [line], "{step}");
            }
        }
    }

    #[test]
    fn a_literal_is_bounded_by_what_it_announces() {
        let limits = Limits { buffered_literal: 10, ..Limits::default() };
        assert!(frame(b"* X {10}\r\n0123456789\r\n", 3, false, &limits).is_ok());
        let too_long = Err(FramingFault::Limit(LimitKind::Literal));
        assert_eq!(frame(b"* X {11}\r\n", 3, false, &limits), too_long);
        assert_eq!(frame(b"* X {6}\r\n012345 {5}\r\n", 3, false, &limits), too_long);
        assert_eq!(frame(b"* X {18446744073709551616}\r\n", 3, true, &limits), too_long);
        // Streamed, it may be of any size.
        assert!(frame(b"* X {18446744073709551615}\r\n", 3, true, &limits).is_ok());
    }

    #[test]
    fn braces_that_announce_nothing_are_text() {
        for text in [b"{}".as_slice(), b"{-1}", b"{1 }", b"{+}", b"1}", b"{1}x", b"{1++}"] {
            assert_eq!(announced_literal(text), None, "{text:?}");
        }
        assert_eq!(announced_literal(b"~{12}"), Some(Some(12)));
        assert_eq!(announced_literal(b"x {0+}"), Some(Some(0)));
    }
}
