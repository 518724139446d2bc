//! What of a message's header people see: decoded, on one line.

use mail_parser::MessageParser;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_decoded_and_nothing_steers_the_terminal() {
        assert_eq!(decoded("=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_Wien?="), "Grüße aus Wien");
        assert_eq!(decoded("plain"), "plain");
        assert_eq!(decoded("a\x1b[2Jb"), "a\\x1b[2Jb");
        assert_eq!(decoded("=?utf-8?q?a=1B=5B2Jb?="), "a\\x1b[2Jb");
    }
}
