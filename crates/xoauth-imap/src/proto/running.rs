//! The machine as a driver sees it.

use alloc::string::String;
use core::fmt;
use core::task::{Context, Poll};

use xoauth_sasl::wire::{Conversation, Direction, TransportFault, Want};

use crate::error::Error;
use crate::proto::exchange::Exchange;
use crate::proto::machine::Machine;

/// A machine with the commands of its flight: what a driver drives.
pub struct Running<'m, 'e, 'c> {
    pub(super) machine: &'m mut Machine,
    pub(super) exchanges: &'e mut [&'c mut dyn Exchange],
}

impl Conversation for Running<'_, '_, '_> {
    type Error = Error;

    fn poll(&mut self) -> Result<Want<'_>, Error> {
        self.machine.poll(self.exchanges)
    }

    fn read_buffer(&mut self) -> &mut [u8] {
        self.machine.read_buffer()
    }

    fn is_receiving_content(&self) -> bool {
        self.machine.is_in_literal()
    }

    fn received(&mut self, n: usize) {
        self.machine.received(n);
    }

    fn written(&mut self, n: usize) {
        self.machine.written(n);
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.machine.poll_body(self.exchanges, cx)
    }

    fn end_of_stream(&mut self) -> Result<(), Error> {
        self.machine.end_of_stream()
    }

    fn truncated(&mut self) -> Result<(), Error> {
        self.machine.truncated()
    }

    fn transport_failed(&mut self, fault: TransportFault) -> Error {
        self.machine.transport_failed(fault)
    }

    fn next_line(&mut self) -> Option<(Direction, String)> {
        self.machine.next_line()
    }
}

impl fmt::Debug for Running<'_, '_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("machine", &self.machine).finish_non_exhaustive()
    }
}
