//! What is heard of a mail transaction, and what it means.

use alloc::string::String;
use alloc::vec::Vec;

use super::body::Body;
use super::needs::Method;
use super::{Company, Protocol, Step, Submit};
use crate::error::Error;
use crate::parse::Reply;
use crate::proto::{Encoder, Place, Progress};
use crate::types::{Delivery, Recipient, RecipientOutcome, ReplyText, Stage};

/// So many octets are kept of what a server says of the recipients of a message; behind that, the first line of each reply.
const KEPT: usize = 256 * 1024;

impl Submit<'_> {
    /// What is kept of a reply for one of the recipients.
    fn keep(&mut self, mut reply: ReplyText) -> ReplyText {
        self.kept += reply.lines.iter().map(String::len).sum::<usize>();
        if self.kept > KEPT && reply.lines.len() > 1 {
            reply.lines = reply.lines.drain(..1).collect();
        }
        reply
    }

    /// Hears the next reply.
    pub(super) fn listen(
        &mut self,
        reply: &Reply<'_>,
        out: &mut Encoder<'_>,
    ) -> Result<Progress, Error> {
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
        if let Some(address) = self.mail.envelope.to.get(index).map(|to| to.address.clone()) {
            let reply = self.keep(reply.to_text());
            let delivery = match code.is_refusal() {
                false => Delivery::Accepted(reply),
                true => Delivery::Refused { stage: Stage::Recipient, reply },
            };
            self.recipients.push(RecipientOutcome::new(address, delivery));
        }
        let next = index + 1;
        if next < self.mail.envelope.to.len() {
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

    pub(super) fn accepted_recipients(&self) -> usize {
        self.recipients.iter().filter(|one| one.is_accepted()).count()
    }

    /// Remembers why the message is not delivered, and takes back what was not written.
    pub(super) fn fail(&mut self, failure: Error, out: &mut Encoder<'_>) {
        self.failure.get_or_insert(failure);
        // Behind the answer to its end nothing of it is unwritten.
        let is_answered = self.unanswered == 0 && self.body.as_ref().is_some_and(Body::is_ended);
        if self.company == Company::Ahead || is_answered {
            // What was not written may be another's.
            return;
        }
        let dropped = out.drop_unwritten();
        if let Some(body) = self.body.as_mut().filter(|_| dropped > 0) {
            body.take_back_end();
        }
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
            // The lone dot is for a message without recipients: these would get an empty one.
            (354, Some(_)) if self.accepted_recipients() > 0 => {
                return Err(Error::unexpected("a refusal to DATA behind a refused sender", reply));
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
            one.delivery = Delivery::Refused { stage, reply: self.keep(reply.clone()) };
        }
        self.fail(Error::DataRefused { stage, reply, recipients }, out);
    }

    /// The server may take the message although it refused it. RFC 5321 3.3 and RFC 3030 2 leave it no way to; one
    /// that takes recipients behind a refused MAIL has another transaction open, which they join.
    pub(super) fn is_doubtful(&self) -> bool {
        matches!(self.failure, Some(Error::SenderRefused { .. })) && self.accepted_recipients() > 0
    }

    /// The message may have been taken although it was refused: what is known is what was said of each recipient.
    pub(super) fn doubt(&mut self) {
        let Some(Error::DataRefused { recipients, .. }) = self.failure.take() else { return };
        self.recipients = recipients;
        for one in &mut self.recipients {
            if matches!(one.delivery, Delivery::Refused { stage: Stage::Content, .. }) {
                one.delivery = Delivery::Unknown;
            }
        }
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
            // Whatever became of what was sent behind a refusal, unless the server took it all the same.
            let is_for_nobody = matches!(self.failure, Some(Error::RecipientsRefused { .. }));
            if is_end && !code.is_refusal() && !is_for_nobody {
                self.doubt();
                return Err(Error::unexpected("a refusal of a message refused before", reply));
            }
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
        let text = self.keep(reply.to_text());
        let behind = self.recipients.iter_mut().enumerate().skip(from);
        if let Some((index, one)) = behind.into_iter().find(|(_, one)| one.is_accepted()) {
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

    /// Replies still to come, by our own count.
    pub(super) fn remaining(&self) -> usize {
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
    pub(super) fn unknown(&self) -> Vec<RecipientOutcome> {
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
}
