//! Many messages over one connection, limited by its bandwidth and not by its round trips.
//!
//! | the server offers | what is in flight | flights a message |
//! |---|---|---|
//! | PIPELINING and CHUNKING | a [`Window`] of whole messages: `MAIL RCPT.. BDAT n LAST` (RFC 3030 2) | a fraction |
//! | PIPELINING | one message; the next envelope leaves with its final dot (RFC 2920 3.1) | one |
//! | neither, or CHUNKING | one command | one for each of MAIL, RCPT, DATA, content |
//!
//! Without PIPELINING messages travel by DATA. Those that ask for BDAT take one flight for each of MAIL, RCPT, BDAT.
//!
//! Replies come in the order of the commands, so that the first message without an outcome is the one that
//! is being answered:
//!
//! ```text
//! jobs:  | answered in part | sent | sent in part | waiting | waiting |      <- push
//!          ^ front            begun ------------^
//! ```

mod job;
mod sending;
mod tally;
mod window;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::task::{Context, Poll};

use crate::error::Error;
use crate::exchange::Submit;
use crate::parse::Reply;
use crate::proto::{Encoder, Exchange, Place, Progress};
use crate::types::{Extensions, Sent};

use job::Job;
pub use sending::Sending;
pub use tally::Tally;
use tally::Watcher;
pub use window::Window;

/// What became of one message: accepted by the server for at least one recipient, or not, and why.
///
/// [`Error::DeliveryUnknown`] is neither: the connection broke between the end of the message and its answer.
/// Every other error says that the message was not accepted: refused where [`Error::is_fatal`] says no, and
/// else not sent because the session broke.
pub type Outcome = Result<Sent, Error>;

/// Sends messages one behind the other, as far ahead of the server's answers as it allows and the
/// [`Window`] permits, and tells what became of each, in order.
///
/// Messages are [pushed](Bulk::push) while there is [room](Bulk::has_room), and outcomes are
/// [taken](Bulk::next_outcome) as they come; [`Sending`] is what a driver drives meanwhile. A refused message
/// does not stop those behind it. When the session breaks, every message that was pushed still gets its
/// outcome; nothing is sent twice.
#[derive(Debug, Default)]
#[must_use = "nothing is sent until a driver drives it"]
pub struct Bulk<'a> {
    window: Window,
    avoids_chunking: bool,
    extensions: Extensions,
    /// Messages without outcome, in order; the first `begun` of them are on their way.
    jobs: VecDeque<Job<'a>>,
    begun: usize,
    /// How many of those end with the last one that can be sent: `valid <= begun`. What cannot be sent leaves no
    /// transaction open, and however many such wait behind it, none is looked at twice.
    valid: usize,
    /// Messages that were begun so far, and how many may be.
    started: u64,
    most: Option<u64>,
    /// Octets of the messages that are on their way.
    octets: u64,
    /// Octets of the message that was begun last that the transport has to take from where they stand.
    lent: u64,
    /// A transaction may be open in which nothing may be sent any more.
    open: Open,
    outcomes: VecDeque<Outcome>,
    tally: Tally,
    watcher: Watcher<'a>,
}

/// What is known of the server's mail transaction where no message is on its way.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// There is none.
    #[default]
    No,
    /// There may be one, which would swallow the next message.
    Maybe,
    /// The reply to RSET comes next.
    Closing,
}

/// Octets that are queued at a time.
const PIECE: usize = 64 * 1024;

impl<'a> Bulk<'a> {
    /// Sends within a window.
    pub fn new(window: Window) -> Self {
        Self { window, ..Self::default() }
    }

    /// Sends with DATA also where the server offers CHUNKING, for servers that get it wrong. Messages that ask for
    /// BDAT ([`Transfer::Bdat`](crate::Transfer::Bdat), [`Message::binary`](crate::Message::binary)) travel by it all the same.
    pub fn without_chunking(mut self) -> Self {
        self.avoids_chunking = true;
        self
    }

    /// Calls `watcher` whenever [`Tally::octets`] grew or an outcome is known.
    pub fn watched_by(mut self, watcher: impl FnMut(&Tally) + Send + 'a) -> Self {
        self.watcher = Watcher(Some(Box::new(watcher)));
        self
    }

    /// Sends within another window.
    pub fn within(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// Whether another message would be sent, or prepared, before an outcome is there.
    pub fn has_room(&self) -> bool {
        self.jobs.len() < self.window.messages.max(2) && self.octets <= self.window.octets
    }

    /// The next message to send. What cannot be sent (an argument, or what the server does not take) is the
    /// message's outcome, and nothing of it is sent.
    pub fn push(&mut self, message: impl Into<Submit<'a>>) {
        let mut message = message.into();
        if self.avoids_chunking {
            message.avoid_chunks();
        }
        self.tally.pushed += 1;
        self.jobs.push_back(Job::new(message));
    }

    /// Begins no more than so many messages, of all that are pushed; the others wait. For a caller that
    /// holds a rate: what cannot be sent does not count.
    pub fn begin_at_most(&mut self, messages: u64) {
        self.most = Some(messages);
    }

    /// How many messages were begun so far: their envelopes were sent, or wait to be written.
    pub fn begun(&self) -> u64 {
        self.started
    }

    /// How many of them have no outcome yet.
    pub fn in_flight(&self) -> usize {
        self.begun
    }

    /// How many messages were pushed and not begun.
    pub fn waiting(&self) -> usize {
        self.jobs.len().saturating_sub(self.begun)
    }

    /// What became of the first message whose outcome was not taken yet, where it is known. The last outcome is
    /// known when the server is ready for another command: one who has it may use the session for something else.
    pub fn next_outcome(&mut self) -> Option<Outcome> {
        if self.has_outcome() { self.outcomes.pop_front() } else { None }
    }

    /// [`Bulk::next_outcome`] has something.
    pub fn has_outcome(&self) -> bool {
        let is_closing = self.begun == 0 && self.open != Open::No;
        self.outcomes.len() > usize::from(is_closing)
    }

    /// No message is waiting or on its way, no outcome is left to take, and the server awaits another command.
    pub fn is_over(&self) -> bool {
        self.jobs.is_empty() && self.outcomes.is_empty() && self.open != Open::Closing
    }

    /// What was done so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Something is waiting to be sent.
    fn has_work(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Queues the envelope of the next message, if it may be sent now.
    fn begin_next(&mut self, out: &mut Encoder<'_>) -> bool {
        let last = self.begun.checked_sub(1).and_then(|last| self.jobs.get(last));
        let is_free = last.is_none_or(Job::has_nothing_to_queue);
        // Whether RSET is needed behind the last one its answers would tell, which are not there yet.
        let before = self.valid.checked_sub(1).and_then(|before| self.jobs.get(before));
        let resets = before.map_or(self.open == Open::Maybe, Job::may_leave_transaction_open);
        let Some(next) = self.jobs.get_mut(self.begun).filter(|_| is_free) else { return false };
        next.prepare(&self.extensions, out);
        if next.is_invalid() {
            self.begun += 1;
            self.settle();
            return true;
        }
        let is_ahead = next.goes_ahead(&self.extensions);
        let octets = self.octets.saturating_add(next.size());
        let has_room = if is_ahead {
            self.begun < self.window.messages && octets <= self.window.octets
        } else {
            // The next envelope goes with the end of a message; its own content waits.
            self.extensions.pipelining() && self.begun == 1
        };
        let is_held = self.most.is_some_and(|most| self.started >= most);
        if is_held || self.begun > 0 && !has_room {
            return false;
        }
        self.started += 1;
        next.begin(resets, is_ahead, &self.extensions, out);
        if self.open == Open::Maybe {
            self.open = Open::No;
        }
        self.begun += 1;
        self.valid = self.begun;
        self.octets = octets;
        true
    }

    /// Moves the outcomes that are known out of the way.
    fn settle(&mut self) {
        while self.begun > 0 {
            let Some(job) = self.jobs.front().filter(|job| job.is_over()) else { return };
            if !job.is_invalid() {
                self.octets = self.octets.saturating_sub(job.size());
                // Whatever was begun behind it has said RSET.
                let is_open = self.valid == 1 && job.leaves_transaction_open();
                self.open = if is_open { Open::Maybe } else { Open::No };
            }
            self.begun -= 1;
            self.valid = self.valid.saturating_sub(1);
            if let Some(job) = self.jobs.pop_front() {
                self.report(job.into_outcome());
            }
        }
    }

    /// Queues a piece of the message that was begun last; whether there was one.
    fn fill_last(&mut self, out: &mut Encoder<'_>) -> Result<bool, Error> {
        let Some(last) = self.begun.checked_sub(1).and_then(|last| self.jobs.get_mut(last)) else {
            return Ok(false);
        };
        let before = last.queued();
        let has_filled = last.fill(out)?;
        let octets = last.queued() - before;
        self.lent = octets_of(out.lent());
        self.note(octets.saturating_sub(self.lent));
        Ok(has_filled)
    }

    /// Queues as much as is worth writing at a time.
    fn fill_up(&mut self, out: &mut Encoder<'_>) -> Result<(), Error> {
        while out.queued() < PIECE && !out.wants_body() {
            if !self.fill_last(out)? && !self.begin_next(out) {
                break;
            }
        }
        Ok(())
    }

    /// The transport took octets, and so many of those that were lent are left.
    fn lent_octets_left(&mut self, left: usize) {
        let left = octets_of(left);
        let taken = self.lent.saturating_sub(left);
        self.lent = left;
        self.note(taken);
    }

    fn note(&mut self, octets: u64) {
        if octets > 0 {
            self.tally.octets += octets;
            self.watcher.look(&self.tally);
        }
    }

    fn report(&mut self, outcome: Outcome) {
        self.tally.count(&outcome);
        self.watcher.look(&self.tally);
        self.outcomes.push_back(outcome);
    }
}

fn octets_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Exchange for Bulk<'_> {
    fn encode(&mut self, _: &mut Encoder<'_>, extensions: &Extensions) -> Result<(), Error> {
        if self.extensions != *extensions {
            self.extensions = extensions.clone();
        }
        Ok(())
    }

    fn on_reply(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<Progress, Error> {
        if self.open == Open::Closing {
            self.open = Open::No;
            // A transaction that cannot be closed would swallow the next message.
            return if reply.code().is_mail_action_done() {
                Ok(Progress::Continue)
            } else {
                Err(Error::unexpected("250 to RSET", reply))
            };
        }
        if let Some(job) = self.jobs.front_mut() {
            job.on_reply(reply, out)?;
        }
        // What was not written may have been dropped.
        self.lent = self.lent.min(octets_of(out.lent()));
        self.settle();
        Ok(Progress::Continue)
    }

    fn fill(&mut self, out: &mut Encoder<'_>) -> Result<(), Error> {
        // Everything was written.
        self.lent_octets_left(0);
        self.fill_up(out)?;
        // Whatever may begin has begun, with its RSET; what waits may wait for long.
        if self.begun == 0 && self.open == Open::Maybe {
            out.text("RSET");
            out.end_line(Place::Anywhere);
            self.open = Open::Closing;
        }
        Ok(())
    }

    fn lent(&self, left: usize) -> &[u8] {
        let last = self.begun.checked_sub(1).and_then(|last| self.jobs.get(last));
        last.map_or(&[], |last| last.lent(left))
    }

    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Encoder<'_>,
    ) -> Poll<Result<(), Error>> {
        let Some(last) = self.begun.checked_sub(1).and_then(|last| self.jobs.get_mut(last)) else {
            return Poll::Ready(Ok(()));
        };
        let before = last.queued();
        let polled = last.poll_body(cx, out);
        let octets = last.queued() - before;
        self.note(octets);
        self.settle();
        match polled {
            // The next envelope leaves with the end of this message.
            Poll::Ready(Ok(())) => Poll::Ready(self.fill_up(out)),
            other => other,
        }
    }

    fn interrupted(&mut self, cause: Error, sent: usize) -> Error {
        let mut sent = sent;
        if self.open == Open::Closing {
            sent = sent.saturating_sub(1);
        }
        let begun = core::mem::take(&mut self.begun);
        self.valid = 0;
        for (index, job) in core::mem::take(&mut self.jobs).into_iter().enumerate() {
            // A source that failed is that of the message that was begun last; the others only lost the session.
            let is_anothers = matches!(cause, Error::Content { .. }) && index + 1 != begun;
            let cause = if is_anothers { &Error::Ended } else { &cause };
            let outcome = if index < begun {
                job.into_outcome_after(cause, &mut sent)
            } else {
                Err(cause.clone())
            };
            self.report(outcome);
        }
        (self.octets, self.lent, self.open) = (0, 0, Open::No);
        cause
    }
}
