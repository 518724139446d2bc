//! News as they happen.

use std::fmt;
use std::time::Duration;

use xoauth_imap::Event;

use crate::Error;
use crate::imap::core::Core;
use crate::imap::idle::{Held, LATEST, RENEW};
use crate::net::{AsyncTransport, Timed};

/// The server tells news as they happen: IDLE (RFC 2177), as [`imap::Idle`](crate::imap::Idle).
///
/// ```no_run
/// # async fn watch<T: xoauth::net::AsyncTransport>(
/// #     session: &mut xoauth::imap::nonblocking::Session<T>,
/// # ) -> Result<(), xoauth::Error> {
/// let mut idle = session.idle().await?;
/// loop {
///     println!("{:?}", idle.next().await?);
/// }
/// # }
/// ```
///
/// # Dropped futures
/// A future of [`Idle::next`] that is dropped, by `select!` or a time-out, loses nothing: that is how waiting ends.
#[must_use = "news are told while they are waited for"]
pub struct Idle<'s, T: AsyncTransport> {
    held: Held<'s, Timed<T>>,
    renew: Duration,
}

impl<'s, T: AsyncTransport> Idle<'s, T> {
    pub(super) async fn new(core: &'s mut Core<Timed<T>>) -> Result<Self, Error> {
        Ok(Self { held: Held::begin(core).await?, renew: RENEW })
    }

    /// Sends IDLE anew so often instead of every 28 minutes: behind a router that forgets silent connections,
    /// or to find dead ones sooner. Not more than 29 minutes.
    pub fn renew_every(mut self, interval: Duration) -> Self {
        self.renew = interval.min(LATEST);
        self
    }

    /// The next news; those that came before are handed out first.
    ///
    /// # Errors
    /// The session broke, or the server refuses IDLE.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            let mut idling = self.held.idling();
            if let Some(event) = idling.next_event()? {
                return Ok(event);
            }
            idling.rest().await;
            idling.resume(self.renew).await?;
            let wake = idling.wake(self.renew, None);
            idling.hear(wake).await?;
        }
    }

    /// Says DONE and hears the answer. Dropping an [`Idle`] leaves that to the next command.
    ///
    /// # Errors
    /// The session broke.
    pub async fn done(mut self) -> Result<(), Error> {
        self.held.idling().end().await
    }
}

impl<T: AsyncTransport> fmt::Debug for Idle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idle").field("renew", &self.renew).finish_non_exhaustive()
    }
}
