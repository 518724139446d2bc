//! EHLO and HELO, RFC 5321 4.1.1.1; LHLO, RFC 2033 4.1.

use crate::error::Error;
use crate::parse::Reply;
use crate::proto::{Command, Encoder, Exchange, Place, Progress};
use crate::types::{ClientName, Extensions, ReplyText};

/// Says who we are and asks what the server can do. From then on the machine knows the server's
/// [`Extensions`].
///
/// A server that does not know EHLO (500, 502) is told HELO, after which nothing beyond the minimum can be
/// used (RFC 5321 3.2).
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Ehlo {
    name: ClientName,
    verb: Verb,
    fallback: Fallback,
    channel: Channel,
    outcome: Option<Result<Extensions, (&'static str, ReplyText)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Ehlo,
    Helo,
    Lhlo,
}

#[derive(Debug, PartialEq, Eq)]
enum Fallback {
    Allowed,
    Forbidden,
}

#[derive(Debug, PartialEq, Eq)]
enum Channel {
    Protected,
    Clear,
}

impl Verb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ehlo => "EHLO",
            Self::Helo => "HELO",
            Self::Lhlo => "LHLO",
        }
    }
}

impl Ehlo {
    /// Introduces the client by this name.
    pub fn new(name: ClientName) -> Self {
        Self {
            name,
            verb: Verb::Ehlo,
            fallback: Fallback::Allowed,
            channel: Channel::Protected,
            outcome: None,
        }
    }

    /// Speaks LMTP from now on: LHLO, and an answer for each recipient at the end of a message (RFC 2033).
    pub fn lmtp(mut self) -> Self {
        self.verb = Verb::Lhlo;
        self.without_fallback()
    }

    /// What a server may offer under TLS only is not taken from it: REQUIRETLS (RFC 8689 2).
    pub fn in_the_clear(mut self) -> Self {
        self.channel = Channel::Clear;
        self
    }

    /// A server that refuses EHLO is not told HELO: for sessions that need an extension, TLS above all.
    pub fn without_fallback(mut self) -> Self {
        self.fallback = Fallback::Forbidden;
        self
    }

    fn say(&self, out: &mut Encoder<'_>) {
        out.text(self.verb.as_str());
        out.text(" ");
        out.text(self.name.as_str());
        out.end_line(Place::Last);
    }
}

impl Exchange for Ehlo {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &Extensions) -> Result<(), Error> {
        self.say(out);
        Ok(())
    }

    fn on_reply(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<Progress, Error> {
        let code = reply.code();
        if code.get() == 250 {
            let mut extensions = match self.verb {
                Verb::Helo => Extensions::default(),
                Verb::Ehlo | Verb::Lhlo => Extensions::parse(reply.lines().skip(1), reply.mask()),
            };
            if self.channel == Channel::Clear {
                extensions.forget("REQUIRETLS");
            }
            if self.verb == Verb::Lhlo {
                extensions.speak_lmtp();
            }
            out.learn(extensions.clone());
            self.outcome = Some(Ok(extensions));
        } else if !code.is_refusal() {
            return Err(Error::unexpected("250 or a refusal to EHLO", reply));
        } else if matches!(code.get(), 500 | 502)
            && self.verb == Verb::Ehlo
            && self.fallback == Fallback::Allowed
        {
            self.verb = Verb::Helo;
            self.say(out);
        } else {
            self.outcome = Some(Err((self.verb.as_str(), reply.to_text())));
        }
        Ok(Progress::Continue)
    }
}

impl Command for Ehlo {
    /// What the server offers.
    type Output = Extensions;

    /// # Errors
    /// [`Error::Refused`]; the session stays usable for another name.
    fn finish(self) -> Result<Extensions, Error> {
        match self.outcome {
            Some(Ok(extensions)) => Ok(extensions),
            Some(Err((command, reply))) => Err(Error::Refused { command, reply }),
            None => Err(Error::Busy),
        }
    }
}
