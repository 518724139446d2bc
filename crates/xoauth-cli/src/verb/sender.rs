//! Whether a server takes a sender: MAIL alone, which sends nothing.

use xoauth::smtp::proto::{Command, Encoder, Exchange, Place, Progress};
use xoauth::smtp::{Error, Extensions, InvalidArgument, Reply, ReplyText, ReversePath};

/// MAIL (RFC 5321 4.1.1.2); RSET is to follow.
#[derive(Debug)]
pub(crate) struct MailFrom {
    sender: Result<ReversePath, InvalidArgument>,
    reply: Option<ReplyText>,
}

impl MailFrom {
    pub(crate) fn new(sender: &str) -> Self {
        Self { sender: sender.parse(), reply: None }
    }
}

impl Exchange for MailFrom {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &Extensions) -> Result<(), Error> {
        let sender =
            self.sender.as_ref().map_err(|invalid| Error::InvalidArgument(invalid.clone()))?;
        out.text("MAIL FROM:<");
        out.text(sender.as_str());
        out.text(">");
        out.end_line(Place::Last);
        Ok(())
    }

    fn on_reply(&mut self, reply: &Reply<'_>, _: &mut Encoder<'_>) -> Result<Progress, Error> {
        self.reply = Some(reply.to_text());
        Ok(Progress::Continue)
    }
}

impl Command for MailFrom {
    type Output = ();

    fn finish(self) -> Result<(), Error> {
        match self.reply {
            Some(reply) if reply.code.is_mail_action_done() => Ok(()),
            Some(reply) => Err(Error::SenderRefused { reply }),
            None => Err(Error::Busy),
        }
    }
}
