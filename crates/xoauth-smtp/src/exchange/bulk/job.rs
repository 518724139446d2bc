//! One message of many: a [`Submit`] that does not have the connection for itself.

use core::task::{Context, Poll};

use super::Outcome;
use crate::error::Error;
use crate::exchange::Submit;
use crate::parse::Reply;
use crate::proto::{Command, Encoder, Exchange, Place};
use crate::types::Extensions;

/// A message that was not answered yet, with what is known of its replies.
#[derive(Debug)]
pub(super) struct Job<'a> {
    send: Submit<'a>,
    state: State,
    /// Replies still to come to what was queued.
    awaited: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing of it was looked at.
    Waiting,
    /// It can be sent; nothing of it was queued.
    Prepared,
    /// It cannot be sent.
    Invalid,
    /// The reply to the RSET before it comes next.
    Resetting,
    /// Its own replies come next.
    Sending,
}

impl<'a> Job<'a> {
    pub(super) fn new(send: Submit<'a>) -> Self {
        Self { send, state: State::Waiting, awaited: 0 }
    }

    /// Checks everything that can be wrong, once. What cannot be sent gets its outcome in its turn.
    pub(super) fn prepare(&mut self, extensions: &Extensions, out: &mut Encoder<'_>) {
        if self.state == State::Waiting {
            let prepared = self.send.prepare(extensions, out.history());
            self.state = match prepared {
                Ok(()) => State::Prepared,
                Err(invalid) => {
                    self.send.give_up(invalid);
                    State::Invalid
                }
            };
        }
    }

    pub(super) fn is_invalid(&self) -> bool {
        self.state == State::Invalid
    }

    /// Queues the envelope.
    pub(super) fn begin(
        &mut self,
        resets: bool,
        is_ahead: bool,
        extensions: &Extensions,
        out: &mut Encoder<'_>,
    ) {
        let before = out.awaited();
        self.state = State::Sending;
        if resets {
            out.text("RSET");
            out.end_line(Place::Anywhere);
            self.state = State::Resetting;
        }
        self.send.begin_among_others(is_ahead, extensions, out);
        self.awaited += out.awaited() - before;
    }

    /// Its content goes with its envelope, before anything is answered.
    pub(super) fn goes_ahead(&self, extensions: &Extensions) -> bool {
        extensions.pipelining() && self.send.can_go_ahead()
    }

    /// Queues a piece of what is left; whether there was one. A message that is read asks for its piece.
    pub(super) fn fill(&mut self, out: &mut Encoder<'_>) -> Result<bool, Error> {
        let (before, queued) = (out.awaited(), out.queued());
        self.send.fill(out)?;
        self.awaited += out.awaited() - before;
        Ok(out.queued() > queued || out.wants_body())
    }

    pub(super) fn lent(&self, left: usize) -> &[u8] {
        self.send.lent(left)
    }

    pub(super) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Encoder<'_>,
    ) -> Poll<Result<(), Error>> {
        let before = out.awaited();
        let polled = self.send.poll_body(cx, out);
        self.recount(before, out);
        polled
    }

    pub(super) fn on_reply(
        &mut self,
        reply: &Reply<'_>,
        out: &mut Encoder<'_>,
    ) -> Result<(), Error> {
        self.awaited = self.awaited.saturating_sub(1);
        if self.state == State::Resetting {
            self.state = State::Sending;
            // Behind a transaction that is not closed nobody knows what the answers are about.
            return if reply.code().is_mail_action_done() {
                Ok(())
            } else {
                Err(Error::unexpected("250 to RSET", reply))
            };
        }
        let before = out.awaited();
        let heard = self.send.on_reply(reply, out);
        self.recount(before, out);
        heard.map(drop)
    }

    /// Commands were queued, or dropped before they were written.
    fn recount(&mut self, before: usize, out: &Encoder<'_>) {
        self.awaited = (self.awaited + out.awaited()).saturating_sub(before);
    }

    /// All was queued that will ever be.
    pub(super) fn has_nothing_to_queue(&self) -> bool {
        self.send.has_nothing_to_queue() || self.send.has_failed() && self.awaited == 0
    }

    /// Everything was said and heard.
    pub(super) fn is_over(&self) -> bool {
        self.awaited == 0 && self.has_nothing_to_queue()
    }

    /// Octets of the message, as far as it tells.
    pub(super) fn size(&self) -> u64 {
        self.send.size()
    }

    /// Octets of the message that were queued so far.
    pub(super) fn queued(&self) -> u64 {
        self.send.octets_queued()
    }

    /// What is sent behind it needs a RSET, whatever its answers are.
    pub(super) fn may_leave_transaction_open(&self) -> bool {
        !self.is_invalid() && self.send.is_in_chunks()
    }

    /// What is sent behind it needs a RSET, by its answers.
    pub(super) fn leaves_transaction_open(&self) -> bool {
        self.send.leaves_transaction_open()
    }

    /// What became of the message, after everything was heard.
    pub(super) fn into_outcome(self) -> Outcome {
        self.send.finish()
    }

    /// What became of the message, after the session broke. The commands of the next `sent` replies were
    /// handed to the transport; those that were this message's are taken off.
    pub(super) fn into_outcome_after(mut self, cause: &Error, sent: &mut usize) -> Outcome {
        let own = self.awaited.min(*sent);
        *sent -= own;
        let own = match self.state {
            State::Sending => own,
            State::Resetting => own.saturating_sub(1),
            _ => 0,
        };
        Err(self.send.interrupted(cause.clone(), own))
    }
}
