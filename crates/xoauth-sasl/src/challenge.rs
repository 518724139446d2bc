//! The server's reason for refusing.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::Mask;
use crate::wire::{Excerpt, escape_into};

/// The error document that a server sends as a challenge when it refuses (RFC 7628 3.2.2; XOAUTH2
/// has the same with other values).
///
/// Every member is optional here: servers leave some out, send others as numbers, add their own.
/// What is no JSON object is kept as [octets](ErrorChallenge::raw). The server alone decides what
/// it says; `401` and `400` both stand for a bad token.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ErrorChallenge {
    raw: Vec<u8>,
    is_json: bool,
    status: Option<String>,
    schemes: Option<String>,
    scope: Option<String>,
    openid_configuration: Option<String>,
    unknown_members: usize,
}

impl ErrorChallenge {
    /// How many octets of a document are kept, and how long one may be to be read as JSON.
    pub const LIMIT: usize = 4096;

    /// Reads a decoded challenge; whatever it is, something is kept of it.
    #[must_use]
    pub fn parse(octets: &[u8]) -> Self {
        Self::masked(octets, &Mask::default())
    }

    /// As [`parse`](ErrorChallenge::parse), without our secrets. They are taken out before the document is read, whose reader
    /// makes copies that nobody wipes.
    pub(crate) fn masked(octets: &[u8], mask: &Mask) -> Self {
        let raw = mask.apply(octets);
        let raw = raw.get(..Self::LIMIT).unwrap_or(&raw).to_vec();
        let mut challenge = Self { raw, ..Self::default() };
        if octets.len() > Self::LIMIT {
            return challenge;
        }
        // A shorter secret may be a word of the document's own: its members are masked once they are known.
        let document = mask.without_short().apply(octets);
        let Ok(Value::Object(members)) = serde_json::from_slice(&document) else {
            return challenge;
        };
        challenge.is_json = true;
        for (name, value) in members {
            let slot = match name.as_str() {
                "status" => &mut challenge.status,
                "schemes" => &mut challenge.schemes,
                "scope" => &mut challenge.scope,
                "openid-configuration" => &mut challenge.openid_configuration,
                _ => {
                    challenge.unknown_members += 1;
                    continue;
                }
            };
            let text = match value {
                Value::String(text) => Some(Zeroizing::new(text)),
                Value::Number(number) => Some(Zeroizing::new(number.to_string())),
                _ => None,
            };
            *slot =
                text.map(|text| String::from_utf8_lossy(&mask.apply(text.as_bytes())).into_owned());
        }
        challenge
    }

    /// The error code: `invalid_token` and its like from the mechanisms of RFC 7628, an HTTP
    /// status such as `401` from XOAUTH2.
    #[must_use]
    pub fn status(&self) -> Option<&str> {
        self.status.as_deref()
    }

    /// The authentication schemes the server takes, separated by spaces: `bearer mac`.
    #[must_use]
    pub fn schemes(&self) -> Option<&str> {
        self.schemes.as_deref()
    }

    /// The scope that a token needs.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// The URL of a document that says where tokens are issued. It comes from a server that has
    /// not accepted us yet: decide before fetching it.
    #[must_use]
    pub fn openid_configuration(&self) -> Option<&str> {
        self.openid_configuration.as_deref()
    }

    /// Whether it was a JSON object.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// How many further members the document has.
    #[must_use]
    pub fn unknown_members(&self) -> usize {
        self.unknown_members
    }

    /// The decoded challenge, at most [`LIMIT`](ErrorChallenge::LIMIT) octets of it. Control
    /// characters are still in it.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Whether the refusal can be about the token. `insufficient_scope` and `invalid_request` (RFC 6750 3.1),
    /// their HTTP status 403, and those of a judge that is down, 5xx, stand however new a token is; every
    /// other status, and none, may mean a bad one.
    #[must_use]
    pub fn may_mean_token(&self) -> bool {
        let status = self.status().unwrap_or_default().trim();
        let is_down = status.len() == 3 && status.starts_with('5');
        !is_down && !matches!(status, "insufficient_scope" | "invalid_request" | "403")
    }

    /// The members that the document has, by name, with control characters escaped.
    pub fn members(&self) -> impl Iterator<Item = (&'static str, String)> {
        let members = [
            ("status", &self.status),
            ("schemes", &self.schemes),
            ("scope", &self.scope),
            ("openid-configuration", &self.openid_configuration),
        ];
        members.into_iter().filter_map(|(name, value)| {
            let mut text = String::new();
            escape_into(value.as_deref()?.as_bytes(), &mut text);
            Some((name, text))
        })
    }
}

impl fmt::Display for ErrorChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (name, text) in self.members() {
            write!(f, "{separator}{name} '{text}'")?;
            separator = ", ";
        }
        if separator.is_empty() {
            write!(f, "error challenge '{}'", Excerpt::new(&self.raw, &Mask::default()))?;
        }
        Ok(())
    }
}

impl fmt::Debug for ErrorChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut members = f.debug_struct("ErrorChallenge");
        for (name, text) in self.members() {
            members.field(name, &text);
        }
        members.field("raw", &Excerpt::new(&self.raw, &Mask::default())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_has_what_was_understood() {
        let shown = format!("{:?}", ErrorChallenge::parse(br#"{"status":"401"}"#));
        assert!(shown.starts_with("ErrorChallenge { ") && shown.contains("401"), "{shown}");
    }
    use alloc::format;
    use alloc::vec;

    #[test]
    fn a_new_token_helps_only_where_the_token_was_refused() {
        let cases = [
            (r#"{"status":"invalid_token"}"#, true),
            (r#"{"status":"401"}"#, true),
            (r#"{"status":400}"#, true),
            (r#"{"schemes":"bearer"}"#, true),
            ("no document", true),
            (r#"{"status":"insufficient_scope"}"#, false),
            (r#"{"status":"invalid_request"}"#, false),
            (r#"{"status":403}"#, false),
            (r#"{"status":"503"}"#, false),
        ];
        for (document, expected) in cases {
            let challenge = ErrorChallenge::parse(document.as_bytes());
            assert_eq!(challenge.may_mean_token(), expected, "{document}");
        }
    }

    #[test]
    fn documents_of_real_servers_are_read() {
        // document, status, schemes, scope, openid-configuration, further members
        type Case<'a> =
            (&'a str, Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<&'a str>, usize);
        let cases: [Case<'_>; 9] = [
            (
                "{\"status\":\"401\",\"schemes\":\"bearer mac\",\"scope\":\"https://mail.google.com/\"}\n",
                Some("401"),
                Some("bearer mac"),
                Some("https://mail.google.com/"),
                None,
                0,
            ),
            (
                r#"{"status":"invalid_token","openid-configuration":"https://e.com/x"}"#,
                Some("invalid_token"),
                None,
                None,
                Some("https://e.com/x"),
                0,
            ),
            (
                r#"{"status":"invalid_request","scope":"https:\/\/mail.google.com\/"}"#,
                Some("invalid_request"),
                None,
                Some("https://mail.google.com/"),
                None,
                0,
            ),
            (r#" { "status" : 401 } "#, Some("401"), None, None, None, 0),
            (r#"{"scope":null,"status":{"a":[1]},"schemes":["x"]}"#, None, None, None, None, 0),
            (r#"{"status":"400","error":"x","hint":{}}"#, Some("400"), None, None, None, 2),
            (r#"{"status":"1","status":"2"}"#, Some("2"), None, None, None, 0),
            (r#"{"openid-config":"x"}"#, None, None, None, None, 1),
            ("{}", None, None, None, None, 0),
        ];
        for (document, status, schemes, scope, openid, unknown) in cases {
            let read = ErrorChallenge::parse(document.as_bytes());
            assert!(read.is_json(), "{document}");
            assert_eq!(read.status(), status, "{document}");
            assert_eq!(read.schemes(), schemes, "{document}");
            assert_eq!(read.scope(), scope, "{document}");
            assert_eq!(read.openid_configuration(), openid, "{document}");
            assert_eq!(read.unknown_members(), unknown, "{document}");
            assert_eq!(read.raw(), document.as_bytes());
        }
    }

    #[test]
    fn what_is_no_document_is_kept_as_octets() {
        let deep = "[".repeat(2000);
        let cases: [&[u8]; 9] = [
            b"",
            b"Temporary failure",
            b"401",
            b"\"401\"",
            b"[{}]",
            b"{\"status\":\"401\"",
            b"{\"status\":\"401\"} x",
            b"{\"status\":\"\xff\"}",
            deep.as_bytes(),
        ];
        for octets in cases {
            let read = ErrorChallenge::parse(octets);
            assert!(!read.is_json());
            assert_eq!(read.status(), None);
            assert_eq!(read.raw(), octets);
        }
    }

    #[test]
    fn secrets_are_taken_out_before_the_document_is_read() {
        let secret = "ya29.vF9/dft4";
        let mut mask = Mask::default();
        mask.add(secret);
        mask.add("bearer");
        // A word of the document's own stays one.
        mask.add("status");
        let units: String = secret.chars().map(|c| format!("\\u{:04X}", u32::from(c))).collect();
        for told in [secret, &secret.replace('/', "\\/"), &units, &format!("{units}{secret}")] {
            let document = format!(
                r#"{{"status":"401","scope":"a {told}\n","{told}":["{told}"],"schemes":"bearer"}}"#
            );
            let read = ErrorChallenge::masked(document.as_bytes(), &mask);
            assert_eq!(read.status(), Some("401"), "{document}");
            assert_eq!(read.scope(), Some("a [secret]\n"));
            assert_eq!(read.schemes(), Some("[secret]"));
            assert_eq!(read.unknown_members(), 1);
            let raw = String::from_utf8_lossy(read.raw());
            assert!(raw.contains(r#""scope":"a [secret]\n","[secret]":["[secret]"]"#), "{raw}");
            // What is not read as a document may have escapes too, wherever its quotation marks are.
            let long = format!(r#"{{"scope":"{told}","pad":"{}"}}"#, "x".repeat(4096));
            for text in [long, format!(r#"x" {{"scope":"{told}"}}"#), format!("x {told}")] {
                let read = ErrorChallenge::masked(text.as_bytes(), &mask);
                assert!(!read.is_json(), "{text}");
                let raw = String::from_utf8_lossy(read.raw());
                assert!(raw.contains("[secret]") && !raw.contains(told), "{raw}");
            }
        }
    }

    #[test]
    fn long_documents_are_bounded() {
        let document = |length: usize| format!("{{\"scope\":\"{}\"}}", "x".repeat(length - 12));
        let longest = ErrorChallenge::parse(document(4096).as_bytes());
        assert_eq!(longest.scope().map(str::len), Some(4084));
        let longer = ErrorChallenge::parse(document(4097).as_bytes());
        assert!(!longer.is_json());
        assert_eq!(longer.raw().len(), 4096);
        let deep = vec![b'['; 4096];
        assert!(!ErrorChallenge::parse(&deep).is_json());
    }

    #[test]
    fn shown_text_cannot_steer_a_terminal() {
        let cases: [(&[u8], &str); 4] = [
            (
                br#"{"status":"401","scope":"a\u001b[2J\r\n"}"#,
                r"status '401', scope 'a\x1b[2J\r\n'",
            ),
            (b"\x1b[2J", r"error challenge '\x1b[2J'"),
            (b"{}", "error challenge '{}'"),
            (b"", "error challenge ''"),
        ];
        for (octets, expected) in cases {
            let read = ErrorChallenge::parse(octets);
            assert_eq!(read.to_string(), expected);
            assert!(!format!("{read:?}").contains('\x1b'));
        }
    }
}
