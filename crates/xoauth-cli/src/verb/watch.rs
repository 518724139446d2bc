//! `xoauth watch`: what happens in a mailbox, as it happens.

use std::num::NonZeroU32;
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use xoauth::imap::command::{Examine, Noop};
use xoauth::imap::{Event, Selected, Session};

use crate::Result;
use crate::account::Account;
use crate::args::Global;
use crate::connect::{Gate, Stream};
use crate::diagnose::{Attempt, failure_of};
use crate::failure::{Exit, Failure};
use crate::output::{Ui, one_line};
use crate::secret::shell_command;
use crate::signals;

/// The arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: xoauth watch -a work --exec 'xoauth fetch --all --maildir M --resume'
Prints a line an event: `exists 42`, `expunge 7`, `flags 3 \\Seen`. The command
of --exec finds them in XOAUTH_EVENT. Connects again when the connection or the
token ends. Exit: 0 on SIGINT and SIGTERM, and after one event with --once.")]
pub(crate) struct Watch {
    /// The mailbox
    #[arg(short, long, value_name = "NAME", default_value = "INBOX")]
    mailbox: String,
    /// Run this by the shell at each event
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// End after the first event
    #[arg(long)]
    once: bool,
    /// Longest wait between attempts
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = super::seconds)]
    reconnect_max: u64,
}

/// How often a server without IDLE is asked.
const POLL: Duration = Duration::from_secs(60);

/// The first pause before connecting again; each is twice the one before.
const FIRST: Duration = Duration::from_secs(1);

/// A session that lived so long was one.
const LASTED: Duration = Duration::from_secs(60);

/// What tells that something came or went.
#[derive(Debug, Default, PartialEq, Eq)]
struct Known {
    uid_validity: Option<NonZeroU32>,
    exists: u32,
    /// What it should be, by what was told.
    uid_next: Option<u32>,
}

impl Known {
    fn of(selected: &Selected) -> Self {
        Self {
            uid_validity: selected.uid_validity,
            exists: selected.exists.unwrap_or_default(),
            uid_next: selected.uid_next.map(NonZeroU32::get),
        }
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Exists(count) => {
                let arrived = count.saturating_sub(self.exists);
                self.uid_next = self.uid_next.map(|next| next.saturating_add(arrived));
                self.exists = *count;
            }
            Event::Expunge(_) => self.exists = self.exists.saturating_sub(1),
            _ => {}
        }
    }
}

/// Whether it may pass by itself, where it worked before: a laptop that sleeps knows no names, and a hotel's network
/// answers in place of the server.
fn comes_back(exit: Exit) -> bool {
    matches!(exit, Exit::Temporary | Exit::NoHost | Exit::Protocol | Exit::Unavailable)
}

/// How a session ended.
enum Ended {
    Enough,
    Broken(xoauth::Error),
}

impl Watch {
    pub(crate) fn run(&self, global: &Global, ui: &Ui) -> Result<Exit> {
        // Nothing is under way that an end could harm.
        signals::end_with(0)?;
        let account = Account::resolve(global)?;
        let gate = Gate::new(&account, "imap")?;
        let attempt = gate.attempt();
        let mut known = None;
        let mut wait = FIRST;
        let longest = Duration::from_secs(self.reconnect_max.max(1));
        let mut connected_before = false;
        loop {
            let failure = match self.session(&gate, &attempt) {
                Ok(mut session) => {
                    connected_before = true;
                    ui.note(format!("watching {}", self.mailbox));
                    let began = Instant::now();
                    let ended = self.follow(&mut session, &mut known, ui)?;
                    // A server that takes the login and ends at once is not asked every second.
                    if began.elapsed() >= LASTED {
                        wait = FIRST;
                    }
                    match ended {
                        Ended::Enough => return Ok(Exit::Ok),
                        Ended::Broken(error) if error.is_fatal() => {
                            failure_of(&error, "watch", &attempt)
                        }
                        Ended::Broken(error) => return Err(failure_of(&error, "watch", &attempt)),
                    }
                }
                // What fails at first, or will fail again, is no reason to wait.
                Err(failure) if !connected_before || !comes_back(failure.exit) => {
                    return Err(failure);
                }
                Err(failure) => failure,
            };
            ui.note(format!("{}; again in {} s", failure.message, wait.as_secs()));
            std::thread::sleep(wait);
            wait = (wait * 2).min(longest);
        }
    }

    fn session(&self, gate: &Gate<'_>, attempt: &Attempt<'_>) -> Result<Session<Stream>> {
        let mut session = gate.imap_session()?;
        let opened = session.run(Examine::new(self.mailbox.as_str()));
        opened.map_err(|error| failure_of(&error, "watch", attempt))?;
        Ok(session)
    }

    /// Tells events until the session ends; `known` is how the mailbox was when something was told last.
    fn follow(
        &self,
        session: &mut Session<Stream>,
        known: &mut Option<Known>,
        ui: &Ui,
    ) -> Result<Ended> {
        let now = session.selected().map(Known::of).unwrap_or_default();
        // What came while nobody was connected, also where as many went.
        let is_news = known.as_ref().is_some_and(|known| *known != now);
        let known = known.insert(now);
        if is_news && self.tell(&Event::Exists(known.exists), ui)? {
            return Ok(Ended::Enough);
        }
        let offers = session.state().capabilities();
        if !offers.is_some_and(|offers| offers.has("IDLE") || offers.is_imap4rev2()) {
            return self.poll(session, known, ui);
        }
        let mut idle = match session.idle() {
            Ok(idle) => idle,
            Err(error) => return Ok(Ended::Broken(error)),
        };
        loop {
            match idle.wait(Duration::from_secs(3600)) {
                Ok(None) => {}
                Ok(Some(event)) => {
                    known.note(&event);
                    if self.tell(&event, ui)? {
                        return Ok(Ended::Enough);
                    }
                }
                Err(error) => return Ok(Ended::Broken(error)),
            }
        }
    }

    fn poll(&self, session: &mut Session<Stream>, known: &mut Known, ui: &Ui) -> Result<Ended> {
        loop {
            if let Err(error) = session.run(Noop::new()) {
                return Ok(Ended::Broken(error));
            }
            while let Some(event) = session.next_event() {
                known.note(&event);
                if self.tell(&event, ui)? {
                    return Ok(Ended::Enough);
                }
            }
            std::thread::sleep(POLL);
        }
    }

    /// Prints an event and runs the command; says whether that was enough.
    fn tell(&self, event: &Event, ui: &Ui) -> Result<bool> {
        let Some((line, object)) = describe(event) else { return Ok(false) };
        let line = one_line(&line);
        if ui.json {
            ui.object(object)?
        } else {
            ui.line(&line)?
        }
        if let Some(mut command) = self.exec.as_deref().and_then(shell_command) {
            let status = command
                .env("XOAUTH_EVENT", &line)
                .env("XOAUTH_MAILBOX", &self.mailbox)
                .stdin(Stdio::null())
                // Between the events there is nothing but events.
                .stdout(std::io::stderr())
                .status();
            match status {
                Ok(status) if status.success() => {}
                Ok(status) => ui.note(format!("--exec: the command ended with {status}")),
                Err(error) => return Err(Failure::io("--exec", &error)),
            }
        }
        Ok(self.once)
    }
}

/// An event as a line and as an object; `None` for one that is not an event of a mailbox.
fn describe(event: &Event) -> Option<(String, Value)> {
    Some(match event {
        Event::Exists(count) => {
            (format!("exists {count}"), json!({ "event": "exists", "count": count }))
        }
        Event::Expunge(seq) => {
            (format!("expunge {seq}"), json!({ "event": "expunge", "seq": seq.get() }))
        }
        Event::Fetch(message) => {
            let flags: Vec<String> = message
                .flags
                .iter()
                .flat_map(|flags| flags.iter().map(ToString::to_string))
                .collect();
            let line = format!("flags {} {}", message.seq, flags.join(" "));
            let uid = message.uid.map(|uid| uid.get());
            (
                line.trim_end().to_owned(),
                json!({ "event": "flags", "seq": message.seq.get(), "uid": uid, "flags": flags }),
            )
        }
        _ => return None,
    })
}
