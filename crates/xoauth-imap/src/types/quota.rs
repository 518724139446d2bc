//! Quotas (RFC 9208) and metadata (RFC 5464).

use alloc::string::String;
use alloc::vec::Vec;

use super::{Mailbox, Octets};

/// What a quota root allows, RFC 9208 4.2.1.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quota {
    /// The name of the quota root; mostly empty, or the user's name.
    pub root: Octets,
    /// What is limited.
    pub resources: Vec<QuotaResource>,
}

/// One limited resource.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuotaResource {
    /// What it is.
    pub kind: ResourceKind,
    /// How much is used.
    pub usage: u64,
    /// How much there is.
    pub limit: u64,
}

/// `resource-name`, RFC 9208 5.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResourceKind {
    /// STORAGE: messages, in units of 1024 octets.
    Storage,
    /// MESSAGE: how many messages.
    Message,
    /// MAILBOX: how many mailboxes.
    Mailbox,
    /// ANNOTATION-STORAGE: annotations, in units of 1024 octets.
    AnnotationStorage,
    /// Another, by its name.
    Other(String),
}

impl ResourceKind {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Storage => "STORAGE",
            Self::Message => "MESSAGE",
            Self::Mailbox => "MAILBOX",
            Self::AnnotationStorage => "ANNOTATION-STORAGE",
            Self::Other(name) => name,
        }
    }

    pub(crate) fn from_wire(name: &[u8]) -> Self {
        let known = [Self::Storage, Self::Message, Self::Mailbox, Self::AnnotationStorage];
        let named = |kind: &Self| kind.as_str().as_bytes().eq_ignore_ascii_case(name);
        let other = || Self::Other(String::from_utf8_lossy(name).into_owned());
        known.into_iter().find(named).unwrap_or_else(other)
    }
}

/// Which quota roots a mailbox has, RFC 9208 4.2.2.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuotaRoots {
    /// The mailbox.
    pub mailbox: Mailbox,
    /// The names of its roots.
    pub roots: Vec<Octets>,
}

/// What is noted beside a mailbox, or beside the server where the name is empty: RFC 5464 4.4.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The mailbox; empty for the server.
    pub mailbox: Mailbox,
    /// Entries and their values; `None` where there is none.
    pub entries: Vec<(Octets, Option<Octets>)>,
    /// Entries that changed, told unasked without their values.
    pub changed: Vec<Octets>,
}

impl Metadata {
    /// The value of an entry: `get("/private/comment")`.
    pub fn get(&self, entry: &str) -> Option<&Octets> {
        let named = |name: &Octets| name.eq_ignore_ascii_case(entry.as_bytes());
        self.entries.iter().find(|(name, _)| named(name))?.1.as_ref()
    }
}
