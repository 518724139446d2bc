//! Response codes.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU32;

use xoauth_sasl::Mask;

use super::status::shown;
use super::uidplus::ranges;
use super::{Capabilities, Flag, ObjectId, Octets, Uid};
use crate::parse::{Code, Text};

/// What a status means to a program, RFC 9051 7.1, with the codes of IANA's list of IMAP response codes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseCode {
    /// ALERT: the text must be shown to the user.
    Alert,
    /// ALREADYEXISTS: what should be made exists.
    AlreadyExists,
    /// APPENDUID: what APPEND stored (RFC 4315).
    AppendUid {
        /// The mailbox's unique identifier validity value.
        uid_validity: NonZeroU32,
        /// The new messages: ranges, both ends included.
        uids: Vec<(Uid, Uid)>,
    },
    /// AUTHENTICATIONFAILED: the credentials were refused.
    AuthenticationFailed,
    /// AUTHORIZATIONFAILED: the user may not act as the one asked for.
    AuthorizationFailed,
    /// BADCHARSET, with the charsets the server knows, as it wrote them.
    BadCharset(String),
    /// CANNOT: never allowed.
    Cannot,
    /// CAPABILITY.
    Capability(Capabilities),
    /// CLIENTBUG: the server thinks the client broke the protocol.
    ClientBug,
    /// CLOSED: the mailbox selected before is closed (RFC 7162).
    Closed,
    /// CONTACTADMIN: only the administrator can help.
    ContactAdmin,
    /// COPYUID: what COPY or MOVE stored (RFC 4315). The `n`th number of `source` became the `n`th of
    /// `destination`.
    CopyUid {
        /// The destination's unique identifier validity value.
        uid_validity: NonZeroU32,
        /// The messages copied: ranges, both ends included.
        source: Vec<(Uid, Uid)>,
        /// Their copies: ranges, both ends included.
        destination: Vec<(Uid, Uid)>,
    },
    /// CORRUPTION: the server's data are damaged.
    Corruption,
    /// EXPIRED: the credentials are too old.
    Expired,
    /// EXPUNGEISSUED: another session removed messages.
    ExpungeIssued,
    /// HASCHILDREN: the mailbox has children and cannot be deleted.
    HasChildren,
    /// HIGHESTMODSEQ (RFC 7162).
    HighestModSeq(u64),
    /// INUSE: another session holds a lock.
    InUse,
    /// LIMIT: a limit of the server was passed.
    Limit,
    /// NOMODSEQ: the mailbox has no modification sequences (RFC 7162).
    NoModSeq,
    /// NONEXISTENT: the mailbox does not exist.
    NonExistent,
    /// NOPERM: access control forbids it.
    NoPerm,
    /// OVERQUOTA: the user's quota is used up.
    OverQuota,
    /// PARSE: a message could not be parsed.
    Parse,
    /// PERMANENTFLAGS: the flags STORE can change for good.
    PermanentFlags(Vec<Flag>),
    /// PRIVACYREQUIRED: only with TLS.
    PrivacyRequired,
    /// READ-ONLY.
    ReadOnly,
    /// READ-WRITE.
    ReadWrite,
    /// REFERRAL, with its URL (RFC 2221); it is never followed.
    Referral(String),
    /// SERVERBUG: the server found a fault of its own.
    ServerBug,
    /// TRYCREATE: CREATE the mailbox, then try again.
    TryCreate,
    /// UIDNEXT: the next unique identifier that may be given out.
    UidNext(NonZeroU32),
    /// UIDNOTSTICKY: unique identifiers do not last (RFC 4315).
    UidNotSticky,
    /// UIDVALIDITY: the unique identifier validity value.
    UidValidity(NonZeroU32),
    /// UNAVAILABLE: a part of the server is down for a while.
    Unavailable,
    /// UNKNOWN-CTE: the server cannot decode a body part.
    UnknownCte,
    /// UNSEEN: the first message without \Seen (RFC 3501).
    Unseen(u32),
    /// BADCOMPARATOR: no comparator of those asked for is known (RFC 5255).
    BadComparator,
    /// COMPRESSIONACTIVE: the connection is compressed already (RFC 4978).
    CompressionActive,
    /// NOTIFICATIONOVERFLOW: too much happened to be told; NOTIFY is off again (RFC 5465).
    NotificationOverflow,
    /// NOTSAVED: the search result that `$` names was not kept (RFC 5182).
    NotSaved,
    /// TEMPFAIL: what should be converted could not be for now (RFC 5259).
    TempFail,
    /// TOOBIG: the message is larger than the server takes (RFC 4469, RFC 7889).
    TooBig,
    /// UIDREQUIRED: sequence numbers are not taken here (RFC 9586).
    UidRequired,
    /// USEATTR: the special use cannot be given (RFC 6154).
    UseAttr,
    /// ANNOTATE or ANNOTATIONS, with what stands behind it (RFC 5257).
    Annotate(String),
    /// BADEVENT, with the events the server knows (RFC 5465).
    BadEvent(String),
    /// BADURL, with the URL (RFC 4469).
    BadUrl(String),
    /// INPROGRESS: how far a command has come (RFC 9585).
    InProgress {
        /// The tag of the command.
        tag: Option<Octets>,
        /// What was done so far.
        progress: Option<u32>,
        /// What there is to do.
        goal: Option<u32>,
    },
    /// MAILBOXID: what the mailbox is known by for ever (RFC 8474).
    MailboxId(ObjectId),
    /// MESSAGELIMIT: the command ended early (RFC 9738).
    MessageLimit {
        /// How many messages the server takes in one command.
        limit: u32,
        /// The lowest of the messages it did.
        lowest_done: Option<Uid>,
    },
    /// MAXCONVERTMESSAGES: CONVERT takes so many messages (RFC 5259).
    MaxConvertMessages(u32),
    /// MAXCONVERTPARTS: CONVERT takes so many body parts (RFC 5259).
    MaxConvertParts(u32),
    /// METADATA LONGENTRIES: an entry was left out, and is so many octets long (RFC 5464).
    MetadataLongEntries(u32),
    /// METADATA MAXSIZE: an entry is longer than so many octets (RFC 5464).
    MetadataMaxSize(u32),
    /// METADATA TOOMANY: there are too many entries (RFC 5464).
    MetadataTooMany,
    /// METADATA NOPRIVATE: private entries are not kept (RFC 5464).
    MetadataNoPrivate,
    /// MODIFIED: messages that STORE left alone, for they had changed: ranges, both ends included (RFC 7162).
    Modified(Vec<(NonZeroU32, NonZeroU32)>),
    /// NEWNAME, with the old and the new name of a mailbox (RFC 2060; obsolete).
    NewName(String),
    /// NOUPDATE, with the tag of the search that is not kept up to date (RFC 5267).
    NoUpdate(Octets),
    /// UNDEFINED-FILTER, with its name (RFC 5466).
    UndefinedFilter(String),
    /// URLMECH, with the mechanisms for URLs that authorise (RFC 4467).
    UrlMech(String),
    /// Any other code, and one whose arguments break the grammar.
    Other {
        /// Its name.
        name: String,
        /// What stands behind the name.
        rest: String,
    },
}

impl ResponseCode {
    /// An owned copy; texts of the server are masked and escaped.
    pub(super) fn new(code: &Code<'_>, mask: &Mask) -> Self {
        match *code {
            Code::Alert => Self::Alert,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::AppendUid { uid_validity, uids } => {
                Self::AppendUid { uid_validity, uids: ranges(uids) }
            }
            Code::AuthenticationFailed => Self::AuthenticationFailed,
            Code::AuthorizationFailed => Self::AuthorizationFailed,
            Code::BadCharset(charsets) => Self::BadCharset(shown(charsets, mask)),
            Code::Cannot => Self::Cannot,
            Code::Capability(list) => Self::Capability(Capabilities::from(&list)),
            Code::ClientBug => Self::ClientBug,
            Code::Closed => Self::Closed,
            Code::ContactAdmin => Self::ContactAdmin,
            Code::CopyUid { uid_validity, source, destination } => Self::CopyUid {
                uid_validity,
                source: ranges(source),
                destination: ranges(destination),
            },
            Code::Corruption => Self::Corruption,
            Code::Expired => Self::Expired,
            Code::ExpungeIssued => Self::ExpungeIssued,
            Code::HasChildren => Self::HasChildren,
            Code::HighestModSeq(number) => Self::HighestModSeq(number),
            Code::InUse => Self::InUse,
            Code::Limit => Self::Limit,
            Code::NoModSeq => Self::NoModSeq,
            Code::NonExistent => Self::NonExistent,
            Code::NoPerm => Self::NoPerm,
            Code::OverQuota => Self::OverQuota,
            Code::Parse => Self::Parse,
            Code::PermanentFlags(flags) => Self::PermanentFlags(flags.to_vec()),
            Code::PrivacyRequired => Self::PrivacyRequired,
            Code::ReadOnly => Self::ReadOnly,
            Code::ReadWrite => Self::ReadWrite,
            Code::Referral(url) => Self::Referral(shown(url, mask)),
            Code::ServerBug => Self::ServerBug,
            Code::TryCreate => Self::TryCreate,
            Code::UidNext(number) => Self::UidNext(number),
            Code::UidNotSticky => Self::UidNotSticky,
            Code::UidValidity(number) => Self::UidValidity(number),
            Code::Unavailable => Self::Unavailable,
            Code::UnknownCte => Self::UnknownCte,
            Code::Unseen(number) => Self::Unseen(number),
            Code::BadComparator => Self::BadComparator,
            Code::CompressionActive => Self::CompressionActive,
            Code::NotificationOverflow => Self::NotificationOverflow,
            Code::NotSaved => Self::NotSaved,
            Code::TempFail => Self::TempFail,
            Code::TooBig => Self::TooBig,
            Code::UidRequired => Self::UidRequired,
            Code::UseAttr => Self::UseAttr,
            Code::Annotate(rest) => Self::Annotate(shown(rest, mask)),
            Code::BadEvent(rest) => Self::BadEvent(shown(rest, mask)),
            Code::BadUrl(rest) => Self::BadUrl(shown(rest, mask)),
            Code::InProgress { tag, progress, goal } => {
                Self::InProgress { tag: tag.and_then(Text::to_octets), progress, goal }
            }
            Code::MailboxId(id) => match ObjectId::in_parentheses(id) {
                Some(id) => Self::MailboxId(id),
                None => Self::Other { name: "MAILBOXID".into(), rest: shown(id, mask) },
            },
            Code::MessageLimit { limit, lowest_done } => {
                Self::MessageLimit { limit, lowest_done: lowest_done.map(Uid::from) }
            }
            Code::MaxConvertMessages(number) => Self::MaxConvertMessages(number),
            Code::MaxConvertParts(number) => Self::MaxConvertParts(number),
            Code::MetadataLongEntries(octets) => Self::MetadataLongEntries(octets),
            Code::MetadataMaxSize(octets) => Self::MetadataMaxSize(octets),
            Code::MetadataTooMany => Self::MetadataTooMany,
            Code::MetadataNoPrivate => Self::MetadataNoPrivate,
            Code::Modified(set) => Self::Modified(set.ranges().collect()),
            Code::NewName(rest) => Self::NewName(shown(rest, mask)),
            Code::NoUpdate(tag) => Self::NoUpdate(tag.to_vec().into()),
            Code::UndefinedFilter(rest) => Self::UndefinedFilter(shown(rest, mask)),
            Code::UrlMech(rest) => Self::UrlMech(shown(rest, mask)),
            Code::Other { name, rest } => {
                Self::Other { name: shown(name, mask), rest: shown(rest, mask) }
            }
        }
    }

    /// The code's name as it is on the wire.
    pub fn name(&self) -> &str {
        match self {
            Self::Alert => "ALERT",
            Self::AlreadyExists => "ALREADYEXISTS",
            Self::AppendUid { .. } => "APPENDUID",
            Self::AuthenticationFailed => "AUTHENTICATIONFAILED",
            Self::AuthorizationFailed => "AUTHORIZATIONFAILED",
            Self::BadCharset(_) => "BADCHARSET",
            Self::Cannot => "CANNOT",
            Self::Capability(_) => "CAPABILITY",
            Self::ClientBug => "CLIENTBUG",
            Self::Closed => "CLOSED",
            Self::ContactAdmin => "CONTACTADMIN",
            Self::CopyUid { .. } => "COPYUID",
            Self::Corruption => "CORRUPTION",
            Self::Expired => "EXPIRED",
            Self::ExpungeIssued => "EXPUNGEISSUED",
            Self::HasChildren => "HASCHILDREN",
            Self::HighestModSeq(_) => "HIGHESTMODSEQ",
            Self::InUse => "INUSE",
            Self::Limit => "LIMIT",
            Self::NoModSeq => "NOMODSEQ",
            Self::NonExistent => "NONEXISTENT",
            Self::NoPerm => "NOPERM",
            Self::OverQuota => "OVERQUOTA",
            Self::Parse => "PARSE",
            Self::PermanentFlags(_) => "PERMANENTFLAGS",
            Self::PrivacyRequired => "PRIVACYREQUIRED",
            Self::ReadOnly => "READ-ONLY",
            Self::ReadWrite => "READ-WRITE",
            Self::Referral(_) => "REFERRAL",
            Self::ServerBug => "SERVERBUG",
            Self::TryCreate => "TRYCREATE",
            Self::UidNext(_) => "UIDNEXT",
            Self::UidNotSticky => "UIDNOTSTICKY",
            Self::UidValidity(_) => "UIDVALIDITY",
            Self::Unavailable => "UNAVAILABLE",
            Self::UnknownCte => "UNKNOWN-CTE",
            Self::Unseen(_) => "UNSEEN",
            Self::BadComparator => "BADCOMPARATOR",
            Self::CompressionActive => "COMPRESSIONACTIVE",
            Self::NotificationOverflow => "NOTIFICATIONOVERFLOW",
            Self::NotSaved => "NOTSAVED",
            Self::TempFail => "TEMPFAIL",
            Self::TooBig => "TOOBIG",
            Self::UidRequired => "UIDREQUIRED",
            Self::UseAttr => "USEATTR",
            Self::Annotate(_) => "ANNOTATE",
            Self::BadEvent(_) => "BADEVENT",
            Self::BadUrl(_) => "BADURL",
            Self::InProgress { .. } => "INPROGRESS",
            Self::MailboxId(_) => "MAILBOXID",
            Self::MessageLimit { .. } => "MESSAGELIMIT",
            Self::MaxConvertMessages(_) => "MAXCONVERTMESSAGES",
            Self::MaxConvertParts(_) => "MAXCONVERTPARTS",
            Self::MetadataLongEntries(_) => "METADATA LONGENTRIES",
            Self::MetadataMaxSize(_) => "METADATA MAXSIZE",
            Self::MetadataTooMany => "METADATA TOOMANY",
            Self::MetadataNoPrivate => "METADATA NOPRIVATE",
            Self::Modified(_) => "MODIFIED",
            Self::NewName(_) => "NEWNAME",
            Self::NoUpdate(_) => "NOUPDATE",
            Self::UndefinedFilter(_) => "UNDEFINED-FILTER",
            Self::UrlMech(_) => "URLMECH",
            Self::Other { name, .. } => name,
        }
    }
}

impl fmt::Display for ResponseCode {
    /// The name, and the server's words where the code has any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::BadCharset(rest)
            | Self::Referral(rest)
            | Self::Annotate(rest)
            | Self::BadEvent(rest)
            | Self::BadUrl(rest)
            | Self::NewName(rest)
            | Self::UndefinedFilter(rest)
            | Self::UrlMech(rest)
            | Self::Other { rest, .. }
                if !rest.is_empty() =>
            {
                write!(f, " {rest}")
            }
            _ => Ok(()),
        }
    }
}
