//! The sweeps over a transcript.

use std::io::ErrorKind;

use serde_json::Value;

use super::expected::Expected;
use super::{Change, Course, Fault, Transcript, gist};
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

    /// Notes down what is wrong with a play, and with how it let go of its transport: a session that is over has closed it
    /// and says so, and says nothing to a stream that has ended.
    fn judge(
        &mut self,
        transcript: &Transcript,
        change: Change,
        course: &Course,
        complaint: Option<String>,
    ) {
        let is_error = text(&course.answer, "outcome") == Some("error");
        let usable = course.answer.get("usable") == Some(&Value::Bool(true));
        let stays = is_error && !usable && !course.closed;
        let late = course.wrote_behind_end;
        let complaints = [
            complaint,
            stays.then(|| "the transport stays open".to_owned()),
            (late > 0).then(|| format!("{late} octets were written behind its end")),
        ];
        for complaint in complaints.into_iter().flatten() {
            let answer: String = course.answer.to_string().chars().take(600).collect();
            self.wrong.push(format!("{}: {change:?}: {complaint}: {answer}", transcript.name));
        }
    }
}

impl Sweep {
    /// All of it.
    pub const WHOLE: Self = Self { stride: 1, from: 0 };

    /// Plays a transcript in pieces, cut, and changed.
    pub fn play(self, transcript: &Transcript, driver: Driver) -> Tally {
        let mut tally = Tally::default();
        let expected = match Expected::new(transcript, driver) {
            Ok(expected) => expected,
            Err(why) => {
                tally.wrong.push(why);
                return tally;
            }
        };
        let octets = expected.base.said.len();
        let pieces = [1, 2, 3, 5, 64].map(Change::Pieces);
        let splits = (1..octets).skip(self.from).step_by(self.stride).map(Change::Split);
        for change in pieces.into_iter().chain(splits) {
            tally.splits += 1;
            let course = transcript.play(driver, change);
            let differs = gist(&course.answer) != gist(&expected.base.answer);
            tally.judge(transcript, change, &course, differs.then(|| "it differs".to_owned()));
        }
        for at in (0..expected.heard()).skip(self.from).step_by(self.stride) {
            for change in [Change::Cut(at), Change::CutSingly(at)] {
                tally.cuts += 1;
                let course = transcript.play(driver, change);
                let complaint = expected.failed(at, "closed", &course);
                tally.judge(transcript, change, &course, complaint);
            }
        }
        self.flips(transcript, &expected, driver, &mut tally);
        tally
    }

    fn flips(
        self,
        transcript: &Transcript,
        expected: &Expected,
        driver: Driver,
        tally: &mut Tally,
    ) {
        let Course { said, answer, .. } = &expected.base;
        let by: &[u8] =
            if transcript.is_imap() { b"\0\xff\r\n({9)\" *+" } else { b"\0\xff\r\n25-40 " };
        for (at, &before) in said.iter().enumerate().skip(self.from).step_by(self.stride) {
            for &octet in by.iter().filter(|&&octet| octet != before) {
                let change = Change::Flip(at, octet);
                tally.flips += 1;
                let course = transcript.play(driver, change);
                if text(&course.answer, "outcome") == Some("ok") {
                    let same = gist(&course.answer) == gist(answer);
                    tally.flips_same += usize::from(same);
                    tally.flips_other += usize::from(!same);
                }
                tally.judge(transcript, change, &course, expected.changed(at, octet, &course));
            }
        }
    }
}

/// How many calls of a farewell fail too.
const FAREWELL: usize = 4;

/// Lets every call of the transport fail in every way.
pub fn io_faults(transcript: &Transcript, driver: Driver) -> Tally {
    let mut tally = Tally::default();
    let expected = match Expected::new(transcript, driver) {
        Ok(expected) => expected,
        Err(why) => {
            tally.wrong.push(why);
            return tally;
        }
    };
    for call in 0..expected.base.calls + FAREWELL {
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
            let complaint = unfit(&expected, &course, call, fault, driver);
            tally.judge(transcript, change, &course, complaint);
        }
    }
    tally
}

/// What is wrong with a play that met a fault: what comes in the farewell changes nothing any more.
fn unfit(
    expected: &Expected,
    course: &Course,
    call: usize,
    fault: Fault,
    driver: Driver,
) -> Option<String> {
    let same = gist(&course.answer) == gist(&expected.base.answer);
    let kind = match fault {
        Fault::Error(ErrorKind::TimedOut) => "timeout",
        Fault::End => "closed",
        Fault::Short | Fault::Error(_) => "io",
    };
    let passes = match fault {
        Fault::Short | Fault::Error(ErrorKind::Interrupted) => true,
        // What would block is asked for again by whoever wakes the future.
        Fault::Error(ErrorKind::WouldBlock) => driver == Driver::Async,
        _ => false,
    };
    if passes || call >= expected.base.calls {
        return (!same).then(|| "it differs".to_owned());
    }
    // Whoever notices late that a deadline has passed hears what is there, and goes on with it; where nothing is, it fails.
    if fault == Fault::Error(ErrorKind::TimedOut) && same && course.has_answer {
        return None;
    }
    // The stream had taken the octets before: where the server answers all of them, the failure is no news.
    if course.failed_flush && same {
        return None;
    }
    let Some(at) = course.failed_at else { return Some("nothing failed".to_owned()) };
    expected.failed(at, kind, course)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_said_to_a_stream_that_has_ended_is_wrong() {
        let file = include_str!("../../data/transcripts/sessions.jsonl");
        let transcript = Transcript::read_all(file).unwrap().remove(0);
        for (closed, wrote_behind_end, wrong) in [(true, 0, 0), (true, 1, 1), (false, 0, 1)] {
            let answer = json!({ "outcome": "error", "usable": false });
            let course = Course { answer, closed, wrote_behind_end, ..Course::default() };
            let mut tally = Tally::default();
            tally.judge(&transcript, Change::Cut(1), &course, None);
            assert_eq!(tally.wrong.len(), wrong, "{:?}", tally.wrong);
        }
    }
}
