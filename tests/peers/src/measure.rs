//! Measuring candidates against each other.

use std::fmt;
use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;

use crate::allocations::counted;

/// How often each candidate is measured.
const ROUNDS: usize = 60;

/// How long one measurement takes at least.
const SAMPLE: Duration = Duration::from_millis(5);

/// For how many operations allocations are counted.
const COUNTED: u32 = 1000;

/// Something that does one operation over and over.
pub(crate) struct Candidate<'a> {
    name: &'static str,
    batch: Box<dyn FnMut(u32) + 'a>,
}

impl<'a> Candidate<'a> {
    pub(crate) fn new<R>(name: &'static str, mut operation: impl FnMut() -> R + 'a) -> Self {
        let batch = move |count| {
            for _ in 0..count {
                black_box(operation());
            }
        };
        Self { name, batch: Box::new(batch) }
    }

    fn time(&mut self, count: u32) -> Duration {
        let start = ThreadTime::now();
        (self.batch)(count);
        start.elapsed()
    }

    /// How many operations take about as long as a sample should.
    fn calibrate(&mut self) -> u32 {
        let mut count = 1;
        while self.time(count) < SAMPLE {
            count *= 2;
        }
        count
    }
}

/// What was measured, candidate by candidate.
pub(crate) struct Measured {
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    /// Nanoseconds an operation, round by round.
    samples: Vec<f64>,
    calls: f64,
    octets: f64,
}

/// Measures all candidates in each round, one after the other.
pub(crate) fn measure(mut candidates: Vec<Candidate<'_>>) -> Measured {
    let counts: Vec<u32> = candidates.iter_mut().map(Candidate::calibrate).collect();
    let mut rows: Vec<Row> = candidates
        .iter_mut()
        .map(|candidate| {
            let (calls, octets) = counted(|| (candidate.batch)(COUNTED));
            let each = |total: u64| total as f64 / f64::from(COUNTED);
            let samples = Vec::with_capacity(ROUNDS);
            Row { name: candidate.name, samples, calls: each(calls), octets: each(octets) }
        })
        .collect();
    for _ in 0..ROUNDS {
        for ((candidate, row), &count) in candidates.iter_mut().zip(&mut rows).zip(&counts) {
            let time = candidate.time(count);
            row.samples.push(time.as_nanos() as f64 / f64::from(count));
        }
    }
    Measured { rows }
}

impl Measured {
    /// How many times as long `one` takes as `other`: the median over the rounds.
    pub(crate) fn ratio(&self, one: &str, other: &str) -> f64 {
        let rounds = self.row(one).samples.iter().zip(&self.row(other).samples);
        median(rounds.map(|(one, other)| one / other).collect())
    }

    /// Allocations an operation.
    pub(crate) fn allocations(&self, name: &str) -> f64 {
        self.row(name).calls
    }

    fn row(&self, name: &str) -> &Row {
        let row = self.rows.iter().find(|row| row.name == name);
        row.unwrap_or_else(|| panic!("no candidate is called `{name}`"))
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        writeln!(
            f,
            "{:<width$} {:>8} {:>8} {:>8} {:>9} {:>9}",
            "CPU time, ns an operation", "min", "median", "max", "allocs", "octets"
        )?;
        for row in &self.rows {
            let Row { name, samples, calls, octets } = row;
            let min = samples.iter().copied().fold(f64::INFINITY, f64::min);
            let max = samples.iter().copied().fold(0.0, f64::max);
            let median = median(samples.clone());
            writeln!(
                f,
                "{name:<width$} {min:>8.0} {median:>8.0} {max:>8.0} {calls:>9.1} {octets:>9.0}"
            )?;
        }
        Ok(())
    }
}

/// One goal and what was reached, as a line.
pub(crate) fn goal(what: &str, value: f64, wanted: &str, reached: bool) -> String {
    let verdict = if reached { "reached" } else { "MISSED" };
    format!("{what:<58} {value:>6.2}   goal {wanted:<8} {verdict}")
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Whether to run everything only once, to see that it runs: `--quick`.
pub(crate) fn is_quick() -> bool {
    std::env::args().any(|argument| argument == "--quick")
}
