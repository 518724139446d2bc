//! The same work over the blocking driver and over the async one, which runs on the thread that waits for it.

use std::error::Error;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::measure::{goal, is_quick, median};
use crate::report::say;

/// How long work took by the clock, and the thread of the client by its CPU time.
pub(crate) type Took = (Duration, Duration);

type Work<'a> = &'a mut dyn FnMut() -> Result<Took, Box<dyn Error>>;

/// The part of the blocking driver's throughput that the async one must reach.
const WANTED: f64 = 0.9;

pub(crate) fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Lets both do the work in each round, the first to go in turn, and prints how they compare.
pub(crate) fn compare(
    title: &str,
    octets: usize,
    blocking: Work<'_>,
    awaited: Work<'_>,
) -> Result<(), Box<dyn Error>> {
    let rounds = if is_quick() { 1 } else { 11 };
    blocking()?;
    awaited()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        if round % 2 == 0 {
            ours.push(blocking()?);
            theirs.push(awaited()?);
        } else {
            theirs.push(awaited()?);
            ours.push(blocking()?);
        }
    }
    say!("\n{title} ({:.1} MB; median of {rounds})", octets as f64 / 1e6);
    let show = |name: &str, took: &[Took]| {
        let seconds = |pick: fn(&Took) -> Duration| {
            median(took.iter().map(|took| pick(took).as_secs_f64()).collect())
        };
        let (wall, cpu) = (seconds(|took| took.0), seconds(|took| took.1));
        let rate = octets as f64 / 1e6 / wall;
        say!("  {name:<42} {:>9.2} ms {:>9.2} ms CPU {rate:>8.0} MB/s", wall * 1e3, cpu * 1e3);
    };
    show("blocking", &ours);
    show("tokio, one thread", &theirs);
    let ratio = |pick: fn(&Took) -> Duration| {
        let rounds = ours.iter().zip(&theirs);
        median(
            rounds
                .map(|(one, other)| pick(one).as_secs_f64() / pick(other).as_secs_f64())
                .collect(),
        )
    };
    for (what, ratio) in [("CPU time", ratio(|took| took.1)), ("time", ratio(|took| took.0))] {
        let what = format!("{what} of blocking / async");
        say!("{}", goal(&what, ratio, &format!(">= {WANTED:.2}"), ratio >= WANTED));
    }
    Ok(())
}
