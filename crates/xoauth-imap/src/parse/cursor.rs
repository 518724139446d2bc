//! A position in a response, and the lexical rules of RFC 9051, 9.

use core::fmt;

use super::{FaultKind, Text, Tolerated};

/// One complete response as framing found it.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The response line, its CRLF at the very end, literals inline as `{n}` CRLF and `n` octets.
    pub bytes: &'a [u8],
    /// The literals whose octets are not in `bytes`, in the order of their places.
    pub literals: &'a [StreamedLiteral],
}

impl fmt::Debug for Input<'_> {
    /// Counts the octets, which are as they came: servers echo what they were sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("bytes", &self.bytes.len())
            .field("literals", &self.literals)
            .finish()
    }
}

/// A literal whose octets were handed out before the response was complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamedLiteral {
    /// Offset in the response without it, right behind the CRLF of its announcement.
    pub at: usize,
    /// Octets it announced.
    pub len: u64,
    /// Which of the streamed literals of the response it is, counted from 0.
    pub index: u32,
}

/// Where a response broke the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseError {
    /// What the grammar wants there.
    pub expected: &'static str,
    /// Offset in the response.
    pub at: usize,
}

/// Lists nested deeper than this are refused.
pub(super) const MAX_DEPTH: usize = 100;

const TOO_DEEP: &str = "lists nested at most 100 deep";

impl ParseError {
    pub(super) fn too_deep(at: usize) -> Self {
        Self { expected: TOO_DEEP, at }
    }

    /// Lists were nested more than 100 deep.
    pub fn is_depth(&self) -> bool {
        self.expected == TOO_DEEP
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at offset {}", self.expected, self.at)
    }
}

impl core::error::Error for ParseError {}

pub(super) type Result<T> = core::result::Result<T, ParseError>;

/// A position in a response. All arithmetic on offsets is in this type.
///
/// Invariant: `rest` is a part of the response and ends at offset `end` of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    end: usize,
    literals: &'a [StreamedLiteral],
}

/// A part of a response that was validated, to be gone through later: offsets of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    start: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    /// The start of a response; its line end is cut off.
    pub(crate) fn new(input: Input<'a>) -> Self {
        let rest = input.bytes.strip_suffix(b"\n").unwrap_or(input.bytes);
        let rest = rest.strip_suffix(b"\r").unwrap_or(rest);
        Self { rest, end: rest.len(), literals: input.literals }
    }

    /// Plain octets, without literals that were streamed away.
    pub(crate) fn of(octets: &'a [u8]) -> Self {
        Self { rest: octets, end: octets.len(), literals: &[] }
    }

    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.end - self.rest.len()
    }

    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    #[inline]
    pub(crate) fn error(&self, expected: &'static str) -> ParseError {
        ParseError { expected, at: self.position() }
    }

    /// The next `n` octets.
    #[inline]
    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(taken)
    }

    /// Everything that is left.
    pub(crate) fn take_rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    /// The octets as long as they are what `class` says.
    #[inline]
    pub(crate) fn take_while(&mut self, class: impl Fn(u8) -> bool) -> &'a [u8] {
        let n = self.rest.iter().position(|&b| !class(b)).unwrap_or(self.rest.len());
        self.take(n).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn eat(&mut self, octet: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == octet => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// These octets, exactly as they are.
    #[inline(always)]
    pub(crate) fn eat_all<const N: usize>(&mut self, octets: &[u8; N]) -> bool {
        match self.rest.split_first_chunk::<N>() {
            Some((first, rest)) if first == octets => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline]
    pub(crate) fn expect(&mut self, octet: u8, expected: &'static str) -> Result<()> {
        if self.eat(octet) { Ok(()) } else { Err(self.error(expected)) }
    }

    /// The next `n` octets at most, as all there are.
    pub(crate) fn head(&self, n: usize) -> Self {
        let rest = self.rest.get(..n).unwrap_or(self.rest);
        Self { rest, end: self.position() + rest.len(), literals: self.literals }
    }

    /// What stands between here and `later`, a later position of the same response.
    pub(crate) fn until(&self, later: &Self) -> &'a [u8] {
        let n = self.rest.len().saturating_sub(later.rest.len());
        self.rest.get(..n).unwrap_or_default()
    }

    /// The same as offsets.
    #[inline]
    pub(crate) fn span_until(&self, later: &Self) -> Span {
        Span { start: self.position(), end: later.position() }
    }

    /// The part of this position's rest that `span` names.
    pub(crate) fn within(&self, span: Span) -> Self {
        let start = span.start.saturating_sub(self.position());
        let end = span.end.saturating_sub(self.position());
        let rest = self.rest.get(start..end).unwrap_or_default();
        Self { rest, end: span.end, literals: self.literals }
    }

    /// `SP`. Some servers send several (DavMail, as a sign of life; T-Online).
    #[inline]
    pub(crate) fn space(&mut self, tolerated: &mut Tolerated) -> Result<()> {
        match self.rest {
            [b' ', rest @ ..] => self.rest = rest,
            _ => return Err(self.error("a space")),
        }
        self.surplus_spaces(tolerated);
        Ok(())
    }

    /// Spaces where none belong, or more than the one that does.
    #[inline]
    pub(crate) fn surplus_spaces(&mut self, tolerated: &mut Tolerated) {
        if self.peek() == Some(b' ') {
            self.skip_surplus(tolerated);
        }
    }

    #[cold]
    fn skip_surplus(&mut self, tolerated: &mut Tolerated) {
        tolerated.record(FaultKind::SurplusSpace, self.position());
        while self.eat(b' ') {}
    }

    /// Spaces behind which nothing comes.
    pub(crate) fn surplus_spaces_at_end(&mut self, tolerated: &mut Tolerated) {
        if !self.is_empty() && self.rest.iter().all(|&octet| octet == b' ') {
            self.surplus_spaces(tolerated);
        }
    }

    /// `atom = 1*ATOM-CHAR`.
    pub(crate) fn atom(&mut self) -> Result<&'a [u8]> {
        match self.take_while(is_atom_char) {
            [] => Err(self.error("an atom")),
            atom => Ok(atom),
        }
    }

    /// `number = 1*DIGIT`, 32 bits.
    pub(crate) fn number32(&mut self) -> Result<u32> {
        let start = *self;
        u32::try_from(self.number64()?).map_err(|_| start.error("a number of 32 bits"))
    }

    /// `number64 = 1*DIGIT`, 63 bits (RFC 9051, 9).
    #[inline]
    pub(crate) fn number64(&mut self) -> Result<u64> {
        let start = *self;
        let mut number = 0u64;
        let mut digits = 0;
        while let [digit @ b'0'..=b'9', rest @ ..] = self.rest {
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            digits += 1;
            self.rest = rest;
        }
        match digits {
            0 => Err(self.error("a number")),
            // Nineteen digits fit into 64 bits.
            1..=19 if number <= i64::MAX as u64 => Ok(number),
            _ => Err(start.error("a number of 63 bits")),
        }
    }

    /// `string = quoted / literal`.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Text<'a>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{' | b'~') => self.literal(),
            _ => Err(self.error("a string")),
        }
    }

    /// `nstring = string / nil`. An atom is taken too.
    #[inline(always)]
    pub(crate) fn nstring(&mut self, tolerated: &mut Tolerated) -> Result<Text<'a>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{' | b'~') => self.literal(),
            _ if self.nil() => Ok(Text::Nil),
            _ => {
                let start = *self;
                let atom = self.atom().map_err(|_| start.error("a string or NIL"))?;
                tolerated.record(FaultKind::UnquotedString, start.position());
                Ok(Text::Raw(atom))
            }
        }
    }

    /// NIL, and nothing that only begins like it.
    #[inline]
    pub(crate) fn nil(&mut self) -> bool {
        match self.rest {
            [b'N' | b'n', b'I' | b'i', b'L' | b'l', rest @ ..]
                if !rest.first().copied().is_some_and(is_atom_char) =>
            {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// `astring = 1*ASTRING-CHAR / string`.
    pub(crate) fn astring(&mut self) -> Result<Text<'a>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            _ => match self.take_while(is_astring_char) {
                [] => Err(self.error("a string")),
                atom => Ok(Text::Raw(atom)),
            },
        }
    }

    /// `quoted = DQUOTE *QUOTED-CHAR DQUOTE`. Octets above 127 are kept as they are, be they UTF-8
    /// (RFC 9051 allows it) or not (many servers send what the message had).
    #[inline]
    fn quoted(&mut self) -> Result<Text<'a>> {
        let start = *self;
        self.expect(b'"', "a quoted string")?;
        let content = *self;
        let mut escapes = false;
        loop {
            self.skip_until::<b'"', b'\\'>();
            match self.rest {
                [b'"', rest @ ..] => {
                    let octets = content.until(self);
                    self.rest = rest;
                    return Ok(if escapes { Text::Quoted(octets) } else { Text::Raw(octets) });
                }
                [b'\\', _, rest @ ..] => {
                    escapes = true;
                    self.rest = rest;
                }
                [] | [b'\\' | b'\r' | b'\n', ..] => {
                    return Err(start.error("a quoted string with both its quotes"));
                }
                [_, rest @ ..] => self.rest = rest,
            }
        }
    }

    /// Skips what needs no look, eight octets at a time; strings of envelopes are too short for `memchr` to pay. Stops at
    /// one of these two octets or at a control character.
    #[inline]
    pub(crate) fn skip_until<const ONE: u8, const OTHER: u8>(&mut self) {
        const ONES: u64 = u64::MAX / 255;
        while let Some((octets, rest)) = self.rest.split_first_chunk::<8>() {
            let octets = u64::from_le_bytes(*octets);
            // The lowest high bit that is set marks the first such octet; those above it may be wrong.
            let below = |octets: u64, limit: u64| octets.wrapping_sub(ONES * limit) & !octets;
            let one = below(octets ^ (ONES * u64::from(ONE)), 1);
            let other = below(octets ^ (ONES * u64::from(OTHER)), 1);
            let found = (one | other | below(octets, 0x20)) & (ONES * 0x80);
            if found != 0 {
                self.take((found.trailing_zeros() / 8) as usize);
                return;
            }
            self.rest = rest;
        }
        self.take_while(|octet| octet >= 0x20 && octet != ONE && octet != OTHER);
    }

    /// `literal = "{" number64 ["+"] "}" CRLF *CHAR8`, and `literal8` with its `~`.
    pub(crate) fn literal(&mut self) -> Result<Text<'a>> {
        let start = *self;
        self.eat(b'~');
        self.expect(b'{', "a literal")?;
        let len = self.number64()?;
        self.eat(b'+');
        for octet in *b"}\r\n" {
            self.expect(octet, "the end of a literal's announcement")?;
        }
        let place = self.position();
        let streamed = self.literals.binary_search_by_key(&place, |literal| literal.at);
        let missing = || start.error("a literal as long as it says");
        if let Some(literal) = streamed.ok().and_then(|index| self.literals.get(index)) {
            return Ok(Text::Streamed { len: literal.len, index: literal.index });
        }
        let octets = usize::try_from(len).ok().and_then(|len| self.take(len));
        octets.map(Text::Raw).ok_or_else(missing)
    }

    /// Skips one value of any kind, whatever it consists of, up to the space or parenthesis behind it.
    ///
    /// # Errors
    /// A quoted string or a list without end. [`ParseError::is_depth`] where it ends too deep inside.
    pub(crate) fn skip_value(&mut self) -> Result<&'a [u8]> {
        let start = *self;
        let mut depth = 0usize;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.quoted()?;
                    continue;
                }
                Some(b'{') => {
                    let mut ahead = *self;
                    if ahead.literal().is_ok() {
                        *self = ahead;
                        continue;
                    }
                }
                Some(b'(') => depth += 1,
                Some(b')') if depth > 0 => depth -= 1,
                Some(b')' | b' ') | None if depth == 0 => return Ok(start.until(self)),
                None if depth > MAX_DEPTH => return Err(ParseError::too_deep(start.position())),
                None => return Err(start.error("a closing parenthesis")),
                Some(_) => {}
            }
            self.take(1);
        }
    }
}

/// `ATOM-CHAR`: any CHAR but `atom-specials`, RFC 9051 9. Octets above 127 are taken too.
#[inline]
pub(crate) fn is_atom_char(octet: u8) -> bool {
    is_astring_char(octet) && octet != b']'
}

/// `ASTRING-CHAR = ATOM-CHAR / resp-specials`, RFC 9051 9.
#[inline]
pub(crate) fn is_astring_char(octet: u8) -> bool {
    octet > b' ' && !matches!(octet, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | 0x7f)
}
