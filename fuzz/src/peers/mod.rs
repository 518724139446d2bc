//! What other parsers understand of the same response: where two take it, whole and without a fault, they take it for
//! the same.
//!
//! [`said`] has the words that all have in common; [`ours`], [`proto`] and [`codec`] put into them what each
//! understands. Where a peer differs for a reason, the reason stands here, and what is left out for it is no more than
//! that.

mod codec;
mod ours;
mod proto;
mod said;
#[cfg(test)]
mod tests;

use imap_codec::decode::Decoder;
use imap_codec::{GreetingCodec, ResponseCodec};
use imap_proto::Response as ProtoResponse;
use xoauth::imap::parse::{Input, Tolerated, parse_response};

use said::{Code, Said, Status};

/// Where two parsers take a response, whole and without a fault, they take it for the same.
pub fn imap_peers(octets: &[u8]) {
    compared(octets);
}

/// We refuse what both peers take, whole: perhaps a response that is right.
#[cfg(test)]
fn is_refused_alone(octets: &[u8]) -> bool {
    let input = Input { bytes: octets, literals: &[] };
    parse_response(input, &mut Tolerated::default()).is_err()
        && matches!(ResponseCodec::default().decode(octets), Ok((b"", _)))
        && matches!(ProtoResponse::parse(octets), Ok((b"", _)))
}

/// With which peers it was compared: imap-proto, imap-codec.
fn compared(octets: &[u8]) -> [bool; 2] {
    let mut tolerated = Tolerated::default();
    let input = Input { bytes: octets, literals: &[] };
    let Ok(response) = parse_response(input, &mut tolerated) else { return [false; 2] };
    if tolerated.count() > 0 {
        return [false; 2];
    }
    let Some(ours) = ours::said(&response) else { return [false; 2] };
    // What is beyond ASCII is octets to all in a message and in its header; in names and texts it is replaced by one and
    // kept by another.
    if !octets.is_ascii() && !ours.keeps_octets() {
        return [false; 2];
    }
    let show = octets.escape_ascii();
    let codec = match ResponseCodec::default().decode(octets) {
        Ok((b"", response)) => codec::said(&response),
        // PREAUTH stands in greetings alone.
        _ => match GreetingCodec::default().decode(octets) {
            Ok((b"", greeting)) => codec::greeting(&greeting),
            _ => None,
        },
    };
    if let Some(theirs) = &codec {
        assert!(agrees_with_codec(&ours, theirs), "imap-codec: {show}\n{ours:?}\n{theirs:?}");
    }
    // There it panics; `date-time` is never NIL (RFC 9051 9).
    if octets.windows(16).any(|octets| octets.eq_ignore_ascii_case(b"INTERNALDATE NIL")) {
        return [false, codec.is_some()];
    }
    // Nothing between two spaces is no required right (RFC 4314 7, `[rights]`); there they are one space.
    let lacks_required =
        matches!(&ours, Said::RightsChoice { required, .. } if required.is_empty());
    if lacks_required && octets.windows(2).any(|pair| pair == b"  ") {
        return [false, codec.is_some()];
    }
    let proto = match ProtoResponse::parse(octets) {
        Ok((b"", response)) => proto::Proto(octets).said(&response),
        _ => None,
    };
    if let Some(theirs) = &proto {
        let mut ours = proto::narrowed(ours);
        take_for_languages(&mut ours, theirs);
        assert!(agrees_with_proto(&ours, theirs), "imap-proto: {show}\n{ours:?}\n{theirs:?}");
    }
    [proto.is_some(), codec.is_some()]
}

impl Said {
    /// All of it that may be beyond ASCII is kept as octets by all.
    fn keeps_octets(&self) -> bool {
        match self {
            Self::Fetch(fetch) => fetch.structure.is_none() && fetch.labels.is_none(),
            _ => false,
        }
    }
}

fn agrees_with_codec(ours: &Said, theirs: &Said) -> bool {
    match (ours, theirs) {
        (Said::Status(ours), Said::Status(theirs)) => {
            (&ours.tag, ours.kind) == (&theirs.tag, theirs.kind)
                && state_agrees_with_codec(ours, theirs)
        }
        (Said::Capability(ours), Said::Capability(theirs)) => codec::same_names(ours, theirs),
        _ => ours == theirs,
    }
}

fn state_agrees_with_codec(ours: &Status, theirs: &Status) -> bool {
    let Some(code) = &ours.code else { return ours == theirs };
    let same = match (code, &theirs.code) {
        // A code that is not known ends at the first bracket there, and here at the first that is not quoted: BADCHARSET,
        // INPROGRESS and others have strings for arguments (RFC 9051 9, RFC 9585 6).
        (_, Some(Code::Raw(name, rest)))
            if ends_within_quotes(&[name.as_bytes(), b" ", rest].concat()) =>
        {
            return code.name().split('"').next() == name.split('"').next();
        }
        (Code::Raw(known, told), Some(Code::Raw(name, rest))) => known == name && told == rest,
        (Code::Plain(known), Some(Code::Raw(name, rest))) => known == name && rest.is_empty(),
        (known, Some(Code::Raw(name, _))) => known.name() == name,
        (Code::Capability(ours), Some(Code::Capability(theirs))) => codec::same_names(ours, theirs),
        (known, told) => Some(known) == told.as_ref(),
    };
    // A text that is missing behind a code is "..." there; it may be empty (RFC 9051 9, `resp-text`).
    same && (ours.text == theirs.text || ours.text.is_empty() && theirs.text == "...")
}

fn agrees_with_proto(ours: &Said, theirs: &Said) -> bool {
    match (ours, theirs) {
        (Said::Status(ours), Said::Status(theirs)) => {
            (&ours.tag, ours.kind) == (&theirs.tag, theirs.kind)
                && state_agrees_with_proto(ours, theirs)
        }
        _ => ours == theirs,
    }
}

fn state_agrees_with_proto(ours: &Status, theirs: &Status) -> bool {
    match (&ours.code, &theirs.code) {
        // A code that it does not know is text.
        (Some(_), None) => theirs.text.starts_with(b"["),
        // Charsets may be literals there, or have brackets in them, so that the code goes on; `charset = atom / quoted`
        // (RFC 9051 9).
        (Some(Code::Raw(name, rest)), Some(Code::BadCharset(list))) => {
            let goes_on = list.iter().any(|charset| charset.contains(&b']'));
            name == "BADCHARSET" && (goes_on || rest.contains(&b'{'))
        }
        (Some(known), Some(told)) if known == told => {
            // The octet behind the bracket is left out, whether it is the space of `resp-text` (RFC 9051 9) or not.
            ours.text == theirs.text || ours.text.get(1..) == Some(&theirs.text)
        }
        _ => ours.code == theirs.code && ours.text == theirs.text,
    }
}

/// Any field behind the size may be left out there, so that a disposition without its parameters is a list of
/// languages, `(NIL)` an extension, and what stands behind it no location. The fields have their order (RFC 9051 9,
/// `body-ext-1part`); the parameters may be missing here.
fn take_for_languages(ours: &mut Said, theirs: &Said) {
    let (Said::Fetch(ours), Said::Fetch(theirs)) = (ours, theirs) else { return };
    let (Some(ours), Some(theirs)) = (&mut ours.structure, &theirs.structure) else { return };
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        let (Some((kind, parameters)), None) = (&ours.disposition, &theirs.disposition) else {
            continue;
        };
        let languages = theirs.languages == [kind.clone()];
        if parameters.is_empty() && (languages || kind.is_empty() && theirs.languages.is_empty()) {
            ours.disposition = None;
            ours.languages.clone_from(&theirs.languages);
            ours.location.clone_from(&theirs.location);
        }
    }
}

/// The text ends within a string between quotes (RFC 9051 9, `quoted`).
fn ends_within_quotes(text: &[u8]) -> bool {
    let mut is_within = false;
    let mut octets = text.iter();
    while let Some(octet) = octets.next() {
        match octet {
            b'"' => is_within = !is_within,
            b'\\' if is_within => drop(octets.next()),
            _ => {}
        }
    }
    is_within
}
