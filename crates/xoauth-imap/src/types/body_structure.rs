//! Body structures.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use super::octets::few;
use super::{Envelope, Octets};
use crate::parse::{BodyStructureRef, ParametersRef, PartRef};

/// The MIME structure of a message as the server parsed it, RFC 9051 7.5.2.
///
/// All parts stand in one vector, a part before those inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyStructure {
    parts: Vec<BodyPart>,
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyPart {
    /// Its number as FETCH takes it (RFC 9051, 6.4.5.1), `[1, 2]` for `1.2`. It is empty for a message
    /// of several parts itself; the parts of a message inside a message count below its number.
    pub number: Vec<u32>,
    /// Index of the part this one stands in; `None` for the message itself.
    pub parent: Option<usize>,
    /// The media type: `TEXT`, `MULTIPART`.
    pub media_type: Octets,
    /// The media subtype: `PLAIN`.
    pub subtype: Octets,
    /// Parameters such as `charset` and their values.
    pub parameters: Vec<(Octets, Option<Octets>)>,
    /// The Content-ID field.
    pub id: Option<Octets>,
    /// The Content-Description field.
    pub description: Option<Octets>,
    /// The transfer encoding; `None` where the server does not know it, and for a multipart.
    pub encoding: Option<Octets>,
    /// Octets as they are encoded; `None` where the server does not know, and for a multipart.
    pub size: Option<u64>,
    /// Lines, of texts and messages.
    pub lines: Option<u64>,
    /// The envelope of the message that this part holds.
    pub envelope: Option<Box<Envelope>>,
    /// The Content-MD5 field.
    pub md5: Option<Octets>,
    /// The Content-Disposition field.
    pub disposition: Option<Disposition>,
    /// The Content-Language field.
    pub languages: Vec<Octets>,
    /// The Content-Location field.
    pub location: Option<Octets>,
}

/// How a part wants to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disposition {
    /// `attachment`, `inline`.
    pub kind: Octets,
    /// Parameters such as `filename` and their values.
    pub parameters: Vec<(Octets, Option<Octets>)>,
}

impl BodyStructure {
    /// The parts, each before those inside it; the first is the message itself.
    pub fn parts(&self) -> &[BodyPart] {
        &self.parts
    }
}

impl BodyPart {
    /// The number as text: `1.2`.
    pub fn number_text(&self) -> String {
        let mut text = String::new();
        for (index, number) in self.number.iter().enumerate() {
            // Writing to a `String` does not fail.
            let _ = write!(text, "{}{number}", if index > 0 { "." } else { "" });
        }
        text
    }

    /// The part has this type and subtype; upper and lower case mean the same.
    pub fn is(&self, media_type: &str, subtype: &str) -> bool {
        self.media_type.eq_ignore_ascii_case(media_type.as_bytes())
            && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    /// The value of a parameter; upper and lower case of its name mean the same.
    pub fn parameter(&self, name: &str) -> Option<&Octets> {
        value_of(&self.parameters, name)
    }

    /// The name of the file in this part, from its disposition or its type.
    pub fn file_name(&self) -> Option<&Octets> {
        let disposition = self.disposition.as_ref();
        let name =
            disposition.and_then(|disposition| value_of(&disposition.parameters, "filename"));
        name.or_else(|| self.parameter("name"))
    }
}

fn value_of<'a>(parameters: &'a [(Octets, Option<Octets>)], name: &str) -> Option<&'a Octets> {
    let found = parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
    found.and_then(|(_, value)| value.as_ref())
}

impl From<&BodyStructureRef<'_>> for BodyStructure {
    fn from(structure: &BodyStructureRef<'_>) -> Self {
        let mut parts: Vec<BodyPart> = Vec::with_capacity(structure.parts().len());
        for part in structure.parts() {
            let parent = part
                .parent
                .and_then(|index| Some((parts.get(index)?, structure.parts().get(index)?)));
            let number = number(part, parent);
            parts.push(owned(part, number));
        }
        Self { parts }
    }
}

/// RFC 9051, 6.4.5.1: a message of one part is part 1; a multipart that is the content of a message has
/// no number of its own beside the message's.
fn number(part: &PartRef<'_>, parent: Option<(&BodyPart, &PartRef<'_>)>) -> Vec<u32> {
    let Some((above, above_ref)) = parent else {
        return if part.is_multipart() { Vec::new() } else { Vec::from([1]) };
    };
    let mut number = above.number.clone();
    if above_ref.is_multipart() || !part.is_multipart() {
        number.push(part.ordinal);
    }
    number
}

fn owned(part: &PartRef<'_>, number: Vec<u32>) -> BodyPart {
    let disposition = part.disposition.as_ref().map(|disposition| Disposition {
        kind: disposition.kind.octets(),
        parameters: pairs(&disposition.parameters),
    });
    BodyPart {
        number,
        parent: part.parent,
        media_type: part.media_type.octets(),
        subtype: part.subtype.octets(),
        parameters: pairs(&part.parameters),
        id: part.id.to_octets(),
        description: part.description.to_octets(),
        encoding: part.encoding.to_octets(),
        size: part.size,
        lines: part.lines,
        envelope: part.envelope.as_deref().map(|envelope| Box::new(Envelope::from(envelope))),
        md5: part.md5.to_octets(),
        disposition,
        languages: few(part.languages.clone().filter_map(|language| language.to_octets())),
        location: part.location.to_octets(),
    }
}

fn pairs(parameters: &ParametersRef<'_>) -> Vec<(Octets, Option<Octets>)> {
    few(parameters.clone().map(|(name, value)| (name.octets(), value.to_octets())))
}
