//! Errors, grouped by whose fault they are.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use xoauth_sasl::wire::{ArgumentFault, Excerpt, Farewell, InvalidArgument, TransportFault};
use xoauth_sasl::{CancelReason, ErrorChallenge};

use crate::parse::FaultKind;
use crate::proto::LimitKind;
use crate::types::{ResponseCode, SetError, StatusText};

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
        /// A literal was under way: octets announced and octets received.
        literal: Option<(u64, u64)>,
    },
    /// The server answered NO or BAD; the session stays usable.
    Refused {
        /// The command that was refused.
        command: &'static str,
        /// The server's answer.
        status: Box<StatusText>,
    },
    /// The server refused the credentials; the connection takes another attempt.
    AuthenticationRefused(Box<AuthenticationRefused>),
    /// The server does not offer the mechanism; nothing was sent.
    MechanismUnavailable {
        /// The mechanism that was asked for.
        mechanism: String,
        /// The mechanisms the server offers: the first 32, escaped and bounded.
        offered: Vec<String>,
    },
    /// TLS was asked for and cannot be had: not offered, refused, or the session began authenticated.
    TlsUnavailable {
        /// Why.
        reason: &'static str,
        /// The server's refusal, where it was asked.
        status: Option<Box<StatusText>>,
    },
    /// The server ended the session with BYE (RFC 9051, 7.1.5), for another reason than the next two.
    Bye {
        /// What it said.
        status: Box<StatusText>,
    },
    /// The server ended the session with BYE because the access token expired; a session with a new one goes on.
    Expired {
        /// What it said.
        status: Box<StatusText>,
    },
    /// The server ended the session with BYE because nothing was said for too long (RFC 9051, 5.4).
    IdleTimeout {
        /// What it said.
        status: Box<StatusText>,
    },
    /// The server sent what the grammar does not allow.
    Malformed {
        /// What was expected there.
        expected: &'static str,
        /// What stood there.
        octets: Excerpt,
    },
    /// The server has a fault that does no harm, and the session was told to
    /// [refuse](crate::Faults::Refuse) such.
    NotTolerated {
        /// What was wrong.
        fault: FaultKind,
        /// What stood there.
        octets: Excerpt,
    },
    /// The server sent what the grammar allows, in a place where it means nothing.
    Unexpected {
        /// What was expected there.
        expected: &'static str,
        /// What stood there.
        octets: Excerpt,
    },
    /// A tagged line that answers no command in flight.
    UnsolicitedTagged {
        /// The line.
        octets: Excerpt,
    },
    /// Octets stood behind the answer to STARTTLS, in the clear: somebody injects (RFC 9051, 11.1).
    PlaintextAfterStartTls {
        /// The first of them.
        octets: Excerpt,
    },
    /// The server said OK and left out what the command requires.
    MissingData {
        /// The command.
        command: &'static str,
        /// What is missing.
        missing: &'static str,
    },
    /// The server passed one of the session's [`Limits`](crate::Limits).
    Limit {
        /// Which.
        kind: LimitKind,
    },
    /// An argument cannot be sent; nothing was.
    InvalidArgument(InvalidArgument),
    /// Text that should name messages does not; nothing was sent.
    InvalidNumbers(SetError),
    /// The server does not offer what the command needs; nothing was sent. To try all the same, see
    /// [`Command::even_if_unlisted`](crate::proto::Command::even_if_unlisted).
    Unsupported {
        /// The command.
        command: &'static str,
        /// The capability that is missing.
        capability: Cow<'static, str>,
    },
    /// The command is about the selected mailbox, and none is; nothing was sent.
    NotSelected {
        /// The command.
        command: &'static str,
    },
    /// The command depends on what the server can do, which must be asked for first; nothing was sent.
    CapabilitiesUnknown,
    /// The content of a literal that was begun could not be had, so that the command cannot be ended.
    Content {
        /// Why not.
        reason: &'static str,
        /// The error of its source.
        source: Option<Arc<dyn core::error::Error + Send + Sync>>,
    },
    /// The session is authenticated already, by its greeting (PREAUTH) or an earlier login; nothing was sent.
    AlreadyAuthenticated,
    /// The session is compressed already; nothing was sent.
    AlreadyCompressed,
    /// The mechanism could not make its message; nothing was sent.
    Sasl(xoauth_sasl::Error),
    /// A flight is under way; its end must be heard before another begins.
    Busy,
}

/// Why a server did not let us in: the decoded error challenge and the final answer together.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthenticationRefused {
    /// The mechanism that was used.
    pub mechanism: String,
    /// The server's error document, where it sent one (RFC 7628, 3.2.2).
    pub challenge: Option<ErrorChallenge>,
    /// We cancelled the exchange, for this reason.
    pub cancelled: Option<CancelReason>,
    /// The tagged NO or BAD.
    pub status: StatusText,
}

impl Error {
    /// An argument that is not one of those expected, whatever its letters.
    pub(crate) fn unfit(argument: &'static str, text: &str, expected: &'static str) -> Self {
        InvalidArgument::new(argument, text, ArgumentFault::unfit(expected)).into()
    }

    /// The session is over; only a new connection helps.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Transport { .. }
            | Self::Bye { .. }
            | Self::Expired { .. }
            | Self::IdleTimeout { .. }
            | Self::Malformed { .. }
            | Self::NotTolerated { .. }
            | Self::Unexpected { .. }
            | Self::UnsolicitedTagged { .. }
            | Self::PlaintextAfterStartTls { .. }
            | Self::Content { .. }
            | Self::Limit { .. } => true,
            Self::Refused { .. }
            | Self::AuthenticationRefused(_)
            | Self::MechanismUnavailable { .. }
            | Self::TlsUnavailable { .. }
            | Self::MissingData { .. }
            | Self::InvalidArgument(_)
            | Self::InvalidNumbers(_)
            | Self::Unsupported { .. }
            | Self::NotSelected { .. }
            | Self::CapabilitiesUnknown
            | Self::AlreadyAuthenticated
            | Self::AlreadyCompressed
            | Self::Sasl(_)
            | Self::Busy => false,
        }
    }

    /// The same may work later, unchanged: the server or the way to it was busy or down.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::Bye { .. } | Self::IdleTimeout { .. } => true,
            Self::Refused { status, .. } => status.is_transient(),
            Self::AuthenticationRefused(refused) => refused.is_transient(),
            _ => false,
        }
    }

    /// A new access token is likely to help: the server refused this one, or ended the session because it
    /// expired. Never true after BAD, which means our syntax, or after a temporary failure.
    #[must_use]
    pub fn needs_new_token(&self) -> bool {
        match self {
            Self::Expired { .. } => true,
            Self::AuthenticationRefused(refused) => refused.needs_new_token(),
            _ => false,
        }
    }

    /// The error for a BYE nobody asked for. RFC 5530 has the code EXPIRED; what else servers say is in
    /// [`Farewell`].
    pub(crate) fn bye(status: StatusText) -> Self {
        let farewell = match status.code {
            Some(ResponseCode::Expired) => Farewell::Expired,
            _ => Farewell::of(status.text()),
        };
        let status = Box::new(status);
        match farewell {
            Farewell::Expired => Self::Expired { status },
            Farewell::Idle => Self::IdleTimeout { status },
            _ => Self::Bye { status },
        }
    }
}

impl AuthenticationRefused {
    /// `NO [UNAVAILABLE]` and its like: the judge was down, the credentials were not judged.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.status.is_transient()
    }

    /// The credentials themselves were refused: NO without a code, or with AUTHENTICATIONFAILED, EXPIRED or
    /// one that says nothing about it (RFC 5530, 3), unless the server's document means something else
    /// ([`ErrorChallenge::may_mean_token`]).
    #[must_use]
    pub fn needs_new_token(&self) -> bool {
        self.status.is_no()
            && self.cancelled.is_none()
            && self.status.may_mean_token()
            && self.challenge.as_ref().is_none_or(ErrorChallenge::may_mean_token)
    }
}

impl StatusText {
    /// NO with a code that says the trouble passes: UNAVAILABLE, INUSE, LIMIT (RFC 5530, 3).
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.is_no()
            && matches!(
                self.code,
                Some(ResponseCode::Unavailable | ResponseCode::InUse | ResponseCode::Limit)
            )
    }

    /// The code leaves it possible that the token was refused.
    fn may_mean_token(&self) -> bool {
        !self.is_transient()
            && !matches!(
                self.code,
                Some(
                    ResponseCode::AuthorizationFailed
                        | ResponseCode::ContactAdmin
                        | ResponseCode::PrivacyRequired
                        | ResponseCode::NoPerm
                        | ResponseCode::Cannot
                        | ResponseCode::ClientBug
                        | ResponseCode::ServerBug
                        | ResponseCode::Corruption
                        | ResponseCode::OverQuota
                )
            )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport { fault, literal: None } => write!(f, "{fault}"),
            Self::Transport { fault, literal: Some((announced, received)) } => {
                write!(f, "{fault} inside a literal: announced {announced}, received {received}")
            }
            Self::Refused { command, status } => write!(f, "{command} refused: {status}"),
            Self::AuthenticationRefused(refused) => refused.fmt(f),
            Self::MechanismUnavailable { mechanism, offered } => {
                write!(f, "server does not offer {mechanism}")?;
                if offered.is_empty() {
                    f.write_str(", nor any other mechanism")
                } else {
                    write!(f, ", only {}", offered.join(", "))
                }
            }
            Self::TlsUnavailable { reason, status: None } => write!(f, "no TLS: {reason}"),
            Self::TlsUnavailable { reason, status: Some(status) } => {
                write!(f, "no TLS: {reason}: {status}")
            }
            Self::Bye { status } => write!(f, "server ended the session: {}", status.text()),
            Self::Expired { status } => {
                write!(f, "server ended the session, the access token expired: {}", status.text())
            }
            Self::IdleTimeout { status } => {
                write!(f, "server ended the session after a time of silence: {}", status.text())
            }
            Self::Malformed { expected, octets } => {
                write!(f, "malformed response: expected {expected}, found '{octets}'")
            }
            Self::NotTolerated { fault, octets } => {
                write!(f, "response with {fault}: '{octets}'")
            }
            Self::Unexpected { expected, octets } => {
                write!(f, "unexpected response: expected {expected}, found '{octets}'")
            }
            Self::UnsolicitedTagged { octets } => {
                write!(f, "tagged response to no command: '{octets}'")
            }
            Self::PlaintextAfterStartTls { octets } => {
                write!(f, "octets in the clear behind the answer to STARTTLS, first '{octets}'")
            }
            Self::MissingData { command, missing } => {
                write!(f, "{command} answered OK without {missing}")
            }
            Self::Limit { kind } => write!(f, "server passed the limit of {kind}"),
            Self::InvalidArgument(invalid) => invalid.fmt(f),
            Self::InvalidNumbers(error) => write!(f, "invalid message numbers: {error}"),
            Self::Unsupported { command, capability } => {
                write!(f, "{command} needs {capability}, which the server does not offer")
            }
            Self::NotSelected { command } => write!(f, "{command} needs a selected mailbox"),
            Self::CapabilitiesUnknown => {
                f.write_str("capabilities are not known, expected CAPABILITY first")
            }
            Self::AlreadyAuthenticated => {
                f.write_str("the session is authenticated already, expected no login")
            }
            Self::AlreadyCompressed => {
                f.write_str("the session is compressed already, expected no COMPRESS")
            }
            Self::Content { reason, .. } => write!(f, "content cannot be sent: {reason}"),
            Self::Sasl(error) => write!(f, "{error}"),
            Self::Busy => f.write_str("another command is under way"),
        }
    }
}

impl fmt::Display for AuthenticationRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} refused: {}", self.mechanism, self.status)?;
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
            Self::Transport { fault, .. } => fault.source(),
            Self::Content { source: Some(source), .. } => Some(&**source),
            _ => None,
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
