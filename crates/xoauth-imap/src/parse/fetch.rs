//! FETCH responses: `msg-att`, RFC 9051 7.5.2 and 9.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::body_structure::size;
use super::cursor::{Cursor, ParseError, Result};
use super::item_name::{Known, Name};
use super::salvage::Salvage;
use super::search::nz_number;
use super::{BodyStructureRef, EnvelopeRef, FaultKind, FlagsRef, Text, Tolerated};
use crate::types::{BodySection, DateTime, InvalidItem, OtherItem, SeqNo, Uid};

/// What a FETCH response tells of one message. What was not told is `None`; of an item that was told
/// twice the last counts.
#[derive(Debug)]
#[non_exhaustive]
pub struct FetchRef<'a> {
    /// The message's sequence number.
    pub seq: SeqNo,
    /// UID.
    pub uid: Option<Uid>,
    /// FLAGS.
    pub flags: Option<FlagsRef<'a>>,
    /// INTERNALDATE.
    pub internal_date: Option<DateTime>,
    /// RFC822.SIZE, in octets.
    pub size: Option<u64>,
    /// MODSEQ (RFC 7162).
    pub mod_seq: Option<u64>,
    /// ENVELOPE.
    pub envelope: Option<Box<EnvelopeRef<'a>>>,
    /// BODYSTRUCTURE or BODY.
    pub body_structure: Option<BodyStructureRef<'a>>,
    /// One body is what most responses have: it takes no allocation.
    first: Option<FetchItem<'a>>,
    /// The UID stood behind an item that could not be read.
    uid_is_doubtful: bool,
    more: Vec<FetchItem<'a>>,
}

/// An item of a FETCH response that has no field of its own.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum FetchItem<'a> {
    /// Octets of the message.
    Body(BodyRef<'a>),
    /// An item that is not known.
    Other {
        /// Its name, a section included.
        name: &'a [u8],
        /// Its value as the server wrote it.
        octets: &'a [u8],
    },
    /// An item whose value breaks the grammar, or the rest of a response whose parentheses do.
    Invalid {
        /// Its name.
        name: &'a [u8],
        /// Its value as the server wrote it.
        octets: &'a [u8],
        /// What was wrong.
        error: ParseError,
    },
}

/// `"BODY" section ["<" number ">"] SP nstring`, and its forms BINARY and RFC822.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BodyRef<'a> {
    /// What stands between the brackets: `1.HEADER`. RFC822 is the empty section, RFC822.HEADER is
    /// `HEADER`, RFC822.TEXT is `TEXT`.
    pub section: &'a [u8],
    /// The first octet where only a range was asked for.
    pub origin: Option<u32>,
    /// The transfer encoding was undone by the server (RFC 3516).
    pub is_binary: bool,
    /// The octets.
    pub data: Text<'a>,
}

/// An item that could not be read: its name, where its value begins, what is wrong.
struct Spoiled<'a> {
    name: &'a [u8],
    value: Cursor<'a>,
    error: ParseError,
}

impl<'a> FetchRef<'a> {
    /// The items that have no field of their own, in the server's order.
    pub fn items(&self) -> impl Iterator<Item = &FetchItem<'a>> {
        self.first.iter().chain(&self.more)
    }

    /// The bodies, in the server's order.
    pub fn bodies(&self) -> impl Iterator<Item = &BodyRef<'a>> {
        self.items().filter_map(|item| match item {
            FetchItem::Body(body) => Some(body),
            _ => None,
        })
    }

    /// Nothing is told but flags, and the numbers that say whose: what a server tells unasked when another
    /// session changes them (RFC 9051, 7.5.2).
    pub fn tells_only_flags(&self) -> bool {
        let Self { internal_date, size, envelope, body_structure, first, flags, .. } = self;
        flags.is_some()
            && internal_date.is_none()
            && size.is_none()
            && envelope.is_none()
            && body_structure.is_none()
            && first.is_none()
    }

    /// A message of which nothing is told yet.
    #[inline]
    pub(super) fn new(seq: SeqNo) -> Self {
        Self {
            seq,
            uid: None,
            flags: None,
            internal_date: None,
            size: None,
            mod_seq: None,
            envelope: None,
            body_structure: None,
            first: None,
            uid_is_doubtful: false,
            more: Vec::new(),
        }
    }

    /// `msg-att = "(" (msg-att-dynamic / msg-att-static) *(SP ..) ")"`. Fills a value in its place, which
    /// is large enough for its moves to be measured.
    ///
    /// # Errors
    /// No list at all, or lists without end nested too deep.
    pub(super) fn parse(
        &mut self,
        cursor: &mut Cursor<'a>,
        tolerated: &mut Tolerated,
    ) -> Result<()> {
        cursor.expect(b'(', "a list of FETCH items")?;
        let mut salvage = Salvage::default();
        // Parentheses around single items that are open.
        let mut around = 0usize;
        loop {
            cursor.surplus_spaces(tolerated);
            if cursor.eat(b')') {
                if around > 0 && !cursor.is_empty() {
                    around -= 1;
                    cursor.eat(b' ');
                } else if cursor.is_empty() || !resume(&mut salvage, cursor, tolerated) {
                    return Ok(());
                }
                continue;
            }
            if cursor.is_empty() {
                tolerated.record(FaultKind::UnclosedList, cursor.position());
                return Ok(());
            }
            let mut inside = *cursor;
            if inside.eat(b'(') && is_envelope(inside) {
                // `(UID 1 (ENVELOPE (..)) BODYSTRUCTURE (..))`, as Domino has it. No other item: `(UID 7)` may be words of a
                // message where a server does not quote them.
                tolerated.record(FaultKind::LostBalance, cursor.position());
                *cursor = inside;
                around += 1;
            }
            let start = *cursor;
            if let Err(spoiled) = self.item(cursor, tolerated) {
                tolerated.unfold::<InvalidItem>(1, cursor)?;
                self.salvage(spoiled, &mut salvage, cursor, tolerated)?;
            }
            if self.more.len() >= MAX_ITEMS {
                let error = start.error("at most 1000 FETCH items");
                tolerated.record(FaultKind::MalformedItem, error.at);
                let octets = start.rest();
                cursor.take_rest();
                self.push(FetchItem::Invalid { name: &[], octets, error });
                return Ok(());
            }
            if cursor.eat(b' ') && cursor.peek() == Some(b')') {
                tolerated.record(FaultKind::SurplusSpace, cursor.position());
            }
        }
    }

    /// One item.
    ///
    /// # Errors
    /// What could not be read.
    #[inline]
    fn item(
        &mut self,
        cursor: &mut Cursor<'a>,
        tolerated: &mut Tolerated,
    ) -> core::result::Result<(), Spoiled<'a>> {
        let start = *cursor;
        let (known, name) = match Name::common(cursor) {
            Some((known, name)) => {
                cursor.surplus_spaces(tolerated);
                (Some(known), name)
            }
            None => {
                let name = Name::parse(cursor).map_err(|error| Spoiled {
                    name: &[],
                    value: start,
                    error,
                })?;
                let behind = *cursor;
                cursor.space(tolerated).map_err(|error| Spoiled {
                    name: name.whole,
                    value: behind,
                    error,
                })?;
                (name.known(), name)
            }
        };
        let value = *cursor;
        self.value(known, &name, cursor, tolerated).map_err(|error| Spoiled {
            name: name.whole,
            value,
            error,
        })
    }

    /// Keeps the octets of an item that breaks the grammar and goes on behind it.
    ///
    /// # Errors
    /// Lists without end, nested too deep.
    #[cold]
    fn salvage(
        &mut self,
        Spoiled { name, value, error }: Spoiled<'a>,
        salvage: &mut Salvage,
        cursor: &mut Cursor<'a>,
        tolerated: &mut Tolerated,
    ) -> Result<()> {
        tolerated.record(FaultKind::MalformedItem, error.at);
        *cursor = value;
        let skipped = cursor.skip_value();
        if !(skipped.is_ok() && salvage.is_balanced(*cursor)) {
            *cursor = value;
            if resume(salvage, cursor, tolerated) {
                let octets = value.until(cursor).trim_ascii_end();
                self.push(FetchItem::Invalid { name, octets, error });
                return Ok(());
            }
            // Nothing tells where the next item begins.
            if let Err(fault) = skipped {
                if fault.is_depth() {
                    return Err(fault);
                }
            }
            *cursor = value;
            if skipped.is_ok() {
                cursor.skip_value()?
            } else {
                cursor.take_rest()
            };
        }
        self.push(FetchItem::Invalid { name, octets: value.until(cursor), error });
        Ok(())
    }

    #[inline]
    fn value(
        &mut self,
        known: Option<Known>,
        name: &Name<'a>,
        cursor: &mut Cursor<'a>,
        tolerated: &mut Tolerated,
    ) -> Result<()> {
        match (known, name.section) {
            (Some(Known::Uid), None) => {
                let at = *cursor;
                let uid = Uid::from(whole(cursor, nz_number)?);
                // The text of a message must not name another one where a server does not quote it.
                if self.uid.is_some_and(|told| told != uid) {
                    if self.uid_is_doubtful {
                        self.uid = None;
                    }
                    return Err(at.error("the UID that was told before"));
                }
                self.uid = Some(uid);
                self.uid_is_doubtful = self.has_invalid();
            }
            (Some(Known::Flags), None) => {
                self.flags = Some(whole(cursor, |cursor| FlagsRef::parse(cursor, tolerated))?);
            }
            (Some(Known::Size), None) => {
                self.size = whole(cursor, |cursor| size(cursor, tolerated))?;
            }
            (Some(Known::InternalDate), None) => {
                self.internal_date = Some(whole(cursor, internal_date)?);
            }
            (Some(Known::ModSeq), None) => {
                self.mod_seq = Some(whole(cursor, |cursor| mod_seq(cursor, tolerated))?)
            }
            (Some(Known::Envelope), None) => {
                let envelope = whole(cursor, |cursor| EnvelopeRef::parse(cursor, tolerated))?;
                self.envelope = Some(Box::new(envelope));
            }
            (Some(Known::BodyStructure | Known::Body), None) => {
                let structure = whole(cursor, |cursor| BodyStructureRef::parse(cursor, tolerated));
                self.body_structure = Some(structure?);
            }
            (Some(Known::Body), Some(section)) => {
                self.body(section, name, false, cursor, tolerated)?;
            }
            (Some(Known::Binary), Some(section)) => {
                self.body(section, name, true, cursor, tolerated)?;
            }
            (Some(Known::Rfc822), None) => self.body(b"", name, false, cursor, tolerated)?,
            (Some(Known::Header), None) => self.body(b"HEADER", name, false, cursor, tolerated)?,
            (Some(Known::Text), None) => self.body(b"TEXT", name, false, cursor, tolerated)?,
            _ => {
                let octets = cursor.skip_value()?;
                tolerated.unfold::<OtherItem>(1, cursor)?;
                self.push(FetchItem::Other { name: name.whole, octets });
            }
        }
        Ok(())
    }

    fn body(
        &mut self,
        section: &'a [u8],
        name: &Name<'a>,
        is_binary: bool,
        cursor: &mut Cursor<'a>,
        tolerated: &mut Tolerated,
    ) -> Result<()> {
        let data = whole(cursor, |cursor| cursor.nstring(tolerated))?;
        tolerated.unfold::<BodySection>(1, cursor)?;
        tolerated.unfold_list::<String>(section, cursor)?;
        self.push(FetchItem::Body(BodyRef { section, origin: name.origin, is_binary, data }));
        Ok(())
    }

    fn has_invalid(&self) -> bool {
        self.items().any(|item| matches!(item, FetchItem::Invalid { .. }))
    }

    fn push(&mut self, item: FetchItem<'a>) {
        match self.first {
            None => self.first = Some(item),
            Some(_) => self.more.push(item),
        }
    }
}

/// A response with more items than these beside those with a field of their own is an attack on memory.
const MAX_ITEMS: usize = 1000;

/// `ENVELOPE (` begins here.
fn is_envelope(mut cursor: Cursor<'_>) -> bool {
    let known = Known::from_name(Name::word(&mut cursor));
    known == Some(Known::Envelope) && cursor.eat_all(b" (")
}

/// Goes to the next item behind octets that cannot be read; false where there is none.
#[cold]
fn resume(salvage: &mut Salvage, cursor: &mut Cursor<'_>, tolerated: &mut Tolerated) -> bool {
    let Some(next) = salvage.next_item(*cursor) else { return false };
    tolerated.record(FaultKind::LostBalance, cursor.position());
    *cursor = next;
    true
}

/// A value with nothing of its own behind it.
#[inline]
fn whole<'a, T>(
    cursor: &mut Cursor<'a>,
    value: impl FnOnce(&mut Cursor<'a>) -> Result<T>,
) -> Result<T> {
    let value = value(cursor)?;
    match cursor.peek() {
        Some(b' ' | b')') | None => Ok(value),
        _ => Err(cursor.error("a space or a closing parenthesis")),
    }
}

/// `fetch-mod-resp`, RFC 7162 7: `"(" permsg-modsequence ")"`.
fn mod_seq(cursor: &mut Cursor<'_>, tolerated: &mut Tolerated) -> Result<u64> {
    cursor.expect(b'(', "a modification sequence in parentheses")?;
    cursor.surplus_spaces(tolerated);
    let number = cursor.number64()?;
    cursor.surplus_spaces(tolerated);
    cursor.expect(b')', "a closing parenthesis")?;
    Ok(number)
}

/// `DQUOTE date-time DQUOTE`.
fn internal_date(cursor: &mut Cursor<'_>) -> Result<DateTime> {
    let start = *cursor;
    let text = cursor.string()?.cow();
    DateTime::parse(&text).ok_or_else(|| start.error("a date and time"))
}
