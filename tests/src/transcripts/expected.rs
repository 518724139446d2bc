//! What a play must come to in which the server is cut off, or says something else.
//!
//! That is known from the play without a change, and from those of fewer actions: where such a one takes leave, the
//! next action begins. The play that is judged has no say in it.

use serde_json::Value;

use super::classes::{Rule, structural};
use super::{Change, Course, Transcript, end_of, gist};
use crate::player::{Driver, text};

/// How far a session comes: 0 while it connects, `k + 1` in action `k`, and one more behind the last.
type Progress = usize;

/// What is known of a session before anything in it is changed.
#[derive(Debug)]
pub(super) struct Expected {
    /// The play without a change.
    pub(super) base: Course,
    /// How many actions there are.
    actions: usize,
    /// Where the server's part of each action begins, and where that of the farewell; of a session that is refused, only
    /// as far as it comes. Ascending.
    starts: Vec<usize>,
    /// How many refusals are the error that the session ends in.
    refusals: usize,
    /// The octets that must stay what they are.
    rules: Vec<(usize, Rule)>,
}

impl Expected {
    /// Plays what is needed to know it.
    ///
    /// # Errors
    /// The session does not go as it was recorded, or not by its actions.
    pub(super) fn new(transcript: &Transcript, driver: Driver) -> Result<Self, String> {
        let base = transcript.play(driver, Change::None);
        as_recorded(transcript, &base)?;
        let actions = transcript.actions().len();
        let rules = structural(&base.said, transcript.is_imap());
        let mut expected = Self { actions, starts: Vec::new(), refusals: 0, rules, base };
        let reached = expected.progress(&expected.base.answer);
        for count in 0..reached {
            let start = expected.start(transcript, count, driver);
            expected.starts.push(start.map_err(|why| format!("{}: {why}", transcript.name))?);
        }
        expected.refusals = match text(&expected.base.answer, "error") {
            None => 0,
            // Every recipient is refused by itself.
            Some("recipients-rejected") => transcript.recipients(reached.saturating_sub(1)),
            Some("auth-rejected" | "server-no" | "server-rejected") => 1,
            Some(other) => return Err(format!("{}: no refusal: {other}", transcript.name)),
        };
        Ok(expected)
    }

    /// Where the server is when so many actions are done.
    fn start(
        &self,
        transcript: &Transcript,
        count: usize,
        driver: Driver,
    ) -> Result<usize, String> {
        let fewer = (count < self.actions).then(|| transcript.begun(count));
        let course = fewer.map(|fewer| fewer.play(driver, Change::None));
        let course = course.as_ref().unwrap_or(&self.base);
        let start = course.farewell.filter(|_| text(&course.answer, "outcome") == Some("ok"));
        let start = start.ok_or_else(|| format!("{count} actions end with {}", course.answer))?;
        // Each has an answer, but for the name of the client, which is told while it connects.
        let before = self.starts.last().copied().unwrap_or(0);
        let is_heard = count.checked_sub(1).is_none_or(|done| !transcript.is_told_before(done));
        if start < before || (is_heard && start == before) {
            return Err(format!("{count} actions end at {start}, one less at {before}"));
        }
        Ok(start)
    }

    /// How many octets the client has to hear for its result: what comes behind them is a farewell.
    pub(super) fn heard(&self) -> usize {
        self.starts.get(self.actions).copied().unwrap_or(self.base.said.len())
    }

    /// How far the client comes that does not hear this octet.
    fn progress_at(&self, at: usize) -> Progress {
        self.starts.partition_point(|start| *start <= at)
    }

    /// How far a client came.
    fn progress(&self, answer: &Value) -> Progress {
        let failed = answer.get("failed_action").and_then(Value::as_u64);
        match (text(answer, "outcome"), failed.and_then(|action| usize::try_from(action).ok())) {
            (Some("ok"), _) => self.actions + 1,
            (_, Some(action)) => action + 1,
            (_, None) => 0,
        }
    }

    /// The kind of the error that the session ends in, where the whole refusal was said before this offset.
    ///
    /// An error document is none: behind it the server still has to say that it refuses (RFC 7628 3.2.3, RFC 4954 4),
    /// and a connection that ends before that is an end without an answer.
    fn refusal(&self, at: usize) -> Option<&str> {
        let begins = self.starts.last().copied().unwrap_or(0);
        let said = self.base.said.get(begins..at).unwrap_or_default();
        let lines = said.split_inclusive(|&octet| octet == b'\n');
        let refused = lines.filter(|line| is_refusal(line)).count() >= self.refusals;
        text(&self.base.answer, "error").filter(|_| refused)
    }

    /// What is wrong with a play in which the transport ended, or failed with an error of this kind, before the octet
    /// at this offset.
    pub(super) fn failed(&self, at: usize, kind: &str, course: &Course) -> Option<String> {
        // Nobody knows what became of a message whose answer is missing, and of no other.
        let kind = if course.unanswered { "delivery-unknown" } else { kind };
        let kind = self.refusal(at).unwrap_or(kind);
        let (progress, wanted) = (self.progress(&course.answer), self.progress_at(at));
        if text(&course.answer, "error") != Some(kind) {
            return Some(format!("`{kind}` was to come of it"));
        }
        if progress != wanted {
            return Some(format!("step {progress} instead of {wanted}"));
        }
        if course.answer.get("usable") != Some(&Value::Bool(false)) {
            return Some("the session calls itself usable".to_owned());
        }
        None
    }

    /// What is wrong with a play in which the octet at this offset was another.
    pub(super) fn changed(&self, at: usize, octet: u8, course: &Course) -> Option<String> {
        let progress = self.progress(&course.answer);
        let reached = self.progress(&self.base.answer);
        let same = progress == reached && gist(&course.answer) == gist(&self.base.answer);
        let place = self.rules.binary_search_by_key(&at, |(at, _)| *at).ok();
        let rule = place.and_then(|place| self.rules.get(place)).map(|(_, rule)| *rule);
        let forbids = rule.map(|rule| rule.forbids(octet, same));
        let here = self.progress_at(at);
        let behind = self.starts.get(here).map_or(here, |next| self.progress_at(*next));
        let is_seen_later = rule.is_some_and(|rule| rule.is_seen_later(octet));
        let limit = if is_seen_later { behind } else { here };
        if progress > limit && forbids == Some(true) {
            return Some(format!("step {progress}, and it must end in {limit}"));
        }
        // Only another answer leads past a refusal.
        if progress > reached && forbids != Some(false) {
            return Some(format!("step {progress}, and {reached} was refused"));
        }
        None
    }
}

/// The last line of an answer that refuses.
fn is_refusal(line: &[u8]) -> bool {
    let Some(line) = line.strip_suffix(b"\r\n") else { return false };
    match line {
        [b'*' | b'+', ..] => false,
        [b'4' | b'5', b'0'..=b'9', b'0'..=b'9', rest @ ..] => !rest.starts_with(b"-"),
        _ => matches!(line.split(|&octet| octet == b' ').nth(1), Some(b"NO" | b"BAD")),
    }
}

/// Whether a play without a change went as the session did that was recorded: all of it was said and heard, and it
/// ended the same.
fn as_recorded(transcript: &Transcript, base: &Course) -> Result<(), String> {
    let Transcript { name, end, .. } = transcript;
    let found = end_of(&base.answer);
    if found != *end {
        return Err(format!("{name}: recorded with {end}, played with {found}"));
    }
    if base.said.is_empty() || base.left != 0 {
        return Err(format!("{name}: {} turns or lines were not played", base.left));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn transcript(name: &str) -> Transcript {
        let file = include_str!("../../data/transcripts/sessions.jsonl");
        let mut all = Transcript::read_all(file).unwrap().into_iter();
        all.find(|transcript| transcript.name == name).unwrap()
    }

    fn expected(name: &str) -> Expected {
        Expected::new(&transcript(name), Driver::Blocking).unwrap()
    }

    /// What a client might tell of a session in which nothing was left open.
    fn told(error: &str, failed_action: Option<usize>) -> Course {
        let answer = json!({
            "outcome": "error", "error": error, "failed_action": failed_action, "usable": false,
        });
        Course { answer, ..Course::default() }
    }

    fn told_all(base: &Course) -> Course {
        Course { answer: base.answer.clone(), ..Course::default() }
    }

    /// The offset behind these octets of what was said.
    fn behind(expected: &Expected, said: &str) -> usize {
        let base = String::from_utf8_lossy(&expected.base.said).into_owned();
        base.find(said).unwrap() + said.len()
    }

    #[test]
    fn a_client_that_needs_no_line_end_is_found_out() {
        for name in ["peer, smtp, replies of many lines", "peer, imap, names in every form"] {
            let expected = expected(name);
            let last = expected.actions - 1;
            for at in [expected.heard() - 1, expected.heard() - 2] {
                // It takes the last answer without its line end for a success.
                assert!(expected.failed(at, "closed", &told_all(&expected.base)).is_some());
                assert_eq!(expected.failed(at, "closed", &told("closed", Some(last))), None);
            }
        }
        // A login whose answer is cut is none, though the command behind it fails.
        let expected = expected("peer, smtp, replies of many lines");
        let at = behind(&expected, "235 2.7.0 Accepted");
        assert!(expected.failed(at, "closed", &told("closed", Some(1))).is_some());
        assert!(expected.failed(at, "closed", &told("closed", None)).is_some());
        assert!(expected.failed(at, "closed", &told("io", Some(0))).is_some());
        assert_eq!(expected.failed(at, "closed", &told("closed", Some(0))), None);
        assert_eq!(expected.failed(at + 2, "closed", &told("closed", Some(1))), None);
        assert_eq!(expected.failed(0, "closed", &told("closed", None)), None);
        let mut usable = told("closed", Some(0));
        usable.answer["usable"] = json!(true);
        assert!(expected.failed(at, "closed", &usable).is_some());
    }

    #[test]
    fn the_fate_of_a_message_is_told_where_its_answer_is_missing_alone() {
        let expected = expected("peer, smtp, replies of many lines");
        let at = expected.heard() - 1;
        let unanswered = Course { unanswered: true, ..told("closed", Some(1)) };
        assert!(expected.failed(at, "closed", &unanswered).is_some());
        let unknown = Course { unanswered: true, ..told("delivery-unknown", Some(1)) };
        assert_eq!(expected.failed(at, "closed", &unknown), None);
        assert!(expected.failed(at, "closed", &told("delivery-unknown", Some(1))).is_some());
    }

    #[test]
    fn a_refusal_stays_one_only_behind_all_of_it() {
        let refused = told("recipients-rejected", Some(1));
        let closed = told("closed", Some(1));
        let expected_ = expected("peer, smtp, all refused");
        let whole = behind(&expected_, "452 later\r\n");
        for (at, right, wrong) in [(whole - 1, &closed, &refused), (whole, &refused, &closed)] {
            assert_eq!(expected_.failed(at, "closed", right), None);
            assert!(expected_.failed(at, "closed", wrong).is_some());
        }
        // An error document is no refusal, nor is one that has no end.
        let document = expected("peer, imap, refused with a document");
        for at in [behind(&document, "+ eyJ"), document.heard() - 30, document.heard() - 1] {
            assert_eq!(document.failed(at, "closed", &told("closed", Some(0))), None);
            assert!(document.failed(at, "closed", &told("auth-rejected", Some(0))).is_some());
        }
    }

    #[test]
    fn a_changed_octet_leads_no_further_than_it_may() {
        let expected_ = expected("peer, smtp, replies of many lines");
        let at = behind(&expected_, "235-2.7.0 welcome\r\n");
        // The code of a login that is none: `135`, and the next command goes out.
        assert!(expected_.changed(at, 0, &told("malformed-response", Some(1))).is_some());
        assert_eq!(expected_.changed(at, 0, &told("malformed-response", Some(0))), None);
        assert!(expected_.changed(at, b'5', &told_all(&expected_.base)).is_some());
        assert_eq!(expected_.changed(at, b'5', &told("auth-rejected", Some(0))), None);
        // `235-` that is `235 `: the login is done, and what is left of its answer is seen behind it.
        let continues = at - "-2.7.0 welcome\r\n".len();
        let found = told("unsolicited-reply", Some(1));
        assert_eq!(expected_.changed(continues, b' ', &found), None);
        assert!(expected_.changed(continues, b'9', &found).is_some());
        // No octet of a refusal makes a success of it, but the first of its code.
        let refused = expected("peer, imap, refused with a document");
        let at = behind(&refused, "NO [AUTH");
        assert!(refused.changed(at, b'(', &told("closed", Some(1))).is_some());
        let refused = expected("peer, smtp, no initial response, and a refusal");
        let at = behind(&refused, "not accepted.\r\n");
        assert_eq!(refused.changed(at, b'2', &told("closed", Some(1))), None);
        assert!(refused.changed(at, 0, &told("closed", Some(1))).is_some());
        assert!(refused.changed(at + 5, b'2', &told("closed", Some(1))).is_some());
    }
}
