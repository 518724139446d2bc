//! A machine at work, as a driver sees it.

use alloc::string::String;
use core::task::{Context, Poll};

use xoauth_sasl::wire::{Conversation, Direction, TransportFault, Want};

use crate::error::Error;
use crate::proto::exchange::Exchange;
use crate::proto::machine::Machine;

/// A machine with the exchange it runs: what a driver drives.
pub struct Running<'a> {
    pub(super) machine: &'a mut Machine,
    pub(super) exchange: &'a mut dyn Exchange,
}

impl Conversation for Running<'_> {
    type Error = Error;

    fn poll(&mut self) -> Result<Want<'_>, Error> {
        self.machine.poll(self.exchange)
    }

    fn read_buffer(&mut self) -> &mut [u8] {
        self.machine.read_buffer()
    }

    fn received(&mut self, n: usize) {
        self.machine.received(n);
    }

    fn hear_answers(&mut self) -> Result<bool, Error> {
        self.machine.hear_now(self.exchange)
    }

    fn written(&mut self, n: usize) {
        self.machine.written(n);
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.machine.poll_body(self.exchange, cx)
    }

    fn hear(&mut self) -> Result<bool, Error> {
        self.machine.hear_last(self.exchange)
    }

    fn end_of_stream(&mut self) -> Result<(), Error> {
        self.machine.end_of_stream(self.exchange)
    }

    fn transport_failed(&mut self, fault: TransportFault) -> Error {
        self.machine.transport_failed(self.exchange, fault)
    }

    fn next_line(&mut self) -> Option<(Direction, String)> {
        self.machine.next_line()
    }
}

impl core::fmt::Debug for Running<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Running").field("machine", &self.machine).finish_non_exhaustive()
    }
}
