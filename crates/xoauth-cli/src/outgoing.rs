//! A message on its way out: read from a pipe, checked, completed.

use jiff::ZonedDateTime;
use xoauth::sasl::Nonce;

use crate::Result;
use crate::failure::{Exit, Failure};

/// A message with CRLF line ends.
#[derive(Debug)]
pub(crate) struct Outgoing {
    octets: Vec<u8>,
    /// Where the empty line behind the header begins, or the end.
    header_end: usize,
}

/// The fields that a message must have (RFC 5322 3.6), of those that can be made up.
const MADE: [&str; 2] = ["Date", "Message-ID"];

impl Outgoing {
    /// Takes what came from a pipe: line ends become CRLF; a CR that is no line end, or a NUL, is refused.
    pub(crate) fn read(octets: Vec<u8>) -> Result<Self> {
        if octets.is_empty() {
            return Err(Failure::new(Exit::NoInput, "send", "no message on standard input"));
        }
        let mut mended = Vec::with_capacity(octets.len() + octets.len() / 32 + 2);
        let mut line = 1_u64;
        let mut rest = octets.iter().peekable();
        while let Some(&octet) = rest.next() {
            match octet {
                b'\r' if rest.peek() == Some(&&b'\n') => {}
                b'\r' | 0 => {
                    let what = if octet == 0 { "a NUL" } else { "a CR without LF" };
                    return Err(Failure::data(format!("the message has {what} on line {line}")));
                }
                b'\n' => {
                    mended.extend_from_slice(b"\r\n");
                    line += 1;
                }
                octet => mended.push(octet),
            }
        }
        if !mended.ends_with(b"\r\n") {
            mended.extend_from_slice(b"\r\n");
        }
        let header_end = header_end(&mended);
        let outgoing = Self { octets: mended, header_end };
        if outgoing.fields().next().is_none() {
            return Err(Failure::data("the message has no header"));
        }
        Ok(outgoing)
    }

    /// The header with its last line end.
    pub(crate) fn header(&self) -> &[u8] {
        self.octets.get(..self.header_end).unwrap_or_default()
    }

    /// The message as it is sent.
    pub(crate) fn complete(self, sender: &str, keep_bcc: bool) -> Result<Vec<u8>> {
        let names: Vec<String> = self.fields().map(|(name, _)| name).collect();
        let has = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
        let mut whole = Vec::with_capacity(self.octets.len() + 200);
        for name in MADE.into_iter().filter(|name| !has(name)) {
            whole.extend_from_slice(made(name, sender)?.as_bytes());
        }
        for (name, field) in self.fields() {
            let is_bcc = ["Bcc", "Resent-Bcc"].iter().any(|bcc| name.eq_ignore_ascii_case(bcc));
            if keep_bcc || !is_bcc {
                whole.extend_from_slice(field);
            }
        }
        whole.extend_from_slice(self.octets.get(self.header_end..).unwrap_or_default());
        Ok(whole)
    }

    /// The fields of the header: name, and all octets with continuation lines.
    fn fields(&self) -> impl Iterator<Item = (String, &[u8])> {
        let mut rest = self.header();
        std::iter::from_fn(move || {
            let mut end = 0;
            loop {
                let line = rest.get(end..)?;
                let length = line.windows(2).position(|pair| pair == b"\r\n")? + 2;
                end += length;
                let continues = rest.get(end).is_some_and(|octet| matches!(octet, b' ' | b'\t'));
                if !continues {
                    break;
                }
            }
            let (field, behind) = rest.split_at_checked(end)?;
            rest = behind;
            let colon = field.iter().position(|&octet| octet == b':')?;
            let name = String::from_utf8_lossy(field.get(..colon)?).trim_end().to_owned();
            Some((name, field))
        })
    }
}

fn header_end(octets: &[u8]) -> usize {
    if octets.starts_with(b"\r\n") {
        return 0;
    }
    let blank = octets.windows(4).position(|window| window == b"\r\n\r\n");
    blank.map_or(octets.len(), |at| at + 2)
}

fn made(name: &str, sender: &str) -> Result<String> {
    let internal = |why: String| Failure::new(Exit::Internal, "send", why);
    if name == "Date" {
        let now = jiff::fmt::rfc2822::to_string(&ZonedDateTime::now());
        return Ok(format!("Date: {}\r\n", now.map_err(|error| internal(error.to_string()))?));
    }
    let nonce = Nonce::random().map_err(|error| internal(error.to_string()))?;
    let domain =
        sender.rsplit('@').next().filter(|domain| !domain.is_empty()).unwrap_or("localhost");
    let domain = domain.trim_matches(['<', '>']);
    let domain = if domain.is_empty() { "localhost" } else { domain };
    Ok(format!("Message-ID: <{}@{domain}>\r\n", nonce.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(text: &str) -> String {
        let outgoing = Outgoing::read(text.as_bytes().to_vec()).unwrap();
        String::from_utf8(outgoing.complete("ann@example.org", false).unwrap()).unwrap()
    }

    #[test]
    fn bcc_goes_and_what_is_missing_comes() {
        let text = "Subject: x\nBcc: eve@example.org,\n mallory@example.org\nDate: d\n\n.\nbody";
        let whole = complete(text);
        let (first, rest) = whole.split_once("\r\n").unwrap();
        assert!(first.starts_with("Message-ID: <") && first.ends_with("@example.org>"), "{first}");
        assert_eq!(rest, "Subject: x\r\nDate: d\r\n\r\n.\r\nbody\r\n");
        assert!(complete("Subject: x\n\ny\n").starts_with("Date: "));
        let kept = "date: d\r\nmessage-id: <m>\r\n\r\nBcc: in the body\r\n";
        assert_eq!(complete(kept), kept);
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for (text, exit) in [
            ("", Exit::NoInput),
            ("a: b\rc\n\n", Exit::Data),
            ("a: b\n\n\0", Exit::Data),
            ("\nbody", Exit::Data),
        ] {
            assert_eq!(
                Outgoing::read(text.as_bytes().to_vec()).map(drop).unwrap_err().exit,
                exit,
                "{text:?}"
            );
        }
    }
}
