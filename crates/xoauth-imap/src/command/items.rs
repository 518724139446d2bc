//! What FETCH asks for: `fetch-att`, RFC 9051 6.4.5 and 9.

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::Excerpt;

use crate::error::Error;
use crate::proto::Encoder;
use crate::types::{ArgumentSink, Section, dotted};

/// What FETCH asks for of each message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item {
    /// Its unique identifier.
    Uid,
    /// Its flags.
    Flags,
    /// When the server received it.
    InternalDate,
    /// Its size in octets: RFC822.SIZE.
    Size,
    /// Its header, parsed by the server.
    Envelope,
    /// Its MIME structure, parsed by the server.
    BodyStructure,
    /// The whole message, without marking it \Seen: `BODY.PEEK[]`.
    Body,
    /// A section of it.
    Section(SectionItem),
    /// The whole message, marking it \Seen (RFC 3501).
    Rfc822,
    /// Its header (RFC 3501), without marking it \Seen.
    Rfc822Header,
    /// Its text (RFC 3501), marking it \Seen.
    Rfc822Text,
    /// Its modification sequence (CONDSTORE, RFC 7162).
    ModSeq,
    /// What its content is known by for ever (OBJECTID, RFC 8474).
    EmailId,
    /// The conversation it belongs to (OBJECTID, RFC 8474).
    ThreadId,
    /// When it came into this mailbox (SAVEDATE, RFC 8514).
    SaveDate,
    /// How its text begins (PREVIEW, RFC 8970).
    Preview,
    /// The same, where the server has it at hand.
    PreviewLazy,
    /// A part by its number, its transfer encoding undone, without marking the message \Seen (BINARY,
    /// RFC 3516). An empty number is the whole message.
    Binary(Vec<u32>),
    /// Octets of such a part.
    BinarySize(Vec<u32>),
    /// What Gmail knows the message by, in every mailbox (X-GM-EXT-1).
    GmailMessageId,
    /// What Gmail knows its conversation by (X-GM-EXT-1).
    GmailThreadId,
    /// Its labels (X-GM-EXT-1).
    GmailLabels,
}

/// A section of a message, whole or a range of its octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionItem {
    section: Section,
    partial: Option<(u32, u32)>,
    marks_seen: bool,
}

/// What FETCH asks for: one item or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Items(Vec<Item>);

impl Item {
    /// A section without marking the message \Seen; [`SectionItem`] has the options.
    pub fn section(section: Section) -> SectionItem {
        SectionItem { section, partial: None, marks_seen: false }
    }

    /// The capability a server must offer to know it.
    fn capability(&self) -> Option<&'static str> {
        Some(match self {
            Self::ModSeq => "CONDSTORE",
            Self::EmailId | Self::ThreadId => "OBJECTID",
            Self::SaveDate => "SAVEDATE",
            Self::Preview | Self::PreviewLazy => "PREVIEW",
            Self::Binary(_) | Self::BinarySize(_) => "BINARY",
            Self::GmailMessageId | Self::GmailThreadId | Self::GmailLabels => "X-GM-EXT-1",
            _ => return None,
        })
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), Error> {
        if let Some(capability) = self.capability() {
            // RFC 9051 took in the FETCH side of BINARY.
            let alternative = if capability == "BINARY" { "IMAP4REV2" } else { capability };
            out.needs("FETCH of such an item", &[capability, alternative])?;
        }
        out.raw(match self {
            Self::ModSeq => "MODSEQ",
            Self::EmailId => "EMAILID",
            Self::ThreadId => "THREADID",
            Self::SaveDate => "SAVEDATE",
            Self::Preview => "PREVIEW",
            Self::PreviewLazy => "PREVIEW (LAZY)",
            Self::GmailMessageId => "X-GM-MSGID",
            Self::GmailThreadId => "X-GM-THRID",
            Self::GmailLabels => "X-GM-LABELS",
            Self::Binary(part) => return encode_part("BINARY.PEEK", part, out),
            Self::BinarySize(part) => return encode_part("BINARY.SIZE", part, out),
            Self::Uid => "UID",
            Self::Flags => "FLAGS",
            Self::InternalDate => "INTERNALDATE",
            Self::Size => "RFC822.SIZE",
            Self::Envelope => "ENVELOPE",
            Self::BodyStructure => "BODYSTRUCTURE",
            Self::Body => "BODY.PEEK[]",
            Self::Rfc822 => "RFC822",
            Self::Rfc822Header => "RFC822.HEADER",
            Self::Rfc822Text => "RFC822.TEXT",
            Self::Section(section) => return section.encode(out),
        });
        Ok(())
    }
}

/// `section-binary = "[" [section-part] "]"`, RFC 9051 9.
fn encode_part(word: &str, part: &[u32], out: &mut Encoder<'_>) -> Result<(), Error> {
    if part.contains(&0) {
        let text = dotted(part);
        return Err(Error::unfit("section", &text, "numbers of parts, which count from 1"));
    }
    out.raw(&alloc::format!("{word}[{}]", dotted(part)));
    Ok(())
}

impl SectionItem {
    /// Only `count` octets from `origin` on (counted from 0).
    pub fn partial(mut self, origin: u32, count: u32) -> Self {
        self.partial = Some((origin, count));
        self
    }

    /// Marks the message \Seen: `BODY[..]` instead of `BODY.PEEK[..]`.
    pub fn marking_seen(mut self) -> Self {
        self.marks_seen = true;
        self
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), Error> {
        out.raw(if self.marks_seen { "BODY[" } else { "BODY.PEEK[" });
        self.section.encode(out)?;
        out.raw("]");
        match self.partial {
            None => Ok(()),
            Some((_, 0)) => Err(Error::unfit("partial", "", "a range of one octet at least")),
            Some((origin, count)) => {
                out.raw(&alloc::format!("<{origin}.{count}>"));
                Ok(())
            }
        }
    }
}

impl Items {
    /// Writes the parenthesised list.
    pub(super) fn encode(&self, out: &mut Encoder<'_>) -> Result<(), Error> {
        if self.0.is_empty() {
            return Err(Error::unfit("items", "", "one at least"));
        }
        for (index, item) in self.0.iter().enumerate() {
            out.raw(if index == 0 { "(" } else { " " });
            item.encode(out)?;
        }
        out.raw(")");
        Ok(())
    }

    /// Nothing is asked for but what servers also tell unasked.
    pub(super) fn ask_only_flags(&self) -> bool {
        self.0.iter().all(|item| matches!(item, Item::Uid | Item::Flags | Item::ModSeq))
    }
}

impl From<SectionItem> for Item {
    fn from(section: SectionItem) -> Self {
        Self::Section(section)
    }
}

impl From<Section> for Item {
    fn from(section: Section) -> Self {
        Self::Section(Self::section(section))
    }
}

impl<I: Into<Item>> From<I> for Items {
    fn from(item: I) -> Self {
        Self(Vec::from([item.into()]))
    }
}

impl<const N: usize> From<[Item; N]> for Items {
    fn from(items: [Item; N]) -> Self {
        Self(items.into())
    }
}

impl From<Vec<Item>> for Items {
    fn from(items: Vec<Item>) -> Self {
        Self(items)
    }
}

impl FromStr for Items {
    type Err = ItemsError;

    /// Reads what people type: `FLAGS`, `(UID FLAGS BODY.PEEK[HEADER])`, `FULL`. `BODY[..]` marks the message
    /// \Seen as it does on the wire, `BODY.PEEK[..]` does not; `BODY` alone is read as `BODYSTRUCTURE`.
    fn from_str(text: &str) -> Result<Self, ItemsError> {
        let list = text.trim();
        let list = list.strip_prefix('(').and_then(|list| list.strip_suffix(')')).unwrap_or(list);
        let mut items = Vec::new();
        let mut rest = list.trim_start();
        while !rest.is_empty() {
            let mut depth = 0_usize;
            let end = rest.find(|c| {
                match c {
                    '[' => depth += 1,
                    ']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                c == ' ' && depth == 0
            });
            let (word, behind) =
                rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
            rest = behind.trim_start();
            match word.to_ascii_uppercase().as_str() {
                "FAST" => items.extend([Item::Flags, Item::InternalDate, Item::Size]),
                "ALL" => {
                    items.extend([Item::Flags, Item::InternalDate, Item::Size, Item::Envelope]);
                }
                "FULL" => items.extend([
                    Item::Flags,
                    Item::InternalDate,
                    Item::Size,
                    Item::Envelope,
                    Item::BodyStructure,
                ]),
                name => match item(name, word) {
                    Some(item) => items.push(item),
                    None => {
                        // `word` stands in `text`, behind it only `behind`.
                        let at =
                            text.find(list).unwrap_or(0) + list.len() - behind.len() - word.len();
                        return Err(ItemsError::new(word, at));
                    }
                },
            }
        }
        if items.is_empty() { Err(ItemsError::new("", text.len())) } else { Ok(Self(items)) }
    }
}

/// One item; `name` is `word` in upper case.
fn item(name: &str, word: &str) -> Option<Item> {
    Some(match name {
        "UID" => Item::Uid,
        "FLAGS" => Item::Flags,
        "INTERNALDATE" => Item::InternalDate,
        "RFC822.SIZE" => Item::Size,
        "ENVELOPE" => Item::Envelope,
        "BODYSTRUCTURE" | "BODY" => Item::BodyStructure,
        "RFC822" => Item::Rfc822,
        "RFC822.HEADER" => Item::Rfc822Header,
        "RFC822.TEXT" => Item::Rfc822Text,
        "MODSEQ" => Item::ModSeq,
        "EMAILID" => Item::EmailId,
        "THREADID" => Item::ThreadId,
        "SAVEDATE" => Item::SaveDate,
        "PREVIEW" => Item::Preview,
        "X-GM-MSGID" => Item::GmailMessageId,
        "X-GM-THRID" => Item::GmailThreadId,
        "X-GM-LABELS" => Item::GmailLabels,
        _ => {
            let (word, partial) = match word.strip_suffix('>') {
                None => (word, None),
                Some(ranged) => {
                    let (word, range) = ranged.rsplit_once('<')?;
                    let (origin, count) = range.split_once('.')?;
                    (word, Some((origin.parse().ok()?, count.parse().ok()?)))
                }
            };
            let (kind, section) = word.strip_suffix(']')?.split_once('[')?;
            let marks_seen = match kind.to_ascii_uppercase().as_str() {
                "BODY" => true,
                "BODY.PEEK" => false,
                _ => return None,
            };
            let section = Section::parse(section.as_bytes())?;
            Item::Section(SectionItem { section, partial, marks_seen })
        }
    })
}

/// Text that does not name FETCH items: the word that is not one, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemsError {
    word: Excerpt,
    at: usize,
}

impl ItemsError {
    fn new(word: &str, at: usize) -> Self {
        Self { word: Excerpt::new(word.as_bytes(), &Mask::default()), at }
    }

    /// Where the word begins, in octets from the start of the text.
    pub fn at(&self) -> usize {
        self.at
    }
}

impl fmt::Display for ItemsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { word, at } = self;
        if word.as_str().is_empty() {
            f.write_str("unexpected end")?;
        } else {
            write!(f, "unknown FETCH item '{word}'")?;
        }
        write!(f, " at offset {at}, expected a list such as (UID FLAGS BODY.PEEK[HEADER])")
    }
}

impl core::error::Error for ItemsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_from_what_people_type() {
        let items = |text: &str| text.parse::<Items>().map(|items| items.0);
        assert_eq!(items("FLAGS"), Ok(Vec::from([Item::Flags])));
        assert_eq!(items("(uid flags)"), Ok(Vec::from([Item::Uid, Item::Flags])));
        assert_eq!(items("BODY.PEEK[]").unwrap(), [Item::section(Section::Full).into()]);
        assert_eq!(items("BODY[]").unwrap(), [Item::section(Section::Full).marking_seen().into()]);
        assert_eq!(
            items("BODY.PEEK[TEXT]<0.100> UID").unwrap(),
            [Item::section(Section::Text).partial(0, 100).into(), Item::Uid]
        );
        let fields = items("BODY.PEEK[HEADER.FIELDS (FROM TO)] FLAGS").unwrap();
        assert_eq!(fields.len(), 2);
        assert_eq!(items("FULL").unwrap().len(), 5);
        for text in
            ["", "()", "X", "BODY[", "BODY[]<1>", "BODY[]<a.b>", "BODY[]x", "FLAGS\r\nA1 NOOP"]
        {
            assert!(items(text).is_err(), "{text:?}");
        }
        let faults = [
            ("(UID FLOGS)", 5, "unknown FETCH item 'FLOGS' at offset 5"),
            ("  FLAGS  BODY[1..2]  UID", 9, "unknown FETCH item 'BODY[1..2]' at offset 9"),
            ("FLAGS\r\nA1 NOOP", 0, "unknown FETCH item 'FLAGS\\r\\nA1' at offset 0"),
            ("( )", 3, "unexpected end at offset 3"),
        ];
        for (text, at, shown) in faults {
            let error = items(text).unwrap_err();
            assert_eq!(error.at(), at, "{text:?}");
            let expected = "expected a list such as (UID FLAGS BODY.PEEK[HEADER])";
            assert_eq!(alloc::format!("{error}"), alloc::format!("{shown}, {expected}"));
        }
    }
}
