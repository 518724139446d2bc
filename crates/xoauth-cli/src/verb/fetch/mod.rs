//! `xoauth fetch`: messages to a Maildir, an mbox, files or standard output.

mod target;
mod transfer;
mod writer;

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use xoauth::imap::command::{Examine, Select};
use xoauth::imap::{Query, Session, Uid, UidSet};

use self::target::Target;
use self::transfer::{Broken, Transfer};
use crate::Result;
use crate::account::Account;
use crate::args::Global;
use crate::connect::{Gate, Stream};
use crate::diagnose::failure_of;
use crate::failure::{Exit, Failure};
use crate::output::Ui;
use crate::query::{Criteria, find};

/// The arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: xoauth fetch -a work --all --maildir Mail --resume
Also the criteria of `xoauth search`: --from --to --subject --body --since
--before --unseen --flagged --larger --keys. What was fetched is noted beside
the output. Exit: 74 disk; 75 cut off, --resume goes on.")]
pub(crate) struct Fetch {
    /// The mailbox
    #[arg(short, long, value_name = "NAME", default_value = "INBOX")]
    mailbox: String,
    #[command(flatten)]
    criteria: Criteria,
    /// Every message
    #[arg(long)]
    all: bool,
    /// These: 7,12:20; `-` reads them from standard input
    #[arg(long, value_name = "SET")]
    uid: Option<String>,
    /// Into this Maildir
    #[arg(long, value_name = "DIR", group = "target")]
    maildir: Option<PathBuf>,
    /// Behind what is in this mbox
    #[arg(long, value_name = "FILE", group = "target")]
    mbox: Option<PathBuf>,
    /// One file each in this directory
    #[arg(long, value_name = "DIR", group = "target")]
    eml: Option<PathBuf>,
    /// `-`: to standard output, as they are
    #[arg(group = "target", value_name = "-", value_parser = ["-"], hide_possible_values = true)]
    pipe: Option<String>,
    /// The headers only
    #[arg(long)]
    headers: bool,
    /// Mark them as read
    #[arg(long)]
    mark_seen: bool,
    /// Leave out what was fetched before
    #[arg(long)]
    resume: bool,
}

/// How often a connection that broke is made anew without a message in between.
const ATTEMPTS: u32 = 3;

impl Fetch {
    pub(crate) fn run(&self, global: &Global, ui: &Ui) -> Result<Exit> {
        let query = self.query()?;
        if self.maildir.is_none()
            && self.mbox.is_none()
            && self.eml.is_none()
            && self.pipe.is_none()
        {
            return Err(
                Failure::usage("where to?").hint("--maildir DIR, --mbox FILE, --eml DIR, or -")
            );
        }
        let account = Account::resolve(global)?;
        let gate = Gate::new(&account, "imap")?;
        let attempt = gate.attempt();
        let failed = |error: xoauth::Error| failure_of(&error, "fetch", &attempt);
        let mut session = gate.imap_session()?;
        let uid_validity = self.open(&mut session).map_err(failed)?;
        let mut left = find(&mut session, &query).map_err(failed)?;
        let target = Target::open(self, uid_validity)?;
        if self.resume {
            left.retain(|&uid| !target.has(uid));
        }
        let mut transfer = Transfer::new(ui, target, left, self.headers, self.mark_seen)?;
        let received = loop {
            let error = match transfer.run(&mut session) {
                Ok(()) | Err(Broken::Local) => break Ok(()),
                Err(Broken::Session(error)) => error,
            };
            if !error.is_fatal() || transfer.fruitless() > ATTEMPTS {
                break Err(failed(error));
            }
            ui.note("connection lost; connecting again");
            match self.reopen(&gate, uid_validity) {
                Ok(again) => session = again,
                Err(failure) => break Err(failure),
            }
        };
        transfer.end(received, self.pipe.is_none())?;
        let _ = session.logout();
        Ok(Exit::Ok)
    }

    /// What to look for.
    fn query(&self) -> Result<Query> {
        let criteria = self.criteria.query()?;
        match (criteria, &self.uid, self.all) {
            (Some(query), None, false) => Ok(query),
            (None, Some(set), false) => {
                let text = if set == "-" { uids_of_stdin()? } else { set.clone() };
                let set = text.parse::<UidSet>();
                set.map(Query::Uid).map_err(|error| Failure::usage(format!("--uid: {error}")))
            }
            (None, None, true) => Ok(Query::All),
            (None, None, false) => {
                Err(Failure::usage("which messages?").hint("--all, --uid SET, or criteria"))
            }
            _ => Err(Failure::usage("--all, --uid and criteria exclude each other")),
        }
    }

    /// Opens the mailbox and gives its UIDVALIDITY.
    fn open(&self, session: &mut Session<Stream>) -> Result<u32, xoauth::Error> {
        let selected = if self.mark_seen {
            session.run(Select::new(self.mailbox.as_str()))?
        } else {
            session.run(Examine::new(self.mailbox.as_str()))?
        };
        Ok(selected.uid_validity.map_or(0, std::num::NonZeroU32::get))
    }

    /// A new session, where the UIDs mean the messages they meant before.
    fn reopen(&self, gate: &Gate<'_>, uid_validity: u32) -> Result<Session<Stream>> {
        let mut session = gate.imap_session()?;
        let now = self.open(&mut session);
        let now = now.map_err(|error| failure_of(&error, "fetch", &gate.attempt()))?;
        if now != uid_validity {
            let message = "the mailbox was made anew meanwhile";
            return Err(Failure::new(Exit::Temporary, "fetch", message));
        }
        Ok(session)
    }
}

/// UIDs, one a line or as sets.
fn uids_of_stdin() -> Result<String> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(16 * 1024 * 1024).read_to_string(&mut text);
    read.map_err(|error| Failure::io("standard input", &error))?;
    Ok(text.split_ascii_whitespace().collect::<Vec<_>>().join(","))
}

/// Messages with these UIDs and all above.
fn above(left: &[Uid], uid: Uid) -> usize {
    left.partition_point(|&other| other > uid)
}
