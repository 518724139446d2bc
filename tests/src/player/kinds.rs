//! The one table from the libraries' errors to the kind words of the attack corpus.

use xoauth::Error;
use xoauth::imap::{Error as Imap, TransportFault};
use xoauth::smtp::Error as Smtp;

/// The kind word of an error.
pub(crate) fn word(error: &Error) -> &'static str {
    match error {
        Error::Connect { source, .. } if source.kind() == std::io::ErrorKind::TimedOut => "timeout",
        Error::Connect { .. } => "io",
        Error::Certificate { .. } => "certificate",
        Error::TlsHandshake { .. } | Error::OwnTls { .. } | Error::TlsSetup(_) => "tls-handshake",
        Error::TlsDeadline => "timeout",
        Error::Sasl(_) | Error::NoCertificate | Error::Host { .. } => "invalid-argument",
        Error::Ended => "closed",
        Error::Imap(error) => imap(error),
        Error::Smtp(error) => smtp(error),
        _ => "io",
    }
}

fn imap(error: &Imap) -> &'static str {
    match error {
        Imap::Transport { fault, .. } => transport(fault),
        Imap::Refused { .. } => "server-no",
        Imap::AuthenticationRefused(_) => "auth-rejected",
        Imap::MechanismUnavailable { .. } => "mechanism-unavailable",
        Imap::TlsUnavailable { .. } => "tls-unavailable",
        Imap::Bye { .. } | Imap::Expired { .. } | Imap::IdleTimeout { .. } => "server-bye",
        Imap::Malformed { .. } | Imap::NotTolerated { .. } => "malformed-response",
        Imap::Unexpected { .. } | Imap::MissingData { .. } => "unexpected-response",
        Imap::UnsolicitedTagged { .. } => "unsolicited-tagged",
        Imap::PlaintextAfterStartTls { .. } => "plaintext-after-starttls",
        Imap::Limit { .. } => "limit",
        Imap::InvalidArgument { .. }
        | Imap::InvalidNumbers(_)
        | Imap::Unsupported { .. }
        | Imap::NotSelected { .. }
        | Imap::AlreadyAuthenticated
        | Imap::AlreadyCompressed
        | Imap::CapabilitiesUnknown
        | Imap::Content { .. }
        | Imap::Sasl(_)
        | Imap::Busy => "invalid-argument",
        _ => "io",
    }
}

fn smtp(error: &Smtp) -> &'static str {
    match error {
        Smtp::Transport { fault, .. } => transport(fault),
        Smtp::DeliveryUnknown { .. } => "delivery-unknown",
        // 221 is the answer to QUIT alone; only 421 may end a session by itself (RFC 5321 3.8).
        Smtp::ServerClosing { reply } if reply.code.get() == 221 => "unexpected-response",
        Smtp::ServerClosing { .. } | Smtp::Expired { .. } | Smtp::IdleTimeout { .. } => {
            "server-bye"
        }
        Smtp::GreetingRefused { .. }
        | Smtp::Refused { .. }
        | Smtp::SenderRefused { .. }
        | Smtp::DataRefused { .. } => "server-rejected",
        Smtp::RecipientsRefused { .. } => "recipients-rejected",
        Smtp::AuthenticationRefused(_) => "auth-rejected",
        Smtp::MechanismUnavailable { .. } => "mechanism-unavailable",
        Smtp::TlsUnavailable { .. } => "tls-unavailable",
        Smtp::Malformed { .. } => "malformed-response",
        Smtp::Unexpected { .. } => "unexpected-response",
        Smtp::UnsolicitedReply { .. } => "unsolicited-reply",
        Smtp::PlaintextAfterStartTls { .. } => "plaintext-after-starttls",
        Smtp::Limit { .. } => "limit",
        // What this server does not take is refused before anything of it is sent: no reply rejected it.
        Smtp::InvalidArgument(_)
        | Smtp::ExtensionMissing { .. }
        | Smtp::MessageTooLarge { .. }
        | Smtp::ServerLimit { .. }
        | Smtp::Content { .. }
        | Smtp::Sasl(_)
        | Smtp::Busy => "invalid-argument",
        Smtp::Ended => "closed",
        _ => "io",
    }
}

fn transport(fault: &TransportFault) -> &'static str {
    match fault {
        TransportFault::Closed | TransportFault::Truncated => "closed",
        TransportFault::Deadline => "timeout",
        _ => "io",
    }
}
