//! Rights: ACL (RFC 4314).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{Mailbox, Octets};

/// `rights`, RFC 4314 2.1: what somebody may do with a mailbox, a letter each.
///
/// RFC 2086 had `c` and `d` for what are several rights now. A server that tells so (`RIGHTS=` among its
/// capabilities) sends them beside those, and they mean nothing (RFC 4314, 2.1.1): GETACL, LISTRIGHTS, MYRIGHTS and LIST
/// leave them out, for with `d` given back to SETACL who may delete could expunge.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Rights(String);

impl Rights {
    /// `l`: sees the mailbox in LIST.
    pub const LOOKUP: char = 'l';
    /// `r`: selects it and reads its messages.
    pub const READ: char = 'r';
    /// `s`: keeps \Seen.
    pub const SEEN: char = 's';
    /// `w`: changes flags other than \Seen and \Deleted.
    pub const WRITE: char = 'w';
    /// `i`: stores and copies messages into it.
    pub const INSERT: char = 'i';
    /// `p`: sends mail to its address.
    pub const POST: char = 'p';
    /// `k`: makes mailboxes below it.
    pub const CREATE: char = 'k';
    /// `x`: removes and renames it.
    pub const DELETE_MAILBOX: char = 'x';
    /// `t`: changes \Deleted.
    pub const DELETE_MESSAGES: char = 't';
    /// `e`: expunges.
    pub const EXPUNGE: char = 'e';
    /// `a`: changes who may do what.
    pub const ADMINISTER: char = 'a';

    /// Rights as they are written: lower case letters and digits, each once.
    ///
    /// `None` for anything else.
    pub fn new(letters: &str) -> Option<Self> {
        let mut seen = Self::default();
        for letter in letters.chars() {
            if !(letter.is_ascii_lowercase() || letter.is_ascii_digit()) || seen.has(letter) {
                return None;
            }
            seen.0.push(letter);
        }
        Some(seen)
    }

    /// As a server wrote them: what is no right is left out.
    pub(crate) fn from_wire(octets: &[u8]) -> Self {
        let mut rights = Self::default();
        for &octet in octets {
            let letter = char::from(octet);
            if letter.is_ascii_alphanumeric() && !rights.has(letter) {
                rights.0.push(letter);
            }
        }
        rights
    }

    /// Those that mean something to a server; `with_virtual` says that it tells others beside them.
    pub(crate) fn real(&self, with_virtual: bool) -> Self {
        let is_real = |right: &char| !with_virtual || !matches!(right, 'c' | 'd');
        Self(self.0.chars().filter(is_real).collect())
    }

    /// The right is among them.
    pub fn has(&self, right: char) -> bool {
        self.0.contains(right)
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rights({})", self.0)
    }
}

/// Who may do what with a mailbox: an ACL response, RFC 4314 3.6.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessList {
    /// The mailbox.
    pub mailbox: Mailbox,
    /// Who, and their rights. A name that begins with `-` is denied them.
    pub entries: Vec<(Octets, Rights)>,
}

/// The rights one can be given in a mailbox: a LISTRIGHTS response, RFC 4314 3.7.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RightsChoice {
    /// The mailbox.
    pub mailbox: Mailbox,
    /// Who.
    pub identifier: Octets,
    /// Rights they always have.
    pub required: Rights,
    /// Rights they can be given; those of one entry only together.
    pub optional: Vec<Rights>,
}

/// What the user may do with a mailbox: a MYRIGHTS response, RFC 4314 3.8.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailboxRights {
    /// The mailbox.
    pub mailbox: Mailbox,
    /// The user's rights.
    pub rights: Rights,
}
