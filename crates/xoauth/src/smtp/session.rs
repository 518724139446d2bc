//! Connections that may send mail.

use xoauth_smtp::Extensions;
use xoauth_smtp::exchange::Quit;
use xoauth_smtp::proto::Command;

use super::core::Core;
use crate::Error;
use crate::net::{Blocking, Transport, debug_of_core, now};

/// An SMTP session that may send mail.
pub struct Session<T: Transport> {
    pub(super) core: Core<Blocking<T>>,
}

debug_of_core!(Transport: Session);

impl<T: Transport> Session<T> {
    /// Runs a command and waits for its outcome.
    ///
    /// # Errors
    /// Those of the command. Where [`Error::is_fatal`] says no, the session goes on.
    pub fn run<C: Command>(&mut self, command: C) -> Result<C::Output, Error> {
        now(self.core.run(command))
    }

    /// Says QUIT and closes the connection.
    ///
    /// # Errors
    /// Those of the command; the connection is closed all the same.
    pub fn quit(mut self) -> Result<(), Error> {
        now(self.core.run(Quit::new())).map(drop)
    }

    /// What the server offers.
    pub fn extensions(&self) -> &Extensions {
        self.core.extensions()
    }

    /// False after a fault or QUIT: only a new connection helps.
    pub fn is_usable(&self) -> bool {
        self.core.is_usable()
    }
}
