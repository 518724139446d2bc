//! Modified UTF-7, the form of mailbox names on the wire (RFC 3501, section 5.1.3).

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// Encodes a mailbox name.
pub(crate) fn encode(name: &str) -> String {
    let mut encoded = String::new();
    let mut shifted: Vec<u16> = Vec::new();
    for character in name.chars() {
        if matches!(character, ' '..='~') {
            close(&mut shifted, &mut encoded);
            encoded.push(character);
            if character == '&' {
                encoded.push('-');
            }
        } else {
            shifted.extend_from_slice(character.encode_utf16(&mut [0; 2]));
        }
    }
    close(&mut shifted, &mut encoded);
    encoded
}

/// Decodes a mailbox name; `None` for what no encoder writes.
pub(crate) fn decode(text: &[u8]) -> Option<String> {
    let mut name = String::new();
    let mut octets = text.iter();
    while let Some(octet) = octets.next() {
        match octet {
            b'&' => {
                let run: Vec<u8> = octets.by_ref().take_while(|o| **o != b'-').copied().collect();
                if run.is_empty() {
                    name.push('&');
                } else {
                    name.push_str(&decode_run(&run)?);
                }
            }
            b' '..=b'~' => name.push(char::from(*octet)),
            _ => return None,
        }
    }
    (encode(&name).as_bytes() == text).then_some(name)
}

fn close(shifted: &mut Vec<u16>, encoded: &mut String) {
    if shifted.is_empty() {
        return;
    }
    encoded.push('&');
    let (mut bits, mut count) = (0_u32, 0);
    for unit in shifted.drain(..) {
        bits = bits << 16 | u32::from(unit);
        count += 16;
        while count >= 6 {
            count -= 6;
            push_digit(bits >> count, encoded);
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        push_digit(bits << (6 - count), encoded);
    }
    encoded.push('-');
}

fn push_digit(value: u32, encoded: &mut String) {
    let digit = usize::try_from(value & 63).ok().and_then(|at| DIGITS.get(at));
    encoded.extend(digit.copied().map(char::from));
}

fn decode_run(run: &[u8]) -> Option<String> {
    let mut units = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for octet in run {
        let value = DIGITS.iter().position(|digit| digit == octet)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push(u16::try_from(bits >> count & 0xffff).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first row is the example of RFC 3501, section 5.1.3.
    #[test]
    fn names_round_trip() {
        for (name, encoded) in [
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("a&b", "a&-b"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("😀", "&2D3eAA-"),
            ("", ""),
        ] {
            assert_eq!(encode(name), encoded);
            assert_eq!(decode(encoded.as_bytes()).as_deref(), Some(name));
        }
    }

    #[test]
    fn what_no_encoder_writes_is_refused() {
        for text in ["&", "&A-", "a&APw", "&AGE-", "\u{fc}", "&!!!-", "&U,BTFw-&ZeVnLIqe-"] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }
}
