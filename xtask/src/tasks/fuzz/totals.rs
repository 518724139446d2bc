//! How often each fuzz target was executed, over all campaigns: `fuzz/totals.txt`, and the table in
//! `docs/security.md`.

use std::collections::BTreeMap;
use std::fs;

use crate::Result;
use crate::page;
use crate::workspace::Workspace;

const FILE: &str = "fuzz/totals.txt";
const PAGE: &str = "docs/security.md";

/// How a target was executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// By libFuzzer, which looks at what an execution covers.
    Guided,
    /// On inputs changed at random.
    Volume,
    /// Either way, with the address sanitizer.
    Sanitized,
}

impl Kind {
    /// Behind a number of executions.
    pub(super) fn how(self) -> &'static str {
        match self {
            Self::Guided => "guided by coverage",
            Self::Volume => "of inputs changed at random",
            Self::Sanitized => "with the address sanitizer",
        }
    }
}

/// Executions of one target without a finding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Executions {
    guided: u64,
    volume: u64,
    sanitized: u64,
}

/// The executions of every target, by its name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Totals(BTreeMap<String, Executions>);

impl Totals {
    /// What was counted so far.
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        if !workspace.root.join(FILE).exists() {
            return Ok(Self::default());
        }
        let text = workspace.read(FILE)?;
        Ok(Self::parse(&text).ok_or_else(|| format!("{FILE} is not a list of executions"))?)
    }

    /// Adds a campaign.
    pub(super) fn add(&mut self, target: &str, kind: Kind, executions: u64) {
        let total = self.0.entry(target.to_owned()).or_default();
        let count = match kind {
            Kind::Guided => &mut total.guided,
            Kind::Volume => &mut total.volume,
            Kind::Sanitized => &mut total.sanitized,
        };
        *count = count.saturating_add(executions);
    }

    /// How many executions of a target are missing to a goal, and to a tenth of it with the sanitizer.
    pub(super) fn missing(&self, target: &str, goal: u64) -> [u64; 2] {
        let total = self.0.get(target).copied().unwrap_or_default();
        [goal.saturating_sub(total.plain()), (goal / 10).saturating_sub(total.sanitized)]
    }

    /// How many of the targets are past a goal, and past a tenth of it with the sanitizer.
    pub(super) fn figures(&self, targets: &[&str], goal: u64) -> String {
        let missing: Vec<[u64; 2]> =
            targets.iter().map(|target| self.missing(target, goal)).collect();
        let plain = missing.iter().filter(|[plain, _]| *plain == 0).count();
        let sanitized = missing.iter().filter(|[_, sanitized]| *sanitized == 0).count();
        format!(
            "{plain} targets of {} past {}, {sanitized} past {} with the sanitizer: below",
            targets.len(),
            grouped(goal),
            grouped(goal / 10)
        )
    }

    /// Writes the file and the table.
    pub(super) fn write(&self, workspace: &Workspace) -> Result<()> {
        fs::write(workspace.root.join(FILE), self.text())?;
        page::write(workspace, PAGE, "fuzz", &self.table())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut totals = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            let name = words.next()?.to_owned();
            let [guided, volume, sanitized] =
                [words.next()?, words.next()?, words.next()?].map(|word| word.parse().ok());
            let (guided, volume, sanitized) = (guided?, volume?, sanitized?);
            totals.insert(name, Executions { guided, volume, sanitized });
        }
        Some(Self(totals))
    }

    fn text(&self) -> String {
        let mut text = String::from("# target, executions guided, at random, with a sanitizer\n");
        for (name, Executions { guided, volume, sanitized }) in &self.0 {
            text.push_str(&format!("{name} {guided} {volume} {sanitized}\n"));
        }
        text
    }

    fn table(&self) -> String {
        let mut table = String::from(
            "| target | executions | of these guided by coverage | with the address sanitizer |\n|---|---|---|---|\n",
        );
        for (name, total) in &self.0 {
            let [all, guided, sanitized] =
                [total.plain(), total.guided, total.sanitized].map(grouped);
            table.push_str(&format!("| `{name}` | {all} | {guided} | {sanitized} |\n"));
        }
        table
    }
}

impl Executions {
    /// Without the sanitizer.
    fn plain(&self) -> u64 {
        self.guided.saturating_add(self.volume)
    }
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn campaigns_add_up_and_are_read_again() {
        let mut totals = Totals::default();
        totals.add("a", Kind::Guided, 1_234_567);
        totals.add("a", Kind::Volume, 1);
        totals.add("b", Kind::Sanitized, 10);
        assert_eq!(Totals::parse(&totals.text()).as_ref(), Some(&totals));
        let table = totals.table();
        assert!(table.contains("| `a` | 1,234,568 | 1,234,567 | 0 |"), "{table}");
        assert!(table.contains("| `b` | 0 | 0 | 10 |"), "{table}");
        assert_eq!(Totals::parse("a 1 2\n"), None);
        assert_eq!(totals.missing("a", 1_234_570), [2, 123_457]);
        assert_eq!(totals.missing("none", 10), [10, 1]);
        assert_eq!(
            totals.figures(&["a", "b", "none"], 100),
            "1 targets of 3 past 100, 1 past 10 with the sanitizer: below"
        );
    }
}
