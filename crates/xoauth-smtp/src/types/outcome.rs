//! What became of a message.

use alloc::vec::Vec;
use core::fmt;

use super::{Address, ReplyText};

/// A message that the server accepted for at least one recipient.
///
/// A message that nobody gets is an [`Error`](crate::Error), and so is one of which nobody knows; both
/// tell the [`RecipientOutcome`]s by [`Error::recipients`](crate::Error::recipients).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    recipients: Vec<RecipientOutcome>,
    reply: ReplyText,
}

/// What became of a message for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecipientOutcome {
    /// The recipient.
    pub address: Address,
    /// What became of it.
    pub delivery: Delivery,
}

/// What became of a message, as far as one recipient is concerned. There is no fourth case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The server took the message for this recipient. The reply is that to RCPT; with LMTP it is the one
    /// that came for this recipient after the message (RFC 2033 4.2).
    Accepted(ReplyText),
    /// The server refused, so that the message does not go to this recipient.
    Refused {
        /// What was refused.
        stage: Stage,
        /// The server's reply.
        reply: ReplyText,
    },
    /// The session broke between the end of the message and its answer: it may have been accepted or not
    /// (RFC 5321 4.5.3.2.6, 6.1). Sending it again may deliver it twice.
    Unknown,
}

/// What a server refused of a message whose sender it took ([`Error::SenderRefused`](crate::Error::SenderRefused) otherwise),
/// in the order of a mail transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// RCPT: one recipient.
    Recipient,
    /// DATA: the message, before it was sent.
    Data,
    /// The message itself, after it was sent whole, or a BDAT chunk of it.
    Content,
}

impl Sent {
    pub(crate) fn new(recipients: Vec<RecipientOutcome>, reply: ReplyText) -> Self {
        Self { recipients, reply }
    }

    /// What was said about each recipient, in the order they were given.
    pub fn recipients(&self) -> &[RecipientOutcome] {
        &self.recipients
    }

    /// The recipients the server took the message for.
    pub fn accepted(&self) -> impl Iterator<Item = &RecipientOutcome> {
        self.recipients.iter().filter(|one| one.is_accepted())
    }

    /// The recipients the server refused; the message does not go to them.
    pub fn refused(&self) -> impl Iterator<Item = &RecipientOutcome> {
        self.recipients.iter().filter(|one| !one.is_accepted())
    }

    /// The reply to the message; most servers name it in their queue here. With LMTP, the first that
    /// accepts.
    pub fn reply(&self) -> &ReplyText {
        &self.reply
    }
}

impl RecipientOutcome {
    pub(crate) fn new(address: Address, delivery: Delivery) -> Self {
        Self { address, delivery }
    }

    /// The message goes to this recipient.
    pub fn is_accepted(&self) -> bool {
        matches!(self.delivery, Delivery::Accepted(_))
    }

    /// The message was refused for this recipient, and the same may work later.
    ///
    /// To RCPT that is also 552 where nothing says that a mailbox is full: RFC 821 had it for too many recipients,
    /// and clients should take it for 452 then (RFC 5321 4.5.3.1.10).
    pub fn is_transient(&self) -> bool {
        let Delivery::Refused { stage, reply } = &self.delivery else { return false };
        let too_many = *stage == Stage::Recipient
            && reply.code.get() == 552
            && reply.enhanced.is_none_or(|code| (code.subject, code.detail) == (5, 3));
        reply.code.is_transient() || too_many
    }

    /// What the server said of this recipient, or of what refused the message for all of them.
    pub fn reply(&self) -> Option<&ReplyText> {
        match &self.delivery {
            Delivery::Accepted(reply) | Delivery::Refused { reply, .. } => Some(reply),
            Delivery::Unknown => None,
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(reply) => write!(f, "accepted: {reply}"),
            Self::Refused { stage, reply } => write!(f, "{stage} refused: {reply}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recipient => "recipient",
            Self::Data => "data",
            Self::Content => "message",
        })
    }
}
