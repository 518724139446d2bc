//! Whether the server takes a sender.

use crate::error::Error;
use crate::parse::Reply;
use crate::proto::{Command, Encoder, Exchange, Place, Progress};
use crate::types::{Extensions, ReplyText, ReversePath};

/// Asks whether the server would take mail from this sender: MAIL (RFC 5321 4.1.1.2), and RSET (4.1.1.5) where it
/// does. Nothing is sent; the server may count a transaction.
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct VerifySender {
    sender: ReversePath,
    reply: Option<ReplyText>,
    is_closed: bool,
}

impl VerifySender {
    /// Asks about a sender.
    pub fn new(sender: ReversePath) -> Self {
        Self { sender, reply: None, is_closed: false }
    }
}

impl Exchange for VerifySender {
    /// # Errors
    /// [`Error::ExtensionMissing`]: letters beyond ASCII, and a server without SMTPUTF8 (RFC 6531 3.4).
    fn encode(&mut self, out: &mut Encoder<'_>, extensions: &Extensions) -> Result<(), Error> {
        let is_ascii = self.sender.as_str().is_ascii();
        if !is_ascii && !extensions.smtp_utf8() {
            let needed_for = "a sender with letters beyond ASCII";
            return Err(Error::ExtensionMissing { extension: "SMTPUTF8".into(), needed_for });
        }
        out.begin_transaction();
        out.text("MAIL FROM:<");
        out.text(self.sender.as_str());
        out.text(if is_ascii { ">" } else { "> SMTPUTF8" });
        out.end_line(Place::Last);
        Ok(())
    }

    fn on_reply(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<Progress, Error> {
        let is_done = reply.code().is_mail_action_done();
        if self.reply.is_some() {
            // A transaction that cannot be closed would swallow the next message.
            if !is_done {
                return Err(Error::unexpected("250 to RSET", reply));
            }
            self.is_closed = true;
            return Ok(Progress::Continue);
        }
        if is_done {
            out.text("RSET");
            out.end_line(Place::Last);
        } else if !reply.code().is_refusal() {
            return Err(Error::unexpected("250 to MAIL, or a refusal", reply));
        }
        self.reply = Some(reply.to_text());
        Ok(Progress::Continue)
    }
}

impl Command for VerifySender {
    /// The server's words for a sender that it takes.
    type Output = ReplyText;

    /// # Errors
    /// [`Error::SenderRefused`].
    fn finish(self) -> Result<ReplyText, Error> {
        match self.reply {
            Some(reply) if reply.code.is_refusal() => Err(Error::SenderRefused { reply }),
            Some(reply) if self.is_closed => Ok(reply),
            _ => Err(Error::Busy),
        }
    }
}
