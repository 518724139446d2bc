//! A literal that is announced in a response which is not complete yet: is it a body?

use super::Tolerated;
use super::cursor::{Cursor, Result};
use super::search::nz_number;
use crate::command::BodyInfo;
use crate::types::{Section, SeqNo, Uid};

/// Octets of the response that are searched for its UID, so that a response of many literals is not gone
/// through again for each.
const HEAD: usize = 4096;

/// Which body of which message the literal of `len` octets is that was just announced; `None` where it is
/// another string.
///
/// `head` is the response up to its first literal, announcement included; `line` is what stands between this
/// literal and the one before, so that no literal's content is read as syntax.
pub(crate) fn announced_section(head: &[u8], line: &[u8], len: u64) -> Option<BodyInfo> {
    let (section, origin, is_binary) = section_at_end(line)?;
    let mut cursor = Cursor::of(head.get(..HEAD).unwrap_or(head));
    let seq = fetch_of(&mut cursor).ok()?;
    // The UID may stand before the first body or, in the same line, before this one.
    let uid = uid_among_items(cursor).or_else(|| {
        let mut rest = Cursor::of(line);
        if rest.eat(b' ') { uid_among_items(rest) } else { None }
    });
    Some(BodyInfo { seq, uid, section, origin, is_binary, len })
}

/// The literal belongs to a FETCH response, of which `head` is what stands before its first.
pub(crate) fn is_fetched(head: &[u8]) -> bool {
    fetch_of(&mut Cursor::of(head.get(..HEAD).unwrap_or(head))).is_ok()
}

/// `BODY[..]<n> {n}` CRLF and its forms, read from the end.
fn section_at_end(line: &[u8]) -> Option<(Section, Option<u32>, bool)> {
    let brace = memchr::memrchr(b'{', line)?;
    let item = line.get(..brace)?;
    let item = item.strip_suffix(b"~").unwrap_or(item).strip_suffix(b" ")?.trim_ascii_end();
    let (item, origin) = match item.strip_suffix(b">") {
        Some(ranged) => {
            let open = memchr::memrchr(b'<', ranged)?;
            let mut number = Cursor::of(ranged.get(open + 1..)?);
            let origin = number.number32().ok().filter(|_| number.is_empty())?;
            (ranged.get(..open)?, Some(origin))
        }
        None => (item, None),
    };
    // Where the name at the end begins.
    let name_of =
        |item: &[u8]| item.iter().rposition(|&b| matches!(b, b' ' | b'(')).map_or(0, |at| at + 1);
    if let Some(open) = item.strip_suffix(b"]").and_then(|item| memchr::memrchr(b'[', item)) {
        let before = item.get(..open)?;
        let name = before.get(name_of(before)..)?;
        let section = item.strip_suffix(b"]")?.get(open + 1..)?;
        let is_binary = name.eq_ignore_ascii_case(b"BINARY");
        if !is_binary && !name.eq_ignore_ascii_case(b"BODY") {
            return None;
        }
        return Section::parse(section).map(|section| (section, origin, is_binary));
    }
    let name = item.get(name_of(item)..)?;
    let sections: [(&[u8], _); 3] = [
        (b"RFC822", Section::Full),
        (b"RFC822.HEADER", Section::Header),
        (b"RFC822.TEXT", Section::Text),
    ];
    let known = sections.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
    known.map(|(_, section)| (section, None, false))
}

/// `"*" SP nz-number SP "FETCH" SP "("`.
fn fetch_of(cursor: &mut Cursor<'_>) -> Result<SeqNo> {
    let mut noted = Tolerated::default();
    cursor.expect(b'*', "a response")?;
    cursor.space(&mut noted)?;
    let seq = nz_number(cursor)?;
    cursor.space(&mut noted)?;
    if !cursor.atom()?.eq_ignore_ascii_case(b"FETCH") {
        return Err(cursor.error("FETCH"));
    }
    cursor.space(&mut noted)?;
    cursor.expect(b'(', "a list of FETCH items")?;
    Ok(SeqNo::from(seq))
}

/// The UID, where only items without a literal stand before it.
fn uid_among_items(mut cursor: Cursor<'_>) -> Option<Uid> {
    loop {
        while cursor.eat(b' ') {}
        let name = cursor.take_while(|b| b > b' ' && !matches!(b, b'(' | b')' | b'{' | b'"'));
        if name.is_empty() || !cursor.eat(b' ') {
            return None;
        }
        if name.eq_ignore_ascii_case(b"UID") {
            // What is looked at may end inside the number.
            let uid = nz_number(&mut cursor).ok().filter(|_| cursor.peek() == Some(b' '));
            return uid.map(Uid::from);
        }
        if matches!(cursor.peek(), Some(b'{' | b'~')) {
            return None;
        }
        cursor.skip_value().ok()?;
    }
}
