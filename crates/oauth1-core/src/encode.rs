//! Percent-encoding (RFC 5849 3.6) and form decoding (RFC 5849 3.4.1.3.1).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::Error;

/// Percent-encodes text as OAuth requires; text with nothing to encode is lent back.
///
/// The text is taken as UTF-8. Letters, digits, `-`, `.`, `_` and `~` stay as they are, every
/// other octet becomes `%XX` with upper-case digits; a space is `%20`, never `+` (RFC 5849 3.6).
///
/// ```
/// assert_eq!(oauth1_core::percent_encode("Ladies + Gentlemen"), "Ladies%20%2B%20Gentlemen");
/// ```
#[must_use]
pub fn percent_encode(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(encoded_length(text));
    percent_encode_into(text, &mut out);
    Cow::Owned(out)
}

/// Appends the percent-encoded text to `out` (RFC 5849 3.6).
pub fn percent_encode_into(text: &str, out: &mut String) {
    encode_pieces(text, &ONCE, |piece| out.push_str(piece));
}

/// Decodes `%XX` (either case of the digits); everything else, `+` included, stays as it is.
///
/// # Errors
/// [`Error::PercentEncoding`] when a `%` is not followed by two hexadecimal digits, or when the
/// decoded octets are not UTF-8.
pub fn percent_decode(text: &str) -> Result<Cow<'_, str>, Error> {
    decode_strict(text, Plus::Literal)
}

/// What a `+` stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    Literal,
    Space,
}

/// Decodes one name or value and refuses what is not well formed.
pub(crate) fn decode_strict(text: &str, plus: Plus) -> Result<Cow<'_, str>, Error> {
    if !needs_decoding(text, plus) {
        return Ok(Cow::Borrowed(text));
    }
    let mut malformed = None;
    let octets = decode_octets(text, plus, |offset| malformed = malformed.or(Some(offset)));
    if let Some(offset) = malformed {
        return Err(Error::PercentEncoding { offset });
    }
    String::from_utf8(octets).map(Cow::Owned).map_err(|fault| {
        // The offset counts in the encoded text, where the first escape is: the fault is behind it.
        drop(zeroize::Zeroizing::new(fault.into_bytes()));
        Error::PercentEncoding { offset: text.find('%').unwrap_or(0) }
    })
}

/// Decodes one name or value of a query or form and accepts everything: a `%` without two digits
/// stays as it is, and octets that are not UTF-8 become U+FFFD, as in every widespread signer.
pub(crate) fn decode_lenient(text: &str) -> Cow<'_, str> {
    if !needs_decoding(text, Plus::Space) {
        return Cow::Borrowed(text);
    }
    let octets = decode_octets(text, Plus::Space, |_| ());
    Cow::Owned(String::from_utf8(octets).unwrap_or_else(|fault| {
        String::from_utf8_lossy(&zeroize::Zeroizing::new(fault.into_bytes())).into_owned()
    }))
}

/// The raw `name=value` pieces of a query or form: empty pieces are skipped, a piece without `=`
/// is a name with an empty value.
///
/// RFC 5849 3.4.1.3.1
pub(crate) fn split_pairs(text: &str) -> impl Iterator<Item = (&str, &str)> + Clone {
    text.split('&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| piece.split_once('=').unwrap_or((piece, "")))
}

/// Gives the text, encoded twice as the base string wants a parameter, to `sink` in pieces.
///
/// The characters that the second encoding would touch are exactly the `%` of the first.
///
/// RFC 5849 3.4.1.1
pub(crate) fn encode_twice_pieces(text: &str, sink: impl FnMut(&str)) {
    encode_pieces(text, &TWICE, sink);
}

/// Compares two texts as their percent-encoded forms compare, without encoding them.
///
/// `%` is below every unreserved character, so an encoded octet sorts below an unreserved one,
/// and two encoded octets sort by value.
///
/// RFC 5849 3.4.1.3.2
pub(crate) fn encoded_order(left: &str, right: &str) -> Ordering {
    let rank = |octet: u8| (is_unreserved(octet), octet);
    left.bytes().map(rank).cmp(right.bytes().map(rank))
}

/// How many octets the percent-encoded text has.
pub(crate) fn encoded_length(text: &str) -> usize {
    text.len() + 2 * text.bytes().filter(|&octet| !is_unreserved(octet)).count()
}

/// RFC 3986 2.3. Without short circuits, so that the compiler judges many octets at once.
const fn is_unreserved(octet: u8) -> bool {
    let lower = octet | 0x20;
    (lower >= b'a') & (lower <= b'z')
        | (octet >= b'0') & (octet <= b'9')
        | (octet == b'-')
        | (octet == b'.')
        | (octet == b'_')
        | (octet == b'~')
}

/// Whether a text has nothing to encode.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, octet| plain & is_unreserved(octet))
}

/// For each octet what stands for it, up to five characters, and in the last place how many.
type Table = [[u8; 8]; 256];

static ONCE: Table = table(b"%");
static TWICE: Table = table(b"%25");

#[expect(clippy::indexing_slicing, reason = "the compiler runs it")]
const fn table(escape: &[u8]) -> Table {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut table = [[0; 8]; 256];
    let mut octet = 0;
    while octet <= u8::MAX as usize {
        let entry = &mut table[octet];
        #[expect(clippy::cast_possible_truncation, reason = "at most 255")]
        let plain = octet as u8;
        if is_unreserved(plain) {
            entry[0] = plain;
            entry[7] = 1;
        } else {
            let mut length = 0;
            while length < escape.len() {
                entry[length] = escape[length];
                length += 1;
            }
            entry[length] = DIGITS[octet >> 4];
            entry[length + 1] = DIGITS[octet & 15];
            #[expect(clippy::cast_possible_truncation, reason = "at most 5")]
            let length = length as u8 + 2;
            entry[7] = length;
        }
        octet += 1;
    }
    table
}

/// Most texts are plain and go on whole. The others go through a small buffer without a branch an
/// octet: where the escapes of a signature stand is as random as the signature, and guessing
/// costs more than writing.
fn encode_pieces(text: &str, table: &Table, mut sink: impl FnMut(&str)) {
    const CHUNK: usize = 32;
    if is_plain(text) {
        return sink(text);
    }
    for chunk in text.as_bytes().chunks(CHUNK) {
        // Five characters an octet, and every entry is written with all of its eight.
        let mut buffer = [0; 5 * CHUNK + 8];
        let mut length = 0;
        for &octet in chunk {
            #[expect(clippy::indexing_slicing, reason = "the table has an entry for every octet")]
            let entry = table[usize::from(octet)];
            if let Some(place) = buffer.get_mut(length..length + entry.len()) {
                place.copy_from_slice(&entry);
            }
            length += usize::from(entry[7]);
        }
        let encoded = buffer.get(..length).unwrap_or_default();
        sink(core::str::from_utf8(encoded).unwrap_or_default());
    }
}

fn needs_decoding(text: &str, plus: Plus) -> bool {
    text.bytes().any(|octet| octet == b'%' || (octet == b'+' && plus == Plus::Space))
}

/// Decodes, keeps a `%` without two digits as it is and reports its offset.
fn decode_octets(text: &str, plus: Plus, mut malformed: impl FnMut(usize)) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b'%' => match escaped(behind) {
                Some((octet, behind)) => {
                    octets.push(octet);
                    rest = behind;
                }
                None => {
                    malformed(text.len() - behind.len() - 1);
                    octets.push(first);
                }
            },
            b'+' if plus == Plus::Space => octets.push(b' '),
            _ => octets.push(first),
        }
    }
    octets
}

fn escaped(digits: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], rest) = digits.split_first_chunk()?;
    Some((hex_value(high)? << 4 | hex_value(low)?, rest))
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
