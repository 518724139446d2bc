//! LIST, LSUB and STATUS responses.

use core::num::NonZeroU32;

use super::cursor::{Cursor, Result};
use super::{FaultKind, Text, Tolerated};
use crate::types::{AppendLimit, Mailbox, ObjectId, OtherItem, StatusItems};

/// `mailbox-list`, RFC 9051 9: one mailbox as LIST or LSUB tells it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ListRef<'a> {
    attributes: &'a [u8],
    /// The hierarchy delimiter; NIL where there is no hierarchy.
    pub delimiter: Text<'a>,
    /// The name as it is on the wire.
    pub mailbox: Text<'a>,
    /// The name is UTF-8, not modified UTF-7.
    utf8: bool,
    /// `mbox-list-extended` with its parentheses, empty where there is none (RFC 5258).
    pub extended: &'a [u8],
}

/// `"STATUS" SP mailbox SP "(" [status-att-list] ")"`, RFC 9051 9.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MailboxStatusRef<'a> {
    /// The name as it is on the wire.
    pub mailbox: Text<'a>,
    /// The name is UTF-8, not modified UTF-7.
    utf8: bool,
    /// What was told of it.
    pub items: StatusItems,
}

impl<'a> ListRef<'a> {
    /// Parses what stands behind the word LIST or LSUB.
    pub(super) fn parse(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<Self> {
        cursor.space(tolerated)?;
        cursor.expect(b'(', "a list of mailbox attributes")?;
        let begin = *cursor;
        cursor.skip_until::<b'(', b')'>();
        let attributes = begin.until(cursor);
        cursor.expect(b')', "a closing parenthesis")?;
        cursor.space(tolerated)?;
        let delimiter = cursor.nstring(tolerated)?;
        cursor.space(tolerated)?;
        let (mailbox, extended) = name_and_extended(cursor, tolerated)?;
        let utf8 = tolerated.has_utf8_names();
        Ok(Self { attributes, delimiter, mailbox, utf8, extended })
    }

    /// The mailbox.
    pub fn to_mailbox(&self) -> Mailbox {
        Mailbox::read(self.mailbox, self.utf8)
    }

    /// Names in its extended data are UTF-8, not modified UTF-7.
    pub(crate) fn has_utf8_names(&self) -> bool {
        self.utf8
    }

    /// The octets that its values are made of; `None` where backslashes are to be left out of one. In a literal, and in a
    /// name without quotes, they are octets like others.
    pub(crate) fn values(&self) -> Option<[&'a [u8]; 4]> {
        let (delimiter, mailbox) =
            (self.delimiter.as_on_the_wire()?, self.mailbox.as_on_the_wire()?);
        Some([self.attributes, delimiter, mailbox, self.extended])
    }

    /// The attributes as the server wrote them: `\HasNoChildren`.
    pub fn attributes(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.attributes.split(|&octet| octet == b' ').filter(|name| !name.is_empty())
    }
}

/// `mailbox [SP mbox-list-extended]`. A name without quotes that does not end where its last astring
/// character stands goes to the end of the line: Exchange Online sends tabs, others spaces.
fn name_and_extended<'a>(
    cursor: &mut Cursor<'a>,
    tolerated: &mut Tolerated,
) -> Result<(Text<'a>, &'a [u8])> {
    let start = *cursor;
    let quoted = matches!(cursor.peek(), Some(b'"' | b'{'));
    let name = cursor.astring();
    let behind = *cursor;
    if let Ok(name) = name {
        cursor.surplus_spaces_at_end(tolerated);
        if cursor.is_empty() {
            return Ok((name, &[]));
        }
        let spaced = cursor.eat(b' ');
        let surplus = *cursor;
        while cursor.eat(b' ') {}
        if spaced && cursor.peek() == Some(b'(') {
            if let Ok(extended) = cursor.skip_value() {
                *cursor = surplus;
                cursor.surplus_spaces(tolerated);
                cursor.skip_value()?;
                cursor.surplus_spaces_at_end(tolerated);
                let is_rest = cursor.is_empty() && extended.ends_with(b")");
                if is_rest && (quoted || is_extended(extended)) {
                    tolerated.unfold_list::<OtherItem>(extended, cursor)?;
                    return Ok((name, extended));
                }
            }
        }
        *cursor = behind;
    }
    if quoted || start.is_empty() {
        return Err(start.error("a mailbox name"));
    }
    *cursor = start;
    tolerated.record(FaultKind::UnquotedMailbox, start.position());
    Ok((Text::Raw(cursor.take_rest()), &[]))
}

/// `mbox-list-extended`: a tag and its value come first. A name without quotes may end in parentheses too: `Archive (2019)`.
fn is_extended(list: &[u8]) -> bool {
    let mut cursor = Cursor::of(list);
    cursor.eat(b'(');
    while cursor.eat(b' ') {}
    let is_quoted = cursor.peek() == Some(b'"');
    let tag = cursor.astring().map(|tag| tag.cow()).unwrap_or_default();
    let is_known =
        ["CHILDINFO", "OLDNAME"].iter().any(|known| tag.eq_ignore_ascii_case(known.as_bytes()));
    if !cursor.eat(b' ') {
        return false;
    }
    while cursor.eat(b' ') {}
    is_quoted || is_known || cursor.peek() == Some(b'(')
}

impl<'a> MailboxStatusRef<'a> {
    /// The mailbox.
    pub fn to_mailbox(&self) -> Mailbox {
        Mailbox::read(self.mailbox, self.utf8)
    }

    /// Parses what stands behind the word STATUS.
    pub(super) fn parse(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<Self> {
        cursor.space(tolerated)?;
        let mailbox = cursor.astring()?;
        cursor.space(tolerated)?;
        cursor.expect(b'(', "a list of status items")?;
        let mut items = StatusItems::default();
        loop {
            cursor.surplus_spaces(tolerated);
            if cursor.eat(b')') {
                break;
            }
            status_item(cursor, &mut items, tolerated)?;
            cursor.eat(b' ');
        }
        Ok(Self { mailbox, utf8: tolerated.has_utf8_names(), items })
    }
}

/// `status-att-val`, RFC 9051 9; items that are not known are skipped.
fn status_item(
    cursor: &mut Cursor<'_>,
    items: &mut StatusItems,
    tolerated: &mut Tolerated,
) -> Result<()> {
    let name = cursor.atom()?;
    cursor.space(tolerated)?;
    let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
    if is("MESSAGES") {
        items.messages = Some(cursor.number32()?);
    } else if is("RECENT") {
        items.recent = Some(cursor.number32()?);
    } else if is("UIDNEXT") {
        items.uid_next = not_zero(cursor, tolerated)?;
    } else if is("UIDVALIDITY") {
        items.uid_validity = not_zero(cursor, tolerated)?;
    } else if is("UNSEEN") {
        items.unseen = Some(cursor.number32()?);
    } else if is("DELETED") {
        items.deleted = Some(cursor.number32()?);
    } else if is("SIZE") {
        items.size = Some(cursor.number64()?);
    } else if is("HIGHESTMODSEQ") {
        items.highest_mod_seq = Some(cursor.number64()?);
    } else if is("APPENDLIMIT") {
        let limit = if cursor.nil() { None } else { Some(cursor.number64()?) };
        items.append_limit = Some(limit.map_or(AppendLimit::Unlimited, AppendLimit::Octets));
    } else if is("MAILBOXID") {
        items.mailbox_id = ObjectId::from_wire(object_id(cursor)?);
    } else if is("DELETED-STORAGE") {
        items.deleted_storage = Some(cursor.number64()?);
    } else {
        cursor.skip_value()?;
    }
    Ok(())
}

/// `nz-number`, RFC 9051 9. A server that has 0 for it does not know.
fn not_zero(cursor: &mut Cursor<'_>, tolerated: &mut Tolerated) -> Result<Option<NonZeroU32>> {
    let at = cursor.position();
    let number = NonZeroU32::new(cursor.number32()?);
    if number.is_none() {
        tolerated.record(FaultKind::Zero, at);
    }
    Ok(number)
}

/// `"(" objectid ")"`, RFC 8474 7: what stands in the parentheses.
pub(super) fn object_id<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8]> {
    let start = *cursor;
    cursor.expect(b'(', "an object identifier in parentheses")?;
    let id = cursor.atom()?;
    cursor.expect(b')', "a closing parenthesis")?;
    if ObjectId::is_valid(id) { Ok(id) } else { Err(start.error("an object identifier")) }
}
