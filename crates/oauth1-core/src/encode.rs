//! Percent-encoding (RFC 5849 3.6) and form decoding (RFC 5849 3.4.1.3.1).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::Error;
use crate::ascii::Ascii;

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
    if classes(text) & ESCAPED == 0 {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(encoded_length(text));
    percent_encode_into(text, &mut out);
    Cow::Owned(out)
}

/// Appends the percent-encoded text to `out` (RFC 5849 3.6).
pub fn percent_encode_into(text: &str, out: &mut String) {
    encode_pieces::<3>(text, ONCE, |piece| out.push_str(piece));
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
        drop(zeroize::Zeroizing::new(octets));
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
        let octets = zeroize::Zeroizing::new(fault.into_bytes());
        // The most there can be, so that the text is never moved and left behind.
        let mut text = String::with_capacity(3 * octets.len());
        for chunk in octets.utf8_chunks() {
            text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        text
    }))
}

/// Wipes decoded text that is a copy.
pub(crate) fn wipe(text: &mut Cow<'_, str>) {
    if let Cow::Owned(text) = text {
        zeroize::Zeroize::zeroize(text);
    }
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
    encode_pieces::<5>(text, TWICE, sink);
}

/// Compares two texts as their percent-encoded forms compare, without encoding them.
///
/// `%` is below every unreserved character, so an encoded octet sorts below an unreserved one,
/// and two encoded octets sort by value.
///
/// RFC 5849 3.4.1.3.2
pub(crate) fn encoded_order(left: &str, right: &str) -> Ordering {
    let rank = |octet: u8| (class(octet) & ESCAPED == 0, octet);
    left.bytes().map(rank).cmp(right.bytes().map(rank))
}

/// How many octets the percent-encoded text has.
pub(crate) fn encoded_length(text: &str) -> usize {
    text.len() + 2 * text.bytes().filter(|&octet| class(octet) & ESCAPED != 0).count()
}

/// An octet that percent-encoding changes: anything but the unreserved characters (RFC 3986 2.3).
pub(crate) const ESCAPED: u8 = 1;
/// A control character: C0 or DEL.
pub(crate) const CONTROL: u8 = 2;
/// A space.
pub(crate) const SPACE: u8 = 4;
/// An octet of a character outside ASCII.
pub(crate) const NON_ASCII: u8 = 8;

/// Anything but the characters of plain host names: letters, digits, `-`, `.` and `_`.
pub(crate) const OTHER: u8 = 16;

/// All classes that octets of a text are in: every question about a text in one pass.
pub(crate) fn classes(text: &str) -> u8 {
    text.bytes().fold(0, |classes, octet| classes | class(octet))
}

fn class(octet: u8) -> u8 {
    #[expect(clippy::indexing_slicing, reason = "the table has an entry for every octet")]
    CLASSES[usize::from(octet)]
}

static CLASSES: [u8; 256] = class_table();

#[expect(clippy::indexing_slicing, reason = "the compiler runs it")]
const fn class_table() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut octet = 0;
    while octet < classes.len() {
        #[expect(clippy::cast_possible_truncation, reason = "at most 255")]
        let class = match octet as u8 {
            b'~' => OTHER,
            plain if is_unreserved(plain) => 0,
            b' ' => ESCAPED | OTHER | SPACE,
            b'!'..=b'~' => ESCAPED | OTHER,
            0..=0x1f | 0x7f => ESCAPED | OTHER | CONTROL,
            0x80.. => ESCAPED | OTHER | NON_ASCII,
        };
        classes[octet] = class;
        octet += 1;
    }
    classes
}

/// The escapes of all 256 octets, one behind the other.
static ONCE: &str = text(&escapes::<{ 3 * 256 }>(b"%"));
static TWICE: &str = text(&escapes::<{ 5 * 256 }>(b"%25"));

#[expect(clippy::indexing_slicing, reason = "the compiler runs it")]
const fn escapes<const LENGTH: usize>(escape: &[u8]) -> [u8; LENGTH] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut escapes = [0; LENGTH];
    let (mut octet, mut at) = (0, 0);
    while octet < 256 {
        let mut index = 0;
        while index < escape.len() {
            escapes[at] = escape[index];
            index += 1;
            at += 1;
        }
        escapes[at] = DIGITS[octet >> 4];
        escapes[at + 1] = DIGITS[octet & 15];
        at += 2;
        octet += 1;
    }
    escapes
}

const fn text(octets: &[u8]) -> &str {
    match core::str::from_utf8(octets) {
        Ok(text) => text,
        Err(_) => "",
    }
}

/// Each stretch of characters with nothing to encode goes on whole. An escape has `LENGTH`
/// characters.
fn encode_pieces<const LENGTH: usize>(
    text: &str,
    escapes: &'static str,
    mut sink: impl FnMut(&str),
) {
    let mut rest = text;
    loop {
        // The first octet to encode is never inside of a character.
        let (front, back) = rest.split_at_checked(plain_stretch(rest)).unwrap_or((rest, ""));
        if !front.is_empty() {
            sink(front);
        }
        let Some(character) = back.chars().next() else { return };
        let (octets, behind) = back.split_at_checked(character.len_utf8()).unwrap_or((back, ""));
        for octet in octets.bytes() {
            let at = usize::from(octet) * LENGTH;
            sink(escapes.get(at..at + LENGTH).unwrap_or_default());
        }
        rest = behind;
    }
}

/// How many octets at the start of a text have nothing to encode.
///
/// Many stretches end soon. Those that do not are judged 16 octets at a time, without short
/// circuits, which takes the machine a few steps.
fn plain_stretch(text: &str) -> usize {
    let ends = |octets: &[u8]| octets.iter().position(|&octet| class(octet) & ESCAPED != 0);
    let (front, mut rest) = text.as_bytes().split_at(text.len().min(8));
    if let Some(at) = ends(front) {
        return at;
    }
    while let Some((chunk, behind)) = rest.split_first_chunk::<16>() {
        if !chunk.iter().fold(true, |plain, &octet| plain & is_unreserved(octet)) {
            break;
        }
        rest = behind;
    }
    text.len() - rest.len() + ends(rest).unwrap_or(rest.len())
}

/// RFC 3986 2.3
const fn is_unreserved(octet: u8) -> bool {
    let lower = octet | 0x20;
    (lower >= b'a') & (lower <= b'z')
        | (octet >= b'0') & (octet <= b'9')
        | (octet == b'-')
        | (octet == b'.')
        | (octet == b'_')
        | (octet == b'~')
}

/// Percent-encodes the base64 text of a signature without a branch an octet: where its escapes
/// stand is as random as the signature, and guessing costs more than writing.
pub(crate) fn percent_encode_base64(base64: &Ascii<48>) -> Ascii<160> {
    let mut encoded = [0; 160];
    let mut length = 0;
    for &octet in base64.as_bytes() {
        #[expect(clippy::indexing_slicing, reason = "the table has an entry for every octet")]
        let entry = BASE64[usize::from(octet)];
        // Written with all of its four octets; the next one begins behind those in use.
        if let Some(place) = encoded.get_mut(length..length + entry.len()) {
            place.copy_from_slice(&entry);
        }
        length += usize::from(entry[3]);
    }
    Ascii::new(encoded, length)
}

/// For each octet what stands for it, and in the last place how many characters that are.
static BASE64: [[u8; 4]; 256] = base64_table();

#[expect(clippy::indexing_slicing, reason = "the compiler runs it")]
const fn base64_table() -> [[u8; 4]; 256] {
    let mut table = [[0, 0, 0, 1]; 256];
    let mut octet = 0;
    while octet < table.len() {
        #[expect(clippy::cast_possible_truncation, reason = "at most 255")]
        let plain = octet as u8;
        table[octet] = match plain {
            b'+' => *b"%2B\x03",
            b'/' => *b"%2F\x03",
            b'=' => *b"%3D\x03",
            _ => [plain & 0x7f, 0, 0, 1],
        };
        octet += 1;
    }
    table
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_encoded_text() {
        for text in ["", "a", "a b", "%", "-._~", "\u{e9}\u{1f600}+", "\n"] {
            assert_eq!(encoded_length(text), percent_encode(text).len(), "{text:?}");
        }
    }

    /// At run time the tables are what they were for the compiler, and what a slow rule says.
    #[test]
    fn tables_hold_what_each_octet_is() {
        let (classes, base64) = (class_table(), base64_table());
        let (once, twice) = (escapes::<{ 3 * 256 }>(b"%"), escapes::<{ 5 * 256 }>(b"%25"));
        assert_eq!((text(&once), text(&twice)), (ONCE, TWICE));
        for octet in 0..=255_u8 {
            let at = usize::from(octet);
            let hex = alloc::format!("{octet:02X}");
            assert_eq!(ONCE.get(3 * at..3 * at + 3), Some(&*alloc::format!("%{hex}")));
            assert_eq!(TWICE.get(5 * at..5 * at + 5), Some(&*alloc::format!("%25{hex}")));
            let (c, is_ascii) = (char::from(octet), octet.is_ascii());
            let is_plain = c.is_ascii_alphanumeric() || "-._".contains(c);
            let expected = [
                (ESCAPED, !(is_plain || c == '~')),
                (CONTROL, c.is_ascii_control()),
                (SPACE, c == ' '),
                (NON_ASCII, !is_ascii),
                (OTHER, !is_plain),
            ];
            let expected =
                expected.iter().fold(0, |sum, &(bit, is)| sum | if is { bit } else { 0 });
            assert_eq!((classes.get(at), class(octet)), (Some(&expected), expected), "{octet}");
            let encoded = match c {
                '+' | '/' | '=' => alloc::format!("%{hex}"),
                _ => String::from(char::from(octet & 0x7f)),
            };
            let entry = base64.get(at).unwrap();
            assert_eq!(entry.get(..usize::from(entry[3])), Some(encoded.as_bytes()), "{octet}");
            assert_eq!(BASE64.get(at), Some(entry));
        }
    }

    #[test]
    fn only_what_has_an_escape_is_decoded() {
        let table =
            [("", false, false), ("ab", false, false), ("a+b", false, true), ("a%20", true, true)];
        for (text, in_a_url, in_a_form) in table {
            assert_eq!(needs_decoding(text, Plus::Literal), in_a_url, "{text}");
            assert_eq!(needs_decoding(text, Plus::Space), in_a_form, "{text}");
        }
    }
}
