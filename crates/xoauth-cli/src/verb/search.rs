//! `xoauth search`: messages that match.

use clap::Args;
use serde_json::json;
use xoauth::imap::command::{self, Item};
use xoauth::imap::{Message, Query};

use crate::Result;
use crate::account::Account;
use crate::args::Global;
use crate::connect::Gate;
use crate::diagnose::failure_of;
use crate::failure::Exit;
use crate::header;
use crate::output::Ui;
use crate::query::{Criteria, find};

/// The arguments.
#[derive(Debug, Args)]
#[command(after_help = "Example: xoauth search -a work --unseen --since 3d --from ann")]
pub(crate) struct Search {
    /// The mailbox
    #[arg(short, long, value_name = "NAME", default_value = "INBOX")]
    mailbox: String,
    #[command(flatten)]
    criteria: Criteria,
    /// UIDs only, one a line
    #[arg(long)]
    uids: bool,
}

impl Search {
    pub(crate) fn run(&self, global: &Global, ui: &Ui) -> Result<Exit> {
        let query = self.criteria.query()?.unwrap_or(Query::All);
        let account = Account::resolve(global)?;
        let gate = Gate::new(&account, "imap")?;
        let mut session = gate.imap_session()?;
        let attempt = gate.attempt();
        let failed = |error| failure_of(&error, "search", &attempt);
        session.run(command::Examine::new(self.mailbox.as_str())).map_err(failed)?;
        let found = find(&mut session, &query).map_err(failed)?;
        if self.uids {
            for uid in &found {
                if ui.json {
                    ui.object(json!({ "uid": uid.get() }))?
                } else {
                    ui.line(uid.to_string())?
                }
            }
        } else if !found.is_empty() {
            let items = [Item::Uid, Item::Flags, Item::InternalDate, Item::Size, Item::Envelope];
            let messages = session.stream(command::Fetch::new(&found, items)).map_err(failed)?;
            for message in messages {
                show(&message.map_err(failed)?, ui)?;
            }
        }
        ui.note(match found.len() {
            1 => "1 message".to_owned(),
            count => format!("{count} messages"),
        });
        let _ = session.logout();
        Ok(Exit::Ok)
    }
}

fn show(message: &Message, ui: &Ui) -> Result<()> {
    let Some(uid) = message.uid else { return Ok(()) };
    let from = message.envelope.as_ref().map(header::author).unwrap_or_default();
    let subject = message.envelope.as_ref().map(header::subject).unwrap_or_default();
    if ui.json {
        let flags = message.flags.iter().flat_map(|flags| flags.iter().map(ToString::to_string));
        return ui.object(json!({
            "uid": uid.get(),
            "date": message.internal_date.map(|date| date.unix_seconds()),
            "from": from,
            "subject": subject,
            "size": message.size,
            "flags": flags.collect::<Vec<_>>(),
        }));
    }
    ui.line(format!("{uid}\t{}\t{from}\t{subject}", header::local(message.internal_date)))
}
