//! `docs/interop.md`: which servers were met, and what came of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::bulk::Figures;
use crate::cell::{self, Cell};
use crate::environment::Lab;
use crate::logs;
use crate::report::{Counts, Outcome, Verdict};

const HEAD: &str = "\
# Real servers

Servers that nobody of this project wrote, and what they made of our logins. Written by
`cargo xtask lab test --record`; every change is judged by the same run without the last word.

A cell is a server, a mechanism, implicit TLS or STARTTLS, the message on the command line or on a line of
its own, and a case: good credentials, wrong ones of each kind, tokens of 100 to 8,000 octets, a judge that
is down. In each the type of the error, the server's document and the session afterwards are looked at; after
each refusal the same connection logs in with good credentials.
";

/// The whole page.
pub(crate) fn write(lab: &Lab, outcomes: &[Outcome], figures: &Figures) -> String {
    let mut page = String::from(HEAD);
    page.push_str(&table(lab, outcomes));
    page.push_str(&differences(outcomes));
    page.push_str(&second_clients(lab, outcomes));
    page.push_str(&in_bulk(lab, figures));
    page.push_str(&named(outcomes));
    for (server, why) in lab.all_not_run() {
        // Writing to a `String` does not fail.
        let _ = writeln!(page, "\nNot run: {server}: {why}.");
    }
    page
}

/// A line for each server, protocol and mechanism.
fn table(lab: &Lab, outcomes: &[Outcome]) -> String {
    let cells: BTreeMap<String, Cell> =
        cell::all().into_iter().map(|cell| (cell.name(), cell)).collect();
    let mut rows: Vec<([String; 5], Vec<&Outcome>)> = Vec::new();
    for outcome in outcomes {
        let Some(cell) = cells.get(&outcome.name) else { continue };
        let row = [
            cell.peer.server.to_owned(),
            format!("{} {}", cell.peer.product, lab.version(cell.peer.product)),
            cell.peer.protocol().to_uppercase(),
            cell.kind.name().to_owned(),
            cell.peer.judge.name().to_owned(),
        ];
        match rows.iter_mut().find(|(known, _)| *known == row) {
            Some((_, outcomes)) => outcomes.push(outcome),
            None => rows.push((row, vec![outcome])),
        }
    }
    let mut text = String::from(
        "\n| server | version | protocol | mechanism | judge | cells passed | differ | failed |\n\
         |---|---|---|---|---|---:|---:|---:|\n",
    );
    for (row, outcomes) in rows {
        let Counts { passed, differs, failed, .. } = Counts::of(outcomes);
        let _ = writeln!(text, "| {} | {passed} | {differs} | {failed} |", row.join(" | "));
    }
    text
}

/// Each difference once, with the words of the server.
fn differences(outcomes: &[Outcome]) -> String {
    let mut reasons: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for outcome in outcomes {
        if let Verdict::Differs { reason, words } = &outcome.verdict {
            reasons.entry(reason).or_insert((0, words)).0 += 1;
        }
    }
    let mut text = String::from(
        "\n## Differences\n\nWhere a server does something else than the table expects. A difference that \
         is not these words, or is no more, fails the run.\n\n\
         | what the server does | cells | what was found |\n|---|---:|---|\n",
    );
    for (reason, (count, words)) in reasons {
        let words = words.replace('|', "\\|");
        let _ = writeln!(text, "| {reason} | {count} | `{words}` |");
    }
    text
}

/// What work in bulk takes, beside Python's own clients.
fn in_bulk(lab: &Lab, figures: &Figures) -> String {
    format!(
        "\n## In bulk\n\n\
         Dovecot over TLS with XOAUTH2, and smtp-sink in the clear; Python {}. Each client is a process of its own; \
         all of them work in each of the rounds one after the other, and what is shown are medians. Every octet \
         that is read, and every one that arrives, is compared with what it has to be; the time for that is not in \
         the figures. CPU is the processor time of the client from before it connects to the end. Memory is the \
         most that was resident: beyond what was before the work, and in all. imaplib gets all with one command, \
         and keeps what it gets. The ratios say more than the times, which are those of one machine with other \
         things to do.\n\n{}",
        lab.version("python"),
        figures.table()
    )
}

/// What of a test's name says where it was run: `async`, the server, the protocol. Of such tests there are many,
/// and they are only counted.
fn place(outcome: &Outcome) -> Option<[&str; 3]> {
    match outcome.name.split(' ').collect::<Vec<_>>()[..] {
        [what @ ("async" | "curl"), server, protocol @ ("imap" | "smtp"), ..] => {
            Some([what, server, protocol])
        }
        _ => None,
    }
}

/// The async driver, and curl.
fn second_clients(lab: &Lab, outcomes: &[Outcome]) -> String {
    let mut rows: Vec<([&str; 3], Vec<&Outcome>)> = Vec::new();
    for outcome in outcomes {
        let Some(place) = place(outcome) else { continue };
        match rows.iter_mut().find(|(known, _)| *known == place) {
            Some((_, outcomes)) => outcomes.push(outcome),
            None => rows.push((place, vec![outcome])),
        }
    }
    let mut text = format!(
        "\n## Async, and somebody else's client\n\n\
         Every mechanism with both ways of TLS: sessions over tokio, let in, and refused then let in on the same \
         connection; and curl {}, let in and refused, at the same servers and at the host of this workspace, which \
         is judged by it.\n\n| client | server | protocol | passed | failed | not run |\n|---|---|---|---:|---:|---:|\n",
        lab.version("curl")
    );
    for ([what, server, protocol], outcomes) in rows {
        let Counts { passed, failed, not_run, .. } = Counts::of(outcomes);
        let client = if what == "async" { "xoauth, async" } else { what };
        let protocol = protocol.to_uppercase();
        let _ = writeln!(
            text,
            "| {client} | {server} | {protocol} | {passed} | {failed} | {not_run} |"
        );
    }
    text
}

/// The tests that are no cells: by name those that passed, with a line of its own each that did not.
fn named(outcomes: &[Outcome]) -> String {
    let cells: Vec<String> = cell::all().iter().map(Cell::name).collect();
    let named = outcomes.iter().filter(|outcome| !cells.contains(&outcome.name));
    let mut passed = Vec::new();
    let mut logs = 0;
    let mut others = String::new();
    for outcome in named.filter(|outcome| place(outcome).is_none()) {
        let verdict = match &outcome.verdict {
            Verdict::Passed if outcome.name.starts_with(logs::NAME) => {
                logs += 1;
                continue;
            }
            Verdict::Passed => {
                passed.push(format!("`{}`", outcome.name));
                continue;
            }
            Verdict::Differs { reason, .. } => format!("differs: {reason}"),
            Verdict::Failed(why, _) => format!("FAILED: {why}"),
            Verdict::NotRun(why) => format!("not run: {why}"),
        };
        let _ = writeln!(others, "| {} | {verdict} |", outcome.name);
    }
    let mut text = format!(
        "\n## Named tests\n\nPassed: {}.\n\n{logs} logs of servers hold no complaint but those that tests provoke.\n",
        passed.join(", ")
    );
    if !others.is_empty() {
        let _ = write!(text, "\n| test | outcome |\n|---|---|\n{others}");
    }
    text
}
