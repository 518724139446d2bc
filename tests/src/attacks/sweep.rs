//! Cases that stand for a family: each octet of the server cut off, changed, torn from the next.

use std::sync::Arc;

use serde_json::Value;

use super::corpus::{Case, Sweep};
use super::run::{Report, Run, Runner, each};
use super::server::Record;
use super::wire::Fault;
use crate::player::text;
use crate::transcripts::structural;

/// Plays the family of a case whose unchanged run is `base`.
pub(super) fn play(
    runner: &Runner,
    case: &Arc<Case>,
    kind: Sweep,
    base: &Run,
    secrets: &[String],
    threads: usize,
    report: &mut Report,
) {
    if text(&base.course.answer, "outcome") != Some("ok") {
        report.complaints.push(format!("unchanged: {}", base.course.answer));
        return;
    }
    if case.wants_ok() {
        report.complaints.extend(base.complaints.iter().map(|found| format!("unchanged: {found}")));
    }
    let all = faults(kind, case.is_imap, &base.record);
    let faults: Vec<Fault> = all.into_iter().step_by(runner.stride_of_sweeps()).collect();
    report.runs += faults.len();
    let rules = structural(&base.record.said, case.is_imap);
    let found = each(threads, &faults, |&fault| {
        let run = match runner.run(case, fault, secrets) {
            Ok(run) => run,
            Err(complaint) => return Some(format!("{fault:?}: {complaint}")),
        };
        let complaints = match fault {
            Fault::Fragment => {
                let differing = differences(&base.course.answer, &run.course.answer);
                run.complaints.into_iter().chain(differing).collect()
            }
            Fault::Cut(_) | Fault::Stall(_) => {
                let is_ok = text(&run.course.answer, "outcome") == Some("ok");
                if is_ok && run.record.played_whole { Vec::new() } else { run.complaints }
            }
            Fault::Flip(at, octet) => {
                let is_ok = text(&run.course.answer, "outcome") == Some("ok");
                let same = differences(&base.course.answer, &run.course.answer).next().is_none();
                let place = rules.binary_search_by_key(&at, |(at, _)| *at).ok();
                let rule = place.and_then(|place| rules.get(place)).map(|(_, rule)| *rule);
                // What comes in the farewell changes nothing any more.
                let counts = base.record.farewell.is_none_or(|farewell| at < farewell);
                let forbidden =
                    is_ok && counts && rule.is_some_and(|rule| rule.forbids(octet, same));
                let complaint =
                    forbidden.then(|| "an octet that holds the session together".to_owned());
                run.complaints.into_iter().chain(complaint).collect()
            }
            Fault::None => run.complaints,
        };
        (!complaints.is_empty()).then(|| format!("{fault:?}: {}", complaints.join("; ")))
    });
    report.complaints.extend(found.into_iter().flatten());
}

/// The faults of a family over what the server sent.
fn faults(kind: Sweep, is_imap: bool, base: &Record) -> Vec<Fault> {
    let octets = base.sent;
    match kind {
        Sweep::Fragment => vec![Fault::Fragment],
        Sweep::Cut => (0..octets).map(Fault::Cut).collect(),
        Sweep::Stall => (0..octets).step_by(7).map(Fault::Stall).collect(),
        Sweep::Flip => {
            let by: &[u8] = if is_imap { b"\0\xff\r\n({" } else { b"\0\xff\r\n25-" };
            let places = base.said.iter().enumerate();
            let others = |(at, said)| {
                by.iter().filter(move |by| *by != said).map(move |by| Fault::Flip(at, *by))
            };
            places.flat_map(others).collect()
        }
    }
}

/// What differs from the unchanged run.
fn differences<'a>(base: &'a Value, answer: &'a Value) -> impl Iterator<Item = String> + 'a {
    let fields = ["outcome", "error", "surfaced"].into_iter();
    let differing = fields.filter(|field| base.get(field) != answer.get(field));
    differing.map(move |field| format!("`{field}` differs: {answer}"))
}
