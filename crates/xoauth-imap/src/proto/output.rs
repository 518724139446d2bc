//! What is to be written, with the places where writing pauses.
//!
//! A synchronising literal (RFC 9051, 4.3) may only follow the server's `+`, so the output is a line of
//! octets with stops in it. A command that is refused before its literal was asked for is cut at its stop.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::{ArgumentFault, Direction, Excerpt, InvalidArgument, Outgoing};

use crate::error::Error;
use crate::proto::state::State;
use crate::types::{ArgumentSink, Capabilities, no_nul};

/// Octets waiting to be written.
///
/// ```text
///   buffer: | written | writable | stop: content, not in the buffer | behind the content | ...
/// ```
#[derive(Debug, Default)]
pub(crate) struct Output {
    buffer: Outgoing,
    written: usize,
    stops: VecDeque<Stop>,
    secrets: Vec<Range<usize>>,
    /// Octets of the content at the first stop, once they were asked for.
    piece: Piece,
    /// Nothing behind it is written yet.
    horizon: Option<usize>,
    /// A command was answered before it was written, which is made good now.
    finishing: bool,
    /// The last answer to a continuation: whose it is, and where it begins. Nothing stands behind it.
    reply: Option<(usize, usize)>,
}

/// Writing pauses at `at`.
#[derive(Debug, Clone, Copy)]
struct Stop {
    at: usize,
    /// Which command of the flight the stop belongs to.
    command: usize,
    until: Until,
}

/// What ends a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// The server sends `+`.
    Continuation,
    /// The command gave so many octets of content; writing goes on at `resume`.
    Content { left: u64, resume: usize },
    /// Nothing: what stands here is not written, but what stands at `resume`.
    Skipped { resume: usize },
}

/// A part of a content.
#[derive(Default)]
struct Piece {
    octets: Vec<u8>,
    written: usize,
    filled: usize,
}

impl Output {
    /// The octets that may be written now.
    pub(crate) fn writable(&self) -> &[u8] {
        match self.piece.rest() {
            [] => self.buffer.as_slice().get(self.written..self.limit()).unwrap_or_default(),
            piece => piece,
        }
    }

    /// Content is to be written now: whose it is, and room for the next piece of it.
    pub(crate) fn wants_content(&mut self) -> Option<(usize, &mut [u8])> {
        let stop = self.stops.front().filter(|stop| stop.at == self.written)?;
        let Until::Content { left, .. } = stop.until else { return None };
        if !self.piece.rest().is_empty() {
            return None;
        }
        Some((stop.command, self.piece.room(left)))
    }

    /// The command filled the first `n` octets of the room.
    pub(crate) fn filled(&mut self, n: usize) {
        self.piece.filled = n.min(self.piece.octets.len());
        self.piece.written = 0;
    }

    /// A line or a content was begun that must be written to its end, whatever the server answered.
    pub(crate) fn owes_end(&self) -> bool {
        self.finishing
    }

    /// What a trace may show of the octets behind `start`, line by line: secrets replaced.
    pub(crate) fn transcript(&self, start: usize) -> impl Iterator<Item = (Direction, String)> {
        let octets = |from, to| self.buffer.as_slice().get(from..to).unwrap_or_default();
        let mut text = Vec::new();
        let mut at = start;
        for secret in self.secrets.iter().filter(|secret| secret.start >= start) {
            text.extend_from_slice(octets(at, secret.start));
            text.extend_from_slice(b"<secret>");
            at = secret.end;
        }
        text.extend_from_slice(octets(at, self.buffer.len()));
        let lines: Vec<_> = text
            .strip_suffix(b"\r\n")
            .unwrap_or(&text)
            .split(|&octet| octet == b'\n')
            .map(|line| Excerpt::new(line.trim_ascii_end(), &Mask::default()))
            .map(|line| (Direction::Client, String::from(line.as_str())))
            .collect();
        lines.into_iter()
    }

    pub(crate) fn wrote(&mut self, n: usize) {
        if !self.piece.rest().is_empty() {
            return self.wrote_content(n);
        }
        self.written = self.written.saturating_add(n).min(self.limit());
        if let Some(&Stop { at, until: Until::Skipped { resume }, .. }) = self.stops.front() {
            if at == self.written {
                self.written = resume;
                self.stops.pop_front();
            }
        }
        if self.written == self.buffer.len() {
            self.clear();
        }
    }

    fn wrote_content(&mut self, n: usize) {
        let n = n.min(self.piece.rest().len());
        self.piece.written += n;
        if let Some(Stop { until: Until::Content { left, resume }, .. }) = self.stops.front_mut() {
            *left = left.saturating_sub(n as u64);
            if *left == 0 {
                self.written = *resume;
                self.stops.pop_front();
                self.piece.filled = 0;
            }
        }
    }

    /// Everything was written, and nothing waits for the server's leave.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Nothing can be written before the server sends `+`.
    pub(crate) fn waits_for_continuation(&self) -> bool {
        self.stops
            .front()
            .is_some_and(|stop| stop.at == self.written && stop.until == Until::Continuation)
    }

    /// The server sent `+` for the first stop.
    pub(crate) fn go_on(&mut self) {
        self.stops.pop_front();
    }

    /// The command ended before all of it was written. What the server has not begun to hear is never sent; what it
    /// has begun to hear is written to its end: a line, and a content, which it still takes for one (RFC 7888, 4).
    /// Where the next command begins is told by `next`, the start of the commands behind it.
    pub(crate) fn abandon(&mut self, command: usize, next: Option<usize>) {
        if self.is_empty() {
            return;
        }
        let end = next.unwrap_or(self.buffer.len());
        if let Some((_, start)) = self.reply.filter(|(owner, _)| *owner == command) {
            self.reply = None;
            if self.written > start {
                self.finishing = true;
            } else {
                // The server would take it for a command.
                self.take_back(start);
            }
            return;
        }
        let Some(&first) = self.stops.front().filter(|stop| stop.command == command) else {
            self.finishing |= self.written < end;
            return;
        };
        self.stops.retain(|stop| stop.command != command);
        let end_of_line = end.saturating_sub(b"\r\n".len());
        if let Until::Content { left, .. } = first.until {
            let resume = end_of_line.max(first.at);
            self.stops.push_front(Stop { until: Until::Content { left, resume }, ..first });
            self.finishing = true;
        } else if self.written < first.at {
            // The line is ended by the announcement of the literal, which is refused already.
            self.stops.push_front(Stop { until: Until::Skipped { resume: end }, ..first });
            self.finishing = true;
        } else if next.is_some() {
            self.written = end;
        } else {
            self.clear();
        }
    }

    /// A command answered a continuation with what stands behind `start`.
    pub(crate) fn replied(&mut self, command: usize, start: usize) {
        if self.buffer.len() > start {
            let waits = |&(owner, from): &(usize, usize)| owner == command && self.written <= from;
            self.reply = self.reply.filter(waits).or(Some((command, start)));
        }
    }

    /// All up to `position` was written.
    pub(crate) fn has_written(&self, position: usize) -> bool {
        self.is_empty() || self.written >= position
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Takes back what was put behind `start`, of which nothing is written.
    pub(crate) fn take_back(&mut self, start: usize) {
        self.stops.retain(|stop| stop.at < start);
        self.secrets.retain(|secret| secret.start < start);
        self.buffer.truncate(start);
        if self.written >= self.buffer.len() {
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.written = 0;
        self.stops.clear();
        self.secrets.clear();
        self.piece = Piece::default();
        self.finishing = false;
        self.horizon = None;
        self.reply = None;
    }

    /// Writes nothing behind `horizon` until the next one is set or all is written.
    pub(crate) fn set_horizon(&mut self, horizon: usize) {
        self.horizon = Some(horizon);
    }

    fn limit(&self) -> usize {
        let stop = self.stops.front().map_or(self.buffer.len(), |stop| stop.at);
        self.horizon.map_or(stop, |horizon| horizon.max(self.written).min(stop))
    }
}

/// Content is asked for in pieces of this size.
const PIECE: usize = 64 * 1024;

impl Piece {
    fn rest(&self) -> &[u8] {
        self.octets.get(self.written..self.filled).unwrap_or_default()
    }

    /// Room for what is left of the content; never empty.
    fn room(&mut self, left: u64) -> &mut [u8] {
        let len = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        self.octets.resize(len, 0);
        &mut self.octets
    }
}

impl fmt::Debug for Piece {
    /// Shows no content: it is part of somebody's message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piece")
            .field("filled", &self.filled)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

/// Writes the parts of a command in the safest form each can take.
///
/// Text becomes an atom where its octets allow it, a quoted string where they do not, and a literal where
/// a quoted string could not hold them; nothing a caller passes can end the command early. What no form can
/// carry (a NUL octet) is remembered and makes the command fail before anything is sent.
#[derive(Debug)]
pub struct Encoder<'a> {
    output: &'a mut Output,
    state: &'a State,
    mask: &'a mut Arc<Mask>,
    command: usize,
    tag: &'a str,
    fault: Option<Error>,
    needless: bool,
    forced: bool,
    /// Where the first line ends.
    line: Option<usize>,
}

/// What became of a command that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoded {
    /// It is to be sent. Its first line, which may end in the announcement of a literal, goes up to `line`.
    Ready { line: usize },
    /// There is nothing to ask.
    Needless,
}

/// Quoted strings longer than this become literals: servers are asked to take lines of 8,000 octets
/// (RFC 2683, 3.2.1.5), and a literal has no such limit.
const LONGEST_QUOTED: usize = 1024;

/// RFC 7888, 5: LITERAL- allows a non-synchronising literal up to this size.
const LITERAL_MINUS: u64 = 4096;

/// What octets a literal may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiteralForm {
    /// `literal`: all but NUL.
    Text,
    /// `literal8`: all.
    Binary,
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(
        output: &'a mut Output,
        state: &'a State,
        mask: &'a mut Arc<Mask>,
        command: usize,
        tag: &'a str,
    ) -> Self {
        let (fault, needless, forced, line) = (None, false, false, None);
        Self { output, state, mask, command, tag, fault, needless, forced, line }
    }

    /// The command's tag; ESEARCH responses name it (RFC 4731, 3.1).
    pub fn tag(&self) -> &str {
        self.tag
    }

    /// From now on the command is written although the server does not offer what it needs.
    pub fn force(&mut self) {
        self.forced = true;
    }

    /// [`Encoder::force`] was called.
    pub fn is_forced(&self) -> bool {
        self.forced
    }

    /// The command goes on only where the server offers one of `capabilities`.
    ///
    /// # Errors
    /// [`Error::Unsupported`], which names them; [`Error::CapabilitiesUnknown`] where they have to be asked
    /// for first.
    pub fn needs(&self, command: &'static str, capabilities: &[&'static str]) -> Result<(), Error> {
        if self.forced {
            return Ok(());
        }
        let Some(offered) = self.capabilities() else { return Err(Error::CapabilitiesUnknown) };
        if capabilities.iter().any(|capability| offered.offers(capability)) {
            return Ok(());
        }
        Err(Error::Unsupported { command, capability: capabilities.join(" or ").into() })
    }

    /// The command goes on only where a mailbox is selected, or an earlier command of the same flight may
    /// select one.
    ///
    /// # Errors
    /// [`Error::NotSelected`].
    pub fn needs_mailbox(&self, command: &'static str) -> Result<(), Error> {
        if self.forced || self.command > 0 || self.state.selected().is_some() {
            Ok(())
        } else {
            Err(Error::NotSelected { command })
        }
    }

    fn capabilities(&self) -> Option<&'a Capabilities> {
        self.state.capabilities()
    }

    /// The first argument no form could carry; else whether the command is to be sent.
    pub(crate) fn finish(self) -> Result<Encoded, Error> {
        match self.fault {
            Some(fault) => Err(fault),
            None if self.needless => Ok(Encoded::Needless),
            None => Ok(Encoded::Ready { line: self.line.unwrap_or(self.output.len()) }),
        }
    }

    /// The command has nothing to ask, say about no messages at all: it is not sent, and counts as answered
    /// with OK.
    pub fn nothing_to_ask(&mut self) {
        self.needless = true;
    }

    /// Octets that no trace may show and that are wiped once written.
    pub fn secret(&mut self, text: &str) {
        if text.bytes().any(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
            return self.refuse(line_breaker("secret", text, ""));
        }
        let start = self.output.buffer.len();
        self.output.buffer.extend(text.as_bytes());
        self.output.secrets.push(start..self.output.buffer.len());
    }

    /// `astring` that no trace may show.
    pub fn secret_astring(&mut self, text: &str) {
        if let Some(at) = memchr::memchr(0, text.as_bytes()) {
            return self.refuse(InvalidArgument::new("secret", "", no_nul(at)));
        }
        let start = self.output.buffer.len();
        self.astring(text.as_bytes());
        self.output.secrets.push(start..self.output.buffer.len());
    }

    /// A literal of `len` octets that [`Exchange::poll_fill`](super::Exchange::poll_fill) gives when they can be
    /// written, so that content of any size passes in constant memory. `Binary` is `literal8`, whose octets
    /// may be 0 (RFC 3516, 4.4).
    pub fn content(&mut self, len: u64, form: LiteralForm) {
        self.announce(len, form);
        if len > 0 {
            let at = self.output.buffer.len();
            let until = Until::Content { left: len, resume: at };
            self.output.stops.push_back(Stop { at, command: self.command, until });
        }
    }

    /// `{n}` CRLF, with a stop behind it where the server must say `+` first; without waiting where LITERAL+
    /// or LITERAL- (RFC 7888) allows it.
    fn announce(&mut self, len: u64, form: LiteralForm) {
        let synchronising = !self.capabilities().is_some_and(|capabilities| {
            capabilities.has_literal_plus()
                || capabilities.has_literal_minus() && len <= LITERAL_MINUS
        });
        let plus = if synchronising { "" } else { "+" };
        let tilde = if form == LiteralForm::Binary { "~" } else { "" };
        self.output.buffer.extend(alloc::format!("{tilde}{{{len}{plus}}}\r\n").as_bytes());
        self.line.get_or_insert(self.output.len());
        if synchronising {
            let at = self.output.buffer.len();
            let until = Until::Continuation;
            self.output.stops.push_back(Stop { at, command: self.command, until });
        }
    }

    pub(crate) fn position(&self) -> usize {
        self.output.len()
    }

    /// From now on the machine hides these secrets in whatever the server says.
    pub fn protect(&mut self, secrets: Mask) {
        Arc::make_mut(self.mask).merge(secrets);
    }

    /// What hides our secrets. A command that keeps octets as the server wrote them, without a type that leaves no
    /// room for others, keeps this for them: [`Response::to_event`](crate::parse::Response::to_event),
    /// [`FetchRef::to_message_masked`](crate::parse::FetchRef::to_message_masked).
    pub fn mask(&self) -> Arc<Mask> {
        Arc::clone(self.mask)
    }

    /// `CRLF`.
    pub fn line_end(&mut self) {
        self.output.buffer.extend(b"\r\n");
    }
}

/// What a line cannot hold, in a text that has it.
fn line_breaker(argument: &'static str, text: &str, shown: &str) -> InvalidArgument {
    let found = text.char_indices().find(|(_, c)| matches!(c, '\r' | '\n' | '\0'));
    let (at, c) = found.unwrap_or_default();
    InvalidArgument::new(argument, shown, ArgumentFault::at(at, c, "no CR, LF or NUL"))
}

impl ArgumentSink for Encoder<'_> {
    fn raw(&mut self, text: &str) {
        if text.bytes().any(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
            return self.refuse(line_breaker("protocol text", text, text));
        }
        self.output.buffer.extend(text.as_bytes());
    }

    /// `astring`, RFC 9051 9.
    fn astring(&mut self, octets: &[u8]) {
        // NIL is an atom like any other here, but not to every server.
        let plain = !octets.is_empty() && !octets.eq_ignore_ascii_case(b"NIL");
        if plain && octets.iter().all(|&octet| is_astring_char(octet)) {
            self.output.buffer.extend(octets);
        } else {
            self.string(octets);
        }
    }

    /// `string = quoted / literal`, RFC 9051 9.
    fn string(&mut self, octets: &[u8]) {
        let breaks = |b: &u8| matches!(b, 0 | b'\r' | b'\n');
        let readable =
            octets.is_ascii() || self.takes_utf8() && core::str::from_utf8(octets).is_ok();
        if octets.len() > LONGEST_QUOTED || !readable || octets.iter().any(breaks) {
            return self.literal(octets);
        }
        self.output.buffer.push(b'"');
        for &octet in octets {
            if matches!(octet, b'"' | b'\\') {
                self.output.buffer.push(b'\\');
            }
            self.output.buffer.push(octet);
        }
        self.output.buffer.push(b'"');
    }

    /// `literal`, RFC 9051 9.
    fn literal(&mut self, octets: &[u8]) {
        if let Some(at) = memchr::memchr(0, octets) {
            let text = String::from_utf8_lossy(octets);
            return self.refuse(InvalidArgument::new("text", &text, no_nul(at)));
        }
        self.announce(octets.len() as u64, LiteralForm::Text);
        self.output.buffer.extend(octets);
    }

    fn takes_utf8(&self) -> bool {
        self.state.takes_utf8()
    }

    fn refuse(&mut self, invalid: InvalidArgument) {
        self.fault.get_or_insert(invalid.into());
    }
}

/// `ASTRING-CHAR = ATOM-CHAR / resp-specials`, RFC 9051 9.
fn is_astring_char(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\')
}
