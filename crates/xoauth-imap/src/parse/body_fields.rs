//! Fields of body structures: `body-fields` and `body-ext-1part`, RFC 9051 9.

use super::cursor::{Cursor, Result, Span};
use super::{FaultKind, Text, Tolerated};
use crate::types::Octets;

/// `body-fld-dsp`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DispositionRef<'a> {
    /// `attachment`, `inline`.
    pub kind: Text<'a>,
    /// `filename`.
    pub parameters: ParametersRef<'a>,
}

/// `body-fld-param`: pairs of an attribute and its value.
#[derive(Debug, Clone)]
pub struct ParametersRef<'a>(StringsRef<'a>);

/// Strings between spaces.
#[derive(Debug, Clone)]
pub struct StringsRef<'a>(Cursor<'a>);

impl<'a> ParametersRef<'a> {
    pub(super) fn none(cursor: &Cursor<'a>) -> Self {
        Self(StringsRef::none(cursor))
    }
}

impl<'a> StringsRef<'a> {
    pub(super) fn none(cursor: &Cursor<'a>) -> Self {
        Self(cursor.within(Span::default()))
    }
}

impl<'a> Iterator for ParametersRef<'a> {
    type Item = (Text<'a>, Text<'a>);

    /// The next attribute and its value, which is NIL where the server sent NIL.
    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?, self.0.next().unwrap_or(Text::Nil)))
    }
}

impl<'a> Iterator for StringsRef<'a> {
    type Item = Text<'a>;

    fn next(&mut self) -> Option<Text<'a>> {
        // What is wrong was noted when the structure was parsed.
        let mut noted = Tolerated::default();
        while self.0.eat(b' ') {}
        self.0.nstring(&mut noted).ok()
    }
}

/// A space with something behind it.
#[inline]
pub(super) fn more(cursor: &mut Cursor<'_>, tolerated: &mut Tolerated) -> bool {
    if !cursor.eat(b' ') {
        return false;
    }
    cursor.surplus_spaces(tolerated);
    if cursor.peek() == Some(b')') {
        tolerated.record(FaultKind::SurplusSpace, cursor.position());
        return false;
    }
    true
}

/// `nstring`; no atom, which would be the name of the next item where a parenthesis is missing.
pub(super) fn quoted_or_nil<'a>(cursor: &mut Cursor<'a>) -> Result<Text<'a>> {
    if cursor.nil() { Ok(Text::Nil) } else { cursor.string() }
}

/// `nstring`, and NIL for a list in its place (Exchange Online).
pub(super) fn no_list<'a>(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<Text<'a>> {
    if cursor.peek() != Some(b'(') {
        return quoted_or_nil(cursor);
    }
    tolerated.record(FaultKind::ListForString, cursor.position());
    cursor.skip_value()?;
    Ok(Text::Nil)
}

/// `body-fld-param = "(" string SP string *(SP string SP string) ")" / nil`.
pub(super) fn parameters<'a>(
    cursor: &mut Cursor<'a>,
    tolerated: &mut Tolerated,
) -> Result<ParametersRef<'a>> {
    if cursor.nil() {
        return Ok(ParametersRef::none(cursor));
    }
    cursor.expect(b'(', "a list of parameters or NIL")?;
    let content = *cursor;
    cursor.surplus_spaces(tolerated);
    let mut first = true;
    loop {
        if cursor.peek() == Some(b')') {
            let pairs = content.within(content.span_until(cursor));
            cursor.take(1);
            return Ok(ParametersRef(StringsRef(pairs)));
        }
        if !core::mem::take(&mut first) && !more(cursor, tolerated) {
            if cursor.peek() == Some(b')') {
                continue;
            }
            return Err(cursor.error("a space or a closing parenthesis"));
        }
        tolerated.unfold::<(Octets, Option<Octets>)>(1, cursor)?;
        cursor.nstring(tolerated)?;
        if !more(cursor, tolerated) || cursor.nil() {
            tolerated.record(FaultKind::MissingParameterValue, cursor.position());
        } else {
            cursor.nstring(tolerated)?;
        }
    }
}

/// `body-fld-dsp = "(" string SP body-fld-param ")" / nil`.
pub(super) fn disposition<'a>(
    cursor: &mut Cursor<'a>,
    tolerated: &mut Tolerated,
) -> Result<Option<DispositionRef<'a>>> {
    let start = *cursor;
    if !cursor.eat(b'(') {
        if !quoted_or_nil(cursor)?.is_nil() {
            tolerated.record(FaultKind::DispositionNotList, start.position());
        }
        return Ok(None);
    }
    cursor.surplus_spaces(tolerated);
    let kind = cursor.nstring(tolerated)?;
    let none = ParametersRef::none(cursor);
    let parameters = if more(cursor, tolerated) { parameters(cursor, tolerated)? } else { none };
    cursor.surplus_spaces(tolerated);
    cursor.expect(b')', "the end of a disposition")?;
    Ok(Some(DispositionRef { kind, parameters }))
}

/// `body-fld-lang = nstring / "(" string *(SP string) ")"`.
pub(super) fn languages<'a>(
    cursor: &mut Cursor<'a>,
    tolerated: &mut Tolerated,
) -> Result<StringsRef<'a>> {
    let start = *cursor;
    if !cursor.eat(b'(') {
        let language = quoted_or_nil(cursor)?;
        let span = if language.is_nil() { Span::default() } else { start.span_until(cursor) };
        return Ok(StringsRef(start.within(span)));
    }
    let content = *cursor;
    loop {
        cursor.surplus_spaces(tolerated);
        if cursor.peek() == Some(b')') {
            let strings = content.within(content.span_until(cursor));
            cursor.take(1);
            return Ok(StringsRef(strings));
        }
        tolerated.unfold::<Octets>(1, cursor)?;
        cursor.nstring(tolerated)?;
        cursor.eat(b' ');
    }
}
