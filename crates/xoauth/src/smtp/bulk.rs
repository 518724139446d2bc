//! Many messages over one session, the same for streams that wait and for streams that do not.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use xoauth_smtp::Sent;
use xoauth_smtp::exchange::{Bulk, Submit};

use super::core::Core;
use super::rate::Rate;
use crate::Error;
#[cfg(feature = "tokio")]
use crate::net::by;
use crate::net::{Io, now};

/// Messages on their way, and the session they have for themselves.
pub(crate) struct Delivery<'s, 'a, I: Io> {
    core: &'s mut Core<I>,
    pub(crate) bulk: Bulk<'a>,
    pub(crate) rate: Option<Rate>,
    step: Step,
    is_broken: bool,
}

/// Sending and hearing until there is something for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The next one has its own time.
    Over,
    /// It was left to begin another message, and goes on in the time it has.
    Left,
    UnderWay,
}

/// What there is to do for the caller.
pub(crate) enum Next {
    /// What became of the next message.
    Outcome(Result<Sent, Error>),
    /// To drive on, and to come back at this time at the latest: another message may begin then.
    Step(Option<Instant>),
    /// Nothing is on its way, and the next message may not begin before this time.
    Wait(Instant),
    /// Every message has its outcome.
    Over,
}

impl<'s, 'a, I: Io> Delivery<'s, 'a, I> {
    /// # Errors
    /// [`Error::Ended`] where the session is over.
    pub(crate) fn new(core: &'s mut Core<I>, bulk: Bulk<'a>) -> Result<Self, Error> {
        if !core.is_usable() {
            return Err(Error::Ended);
        }
        Ok(Self { core, bulk, rate: None, step: Step::Over, is_broken: false })
    }

    /// Chooses how to send.
    pub(crate) fn edit(&mut self, change: impl FnOnce(Bulk<'a>) -> Bulk<'a>) {
        self.bulk = change(std::mem::take(&mut self.bulk));
    }

    /// Keeps the pipe full. What is there first is handed out first: a step that is under way goes on.
    pub(crate) fn next(&mut self, messages: impl FnMut() -> Option<Submit<'a>>) -> Next {
        let pushed = self.step != Step::UnderWay && self.top_up(messages);
        let due = self.hold_rate();
        if pushed || self.step == Step::UnderWay {
            return Next::Step(due);
        }
        if let Some(outcome) = self.bulk.next_outcome() {
            return Next::Outcome(outcome.map_err(Error::Smtp));
        }
        if self.is_broken || self.bulk.is_over() {
            return Next::Over;
        }
        let is_idle = self.bulk.in_flight() == 0 && self.step == Step::Over;
        match due {
            // What may begin now is no reason to wait: the step that begins it ends at once, so that it counts from now.
            Some(due) if is_idle && due > self.core.connection.now() => Next::Wait(due),
            due => Next::Step(due),
        }
    }

    /// Sends and hears until no more can be done without waiting for the server, or an outcome is there.
    pub(crate) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.begin_step();
        let stopped = ready!(self.core.poll_send(&mut self.bulk, cx));
        self.end_step(stopped.map(drop));
        Poll::Ready(())
    }

    /// The same, awaited until `due`: then another message may begin.
    #[cfg(feature = "tokio")]
    pub(crate) async fn step_by(&mut self, due: Option<Instant>) {
        let step = Attended(self);
        if by(due, poll_fn(|cx| step.0.poll_step(cx))).await.is_none() {
            step.0.leave_step();
        }
    }

    /// The same for streams that wait, until `due`.
    pub(crate) fn step_until(&mut self, due: Option<Instant>) {
        let Some(due) = due else { return now(poll_fn(|cx| self.poll_step(cx))) };
        self.begin_step();
        self.core.connection.wake_at(Some(due));
        loop {
            match now(poll_fn(|cx| self.core.poll_send_until_heard(&mut self.bulk, cx))) {
                Ok(None) if self.core.connection.now() < due => {}
                Ok(None) => break self.leave_step(),
                stopped => break self.end_step(stopped.map(drop)),
            }
        }
        self.core.connection.wake_at(None);
    }

    /// Waits for the time of the next message, where the stream is one that waits.
    pub(crate) fn wait_until(&mut self, due: Instant) {
        self.core.connection.wait_until(due);
    }

    fn begin_step(&mut self) {
        if self.step == Step::Over {
            self.core.look_up();
            let bound = self.core.connection.settings.deadlines.delivery;
            self.core.connection.allow_each(bound);
        }
        self.step = Step::UnderWay;
    }

    /// What is under way is left as it is: another message may begin now.
    fn leave_step(&mut self) {
        self.step = Step::Left;
    }

    fn end_step(&mut self, stopped: Result<(), Error>) {
        self.step = Step::Over;
        // What broke the session is told with each message it concerns.
        self.is_broken |= stopped.is_err();
    }

    /// Takes messages while there is room; whether there were any.
    fn top_up(&mut self, mut messages: impl FnMut() -> Option<Submit<'a>>) -> bool {
        let mut pushed = false;
        while !self.is_broken && self.bulk.has_room() {
            let Some(message) = messages() else { break };
            self.bulk.push(message);
            pushed = true;
        }
        pushed
    }

    /// Lets as many messages begin as the rate allows; when to look again, where one waits for that.
    fn hold_rate(&mut self) -> Option<Instant> {
        let rate = self.rate.as_mut()?;
        let now = self.core.connection.now();
        let (most, again) = rate.look(self.bulk.begun(), now);
        self.bulk.begin_at_most(most);
        again.filter(|_| self.bulk.waiting() > 0)
    }
}

/// A step whose future may be dropped, or left for the next message: the time until the next one is the caller's.
#[cfg(feature = "tokio")]
struct Attended<'d, 's, 'a, I: Io>(&'d mut Delivery<'s, 'a, I>);

#[cfg(feature = "tokio")]
impl<I: Io> Drop for Attended<'_, '_, '_, I> {
    fn drop(&mut self) {
        self.0.core.connection.rest();
    }
}
