//! Connections that may send mail.

use xoauth_smtp::Extensions;
use xoauth_smtp::exchange::Quit;
use xoauth_smtp::proto::Command;

use crate::Error;
use crate::net::{AsyncTransport, Timed, debug_of_core};
use crate::smtp::core::Core;

/// An SMTP session that may send mail.
pub struct Session<T: AsyncTransport> {
    pub(super) core: Core<Timed<T>>,
}

debug_of_core!(AsyncTransport: Session);

impl<T: AsyncTransport> Session<T> {
    /// Runs a command and waits for its outcome.
    ///
    /// # Errors
    /// Those of the command. Where [`Error::is_fatal`] says no, the session goes on.
    pub async fn run<C: Command>(&mut self, command: C) -> Result<C::Output, Error> {
        self.core.run(command).await
    }

    /// Says QUIT and closes the connection.
    ///
    /// # Errors
    /// Those of the command; the connection is closed all the same.
    pub async fn quit(mut self) -> Result<(), Error> {
        self.core.run(Quit::new()).await.map(drop)
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
