//! Errors, grouped by whose fault they are.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use xoauth_sasl::wire::{Excerpt, Farewell, SourceFault, TransportFault};
use xoauth_sasl::{CancelReason, ErrorChallenge};

pub(crate) use xoauth_sasl::wire::ArgumentFault as Fault;
pub use xoauth_sasl::wire::InvalidArgument;

use crate::parse::Reply;
use crate::proto::LimitKind;
use crate::types::{RecipientOutcome, ReplyText, ScanFault, Stage};

/// What went wrong with a command or with the session.
///
/// [`Error::is_fatal`] tells whether the session can go on. Texts of the server are bounded, their control
/// characters escaped and our secrets in them masked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// The transport failed, a deadline passed or the peer closed its side.
    Transport {
        /// How it failed.
        fault: TransportFault,
    },
    /// The session broke after the end of the message was sent and before its answer, or the server took a message
    /// that it had refused before: it may have been accepted or not (RFC 5321 6.1). Sending it again may deliver it
    /// twice.
    DeliveryUnknown {
        /// What broke the session.
        cause: Box<Error>,
        /// What is known of each recipient: some may have been refused, or with LMTP accepted, before.
        recipients: Vec<RecipientOutcome>,
    },
    /// The message that was read while it was sent could not be sent to its end, and nobody gets it.
    Content {
        /// Why.
        fault: ContentFault,
        /// It was on its way by DATA, so that the connection had to be closed. By BDAT the server was told
        /// to forget it, and the session goes on.
        ended: bool,
    },
    /// The server ends the session: 421 at any time, or 221 without QUIT (RFC 5321 3.8), for another reason than
    /// the next two.
    ServerClosing {
        /// What it said.
        reply: ReplyText,
    },
    /// The server ends the session because the access token expired; a session with a new one goes on.
    Expired {
        /// What it said.
        reply: ReplyText,
    },
    /// The server ends the session because nothing was said for too long, or because it lasted too long.
    IdleTimeout {
        /// What it said.
        reply: ReplyText,
    },
    /// The server greeted with a refusal (RFC 5321 3.1).
    GreetingRefused {
        /// What it said.
        reply: ReplyText,
    },
    /// The server refused a command; the session stays usable.
    Refused {
        /// The command.
        command: &'static str,
        /// The server's reply.
        reply: ReplyText,
    },
    /// The server refused the sender, and with it the message.
    SenderRefused {
        /// The reply to MAIL.
        reply: ReplyText,
    },
    /// The server refused every recipient, and with them the message.
    RecipientsRefused {
        /// The reply to each RCPT, in the order of the recipients.
        recipients: Vec<RecipientOutcome>,
    },
    /// The server refused the message itself.
    DataRefused {
        /// [`Stage::Data`] before it saw the message, [`Stage::Content`] after.
        stage: Stage,
        /// The reply; with LMTP, where each recipient has one, the last of them.
        reply: ReplyText,
        /// What was said of each recipient; some may have been refused before.
        recipients: Vec<RecipientOutcome>,
    },
    /// The server refused the credentials; the connection takes another attempt.
    AuthenticationRefused(Box<AuthenticationRefused>),
    /// The server does not offer the mechanism; nothing was sent.
    MechanismUnavailable {
        /// The mechanism that was asked for.
        mechanism: String,
        /// The mechanisms the server offers.
        offered: Vec<String>,
    },
    /// TLS was asked for and cannot be had: not offered, or refused.
    TlsUnavailable {
        /// Why.
        reason: &'static str,
        /// The server's refusal, where it was asked.
        reply: Option<ReplyText>,
    },
    /// The message needs an extension that the server does not offer; nothing was sent.
    ExtensionMissing {
        /// The keyword of the extension.
        extension: String,
        /// What needs it.
        needed_for: &'static str,
    },
    /// The message is larger than the server takes (RFC 1870); nothing was sent.
    MessageTooLarge {
        /// Octets of the message.
        size: u64,
        /// Octets the server takes.
        limit: u64,
    },
    /// The server announced a limit that the message passes; nothing was sent.
    ServerLimit {
        /// The server's word for it: `RCPTMAX`, `RCPTDOMAINMAX` or `MAILMAX` of LIMITS (RFC 9422), or
        /// `DELIVERBY` for the least delivery time it takes, in seconds (RFC 2852 2).
        limit: &'static str,
        /// What the message asks for.
        asked: u64,
        /// What the server takes: at most, and of `DELIVERBY` at least.
        allowed: u64,
    },
    /// The server sent what the grammar of replies does not allow.
    Malformed {
        /// What was expected there.
        expected: &'static str,
        /// What stood there.
        octets: Excerpt,
    },
    /// The server sent a reply that does not answer the command.
    Unexpected {
        /// What was expected.
        expected: &'static str,
        /// What came.
        reply: ReplyText,
    },
    /// Octets came before the command they would answer was sent.
    UnsolicitedReply {
        /// The octets.
        octets: Excerpt,
    },
    /// Octets stood behind the answer to STARTTLS, in the clear: somebody injects (RFC 3207 4.2).
    PlaintextAfterStartTls {
        /// The first of them.
        octets: Excerpt,
    },
    /// The server passed one of the session's [`Limits`](crate::Limits).
    Limit {
        /// Which.
        kind: LimitKind,
    },
    /// An argument cannot be sent; nothing was.
    InvalidArgument(InvalidArgument),
    /// The mechanism could not make its message; nothing was sent.
    Sasl(xoauth_sasl::Error),
    /// An exchange is under way; its end must be heard before another begins.
    Busy,
    /// The session was ended, by QUIT or by STARTTLS.
    Ended,
}

/// Why a message could not be read to its end while it was sent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ContentFault {
    /// Its source failed.
    Source(SourceFault),
    /// It holds what cannot be sent, or what it was not said to hold.
    Invalid(InvalidArgument),
    /// It has another size than was said.
    Size,
}

/// Why a server did not let us in: the decoded error challenge and the final reply together.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthenticationRefused {
    /// The mechanism that was used.
    pub mechanism: String,
    /// The server's error document, where it sent one (RFC 7628 3.2.2).
    pub challenge: Option<ErrorChallenge>,
    /// We cancelled the exchange, for this reason.
    pub cancelled: Option<CancelReason>,
    /// The final reply.
    pub reply: ReplyText,
}

impl Error {
    /// The session is over; only a new connection helps.
    ///
    /// Where this says no the session goes on, with two exceptions, in which the error tells of the message: the
    /// connection broke behind a refusal, and a server that refuses RSET there leaves a transaction open that would
    /// swallow the next message. Later calls fail with what ended the session, or with [`Error::Ended`]; whether a
    /// session can be used it says itself.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Transport { .. }
            | Self::DeliveryUnknown { .. }
            | Self::ServerClosing { .. }
            | Self::Expired { .. }
            | Self::IdleTimeout { .. }
            | Self::GreetingRefused { .. }
            | Self::Malformed { .. }
            | Self::Unexpected { .. }
            | Self::UnsolicitedReply { .. }
            | Self::PlaintextAfterStartTls { .. }
            | Self::Limit { .. }
            | Self::Content { ended: true, .. }
            | Self::Ended => true,
            Self::Refused { .. }
            | Self::SenderRefused { .. }
            | Self::RecipientsRefused { .. }
            | Self::DataRefused { .. }
            | Self::AuthenticationRefused(_)
            | Self::MechanismUnavailable { .. }
            | Self::TlsUnavailable { .. }
            | Self::ExtensionMissing { .. }
            | Self::MessageTooLarge { .. }
            | Self::ServerLimit { .. }
            | Self::Content { ended: false, .. }
            | Self::InvalidArgument(_)
            | Self::Sasl(_)
            | Self::Busy => false,
        }
    }

    /// The same may work later, unchanged, for one recipient at least: the server or the way to it was busy or
    /// down. Never true where a message may have been delivered.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::ServerClosing { .. } | Self::IdleTimeout { .. } => true,
            Self::GreetingRefused { reply }
            | Self::Refused { reply, .. }
            | Self::SenderRefused { reply }
            | Self::TlsUnavailable { reply: Some(reply), .. } => reply.code.is_transient(),
            Self::RecipientsRefused { recipients } => {
                recipients.iter().any(RecipientOutcome::is_transient)
            }
            // By LMTP each has a reply of its own; and one that is to be tried later has judged no message yet.
            Self::DataRefused { reply, recipients, .. } => {
                reply.code.is_transient() || recipients.iter().any(RecipientOutcome::is_transient)
            }
            Self::AuthenticationRefused(refused) => refused.is_transient(),
            _ => false,
        }
    }

    /// A new access token is likely to help: the server judged the credentials and refused them.
    #[must_use]
    pub fn needs_new_token(&self) -> bool {
        match self {
            Self::AuthenticationRefused(refused) => refused.needs_new_token(),
            Self::Expired { .. } => true,
            _ => false,
        }
    }

    /// What is known of each recipient, where the message went so far: all of them after
    /// [`Error::RecipientsRefused`], [`Error::DataRefused`] and [`Error::DeliveryUnknown`], else none.
    #[must_use]
    pub fn recipients(&self) -> &[RecipientOutcome] {
        match self {
            Self::RecipientsRefused { recipients }
            | Self::DataRefused { recipients, .. }
            | Self::DeliveryUnknown { recipients, .. } => recipients,
            _ => &[],
        }
    }

    /// The message may have been accepted or not: it must not be sent again without thought. After every
    /// other error it was accepted for nobody.
    #[must_use]
    pub fn is_delivery_unknown(&self) -> bool {
        matches!(self, Self::DeliveryUnknown { .. })
    }

    /// The error for a server that takes leave.
    pub(crate) fn closing(reply: ReplyText) -> Self {
        match reply.farewell() {
            Farewell::Expired => Self::Expired { reply },
            Farewell::Idle => Self::IdleTimeout { reply },
            _ => Self::ServerClosing { reply },
        }
    }

    /// What the server said when it took leave.
    pub(crate) fn last_words(&self) -> Option<&ReplyText> {
        match self {
            Self::ServerClosing { reply }
            | Self::Expired { reply }
            | Self::IdleTimeout { reply } => Some(reply),
            _ => None,
        }
    }

    /// The server ended the session, or answered something else than was asked.
    pub(crate) fn unexpected(expected: &'static str, reply: &Reply<'_>) -> Self {
        let reply = reply.to_text();
        match reply.code.get() {
            221 | 421 => Self::closing(reply),
            _ => Self::Unexpected { expected, reply },
        }
    }
}

impl AuthenticationRefused {
    /// 454 and its like: the judge was down, the credentials were not judged (RFC 4954 4.7.1).
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.reply.code.is_transient()
    }

    /// The credentials were judged and refused. Other faults hide behind the same 535: Microsoft says
    /// 5.7.139 where the mailbox or tenant forbids SMTP, and a document can say so
    /// ([`ErrorChallenge::may_mean_token`]); a new token helps with neither.
    #[must_use]
    pub fn needs_new_token(&self) -> bool {
        self.reply.code.get() == 535
            && self.cancelled.is_none()
            && self.reply.enhanced.is_none_or(|code| (code.subject, code.detail) != (7, 139))
            && self.challenge.as_ref().is_none_or(ErrorChallenge::may_mean_token)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport { fault } => fault.fmt(f),
            Self::DeliveryUnknown { cause, .. } => {
                write!(f, "message sent, but nobody knows whether it was accepted: {cause}")
            }
            Self::ServerClosing { reply } => write!(f, "server ended the session: {reply}"),
            Self::Expired { reply } => {
                write!(f, "server ended the session, the access token expired: {reply}")
            }
            Self::IdleTimeout { reply } => {
                write!(f, "server ended the session after a time of silence: {reply}")
            }
            Self::GreetingRefused { reply } => write!(f, "server refused the connection: {reply}"),
            Self::Refused { command, reply } => write!(f, "{command} refused: {reply}"),
            Self::SenderRefused { reply } => write!(f, "sender refused: {reply}"),
            Self::RecipientsRefused { recipients } => show_refused(recipients, f),
            Self::DataRefused { stage: Stage::Data, reply, .. } => {
                write!(f, "message refused before it was sent: {reply}")
            }
            Self::DataRefused { reply, .. } => write!(f, "message refused: {reply}"),
            Self::Content { fault, .. } => write!(f, "message cannot be sent to its end: {fault}"),
            Self::AuthenticationRefused(refused) => refused.fmt(f),
            Self::MechanismUnavailable { mechanism, offered } => {
                write!(f, "server does not offer {mechanism}")?;
                match offered.as_slice() {
                    [] => f.write_str(", nor any other mechanism"),
                    offered => write!(f, ", only {}", offered.join(", ")),
                }
            }
            Self::TlsUnavailable { reason, reply: None } => write!(f, "no TLS: {reason}"),
            Self::TlsUnavailable { reason, reply: Some(reply) } => {
                write!(f, "no TLS: {reason}: {reply}")
            }
            Self::ExtensionMissing { extension, needed_for } => {
                write!(f, "server does not offer {extension}, needed for {needed_for}")
            }
            Self::MessageTooLarge { size, limit } => {
                write!(f, "message has {size} octets, server takes {limit}")
            }
            // The only one that names the least.
            Self::ServerLimit { limit: "DELIVERBY", asked, allowed } => write!(
                f,
                "server takes no delivery time below {allowed} seconds (DELIVERBY), the message asks for {asked}"
            ),
            Self::ServerLimit { limit, asked, allowed } => {
                write!(f, "server has a limit of {allowed} ({limit}), the message asks for {asked}")
            }
            Self::Malformed { expected, octets } => {
                write!(f, "malformed reply: expected {expected}, found '{octets}'")
            }
            Self::Unexpected { expected, reply } => {
                write!(f, "unexpected reply: expected {expected}, found '{reply}'")
            }
            Self::UnsolicitedReply { octets } => write!(f, "reply to no command: '{octets}'"),
            Self::PlaintextAfterStartTls { octets } => {
                write!(f, "octets in the clear behind the answer to STARTTLS, first '{octets}'")
            }
            Self::Limit { kind } => write!(f, "server passed the limit of {kind}"),
            Self::InvalidArgument(invalid) => invalid.fmt(f),
            Self::Sasl(error) => error.fmt(f),
            Self::Busy => f.write_str("another command is under way"),
            Self::Ended => f.write_str("the session has ended"),
        }
    }
}

/// How many refused recipients an error shows.
const SHOWN: usize = 3;

fn show_refused(recipients: &[RecipientOutcome], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("all recipients refused")?;
    for (index, one) in recipients.iter().take(SHOWN).enumerate() {
        let separator = if index == 0 { ":" } else { ";" };
        write!(f, "{separator} <{}>", one.address)?;
        if let Some(reply) = one.reply() {
            write!(f, " {reply}")?;
        }
    }
    match recipients.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(f, "; and {more} more"),
    }
}

impl fmt::Display for AuthenticationRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} refused: {}", self.mechanism, self.reply)?;
        if let Some(challenge) = &self.challenge {
            write!(f, " ({challenge})")?;
        }
        if let Some(reason) = &self.cancelled {
            write!(f, " (we cancelled: {reason})")?;
        }
        Ok(())
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Transport { fault } => fault.source(),
            Self::DeliveryUnknown { cause, .. } => cause.source(),
            Self::Content { fault: ContentFault::Source(source), .. } => Some(&**source),
            _ => None,
        }
    }
}

impl fmt::Display for ContentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(_) => f.write_str("its source failed"),
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Size => f.write_str("it has another size than was said"),
        }
    }
}

impl From<ScanFault> for ContentFault {
    fn from(fault: ScanFault) -> Self {
        match fault {
            ScanFault::Invalid(invalid) => Self::Invalid(invalid),
            ScanFault::Size => Self::Size,
        }
    }
}

impl From<InvalidArgument> for Error {
    fn from(invalid: InvalidArgument) -> Self {
        Self::InvalidArgument(invalid)
    }
}

impl From<xoauth_sasl::Error> for Error {
    fn from(error: xoauth_sasl::Error) -> Self {
        Self::Sasl(error)
    }
}
