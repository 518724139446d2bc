//! Messages on their way from a session to where they go.

use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::json;
use xoauth::imap::command::{Fetch, Item, Store, StoreAction};
use xoauth::imap::{Flag, Part, Section, Session, Uid};

use super::above;
use super::target::Target;
use crate::Result;
use crate::connect::Stream;
use crate::deliver::About;
use crate::diagnose::{Attempt, failure_of};
use crate::failure::Failure;
use crate::output::Ui;
use crate::progress::Progress;

/// Messages a command: of one that breaks off no more is asked for again. A server that takes fewer says so
/// (MESSAGELIMIT, RFC 9738).
const BATCH: usize = 500;

/// Why fetching stopped.
pub(super) enum Broken {
    Session(xoauth::Error),
    /// The disk, or whoever reads our output.
    Local(Failure),
}

impl Broken {
    pub(super) fn failure(self, attempt: &Attempt<'_>) -> Failure {
        match self {
            Self::Session(error) => failure_of(&error, "fetch", attempt),
            Self::Local(failure) => failure,
        }
    }
}

fn disk(error: std::io::Error) -> Broken {
    Broken::Local(Failure::io("output", &error))
}

/// What is under way.
pub(super) struct Transfer<'a> {
    ui: &'a Ui,
    target: Target,
    /// What is still to be fetched, the last first: what is done goes off the end.
    left: Vec<Uid>,
    section: Section,
    mark_seen: bool,
    progress: Progress,
    out: BufWriter<std::io::Stdout>,
    octets: u64,
    count: u64,
    /// Sessions since the last message that came whole.
    fruitless: u32,
    seen: Vec<Uid>,
}

impl<'a> Transfer<'a> {
    /// `left` is in ascending order.
    pub(super) fn new(
        ui: &'a Ui,
        target: Target,
        mut left: Vec<Uid>,
        headers: bool,
        mark_seen: bool,
    ) -> Self {
        left.reverse();
        Self {
            ui,
            target,
            progress: Progress::new(ui, left.len()),
            left,
            section: if headers { Section::Header } else { Section::Full },
            mark_seen,
            out: BufWriter::new(std::io::stdout()),
            octets: 0,
            count: 0,
            fruitless: 0,
            seen: Vec::new(),
        }
    }

    /// How many sessions brought nothing, one behind the other.
    pub(super) fn fruitless(&self) -> u32 {
        self.fruitless
    }

    /// Fetches what is left in one session.
    pub(super) fn run(&mut self, session: &mut Session<Stream>) -> Result<(), Broken> {
        self.fruitless += 1;
        let most = session.state().capabilities().and_then(|known| {
            known.values("MESSAGELIMIT").find_map(|limit| limit.parse::<usize>().ok())
        });
        let most = most.unwrap_or(BATCH).clamp(1, BATCH);
        while let Some(&first) = self.left.last() {
            let before = self.left.len();
            let batch: Vec<Uid> = self.left.iter().rev().take(most).copied().collect();
            let items =
                vec![Item::Uid, Item::Flags, Item::InternalDate, Item::from(self.section.clone())];
            let fetched = self.batch(session, Fetch::new(&batch, items));
            self.target.sink.give_up();
            fetched?;
            let stopped = session.state().message_limit().is_some();
            if !stopped || self.left.len() == before {
                // What the server did not send is gone: expunged meanwhile.
                self.left.truncate(above(&self.left, batch.last().copied().unwrap_or(first)));
            }
            if self.mark_seen && !self.seen.is_empty() {
                let seen = std::mem::take(&mut self.seen);
                let store = Store::new(&seen, StoreAction::Add, [Flag::Seen]);
                session.run(store).map_err(Broken::Session)?;
            }
        }
        Ok(())
    }

    /// One command: octets go to the sink as they come, a message is done when all of it is known.
    fn batch(&mut self, session: &mut Session<Stream>, command: Fetch) -> Result<(), Broken> {
        let mut stream = session.stream(command).map_err(Broken::Session)?;
        let mut size = None;
        while let Some(part) = stream.next_part().map_err(Broken::Session)? {
            let Target { sink, state, .. } = &mut self.target;
            match part {
                Part::Body(mut body) => {
                    sink.give_up();
                    if let (Some(state), Some(length)) = (state, sink.length()) {
                        state.opens(length).map_err(disk)?;
                    }
                    sink.begin().map_err(disk)?;
                    size = Some(body.info().len);
                    while let Some(octets) = body.chunk().map_err(Broken::Session)? {
                        sink.write(octets).map_err(disk)?;
                    }
                }
                Part::Message(message) => {
                    // Flags that somebody changed meanwhile come without a body.
                    let (Some(uid), Some(octets)) = (message.uid, size.take()) else { continue };
                    let about = About { uid, message: &message };
                    let place = sink.finish(&about).map_err(disk)?;
                    if let Some(state) = state {
                        state.done(uid).map_err(disk)?;
                    }
                    if let Ok(at) = self.left.binary_search_by(|other| uid.cmp(other)) {
                        self.left.remove(at);
                    }
                    self.seen.push(uid);
                    self.octets += octets;
                    self.count += 1;
                    self.fruitless = 0;
                    self.progress.advance(octets);
                    self.tell(&about, place.as_deref(), octets).map_err(Broken::Local)?;
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, about: &About<'_>, place: Option<&Path>, octets: u64) -> Result<()> {
        let line = if self.ui.json {
            let flags =
                about.message.flags.iter().flat_map(|flags| flags.iter().map(ToString::to_string));
            let flags: Vec<String> = flags.collect();
            let date = about.date().map(|date| date.unix_seconds());
            let path = place.map(|path| path.display().to_string());
            json!({ "v": 1, "uid": about.uid.get(), "path": path, "size": octets, "date": date, "flags": flags })
                .to_string()
        } else {
            match place {
                Some(place) => place.display().to_string(),
                None => return Ok(()),
            }
        };
        writeln!(self.out, "{line}").map_err(|error| Failure::io("standard output", &error))
    }

    pub(super) fn end(mut self, note: &str) -> Result<()> {
        self.progress.finish();
        self.out.flush().map_err(|error| Failure::io("standard output", &error))?;
        self.ui.note(format!("{} messages, {} octets{note}", self.count, self.octets));
        Ok(())
    }
}
