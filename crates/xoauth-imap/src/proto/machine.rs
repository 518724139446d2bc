//! The connection as a machine: octets go in, octets and answers come out.
//!
//! A driver calls [`Machine::start`] with the commands of one flight, then [`Machine::poll`] until it
//! answers [`Want::Done`], doing in between what each [`Want`] names. It holds no protocol word.
//!
//! The rules of the machine:
//! 1. A response is framed before it is parsed; a malformed one never shifts the bounds of the next.
//! 2. A tagged line belongs to a command in flight of which the server has a line, or it is an attack. Only a
//!    refusal may come before the end of that line, or before the literals behind it.
//! 3. `+` frees the first literal that waits, else it goes to the first unanswered command.
//! 4. An untagged response changes the state, then is claimed by the first command that wants it, else it
//!    is kept for the caller, in order.
//! 5. After BYE (outside LOGOUT), a limit or a breach of the protocol the machine is broken: every later
//!    call answers with the first fault. NO and BAD are answers, not faults.
//! 6. Octets behind the OK of STARTTLS are an attack, whatever they are (RFC 9051, 6.2.1).

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::{Direction, Excerpt, TransportFault, Want};

use crate::error::Error;
use crate::parse::Tolerated;
use crate::proto::events::{Answers, Events, HandOn};
use crate::proto::exchange::{Announcement, Exchange, Kind, Sink};
use crate::proto::flight::{Answer, InFlight};
use crate::proto::limits::{LimitKind, Limits};
use crate::proto::output::Output;
use crate::proto::receive::{Framed, FramingFault, Receive, Storage};
use crate::proto::running::Running;
use crate::proto::state::State;
use crate::proto::tag::TagPrefix;
use crate::types::{Event, StatusKind, StatusText};

/// One connection to an IMAP server, without its transport.
#[derive(Debug)]
pub struct Machine {
    pub(super) limits: Limits,
    pub(super) receive: Receive,
    pub(super) output: Output,
    pub(super) prefix: TagPrefix,
    pub(super) commands: u64,
    pub(super) flight: Vec<InFlight>,
    /// Commands that were given to `start`; those behind the flight are not written down yet.
    pub(super) given: usize,
    /// The command that takes the literal being streamed, and how.
    sink: Option<(usize, Sink)>,
    pub(super) state: State,
    pub(super) answers: Answers,
    pub(super) events: Events,
    pub(super) tolerated: Tolerated,
    /// Commands keep it to hide our secrets in what they keep.
    pub(super) mask: Arc<Mask>,
    /// Lines for a trace, while somebody listens.
    pub(super) transcript: Option<VecDeque<(Direction, String)>>,
    pub(super) broken: Option<Error>,
}

/// What `poll` found to do, before it lends from the machine.
enum Step {
    Write,
    Read,
    Body,
    Chunk,
    StartTls,
    Done,
}

impl Machine {
    /// A machine for a fresh transport: it waits for [`Greeting`](crate::command::Greeting), or after TLS
    /// for the first command.
    pub fn new(prefix: TagPrefix, limits: Limits) -> Self {
        let mut tolerated = Tolerated::default();
        tolerated.set_most_unfolded(limits.response);
        Self {
            receive: Receive::new(&limits),
            state: State::new(limits),
            limits,
            output: Output::default(),
            prefix,
            commands: 0,
            flight: Vec::new(),
            given: 0,
            sink: None,
            answers: Answers::default(),
            events: Events::default(),
            tolerated,
            mask: Arc::default(),
            transcript: None,
            broken: None,
        }
    }

    /// Goes on until the driver is needed. `exchanges` are those given to [`Machine::start`].
    ///
    /// # Errors
    /// Whatever broke the session; every later call answers the same.
    pub fn poll(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<Want<'_>, Error> {
        if let Some(fault) = &self.broken {
            return Err(fault.clone());
        }
        Ok(match self.step(exchanges)? {
            Step::Write => Want::Write(self.output.writable()),
            Step::Read => Want::Read,
            Step::Body => Want::Body,
            Step::Chunk => Want::Chunk(self.receive.chunk()),
            Step::StartTls => Want::StartTls,
            Step::Done => Want::Done,
        })
    }

    fn step(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<Step, Error> {
        loop {
            self.go_on(exchanges)?;
            if let Some(started) = self.landed()? {
                return Ok(started);
            }
            if self.advance(exchanges)? {
                if self.sink.is_some_and(|(_, sink)| sink == Sink::Lend)
                    && !self.receive.chunk().is_empty()
                {
                    return Ok(Step::Chunk);
                }
                if self.answers.hand_on == HandOn::AtOnce
                    && self.sink.is_none()
                    && self.answers.hand_on()
                {
                    return Ok(Step::Chunk);
                }
                continue;
            }
            self.look_ahead();
            if !self.output.writable().is_empty() {
                return Ok(Step::Write);
            }
            if self.sink.is_none() && self.answers.hand_on() {
                return Ok(Step::Chunk);
            }
            return Ok(if self.output.wants_content().is_some() { Step::Body } else { Step::Read });
        }
    }

    /// All commands of the flight have their answer.
    fn landed(&mut self) -> Result<Option<Step>, Error> {
        if self.is_busy() || self.output.owes_end() {
            return Ok(None);
        }
        let tls = |flight: &InFlight| {
            flight.kind == Kind::StartTls
                && matches!(&flight.answer, Answer::Given(status) if status.kind == StatusKind::Ok)
        };
        if !self.flight.iter().any(tls) {
            self.receive.rest();
            return Ok(Some(Step::Done));
        }
        // How many came along depends on the network: one is enough, and the same however they arrive.
        if let Some(behind) = self.receive.pending().get(..1) {
            let octets = Excerpt::new(behind, &self.mask);
            return Err(self.fail(Error::PlaintextAfterStartTls { octets }));
        }
        Ok(Some(Step::StartTls))
    }

    /// Frames and handles one piece of what was received; false when there is no whole piece.
    pub(super) fn advance(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<bool, Error> {
        let framed = self.receive.next(&self.limits);
        let handled = match framed {
            Ok(Framed::Incomplete) => return Ok(false),
            Ok(Framed::Literal(len)) => self.announced(len, exchanges),
            Ok(Framed::Chunk) => {
                if let Some((owner, Sink::Deliver)) = self.sink {
                    if let Some(exchange) = exchanges.get_mut(owner) {
                        exchange.on_chunk(self.receive.chunk());
                    }
                }
                Ok(())
            }
            Ok(Framed::Response) => {
                self.sink = None;
                let handled = self.respond(exchanges);
                self.receive.consume();
                handled
            }
            Err(FramingFault::Limit(kind)) => Err(Error::Limit { kind }),
            Err(FramingFault::BareLineFeed) => Err(Error::Malformed {
                expected: "a carriage return before the line feed",
                octets: Excerpt::new(self.receive.response().0, &self.mask),
            }),
        };
        match handled {
            Ok(()) => Ok(true),
            Err(fault) => Err(self.fail(fault)),
        }
    }

    fn announced(&mut self, len: u64, exchanges: &mut [&mut dyn Exchange]) -> Result<(), Error> {
        let (head, line) = self.receive.announcement();
        let open = self.flight.iter().filter(|flight| flight.is_open());
        let announcement = Announcement { head, line, len, is_shared: open.count() > 1 };
        self.sink = None;
        for ((index, exchange), flight) in exchanges.iter_mut().enumerate().zip(&self.flight) {
            if !flight.is_open() {
                continue;
            }
            match exchange.on_literal(&announcement)? {
                Sink::Buffer => {}
                sink @ (Sink::Deliver | Sink::Lend | Sink::Discard) => {
                    self.sink = Some((index, sink));
                    break;
                }
            }
        }
        if let Some((_, Sink::Deliver)) = self.sink {
            self.answers.announce(len, &self.limits)?;
        }
        let storage = if self.sink.is_some() { Storage::Stream } else { Storage::Buffer };
        self.receive
            .accept(storage, &self.limits)
            .map_err(|_| Error::Limit { kind: LimitKind::Literal })
    }

    /// The machine as a driver sees it, with the commands given to [`Machine::start`].
    pub fn converse<'m, 'e, 'c>(
        &'m mut self,
        exchanges: &'e mut [&'c mut dyn Exchange],
    ) -> Running<'m, 'e, 'c> {
        Running { machine: self, exchanges }
    }

    /// Room for the driver to read into; never empty.
    pub fn read_buffer(&mut self) -> &mut [u8] {
        self.receive.room()
    }

    /// What is read next are octets of a literal.
    pub(crate) fn is_in_literal(&self) -> bool {
        self.receive.unfinished_literal().is_some()
    }

    /// `n` octets were read into [`Machine::read_buffer`].
    pub fn received(&mut self, n: usize) {
        self.receive.received(n);
    }

    /// The first `n` octets of [`Want::Write`] were written.
    pub fn written(&mut self, n: usize) {
        self.output.wrote(n);
        self.note_written();
    }

    /// Notes down, from now on, what a trace may show: [`Machine::next_line`].
    pub fn keep_transcript(&mut self) {
        self.transcript.get_or_insert_default();
    }

    /// The next line that was sent or heard: bounded, escaped, with our secrets replaced, also where the
    /// server echoes them. SASL messages and challenges are left out.
    pub fn next_line(&mut self) -> Option<(Direction, String)> {
        self.transcript.as_mut()?.pop_front()
    }

    /// The octets lent by [`Want::Chunk`], until the machine is polled again.
    pub fn chunk(&self) -> &[u8] {
        self.receive.chunk()
    }

    /// The peer closed its side. Where the last answer of LOGOUT was all that was missing, the flight ends
    /// well; else this is [`Error::Transport`].
    ///
    /// # Errors
    /// The fault, from now on the answer to every call.
    pub fn end_of_stream(&mut self) -> Result<(), Error> {
        self.ended(TransportFault::Closed)
    }

    /// The stream ended without the end of TLS. As [`Machine::end_of_stream`]: behind BYE there was nothing more
    /// to hear.
    ///
    /// # Errors
    /// The fault, from now on the answer to every call.
    pub fn truncated(&mut self) -> Result<(), Error> {
        self.ended(TransportFault::Truncated)
    }

    fn ended(&mut self, fault: TransportFault) -> Result<(), Error> {
        let said_goodbye = |flight: &InFlight| flight.kind == Kind::Logout && self.state.bye;
        if self.receive.pending().is_empty() && self.flight.iter().all(said_goodbye) {
            for flight in self.flight.iter_mut().filter(|flight| flight.is_open()) {
                flight.answer = Answer::Given(StatusText::ok());
            }
            if !self.flight.is_empty() {
                return Ok(());
            }
        }
        Err(self.transport_failed(fault))
    }

    /// The transport failed, or a deadline passed: the machine is broken from now on.
    pub fn transport_failed(&mut self, fault: TransportFault) -> Error {
        let literal = self.receive.unfinished_literal();
        self.fail(Error::Transport { fault, literal })
    }

    /// LOGOUT was answered: the session is over.
    pub fn has_ended(&self) -> bool {
        self.state.bye && !self.is_busy()
    }

    /// Nothing broke the session so far.
    pub fn is_usable(&self) -> bool {
        self.broken.is_none()
    }

    /// What broke the session.
    pub fn fault(&self) -> Option<&Error> {
        self.broken.as_ref()
    }

    /// What is accepted from the server at most.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What is known of the session.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The next response that no command claimed, in the order they came.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// The faults of the server that were tolerated so far.
    pub fn tolerated(&self) -> &Tolerated {
        &self.tolerated
    }

    pub(super) fn fail(&mut self, fault: Error) -> Error {
        self.output.clear();
        self.broken.get_or_insert(fault).clone()
    }
}
