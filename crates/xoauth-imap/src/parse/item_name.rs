//! Names of FETCH items: `msg-att-dynamic` and `msg-att-static`, RFC 9051 9.

use super::cursor::{Cursor, Result};

/// The items of `msg-att-dynamic` and `msg-att-static`, RFC 9051 9 and RFC 3501 9.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Known {
    Uid,
    Flags,
    Size,
    InternalDate,
    ModSeq,
    Envelope,
    BodyStructure,
    Body,
    Binary,
    Rfc822,
    Header,
    Text,
}

/// The name of an item, a section and an origin included.
pub(super) struct Name<'a> {
    /// Up to the bracket.
    word: &'a [u8],
    pub(super) section: Option<&'a [u8]>,
    pub(super) origin: Option<u32>,
    pub(super) whole: &'a [u8],
}

/// Octets in which the end of a section is looked for: each item of a response may have one that has none.
const MAX_SECTION: usize = 64 * 1024;

impl Known {
    /// Without a copy in upper case: most comparisons end at the length.
    #[inline]
    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        let (word, known) = match name.len() {
            3 => ("UID", Self::Uid),
            4 => ("BODY", Self::Body),
            5 => ("FLAGS", Self::Flags),
            6 if name.first().is_some_and(|octet| octet.eq_ignore_ascii_case(&b'M')) => {
                ("MODSEQ", Self::ModSeq)
            }
            6 if name.first().is_some_and(|octet| octet.eq_ignore_ascii_case(&b'B')) => {
                ("BINARY", Self::Binary)
            }
            6 => ("RFC822", Self::Rfc822),
            8 => ("ENVELOPE", Self::Envelope),
            11 if name.last().is_some_and(|octet| octet.eq_ignore_ascii_case(&b'E')) => {
                ("RFC822.SIZE", Self::Size)
            }
            11 => ("RFC822.TEXT", Self::Text),
            12 => ("INTERNALDATE", Self::InternalDate),
            13 if name.last().is_some_and(|octet| octet.eq_ignore_ascii_case(&b'E')) => {
                ("BODYSTRUCTURE", Self::BodyStructure)
            }
            13 => ("RFC822.HEADER", Self::Header),
            _ => return None,
        };
        name.eq_ignore_ascii_case(word.as_bytes()).then_some(known)
    }
}

impl<'a> Name<'a> {
    /// Which of the items it is that have a meaning here.
    #[inline]
    pub(super) fn known(&self) -> Option<Known> {
        Known::from_name(self.word)
    }

    /// The names that there are most of, as servers write them, with the space behind; nothing is taken where
    /// another stands there.
    #[inline]
    pub(super) fn common(cursor: &mut Cursor<'a>) -> Option<(Known, Self)> {
        let (known, whole, section): (_, &[u8], Option<&[u8]>) = if cursor.eat_all(b"UID ") {
            (Known::Uid, b"UID", None)
        } else if cursor.eat_all(b"FLAGS ") {
            (Known::Flags, b"FLAGS", None)
        } else if cursor.eat_all(b"BODY[] ") {
            (Known::Body, b"BODY[]", Some(b""))
        } else {
            return None;
        };
        // `word` tells what `known` does.
        Some((known, Self { word: whole, section, origin: None, whole }))
    }

    /// What stands before a section, or is all of the name.
    #[inline]
    pub(super) fn word(cursor: &mut Cursor<'a>) -> &'a [u8] {
        cursor.take_while(|b| b > b' ' && !matches!(b, b'(' | b')' | b'[' | b'"' | b'{'))
    }

    /// The name of an item: `UID`, `BODY[1.HEADER.FIELDS ("To")]<0>`.
    #[inline]
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Result<Self> {
        let start = *cursor;
        let word = Self::word(cursor);
        if word.is_empty() {
            return Err(cursor.error("the name of a FETCH item"));
        }
        let mut section = None;
        let mut origin = None;
        if cursor.eat(b'[') {
            let inner = *cursor;
            skip_section(cursor)?;
            section = Some(inner.until(cursor));
            cursor.expect(b']', "a closing bracket")?;
            if cursor.eat(b'<') {
                origin = Some(cursor.number32()?);
                cursor.expect(b'>', "the end of the origin")?;
            }
        }
        Ok(Self { word, section, origin, whole: start.until(cursor) })
    }
}

/// `section-spec`, whose list of header fields may hold strings with a bracket in them.
fn skip_section(cursor: &mut Cursor<'_>) -> Result<()> {
    let mut section = cursor.head(MAX_SECTION);
    loop {
        section.take_while(|b| !matches!(b, b']' | b'"' | b'{' | b'\r' | b'\n'));
        match section.peek() {
            Some(b']') => {
                cursor.take(section.position().saturating_sub(cursor.position()));
                return Ok(());
            }
            Some(b'"' | b'{') => section.string().map(drop)?,
            _ => return Err(section.error("a closing bracket")),
        }
    }
}
