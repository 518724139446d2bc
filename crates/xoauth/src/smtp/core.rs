//! What clients and sessions share: a machine on its connection.

use xoauth_smtp::exchange::{Ehlo, Greeting};
use xoauth_smtp::proto::{Command, Exchange, Machine};
use xoauth_smtp::{ClientName, Extensions, Limits};

use crate::Error;
use crate::net::{Connection, Settings, Stop, Transport};

/// A machine on its connection.
pub(crate) struct Core<T: Transport> {
    pub(crate) connection: Connection<T>,
    pub(crate) machine: Machine,
    pub(crate) name: ClientName,
}

impl<T: Transport> std::fmt::Debug for Core<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl<T: Transport> Core<T> {
    pub(crate) fn new(transport: T, settings: Settings, limits: Limits, name: ClientName) -> Self {
        let mut machine = Machine::new(limits);
        if settings.trace.is_some() {
            machine.keep_transcript();
        }
        Self { connection: Connection::new(transport, settings), machine, name }
    }

    /// Hears the greeting.
    pub(crate) fn greet(&mut self) -> Result<(), Error> {
        self.run_in_time(Greeting::new()).map(drop)
    }

    /// Says who we are and hears what the server can do.
    pub(crate) fn hello(&mut self, ehlo: impl FnOnce(ClientName) -> Ehlo) -> Result<(), Error> {
        let command = ehlo(self.name.clone());
        self.run_in_time(command).map(drop)
    }

    /// Runs a command, which may take as long as commands may.
    pub(crate) fn run<C: Command>(&mut self, command: C) -> Result<C::Output, Error> {
        self.connection.allow_time();
        self.run_in_time(command)
    }

    /// Runs a command within the time that is left.
    pub(crate) fn run_in_time<C: Command>(&mut self, mut command: C) -> Result<C::Output, Error> {
        self.begin(&mut command)?;
        self.drive(&mut command)?;
        self.conclude(command)
    }

    pub(crate) fn begin(&mut self, command: &mut dyn Exchange) -> Result<(), Error> {
        if !self.connection.is_open() {
            return Err(Error::Ended);
        }
        let started = self.machine.start(command);
        if !self.machine.is_usable() {
            self.connection.close();
        }
        Ok(started?)
    }

    pub(crate) fn drive(&mut self, command: &mut dyn Exchange) -> Result<Stop, Error> {
        self.connection.drive(self.machine.converse(command))
    }

    /// Turns what was heard into the command's output.
    pub(crate) fn conclude<C: Command>(&mut self, command: C) -> Result<C::Output, Error> {
        if self.machine.has_ended() {
            self.connection.close();
        }
        Ok(command.finish()?)
    }

    pub(crate) fn is_usable(&self) -> bool {
        self.connection.is_open() && self.machine.is_usable()
    }

    pub(crate) fn extensions(&self) -> &Extensions {
        self.machine.extensions()
    }
}
