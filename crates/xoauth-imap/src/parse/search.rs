//! Numbers: SEARCH, ESEARCH and sets.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::Text;
use super::Tolerated;
use super::cursor::{Cursor, Result};
use crate::types::OtherItem;

/// `mailbox-data = "SEARCH" *(SP nz-number)`, RFC 9051 9 (RFC 3501, 7.2.5; MODSEQ: RFC 7162, 3.1.5).
#[derive(Debug, Clone, Copy)]
pub struct SearchRef<'a> {
    /// Digits and spaces, nothing else.
    numbers: &'a [u8],
    mod_seq: Option<u64>,
}

/// `esearch-response`, RFC 9051 9 (RFC 4731). What was not told is `None`.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct EsearchRef<'a> {
    /// The tag of the command it answers.
    pub tag: Option<Text<'a>>,
    /// The mailbox that was searched, where several are (MULTISEARCH, RFC 7377). As it is on the wire.
    pub mailbox: Option<Text<'a>>,
    /// The unique identifier validity value of that mailbox.
    pub uid_validity: Option<NonZeroU32>,
    /// The numbers are unique identifiers.
    pub uid: bool,
    /// The lowest number.
    pub min: Option<NonZeroU32>,
    /// The highest number.
    pub max: Option<NonZeroU32>,
    /// How many there are.
    pub count: Option<u32>,
    /// All numbers, as ranges.
    pub all: Option<SetRef<'a>>,
    /// The highest modification sequence among them.
    pub mod_seq: Option<u64>,
    /// A part of the numbers (RFC 9394).
    pub partial: Option<PartialRef<'a>>,
    /// All that stands behind the correlator, its space included.
    data: &'a [u8],
}

/// `ret-data-partial`, RFC 9394 4: a part of what was found.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct PartialRef<'a> {
    /// Which part: places counted from 1, or from the end with -1.
    pub places: (i64, i64),
    /// The numbers in it; `None` where there are fewer.
    pub numbers: Option<SetRef<'a>>,
}

/// `sequence-set` without `*`, as servers send it: RFC 9051 9. Ranges stay ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetRef<'a>(&'a [u8]);

impl<'a> SearchRef<'a> {
    /// Parses what stands behind the word SEARCH.
    pub(super) fn parse(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<Self> {
        let octets = cursor.rest();
        let end = memchr::memchr(b'(', octets).unwrap_or(octets.len());
        let numbers = cursor.take(end).unwrap_or_default();
        // One pass without a branch an octet, then the numbers are converted when they are asked for.
        let sound =
            numbers.iter().fold(true, |sound, octet| sound & (matches!(octet, b'0'..=b'9' | b' ')));
        if !sound {
            return Err(cursor.error("numbers"));
        }
        // A space stands before each.
        tolerated.unfold::<u32>(memchr::memchr_iter(b' ', numbers).count(), cursor)?;
        let mut mod_seq = None;
        if cursor.eat(b'(') {
            cursor.surplus_spaces(tolerated);
            if !cursor.take_while(|b| b.is_ascii_alphabetic()).eq_ignore_ascii_case(b"MODSEQ") {
                return Err(cursor.error("MODSEQ"));
            }
            cursor.space(tolerated)?;
            mod_seq = Some(cursor.number64()?);
            cursor.surplus_spaces(tolerated);
            cursor.expect(b')', "a closing parenthesis")?;
        }
        Ok(Self { numbers, mod_seq })
    }

    /// The numbers, in the server's order. What is 0 or needs more than 32 bits names no message and is
    /// left out.
    pub fn iter(&self) -> impl Iterator<Item = u32> + use<'a> {
        Numbers(self.numbers)
    }

    /// The highest modification sequence of the messages found.
    pub fn mod_seq(&self) -> Option<u64> {
        self.mod_seq
    }
}

/// Digits are converted while they are looked at, once.
struct Numbers<'a>(&'a [u8]);

impl Iterator for Numbers<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        loop {
            while let [b' ', rest @ ..] = self.0 {
                self.0 = rest;
            }
            let mut number = 0u64;
            let mut any = false;
            while let [digit @ b'0'..=b'9', rest @ ..] = self.0 {
                number = (number * 10 + u64::from(digit - b'0')).min(TOO_LARGE);
                self.0 = rest;
                any = true;
            }
            if !any {
                return None;
            }
            if let Ok(number @ 1..) = u32::try_from(number) {
                return Some(number);
            }
        }
    }
}

const TOO_LARGE: u64 = 1 << 32;

impl<'a> EsearchRef<'a> {
    /// Parses what stands behind the word ESEARCH.
    pub(super) fn parse(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<Self> {
        let mut found = Self {
            tag: None,
            mailbox: None,
            uid_validity: None,
            uid: false,
            min: None,
            max: None,
            count: None,
            all: None,
            mod_seq: None,
            partial: None,
            data: &[],
        };
        let mut ahead = *cursor;
        if ahead.space(tolerated).is_ok() && ahead.eat(b'(') {
            found.correlator(&mut ahead, tolerated)?;
            *cursor = ahead;
        }
        found.data = cursor.rest();
        while !cursor.is_empty() {
            cursor.space(tolerated)?;
            if cursor.is_empty() {
                break;
            }
            let name = cursor.atom()?;
            if name.eq_ignore_ascii_case(b"UID") {
                found.uid = true;
                continue;
            }
            cursor.space(tolerated)?;
            if name.eq_ignore_ascii_case(b"MIN") {
                found.min = Some(nz_number(cursor)?);
            } else if name.eq_ignore_ascii_case(b"MAX") {
                found.max = Some(nz_number(cursor)?);
            } else if name.eq_ignore_ascii_case(b"COUNT") {
                found.count = Some(cursor.number32()?);
            } else if name.eq_ignore_ascii_case(b"ALL") {
                found.all = Some(SetRef::parse(cursor, tolerated)?);
            } else if name.eq_ignore_ascii_case(b"MODSEQ") {
                found.mod_seq = Some(cursor.number64()?);
            } else if name.eq_ignore_ascii_case(b"PARTIAL") {
                found.partial = Some(PartialRef::parse(cursor, tolerated)?);
            } else {
                cursor.skip_value()?;
                tolerated.unfold::<OtherItem>(1, cursor)?;
            }
        }
        Ok(found)
    }

    /// `search-correlator = SP "(" one-correlator *(SP one-correlator) ")"`, RFC 7377 5, behind the parenthesis.
    /// What is not known of it is skipped.
    fn correlator(&mut self, cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<()> {
        loop {
            cursor.surplus_spaces(tolerated);
            if cursor.eat(b')') {
                return Ok(());
            }
            let name = cursor.atom()?;
            cursor.space(tolerated)?;
            if name.eq_ignore_ascii_case(b"TAG") {
                self.tag = Some(cursor.astring()?);
            } else if name.eq_ignore_ascii_case(b"MAILBOX") {
                self.mailbox = Some(cursor.astring()?);
            } else if name.eq_ignore_ascii_case(b"UIDVALIDITY") {
                self.uid_validity = Some(nz_number(cursor)?);
            } else {
                cursor.skip_value()?;
            }
            cursor.eat(b' ');
        }
    }

    /// What was told beside the fields, say `ADDTO` (RFC 5267): names, and values as the server wrote them.
    pub fn others(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut cursor = Cursor::of(self.data);
        core::iter::from_fn(move || {
            loop {
                while cursor.eat(b' ') {}
                let name = cursor.atom().ok()?;
                if name.eq_ignore_ascii_case(b"UID") {
                    continue;
                }
                while cursor.eat(b' ') {}
                let value = cursor.skip_value().ok()?;
                if !FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes())) {
                    return Some((name, value));
                }
            }
        })
    }
}

/// Return data with a field of its own.
const FIELDS: [&str; 6] = ["MIN", "MAX", "COUNT", "ALL", "MODSEQ", "PARTIAL"];

impl<'a> PartialRef<'a> {
    /// `"(" partial-range SP partial-results ")"`.
    fn parse(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<Self> {
        cursor.expect(b'(', "a part in parentheses")?;
        let from = place(cursor)?;
        cursor.expect(b':', "a colon")?;
        let places = (from, place(cursor)?);
        cursor.space(tolerated)?;
        let numbers = if cursor.nil() { None } else { Some(SetRef::parse(cursor, tolerated)?) };
        cursor.expect(b')', "a closing parenthesis")?;
        Ok(Self { places, numbers })
    }
}

/// `nz-number`, or `"-" nz-number` counted from the end.
fn place(cursor: &mut Cursor<'_>) -> Result<i64> {
    let from_end = cursor.eat(b'-');
    let place = i64::from(nz_number(cursor)?.get());
    Ok(if from_end { -place } else { place })
}

/// `nz-number = digit-nz *DIGIT`.
pub(super) fn nz_number(cursor: &mut Cursor<'_>) -> Result<NonZeroU32> {
    let start = *cursor;
    NonZeroU32::new(cursor.number32()?).ok_or_else(|| start.error("a number that is not 0"))
}

impl<'a> SetRef<'a> {
    /// Takes the characters of a set and checks that its ranges are numbers.
    pub(super) fn parse(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<Self> {
        let mut rest = cursor.rest();
        let mut count = 0;
        while let Some((_, behind)) = range(rest) {
            count += 1;
            match behind {
                [b',', behind @ ..] => rest = behind,
                [b':', ..] => break,
                end => {
                    tolerated.unfold::<(NonZeroU32, NonZeroU32)>(count, cursor)?;
                    let octets = cursor.take(cursor.rest().len() - end.len());
                    return Ok(Self(octets.unwrap_or_default()));
                }
            }
        }
        Err(cursor.error("a set of numbers"))
    }

    /// The set as the server wrote it.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The ranges in a vector that has no room for more.
    pub(crate) fn to_vec<T: From<NonZeroU32>>(self) -> Vec<(T, T)> {
        let mut ranges = Vec::with_capacity(self.ranges().count());
        ranges.extend(self.ranges().map(|(from, to)| (T::from(from), T::from(to))));
        ranges
    }

    /// The ranges as the server wrote them, both ends included, the lower first.
    pub fn ranges(&self) -> impl Iterator<Item = (NonZeroU32, NonZeroU32)> + use<'a> {
        self.in_order().map(|(from, to)| (from.min(to), from.max(to)))
    }

    /// How many numbers it has.
    pub(super) fn count(&self) -> u64 {
        let sizes = self.ranges().map(|(from, to)| u64::from(to.get() - from.get()) + 1);
        sizes.fold(0, u64::saturating_add)
    }

    /// The same with the ends in the server's order, which has a meaning where messages are sorted (RFC 5267, 3).
    pub fn in_order(&self) -> impl Iterator<Item = (NonZeroU32, NonZeroU32)> + use<'a> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (range, behind) = range(rest)?;
            rest = behind.get(1..).unwrap_or_default();
            Some(range)
        })
    }
}

/// `seq-range = seq-number ":" seq-number`, or one number, and what stands behind it. Sets are long: there is no
/// cursor here to be kept up to date.
#[inline]
fn range(octets: &[u8]) -> Option<((NonZeroU32, NonZeroU32), &[u8])> {
    let (from, behind) = number_of_set(octets)?;
    let [b':', behind @ ..] = behind else { return Some(((from, from), behind)) };
    let (to, behind) = number_of_set(behind)?;
    Some(((from, to), behind))
}

/// As [`nz_number`].
#[inline]
fn number_of_set(octets: &[u8]) -> Option<(NonZeroU32, &[u8])> {
    let (mut number, mut rest) = (0u64, octets);
    while let [digit @ b'0'..=b'9', behind @ ..] = rest {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        rest = behind;
    }
    // Nineteen digits fit into 64 bits.
    let fits = octets.len() - rest.len() <= 19;
    let number = NonZeroU32::new(u32::try_from(number).ok().filter(|_| fits)?)?;
    Some((number, rest))
}
