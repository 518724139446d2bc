//! The sweeps over a transcript.

use std::io::ErrorKind;

use serde_json::Value;

use super::classes::structural;
use super::{Change, Course, Fault, Transcript, end_of};
use crate::player::{Driver, text};

/// How much of a sweep is played.
#[derive(Debug, Clone, Copy)]
pub struct Sweep {
    /// Every so many-th offset.
    pub stride: usize,
    /// Where to begin, so that samples of different transcripts differ.
    pub from: usize,
}

/// How many plays there were, and what was wrong.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Plays in two pieces, or in many.
    pub splits: usize,
    /// Plays that were cut.
    pub cuts: usize,
    /// Plays with one octet changed.
    pub flips: usize,
    /// Of those, how many went on to the same success.
    pub flips_same: usize,
    /// Of those, how many ended in a success with other values.
    pub flips_other: usize,
    /// Plays with a call of the transport that failed.
    pub faults: usize,
    /// What was wrong.
    pub wrong: Vec<String>,
}

impl Tally {
    /// Adds another.
    pub fn add(&mut self, other: Self) {
        self.splits += other.splits;
        self.cuts += other.cuts;
        self.flips += other.flips;
        self.flips_same += other.flips_same;
        self.flips_other += other.flips_other;
        self.faults += other.faults;
        self.wrong.extend(other.wrong);
    }
}

/// What stands for an octet, of the answer alone.
fn gist(answer: &Value) -> (Option<&str>, Option<&str>, Option<&Value>) {
    (text(answer, "outcome"), text(answer, "error"), answer.get("surfaced"))
}

impl Sweep {
    /// All of it.
    pub const WHOLE: Self = Self { stride: 1, from: 0 };

    /// Plays a transcript in pieces, cut, and changed.
    pub fn play(self, transcript: &Transcript, driver: Driver) -> Tally {
        let mut tally = Tally::default();
        let base = transcript.play(driver, Change::None);
        let octets = base.said.len();
        if let Err(why) = as_recorded(transcript, &base) {
            tally.wrong.push(why);
            return tally;
        }
        for change in [1, 2, 3, 5, 64].map(Change::Pieces) {
            tally.splits += 1;
            same(transcript, &base, transcript.play(driver, change), change, &mut tally);
        }
        for at in (1..octets).skip(self.from).step_by(self.stride) {
            let change = Change::Split(at);
            tally.splits += 1;
            same(transcript, &base, transcript.play(driver, change), change, &mut tally);
        }
        let heard = heard_until_result(transcript, &base, driver);
        let cuts = (0..heard).skip(self.from).step_by(self.stride);
        for change in cuts.flat_map(|at| [Change::Cut(at), Change::CutSingly(at)]) {
            tally.cuts += 1;
            let course = transcript.play(driver, change);
            // A fault that came before the cut stays the fault.
            let same_error = text(&base.answer, "outcome") == Some("error")
                && text(&course.answer, "error") == text(&base.answer, "error");
            // Nobody knows what became of a message whose answer is missing, and of no other.
            let fitting = if course.unanswered { "delivery-unknown" } else { "closed" };
            if text(&course.answer, "error") != Some(fitting) && !same_error {
                tally.wrong.push(wrong(transcript, change, &course));
            }
            closed(transcript, change, &course, &mut tally);
        }
        self.flips(transcript, &base, heard, driver, &mut tally);
        tally
    }

    fn flips(
        self,
        transcript: &Transcript,
        base: &Course,
        heard: usize,
        driver: Driver,
        tally: &mut Tally,
    ) {
        let by: &[u8] =
            if transcript.is_imap() { b"\0\xff\r\n({9)\" " } else { b"\0\xff\r\n25-40 " };
        let structural = structural(&base.said, transcript.is_imap());
        let is_ok = text(&base.answer, "outcome") == Some("ok");
        for at in (0..base.said.len()).skip(self.from).step_by(self.stride) {
            for &octet in by {
                if base.said.get(at) == Some(&octet) {
                    continue;
                }
                let change = Change::Flip(at, octet);
                tally.flips += 1;
                let course = transcript.play(driver, change);
                let same = gist(&course.answer) == gist(&base.answer);
                let place = structural.binary_search_by_key(&at, |(at, _)| *at);
                let rule =
                    place.ok().and_then(|place| structural.get(place)).map(|(_, rule)| *rule);
                let rule = rule.filter(|_| is_ok && at < heard);
                let forbidden = rule.is_some_and(|rule| rule.forbids(octet, same));
                match text(&course.answer, "outcome") {
                    Some("ok") if forbidden => {
                        tally.wrong.push(wrong(transcript, change, &course));
                    }
                    Some("ok") if same => tally.flips_same += 1,
                    Some("ok") => tally.flips_other += 1,
                    Some("error") => closed(transcript, change, &course, tally),
                    _ => tally.wrong.push(wrong(transcript, change, &course)),
                }
            }
        }
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

/// How many octets the client had heard when it had its result: what comes behind them is a farewell.
fn heard_until_result(transcript: &Transcript, base: &Course, driver: Driver) -> usize {
    let all = base.said.len();
    // A cut just behind the result changes nothing; one octet before, it does.
    let mut heard = all;
    while heard > 0 {
        let course = transcript.play(driver, Change::Cut(heard - 1));
        if gist(&course.answer) != gist(&base.answer) {
            break;
        }
        heard -= 1;
    }
    heard
}

fn same(transcript: &Transcript, base: &Course, course: Course, change: Change, tally: &mut Tally) {
    if gist(&course.answer) != gist(&base.answer) {
        tally.wrong.push(wrong(transcript, change, &course));
    }
}

/// A session that is over has closed its transport, and says so.
fn closed(transcript: &Transcript, change: Change, course: &Course, tally: &mut Tally) {
    let usable = course.answer.get("usable") == Some(&Value::Bool(true));
    if !usable && !course.closed {
        tally.wrong.push(format!("{}: {change:?}: the transport stays open", transcript.name));
    }
}

fn wrong(transcript: &Transcript, change: Change, course: &Course) -> String {
    let mut answer = course.answer.to_string();
    answer.truncate(600);
    format!("{}: {change:?}: {answer}", transcript.name)
}

/// How many calls of a farewell fail too.
const FAREWELL: usize = 4;

/// Lets every call of the transport fail in every way.
pub fn io_faults(transcript: &Transcript, driver: Driver) -> Tally {
    let mut tally = Tally::default();
    let base = transcript.play(driver, Change::None);
    if let Err(why) = as_recorded(transcript, &base) {
        tally.wrong.push(why);
        return tally;
    }
    for call in 0..base.calls + FAREWELL {
        for fault in [
            Fault::Short,
            Fault::Error(ErrorKind::Interrupted),
            Fault::Error(ErrorKind::WouldBlock),
            Fault::Error(ErrorKind::TimedOut),
            Fault::Error(ErrorKind::ConnectionReset),
            Fault::Error(ErrorKind::BrokenPipe),
            Fault::Error(ErrorKind::Other),
            Fault::End,
        ] {
            let change = Change::Fail(call, fault);
            let course = transcript.play(driver, change);
            tally.faults += 1;
            if !fits(&base, &course, call, fault, driver) {
                tally.wrong.push(wrong(transcript, change, &course));
            }
            closed(transcript, change, &course, &mut tally);
        }
    }
    tally
}

/// What a fault may lead to: what comes in the farewell changes nothing any more.
fn fits(base: &Course, course: &Course, call: usize, fault: Fault, driver: Driver) -> bool {
    let same = gist(&course.answer) == gist(&base.answer);
    let error = text(&course.answer, "error").unwrap_or("none");
    if call >= base.calls {
        return same;
    }
    // The stream had taken the octets before: where the server answers all of them, the failure is no news.
    if course.failed_flush && same {
        return true;
    }
    // A refusal that was heard whole before stays one.
    let refused = same && text(&base.answer, "outcome") == Some("error");
    let ends =
        |fitting| refused || error == if course.unanswered { "delivery-unknown" } else { fitting };
    match fault {
        Fault::Short | Fault::Error(ErrorKind::Interrupted) => same,
        // What would block is asked for again by whoever wakes the future.
        Fault::Error(ErrorKind::WouldBlock) if driver == Driver::Async => same,
        Fault::Error(ErrorKind::TimedOut) => ends("timeout"),
        Fault::Error(_) => ends("io"),
        Fault::End => ends("closed"),
    }
}
