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
pub(super) fn room(secret: &str) -> usize {
    8 * secret.chars().count()
}

/// What stands for a secret behind `lead` characters that are written in base64 too, without the digits that hold bits
/// of its neighbours.
pub(super) fn form(secret: &str, lead: usize, with_ampersand: bool) -> Zeroizing<Vec<u8>> {
    let mut form = Zeroizing::new(Vec::with_capacity(room(secret)));
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
        // Sixteen bits of each neighbour before it.
        let mut bits = Bits::default();
        let is_behind = is_first && lead > 0;
        if is_behind {
            bits.skip(16 * lead);
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
    /// Of the first digit, as many are those of a neighbour.
    foreign: u32,
}

impl Bits {
    /// So many bits of others come first.
    fn skip(&mut self, bits: usize) {
        self.foreign = u32::try_from(bits % 6).unwrap_or_default();
        self.count = self.foreign;
    }

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
        if self.foreign > 0 {
            self.foreign = 0;
        } else {
            form.extend(usize::try_from(value).ok().and_then(|value| DIGITS.get(value & 63)));
        }
    }
}
