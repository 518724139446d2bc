//! A message with its envelope.

use super::{Envelope, Message, Recipient, ReversePath};
use crate::error::InvalidArgument;

/// One message to be sent: an envelope, and the message in it.
///
/// [`exchange::Submit`](crate::exchange::Submit) sends one.
///
/// ```
/// use xoauth_smtp::{Envelope, Mail, Message};
///
/// let simple = Mail::new("a@example.org", ["b@example.net"], "Subject: hi\r\n\r\nhello\r\n");
/// let file = &b"Subject: hi\n\nhello\n"[..];
/// let envelope = Envelope::new("a@example.org", ["b@example.net"]).require_tls();
/// let other = Mail::with(envelope, Message::from_source(file).normalise_line_ends());
/// # let _ = (simple, other);
/// ```
#[derive(Debug)]
pub struct Mail<'a> {
    pub(crate) envelope: Envelope,
    pub(crate) message: Message<'a>,
    pub(crate) transfer: Transfer,
}

/// By which command a message travels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transfer {
    /// BDAT where the server offers CHUNKING and PIPELINING, so that envelope and message travel together,
    /// and where the message needs it; DATA otherwise.
    #[default]
    Automatic,
    /// DATA (RFC 5321 4.1.1.4): every server has it. A [binary](Message::binary) message, which DATA cannot carry,
    /// travels by BDAT all the same.
    Data,
    /// BDAT (RFC 3030 2), which CHUNKING offers: no octet is changed on the way.
    Bdat,
}

impl<'a> Mail<'a> {
    /// `message` from one sender to any number of recipients, as [`Envelope::new`] takes them.
    pub fn new<F, T, I>(from: F, to: I, message: impl Into<Message<'a>>) -> Self
    where
        F: TryInto<ReversePath, Error: Into<InvalidArgument>>,
        T: TryInto<Recipient, Error: Into<InvalidArgument>>,
        I: IntoIterator<Item = T>,
    {
        Self::with(Envelope::new(from, to), message)
    }

    /// A message in an envelope that asks for more.
    pub fn with(envelope: Envelope, message: impl Into<Message<'a>>) -> Self {
        Self { envelope, message: message.into(), transfer: Transfer::default() }
    }

    /// By which command the message travels.
    #[must_use]
    pub fn transfer(mut self, transfer: Transfer) -> Self {
        self.transfer = transfer;
        self
    }

    /// Whom it is from and for.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The message.
    pub fn message(&self) -> &Message<'a> {
        &self.message
    }
}
