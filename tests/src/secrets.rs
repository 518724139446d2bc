//! Looks for secrets in whatever may hold them: raw, in base64, hex and percent-encoding.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// In which form one of the secrets is within `octets`, if any is.
pub fn find(octets: &[u8], secrets: &[impl AsRef<str>]) -> Option<&'static str> {
    secrets.iter().find_map(|secret| {
        let forms = forms(secret.as_ref().as_bytes());
        forms.into_iter().find(|(_, form)| holds(octets, form)).map(|(name, _)| name)
    })
}

fn holds(octets: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && octets.windows(part.len()).any(|window| window == part)
}

/// The forms a secret may take, with their names.
fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = vec![
        ("raw", secret.to_vec()),
        ("hex", secret.iter().flat_map(|octet| format!("{octet:02x}").into_bytes()).collect()),
        ("hex", secret.iter().flat_map(|octet| format!("{octet:02X}").into_bytes()).collect()),
        ("percent-encoded", percent(secret)),
        ("twice percent-encoded", percent(&percent(secret))),
        ("a list of numbers", format!("{secret:?}").trim_matches(['[', ']']).into()),
    ];
    for shift in 0..3 {
        forms.push(("base64", base64_within(secret, shift)));
    }
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
            assert_eq!(find(text.as_bytes(), &secret), Some("raw"));
            let encoded = STANDARD_NO_PAD.encode(&text);
            assert_eq!(find(encoded.as_bytes(), &secret), Some("base64"), "{before}");
        }
        let table = [
            ("7333637265742f2b3f746f6b656e", "hex"),
            ("a=s3cret%2F%2B%3Ftoken", "percent-encoded"),
            ("a=s3cret%252F%252B%253Ftoken", "twice percent-encoded"),
            (
                "[1, 115, 51, 99, 114, 101, 116, 47, 43, 63, 116, 111, 107, 101, 110]",
                "a list of numbers",
            ),
        ];
        for (text, form) in table {
            assert_eq!(find(text.as_bytes(), &secret), Some(form));
        }
        assert_eq!(find(b"s3cret/+?toke", &secret), None);
        assert_eq!(find(b"anything", &[""]), None);
    }
}
