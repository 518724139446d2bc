//! The table of gates in `docs/security.md`: a row is replaced when its gate was run, the others stay.

use crate::Result;
use crate::outcome::Outcome;
use crate::page;
use crate::workspace::Workspace;

const PAGE: &str = "docs/security.md";
const PLACE: &str = "gates";
const HEAD: &str = "| gate | outcome | figures | commit |\n|---|---|---|---|\n";

/// What is known of each gate, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Results(Vec<(String, Row)>);

/// How a gate ended last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    outcome: String,
    figures: String,
    commit: String,
}

impl Row {
    pub(super) fn new(outcome: &Outcome, figures: &str, commit: &str) -> Self {
        let cell = |text: &str| text.replace(['|', '\n'], " ");
        Self { outcome: cell(&outcome.to_string()), figures: cell(figures), commit: cell(commit) }
    }
}

impl Results {
    /// What the page says, and "not run" of those it does not name.
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        Ok(Self::parse(&page::read(workspace, PAGE, PLACE)?))
    }

    fn parse(table: &str) -> Self {
        let written = |name: &str| {
            table.lines().find_map(|line| {
                let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
                match cells.as_slice() {
                    &[gate, outcome, figures, commit] if gate == name => Some(Row {
                        outcome: outcome.to_owned(),
                        figures: figures.to_owned(),
                        commit: commit.to_owned(),
                    }),
                    _ => None,
                }
            })
        };
        let never = || Row::new(&Outcome::NotRun("not yet".to_owned()), "", "");
        let row = |name: &str| (name.to_owned(), written(name).unwrap_or_else(never));
        Self(super::GATES.iter().map(|(name, _)| row(name)).collect())
    }

    pub(super) fn set(&mut self, name: &str, new: Row) {
        if let Some((_, row)) = self.0.iter_mut().find(|(gate, _)| gate == name) {
            *row = new;
        }
    }

    pub(super) fn write(&self, workspace: &Workspace) -> Result<()> {
        page::write(workspace, PAGE, PLACE, &self.table())
    }

    fn table(&self) -> String {
        let rows = self.0.iter().map(|(name, row)| {
            format!("| {name} | {} | {} | {} |\n", row.outcome, row.figures, row.commit)
        });
        HEAD.chars().chain(rows.collect::<String>().chars()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_kept_until_its_gate_is_run_again() {
        let mut results = Results::parse("text of before\n");
        assert!(results.table().contains("| miri | not run: not yet |  |  |\n"));
        results.set("miri", Row::new(&Outcome::Passed, "a|b", "1a2b3c4 2026-01-02"));
        results.set("nothing", Row::new(&Outcome::Passed, "", ""));
        let mut read = Results::parse(&results.table());
        assert_eq!(read, results);
        assert!(read.table().contains("| miri | passed | a b | 1a2b3c4 2026-01-02 |\n"));
        read.set("msrv", Row::new(&Outcome::Failed("why".to_owned()), "", "2026-01-03"));
        assert!(read.table().contains("| miri | passed | a b |"));
        assert!(read.table().ends_with("| msrv | FAILED: why |  | 2026-01-03 |\n"));
    }
}
