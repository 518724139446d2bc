//! What is to be written, with the places where writing pauses.
//!
//! A synchronising literal (RFC 9051, 4.3) may only follow the server's `+`, so the output is a line of
//! octets with stops in it. A command that is refused before its literal was asked for is cut at its stop.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::{Direction, Excerpt, Outgoing};

use crate::error::Error;
use crate::types::{ArgumentSink, Capabilities};

/// Octets waiting to be written.
#[derive(Debug, Default)]
pub(crate) struct Output {
    buffer: Outgoing,
    written: usize,
    stops: VecDeque<Stop>,
    secrets: Vec<Range<usize>>,
}

/// Writing pauses at `at` until the server sends `+`.
#[derive(Debug, Clone, Copy)]
struct Stop {
    at: usize,
    /// Which command of the flight the stop belongs to.
    command: usize,
}

impl Output {
    /// The octets that may be written now.
    pub(crate) fn writable(&self) -> &[u8] {
        self.buffer.as_slice().get(self.written..self.limit()).unwrap_or_default()
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
        self.written = self.written.saturating_add(n).min(self.limit());
        if self.written == self.buffer.len() {
            self.clear();
        }
    }

    /// Everything was written, and nothing waits for the server's leave.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Nothing can be written before the server sends `+`.
    pub(crate) fn waits_for_continuation(&self) -> bool {
        self.stops.front().is_some_and(|stop| stop.at == self.written)
    }

    /// The server sent `+` for the first stop.
    pub(crate) fn go_on(&mut self) {
        self.stops.pop_front();
    }

    /// The command ended before its literal was asked for: what follows its stop is never sent. Where the
    /// next command begins is told by `next`, the start of the commands behind it.
    pub(crate) fn abandon(&mut self, command: usize, next: Option<usize>) {
        if self.stops.front().is_none_or(|stop| stop.command != command) {
            return;
        }
        self.stops.retain(|stop| stop.command != command);
        match next {
            Some(start) => self.written = start,
            None => self.clear(),
        }
    }

    /// Something behind `start` was written.
    pub(crate) fn has_written_past(&self, start: usize) -> bool {
        self.is_empty() || self.written > start
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Takes back what was written behind `len`, where nothing of it waits.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.buffer.truncate(len);
    }

    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.written = 0;
        self.stops.clear();
        self.secrets.clear();
    }

    fn limit(&self) -> usize {
        self.stops.front().map_or(self.buffer.len(), |stop| stop.at)
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
    capabilities: Option<&'a Capabilities>,
    mask: &'a mut Mask,
    command: usize,
    fault: Option<Error>,
    needless: bool,
}

/// What became of a command that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoded {
    /// It is to be sent.
    Ready,
    /// There is nothing to ask.
    Needless,
}

/// Quoted strings longer than this become literals: servers are asked to take lines of 8,000 octets
/// (RFC 2683, 3.2.1.5), and a literal has no such limit.
const LONGEST_QUOTED: usize = 1024;

/// RFC 7888, 5: LITERAL- allows a non-synchronising literal up to this size.
const LITERAL_MINUS: usize = 4096;

impl<'a> Encoder<'a> {
    pub(crate) fn new(
        output: &'a mut Output,
        capabilities: Option<&'a Capabilities>,
        mask: &'a mut Mask,
        command: usize,
    ) -> Self {
        Self { output, capabilities, mask, command, fault: None, needless: false }
    }

    /// The first argument no form could carry; else whether the command is to be sent.
    pub(crate) fn finish(self) -> Result<Encoded, Error> {
        match self.fault {
            Some(fault) => Err(fault),
            None if self.needless => Ok(Encoded::Needless),
            None => Ok(Encoded::Ready),
        }
    }

    /// The command has nothing to ask, say about no messages at all: it is not sent, and counts as answered
    /// with OK.
    pub fn nothing_to_ask(&mut self) {
        self.needless = true;
    }

    /// Octets that no trace may show and that are wiped once written.
    pub fn secret(&mut self, text: &str) {
        let start = self.output.buffer.len();
        self.output.buffer.extend(text.as_bytes());
        self.output.secrets.push(start..self.output.buffer.len());
    }

    pub(crate) fn position(&self) -> usize {
        self.output.len()
    }

    /// From now on the machine hides these secrets in whatever the server says.
    pub fn protect(&mut self, secrets: Mask) {
        self.mask.merge(secrets);
    }

    /// `CRLF`.
    pub fn line_end(&mut self) {
        self.output.buffer.extend(b"\r\n");
    }

    /// Remembers that an argument cannot be sent; nothing of the command will be.
    pub fn refuse(&mut self, argument: &'static str, reason: &'static str) {
        self.fault.get_or_insert(Error::InvalidArgument { argument, reason });
    }
}

impl ArgumentSink for Encoder<'_> {
    fn raw(&mut self, text: &str) {
        debug_assert!(
            !text.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0)),
            "raw text ends a line"
        );
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
        let quotable = |&b: &u8| b.is_ascii() && !matches!(b, 0 | b'\r' | b'\n');
        if octets.len() > LONGEST_QUOTED || !octets.iter().all(quotable) {
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

    /// `literal`, RFC 9051 9; without waiting where LITERAL+ or LITERAL- (RFC 7888) allows it.
    fn literal(&mut self, octets: &[u8]) {
        if memchr::memchr(0, octets).is_some() {
            self.refuse("text", "a NUL octet cannot be sent in a literal");
            return;
        }
        let synchronising = !self.capabilities.is_some_and(|capabilities| {
            capabilities.has("LITERAL+")
                || (capabilities.has("LITERAL-") || capabilities.has("IMAP4REV2"))
                    && octets.len() <= LITERAL_MINUS
        });
        let plus = if synchronising { "" } else { "+" };
        self.output.buffer.extend(alloc::format!("{{{}{plus}}}\r\n", octets.len()).as_bytes());
        if synchronising {
            let at = self.output.buffer.len();
            self.output.stops.push_back(Stop { at, command: self.command });
        }
        self.output.buffer.extend(octets);
    }
}

/// `ASTRING-CHAR = ATOM-CHAR / resp-specials`, RFC 9051 9.
fn is_astring_char(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\')
}
