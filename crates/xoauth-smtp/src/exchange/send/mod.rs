//! One mail transaction: MAIL, RCPT, and the message by DATA or BDAT (RFC 5321 3.3, RFC 3030).
//!
//! All commands are queued at once; the machine sends them in one write where the server offers PIPELINING
//! (RFC 2920) and one by one where it does not. Replies come in the same order either way:
//!
//! ```text
//! Mail -> Recipient(0) -> .. -> Recipient(n - 1) -> Data -> Content -> over
//!                                                -> Content (BDAT) -> over
//!   refused: what was not written is dropped, what was written is heard to its end
//!   354 although nobody was accepted: a lone dot, which ends an empty message (RFC 2920 3.1)
//!   354 and recipients although the sender was refused: the session ends before the message
//!   a transaction left open, a chunk refused or not sent: RSET -> over (RFC 3030 2)
//!   LMTP: a reply for each accepted recipient ends Content (RFC 2033 4.2)
//! ```
//!
//! A small message travels in chunks behind its envelope, before the replies to it are heard; a large one,
//! and any by LMTP, when somebody is to get it.

mod among;
mod body;
mod needs;
mod replies;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::task::{Context, Poll, ready};

use self::body::{Body, CHUNK};
use self::needs::{Method, Needs, rcpt};
use crate::error::{ContentFault, Error, InvalidArgument};
use crate::parse::Reply;
use crate::proto::{Command, Encoder, Exchange, History, Place, Progress};
use crate::types::{
    Extensions, Mail, Message, Recipient, RecipientOutcome, ReplyText, ReversePath, Sent,
};

/// Sends one message to one or more recipients.
///
/// The message goes to every recipient the server accepts; [`Sent`] tells them apart. Where nothing was
/// sent (the sender, all recipients or the message was refused) the transaction is closed and the session
/// stays usable. Where the server refuses to close it, for which RFC 5321 4.1.1.5 knows no answer, the session ends.
///
/// Arguments are checked before anything is sent: addresses, line ends of the message, its size against the
/// server's limit, and the extensions that message and envelope need.
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Submit<'a> {
    mail: Mail<'a>,
    protocol: Protocol,
    method: Method,
    step: Step,
    body: Option<Body>,
    /// Replies still to come to the commands that carry the message.
    unanswered: usize,
    /// What became of each recipient so far.
    recipients: Vec<RecipientOutcome>,
    /// Octets of what was said of them.
    kept: usize,
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

impl<'a> Submit<'a> {
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
            kept: 0,
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

    /// The transaction would swallow the next one.
    pub(super) fn leaves_transaction_open(&self) -> bool {
        let Some(failure) = &self.failure else { return false };
        // Another transaction was open, and would refuse every sender to come (RFC 5321 4.1.4).
        if matches!(failure, Error::SenderRefused { reply } if reply.code.get() == 503) {
            return self.step != Step::Reset;
        }
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

    /// Closes a transaction that is left open, once everything was heard.
    fn close(&mut self, out: &mut Encoder<'_>) {
        if self.company == Company::Alone && out.awaited() == 0 && self.leaves_transaction_open() {
            out.text("RSET");
            out.end_line(Place::Last);
            self.step = Step::Reset;
        }
    }

    /// The message ends before its end.
    fn break_off(&mut self, fault: ContentFault, out: &mut Encoder<'_>) -> Result<(), Error> {
        if self.method == Method::Data {
            return Err(Error::Content { fault, ended: true });
        }
        self.fail(Error::Content { fault, ended: false }, out);
        self.close(out);
        Ok(())
    }
}

impl<'a> From<Mail<'a>> for Submit<'a> {
    fn from(mail: Mail<'a>) -> Self {
        Self::mail(mail)
    }
}

impl Exchange for Submit<'_> {
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
        // How many answers the last chunk gets by LMTP is known only where those before it were taken.
        let waits = self.protocol == Protocol::Lmtp && self.unanswered > 0;
        if is_awaited && !waits && self.failure.is_none() {
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
    ///
    /// A message that was refused is refused, whatever happens to the connection behind that; unless the server went
    /// on as if it were not.
    fn interrupted(&mut self, cause: Error, sent: usize) -> Error {
        // 421 answers the command the server is at, and says that it does none of those behind it (RFC 5321
        // 3.8): no message without an answer was taken, whatever the transport did with its end.
        let takes_leave = cause.last_words().is_some_and(|reply| reply.code.get() == 421);
        let sent = if takes_leave { 0 } else { sent };
        let is_sent = self.body.as_ref().is_some_and(Body::is_ended)
            && sent.saturating_add(usize::from(self.is_astray)) >= self.remaining();
        if is_sent && self.is_doubtful() {
            self.doubt();
        }
        if let Some(failure) = self.failure.take() {
            return failure;
        }
        // By LMTP some have it already, whatever the server says of those that come next.
        let is_accepted = self.accepted.is_some();
        if (is_sent || is_accepted) && !matches!(cause, Error::Content { .. }) {
            let recipients = self.unknown();
            return Error::DeliveryUnknown { cause: Box::new(cause), recipients };
        }
        cause
    }
}

impl Command for Submit<'_> {
    type Output = Sent;

    /// # Errors
    /// [`Error::SenderRefused`], [`Error::RecipientsRefused`] (each with its reply) or
    /// [`Error::DataRefused`], and [`Error::Content`] for a message that could not be read; the session stays
    /// usable.
    fn finish(self) -> Result<Sent, Error> {
        match (self.failure, self.accepted) {
            (Some(failure), _) => Err(failure),
            (None, Some(reply)) => Ok(Sent::new(self.recipients, reply)),
            (None, None) => Err(Error::Busy),
        }
    }
}
