//! Looks for secrets in whatever may hold them: raw, in base64, hex and percent-encoding.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// How many octets in a row give a secret away in a text for people: an error, a trace, what `Debug` shows.
pub const IN_TEXT: usize = 8;
/// The same in a value, as `Mask::hide` promises.
pub const IN_VALUE: usize = 16;

/// In which form a part of `least` octets of one of the secrets is within `octets`, if any is; of a shorter form the whole of
/// it. What is a plain word, like `consumer`, is no part.
pub fn find(octets: &[u8], secrets: &[impl AsRef<str>], least: usize) -> Option<&'static str> {
    Finder::new(secrets, least).find(octets)
}

/// [`find`] for many texts and the same secrets.
#[derive(Debug)]
pub struct Finder {
    /// Parts by their first two octets: what is looked through has megabytes, and few places begin like a part.
    heads: HashMap<[u8; 2], Vec<(&'static str, Vec<u8>)>>,
    begins: Vec<bool>,
    single: Vec<(&'static str, u8)>,
}

impl Finder {
    /// Looks for parts of so many octets.
    pub fn new(secrets: &[impl AsRef<str>], least: usize) -> Self {
        let mut heads: HashMap<[u8; 2], Vec<(&'static str, Vec<u8>)>> = HashMap::new();
        let mut begins = vec![false; 1 << 16];
        let mut single = Vec::new();
        for secret in secrets {
            for (form, part) in parts_of(secret.as_ref().as_bytes(), least) {
                match *part {
                    [] => {}
                    [octet] => single.push((form, octet)),
                    [first, second, ..] => {
                        if let Some(begins) = begins.get_mut(place([first, second])) {
                            *begins = true;
                        }
                        heads.entry([first, second]).or_default().push((form, part));
                    }
                }
            }
        }
        Self { heads, begins, single }
    }

    /// In which form a part of a secret is within `octets`.
    pub fn find(&self, octets: &[u8]) -> Option<&'static str> {
        let told = |(form, octet): &(&'static str, u8)| octets.contains(octet).then_some(*form);
        self.single.iter().find_map(told).or_else(|| {
            (0..octets.len()).find_map(|at| {
                let rest = octets.get(at..).unwrap_or_default();
                let [first, second, ..] = *rest else { return None };
                if self.begins.get(place([first, second])) != Some(&true) {
                    return None;
                }
                let parts = self.heads.get(&[first, second])?;
                // The form that is the secret as it is stands last.
                parts.iter().rev().find(|(_, part)| rest.starts_with(part)).map(|(form, _)| *form)
            })
        })
    }
}

fn place(head: [u8; 2]) -> usize {
    u16::from_le_bytes(head).into()
}

/// Every part that is looked for, with the name of the form it is a part of.
fn parts_of(secret: &[u8], least: usize) -> Vec<(&'static str, Vec<u8>)> {
    let mut parts = Vec::new();
    for (name, form) in forms(secret) {
        for part in windows(&form, least) {
            let is_word = part.len() < form.len() && part.iter().all(u8::is_ascii_lowercase);
            if !is_word {
                parts.push((name, part.to_vec()));
            }
        }
    }
    for part in windows(secret, least) {
        let list = format!("{part:?}");
        parts.push(("a list of numbers", list.trim_matches(['[', ']']).into()));
    }
    parts
}

fn windows(form: &[u8], least: usize) -> impl Iterator<Item = &[u8]> {
    form.windows(least.min(form.len()).max(1))
}

/// The forms a secret may take, with their names.
fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = vec![
        ("raw", secret.to_vec()),
        ("hex", secret.iter().flat_map(|octet| format!("{octet:02x}").into_bytes()).collect()),
        ("hex", secret.iter().flat_map(|octet| format!("{octet:02X}").into_bytes()).collect()),
        ("percent-encoded", percent(secret)),
        ("twice percent-encoded", percent(&percent(secret))),
    ];
    for shift in 0..3 {
        forms.push(("base64", base64_within(secret, shift)));
    }
    // Of a form that is the secret as it is only one is told.
    forms.reverse();
    forms
}

/// The base64 of a secret that begins `shift` octets behind a group of three, without the characters
/// that its neighbours have a part in.
fn base64_within(secret: &[u8], shift: usize) -> Vec<u8> {
    let mut padded = vec![0; shift];
    padded.extend(secret);
    let encoded = STANDARD_NO_PAD.encode(&padded);
    let first = (shift * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    encoded.get(first..last).unwrap_or_default().as_bytes().to_vec()
}

fn percent(octets: &[u8]) -> Vec<u8> {
    let encode = |&octet: &u8| match octet {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => vec![octet],
        _ => format!("%{octet:02X}").into_bytes(),
    };
    octets.iter().flat_map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_and_nothing_else() {
        let secret = ["s3cret/+?token"];
        for before in ["", "x", "xy", "xyz"] {
            let text = format!("{before}s3cret/+?token and more");
            assert_eq!(find(text.as_bytes(), &secret, IN_VALUE), Some("raw"));
            let encoded = STANDARD_NO_PAD.encode(&text);
            for least in [IN_TEXT, IN_VALUE] {
                assert_eq!(find(encoded.as_bytes(), &secret, least), Some("base64"), "{before}");
            }
        }
        let table = [
            ("7333637265742f2b3f746f6b656e", "hex"),
            ("7333637265742F2B3F746F6B656E", "hex"),
            ("a=s3cret%2F%2B%3Ftoken", "percent-encoded"),
            ("a=s3cret%252F%252B%253Ftoken", "twice percent-encoded"),
            (
                "[1, 115, 51, 99, 114, 101, 116, 47, 43, 63, 116, 111, 107, 101, 110]",
                "a list of numbers",
            ),
        ];
        for (text, form) in table {
            assert_eq!(find(text.as_bytes(), &secret, IN_VALUE), Some(form), "{text}");
        }
        assert_eq!(find(b"anything", &[""], IN_TEXT), None);
    }

    #[test]
    fn parts_are_found_from_so_many_octets_on() {
        let secret = ["own-consumer-SECRET-9x"];
        for (text, in_text, in_value) in [
            ("the r-SECRET", Some("raw"), None),
            ("the -SECRET", None, None),
            ("own-consumer-SEC", Some("raw"), Some("raw")),
            ("own-consumer-SE", Some("raw"), None),
            ("the consumer", None, None),
            ("[45, 83, 69, 67, 82, 69, 84, 45, 57]", Some("a list of numbers"), None),
        ] {
            assert_eq!(find(text.as_bytes(), &secret, IN_TEXT), in_text, "{text}");
            assert_eq!(find(text.as_bytes(), &secret, IN_VALUE), in_value, "{text}");
        }
        // Of a shorter one the whole counts.
        assert_eq!(find(b"the cs-SECRET", &["cs-SECRET"], IN_VALUE), Some("raw"));
        assert_eq!(find(b"the cs-SECRE", &["cs-SECRET"], IN_VALUE), None);
    }
}
