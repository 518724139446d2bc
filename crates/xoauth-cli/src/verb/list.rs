//! `xoauth list`: mailboxes.

use clap::Args;
use serde_json::json;
use xoauth::imap::command;

use crate::Result;
use crate::account::Account;
use crate::args::Global;
use crate::connect::Gate;
use crate::diagnose::failure_of;
use crate::failure::Exit;
use crate::output::{Ui, one_line};

/// The arguments.
#[derive(Debug, Args)]
#[command(after_help = "Example: xoauth list -a work 'INBOX*'")]
pub(crate) struct List {
    /// `*` matches anything, `%` anything within one level
    #[arg(default_value = "*")]
    pattern: String,
}

impl List {
    pub(crate) fn run(&self, global: &Global, ui: &Ui) -> Result<Exit> {
        let account = Account::resolve(global)?;
        let gate = Gate::new(&account, "imap")?;
        let mut session = gate.imap_session()?;
        let attempt = gate.attempt();
        let mailboxes = session.run(command::List::new(self.pattern.as_str()));
        let mailboxes = mailboxes.map_err(|error| failure_of(&error, "list", &attempt))?;
        if mailboxes.is_empty() {
            ui.note(format!("no mailbox matches {}", self.pattern));
        }
        for entry in mailboxes {
            if !ui.json {
                ui.line(one_line(entry.mailbox().as_str()))?;
                continue;
            }
            ui.object(json!({
                "name": entry.mailbox().as_str(),
                "raw": String::from_utf8_lossy(&entry.mailbox().to_wire()),
                "delimiter": entry.delimiter().map(|delimiter| delimiter.as_char().to_string()),
                "attributes": entry.attributes().collect::<Vec<_>>(),
                "special_use": entry.special_use().map(|usage| usage.as_str()).collect::<Vec<_>>(),
            }))?;
        }
        // The result is printed; a server that ends the session its own way changes nothing.
        let _ = session.logout();
        Ok(Exit::Ok)
    }
}
