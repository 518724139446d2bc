//! Watching a mailbox over many sessions.

use std::fmt;
use std::time::{Duration, Instant};

use super::idle::Idling;
use super::reconnect::Anywhere;
use super::watcher::{Change, Listen, Watcher};
use super::{Reconnect, Session};
use crate::net::{AnyTransport, Blocking, now};
use crate::{Error, TokenSource};

/// A mailbox that is watched: a stream of [`Change`]s that survives whatever ends a session.
///
/// IDLE tells changes as they happen; a server without it is asked with NOOP ([`Watch::poll_every`]). Each session,
/// the first one too, begins with [`Change::Opened`], which says what is known of the time in between: where the
/// server has QRESYNC everything, else the numbers to look it up by.
///
/// ```no_run
/// # #[cfg(feature = "native-tls")] {
/// use xoauth::imap::{Builder, Change, Event, Reconnect};
/// use xoauth::{Credentials, TokenCommand};
///
/// let source = TokenCommand::new("xoauth", ["token", "-a", "work"]);
/// let credentials = Credentials::bearer("ann@example.com", source);
/// let mail = Reconnect::new(Builder::new("imap.example.com"), credentials).examine("INBOX");
/// for change in mail.watch() {
///     match change? {
///         Change::Opened(opened) => println!("look at {:?}", opened.arrived()),
///         Change::Told(Event::Exists(messages)) => println!("{messages} messages"),
///         other => println!("{other:?}"),
///     }
/// }
/// # }
/// # Ok::<(), xoauth::Error>(())
/// ```
pub struct Watch<S> {
    watcher: Watcher<Anywhere, S>,
}

impl Listen for Anywhere {
    async fn hear(
        idling: &mut Idling<'_, Blocking<AnyTransport>>,
        wake: Option<Instant>,
    ) -> Result<(), Error> {
        idling.hear_blocking(wake)
    }
}

impl<S: TokenSource> Reconnect<S> {
    /// Watches the mailbox that its sessions select; the INBOX, read-only, where none was named.
    pub fn watch(self) -> Watch<S> {
        Watch { watcher: Watcher::new(self.keeper) }
    }
}

impl<S: TokenSource> Watch<S> {
    /// Sends IDLE anew so often instead of every 28 minutes. Not more than 29 minutes.
    #[must_use]
    pub fn renew_every(mut self, interval: Duration) -> Self {
        self.watcher.renew_every(interval);
        self
    }

    /// Asks a server without IDLE so often instead of once a minute.
    #[must_use]
    pub fn poll_every(mut self, interval: Duration) -> Self {
        self.watcher.poll_every(interval);
        self
    }

    /// The next change. `None` if `timeout` passes first; with a timeout of zero, only a change that has already arrived.
    /// Opening a session is not cut short by it, nor is hearing the rest of an answer that a command of the program left.
    ///
    /// # Errors
    /// No session could be had, as often as [`Reconnect::backoff`] says. It may be called again.
    pub fn wait(&mut self, timeout: Duration) -> Result<Option<Change>, Error> {
        now(self.watcher.next(Instant::now().checked_add(timeout)))
    }

    /// The session there is, or a new one, for commands between two changes: reading what came, say. Where they select another
    /// mailbox, the watch selects its own again before the next change, and says [`Change::Opened`].
    ///
    /// # Errors
    /// As [`Reconnect::session`].
    pub fn session(&mut self) -> Result<&mut Session<AnyTransport>, Error> {
        now(self.watcher.session())
    }

    /// Says LOGOUT in the session there is.
    ///
    /// # Errors
    /// Those of [`Session::logout`].
    pub fn logout(mut self) -> Result<(), Error> {
        self.watcher.leave();
        Reconnect { keeper: self.watcher.keeper }.logout()
    }

    /// How many sessions were opened so far.
    pub fn sessions(&self) -> u64 {
        self.watcher.keeper.opened
    }
}

impl<S: TokenSource> Iterator for Watch<S> {
    type Item = Result<Change, Error>;

    /// The next change, however long it takes. It goes on after an error, with the pauses of
    /// [`Reconnect::backoff`], and never ends.
    fn next(&mut self) -> Option<Self::Item> {
        now(self.watcher.next(None)).transpose()
    }
}

impl<S> fmt::Debug for Watch<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("sessions", &self.watcher.keeper.opened)
            .finish_non_exhaustive()
    }
}
