//! The connection as a machine: octets go in, octets and answers come out.
//!
//! A driver calls [`Machine::start`] with an exchange, then [`Machine::poll`] until it answers
//! [`Want::Done`], doing in between what each [`Want`] names. It holds no protocol word.
//!
//! The rules of the machine, all in this file:
//! 1. A reply is framed before it is understood; lines end in CRLF and nothing else.
//! 2. A reply belongs to a command that was written, the commands being answered in order. One that begins
//!    before its command was written whole is an attack or a farewell. Before a command its first octet decides; within
//!    content its last one, so that a farewell is heard however the network cuts it.
//! 3. Replies are heard before more is written, and content is asked for when all else was written.
//! 4. 421 ends the session wherever it comes. Refusals are answers, not faults.
//! 5. Octets behind the reply to STARTTLS are an attack, whatever they are (RFC 3207 4.2).
//! 6. After a fault the machine is broken: every later call answers with the first fault. The exchange says
//!    what the fault means for what it had sent.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::task::{Context, Poll};

use xoauth_sasl::Mask;
use xoauth_sasl::wire::{Direction, Excerpt, Farewell, TransportFault, Want};

use crate::error::Error;
use crate::parse::Reply;
use crate::proto::encoder::{Encoder, News};
use crate::proto::exchange::{Exchange, Progress};
use crate::proto::limits::Limits;
use crate::proto::output::Output;
use crate::proto::receive::{FramingFault, Receive};
use crate::proto::running::Running;
use crate::types::{Extensions, ReplyCode};

/// One connection to an SMTP server, without its transport.
///
/// A fresh transport begins with [`Greeting`](crate::exchange::Greeting). After STARTTLS the machine is
/// spent; make a new one, which knows nothing of what was said in the clear, and begin with
/// [`Ehlo`](crate::exchange::Ehlo).
#[derive(Debug)]
pub struct Machine {
    limits: Limits,
    pub(super) receive: Receive,
    pub(super) output: Output,
    /// Commands that may be written ahead of their replies.
    ahead: usize,
    phase: Phase,
    /// The reply that is received began when none could be under way.
    is_early: bool,
    pub(super) extensions: Extensions,
    pub(super) mask: Mask,
    /// What a trace may show of replies, while somebody listens.
    pub(super) heard: Option<VecDeque<(Direction, String)>>,
}

#[derive(Debug)]
enum Phase {
    /// No exchange is under way.
    Idle,
    /// An exchange is under way.
    Running,
    /// The server agreed to STARTTLS; the machine is spent.
    StartTls,
    /// The session is over.
    Ended,
    /// Some fault broke the session.
    Broken(Error),
}

/// What to do next, before anything is lent from the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Write,
    Read,
    Body,
    StartTls,
    Done,
}

impl Machine {
    /// A machine for a fresh transport, or for one that TLS has just been started on.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            receive: Receive::default(),
            output: Output::default(),
            ahead: limits.window,
            phase: Phase::Idle,
            is_early: false,
            extensions: Extensions::default(),
            mask: Mask::default(),
            heard: None,
        }
    }

    /// Begins an exchange: queues its first commands.
    ///
    /// # Errors
    /// An argument that cannot be sent, or something the server does not offer: nothing is sent and the
    /// machine stays usable. [`Error::is_fatal`] tells those from a machine that is broken, among others
    /// by octets that came since the last reply.
    pub fn start(&mut self, exchange: &mut dyn Exchange) -> Result<(), Error> {
        match &self.phase {
            Phase::Idle => {}
            Phase::Running => return Err(Error::Busy),
            Phase::StartTls | Phase::Ended => return Err(Error::Ended),
            // What is not known of an earlier message is not said of this one.
            Phase::Broken(Error::DeliveryUnknown { cause, .. }) => return Err((**cause).clone()),
            Phase::Broken(fault) => return Err(fault.clone()),
        }
        let mut encoder = Encoder::new(&mut self.output);
        let encoded = exchange.encode(&mut encoder, &self.extensions);
        match encoded.and_then(|()| encoder.finish()) {
            Ok(news) => self.learn(news),
            Err(refused) => {
                self.output.clear();
                return Err(refused);
            }
        }
        self.phase = Phase::Running;
        let left_over = self.refuse_left_over();
        self.unless_broken(exchange, left_over)
    }

    /// Goes on until the driver is needed. `exchange` is the one given to [`Machine::start`].
    ///
    /// # Errors
    /// Whatever broke the session; every later call answers the same.
    pub fn poll<'w>(&'w mut self, exchange: &'w mut dyn Exchange) -> Result<Want<'w>, Error> {
        let step = self.next_step(exchange)?;
        Ok(self.want(step, exchange))
    }

    /// Goes on until the driver is needed, as [`Machine::poll`] does.
    pub(crate) fn next_step(&mut self, exchange: &mut dyn Exchange) -> Result<Step, Error> {
        let stepped = self.step(exchange);
        self.unless_broken(exchange, stepped)
    }

    /// What a step asks of the driver.
    pub(crate) fn want<'w>(&'w mut self, step: Step, exchange: &'w dyn Exchange) -> Want<'w> {
        match step {
            Step::Write => {
                self.output.offer(self.ahead);
                match self.output.writable_lent(self.ahead) {
                    0 => Want::Write(self.output.writable(self.ahead)),
                    most => {
                        let lent = exchange.lent(self.output.lent());
                        Want::Write(lent.get(..most).unwrap_or_default())
                    }
                }
            }
            Step::Read => Want::Read,
            Step::Body => Want::Body,
            Step::StartTls => Want::StartTls,
            Step::Done => Want::Done,
        }
    }

    fn step(&mut self, exchange: &mut dyn Exchange) -> Result<Step, Error> {
        loop {
            match &self.phase {
                Phase::Running => {}
                Phase::Idle | Phase::Ended => return Ok(Step::Done),
                // How many came along depends on the network: one is enough, and the same however they arrive.
                Phase::StartTls => match self.receive.pending().get(..1) {
                    Some(behind) => {
                        let octets = Excerpt::new(behind, &self.mask);
                        return Err(Error::PlaintextAfterStartTls { octets });
                    }
                    None => return Ok(Step::StartTls),
                },
                Phase::Broken(fault) => return Err(fault.clone()),
            }
            // What stands behind the last reply is not this exchange's: its outcome holds, whatever it is.
            if self.output.awaited() > 0 && self.hear(exchange)? {
                continue;
            }
            if self.output.can_write(self.ahead) {
                if self.output.begins_command() {
                    self.refuse_left_over()?;
                } else {
                    self.refuse_unasked()?;
                }
                return Ok(Step::Write);
            }
            if self.output.is_written() {
                let wants_body = self.fill(exchange)?;
                if !self.output.is_written() {
                    continue;
                }
                if wants_body && !self.output.is_window_full(self.ahead) {
                    self.refuse_unasked()?;
                    return Ok(Step::Body);
                }
            }
            if self.output.awaited() == 0 {
                self.phase = Phase::Idle;
                return Ok(Step::Done);
            }
            return Ok(Step::Read);
        }
    }

    /// Lets the exchange queue more; whether it has to ask a source first.
    fn fill(&mut self, exchange: &mut dyn Exchange) -> Result<bool, Error> {
        let mut encoder = Encoder::new(&mut self.output);
        exchange.fill(&mut encoder)?;
        let news = encoder.finish()?;
        let wants_body = news.wants_body;
        self.learn(news);
        Ok(wants_body)
    }

    /// Hears the replies that were received whole, as [`Machine::poll`] does first of all; whether there were any.
    ///
    /// # Errors
    /// What breaks the session, as [`Machine::poll`].
    pub fn hear_now(&mut self, exchange: &mut dyn Exchange) -> Result<bool, Error> {
        let mut has_heard = false;
        while matches!(self.phase, Phase::Running) && self.output.awaited() > 0 {
            let heard = self.hear(exchange);
            if !self.unless_broken(exchange, heard)? {
                break;
            }
            has_heard = true;
        }
        Ok(has_heard)
    }

    /// Hears what was received before the peer was gone; whether everything has its answer. Nothing more is
    /// handed to the transport.
    ///
    /// # Errors
    /// What breaks the session, as [`Machine::poll`].
    pub fn hear_last(&mut self, exchange: &mut dyn Exchange) -> Result<bool, Error> {
        let heard = self.hear_all(exchange);
        self.unless_broken(exchange, heard)
    }

    fn hear_all(&mut self, exchange: &mut dyn Exchange) -> Result<bool, Error> {
        while matches!(self.phase, Phase::Running) {
            if self.output.awaited() > 0 && self.hear(exchange)? {
                continue;
            }
            // What stands behind the last reply is not this exchange's here either.
            let has_more = !self.output.is_written() || self.fill(exchange)?;
            if has_more || !self.output.is_written() || self.output.awaited() > 0 {
                self.refuse_unasked()?;
                return Ok(false);
            }
            self.phase = Phase::Idle;
        }
        Ok(true)
    }

    /// Lets the exchange ask its source, after [`Want::Body`].
    ///
    /// # Errors
    /// What breaks the session, as [`Machine::poll`].
    pub fn poll_body(
        &mut self,
        exchange: &mut dyn Exchange,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if !matches!(self.phase, Phase::Running) {
            return Poll::Ready(Ok(()));
        }
        let mut encoder = Encoder::new(&mut self.output);
        let polled = exchange.poll_body(cx, &mut encoder);
        let news = encoder.finish();
        let result = match polled {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(result) => result.and(news).map(|news| self.learn(news)),
        };
        Poll::Ready(self.unless_broken(exchange, result))
    }

    /// Hands the next reply to the exchange, if it is there whole.
    fn hear(&mut self, exchange: &mut dyn Exchange) -> Result<bool, Error> {
        let Some(code) = self.next_reply()? else { return Ok(false) };
        let expected = self.output.expects_reply();
        // A server that takes its leave does nothing of what it has not answered (RFC 5321 3.8).
        if expected && (!self.is_early || code.get() == 421) {
            self.output.answered();
        }
        if code.get() == 421 || !expected || self.is_early {
            return Err(self.unasked(code));
        }
        let reply = Reply::new(code, self.receive.reply(), &self.mask);
        let mut encoder = Encoder::new(&mut self.output);
        let progress = exchange.on_reply(&reply, &mut encoder)?;
        let news = encoder.finish()?;
        self.learn(news);
        self.receive.consume();
        self.phase = match progress {
            Progress::Continue => return Ok(true),
            Progress::Ended => Phase::Ended,
            Progress::StartTls => Phase::StartTls,
        };
        Ok(true)
    }

    /// The code of the next reply, if it is there whole.
    fn next_reply(&mut self) -> Result<Option<ReplyCode>, Error> {
        let next = self.receive.next(&self.limits).map_err(|fault| match fault {
            FramingFault::Limit(kind) => Error::Limit { kind },
            FramingFault::Malformed { expected } => {
                Error::Malformed { expected, octets: Excerpt::new(self.receive.line(), &self.mask) }
            }
        })?;
        if let Some(code) = next {
            self.note_reply(code);
        }
        Ok(next)
    }

    /// Before a command is written that no reply can be under way for: what was received by then came before it.
    fn refuse_left_over(&mut self) -> Result<(), Error> {
        if self.receive.pending().is_empty() || self.output.expects_reply() {
            return Ok(());
        }
        Err(match self.next_reply()? {
            Some(code) => self.unasked(code),
            None => {
                let octets = Excerpt::new(self.receive.pending(), &self.mask);
                Error::UnsolicitedReply { octets }
            }
        })
    }

    /// While content is written, or its source waited for, no reply may come that is not awaited; one that is not
    /// whole may still become a farewell, and answers nothing that is written meanwhile.
    fn refuse_unasked(&mut self) -> Result<(), Error> {
        if self.receive.pending().is_empty() || self.output.expects_reply() {
            return Ok(());
        }
        self.is_early = true;
        self.next_reply()?.map_or(Ok(()), |code| Err(self.unasked(code)))
    }

    /// A reply nobody asked for: the server takes leave, or somebody forges.
    fn unasked(&self, code: ReplyCode) -> Error {
        let octets = self.receive.reply();
        let reply = Reply::new(code, octets, &self.mask).to_text();
        match code.get() {
            221 | 421 => Error::closing(reply),
            // Gmail and Exchange take leave of a silent client with 451.
            _ if code.is_transient() && reply.farewell() == Farewell::Idle => Error::closing(reply),
            _ => Error::UnsolicitedReply { octets: Excerpt::new(octets, &self.mask) },
        }
    }

    fn learn(&mut self, news: News) {
        if !news.secrets.is_empty() {
            self.protect_own(news.secrets);
        }
        if let Some(extensions) = news.extensions {
            self.output.pipelining = extensions.pipelining();
            self.extensions = extensions;
        }
    }

    /// The machine as a driver sees it, with the exchange given to [`Machine::start`].
    pub fn converse<'a>(&'a mut self, exchange: &'a mut dyn Exchange) -> Running<'a> {
        Running { machine: self, exchange }
    }

    /// Room for the driver to read into; never empty.
    pub fn read_buffer(&mut self) -> &mut [u8] {
        self.receive.room()
    }

    /// `n` octets were read into [`Machine::read_buffer`].
    pub fn received(&mut self, n: usize) {
        self.receive.received(n);
    }

    /// The first `n` octets of [`Want::Write`] were written.
    pub fn written(&mut self, n: usize) {
        self.output.wrote(n);
    }

    /// Octets that an exchange lent and that were not written yet.
    pub(crate) fn lent(&self) -> usize {
        self.output.lent()
    }

    /// The peer closed its side.
    ///
    /// # Errors
    /// Always: the machine reads only where a reply is missing.
    pub fn end_of_stream(&mut self, exchange: &mut dyn Exchange) -> Result<(), Error> {
        Err(self.transport_failed(exchange, TransportFault::Closed))
    }

    /// The transport failed, or a deadline passed: the machine is broken from now on. Where the end of a
    /// message was sent and not answered, this is [`Error::DeliveryUnknown`].
    pub fn transport_failed(
        &mut self,
        exchange: &mut dyn Exchange,
        fault: TransportFault,
    ) -> Error {
        // What came before that, while nothing was under way, says why.
        let is_idle = matches!(self.phase, Phase::Idle);
        let said = if is_idle { self.refuse_left_over().err() } else { None };
        self.fail(exchange, said.unwrap_or(Error::Transport { fault }))
    }

    /// The driver reads what comes while it waits for a write to be taken, so that no number of replies can
    /// make both sides wait for each other: [`Limits::window`] holds no more.
    pub fn hears_while_writing(&mut self) {
        self.ahead = usize::MAX;
    }

    /// Mail transactions that were begun: MAIL commands, whatever became of them.
    pub fn transactions(&self) -> u64 {
        self.output.history.transactions
    }

    /// Nothing broke the session so far, and it has not ended.
    pub fn is_usable(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Running)
    }

    /// An exchange was begun and not brought to its end.
    pub fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    /// The session is over, by QUIT or because the server could not go on.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// What is accepted from the server at most.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What the server offers; nothing before [`Ehlo`](crate::exchange::Ehlo).
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    fn unless_broken<T>(
        &mut self,
        exchange: &mut dyn Exchange,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        result.map_err(|fault| self.fail(exchange, fault))
    }

    /// Breaks the session. The exchange says what that means for it, once.
    fn fail(&mut self, exchange: &mut dyn Exchange, cause: Error) -> Error {
        if let Phase::Broken(first) = &self.phase {
            return first.clone();
        }
        let fault = match self.phase {
            Phase::Running => exchange.interrupted(cause.clone(), self.output.sent()),
            _ => cause.clone(),
        };
        self.output.clear();
        // An exchange that was answered tells of its answer; whoever comes next hears what broke.
        self.phase = Phase::Broken(if fault.is_fatal() { fault.clone() } else { cause });
        fault
    }
}
