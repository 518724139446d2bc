//! What a response says, in words that all parsers have.

use xoauth::imap::{Envelope, Octets, Section, StatusItems, StatusKind};

/// A name and its value.
pub(super) type Pair = (Octets, Option<Octets>);

/// Numbers: ranges, both ends included, in the server's order.
pub(super) type Ranges = Vec<(u32, u32)>;

/// What a response says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Status(Status),
    Continuation(Octets),
    Capability(Vec<String>),
    Enabled(Vec<String>),
    Exists(u32),
    Recent(u32),
    Expunge(u32),
    /// Numbers and the highest modification sequence.
    Search(Vec<u32>, Option<u64>),
    Sort(Vec<u32>, Option<u64>),
    /// Messages, and the place of that which each answers.
    Thread(Vec<(Option<u32>, Option<usize>)>),
    Flags(Vec<String>),
    List(Listed),
    Lsub(Listed),
    MailboxStatus {
        name: Octets,
        items: StatusItems,
    },
    Fetch(Box<Fetch>),
    Vanished {
        earlier: bool,
        uids: Ranges,
    },
    Id(Vec<Pair>),
    /// Personal ones, those of other users, shared ones.
    Namespace([Vec<Namespace>; 3]),
    Quota {
        root: Octets,
        resources: Vec<(String, u64, u64)>,
    },
    QuotaRoots {
        name: Octets,
        roots: Vec<Octets>,
    },
    Metadata {
        name: Octets,
        entries: Vec<Pair>,
        changed: Vec<Octets>,
    },
    AccessList {
        name: Octets,
        entries: Vec<(Octets, String)>,
    },
    /// What one always has, and what one can be given.
    RightsChoice {
        name: Octets,
        identifier: Octets,
        required: String,
        optional: String,
    },
    MyRights {
        name: Octets,
        rights: String,
    },
}

/// OK, NO, BAD, BYE and PREAUTH.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) tag: Option<Octets>,
    pub(super) kind: StatusKind,
    pub(super) code: Option<Code>,
    pub(super) text: Octets,
}

/// A response code; its name is in upper case.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// Without arguments.
    Plain(String),
    Number(String, u64),
    AppendUid(u32, Ranges),
    CopyUid(u32, Ranges, Ranges),
    Modified(Ranges),
    Capability(Vec<String>),
    PermanentFlags(Vec<String>),
    BadCharset(Vec<Octets>),
    /// With what stands behind the name.
    Raw(String, Octets),
    /// With arguments that no peer reads.
    Read(String),
}

/// A mailbox as LIST and LSUB tell it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) attributes: Vec<String>,
    pub(super) delimiter: Option<char>,
    pub(super) name: Octets,
}

/// One namespace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Namespace {
    pub(super) prefix: Octets,
    pub(super) delimiter: Option<char>,
    pub(super) extensions: Vec<(Octets, Vec<Octets>)>,
}

/// What FETCH tells of a message; of an item that was told twice the last.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fetch {
    pub(super) seq: u32,
    pub(super) uid: Option<u32>,
    pub(super) flags: Option<Vec<String>>,
    pub(super) size: Option<u64>,
    pub(super) mod_seq: Option<u64>,
    /// Seconds from 1970, and minutes that the zone is east of UTC.
    pub(super) internal_date: Option<(i64, i32)>,
    pub(super) envelope: Option<Envelope>,
    pub(super) structure: Option<Vec<Part>>,
    /// In the server's order.
    pub(super) bodies: Vec<Body>,
    /// BINARY.SIZE, the last one, with its part.
    pub(super) binary_size: Option<(Vec<u32>, u64)>,
    /// EMAILID and THREADID.
    pub(super) object_ids: [Option<String>; 2],
    /// X-GM-MSGID and X-GM-THRID.
    pub(super) gmail: [Option<u64>; 2],
    pub(super) labels: Option<Vec<Octets>>,
}

/// Octets of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) section: Section,
    pub(super) origin: Option<u32>,
    pub(super) is_binary: bool,
    pub(super) octets: Option<Octets>,
}

/// One part of a message. Types and encodings are in upper case (RFC 2045, 5.1 and 6.1).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) number: Vec<u32>,
    pub(super) parent: Option<usize>,
    pub(super) media_type: Octets,
    pub(super) subtype: Octets,
    pub(super) parameters: Vec<Pair>,
    pub(super) id: Option<Octets>,
    pub(super) description: Option<Octets>,
    pub(super) encoding: Option<Octets>,
    pub(super) size: Option<u64>,
    pub(super) lines: Option<u64>,
    pub(super) envelope: Option<Envelope>,
    pub(super) md5: Option<Octets>,
    pub(super) disposition: Option<(Octets, Vec<Pair>)>,
    pub(super) languages: Vec<Octets>,
    pub(super) location: Option<Octets>,
}

impl Code {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Plain(name) | Self::Number(name, _) => name,
            Self::Raw(name, _) | Self::Read(name) => name,
            Self::AppendUid(..) => "APPENDUID",
            Self::CopyUid(..) => "COPYUID",
            Self::Modified(_) => "MODIFIED",
            Self::Capability(_) => "CAPABILITY",
            Self::PermanentFlags(_) => "PERMANENTFLAGS",
            Self::BadCharset(_) => "BADCHARSET",
        }
    }

    /// `resp-text-code` as it is written, of which nothing is understood.
    pub(super) fn raw(octets: &[u8]) -> Self {
        let space = octets.iter().position(|&octet| octet == b' ').unwrap_or(octets.len());
        let (name, rest) = octets.split_at(space);
        let name = String::from_utf8_lossy(name).to_ascii_uppercase();
        Self::Raw(name, rest.strip_prefix(b" ").unwrap_or(rest).into())
    }
}

impl Part {
    /// The number of a part that stands in `parent` as its `ordinal`th (RFC 9051, 6.4.5.1): the parts of a multipart
    /// and of a message count below it, and a multipart that is the content of a message has the message's number.
    pub(super) fn number(parent: Option<&Self>, ordinal: u32, is_multipart: bool) -> Vec<u32> {
        let Some(parent) = parent else {
            return if is_multipart { Vec::new() } else { vec![1] };
        };
        let mut number = parent.number.clone();
        if parent.media_type == "MULTIPART" || !is_multipart {
            number.push(ordinal);
        }
        number
    }
}

/// Names that differ in nothing but case are the same, and so are lists that differ in their order.
pub(super) fn folded(names: impl IntoIterator<Item = impl ToString>) -> Vec<String> {
    let mut names = lower(names);
    names.sort();
    names.dedup();
    names
}

/// Names that differ in nothing but case are the same.
pub(super) fn lower(names: impl IntoIterator<Item = impl ToString>) -> Vec<String> {
    names.into_iter().map(|name| name.to_string().to_ascii_lowercase()).collect()
}

/// Upper and lower case mean the same.
pub(super) fn upper(octets: &[u8]) -> Octets {
    octets.to_ascii_uppercase().into()
}

/// INBOX in any case is one mailbox.
pub(super) fn name(wire: &[u8]) -> Octets {
    if wire.eq_ignore_ascii_case(b"INBOX") { "INBOX".into() } else { wire.into() }
}

/// `rights`, RFC 4314 7: letters and digits, of which each says the same once and twice; what is none says nothing.
pub(super) fn rights(letters: impl IntoIterator<Item = char>) -> String {
    let mut rights: Vec<char> = letters.into_iter().filter(char::is_ascii_alphanumeric).collect();
    rights.sort_unstable();
    rights.dedup();
    rights.into_iter().collect()
}

/// Both ends of a range, in whichever order they were told (RFC 9051 9, `seq-range`).
pub(super) fn range(one: u32, other: u32) -> (u32, u32) {
    (one.min(other), one.max(other))
}

/// What stands between the quotes of a string, its backslashes undone.
pub(super) fn unescaped(octets: &[u8]) -> Octets {
    let mut plain = Vec::with_capacity(octets.len());
    let mut octets = octets.iter();
    while let Some(&octet) = octets.next() {
        plain.push(if octet == b'\\' { *octets.next().unwrap_or(&octet) } else { octet });
    }
    plain.into()
}
