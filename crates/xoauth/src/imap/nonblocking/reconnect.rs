//! Sessions that are opened again.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use xoauth_imap::Mailbox;
use xoauth_imap::proto::Command;

use super::{Builder, Client, Session};
use crate::imap::Reopened;
use crate::imap::core::Core;
use crate::imap::keeper::{Keep, Keeper, Opens, SessionOf};
use crate::imap::opening::{Opened, Outcome, open};
use crate::login::{Door, Waiting};
use crate::net::{AnyAsyncTransport, AsyncTransport, Backoff, Task, Timed};
use crate::{AsyncTokenSource, Credentials, Error};

/// A session that is opened again when it is over, as [`imap::Reconnect`](crate::imap::Reconnect).
///
/// # Dropped futures
/// A future that is dropped leaves the session there is, with what [dropped futures](super#dropped-futures) of commands leave. A
/// session that is being opened goes on being opened, in a task of its own, and the next call has it: nobody connects twice who waits
/// in slices, however short. The task ends with the `Reconnect`. A source of tokens that never answers is waited for as long as that
/// lives: an [`Awaited`](crate::Awaited) one keeps a time of its own.
pub struct Reconnect<S> {
    pub(super) keeper: Keeper<Anywhere, S>,
}

/// A client that is on its way.
type Arriving = Pin<Box<dyn Future<Output = Result<Client<AnyAsyncTransport>, Error>> + Send>>;

/// Where sessions are opened, over whatever streams. No generic type would do for both protocols: the compiler forgets the
/// lifetime of what stands in one, and with it that a future may be sent to another thread.
#[derive(Clone)]
pub(super) struct Anywhere(Arc<dyn Fn() -> Arriving + Send + Sync>);

impl Door for Anywhere {
    type Client = Client<AnyAsyncTransport>;

    async fn open(&self) -> Result<Self::Client, Error> {
        (self.0)().await
    }
}

impl Opens for Anywhere {
    type Io = Timed<AnyAsyncTransport>;
    type Asker<'a> = Waiting<'a>;
    type Opening = Task<Outcome<Self>>;

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

impl<S: AsyncTokenSource + 'static> Keep<S> for Anywhere {
    fn begin(
        &self,
        credentials: &Credentials<S>,
        ended: Option<Arc<Error>>,
        mailbox: Option<Opened>,
    ) -> Self::Opening {
        let (door, credentials) = (self.clone(), credentials.clone());
        Task::spawn(async move { open(&door, &credentials, ended, mailbox).await })
    }

    fn asker(source: &S) -> Waiting<'_> {
        Waiting::new(source)
    }
}

impl<S: AsyncTokenSource + 'static> Reconnect<S> {
    /// Connects at the first call that needs a session.
    pub fn new(builder: Builder, credentials: Credentials<S>) -> Self {
        let open = move || {
            let builder = builder.clone();
            async move { builder.connect().await }
        };
        Self::over(open, credentials)
    }

    /// The same over connections that `open` makes: with rustls, say, or through a tunnel. It is called for each session, in
    /// a task of its own: what is local to the caller's task is not there. It has to bound its own time:
    /// [`Deadlines`](crate::Deadlines) begin with the greeting.
    pub fn over<T, R>(
        open: impl Fn() -> R + Send + Sync + 'static,
        credentials: Credentials<S>,
    ) -> Self
    where
        T: AsyncTransport + Send + 'static,
        R: Future<Output = Result<Client<T>, Error>> + Send + 'static,
    {
        let open = move || -> Arriving {
            let opened = open();
            Box::pin(async { opened.await?.boxed() })
        };
        Self { keeper: Keeper::new(Anywhere(Arc::new(open)), credentials) }
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
    /// Those of the command and of [`log_in`](super::log_in); [`Error::UidValidityChanged`].
    pub async fn run<C: Command>(&mut self, make: impl Fn() -> C) -> Result<C::Output, Error> {
        self.keeper.run(make).await
    }

    /// The session there is, if nothing is known to have ended it, or a new one. It is for everything else: streams,
    /// IDLE, commands that are not repeated.
    ///
    /// # Errors
    /// Those of [`log_in`](super::log_in); [`Error::UidValidityChanged`].
    pub async fn session(&mut self) -> Result<&mut Session<AnyAsyncTransport>, Error> {
        self.keeper.session().await
    }

    /// What was found when the last session was opened, together with what was told since this was last called: the
    /// mailbox, and what became of it in between. `None` where nothing was opened, or no mailbox.
    pub fn reopened(&mut self) -> Option<Reopened> {
        self.keeper.take_reopened()
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
