//! `xoauth watch`: what happens in a mailbox, as it happens.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use xoauth::imap::command::{Examine, Noop};
use xoauth::imap::{Event, Session};

use crate::Result;
use crate::account::Account;
use crate::args::Global;
use crate::connect::{Gate, Stream};
use crate::diagnose::{Attempt, failure_of};
use crate::failure::{Exit, Failure};
use crate::output::{Ui, one_line};
use crate::secret::shell;

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
const POLL: Duration = Duration::from_secs(30);

/// How a session ended.
enum Ended {
    Enough,
    Broken(xoauth::Error),
}

impl Watch {
    pub(crate) fn run(&self, global: &Global, ui: &Ui) -> Result<Exit> {
        // Nothing is under way that an end could harm.
        let handled = ctrlc::set_handler(|| std::process::exit(0));
        handled.map_err(|error| Failure::new(Exit::Internal, "watch", error.to_string()))?;
        let account = Account::resolve(global)?;
        let gate = Gate::new(&account, "imap")?;
        let attempt = gate.attempt();
        let mut exists = None;
        let mut wait = Duration::from_secs(1);
        let longest = Duration::from_secs(self.reconnect_max.max(1));
        let mut connected_before = false;
        loop {
            let failure = match self.session(&gate, &attempt) {
                Ok(mut session) => {
                    connected_before = true;
                    wait = Duration::from_secs(1);
                    ui.note(format!("watching {}", self.mailbox));
                    match self.follow(&mut session, &mut exists, ui)? {
                        Ended::Enough => return Ok(Exit::Ok),
                        Ended::Broken(error) if error.is_fatal() => {
                            failure_of(&error, "watch", &attempt)
                        }
                        Ended::Broken(error) => return Err(failure_of(&error, "watch", &attempt)),
                    }
                }
                // What fails at first, or will fail again, is no reason to wait.
                Err(failure) if !connected_before || failure.exit != Exit::Temporary => {
                    return Err(failure);
                }
                Err(failure) => failure,
            };
            ui.note(format!("{}; again in {} s", one_line(&failure.message), wait.as_secs()));
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

    /// Tells events until the session ends; `exists` is the count that was told last.
    fn follow(
        &self,
        session: &mut Session<Stream>,
        exists: &mut Option<u32>,
        ui: &Ui,
    ) -> Result<Ended> {
        let count = session.selected().and_then(|selected| selected.exists);
        // What came while nobody was connected.
        if exists.is_some() && *exists != count {
            if let Some(count) = count {
                *exists = Some(count);
                if self.tell(&Event::Exists(count), ui)? {
                    return Ok(Ended::Enough);
                }
            }
        }
        *exists = count;
        let has_idle = session.state().capabilities().is_some_and(|known| known.has("IDLE"));
        if !has_idle {
            return self.poll(session, exists, ui);
        }
        let mut idle = match session.idle() {
            Ok(idle) => idle,
            Err(error) => return Ok(Ended::Broken(error)),
        };
        loop {
            match idle.wait(Duration::from_secs(3600)) {
                Ok(None) => {}
                Ok(Some(event)) => {
                    if let Event::Exists(count) = event {
                        *exists = Some(count);
                    }
                    if self.tell(&event, ui)? {
                        return Ok(Ended::Enough);
                    }
                }
                Err(error) => return Ok(Ended::Broken(error)),
            }
        }
    }

    fn poll(
        &self,
        session: &mut Session<Stream>,
        exists: &mut Option<u32>,
        ui: &Ui,
    ) -> Result<Ended> {
        loop {
            if let Err(error) = session.run(Noop::new()) {
                return Ok(Ended::Broken(error));
            }
            while let Some(event) = session.next_event() {
                if let Event::Exists(count) = event {
                    *exists = Some(count);
                }
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
        if ui.json {
            ui.object(object)?
        } else {
            ui.line(&line)?
        }
        if let Some(command) = &self.exec {
            let status = shell(command)
                .env("XOAUTH_EVENT", &line)
                .env("XOAUTH_MAILBOX", &self.mailbox)
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

/// An event as a line and as an object; `None` for what is none of a mailbox.
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
