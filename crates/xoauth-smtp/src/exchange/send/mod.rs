//! One mail transaction: MAIL, RCPT, and the message by DATA or BDAT (RFC 5321 3.3, RFC 3030).
//!
//! All commands are queued at once; the machine sends them in one write where the server offers PIPELINING
//! (RFC 2920) and one by one where it does not. Replies come in the same order either way:
//!
//! ```text
//! Mail -> Recipient(0) -> .. -> Recipient(n - 1) -> Data -> Content -> over
//!                                                -> Content (BDAT) -> over
//!   refused: what was not written is dropped, what was written is heard to its end
//!   354 although nothing may be sent: a lone dot, which ends an empty message (RFC 2920 3.1)
//!   a transaction left open, a chunk refused or not sent: RSET -> over (RFC 3030 2)
//!   LMTP: a reply for each accepted recipient ends Content (RFC 2033 4.2)
//! ```
//!
//! A small message travels in chunks behind its envelope, before the replies to it are heard; a large one,
//! and any by LMTP, when somebody is to get it.

mod among;
mod body;
mod needs;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::task::{Context, Poll, ready};

use self::body::{Body, CHUNK};
use self::needs::{Method, Needs, rcpt};
use crate::error::{BodyFault, Error, InvalidArgument};
use crate::parse::Reply;
use crate::proto::{Command, Encoder, Exchange, History, Place, Progress};
use crate::types::{
    Delivery, Extensions, Mail, Message, Recipient, RecipientOutcome, ReplyText, ReversePath, Sent,
    Stage,
};

/// Sends one message to one or more recipients.
///
/// The message goes to every recipient the server accepts; [`Sent`] tells them apart. Where nothing was
/// sent (the sender, all recipients or the message was refused) the transaction is closed and the session
/// stays usable.
///
/// Arguments are checked before anything is sent: addresses, line ends of the message, its size against the
/// server's limit, and the extensions that message and envelope need.
#[derive(Debug)]
pub struct Send<'a> {
    mail: Mail<'a>,
    protocol: Protocol,
    method: Method,
    step: Step,
    body: Option<Body>,
    /// Replies still to come to the commands that carry the message.
    unanswered: usize,
    /// What became of each recipient so far.
    recipients: Vec<RecipientOutcome>,
    /// Why nobody gets the message.
    failure: Option<Error>,
    accepted: Option<ReplyText>,
    /// A reply was heard that answers nothing.
    is_astray: bool,
    company: Company,
    needs: Option<Needs>,
}

/// What else may be under way on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Company {
    /// Nothing: what fails is cleared up at once.
    Alone,
    /// Other messages, whose sender clears up.
    Others,
    /// The same, and the content goes with the envelope, and more behind it, before anything is answered.
    Ahead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Smtp,
    Lmtp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The reply to MAIL comes next.
    Mail,
    /// The reply to this RCPT comes next.
    Recipient(usize),
    /// The reply to DATA comes next.
    Data,
    /// The message is on its way; a reply comes to each chunk, and one to its end.
    Content,
    /// Its end was answered for the recipients before this one (LMTP).
    Delivered(usize),
    /// The reply to an empty message, sent for the sake of form, comes next.
    Void,
    /// The reply to RSET comes next.
    Reset,
}

impl<'a> Send<'a> {
    /// Sends `message` from `from` to each of `to`. Texts are taken as bare addresses (`alice@example.org`);
    /// `<>` as sender is nobody, for notifications. What is no address is an error when the exchange starts.
    pub fn new<F, T, I>(from: F, to: I, message: impl Into<Message<'a>>) -> Self
    where
        F: TryInto<ReversePath, Error: Into<InvalidArgument>>,
        T: TryInto<Recipient, Error: Into<InvalidArgument>>,
        I: IntoIterator<Item = T>,
    {
        Self::mail(Mail::new(from, to, message))
    }

    /// Sends a message in an envelope that asks for more.
    pub fn mail(mail: Mail<'a>) -> Self {
        Self {
            mail,
            protocol: Protocol::Smtp,
            method: Method::Data,
            step: Step::Mail,
            body: None,
            unanswered: 0,
            recipients: Vec::new(),
            failure: None,
            accepted: None,
            is_astray: false,
            company: Company::Alone,
            needs: None,
        }
    }

    /// Checks everything that can be wrong, against what the server offers.
    pub(super) fn prepare(
        &mut self,
        extensions: &Extensions,
        history: &History,
    ) -> Result<(), Error> {
        let needs = Needs::find(&self.mail)?;
        needs.check(&self.mail, extensions, history)?;
        self.method = needs.method(&self.mail, extensions);
        if extensions.is_lmtp() {
            self.protocol = Protocol::Lmtp;
        }
        self.needs = Some(needs);
        Ok(())
    }

    /// Queues everything up to DATA of a message that was prepared.
    fn write_envelope(&mut self, extensions: &Extensions, out: &mut Encoder<'_>) {
        let Some(needs) = &self.needs else { return };
        needs.mail(&self.mail.envelope, extensions, out);
        self.mail.envelope.to.iter().for_each(|to| rcpt(to, out));
        self.body = Some(Body::new(&self.mail.message, &needs.content, self.method));
        if self.method == Method::Data {
            out.text("DATA");
            out.end_line(Place::Last);
        }
    }

    fn fill_body(&mut self, out: &mut Encoder<'_>) {
        if let Some(body) = self.body.as_mut().filter(|body| !body.is_ended()) {
            let commands = body.fill(&self.mail.message, out);
            self.queued(commands, out);
        }
    }

    /// A reply to a command that says yes or no.
    fn on_command_reply(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<(), Error> {
        let code = reply.code();
        if !code.is_mail_action_done() && !code.is_refusal() {
            return Err(Error::unexpected("250 or a refusal", reply));
        }
        let Step::Recipient(index) = self.step else {
            self.step = Step::Recipient(0);
            if code.is_refusal() {
                self.fail(Error::SenderRefused { reply: reply.to_text() }, out);
            }
            return Ok(());
        };
        let recipients = &self.mail.envelope.to;
        if let Some(to) = recipients.get(index) {
            let reply = reply.to_text();
            let delivery = match code.is_refusal() {
                false => Delivery::Accepted(reply),
                true => Delivery::Refused { stage: Stage::Recipient, reply },
            };
            self.recipients.push(RecipientOutcome::new(to.address.clone(), delivery));
        }
        let next = index + 1;
        if next < recipients.len() {
            self.step = Step::Recipient(next);
            return Ok(());
        }
        self.step = match self.method {
            Method::Data => Step::Data,
            Method::Bdat => Step::Content,
        };
        if self.failure.is_none() && self.accepted_recipients() == 0 {
            let recipients = core::mem::take(&mut self.recipients);
            self.fail(Error::RecipientsRefused { recipients }, out);
        }
        Ok(())
    }

    fn accepted_recipients(&self) -> usize {
        self.recipients.iter().filter(|one| one.is_accepted()).count()
    }

    /// Remembers why the message is not delivered, and takes back what was not written.
    fn fail(&mut self, failure: Error, out: &mut Encoder<'_>) {
        self.failure.get_or_insert(failure);
        if self.company == Company::Ahead {
            // What was not written may be another's.
            return;
        }
        let dropped = out.drop_unwritten();
        // DATA is no command that carries the message.
        self.unanswered = self.unanswered.saturating_sub(dropped);
    }

    fn on_data_reply(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<(), Error> {
        let code = reply.code();
        if code.get() != 354 && !code.is_refusal() {
            return Err(Error::unexpected("354 or a refusal to DATA", reply));
        }
        match (code.get(), &self.failure) {
            (354, None) => self.step = Step::Content,
            // Nobody is to get it: by LMTP no reply would follow the dot (RFC 2033 4.2).
            (354, Some(_)) if self.protocol == Protocol::Lmtp => {
                return Err(Error::unexpected("a refusal to DATA without recipients", reply));
            }
            (354, Some(_)) => {
                out.end_content(b".\r\n", 0, Place::Anywhere);
                self.step = Step::Void;
            }
            (_, None) => self.refuse(Stage::Data, reply.to_text(), out),
            (_, Some(_)) => {}
        }
        Ok(())
    }

    /// The message was refused for everybody.
    fn refuse(&mut self, stage: Stage, reply: ReplyText, out: &mut Encoder<'_>) {
        let mut recipients = core::mem::take(&mut self.recipients);
        for one in recipients.iter_mut().filter(|one| one.is_accepted()) {
            one.delivery = Delivery::Refused { stage, reply: reply.clone() };
        }
        self.fail(Error::DataRefused { stage, reply, recipients }, out);
    }

    /// A reply to a chunk or to the end of the message.
    fn on_content_reply(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<(), Error> {
        let code = reply.code();
        let is_end = self.body.as_ref().is_some_and(Body::is_ended) && self.unanswered <= 1;
        if !code.is_mail_action_done() && !code.is_refusal() {
            return Err(Error::unexpected("250 or a refusal to the message", reply));
        }
        self.unanswered = self.unanswered.saturating_sub(1);
        if self.failure.is_some() {
            // Whatever became of what was sent behind a refusal.
        } else if is_end && self.protocol == Protocol::Lmtp {
            self.step = Step::Delivered(0);
            self.on_recipient_delivered(reply, out);
        } else if code.is_refusal() {
            self.refuse(Stage::Content, reply.to_text(), out);
        } else if is_end {
            self.accepted = Some(reply.to_text());
        }
        Ok(())
    }

    /// The answer for one of the recipients that were accepted, in their order.
    ///
    /// RFC 2033 4.2
    fn on_recipient_delivered(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) {
        let Step::Delivered(from) = self.step else { return };
        let behind = self.recipients.iter_mut().enumerate().skip(from);
        if let Some((index, one)) = behind.into_iter().find(|(_, one)| one.is_accepted()) {
            let text = reply.to_text();
            one.delivery = match reply.code().is_refusal() {
                true => Delivery::Refused { stage: Stage::Content, reply: text },
                false => {
                    self.accepted.get_or_insert_with(|| text.clone());
                    Delivery::Accepted(text)
                }
            };
            self.step = Step::Delivered(index + 1);
        }
        let Step::Delivered(from) = self.step else { return };
        if self.accepted.is_none()
            && !self.recipients.iter().skip(from).any(|one| one.is_accepted())
        {
            self.refuse(Stage::Content, reply.to_text(), out);
        }
    }

    /// The transaction would swallow the next one.
    pub(super) fn leaves_transaction_open(&self) -> bool {
        let Some(failure) = &self.failure else { return false };
        match self.step {
            // Behind a refused chunk the state is indeterminate (RFC 3030 2).
            Step::Content | Step::Delivered(_) => self.method == Method::Bdat,
            Step::Recipient(_) | Step::Data => !matches!(failure, Error::SenderRefused { .. }),
            Step::Mail | Step::Void | Step::Reset => false,
        }
    }

    /// Notes down that commands were queued that carry the message.
    fn queued(&mut self, commands: usize, out: &mut Encoder<'_>) {
        self.unanswered += commands;
        let is_ended = self.body.as_ref().is_some_and(Body::is_ended);
        if is_ended && commands > 0 && self.protocol == Protocol::Lmtp {
            out.await_more(self.accepted_recipients().saturating_sub(1));
        }
    }

    /// Replies still to come, by our own count.
    fn remaining(&self) -> usize {
        let recipients = self.mail.envelope.to.len();
        match self.step {
            Step::Mail => 1 + recipients + self.unanswered,
            Step::Recipient(index) => recipients.saturating_sub(index) + self.unanswered,
            Step::Content if self.protocol == Protocol::Smtp => self.unanswered,
            Step::Content => (self.unanswered + self.accepted_recipients()).saturating_sub(1),
            Step::Delivered(from) => {
                self.recipients.iter().skip(from).filter(|one| one.is_accepted()).count()
            }
            Step::Data | Step::Void | Step::Reset => usize::MAX,
        }
    }

    /// What is known of each recipient when nobody knows what became of the message.
    fn unknown(&self) -> Vec<RecipientOutcome> {
        let decided = match self.step {
            Step::Delivered(from) => from,
            _ => 0,
        };
        let mut recipients = self.recipients.clone();
        for one in recipients.iter_mut().skip(decided).filter(|one| one.is_accepted()) {
            one.delivery = Delivery::Unknown;
        }
        let unheard = self.mail.envelope.to.iter().skip(recipients.len());
        let unknown = |to: &Recipient| RecipientOutcome::new(to.address.clone(), Delivery::Unknown);
        recipients.extend(unheard.map(unknown));
        recipients
    }

    fn listen(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<Progress, Error> {
        match self.step {
            Step::Mail | Step::Recipient(_) => self.on_command_reply(reply, out)?,
            Step::Data => self.on_data_reply(reply, out)?,
            Step::Content => self.on_content_reply(reply, out)?,
            Step::Delivered(_) => {
                let code = reply.code();
                if !code.is_mail_action_done() && !code.is_refusal() {
                    return Err(Error::unexpected("250 or a refusal for a recipient", reply));
                }
                self.on_recipient_delivered(reply, out);
            }
            // Nobody was to get the empty message; whatever became of it.
            Step::Void => {}
            // A transaction that cannot be closed would swallow the next message.
            Step::Reset if reply.code().is_mail_action_done() => {}
            Step::Reset => return Ok(Progress::Ended),
        }
        self.close(out);
        Ok(Progress::Continue)
    }

    /// Closes a transaction that is left open, once everything was heard.
    fn close(&mut self, out: &mut Encoder<'_>) {
        if self.company == Company::Alone && out.awaited() == 0 && self.leaves_transaction_open() {
            out.text("RSET");
            out.end_line(Place::Last);
            self.step = Step::Reset;
        }
    }

    /// The message ends before its end.
    fn break_off(&mut self, fault: BodyFault, out: &mut Encoder<'_>) -> Result<(), Error> {
        if self.method == Method::Data {
            return Err(Error::Body { fault, ended: true });
        }
        self.fail(Error::Body { fault, ended: false }, out);
        self.close(out);
        Ok(())
    }
}

impl<'a> From<Mail<'a>> for Send<'a> {
    fn from(mail: Mail<'a>) -> Self {
        Self::mail(mail)
    }
}

impl Exchange for Send<'_> {
    /// # Errors
    /// [`Error::InvalidArgument`], [`Error::MessageTooLarge`], [`Error::ExtensionMissing`],
    /// [`Error::ServerLimit`]: nothing is sent.
    fn encode(&mut self, out: &mut Encoder<'_>, extensions: &Extensions) -> Result<(), Error> {
        self.prepare(extensions, out.history())?;
        self.write_envelope(extensions, out);
        let is_short = |octets: &[u8]| octets.len() <= CHUNK;
        if self.can_go_ahead() && self.mail.message.as_bytes().is_some_and(is_short) {
            self.fill_body(out);
        }
        Ok(())
    }

    fn on_reply(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<Progress, Error> {
        self.listen(reply, out).inspect_err(|_| self.is_astray = true)
    }

    fn fill(&mut self, out: &mut Encoder<'_>) -> Result<(), Error> {
        let is_awaited = self.step == Step::Content || self.company == Company::Ahead;
        if is_awaited && self.failure.is_none() {
            self.fill_body(out);
        }
        Ok(())
    }

    fn lent(&self, left: usize) -> &[u8] {
        self.body.as_ref().map_or(&[], |body| body.lent(&self.mail.message, left))
    }

    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Encoder<'_>,
    ) -> Poll<Result<(), Error>> {
        let Some(body) = self.body.as_mut() else { return Poll::Ready(Ok(())) };
        match ready!(body.poll(&mut self.mail.message, cx, out)) {
            Ok(commands) => {
                self.queued(commands, out);
                Poll::Ready(Ok(()))
            }
            Err(fault) => Poll::Ready(self.break_off(fault, out)),
        }
    }

    /// Unknown is a message whose end was handed to the transport and that was neither refused nor
    /// answered. A server that takes its leave instead of an answer takes no message any more.
    fn interrupted(&mut self, cause: Error, sent: usize) -> Error {
        let is_sent = self.body.as_ref().is_some_and(Body::is_ended)
            && sent.saturating_add(usize::from(self.is_astray)) >= self.remaining();
        if is_sent && self.failure.is_none() && !matches!(cause, Error::Body { .. }) {
            let recipients = self.unknown();
            return Error::DeliveryUnknown { cause: Box::new(cause), recipients };
        }
        cause
    }
}

impl Command for Send<'_> {
    type Output = Sent;

    /// # Errors
    /// [`Error::SenderRefused`], [`Error::RecipientsRefused`] (each with its reply) or
    /// [`Error::DataRefused`], and [`Error::Body`] for a message that could not be read; the session stays
    /// usable.
    fn finish(self) -> Result<Sent, Error> {
        match (self.failure, self.accepted) {
            (Some(failure), _) => Err(failure),
            (None, Some(reply)) => Ok(Sent::new(self.recipients, reply)),
            (None, None) => Err(Error::Busy),
        }
    }
}
