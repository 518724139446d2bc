//! FETCH (RFC 3501, section 6.4.5).

use std::sync::Arc;

use super::structure::{push_envelope, push_structure};
use super::tokens::Command;
use super::{Answer, Ids, Refusal, Session, State, done, push_string};
use crate::host::mime::{self, Content, Part};
use crate::host::store::{Change, Message};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Uid,
    Flags,
    InternalDate,
    Size,
    Envelope,
    Body,
    BodyStructure,
    Section(Section),
}

/// `BODY[part.kind]<origin.length>`, also under its names of RFC 822.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Section {
    part: Vec<u32>,
    kind: Kind,
    partial: Option<(u32, u32)>,
    peek: bool,
    /// The name in the answer, without the origin.
    label: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    All,
    Header,
    /// Only the fields of these names, or all but them.
    Fields {
        names: Vec<Vec<u8>>,
        wanted: bool,
    },
    Text,
    Mime,
}

impl Session<'_> {
    pub(super) fn fetch(&mut self, command: &mut Command, ids: Ids) -> Answer {
        command.space()?;
        let set = command.sequence_set()?;
        command.space()?;
        let mut items = items(command)?;
        command.end()?;
        if ids == Ids::Uids && !items.contains(&Item::Uid) {
            items.insert(0, Item::Uid);
        }
        let reads = |item: &Item| matches!(item, Item::Section(section) if !section.peek);
        let reads = items.iter().any(reads);

        let store = &self.client.shared.store;
        let State::Selected { user, view } = &mut self.state else {
            return Err(Refusal::bad("no mailbox is selected"));
        };
        let chosen = view.resolve(&set, ids)?;
        let marks = reads && !view.read_only;
        let name = view.name.clone();
        let mut news = String::new();
        let mut found: Vec<(usize, Message, String)> = Vec::new();
        let mut newly_seen = Vec::new();
        store.mailbox(user, &name, |mailbox| {
            news = view.flag_news(mailbox);
            let seen = ["\\Seen".to_owned()];
            for (number, uid) in chosen {
                let unseen = mailbox.message(uid).is_some_and(|message| !message.has("\\Seen"));
                if marks && unseen {
                    mailbox.store(uid, Change::Add, &seen);
                    newly_seen.push(uid);
                }
                if let Some(message) = mailbox.message(uid) {
                    found.push((number, message.clone(), view.flags(message)));
                }
            }
            view.catch_up(mailbox);
        });
        self.write(news.as_bytes())?;
        for (number, message, flags) in found {
            // The flags are told with the text that changed them.
            let tells = newly_seen.binary_search(&message.uid).is_ok();
            let extra = [Item::Flags];
            let extra = if tells && !items.contains(&Item::Flags) { &extra[..] } else { &[] };
            self.write(format!("* {number} FETCH (").as_bytes())?;
            for (at, item) in items.iter().chain(extra).enumerate() {
                if at > 0 {
                    self.write(b" ")?;
                }
                self.write_item(item, &message, &flags)?;
            }
            self.write(b")\r\n")?;
        }
        done("FETCH")
    }

    fn write_item(&mut self, item: &Item, message: &Message, flags: &str) -> std::io::Result<()> {
        let octets: &Arc<Vec<u8>> = &message.octets;
        let mut out = Vec::new();
        match item {
            Item::Uid => out.extend_from_slice(format!("UID {}", message.uid).as_bytes()),
            Item::Flags => out.extend_from_slice(format!("FLAGS {flags}").as_bytes()),
            Item::InternalDate => {
                let date = message.moment().internal_date();
                out.extend_from_slice(format!("INTERNALDATE \"{date}\"").as_bytes());
            }
            Item::Size => {
                out.extend_from_slice(format!("RFC822.SIZE {}", octets.len()).as_bytes());
            }
            Item::Envelope => {
                out.extend_from_slice(b"ENVELOPE ");
                let header = octets.get(..mime::header_end(octets)).unwrap_or_default();
                push_envelope(header, &mut out);
            }
            Item::Body => {
                out.extend_from_slice(b"BODY ");
                push_structure(&mime::parse(octets), octets, false, &mut out);
            }
            Item::BodyStructure => {
                out.extend_from_slice(b"BODYSTRUCTURE ");
                push_structure(&mime::parse(octets), octets, true, &mut out);
            }
            Item::Section(section) => return self.write_section(section, octets),
        }
        self.write(&out)
    }

    /// Sections that stand in the message as they are go out of its shared octets.
    fn write_section(&mut self, section: &Section, octets: &[u8]) -> std::io::Result<()> {
        let selected;
        let text = match section.find(octets) {
            Found::Range(range) => octets.get(range),
            Found::Fields(fields) => {
                selected = fields;
                Some(selected.as_slice())
            }
            Found::Nothing => None,
        };
        self.write(&section.label)?;
        let Some(mut text) = text else { return self.write(b" NIL") };
        if let Some((origin, length)) = section.partial {
            self.write(format!("<{origin}>").as_bytes())?;
            text = text.get(origin as usize..).unwrap_or_default();
            text = text.get(..length as usize).unwrap_or(text);
        }
        self.write(format!(" {{{}}}\r\n", text.len()).as_bytes())?;
        self.write(text)
    }
}

enum Found {
    Range(std::ops::Range<usize>),
    Fields(Vec<u8>),
    Nothing,
}

impl Section {
    fn find(&self, octets: &[u8]) -> Found {
        if self.part.is_empty() {
            let end = mime::header_end(octets);
            return match &self.kind {
                Kind::All => Found::Range(0..octets.len()),
                Kind::Header => Found::Range(0..end),
                Kind::Text => Found::Range(end..octets.len()),
                Kind::Fields { names, wanted } => select_fields(octets, 0..end, names, *wanted),
                Kind::Mime => Found::Nothing,
            };
        }
        let message = mime::parse(octets);
        let Some(part) = descend(&message, &self.part) else { return Found::Nothing };
        // HEADER and TEXT of a part are those of the message in it: RFC 3501, section 6.4.5.
        let inner = match &part.content {
            Content::Message(inner) => Some(inner),
            _ => None,
        };
        match (&self.kind, inner) {
            (Kind::All, _) => Found::Range(part.body.clone()),
            (Kind::Mime, _) => Found::Range(part.header.clone()),
            (Kind::Header, Some(inner)) => Found::Range(inner.header.clone()),
            (Kind::Text, Some(inner)) => Found::Range(inner.body.clone()),
            (Kind::Fields { names, wanted }, Some(inner)) => {
                select_fields(octets, inner.header.clone(), names, *wanted)
            }
            (Kind::Header | Kind::Text | Kind::Fields { .. }, None) => Found::Nothing,
        }
    }
}

/// The part a section number names. Part 1 of what is not a multipart is its only body.
fn descend<'p>(message: &'p Part, numbers: &[u32]) -> Option<&'p Part> {
    let mut part = message;
    let mut first = true;
    for number in numbers {
        let container = match &part.content {
            Content::Message(inner) if !first => inner,
            _ => part,
        };
        part = match &container.content {
            Content::Multipart(parts) => parts.get((*number as usize).checked_sub(1)?)?,
            // The message itself, or the message in a part, with a single body.
            _ if *number == 1 && (first || !std::ptr::eq(container, part)) => container,
            _ => return None,
        };
        first = false;
    }
    Some(part)
}

/// Fields of these names with the empty line behind them.
fn select_fields(
    octets: &[u8],
    header: std::ops::Range<usize>,
    names: &[Vec<u8>],
    wanted: bool,
) -> Found {
    let mut selected = Vec::new();
    for field in mime::fields(octets.get(header).unwrap_or_default()) {
        if names.iter().any(|name| field.name.eq_ignore_ascii_case(name)) == wanted {
            selected.extend_from_slice(field.whole);
        }
    }
    selected.extend_from_slice(b"\r\n");
    Found::Fields(selected)
}

fn items(command: &mut Command) -> Result<Vec<Item>, Refusal> {
    const FAST: [Item; 3] = [Item::Flags, Item::InternalDate, Item::Size];
    if command.peek() == Some(b'(') {
        let items = command.list(item)?;
        return if items.is_empty() { Err(Refusal::bad("expected an item")) } else { Ok(items) };
    }
    let mut items = FAST.to_vec();
    // Each must be the whole word: no item begins with these.
    if command.eat("ALL") {
        items.push(Item::Envelope);
    } else if command.eat("FULL") {
        items.extend([Item::Envelope, Item::Body]);
    } else if !command.eat("FAST") {
        return Ok(vec![item(command)?]);
    }
    Ok(items)
}

fn item(command: &mut Command) -> Result<Item, Refusal> {
    let name =
        command.word("a fetch item", |octet| octet.is_ascii_alphanumeric() || octet == b'.')?;
    Ok(match name.to_ascii_uppercase().as_str() {
        "UID" => Item::Uid,
        "FLAGS" => Item::Flags,
        "INTERNALDATE" => Item::InternalDate,
        "RFC822.SIZE" => Item::Size,
        "ENVELOPE" => Item::Envelope,
        "BODYSTRUCTURE" => Item::BodyStructure,
        "RFC822" => alias("RFC822", Kind::All, false),
        "RFC822.HEADER" => alias("RFC822.HEADER", Kind::Header, true),
        "RFC822.TEXT" => alias("RFC822.TEXT", Kind::Text, false),
        "BODY" if command.peek() != Some(b'[') => Item::Body,
        "BODY" => Item::Section(section(command, false)?),
        "BODY.PEEK" => Item::Section(section(command, true)?),
        _ => return Err(Refusal::bad("unknown fetch item")),
    })
}

fn alias(label: &str, kind: Kind, peek: bool) -> Item {
    let label = label.as_bytes().to_vec();
    Item::Section(Section { part: Vec::new(), kind, partial: None, peek, label })
}

fn section(command: &mut Command, peek: bool) -> Result<Section, Refusal> {
    command.expect("[")?;
    let mut part = Vec::new();
    while matches!(command.peek(), Some(b'1'..=b'9')) {
        part.push(command.number()?);
        if command.peek() != Some(b']') {
            command.expect(".")?;
            if !matches!(command.peek(), Some(b'1'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')) {
                return Err(Refusal::bad("expected a section behind the dot"));
            }
        }
    }
    let numbers: Vec<String> = part.iter().map(u32::to_string).collect();
    let mut label = format!("BODY[{}", numbers.join(".")).into_bytes();
    let mut kind = Kind::All;
    if command.peek() != Some(b']') {
        if !part.is_empty() {
            label.push(b'.');
        }
        kind = section_text(command, &part, &mut label)?;
    }
    command.expect("]")?;
    label.push(b']');
    let mut partial = None;
    if command.eat("<") {
        let origin = command.number()?;
        command.expect(".")?;
        let length = command.number()?;
        if length == 0 {
            return Err(Refusal::bad("a partial fetch of 0 octets"));
        }
        command.expect(">")?;
        partial = Some((origin, length));
    }
    Ok(Section { part, kind, partial, peek, label })
}

fn section_text(command: &mut Command, part: &[u32], label: &mut Vec<u8>) -> Result<Kind, Refusal> {
    let name = command.word("a section", |octet| octet.is_ascii_alphabetic() || octet == b'.')?;
    let name = name.to_ascii_uppercase();
    label.extend_from_slice(name.as_bytes());
    match name.as_str() {
        "HEADER" => Ok(Kind::Header),
        "TEXT" => Ok(Kind::Text),
        "MIME" if !part.is_empty() => Ok(Kind::Mime),
        "HEADER.FIELDS" | "HEADER.FIELDS.NOT" => {
            command.space()?;
            let names = command.list(Command::astring)?;
            if names.is_empty() {
                return Err(Refusal::bad("expected a field name"));
            }
            label.extend_from_slice(b" (");
            for (at, name) in names.iter().enumerate() {
                if at > 0 {
                    label.push(b' ');
                }
                push_string(name, label);
            }
            label.push(b')');
            Ok(Kind::Fields { names, wanted: name == "HEADER.FIELDS" })
        }
        _ => Err(Refusal::bad("unknown section")),
    }
}
