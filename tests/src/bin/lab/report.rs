//! What was found, and how it is told.

use std::time::Duration;

/// What came of one test.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    Passed,
    /// The server does something else, which is known; in its own words.
    Differs {
        reason: &'static str,
        words: String,
    },
    /// Why, and the lines of the session.
    Failed(String, Vec<String>),
    /// What it needs is not there.
    NotRun(String),
}

/// A test that was run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    pub(crate) time: Duration,
}

impl Outcome {
    /// Of what takes no time that would be of interest.
    pub(crate) fn new(name: String, verdict: Verdict) -> Self {
        Self { name, verdict, time: Duration::ZERO }
    }
}

/// How many ended how.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) differs: usize,
    pub(crate) failed: usize,
    pub(crate) not_run: usize,
}

impl Counts {
    pub(crate) fn of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            match outcome.verdict {
                Verdict::Passed => counts.passed += 1,
                Verdict::Differs { .. } => counts.differs += 1,
                Verdict::Failed(..) => counts.failed += 1,
                Verdict::NotRun(_) => counts.not_run += 1,
            }
        }
        counts
    }
}

/// How many of the slowest tests are shown.
const SLOWEST: usize = 3;

/// Prints every failure with its session, and the differences by their reasons.
pub(crate) fn print(outcomes: &[Outcome]) {
    let mut reasons: Vec<(&str, &str, usize)> = Vec::new();
    for outcome in outcomes {
        match &outcome.verdict {
            Verdict::Failed(why, lines) => {
                println!("FAILED {}: {why}", outcome.name);
                for line in lines {
                    println!("    {line}");
                }
            }
            Verdict::NotRun(why) => println!("not run {}: {why}", outcome.name),
            Verdict::Differs { reason, words } => {
                match reasons.iter_mut().find(|(known, ..)| known == reason) {
                    Some((_, _, count)) => *count += 1,
                    None => reasons.push((reason, words, 1)),
                }
            }
            Verdict::Passed => {}
        }
    }
    let mut slowest: Vec<&Outcome> = outcomes.iter().collect();
    slowest.sort_by_key(|outcome| std::cmp::Reverse(outcome.time));
    println!("lab: the slowest:");
    for outcome in slowest.iter().take(SLOWEST) {
        println!("{:>6.2} s {}", outcome.time.as_secs_f64(), outcome.name);
    }
    for (reason, words, count) in reasons {
        println!("differs {count} times: {reason}: {words}");
    }
}
