//! `trust sweep`: every transcript in pieces, cut and changed at every octet, and with every call failing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use e2e::player::Driver;
use e2e::transcripts::{Sweep, Tally, Transcript, io_faults};

use crate::Outcome;

/// The goals of a whole sweep with each driver. A place where the server is cut off counts twice, since it is played twice:
/// with what comes before it at once, and octet by octet.
const CUTS: usize = 60_000;
/// Places and what stands there instead, no two of them the same.
const FLIPS: usize = 300_000;

pub(crate) fn run() -> Outcome {
    let began = Instant::now();
    let transcripts =
        Transcript::read_all(include_str!("../../../data/transcripts/sessions.jsonl"))?;
    let mut all_right = true;
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
        for wrong in tally.wrong.iter().take(20) {
            println!("{wrong}");
        }
        let goal = |name, found: usize, goal| {
            let verdict = if found >= goal { "reached" } else { "MISSED" };
            println!("{name}, {}: {found}, goal {goal}: {verdict}", driver.name());
            found >= goal
        };
        let enough = [goal("cuts", tally.cuts, CUTS), goal("flips", tally.flips, FLIPS)];
        all_right &= tally.wrong.is_empty() && enough == [true, true];
    }
    println!("{:.1} s", began.elapsed().as_secs_f64());
    Ok(all_right)
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
