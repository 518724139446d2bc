//! `trust sweep`: every transcript in pieces, cut and changed at every octet, and with every call failing.

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
        let mut tally = Tally::default();
        for transcript in &transcripts {
            tally.add(Sweep::WHOLE.play(transcript, driver));
            tally.add(io_faults(transcript, driver));
        }
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
