//! Where a server does something else than the table expects, with the server's own reason.
//!
//! A difference holds only while the server's words are these: one that passes, or fails otherwise,
//! fails the run.

use crate::attempt::Form;
use crate::cases::Case;
use crate::cell::Cell;

/// A known difference.
#[derive(Debug)]
pub(crate) struct Difference {
    server: &'static str,
    protocol: &'static str,
    holds: fn(&Cell) -> bool,
    /// What has to stand in what was found.
    pub(crate) words: &'static str,
    pub(crate) reason: &'static str,
}

/// The known difference of a cell.
pub(crate) fn of(cell: &Cell) -> Option<&'static Difference> {
    DIFFERENCES.iter().find(|difference| {
        cell.peer.server.starts_with(difference.server)
            && cell.peer.protocol() == difference.protocol
            && (difference.holds)(cell)
    })
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        server: "twisted",
        protocol: "imap",
        holds: |cell| cell.form == Form::Inline,
        words: "BAD Illegal syntax: Too many arguments for command: b'[secret]",
        reason: "Twisted does not offer SASL-IR; forced, it echoes the credentials, which are masked",
    },
    Difference {
        server: "twisted",
        protocol: "imap",
        holds: |cell| cell.case == Case::ServiceDown,
        words: "NO Authentication failed: unauthorized",
        reason: "Twisted has no answer that means a temporary failure",
    },
    Difference {
        server: "dovecot",
        protocol: "imap",
        holds: |cell| is_longer(cell, 2000),
        words: "server closed the connection",
        reason: "Dovecot takes 8,188 octets of a client's message, and closes the connection beyond; its log says \
                 `Authentication response too large`",
    },
    Difference {
        server: "dovecot",
        protocol: "smtp",
        holds: |cell| is_longer(cell, 2000),
        words: "500 5.5.2 Line too long",
        reason: "Dovecot submission takes 8,192 octets of a client's message",
    },
    Difference {
        server: "exim",
        protocol: "smtp",
        holds: |cell| cell.peer.server == "exim" && cell.case == Case::ServiceDown,
        words: "535 Incorrect authentication data",
        reason: "Exim takes a temporary failure that its authentication service tells for a refusal",
    },
    Difference {
        server: "postfix",
        protocol: "smtp",
        holds: |cell| cell.peer.server == "postfix" && cell.case == Case::ServiceDown,
        words: "535 5.7.8 Error: authentication failed: (reason unavailable)",
        reason: "Postfix takes a temporary failure that its authentication service tells for a refusal",
    },
    Difference {
        server: "aiosmtpd",
        protocol: "smtp",
        holds: |cell| is_longer(cell, if cell.kind.is_signed() { 100 } else { 600 }),
        words: "500 Error: (ValueError) Separator is found, but chunk is longer than limit",
        reason: "aiosmtpd takes 1,000 octets of a client's message",
    },
];

/// A token of more octets than these.
fn is_longer(cell: &Cell, octets: usize) -> bool {
    matches!(cell.case, Case::Token(length) if length > octets)
}
