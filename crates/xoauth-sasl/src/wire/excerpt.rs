//! Octets of a peer, made fit to be shown.

use alloc::string::String;
use core::fmt::{self, Write};

use crate::Mask;

/// Octets of a peer as an error may quote them: bounded, escaped, without our secrets.
///
/// Secrets are masked first, then what is left is cut and [escaped](escape_into). A text that was
/// cut ends in `… (N octets)`, N being its length before anything was done to it.
///
/// ```
/// use xoauth_sasl::{Mask, wire::Excerpt};
///
/// let excerpt = Excerpt::new(b"* BYE \x1b[31mgone\r\n", &Mask::default());
/// assert_eq!(excerpt.as_str(), r"* BYE \x1b[31mgone\r\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Excerpt(String);

impl Excerpt {
    /// How many octets are shown at most.
    pub const LIMIT: usize = 256;

    /// What may be shown of `octets`.
    #[must_use]
    pub fn new(octets: &[u8], mask: &Mask) -> Self {
        Self::bounded(octets, mask, Self::LIMIT)
    }

    /// The same with a bound of its own, in octets before they are escaped.
    #[must_use]
    pub fn bounded(octets: &[u8], mask: &Mask, limit: usize) -> Self {
        let masked = mask.apply(octets);
        let shown = masked.get(..limit).unwrap_or(&masked);
        let mut text = String::with_capacity(shown.len());
        escape_into(shown, &mut text);
        if shown.len() < masked.len() || mask.leaves_out(octets) {
            // Writing to a `String` does not fail.
            let _ = write!(text, "… ({} octets)", octets.len());
        }
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Excerpt> for String {
    fn from(excerpt: Excerpt) -> Self {
        excerpt.0
    }
}

/// Appends octets as text that can neither end a line nor steer a terminal.
///
/// CR, LF and tab become `\r`, `\n` and `\t`; other control characters, the invisible characters
/// that reorder text, and octets that are not UTF-8 become `\x1b` or `\u{202e}`.
pub fn escape_into(octets: &[u8], out: &mut String) {
    for chunk in octets.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\r' | '\n' | '\t' => out.extend(c.escape_default()),
                ' '..='~' => out.push(c),
                '\0'..='\x1f' | '\x7f' => push_hex(u32::from(c), out),
                _ if c.is_control() || reorders(c) => out.extend(c.escape_unicode()),
                _ => out.push(c),
            }
        }
        for &octet in chunk.invalid() {
            push_hex(octet.into(), out);
        }
    }
}

fn push_hex(octet: u32, out: &mut String) {
    // Writing to a `String` does not fail.
    let _ = write!(out, "\\x{octet:02x}");
}

/// Line separators, and the marks that change the direction of the text behind them.
fn reorders(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec;

    #[test]
    fn text_is_escaped() {
        let cases: [(&[u8], &str); 8] = [
            (b"plain \\Seen", "plain \\Seen"),
            (b"a\r\nb\tc", r"a\r\nb\tc"),
            (b"\0\x1b[2J\x7f", r"\x00\x1b[2J\x7f"),
            (b"\xff\xc3", r"\xff\xc3"),
            ("grüße".as_bytes(), "grüße"),
            ("\u{202e}gnp.exe".as_bytes(), r"\u{202e}gnp.exe"),
            ("\u{85}\u{2028}\u{61c}".as_bytes(), r"\u{85}\u{2028}\u{61c}"),
            (b"", ""),
        ];
        for (octets, expected) in cases {
            let excerpt = Excerpt::new(octets, &Mask::default());
            assert_eq!(excerpt.as_str(), expected);
            assert_eq!(String::from(excerpt), expected);
        }
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        let mask = Mask::default();
        let whole = Excerpt::new(&[b'a'; 256], &mask);
        assert_eq!(whole.as_str().len(), 256);
        let cut = Excerpt::new(&vec![b'a'; 100_000], &mask);
        assert_eq!(cut.as_str(), format!("{}… (100000 octets)", "a".repeat(256)));
    }

    #[test]
    fn what_a_mask_leaves_out_is_told() {
        let mut mask = Mask::default();
        mask.add("0123456789abcdef");
        let text = [b"0123456789abcdef".repeat(256), b"end".to_vec()].concat();
        assert_eq!(Excerpt::new(&text, &mask).as_str(), "[secret]… (4099 octets)");
        assert_eq!(Excerpt::bounded(b"abcdef", &mask, 5).as_str(), "abcde… (6 octets)");
        assert_eq!(Excerpt::bounded(b"abcdef", &mask, 6).as_str(), "abcdef");
    }

    #[test]
    fn secret_across_the_cut_is_masked() {
        let mut mask = Mask::default();
        mask.add("0123456789abcdef");
        let text = format!("{}0123456789abcdef", "-".repeat(252));
        let excerpt = Excerpt::new(text.as_bytes(), &mask);
        assert_eq!(excerpt.as_str(), format!("{}[sec… (268 octets)", "-".repeat(252)));
    }
}
