//! The commands that are under way together.

use alloc::string::String;

use crate::error::Error;
use crate::proto::encoder::{Encoded, Encoder};
use crate::proto::events::HandOn;
use crate::proto::exchange::{Exchange, Kind, Leaves};
use crate::proto::footprint::Group;
use crate::proto::machine::Machine;
use crate::proto::output::Output;
use crate::types::{ArgumentSink, StatusKind, StatusText};

/// One command, from the moment it was written down.
#[derive(Debug)]
pub(super) struct InFlight {
    /// Empty for the greeting.
    pub(super) tag: String,
    pub(super) kind: Kind,
    pub(super) leaves: Leaves,
    /// Where its octets begin in the output.
    pub(super) start: usize,
    pub(super) answer: Answer,
    /// Octets of what it claimed so far.
    pub(super) kept: usize,
}

/// What became of a command.
#[derive(Debug)]
pub(super) enum Answer {
    /// Its first line, which goes up to this place in the output, is not written whole.
    Unwritten(usize),
    Awaited,
    Given(StatusText),
    /// Nothing of it was sent.
    Failed(Error),
    Taken,
}

/// Octets of commands that are on their way before the first of them is answered.
///
/// They fit the buffers that lie between two programs, so that writing them never waits for a server that
/// waits for us to read. A longer command goes out when it is the first.
const WINDOW: usize = 16 * 1024;

impl Machine {
    /// Begins to run commands, in their order.
    ///
    /// As many as cannot be mistaken for one another (RFC 9051, 5.5) are in flight together, as their
    /// [`Footprint`](super::Footprint) tells; the next waits for their answers. Of several, one that cannot be
    /// sent fails alone: [`Machine::outcome`].
    ///
    /// # Errors
    /// Of one command, an argument that cannot be sent, or a command that cannot work now: nothing is sent
    /// and the machine stays usable. [`Error::is_fatal`] tells those from a machine that is broken.
    pub fn start(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<(), Error> {
        if let Some(fault) = &self.broken {
            return Err(fault.clone());
        }
        if self.is_busy() {
            return Err(Error::Busy);
        }
        self.flight.clear();
        self.given = 0;
        self.events.begin();
        self.state.message_limit = None;
        // What came since the last answer belongs to no command of this flight.
        while self.advance(&mut [])? {}
        self.flight.clear();
        self.answers.begin(self.state.selected().and_then(|selected| selected.exists));
        let begun = self.commands;
        self.given = exchanges.len();
        let result = self.take_off(exchanges);
        if result.is_err() {
            self.output.clear();
            self.flight.clear();
            self.given = 0;
            self.commands = begun;
        }
        result
    }

    /// Writes down the commands that can be in flight together, behind those that have their answers.
    ///
    /// # Errors
    /// The fault of a command that is alone, and capabilities that have to be asked for first.
    pub(super) fn take_off(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<(), Error> {
        let first = self.flight.len();
        self.tolerated.set_utf8_names(self.state.takes_utf8());
        let mut group = Group::default();
        for (index, exchange) in exchanges.iter_mut().enumerate().skip(first) {
            if !group.admits(exchange.footprint()) {
                break;
            }
            let start = self.output.len();
            let kind = exchange.kind();
            let mut tag = String::new();
            if kind != Kind::Greeting {
                self.commands += 1;
                tag = self.prefix.tag(self.commands);
            }
            let answer = match self.write_down(index, &tag, kind, *exchange) {
                Ok(Encoded::Ready { .. }) if kind == Kind::Greeting => Answer::Awaited,
                Ok(Encoded::Ready { line }) => Answer::Unwritten(line),
                Ok(Encoded::Needless) => Answer::Given(StatusText::ok()),
                Err(error) if self.given == 1 => return Err(error),
                Err(error @ Error::CapabilitiesUnknown) if first == 0 => return Err(error),
                Err(error) => Answer::Failed(error),
            };
            if !matches!(answer, Answer::Awaited | Answer::Unwritten(_)) {
                self.output.take_back(start);
            }
            let leaves = exchange.leaves();
            self.flight.push(InFlight { tag, kind, leaves, start, answer, kept: 0 });
        }
        Ok(())
    }

    fn write_down(
        &mut self,
        index: usize,
        tag: &str,
        kind: Kind,
        exchange: &mut dyn Exchange,
    ) -> Result<Encoded, Error> {
        if kind == Kind::Greeting {
            return Ok(Encoded::Ready { line: self.output.len() });
        }
        let start = self.output.len();
        let mut encoder = Encoder::new(&mut self.output, &self.state, &mut self.mask, index, tag);
        encoder.raw(tag);
        encoder.raw(" ");
        let encoded = exchange.encode(&mut encoder, &self.state);
        let protects = encoder.protects();
        let encoded = encoded.and_then(|()| {
            encoder.line_end();
            encoder.finish()
        });
        if protects {
            self.state.hide(&self.mask);
        }
        let encoded = encoded?;
        if let (Encoded::Ready { .. }, Some(lines)) = (encoded, &mut self.transcript) {
            lines.extend(self.output.transcript(start));
        }
        Ok(encoded)
    }

    /// The next commands, once all before them have their answers.
    pub(super) fn go_on(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<(), Error> {
        while self.flight.len() < self.given.min(exchanges.len())
            && !self.flight.iter().any(InFlight::is_open)
            && !self.output.owes_end()
        {
            self.take_off(exchanges)?;
        }
        Ok(())
    }

    /// More was written: commands whose first line is out may be answered.
    pub(super) fn note_written(&mut self) {
        let output = &self.output;
        for flight in &mut self.flight {
            if matches!(flight.answer, Answer::Unwritten(line) if output.has_written(line)) {
                flight.answer = Answer::Awaited;
            }
        }
    }

    /// Lets as much be written as does not make both sides wait for each other.
    pub(super) fn look_ahead(&mut self) {
        let Some(first) = self.flight.iter().position(InFlight::is_open) else {
            // What was answered before it was written is owed to its end, and nobody is waited for.
            return self.output.set_horizon(usize::MAX, usize::MAX);
        };
        let Some(start) = self.flight.get(first).map(|flight| flight.start) else { return };
        let end = self.flight.get(first + 1).map_or(usize::MAX, |next| next.start);
        self.output.set_horizon(end.max(start.saturating_add(WINDOW)), first);
    }

    /// The driver reads what comes while it waits for a write to be taken: contents may be written before the commands in
    /// front of theirs are answered, however long they are.
    pub fn hears_while_writing(&mut self) {
        self.output.write_contents_ahead();
    }

    /// The tagged answers of the flight, in its order; each is there once.
    pub fn take_status(&mut self, index: usize) -> Option<StatusText> {
        self.outcome(index).ok()
    }

    /// What became of the command at `index`: its tagged answer, which is there once.
    ///
    /// # Errors
    /// Of several commands, the fault of one of which nothing was sent. Of one that has no answer, whatever
    /// broke the session, or [`Error::Busy`].
    pub fn outcome(&mut self, index: usize) -> Result<StatusText, Error> {
        let none = self.broken.clone().unwrap_or(Error::Busy);
        let Some(flight) = self.flight.get_mut(index) else { return Err(none) };
        if flight.is_open() {
            return Err(none);
        }
        match core::mem::replace(&mut flight.answer, Answer::Taken) {
            Answer::Given(status) => Ok(status),
            Answer::Failed(error) => Err(error),
            Answer::Unwritten(_) | Answer::Awaited | Answer::Taken => Err(none),
        }
    }

    /// Commands were begun and not answered: a stream was dropped half way.
    pub fn is_busy(&self) -> bool {
        self.flight.len() < self.given || self.flight.iter().any(InFlight::is_open)
    }

    /// Until the flight ends the machine pauses where something was claimed and all that was received is used
    /// up: [`Machine::poll`] answers `Chunk` without octets, for a caller that takes items out of its command
    /// one by one.
    pub fn pause_for_items(&mut self) {
        self.answers.hand_on = HandOn::InBatches;
    }

    /// The same, and it pauses at each item. Values that are taken and dropped one by one then use the same memory
    /// over and over, which is much faster than to make many and drop them.
    pub fn pause_at_each_item(&mut self) {
        self.answers.hand_on = HandOn::AtOnce;
    }

    /// How many commands there are that were begun together.
    pub fn in_flight(&self) -> usize {
        self.given
    }
}

impl InFlight {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.answer, Answer::Unwritten(_) | Answer::Awaited)
    }

    /// The server may answer it: it has a line of it.
    pub(super) fn is_written(&self) -> bool {
        matches!(self.answer, Answer::Awaited)
    }

    /// The tagged answer is for the command at `index`, which is this one: it is open, and the server can know of it. OK
    /// needs the whole of its first line, the server's own leave for each literal, all of a content, and of what a `+` was
    /// answered with: a message is not stored, and nobody is let in, by what was not sent. Only IDLE may end before its DONE
    /// is out. A server that finds a line too long says so when it has its tag (Dovecot does).
    pub(super) fn awaits(
        &self,
        index: usize,
        tag: &[u8],
        kind: StatusKind,
        output: &Output,
    ) -> bool {
        let is_known = match self.answer {
            Answer::Awaited => {
                let owes_reply = self.leaves != Leaves::Idle && output.owes_reply(index);
                kind != StatusKind::Ok || !(owes_reply || output.owes_literal(index))
            }
            Answer::Unwritten(_) if kind == StatusKind::Ok => false,
            Answer::Unwritten(_) => output.has_written(self.start + self.tag.len() + 1),
            Answer::Given(_) | Answer::Failed(_) | Answer::Taken => false,
        };
        is_known && !self.tag.is_empty() && self.tag.as_bytes() == tag
    }
}
