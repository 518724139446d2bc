//! How often each fuzz target was executed, over all campaigns: `fuzz/totals.txt`, and the table in
//! `docs/security.md`.

use std::collections::BTreeMap;
use std::fs;

use crate::Result;
use crate::page;
use crate::workspace::Workspace;

const FILE: &str = "fuzz/totals.txt";
const PAGE: &str = "docs/security.md";

/// Executions of one target without a finding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Executions {
    plain: u64,
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
    pub(super) fn add(&mut self, target: &str, executions: u64, sanitized: bool) {
        let total = self.0.entry(target.to_owned()).or_default();
        let count = if sanitized { &mut total.sanitized } else { &mut total.plain };
        *count = count.saturating_add(executions);
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
            let plain = words.next()?.parse().ok()?;
            let sanitized = words.next()?.parse().ok()?;
            totals.insert(name, Executions { plain, sanitized });
        }
        Some(Self(totals))
    }

    fn text(&self) -> String {
        let mut text =
            String::from("# target, executions without sanitizers, executions with them\n");
        for (name, Executions { plain, sanitized }) in &self.0 {
            text.push_str(&format!("{name} {plain} {sanitized}\n"));
        }
        text
    }

    fn table(&self) -> String {
        let mut table =
            String::from("| target | executions | with the address sanitizer |\n|---|---|---|\n");
        for (name, Executions { plain, sanitized }) in &self.0 {
            let (plain, sanitized) = (grouped(*plain), grouped(*sanitized));
            table.push_str(&format!("| `{name}` | {plain} | {sanitized} |\n"));
        }
        table
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
        totals.add("a", 1_234_567, false);
        totals.add("a", 1, false);
        totals.add("b", 10, true);
        assert_eq!(Totals::parse(&totals.text()).as_ref(), Some(&totals));
        assert!(totals.table().contains("| `a` | 1,234,568 | 0 |"), "{}", totals.table());
        assert!(totals.table().contains("| `b` | 0 | 10 |"));
        assert_eq!(Totals::parse("a 1\n"), None);
    }
}
