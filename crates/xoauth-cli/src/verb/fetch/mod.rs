//! `xoauth fetch`: messages to a Maildir, an mbox, files or standard output.

mod queue;
mod target;
mod transfer;
mod writer;

use std::io::{IsTerminal, Read};
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;
use xoauth::imap::command::{Examine, Select};
use xoauth::imap::{Query, Session, Uid, UidSet};

use self::target::Target;
use self::transfer::{Broken, Transfer};
use self::writer::{Told, Writer};
use crate::Result;
use crate::account::Account;
use crate::args::Global;
use crate::connect::{Gate, Stream};
use crate::diagnose::failure_of;
use crate::failure::{Exit, Failure};
use crate::output::Ui;
use crate::progress::Progress;
use crate::query::{Criteria, find};
use crate::signals;

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

impl Fetch {
    pub(crate) fn run(&self, global: &Global, ui: &Ui) -> Result<Exit> {
        self.check(global)?;
        let query = self.query()?;
        let account = Account::resolve(global)?;
        let gate = Gate::new(&account, "imap")?;
        let attempt = gate.attempt();
        let failed = |error: xoauth::Error| failure_of(&error, "fetch", &attempt);
        let mut session = gate.imap_session()?;
        let uid_validity = self.open(&mut session).map_err(failed)?;
        if self.resume {
            resumable(uid_validity)?;
        }
        let mut left = match &query {
            Some(query) => find(&mut session, query).map_err(failed)?,
            None => Vec::new(),
        };
        let owner = format!("{} at {}", account.user("imap")?, gate.server.host);
        let target = Target::open(self, &owner, validity(uid_validity))?;
        let mut before = Vec::new();
        if self.resume {
            (before, left) = left.into_iter().partition(|&uid| target.has(uid));
        }
        let goes_on = self.pipe.is_none() && uid_validity.is_some();
        if self.pipe.is_none() {
            let note = "interrupted; --resume goes on from here";
            signals::end_with_note(Some(note).filter(|_| goes_on && !ui.quiet))?;
        }
        let writer = Writer::start(target, self.progress(ui, left.len()), self.told(ui))?;
        let seen = self.mark_seen.then_some(before);
        let mut transfer = Transfer::new(ui, writer, left, self.headers, seen);
        let received = 'all: loop {
            let error = match transfer.run(&mut session) {
                Ok(()) | Err(Broken::Local) => {
                    break transfer.refusal().map_or(Ok(()), |e| Err(failed(e)));
                }
                Err(Broken::Session(error)) => error,
            };
            let is_over = error.is_fatal();
            let mut failure = failed(error);
            if !is_over {
                break Err(failure);
            }
            if uid_validity.is_none() {
                let hint = "the mailbox has no UIDVALIDITY: in another session its UIDs may be those of other messages";
                break Err(failure.hint(hint));
            }
            session = loop {
                let Some(pause) = transfer.pause() else { break 'all Err(failure) };
                ui.note("connection lost; connecting again");
                std::thread::sleep(pause);
                match self.reopen(&gate) {
                    Ok((session, now)) if now == uid_validity => break session,
                    Ok(_) => {
                        let message = "the mailbox was made anew meanwhile";
                        break 'all Err(Failure::new(Exit::Temporary, "fetch", message));
                    }
                    // It was there a moment ago.
                    Err(again) if matches!(again.exit, Exit::Temporary | Exit::NoHost) => {
                        failure = Failure { exit: Exit::Temporary, ..again };
                    }
                    Err(again) => break 'all Err(again),
                }
            };
        };
        transfer.end(received, goes_on)?;
        let _ = session.logout();
        Ok(Exit::Ok)
    }

    /// Refuses what cannot be meant.
    fn check(&self, global: &Global) -> Result<()> {
        if self.maildir.is_none()
            && self.mbox.is_none()
            && self.eml.is_none()
            && self.pipe.is_none()
        {
            return Err(
                Failure::usage("where to?").hint("--maildir DIR, --mbox FILE, --eml DIR, or -")
            );
        }
        if self.pipe.is_some() && global.json {
            return Err(Failure::usage("messages and JSON cannot share standard output"));
        }
        if self.pipe.is_some() && self.resume {
            return Err(Failure::usage(
                "what goes to standard output is noted nowhere, for --resume to go on from",
            )
            .hint("--maildir DIR, --mbox FILE or --eml DIR"));
        }
        let is_stdin = |name: &Option<String>| name.as_deref() == Some("-");
        if is_stdin(&self.uid) && is_stdin(&global.access_token_file) {
            return Err(Failure::usage(
                "--uid - and --access-token-file - both read standard input",
            ));
        }
        Ok(())
    }

    /// What to look for; `None` where standard input named no message.
    fn query(&self) -> Result<Option<Query>> {
        let criteria = self.criteria.query()?;
        match (criteria, &self.uid, self.all) {
            (Some(query), None, false) => Ok(Some(query)),
            (None, Some(set), false) => {
                let text = if set == "-" { uids_of_stdin()? } else { set.clone() };
                if set == "-" && text.is_empty() {
                    return Ok(None);
                }
                let set = text.parse::<UidSet>();
                let set = set.map_err(|error| Failure::usage(format!("--uid: {error}")))?;
                Ok(Some(Query::Uid(set)))
            }
            (None, None, true) => Ok(Some(Query::All)),
            (None, None, false) => {
                Err(Failure::usage("which messages?").hint("--all, --uid SET, or criteria"))
            }
            _ => Err(Failure::usage("--all, --uid and criteria exclude each other")),
        }
    }

    /// On a terminal either the bar or what is printed has the screen.
    fn progress(&self, ui: &Ui, messages: usize) -> Progress {
        if std::io::stdout().is_terminal() && (ui.json || self.pipe.is_some()) {
            return Progress::hidden();
        }
        Progress::new(ui, messages)
    }

    fn told(&self, ui: &Ui) -> Told {
        match ui.json {
            true => Told::Objects,
            false if std::io::stdout().is_terminal() && ui.draws() => Told::Nothing,
            false => Told::Paths,
        }
    }

    /// Opens the mailbox and gives its UIDVALIDITY, where it has one.
    fn open(&self, session: &mut Session<Stream>) -> Result<Option<NonZeroU32>, xoauth::Error> {
        let selected = if self.mark_seen {
            session.run(Select::new(self.mailbox.as_str()))?
        } else {
            session.run(Examine::new(self.mailbox.as_str()))?
        };
        Ok(selected.uid_validity)
    }

    /// A new session with the UIDVALIDITY it found.
    fn reopen(&self, gate: &Gate<'_>) -> Result<(Session<Stream>, Option<NonZeroU32>)> {
        let mut session = gate.imap_session()?;
        let uid_validity = self.open(&mut session);
        let failed = |error| failure_of(&error, "fetch", &gate.attempt());
        Ok((session, uid_validity.map_err(failed)?))
    }
}

/// Refuses to leave out what was fetched before from a mailbox without UIDVALIDITY: the server does not keep its UIDs
/// (RFC 3501 6.3.1), and those of before may be of other messages now.
fn resumable(uid_validity: Option<NonZeroU32>) -> Result<()> {
    if uid_validity.is_some() {
        return Ok(());
    }
    let message =
        "the mailbox has no UIDVALIDITY: nothing tells which messages were fetched before";
    Err(Failure::new(Exit::Unavailable, "fetch", message).hint("leave out --resume"))
}

/// By what names and notes tell these UIDs from those that mean other messages. Where there is no UIDVALIDITY, each run
/// has UIDs of its own, and the time tells them from those of another: nothing is written over what that one fetched.
fn validity(uid_validity: Option<NonZeroU32>) -> u32 {
    let now = || jiff::Timestamp::now().as_millisecond() & i64::from(u32::MAX);
    uid_validity.map_or_else(|| u32::try_from(now()).unwrap_or_default(), NonZeroU32::get)
}

/// UIDs, one a line or as sets.
fn uids_of_stdin() -> Result<String> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(LONGEST + 1).read_to_string(&mut text);
    let length = read.map_err(|error| Failure::io("standard input", &error))?;
    if u64::try_from(length).is_ok_and(|length| length > LONGEST) {
        return Err(Failure::data("too many UIDs on standard input"));
    }
    Ok(text.split_ascii_whitespace().collect::<Vec<_>>().join(","))
}

/// Two million UIDs, one a line.
const LONGEST: u64 = 16 * 1024 * 1024;

/// Messages with these UIDs and all above.
fn above(left: &[Uid], uid: Uid) -> usize {
    left.partition_point(|&other| other > uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_without_uidvalidity_is_not_resumed() {
        let refused = resumable(None).unwrap_err();
        assert_eq!(refused.exit, Exit::Unavailable);
        assert!(refused.message.contains("no UIDVALIDITY"), "{refused}");
        assert!(resumable(NonZeroU32::new(9)).is_ok());
        assert_eq!(validity(NonZeroU32::new(9)), 9);
    }
}
