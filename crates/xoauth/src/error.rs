//! The one error type of the sessions.

use std::fmt;
use std::io;
use std::sync::Arc;

use xoauth_sasl::wire::TransportFault as Fault;

/// What went wrong with a connection or a session.
///
/// The protocol crates' errors are carried whole; the predicates see through them.
///
/// ```
/// # use xoauth::Error;
/// # #[cfg(all(feature = "imap", feature = "smtp"))]
/// fn what_to_do(error: &Error) -> &'static str {
///     match error {
///         // What was sent last may have been delivered: look it up before it is sent again.
///         error if error.is_delivery_unknown() => "ask a person",
///         error if error.is_transient() => "try again later",
///         error if error.needs_new_token() => "sign in again",
///         Error::Imap(xoauth::imap::Error::Refused { command, .. }) if *command == "SELECT" => "no such mailbox",
///         Error::Smtp(xoauth::smtp::Error::MessageTooLarge { .. }) => "send less",
///         error if error.is_fatal() => "give up",
///         _ => "go on in the same session",
///     }
/// }
/// # #[cfg(all(feature = "imap", feature = "smtp"))]
/// # assert_eq!(what_to_do(&Error::Ended), "give up");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Not a host name or address: it includes a port, or is a URL. Nothing was dialled.
    Host {
        /// What it is.
        host: String,
    },
    /// No connection: the name has no address, nobody listens, or the deadline passed.
    Connect {
        /// The host that was dialled.
        host: String,
        /// The port.
        port: u16,
        /// How it failed.
        source: io::Error,
    },
    /// The server's certificate is not trusted, expired or not for this host.
    #[cfg(feature = "native-tls")]
    Certificate {
        /// The name the certificate must be for.
        host: String,
        /// What the TLS library says.
        source: native_tls::Error,
    },
    /// TLS could not be agreed on.
    #[cfg(feature = "native-tls")]
    TlsHandshake {
        /// The host at the other end.
        host: String,
        /// What the TLS library says.
        source: native_tls::Error,
    },
    /// The TLS of the program's own, which `starttls_with` asked for, could not be agreed on.
    OwnTls {
        /// The host at the other end.
        host: String,
        /// What the program says.
        source: io::Error,
    },
    /// The deadline passed during the TLS handshake.
    TlsDeadline,
    /// The TLS library of this machine cannot be used as asked.
    #[cfg(feature = "native-tls")]
    TlsSetup(native_tls::Error),
    /// Text that should name trusted roots holds no certificate.
    #[cfg(feature = "native-tls")]
    NoCertificate,
    /// The system's random source or the mechanism failed before anything was sent.
    Sasl(xoauth_sasl::Error),
    /// The source of access tokens gave none.
    Token {
        /// Why not.
        source: crate::TokenFailed,
        /// The refusal of the token before, where there was one.
        refusal: Option<Arc<Error>>,
    },
    /// The login was accepted, but the session is unusable: Exchange Online answers BAD to everything after the OK where
    /// the token's user has no such mailbox.
    #[cfg(feature = "imap")]
    NotConnected {
        /// What it answered to the first command.
        status: Box<xoauth_imap::StatusText>,
    },
    /// The header section of a message does not say who sends it, or not for certain whom it is for.
    #[cfg(feature = "mail-parser")]
    Headers {
        /// What is missing, too many or doubtful.
        reason: &'static str,
    },
    /// A session was opened again, and the unique identifiers of the mailbox mean other messages now: whatever the
    /// program knows by them is void (RFC 9051, 2.3.1.1). The session is good; the next call goes on.
    #[cfg(feature = "imap")]
    UidValidityChanged {
        /// The mailbox.
        mailbox: xoauth_imap::Mailbox,
    },
    /// A pool had no place for another connection, for as long as was to be waited. Nothing was sent.
    #[cfg(feature = "smtp")]
    PoolFull {
        /// How long was waited.
        waited: std::time::Duration,
    },
    /// The session was ended, by LOGOUT, QUIT or an earlier fault.
    Ended,
    /// The IMAP session.
    #[cfg(feature = "imap")]
    Imap(xoauth_imap::Error),
    /// The SMTP session.
    #[cfg(feature = "smtp")]
    Smtp(xoauth_smtp::Error),
}

impl Error {
    /// The session is over; only a new connection helps.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            #[cfg(feature = "imap")]
            Self::Imap(error) => error.is_fatal(),
            #[cfg(feature = "smtp")]
            Self::Smtp(error) => error.is_fatal(),
            #[cfg(feature = "imap")]
            Self::UidValidityChanged { .. } => false,
            #[cfg(feature = "smtp")]
            Self::PoolFull { .. } => false,
            Self::Sasl(_) => false,
            #[cfg(feature = "mail-parser")]
            Self::Headers { .. } => false,
            _ => true,
        }
    }

    /// The same may work later, unchanged: the server, the way to it or to the source of tokens was busy or down. Never true
    /// where a message may have been delivered.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            #[cfg(feature = "imap")]
            Self::Imap(error) => error.is_transient(),
            #[cfg(feature = "smtp")]
            Self::Smtp(error) => error.is_transient(),
            Self::Connect { .. } | Self::TlsDeadline => true,
            // A login that was refused is not tried again with the same token: providers count such.
            Self::Token { source, refusal } => {
                refusal.as_ref().is_none_or(|refusal| refusal.is_fatal())
                    && crate::login::may_come_later(&**source)
            }
            #[cfg(feature = "smtp")]
            Self::PoolFull { .. } => true,
            _ => false,
        }
    }

    /// A new access token is likely to help.
    #[must_use]
    pub fn needs_new_token(&self) -> bool {
        match self {
            #[cfg(feature = "imap")]
            Self::Imap(error) => error.needs_new_token(),
            #[cfg(feature = "smtp")]
            Self::Smtp(error) => error.needs_new_token(),
            _ => false,
        }
    }

    /// One of the [`Deadlines`](crate::Deadlines) passed: of connecting, of TLS or of an operation. After the end of a message it
    /// leaves [unknown](Error::is_delivery_unknown) whether that was accepted.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::TlsDeadline => true,
            Self::Connect { source, .. } => source.kind() == io::ErrorKind::TimedOut,
            #[cfg(feature = "imap")]
            Self::Imap(error) => {
                matches!(error, xoauth_imap::Error::Transport { fault: Fault::Deadline, .. })
            }
            #[cfg(feature = "smtp")]
            Self::Smtp(error) => {
                let cause = match error {
                    xoauth_smtp::Error::DeliveryUnknown { cause, .. } => cause,
                    error => error,
                };
                matches!(cause, xoauth_smtp::Error::Transport { fault: Fault::Deadline })
            }
            _ => false,
        }
    }

    /// A message may have been accepted or not: it must not be sent again without thought.
    #[must_use]
    pub fn is_delivery_unknown(&self) -> bool {
        match self {
            #[cfg(feature = "smtp")]
            Self::Smtp(error) => error.is_delivery_unknown(),
            _ => false,
        }
    }

    /// What is known of each recipient of a message that nobody, or perhaps somebody, got.
    #[cfg(feature = "smtp")]
    #[must_use]
    pub fn recipients(&self) -> &[xoauth_smtp::RecipientOutcome] {
        match self {
            Self::Smtp(error) => error.recipients(),
            _ => &[],
        }
    }

    /// The document with which the server explained that it refuses the login, where it sent one (RFC 7628, 3.2.2).
    #[must_use]
    pub fn challenge(&self) -> Option<&xoauth_sasl::ErrorChallenge> {
        match self {
            #[cfg(feature = "imap")]
            Self::Imap(xoauth_imap::Error::AuthenticationRefused(refused)) => {
                refused.challenge.as_ref()
            }
            #[cfg(feature = "smtp")]
            Self::Smtp(xoauth_smtp::Error::AuthenticationRefused(refused)) => {
                refused.challenge.as_ref()
            }
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { host } => {
                write!(
                    f,
                    "`{host}` is no host, expected its name or address without scheme and port"
                )
            }
            Self::Connect { host, port: 0, .. } => write!(f, "no connection to {host}"),
            Self::Connect { host, port, .. } if host.contains(':') => {
                write!(f, "no connection to [{host}]:{port}")
            }
            Self::Connect { host, port, .. } => write!(f, "no connection to {host}:{port}"),
            #[cfg(feature = "native-tls")]
            Self::Certificate { host, .. } => {
                write!(f, "certificate of {host} is not trusted")
            }
            #[cfg(feature = "native-tls")]
            Self::TlsHandshake { host, .. } => write!(f, "no TLS with {host}"),
            Self::OwnTls { host, .. } => write!(f, "no TLS with {host}"),
            Self::TlsDeadline => f.write_str("deadline passed during the TLS handshake"),
            #[cfg(feature = "native-tls")]
            Self::TlsSetup(_) => f.write_str("TLS cannot be set up"),
            #[cfg(feature = "native-tls")]
            Self::NoCertificate => f.write_str("no certificate in the text, expected PEM"),
            Self::Sasl(error) => error.fmt(f),
            Self::Token { refusal: None, .. } => f.write_str("no access token"),
            Self::Token { refusal: Some(refusal), .. } => {
                write!(f, "no new access token after a refusal: {refusal}")
            }
            #[cfg(feature = "imap")]
            Self::NotConnected { status } => {
                write!(f, "authenticated, but not connected to a mailbox: {status}")
            }
            #[cfg(feature = "mail-parser")]
            Self::Headers { reason } => write!(f, "no envelope in the header section: {reason}"),
            #[cfg(feature = "imap")]
            Self::UidValidityChanged { mailbox } => {
                write!(f, "the unique identifiers of {mailbox} mean other messages now")
            }
            #[cfg(feature = "smtp")]
            Self::PoolFull { waited } => {
                write!(f, "no place in the pool after {} seconds", waited.as_secs_f64())
            }
            Self::Ended => f.write_str("the session has ended"),
            #[cfg(feature = "imap")]
            Self::Imap(error) => error.fmt(f),
            #[cfg(feature = "smtp")]
            Self::Smtp(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect { source, .. } | Self::OwnTls { source, .. } => Some(source),
            #[cfg(feature = "native-tls")]
            Self::Certificate { source, .. } | Self::TlsHandshake { source, .. } => Some(source),
            #[cfg(feature = "native-tls")]
            Self::TlsSetup(source) => Some(source),
            Self::Sasl(error) => error.source(),
            #[cfg(feature = "imap")]
            Self::Imap(error) => error.source(),
            #[cfg(feature = "smtp")]
            Self::Smtp(error) => error.source(),
            Self::Token { source, .. } => Some(&**source),
            #[cfg(feature = "imap")]
            Self::NotConnected { .. } | Self::UidValidityChanged { .. } => None,
            #[cfg(feature = "mail-parser")]
            Self::Headers { .. } => None,
            #[cfg(feature = "native-tls")]
            Self::NoCertificate => None,
            #[cfg(feature = "smtp")]
            Self::PoolFull { .. } => None,
            Self::Host { .. } | Self::TlsDeadline | Self::Ended => None,
        }
    }
}

#[cfg(feature = "imap")]
impl From<xoauth_imap::Error> for Error {
    fn from(error: xoauth_imap::Error) -> Self {
        Self::Imap(error)
    }
}

#[cfg(feature = "smtp")]
impl From<xoauth_smtp::Error> for Error {
    fn from(error: xoauth_smtp::Error) -> Self {
        Self::Smtp(error)
    }
}

impl From<xoauth_sasl::Error> for Error {
    fn from(error: xoauth_sasl::Error) -> Self {
        Self::Sasl(error)
    }
}
