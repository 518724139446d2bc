//! The attack corpora, against the library in this process and against the shim where the memory of
//! the client is judged.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use e2e::attacks::{Case, Corpus, Report, Runner, Subject};
use e2e::player::Driver;

const THREADS: usize = 12;
/// What hostile servers send by the million keeps a processor busy.
const BUSY_THREADS: usize = 2;
/// Builds without optimisation on busy machines are slow; `cargo xtask attacks` judges times as they are.
const TIME_FACTOR: u64 = 4;
/// Of the long sweeps, every so many-th run; `cargo xtask attacks` plays them whole. No divisor of how many octets are
/// tried in one place, lest it is the same one each time.
const STRIDE: usize = 11;

fn corpora() -> Vec<Corpus> {
    let files =
        [include_str!("../data/attacks/corpus.json"), include_str!("../data/attacks/own.json")];
    files.into_iter().map(|file| Corpus::read(file).unwrap()).collect()
}

/// Plays the cases that are chosen, of each corpus some, and tells what is wrong with any of them.
fn play(subject: &Subject, threads: usize, chosen: impl Fn(&Case) -> bool) {
    let runner = Runner::new(subject.clone()).unwrap().time_factor(TIME_FACTOR).stride(STRIDE);
    let mut reports: Vec<Report> = Vec::new();
    for corpus in corpora() {
        let cases: Vec<&Case> = corpus.cases.iter().filter(|case| chosen(case)).collect();
        assert!(!cases.is_empty(), "nothing is chosen");
        let told = runner.play(&corpus, &cases, threads);
        let played: Vec<&String> = told.iter().map(|report| &report.id).collect();
        let due: Vec<&String> = cases.iter().map(|case| &case.id).collect();
        assert_eq!(played, due);
        reports.extend(told);
    }
    let skipped: Vec<_> = reports.iter().filter(|report| report.skipped.is_some()).collect();
    assert!(skipped.is_empty(), "the client has no such operation: {skipped:?}");
    let wrong: Vec<String> = reports
        .iter()
        .filter(|report| !report.complaints.is_empty() || report.runs == 0)
        .map(|report| format!("{}: {}", report.id, report.complaints.join("\n    ")))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), reports.len(), wrong.join("\n"));
}

/// Each case is played by one test or the other, and the page says how many there are.
#[test]
fn corpora_have_the_cases_that_the_page_counts() {
    let corpora = corpora();
    let cases = || corpora.iter().flat_map(|corpus| &corpus.cases);
    let names: BTreeSet<&str> = cases().map(|case| case.id.as_str()).collect();
    assert_eq!(names.len(), cases().count(), "a name is given twice");
    let [given, own] = corpora.as_slice() else { panic!("{} corpora", corpora.len()) };
    let (given, own) = (given.cases.len(), own.cases.len());
    let bounding = cases().filter(|case| case.bounds_memory()).count();
    let page = include_str!("../../docs/security.md");
    for row in [
        format!("| attack cases | {given} in `corpus.json`, {own} in `own.json`."),
        format!(", but for the {bounding} that bound memory,"),
    ] {
        assert!(page.contains(&row), "docs/security.md: {row}");
    }
}

#[test]
fn the_library_withstands_every_attack() {
    for &driver in Driver::ALL {
        play(&Subject::Library(driver), THREADS, |case| !case.bounds_memory());
    }
}

#[test]
fn memory_stays_within_bounds_seen_from_outside() {
    // One machine stands behind both drivers; `cargo xtask attacks` plays them for each.
    let shim = PathBuf::from(env!("CARGO_BIN_EXE_shim"));
    play(&Subject::Shim(shim, Driver::Blocking), BUSY_THREADS, Case::bounds_memory);
}
