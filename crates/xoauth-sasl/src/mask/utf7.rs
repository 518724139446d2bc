//! Secrets in modified UTF-7, as names of mailboxes are written (RFC 3501 5.1.3).

use alloc::vec::Vec;

use zeroize::Zeroizing;

/// The digits of modified base64.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// The character is written in base64. Some servers write `&` so, beside others or alone.
pub(super) fn is_shifted(c: char, with_ampersand: bool) -> bool {
    !matches!(c, ' '..='~') || with_ampersand && c == '&'
}

/// How many octets a form has at most: each character `&`, six digits, `-`.
pub(super) fn form_room(secret: &str) -> usize {
    8 * secret.chars().count()
}

/// How many bits of the character before it are in the first digit of another: characters have sixteen, digits six.
pub(super) const FOREIGN: [u32; 3] = [0, 4, 2];

/// What stands for a secret without the digits that hold bits of its neighbours. Behind a character that is written in base64
/// too, the first digit has some of that one's.
pub(super) fn form(secret: &str, foreign: u32, with_ampersand: bool) -> Zeroizing<Vec<u8>> {
    let mut form = Zeroizing::new(Vec::with_capacity(form_room(secret)));
    let mut rest = secret.chars().peekable();
    let mut is_first = true;
    while let Some(c) = rest.next() {
        if !is_shifted(c, with_ampersand) {
            form.push(u8::try_from(c).unwrap_or_default());
            if c == '&' {
                form.push(b'-');
            }
            is_first = false;
            continue;
        }
        let mut bits = Bits::default();
        if is_first && foreign > 0 {
            bits.count = foreign;
            bits.is_foreign = true;
        } else {
            form.push(b'&');
        }
        bits.push(c, &mut form);
        while let Some(c) = rest.next_if(|c| is_shifted(*c, with_ampersand)) {
            bits.push(c, &mut form);
        }
        // Behind the last one another may follow.
        if rest.peek().is_some() {
            bits.finish(&mut form);
        }
        is_first = false;
    }
    form
}

/// Bits that wait until they make a digit.
#[derive(Default)]
struct Bits {
    bits: u32,
    count: u32,
    /// The first digit has some of a neighbour's.
    is_foreign: bool,
}

impl Bits {
    fn push(&mut self, c: char, form: &mut Vec<u8>) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            self.bits = self.bits << 16 | u32::from(*unit);
            self.count += 16;
            while self.count >= 6 {
                self.count -= 6;
                self.digit(self.bits >> self.count, form);
                self.bits &= (1 << self.count) - 1;
            }
        }
    }

    fn finish(&mut self, form: &mut Vec<u8>) {
        if self.count > 0 {
            self.digit(self.bits << (6 - self.count), form);
        }
        form.push(b'-');
    }

    fn digit(&mut self, value: u32, form: &mut Vec<u8>) {
        if !core::mem::take(&mut self.is_foreign) {
            form.extend(usize::try_from(value).ok().and_then(|value| DIGITS.get(value & 63)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn forms_have_the_digits_that_are_a_secrets_own() {
        let cases: [(&str, u32, bool, &str); 14] = [
            ("é", 0, false, "&AO"),
            ("é", 4, false, "A6"),
            ("é", 2, false, "Dp"),
            ("éa", 0, false, "&AOk-a"),
            ("éa", 4, false, "A6Q-a"),
            ("éa", 2, false, "Dp-a"),
            ("aé", 2, false, "a&AO"),
            ("aéüb", 0, false, "a&AOkA,A-b"),
            ("éa\u{1f4e7}b", 4, false, "A6Q-a&2D3c5w-b"),
            ("a&b", 2, false, "a&-b"),
            ("a&b", 0, true, "a&ACY-b"),
            ("&b", 4, true, "AJg-b"),
            ("é&b", 0, true, "&AOkAJg-b"),
            ("é&b", 0, false, "&AOk-&-b"),
        ];
        for (secret, foreign, with_ampersand, expected) in cases {
            let form = form(secret, foreign, with_ampersand);
            assert_eq!(String::from_utf8_lossy(&form), expected, "{secret} {foreign}");
            assert!(form.len() <= form_room(secret));
        }
    }
}
