//! STARTTLS, RFC 3207.

use crate::error::Error;
use crate::parse::Reply;
use crate::proto::{Command, Encoder, Exchange, Place, Progress};
use crate::types::{Extensions, ReplyText};

/// Asks the server to go on under TLS. When it agrees the machine wants
/// [`StartTls`](xoauth_sasl::wire::Want::StartTls) and is spent: everything it knows was said in the clear
/// (RFC 3207 4.2).
#[derive(Debug, Default)]
#[must_use = "a command does nothing until it is run"]
pub struct StartTls {
    reply: Option<ReplyText>,
}

impl StartTls {
    /// Asks for TLS.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Exchange for StartTls {
    /// # Errors
    /// [`Error::TlsUnavailable`] where the server does not offer it.
    fn encode(&mut self, out: &mut Encoder<'_>, extensions: &Extensions) -> Result<(), Error> {
        if !extensions.starttls() {
            let reason = "server does not offer STARTTLS";
            return Err(Error::TlsUnavailable { reason, reply: None });
        }
        out.text("STARTTLS");
        out.end_line(Place::Last);
        Ok(())
    }

    fn on_reply(&mut self, reply: &Reply<'_>, _: &mut Encoder<'_>) -> Result<Progress, Error> {
        let code = reply.code();
        let progress = match code.get() {
            220 => Progress::StartTls,
            _ if code.is_refusal() => Progress::Continue,
            _ => return Err(Error::unexpected("220 or a refusal to STARTTLS", reply)),
        };
        self.reply = Some(reply.to_text());
        Ok(progress)
    }
}

impl Command for StartTls {
    /// The server's leave.
    type Output = ReplyText;

    /// # Errors
    /// [`Error::TlsUnavailable`] where the server refused. The session goes on in the clear, which is for
    /// the caller to want or not.
    fn finish(self) -> Result<ReplyText, Error> {
        match self.reply {
            Some(reply) if reply.code.is_refusal() => {
                let reason = "server refused STARTTLS";
                Err(Error::TlsUnavailable { reason, reply: Some(reply) })
            }
            Some(reply) => Ok(reply),
            None => Err(Error::Busy),
        }
    }
}
