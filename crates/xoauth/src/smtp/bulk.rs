//! Many messages over one session, the same for streams that wait and for streams that do not.

use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use xoauth_smtp::Sent;
use xoauth_smtp::exchange::{Bulk, Send};

use super::core::Core;
use super::rate::Rate;
use crate::Error;
use crate::net::Io;

/// Messages on their way, and the session they have for themselves.
pub(crate) struct Delivery<'s, 'a, I: Io> {
    core: &'s mut Core<I>,
    pub(crate) bulk: Bulk<'a>,
    pub(crate) rate: Option<Rate>,
    /// The message that waits for the rate, taken while nothing was on its way.
    held: Option<Send<'a>>,
    /// A step has begun, and with it its time.
    stepping: bool,
    is_broken: bool,
}

/// What there is to do for the caller.
pub(crate) enum Next {
    /// What became of the next message.
    Outcome(Result<Sent, Error>),
    /// Nothing is on its way, and the next message may not begin before this time has passed.
    Wait(Duration),
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
        Ok(Self { core, bulk, rate: None, held: None, stepping: false, is_broken: false })
    }

    /// Chooses how to send.
    pub(crate) fn edit(&mut self, change: impl FnOnce(Bulk<'a>) -> Bulk<'a>) {
        self.bulk = change(std::mem::take(&mut self.bulk));
    }

    /// Keeps the pipe full until an outcome is there.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        mut messages: impl FnMut() -> Option<Send<'a>>,
    ) -> Poll<Next> {
        loop {
            let mut wait = None;
            // A step that waits is not begun anew: what is there first is handed out first.
            let pushed = !self.stepping && self.top_up(&mut messages, &mut wait);
            if !pushed && !self.stepping {
                if let Some(outcome) = self.bulk.next_outcome() {
                    return Poll::Ready(Next::Outcome(outcome.map_err(Error::Smtp)));
                }
                if self.is_over() {
                    return Poll::Ready(self.wait_or_end(wait, &mut messages));
                }
            }
            ready!(self.poll_step(cx));
        }
    }

    /// Sends and hears until no more can be done without waiting for the server, or an outcome is there.
    pub(crate) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !std::mem::replace(&mut self.stepping, true) {
            let bound = self.core.connection.settings.deadlines.delivery;
            self.core.connection.allow_each(bound);
        }
        let stopped = ready!(self.core.poll_send(&mut self.bulk, cx));
        self.stepping = false;
        // What broke the session is told with each message it concerns.
        self.is_broken |= stopped.is_err();
        Poll::Ready(())
    }

    /// No message is on its way.
    pub(crate) fn is_over(&self) -> bool {
        self.is_broken || self.bulk.is_over()
    }

    /// Waits for the rate only where a message is there to wait for.
    fn wait_or_end(
        &mut self,
        wait: Option<Duration>,
        messages: &mut impl FnMut() -> Option<Send<'a>>,
    ) -> Next {
        let Some(wait) = wait else { return Next::Over };
        self.held = self.held.take().or_else(messages);
        if self.held.is_some() { Next::Wait(wait) } else { Next::Over }
    }

    /// Takes messages while there is room and the rate allows; whether there were any.
    fn top_up(
        &mut self,
        messages: &mut impl FnMut() -> Option<Send<'a>>,
        wait: &mut Option<Duration>,
    ) -> bool {
        let mut pushed = false;
        while !self.is_broken && self.bulk.has_room() {
            *wait = self.rate.as_mut().and_then(|rate| rate.begin(Instant::now()));
            if wait.is_some() {
                break;
            }
            let Some(message) = self.held.take().or_else(&mut *messages) else { break };
            self.bulk.push(message);
            pushed = true;
        }
        pushed
    }
}
