//! What STATUS asks for and tells.

use core::num::NonZeroU32;

use super::{Mailbox, ObjectId};
use crate::parse::MailboxStatusRef;

/// `status-att`, RFC 9051 6.3.11: what STATUS can tell of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatusItem {
    /// How many messages there are.
    Messages,
    /// How many have the \Recent flag (RFC 3501).
    Recent,
    /// The next unique identifier that may be given out.
    UidNext,
    /// The unique identifier validity value.
    UidValidity,
    /// How many lack the \Seen flag.
    Unseen,
    /// How many have the \Deleted flag (IMAP4rev2, or QUOTA: RFC 9208 4.1.4).
    Deleted,
    /// Octets of all messages (STATUS=SIZE, RFC 8438).
    Size,
    /// The highest modification sequence (CONDSTORE, RFC 7162).
    HighestModSeq,
    /// The largest message that can be stored (APPENDLIMIT, RFC 7889).
    AppendLimit,
    /// What the mailbox is known by for ever (OBJECTID, RFC 8474).
    MailboxId,
    /// Octets that removing the \Deleted messages would free (QUOTA: RFC 9208 4.1.4).
    DeletedStorage,
}

impl StatusItem {
    /// The item as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "MESSAGES",
            Self::Recent => "RECENT",
            Self::UidNext => "UIDNEXT",
            Self::UidValidity => "UIDVALIDITY",
            Self::Unseen => "UNSEEN",
            Self::Deleted => "DELETED",
            Self::Size => "SIZE",
            Self::HighestModSeq => "HIGHESTMODSEQ",
            Self::AppendLimit => "APPENDLIMIT",
            Self::MailboxId => "MAILBOXID",
            Self::DeletedStorage => "DELETED-STORAGE",
        }
    }

    /// The capabilities of which a server must offer one to know it.
    pub(crate) fn capabilities(self) -> &'static [&'static str] {
        match self {
            Self::Size => &["STATUS=SIZE"],
            Self::HighestModSeq => &["CONDSTORE"],
            Self::AppendLimit => &["APPENDLIMIT"],
            Self::MailboxId => &["OBJECTID"],
            Self::Deleted => &["IMAP4REV2", "QUOTA=RES-MESSAGE"],
            Self::DeletedStorage => &["QUOTA=RES-STORAGE"],
            _ => &[],
        }
    }
}

/// The largest message a mailbox takes, RFC 7889 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendLimit {
    /// So many octets.
    Octets(u64),
    /// NIL: no limit of its own.
    Unlimited,
}

/// What STATUS tells of a mailbox, RFC 9051 7.3.4. What was not told is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
    /// APPENDLIMIT: the largest message that can be stored (RFC 7889).
    pub append_limit: Option<AppendLimit>,
    /// MAILBOXID: what the mailbox is known by for ever (RFC 8474).
    pub mailbox_id: Option<ObjectId>,
    /// DELETED-STORAGE: octets that removing the \Deleted messages would free (RFC 9208).
    pub deleted_storage: Option<u64>,
}

impl StatusItems {
    /// Takes over what `later` tells.
    pub(crate) fn merge(&mut self, later: &Self) {
        let Self {
            messages,
            recent,
            uid_next,
            uid_validity,
            unseen,
            deleted,
            size,
            highest_mod_seq,
            append_limit,
            mailbox_id,
            deleted_storage,
        } = later;
        self.messages = messages.or(self.messages);
        self.recent = recent.or(self.recent);
        self.uid_next = uid_next.or(self.uid_next);
        self.uid_validity = uid_validity.or(self.uid_validity);
        self.unseen = unseen.or(self.unseen);
        self.deleted = deleted.or(self.deleted);
        self.size = size.or(self.size);
        self.highest_mod_seq = highest_mod_seq.or(self.highest_mod_seq);
        self.append_limit = append_limit.or(self.append_limit);
        self.deleted_storage = deleted_storage.or(self.deleted_storage);
        if mailbox_id.is_some() {
            self.mailbox_id.clone_from(mailbox_id);
        }
    }
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
        Self { mailbox: status.to_mailbox(), items: status.items.clone() }
    }
}
