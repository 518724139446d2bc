//! Commands whose caller is gone: what is heard of them, and what is known after them.

use alloc::vec::Vec;

use crate::error::Error;
use crate::parse::{Response, is_fetched};
use crate::proto::encoder::Encoder;
use crate::proto::exchange::{Announcement, Claim, Continued, Exchange, Leaves, Sink};
use crate::proto::flight::InFlight;
use crate::proto::machine::Machine;
use crate::proto::state::State;
use crate::types::{ArgumentSink, Capabilities, StatusText};

impl Machine {
    /// The caller of the commands in flight is gone, and nothing of theirs will be concluded: what is selected is not
    /// known from here on, where one of them selects. Whoever comes next hears their rest by [`Machine::left`].
    ///
    /// False where nothing can be said or heard any more, because the server compresses from now on, or does not.
    #[must_use]
    pub fn leave(&mut self) -> bool {
        let leaves = |flights: &[InFlight], what| {
            flights.iter().any(|flight| flight.is_open() && flight.leaves == what)
        };
        if leaves(&self.flight, Leaves::Selection) {
            self.state.selected = None;
        }
        !leaves(&self.flight, Leaves::Stream)
    }

    /// What stands for the commands in flight once they were left: given to [`Machine::poll`] in their place until it
    /// answers [`Want::Done`](xoauth_sasl::wire::Want).
    pub fn left(&mut self) -> Vec<Left> {
        // What is thrown away is kept nowhere: each item counts by itself.
        self.pause_at_each_item();
        let begun = self.flight.iter().map(|flight| flight.leaves);
        let waiting = self.given.saturating_sub(self.flight.len());
        begun
            .chain(core::iter::repeat_n(Leaves::Status, waiting))
            .map(|leaves| Left { leaves, enabled: Capabilities::default() })
            .collect()
    }
}

/// Hears the rest of an answer nobody wants any more, in constant memory; encodes nothing and is never started. What
/// the session must know of it is still taken note of, and what is news stays news.
#[derive(Debug, Clone)]
pub struct Left {
    leaves: Leaves,
    /// What ENABLE switched on.
    enabled: Capabilities,
}

/// More extensions than there are to be enabled. What was asked for is not known any more.
const MOST_ENABLED: usize = 32;

impl Exchange for Left {
    fn encode(&mut self, _: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        Err(Error::unfit("command", "Left", "one that says something"))
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let is_answer = match (self.leaves, response) {
            (Leaves::Status | Leaves::Idle, _) => false,
            (Leaves::Messages, Response::Fetch(fetch)) => !fetch.tells_only_flags(),
            (Leaves::Messages, _) => false,
            (Leaves::Extensions, Response::Enabled(list)) => {
                let room = MOST_ENABLED.saturating_sub(self.enabled.iter().count());
                self.enabled.merge(Capabilities::from(list).iter().take(room));
                true
            }
            (_, Response::Fetch(_) | Response::List(_)) => true,
            (_, Response::Search(_) | Response::Esearch(_)) => true,
            (_, Response::Sort(_) | Response::Thread(_)) => true,
            _ => false,
        };
        Ok(if is_answer { Claim::Mine } else { Claim::Pass })
    }

    /// An IDLE that was left before the server agreed to it: it is ended at once.
    fn on_continuation(&mut self, _: &[u8], out: &mut Encoder<'_>) -> Result<Continued, Error> {
        if self.leaves != Leaves::Idle {
            return Ok(Continued::Unexpected);
        }
        out.raw("DONE");
        out.line_end();
        Ok(Continued::Answered)
    }

    /// What was fetched is thrown away; any other literal may be a part of what is news.
    fn on_literal(&mut self, announced: &Announcement<'_>) -> Result<Sink, Error> {
        let has_bodies = matches!(self.leaves, Leaves::Messages | Leaves::Data | Leaves::Selection);
        Ok(if has_bodies && is_fetched(announced.head) { Sink::Discard } else { Sink::Buffer })
    }

    fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        if status.is_ok() {
            // A server switches on what it has: nothing else is believed.
            let offered: Vec<_> = match state.capabilities() {
                Some(offered) => self.enabled.iter().filter(|name| offered.offers(name)).collect(),
                None => self.enabled.iter().collect(),
            };
            state.enable(offered.into_iter());
        }
    }
}
