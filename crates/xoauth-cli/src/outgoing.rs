//! A message on its way out: read from a pipe, checked, completed.

use std::borrow::Cow;
use std::io::Read;

use jiff::ZonedDateTime;
use xoauth::net::FromReader;
use xoauth::sasl::Nonce;
use xoauth::smtp::{Address, Headers, Message};

use crate::Result;
use crate::encoded;
use crate::failure::{Exit, Failure};
use crate::spool::Spool;

/// A message with CRLF line ends: its header section in memory, the rest wherever there is room.
///
/// It is read to its end before anybody is connected to: a pipe may take its time, and the server is told the size.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The header section with its last line end.
    header: Vec<u8>,
    /// The empty line and what follows it.
    body: Spool,
    /// The body holds ASCII alone.
    is_seven_bit: bool,
}

/// The fields that a message must have (RFC 5322 3.6), of those that can be made up.
const MADE: [&str; 2] = ["Date", "Message-ID"];

/// A header section larger than this is refused.
const LONGEST_HEADER: usize = 4 * 1024 * 1024;

impl Outgoing {
    /// Takes what comes from a pipe: line ends become CRLF; a CR that is no line end, or a NUL, is refused.
    pub(crate) fn read(mut source: impl Read) -> Result<Self> {
        let mut outgoing = Self { header: Vec::new(), body: Spool::new(), is_seven_bit: true };
        let mut mending = Mending::default();
        let mut buffer = vec![0; 64 * 1024];
        let mut mended = Vec::with_capacity(buffer.len() + buffer.len() / 8);
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::io("standard input", &error)),
            };
            mending.piece(buffer.get(..count).unwrap_or_default(), &mut mended)?;
            outgoing.push(&mended)?;
            mended.clear();
        }
        if mending.is_untouched() {
            return Err(Failure::new(Exit::NoInput, "send", "no message on standard input"));
        }
        mending.end(&mut mended)?;
        outgoing.push(&mended)?;
        outgoing.strip_envelope();
        if !has_field(&outgoing.header) {
            return Err(Failure::data("the message has no header")
                .hint("it begins with fields, such as `Subject: hello`, and an empty line"));
        }
        Ok(outgoing)
    }

    /// Takes off the line that an mbox has in front of a message, and that is no field of it.
    fn strip_envelope(&mut self) {
        if self.header.starts_with(b"From ") || self.header.starts_with(b">From ") {
            let end = memchr::memchr(b'\n', &self.header).map_or(self.header.len(), |end| end + 1);
            self.header.drain(..end);
        }
    }

    /// Takes octets whose line ends are mended.
    fn push(&mut self, octets: &[u8]) -> Result<()> {
        let mut octets = Cow::Borrowed(octets);
        if self.body.is_empty() {
            // The empty line may come in two pieces.
            let before = self.header.len().saturating_sub(3);
            self.header.extend_from_slice(&octets);
            match header_end(&self.header, before) {
                Some(end) => octets = Cow::Owned(self.header.split_off(end)),
                None if self.header.len() > LONGEST_HEADER => {
                    return Err(Failure::data("the message's header does not end"));
                }
                None => return Ok(()),
            }
        }
        self.is_seven_bit &= octets.is_ascii();
        self.body.write(&octets).map_err(|error| Failure::io("temporary file", &error))
    }

    /// To, Cc and Bcc, or those of the newest resent block, each once.
    pub(crate) fn recipients(&self) -> Result<Vec<Address>> {
        let found = Headers::new(&self.header).recipients();
        found.map_err(|error| Failure::data(format!("the header's recipients: {error}")))
    }

    /// Who sends it by its header.
    pub(crate) fn sender(&self) -> Option<String> {
        Headers::new(&self.header).sender().ok().map(|sender| sender.as_str().to_owned())
    }

    /// The header section as it is sent.
    fn completed(&self, sender: &str, keep_bcc: bool) -> Result<Vec<u8>> {
        let headers = Headers::new(&self.header);
        let mut whole = Vec::with_capacity(self.header.len() + 200);
        for name in MADE.into_iter().filter(|name| !headers.contains(name)) {
            whole.extend_from_slice(made(name, sender)?.as_bytes());
        }
        if keep_bcc {
            whole.extend_from_slice(&self.header);
        } else {
            whole.extend_from_slice(&headers.without_blind_copies());
        }
        Ok(whole)
    }

    /// The message as it is sent, and its size. Header fields beyond ASCII are encoded (RFC 2047) for a server that takes none
    /// as they are, and where they are no UTF-8, which is all that such a server takes (RFC 6532 3).
    pub(crate) fn complete(
        self,
        sender: &str,
        keep_bcc: bool,
        takes_utf8: bool,
    ) -> Result<(Message<'static>, u64)> {
        let mut header = self.completed(sender, keep_bcc)?;
        if !(header.is_ascii() || takes_utf8 && std::str::from_utf8(&header).is_ok()) {
            header = encoded::to_ascii(&header).unwrap_or(header);
        }
        let is_internationalised = !header.is_ascii();
        let is_seven_bit = self.is_seven_bit && !is_internationalised;
        let failed = |error| Failure::io("temporary file", &error);
        let size = self.body.len() + u64::try_from(header.len()).unwrap_or(u64::MAX);
        let body = match self.body.into_memory() {
            Ok(body) => return Ok((Message::new([header, body].concat()), size)),
            Err(file) => file.into_reader().map_err(failed)?,
        };
        let source = std::io::Cursor::new(header).chain(body);
        let mut message = Message::from_source(FromReader(source)).size(size);
        if is_seven_bit {
            message = message.seven_bit();
        }
        if is_internationalised {
            message = message.utf8();
        }
        Ok((message, size))
    }
}

/// Refuses what is no end of a line, by its line, across the pieces that octets come in. Ends that are LF alone are mended
/// as the library mends them, which would take a CR alone for one too.
#[derive(Debug, Default)]
struct Mending {
    /// Line ends so far.
    lines: u64,
    /// The last octet; `None` before the first.
    last: Option<u8>,
}

impl Mending {
    fn is_untouched(&self) -> bool {
        self.last.is_none()
    }

    fn bad(&self, what: &str) -> Failure {
        Failure::data(format!("the message has {what} on line {}", self.lines + 1))
    }

    fn piece(&mut self, octets: &[u8], out: &mut Vec<u8>) -> Result<()> {
        // A CR at the end of a piece was held back until it is known what follows.
        let held: &[u8] = if self.last == Some(b'\r') { b"\r" } else { b"" };
        let whole = match held {
            [] => Cow::Borrowed(octets),
            held => Cow::Owned([held, octets].concat()),
        };
        for at in memchr::memchr3_iter(b'\r', b'\n', 0, &whole) {
            match (whole.get(at), whole.get(at + 1)) {
                (Some(0), _) => return Err(self.bad("a NUL")),
                (Some(b'\n'), _) => self.lines += 1,
                (_, None | Some(b'\n')) => {}
                _ => return Err(self.bad("a CR without LF")),
            }
        }
        self.last = whole.last().copied().or(self.last);
        let now = whole.strip_suffix(b"\r").unwrap_or(&whole);
        out.extend_from_slice(Message::normalised(now).as_bytes().unwrap_or_default());
        Ok(())
    }

    /// Nothing more comes: the last line gets its end.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<()> {
        match self.last {
            Some(b'\n') | None => Ok(()),
            Some(b'\r') => Err(self.bad("a CR without LF")),
            Some(_) => {
                out.extend_from_slice(b"\r\n");
                Ok(())
            }
        }
    }
}

/// Where the empty line begins, looked for from an offset on.
fn header_end(octets: &[u8], from: usize) -> Option<usize> {
    if octets.starts_with(b"\r\n") {
        return Some(0);
    }
    let blank = octets.get(from..)?.windows(4).position(|window| window == b"\r\n\r\n");
    blank.map(|at| from + at + 2)
}

/// Whether the first line is that of a field.
fn has_field(header: &[u8]) -> bool {
    let line = header.split(|&octet| octet == b'\r').next().unwrap_or_default();
    let name = line.iter().position(|&octet| octet == b':').and_then(|colon| line.get(..colon));
    // Blanks behind the name are of old (RFC 5322 4.5), none may be in it.
    let name = name.unwrap_or_default().trim_ascii_end();
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
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

    /// Gives so many octets at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn complete(text: &str, piece: usize) -> Result<String> {
        let outgoing = Outgoing::read(Slow(text.as_bytes(), piece))?;
        let (message, size) = outgoing.complete("ann@example.org", false, true)?;
        let octets = message.as_bytes().unwrap().to_vec();
        assert_eq!(size, octets.len() as u64);
        Ok(String::from_utf8(octets).unwrap())
    }

    #[test]
    fn bcc_goes_and_what_is_missing_comes_however_the_pipe_gives_it() {
        for piece in [1, 2, 3, 5, 1000] {
            let text =
                "Subject: x\nBcc: eve@example.org,\n mallory@example.org\nDate: d\n\n.\nbody";
            let whole = complete(text, piece).unwrap();
            let (first, rest) = whole.split_once("\r\n").unwrap();
            assert!(
                first.starts_with("Message-ID: <") && first.ends_with("@example.org>"),
                "{first}"
            );
            assert_eq!(rest, "Subject: x\r\nDate: d\r\n\r\n.\r\nbody\r\n");
            assert!(complete("Subject: x\n\ny\n", piece).unwrap().starts_with("Date: "));
            let kept = "date: d\r\nmessage-id: <m>\r\n\r\nBcc: in the body\r\n\r\n";
            assert_eq!(complete(kept, piece).unwrap(), kept);
            let no_body = "date: d\nmessage-id: <m>\nsubject: x";
            let expected = format!("{}\r\n", no_body.replace('\n', "\r\n"));
            assert_eq!(complete(no_body, piece).unwrap(), expected);
        }
    }

    #[test]
    fn the_envelope_line_of_an_mbox_is_no_part_of_a_message() {
        for line in ["From ann@example.org Wed Nov 25 09:00:00 2026\n", ">From x\r\n"] {
            let text = format!("{line}Date: d\nMessage-ID: <m>\n\nFrom here\n");
            let expected = "Date: d\r\nMessage-ID: <m>\r\n\r\nFrom here\r\n";
            assert_eq!(complete(&text, 3).unwrap(), expected);
        }
        let field = "From: a@example.org\r\nDate : d\r\nMessage-ID: <m>\r\n\r\n";
        assert!(complete(field, 1000).unwrap().ends_with(field));
    }

    #[test]
    fn fields_beyond_ascii_are_encoded_for_who_takes_none() {
        let made = "Date: d\r\nMessage-ID: <m>\r\n";
        let (text, encoded) =
            ("Subject: \u{fc}\r\n\r\n\u{fc}\r\n", "Subject: =?utf-8?q?=C3=BC?=\r\n\r\n\u{fc}\r\n");
        let complete = |octets: &[u8], takes_utf8| {
            let outgoing = Outgoing::read([made.as_bytes(), octets].concat().as_slice()).unwrap();
            let (message, size) = outgoing.complete("a@b", false, takes_utf8).unwrap();
            let octets = message.as_bytes().unwrap().to_vec();
            assert_eq!(size, octets.len() as u64);
            octets.strip_prefix(made.as_bytes()).unwrap().to_vec()
        };
        assert_eq!(complete(text.as_bytes(), true), text.as_bytes());
        assert_eq!(complete(text.as_bytes(), false), encoded.as_bytes());
        let latin = b"Subject: \xfc\r\n\r\n\xfc\r\n";
        let encoded = b"Subject: =?unknown-8bit?q?=FC?=\r\n\r\n\xfc\r\n";
        assert_eq!(complete(latin, true), encoded);
        assert_eq!(complete(latin, false), encoded);
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for (text, exit, says) in [
            ("", Exit::NoInput, "no message"),
            ("a: b\nc: d\re\n\n", Exit::Data, "a CR without LF on line 2"),
            ("a: b\r\n\r\n\r", Exit::Data, "a CR without LF on line 3"),
            ("a: b\n\n\0", Exit::Data, "a NUL on line 3"),
            ("\nbody", Exit::Data, "no header"),
            ("hello\n", Exit::Data, "no header"),
            ("at 9:00 we met\n\n", Exit::Data, "no header"),
            ("From ann@example.org Wed Nov 25 09:00:00 2026\n\nbody", Exit::Data, "no header"),
        ] {
            for piece in [1, 2, 1000] {
                let failure = complete(text, piece).unwrap_err();
                assert_eq!(failure.exit, exit, "{text:?}");
                assert!(failure.message.contains(says), "{text:?}: {}", failure.message);
            }
        }
    }

    #[test]
    fn a_header_that_does_not_end_is_refused() {
        let endless = std::io::repeat(b'a').take(2 * LONGEST_HEADER as u64);
        let failure = Outgoing::read(endless).map(drop).unwrap_err();
        assert_eq!(failure.exit, Exit::Data);
    }
}
