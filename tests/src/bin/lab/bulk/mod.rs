//! Work in bulk: what ours and Python's own clients take for it, side by side.
//!
//! What is read and what arrives is compared octet by octet, in every run. Times are told and judge nothing.

pub(crate) mod arrived;
pub(crate) mod candidate;
mod content;
mod figures;

use std::process::Command;

use serde_json::Value;

use crate::Result;
use crate::environment::Lab;
use crate::report::{Outcome, Verdict};
use candidate::Driver;
use content::Sum;
pub(crate) use figures::{Figures, IS_OPTIMISED};

/// What a client is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Flags,
    Headers,
    Whole,
    Large,
    Send,
}

impl Work {
    pub(crate) const ALL: [Self; 5] =
        [Self::Flags, Self::Headers, Self::Whole, Self::Large, Self::Send];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flags => "flags",
            Self::Headers => "headers",
            Self::Whole => "whole",
            Self::Large => "large",
            Self::Send => "send",
        }
    }

    fn servers(self) -> Vec<&'static str> {
        match self {
            Self::Send => vec!["sink"],
            _ => vec!["dovecot-oauth1", "auth-service"],
        }
    }

    fn candidates(self) -> Vec<Candidate> {
        let mut all = vec![Candidate::Ours(Driver::Blocking), Candidate::Ours(Driver::Async)];
        if self == Self::Send {
            all.push(Candidate::Ours(Driver::OneByOne));
        }
        all.push(Candidate::Python);
        all
    }
}

/// A client that does the work, in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Candidate {
    Ours(Driver),
    /// imaplib or smtplib.
    Python,
}

impl Candidate {
    fn name(self, work: Work) -> &'static str {
        match (self, work) {
            (Self::Python, Work::Send) => "smtplib",
            (Self::Python, _) => "imaplib",
            (Self::Ours(driver), _) => driver.name(),
        }
    }

    fn command(self, lab: &Lab, work: Work) -> Result<Command> {
        let mut command = match self {
            Self::Ours(driver) => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["--candidate", work.name(), driver.name()]);
                command
            }
            Self::Python => {
                let mut command = Command::new(lab.value("python"));
                command.arg(format!("{}/tests/lab/peers/bulk.py", lab.value("root")));
                command.env("PYTHONDONTWRITEBYTECODE", "1").arg(work.name());
                command
            }
        };
        command.arg("--environment").arg(lab.file());
        Ok(command)
    }

    /// Does the work once.
    fn run(self, lab: &Lab, work: Work) -> Result<Run> {
        let output = self.command(lab, work)?.output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{}: {why}", output.status).into());
        }
        Run::parse(&text).ok_or_else(|| format!("said what is no result: {text}").into())
    }
}

/// What one run told.
#[derive(Debug, Clone, PartialEq)]
struct Run {
    sum: Sum,
    /// Seconds.
    cpu: f64,
    wall: f64,
    /// KiB before the work, and at most.
    base: u64,
    peak: u64,
}

impl Run {
    fn parse(text: &str) -> Option<Self> {
        let told: Value = serde_json::from_str(text).ok()?;
        let number = |name: &str| told.get(name)?.as_u64();
        let seconds = |name: &str| told.get(name)?.as_f64();
        let sum = Sum {
            count: usize::try_from(number("count")?).ok()?,
            octets: number("octets")?,
            digest: told.get("digest")?.as_str()?.to_owned(),
        };
        Some(Self {
            sum,
            cpu: seconds("cpu")?,
            wall: seconds("wall")?,
            base: number("base")?,
            peak: number("peak")?,
        })
    }
}

/// Does all work that was asked for, with every candidate in each round one after the other.
pub(crate) fn run(
    lab: &Lab,
    rounds: usize,
    wanted: impl Fn(&str) -> bool,
) -> (Vec<Outcome>, Figures) {
    let mut figures = Figures::default();
    let mut outcomes = Vec::new();
    for work in Work::ALL {
        let candidates: Vec<(Candidate, String)> = work
            .candidates()
            .into_iter()
            .map(|candidate| (candidate, name(work, candidate)))
            .filter(|(_, name)| wanted(name))
            .collect();
        if candidates.is_empty() {
            continue;
        }
        let missing = work.servers().into_iter().find_map(|server| lab.not_run(server));
        let mut verdicts = vec![Verdict::Passed; candidates.len()];
        match (missing, prepare(lab, work)) {
            (Some(why), _) => verdicts.fill(Verdict::NotRun(why.to_owned())),
            (None, Err(error)) => verdicts.fill(Verdict::Failed(error.to_string(), Vec::new())),
            (None, Ok(expected)) => {
                for _ in 0..rounds {
                    for ((candidate, _), verdict) in candidates.iter().zip(&mut verdicts) {
                        match once(lab, work, *candidate, &expected) {
                            Ok(run) => figures.add(work, candidate.name(work), &run),
                            Err(error) => {
                                *verdict = Verdict::Failed(error.to_string(), Vec::new());
                            }
                        }
                    }
                }
            }
        }
        let named = candidates.into_iter().zip(verdicts);
        outcomes.extend(named.map(|((_, name), verdict)| Outcome::new(name, verdict)));
    }
    (outcomes, figures)
}

pub(crate) fn name(work: Work, candidate: Candidate) -> String {
    let count = match work {
        Work::Large => "200_mb_message".to_owned(),
        Work::Send => format!("{}_messages", content::SENT),
        _ => format!("{}_messages", content::READ),
    };
    format!("bulk {count} {} {}", work.name(), candidate.name(work))
}

/// The names of all of it.
pub(crate) fn names() -> Vec<String> {
    let all = Work::ALL.into_iter();
    all.flat_map(|work| work.candidates().into_iter().map(move |one| name(work, one))).collect()
}

/// Makes what is read, has the server look at it for the first time, and tells what must be found.
fn prepare(lab: &Lab, work: Work) -> Result<Sum> {
    Ok(match work {
        Work::Send => {
            // Messages that other tests sent through the sink.
            arrived::clear(lab)?;
            let mut digest = content::Digest::new();
            (0..content::SENT).for_each(|_| digest.add(b"250"));
            return Ok(digest.finish());
        }
        Work::Flags => {
            content::fill(lab)?;
            // Dovecot makes its index of the mailbox, which is nobody's time.
            Candidate::Ours(Driver::Blocking).run(lab, work)?;
            content::expected_of(|number| {
                let mut flags: Vec<String> =
                    content::flags(number).into_iter().map(str::to_owned).collect();
                content::flags_line(u32::try_from(number).unwrap_or(0), &mut flags)
            })
        }
        Work::Headers => {
            content::fill(lab)?;
            content::expected_of(|number| content::header(number).into_bytes())
        }
        Work::Whole => {
            content::fill(lab)?;
            content::expected_of(content::message)
        }
        Work::Large => {
            content::fill(lab)?;
            content::expected_large()
        }
    })
}

/// One run of one candidate, which must have read or sent every octet.
fn once(lab: &Lab, work: Work, candidate: Candidate, expected: &Sum) -> Result<Run> {
    let run = candidate.run(lab, work)?;
    if run.sum != *expected {
        return Err(format!("expected {expected:?}, found {:?}", run.sum).into());
    }
    if work == Work::Send {
        arrived::check(lab)?;
    }
    Ok(run)
}
