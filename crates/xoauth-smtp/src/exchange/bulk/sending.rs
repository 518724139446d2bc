//! What a driver drives while messages are sent.

use alloc::string::String;
use core::task::{Context, Poll};

use xoauth_sasl::wire::{Conversation, Direction, TransportFault, Want};

use super::Bulk;
use crate::error::Error;
use crate::proto::{Exchange, Machine, Step};

/// A machine and the messages it sends.
///
/// It is [done](Want::Done) when there is nothing to do but to wait while outcomes are there to be taken, and
/// when every message has its outcome. Drive it again after more messages were pushed.
#[derive(Debug)]
pub struct Sending<'m, 'a> {
    machine: &'m mut Machine,
    bulk: &'m mut Bulk<'a>,
}

impl<'m, 'a> Sending<'m, 'a> {
    /// Sends what was pushed.
    pub fn new(machine: &'m mut Machine, bulk: &'m mut Bulk<'a>) -> Self {
        Self { machine, bulk }
    }
}

impl Conversation for Sending<'_, '_> {
    type Error = Error;

    fn poll(&mut self) -> Result<Want<'_>, Error> {
        if !self.machine.is_busy() && self.bulk.has_work() {
            if let Err(fault) = self.machine.start(self.bulk) {
                // A machine that cannot begin has told nobody.
                return Err(self.bulk.interrupted(fault, 0));
            }
        }
        let step = self.machine.next_step(self.bulk)?;
        let waits = matches!(step, Step::Read | Step::Body);
        // What is there is handed out before the server, or a source, is waited for.
        if waits && self.bulk.has_outcome() {
            return Ok(Want::Done);
        }
        Ok(self.machine.want(step, self.bulk))
    }

    fn read_buffer(&mut self) -> &mut [u8] {
        self.machine.read_buffer()
    }

    fn received(&mut self, n: usize) {
        self.machine.received(n);
    }

    fn hear_answers(&mut self) -> Result<bool, Error> {
        self.machine.hear_now(self.bulk)
    }

    fn written(&mut self, n: usize) {
        self.machine.written(n);
        self.bulk.lent_octets_left(self.machine.lent());
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.machine.poll_body(self.bulk, cx)
    }

    fn hear(&mut self) -> Result<bool, Error> {
        self.machine.hear_last(self.bulk)
    }

    fn end_of_stream(&mut self) -> Result<(), Error> {
        self.machine.end_of_stream(self.bulk)
    }

    fn transport_failed(&mut self, fault: TransportFault) -> Error {
        self.machine.transport_failed(self.bulk, fault)
    }

    fn next_line(&mut self) -> Option<(Direction, String)> {
        self.machine.next_line()
    }
}
