//! What a server tells without being asked.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::num::NonZeroU32;

use xoauth_sasl::Mask;

use super::{
    AccessList, Capabilities, Flag, Identity, ListEntry, Mailbox, MailboxRights, MailboxStatus,
    Message, Metadata, Namespaces, Octets, OtherItem, Quota, QuotaRoots, RightsChoice, SeqNo,
    StatusText, Threads, Uid,
};
use crate::parse::{EsearchRef, Response, SetRef};

/// A response that no command claimed: news, or an answer nobody asked for (RFC 9051, 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The number of messages in the mailbox.
    Exists(u32),
    /// The number of messages with the \Recent flag (RFC 3501).
    Recent(u32),
    /// A message is gone, and all behind it move up by one.
    Expunge(SeqNo),
    /// Data of a message: mostly flags that another session changed.
    Fetch(Box<Message>),
    /// The flags defined in the mailbox.
    Flags(Vec<Flag>),
    /// A mailbox.
    List(ListEntry),
    /// A mailbox the user is subscribed to (RFC 3501).
    Lsub(ListEntry),
    /// Numbers of a mailbox.
    MailboxStatus(MailboxStatus),
    /// A note or a warning; [`StatusText::alert`] must be shown to the user.
    Status(StatusText),
    /// What the server can do.
    Capability(Capabilities),
    /// Extensions that are enabled.
    Enabled(Capabilities),
    /// Numbers of messages found.
    Search(Vec<u32>),
    /// Numbers of messages found, in the form of RFC 4731.
    Esearch(Esearch),
    /// NAMESPACE: the prefixes of personal, other users' and shared mailboxes.
    Namespace(Box<Namespaces>),
    /// What the server says of itself.
    Id(Identity),
    /// Where the same messages are available by JMAP (RFC 9698).
    JmapAccess(Octets),
    /// Who may do what with a mailbox (RFC 4314).
    AccessList(AccessList),
    /// What one can be allowed in a mailbox (RFC 4314).
    RightsChoice(RightsChoice),
    /// What the user may do with a mailbox (RFC 4314).
    MyRights(MailboxRights),
    /// Messages are gone (RFC 7162). With QRESYNC it takes the place of `Expunge`.
    Vanished {
        /// They went before the mailbox was selected, and are not counted any more.
        earlier: bool,
        /// Their unique identifiers: ranges, both ends included.
        uids: Vec<(Uid, Uid)>,
    },
    /// Numbers of messages found, in an order (RFC 5256).
    Sort(Vec<u32>),
    /// Messages found, in conversations (RFC 5256).
    Thread(Threads<NonZeroU32>),
    /// What a quota root allows (RFC 9208).
    Quota(Quota),
    /// Which quota roots a mailbox has (RFC 9208).
    QuotaRoots(QuotaRoots),
    /// What is noted beside a mailbox, or which notes changed (RFC 5464).
    Metadata(Metadata),
    /// Any other response, and one whose data breaks the grammar.
    Other {
        /// Its name, empty where it has none.
        name: String,
        /// All that stands behind the `*` and its space.
        octets: Octets,
    },
}

/// What a search found, RFC 9051 7.3.4 (RFC 4731). What was not told is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Esearch {
    /// The tag of the command it answers.
    pub tag: Option<Octets>,
    /// The mailbox that was searched, where several are (MULTISEARCH, RFC 7377).
    pub mailbox: Option<Mailbox>,
    /// The unique identifier validity value of that mailbox.
    pub uid_validity: Option<NonZeroU32>,
    /// The numbers are unique identifiers.
    pub uid: bool,
    /// The lowest number.
    pub min: Option<NonZeroU32>,
    /// The highest number.
    pub max: Option<NonZeroU32>,
    /// How many there are.
    pub count: Option<u32>,
    /// All numbers: ranges, both ends included.
    pub all: Option<Vec<(NonZeroU32, NonZeroU32)>>,
    /// The highest modification sequence among them.
    pub mod_seq: Option<u64>,
    /// A part of the numbers (RFC 9394).
    pub partial: Option<EsearchPart>,
    /// What else was told, say `ADDTO` and `REMOVEFROM` of a search that is kept up to date (RFC 5267) or
    /// `RELEVANCY` (RFC 6203).
    pub others: Vec<OtherItem>,
}

/// A part of what was found, RFC 9394 3.1.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EsearchPart {
    /// Which part: places counted from 1, or from the end with -1.
    pub places: (i64, i64),
    /// The numbers in it: ranges, both ends included.
    pub numbers: Vec<(NonZeroU32, NonZeroU32)>,
}

impl EsearchRef<'_> {
    /// An owned copy; the secrets that `mask` knows are replaced in what has no field.
    pub fn to_esearch(&self, mask: &Mask) -> Esearch {
        let EsearchRef { tag, mailbox, uid_validity, uid, min, max, count, .. } = *self;
        let EsearchRef { all, mod_seq, partial, .. } = *self;
        let others = self.others().map(|(name, octets)| OtherItem {
            name: String::from_utf8_lossy(name).into_owned(),
            octets: Octets::masked(octets, Some(mask)),
        });
        Esearch {
            tag: tag.and_then(|tag| tag.to_octets()),
            mailbox: mailbox.map(Mailbox::from),
            uid_validity,
            uid,
            min,
            max,
            count,
            all: all.map(SetRef::to_vec),
            mod_seq,
            partial: partial.map(|part| {
                let numbers = part.numbers.map(SetRef::to_vec).unwrap_or_default();
                EsearchPart { places: part.places, numbers }
            }),
            others: others.collect(),
        }
    }
}

impl Response<'_> {
    /// An owned copy; the secrets that `mask` knows are replaced in the texts of statuses and in what is not
    /// typed or breaks its grammar.
    pub fn to_event(&self, mask: &Mask) -> Event {
        match self {
            Self::Status(status) | Self::Tagged { status, .. } => {
                Event::Status(status.to_owned_masked(mask))
            }
            Self::Capability(list) => Event::Capability(list.into()),
            Self::Enabled(list) => Event::Enabled(list.into()),
            Self::Flags(flags) => Event::Flags(flags.to_vec()),
            Self::List(entry) => Event::List(entry.into()),
            Self::Lsub(entry) => Event::Lsub(entry.into()),
            Self::MailboxStatus(status) => Event::MailboxStatus(status.into()),
            Self::Search(found) => Event::Search(found.iter().collect()),
            Self::Esearch(found) => Event::Esearch(found.to_esearch(mask)),
            Self::Exists(number) => Event::Exists(*number),
            Self::Recent(number) => Event::Recent(*number),
            Self::Expunge(number) => Event::Expunge(*number),
            Self::Fetch(fetch) => {
                Event::Fetch(Box::new(fetch.to_message_masked(&mut [], Some(mask))))
            }
            Self::Namespace(told) => Event::Namespace(told.clone()),
            Self::Id(told) => Event::Id(Identity::clone(told)),
            Self::JmapAccess(url) => Event::JmapAccess(Octets::masked(&url.cow(), Some(mask))),
            Self::Sort(found) => Event::Sort(found.iter().collect()),
            Self::Thread(found) => Event::Thread(Threads::clone(found)),
            Self::Quota(told) => Event::Quota(Quota::clone(told)),
            Self::QuotaRoots(told) => Event::QuotaRoots(QuotaRoots::clone(told)),
            Self::Metadata(told) => Event::Metadata(Metadata::clone(told)),
            Self::AccessList(told) => Event::AccessList(AccessList::clone(told)),
            Self::RightsChoice(told) => Event::RightsChoice(RightsChoice::clone(told)),
            Self::MyRights(told) => Event::MyRights(MailboxRights::clone(told)),
            Self::Vanished(gone) => {
                Event::Vanished { earlier: gone.earlier, uids: gone.set.to_vec() }
            }
            Self::Continuation { text } => {
                Event::Other { name: "+".into(), octets: (*text).into() }
            }
            Self::Other { name, octets } => Event::Other {
                name: String::from_utf8_lossy(name).into_owned(),
                octets: Octets::masked(octets, Some(mask)),
            },
        }
    }
}
