//! `xoauth check`: a login, step by step, with cause and fix of what fails.

mod report;
mod token;

use clap::{Args, ValueEnum};
use xoauth::smtp::ReversePath;
use xoauth::smtp::exchange::{Noop, VerifySender};
use xoauth::{imap, smtp};

use self::report::Report;
use crate::Result;
use crate::account::Account;
use crate::args::Global;
use crate::connect::{Gate, Stream, own_roots};
use crate::diagnose::failure_of;
use crate::failure::{Exit, Failure};
use crate::output::Ui;
use crate::sign_in::Credentials;
use crate::steps::Steps;

/// The arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: xoauth check -a work
         xoauth check -a work smtp --sender me@example.com
Exit: 0 where all is well, else the code of the first step that fails.
docs/errors.md explains each rule.")]
pub(crate) struct Check {
    /// imap, smtp, token; all that the account has, if none
    #[arg(hide_possible_values = true)]
    what: Vec<Target>,
    /// Ask whether the server takes this sender; send nothing
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<ReversePath>,
    /// Tell what to do, which it always does
    #[arg(long, hide = true)]
    fix_hints: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    Imap,
    Smtp,
    Token,
}

impl Check {
    pub(crate) fn run(&self, global: &Global, ui: &Ui) -> Result<Exit> {
        let report = Report::new(ui);
        let account = match Account::resolve(global) {
            Ok(account) => account,
            Err(failure) => {
                report.failed(&failure);
                return report.finish("");
            }
        };
        let named = |target| self.what.contains(&target);
        let asks =
            if self.what.is_empty() { account.has_server("smtp") } else { named(Target::Smtp) };
        if self.sender.is_some() && !asks {
            let message = "--sender is asked of SMTP, which is not checked";
            return Err(Failure::usage(message).hint("xoauth check smtp --sender ADDRESS"));
        }
        self.steps(&account, &report);
        report.finish(&account.name)
    }

    fn steps(&self, account: &Account, report: &Report) {
        let named = |target| self.what.contains(&target);
        let wants = |target, protocol| {
            if self.what.is_empty() { account.has_server(protocol) } else { named(target) }
        };
        let (imap, smtp) = (wants(Target::Imap, "imap"), wants(Target::Smtp, "smtp"));
        let user = account.user("").unwrap_or("no user");
        report.head(format!("{}  <{user}>", account.name));
        if let Err(failure) = account.sasl_ir().and_then(|_| own_roots(account)) {
            return report.failed(&failure);
        }
        let (is_fit, before) = (|protocol| fit(account, protocol, report), (imap, smtp));
        let (imap, smtp) = (imap && is_fit("imap"), smtp && is_fit("smtp"));
        if (imap, smtp) == before {
            report.passed("config", token::configuration(account));
        } else if !imap && !smtp {
            return;
        }
        if !imap && !smtp && !named(Target::Token) {
            // Says what is missing.
            if let Err(failure) = account.server("imap") {
                return report.failed(&failure);
            }
        }
        let Some(credentials) = token::check(account, report) else { return };
        if imap {
            check_imap(account, &credentials, report);
        }
        if smtp {
            check_smtp(account, &credentials, self.sender.as_ref(), report);
        }
    }
}

/// Whether the configuration tells of a server; what is wrong with it is a step that failed.
fn fit(account: &Account, protocol: &'static str, report: &Report) -> bool {
    let judged = account.server(protocol);
    if let Err(failure) = &judged {
        report.begin(protocol);
        report.failed(failure);
        report.begin("token");
    }
    judged.is_ok()
}

fn check_imap(account: &Account, credentials: &Credentials, report: &Report) {
    report.begin("imap");
    let gate = match Gate::known(account, "imap", credentials) {
        Ok(gate) => gate,
        Err(failure) => return report.failed(&failure),
    };
    report.connecting("imap", &gate.server);
    match gate.imap_by_steps(&Steps::watched(&gate.server, report.watcher())) {
        Ok(session) => probe_imap(session, &gate, report),
        Err(failure) => report.failed(&failure),
    }
}

fn probe_imap(mut session: imap::Session<Stream>, gate: &Gate<'_>, report: &Report) {
    report.passed("auth", "accepted");
    match session.run(imap::command::Examine::new("INBOX")) {
        Ok(inbox) => {
            let count = inbox.exists.map(|count| format!(", {count} messages")).unwrap_or_default();
            report.passed("probe", format!("EXAMINE INBOX{count}"));
        }
        Err(error) => return report.failed(&failure_of(&error, "probe", &gate.attempt())),
    }
    match session.logout() {
        Ok(()) => report.passed("logout", "BYE"),
        Err(error) => report.failed(&failure_of(&error, "logout", &gate.attempt())),
    }
}

fn check_smtp(
    account: &Account,
    credentials: &Credentials,
    sender: Option<&ReversePath>,
    report: &Report,
) {
    report.begin("smtp");
    let gate = match Gate::known(account, "smtp", credentials) {
        Ok(gate) => gate,
        Err(failure) => return report.failed(&failure),
    };
    report.connecting("smtp", &gate.server);
    match gate.smtp_by_steps(&Steps::watched(&gate.server, report.watcher())) {
        Ok(session) => probe_smtp(session, &gate, sender, report),
        Err(failure) => report.failed(&failure),
    }
}

fn probe_smtp(
    mut session: smtp::Session<Stream>,
    gate: &Gate<'_>,
    sender: Option<&ReversePath>,
    report: &Report,
) {
    report.passed("auth", "accepted");
    let probed = match sender {
        None => session.run(Noop::new()).map(|_| "NOOP".to_owned()),
        Some(sender) => takes(&mut session, sender),
    };
    match probed {
        Ok(detail) => report.passed("probe", detail),
        Err(error) => return report.failed(&failure_of(&error, "probe", &gate.attempt())),
    }
    match session.quit() {
        Ok(()) => report.passed("logout", "221"),
        Err(error) => report.failed(&failure_of(&error, "logout", &gate.attempt())),
    }
}

/// Whether the server takes a sender, and how it was asked.
fn takes(
    session: &mut smtp::Session<Stream>,
    sender: &ReversePath,
) -> Result<String, xoauth::Error> {
    let shown = format!("MAIL FROM:<{}> accepted, nothing sent", sender.as_str());
    session.run(VerifySender::new(sender.clone()))?;
    Ok(shown)
}
