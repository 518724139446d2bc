//! `trust sweep`: every transcript in pieces, cut and changed at every octet, and with every call failing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use e2e::player::Driver;
use e2e::transcripts::{Sweep, Tally, Transcript, io_faults};

use crate::Outcome;

/// The goals of a whole sweep.
const CUTS: usize = 60_000;
const FLIPS: usize = 300_000;

pub(crate) fn run() -> Outcome {
    let began = Instant::now();
    let transcripts =
        Transcript::read_all(include_str!("../../../data/transcripts/sessions.jsonl"))?;
    let mut total = Tally::default();
    for &driver in Driver::ALL {
        let tally = whole(&transcripts, driver);
        println!(
            "{}: {} transcripts, {} splits, {} cuts, {} flips ({} went on to the same end, {} to another \
             success), {} calls failed, {} wrong",
            driver.name(),
            transcripts.len(),
            tally.splits,
            tally.cuts,
            tally.flips,
            tally.flips_same,
            tally.flips_other,
            tally.faults,
            tally.wrong.len()
        );
        total.add(tally);
    }
    for wrong in total.wrong.iter().take(20) {
        println!("{wrong}");
    }
    let goal = |name, found: usize, goal| {
        let verdict = if found >= goal { "reached" } else { "MISSED" };
        println!("{name}: {found}, goal {goal}: {verdict}");
        found >= goal
    };
    let enough = [goal("cuts", total.cuts, CUTS), goal("flips", total.flips, FLIPS)];
    println!("{:.1} s", began.elapsed().as_secs_f64());
    Ok(total.wrong.is_empty() && enough == [true, true])
}

/// All plays of all transcripts with a driver, on every processor.
fn whole(transcripts: &[Transcript], driver: Driver) -> Tally {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Tally::default());
    let work = || {
        while let Some(transcript) = transcripts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut tally = Sweep::WHOLE.play(transcript, driver);
            tally.add(io_faults(transcript, driver));
            total.lock().unwrap_or_else(PoisonError::into_inner).add(tally);
        }
    };
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}
