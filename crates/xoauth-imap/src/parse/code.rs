//! Response codes.

use core::num::NonZeroU32;

use super::cursor::{Cursor, Result};
use super::response::CapabilitiesRef;
use super::search::nz_number;
use super::{FaultKind, FlagsRef, SetRef, Tolerated};

/// `resp-text-code`, RFC 9051 7.1 and 9, with the codes of RFC 3501, 4315 (UIDPLUS), 5530, 7162 (CONDSTORE).
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
            b"BADCHARSET" => {
                code.eat(b' ');
                Self::BadCharset(code.take_rest())
            }
            b"CAPABILITY" => Self::Capability(CapabilitiesRef::new(code.take_rest())),
            b"APPENDUID" => Self::AppendUid {
                uid_validity: spaced(code, tolerated, nz_number)?,
                uids: spaced(code, tolerated, SetRef::parse)?,
            },
            b"COPYUID" => Self::CopyUid {
                uid_validity: spaced(code, tolerated, nz_number)?,
                source: spaced(code, tolerated, SetRef::parse)?,
                destination: spaced(code, tolerated, SetRef::parse)?,
            },
            b"HIGHESTMODSEQ" => Self::HighestModSeq(spaced(code, tolerated, Cursor::number64)?),
            b"PERMANENTFLAGS" => {
                code.space(tolerated)?;
                Self::PermanentFlags(FlagsRef::parse(code, tolerated)?)
            }
            b"REFERRAL" => {
                code.space(tolerated)?;
                Self::Referral(code.take_rest())
            }
            b"UIDNEXT" => Self::UidNext(spaced(code, tolerated, nz_number)?),
            b"UIDVALIDITY" => Self::UidValidity(spaced(code, tolerated, nz_number)?),
            b"UNSEEN" => Self::Unseen(spaced(code, tolerated, Cursor::number32)?),
            _ => return Ok(None),
        };
        code.surplus_spaces_at_end(tolerated);
        if code.is_empty() { Ok(Some(known)) } else { Err(code.error("the end of the code")) }
    }
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
