//! Connections that may send mail.

use xoauth_smtp::Extensions;
use xoauth_smtp::exchange::{Bulk, Quit, Submit};
use xoauth_smtp::proto::Command;

use super::Outcomes;
use crate::Error;
use crate::net::{AsyncTransport, Timed, debug_of_core};
use crate::smtp::bulk::Delivery;
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

    /// Sends messages one behind the other without waiting for round trips, and yields what became of each, in
    /// order; as the blocking session's [`send_all`](crate::smtp::Session::send_all).
    ///
    /// # Errors
    /// [`Error::Ended`] where the session is over: no message is taken.
    pub fn send_all<'a, M>(
        &mut self,
        messages: M,
    ) -> Result<Outcomes<'_, 'a, T, M::IntoIter>, Error>
    where
        M: IntoIterator<Item: Into<Submit<'a>>>,
    {
        let delivery = Delivery::new(&mut self.core, Bulk::default())?;
        Ok(Outcomes::new(delivery, messages.into_iter()))
    }

    /// Says QUIT and closes the connection; the answer is waited for as long as
    /// [`Deadlines::connect`](crate::Deadlines::connect) says.
    ///
    /// # Errors
    /// Those of the command; the connection is closed all the same.
    pub async fn quit(mut self) -> Result<(), Error> {
        self.core.run_soon(Quit::new()).await.map(drop)
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
