//! Figures of many runs, for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::content::{READ, SENT, message};
use super::{Run, Work};

/// The runs of every candidate, in the order they were first met.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    rows: Vec<(Work, &'static str, Vec<Run>)>,
}

/// Whether this program is built as users build; figures of any other are not to be compared.
pub(crate) const IS_OPTIMISED: bool = !cfg!(debug_assertions);

impl Figures {
    pub(super) fn add(&mut self, work: Work, name: &'static str, run: &Run) {
        match self.rows.iter_mut().find(|(w, n, _)| (*w, *n) == (work, name)) {
            Some((_, _, runs)) => runs.push(run.clone()),
            None => self.rows.push((work, name, vec![run.clone()])),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A table in the form of the pages, a row for each work and candidate.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from(
            "| work | client | CPU, ms | of Python's | memory, MiB: the work | the process | wall, ms |\n\
             |---|---|---:|---:|---:|---:|---:|\n",
        );
        let python: BTreeMap<&str, f64> = self
            .rows
            .iter()
            .filter(|(_, name, _)| name.ends_with("lib"))
            .map(|(work, _, runs)| (work.name(), middle(runs, |run| run.cpu)))
            .collect();
        for (work, name, runs) in &self.rows {
            let cpu = middle(runs, |run| run.cpu);
            let share = python.get(work.name()).map_or_else(String::new, |python| {
                format!("1/{:.1}", python / cpu.max(f64::EPSILON))
            });
            let mib = |kib: u64| kib as f64 / 1024.0;
            let own = middle(runs, |run| mib(run.peak.saturating_sub(run.base)));
            let whole = middle(runs, |run| mib(run.peak));
            let wall = middle(runs, |run| run.wall) * 1e3;
            // Writing to a `String` does not fail.
            let _ = writeln!(
                text,
                "| {} | {} | {:.0} | {share} | {own:.1} | {whole:.1} | {wall:.0} |",
                describe(*work),
                client(*work, name),
                cpu * 1e3
            );
        }
        text
    }
}

fn describe(work: Work) -> String {
    match work {
        Work::Flags => format!("flags of {READ} messages"),
        Work::Headers => format!("headers of {READ} messages"),
        Work::Whole => format!("{READ} messages whole, {} MB", megabytes(READ)),
        Work::Large => "one message of 200 MB".to_owned(),
        Work::Send => format!("{SENT} messages sent, {} MB", megabytes(SENT)),
    }
}

/// What so many messages are together.
fn megabytes(count: usize) -> usize {
    (1..=count).map(|number| message(number).len()).sum::<usize>() / 1_000_000
}

fn client(work: Work, name: &str) -> String {
    match (work, name) {
        (_, "imaplib" | "smtplib") => name.to_owned(),
        (Work::Send, "one-by-one") => "xoauth, one by one".to_owned(),
        (Work::Send, driver) => format!("xoauth, `send_all`, {driver}"),
        (_, driver) => format!("xoauth, {driver}"),
    }
}

/// The median of what is looked at.
fn middle(runs: &[Run], of: impl Fn(&Run) -> f64) -> f64 {
    let mut all: Vec<f64> = runs.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}
