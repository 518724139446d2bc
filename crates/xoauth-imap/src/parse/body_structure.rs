//! Body structures, RFC 9051 7.5.2 and 9.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::body_fields::{
    DispositionRef, ParametersRef, StringsRef, disposition, languages, more, no_list, parameters,
    quoted_or_nil,
};
use super::cursor::{Cursor, MAX_DEPTH, ParseError, Result};
use super::{EnvelopeRef, FaultKind, Text, Tolerated};
use crate::types::BodyPart;

/// `body`: the MIME structure of a message, all its parts in one vector, a parent before its children.
///
/// Parsing needs no recursion and neither does dropping. Parts are nested at most 100 deep, and there are
/// at most 10,000 of them.
#[derive(Debug, Clone)]
pub struct BodyStructureRef<'a> {
    parts: Vec<PartRef<'a>>,
}

/// One part: `body-type-1part`, or `body-type-mpart` with its subtype and extensions.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PartRef<'a> {
    /// Index of the part this one stands in; `None` for the message itself.
    pub parent: Option<usize>,
    /// Which of its parent's parts it is, counted from 1.
    pub ordinal: u32,
    /// `media-type`: `TEXT`, `MULTIPART`.
    pub media_type: Text<'a>,
    /// `media-subtype`: `PLAIN`.
    pub subtype: Text<'a>,
    /// `body-fld-param`: `charset`, `boundary`.
    pub parameters: ParametersRef<'a>,
    /// `body-fld-id`: the Content-ID field.
    pub id: Text<'a>,
    /// `body-fld-desc`: the Content-Description field.
    pub description: Text<'a>,
    /// `body-fld-enc`: the transfer encoding. NIL, against the grammar, where the server does not know.
    pub encoding: Text<'a>,
    /// `body-fld-octets`: its size as it is encoded; `None` where the server does not know.
    pub size: Option<u64>,
    /// `body-fld-lines`, of texts and messages.
    pub lines: Option<u64>,
    /// The envelope of the message that this part holds.
    pub envelope: Option<Box<EnvelopeRef<'a>>>,
    /// `body-fld-md5`: the Content-MD5 field.
    pub md5: Text<'a>,
    /// `body-fld-dsp`: the Content-Disposition field.
    pub disposition: Option<DispositionRef<'a>>,
    /// `body-fld-lang`: the Content-Language field.
    pub languages: StringsRef<'a>,
    /// `body-fld-loc`: the Content-Location field.
    pub location: Text<'a>,
    is_multipart: bool,
}

/// Messages have a few parts; a structure of this many is an attack on memory.
const MAX_PARTS: usize = 10_000;

impl<'a> BodyStructureRef<'a> {
    /// The parts, each before those inside it.
    pub fn parts(&self) -> &[PartRef<'a>] {
        &self.parts
    }

    /// `body = "(" (body-type-1part / body-type-mpart) ")"`.
    ///
    /// Goes down where a part begins inside another and up where one ends; the way up is the chain of
    /// parents.
    pub(super) fn parse(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<Self> {
        let mut structure = Self { parts: Vec::new() };
        let mut parent = None;
        let mut ordinal = 1;
        let mut depth = 0;
        loop {
            cursor.expect(b'(', "a body structure")?;
            cursor.surplus_spaces(tolerated);
            if depth >= MAX_DEPTH {
                return Err(ParseError::too_deep(cursor.position()));
            }
            if structure.parts.len() >= MAX_PARTS {
                return Err(cursor.error("at most 10000 body parts"));
            }
            // It is kept with its number, which has one for each level.
            tolerated.unfold::<BodyPart>(1, cursor)?;
            tolerated.unfold::<u32>(depth, cursor)?;
            let mut part = PartRef::new(parent, ordinal, cursor);
            let holds_parts = part.begin(cursor, tolerated)?;
            let mut current = structure.parts.len();
            structure.parts.push(part);
            if holds_parts {
                parent = Some(current);
                ordinal = 1;
                depth += 1;
                continue;
            }
            // The part has ended, and with it perhaps those it stands in.
            loop {
                let Some(part) = structure.parts.get_mut(current) else { return Ok(structure) };
                part.end(cursor, tolerated)?;
                let (above, number) = (part.parent, part.ordinal);
                let Some(above) = above else { return Ok(structure) };
                let is_multipart = structure.parts.get(above).is_some_and(|part| part.is_multipart);
                if is_multipart && another_part(cursor, tolerated) {
                    parent = Some(above);
                    ordinal = number + 1;
                    break;
                }
                current = above;
                depth -= 1;
            }
        }
    }
}

impl<'a> PartRef<'a> {
    fn new(parent: Option<usize>, ordinal: u32, cursor: &Cursor<'a>) -> Self {
        let none = StringsRef::none(cursor);
        Self {
            parent,
            ordinal,
            media_type: Text::Nil,
            subtype: Text::Nil,
            parameters: ParametersRef::none(cursor),
            id: Text::Nil,
            description: Text::Nil,
            encoding: Text::Nil,
            size: None,
            lines: None,
            envelope: None,
            md5: Text::Nil,
            disposition: None,
            languages: none,
            location: Text::Nil,
            is_multipart: false,
        }
    }

    /// The part consists of parts.
    pub fn is_multipart(&self) -> bool {
        self.is_multipart
    }

    /// Parses what stands before the parts inside; true where such a part begins.
    fn begin(&mut self, cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<bool> {
        if cursor.peek() == Some(b'(') {
            self.is_multipart = true;
            self.media_type = Text::Raw(b"MULTIPART");
            return Ok(true);
        }
        // media-basic / media-message / media-text, then body-fields
        let start = *cursor;
        self.media_type = cursor.nstring(tolerated)?;
        if self.lacks_parts(cursor, tolerated)? {
            tolerated.record(FaultKind::MultipartWithoutParts, start.position());
            return Ok(false);
        }
        cursor.space(tolerated)?;
        let is_size = |size: Cursor<'_>| matches!(size.peek(), Some(b'0'..=b'9' | b'-'));
        if size_of_part(*cursor, tolerated).is_some_and(is_size) {
            tolerated.record(FaultKind::MissingSubtype, cursor.position());
        } else {
            self.subtype = cursor.nstring(tolerated)?;
            cursor.space(tolerated)?;
        }
        self.parameters = parameters(cursor, tolerated)?;
        cursor.space(tolerated)?;
        self.id = cursor.nstring(tolerated)?;
        cursor.space(tolerated)?;
        self.description = cursor.nstring(tolerated)?;
        cursor.space(tolerated)?;
        if cursor.nil() {
            tolerated.record(FaultKind::MissingEncoding, cursor.position());
        } else {
            self.encoding = cursor.nstring(tolerated)?;
        }
        cursor.space(tolerated)?;
        self.size = size(cursor, tolerated)?;
        // body-type-msg has an envelope, a body and lines; some servers treat a message as a file.
        let mut ahead = *cursor;
        let is_message = self.media_type.eq_ignore_ascii_case(b"MESSAGE")
            && (self.subtype.eq_ignore_ascii_case(b"RFC822")
                || self.subtype.eq_ignore_ascii_case(b"GLOBAL"));
        if is_message && ahead.space(tolerated).is_ok() && ahead.peek() == Some(b'(') {
            self.envelope = Some(Box::new(EnvelopeRef::parse(&mut ahead, tolerated)?));
            ahead.space(tolerated)?;
            *cursor = ahead;
            if ahead.eat_all(b"()") {
                tolerated.record(FaultKind::MissingMessage, cursor.position());
                *cursor = ahead;
                return Ok(false);
            }
            return Ok(true);
        }
        if is_message && self.lacks_message(cursor, tolerated) {
            return Ok(false);
        }
        if self.media_type.eq_ignore_ascii_case(b"TEXT") {
            if cursor.peek() == Some(b')') {
                tolerated.record(FaultKind::MissingLines, cursor.position());
                return Ok(false);
            }
            cursor.space(tolerated)?;
            self.lines = size(cursor, tolerated)?;
        }
        Ok(false)
    }

    /// A multipart of no parts has no grammar. Behind its subtype some servers have its parameters, others nothing at all, and
    /// some have NIL before it for its type:
    ///
    /// ```text
    /// ("mixed" ("boundary" "x") NIL NIL)    ("related" NIL ("attachment" NIL) NIL)
    /// ("alternative")                       (NIL "mixed" ("boundary" "x") NIL NIL)
    /// ```
    fn lacks_parts(&mut self, cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<bool> {
        let mut subtype = self.media_type;
        let mut ahead = *cursor;
        if ahead.peek() != Some(b')') {
            // What is wrong with these spaces is noted by who parses them.
            let mut noted = tolerated.anew();
            ahead.space(&mut noted)?;
            if subtype.is_nil() && matches!(ahead.peek(), Some(b'"' | b'{')) {
                subtype = ahead.string()?;
                ahead.space(&mut noted)?;
            }
            let mut behind = ahead;
            let has_none = behind.nil() && (behind.peek() == Some(b')') || behind.eat_all(b" ("));
            let is_part = |at| size_of_part(at, tolerated).is_some();
            if !(has_none || ahead.peek() == Some(b'(')) || is_part(ahead) {
                return Ok(false);
            }
            // NIL may be the subtype of a part too.
            if has_none && is_part(behind_nil(ahead)) {
                return Ok(false);
            }
            self.parameters = parameters(&mut ahead, tolerated)?;
        }
        self.is_multipart = true;
        self.subtype = subtype;
        self.media_type = Text::Raw(b"MULTIPART");
        *cursor = ahead;
        Ok(true)
    }

    /// NIL for the envelope and for the body of a message that the server did not parse, with the lines
    /// behind them.
    fn lacks_message(&mut self, cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> bool {
        let mut ahead = *cursor;
        let none = ahead.eat(b' ') && ahead.nil() && ahead.eat(b' ') && ahead.nil();
        match ahead.eat(b' ').then(|| ahead.number64()) {
            Some(Ok(lines)) if none => {
                tolerated.record(FaultKind::MissingMessage, cursor.position());
                self.lines = Some(lines);
                *cursor = ahead;
                true
            }
            _ => false,
        }
    }

    /// Parses what stands behind the parts inside, the closing parenthesis included.
    fn end(&mut self, cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<()> {
        if self.is_multipart && self.subtype.is_nil() {
            // body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]
            cursor.space(tolerated)?;
            self.subtype = cursor.nstring(tolerated)?;
            if more(cursor, tolerated) {
                self.parameters = parameters(cursor, tolerated)?;
            }
        } else if !self.is_multipart {
            if self.envelope.is_some() {
                cursor.space(tolerated)?;
                self.lines = size(cursor, tolerated)?;
            }
            if more(cursor, tolerated) {
                self.md5 = no_list(cursor, tolerated)?;
            }
        }
        if more(cursor, tolerated) {
            self.disposition = disposition(cursor, tolerated)?;
        }
        if more(cursor, tolerated) {
            self.languages = languages(cursor, tolerated)?;
        }
        if more(cursor, tolerated) {
            self.location = no_list(cursor, tolerated)?;
        }
        // body-extension, which no standard has defined yet.
        while more(cursor, tolerated) {
            match cursor.peek() {
                Some(b'(' | b'0'..=b'9') => cursor.skip_value().map(drop)?,
                _ => quoted_or_nil(cursor).map(drop)?,
            }
        }
        cursor.expect(b')', "the end of a body structure")
    }
}

/// Where the size of a part stands whose parameters begin here, with three strings between them. Parts that have a subtype
/// there are told by one octet.
fn size_of_part<'a>(mut cursor: Cursor<'a>, tolerated: &Tolerated) -> Option<Cursor<'a>> {
    if !matches!(cursor.peek(), Some(b'(' | b'N' | b'n')) {
        return None;
    }
    let mut noted = tolerated.anew();
    parameters(&mut cursor, &mut noted).ok()?;
    for _ in 0..3 {
        cursor.space(&mut noted).ok()?;
        quoted_or_nil(&mut cursor).ok()?;
    }
    cursor.space(&mut noted).ok()?;
    Some(cursor)
}

fn behind_nil(mut cursor: Cursor<'_>) -> Cursor<'_> {
    cursor.nil();
    while cursor.eat(b' ') {}
    cursor
}

/// Another part follows; some servers set spaces between parts.
fn another_part(cursor: &mut Cursor<'_>, tolerated: &mut Tolerated) -> bool {
    let mut ahead = *cursor;
    while ahead.eat(b' ') {}
    if ahead.peek() != Some(b'(') {
        return false;
    }
    cursor.surplus_spaces(tolerated);
    true
}

/// `number64`, or what servers write where they do not know the number, print a float or quote it.
pub(super) fn size(cursor: &mut Cursor<'_>, tolerated: &mut Tolerated) -> Result<Option<u64>> {
    let start = *cursor;
    match cursor.number64() {
        Ok(number) if matches!(cursor.peek(), Some(b' ' | b')')) => return Ok(Some(number)),
        _ => *cursor = start,
    }
    let word = match cursor.nstring(&mut Tolerated::default()) {
        Ok(Text::Raw(word)) => word,
        Ok(Text::Nil) => return unknown(start, tolerated),
        _ => return Err(start.error("a number")),
    };
    let number = match word {
        [b'0'..=b'9', ..] => float(word).ok_or_else(|| start.error("a number"))?,
        [b'-', b'0'..=b'9', ..] => return unknown(start, tolerated),
        [] => return unknown(start, tolerated),
        _ => return Err(start.error("a number")),
    };
    tolerated.record(FaultKind::SizeNotNumber, start.position());
    Ok(Some(number))
}

fn unknown(at: Cursor<'_>, tolerated: &mut Tolerated) -> Result<Option<u64>> {
    tolerated.record(FaultKind::SizeNotNumber, at.position());
    Ok(None)
}

/// A number such as `9.3736e+06`, while a float can hold it exactly.
fn float(word: &[u8]) -> Option<u64> {
    let number: f64 = core::str::from_utf8(word).ok()?.parse().ok()?;
    if !(0.0..9_007_199_254_740_992.0).contains(&number) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    Some(number as u64)
}
