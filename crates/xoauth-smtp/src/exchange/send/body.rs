//! A message on its way, by DATA or BDAT, from memory or a source.

use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::task::{Context, Poll};

use xoauth_sasl::wire::poll_piece;

use super::needs::Method;
use crate::error::ContentFault;
use crate::proto::{DotStuffing, Encoder, Place};
use crate::types::{Content, Message, Octets, Scan, normalise};

/// Octets of a message that are read or queued at a time.
const PIECE: usize = 64 * 1024;

/// Octets of a chunk of BDAT that is read, and of the first of a message in memory: few enough that a refusal is
/// heard before much more was sent.
pub(super) const CHUNK: usize = 256 * 1024;

/// Octets of a chunk at most. A chunk from memory may be as long as everything before it: a line that announces it
/// and a reply that is waited for cost little beside so many octets, and a refusal comes at half way at the latest.
const LONGEST_CHUNK: usize = 4 * 1024 * 1024;

/// How far a message is.
pub(super) struct Body {
    method: Method,
    is_binary: bool,
    may_have_dots: bool,
    /// Octets taken from the message so far.
    taken: usize,
    /// Octets handed on so far, for the trace.
    sent: u64,
    stuffing: DotStuffing,
    scan: Scan,
    /// The last octet that was handed on was a CR that may get its LF.
    behind_return: bool,
    /// What was handed on ends in a line, or is nothing.
    is_at_line: bool,
    /// Room to read into, and the chunk that is read into.
    room: Vec<u8>,
    chunk: Vec<u8>,
    /// The end of the message was queued, with the command that gets its last reply.
    is_ended: bool,
}

impl Body {
    pub(super) fn new(message: &Message<'_>, content: &Content, method: Method) -> Self {
        Self {
            method,
            is_binary: content.is_binary,
            may_have_dots: content.may_have_dots,
            taken: 0,
            sent: 0,
            stuffing: DotStuffing::new(),
            scan: message.scan(),
            behind_return: false,
            is_at_line: true,
            room: Vec::new(),
            chunk: Vec::new(),
            is_ended: false,
        }
    }

    /// The end of the message was queued.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// What was queued last was taken back: the end, if it was there.
    pub(super) fn take_back_end(&mut self) {
        self.is_ended = false;
    }

    /// Octets handed on so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Queues the next piece of a message in memory, or asks for one of a source. Answers how many commands
    /// with a reply of their own were queued.
    pub(super) fn fill(&mut self, message: &Message<'_>, out: &mut Encoder<'_>) -> usize {
        let Octets::Memory(octets) = &message.octets else {
            out.want_body();
            return 0;
        };
        let rest = octets.get(self.taken..).unwrap_or_default();
        if let Some(commands) = self.lend(rest, out) {
            return commands;
        }
        let size = if self.method == Method::Bdat { CHUNK } else { PIECE };
        let (piece, rest) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        self.taken += piece.len();
        self.hand_on(piece, rest.is_empty(), out)
    }

    /// Lends a piece that is long and goes as it is, instead of copying it. Answers as [`Body::fill`], or
    /// nothing where it cannot.
    fn lend(&mut self, rest: &[u8], out: &mut Encoder<'_>) -> Option<usize> {
        let lacks_end = !self.is_binary && !rest.ends_with(b"\n");
        let most = match self.method {
            Method::Data => CHUNK,
            Method::Bdat => self.taken.clamp(CHUNK, LONGEST_CHUNK),
        };
        // The line end that it lacks cannot stand behind what is lent: the last chunk is copied, and short.
        let most = if lacks_end && rest.len() <= most { CHUNK } else { most };
        let (piece, rest) = rest.split_at_checked(most).unwrap_or((rest, &[]));
        let is_last = rest.is_empty();
        if piece.len() < PIECE {
            return None;
        }
        match self.method {
            Method::Data if !self.may_have_dots => {
                self.stuffing.pass(piece);
                out.lend(piece.len());
            }
            Method::Data if self.stuffing.passes(piece) => out.lend(piece.len()),
            Method::Bdat if !is_last || !lacks_end => {
                out.lend_chunk(piece.len(), is_last);
                self.is_ended = is_last;
            }
            Method::Data | Method::Bdat => return None,
        }
        self.taken += piece.len();
        self.note(piece);
        Some(usize::from(self.method == Method::Bdat))
    }

    /// The last `left` octets of what was lent.
    pub(super) fn lent<'m>(&self, message: &'m Message<'_>, left: usize) -> &'m [u8] {
        let Octets::Memory(octets) = &message.octets else { return &[] };
        octets.get(self.taken.saturating_sub(left)..self.taken).unwrap_or_default()
    }

    /// Octets are handed on.
    fn note(&mut self, octets: &[u8]) {
        if let Some(&last) = octets.last() {
            // Text has no LF without CR.
            self.is_at_line = last == b'\n';
        }
        self.sent = self.sent.saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
    }

    /// Reads the next piece from the source and queues what is complete of it.
    pub(super) fn poll(
        &mut self,
        message: &mut Message<'_>,
        cx: &mut Context<'_>,
        out: &mut Encoder<'_>,
    ) -> Poll<Result<usize, ContentFault>> {
        let Octets::Stream(source) = &mut message.octets else { return Poll::Ready(Ok(0)) };
        // The room is kept for the next piece.
        let mut room = mem::take(&mut self.room);
        room.resize(PIECE, 0);
        let result = match poll_piece(&mut **source, cx, &mut room) {
            Poll::Ready(Ok(piece)) => Poll::Ready(self.take(piece, message.form.normalises, out)),
            Poll::Ready(Err(fault)) => Poll::Ready(Err(ContentFault::Source(fault))),
            Poll::Pending => Poll::Pending,
        };
        self.room = room;
        result
    }

    /// Takes a piece that was read; an empty one is the end.
    fn take(
        &mut self,
        piece: &[u8],
        normalises: bool,
        out: &mut Encoder<'_>,
    ) -> Result<usize, ContentFault> {
        let is_last = piece.is_empty();
        if is_last { self.scan.end() } else { self.scan.piece(piece) }?;
        let mut chunk = mem::take(&mut self.chunk);
        if normalises {
            self.behind_return =
                normalise(piece, self.behind_return, |octets| chunk.extend_from_slice(octets));
            if is_last && self.behind_return {
                chunk.push(b'\n');
            }
        } else {
            chunk.extend_from_slice(piece);
        }
        let mut commands = 0;
        let is_full = self.method == Method::Data || chunk.len() >= CHUNK;
        if is_full || is_last {
            commands = self.hand_on(&chunk, is_last, out);
            chunk.clear();
        }
        self.chunk = chunk;
        Ok(commands)
    }

    /// Queues octets, and the end behind the last ones.
    fn hand_on(&mut self, octets: &[u8], is_last: bool, out: &mut Encoder<'_>) -> usize {
        self.note(octets);
        self.is_ended = is_last;
        match self.method {
            Method::Data => {
                if self.may_have_dots {
                    self.stuffing.stuff(octets, |octets| out.content(octets));
                } else {
                    self.stuffing.pass(octets);
                    out.content(octets);
                }
                if is_last {
                    out.end_content(self.stuffing.end(), self.sent, Place::Anywhere);
                }
                usize::from(is_last)
            }
            Method::Bdat => {
                // Text ends in a line, by BDAT as by DATA; what is binary ends as it does.
                let ends_line = is_last && !self.is_at_line && !self.is_binary;
                out.chunk(octets, if ends_line { b"\r\n" } else { b"" }, is_last);
                1
            }
        }
    }
}

impl fmt::Debug for Body {
    /// Shows no content: of what was read, the lengths only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("method", &self.method)
            .field("taken", &self.taken)
            .field("sent", &self.sent)
            .field("chunk", &self.chunk.len())
            .field("is_ended", &self.is_ended)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Encoder;
    use core::task::Waker;

    #[test]
    fn a_message_on_its_way_shows_no_content() {
        let mut message = Message::from_source(&b"the text of a message"[..]).seven_bit();
        let content = message.check().unwrap();
        let mut body = Body::new(&message, &content, Method::Bdat);
        let mut output = crate::proto::Output::default();
        let mut out = Encoder::new(&mut output);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(body.poll(&mut message, &mut cx, &mut out), Poll::Ready(Ok(0))));
        let shown = alloc::format!("{body:?}");
        assert!(shown.contains("chunk: 21") && !shown.contains("116, 104"), "{shown}");
    }
}
