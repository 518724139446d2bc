//! What people paste is more than a server said: lines of this command, of a trace, of a report.

use serde_json::Value;

use super::Finding;
use crate::account::MECHANISMS;

/// What was said, without what this command, or another that shows conversations, has in front of it.
pub(super) fn said(text: &str) -> &str {
    let text = text.trim();
    let sides = ["S: ", "C: ", "< ", "> "];
    let text = sides.iter().find_map(|side| text.strip_prefix(side)).unwrap_or(text);
    failed_step(text).or_else(|| own_message(text)).unwrap_or(text)
}

/// A line of `check`: `FAIL  auth       535 5.7.3 no, 12 ms`.
fn failed_step(text: &str) -> Option<&str> {
    let (_step, said) = text.strip_prefix("FAIL ")?.trim_start().split_once(' ')?;
    let said = said.trim_start();
    let untimed = said.strip_suffix(" ms").and_then(|said| said.rsplit_once(", "));
    let untimed = untimed.filter(|(_, ms)| ms.bytes().all(|octet| octet.is_ascii_digit()));
    Some(untimed.map_or(said, |(said, _)| said))
}

/// What a server said, within what this command said of it: `xoauth: imap: authentication refused: NO …`.
fn own_message(text: &str) -> Option<&str> {
    // What comes below is what this command adds.
    let message = text.lines().next()?.strip_prefix("xoauth: ")?;
    let mut parts = message.match_indices(": ").filter_map(|(at, _)| message.get(at + 2..));
    parts.find(|part| {
        let word = part.split([' ', '-', ':']).next().unwrap_or_default();
        let is_code = word.len() == 3 && word.bytes().all(|octet| octet.is_ascii_digit());
        is_code || matches!(word, "NO" | "BAD" | "BYE") || word.starts_with("invalid_")
    })
}

/// What was said, in an error that this command shows with `--json`.
pub(super) fn said_as_json(document: &Value) -> Option<&str> {
    let error = document.get("error")?;
    error.get("server").or_else(|| error.get("message"))?.as_str()
}

/// A line of a login without its message, which `--trace` leaves out, or which has a line of its own.
pub(super) fn without_credentials(text: &str) -> Option<Finding> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let is = |word: &str, name: &str| word.eq_ignore_ascii_case(name);
    let (mechanism, rest) = match words.as_slice() {
        [auth, mechanism, rest @ ..] if is(auth, "AUTH") => (Some(*mechanism), rest),
        [_, auth, mechanism, rest @ ..] if is(auth, "AUTHENTICATE") => (Some(*mechanism), rest),
        rest => (None, rest),
    };
    let is_left_out = match rest {
        ["<secret>"] => true,
        // As others write it.
        ["<redacted", octets, "bytes>"] if octets.parse::<u64>().is_ok() => true,
        [] => false,
        _ => return None,
    };
    let name = mechanism.map(str::to_ascii_uppercase);
    let (what, note) = match (name.filter(|name| MECHANISMS.contains(&name.as_str())), is_left_out)
    {
        (Some(name), true) => {
            (format!("A client's login by {name}, its message left out"), LEFT_OUT)
        }
        (Some(name), false) => (
            format!("A client's login by {name}"),
            "Its message has a line of its own, behind the server's `+` or `334`.",
        ),
        (None, true) if mechanism.is_none() => {
            ("A client's message, left out".to_owned(), LEFT_OUT)
        }
        _ => return None,
    };
    Some(Finding { kind: "sasl", what, notes: vec![note.to_owned()], ..Finding::default() })
}

const LEFT_OUT: &str = "A trace has no credentials. What the server thinks of them is on the next of its lines; \
                        `xoauth string` shows the message itself.";
