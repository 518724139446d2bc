//! Commands that are sent whatever the server lists.

use alloc::vec::Vec;
use core::task::{Context, Poll};

use crate::error::Error;
use crate::parse::Response;
use crate::proto::encoder::Encoder;
use crate::proto::exchange::{
    Announcement, Claim, Command, Continued, Exchange, Kind, Leaves, Sink,
};
use crate::proto::footprint::Footprint;
use crate::proto::state::State;
use crate::types::{Event, StatusText};

/// A command that is sent although the server does not list what it needs: [`Command::even_if_unlisted`].
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Forced<C>(C);

impl<C> Forced<C> {
    pub(super) fn new(command: C) -> Self {
        Self(command)
    }

    pub(crate) fn command_mut(&mut self) -> &mut C {
        &mut self.0
    }
}

impl<C: Exchange> Exchange for Forced<C> {
    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        out.force();
        self.0.encode(out, state)
    }

    fn kind(&self) -> Kind {
        self.0.kind()
    }

    fn footprint(&self) -> Footprint<'_> {
        self.0.footprint()
    }

    fn leaves(&self) -> Leaves {
        self.0.leaves()
    }

    fn is_repeatable(&self) -> bool {
        self.0.is_repeatable()
    }

    fn on_continuation(&mut self, text: &[u8], out: &mut Encoder<'_>) -> Result<Continued, Error> {
        self.0.on_continuation(text, out)
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<Result<usize, Error>> {
        self.0.poll_fill(cx, room)
    }

    fn on_interrupt(&mut self, out: &mut Encoder<'_>) {
        self.0.on_interrupt(out);
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        self.0.on_untagged(response)
    }

    fn on_literal(&mut self, literal: &Announcement<'_>) -> Result<Sink, Error> {
        self.0.on_literal(literal)
    }

    fn on_chunk(&mut self, octets: &[u8]) {
        self.0.on_chunk(octets);
    }

    fn has_said_all(&self) -> bool {
        self.0.has_said_all()
    }

    fn on_refused(&mut self) -> Vec<Event> {
        self.0.on_refused()
    }

    fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        self.0.on_completed(status, state);
    }
}

impl<C: Command> Command for Forced<C> {
    type Output = C::Output;

    fn finish(self, status: StatusText) -> Result<C::Output, Error> {
        self.0.finish(status)
    }
}
