//! The token that the machines log in with, and whether any of it is shown again.

use std::fmt;

use xoauth::sasl::Mask;

/// Longer than what is hidden of names (16 octets), with the characters of both alphabets of base64.
pub(super) const TOKEN: &str = "ya29.vF9/dft4-qmTc2_Nvb3Rl+cgQ/x7Zk-P0w_Jh8K";

/// Stands for it in an input: an input that is kept may not hold it.
const PLACEHOLDER: u8 = b'$';

/// The digits of an escape, as of `\xff`, may be those that stand in front of a part in the token.
const ESCAPE: usize = 2;

/// Of names and values so much may be shown: a mask hides only longer parts there.
const NAMES: usize = 15 + ESCAPE;

/// Of texts for people so much.
const TEXTS: usize = 7 + ESCAPE;

/// What a machine is to protect from its start: libFuzzer finds parts of the token by itself, and says them before a login.
pub(super) fn mask() -> Mask {
    let mut mask = Mask::default();
    mask.add(TOKEN);
    mask
}

/// What a machine shows of the token.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// How often the server said it.
    pub(super) told: usize,
}

impl Watch {
    /// What the server says: the token for each placeholder.
    pub(super) fn says(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut said = Vec::with_capacity(octets.len());
        for &octet in octets {
            if octet == PLACEHOLDER {
                said.extend(TOKEN.bytes());
                self.told += 1;
            } else {
                said.push(octet);
            }
        }
        said
    }

    /// Names and values that the caller is given.
    pub(super) fn shows(&self, what: &str, value: &dyn fmt::Debug) {
        self.check(what, &format!("{value:?}"), NAMES);
    }

    /// A text for people.
    pub(super) fn tells(&self, what: &str, text: &dyn fmt::Display) {
        self.check(what, &text.to_string(), TEXTS);
    }

    fn check(&self, what: &str, text: &str, most: usize) {
        if self.told > 0 {
            let found = longest_part(text.as_bytes());
            assert!(found <= most, "{what} shows {found} octets of the token: {text}");
        }
    }
}

/// How many octets of the token, one behind the other, are in a text: 0 for fewer than `2 * BLOCK - 1`.
fn longest_part(text: &[u8]) -> usize {
    /// A part of twice the length has one of the token's blocks in it, wherever it begins.
    const BLOCK: usize = 4;
    let token = TOKEN.as_bytes();
    let alike = |a: &[u8], b: &[u8]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let alike_before =
        |a: &[u8], b: &[u8]| a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let mut longest = 0;
    for (at, window) in text.windows(BLOCK).enumerate() {
        for place in (0..token.len()).step_by(BLOCK) {
            let (before, behind) = token.split_at(place);
            if behind.starts_with(window) {
                let (shown_before, shown_behind) = text.split_at(at);
                let part = alike(shown_behind, behind) + alike_before(shown_before, before);
                longest = longest.max(part);
            }
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_measured() {
        for from in 0..TOKEN.len() {
            for to in from + 8..=TOKEN.len() {
                let text = format!("a {}$ b", TOKEN.get(from..to).unwrap_or_default());
                assert_eq!(longest_part(text.as_bytes()), to - from, "{text}");
            }
        }
        assert_eq!(longest_part(b"nothing of it, [secret] and xxxxxxxx"), 0);
    }

    fn part(range: std::ops::Range<usize>) -> &'static str {
        TOKEN.get(range).unwrap_or_default()
    }

    #[test]
    fn what_is_shown_is_found() {
        let mut watch = Watch::default();
        assert_eq!(watch.says(b"a $"), format!("a {TOKEN}").as_bytes());
        watch.shows("a name", &part(0..NAMES));
        watch.tells("a text", &part(0..TEXTS));
        let caught =
            |show: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(show)).is_err();
        assert!(caught(&|| watch.shows("a name", &part(3..4 + NAMES))));
        assert!(caught(&|| watch.tells("a text", &part(9..10 + TEXTS))));
    }
}
