//! Questions to the server, and commands it was not known to have: VRFY, EXPN, HELP (RFC 5321 4.1.1.6 to
//! 4.1.1.8), and any other of one line.

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::BeforeLogin;
use crate::error::{Error, Fault, InvalidArgument};
use crate::parse::Reply;
use crate::proto::{Command, Encoder, Exchange, Place, Progress};
use crate::types::{Extensions, ReplyText};

/// Asks whether a mailbox exists, by its address or the name of its user (RFC 5321 3.5, 4.1.1.6).
///
/// Most servers answer 252: they do not say, and take the message.
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Verify(Question);

/// Asks who is on a mailing list (RFC 5321 3.5, 4.1.1.7): a line of the reply for each member.
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Expand(Question);

/// Asks for help, about one command or in general (RFC 5321 4.1.1.8).
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Help(Question);

impl BeforeLogin for Help {}

/// Any command of one line that gets one reply: for extensions this crate does not know.
///
/// The line is sent as it is, with its CRLF; it cannot hold more than one line. Whatever the reply is, it is
/// the output: 4yz and 5yz are no errors here. What changes the state of the session (STARTTLS, AUTH, what greets
/// and what belongs to a mail transaction) has a type of its own and is refused.
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Raw {
    line: String,
    reply: Option<ReplyText>,
}

#[derive(Debug)]
struct Question {
    verb: &'static str,
    argument: Option<String>,
    reply: Option<ReplyText>,
}

impl Verify {
    /// Asks about a user or an address.
    pub fn new(name: &str) -> Self {
        Self(Question::new("VRFY", Some(name)))
    }
}

impl Expand {
    /// Asks about a list.
    pub fn new(list: &str) -> Self {
        Self(Question::new("EXPN", Some(list)))
    }
}

impl Help {
    /// Asks in general.
    pub fn new() -> Self {
        Self(Question::new("HELP", None))
    }

    /// Asks about a command.
    pub fn about(command: &str) -> Self {
        Self(Question::new("HELP", Some(command)))
    }
}

impl Default for Help {
    fn default() -> Self {
        Self::new()
    }
}

impl Question {
    fn new(verb: &'static str, argument: Option<&str>) -> Self {
        Self { verb, argument: argument.map(ToOwned::to_owned), reply: None }
    }

    fn encode(&self, out: &mut Encoder<'_>, extensions: &Extensions) -> Result<(), Error> {
        out.text(self.verb);
        if let Some(argument) = &self.argument {
            check_argument(argument)?;
            out.text(" ");
            out.text(argument);
            if !argument.is_ascii() {
                if !extensions.smtp_utf8() {
                    let needed_for = "a name with letters beyond ASCII";
                    return Err(Error::ExtensionMissing {
                        extension: "SMTPUTF8".into(),
                        needed_for,
                    });
                }
                // RFC 6531 3.7.4.2; HELP has no such parameter.
                if self.verb != "HELP" {
                    out.text(" SMTPUTF8");
                }
            }
        }
        out.end_line(Place::Last);
        Ok(())
    }

    fn on_reply(&mut self, reply: &Reply<'_>) -> Result<(), Error> {
        let code = reply.code();
        // 250, 251, 252 and, to HELP, 211 and 214.
        if !code.is_mail_action_done() && !matches!(code.get(), 210..=219) && !code.is_refusal() {
            return Err(Error::unexpected("250, 211 or a refusal", reply));
        }
        self.reply = Some(reply.to_whole_text());
        Ok(())
    }

    fn finish(self) -> Result<ReplyText, Error> {
        match self.reply {
            Some(reply) if reply.code.is_refusal() => {
                Err(Error::Refused { command: self.verb, reply })
            }
            Some(reply) => Ok(reply),
            None => Err(Error::Busy),
        }
    }
}

/// What people type is sent as one argument; RFC 5321 4.1.1.6 has a `String`.
fn check_argument(argument: &str) -> Result<(), InvalidArgument> {
    let expected = "a name without control characters";
    let fault = match argument.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, found)) => Fault::at(at, found, expected),
        None if argument.is_empty() => Fault::end(0, expected),
        None if argument.len() > LONGEST_ARGUMENT => {
            Fault::too_long(LONGEST_ARGUMENT, "at most 500 octets")
        }
        None => return Ok(()),
    };
    Err(InvalidArgument::new("argument", argument, fault))
}

/// So that the line has 512 octets at most (RFC 5321 4.5.3.1.4).
const LONGEST_ARGUMENT: usize = 500;

macro_rules! question {
    ($($name:ident),*) => {$(
        impl Exchange for $name {
            fn encode(&mut self, out: &mut Encoder<'_>, extensions: &Extensions) -> Result<(), Error> {
                self.0.encode(out, extensions)
            }

            fn on_reply(&mut self, reply: &Reply<'_>, _: &mut Encoder<'_>) -> Result<Progress, Error> {
                self.0.on_reply(reply)?;
                Ok(Progress::Continue)
            }
        }

        impl Command for $name {
            /// The server's words.
            type Output = ReplyText;

            /// # Errors
            /// [`Error::Refused`].
            fn finish(self) -> Result<ReplyText, Error> {
                self.0.finish()
            }
        }
    )*};
}

question!(Verify, Expand, Help);

impl Raw {
    /// Sends this line.
    pub fn new(line: impl Into<String>) -> Self {
        Self { line: line.into(), reply: None }
    }
}

/// Commands whose reply changes what may be said next: those of RFC 5321 and RFC 821, STARTTLS (RFC 3207), AUTH
/// (RFC 4954), BDAT (RFC 3030), LHLO (RFC 2033), ATRN (RFC 2645) and BURL (RFC 4468). A transaction that is left
/// open swallows the recipients of the next message.
const STATEFUL: [&str; 16] = [
    "STARTTLS", "AUTH", "EHLO", "HELO", "LHLO", "QUIT", "TURN", "ATRN", "MAIL", "SEND", "SOML",
    "SAML", "RCPT", "DATA", "BDAT", "BURL",
];

/// The verb of a command line. Servers skip white space before it, and differ in what else ends it.
fn verb(line: &str) -> Result<&str, InvalidArgument> {
    let verb = line.split(' ').next().unwrap_or_default();
    let is_part = |at, c: char| c.is_ascii_alphabetic() || at > 0 && matches!(c, '0'..='9' | '-');
    // An empty verb is a line that begins with a space.
    match line.char_indices().find(|&(at, c)| (at == 0 || at < verb.len()) && !is_part(at, c)) {
        Some((at, found)) => {
            let fault = Fault::at(at, found, "a verb of letters, digits and hyphens");
            Err(InvalidArgument::new("command line", line, fault))
        }
        None => Ok(verb),
    }
}

impl Exchange for Raw {
    /// # Errors
    /// [`Error::InvalidArgument`]: the line is empty or too long, holds a control character, does not begin with a
    /// verb, or is a command with a type of its own.
    fn encode(&mut self, out: &mut Encoder<'_>, _: &Extensions) -> Result<(), Error> {
        check_argument(&self.line).map_err(|invalid| invalid.named("command line"))?;
        let verb = verb(&self.line)?;
        if STATEFUL.iter().any(|stateful| stateful.eq_ignore_ascii_case(verb)) {
            let fault = Fault::end(0, "a command that gets one reply and changes no state");
            return Err(InvalidArgument::new("command line", &self.line, fault).into());
        }
        out.text(&self.line);
        out.end_line(Place::Last);
        Ok(())
    }

    fn on_reply(&mut self, reply: &Reply<'_>, _: &mut Encoder<'_>) -> Result<Progress, Error> {
        if reply.code().get() == 354 || reply.code().get() == 334 {
            return Err(Error::unexpected("a reply that ends the command", reply));
        }
        self.reply = Some(reply.to_whole_text());
        Ok(Progress::Continue)
    }
}

impl Command for Raw {
    /// The reply, whatever it is.
    type Output = ReplyText;

    fn finish(self) -> Result<ReplyText, Error> {
        self.reply.ok_or(Error::Busy)
    }
}
