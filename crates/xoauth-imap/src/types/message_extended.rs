//! What extensions tell of a message; read from what FETCH told when it is asked for.

use alloc::string::String;
use alloc::vec::Vec;

use super::{DateTime, Mailbox, Message, ObjectId, Octets};
use crate::parse::{Cursor, Tolerated};

impl Message {
    /// EMAILID: what its content is known by for ever, in every mailbox (OBJECTID, RFC 8474 5.1).
    pub fn email_id(&self) -> Option<ObjectId> {
        self.object_id("EMAILID")
    }

    /// THREADID: the conversation it belongs to (OBJECTID, RFC 8474 5.2).
    pub fn thread_id(&self) -> Option<ObjectId> {
        self.object_id("THREADID")
    }

    /// SAVEDATE: when it came into this mailbox (RFC 8514). `None` also where the mailbox does not keep it.
    pub fn save_date(&self) -> Option<DateTime> {
        let text = self.extended("SAVEDATE")?.nstring(&mut Tolerated::default()).ok()?;
        DateTime::parse(&text.cow())
    }

    /// PREVIEW: how its text begins (RFC 8970). `None` also where the server has none at hand.
    pub fn preview(&self) -> Option<String> {
        let text = self.extended("PREVIEW")?.nstring(&mut Tolerated::default()).ok()?;
        text.to_octets().map(|text| text.lossy().into_owned())
    }

    /// X-GM-MSGID: what Gmail knows the message by, in every mailbox.
    pub fn gmail_message_id(&self) -> Option<u64> {
        unsigned(&mut self.extended("X-GM-MSGID")?)
    }

    /// X-GM-THRID: what Gmail knows its conversation by.
    pub fn gmail_thread_id(&self) -> Option<u64> {
        unsigned(&mut self.extended("X-GM-THRID")?)
    }

    /// X-GM-LABELS: its labels, those of Gmail itself with a backslash: `\Inbox`, `\Important`.
    pub fn gmail_labels(&self) -> Option<Vec<Mailbox>> {
        let mut cursor = self.extended("X-GM-LABELS")?;
        let mut labels = Vec::new();
        if !cursor.eat(b'(') {
            return None;
        }
        loop {
            while cursor.eat(b' ') {}
            if cursor.eat(b')') {
                return Some(labels);
            }
            let label = match cursor.peek()? {
                // A system label may stand there as an atom behind its backslash.
                b'\\' => {
                    Mailbox::from_wire(cursor.take_while(|octet| octet > b' ' && octet != b')'))
                }
                _ => Mailbox::from(cursor.astring().ok()?),
            };
            labels.push(label);
        }
    }

    /// BINARY.SIZE: octets of a part once its transfer encoding is undone (BINARY, RFC 3516 4.3).
    pub fn binary_size(&self, part: &[u32]) -> Option<u64> {
        let name = alloc::format!("BINARY.SIZE[{}]", dotted(part));
        self.extended(&name)?.number64().ok()
    }

    /// BINARY: a part whose transfer encoding the server undid (RFC 3516, 4.2).
    pub fn binary(&self, part: &[u32]) -> Option<&[u8]> {
        let section = super::Section::part(part);
        let is_meant = |body: &&super::BodySection| body.is_binary && body.section == section;
        self.bodies.iter().find(is_meant)?.octets.as_deref()
    }

    fn object_id(&self, name: &str) -> Option<ObjectId> {
        let mut cursor = self.extended(name)?;
        if !cursor.eat(b'(') {
            return None;
        }
        ObjectId::from_wire(cursor.atom().ok()?)
    }

    fn extended(&self, name: &str) -> Option<Cursor<'_>> {
        let item = self.others.iter().rev().find(|item| item.name.eq_ignore_ascii_case(name))?;
        Some(Cursor::of(Octets::as_bytes(&item.octets)))
    }
}

/// Gmail's numbers have 64 bits, one more than those of the grammar.
fn unsigned(cursor: &mut Cursor<'_>) -> Option<u64> {
    let digits = cursor.take_while(|octet| octet.is_ascii_digit());
    core::str::from_utf8(digits).ok()?.parse().ok().filter(|_| cursor.is_empty())
}

/// `section-part = nz-number *("." nz-number)`, RFC 9051 9.
pub(crate) fn dotted(part: &[u32]) -> String {
    let mut text = String::new();
    for number in part {
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&alloc::format!("{number}"));
    }
    text
}
