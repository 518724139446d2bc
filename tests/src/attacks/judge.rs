//! Compares what happened with what a case wants.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use regex_lite::Regex;
use serde_json::Value;

use super::corpus::{Case, Want};
use super::sent::Sent;
use super::server::Record;
use super::subject::Course;
use crate::player::text;
use crate::secrets;

/// One run of a case.
pub(super) struct Observed<'a> {
    pub(super) course: &'a Course,
    pub(super) record: &'a Record,
    /// The client closed the connection while it was held; `None` where nobody looked.
    pub(super) closed: Option<bool>,
    /// Addresses that got a connection they must not get.
    pub(super) connected_to: &'a [String],
}

/// How exact the judge is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) secrets: &'a [String],
    /// Times may be longer by this factor.
    pub(super) time_factor: u64,
    pub(super) counts_memory: bool,
}

/// What is wrong with a run; nothing when it is right.
pub(super) fn judge(case: &Case, seen: &Observed<'_>, rules: Rules<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    outcome(case, &seen.course.answer, &mut wrong);
    time_and_memory(case, &seen.course.answer, rules, &mut wrong);
    sent(&case.want, seen.record, &mut wrong);
    data(case, seen.record, &mut wrong);
    leaks(&case.want, seen, rules.secrets, &mut wrong);
    for name in &seen.record.unknown {
        wrong.push(format!("the client sent no login that the server could take {name} from"));
    }
    if seen.closed == Some(false) {
        wrong.push("the client did not close the connection at the error".to_owned());
    }
    if case.want.must_close && seen.course.answer.get("usable") != Some(&Value::Bool(false)) {
        wrong.push("the session calls itself usable".to_owned());
    }
    for address in seen.connected_to {
        wrong.push(format!("{address} got a connection"));
    }
    wrong
}

fn outcome(case: &Case, answer: &Value, wrong: &mut Vec<String>) {
    let outcome = text(answer, "outcome").unwrap_or_default();
    if !case.want.outcome.iter().any(|allowed| allowed == outcome) {
        let error = text(answer, "error").unwrap_or_default();
        wrong.push(format!("outcome {outcome} {error} ({})", display(answer)));
    } else if outcome == "error" && !case.want.error.is_empty() {
        let error = text(answer, "error").unwrap_or_default();
        if !case.want.error.iter().any(|allowed| allowed == error) {
            wrong.push(format!("error `{error}` ({})", display(answer)));
        }
    }
}

fn display(answer: &Value) -> &str {
    text(answer, "display").unwrap_or_default()
}

fn time_and_memory(case: &Case, answer: &Value, rules: Rules<'_>, wrong: &mut Vec<String>) {
    let ms = answer.get("ms").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let most = case.max_ms();
    if ms > most * rules.time_factor {
        wrong.push(format!("took {ms} ms, at most {most} are allowed"));
    }
    if rules.counts_memory {
        let peak = answer.get("peak_heap").and_then(Value::as_u64).unwrap_or(u64::MAX);
        // Whoever connects takes some; what is refused before may take none.
        if peak == 0 && text(answer, "error") != Some("invalid-argument") {
            wrong.push("the heap was not counted".to_owned());
        }
        let most = case.max_heap();
        if peak > most {
            wrong.push(format!("the heap grew by {peak} octets, at most {most} are allowed"));
        }
    }
}

fn sent(want: &Want, record: &Record, wrong: &mut Vec<String>) {
    let lines: Vec<String> =
        record.lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    for pattern in &want.never_send {
        if let Some(line) = lines.iter().find(|line| pattern.is_match(line)) {
            wrong.push(format!("sent {line:?}, which matches {pattern}"));
        }
    }
    let decoded: Vec<String> = lines.iter().flat_map(|line| decoded(line)).collect();
    for part in &want.never_send_decoded {
        if let Some(line) = lines.iter().chain(&decoded).find(|line| line.contains(part)) {
            wrong.push(format!("sent {line:?}, which holds {part:?}"));
        }
    }
    for part in &want.send_decoded {
        if !decoded.iter().any(|line| line.contains(part)) {
            wrong.push(format!("never sent {part:?} in base64"));
        }
    }
    if let Some(pattern) = out_of_order(&want.send_in_order, &lines) {
        wrong.push(format!("no line in its place matches {pattern}: {lines:?}"));
    }
    if want.max_client_lines.is_some_and(|most| lines.len() > most) {
        wrong.push(format!("sent {} lines: {lines:?}", lines.len()));
    }
    if want.one_message {
        let starts = |verb: &str| {
            lines.iter().filter(|line| line.to_ascii_uppercase().starts_with(verb)).count()
        };
        let most_data = starts("DATA").max(starts("MAIL FROM"));
        if most_data > 1 || record.data.len() > 1 || record.connections > 1 {
            wrong.push("sent a message more than once".to_owned());
        }
    }
}

/// The words of a line that are base64, decoded.
fn decoded(line: &str) -> Vec<String> {
    let octets = line
        .split(' ')
        .filter_map(|word| STANDARD.decode(word).or_else(|_| STANDARD_NO_PAD.decode(word)).ok());
    octets.map(|octets| String::from_utf8_lossy(&octets).into_owned()).collect()
}

/// The first pattern that no line behind those of the patterns before it matches.
fn out_of_order<'p>(patterns: &'p [Regex], lines: &[String]) -> Option<&'p Regex> {
    let mut lines = lines.iter();
    patterns.iter().find(|pattern| !lines.any(|line| pattern.is_match(line)))
}

fn data(case: &Case, record: &Record, wrong: &mut Vec<String>) {
    for data in &record.data {
        if case.want.data_no_bare_cr_lf && has_bare_cr_lf(data) {
            wrong.push("the message holds a bare CR or LF".to_owned());
        }
    }
    if let Some(wanted) = &case.want.data_equals_after_unstuff {
        let wanted = if wanted == "@message" { message(case) } else { wanted.clone().into_bytes() };
        match record.data.as_slice() {
            [data] if unstuffed(data) == wanted => {}
            [data] => wrong.push(format!("sent {:?}", String::from_utf8_lossy(data))),
            _ => wrong.push("the server got no message".to_owned()),
        }
    }
}

/// The message that the first `send` gives, ended with CRLF.
fn message(case: &Case) -> Vec<u8> {
    let actions = case.client.get("actions").and_then(Value::as_array);
    let send = actions.into_iter().flatten().find(|action| text(action, "do") == Some("send"));
    let mut message = send.map(crate::player::message).unwrap_or_default();
    if !message.ends_with(b"\r\n") {
        message.extend(b"\r\n");
    }
    message
}

fn has_bare_cr_lf(data: &[u8]) -> bool {
    let mut before = 0;
    let mut octets = data.iter().peekable();
    while let Some(&octet) = octets.next() {
        let bare_lf = octet == b'\n' && before != b'\r';
        let bare_cr = octet == b'\r' && octets.peek() != Some(&&b'\n');
        if bare_lf || bare_cr {
            return true;
        }
        before = octet;
    }
    false
}

/// The message within data: without the final dot, and without the dots that hid others.
fn unstuffed(data: &[u8]) -> Vec<u8> {
    let body = data.strip_suffix(b".\r\n").unwrap_or(data);
    let lines = body.split_inclusive(|&octet| octet == b'\n');
    lines.flat_map(|line| line.strip_prefix(b".").unwrap_or(line)).copied().collect()
}

/// The secrets of the file and those that only the run itself has: how the client logged in.
fn leaks(want: &Want, seen: &Observed<'_>, known: &[String], wrong: &mut Vec<String>) {
    let logins = seen.record.lines.iter();
    let logins = logins.filter_map(|line| Sent::of_line(&String::from_utf8_lossy(line)));
    let secret: Vec<String> = known.iter().cloned().chain(logins.flat_map(Sent::secrets)).collect();
    let secret = secret.as_slice();
    if !want.credentials_in_clear {
        if let Some(found) = secrets::find(&seen.record.clear, secret, secrets::IN_TEXT) {
            wrong.push(format!("sent a secret in the clear ({found})"));
        }
    }
    let answer = &seen.course.answer;
    let list = |name| answer.get(name).and_then(Value::as_array).into_iter().flatten();
    let chain = list("chain").filter_map(Value::as_str);
    let errors: Vec<&str> = [display(answer), text(answer, "debug").unwrap_or_default()]
        .into_iter()
        .chain(chain)
        .collect();
    let surfaced: Vec<&str> = list("surfaced").filter_map(Value::as_str).collect();
    let traced = seen.course.traced.iter().map(String::as_str);
    let texts = errors.iter().copied().chain(traced).map(|text| (text, secrets::IN_TEXT));
    let values = surfaced.iter().map(|value| (*value, secrets::IN_VALUE));
    for (given, least) in texts.chain(values) {
        if let Some(found) = secrets::find(given.as_bytes(), secret, least) {
            wrong.push(format!("a part of a secret ({found}) is in {given:?}"));
        }
    }
    for part in &want.not_in_error {
        if let Some(error) = errors.iter().find(|error| error.contains(part)) {
            wrong.push(format!("{part:?} is in {error:?}"));
        }
    }
    for part in &want.must_not_surface {
        if let Some(value) = surfaced.iter().find(|value| value.contains(part)) {
            wrong.push(format!("{part:?} reached the caller: {value}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_line_ends_are_found() {
        for good in [&b""[..], b"a\r\n", b"\r\n\r\n"] {
            assert!(!has_bare_cr_lf(good), "{good:?}");
        }
        for bad in [&b"\n"[..], b"\r", b"a\r\r\n", b"a\r\n\n", b"\na"] {
            assert!(has_bare_cr_lf(bad), "{bad:?}");
        }
    }

    #[test]
    fn dots_that_hide_others_are_taken_away() {
        assert_eq!(unstuffed(b"..\r\na\r\n..x\r\n.\r\n"), b".\r\na\r\n.x\r\n");
        assert_eq!(unstuffed(b".\r\n"), b"");
    }

    #[test]
    fn a_heap_that_nobody_counted_is_told() {
        let corpus = include_str!("../../data/attacks/corpus.json");
        let corpus = super::super::Corpus::read(corpus).unwrap();
        let case = corpus.cases.first().unwrap();
        let rules = Rules { secrets: &[], time_factor: 1, counts_memory: true };
        let most = case.max_heap();
        for (peak, wrongs) in [(0, 1), (1, 0), (most, 0), (most + 1, 1)] {
            let mut wrong = Vec::new();
            let answer = serde_json::json!({ "ms": 0, "peak_heap": peak });
            time_and_memory(case, &answer, rules, &mut wrong);
            assert_eq!(wrong.len(), wrongs, "{peak}: {wrong:?}");
        }
        let mut wrong = Vec::new();
        time_and_memory(case, &serde_json::json!({ "ms": 0 }), rules, &mut wrong);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
    }

    #[test]
    fn lines_must_come_in_order() {
        let patterns = ["a", "b"].map(|pattern| Regex::new(pattern).unwrap());
        let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        assert!(out_of_order(&patterns, &lines("xaxbx")).is_none());
        assert_eq!(out_of_order(&patterns, &lines("ba")).map(Regex::as_str), Some("b"));
    }
}
