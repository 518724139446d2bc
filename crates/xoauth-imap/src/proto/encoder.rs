//! How commands write themselves.

use alloc::string::String;
use alloc::sync::Arc;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::{ArgumentFault, InvalidArgument};

use crate::error::Error;
use crate::proto::output::Output;
use crate::proto::state::State;
use crate::types::{ArgumentSink, Capabilities, no_nul};

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
    protects: bool,
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
        let (fault, line) = (None, None);
        let (needless, forced, protects) = (false, false, false);
        Self { output, state, mask, command, tag, fault, needless, forced, protects, line }
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

    /// The command goes on only where a mailbox is selected. What selects one has its answer by then: nothing shares its
    /// flight.
    ///
    /// # Errors
    /// [`Error::NotSelected`].
    pub fn needs_mailbox(&self, command: &'static str) -> Result<(), Error> {
        if self.forced || self.state.selected().is_some() {
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
        let start = self.output.len();
        self.output.extend(text.as_bytes());
        self.output.hide(start);
    }

    /// `astring` that no trace may show.
    pub fn secret_astring(&mut self, text: &str) {
        if let Some(at) = memchr::memchr(0, text.as_bytes()) {
            return self.refuse(InvalidArgument::new("secret", "", no_nul(at)));
        }
        let start = self.output.len();
        self.astring(text.as_bytes());
        self.output.hide(start);
    }

    /// A literal of `len` octets that [`Exchange::poll_fill`](super::Exchange::poll_fill) gives when they can be
    /// written, so that content of any size passes in constant memory. `Binary` is `literal8`, whose octets
    /// may be 0 (RFC 3516, 4.4).
    pub fn content(&mut self, len: u64, form: LiteralForm) {
        self.announce(len, form);
        if len > 0 {
            self.output.stop_for_content(self.command, len);
        }
    }

    /// `literal8`: octets of any kind, kept in memory.
    pub fn literal8(&mut self, octets: &[u8]) {
        self.announce(octets.len() as u64, LiteralForm::Binary);
        self.output.extend(octets);
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
        self.output.extend(alloc::format!("{tilde}{{{len}{plus}}}\r\n").as_bytes());
        self.line.get_or_insert(self.output.len());
        if synchronising {
            self.output.stop_for_continuation(self.command);
        }
    }

    pub(crate) fn position(&self) -> usize {
        self.output.len()
    }

    /// From now on the machine hides these secrets in whatever the server says.
    pub fn protect(&mut self, secrets: Mask) {
        Arc::make_mut(self.mask).merge(secrets);
        self.protects = true;
    }

    /// [`Encoder::protect`] was called.
    pub(crate) fn protects(&self) -> bool {
        self.protects
    }

    /// What hides our secrets. A command that keeps octets as the server wrote them, without a type that leaves no
    /// room for others, keeps this for them: [`Response::to_event`](crate::parse::Response::to_event),
    /// [`FetchRef::to_message_masked`](crate::parse::FetchRef::to_message_masked).
    pub fn mask(&self) -> Arc<Mask> {
        Arc::clone(self.mask)
    }

    /// `CRLF`.
    pub fn line_end(&mut self) {
        self.output.extend(b"\r\n");
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
        self.output.extend(text.as_bytes());
    }

    /// `astring`, RFC 9051 9.
    fn astring(&mut self, octets: &[u8]) {
        // NIL is an atom like any other here, but not to every server.
        let plain = !octets.is_empty() && !octets.eq_ignore_ascii_case(b"NIL");
        if plain && octets.iter().all(|&octet| is_astring_char(octet)) {
            self.output.extend(octets);
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
        self.output.extend(b"\"");
        for &octet in octets {
            if matches!(octet, b'"' | b'\\') {
                self.output.extend(b"\\");
            }
            self.output.extend(&[octet]);
        }
        self.output.extend(b"\"");
    }

    /// `literal`, RFC 9051 9.
    fn literal(&mut self, octets: &[u8]) {
        if let Some(at) = memchr::memchr(0, octets) {
            let text = String::from_utf8_lossy(octets);
            return self.refuse(InvalidArgument::new("text", &text, no_nul(at)));
        }
        self.announce(octets.len() as u64, LiteralForm::Text);
        self.output.extend(octets);
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
