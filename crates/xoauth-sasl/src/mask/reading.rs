//! How texts are written in which some characters stand for others.

use alloc::vec::Vec;
use core::ops::Range;

use zeroize::Zeroizing;

use super::from;

/// What the octets of a text at one place are read as.
pub(super) struct Unit {
    octets: [u8; 4],
    count: usize,
    /// How many octets of the text they are.
    length: usize,
}

impl Unit {
    fn new(octet: u8, length: usize) -> Self {
        Self { octets: [octet, 0, 0, 0], count: 1, length }
    }

    pub(super) fn octets(&self) -> &[u8] {
        self.octets.get(..self.count).unwrap_or_default()
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// The octet does not stand for itself.
    pub(super) fn is_escape(&self) -> bool {
        self.length > 1
    }
}

/// The longest way to write one octet: `\u0041`.
pub(super) const LONGEST: usize = 6;

/// The octets as they stand.
pub(super) fn plain(text: &[u8]) -> Unit {
    Unit::new(text.first().copied().unwrap_or_default(), 1)
}

/// `%41` (RFC 3986 2.1).
pub(super) fn percent_encoded(text: &[u8]) -> Unit {
    let octet = text.strip_prefix(b"%").and_then(|digits| number(digits.get(..2)?));
    octet
        .and_then(|octet| u8::try_from(octet).ok())
        .map_or_else(|| plain(text), |o| Unit::new(o, 3))
}

/// `\"`, as in quoted strings (RFC 9051 4.3).
pub(super) fn quoted(text: &[u8]) -> Unit {
    match text {
        [b'\\', octet, ..] => Unit::new(*octet, 2),
        _ => plain(text),
    }
}

/// `\u0041` and `\"`, as in JSON (RFC 8259 7).
pub(super) fn json(text: &[u8]) -> Unit {
    let utf16 =
        |at: usize| text.get(at..)?.strip_prefix(br"\u").and_then(|rest| number(rest.get(..4)?));
    let Some(first) = utf16(0) else { return quoted(text) };
    let units = [Some(first), utf16(LONGEST)].into_iter().flatten();
    let Some(Ok(character)) = char::decode_utf16(units).next() else { return quoted(text) };
    let mut octets = [0; 4];
    let count = character.encode_utf8(&mut octets).len();
    Unit { octets, count, length: LONGEST * character.len_utf16() }
}

/// The number of up to four hexadecimal digits.
fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number << 4 | u16::try_from(digit).ok()?)
    })
}

/// A piece of what a text is read as, and where in the text each octet of it begins.
pub(super) struct Reading {
    pub(super) octets: Zeroizing<Vec<u8>>,
    /// The last one is where the piece ends.
    places: Vec<usize>,
}

/// How many octets a piece has at most: it takes some ten times as much memory.
const PIECE: usize = 4096;

/// How many octets of a piece are in the next one too, so that no run is torn.
const OVERLAP: usize = 16;

impl Reading {
    /// The pieces of a text, from the first on.
    pub(super) fn pieces(text: &[u8], read: fn(&[u8]) -> Unit) -> impl Iterator<Item = Self> {
        let mut next = Some(0);
        core::iter::from_fn(move || {
            let piece = Self::piece(text, next?, read);
            let is_last = piece.places.last() == Some(&text.len());
            let overlap = piece.octets.len().checked_sub(OVERLAP).filter(|_| !is_last);
            next = overlap.and_then(|at| piece.places.get(at).copied());
            Some(piece)
        })
    }

    fn piece(text: &[u8], begin: usize, read: fn(&[u8]) -> Unit) -> Self {
        let mut octets = Zeroizing::new(Vec::with_capacity(PIECE.min(text.len() - begin) + 4));
        let mut places = Vec::with_capacity(PIECE.min(text.len() - begin) + 5);
        let mut at = begin;
        while at < text.len() && octets.len() < PIECE {
            let unit = read(from(text, at));
            octets.extend_from_slice(unit.octets());
            places.resize(octets.len(), at);
            at += unit.length();
        }
        places.push(at);
        Self { octets, places }
    }

    /// What is next to these octets in the text stands in another piece, in which they are whole too.
    pub(super) fn is_at_seam(&self, octets: &Range<usize>, text: &[u8]) -> bool {
        let (is_first, is_last) =
            (self.places.first() == Some(&0), self.places.last() == Some(&text.len()));
        octets.start == 0 && !is_first || octets.end == self.octets.len() && !is_last
    }

    /// Where these octets stand in the text.
    pub(super) fn range(&self, octets: Range<usize>) -> Range<usize> {
        let place = |at: usize| self.places.get(at).copied().unwrap_or_default();
        place(octets.start)..place(octets.end)
    }
}
