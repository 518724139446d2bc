//! One mail transaction: MAIL, RCPT, DATA and the message (RFC 5321 3.3).
//!
//! All commands are queued at once; the machine sends them in one write where the server offers PIPELINING
//! (RFC 2920) and one by one where it does not. Replies come in the same order either way:
//!
//! ```text
//! Mail -> Recipient(0) -> .. -> Recipient(n - 1) -> Data -> Content -> over
//!   refused: what was not written is dropped, what was written is heard to its end
//!   354 although nothing may be sent: a lone dot, which ends an empty message (RFC 2920 3.1)
//!   a transaction left open: RSET -> over
//! ```

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use crate::error::{DataStage, Error, Fault, InvalidArgument};
use crate::parse::Reply;
use crate::proto::{Command, DotStuffing, Encoder, Exchange, Place, Progress};
use crate::types::{
    Address, Content, Extensions, Message, RecipientOutcome, ReplyText, ReversePath, Sent,
};

/// Sends one message to one or more recipients.
///
/// The message goes to every recipient the server accepts; [`Sent`] tells them apart. Where nothing was
/// sent (the sender, all recipients or the message was refused) the transaction is closed and the session
/// stays usable.
///
/// Arguments are checked before anything is sent: addresses, line ends of the message, its size against the
/// server's limit, and the extensions it needs (8BITMIME, SMTPUTF8).
#[derive(Debug)]
pub struct Send<'a> {
    from: Result<ReversePath, InvalidArgument>,
    to: Result<Vec<Address>, InvalidArgument>,
    message: Message<'a>,
    stage: Stage,
    /// What the server said about each recipient so far.
    recipients: Vec<RecipientOutcome>,
    /// Why the message is not delivered.
    failure: Option<Error>,
    accepted: Option<ReplyText>,
}

#[derive(Debug)]
enum Stage {
    /// The reply to MAIL comes next.
    Mail,
    /// The reply to this RCPT comes next.
    Recipient(usize),
    /// The reply to DATA comes next.
    Data,
    /// The message is on its way.
    Content { written: usize, stuffing: DotStuffing },
    /// The reply to the message comes next.
    Delivered,
    /// The reply to an empty message, sent for the sake of form, comes next.
    Void,
    /// The reply to RSET comes next.
    Reset,
}

/// Octets of a message that are queued at a time.
const PIECE: usize = 64 * 1024;

impl<'a> Send<'a> {
    /// Sends `message` from `from` to each of `to`. Texts are taken as bare addresses (`alice@example.org`);
    /// `<>` as sender is nobody, for notifications. What is no address is an error when the exchange starts.
    pub fn new<F, T, I>(from: F, to: I, message: impl Into<Message<'a>>) -> Self
    where
        F: TryInto<ReversePath, Error: Into<InvalidArgument>>,
        T: TryInto<Address, Error: Into<InvalidArgument>>,
        I: IntoIterator<Item = T>,
    {
        let named = |argument| move |invalid: InvalidArgument| invalid.named(argument);
        let to: Result<Vec<_>, _> = to.into_iter().map(TryInto::try_into).collect();
        Self {
            from: from.try_into().map_err(Into::into).map_err(named("sender")),
            to: to.map_err(Into::into).map_err(named("recipient")),
            message: message.into(),
            stage: Stage::Mail,
            recipients: Vec::new(),
            failure: None,
            accepted: None,
        }
    }

    /// Queues MAIL with the parameters the message needs.
    ///
    /// RFC 5321 4.1.1.2, RFC 1870 6, RFC 6152 3, RFC 6531 3.4
    fn mail(from: &ReversePath, needs: &Needs, extensions: &Extensions, out: &mut Encoder<'_>) {
        out.text("MAIL FROM:<");
        out.text(from.as_str());
        out.text(">");
        if extensions.has("SIZE") {
            out.text(&format!(" SIZE={}", needs.content.size));
        }
        if needs.content.is_eight_bit {
            out.text(" BODY=8BITMIME");
        }
        if needs.is_internationalised() {
            out.text(" SMTPUTF8");
        }
        out.end_line(Place::Anywhere);
    }

    /// A reply to a command that says yes or no.
    fn on_command_reply(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<(), Error> {
        let code = reply.code();
        if !code.is_mail_action_done() && !code.is_refusal() {
            return Err(Error::unexpected("250 or a refusal", reply));
        }
        let recipients = self.to.as_deref().unwrap_or_default();
        match self.stage {
            Stage::Recipient(index) => {
                if let Some(address) = recipients.get(index) {
                    self.recipients.push(RecipientOutcome::new(address.clone(), reply.to_text()));
                }
                let next = index + 1;
                self.stage =
                    if next < recipients.len() { Stage::Recipient(next) } else { Stage::Data };
                if next == recipients.len() && self.failure.is_none() && !self.has_recipient() {
                    let recipients = core::mem::take(&mut self.recipients);
                    self.fail(Error::RecipientsRefused { recipients }, out);
                }
            }
            _ => {
                self.stage = Stage::Recipient(0);
                if code.is_refusal() {
                    self.fail(Error::SenderRefused { reply: reply.to_text() }, out);
                }
            }
        }
        Ok(())
    }

    fn has_recipient(&self) -> bool {
        self.recipients.iter().any(RecipientOutcome::is_accepted)
    }

    /// Remembers why the message is not delivered, and takes back what was not written.
    fn fail(&mut self, failure: Error, out: &mut Encoder<'_>) {
        self.failure.get_or_insert(failure);
        out.drop_unwritten();
    }

    fn on_data_reply(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<(), Error> {
        let code = reply.code();
        if code.get() != 354 && !code.is_refusal() {
            return Err(Error::unexpected("354 or a refusal to DATA", reply));
        }
        match (code.get(), &self.failure) {
            (354, None) => self.stage = Stage::Content { written: 0, stuffing: DotStuffing::new() },
            (354, Some(_)) => {
                out.end_content(b".\r\n", 0, Place::Last);
                self.stage = Stage::Void;
            }
            (_, None) => {
                let stage = DataStage::Command;
                self.failure = Some(Error::DataRefused { stage, reply: reply.to_text() });
            }
            (_, Some(_)) => {}
        }
        Ok(())
    }

    fn on_message_reply(&mut self, reply: &Reply<'_>) -> Result<(), Error> {
        let code = reply.code();
        if code.is_mail_action_done() {
            self.accepted = Some(reply.to_text());
        } else if code.is_refusal() {
            let stage = DataStage::Content;
            self.failure = Some(Error::DataRefused { stage, reply: reply.to_text() });
        } else {
            let cause = Box::new(Error::unexpected("250 or a refusal to the message", reply));
            return Err(Error::DeliveryUnknown { cause });
        }
        Ok(())
    }

    /// MAIL was accepted and nothing has ended the transaction.
    fn leaves_transaction_open(&self) -> bool {
        let before_content = matches!(self.stage, Stage::Recipient(_) | Stage::Data);
        before_content && !matches!(self.failure, None | Some(Error::SenderRefused { .. }))
    }
}

impl Exchange for Send<'_> {
    /// # Errors
    /// [`Error::InvalidArgument`], [`Error::MessageTooLarge`], [`Error::ExtensionMissing`]: nothing is sent.
    fn encode(&mut self, out: &mut Encoder<'_>, extensions: &Extensions) -> Result<(), Error> {
        let from = self.from.as_ref().map_err(Clone::clone)?;
        let to = self.to.as_ref().map_err(Clone::clone)?;
        let needs = Needs::find(from, to, &self.message)?;
        needs.check(extensions)?;
        Self::mail(from, &needs, extensions, out);
        for address in to {
            out.text("RCPT TO:<");
            out.text(address.as_str());
            out.text(">");
            out.end_line(Place::Anywhere);
        }
        out.text("DATA");
        out.end_line(Place::Last);
        Ok(())
    }

    fn on_reply(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<Progress, Error> {
        match self.stage {
            Stage::Mail | Stage::Recipient(_) => self.on_command_reply(reply, out)?,
            Stage::Data => self.on_data_reply(reply, out)?,
            Stage::Content { .. } | Stage::Delivered => self.on_message_reply(reply)?,
            // Nobody was to get the empty message; whatever became of it.
            Stage::Void => {}
            // A transaction that cannot be closed would swallow the next message.
            Stage::Reset if reply.code().is_mail_action_done() => {}
            Stage::Reset => return Ok(Progress::Ended),
        }
        if out.awaited() == 0 && self.leaves_transaction_open() {
            out.text("RSET");
            out.end_line(Place::Last);
            self.stage = Stage::Reset;
        }
        Ok(Progress::Continue)
    }

    fn fill(&mut self, out: &mut Encoder<'_>) -> Result<(), Error> {
        let Stage::Content { written, stuffing } = &mut self.stage else { return Ok(()) };
        let message = self.message.as_bytes();
        let rest = message.get(*written..).unwrap_or_default();
        let (piece, rest) = rest.split_at_checked(PIECE).unwrap_or((rest, &[]));
        stuffing.stuff(piece, |octets| out.content(octets));
        *written += piece.len();
        if rest.is_empty() {
            let size = u64::try_from(message.len()).unwrap_or(u64::MAX);
            out.end_content(stuffing.end(), size, Place::Anywhere);
            self.stage = Stage::Delivered;
        }
        Ok(())
    }

    fn interrupted(&mut self, cause: Error, sent: usize) -> Error {
        match self.stage {
            Stage::Delivered if sent > 0 => Error::DeliveryUnknown { cause: Box::new(cause) },
            _ => cause,
        }
    }
}

impl Command for Send<'_> {
    type Output = Sent;

    /// # Errors
    /// [`Error::SenderRefused`], [`Error::RecipientsRefused`] (each with its reply) or
    /// [`Error::DataRefused`]; the session stays usable.
    fn finish(self) -> Result<Sent, Error> {
        match (self.failure, self.accepted) {
            (Some(failure), _) => Err(failure),
            (None, Some(reply)) => Ok(Sent::new(self.recipients, reply)),
            (None, None) => Err(Error::Busy),
        }
    }
}

/// What a transaction needs of the server.
struct Needs {
    content: Content,
    address_is_internationalised: bool,
}

impl Needs {
    fn find(from: &ReversePath, to: &[Address], message: &Message<'_>) -> Result<Self, Error> {
        if to.is_empty() {
            let fault = Fault::end(0, "at least one address");
            return Err(InvalidArgument::new("list of recipients", "", fault).into());
        }
        let content = message.check()?;
        let address_is_internationalised =
            !from.as_str().is_ascii() || to.iter().any(|address| !address.is_ascii());
        Ok(Self { content, address_is_internationalised })
    }

    fn is_internationalised(&self) -> bool {
        self.address_is_internationalised || self.content.is_internationalised
    }

    fn check(&self, extensions: &Extensions) -> Result<(), Error> {
        let missing =
            |extension, needed_for| Err(Error::ExtensionMissing { extension, needed_for });
        if self.address_is_internationalised && !extensions.smtp_utf8() {
            return missing("SMTPUTF8", "an address with letters beyond ASCII");
        }
        if self.content.is_eight_bit && !extensions.eight_bit_mime() {
            return missing("8BITMIME", "a message with octets beyond ASCII");
        }
        if self.content.is_internationalised && !extensions.smtp_utf8() {
            return missing("SMTPUTF8", "header fields with octets beyond ASCII");
        }
        match extensions.size_limit() {
            Some(limit) if self.content.size > limit => {
                Err(Error::MessageTooLarge { size: self.content.size, limit })
            }
            _ => Ok(()),
        }
    }
}
