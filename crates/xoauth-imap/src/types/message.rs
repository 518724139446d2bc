//! What FETCH tells of a message.

use alloc::string::String;
use alloc::vec::Vec;

use xoauth_sasl::Mask;

use super::{BodyStructure, DateTime, Envelope, Flags, Octets, Section, SeqNo, Uid};
use crate::command::BodyInfo;
use crate::parse::{BodyRef, FetchItem, FetchRef, ParseError, Text};

/// What one FETCH response told of a message. What it did not tell is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Its sequence number.
    pub seq: SeqNo,
    /// Its unique identifier.
    pub uid: Option<Uid>,
    /// Its flags.
    pub flags: Option<Flags>,
    /// When the server received it.
    pub internal_date: Option<DateTime>,
    /// Its size in octets.
    pub size: Option<u64>,
    /// Its modification sequence (RFC 7162).
    pub mod_seq: Option<u64>,
    /// Its header, parsed by the server.
    pub envelope: Option<Envelope>,
    /// Its MIME structure, parsed by the server.
    pub body_structure: Option<BodyStructure>,
    /// Its octets, section by section; those that were streamed are not here.
    pub bodies: Vec<BodySection>,
    /// Items this library does not know.
    pub others: Vec<OtherItem>,
    /// Items that break the grammar; those beside them are sound.
    pub invalid: Vec<InvalidItem>,
}

/// Octets of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodySection {
    /// Which of its sections.
    pub section: Section,
    /// The first octet, where only a range was asked for.
    pub origin: Option<u32>,
    /// The server undid the transfer encoding (RFC 3516).
    pub is_binary: bool,
    /// The octets; `None` where there is no such section.
    pub octets: Option<Octets>,
}

/// An item of a FETCH response that this library does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtherItem {
    /// Its name: `X-GM-MSGID`.
    pub name: String,
    /// Its value as the server wrote it, octets that were streamed left out.
    pub octets: Octets,
}

/// An item of a FETCH response that breaks the grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidItem {
    /// Its name; empty where the rest of the response could not be read.
    pub name: String,
    /// Its value as the server wrote it, at most the first [`InvalidItem::KEPT`] octets, our secrets masked.
    pub octets: Octets,
    /// Octets of the whole value.
    pub len: usize,
    /// What was wrong.
    pub error: ParseError,
}

impl InvalidItem {
    /// How many octets of a value are kept: those of an ordinary envelope many times over.
    pub const KEPT: usize = 16 * 1024;
}

impl Message {
    /// The whole message.
    pub fn body(&self) -> Option<&[u8]> {
        self.section(&Section::Full)
    }

    /// A section of it, whole or from its first octet on.
    pub fn section(&self, section: &Section) -> Option<&[u8]> {
        let is_meant = |body: &&BodySection| {
            body.section == *section && !body.is_binary && body.origin.unwrap_or(0) == 0
        };
        self.bodies.iter().find(is_meant)?.octets.as_deref()
    }
}

impl Message {
    /// Adds a body that was announced, where the response's items do not tell it.
    pub(crate) fn restore(&mut self, info: BodyInfo, octets: Vec<u8>) {
        let BodyInfo { uid, section, origin, is_binary, .. } = info;
        let is_told = |body: &BodySection| {
            body.section == section && body.origin == origin && body.is_binary == is_binary
        };
        if self.invalid.is_empty() || self.bodies.iter().any(is_told) {
            return;
        }
        self.uid = self.uid.or(uid);
        self.bodies.push(BodySection { section, origin, is_binary, octets: Some(octets.into()) });
    }
}

impl FetchRef<'_> {
    /// An owned copy. A body that was streamed is taken out of `streamed`, where the one of index `n` is
    /// the `n`th; it is left out where `streamed` does not hold it.
    pub fn to_message(&self, streamed: &mut [Vec<u8>]) -> Message {
        self.to_message_masked(streamed, None)
    }

    /// The same; the secrets that `mask` knows are replaced in items that are unknown or break the grammar.
    pub fn to_message_masked(&self, streamed: &mut [Vec<u8>], mask: Option<&Mask>) -> Message {
        let mut message = Message {
            seq: self.seq,
            uid: self.uid,
            flags: self.flags.as_ref().map(|flags| flags.to_flags()),
            internal_date: self.internal_date,
            size: self.size,
            mod_seq: self.mod_seq,
            envelope: self.envelope.as_deref().map(Envelope::from),
            body_structure: self.body_structure.as_ref().map(BodyStructure::from),
            bodies: Vec::new(),
            others: Vec::new(),
            invalid: Vec::new(),
        };
        for item in self.items() {
            match *item {
                FetchItem::Body(body) => message.take_body(body, streamed),
                FetchItem::Other { name, octets } => {
                    let octets = Octets::masked(octets, mask);
                    message.others.push(OtherItem { name: lossy(name), octets });
                }
                FetchItem::Invalid { name, octets, error } => {
                    let kept = octets.get(..InvalidItem::KEPT).unwrap_or(octets);
                    let (name, len) = (lossy(name), octets.len());
                    let octets = Octets::masked(kept, mask);
                    message.invalid.push(InvalidItem { name, octets, len, error });
                }
            }
        }
        message
    }
}

impl Message {
    fn take_body(&mut self, body: BodyRef<'_>, streamed: &mut [Vec<u8>]) {
        let octets = match body.data {
            Text::Streamed { index, .. } => {
                let octets = usize::try_from(index).ok().and_then(|index| streamed.get_mut(index));
                let Some(octets) = octets else { return };
                Some(Octets::from(core::mem::take(octets)))
            }
            data => data.to_octets(),
        };
        let BodyRef { origin, is_binary, .. } = body;
        match Section::parse(body.section) {
            Some(section) => self.bodies.push(BodySection { section, origin, is_binary, octets }),
            None => {
                let name = alloc::format!("BODY[{}]", String::from_utf8_lossy(body.section));
                self.others.push(OtherItem { name, octets: octets.unwrap_or_default() });
            }
        }
    }
}

fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
