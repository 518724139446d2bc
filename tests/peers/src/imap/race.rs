//! Measuring work that takes milliseconds: interleaved, by CPU time of the thread.

use std::time::{Duration, Instant};

use cpu_time::ThreadTime;

use crate::measure::goal;
use crate::report::say;

/// How often each candidate does its work.
const ROUNDS: usize = 15;

/// One way to do the work; it tells something of the result that all must agree on.
pub(crate) struct Runner<'a> {
    name: &'static str,
    /// What the server sends it, where that is not what it sends the others.
    octets: Option<usize>,
    work: Box<dyn FnMut() -> u64 + 'a>,
}

pub(crate) fn runner<'a>(name: &'static str, work: impl FnMut() -> u64 + 'a) -> Runner<'a> {
    Runner { name, octets: None, work: Box::new(work) }
}

impl Runner<'_> {
    /// The server sends it another number of octets than the others.
    pub(crate) fn hears(mut self, octets: usize) -> Self {
        self.octets = Some(octets);
        self
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Clock {
    /// Of this thread.
    Cpu,
    /// Of the wall, for work that waits; it is repeated less often.
    Slow,
}

/// Seconds, round by round.
pub(crate) struct Race {
    rows: Vec<(&'static str, Vec<f64>)>,
}

/// Runs all in each round, one after the other. `octets` is what the server sends, unless a runner says otherwise.
pub(crate) fn race(title: &str, clock: Clock, octets: usize, mut runners: Vec<Runner<'_>>) -> Race {
    let results: Vec<u64> = runners.iter_mut().map(|runner| (runner.work)()).collect();
    let agree = results.windows(2).all(|pair| pair[0] == pair[1]);
    assert!(agree, "{title}: the candidates disagree: {results:?}");
    let mut rows: Vec<_> = runners.iter().map(|runner| (runner.name, Vec::new())).collect();
    let rounds = if clock == Clock::Slow { 3 } else { ROUNDS };
    for _ in 0..rounds {
        for (runner, (_, times)) in runners.iter_mut().zip(&mut rows) {
            times.push(timed(clock, &mut runner.work).as_secs_f64());
        }
    }
    let race = Race { rows };
    let unit = if clock == Clock::Cpu { "CPU" } else { "wall" };
    say!("\n{title} ({:.1} MB; {unit} time, median of {rounds})", octets as f64 / 1e6);
    for ((name, times), runner) in race.rows.iter().zip(&runners) {
        let time = median(times.clone());
        let octets = runner.octets.unwrap_or(octets);
        say!("  {name:<42} {:>9.2} ms {:>9.0} MB/s", time * 1e3, octets as f64 / 1e6 / time);
    }
    race
}

fn timed(clock: Clock, work: &mut dyn FnMut() -> u64) -> Duration {
    match clock {
        Clock::Cpu => {
            let start = ThreadTime::now();
            std::hint::black_box(work());
            start.elapsed()
        }
        Clock::Slow => {
            let start = Instant::now();
            std::hint::black_box(work());
            start.elapsed()
        }
    }
}

impl Race {
    /// How many times as long `one` takes as `other`: the median over the rounds.
    pub(crate) fn ratio(&self, one: &str, other: &str) -> f64 {
        let times = |name| &self.rows.iter().find(|row| row.0 == name).expect(name).1;
        median(times(one).iter().zip(times(other)).map(|(one, other)| one / other).collect())
    }

    /// Prints how much faster `ours` is than `peer`, against what is wanted.
    pub(crate) fn goal(&self, ours: &str, peer: &str, wanted: f64) {
        let ratio = self.ratio(peer, ours);
        let what = format!("time of {peer} / {ours}");
        say!("{}", goal(&what, ratio, &format!(">= {wanted:.2}"), ratio >= wanted));
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
