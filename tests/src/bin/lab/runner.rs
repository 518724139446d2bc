//! Runs the tests, many at a time.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::environment::{Lab, Lines};
use crate::report::{Outcome, Verdict};
use crate::{
    Result, browser, cell, command, curl, delivery, examples, journeys, nonblocking, regressions,
    sessions,
};

/// A test with its name.
pub(crate) struct Test {
    pub(crate) name: String,
    /// The servers it needs.
    pub(crate) servers: Vec<&'static str>,
    pub(crate) run: Box<dyn Fn(&Lab) -> Verdict + Send>,
}

impl Test {
    /// A test that is no cell of the table.
    pub(crate) fn named(
        name: &str,
        servers: Vec<&'static str>,
        run: impl Fn(&Lab, &Lines) -> Result<()> + Send + 'static,
    ) -> Self {
        let run = Box::new(move |lab: &Lab| {
            let lines = Lines::default();
            match run(lab, &lines) {
                Ok(()) => Verdict::Passed,
                Err(error) => Verdict::Failed(error.to_string(), lines.all()),
            }
        });
        Self { name: name.to_owned(), servers, run }
    }
}

/// Connections at a time. Dovecot waits half a second with each refusal, so that most of them wait.
const WORKERS: usize = 32;

/// How far apart two tests that follow each other stand in the table, so that no server gets all
/// connections at once. A prime, so that each has its turn.
const STRIDE: usize = 1009;

/// Every test that runs beside others.
pub(crate) fn all() -> Vec<Test> {
    let cells = cell::all().into_iter().map(|cell| Test {
        name: cell.name(),
        servers: vec![cell.peer.server],
        run: Box::new(move |lab| cell.run(lab)),
    });
    let named = [
        regressions::all(),
        journeys::all(),
        sessions::all(),
        delivery::all(),
        examples::all(),
        curl::all(),
        nonblocking::all(),
        command::all(),
        browser::all(),
    ];
    cells.chain(named.into_iter().flatten()).collect()
}

/// Runs them, and returns what came of each in their order.
pub(crate) fn run(lab: &Lab, tests: Vec<Test>) -> Vec<Outcome> {
    let mut tests: Vec<(usize, Test)> = tests.into_iter().enumerate().collect();
    let count = tests.len().max(1);
    tests.sort_by_key(|(index, _)| (index * STRIDE) % count);
    let queue = Mutex::new(VecDeque::from(tests));
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some((index, test)) = next else { break };
                    let begin = Instant::now();
                    let verdict = judge(lab, &test);
                    let time = begin.elapsed();
                    let outcome = Outcome { name: test.name, verdict, time };
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

fn judge(lab: &Lab, test: &Test) -> Verdict {
    let missing = test.servers.iter().find_map(|server| Some((server, lab.not_run(server)?)));
    match missing {
        Some((server, why)) => Verdict::NotRun(format!("{server}: {why}")),
        None => (test.run)(lab),
    }
}
