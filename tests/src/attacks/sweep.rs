//! Cases that stand for a family: each octet of the server cut off, changed, torn from the next.

use std::sync::Arc;

use serde_json::Value;

use super::corpus::{Case, Sweep};
use super::run::{Report, Run, Runner, each};
use super::wire::Fault;
use crate::player::text;

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
    let all = faults(kind, case.is_imap, base.record.sent);
    let faults: Vec<Fault> = all.into_iter().step_by(runner.stride_of_sweeps()).collect();
    report.runs += faults.len();
    let found = each(threads, &faults, |&fault| {
        let run = match runner.run(case, fault, secrets) {
            Ok(run) => run,
            Err(complaint) => return Some(format!("{fault:?}: {complaint}")),
        };
        let complaints = match fault {
            Fault::Fragment => differences(&base.course.answer, &run),
            Fault::Cut(_) | Fault::Stall(_) => {
                let is_ok = text(&run.course.answer, "outcome") == Some("ok");
                if is_ok && run.record.sent_whole { Vec::new() } else { run.complaints }
            }
            Fault::Flip(..) | Fault::None => run.complaints,
        };
        (!complaints.is_empty()).then(|| format!("{fault:?}: {}", complaints.join("; ")))
    });
    report.complaints.extend(found.into_iter().flatten());
}

/// The faults of a family over so many octets.
fn faults(kind: Sweep, is_imap: bool, octets: usize) -> Vec<Fault> {
    match kind {
        Sweep::Fragment => vec![Fault::Fragment],
        Sweep::Cut => (0..octets).map(Fault::Cut).collect(),
        Sweep::Stall => (0..octets).step_by(7).map(Fault::Stall).collect(),
        Sweep::Flip => {
            let by: &[u8] = if is_imap { b"\0\xff\r\n({" } else { b"\0\xff\r\n25-" };
            (0..octets).flat_map(|at| by.iter().map(move |&octet| Fault::Flip(at, octet))).collect()
        }
    }
}

/// What differs from the unchanged run.
fn differences(base: &Value, run: &Run) -> Vec<String> {
    let mut differences = run.complaints.clone();
    for field in ["outcome", "error", "surfaced"] {
        if base.get(field) != run.course.answer.get(field) {
            differences.push(format!("`{field}` differs: {}", run.course.answer));
        }
    }
    differences
}
