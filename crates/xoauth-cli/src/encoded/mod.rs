//! Header fields in ASCII, for servers without SMTPUTF8: encoded words (RFC 2047) and parameters (RFC 2231) where letters
//! beyond it stand.

mod parameters;
mod structured;
mod words;

use self::words::Words;

/// The header section with the fields encoded that need it, the others as they are; `None` where letters beyond ASCII stand in
/// something that neither can be part of, like an address (RFC 2047 5).
pub(crate) fn to_ascii(header: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::with_capacity(header.len() + header.len() / 2);
    for field in fields(header) {
        if field.is_ascii() {
            whole.extend_from_slice(field);
        } else {
            whole.extend_from_slice(encoded(field)?.as_bytes());
        }
    }
    Some(whole)
}

/// One field, its line end included.
fn encoded(field: &[u8]) -> Option<String> {
    let colon = memchr::memchr(b':', field)?;
    let (name, value) = field.split_at_checked(colon + 1)?;
    let name = std::str::from_utf8(name).ok().filter(|name| name.is_ascii())?;
    // Unfolding takes the line ends out and leaves what follows them (RFC 5322 2.2.3).
    let line_end = |octet: &u8| matches!(octet, b'\r' | b'\n');
    let value: Vec<u8> = value.iter().copied().filter(|octet| !line_end(octet)).collect();
    let (value, charset) = match String::from_utf8(value) {
        Ok(text) => (text, "utf-8"),
        // Octets as they are; nobody said of what (RFC 1428 3).
        Err(other) => {
            (other.as_bytes().iter().map(|&octet| char::from(octet)).collect(), "unknown-8bit")
        }
    };
    let words = match Kind::of(name.trim_end_matches(':').trim_end()) {
        Kind::Text => Words::of_text(&value),
        Kind::Phrases => structured::with_phrases(&value)?,
        Kind::Parameters => parameters::with_parameters(&value, charset)?,
        Kind::Other => structured::with_comments(&value)?,
    };
    Some(words.folded(name, charset))
}

/// What the value of a field is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Text without a structure.
    Text,
    /// Names in front of addresses, or nothing but names.
    Phrases,
    /// Parameters behind something.
    Parameters,
    /// A structure that has no room for encoded words outside comments.
    Other,
}

impl Kind {
    fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match name.strip_prefix("resent-").unwrap_or(&name) {
            "from"
            | "sender"
            | "to"
            | "cc"
            | "bcc"
            | "reply-to"
            | "keywords"
            | "list-id"
            | "errors-to"
            | "mail-followup-to"
            | "mail-reply-to"
            | "disposition-notification-to" => Self::Phrases,
            "content-description" => Self::Text,
            "content-type" | "content-disposition" => Self::Parameters,
            "date"
            | "message-id"
            | "in-reply-to"
            | "references"
            | "received"
            | "return-path"
            | "mime-version"
            | "dkim-signature"
            | "authentication-results"
            | "received-spf" => Self::Other,
            one if ["content-", "arc-", "list-"].iter().any(|with| one.starts_with(with)) => {
                Self::Other
            }
            _ => Self::Text,
        }
    }
}

/// The fields of a section with CRLF line ends, each with its continuation lines.
fn fields(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = header;
    std::iter::from_fn(move || {
        let goes_on = |&end: &usize| matches!(rest.get(end + 1), Some(b' ' | b'\t'));
        let end = memchr::memchr_iter(b'\n', rest).find(|end| !goes_on(end));
        let (field, behind) = rest.split_at_checked(end.map_or(rest.len(), |end| end + 1))?;
        rest = behind;
        Some(field).filter(|field| !field.is_empty())
    })
}

#[cfg(test)]
mod tests;
