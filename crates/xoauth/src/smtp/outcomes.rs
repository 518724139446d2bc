//! Outcomes of many messages, one by one.

use std::fmt;
use std::iter::Fuse;
use std::time::Duration;

use xoauth_smtp::Sent;
use xoauth_smtp::exchange::{Bulk, Submit, Tally, Window};

use super::bulk::{Delivery, Next};
use super::rate::Rate;
use crate::Error;
use crate::net::{Blocking, Transport};

/// Sends messages and tells what became of each, in order; see [`Session::send_all`](super::Session::send_all).
///
/// Messages are taken from the caller's iterator as there is room for them, and sent while outcomes are asked
/// for. Dropped half way, with messages on their way, it ends the session: nobody would hear what became of them. To stop
/// and hear that, [take no more](Outcomes::take_no_more).
#[must_use = "nothing is sent before the first outcome is asked for"]
pub struct Outcomes<'s, 'a, T: Transport, M: Iterator> {
    delivery: Delivery<'s, 'a, Blocking<T>>,
    messages: Fuse<M>,
    stopped: bool,
}

impl<'s, 'a, T: Transport, M: Iterator> Outcomes<'s, 'a, T, M> {
    pub(super) fn new(delivery: Delivery<'s, 'a, Blocking<T>>, messages: M) -> Self {
        Self { delivery, messages: messages.fuse(), stopped: false }
    }

    /// How far sending may go ahead of the server's answers; a small [`Window`] otherwise.
    pub fn window(mut self, window: Window) -> Self {
        self.delivery.edit(|bulk| bulk.within(window));
        self
    }

    /// Sends with DATA also where the server offers CHUNKING, for servers that get it wrong. What asks for BDAT
    /// itself, by [`Transfer::Bdat`](xoauth_smtp::Transfer::Bdat) or as binary, travels by it all the same.
    pub fn without_chunking(mut self) -> Self {
        self.delivery.edit(Bulk::without_chunking);
        self
    }

    /// At most so many messages begin within any stretch of so much time; the window is kept full as far as that
    /// allows. A server that hears nothing for longer than its patience (5 minutes, RFC 5321 4.5.3.2.7) ends the session.
    /// A stream that cannot wake ([`Transport::set_wake`]) begins them as answers come.
    pub fn rate(mut self, messages: usize, per: Duration) -> Self {
        self.delivery.rate = Some(Rate::new(messages, per));
        self
    }

    /// Calls `watcher` whenever [`Tally::octets`] grew or an outcome is known.
    pub fn on_progress(mut self, watcher: impl FnMut(&Tally) + Send + 'a) -> Self {
        self.delivery.edit(|bulk| bulk.watched_by(watcher));
        self
    }

    /// Takes no more messages from the iterator: outcomes of those that were taken still come.
    pub fn take_no_more(&mut self) {
        self.stopped = true;
    }

    /// How it goes, in numbers.
    pub fn tally(&self) -> Tally {
        self.delivery.bulk.tally()
    }
}

impl<'a, T: Transport, M: Iterator<Item: Into<Submit<'a>>>> Iterator for Outcomes<'_, 'a, T, M> {
    type Item = Result<Sent, Error>;

    /// What became of the next message. After an error that [is fatal](Error::is_fatal) come the outcomes of
    /// the messages that were on their way, then `None`; messages not taken by then are left in the caller's
    /// iterator.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let messages = &mut self.messages;
            let stopped = self.stopped;
            let mut pull = || if stopped { None } else { messages.next().map(Into::into) };
            match self.delivery.next(&mut pull) {
                Next::Outcome(outcome) => return Some(outcome),
                Next::Step(due) => self.delivery.step_until(due),
                Next::Wait(due) => self.delivery.wait_until(due),
                Next::Over => return None,
            }
        }
    }
}

impl<T: Transport, M: Iterator> fmt::Debug for Outcomes<'_, '_, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcomes").field("tally", &self.tally()).finish_non_exhaustive()
    }
}
