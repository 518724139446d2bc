//! `trust attacks`: the corpora against the shim as a process, with both drivers.

use std::path::PathBuf;
use std::time::Instant;

use e2e::attacks::{Case, Corpus, Runner, Subject};
use e2e::player::Driver;

use crate::Outcome;

/// Most of a case's time is spent waiting.
const THREADS: usize = 4;

pub(crate) fn run(shim: &str, chosen: &[&str]) -> Outcome {
    let files = [
        ("corpus.json", include_str!("../../../data/attacks/corpus.json")),
        ("own.json", include_str!("../../../data/attacks/own.json")),
    ];
    let (mut all_right, mut played) = (true, 0);
    for (name, file) in files {
        let corpus = Corpus::read(file)?;
        let cases: Vec<&Case> = corpus
            .cases
            .iter()
            .filter(|case| chosen.is_empty() || chosen.contains(&case.id.as_str()))
            .collect();
        for &driver in Driver::ALL {
            let began = Instant::now();
            let runner = Runner::new(Subject::Shim(PathBuf::from(shim), driver))?;
            let reports = runner.play(&corpus, &cases, THREADS);
            let mut passed = 0;
            let mut runs = 0;
            for report in &reports {
                runs += report.runs;
                if let Some(why) = &report.skipped {
                    println!("{}: not run: {why}", report.id);
                } else if report.complaints.is_empty() {
                    passed += 1;
                } else {
                    println!("{}: FAILED: {}", report.id, report.complaints.join("\n    "));
                }
            }
            println!(
                "{name}, {}: {passed} / {} cases in {runs} runs, {:.1} s",
                driver.name(),
                reports.len(),
                began.elapsed().as_secs_f64()
            );
            all_right &= passed == cases.len();
            played += runs;
        }
    }
    if played == 0 {
        return Err("there is no such case".into());
    }
    Ok(all_right)
}
