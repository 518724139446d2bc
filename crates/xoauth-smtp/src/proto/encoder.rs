//! How exchanges write.

use alloc::format;
use alloc::string::String;
use core::mem;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::Excerpt;

use crate::error::{Error, Fault, InvalidArgument};
use crate::proto::output::{History, Output};
use crate::types::Extensions;

/// Queues the lines of an exchange and announces the replies they will get.
///
/// Nothing a caller passes can end a line early: a CR, LF or NUL in a line is remembered and makes the
/// exchange fail, before anything is sent where it stands in the first commands.
#[derive(Debug)]
pub struct Encoder<'a> {
    output: &'a mut Output,
    news: News,
    fault: Option<InvalidArgument>,
    line: Line,
}

/// What the machine is told beside the lines.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) extensions: Option<Extensions>,
    pub(crate) secrets: Mask,
    /// A source has to be asked for more.
    pub(crate) wants_body: bool,
}

/// The line that is being written.
#[derive(Debug, Default)]
struct Line {
    /// Where it begins in the session, and what a trace may show of it.
    start: Option<u64>,
    note: String,
}

/// Where in a group of pipelined commands a command may stand (RFC 2920 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// Anywhere: MAIL, RCPT, RSET, and the end of a message.
    Anywhere,
    /// At the end: its reply must be heard before anything more is sent. EHLO, DATA, NOOP, QUIT, AUTH,
    /// STARTTLS.
    Last,
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(output: &'a mut Output) -> Self {
        Self { output, news: News::default(), fault: None, line: Line::default() }
    }

    /// What the machine is told, unless a line could not be sent.
    pub(crate) fn finish(self) -> Result<News, Error> {
        match self.fault {
            Some(fault) => Err(fault.into()),
            None => Ok(self.news),
        }
    }

    /// Adds text to the line. CR, LF and NUL cannot be sent.
    pub fn text(&mut self, text: &str) {
        if let Some((at, found)) = memchr::memchr3(b'\r', b'\n', 0, text.as_bytes())
            .and_then(|at| Some((at, text.get(at..)?.chars().next()?)))
        {
            let fault = Fault::at(at, found, "text of one line");
            self.fault.get_or_insert(InvalidArgument::new("command line", text, fault));
            return;
        }
        self.begin();
        self.output.buffer.extend_public(text.as_bytes());
        if self.output.keeps_notes() {
            self.line.note.push_str(text);
        }
    }

    /// Adds text that no trace may show and that is wiped once written.
    pub fn secret(&mut self, text: &str) {
        if text.bytes().any(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
            let fault = Fault::end(0, "text of one line");
            self.fault.get_or_insert(InvalidArgument::new("secret", "", fault));
            return;
        }
        self.begin();
        self.output.buffer.extend(text.as_bytes());
        if self.output.keeps_notes() && !text.is_empty() {
            self.line.note.push_str("<secret>");
        }
    }

    /// Ends the line, which will get one reply.
    pub fn end_line(&mut self, place: Place) {
        self.begin();
        let Line { start, note } = mem::take(&mut self.line);
        self.output.buffer.extend_public(b"\r\n");
        if self.output.keeps_notes() {
            self.note(&note);
        }
        let start = start.unwrap_or_else(|| self.output.end());
        self.output.await_reply(start, place == Place::Last);
    }

    /// Octets that are queued and not written yet.
    pub fn queued(&self) -> usize {
        self.output.queued()
    }

    /// Of those, the octets that were lent.
    pub(crate) fn lent(&self) -> usize {
        self.output.lent()
    }

    /// Adds octets of a message, dot-stuffed by the caller; no reply comes to them.
    pub fn content(&mut self, octets: &[u8]) {
        self.output.buffer.extend_public(octets);
    }

    /// Ends a message with `end` (the final dot and what leads to it), which will get one reply. `size` is
    /// for the trace: how many octets it had.
    pub fn end_content(&mut self, end: &[u8], size: u64, place: Place) {
        let start = self.output.end();
        self.output.buffer.extend_public(end);
        if self.output.keeps_notes() {
            self.note(&format!("<message of {size} octets>"));
            self.note(".");
        }
        self.output.await_reply_to_content(start, place == Place::Last);
    }

    /// Queues a chunk of a message, with the line that announces it (RFC 3030 2), which will get one reply:
    /// `octets`, and `tail` behind them.
    pub fn chunk(&mut self, octets: &[u8], tail: &[u8], is_last: bool) {
        let size = octets.len().saturating_add(tail.len());
        let start = self.output.end();
        let line = format!("BDAT {size}{}", if is_last { " LAST" } else { "" });
        self.output.buffer.extend_public(line.as_bytes());
        self.output.buffer.extend_public(b"\r\n");
        self.output.buffer.extend_public(octets);
        self.output.buffer.extend_public(tail);
        if self.output.keeps_notes() {
            self.note(&line);
            self.note(&format!("<{size} octets of the message>"));
        }
        self.output.await_reply(start, false);
    }

    /// Queues a chunk as [`Encoder::chunk`] does, its octets lent.
    pub fn lend_chunk(&mut self, size: usize, is_last: bool) {
        let start = self.output.end();
        let line = format!("BDAT {size}{}", if is_last { " LAST" } else { "" });
        self.output.buffer.extend_public(line.as_bytes());
        self.output.buffer.extend_public(b"\r\n");
        if self.output.keeps_notes() {
            self.note(&line);
        }
        self.output.lend(size);
        if self.output.keeps_notes() {
            self.note(&format!("<{size} octets of the message>"));
        }
        self.output.await_reply(start, false);
    }

    /// Octets of a message that are not copied: [`Exchange::lent`](super::Exchange::lent) has them. Nothing may
    /// be queued behind them before they are written.
    pub fn lend(&mut self, octets: usize) {
        self.output.lend(octets);
    }

    /// The command queued last will get this many replies more, as LMTP has it at the end of a message.
    pub fn await_more(&mut self, replies: usize) {
        self.output.await_more(replies);
    }

    /// A source has to be asked for octets: [`Exchange::poll_body`](super::Exchange::poll_body).
    pub fn want_body(&mut self) {
        self.news.wants_body = true;
    }

    /// A source is to be asked.
    pub(crate) fn wants_body(&self) -> bool {
        self.news.wants_body
    }

    /// A mail transaction begins.
    pub(crate) fn begin_transaction(&mut self) {
        let transactions = &mut self.output.history.transactions;
        *transactions = transactions.saturating_add(1);
    }

    /// The session has recipients in these domains.
    pub(crate) fn note_domains(&mut self, domains: impl Iterator<Item = String>) {
        self.output.history.domains.extend(domains);
    }

    /// What the session has done so far.
    pub(crate) fn history(&self) -> &History {
        &self.output.history
    }

    /// A reply will come although nothing is sent for it: the greeting.
    pub fn await_reply(&mut self) {
        let start = self.output.end();
        self.output.await_reply(start, true);
    }

    /// How many replies are still to come.
    pub fn awaited(&self) -> usize {
        self.output.awaited()
    }

    /// Takes back the commands of which no octet was written yet. Answers how many replies will not come.
    pub fn drop_unwritten(&mut self) -> usize {
        self.output.drop_unwritten()
    }

    /// From now on the machine hides these secrets in whatever the server says.
    pub fn protect(&mut self, secrets: Mask) {
        self.news.secrets.merge(secrets);
    }

    /// The server told what it offers: from now on these are the session's extensions.
    pub fn learn(&mut self, extensions: Extensions) {
        self.news.extensions = Some(extensions);
    }

    fn begin(&mut self) {
        let end = self.output.end();
        self.line.start.get_or_insert(end);
    }

    fn note(&mut self, text: &str) {
        let shown = Excerpt::new(text.as_bytes(), &Mask::default());
        self.output.note(String::from(shown.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn what_is_queued_is_counted_lent_octets_too() {
        let mut output = Output::default();
        let mut out = Encoder::new(&mut output);
        assert_eq!(out.queued(), 0);
        out.content(b"text\r\n");
        assert_eq!(out.queued(), 6);
        out.lend(10);
        assert_eq!(out.queued(), 16);
        assert!(!out.wants_body());
        out.want_body();
        assert!(out.wants_body());
        assert!(out.finish().unwrap().wants_body);
        assert_eq!(output.lent(), 10);
        output.wrote(6);
        assert_eq!(output.queued(), 10);
    }

    #[test]
    fn the_end_of_a_message_gets_one_reply_in_its_place() {
        for (place, ahead) in [(Place::Anywhere, true), (Place::Last, false)] {
            let mut output = Output::default();
            output.pipelining = true;
            output.keep_notes();
            let mut out = Encoder::new(&mut output);
            out.content(b"text\r\n");
            out.end_content(b".\r\n", 6, place);
            assert_eq!(out.awaited(), 1);
            out.text("NOOP");
            out.end_line(Place::Anywhere);
            out.finish().unwrap();
            let all: &[u8] = b"text\r\n.\r\nNOOP\r\n";
            let (now, _) = all.split_at(if ahead { all.len() } else { 9 });
            assert_eq!(output.writable(100), now);
            output.wrote(now.len());
            let notes: Vec<_> = core::iter::from_fn(|| output.next_note()).collect();
            let lines: Vec<&str> = notes.iter().map(|(_, line)| line.as_str()).collect();
            let shown: &[&str] = &["<message of 6 octets>", ".", "NOOP"];
            assert_eq!(lines, *shown.get(..if ahead { 3 } else { 2 }).unwrap());
        }
    }

    #[test]
    fn a_line_that_could_end_early_is_refused_whole() {
        for text in ["a\r", "a\n", "a\0"] {
            let mut output = Output::default();
            let mut out = Encoder::new(&mut output);
            out.text(text);
            assert!(out.finish().is_err(), "{text:?}");
            let mut out = Encoder::new(&mut output);
            out.secret(text);
            let fault = out.finish().unwrap_err().to_string();
            assert!(fault.contains("secret"), "{fault}");
        }
    }
}
