//! What a client sent to log in, learned from its lines: a signature is known to nobody beforehand.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use xoauth::sasl::oauth1::{percent_decode, percent_encode};

/// A login as it stood on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// The client's message, in base64.
    pub(super) message: String,
    /// The OAuth 1.0a signature in it, percent-encoded as it stands there; empty where there is none.
    pub(super) encoded: String,
    /// The signature itself.
    pub(super) signature: String,
}

/// What stands in front of a signature.
const SIGNATURE: &str = "oauth_signature=\"";
/// What only the message of a login holds, of whichever mechanism.
const MARKS: [&str; 2] = [SIGNATURE, "auth=Bearer "];

impl Sent {
    /// The login in a line of a client, with its command or alone.
    pub(super) fn of_line(line: &str) -> Option<Self> {
        let message = line.rsplit(' ').next()?;
        let decoded = String::from_utf8(STANDARD.decode(message).ok()?).ok()?;
        if !MARKS.iter().any(|mark| decoded.contains(mark)) {
            return None;
        }
        let encoded = decoded.split(SIGNATURE).nth(1).and_then(|rest| rest.split('"').next());
        let encoded = encoded.unwrap_or_default();
        Some(Self {
            message: message.to_owned(),
            encoded: encoded.to_owned(),
            signature: percent_decode(encoded).ok()?.into_owned(),
        })
    }

    /// What of it may be seen nowhere.
    pub(super) fn secrets(self) -> impl Iterator<Item = String> {
        [self.message, self.encoded, self.signature].into_iter().filter(|text| !text.is_empty())
    }

    /// A name in the script of a server that repeats it: `None` for another one, and where the login has no signature.
    pub(super) fn value(&self, name: &[u8]) -> Option<String> {
        let value = match name {
            b"message" => self.message.clone(),
            _ if self.signature.is_empty() => return None,
            b"signature" => self.signature.clone(),
            b"signature_percent" => self.encoded.clone(),
            b"signature_base64" => STANDARD.encode(&self.signature),
            // As a base string has it.
            b"signature_percent_twice" => percent_encode(&self.encoded).into_owned(),
            b"signature_percent_base64" => STANDARD.encode(format!("x{}", self.encoded)),
            b"signature_hex" => {
                self.signature.bytes().map(|octet| format!("{octet:02x}")).collect()
            }
            // What was decoded, with something before it, encoded again.
            b"message_again" => {
                let decoded = STANDARD.decode(&self.message).unwrap_or_default();
                STANDARD.encode([b"x", decoded.as_slice()].concat())
            }
            b"message_decoded" => {
                let decoded = STANDARD.decode(&self.message).unwrap_or_default();
                String::from_utf8_lossy(&decoded).replace('\u{1}', "^")
            }
            b"document" => {
                let Self { message, encoded, signature } = self;
                STANDARD.encode(format!(
                    r#"{{"status":"401","scope":"{signature}","{encoded}":"{message}"}}"#
                ))
            }
            _ => return None,
        };
        Some(value).filter(|value| !value.is_empty())
    }

    /// Whether a name in a script is one of a login's.
    pub(super) fn is_name(name: &[u8]) -> bool {
        name == b"document" || name.starts_with(b"message") || name.starts_with(b"signature")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_known_by_its_line() {
        let message =
            STANDARD.encode("n,,\u{1}auth=OAuth a=\"b\",oauth_signature=\"a%2Fb%3D\"\u{1}\u{1}");
        for line in [format!("a1 AUTHENTICATE OAUTH10A {message}"), message.clone()] {
            let sent = Sent::of_line(&line).unwrap();
            assert_eq!((sent.encoded.as_str(), sent.signature.as_str()), ("a%2Fb%3D", "a/b="));
            assert_eq!(sent.value(b"message"), Some(message.clone()));
            assert_eq!(sent.value(b"signature_base64").as_deref(), Some("YS9iPQ=="));
            assert_eq!(sent.value(b"signature_hex").as_deref(), Some("612f623d"));
            assert_eq!(sent.value(b"tag"), None);
            assert_eq!(sent.secrets().count(), 3);
        }
        let bearer = STANDARD.encode("user=a\u{1}auth=Bearer x\u{1}\u{1}");
        let sent = Sent::of_line(&bearer).unwrap();
        assert_eq!((sent.value(b"message"), sent.value(b"signature")), (Some(bearer), None));
        for line in ["", "a1 NOOP", "AQ==", "a1 LOGIN user aGVsbG8="] {
            assert_eq!(Sent::of_line(line), None, "{line}");
        }
    }
}
