//! Domains and address literals, as EHLO and addresses name hosts.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::error::Fault;

/// What a domain is made of, for messages.
const DOMAIN: &str = "a domain of letters, digits, '-' and '.'";

/// What an address literal is, for messages.
const LITERAL: &str = "an address in brackets, as in [192.0.2.1] or [IPv6:2001:db8::1]";

/// RFC 1035 3.1, RFC 5321 4.5.3.1.2
const LONGEST_DOMAIN: usize = 255;

/// RFC 1035 2.3.4. It is about what DNS gets; a label beyond ASCII is no shorter there than it has characters (RFC 5890 4.2).
const LONGEST_LABEL: usize = 63;

/// Whether labels may hold letters beyond ASCII (RFC 6531 3.3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Labels {
    Ascii,
    Utf8,
}

/// `Domain / address-literal`, with offsets that count from `start`.
///
/// RFC 5321 4.1.2
pub(crate) fn check_domain(text: &str, start: usize, labels: Labels) -> Result<(), Fault> {
    if let Some(behind) = text.strip_prefix('[') {
        return check_literal(behind, start + 1);
    }
    if text.len() > LONGEST_DOMAIN {
        return Err(Fault::too_long(start + LONGEST_DOMAIN, "a domain of at most 255 octets"));
    }
    let mut offset = start;
    for label in text.split('.') {
        check_label(label, offset, labels)?;
        offset += label.len() + 1;
    }
    Ok(())
}

/// `sub-domain = Let-dig [Ldh-str]`, RFC 5321 4.1.2; `U-label`, RFC 6531 3.3.
fn check_label(label: &str, start: usize, labels: Labels) -> Result<(), Fault> {
    let is_letter_or_digit =
        |c: char| c.is_ascii_alphanumeric() || labels == Labels::Utf8 && is_utf8_letter(c);
    if let Some((at, found)) =
        label.char_indices().find(|&(_, c)| c != '-' && !is_letter_or_digit(c))
    {
        return Err(Fault::at(start + at, found, DOMAIN));
    }
    if label.is_empty() {
        return Err(Fault::end(start, "a domain without empty labels"));
    }
    if let Some((at, _)) = label.char_indices().nth(LONGEST_LABEL) {
        return Err(Fault::too_long(start + at, "labels of at most 63 characters"));
    }
    let hyphen = |at| Err(Fault::at(start + at, '-', "a letter or digit at both ends of a label"));
    match (label.starts_with('-'), label.ends_with('-')) {
        (true, _) => hyphen(0),
        (_, true) => hyphen(label.len() - 1),
        (false, false) => Ok(()),
    }
}

/// A character beyond ASCII that no reader could take for syntax: no control character, and none that
/// looks like a space.
pub(crate) fn is_utf8_letter(c: char) -> bool {
    !c.is_ascii() && !c.is_control() && !c.is_whitespace()
}

/// The rest of an `address-literal` behind its bracket.
///
/// RFC 5321 4.1.3
fn check_literal(behind: &str, start: usize) -> Result<(), Fault> {
    let Some(inside) = behind.strip_suffix(']') else {
        return Err(Fault::end(start + behind.len(), "a closing ']'"));
    };
    // `dcontent`, which the known forms are narrower than.
    let is_dcontent = |c: char| c.is_ascii_graphic() && !matches!(c, '[' | '\\' | ']' | '<' | '>');
    if let Some((at, found)) = inside.char_indices().find(|&(_, c)| !is_dcontent(c)) {
        return Err(Fault::at(start + at, found, LITERAL));
    }
    let valid = match inside.split_once(':') {
        None => inside.parse::<Ipv4Addr>().is_ok(),
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6") => {
            address.parse::<Ipv6Addr>().is_ok()
        }
        // `General-address-literal = Standardized-tag ":" 1*dcontent`; no other tag is registered.
        Some(_) => false,
    };
    if valid { Ok(()) } else { Err(Fault::end(start, LITERAL)) }
}
