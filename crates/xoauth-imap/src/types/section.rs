//! Sections of a message.

use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

use xoauth_sasl::wire::{ArgumentFault, InvalidArgument};

use super::ArgumentSink;
use crate::parse::Cursor;

/// `section-spec`, RFC 9051 6.4.5 and 9: which part of a message FETCH reads.
///
/// Converts from text as it stands between the brackets: `"1.2.MIME".parse()`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Section {
    /// The whole message: `BODY[]`.
    Full,
    /// `HEADER`: its header.
    Header,
    /// `HEADER.FIELDS`: these fields of its header. An answer whose section is longer than 64 KiB is not understood.
    HeaderFields(Vec<String>),
    /// `HEADER.FIELDS.NOT`: all fields of its header but these.
    HeaderFieldsNot(Vec<String>),
    /// `TEXT`: all behind its header.
    Text,
    /// One of its body parts, by its number: `[1, 2]` is `1.2`.
    Part(Vec<u32>, PartText),
}

/// What of a body part is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartText {
    /// Its content, as it is encoded.
    Content,
    /// `MIME`: its MIME header.
    Mime,
    /// `HEADER`: the header of the message it holds.
    Header,
    /// `HEADER.FIELDS`: these fields of that header.
    HeaderFields(Vec<String>),
    /// `HEADER.FIELDS.NOT`: all fields of that header but these.
    HeaderFieldsNot(Vec<String>),
    /// `TEXT`: all behind that header.
    Text,
}

impl Section {
    /// The content of the part with this number.
    pub fn part(number: impl Into<Vec<u32>>) -> Self {
        Self::Part(number.into(), PartText::Content)
    }

    /// Writes the section as it stands between the brackets.
    ///
    /// # Errors
    /// A part number that is empty or holds 0, or a list without header fields.
    pub fn encode(&self, out: &mut dyn ArgumentSink) -> Result<(), InvalidArgument> {
        match self {
            Self::Full => {}
            Self::Header => out.raw("HEADER"),
            Self::HeaderFields(names) => encode_fields("HEADER.FIELDS", names, out)?,
            Self::HeaderFieldsNot(names) => encode_fields("HEADER.FIELDS.NOT", names, out)?,
            Self::Text => out.raw("TEXT"),
            Self::Part(number, text) => {
                check_part(number)?;
                for (index, number) in number.iter().enumerate() {
                    let dot = if index > 0 { "." } else { "" };
                    out.raw(&alloc::format!("{dot}{number}"));
                }
                text.encode(out)?;
            }
        }
        Ok(())
    }

    /// Reads a section as it stands between the brackets.
    pub(crate) fn parse(octets: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::of(octets);
        let mut number = Vec::new();
        while cursor.peek().is_some_and(|octet| octet.is_ascii_digit()) {
            number.push(cursor.number32().ok().filter(|&number| number > 0)?);
            if !cursor.eat(b'.') {
                return cursor.is_empty().then_some(Self::Part(number, PartText::Content));
            }
        }
        let word = cursor.take_while(|octet| octet != b' ').to_ascii_uppercase();
        let text = match &*word {
            b"" if octets.is_empty() => return Some(Self::Full),
            b"HEADER" => PartText::Header,
            b"HEADER.FIELDS" => PartText::HeaderFields(parse_fields(&mut cursor)?),
            b"HEADER.FIELDS.NOT" => PartText::HeaderFieldsNot(parse_fields(&mut cursor)?),
            b"TEXT" => PartText::Text,
            b"MIME" => PartText::Mime,
            _ => return None,
        };
        if !cursor.is_empty() {
            return None;
        }
        if !number.is_empty() {
            return Some(Self::Part(number, text));
        }
        Some(match text {
            PartText::Header => Self::Header,
            PartText::HeaderFields(names) => Self::HeaderFields(names),
            PartText::HeaderFieldsNot(names) => Self::HeaderFieldsNot(names),
            PartText::Text => Self::Text,
            PartText::Content | PartText::Mime => return None,
        })
    }
}

impl PartText {
    fn encode(&self, out: &mut dyn ArgumentSink) -> Result<(), InvalidArgument> {
        match self {
            Self::Content => {}
            Self::Mime => out.raw(".MIME"),
            Self::Header => out.raw(".HEADER"),
            Self::HeaderFields(names) => encode_fields(".HEADER.FIELDS", names, out)?,
            Self::HeaderFieldsNot(names) => encode_fields(".HEADER.FIELDS.NOT", names, out)?,
            Self::Text => out.raw(".TEXT"),
        }
        Ok(())
    }
}

/// `SP header-list`.
fn encode_fields(
    word: &str,
    names: &[String],
    out: &mut dyn ArgumentSink,
) -> Result<(), InvalidArgument> {
    if names.is_empty() {
        return Err(unfit("", "one header field at least"));
    }
    out.raw(word);
    for (index, name) in names.iter().enumerate() {
        check_field_name(name)?;
        out.raw(if index > 0 { " " } else { " (" });
        out.astring(name.as_bytes());
    }
    out.raw(")");
    Ok(())
}

/// The numbers of a part, which count from 1.
fn check_part(number: &[u32]) -> Result<(), InvalidArgument> {
    if number.is_empty() || number.contains(&0) {
        let text = alloc::format!("{number:?}");
        return Err(unfit(&text, "numbers of parts, which count from 1"));
    }
    Ok(())
}

fn unfit(text: &str, expected: &'static str) -> InvalidArgument {
    InvalidArgument::new("section", text, ArgumentFault::unfit(expected))
}

/// `field-name = 1*ftext`, RFC 5322 3.6.8: printable ASCII without the colon.
pub(super) fn check_field_name(name: &str) -> Result<(), InvalidArgument> {
    let expected = "printable ASCII without a colon";
    let odd = name.char_indices().find(|(_, c)| !c.is_ascii_graphic() || *c == ':');
    let fault = match odd {
        Some((at, c)) => ArgumentFault::at(at, c, expected),
        None if name.is_empty() => ArgumentFault::end(0, expected),
        None => return Ok(()),
    };
    Err(InvalidArgument::new("name of a header field", name, fault))
}

/// `SP header-list = SP "(" header-fld-name *(SP header-fld-name) ")"`.
fn parse_fields(cursor: &mut Cursor<'_>) -> Option<Vec<String>> {
    if !cursor.eat(b' ') || !cursor.eat(b'(') {
        return None;
    }
    let mut names = Vec::new();
    loop {
        while cursor.eat(b' ') {}
        if cursor.eat(b')') {
            return Some(names);
        }
        let name = cursor.astring().ok()?;
        names.push(String::from_utf8_lossy(&name.cow()).into_owned());
    }
}

impl FromStr for Section {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        let unknown = || unfit(text, "one such as HEADER, TEXT or 1.2.MIME");
        Self::parse(text.as_bytes()).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::argument::tests::Written;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn encoded(section: &Section) -> Result<String, InvalidArgument> {
        let mut out = Written::default();
        section.encode(&mut out)?;
        Ok(out.0.replace(['<', '>'], ""))
    }

    #[test]
    fn sections_are_read_and_written() {
        // RFC 9051, 6.4.5.1.
        for text in [
            "",
            "HEADER",
            "TEXT",
            "HEADER.FIELDS (DATE FROM)",
            "HEADER.FIELDS.NOT (To)",
            "1",
            "1.MIME",
            "3.HEADER",
            "3.TEXT",
            "4.1.MIME",
            "4.2.HEADER",
            "4.2.2.1",
            "1.2.HEADER.FIELDS (Received)",
            "4294967295",
        ] {
            let section: Section = text.parse().unwrap();
            assert_eq!(encoded(&section), Ok(text.into()));
            assert!(text.to_lowercase().parse::<Section>().is_ok(), "{text}");
        }
        for text in [
            "MIME",
            "0",
            "1..2",
            "1.",
            "1.0",
            "HEADERS",
            "HEADER.FIELDS",
            "HEADER x",
            "TEXT.1",
            "1 ",
            "(",
            "1.x",
        ] {
            assert!(text.parse::<Section>().is_err(), "{text}");
        }
        assert_eq!(
            "x".parse::<Section>().unwrap_err().to_string(),
            "invalid section 'x': expected one such as HEADER, TEXT or 1.2.MIME"
        );
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused() {
        for section in [
            Section::part([]),
            Section::part([1, 0]),
            Section::HeaderFields(Vec::new()),
            Section::HeaderFields(Vec::from(["a:b".into()])),
            Section::Part(Vec::from([1]), PartText::HeaderFieldsNot(Vec::from(["a\r\n".into()]))),
        ] {
            assert!(encoded(&section).is_err(), "{section:?}");
        }
    }

    proptest! {
        #[test]
        fn octets_never_panic(octets: Vec<u8>) {
            let _ = Section::parse(&octets);
        }
    }
}
