//! Messages on their way from a session to the thread that writes them.

use std::time::Duration;

use xoauth::imap::command::{Fetch, Item, Store, StoreAction};
use xoauth::imap::{Flag, Part, Section, SeqNo, Session, Uid};

use super::above;
use super::queue::Gone;
use super::writer::Writer;
use crate::Result;
use crate::connect::Stream;
use crate::deliver::About;
use crate::output::Ui;

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

/// How often in a row a connection is made anew without a message in between.
const ATTEMPTS: u32 = 3;

/// The pause before the second of them; twice as long before the third.
const PAUSE: Duration = Duration::from_millis(500);

/// So many refused messages in a row are no messages that a server cannot give: it gives none.
const REFUSED: u32 = 10;

/// A body whose message is not told yet.
#[derive(Debug, Clone, Copy)]
struct Untold {
    seq: SeqNo,
    /// Where the server told it before the body.
    uid: Option<Uid>,
    octets: u64,
}

impl Untold {
    /// How many octets this message has, where the body is its own. The end of a response that nobody asked for is not
    /// heard here, and the next message that is told is another one.
    fn octets_of(self, seq: SeqNo, uid: Uid) -> Option<u64> {
        let is_its_own = self.seq == seq && self.uid.is_none_or(|told| told == uid);
        is_its_own.then_some(self.octets)
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
    /// Connections since the last message that came whole.
    fruitless: u32,
    /// Messages still to be marked as read.
    seen: Vec<Uid>,
    /// Messages to be asked for one by one: the server refused them together.
    singly: usize,
    /// Messages that the server refused since it gave one, and why the last of all was.
    refused: u32,
    refusal: Option<xoauth::Error>,
}

impl<'a> Transfer<'a> {
    /// `left` is in ascending order; those of `seen` were fetched before and are to be marked as read.
    pub(super) fn new(
        ui: &'a Ui,
        writer: Writer,
        mut left: Vec<Uid>,
        headers: bool,
        seen: Option<Vec<Uid>>,
    ) -> Self {
        left.reverse();
        Self {
            ui,
            writer,
            left,
            section: if headers { Section::Header } else { Section::Full },
            mark_seen: seen.is_some(),
            fruitless: 0,
            seen: seen.unwrap_or_default(),
            singly: 0,
            refused: 0,
            refusal: None,
        }
    }

    /// How long to wait before another connection; `None` where none is worth it.
    pub(super) fn pause(&mut self) -> Option<Duration> {
        let failed = self.fruitless;
        self.fruitless += 1;
        match failed {
            0 => Some(Duration::ZERO),
            failed if failed < ATTEMPTS => Some(PAUSE * failed),
            _ => None,
        }
    }

    /// Fetches what is left in one session.
    pub(super) fn run(&mut self, session: &mut Session<Stream>) -> Result<(), Broken> {
        let most = session.state().capabilities().and_then(|known| {
            known.values("MESSAGELIMIT").find_map(|limit| limit.parse::<usize>().ok())
        });
        let most = most.unwrap_or(BATCH).clamp(1, BATCH);
        while let Some(&first) = self.left.last() {
            let before = self.left.len();
            let count = if self.singly > 0 { 1 } else { most };
            self.singly = self.singly.saturating_sub(1);
            let batch: Vec<Uid> = self.left.iter().rev().take(count).copied().collect();
            let items =
                vec![Item::Uid, Item::Flags, Item::InternalDate, Item::from(self.section.clone())];
            if let Err(broken) = self.batch(session, Fetch::new(&batch, items)) {
                self.refuse(broken, &batch)?;
                continue;
            }
            let stopped = session.state().message_limit().is_some();
            if !stopped || self.left.len() == before {
                // What the server did not send is gone: expunged meanwhile.
                self.left.truncate(above(&self.left, batch.last().copied().unwrap_or(first)));
            }
            self.mark(session)?;
        }
        self.mark(session)
    }

    /// A server refuses a command for one message that it cannot give: the others are asked for one by one.
    fn refuse(&mut self, broken: Broken, batch: &[Uid]) -> Result<(), Broken> {
        let error = match broken {
            Broken::Session(error) if !error.is_fatal() && !error.is_transient() => error,
            broken => return Err(broken),
        };
        let (Some(&first), Some(&last)) = (batch.first(), batch.last()) else {
            return Err(Broken::Session(error));
        };
        if first != last {
            self.singly = self.left.len() - above(&self.left, last);
            return Ok(());
        }
        self.refused += 1;
        if self.refused > REFUSED {
            return Err(Broken::Session(error));
        }
        self.ui.note(format!("UID {first}: {error}"));
        self.refusal = Some(error);
        self.left.truncate(above(&self.left, last));
        Ok(())
    }

    /// Marks as read what is in its place: nobody looks again for what is marked.
    fn mark(&mut self, session: &mut Session<Stream>) -> Result<(), Broken> {
        if self.mark_seen && !self.seen.is_empty() {
            self.writer.settle()?;
            session.run(Store::new(&self.seen, StoreAction::Add, [Flag::Seen]))?;
            self.seen.clear();
        }
        Ok(())
    }

    /// Why messages were left out.
    pub(super) fn refusal(&mut self) -> Option<xoauth::Error> {
        self.refusal.take()
    }

    /// One command: octets go on as they come, a message is done when all of it is known.
    fn batch(&mut self, session: &mut Session<Stream>, command: Fetch) -> Result<(), Broken> {
        self.writer.begin()?;
        let mut stream = session.stream(command)?;
        let mut untold = None;
        while let Some(part) = stream.next_part()? {
            match part {
                Part::Body(mut body) => {
                    self.writer.begin()?;
                    let info = body.info();
                    untold = Some(Untold { seq: info.seq, uid: info.uid, octets: info.len });
                    while let Some(octets) = body.chunk()? {
                        self.writer.octets(octets)?;
                    }
                }
                Part::Message(message) => {
                    // Flags that somebody changed meanwhile come without a body.
                    let (Some(uid), Some(body)) = (message.uid, untold.take()) else { continue };
                    let Some(octets) = body.octets_of(message.seq, uid) else { continue };
                    self.writer.finish(About { uid, octets, message })?;
                    if let Ok(at) = self.left.binary_search_by(|other| uid.cmp(other)) {
                        self.left.remove(at);
                    }
                    (self.fruitless, self.refused) = (0, 0);
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
        let plural = if totals.messages == 1 { "" } else { "s" };
        let (messages, octets) = (totals.messages, totals.octets);
        self.ui.note(format!("{messages} message{plural}, {octets} octets{note}"));
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_of_no_other_message_than_its_own() {
        let number = |number| (SeqNo::new(number).unwrap(), Uid::new(number).unwrap());
        let ((seq, uid), (other_seq, other_uid)) = (number(1), number(2));
        for told in [None, Some(uid)] {
            let body = Untold { seq, uid: told, octets: 4 };
            assert_eq!(body.octets_of(seq, uid), Some(4));
            assert_eq!(body.octets_of(other_seq, uid), None);
        }
        let body = Untold { seq, uid: Some(uid), octets: 4 };
        assert_eq!(body.octets_of(seq, other_uid), None);
    }
}
