//! Watching a mailbox over many sessions.

use std::fmt;
use std::time::{Duration, Instant};

use super::reconnect::Anywhere;
use super::{Reconnect, Session};
use crate::imap::idle::Idling;
use crate::imap::watcher::{Change, Listen, Watcher};
use crate::net::{AnyAsyncTransport, Timed};
use crate::{AsyncTokenSource, Error};

/// A mailbox that is watched, as [`imap::Watch`](crate::imap::Watch).
///
/// # Dropped futures
/// A future of [`Watch::next`] that is dropped, by `select!` or a time-out, loses no change: that is how waiting ends. Deadlines and
/// pauses go on, so that a dead connection is found and no server is bothered by those who wait in slices, and a session that is being
/// opened is opened by a task of its own, as [`Reconnect`] says.
pub struct Watch<S> {
    watcher: Watcher<Anywhere, S>,
}

impl Listen for Anywhere {
    async fn hear(
        idling: &mut Idling<'_, Timed<AnyAsyncTransport>>,
        wake: Option<Instant>,
    ) -> Result<(), Error> {
        idling.hear(wake).await
    }
}

impl<S: AsyncTokenSource + 'static> Reconnect<S> {
    /// Watches the mailbox that its sessions select; the INBOX, read-only, where none was named.
    pub fn watch(self) -> Watch<S> {
        Watch { watcher: Watcher::new(self.keeper) }
    }
}

impl<S: AsyncTokenSource + 'static> Watch<S> {
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

    /// The next change, however long it takes.
    ///
    /// # Errors
    /// No session could be had, as often as [`Reconnect::backoff`] says. It may be called again.
    pub async fn next(&mut self) -> Result<Change, Error> {
        loop {
            if let Some(change) = self.watcher.next(None).await? {
                return Ok(change);
            }
        }
    }

    /// As [`imap::Watch::session`](crate::imap::Watch::session).
    ///
    /// # Errors
    /// As [`Reconnect::session`].
    pub async fn session(&mut self) -> Result<&mut Session<AnyAsyncTransport>, Error> {
        self.watcher.session().await
    }

    /// Says LOGOUT in the session there is.
    ///
    /// # Errors
    /// Those of [`Session::logout`].
    pub async fn logout(mut self) -> Result<(), Error> {
        self.watcher.leave();
        Reconnect { keeper: self.watcher.keeper }.logout().await
    }

    /// How many sessions were opened so far.
    pub fn sessions(&self) -> u64 {
        self.watcher.keeper.opened
    }
}

impl<S> fmt::Debug for Watch<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("sessions", &self.watcher.keeper.opened)
            .finish_non_exhaustive()
    }
}
