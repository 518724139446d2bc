//! What clients and sessions share: a machine on its connection.

use xoauth_imap::command::{Capability, Discard, Greeting};
use xoauth_imap::proto::{Command, Exchange, Machine, TagPrefix};
use xoauth_imap::{Limits, State};

use crate::net::{Connection, Settings, Stop, Transport};
use crate::{Error, time};

/// A machine on its connection.
pub(crate) struct Core<T: Transport> {
    pub(crate) connection: Connection<T>,
    pub(crate) machine: Machine,
}

impl<T: Transport> std::fmt::Debug for Core<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl<T: Transport> Core<T> {
    pub(crate) fn new(transport: T, settings: Settings, limits: Limits) -> Result<Self, Error> {
        let prefix = TagPrefix::new(time::random_text()?.as_str());
        let mut machine = Machine::new(prefix, limits);
        if settings.trace.is_some() {
            machine.keep_transcript();
        }
        Ok(Self { connection: Connection::new(transport, settings), machine })
    }

    /// The same, and hears the greeting.
    pub(crate) fn greeted(transport: T, settings: Settings, limits: Limits) -> Result<Self, Error> {
        let mut core = Self::new(transport, settings, limits)?;
        core.run_in_time(Greeting::new())?;
        Ok(core)
    }

    /// Asks for the capabilities where they are not known.
    pub(crate) fn know_capabilities(&mut self) -> Result<(), Error> {
        if self.state().capabilities().is_none() {
            self.run_in_time(Capability::new())?;
        }
        Ok(())
    }

    /// Runs a command, which may take as long as commands may.
    pub(crate) fn run<C: Command>(&mut self, command: C) -> Result<C::Output, Error> {
        self.connection.allow_time();
        self.run_in_time(command)
    }

    /// Runs a command within the time that is left.
    pub(crate) fn run_in_time<C: Command>(&mut self, mut command: C) -> Result<C::Output, Error> {
        self.begin(&mut command)?;
        self.drive(&mut [&mut command])?;
        self.conclude(command)
    }

    /// Readies a command's first flight, after what a dropped stream left was heard.
    pub(crate) fn begin(&mut self, command: &mut dyn Exchange) -> Result<(), Error> {
        if !self.connection.is_open() {
            return Err(Error::Ended);
        }
        if self.machine.is_busy() {
            let mut discard = vec![Discard; self.machine.in_flight()];
            let mut rest: Vec<&mut dyn Exchange> = Vec::new();
            for discard in &mut discard {
                rest.push(discard);
            }
            while self.drive(&mut rest)? == Stop::Chunk {}
        }
        let started = self.machine.start(&mut [command]);
        if !self.machine.is_usable() {
            self.connection.close();
        }
        Ok(started?)
    }

    pub(crate) fn drive(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<Stop, Error> {
        self.connection.drive(self.machine.converse(exchanges))
    }

    /// Turns the tagged answer into the command's output.
    pub(crate) fn conclude<C: Command>(&mut self, command: C) -> Result<C::Output, Error> {
        let status = self.machine.take_status(0).ok_or(Error::Ended)?;
        if self.machine.has_ended() {
            self.connection.close();
        }
        Ok(command.finish(status)?)
    }

    pub(crate) fn is_usable(&self) -> bool {
        self.connection.is_open() && self.machine.is_usable()
    }

    pub(crate) fn state(&self) -> &State {
        self.machine.state()
    }
}
