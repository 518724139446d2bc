//! Responses: RFC 9051, 7.

use alloc::boxed::Box;
use core::fmt;
use core::num::NonZeroU32;

use super::acl;
use super::cursor::{Cursor, ParseError, Result};
use super::namespace::{identity, namespaces};
use super::quota;
use super::thread::threads;
use super::{
    Code, EsearchRef, FaultKind, FetchRef, FlagsRef, Input, ListRef, MailboxStatusRef, SearchRef,
    Text, Tolerated, VanishedRef,
};
use crate::types::{
    AccessList, Identity, ListEntry, MailboxRights, MailboxStatus, Message, Metadata, Namespaces,
    Quota, QuotaRoots, RightsChoice, SeqNo, StatusKind, Threads,
};

/// One response of the server, borrowed from the octets it came in.
#[derive(Debug)]
#[non_exhaustive]
pub enum Response<'a> {
    /// `response-tagged`: the answer that completes a command (7.1).
    Tagged {
        /// The command's tag.
        tag: &'a [u8],
        /// OK, NO or BAD.
        status: StatusRef<'a>,
    },
    /// `resp-cond-state` and `resp-cond-bye` without a tag, and the greeting (7.1).
    Status(StatusRef<'a>),
    /// `continue-req`: the server waits for more (7.6).
    Continuation {
        /// What it says, or a challenge in base64.
        text: &'a [u8],
    },
    /// `capability-data` (7.2.2).
    Capability(CapabilitiesRef<'a>),
    /// `enable-data` (7.2.1).
    Enabled(CapabilitiesRef<'a>),
    /// FLAGS: the flags defined in the mailbox (7.3.5).
    Flags(FlagsRef<'a>),
    /// LIST (7.3.1).
    List(ListRef<'a>),
    /// LSUB (RFC 3501, 7.2.3).
    Lsub(ListRef<'a>),
    /// STATUS (7.3.4).
    MailboxStatus(MailboxStatusRef<'a>),
    /// SEARCH (RFC 3501, 7.2.5).
    Search(SearchRef<'a>),
    /// SORT: as SEARCH, in the order asked for (RFC 5256).
    Sort(SearchRef<'a>),
    /// THREAD (RFC 5256).
    Thread(Box<Threads<NonZeroU32>>),
    /// QUOTA: what a quota root allows (RFC 9208).
    Quota(Box<Quota>),
    /// QUOTAROOT: which quota roots a mailbox has (RFC 9208).
    QuotaRoots(Box<QuotaRoots>),
    /// METADATA: entries of a mailbox or of the server (RFC 5464).
    Metadata(Box<Metadata>),
    /// ESEARCH (7.3.3).
    Esearch(EsearchRef<'a>),
    /// EXISTS: the number of messages in the mailbox (7.4.1).
    Exists(u32),
    /// RECENT: the number of messages with the \Recent flag (RFC 3501, 7.3.2).
    Recent(u32),
    /// EXPUNGE: a message is gone, and all behind it move up (7.5.1).
    Expunge(SeqNo),
    /// FETCH: data of one message (7.5.2).
    Fetch(FetchRef<'a>),
    /// NAMESPACE (7.3.7).
    Namespace(Box<Namespaces>),
    /// ID (RFC 2971).
    Id(Box<Identity>),
    /// JMAPACCESS: where the same messages are available by JMAP (RFC 9698).
    JmapAccess(Text<'a>),
    /// ACL: who may do what with a mailbox (RFC 4314).
    AccessList(Box<AccessList>),
    /// LISTRIGHTS: what one can be allowed (RFC 4314).
    RightsChoice(Box<RightsChoice>),
    /// MYRIGHTS: what the user may do (RFC 4314).
    MyRights(Box<MailboxRights>),
    /// VANISHED: messages are gone (RFC 7162).
    Vanished(VanishedRef<'a>),
    /// Any other response, and one whose data breaks the grammar.
    Other {
        /// Its name, empty where it has none.
        name: &'a [u8],
        /// All that stands behind the `*` and its space, the line end excluded.
        octets: &'a [u8],
    },
}

impl<'a> Response<'a> {
    /// Octets that what is kept of it takes beside its text and the values of its lists.
    pub(crate) fn kept(&self) -> usize {
        match self {
            Self::Fetch(_) => size_of::<Message>(),
            Self::MailboxStatus(_) => size_of::<MailboxStatus>(),
            _ => size_of::<ListEntry>(),
        }
    }

    /// The name of the response: `LIST`. A status has that of its word; a tagged one, a continuation and what
    /// has no name have none.
    pub fn name(&self) -> &'a [u8] {
        match self {
            Self::Tagged { .. } | Self::Continuation { .. } => b"",
            Self::Status(status) => match status.kind {
                StatusKind::Ok => b"OK",
                StatusKind::No => b"NO",
                StatusKind::Bad => b"BAD",
                StatusKind::Bye => b"BYE",
                StatusKind::Preauth => b"PREAUTH",
            },
            Self::Capability(_) => b"CAPABILITY",
            Self::Enabled(_) => b"ENABLED",
            Self::Flags(_) => b"FLAGS",
            Self::List(_) => b"LIST",
            Self::Lsub(_) => b"LSUB",
            Self::MailboxStatus(_) => b"STATUS",
            Self::Search(_) => b"SEARCH",
            Self::Sort(_) => b"SORT",
            Self::Thread(_) => b"THREAD",
            Self::Quota(_) => b"QUOTA",
            Self::QuotaRoots(_) => b"QUOTAROOT",
            Self::Metadata(_) => b"METADATA",
            Self::Esearch(_) => b"ESEARCH",
            Self::Exists(_) => b"EXISTS",
            Self::Recent(_) => b"RECENT",
            Self::Expunge(_) => b"EXPUNGE",
            Self::Fetch(_) => b"FETCH",
            Self::Namespace(_) => b"NAMESPACE",
            Self::Id(_) => b"ID",
            Self::JmapAccess(_) => b"JMAPACCESS",
            Self::Vanished(_) => b"VANISHED",
            Self::AccessList(_) => b"ACL",
            Self::RightsChoice(_) => b"LISTRIGHTS",
            Self::MyRights(_) => b"MYRIGHTS",
            Self::Other { name, .. } => name,
        }
    }
}

/// A status with its code and text: `resp-cond-state` and the like, RFC 9051 7.1.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct StatusRef<'a> {
    /// Its word.
    pub kind: StatusKind,
    /// Its code.
    pub code: Option<Code<'a>>,
    /// Text for people.
    pub text: &'a [u8],
}

impl fmt::Debug for StatusRef<'_> {
    /// Counts the octets of the text, and tells no code, which are as they came: servers echo what they were sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusRef")
            .field("kind", &self.kind)
            .field("has_code", &self.code.is_some())
            .field("text", &self.text.len())
            .finish_non_exhaustive()
    }
}

/// Capabilities between spaces, RFC 9051 7.2.2.
#[derive(Debug, Clone, Copy)]
pub struct CapabilitiesRef<'a>(&'a [u8]);

impl<'a> CapabilitiesRef<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The capabilities as the server wrote them.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.0.split(|&octet| octet == b' ').filter(|name| !name.is_empty())
    }
}

/// Parses one complete response.
///
/// What the server did wrong without harm is noted in `tolerated`. Data that is unknown or breaks the
/// grammar becomes [`Response::Other`].
///
/// # Errors
/// The line does not begin as a response does, or lists are nested more than 100 deep and do not end.
pub fn parse_response<'a>(
    input: Input<'a>,
    tolerated: &mut Tolerated,
) -> core::result::Result<Response<'a>, ParseError> {
    let mut response = Response::Other { name: &[], octets: &[] };
    parse_into(input, &mut response, tolerated)?;
    Ok(response)
}

/// The same into its place: a FETCH response is large enough for each of its moves to be measured. After an
/// error there is anything in it.
///
/// # Errors
/// Those of [`parse_response`].
#[inline]
pub(crate) fn parse_into<'a>(
    input: Input<'a>,
    response: &mut Response<'a>,
    tolerated: &mut Tolerated,
) -> Result<()> {
    tolerated.begin_response();
    let mut cursor = Cursor::new(input);
    match cursor.peek() {
        Some(b'*') => return untagged(&mut cursor, response, tolerated),
        Some(b'+') => *response = continuation(&mut cursor, tolerated)?,
        _ => *response = tagged(&mut cursor, tolerated)?,
    }
    Ok(())
}

/// `continue-req = "+" SP (resp-text / base64) CRLF`; some servers leave out the space before nothing.
fn continuation<'a>(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<Response<'a>> {
    cursor.take(1);
    if cursor.is_empty() {
        tolerated.record(FaultKind::BareContinuation, cursor.position());
    } else {
        cursor.expect(b' ', "a space behind the plus sign")?;
    }
    Ok(Response::Continuation { text: cursor.take_rest() })
}

/// `response-tagged = tag SP resp-cond-state CRLF`.
fn tagged<'a>(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<Response<'a>> {
    let tag = cursor.take_while(|b| super::cursor::is_astring_char(b) && b != b'+');
    if tag.is_empty() {
        return Err(cursor.error("a tag, '*' or '+'"));
    }
    cursor.space(tolerated)?;
    let start = *cursor;
    match status_kind(cursor.take_while(|octet| octet != b' ')) {
        Some(kind @ (StatusKind::Ok | StatusKind::No | StatusKind::Bad)) => {
            Ok(Response::Tagged { tag, status: status(kind, cursor, tolerated) })
        }
        _ => Err(start.error("OK, NO or BAD behind the tag")),
    }
}

/// `response-data = "*" SP (..) CRLF`.
fn untagged<'a>(
    cursor: &mut Cursor<'a>,
    response: &mut Response<'a>,
    tolerated: &mut Tolerated,
) -> Result<()> {
    cursor.take(1);
    cursor.space(tolerated)?;
    let start = *cursor;
    // What there is most of, as servers write it; anything else goes the long way.
    let mut name: &[u8];
    let data = if let Some(seq) = begins_fetch(cursor) {
        name = b"FETCH";
        fetch(seq, cursor, response, tolerated)
    } else if cursor.eat_all(b"LIST (") {
        *cursor = start;
        cursor.take(4);
        name = b"LIST";
        ListRef::parse(cursor, tolerated).map(|entry| *response = Response::List(entry))
    } else if start.peek().is_some_and(|octet| octet.is_ascii_digit()) {
        name = cursor.take_while(super::cursor::is_atom_char);
        *cursor = start;
        *response = Response::Other { name, octets: start.rest() };
        numbered_data(cursor, &mut name, response, tolerated)
    } else {
        if start.peek() == Some(b'[') {
            let status = status(StatusKind::Ok, cursor, tolerated);
            if status.code.is_some() {
                tolerated.record(FaultKind::MissingStatus, start.position());
                *response = Response::Status(status);
                return Ok(());
            }
            *cursor = start;
        }
        name = cursor.take_while(super::cursor::is_atom_char);
        let other = Response::Other { name, octets: start.rest() };
        named_data(name, cursor, tolerated).map(|data| *response = data.unwrap_or(other))
    };
    let fault = match data {
        Err(fault) if fault.is_depth() => return Err(fault),
        Err(fault) => fault,
        Ok(()) => {
            if let Response::Other { name: told, .. } = response {
                *told = name;
                return Ok(());
            }
            cursor.surplus_spaces_at_end(tolerated);
            if cursor.is_empty() {
                return Ok(());
            }
            if let Response::Fetch(_) = response {
                tolerated.record(FaultKind::TrailingOctets, cursor.position());
                return Ok(());
            }
            cursor.error("the end of the response")
        }
    };
    tolerated.record(FaultKind::MalformedData, fault.at);
    *response = Response::Other { name, octets: start.rest() };
    Ok(())
}

/// `nz-number SP "FETCH" SP` and the parenthesis behind it, which is left; `None` where it is written in
/// another way, and nothing is taken.
#[inline]
fn begins_fetch(cursor: &mut Cursor<'_>) -> Option<SeqNo> {
    let mut ahead = *cursor;
    let seq = NonZeroU32::new(ahead.number32().ok()?)?;
    let mut behind = ahead;
    if !behind.eat_all(b" FETCH (") {
        return None;
    }
    ahead.take(7);
    *cursor = ahead;
    Some(SeqNo::from(seq))
}

/// The items of a FETCH response.
#[inline]
fn fetch<'a>(
    seq: SeqNo,
    cursor: &mut Cursor<'a>,
    response: &mut Response<'a>,
    tolerated: &mut Tolerated,
) -> Result<()> {
    *response = Response::Fetch(FetchRef::new(seq));
    match response {
        Response::Fetch(fetch) => fetch.parse(cursor, tolerated),
        _ => Ok(()),
    }
}

/// `message-data` and the numbered `mailbox-data`: `number SP name ..`. An unknown name leaves `response` as
/// it is.
#[inline]
fn numbered_data<'a>(
    cursor: &mut Cursor<'a>,
    name: &mut &'a [u8],
    response: &mut Response<'a>,
    tolerated: &mut Tolerated,
) -> Result<()> {
    let start = *cursor;
    let number = cursor.number32();
    if number.is_err() {
        cursor.take_while(super::cursor::is_atom_char);
    }
    cursor.space(tolerated)?;
    *name = cursor.take_while(super::cursor::is_atom_char);
    let seq = |number| {
        NonZeroU32::new(number)
            .map(SeqNo::from)
            .ok_or_else(|| start.error("a number that is not 0"))
    };
    if name.eq_ignore_ascii_case(b"FETCH") {
        let seq = seq(number?)?;
        cursor.space(tolerated)?;
        fetch(seq, cursor, response, tolerated)?;
    } else if name.eq_ignore_ascii_case(b"EXISTS") {
        *response = Response::Exists(number?);
    } else if name.eq_ignore_ascii_case(b"RECENT") {
        *response = Response::Recent(number?);
    } else if name.eq_ignore_ascii_case(b"EXPUNGE") {
        *response = Response::Expunge(seq(number?)?);
    }
    Ok(())
}

/// Status responses, `capability-data`, `enable-data` and the rest of `mailbox-data`; `None` for an
/// unknown name.
fn named_data<'a>(
    name: &[u8],
    cursor: &mut Cursor<'a>,
    tolerated: &mut Tolerated,
) -> Result<Option<Response<'a>>> {
    if let Some(kind) = status_kind(name) {
        if cursor.peek().is_some_and(|octet| octet != b' ') {
            return Err(cursor.error("a space behind the status"));
        }
        return Ok(Some(Response::Status(status(kind, cursor, tolerated))));
    }
    let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
    Ok(Some(if is("LIST") {
        Response::List(ListRef::parse(cursor, tolerated)?)
    } else if is("SEARCH") {
        Response::Search(SearchRef::parse(cursor, tolerated)?)
    } else if is("CAPABILITY") {
        Response::Capability(capabilities(cursor, tolerated))
    } else if is("ENABLED") {
        Response::Enabled(capabilities(cursor, tolerated))
    } else if is("FLAGS") {
        cursor.space(tolerated)?;
        Response::Flags(FlagsRef::parse(cursor, tolerated)?)
    } else if is("LSUB") {
        Response::Lsub(ListRef::parse(cursor, tolerated)?)
    } else if is("STATUS") {
        Response::MailboxStatus(MailboxStatusRef::parse(cursor, tolerated)?)
    } else if is("ESEARCH") {
        Response::Esearch(EsearchRef::parse(cursor, tolerated)?)
    } else if is("SORT") {
        Response::Sort(SearchRef::parse(cursor, tolerated)?)
    } else if is("THREAD") {
        Response::Thread(Box::new(threads(cursor, tolerated)?))
    } else if is("QUOTA") {
        Response::Quota(Box::new(quota::quota(cursor, tolerated)?))
    } else if is("QUOTAROOT") {
        Response::QuotaRoots(Box::new(quota::quota_roots(cursor, tolerated)?))
    } else if is("METADATA") {
        Response::Metadata(Box::new(quota::metadata(cursor, tolerated)?))
    } else if is("VANISHED") {
        Response::Vanished(VanishedRef::parse(cursor, tolerated)?)
    } else if is("NAMESPACE") {
        Response::Namespace(Box::new(namespaces(cursor, tolerated)?))
    } else if is("ID") {
        Response::Id(Box::new(identity(cursor, tolerated)?))
    } else if is("JMAPACCESS") {
        cursor.space(tolerated)?;
        Response::JmapAccess(cursor.astring()?)
    } else if is("ACL") {
        Response::AccessList(Box::new(acl::access_list(cursor, tolerated)?))
    } else if is("LISTRIGHTS") {
        Response::RightsChoice(Box::new(acl::rights_choice(cursor, tolerated)?))
    } else if is("MYRIGHTS") {
        Response::MyRights(Box::new(acl::my_rights(cursor, tolerated)?))
    } else {
        return Ok(None);
    }))
}

fn capabilities<'a>(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> CapabilitiesRef<'a> {
    let at = cursor.position();
    let octets = cursor.take_rest();
    if memchr::memmem::find(octets, b"  ").is_some() {
        tolerated.record(FaultKind::SurplusSpace, at);
    }
    CapabilitiesRef(octets)
}

fn status_kind(word: &[u8]) -> Option<StatusKind> {
    let kinds = [
        ("OK", StatusKind::Ok),
        ("NO", StatusKind::No),
        ("BAD", StatusKind::Bad),
        ("BYE", StatusKind::Bye),
        ("PREAUTH", StatusKind::Preauth),
    ];
    let kind = kinds.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    kind.map(|&(_, kind)| kind)
}

/// `resp-text = ["[" resp-text-code "]" SP] [text]`, and the space before it. Many servers leave out
/// the text or one of the spaces.
fn status<'a>(
    kind: StatusKind,
    cursor: &mut Cursor<'a>,
    tolerated: &mut Tolerated,
) -> StatusRef<'a> {
    cursor.eat(b' ');
    let mut ahead = *cursor;
    while ahead.eat(b' ') {}
    let code = Code::take(&mut ahead, tolerated);
    if code.is_some() {
        cursor.surplus_spaces(tolerated);
        *cursor = ahead;
        cursor.eat(b' ');
    }
    StatusRef { kind, code, text: cursor.take_rest() }
}
