//! Mailboxes as LIST and STATUS tell them.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Mailbox, Octets, OtherItem, Rights, SpecialUse, StatusItems};
use crate::parse::{Cursor, ListRef, Text};

/// The character between the levels of a mailbox name, RFC 9051 5.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Delimiter(char);

impl Delimiter {
    /// The character.
    pub fn as_char(self) -> char {
        self.0
    }

    /// As a server wrote it; `None` for NIL.
    pub(crate) fn from_wire(text: Text<'_>) -> Option<Self> {
        String::from_utf8_lossy(&text.cow()).chars().next().map(Self)
    }
}

impl From<char> for Delimiter {
    fn from(delimiter: char) -> Self {
        Self(delimiter)
    }
}

/// One mailbox of a LIST or LSUB response, RFC 9051 7.3.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// With a space behind each.
    attributes: String,
    delimiter: Option<Delimiter>,
    mailbox: Mailbox,
    /// What few mailboxes have.
    extended: Option<Box<ListExtended>>,
}

/// `mbox-list-extended` (RFC 5258, 6), and the numbers of LIST-STATUS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct ListExtended {
    children: Vec<String>,
    old_name: Option<Mailbox>,
    my_rights: Option<Rights>,
    status: Option<StatusItems>,
    metadata: Vec<(Octets, Option<Octets>)>,
    others: Vec<OtherItem>,
}

impl ListEntry {
    /// The mailbox.
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// The hierarchy delimiter; `None` where there is no hierarchy.
    pub fn delimiter(&self) -> Option<Delimiter> {
        self.delimiter
    }

    /// The attributes as the server wrote them: `\HasNoChildren`.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.split_terminator(' ')
    }

    /// The mailbox has the attribute, its backslash included; upper and lower case mean the same.
    pub fn has_attribute(&self, attribute: &str) -> bool {
        self.attributes().any(|known| known.eq_ignore_ascii_case(attribute))
    }

    /// What the mailbox is for (RFC 6154).
    pub fn special_use(&self) -> impl Iterator<Item = SpecialUse> + '_ {
        self.attributes().filter_map(SpecialUse::from_attribute)
    }

    /// Why a mailbox is listed that does not match itself: mailboxes below it do, say because they are
    /// subscribed to: `CHILDINFO` (RFC 5258, 3.5).
    pub fn child_info(&self) -> impl Iterator<Item = &str> {
        self.extended.iter().flat_map(|extended| &extended.children).map(String::as_str)
    }

    /// The name the server changed into this one (`OLDNAME`, RFC 9051 7.3.1).
    pub fn old_name(&self) -> Option<&Mailbox> {
        self.extended.as_ref()?.old_name.as_ref()
    }

    /// What the user may do with the mailbox, where it was asked for (LIST-MYRIGHTS, RFC 8440).
    pub fn my_rights(&self) -> Option<&Rights> {
        self.extended.as_ref()?.my_rights.as_ref()
    }

    /// The numbers of the mailbox, where they were asked for (LIST-STATUS, RFC 5819).
    pub fn status(&self) -> Option<&StatusItems> {
        self.extended.as_ref()?.status.as_ref()
    }

    /// Notes beside the mailbox, where they were asked for: entries and their values (LIST-METADATA, RFC 9590).
    pub fn metadata(&self) -> &[(Octets, Option<Octets>)] {
        self.extended.as_ref().map_or(&[], |extended| &extended.metadata)
    }

    /// Extended data this library does not know (RFC 5258, 6): tags, and values as the server wrote them.
    pub fn other_items(&self) -> &[OtherItem] {
        self.extended.as_ref().map_or(&[], |extended| &extended.others)
    }

    pub(crate) fn set_status(&mut self, status: StatusItems) {
        self.extended.get_or_insert_default().status = Some(status);
    }

    /// A server tells entries in one response or in several.
    pub(crate) fn add_metadata(&mut self, entries: &[(Octets, Option<Octets>)]) {
        self.extended.get_or_insert_default().metadata.extend_from_slice(entries);
    }

    pub(crate) fn set_my_rights(&mut self, rights: Rights) {
        self.extended.get_or_insert_default().my_rights = Some(rights);
    }

    /// SELECT can open it: it has neither `\Noselect` nor `\NonExistent`.
    pub fn is_selectable(&self) -> bool {
        !self.has_attribute("\\Noselect") && !self.has_attribute("\\NonExistent")
    }
}

impl From<&ListRef<'_>> for ListEntry {
    fn from(entry: &ListRef<'_>) -> Self {
        let mut attributes = String::new();
        for attribute in entry.attributes() {
            attributes.push_str(&String::from_utf8_lossy(attribute));
            attributes.push(' ');
        }
        let delimiter = Delimiter::from_wire(entry.delimiter);
        let extended = ListExtended::parse(entry.extended, entry.has_utf8_names()).map(Box::new);
        Self { attributes, delimiter, mailbox: entry.to_mailbox(), extended }
    }
}

impl ListExtended {
    /// `"(" [mbox-list-extended-item *(SP ..)] ")"`, RFC 5258 6; an item is a tag and its value. Servers may write
    /// more spaces than one.
    fn parse(octets: &[u8], utf8: bool) -> Option<Self> {
        let mut cursor = Cursor::of(octets);
        let mut found = Self::default();
        if !cursor.eat(b'(') {
            return None;
        }
        loop {
            skip_spaces(&mut cursor);
            let Ok(tag) = cursor.astring() else { break };
            skip_spaces(&mut cursor);
            let Ok(value) = cursor.skip_value() else { break };
            let tag = tag.cow();
            if tag.eq_ignore_ascii_case(b"CHILDINFO") {
                let texts = strings(value);
                found
                    .children
                    .extend(texts.map(|t| String::from_utf8_lossy(&t.cow()).into_owned()));
            } else if tag.eq_ignore_ascii_case(b"OLDNAME") {
                found.old_name = strings(value).next().map(|name| Mailbox::read(name, utf8));
            } else {
                let name = String::from_utf8_lossy(&tag).into_owned();
                found.others.push(OtherItem { name, octets: value.into() });
            }
        }
        (found != Self::default()).then_some(found)
    }
}

/// The strings of a list, or one without parentheses.
fn strings(value: &[u8]) -> impl Iterator<Item = Text<'_>> {
    let mut cursor = Cursor::of(value);
    cursor.eat(b'(');
    core::iter::from_fn(move || {
        skip_spaces(&mut cursor);
        cursor.astring().ok()
    })
}

fn skip_spaces(cursor: &mut Cursor<'_>) {
    while cursor.eat(b' ') {}
}
