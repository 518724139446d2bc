//! Envelopes, RFC 9051 7.5.2 and 9.

use super::cursor::{Cursor, Result, Span};
use super::{FaultKind, Text, Tolerated};
use crate::types::{Address, Envelope};

/// `envelope`: the header of a message as the server parsed it. Texts are as the message has them, their
/// encoded words not decoded (RFC 2047).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct EnvelopeRef<'a> {
    /// The Date field.
    pub date: Text<'a>,
    /// The Subject field.
    pub subject: Text<'a>,
    /// The In-Reply-To field.
    pub in_reply_to: Text<'a>,
    /// The Message-ID field.
    pub message_id: Text<'a>,
    value: Cursor<'a>,
    from: Span,
    sender: Span,
    reply_to: Span,
    to: Span,
    cc: Span,
    bcc: Span,
}

/// `address`: a mailbox, or the begin or end of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddressRef<'a> {
    /// `addr-name`: the display name.
    pub name: Text<'a>,
    /// `addr-adl`: the source route, which is obsolete.
    pub route: Text<'a>,
    /// `addr-mailbox`: the local part. Where `host` is NIL, a group begins with this name, or ends with
    /// NIL.
    pub mailbox: Text<'a>,
    /// `addr-host`: the domain.
    pub host: Text<'a>,
}

/// A list of addresses: nothing is allocated.
#[derive(Debug, Clone)]
pub struct AddressesRef<'a>(Cursor<'a>);

impl<'a> EnvelopeRef<'a> {
    /// `envelope = "(" env-date SP env-subject SP .. SP env-message-id ")"`.
    pub(super) fn parse(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<Self> {
        let value = *cursor;
        cursor.expect(b'(', "an envelope")?;
        cursor.surplus_spaces(tolerated);
        let date = cursor.nstring(tolerated)?;
        cursor.space(tolerated)?;
        let subject = cursor.nstring(tolerated)?;
        let from = addresses(cursor, tolerated)?;
        let sender = addresses(cursor, tolerated)?;
        let reply_to = addresses(cursor, tolerated)?;
        let to = addresses(cursor, tolerated)?;
        let cc = addresses(cursor, tolerated)?;
        let bcc = addresses(cursor, tolerated)?;
        cursor.space(tolerated)?;
        let in_reply_to = cursor.nstring(tolerated)?;
        cursor.space(tolerated)?;
        let message_id = cursor.nstring(tolerated)?;
        cursor.surplus_spaces(tolerated);
        cursor.expect(b')', "the end of an envelope")?;
        tolerated.unfold::<Envelope>(1, cursor)?;
        Ok(Self {
            date,
            subject,
            in_reply_to,
            message_id,
            value,
            from,
            sender,
            reply_to,
            to,
            cc,
            bcc,
        })
    }

    /// The From field.
    pub fn from(&self) -> AddressesRef<'a> {
        self.list(self.from)
    }

    /// The Sender field, or the From field where there is none.
    pub fn sender(&self) -> AddressesRef<'a> {
        self.list(self.sender)
    }

    /// The Reply-To field, or the From field where there is none.
    pub fn reply_to(&self) -> AddressesRef<'a> {
        self.list(self.reply_to)
    }

    /// The To field.
    pub fn to(&self) -> AddressesRef<'a> {
        self.list(self.to)
    }

    /// The Cc field.
    pub fn cc(&self) -> AddressesRef<'a> {
        self.list(self.cc)
    }

    /// The Bcc field.
    pub fn bcc(&self) -> AddressesRef<'a> {
        self.list(self.bcc)
    }

    fn list(&self, span: Span) -> AddressesRef<'a> {
        AddressesRef(self.value.within(span))
    }
}

/// `SP` and `"(" 1*address ")" / nil`; the span holds what stands between the parentheses.
#[inline]
fn addresses(cursor: &mut Cursor<'_>, tolerated: &mut Tolerated) -> Result<Span> {
    cursor.space(tolerated)?;
    if cursor.nil() {
        return Ok(Span::default());
    }
    let list = *cursor;
    if !cursor.eat(b'(') {
        // Nothing is in a string that is empty; any other is no list.
        let empty = cursor.string().is_ok_and(|text| text.cow().is_empty());
        if !empty {
            return Err(list.error("a list of addresses or NIL"));
        }
        tolerated.record(FaultKind::EmptyAddressList, list.position());
        return Ok(Span::default());
    }
    let start = *cursor;
    cursor.surplus_spaces(tolerated);
    if cursor.peek() == Some(b')') {
        tolerated.record(FaultKind::EmptyAddressList, start.position());
    }
    loop {
        if cursor.peek() == Some(b')') {
            let span = start.span_until(cursor);
            cursor.take(1);
            return Ok(span);
        }
        tolerated.unfold::<Address>(1, cursor)?;
        if cursor.nil() {
            tolerated.record(FaultKind::MissingAddress, cursor.position());
        } else {
            address(cursor, tolerated)?;
        }
        cursor.surplus_spaces(tolerated);
    }
}

/// `address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"`.
#[inline]
fn address<'a>(cursor: &mut Cursor<'a>, tolerated: &mut Tolerated) -> Result<AddressRef<'a>> {
    cursor.expect(b'(', "an address")?;
    cursor.surplus_spaces(tolerated);
    let name = cursor.nstring(tolerated)?;
    cursor.space(tolerated)?;
    let route = cursor.nstring(tolerated)?;
    cursor.space(tolerated)?;
    let mailbox = cursor.nstring(tolerated)?;
    cursor.space(tolerated)?;
    let host = cursor.nstring(tolerated)?;
    cursor.surplus_spaces(tolerated);
    cursor.expect(b')', "the end of an address")?;
    Ok(AddressRef { name, route, mailbox, host })
}

impl<'a> Iterator for AddressesRef<'a> {
    type Item = AddressRef<'a>;

    fn next(&mut self) -> Option<AddressRef<'a>> {
        // What is wrong was noted when the envelope was parsed.
        let mut noted = Tolerated::default();
        loop {
            while self.0.eat(b' ') {}
            if !self.0.nil() {
                return address(&mut self.0, &mut noted).ok();
            }
        }
    }
}
