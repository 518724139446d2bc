//! EHLO and HELO, RFC 5321 4.1.1.1.

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
pub struct Ehlo {
    name: ClientName,
    fallback: Fallback,
    outcome: Option<Result<Extensions, (&'static str, ReplyText)>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Fallback {
    Allowed,
    Forbidden,
    /// HELO was sent.
    Taken,
}

impl Ehlo {
    /// Introduces the client by this name.
    pub fn new(name: ClientName) -> Self {
        Self { name, fallback: Fallback::Allowed, outcome: None }
    }

    /// A server that refuses EHLO is not told HELO: for sessions that need an extension, TLS above all.
    #[must_use]
    pub fn without_fallback(mut self) -> Self {
        self.fallback = Fallback::Forbidden;
        self
    }

    fn say(&self, verb: &str, out: &mut Encoder<'_>) {
        out.text(verb);
        out.text(" ");
        out.text(self.name.as_str());
        out.end_line(Place::Last);
    }
}

impl Exchange for Ehlo {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &Extensions) -> Result<(), Error> {
        self.say("EHLO", out);
        Ok(())
    }

    fn on_reply(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<Progress, Error> {
        let code = reply.code();
        if code.get() == 250 {
            let extensions = match self.fallback {
                Fallback::Taken => Extensions::default(),
                Fallback::Allowed | Fallback::Forbidden => Extensions::parse(reply.lines().skip(1)),
            };
            out.learn(extensions.clone());
            self.outcome = Some(Ok(extensions));
        } else if !code.is_refusal() {
            return Err(Error::unexpected("250 or a refusal to EHLO", reply));
        } else if matches!(code.get(), 500 | 502) && self.fallback == Fallback::Allowed {
            self.fallback = Fallback::Taken;
            self.say("HELO", out);
        } else {
            let command = if self.fallback == Fallback::Taken { "HELO" } else { "EHLO" };
            self.outcome = Some(Err((command, reply.to_text())));
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
