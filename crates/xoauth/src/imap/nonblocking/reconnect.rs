//! Sessions that are opened again.

use std::fmt;

use xoauth_imap::Mailbox;
use xoauth_imap::proto::Command;

use super::{Builder, Session};
use crate::imap::Reopened;
use crate::imap::core::Core;
use crate::imap::keeper::{Keep, Keeper, SessionOf};
use crate::login::Waiting;
use crate::net::{AsyncTlsTransport, Backoff, Timed};
use crate::{AsyncTokenSource, Credentials, Error};

/// A session that is opened again when it is over, as [`imap::Reconnect`](crate::imap::Reconnect).
///
/// A future that is dropped leaves the session that there was, or none: the next call opens one. An opening that is dropped half way
/// begins anew, and counts as one that failed for the pauses in between: who waits in slices takes slices that are longer than an
/// opening (connecting, TLS, the token, the login and the mailbox).
pub struct Reconnect<S> {
    pub(super) keeper: Keeper<Builder, S>,
}

impl<S: AsyncTokenSource> Keep<S> for Builder {
    type Io = Timed<AsyncTlsTransport>;
    type Asker<'a>
        = Waiting<'a, S>
    where
        S: 'a;

    fn asker(source: &S) -> Waiting<'_, S> {
        Waiting(source)
    }

    fn core(session: &mut SessionOf<Self>) -> &mut Core<Self::Io> {
        &mut session.core
    }

    fn is_usable(session: &SessionOf<Self>) -> bool {
        session.is_usable()
    }

    fn now() -> std::time::Instant {
        tokio::time::Instant::now().into_std()
    }

    async fn pause(pause: std::time::Duration) {
        tokio::time::sleep(pause).await;
    }
}

impl<S: AsyncTokenSource> Reconnect<S> {
    /// Connects at the first call that needs a session.
    pub fn new(builder: Builder, credentials: Credentials<S>) -> Self {
        Self { keeper: Keeper::new(builder, credentials) }
    }

    /// Every session selects this mailbox, until a command of the program selects another one, or none: a session that is
    /// opened again has what was selected last. Where its UIDVALIDITY is another than in the session before, the call that
    /// opened the session answers [`Error::UidValidityChanged`].
    #[must_use]
    pub fn select(mut self, mailbox: impl Into<Mailbox>) -> Self {
        self.keeper.open_mailbox(mailbox.into(), false);
        self
    }

    /// As [`Reconnect::select`], read-only.
    #[must_use]
    pub fn examine(mut self, mailbox: impl Into<Mailbox>) -> Self {
        self.keeper.open_mailbox(mailbox.into(), true);
        self
    }

    /// How often connecting is attempted, and how long is waited in between.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.keeper.backoff = backoff;
        self
    }

    /// Runs the command that `make` makes; where the session breaks under it, once more in a new session if the command
    /// is safe to repeat.
    ///
    /// # Errors
    /// Those of the command and of [`Builder::log_in`]; [`Error::UidValidityChanged`].
    pub async fn run<C: Command>(&mut self, make: impl Fn() -> C) -> Result<C::Output, Error> {
        self.keeper.run(make).await
    }

    /// A session that lives as far as anybody knows, for everything else: streams, IDLE, commands that are not
    /// repeated.
    ///
    /// # Errors
    /// Those of [`Builder::log_in`]; [`Error::UidValidityChanged`].
    pub async fn session(&mut self) -> Result<&mut Session<AsyncTlsTransport>, Error> {
        self.keeper.session().await
    }

    /// What the last session found that was opened, with what was told since anybody asked: the mailbox, and what
    /// became of it in between. `None` where nothing was opened, or no mailbox.
    pub fn reopened(&mut self) -> Option<Reopened> {
        self.keeper.reopened.take()
    }

    /// How many sessions were opened so far.
    pub fn sessions(&self) -> u64 {
        self.keeper.opened
    }

    /// Says LOGOUT in the session there is.
    ///
    /// # Errors
    /// Those of [`Session::logout`].
    pub async fn logout(mut self) -> Result<(), Error> {
        match self.keeper.take() {
            Some(session) if session.is_usable() => session.logout().await,
            _ => Ok(()),
        }
    }
}

impl<S> fmt::Debug for Reconnect<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect")
            .field("credentials", &self.keeper.credentials)
            .field("sessions", &self.keeper.opened)
            .finish_non_exhaustive()
    }
}
