//! Messages on their way from a session to the thread that writes them.

use xoauth::imap::command::{Fetch, Item, Store, StoreAction};
use xoauth::imap::{Flag, Part, Section, Session, Uid};

use super::above;
use super::target::Target;
use super::writer::{Gone, Writer};
use crate::Result;
use crate::connect::Stream;
use crate::deliver::About;
use crate::output::Ui;
use crate::progress::Progress;

/// Messages a command: of one that breaks off no more is asked for again. A server that takes fewer says so
/// (MESSAGELIMIT, RFC 9738).
const BATCH: usize = 500;

/// Why fetching stopped.
pub(super) enum Broken {
    Session(xoauth::Error),
    /// The disk, or whoever reads our output: [`Transfer::end`] tells.
    Local,
}

impl From<Gone> for Broken {
    fn from(_: Gone) -> Self {
        Self::Local
    }
}

impl From<xoauth::Error> for Broken {
    fn from(error: xoauth::Error) -> Self {
        Self::Session(error)
    }
}

/// What is under way.
pub(super) struct Transfer<'a> {
    ui: &'a Ui,
    writer: Writer,
    /// What is still to be fetched, the last first: what was received goes off the end.
    left: Vec<Uid>,
    section: Section,
    mark_seen: bool,
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
    ) -> Result<Self> {
        left.reverse();
        Ok(Self {
            ui,
            writer: Writer::start(target, Progress::new(ui, left.len()), ui.json)?,
            left,
            section: if headers { Section::Header } else { Section::Full },
            mark_seen,
            fruitless: 0,
            seen: Vec::new(),
        })
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
            self.batch(session, Fetch::new(&batch, items))?;
            let stopped = session.state().message_limit().is_some();
            if !stopped || self.left.len() == before {
                // What the server did not send is gone: expunged meanwhile.
                self.left.truncate(above(&self.left, batch.last().copied().unwrap_or(first)));
            }
            if self.mark_seen && !self.seen.is_empty() {
                // Nobody looks again for what is marked: it must be in its place.
                self.writer.settle()?;
                let seen = std::mem::take(&mut self.seen);
                session.run(Store::new(&seen, StoreAction::Add, [Flag::Seen]))?;
            }
        }
        Ok(())
    }

    /// One command: octets go on as they come, a message is done when all of it is known.
    fn batch(&mut self, session: &mut Session<Stream>, command: Fetch) -> Result<(), Broken> {
        self.writer.begin()?;
        let mut stream = session.stream(command)?;
        let mut size = None;
        while let Some(part) = stream.next_part()? {
            match part {
                Part::Body(mut body) => {
                    self.writer.begin()?;
                    size = Some(body.info().len);
                    while let Some(octets) = body.chunk()? {
                        self.writer.octets(octets)?;
                    }
                }
                Part::Message(message) => {
                    // Flags that somebody changed meanwhile come without a body.
                    let (Some(uid), Some(octets)) = (message.uid, size.take()) else { continue };
                    self.writer.finish(About { uid, octets, message })?;
                    if let Ok(at) = self.left.binary_search_by(|other| uid.cmp(other)) {
                        self.left.remove(at);
                    }
                    self.fruitless = 0;
                    if self.mark_seen {
                        self.seen.push(uid);
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits until all that came is in its place, and tells how much that is.
    pub(super) fn end(self, received: Result<()>, goes_on: bool) -> Result<()> {
        let (totals, written) = self.writer.end();
        let result = written.and(received);
        let note = if goes_on && result.is_err() { "; --resume goes on from here" } else { "" };
        self.ui.note(format!("{} messages, {} octets{note}", totals.messages, totals.octets));
        result
    }
}
