//! The form of a message: header fields, MIME parts, transfer encodings (RFC 5322, 2045, 2047).

use std::ops::Range;

/// One entity: a message or a part of one. Ranges are offsets in the message's octets.
#[derive(Debug)]
pub(crate) struct Part {
    /// The header with the empty line that ends it.
    pub(crate) header: Range<usize>,
    /// What follows the header.
    pub(crate) body: Range<usize>,
    pub(crate) media: Media,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    Leaf,
    Multipart(Vec<Part>),
    Message(Box<Part>),
}

/// A structured field: a value, and parameters behind `;`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Media {
    /// `text/plain`, `attachment`.
    pub(crate) value: String,
    pub(crate) parameters: Vec<(String, String)>,
}

impl Media {
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Type and subtype; what is not in that form is text/plain (RFC 2045, section 5.2).
    pub(crate) fn types(&self) -> (&str, &str) {
        self.value.split_once('/').unwrap_or(("text", "plain"))
    }

    fn is(&self, kind: &str) -> bool {
        self.types().0.eq_ignore_ascii_case(kind)
    }
}

/// Parts within parts are followed this far; what is deeper counts as a leaf.
const MAX_DEPTH: usize = 32;
/// Parts of one multipart beyond this many belong to the last one.
const MAX_PARTS: usize = 1_000;

/// Finds the parts of a message.
pub(crate) fn parse(octets: &[u8]) -> Part {
    parse_entity(octets, 0..octets.len(), "text/plain", 0)
}

/// The end of the header of a message: behind its empty line.
pub(crate) fn header_end(octets: &[u8]) -> usize {
    let mut at = 0;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        at += line.len();
        if line == b"\r\n" || line == b"\n" {
            break;
        }
    }
    at
}

/// The fields of a header: each with its whole text, folding and CRLF included.
pub(crate) fn fields(header: &[u8]) -> Vec<Field<'_>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut at = 0;
    for line in header.split_inclusive(|octet| *octet == b'\n') {
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        if !folded {
            found.extend(header.get(start..at).and_then(Field::new));
            start = at;
        }
        at += line.len();
    }
    found.extend(header.get(start..at).and_then(Field::new));
    found
}

/// One header field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a [u8],
    /// All of it: name, colon, folded value, CRLF.
    pub(crate) whole: &'a [u8],
}

impl<'a> Field<'a> {
    fn new(whole: &'a [u8]) -> Option<Self> {
        let colon = whole.iter().position(|octet| *octet == b':')?;
        Some(Self { name: whole.get(..colon)?.trim_ascii_end(), whole })
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value on one line (RFC 5322, section 2.2.3), without the white space around it.
    pub(crate) fn value(&self) -> Vec<u8> {
        let colon = self.whole.iter().position(|octet| *octet == b':').unwrap_or(0);
        let folded = self.whole.get(colon + 1..).unwrap_or_default();
        let mut value: Vec<u8> = folded.to_vec();
        value.retain(|octet| !matches!(octet, b'\r' | b'\n'));
        value.trim_ascii().to_vec()
    }
}

/// The value of the first field of a name.
pub(crate) fn field(header: &[u8], name: &str) -> Option<Vec<u8>> {
    fields(header).into_iter().find(|field| field.is(name)).map(|field| field.value())
}

/// Reads `value; name=value; name="quoted value"` with comments left out (RFC 2045, section 5.1).
pub(crate) fn parse_media(text: &[u8]) -> Media {
    let text = String::from_utf8_lossy(text);
    let mut pieces = vec![String::new()];
    let (mut quoted, mut comments, mut escaped) = (false, 0_u32, false);
    for character in text.chars() {
        let in_comment = comments > 0 && !quoted;
        let kept = match character {
            _ if escaped => {
                escaped = false;
                !in_comment
            }
            '\\' if quoted || in_comment => {
                escaped = true;
                false
            }
            '"' if !in_comment => {
                quoted = !quoted;
                false
            }
            '(' if !quoted => {
                comments += 1;
                false
            }
            ')' if in_comment => {
                comments -= 1;
                false
            }
            ';' if !quoted && !in_comment => {
                pieces.push(String::new());
                false
            }
            ' ' | '\t' if !quoted => false,
            _ => !in_comment,
        };
        if let (true, Some(last)) = (kept, pieces.last_mut()) {
            last.push(character);
        }
    }
    let mut pieces = pieces.into_iter();
    let value = pieces.next().unwrap_or_default();
    let parameters = pieces.filter_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    Media { value, parameters: parameters.collect() }
}

/// Undoes a Content-Transfer-Encoding (RFC 2045, section 6); damaged input gives what is readable.
pub(crate) fn decode_transfer(encoding: &str, octets: &[u8]) -> Vec<u8> {
    if encoding.eq_ignore_ascii_case("base64") {
        decode_base64(octets)
    } else if encoding.eq_ignore_ascii_case("quoted-printable") {
        decode_quoted_printable(octets)
    } else {
        octets.to_vec()
    }
}

/// Text of a charset as UTF-8: UTF-8 where it is UTF-8, ISO 8859-1 otherwise.
pub(crate) fn decode_charset(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.iter().copied().map(char::from).collect(),
    }
}

/// Undoes the encoded words of a header field (RFC 2047).
pub(crate) fn decode_words(text: &[u8]) -> String {
    let text = decode_charset(text);
    let mut decoded = String::new();
    let mut rest = text.as_str();
    let mut after_word = false;
    while let Some((before, word)) = rest.split_once("=?") {
        let Some((content, behind)) = encoded_word(word) else {
            decoded.push_str(before);
            decoded.push_str("=?");
            rest = word;
            after_word = false;
            continue;
        };
        // White space between two encoded words is not shown: RFC 2047, section 6.2.
        if !(after_word && before.trim().is_empty()) {
            decoded.push_str(before);
        }
        decoded.push_str(&content);
        rest = behind;
        after_word = true;
    }
    decoded.push_str(rest);
    decoded
}

fn encoded_word(word: &str) -> Option<(String, &str)> {
    let (_charset, word) = word.split_once('?')?;
    let (encoding, word) = word.split_once('?')?;
    let (content, behind) = word.split_once("?=")?;
    let octets = match encoding {
        "B" | "b" => decode_base64(content.as_bytes()),
        "Q" | "q" => decode_quoted_printable(content.replace('_', " ").as_bytes()),
        _ => return None,
    };
    Some((decode_charset(&octets), behind))
}

fn decode_base64(octets: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(octets.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for octet in octets {
        let value = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.extend(u8::try_from(bits >> count & 0xff));
        }
    }
    decoded
}

fn decode_quoted_printable(octets: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'=' {
            decoded.push(*first);
        } else if let Some(after) = rest.strip_prefix(b"\r\n").or(rest.strip_prefix(b"\n")) {
            rest = after;
        } else if let Some((octet, after)) = hex_pair(rest) {
            decoded.push(octet);
            rest = after;
        } else {
            decoded.push(b'=');
        }
    }
    decoded
}

fn hex_pair(octets: &[u8]) -> Option<(u8, &[u8])> {
    let (pair, after) = octets.split_at_checked(2)?;
    let digits = std::str::from_utf8(pair).ok()?;
    Some((u8::from_str_radix(digits, 16).ok()?, after))
}

fn parse_entity(octets: &[u8], range: Range<usize>, default: &str, depth: usize) -> Part {
    let text = octets.get(range.clone()).unwrap_or_default();
    let split = range.start + header_end(text);
    let header = range.start..split;
    let body = split..range.end;
    let head = octets.get(header.clone()).unwrap_or_default();
    let media = field(head, "Content-Type").map(|value| parse_media(&value));
    let media = media
        .filter(|media| media.value.contains('/'))
        .unwrap_or_else(|| Media { value: default.to_owned(), parameters: Vec::new() });
    let content = match media.parameter("boundary") {
        _ if depth >= MAX_DEPTH => Content::Leaf,
        Some(boundary) if media.is("multipart") => {
            let digest = media.types().1.eq_ignore_ascii_case("digest");
            let default = if digest { "message/rfc822" } else { "text/plain" };
            let ranges = split_multipart(octets, body.clone(), boundary);
            let parts = ranges.into_iter();
            let parts: Vec<Part> =
                parts.map(|range| parse_entity(octets, range, default, depth + 1)).collect();
            if parts.is_empty() { Content::Leaf } else { Content::Multipart(parts) }
        }
        _ if media.value.eq_ignore_ascii_case("message/rfc822") => {
            let inner = parse_entity(octets, body.clone(), "text/plain", depth + 1);
            Content::Message(Box::new(inner))
        }
        _ => Content::Leaf,
    };
    Part { header, body, media, content }
}

/// Finds the body parts between delimiter lines (RFC 2046, section 5.1.1). The CRLF before a
/// delimiter line belongs to the delimiter.
fn split_multipart(octets: &[u8], body: Range<usize>, boundary: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut current: Option<usize> = None;
    let mut at = body.start;
    let text = octets.get(body.clone()).unwrap_or_default();
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        let delimiter = line.strip_prefix(b"--").and_then(|l| l.strip_prefix(boundary.as_bytes()));
        let closes = delimiter.is_some_and(|rest| rest.starts_with(b"--"));
        if closes || delimiter.is_some_and(|rest| rest.trim_ascii().is_empty()) {
            if let Some(start) = current.take() {
                let part = octets.get(start..at).unwrap_or_default();
                let part = part.strip_suffix(b"\n").unwrap_or(part);
                let part = part.strip_suffix(b"\r").unwrap_or(part);
                parts.push(start..start + part.len());
            }
            if closes || parts.len() >= MAX_PARTS {
                return parts;
            }
            current = Some(at + line.len());
        }
        at += line.len();
    }
    parts.extend(current.map(|start| start..body.end));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_multipart_are_found() {
        let text = b"Content-Type: multipart/mixed; boundary=\"b b\"\r\n\r\npreamble\r\n--b b\r\n\
            \r\nfirst\r\n--b b \r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody\r\n\
            --b b--\r\nepilogue";
        let message = parse(text);
        let Content::Multipart(parts) = &message.content else { panic!("{message:?}") };
        assert_eq!(parts.len(), 2);
        assert_eq!(&text[parts[0].body.clone()], b"first");
        let Content::Message(inner) = &parts[1].content else { panic!("{:?}", parts[1]) };
        assert_eq!(&text[inner.body.clone()], b"body");
    }

    #[test]
    fn deep_nesting_ends() {
        let text = "Content-Type: message/rfc822\r\n\r\n".repeat(10_000);
        parse(text.as_bytes());
    }

    #[test]
    fn encoded_text_is_decoded() {
        for (text, decoded) in [
            ("=?utf-8?q?caf=C3=A9_au?= =?utf-8?B?IGxhaXQ=?=", "café au lait"),
            ("plain =?x", "plain =?x"),
            ("=?iso-8859-1?Q?caf=E9?= now", "café now"),
        ] {
            assert_eq!(decode_words(text.as_bytes()), decoded);
        }
        assert_eq!(decode_transfer("quoted-printable", b"a=\r\nb=3D=zz"), b"ab==zz");
        assert_eq!(decode_transfer("BASE64", b"Zm\r\n9v"), b"foo");
    }

    #[test]
    fn parameters_are_read() {
        let media =
            parse_media(b"text/plain (a; comment); charset=\"us;ascii\"; name=\"a\\\"b c\"");
        assert_eq!(media.value, "text/plain");
        assert_eq!(media.parameter("CHARSET"), Some("us;ascii"));
        assert_eq!(media.parameter("name"), Some("a\"b c"));
    }

    #[test]
    fn folded_fields_are_whole() {
        let header = b"A: one\r\n two\r\nB:three\r\n\r\n";
        let found = fields(header);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].whole, b"A: one\r\n two\r\n");
        assert_eq!(found[0].value(), b"one two");
        assert_eq!(field(header, "b").as_deref(), Some(&b"three"[..]));
    }
}
