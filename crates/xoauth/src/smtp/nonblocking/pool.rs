//! A pool of connections for sending.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use xoauth_smtp::Sent;
use xoauth_smtp::exchange::Submit;

use super::{Builder, Client, Session};
use crate::login::{Door, Waiting};
use crate::net::{AnyAsyncTransport, AsyncTransport, Timed, by};
use crate::smtp::PoolOptions;
use crate::smtp::core::Core;
use crate::smtp::posting::{Post, Posting, Posts, leave};
use crate::smtp::shelf::{Keepable, Lent, Shelf};
use crate::{AsyncTokenSource, Credentials, Error};

/// Connections for sending, at most so many at a time, as [`smtp::Pool`](crate::smtp::Pool).
///
/// # Dropped futures
/// A future of [`Mailer::send`] that is dropped half way closes its connection and frees its place; whether the message was
/// accepted nobody can tell. One that waits for a place leaves nothing behind. One that is kept and not polled holds up those who
/// came after it, as with all that is served in order: drop it, or let it be a task.
#[derive(Clone)]
pub struct Pool {
    shelf: Arc<Shelf<Session<AnyAsyncTransport>>>,
}

/// Who sends, as whom and over which server, with the connections of a [`Pool`]. Shared between tasks, each
/// message has a connection for itself.
pub struct Mailer<S> {
    posting: Posting<Anywhere, S>,
}

/// A client that is on its way.
type Opened = Pin<Box<dyn Future<Output = Result<Client<AnyAsyncTransport>, Error>> + Send>>;

/// Where sessions are opened, over whatever streams. No generic type would do for both protocols: the compiler forgets the
/// lifetime of what stands in one, and with it that a future may be sent to another thread.
struct Anywhere(Box<dyn Fn() -> Opened + Send + Sync>);

impl Door for Anywhere {
    type Client = Client<AnyAsyncTransport>;

    async fn open(&self) -> Result<Self::Client, Error> {
        (self.0)().await
    }
}

/// A session on loan from a [`Pool`], to be used as one: given back when it is dropped, where it takes another message.
pub struct Pooled {
    lent: Lent<Session<AnyAsyncTransport>>,
}

impl Posts for Anywhere {
    type Io = Timed<AnyAsyncTransport>;
    type Asker<'a> = Waiting<'a>;

    fn core(session: &mut Session<AnyAsyncTransport>) -> &mut Core<Self::Io> {
        &mut session.core
    }

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    async fn before<F: Future>(until: Option<Instant>, future: F) -> Option<F::Output> {
        by(until, future).await
    }
}

impl<S: AsyncTokenSource> Post<S> for Anywhere {
    fn asker(source: &S) -> Waiting<'_> {
        Waiting::new(source)
    }
}

impl Keepable for Session<AnyAsyncTransport> {
    fn is_usable(&self) -> bool {
        self.core.is_usable()
    }

    fn messages(&self) -> u64 {
        self.core.machine.transactions()
    }

    fn part(&mut self) {
        self.core.part();
    }
}

impl Pool {
    /// At most so many connections, of all mailers together; one at least. [`PoolOptions`] say more.
    pub fn new(limit: usize) -> Self {
        Self::with(PoolOptions::new(limit))
    }

    /// A pool of connections as the options say.
    pub fn with(options: PoolOptions) -> Self {
        Self { shelf: Arc::new(Shelf::new(options.rules)) }
    }

    /// Whoever sends over this server with these credentials.
    pub fn mailer<S: AsyncTokenSource>(
        &self,
        builder: Builder,
        credentials: Credentials<S>,
    ) -> Mailer<S> {
        let open = move || {
            let builder = builder.clone();
            async move { builder.connect().await }
        };
        self.mailer_over(open, credentials)
    }

    /// The same over connections that `open` makes: with rustls, say, or through a tunnel. It is called for each connection;
    /// it has to bound its own time: [`Deadlines`](crate::Deadlines) begin with the greeting.
    pub fn mailer_over<T, R, S>(
        &self,
        open: impl Fn() -> R + Send + Sync + 'static,
        credentials: Credentials<S>,
    ) -> Mailer<S>
    where
        T: AsyncTransport + Send + 'static,
        R: Future<Output = Result<Client<T>, Error>> + Send + 'static,
        S: AsyncTokenSource,
    {
        let open = move || -> Opened {
            let opened = open();
            Box::pin(async { opened.await?.boxed() })
        };
        let door = Anywhere(Box::new(open));
        let shelf = Arc::clone(&self.shelf);
        let mailer = shelf.enroll();
        Mailer { posting: Posting { door, credentials, shelf, mailer } }
    }

    /// How many connections are open now.
    pub fn open(&self) -> usize {
        self.shelf.counts().0
    }

    /// How many of those that are open wait for a message.
    pub fn idle(&self) -> usize {
        self.shelf.counts().1
    }

    /// Says QUIT over the connections that wait, and closes them. Answers are waited for together, as long as
    /// [`Deadlines::connect`](crate::Deadlines::connect) says.
    pub async fn quit(&self) {
        leave(self.shelf.take_idle(), |session| &mut session.core).await;
    }
}

impl<S: AsyncTokenSource> Mailer<S> {
    /// Sends the message that `make` makes, over a connection that waits or a new one; waits where the pool has no
    /// place for another, for as long as [`PoolOptions::wait_at_most`] says. Who came first is served first.
    ///
    /// Where a connection that was used before turns out to be over, or to take no more (MAILMAX and RCPTDOMAINMAX of
    /// RFC 9422), and certainly nobody got the message, it is made and sent once more over a new one.
    /// [`xoauth_smtp::Error::DeliveryUnknown`] is handed out as it is: such a message is never sent again by itself.
    ///
    /// # Errors
    /// Those of [`log_in`](super::log_in) and [`Submit`]; [`Error::PoolFull`].
    pub async fn send<'a>(&self, make: impl Fn() -> Submit<'a>) -> Result<Sent, Error> {
        self.posting.send(make).await
    }

    /// A session for everything else: many messages in a row, say.
    ///
    /// # Errors
    /// Those of [`log_in`](super::log_in); [`Error::PoolFull`].
    pub async fn session(&self) -> Result<Pooled, Error> {
        let (lent, _) = self.posting.take().await?;
        Ok(Pooled { lent })
    }
}

impl Deref for Pooled {
    type Target = Session<AnyAsyncTransport>;

    fn deref(&self) -> &Self::Target {
        self.lent.filled()
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.lent.filled_mut()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("limit", &self.shelf.rules().limit)
            .field("open", &self.open())
            .field("idle", &self.idle())
            .finish()
    }
}

impl<S> fmt::Debug for Mailer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer")
            .field("credentials", &self.posting.credentials)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Pooled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pooled").finish_non_exhaustive()
    }
}
