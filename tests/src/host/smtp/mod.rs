//! The submission side of the host (RFC 5321, RFC 6409).

mod message;
mod parameters;
mod path;

use std::io;
use std::sync::Arc;

use super::judge::{RESPONSE_LIMIT, Step};
use super::service::Client;
use crate::connection::Line;
use message::Content;

/// A command line, CRLF included (RFC 5321, section 4.5.3.1.4; RFC 4954, section 4 for AUTH).
const LINE_LIMIT: usize = 512;

/// A message that was submitted for somebody who is no user of the host.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The number of the message, from 1 in order of acceptance.
    pub number: u64,
    /// Who was logged in.
    pub user: String,
    /// The envelope's sender; empty for `<>`.
    pub from: String,
    /// The envelope's recipients that were accepted and are no users of the host.
    pub recipients: Vec<String>,
    /// The message with dots undone and CRLF line ends.
    pub octets: Arc<Vec<u8>>,
    /// Whether `BODY=8BITMIME` was declared.
    pub eight_bit: bool,
    /// Whether `SMTPUTF8` was declared.
    pub utf8: bool,
    /// Whether it came by BDAT.
    pub chunked: bool,
    /// Whether `BODY=BINARYMIME` was declared.
    pub binary: bool,
    /// The parameters of MAIL that ask for something (`RET=HDRS`), as they came.
    pub asked: Vec<String>,
    /// The parameters of RCPT of each recipient, in their order.
    pub asked_of_recipients: Vec<Vec<String>>,
}

/// Serves one client until it leaves.
pub(super) fn serve(client: Client<'_>) -> io::Result<()> {
    let mut session = Session {
        client,
        greeted: false,
        user: None,
        transaction: Transaction::None,
        transactions: 0,
    };
    let outcome = session.run();
    session.client.connection.close();
    outcome
}

struct Session<'h> {
    client: Client<'h>,
    /// EHLO or HELO was said.
    greeted: bool,
    user: Option<String>,
    transaction: Transaction,
    /// How many transactions were begun.
    transactions: u64,
}

enum Transaction {
    None,
    Open(Mail),
    /// A BDAT failed: more of them are refused until the transaction ends (RFC 3030, section 2).
    Spoiled,
}

/// An open mail transaction.
#[derive(Debug, Default)]
struct Mail {
    from: String,
    recipients: Vec<String>,
    eight_bit: bool,
    utf8: bool,
    binary: bool,
    asked: Vec<String>,
    asked_of_recipients: Vec<Vec<String>>,
    /// What came by BDAT so far.
    chunks: Option<Content>,
}

/// Whether the session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Continue,
    Close,
}

impl Session<'_> {
    fn run(&mut self) -> io::Result<()> {
        self.client.connection.write(b"220 localhost ESMTP embedded mail host\r\n")?;
        loop {
            let line = match self.client.connection.line(LINE_LIMIT)? {
                Line::Whole(line) => line,
                Line::TooLong => {
                    self.client.violation("a command line beyond 512 octets");
                    self.reply(500, "5.5.2", "line too long")?;
                    continue;
                }
                Line::Broken => {
                    self.client.violation("a line that does not end with CRLF");
                    self.reply(500, "5.5.2", "a line ends with CRLF")?;
                    continue;
                }
            };
            self.client.note(&line);
            if let Some(text) = self.client.last_words() {
                return self.reply(421, "4.3.2", &text);
            }
            let text = String::from_utf8(line).unwrap_or_default();
            let (name, rest) = text.split_once(' ').unwrap_or((&text, ""));
            let name = name.to_ascii_uppercase();
            if self.is_pipelined_wrongly(&name) {
                self.client.violation(&format!("{name} with octets behind it"));
                return self.reply(421, "4.7.0", "improper command pipelining");
            }
            if self.dispatch(&name, rest)? == Next::Close {
                return Ok(());
            }
        }
    }

    fn dispatch(&mut self, name: &str, rest: &str) -> io::Result<Next> {
        match name {
            "EHLO" | "HELO" => self.hello(name, rest)?,
            "STARTTLS" => return self.starttls(rest),
            "AUTH" => self.auth(rest)?,
            "MAIL" => self.mail(rest)?,
            "RCPT" => self.rcpt(rest)?,
            "DATA" => self.data(rest)?,
            "BDAT" if self.client.shared.config.capabilities.chunking => return self.bdat(rest),
            "RSET" if rest.is_empty() => {
                self.transaction = Transaction::None;
                self.reply(250, "2.0.0", "reset")?;
            }
            "NOOP" => self.reply(250, "2.0.0", "nothing done")?,
            "EXPN" => self.reply(502, "5.3.3", "lists are not shown")?,
            "VRFY" => self.reply(252, "2.5.1", "cannot verify, will take the message")?,
            "HELP" => self.reply(214, "2.0.0", "see RFC 5321")?,
            "QUIT" if rest.is_empty() => {
                self.reply(221, "2.0.0", "closing")?;
                return Ok(Next::Close);
            }
            "RSET" | "QUIT" => self.reply(501, "5.5.4", "takes no argument")?,
            _ => self.reply(500, "5.5.1", "unknown command")?,
        }
        Ok(Next::Continue)
    }

    /// Commands that end a group (RFC 2920, section 3.1; RFC 3207 and RFC 4954, section 4), and
    /// every command where PIPELINING is not offered. BDAT is followed by its octets.
    fn is_pipelined_wrongly(&self, name: &str) -> bool {
        let ends_group = matches!(name, "EHLO" | "HELO" | "DATA" | "AUTH" | "STARTTLS");
        let lock_step = !self.client.shared.config.capabilities.pipelining && name != "BDAT";
        (ends_group || lock_step) && self.client.connection.has_input()
    }

    /// RFC 5321, section 4.1.1.1.
    fn hello(&mut self, name: &str, domain: &str) -> io::Result<()> {
        if domain.is_empty() || !path::is_domain(domain) {
            return self.reply(501, "5.5.4", "expected a domain");
        }
        self.greeted = true;
        self.transaction = Transaction::None;
        if name == "HELO" {
            return self.client.connection.write(b"250 localhost\r\n");
        }
        let config = &self.client.shared.config;
        let offered = &config.capabilities;
        let mut lines = vec!["localhost greets you".to_owned()];
        let mut add = |condition: bool, line: String| {
            if condition {
                lines.push(line);
            }
        };
        add(offered.pipelining, "PIPELINING".to_owned());
        add(offered.eight_bit_mime, "8BITMIME".to_owned());
        add(offered.size, format!("SIZE {}", config.max_size));
        add(offered.smtp_utf8, "SMTPUTF8".to_owned());
        add(offered.enhanced_status_codes, "ENHANCEDSTATUSCODES".to_owned());
        add(offered.chunking, "CHUNKING".to_owned());
        add(offered.chunking && offered.binary_mime, "BINARYMIME".to_owned());
        add(offered.dsn, "DSN".to_owned());
        add(offered.require_tls && self.client.connection.is_tls(), "REQUIRETLS".to_owned());
        if let Some(seconds) = offered.deliver_by {
            add(true, format!("DELIVERBY {seconds}"));
        }
        add(offered.priority, "MT-PRIORITY".to_owned());
        if let Some(limits) = &offered.limits {
            add(true, format!("LIMITS {limits}"));
        }
        add(offered.starttls && !self.client.connection.is_tls(), "STARTTLS".to_owned());
        let authenticates = self.client.may_authenticate() && !offered.mechanisms.is_empty();
        add(authenticates, format!("AUTH {}", offered.mechanisms.join(" ")));
        let last = lines.len() - 1;
        for (at, line) in lines.iter().enumerate() {
            let separator = if at == last { ' ' } else { '-' };
            let line = format!("250{separator}{line}\r\n");
            self.client.connection.write(line.as_bytes())?;
        }
        Ok(())
    }

    /// RFC 3207. All that was said before is forgotten.
    fn starttls(&mut self, rest: &str) -> io::Result<Next> {
        if !self.client.shared.config.capabilities.starttls || self.client.connection.is_tls() {
            self.reply(502, "5.5.1", "STARTTLS is not offered")?;
        } else if rest.is_empty() {
            self.reply(220, "2.0.0", "begin TLS negotiation now")?;
            self.client.start_tls()?;
            self.greeted = false;
            self.user = None;
            self.transaction = Transaction::None;
        } else {
            self.reply(501, "5.5.4", "takes no argument")?;
        }
        Ok(Next::Continue)
    }

    /// RFC 4954, section 4.
    fn auth(&mut self, rest: &str) -> io::Result<()> {
        let shared = self.client.shared;
        if !self.greeted {
            return self.reply(503, "5.5.1", "say EHLO first");
        }
        if self.user.is_some() || !matches!(self.transaction, Transaction::None) {
            return self.reply(503, "5.5.1", "not now");
        }
        if !self.client.may_authenticate() {
            return self.reply(538, "5.7.11", "TLS is required");
        }
        let (mechanism, initial) = match rest.split_once(' ') {
            Some((mechanism, initial)) => (mechanism, Some(initial)),
            None => (rest, None),
        };
        let mechanism = mechanism.to_ascii_uppercase();
        let offered = shared.config.capabilities.mechanisms.contains(&mechanism);
        let Some(mut attempt) = shared.judge.attempt(&mechanism).filter(|_| offered) else {
            return self.reply(504, "5.5.4", "unsupported authentication mechanism");
        };
        // `=` stands for an empty response: RFC 4954, section 4.
        let mut response =
            initial.map(|text| if text == "=" { "" } else { text }.as_bytes().to_vec());
        let mut challenge = attempt.prompt();
        loop {
            let message = match response.take() {
                Some(message) => message,
                None => {
                    self.client.connection.write(format!("334 {challenge}\r\n").as_bytes())?;
                    match self.client.connection.line(RESPONSE_LIMIT)? {
                        Line::Whole(line) => {
                            self.client.note(&line);
                            line
                        }
                        Line::TooLong => return self.reply(500, "5.5.6", "response too long"),
                        Line::Broken => {
                            self.client.violation("a line that does not end with CRLF");
                            return self.reply(500, "5.5.2", "a line ends with CRLF");
                        }
                    }
                }
            };
            if message == b"*" {
                return self.reply(501, "5.7.0", "authentication cancelled");
            }
            match attempt.step(shared, self.client.port(), &message) {
                Step::Challenge(text) => challenge = text,
                Step::NotBase64 => return self.reply(501, "5.5.2", "invalid base64"),
                Step::Refused => return self.reply(535, "5.7.8", "authentication failed"),
                Step::Unavailable(text) => return self.reply(454, "4.7.0", &text),
                Step::Accepted(user, dies) => {
                    self.client.dies = dies;
                    self.user = Some(user);
                    return self.reply(235, "2.7.0", "authentication succeeded");
                }
            }
        }
    }

    fn reply(&mut self, code: u16, enhanced: &str, text: &str) -> io::Result<()> {
        let offered = self.client.shared.config.capabilities.enhanced_status_codes;
        let enhanced = if offered { format!("{enhanced} ") } else { String::new() };
        self.client.connection.write(format!("{code} {enhanced}{text}\r\n").as_bytes())
    }
}
