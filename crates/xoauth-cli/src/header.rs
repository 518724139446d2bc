//! What of a message's header people see: decoded, on one line.

use mail_parser::{Address, MessageParser};
use xoauth::imap::{DateTime, Envelope};

use crate::output::one_line;

/// The subject of an envelope, its encoded words decoded (RFC 2047).
pub(crate) fn subject(envelope: &Envelope) -> String {
    let raw =
        envelope.subject.as_ref().map(|subject| subject.lossy().into_owned()).unwrap_or_default();
    decoded(&raw)
}

/// The first author: name, or else address.
pub(crate) fn author(envelope: &Envelope) -> String {
    let Some(author) = envelope.from.first() else { return String::new() };
    match &author.name {
        Some(name) => decoded(&name.lossy()),
        None => one_line(&author.email().unwrap_or_default()),
    }
}

fn decoded(raw: &str) -> String {
    let field: String = raw.chars().map(|c| if c == '\r' || c == '\n' { ' ' } else { c }).collect();
    let header = format!("Subject: {field}\r\n\r\n");
    let message = MessageParser::default().parse(header.as_bytes());
    let subject = message.as_ref().and_then(|message| message.subject());
    one_line(subject.unwrap_or(&field))
}

/// A date in the time zone of the reader.
pub(crate) fn local(date: Option<DateTime>) -> String {
    let timestamp = date.and_then(|date| jiff::Timestamp::from_second(date.unix_seconds()).ok());
    let local = timestamp.map(|time| time.to_zoned_datetime(jiff::tz::TimeZone::system()));
    local.map(|time| time.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
}

/// The addresses in the fields of a header: To, Cc and Bcc.
pub(crate) fn recipients(header: &[u8]) -> Vec<String> {
    let Some(message) = MessageParser::default().parse(header) else { return Vec::new() };
    [message.to(), message.cc(), message.bcc()].into_iter().flatten().flat_map(addresses).collect()
}

/// The first address of From.
pub(crate) fn from(header: &[u8]) -> Option<String> {
    let message = MessageParser::default().parse(header)?;
    addresses(message.from()?).into_iter().next()
}

fn addresses(field: &Address<'_>) -> Vec<String> {
    field.iter().filter_map(|address| address.address()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_decoded_and_nothing_steers_the_terminal() {
        assert_eq!(decoded("=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_Wien?="), "Grüße aus Wien");
        assert_eq!(decoded("plain"), "plain");
        assert_eq!(decoded("a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(decoded("=?utf-8?q?a=1B=5B2Jb?="), "a\\u{1b}[2Jb");
    }

    #[test]
    fn recipients_are_found_in_all_fields_and_groups() {
        let header = b"To: Ann <ann@example.org>, team: ben@example.org, cleo@example.org;\r\n\
            Cc: \"Last, First\" <dan@example.org>\r\nBcc: eve@example.org\r\n\r\n";
        let expected =
            ["ann", "ben", "cleo", "dan", "eve"].map(|name| format!("{name}@example.org"));
        assert_eq!(recipients(header), expected);
    }
}
