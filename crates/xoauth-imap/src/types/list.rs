//! Mailboxes as LIST and STATUS tell them.

use alloc::string::String;
use core::num::NonZeroU32;

use super::Mailbox;
use crate::parse::{ListRef, MailboxStatusRef};

/// The character between the levels of a mailbox name, RFC 9051 5.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Delimiter(char);

impl Delimiter {
    /// The character.
    pub fn as_char(self) -> char {
        self.0
    }
}

impl From<char> for Delimiter {
    fn from(delimiter: char) -> Self {
        Self(delimiter)
    }
}

/// One mailbox of a LIST or LSUB response, RFC 9051 7.3.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// With a space behind each.
    attributes: String,
    delimiter: Option<Delimiter>,
    mailbox: Mailbox,
}

impl ListEntry {
    /// The mailbox.
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// The hierarchy delimiter; `None` where there is no hierarchy.
    pub fn delimiter(&self) -> Option<Delimiter> {
        self.delimiter
    }

    /// The attributes as the server wrote them: `\HasNoChildren`.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.split_terminator(' ')
    }

    /// The mailbox has the attribute, its backslash included; upper and lower case mean the same.
    pub fn has_attribute(&self, attribute: &str) -> bool {
        self.attributes().any(|known| known.eq_ignore_ascii_case(attribute))
    }

    /// SELECT can open it: it has neither `\Noselect` nor `\NonExistent`.
    pub fn is_selectable(&self) -> bool {
        !self.has_attribute("\\Noselect") && !self.has_attribute("\\NonExistent")
    }
}

impl From<&ListRef<'_>> for ListEntry {
    fn from(entry: &ListRef<'_>) -> Self {
        let mut attributes = String::new();
        for attribute in entry.attributes() {
            attributes.push_str(&String::from_utf8_lossy(attribute));
            attributes.push(' ');
        }
        let delimiter = String::from_utf8_lossy(&entry.delimiter.cow()).chars().next();
        Self {
            attributes,
            delimiter: delimiter.map(Delimiter),
            mailbox: Mailbox::from(entry.mailbox),
        }
    }
}

/// What STATUS tells of a mailbox, RFC 9051 7.3.4. What was not told is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StatusItems {
    /// MESSAGES: how many messages there are.
    pub messages: Option<u32>,
    /// RECENT: how many have the \Recent flag (RFC 3501).
    pub recent: Option<u32>,
    /// UIDNEXT: the next unique identifier that may be given out.
    pub uid_next: Option<NonZeroU32>,
    /// UIDVALIDITY: the unique identifier validity value.
    pub uid_validity: Option<NonZeroU32>,
    /// UNSEEN: how many lack the \Seen flag.
    pub unseen: Option<u32>,
    /// DELETED: how many have the \Deleted flag.
    pub deleted: Option<u32>,
    /// SIZE: octets of all messages.
    pub size: Option<u64>,
    /// HIGHESTMODSEQ: the highest modification sequence (RFC 7162).
    pub highest_mod_seq: Option<u64>,
}

/// A STATUS response.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailboxStatus {
    /// The mailbox.
    pub mailbox: Mailbox,
    /// What was told of it.
    pub items: StatusItems,
}

impl From<&MailboxStatusRef<'_>> for MailboxStatus {
    fn from(status: &MailboxStatusRef<'_>) -> Self {
        Self { mailbox: Mailbox::from(status.mailbox), items: status.items }
    }
}
