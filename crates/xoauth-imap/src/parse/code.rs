//! Response codes.

use core::num::NonZeroU32;

use super::cursor::{Cursor, Result};
use super::list::object_id;
use super::response::CapabilitiesRef;
use super::search::nz_number;
use super::{FaultKind, FlagsRef, SetRef, Text, Tolerated};

/// `resp-text-code`, RFC 9051 7.1 and 9, with all others of IANA's list of IMAP response codes as of
/// 2024-11-26.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Code<'a> {
    /// ALERT: the text must be shown to the user.
    Alert,
    /// ALREADYEXISTS: what should be made exists.
    AlreadyExists,
    /// APPENDUID: what APPEND stored (RFC 4315).
    AppendUid {
        /// The mailbox's unique identifier validity value.
        uid_validity: NonZeroU32,
        /// The new messages.
        uids: SetRef<'a>,
    },
    /// AUTHENTICATIONFAILED: the credentials were refused.
    AuthenticationFailed,
    /// AUTHORIZATIONFAILED: the user may not act as the one asked for.
    AuthorizationFailed,
    /// BADCHARSET, with the charsets the server knows, as it wrote them.
    BadCharset(&'a [u8]),
    /// CANNOT: never allowed.
    Cannot,
    /// CAPABILITY.
    Capability(CapabilitiesRef<'a>),
    /// CLIENTBUG: the server thinks the client broke the protocol.
    ClientBug,
    /// CLOSED: the mailbox selected before is closed (RFC 7162).
    Closed,
    /// CONTACTADMIN: only the administrator can help.
    ContactAdmin,
    /// COPYUID: what COPY or MOVE stored (RFC 4315).
    CopyUid {
        /// The destination's unique identifier validity value.
        uid_validity: NonZeroU32,
        /// The messages copied.
        source: SetRef<'a>,
        /// Their copies, in the same order.
        destination: SetRef<'a>,
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
    PermanentFlags(FlagsRef<'a>),
    /// PRIVACYREQUIRED: only with TLS.
    PrivacyRequired,
    /// READ-ONLY.
    ReadOnly,
    /// READ-WRITE.
    ReadWrite,
    /// REFERRAL, with its URL (RFC 2221); it is never followed.
    Referral(&'a [u8]),
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
    Annotate(&'a [u8]),
    /// BADEVENT, with the events the server knows (RFC 5465).
    BadEvent(&'a [u8]),
    /// BADURL, with the URL (RFC 4469).
    BadUrl(&'a [u8]),
    /// INPROGRESS: how far a command has come (RFC 9585).
    InProgress {
        /// The tag of the command.
        tag: Option<Text<'a>>,
        /// What was done so far.
        progress: Option<u32>,
        /// What there is to do.
        goal: Option<u32>,
    },
    /// MAILBOXID: what the mailbox is known by for ever (RFC 8474).
    MailboxId(&'a [u8]),
    /// MESSAGELIMIT: the command ended early (RFC 9738).
    MessageLimit {
        /// How many messages the server takes in one command.
        limit: u32,
        /// The lowest of the messages it did.
        lowest_done: Option<NonZeroU32>,
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
    /// MODIFIED: messages that STORE left alone, for they had changed (RFC 7162).
    Modified(SetRef<'a>),
    /// NEWNAME, with the old and the new name of a mailbox (RFC 2060; obsolete).
    NewName(&'a [u8]),
    /// NOUPDATE, with the tag of the search that is not kept up to date (RFC 5267).
    NoUpdate(Text<'a>),
    /// UNDEFINED-FILTER, with its name (RFC 5466).
    UndefinedFilter(&'a [u8]),
    /// URLMECH, with the mechanisms for URLs that authorise (RFC 4467).
    UrlMech(&'a [u8]),
    /// Any other code, and one whose arguments break the grammar.
    Other {
        /// Its name.
        name: &'a [u8],
        /// What stands behind the name and a space.
        rest: &'a [u8],
    },
}

impl<'a> Code<'a> {
    /// Takes `"[" resp-text-code "]"`; `None`, and nothing is taken, where there is none.
    pub(super) fn take(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Option<Self> {
        if cursor.peek() != Some(b'[') {
            return None;
        }
        let inner = cursor.rest().get(1..)?;
        let end = code_end(inner)?;
        let at = cursor.position();
        cursor.take(1);
        let mut code = Cursor::of(cursor.take(end)?);
        cursor.take(1);
        let name = code.take_while(|octet| octet != b' ');
        let known = Self::parse(name, code, tolerated);
        code.eat(b' ');
        let other = Self::Other { name, rest: code.rest() };
        Some(match known {
            Ok(Some(known)) => known,
            Ok(None) => other,
            Err(_) => {
                tolerated.record(FaultKind::MalformedCode, at);
                other
            }
        })
    }

    fn parse(name: &[u8], mut code: Cursor<'a>, tolerated: &mut Tolerated) -> Result<Option<Self>> {
        let mut upper = [0; 20];
        let Some(upper) = upper.get_mut(..name.len()) else { return Ok(None) };
        upper.copy_from_slice(name);
        upper.make_ascii_uppercase();
        let code = &mut code;
        let known = match &*upper {
            b"ALERT" => Self::Alert,
            b"ALREADYEXISTS" => Self::AlreadyExists,
            b"AUTHENTICATIONFAILED" => Self::AuthenticationFailed,
            b"AUTHORIZATIONFAILED" => Self::AuthorizationFailed,
            b"CANNOT" => Self::Cannot,
            b"CLIENTBUG" => Self::ClientBug,
            b"CLOSED" => Self::Closed,
            b"CONTACTADMIN" => Self::ContactAdmin,
            b"CORRUPTION" => Self::Corruption,
            b"EXPIRED" => Self::Expired,
            b"EXPUNGEISSUED" => Self::ExpungeIssued,
            b"HASCHILDREN" => Self::HasChildren,
            b"INUSE" => Self::InUse,
            b"LIMIT" => Self::Limit,
            b"NOMODSEQ" => Self::NoModSeq,
            b"NONEXISTENT" => Self::NonExistent,
            b"NOPERM" => Self::NoPerm,
            b"OVERQUOTA" => Self::OverQuota,
            b"PARSE" => Self::Parse,
            b"PRIVACYREQUIRED" => Self::PrivacyRequired,
            b"READ-ONLY" => Self::ReadOnly,
            b"READ-WRITE" => Self::ReadWrite,
            b"SERVERBUG" => Self::ServerBug,
            b"TRYCREATE" => Self::TryCreate,
            b"UIDNOTSTICKY" => Self::UidNotSticky,
            b"UNAVAILABLE" => Self::Unavailable,
            b"UNKNOWN-CTE" => Self::UnknownCte,
            b"BADCOMPARATOR" => Self::BadComparator,
            b"COMPRESSIONACTIVE" => Self::CompressionActive,
            b"NOTIFICATIONOVERFLOW" => Self::NotificationOverflow,
            b"NOTSAVED" => Self::NotSaved,
            b"TEMPFAIL" => Self::TempFail,
            b"TOOBIG" => Self::TooBig,
            b"UIDREQUIRED" => Self::UidRequired,
            b"USEATTR" => Self::UseAttr,
            b"BADCHARSET" => {
                code.eat(b' ');
                Self::BadCharset(code.take_rest())
            }
            b"CAPABILITY" => Self::Capability(CapabilitiesRef::new(code.take_rest())),
            b"APPENDUID" => Self::AppendUid {
                uid_validity: spaced(code, tolerated, nz_number)?,
                uids: set(code, tolerated)?,
            },
            b"COPYUID" => {
                let uid_validity = spaced(code, tolerated, nz_number)?;
                let (source, destination) = (set(code, tolerated)?, set(code, tolerated)?);
                // Which message became which is told by their order (RFC 4315 3).
                if source.count() != destination.count() {
                    return Err(code.error("as many messages in both sets"));
                }
                Self::CopyUid { uid_validity, source, destination }
            }
            b"HIGHESTMODSEQ" => Self::HighestModSeq(spaced(code, tolerated, Cursor::number64)?),
            b"PERMANENTFLAGS" => {
                code.space(tolerated)?;
                Self::PermanentFlags(FlagsRef::parse(code, tolerated)?)
            }
            b"REFERRAL" => {
                code.space(tolerated)?;
                Self::Referral(code.take_rest())
            }
            b"ANNOTATE" | b"ANNOTATIONS" => Self::Annotate(rest(code, tolerated)?),
            b"BADEVENT" => Self::BadEvent(rest(code, tolerated)?),
            b"BADURL" => Self::BadUrl(rest(code, tolerated)?),
            b"INPROGRESS" => in_progress(code, tolerated)?,
            b"MAILBOXID" => {
                let id = rest(code, tolerated)?;
                object_id(&mut Cursor::of(id))?;
                Self::MailboxId(id)
            }
            b"MESSAGELIMIT" => {
                let limit = spaced(code, tolerated, Cursor::number32)?;
                let lowest_done = match code.is_empty() {
                    true => None,
                    false => Some(spaced(code, tolerated, nz_number)?),
                };
                Self::MessageLimit { limit, lowest_done }
            }
            b"MAXCONVERTMESSAGES" => {
                Self::MaxConvertMessages(spaced(code, tolerated, Cursor::number32)?)
            }
            b"MAXCONVERTPARTS" => Self::MaxConvertParts(spaced(code, tolerated, Cursor::number32)?),
            b"METADATA" => metadata(code, tolerated)?,
            b"MODIFIED" => Self::Modified(set(code, tolerated)?),
            b"NEWNAME" => Self::NewName(rest(code, tolerated)?),
            b"NOUPDATE" => Self::NoUpdate(spaced(code, tolerated, Cursor::astring)?),
            b"UNDEFINED-FILTER" => Self::UndefinedFilter(rest(code, tolerated)?),
            b"UIDNEXT" => Self::UidNext(spaced(code, tolerated, nz_number)?),
            b"UIDVALIDITY" => Self::UidValidity(spaced(code, tolerated, nz_number)?),
            b"URLMECH" => Self::UrlMech(rest(code, tolerated)?),
            b"UNSEEN" => Self::Unseen(spaced(code, tolerated, Cursor::number32)?),
            _ => return Ok(None),
        };
        code.surplus_spaces_at_end(tolerated);
        if code.is_empty() { Ok(Some(known)) } else { Err(code.error("the end of the code")) }
    }
}

/// `SP` and a set of numbers.
fn set<'a>(code: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<SetRef<'a>> {
    code.space(tolerated)?;
    SetRef::parse(code, tolerated)
}

/// `SP` and a value.
fn spaced<'a, T>(
    code: &mut Cursor<'a>,
    tolerated: &mut Tolerated,
    value: impl FnOnce(&mut Cursor<'a>) -> Result<T>,
) -> Result<T> {
    code.space(tolerated)?;
    value(code)
}

/// `SP` and whatever follows.
fn rest<'a>(code: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<&'a [u8]> {
    code.space(tolerated)?;
    Ok(code.take_rest())
}

/// `"INPROGRESS" [SP "(" inprogress-tag SP inprogress-state SP inprogress-goal ")"]`, RFC 9585 6.
fn in_progress<'a>(code: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<Code<'a>> {
    let (mut tag, mut progress, mut goal) = (None, None, None);
    if !code.is_empty() {
        code.space(tolerated)?;
        code.expect(b'(', "the progress in parentheses")?;
        tag = Some(code.nstring(tolerated)?).filter(|tag| !tag.is_nil());
        code.space(tolerated)?;
        progress = if code.nil() { None } else { Some(code.number32()?) };
        code.space(tolerated)?;
        goal = if code.nil() { None } else { Some(code.number32()?) };
        code.expect(b')', "a closing parenthesis")?;
    }
    Ok(Code::InProgress { tag, progress, goal })
}

/// `"METADATA" SP (..)`, RFC 5464 5.
fn metadata<'a>(code: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<Code<'a>> {
    code.space(tolerated)?;
    let word = code.atom()?;
    let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
    Ok(if is(b"LONGENTRIES") {
        Code::MetadataLongEntries(spaced(code, tolerated, Cursor::number32)?)
    } else if is(b"MAXSIZE") {
        Code::MetadataMaxSize(spaced(code, tolerated, Cursor::number32)?)
    } else if is(b"TOOMANY") {
        Code::MetadataTooMany
    } else if is(b"NOPRIVATE") {
        Code::MetadataNoPrivate
    } else {
        return Err(code.error("a code of METADATA"));
    })
}

/// Where the bracket stands that ends a code: outside quoted strings, unless a quote stands alone.
fn code_end(octets: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    let end = octets.iter().position(|&octet| {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b']' => return !quoted,
            _ => {}
        }
        false
    });
    end.or_else(|| memchr::memchr(b']', octets))
}
