//! Messages as they are handed over for sending.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use xoauth_sasl::wire::{AnySource, Source};

use super::content::{Content, Scan, UTF8_HEADER, bare_line_end, has_bare_line_end, normalise};
use super::sight::look;
use crate::error::{Fault, InvalidArgument};

/// A message: its octets as RFC 5322 has them, with CRLF line ends, without dot-stuffing and without a
/// final dot.
///
/// In memory, borrowed or owned, or [read while it is sent](Message::from_source). What cannot be sent as it
/// is (a CR or LF that is no line end, a NUL) is refused; [`Message::normalise_line_ends`] mends line ends,
/// [`Message::binary`] keeps every octet.
///
/// A message in memory is looked through before anything is sent. One that is read is not: it says what it
/// holds by [`Message::seven_bit`], [`Message::utf8`] and [`Message::size`], and what was said
/// is checked while it goes.
pub struct Message<'a> {
    pub(crate) octets: Octets<'a>,
    pub(crate) form: Form,
}

/// Where the octets are.
pub(crate) enum Octets<'a> {
    Memory(Cow<'a, [u8]>),
    Stream(AnySource<'a>),
}

/// What a message was said to be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Form {
    pub(crate) size: Option<u64>,
    pub(crate) is_binary: bool,
    pub(crate) is_seven_bit: bool,
    pub(crate) is_internationalised: bool,
    /// Of a stream, whose line ends are mended on the way.
    pub(crate) normalises: bool,
}

impl<'a> Message<'a> {
    /// The octets as they are.
    pub fn new(octets: impl Into<Cow<'a, [u8]>>) -> Self {
        Self { octets: Octets::Memory(octets.into()), form: Form::default() }
    }

    /// A message that is read while it is sent, in pieces, so that it may have any size.
    ///
    /// Sent by BDAT where the server can: a source that fails then spoils the message and not the session.
    /// By DATA it ends both, since only the closed connection tells the server that the message is not
    /// whole.
    pub fn from_source(source: impl Source + 'a) -> Self {
        Self { octets: Octets::Stream(Box::new(source)), form: Form::default() }
    }

    /// The octets, with every bare CR and bare LF turned into CRLF.
    pub fn normalised(octets: impl Into<Cow<'a, [u8]>>) -> Self {
        Self::new(octets).normalise_line_ends()
    }

    /// Turns every bare CR and bare LF into CRLF: for text with the line ends of a Unix file. In memory it
    /// copies only where something changes. What was said to be [binary](Message::binary) before has no line ends
    /// to mend, and stays as it is.
    #[must_use]
    pub fn normalise_line_ends(mut self) -> Self {
        if self.form.is_binary {
            return self;
        }
        match &mut self.octets {
            Octets::Memory(octets) => {
                if has_bare_line_end(octets) {
                    let mut mended = Vec::with_capacity(octets.len() + octets.len() / 16);
                    let open = normalise(octets, false, |piece| mended.extend_from_slice(piece));
                    if open {
                        mended.push(b'\n');
                    }
                    *octets = mended.into();
                }
            }
            Octets::Stream(_) => self.form.normalises = true,
        }
        self
    }

    /// Every octet is sent as it is, whatever it is, and none is added: the message has parts of binary
    /// encoding (RFC 3030 3). It needs BINARYMIME of the server.
    #[must_use]
    pub fn binary(mut self) -> Self {
        self.form.is_binary = true;
        self
    }

    /// How many octets will be read. The server is told, and can refuse before it sees them (RFC 1870); a
    /// source that gives another number is a fault. Of a message in memory the size is known. Where
    /// [line ends are mended](Message::normalise_line_ends) the server is not told, since more may be sent than is
    /// read; a message that is too large by what is read is refused all the same.
    #[must_use]
    pub fn size(mut self, size: u64) -> Self {
        self.form.size = Some(size);
        self
    }

    /// What is read holds ASCII only, so that it can be sent to a server without 8BITMIME. Without this
    /// word a message that is read may hold any octet, and needs 8BITMIME.
    #[must_use]
    pub fn seven_bit(mut self) -> Self {
        self.form.is_seven_bit = true;
        self
    }

    /// What is read has UTF-8 in its header section (RFC 6532), and needs SMTPUTF8 of the server. Without
    /// this word such a header is a fault; octets beyond ASCII that are not UTF-8 are one always.
    #[must_use]
    pub fn utf8(mut self) -> Self {
        self.form.is_internationalised = true;
        self
    }

    /// The octets, of a message in memory.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.octets {
            Octets::Memory(octets) => Some(octets),
            Octets::Stream(_) => None,
        }
    }

    /// Looks through the message once, for what it needs and for what cannot be sent.
    pub(crate) fn check(&self) -> Result<Content, InvalidArgument> {
        match &self.octets {
            Octets::Memory(octets) => check_octets(octets, self.form),
            Octets::Stream(_) => Ok(Content {
                size: self.form.size.filter(|_| !self.form.normalises),
                is_binary: self.form.is_binary,
                is_eight_bit: !self.form.is_seven_bit,
                is_internationalised: self.form.is_internationalised,
                may_have_dots: true,
            }),
        }
    }

    /// What looks at a message while it is read.
    pub(crate) fn scan(&self) -> Scan {
        Scan::new(self.form)
    }
}

fn check_octets(octets: &[u8], form: Form) -> Result<Content, InvalidArgument> {
    let length = u64::try_from(octets.len()).unwrap_or(u64::MAX);
    let mut complete = 0;
    let (is_eight_bit, may_have_dots);
    if form.is_binary {
        (is_eight_bit, may_have_dots) = (!octets.is_ascii(), true);
    } else {
        let sight = look(octets);
        if sight.has_bare_line_end {
            if let Some(fault) = bare_line_end(octets) {
                return Err(InvalidArgument::new("message", "", fault));
            }
        }
        if let Some(at) =
            Some(octets).filter(|_| sight.has_nul).and_then(|octets| memchr::memchr(0, octets))
        {
            let fault = Fault::at(at, '\0', "no NUL octet (RFC 5322 2.1)");
            return Err(InvalidArgument::new("message", "", fault));
        }
        complete = if octets.is_empty() || octets.ends_with(b"\n") { 0 } else { 2 };
        (is_eight_bit, may_have_dots) = (sight.is_eight_bit, sight.has_dots);
    }
    let header = if is_eight_bit { header_section(octets) } else { &[] };
    if let Err(error) = core::str::from_utf8(header) {
        let at = error.valid_up_to();
        let found = header.get(at).map_or('?', |&octet| char::from(octet));
        return Err(InvalidArgument::new("message", "", Fault::at(at, found, UTF8_HEADER)));
    }
    Ok(Content {
        size: Some(length.saturating_add(complete)),
        is_binary: form.is_binary,
        is_eight_bit,
        is_internationalised: form.is_internationalised || !header.is_ascii(),
        may_have_dots,
    })
}

/// Everything before the first empty line.
///
/// RFC 5322 2.1
fn header_section(octets: &[u8]) -> &[u8] {
    let end = if octets.starts_with(b"\r\n") {
        Some(0)
    } else {
        memchr::memmem::find(octets, b"\r\n\r\n")
    };
    end.and_then(|end| octets.get(..end)).unwrap_or(octets)
}

macro_rules! from_octets {
    ($($octets:ty => $convert:expr),* $(,)?) => {$(
        impl<'a> From<$octets> for Message<'a> {
            fn from(octets: $octets) -> Self {
                Self::new(Cow::from($convert(octets)))
            }
        }
    )*};
}

from_octets! {
    &'a str => str::as_bytes,
    &'a String => String::as_bytes,
    String => String::into_bytes,
    &'a [u8] => core::convert::identity,
    &'a Vec<u8> => Vec::as_slice,
    Vec<u8> => core::convert::identity,
    Cow<'a, [u8]> => core::convert::identity,
}

impl<'a, const N: usize> From<&'a [u8; N]> for Message<'a> {
    fn from(octets: &'a [u8; N]) -> Self {
        Self::new(&octets[..])
    }
}

impl fmt::Debug for Message<'_> {
    /// Shows no content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.octets, self.form.size) {
            (Octets::Memory(octets), _) => write!(f, "Message(<{} octets>)", octets.len()),
            (Octets::Stream(_), Some(size)) => write!(f, "Message(<stream of {size} octets>)"),
            (Octets::Stream(_), None) => f.write_str("Message(<stream>)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn bare_line_ends_are_refused_with_their_place() {
        let cases: [(&[u8], Option<&str>); 10] = [
            (b"", None),
            (b"a\r\n\r\nb\r\n", None),
            (b"a", None),
            (b"\n", Some(r"'\n' at octet 0")),
            (b"\r", Some(r"'\r' at octet 0")),
            (b"a\r\nb\nc", Some(r"'\n' at octet 4")),
            (b"a\r\r\nb", Some(r"'\r' at octet 1")),
            (b"x\r\n.\r\r\n", Some(r"'\r' at octet 4")),
            (b"a\r\n\n", Some(r"'\n' at octet 3")),
            (b"a\0b", Some(r"'\0' at octet 1")),
        ];
        for (octets, expected) in cases {
            let found = Message::from(octets).check().err().map(|error| error.to_string());
            match expected {
                None => assert_eq!(found, None),
                Some(place) => {
                    let start = alloc::format!("invalid message: {place}, expected ");
                    assert!(found.as_ref().unwrap().starts_with(&start), "{found:?}");
                }
            }
        }
        // On the border of the pieces that are looked at.
        for at in 4090..4100 {
            let mut octets = alloc::vec![b'a'; 9000];
            octets[at] = b'\n';
            assert!(Message::from(&octets).check().is_err());
            octets[at - 1] = b'\r';
            assert!(Message::from(&octets).check().is_ok());
        }
    }

    #[test]
    fn letters_of_the_header_section_are_utf8() {
        let latin1 = b"Subject: gr\xfcn\r\n\r\nx\r\n";
        let expected = "invalid message: '\u{fc}' at octet 11, expected UTF-8 in the header section \
                        (RFC 6532 3.2)";
        for message in [Message::from(latin1), Message::from(latin1).utf8()] {
            assert_eq!(message.check().unwrap_err().to_string(), expected);
            assert_eq!(message.binary().check().unwrap_err().to_string(), expected);
        }
        let body = Message::from(b"Subject: gr\xc3\xbcn\r\n\r\n\xfc\r\n").check().unwrap();
        assert!(body.is_internationalised);
        let body = Message::from(b"Subject: x\r\n\r\n\xfc\r\n").check().unwrap();
        assert!(body.is_eight_bit && !body.is_internationalised);
    }

    #[test]
    fn needs_of_a_message_are_found() {
        let cases: [(&str, u64, bool, bool); 6] = [
            ("", 0, false, false),
            ("a", 3, false, false),
            ("a\r\n", 3, false, false),
            ("Subject: x\r\n\r\nü", 18, true, false),
            ("Subject: ü\r\n\r\nx\r\n", 18, true, true),
            ("\r\nü", 6, true, false),
        ];
        for (text, size, is_eight_bit, is_internationalised) in cases {
            let content = Message::from(text).check().unwrap();
            assert_eq!(
                content,
                Content {
                    size: Some(size),
                    is_binary: false,
                    is_eight_bit,
                    is_internationalised,
                    may_have_dots: false,
                },
                "{text:?}"
            );
        }
    }

    #[test]
    fn normalising_makes_crlf_of_every_bare_line_end() {
        let cases: [(&[u8], &[u8]); 7] = [
            (b"a\nb\n", b"a\r\nb\r\n"),
            (b"a\rb\r", b"a\r\nb\r\n"),
            (b"a\r\nb", b"a\r\nb"),
            (b"\r\r\n", b"\r\n\r\n"),
            (b"\n\n", b"\r\n\r\n"),
            (b"\n\r", b"\r\n\r\n"),
            (b"", b""),
        ];
        for (octets, expected) in cases {
            assert_eq!(Message::normalised(octets).as_bytes().unwrap(), expected);
        }
    }

    #[test]
    fn what_is_binary_has_no_line_ends_to_mend() {
        let octets = &b"a\nb"[..];
        let (binary, mended) = (octets, &b"a\r\nb"[..]);
        let in_memory = Message::from(octets).binary().normalise_line_ends();
        assert_eq!(in_memory.as_bytes(), Some(binary));
        let in_memory = Message::from(octets).normalise_line_ends().binary();
        assert_eq!(in_memory.as_bytes(), Some(mended));
        // The same of a stream.
        assert!(!Message::from_source(octets).binary().normalise_line_ends().form.normalises);
        assert!(Message::from_source(octets).normalise_line_ends().binary().form.normalises);
    }

    proptest! {
        #[test]
        fn normalised_messages_have_no_bare_line_end(
            octets in prop::collection::vec(prop::sample::select(b"\r\n.a".to_vec()), 0..200)
        ) {
            let message = Message::normalised(&octets[..]);
            let mended = message.as_bytes().unwrap();
            prop_assert!(bare_line_end(mended).is_none());
            let strip = |octets: &[u8]| {
                octets.iter().filter(|o| !b"\r\n".contains(o)).copied().collect::<Vec<_>>()
            };
            prop_assert_eq!(strip(mended), strip(&octets));
        }
    }
}
