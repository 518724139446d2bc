//! The addresses of a header field, each as it stands there.

use std::borrow::Cow;

use mail_parser::{HeaderValue, MessageParser};
use xoauth_smtp::Address;

use crate::Error;

/// The addresses in the values of address fields; those of groups too.
pub(super) fn addresses(values: &[&[u8]]) -> Result<Vec<Address>, Error> {
    let mut found = Vec::new();
    for value in values {
        let plain = Plain::new(value)?;
        let octets = undecodable(&plain.octets);
        let mut signs = signs_in(&octets);
        let field = [b"To:", &*octets, b"\r\n\r\n"].concat();
        let parsed = MessageParser::default().parse(&field);
        let mut rest = &*octets;
        for value in parsed.iter().flat_map(|parsed| parsed.header_values("To")) {
            let HeaderValue::Address(list) = value else { continue };
            if let mail_parser::Address::Group(groups) = list {
                let is_address = |name: &Cow<'_, str>| name.contains('@');
                if groups.iter().filter_map(|group| group.name.as_ref()).any(is_address) {
                    return Err(Error::Headers { reason: "an address where a group has its name" });
                }
            }
            for one in list.iter() {
                let in_name = one.name.as_ref().map_or(0, |name| signs_in(name.as_bytes()));
                let address = one.address.as_deref().unwrap_or_default();
                let told = signs_in(address.as_bytes()) + in_name;
                signs = signs.checked_sub(told).ok_or(UNCLEAR)?;
                if address.len() > LONGEST {
                    plain.restore(address).parse::<Address>().map_err(xoauth_smtp::Error::from)?;
                }
                // A parser that makes the best of what it reads puts an address together from pieces, or drops what
                // stands before it; as a name that is an address some programs write it before angle brackets.
                rest = match in_name {
                    0 => behind(rest, address),
                    _ => behind(rest, &format!("<{address}>")),
                }
                .ok_or(UNCLEAR)?;
                // `Postmaster` alone is taken for a name; one with an `@` is no address.
                let name = one.name.as_deref().filter(|name| !name.contains('@'));
                let text = match (&one.address, name) {
                    (Some(address), _) => address,
                    (None, Some(name)) => name,
                    (None, None) => return Err(Error::Headers { reason: "a name and no address" }),
                };
                let text = plain.restore(text);
                found.push(text.parse::<Address>().map_err(xoauth_smtp::Error::from)?);
            }
        }
        // Each address has one, and nobody is dropped.
        if signs > 0 {
            return Err(UNCLEAR);
        }
    }
    Ok(found)
}

/// What is longer is no address, with a mark in the place of quotes either. It is not looked for: a name of the same
/// letters would be compared with it at each of its octets.
const LONGEST: usize = 254 + MARK_LEN;

const UNCLEAR: Error =
    Error::Headers { reason: "addresses that cannot be told apart, expected commas between them" };

/// What stands behind a text.
fn behind<'o>(octets: &'o [u8], text: &str) -> Option<&'o [u8]> {
    let Some(&first) = text.as_bytes().first() else { return Some(octets) };
    let mut rest = octets;
    while let Some(at) = rest.iter().position(|octet| *octet == first) {
        rest = rest.get(at..)?;
        if let Some(behind) = rest.strip_prefix(text.as_bytes()) {
            return Some(behind);
        }
        rest = rest.get(1..)?;
    }
    None
}

fn signs_in(octets: &[u8]) -> usize {
    octets.iter().filter(|octet| **octet == b'@').count()
}

/// The value of an address field as a parser is given it: without comments, and with a mark for each quoted string in
/// an address, of which the parser would keep neither quotes nor backslashes.
struct Plain {
    octets: Vec<u8>,
    /// The quoted strings that were taken out, as they stand.
    quoted: Vec<String>,
}

/// What a mark is between; [`undecodable`] has another.
const MARK: u8 = 2;

/// A mark has two of them and a number, and may be longer than what it stands for.
const MARK_LEN: usize = 22;

impl Plain {
    fn new(value: &[u8]) -> Result<Self, Error> {
        let mut plain = Self { octets: Vec::with_capacity(value.len()), quoted: Vec::new() };
        let mut rest = value;
        while let Some((&octet, behind)) = rest.split_first() {
            rest = match octet {
                b'"' => plain.add_quoted(rest)?,
                b'(' => {
                    plain.octets.push(b' ');
                    behind_comment(rest)?
                }
                b'\\' => return Err(Error::Headers { reason: "a backslash outside of quotes" }),
                1 | MARK => return Err(Error::Headers { reason: "a control character" }),
                octet => {
                    plain.octets.push(octet);
                    behind
                }
            };
        }
        Ok(plain)
    }

    /// Adds the quoted string at the start; what stands behind it.
    fn add_quoted<'v>(&mut self, value: &'v [u8]) -> Result<&'v [u8], Error> {
        let mut is_escaped = false;
        let end = value.iter().skip(1).position(|&octet| {
            let ends = octet == b'"' && !is_escaped;
            is_escaped = octet == b'\\' && !is_escaped;
            ends
        });
        let end = end.ok_or(Error::Headers { reason: "a quote that does not end" })?;
        let (quoted, behind) = value.split_at_checked(end + 2).unwrap_or((value, &[]));
        // Folding is no part of it.
        let text = quoted.iter().copied().filter(|octet| !matches!(octet, b'\r' | b'\n'));
        let next = behind_comments(behind)?;
        if !matches!(next, [b'@' | b'.', ..]) {
            let is_apart = |octet: &u8| b" \t\r\n<,;:(\"".contains(octet);
            if !behind.first().is_none_or(is_apart) {
                return Err(UNCLEAR);
            }
            // A name: what is in it is no address, whatever it looks like.
            self.octets.extend(text.map(|octet| if octet == b'@' { b'_' } else { octet }));
            return Ok(behind);
        }
        self.octets.push(MARK);
        self.octets.extend_from_slice(self.quoted.len().to_string().as_bytes());
        self.octets.push(MARK);
        self.quoted.push(String::from_utf8_lossy(&text.collect::<Vec<_>>()).into_owned());
        Ok(next)
    }

    /// The text with the quoted strings in the place of their marks.
    fn restore<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !text.contains(char::from(MARK)) {
            return Cow::Borrowed(text);
        }
        let pieces = text.split(char::from(MARK)).enumerate().map(|(index, piece)| {
            let marked = piece.parse().ok().filter(|_: &usize| index % 2 == 1);
            marked.and_then(|number| self.quoted.get(number)).map_or(piece, String::as_str)
        });
        Cow::Owned(pieces.collect())
    }
}

/// What stands behind white space and comments.
///
/// RFC 5322 3.2.2
fn behind_comments(value: &[u8]) -> Result<&[u8], Error> {
    let mut rest = value.trim_ascii_start();
    while rest.starts_with(b"(") {
        rest = behind_comment(rest)?.trim_ascii_start();
    }
    Ok(rest)
}

/// What stands behind the comment at the start, which may hold others.
///
/// RFC 5322 3.2.2
fn behind_comment(value: &[u8]) -> Result<&[u8], Error> {
    let (mut depth, mut is_escaped) = (0_usize, false);
    for (at, &octet) in value.iter().enumerate() {
        match octet {
            _ if core::mem::take(&mut is_escaped) => {}
            b'\\' => is_escaped = true,
            b'(' => depth += 1,
            b')' if depth == 1 => return Ok(value.get(at + 1..).unwrap_or_default()),
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Err(Error::Headers { reason: "a comment that does not end" })
}

/// The value without a word that a parser would decode: what is an address is one as it stands (RFC 2047 5). The
/// octet that is put in is in no address, and what divides addresses divides none within a word.
fn undecodable(value: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(start) = rest.windows(2).position(|two| two == b"=?") {
        let (before, word) = rest.split_at(start + 1);
        octets.extend_from_slice(before);
        octets.push(1);
        let length = encoded_text(word);
        let (word, behind) = word.split_at(length);
        octets.extend(word.iter().map(|&octet| match octet {
            b'?' | b'=' | b'-' => octet,
            octet if octet.is_ascii_alphanumeric() => octet,
            _ => b'_',
        }));
        octets.push(b'?');
        rest = behind.strip_prefix(b"?").unwrap_or(behind);
    }
    octets.extend_from_slice(rest);
    octets
}

/// A word that is longer (RFC 2047 2 allows 75 octets) is left to the parser; an address that the parser made
/// of it would not be in the text, and is not taken.
const LONGEST_WORD: usize = 1000;

/// Of what follows the first `=`, the octets before the `?=` that ends an encoded word; none where it is no such word.
///
/// RFC 2047 2
fn encoded_text(word: &[u8]) -> usize {
    let word = word.get(..LONGEST_WORD).unwrap_or(word);
    let end = word.iter().position(u8::is_ascii_whitespace).unwrap_or(word.len());
    let word = word.get(..end).unwrap_or_default();
    let text = word.iter().enumerate().filter(|(_, octet)| **octet == b'?').nth(2);
    let end = text.and_then(|(text, _)| {
        word.get(text + 1..)?.windows(2).position(|two| two == b"?=").map(|end| text + 1 + end)
    });
    end.unwrap_or(0)
}
