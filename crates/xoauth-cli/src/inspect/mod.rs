//! What a text is that somebody pasted. No secret in it is ever shown.

pub(crate) mod jwt;
mod pasted;
mod refusal;
pub(crate) mod sasl;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;
use xoauth::sasl::ErrorChallenge;

use crate::output::one_line;
use crate::rules::{self, Evidence, Kind, Rule, Source, by_id, diagnose, enhanced_code};

/// What was found out about a text.
#[derive(Debug, Default)]
pub(crate) struct Finding {
    /// A word for programs: `challenge`, `sasl`, `jwt`, `reply`, `endpoint`, `rule`, `token`.
    pub(crate) kind: &'static str,
    /// A sentence for people.
    pub(crate) what: String,
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) notes: Vec<String>,
    pub(crate) rule: Option<&'static Rule>,
    /// A server refused something.
    refusal: bool,
}

/// Lenient: servers leave the padding out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Says what a text is; `None` where nothing is recognised. Of several lines, such as a report or a conversation, that one
/// counts which tells most: one that a rule knows, or else the last refusal.
pub(crate) fn explain(text: &str) -> Option<Finding> {
    let whole = explain_one(text);
    let is_telling = whole.as_ref().is_some_and(|f| f.rule.is_some() || f.kind != "reply");
    if is_telling || text.trim().lines().count() <= 1 {
        return whole;
    }
    let mut lines: Vec<Finding> = text.lines().filter_map(explain_one).collect();
    let ruled = lines.iter().position(|finding| finding.rule.is_some());
    match ruled.or(lines.iter().rposition(|finding| finding.refusal)) {
        Some(at) => Some(lines.swap_remove(at)),
        None => whole.or_else(|| lines.into_iter().next()),
    }
}

fn explain_one(text: &str) -> Option<Finding> {
    let text = pasted::said(text);
    if let Some(rule) = by_id(text) {
        let what = format!("The rule {}", rule.id);
        return Some(Finding { kind: "rule", what, rule: Some(rule), ..Finding::default() });
    }
    json(text)
        .or_else(|| jwt::explain(text))
        .or_else(|| sasl::explain(text))
        .or_else(|| pasted::without_credentials(text))
        .or_else(|| dialogue(text))
        .or_else(|| encoded(text))
        .or_else(|| reply(text))
        .or_else(|| microsoft(text))
        .or_else(|| refusal::explain(text))
        .or_else(|| code_alone(text))
        .or_else(|| raw_token(text))
}

/// A document: a SASL challenge, or the answer of a token endpoint.
fn json(text: &str) -> Option<Finding> {
    let document: Value = serde_json::from_str(text).ok().filter(Value::is_object)?;
    let rule = diagnose(&Evidence::from_text(text));
    if document.get("access_token").is_some() {
        let what = "A token endpoint's answer with a token (not shown)".to_owned();
        return Some(Finding { kind: "endpoint", what, ..Finding::default() });
    }
    if let Some(said) = pasted::said_as_json(&document) {
        return explain_one(said);
    }
    let member = |name| document.get(name).and_then(Value::as_str).map(one_line);
    if let Some(error) = member("error") {
        let what = "A token endpoint's refusal".to_owned();
        let known = aadsts(text).filter(|_| rule.is_none());
        let note = match known {
            Some(number) => Some(explained_by_microsoft(number)),
            None if rule.is_none() => refusal::meaning(&error),
            None => None,
        };
        let notes = note.into_iter().collect();
        let mut facts = vec![("error", error)];
        facts.extend(member("error_description").map(|text| ("description", text)));
        return Some(Finding { kind: "endpoint", what, facts, notes, rule, ..Finding::default() });
    }
    challenge(text.as_bytes(), "A server's failure challenge (JSON)", rule)
}

fn challenge(octets: &[u8], what: &str, rule: Option<&'static Rule>) -> Option<Finding> {
    let challenge = ErrorChallenge::parse(octets);
    challenge.status().or(challenge.scope()).or(challenge.schemes())?;
    let facts = challenge.members().map(|(name, value)| (name, one_line(&value))).collect();
    let mut notes = Vec::new();
    if rule.is_none() {
        let unknown =
            "the server says why it refuses; the final answer comes after the client's reply";
        notes.push(sentence(rules::advice(&challenge).unwrap_or(unknown)));
    }
    Some(Finding {
        kind: "challenge",
        what: what.to_owned(),
        facts,
        notes,
        rule,
        ..Finding::default()
    })
}

/// With a capital in front and a full stop behind.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

/// A line of a dialogue with base64 behind it: `334 …`, `+ …`, `AUTH XOAUTH2 …`.
fn dialogue(text: &str) -> Option<Finding> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let behind = match words.as_slice() {
        ["334" | "+", rest] => rest,
        [auth, _, rest] if auth.eq_ignore_ascii_case("AUTH") => rest,
        [_, auth, _, rest] if auth.eq_ignore_ascii_case("AUTHENTICATE") => rest,
        _ => return None,
    };
    let mut finding = encoded(behind)?;
    finding.notes.insert(0, format!("sent on the line of `{}`", words.first().unwrap_or(&"")));
    Some(finding)
}

/// Base64 of something known, perhaps twice.
fn encoded(text: &str) -> Option<Finding> {
    let decoded = decode(text)?;
    if decoded == b"\x01" {
        let what =
            "The client's answer to a failure challenge (RFC 7628 3.2.3): one octet 01".to_owned();
        return Some(Finding { kind: "sasl", what, ..Finding::default() });
    }
    let inner = String::from_utf8(decoded).ok()?;
    if serde_json::from_str::<Value>(inner.trim()).is_ok_and(|document| document.is_object()) {
        let rule = diagnose(&Evidence::from_text(&inner));
        return challenge(inner.as_bytes(), "A server's failure challenge (base64 JSON)", rule);
    }
    if let Some(finding) = sasl::explain(&inner) {
        return Some(finding);
    }
    let mut finding =
        decode(&inner).and_then(|twice| sasl::explain(&String::from_utf8(twice).ok()?))?;
    finding.notes.push("It was encoded as base64 twice; servers expect it once.".to_owned());
    finding.rule = by_id("sasl-argument");
    Some(finding)
}

/// Base64 of either alphabet (RFC 4648 4 and 5), on any number of lines.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let letters = text.chars().filter(|c| !c.is_ascii_whitespace()).map(|c| match c {
        '-' => '+',
        '_' => '/',
        c => c,
    });
    let text: String = letters.collect();
    if text.is_empty() { None } else { LENIENT.decode(text).ok() }
}

/// A line of a server or of a token endpoint.
fn reply(text: &str) -> Option<Finding> {
    let evidence = Evidence::from_text(text);
    let rule = diagnose(&evidence);
    let (what, note) = match (evidence.source, evidence.kind, evidence.code) {
        (_, Kind::Bad, _) => (
            "An IMAP server's BAD",
            "BAD means the syntax or the mechanism, never the token: renewing does not help.",
        ),
        // RFC 9051 7.1: the text is to be shown to the user.
        (_, Kind::No, _) if evidence.response_code() == Some("alert") => (
            "An IMAP server's NO",
            "An ALERT is for the user: read what it says and do that; a new token helps only where it says so.",
        ),
        (_, Kind::No, _) if !evidence.is_about_credentials() => (
            "An IMAP server's NO",
            "Its code says what is in the way, and that is not the credentials: the same may work later, or elsewhere.",
        ),
        (_, Kind::No, _) => (
            "An IMAP server's NO",
            "NO means the credentials: renew the token once, then sign in again.",
        ),
        (_, Kind::Bye, _) => ("An IMAP server's BYE", "The server ended the session: reconnect."),
        (_, Kind::Ok, _) => ("An IMAP server's OK", "The command succeeded."),
        (Source::Smtp, _, Some(400..=499)) => {
            ("An SMTP server's temporary refusal", "The same may work later.")
        }
        (Source::Smtp, _, Some(535)) => (
            "An SMTP server's refusal of a login",
            "The credentials were judged and refused: renew the token once, then sign in again.",
        ),
        (Source::Smtp, _, Some(500..=599)) => {
            ("An SMTP server's refusal", "The same will not work again.")
        }
        (Source::Smtp, _, Some(_)) => ("An SMTP server's reply", "No refusal."),
        _ => (rule.map(|_| "A text of a server or a token endpoint")?, ""),
    };
    let mut finding = Finding { kind: "reply", what: what.to_owned(), rule, ..Finding::default() };
    finding.refusal = matches!(evidence.kind, Kind::No | Kind::Bad | Kind::Bye)
        || matches!(evidence.code, Some(400..=599));
    if let Some(code) = evidence.code {
        finding.facts.push(("code", code.to_string()));
    }
    if let Some((class, subject, detail)) = evidence.enhanced {
        finding.facts.push(("enhanced code", format!("{class}.{subject}.{detail}")));
    }
    if rule.is_none() && !note.is_empty() {
        finding.notes.push(note.to_owned());
    }
    Some(finding)
}

/// An enhanced status code without its line: `5.7.139`.
fn code_alone(text: &str) -> Option<Finding> {
    let (class @ (4 | 5), subject, _) = enhanced_code(text)? else { return None };
    // As a refused login has it: what else has this code is told by more than the code.
    let rule = diagnose(&Evidence::from_text(&format!("535 {text} ")));
    let note = match (text, class, subject) {
        ("5.7.139", ..) => {
            "Microsoft says why behind it: `SmtpClientAuthentication is disabled` is ms-smtp-auth-disabled, `basic \
             authentication is disabled` is ms-basic-disabled."
        }
        (_, 4, _) => "Temporary (RFC 3463): the same may work later.",
        (_, _, 7) => {
            "A refusal by policy, credentials included (RFC 3463). The line it stood in says more."
        }
        _ => "A refusal for good (RFC 3463). The line it stood in says more.",
    };
    let what = format!("An SMTP server's enhanced status code, {text}");
    let notes = if rule.is_some() { Vec::new() } else { vec![note.to_owned()] };
    Some(Finding { kind: "reply", what, notes, rule, ..Finding::default() })
}

/// An error of Microsoft's that no rule knows: `AADSTS50076`, in whatever text.
fn microsoft(text: &str) -> Option<Finding> {
    let number = aadsts(text)?;
    Some(Finding {
        kind: "endpoint",
        what: format!("A refusal of Microsoft's token endpoint, AADSTS{number}"),
        notes: vec![explained_by_microsoft(number)],
        ..Finding::default()
    })
}

/// The number of an error of Microsoft's.
pub(crate) fn aadsts(text: &str) -> Option<&str> {
    let (_, behind) = text.split_once("AADSTS")?;
    let end = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
    behind.get(..end).filter(|number| (4..=9).contains(&number.len()))
}

/// What to say of a number that no rule knows.
pub(crate) fn explained_by_microsoft(number: &str) -> String {
    format!(
        "No rule knows it. Microsoft explains it: https://login.microsoftonline.com/error?code={number}"
    )
}

/// A token by itself, which is not what a server expects.
fn raw_token(text: &str) -> Option<Finding> {
    let from = if text.starts_with("ya29.") {
        "Google"
    } else if text.starts_with("EwB") && text.len() > 200 {
        "Microsoft (a personal account)"
    } else {
        return None;
    };
    let what = format!("An access token of {from}, {} octets, not shown", text.len());
    let notes = vec!["By itself it is no SASL string: `xoauth string` makes one of it.".to_owned()];
    Some(Finding { kind: "token", what, notes, ..Finding::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_recognised() {
        let table = [
            (
                "eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==",
                "challenge",
                Some("gmail-scope"),
            ),
            (
                "334 eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==",
                "challenge",
                Some("gmail-scope"),
            ),
            (
                "+ eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K",
                "challenge",
                None,
            ),
            // Without its padding.
            ("eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiQmVhcmVyIn0", "challenge", None),
            (
                "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==",
                "sasl",
                None,
            ),
            ("AUTH XOAUTH2 dXNlcj1hQGIuYwFhdXRoPUJlYXJlciB0AQE=", "sasl", None),
            ("a1 AUTHENTICATE XOAUTH2 dXNlcj1hQGIuYwFhdXRoPUJlYXJlciB0AQE=", "sasl", None),
            ("ZFhObGNqMWhRR0l1WXdGaGRYUm9QVUpsWVhKbGNpQjBBUUU9", "sasl", Some("sasl-argument")),
            ("AQ==", "sasl", None),
            (
                "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB",
                "sasl",
                None,
            ),
            ("535 5.7.8 Username and Password not accepted", "reply", None),
            ("454 4.7.0 Too many login attempts", "reply", None),
            ("a1 NO AUTHENTICATE failed.", "reply", Some("ms-authenticate-failed")),
            ("ms-hve", "rule", Some("ms-hve")),
            ("AADSTS65001: not consented", "reply", Some("aadsts-65001")),
            (r#"{"error":"invalid_grant"}"#, "endpoint", Some("google-invalid-grant")),
            ("AADSTS50076", "endpoint", None),
            (
                "xoauth: imap: authentication refused: NO AUTHENTICATE failed.",
                "reply",
                Some("ms-authenticate-failed"),
            ),
            (
                "xoauth: token: oauth2.googleapis.com refused: invalid_grant: Token has been revoked.",
                "reply",
                Some("google-invalid-grant"),
            ),
            ("xoauth: smtp: refused: 535 5.7.3 no", "reply", Some("ms-smtp-unsuccessful")),
            (
                "xoauth: imap: authentication refused: NO AUTHENTICATE failed.\ncause: x [y]",
                "reply",
                Some("ms-authenticate-failed"),
            ),
            (
                r#"{"error":{"exit":77,"server":"535 5.7.3 no"},"v":1}"#,
                "reply",
                Some("ms-smtp-unsuccessful"),
            ),
            (
                "  FAIL  auth       NO AUTHENTICATE failed., 12 ms",
                "reply",
                Some("ms-authenticate-failed"),
            ),
            (
                "imap  h:993\n  ok    connect    1.2.3.4\n  FAIL  auth       535 5.7.3 no, 3 ms\n",
                "reply",
                Some("ms-smtp-unsuccessful"),
            ),
            ("AUTHENTICATE failed.", "reply", Some("ms-authenticate-failed")),
            ("error=invalid_grant", "reply", Some("google-invalid-grant")),
            ("the endpoint says \"invalid_grant\"", "reply", Some("google-invalid-grant")),
            ("C: a1 AUTHENTICATE XOAUTH2 <redacted 80 bytes>", "sasl", None),
            ("C: AUTH OAUTHBEARER <redacted 80 bytes>", "sasl", None),
            ("C: a1 AUTHENTICATE XOAUTH2 <secret>", "sasl", None),
            ("C: <secret>", "sasl", None),
            ("a1 AUTHENTICATE XOAUTH2", "sasl", None),
            ("5.7.139", "reply", None),
            ("5.7.3", "reply", Some("ms-smtp-unsuccessful")),
            ("5.5.127", "reply", Some("ms-hve")),
            ("4.7.0", "reply", None),
            ("oops: AADSTS50076: Due to a configuration change", "endpoint", None),
            ("ya29.a0AfH6", "token", None),
            (
                "eyJhbGciOiJub25lIn0.eyJhdWQiOiJodHRwczovL291dGxvb2sub2ZmaWNlLmNvbSIsImV4cCI6MX0.c2ln",
                "jwt",
                None,
            ),
        ];
        for (text, kind, rule) in table {
            let finding = explain(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(finding.kind, kind, "{text}");
            assert_eq!(finding.rule.map(|rule| rule.id), rule, "{text}");
        }
        let trace = "S: * OK [CAPABILITY IMAP4rev1] hello\nC: a1 AUTHENTICATE XOAUTH2 <secret>\n\
                     S: + <56 octets>\nC: <secret>\nS: a1 NO [AUTHENTICATIONFAILED] no\n";
        assert_eq!(explain(trace).unwrap().what, "An IMAP server's NO");
        for (text, meaning) in [
            ("invalid_client", "The server does not know the client"),
            ("error=insufficient_scope", "The token is good, but lacks the scope: "),
            ("access_denied", "The user, or an administrator"),
            ("Error 400: redirect_uri_mismatch", "The redirect of the request is not registered"),
            ("oauth_problem=signature_invalid", "The signature differs"),
            ("oauth_problem=parameter_absent&oauth_parameters_absent=x", "The request lacks"),
            ("http://localhost/?error=access_denied&state=x", "The user, or an administrator"),
            (r#"{"error":"invalid_client"}"#, "The server does not know the client"),
            ("xoauth: token: h.example refused: unauthorized_client: no", "This client may not"),
            ("xoauth: token: h.example refused: invalid_client: no", "The server does not know"),
        ] {
            let finding = explain(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((finding.kind, finding.rule.map(|rule| rule.id)), ("endpoint", None));
            assert!(finding.notes[0].starts_with(meaning), "{finding:?}");
        }
        let report = "the page says invalid_client
FAIL  auth       535 5.7.3 no
";
        assert_eq!(explain(report).unwrap().rule.map(|rule| rule.id), Some("ms-smtp-unsuccessful"));
        let finding = explain("a1 NO [ALERT] IMAP access is disabled for your domain.").unwrap();
        assert!(finding.notes[0].starts_with("An ALERT is for the user"), "{finding:?}");
        assert_eq!(explain(r#"{"error":"odd"}"#).unwrap().notes.len(), 0);
        for (status, meaning) in [
            ("400", "The token was refused: "),
            ("invalid_token", "The token was refused: "),
            ("insufficient_scope", "The token is good, but lacks the scope: "),
            ("403", "The token is good, but lacks the scope: "),
            ("503", "The server cannot judge tokens at the moment: "),
            ("500 things", "The server says why it refuses; "),
        ] {
            let document = format!(r#"{{"status":"{status}","scope":"mail"}}"#);
            let finding = explain(&document).unwrap();
            assert!(finding.notes[0].starts_with(meaning), "{finding:?}");
        }
        let reply = "535-5.7.8 Username and Password not accepted.\n535 5.7.8 x";
        assert_eq!(explain(reply).unwrap().what, "An SMTP server's refusal of a login");
        for text in [
            "S: a1 NO AUTHENTICATE failed.",
            "C: a1 AUTHENTICATE XOAUTH2 dXNlcj1hQGIuYwFhdXRoPUJlYXJlciB0AQE=",
            "S: 535 5.7.3 no",
        ] {
            assert!(explain(text).is_some(), "{text}");
        }
        let more = explain(r#"{"error":"invalid_grant","error_description":"AADSTS50076: x"}"#);
        assert!(more.unwrap().notes[0].ends_with("error?code=50076"));
        for code in ["UNAVAILABLE", "LIMIT", "INUSE", "NONEXISTENT", "OVERQUOTA 1"] {
            let finding = explain(&format!("a1 NO [{code}] no")).unwrap();
            assert!(finding.notes[0].contains("not the credentials"), "{finding:?}");
        }
        for text in ["a1 NO no such user [UNAVAILABLE]", "a1 NO [expired] no", "a1 NO [x no"] {
            let finding = explain(text).unwrap();
            assert!(finding.notes[0].starts_with("NO means the credentials"), "{finding:?}");
        }
        for text in [
            "",
            "hello",
            "the quick brown fox",
            "AAAA",
            "=",
            "12",
            "Bad Request",
            "No refresh token",
            "invalid_clients Bad Request",
            "401 Unauthorized",
            "AADSTS",
            "2.1.5",
            "5.7",
            "5.7.1.2",
            "AADSTSx1234",
            "xoauth: config: no account",
            "404 Not Found",
            "auth failed",
            "a1 NOOP",
            "not_invalid_grant",
            "FAIL",
            "<redacted many bytes>",
            "hello\nworld",
        ] {
            assert!(explain(text).is_none(), "{text}");
        }
    }

    #[test]
    fn no_token_is_shown() {
        for text in [
            "user=a@b.c\u{1}auth=Bearer s3cr3t-t0k3n\u{1}\u{1}",
            "n,a=a@b.c,\u{1}auth=Bearer s3cr3t-t0k3n\u{1}\u{1}",
            r#"{"access_token":"s3cr3t-t0k3n"}"#,
        ] {
            let finding = explain(text).unwrap();
            assert!(!format!("{finding:?}").contains("s3cr3t"), "{finding:?}");
        }
    }
}
