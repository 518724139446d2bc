//! Connections that may send mail.

use xoauth_smtp::Extensions;
use xoauth_smtp::exchange::{Bulk, Quit, Submit};
use xoauth_smtp::proto::Command;

use super::Outcomes;
use super::bulk::Delivery;
use super::core::Core;
use crate::Error;
use crate::net::{Blocking, Transport, debug_of_core, now};

/// An SMTP session that may send mail.
///
/// ```no_run
/// # #[cfg(feature = "native-tls")]
/// # {
/// use xoauth::{TlsTransport, smtp};
///
/// struct Account {
///     session: smtp::Session<TlsTransport>,
/// }
/// # }
/// ```
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

    /// Sends messages one behind the other without waiting for round trips, and yields what became of each, in
    /// order.
    ///
    /// How far sending goes ahead is the server's to allow: see [`Bulk`]. One refused message does not stop
    /// those behind it. [`smtp::Error::DeliveryUnknown`](xoauth_smtp::Error::DeliveryUnknown) is the outcome of a message that may have been
    /// accepted or not because the connection broke; it is never sent again by itself.
    ///
    /// ```no_run
    /// # use xoauth::smtp::{self, exchange::{Submit, Window}, Session};
    /// # fn news<T: xoauth::Transport>(session: &mut Session<T>, readers: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    /// let text = "From: news@example.org\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\nSubject: News\r\n\r\n...\r\n";
    /// let messages = readers.iter().map(|to| Submit::new("news@example.org", [to], text));
    /// for (to, outcome) in readers.iter().zip(session.send_all(messages)?) {
    ///     match outcome {
    ///         Ok(sent) => println!("{to}: {}", sent.reply()),
    ///         Err(error) => println!("{to}: {error}"),
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
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
    pub fn quit(mut self) -> Result<(), Error> {
        now(self.core.run_soon(Quit::new())).map(drop)
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
