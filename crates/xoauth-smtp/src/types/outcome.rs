//! What became of a message.

use alloc::vec::Vec;

use super::{Address, ReplyText};

/// A message that the server accepted for at least one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    recipients: Vec<RecipientOutcome>,
    reply: ReplyText,
}

/// What the server said about one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecipientOutcome {
    /// The recipient.
    pub address: Address,
    /// The reply to its RCPT.
    pub reply: ReplyText,
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

    /// The reply to the message; most servers name it in their queue here.
    pub fn reply(&self) -> &ReplyText {
        &self.reply
    }
}

impl RecipientOutcome {
    pub(crate) fn new(address: Address, reply: ReplyText) -> Self {
        Self { address, reply }
    }

    /// The server takes messages for this recipient.
    pub fn is_accepted(&self) -> bool {
        self.reply.code.is_mail_action_done()
    }
}
