//! Modified UTF-7, RFC 3501 5.1.3: how mailbox names are written on the wire.

use alloc::string::String;
use alloc::vec::Vec;

/// The digits of modified base64: `,` instead of `/`, and no padding.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// The one way to write `name`.
pub(super) fn encode(name: &str) -> Vec<u8> {
    let mut wire = Vec::with_capacity(name.len());
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '&' => wire.extend_from_slice(b"&-"),
            ' '..='~' => wire.extend(u8::try_from(c)),
            _ => {
                wire.push(b'&');
                let mut bits = Bits::default();
                bits.push(c, &mut wire);
                while let Some(c) = rest.next_if(|c| !matches!(c, ' '..='~')) {
                    bits.push(c, &mut wire);
                }
                bits.finish(&mut wire);
                wire.push(b'-');
            }
        }
    }
    wire
}

/// A name that is written as it is read; `None` where anything in it is encoded, or should be.
pub(super) fn plain(wire: &[u8]) -> Option<&str> {
    let is_plain = wire.iter().all(|octet| matches!(octet, b' '..=b'~') && *octet != b'&');
    core::str::from_utf8(wire).ok().filter(|_| is_plain)
}

/// The name that `wire` stands for; `None` where it is no modified UTF-7.
pub(super) fn decode(wire: &[u8]) -> Option<String> {
    let mut name = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((&octet, behind)) = rest.split_first() {
        rest = behind;
        match octet {
            b'&' => {
                let end = memchr::memchr(b'-', behind)?;
                let (shifted, behind) = behind.split_at_checked(end)?;
                rest = behind.get(1..)?;
                if shifted.is_empty() {
                    name.push('&');
                } else {
                    decode_shifted(shifted, &mut name)?;
                }
            }
            b' '..=b'~' => name.push(octet.into()),
            _ => return None,
        }
    }
    Some(name)
}

/// UTF-16 in base64, without what makes two ways to write the same. Printable ASCII "which can represent itself" must not be
/// in it (RFC 3501, 5.1.3): there it could be hidden from whoever looks at the octets. `&` cannot, and some servers encode it.
fn decode_shifted(digits: &[u8], name: &mut String) -> Option<()> {
    let mut units = Vec::with_capacity(digits.len() * 6 / 16);
    let mut bits = 0u32;
    let mut count = 0;
    for digit in digits {
        let value = DIGITS.iter().position(|known| known == digit)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push(u16::try_from(bits >> count).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    if count >= 6 || bits != 0 {
        return None;
    }
    for c in char::decode_utf16(units) {
        name.push(c.ok().filter(|c| !matches!(c, ' '..='~') || *c == '&')?);
    }
    Some(())
}

/// Bits that wait until they make a digit.
#[derive(Default)]
struct Bits {
    bits: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, c: char, wire: &mut Vec<u8>) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            self.bits = self.bits << 16 | u32::from(*unit);
            self.count += 16;
            while self.count >= 6 {
                self.count -= 6;
                wire.extend(digit(self.bits >> self.count));
                self.bits &= (1 << self.count) - 1;
            }
        }
    }

    fn finish(&mut self, wire: &mut Vec<u8>) {
        if self.count > 0 {
            wire.extend(digit(self.bits << (6 - self.count)));
        }
    }
}

fn digit(value: u32) -> Option<u8> {
    DIGITS.get(usize::try_from(value).ok()? & 63).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_have_one_form() {
        let cases: [(&str, &[u8]); 8] = [
            // RFC 3501, 5.1.3.
            ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Entwürfe", b"Entw&APw-rfe"),
            ("R&D", b"R&-D"),
            ("", b""),
            ("&&", b"&-&-"),
            ("\u{1f4e7}", b"&2D3c5w-"),
            ("a\tb\r\n", b"a&AAk-b&AA0ACg-"),
            ("☺!", b"&Jjo-!"),
        ];
        for (name, wire) in cases {
            assert_eq!(encode(name), wire, "{name}");
            assert_eq!(decode(wire).as_deref(), Some(name), "{name}");
        }
    }

    #[test]
    fn plain_names_are_read_as_they_are_written() {
        for wire in ["", "a", "~peter/mail", " !~"] {
            assert_eq!(plain(wire.as_bytes()), Some(wire));
        }
        for wire in [&b"&"[..], b"&-", b"a&-", b"&AGE-", b"a\tb", b"a\x7f", b"caf\xc3\xa9"] {
            assert_eq!(plain(wire), None, "{}", wire.escape_ascii());
        }
    }

    #[test]
    fn what_is_not_modified_utf7_is_refused() {
        let cases: [&[u8]; 11] = [
            b"&",
            b"a&b",
            b"&Jjo",
            b"&!-",
            // A lone surrogate.
            b"&2D0-",
            // A digit too many, and bits that are not 0.
            b"&JjoA-",
            b"&Jjp-",
            b"caf\xc3\xa9",
            // `a`, a space, and `a` behind a letter that is rightly there.
            b"&AGE-",
            b"&ACA-",
            b"&APwAYQ-",
        ];
        for wire in cases {
            assert_eq!(decode(wire), None, "{}", wire.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name: String) {
            prop_assert_eq!(decode(&encode(&name)), Some(name));
        }

        #[test]
        fn octets_never_panic(wire: Vec<u8>) {
            let _ = decode(&wire);
        }
    }
}
