//! Steps with their times, and the table of them at the end.

use std::time::{Duration, Instant};

use crate::Result;
use crate::outcome::Outcome;

/// The steps of a run, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: String,
    outcome: Outcome,
    time: Duration,
}

impl Report {
    /// Runs one step and prints its name, its outcome and its seconds. A step that cannot run
    /// its program has failed.
    pub(crate) fn step(&mut self, name: &str, act: impl FnOnce() -> Result<Outcome>) -> Outcome {
        println!("\n==> {name}");
        let start = Instant::now();
        let outcome = act().unwrap_or_else(|error| Outcome::Failed(error.to_string()));
        let step = Step { name: name.to_owned(), outcome, time: start.elapsed() };
        println!("<== {}", step.line(0));
        let outcome = step.outcome.clone();
        self.steps.push(step);
        outcome
    }

    /// The table of all steps.
    pub(crate) fn summary(&self) -> String {
        let width = self.steps.iter().map(|step| step.name.len()).max().unwrap_or_default();
        let total: Duration = self.steps.iter().map(|step| step.time).sum();
        let mut text = String::from("\nSteps:\n");
        for step in &self.steps {
            text.push_str(&format!("  {}\n", step.line(width)));
        }
        text.push_str(&format!("  {:<width$}  {:>6.1} s\n", "total", total.as_secs_f64()));
        text
    }

    /// Failed when a step has failed. Steps that were not run are named, and do not fail the run.
    pub(crate) fn outcome(&self) -> Outcome {
        let failed = |step: &&Step| matches!(step.outcome, Outcome::Failed(_));
        let names: Vec<&str> =
            self.steps.iter().filter(failed).map(|step| step.name.as_str()).collect();
        if names.is_empty() { Outcome::Passed } else { Outcome::Failed(names.join(", ")) }
    }
}

impl Step {
    fn line(&self, width: usize) -> String {
        let time = self.time.as_secs_f64();
        format!("{:<width$}  {time:>6.1} s  {}", self.name, self.outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_was_not_run_is_not_called_passed() {
        let mut report = Report::default();
        report.step("one", || Ok(Outcome::NotRun("no tool".to_owned())));
        assert!(report.summary().contains("not run: no tool"));
        assert!(!report.summary().contains("passed"));
        assert_eq!(report.outcome(), Outcome::Passed);
    }

    #[test]
    fn one_failed_step_fails_the_run() {
        let mut report = Report::default();
        report.step("one", || Ok(Outcome::Passed));
        report.step("two", || Err("no such program".into()));
        assert!(report.summary().contains("FAILED: no such program"));
        assert_eq!(report.outcome(), Outcome::Failed("two".to_owned()));
    }
}
