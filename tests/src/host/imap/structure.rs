//! ENVELOPE and BODYSTRUCTURE (RFC 3501, section 7.4.2).

use super::push_string;
use crate::host::mime::{self, Content, Media, Part};

/// Writes the envelope of a header.
pub(super) fn push_envelope(header: &[u8], out: &mut Vec<u8>) {
    out.push(b'(');
    push_field(header, "Date", out);
    out.push(b' ');
    push_field(header, "Subject", out);
    let from = addresses(header, "From");
    for name in ["From", "Sender", "Reply-To", "To", "Cc", "Bcc"] {
        out.push(b' ');
        let mut list = addresses(header, name);
        // Sender and Reply-To that are missing or empty are From: RFC 3501, section 7.4.2.
        if list.is_empty() && matches!(name, "Sender" | "Reply-To") {
            list.clone_from(&from);
        }
        push_addresses(&list, out);
    }
    out.push(b' ');
    push_field(header, "In-Reply-To", out);
    out.push(b' ');
    push_field(header, "Message-ID", out);
    out.push(b')');
}

/// Writes the structure of a part; `extended` is BODYSTRUCTURE, else BODY.
pub(super) fn push_structure(part: &Part, octets: &[u8], extended: bool, out: &mut Vec<u8>) {
    let header = octets.get(part.header.clone()).unwrap_or_default();
    let (kind, subtype) = part.media.types();
    out.push(b'(');
    if let Content::Multipart(parts) = &part.content {
        for inner in parts {
            push_structure(inner, octets, extended, out);
        }
        out.push(b' ');
        push_string(subtype.as_bytes(), out);
        if extended {
            out.push(b' ');
            push_parameters(&part.media, out);
            push_extension(header, out);
        }
        out.push(b')');
        return;
    }
    push_string(kind.as_bytes(), out);
    out.push(b' ');
    push_string(subtype.as_bytes(), out);
    out.push(b' ');
    if mime::field(header, "Content-Type").is_none() && subtype.eq_ignore_ascii_case("plain") {
        // The default of RFC 2045, section 5.2, written out.
        out.extend_from_slice(b"(\"charset\" \"us-ascii\")");
    } else {
        push_parameters(&part.media, out);
    }
    out.push(b' ');
    push_field(header, "Content-ID", out);
    out.push(b' ');
    push_field(header, "Content-Description", out);
    out.push(b' ');
    let encoding = mime::field(header, "Content-Transfer-Encoding");
    push_string(encoding.as_deref().unwrap_or(b"7bit"), out);
    let body = octets.get(part.body.clone()).unwrap_or_default();
    out.extend_from_slice(format!(" {}", body.len()).as_bytes());
    if let Content::Message(inner) = &part.content {
        out.push(b' ');
        push_envelope(octets.get(inner.header.clone()).unwrap_or_default(), out);
        out.push(b' ');
        push_structure(inner, octets, extended, out);
    }
    if matches!(part.content, Content::Message(_)) || kind.eq_ignore_ascii_case("text") {
        let lines = body.iter().filter(|octet| **octet == b'\n').count();
        out.extend_from_slice(format!(" {lines}").as_bytes());
    }
    if extended {
        out.push(b' ');
        push_field(header, "Content-MD5", out);
        push_extension(header, out);
    }
    out.push(b')');
}

/// Disposition, language and location, each behind a space.
fn push_extension(header: &[u8], out: &mut Vec<u8>) {
    out.push(b' ');
    match mime::field(header, "Content-Disposition") {
        Some(disposition) => {
            let disposition = mime::parse_media(&disposition);
            out.push(b'(');
            push_string(disposition.value.as_bytes(), out);
            out.push(b' ');
            push_parameters(&disposition, out);
            out.push(b')');
        }
        None => out.extend_from_slice(b"NIL"),
    }
    out.push(b' ');
    match mime::field(header, "Content-Language") {
        Some(languages) if languages.contains(&b',') => {
            out.push(b'(');
            for (at, language) in languages.split(|octet| *octet == b',').enumerate() {
                if at > 0 {
                    out.push(b' ');
                }
                push_string(language.trim_ascii(), out);
            }
            out.push(b')');
        }
        language => push_nstring(language.as_deref(), out),
    }
    out.push(b' ');
    push_field(header, "Content-Location", out);
}

fn push_parameters(media: &Media, out: &mut Vec<u8>) {
    if media.parameters.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    out.push(b'(');
    for (at, (name, value)) in media.parameters.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        push_string(name.as_bytes(), out);
        out.push(b' ');
        push_string(value.as_bytes(), out);
    }
    out.push(b')');
}

fn push_field(header: &[u8], name: &str, out: &mut Vec<u8>) {
    push_nstring(mime::field(header, name).as_deref(), out);
}

fn push_nstring(text: Option<&[u8]>, out: &mut Vec<u8>) {
    match text {
        Some(text) => push_string(text, out),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// An address of the envelope; group ends have no parts at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Address {
    name: Option<Vec<u8>>,
    route: Option<Vec<u8>>,
    mailbox: Option<Vec<u8>>,
    host: Option<Vec<u8>>,
}

fn push_addresses(list: &[Address], out: &mut Vec<u8>) {
    if list.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    out.push(b'(');
    for address in list {
        out.push(b'(');
        push_nstring(address.name.as_deref(), out);
        for part in [&address.route, &address.mailbox, &address.host] {
            out.push(b' ');
            push_nstring(part.as_deref(), out);
        }
        out.push(b')');
    }
    out.push(b')');
}

fn addresses(header: &[u8], name: &str) -> Vec<Address> {
    mime::field(header, name).map(|value| parse_addresses(&value)).unwrap_or_default()
}

/// A token of an address list (RFC 5322, section 3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(Vec<u8>),
    Comment(Vec<u8>),
    Special(u8),
}

/// Reads an address list (RFC 5322, section 3.4, with the obsolete route and comment names).
fn parse_addresses(text: &[u8]) -> Vec<Address> {
    let mut list = Vec::new();
    let mut pending: Vec<Token> = Vec::new();
    for token in tokenize(text) {
        let in_angle = pending.contains(&Token::Special(b'<'));
        match token {
            Token::Special(b',' | b';') if !in_angle => {
                list.extend(address(&std::mem::take(&mut pending)));
                if token == Token::Special(b';') {
                    list.push(Address::default());
                }
            }
            Token::Special(b':') if !in_angle => {
                let name = phrase(&std::mem::take(&mut pending));
                list.push(Address { mailbox: Some(name), ..Address::default() });
            }
            Token::Special(b'>') => {
                pending.push(token);
                list.extend(address(&std::mem::take(&mut pending)));
            }
            token => pending.push(token),
        }
    }
    list.extend(address(&pending));
    list
}

/// Reads one mailbox: `name <@route:local@host>` or `local@host (name)`.
fn address(tokens: &[Token]) -> Option<Address> {
    let angle = tokens.iter().position(|token| *token == Token::Special(b'<'));
    let (before, spec) = match angle {
        Some(at) => (tokens.get(..at)?, tokens.get(at + 1..)?),
        None => (&[][..], tokens),
    };
    let colon = spec.iter().position(|token| *token == Token::Special(b':'));
    let (route, spec) = match colon {
        Some(at) => (Some(concatenate(spec.get(..at)?)), spec.get(at + 1..)?),
        None => (None, spec),
    };
    let at = spec.iter().rposition(|token| *token == Token::Special(b'@'));
    let (mailbox, host) = match at {
        Some(at) => (concatenate(spec.get(..at)?), Some(concatenate(spec.get(at + 1..)?))),
        None => (concatenate(spec), None),
    };
    if mailbox.is_empty() && host.is_none() && angle.is_none() {
        return None;
    }
    let comment = tokens.iter().find_map(|token| match token {
        Token::Comment(text) => Some(text.clone()),
        _ => None,
    });
    let name = Some(phrase(before)).filter(|name| !name.is_empty()).or(comment);
    // A NIL host would mean the start of a group.
    Some(Address { name, route, mailbox: Some(mailbox), host: Some(host.unwrap_or_default()) })
}

/// Words with one space between them.
fn phrase(tokens: &[Token]) -> Vec<u8> {
    let words = tokens.iter().filter_map(|token| match token {
        Token::Word(word) => Some(word.as_slice()),
        Token::Special(b'.') => Some(&b"."[..]),
        _ => None,
    });
    words.collect::<Vec<_>>().join(&b' ')
}

fn concatenate(tokens: &[Token]) -> Vec<u8> {
    let mut text = Vec::new();
    for token in tokens {
        match token {
            Token::Word(word) => text.extend_from_slice(word),
            Token::Special(b'>') | Token::Comment(_) => {}
            Token::Special(special) => text.push(*special),
        }
    }
    text
}

fn tokenize(text: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut octets = text.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        match octet {
            b' ' | b'\t' => {}
            b'"' => tokens.push(Token::Word(delimited(&mut octets, None, b'"'))),
            b'(' => tokens.push(Token::Comment(delimited(&mut octets, Some(b'('), b')'))),
            b'[' => {
                let literal = delimited(&mut octets, None, b']');
                tokens.push(Token::Word([&b"["[..], &literal, b"]"].concat()));
            }
            b'<' | b'>' | b',' | b';' | b':' | b'@' => tokens.push(Token::Special(octet)),
            _ => {
                let mut word = vec![octet];
                while let Some(next) = octets.next_if(|next| !b" \t\"()[]<>,;:@".contains(next)) {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    tokens
}

/// Takes octets up to the closing one, with escapes undone and nested pairs kept.
fn delimited(octets: &mut impl Iterator<Item = u8>, open: Option<u8>, close: u8) -> Vec<u8> {
    let mut text = Vec::new();
    let mut depth = 0_usize;
    while let Some(octet) = octets.next() {
        if octet == b'\\' {
            text.extend(octets.next());
            continue;
        }
        if octet == close && depth == 0 {
            break;
        }
        if octet == close {
            depth -= 1;
        } else if Some(octet) == open {
            depth += 1;
        }
        text.push(octet);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(header: &str) -> String {
        let mut out = Vec::new();
        push_envelope(header.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    /// RFC 3501, section 8.
    #[test]
    fn the_envelope_of_the_rfc_is_written() {
        let header = "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n\
            From: Terry Gray <gray@cac.washington.edu>\r\n\
            Subject: IMAP4rev1 WG mtg summary and minutes\r\nTo: imap@cac.washington.edu\r\n\
            cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n\
            Message-Id: <B27397-0100000@cac.washington.edu>\r\n\r\n";
        assert_eq!(
            envelope(header),
            "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" \
             ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
             ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
             ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
             ((NIL NIL \"imap\" \"cac.washington.edu\")) \
             ((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) \
             NIL NIL \"<B27397-0100000@cac.washington.edu>\")"
        );
    }

    #[test]
    fn address_forms_are_read() {
        for (text, expected) in [
            ("a@b (A (b) c)", "((\"A (b) c\" NIL \"a\" \"b\"))"),
            (
                "\"Q. \\\"x\\\"\" <\"l p\"@[127.0.0.1]>",
                "((\"Q. \\\"x\\\"\" NIL \"l p\" \"[127.0.0.1]\"))",
            ),
            ("x <@r1,@r2:a@b>", "((\"x\" \"@r1,@r2\" \"a\" \"b\"))"),
            (
                "team: a@b, c <d@e>; , f@g",
                "((NIL NIL \"team\" NIL)(NIL NIL \"a\" \"b\")(\"c\" NIL \"d\" \"e\")(NIL NIL NIL NIL)(NIL NIL \"f\" \"g\"))",
            ),
            ("none:;", "((NIL NIL \"none\" NIL)(NIL NIL NIL NIL))"),
            ("lonely", "((NIL NIL \"lonely\" \"\"))"),
            ("", "NIL"),
        ] {
            let mut out = Vec::new();
            push_addresses(&parse_addresses(text.as_bytes()), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn structures_are_written() {
        let text = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\ntwo\r\n--b\r\n\
            Content-Type: application/pdf; name=\"x y.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\
            Content-Disposition: attachment; filename=\"x y.pdf\"\r\n\r\nAAAA\r\n--b--\r\n";
        let mut out = Vec::new();
        push_structure(&mime::parse(text), text, true, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 8 1 NIL NIL NIL NIL)\
             (\"application\" \"pdf\" (\"name\" \"x y.pdf\") NIL NIL \"base64\" 4 NIL \
             (\"attachment\" (\"filename\" \"x y.pdf\")) NIL NIL) \
             \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)"
        );
    }
}
