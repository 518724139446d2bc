//! Authenticated connections.

use xoauth_imap::command::{Commands, Logout, Streamed};
use xoauth_imap::parse::Tolerated;
use xoauth_imap::{Event, Selected, State};

#[cfg(feature = "deflate")]
use super::Compression;
use super::core::Core;
use super::flow::Flow;
use super::{Idle, Stream};
use crate::Error;
use crate::net::{Blocking, Transport, debug_of_core, now};

/// An authenticated IMAP session.
///
/// ```no_run
/// # #[cfg(feature = "native-tls")]
/// # {
/// use xoauth::{TlsTransport, imap};
///
/// struct Account {
///     session: imap::Session<TlsTransport>,
/// }
/// # }
/// ```
pub struct Session<T: Transport> {
    pub(super) core: Core<Blocking<T>>,
}

debug_of_core!(Transport: Session);

impl<T: Transport> Session<T> {
    /// Runs a command and waits for its answer; or several, in as few round trips as can be: a tuple, a
    /// vector or a [`Batch`](xoauth_imap::command::Batch), each of whose commands has a result of its own.
    ///
    /// # Errors
    /// Those of the command; of several, what keeps the first from being sent. Where [`Error::is_fatal`] says no, the session goes on.
    pub fn run<C: Commands>(&mut self, commands: C) -> Result<C::Output, Error> {
        now(self.core.run(commands))
    }

    /// Sends a command and hands out its answer piece by piece, in constant memory. A stream dropped half
    /// way is read to its end by the next command.
    ///
    /// # Errors
    /// An argument that cannot be sent, or a session that is over.
    pub fn stream<C: Streamed>(&mut self, command: C) -> Result<Stream<'_, T, C>, Error> {
        Ok(Stream::new(now(Flow::begin(&mut self.core, command))?))
    }

    /// Lets the server tell news as they happen, until [`Idle::done`].
    ///
    /// # Errors
    /// The server has no IDLE, or the session is over.
    pub fn idle(&mut self) -> Result<Idle<'_, T>, Error> {
        Idle::new(&mut self.core)
    }

    /// Compresses all that is said from now on: COMPRESS (RFC 4978). Worth it on slow lines and for text. It is
    /// never done by itself: the length of what is compressed together tells something of its content to whoever
    /// sees the encrypted stream.
    ///
    /// # Errors
    /// The server does not offer it or refuses; the session goes on as before.
    #[cfg(feature = "deflate")]
    pub fn compress(&mut self, compression: Compression) -> Result<(), Error> {
        now(self.core.compress(compression.expansion))
    }

    /// Says LOGOUT, hears BYE and closes the connection. The goodbye is waited for as long as connecting may take.
    ///
    /// # Errors
    /// Those of the command; the connection is closed all the same.
    pub fn logout(mut self) -> Result<(), Error> {
        now(self.core.run_soon(Logout::new()))
    }

    /// The mailbox that is selected, with the numbers the server told last.
    pub fn selected(&self) -> Option<&Selected> {
        self.core.state().selected()
    }

    /// What is known of the session.
    pub fn state(&self) -> &State {
        self.core.state()
    }

    /// What the server told unasked, oldest first; each event is handed out once.
    pub fn next_event(&mut self) -> Option<Event> {
        self.core.machine.next_event()
    }

    /// The faults of the server that were tolerated so far.
    pub fn tolerated(&self) -> &Tolerated {
        self.core.machine.tolerated()
    }

    /// False after a fault or LOGOUT: only a new connection helps.
    pub fn is_usable(&self) -> bool {
        self.core.is_usable()
    }
}
