//! The commands that are under way together.

use alloc::string::String;

use crate::error::Error;
use crate::proto::events::Answers;
use crate::proto::exchange::{Exchange, Kind};
use crate::proto::machine::Machine;
use crate::proto::output::{Encoded, Encoder};
use crate::types::{ArgumentSink, StatusText};

#[derive(Debug)]
pub(super) struct InFlight {
    /// Empty for the greeting.
    pub(super) tag: String,
    pub(super) kind: Kind,
    /// Where its octets begin in the output.
    pub(super) start: usize,
    pub(super) answer: Answer,
}

#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Awaited,
    Given(StatusText),
    Taken,
}

impl Machine {
    /// Begins a flight of commands, written one behind the other. Commands whose answers could be mistaken
    /// for one another's must not share a flight (RFC 9051, 5.5).
    ///
    /// # Errors
    /// An argument that cannot be sent, or a command that cannot work now: nothing is sent and the machine
    /// stays usable. [`Error::is_fatal`] tells those from a machine that is broken.
    pub fn start(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<(), Error> {
        if let Some(fault) = &self.broken {
            return Err(fault.clone());
        }
        if self.is_busy() {
            return Err(Error::Busy);
        }
        self.flight.clear();
        self.events.begin();
        self.answers = Answers::default();
        self.state.message_limit = None;
        // What came since the last answer belongs to no command of this flight.
        while self.advance(&mut [])? {}
        self.flight.clear();
        let begun = self.commands;
        let result = self.encode(exchanges);
        if result.is_err() {
            self.output.clear();
            self.flight.clear();
            self.commands = begun;
        }
        result
    }

    fn encode(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<(), Error> {
        for (index, exchange) in exchanges.iter_mut().enumerate() {
            let kind = exchange.kind();
            let start = self.output.len();
            let mut tag = String::new();
            if kind != Kind::Greeting {
                self.commands += 1;
                tag = self.prefix.tag(self.commands);
                let mut encoder =
                    Encoder::new(&mut self.output, &self.state, &mut self.mask, index, &tag);
                encoder.raw(&tag);
                encoder.raw(" ");
                exchange.encode(&mut encoder, &self.state)?;
                encoder.line_end();
                if encoder.finish()? == Encoded::Needless {
                    self.output.truncate(start);
                    let answer = Answer::Given(StatusText::ok());
                    self.flight.push(InFlight { tag, kind, start, answer });
                    continue;
                }
                if let Some(lines) = &mut self.transcript {
                    lines.extend(self.output.transcript(start));
                }
            }
            self.flight.push(InFlight { tag, kind, start, answer: Answer::Awaited });
        }
        Ok(())
    }

    /// The tagged answers of the flight, in its order; each is there once.
    pub fn take_status(&mut self, index: usize) -> Option<StatusText> {
        let answer = &mut self.flight.get_mut(index)?.answer;
        if *answer == Answer::Awaited {
            return None;
        }
        match core::mem::replace(answer, Answer::Taken) {
            Answer::Given(status) => Some(status),
            Answer::Awaited | Answer::Taken => None,
        }
    }

    /// Commands were begun and not answered: a stream was dropped half way.
    pub fn is_busy(&self) -> bool {
        self.flight.iter().any(InFlight::is_open)
    }

    /// Until the flight ends the machine pauses where something was claimed and all that was received is used
    /// up: [`Machine::poll`] answers `Chunk` without octets, for a caller that takes items out of its command
    /// one by one.
    pub fn pause_for_items(&mut self) {
        self.answers.handed_on = true;
    }

    /// How many commands the flight that runs has.
    pub fn in_flight(&self) -> usize {
        self.flight.len()
    }
}

impl InFlight {
    pub(super) fn is_open(&self) -> bool {
        self.answer == Answer::Awaited
    }

    pub(super) fn awaits(&self, tag: &[u8]) -> bool {
        self.is_open() && !self.tag.is_empty() && self.tag.as_bytes() == tag
    }
}
