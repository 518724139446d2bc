//! The server's first words, RFC 5321 3.1.

use crate::error::Error;
use crate::parse::Reply;
use crate::proto::{Command, Encoder, Exchange, Progress};
use crate::types::{Extensions, ReplyText};

/// Hears the greeting. It sends nothing, and is what every connection begins with; the server may take its
/// time before it.
#[derive(Debug, Default)]
#[must_use = "a command does nothing until it is run"]
pub struct Greeting {
    reply: Option<ReplyText>,
}

impl Greeting {
    /// Waits for the greeting.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Exchange for Greeting {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &Extensions) -> Result<(), Error> {
        out.await_reply();
        Ok(())
    }

    fn on_reply(&mut self, reply: &Reply<'_>, _: &mut Encoder<'_>) -> Result<Progress, Error> {
        let code = reply.code();
        if code.get() != 220 && !code.is_refusal() {
            return Err(Error::unexpected("220 or a refusal as greeting", reply));
        }
        self.reply = Some(reply.to_text());
        // A server that refuses only waits for QUIT (RFC 5321 3.1).
        Ok(if code.is_refusal() { Progress::Ended } else { Progress::Continue })
    }
}

impl Command for Greeting {
    /// The server's words of welcome.
    type Output = ReplyText;

    /// # Errors
    /// [`Error::GreetingRefused`]; the session is over then.
    fn finish(self) -> Result<ReplyText, Error> {
        match self.reply {
            Some(reply) if reply.code.is_refusal() => Err(Error::GreetingRefused { reply }),
            Some(reply) => Ok(reply),
            None => Err(Error::Busy),
        }
    }
}
