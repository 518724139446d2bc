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
use crate::parse::{Input, Response, Tolerated, parse_into};
use crate::proto::echo::{echoes, event, heard, is_all_values};
use crate::proto::encoder::Encoder;
use crate::proto::events::{Answers, Events, HandOn};
use crate::proto::exchange::{Announcement, Claim, Continued, Exchange, Kind, Sink};
use crate::proto::flight::{Answer, InFlight};
use crate::proto::limits::{Faults, LimitKind, Limits};
use crate::proto::output::Output;
use crate::proto::receive::{Framed, FramingFault, Receive, Storage};
use crate::proto::running::Running;
use crate::proto::state::State;
use crate::proto::tag::TagPrefix;
use crate::types::{Event, StatusKind, StatusText};

/// One connection to an IMAP server, without its transport.
#[derive(Debug)]
pub struct Machine {
    limits: Limits,
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

    /// Handles the complete response in the receive buffer.
    fn respond(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<(), Error> {
        let Self { receive, output, flight, state, tolerated, mask, limits, .. } = self;
        if let Some(lines) = &mut self.transcript {
            lines.push_back((Direction::Server, heard(receive.response().0, mask)));
        }
        let all = receive.response().0;
        let is_all_values = is_all_values(all);
        if is_all_values && mask.may_hide(all) {
            receive.hide(0..all.len(), mask);
        }
        let (mut bytes, mut literals) = receive.response();
        let mut response = Response::Other { name: &[], octets: &[] };
        match parse_into(Input { bytes, literals }, &mut response, tolerated) {
            Ok(()) if receive.is_rest_of_search() && !matches!(response, Response::Search(_)) => {
                // What came before was taken for an answer: it must not be taken for all of it.
                let octets = Excerpt::new(bytes, mask);
                return Err(Error::Malformed { expected: "the rest of a SEARCH response", octets });
            }
            Ok(()) => {}
            Err(fault) if fault.is_depth() => return Err(Error::Limit { kind: LimitKind::Depth }),
            Err(fault) => {
                let octets = Excerpt::new(bytes.get(fault.at..).unwrap_or(bytes), mask);
                return Err(Error::Malformed { expected: fault.expected, octets });
            }
        }
        let weight = bytes.len().saturating_add(tolerated.unfolded());
        if let (Some(fault), Faults::Refuse) = (tolerated.end_response(), limits.faults) {
            let octets = Excerpt::new(bytes.get(fault.at..).unwrap_or(bytes), mask);
            return Err(Error::NotTolerated { fault: fault.kind, octets });
        }
        let echoes = if is_all_values { Vec::new() } else { echoes(&response, bytes, mask) };
        if !echoes.is_empty() {
            // The response that has none of our secrets is the one that counts.
            drop(response);
            echoes.into_iter().for_each(|part| receive.hide(part, mask));
            (bytes, literals) = receive.response();
            response = Response::Other { name: &[], octets: &[] };
            let input = Input { bytes, literals };
            parse_into(input, &mut response, &mut tolerated.anew()).map_err(|fault| {
                let octets = Excerpt::new(bytes, mask);
                Error::Malformed { expected: fault.expected, octets }
            })?;
        }
        let response = &response;
        match response {
            Response::Tagged { tag, status } => {
                let mut flights = flight.iter().enumerate();
                let answered =
                    flights.find(|(at, flight)| flight.awaits(*at, tag, status.kind, output));
                let answered = answered.filter(|(at, _)| {
                    status.kind != StatusKind::Ok
                        || exchanges.get(*at).is_none_or(|exchange| exchange.has_said_all())
                });
                let Some(index) = answered.map(|(at, _)| at) else {
                    return Err(Error::UnsolicitedTagged { octets: Excerpt::new(bytes, mask) });
                };
                state.apply_code(status.code.as_ref());
                let status = status.to_owned_masked(mask);
                output.abandon(index, flight.get(index + 1).map(|next| next.start));
                if let Some(exchange) = exchanges.get_mut(index) {
                    exchange.on_completed(&status, state);
                    let told = if status.is_ok() { Vec::new() } else { exchange.on_refused() };
                    let mut kept = flight.get(index).map_or(0, |flight| flight.kept);
                    for event in told {
                        self.events.push(|| event, core::mem::take(&mut kept), limits)?;
                    }
                }
                state.note_answered();
                // What follows may be a name already (RFC 6855 3).
                tolerated.set_utf8_names(state.takes_utf8());
                if let Some(flight) = flight.get_mut(index) {
                    flight.answer = Answer::Given(status);
                }
            }
            Response::Continuation { text } => {
                if output.waits_for_continuation() {
                    output.go_on();
                    return Ok(());
                }
                let first = flight.iter().position(InFlight::is_open);
                let first = first.filter(|&at| flight.get(at).is_some_and(InFlight::is_written));
                let exchange = first.and_then(|index| Some((index, exchanges.get_mut(index)?)));
                if let Some((index, exchange)) = exchange {
                    let mut encoder = Encoder::new(output, state, mask, index, "");
                    let start = encoder.position();
                    if exchange.on_continuation(text, &mut encoder)? == Continued::Answered {
                        encoder.finish()?;
                        output.replied(index, start);
                        if let Some(lines) = &mut self.transcript {
                            lines.extend(output.transcript(start));
                        }
                        return Ok(());
                    }
                }
                let expected = "no continuation, for no command waits for one";
                return Err(Error::Unexpected { expected, octets: Excerpt::new(bytes, mask) });
            }
            Response::Status(status)
                if status.kind == StatusKind::Bye
                    && !flight.iter().any(|flight| flight.kind == Kind::Logout) =>
            {
                return Err(Error::bye(status.to_owned_masked(mask)));
            }
            Response::Status(status)
                if status.kind == StatusKind::Preauth
                    && !flight.iter().any(|flight| flight.kind == Kind::Greeting) =>
            {
                // RFC 9051 7.1.4: it can only be a greeting.
                let octets = Excerpt::new(bytes, mask);
                return Err(Error::Unexpected { expected: "PREAUTH in a greeting alone", octets });
            }
            untagged => {
                let octets = || Excerpt::new(bytes, mask);
                let malformed = |expected| Error::Malformed { expected, octets: octets() };
                state.apply(untagged);
                let is_greeting = flight.iter().any(|flight| flight.kind == Kind::Greeting);
                for (exchange, flight) in exchanges.iter_mut().zip(flight.iter_mut()) {
                    if !flight.is_open() {
                        continue;
                    }
                    match (exchange.on_untagged(untagged)?, untagged) {
                        (Claim::Pass, _) => {}
                        (Claim::Spoilt, _) => return Err(malformed("an answer in its grammar")),
                        (Claim::Finished, Response::Status(status)) => {
                            let status = status.to_owned_masked(mask);
                            exchange.on_completed(&status, state);
                            flight.answer = Answer::Given(status);
                            return Ok(());
                        }
                        (claim, _) => {
                            let octets = weight + untagged.kept();
                            flight.kept += octets;
                            return match claim {
                                Claim::Kept => self.answers.keep_to_the_end(octets, limits),
                                _ => self.answers.keep(octets, limits),
                            };
                        }
                    }
                }
                if is_greeting {
                    return Err(match untagged {
                        Response::Other { .. } => malformed("a greeting"),
                        _ => Error::Unexpected { expected: "a greeting", octets: octets() },
                    });
                }
                state.note_unsolicited(untagged);
                let event = || event(untagged, Input { bytes, literals }, tolerated, mask);
                self.events.push(event, weight + untagged.kept(), limits)?;
            }
        }
        Ok(())
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
