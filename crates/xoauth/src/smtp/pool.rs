//! A pool of connections for sending.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use xoauth_smtp::Sent;
use xoauth_smtp::exchange::Submit;

#[cfg(feature = "native-tls")]
use super::Builder;
use super::core::Core;
use super::posting::{Post, Posting, Posts, leave};
use super::shelf::{Keepable, Lent, Shelf};
use super::{Client, PoolOptions, Session};
use crate::login::{Immediate, Opening};
use crate::net::{AnyTransport, Blocking, Transport, now};
use crate::{Credentials, Error, TokenSource};

/// Connections for sending, at most so many at a time, for any number of [`Mailer`]s: a server and a user each.
///
/// A connection serves the mailer it was opened for and nobody else, so that a message never goes out under another
/// user's name or over another TLS client than it was meant to. It is kept for the next message of its mailer; where
/// another one needs the place it is closed. Connections that are given up, and those of a pool that is dropped, are
/// told QUIT, whose answer nobody waits for; [`Pool::quit`] waits. Clones are the same pool.
///
/// ```no_run
/// # #[cfg(feature = "native-tls")] {
/// use xoauth::smtp::{Builder, Pool, exchange::Submit};
/// use xoauth::{Credentials, TokenCommand};
///
/// let pool = Pool::new(4);
/// let source = TokenCommand::new("xoauth", ["token", "-a", "work"]);
/// let credentials = Credentials::bearer("ann@example.com", source);
/// let mailer = pool.mailer(Builder::new("smtp.example.com"), credentials);
/// let text = "From: ann@example.com\r\nTo: ben@example.org\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\n\
///     Subject: hello\r\n\r\nHi.\r\n";
/// mailer.send(|| Submit::new("ann@example.com", ["ben@example.org"], text))?;
/// pool.quit();
/// # }
/// # Ok::<(), xoauth::Error>(())
/// ```
#[derive(Clone)]
pub struct Pool {
    shelf: Arc<Shelf<Session<AnyTransport>>>,
}

/// Who sends, as whom and over which server, with the connections of a [`Pool`]. Shared between threads, each
/// message has a connection for itself.
pub struct Mailer<S> {
    posting: Posting<Anywhere, S>,
}

/// Where sessions are opened, over whatever streams.
type Anywhere = Opening<Box<dyn Fn() -> Result<Client<AnyTransport>, Error> + Send + Sync>>;

/// A session on loan from a [`Pool`], to be used as one: given back when it is dropped, where it takes another message.
pub struct Pooled {
    lent: Lent<Session<AnyTransport>>,
}

impl Posts for Anywhere {
    type Io = Blocking<AnyTransport>;
    type Asker<'a> = Immediate<'a>;

    fn core(session: &mut Session<AnyTransport>) -> &mut Core<Self::Io> {
        &mut session.core
    }

    fn now() -> Instant {
        Instant::now()
    }

    async fn before<F: Future>(until: Option<Instant>, future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        // Whoever waits in a thread looks at the clock from time to time.
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if until.is_some_and(|until| Instant::now() >= until) => {
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

impl<S: TokenSource> Post<S> for Anywhere {
    fn asker(source: &S) -> Immediate<'_> {
        Immediate::new(source)
    }
}

impl Keepable for Session<AnyTransport> {
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
    #[cfg(feature = "native-tls")]
    pub fn mailer<S: TokenSource>(
        &self,
        builder: Builder,
        credentials: Credentials<S>,
    ) -> Mailer<S> {
        self.mailer_over(move || builder.connect(), credentials)
    }

    /// The same over connections that `open` makes: with another TLS library, through a tunnel, or to a Unix socket. It is
    /// called for each connection, and has to bound its own time: [`Deadlines`](crate::Deadlines) begin with the
    /// greeting.
    ///
    /// ```
    /// use xoauth::{Credentials, smtp};
    ///
    /// let builder = smtp::Builder::new("127.0.0.1").port(1587);
    /// let open = move || Ok(builder.connect_plain()?.trust());
    /// let credentials = Credentials::token("ann@example.com", "ya29.token");
    /// let mailer = smtp::Pool::new(4).mailer_over(open, credentials);
    /// ```
    pub fn mailer_over<T: Transport + Send + 'static, S: TokenSource>(
        &self,
        open: impl Fn() -> Result<Client<T>, Error> + Send + Sync + 'static,
        credentials: Credentials<S>,
    ) -> Mailer<S> {
        let door: Anywhere = Opening(Box::new(move || open()?.boxed()));
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
    pub fn quit(&self) {
        now(leave(self.shelf.take_idle(), |session| &mut session.core));
    }
}

impl<S: TokenSource> Mailer<S> {
    /// Sends the message that `make` makes, over a connection that waits or a new one; waits where the pool has no
    /// place for another, for as long as [`PoolOptions::wait_at_most`] says. Who came first is served first.
    ///
    /// Where a connection that was used before turns out to be over, or to take no more (MAILMAX and RCPTDOMAINMAX of
    /// RFC 9422), and certainly nobody got the message, it is made and sent once more over a new one.
    /// [`xoauth_smtp::Error::DeliveryUnknown`] is handed out as it is: such a message is never sent again by itself.
    ///
    /// # Errors
    /// Those of [`smtp::log_in`](super::log_in) and [`Submit`]; [`Error::PoolFull`].
    pub fn send<'a>(&self, make: impl Fn() -> Submit<'a>) -> Result<Sent, Error> {
        now(self.posting.send(make))
    }

    /// A session for everything else: many messages in a row, say.
    ///
    /// # Errors
    /// Those of [`smtp::log_in`](super::log_in); [`Error::PoolFull`].
    pub fn session(&self) -> Result<Pooled, Error> {
        let (lent, _) = now(self.posting.take())?;
        Ok(Pooled { lent })
    }
}

impl Deref for Pooled {
    type Target = Session<AnyTransport>;

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
