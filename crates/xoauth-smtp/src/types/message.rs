//! Messages as they are handed over for sending.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::error::{Fault, InvalidArgument};

/// A message: its octets as RFC 5322 has them, with CRLF line ends, without dot-stuffing and without a
/// final dot.
///
/// Borrowed or owned. What cannot be sent as it is (a CR or LF that is no line end, a NUL) is refused
/// before anything is sent; [`Message::normalised`] mends line ends.
#[derive(Clone, PartialEq, Eq)]
pub struct Message<'a>(Cow<'a, [u8]>);

/// What a message needs of the server that takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    /// Octets, a missing last CRLF counted (RFC 1870 5).
    pub(crate) size: u64,
    /// It holds octets beyond ASCII (RFC 6152).
    pub(crate) is_eight_bit: bool,
    /// They stand in its header section too (RFC 6532).
    pub(crate) is_internationalised: bool,
}

impl<'a> Message<'a> {
    /// The octets as they are.
    pub fn new(octets: impl Into<Cow<'a, [u8]>>) -> Self {
        Self(octets.into())
    }

    /// The same message with every bare CR and bare LF turned into CRLF: for text with the line ends of a
    /// Unix file. Copies only where something changes.
    pub fn normalised(octets: impl Into<Cow<'a, [u8]>>) -> Self {
        let octets = octets.into();
        if !has_bare_line_end(&octets) {
            return Self(octets);
        }
        let mut mended = Vec::with_capacity(octets.len() + octets.len() / 16);
        let mut before = 0;
        for &octet in octets.iter() {
            match octet {
                b'\n' if before == b'\r' => mended.push(b'\n'),
                b'\n' => mended.extend_from_slice(b"\r\n"),
                other => {
                    if before == b'\r' {
                        mended.push(b'\n');
                    }
                    mended.push(other);
                }
            }
            before = octet;
        }
        if before == b'\r' {
            mended.push(b'\n');
        }
        Self(mended.into())
    }

    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Looks through the message once, for what it needs and for what cannot be sent.
    pub(crate) fn check(&self) -> Result<Content, InvalidArgument> {
        let octets = self.as_bytes();
        if let Some(fault) = bare_line_end(octets) {
            return Err(InvalidArgument::new("message", "", fault));
        }
        if let Some(at) = memchr::memchr(0, octets) {
            let fault = Fault::at(at, '\0', "no NUL octet (RFC 5322 2.1)");
            return Err(InvalidArgument::new("message", "", fault));
        }
        let complete = if octets.is_empty() || octets.ends_with(b"\n") { 0 } else { 2 };
        let size = u64::try_from(octets.len()).unwrap_or(u64::MAX).saturating_add(complete);
        let is_eight_bit = !octets.is_ascii();
        let is_internationalised = is_eight_bit && !header_section(octets).is_ascii();
        Ok(Content { size, is_eight_bit, is_internationalised })
    }
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

/// Whether some CR has no LF behind it, or some LF no CR before it. Without a branch an octet, so that it
/// costs little beside sending the message.
fn has_bare_line_end(octets: &[u8]) -> bool {
    let Some((first, behind)) = octets.split_first() else { return false };
    let differs = |bare, (&a, &b): (&u8, &u8)| bare | ((a == b'\r') != (b == b'\n'));
    *first == b'\n'
        || octets.last() == Some(&b'\r')
        || octets
            .chunks(4096)
            .zip(behind.chunks(4096))
            .any(|(octets, behind)| octets.iter().zip(behind).fold(false, differs))
}

/// The first CR or LF that is no part of a CRLF.
fn bare_line_end(octets: &[u8]) -> Option<Fault> {
    if !has_bare_line_end(octets) {
        return None;
    }
    let expected = "CRLF line ends only (Message::normalised makes them)";
    memchr::memchr2_iter(b'\r', b'\n', octets).find_map(|at| match octets.get(at) {
        Some(b'\r') if octets.get(at + 1) != Some(&b'\n') => Some(Fault::at(at, '\r', expected)),
        Some(b'\n') if at == 0 || octets.get(at - 1) != Some(&b'\r') => {
            Some(Fault::at(at, '\n', expected))
        }
        _ => None,
    })
}

macro_rules! from_octets {
    ($($octets:ty => $convert:expr),* $(,)?) => {$(
        impl<'a> From<$octets> for Message<'a> {
            fn from(octets: $octets) -> Self {
                Self(Cow::from($convert(octets)))
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
        Self(Cow::from(&octets[..]))
    }
}

impl fmt::Debug for Message<'_> {
    /// Shows no content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message(<{} octets>)", self.0.len())
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
            assert_eq!(content, Content { size, is_eight_bit, is_internationalised }, "{text:?}");
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
            assert_eq!(Message::normalised(octets).as_bytes(), expected);
        }
    }

    proptest! {
        #[test]
        fn normalised_messages_have_no_bare_line_end(
            octets in prop::collection::vec(prop::sample::select(b"\r\n.a".to_vec()), 0..200)
        ) {
            let message = Message::normalised(&octets[..]);
            prop_assert!(bare_line_end(message.as_bytes()).is_none());
            let strip = |octets: &[u8]| {
                octets.iter().filter(|o| !b"\r\n".contains(o)).copied().collect::<Vec<_>>()
            };
            prop_assert_eq!(strip(message.as_bytes()), strip(&octets));
        }

        #[test]
        fn quick_check_agrees_with_the_slow_search(
            octets in prop::collection::vec(prop::sample::select(b"\r\na".to_vec()), 0..20)
        ) {
            let text = String::from_utf8(octets.clone()).unwrap();
            let bare = text.replace("\r\n", "");
            prop_assert_eq!(has_bare_line_end(&octets), bare.contains(['\r', '\n']));
            prop_assert_eq!(has_bare_line_end(&octets), bare_line_end(&octets).is_some());
        }
    }
}
