//! Outcomes of many messages, one by one.

use std::fmt;
use std::iter::Fuse;
use std::time::Duration;

use xoauth_smtp::Sent;
use xoauth_smtp::exchange::{Bulk, Submit, Tally, Window};

use crate::Error;
use crate::net::{AsyncTransport, Timed};
use crate::smtp::bulk::{Delivery, Next};
use crate::smtp::rate::Rate;

/// Sends messages and tells what became of each, in order; see [`Session::send_all`](super::Session::send_all).
///
/// Messages are taken from the caller's iterator as there is room for them, and sent while outcomes are asked
/// for. A future of [`Outcomes::next`] may be dropped and asked for again. Dropped half way itself, with
/// messages on their way, it ends the session: nobody would hear what became of them.
#[must_use = "nothing is sent before the first outcome is asked for"]
pub struct Outcomes<'s, 'a, T: AsyncTransport, M: Iterator> {
    delivery: Delivery<'s, 'a, Timed<T>>,
    messages: Fuse<M>,
    stopped: bool,
}

impl<'s, 'a, T: AsyncTransport, M: Iterator> Outcomes<'s, 'a, T, M> {
    pub(super) fn new(delivery: Delivery<'s, 'a, Timed<T>>, messages: M) -> Self {
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

impl<'a, T: AsyncTransport, M: Iterator<Item: Into<Submit<'a>>>> Outcomes<'_, 'a, T, M> {
    /// What became of the next message. After an error that [is fatal](Error::is_fatal) come the outcomes of
    /// the messages that were on their way, then `None`; messages not taken by then are left in the caller's
    /// iterator.
    pub async fn next(&mut self) -> Option<Result<Sent, Error>> {
        loop {
            let messages = &mut self.messages;
            let stopped = self.stopped;
            let mut pull = || if stopped { None } else { messages.next().map(Into::into) };
            match self.delivery.next(&mut pull) {
                Next::Outcome(outcome) => return Some(outcome),
                Next::Step(due) => self.delivery.step_by(due).await,
                Next::Wait(due) => tokio::time::sleep_until(due.into()).await,
                Next::Over => return None,
            }
        }
    }
}

impl<T: AsyncTransport, M: Iterator> fmt::Debug for Outcomes<'_, '_, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcomes").field("tally", &self.tally()).finish_non_exhaustive()
    }
}
