//! Sessions that are opened again.

use std::fmt;
use std::sync::Arc;

use xoauth_imap::Mailbox;
use xoauth_imap::proto::Command;

#[cfg(feature = "native-tls")]
use super::Builder;
use super::core::Core;
use super::keeper::{Keep, Keeper, Opens, SessionOf};
use super::opening::{Opened, Outcome, open};
use super::{Client, Reopened, Session};
use crate::login::{Immediate, Opening};
use crate::net::{AnyTransport, Backoff, Blocking, Transport, now};
use crate::{Credentials, Error, TokenSource};

/// A session that is opened again when it is over: a connection that broke, a token that died.
///
/// ```no_run
/// # #[cfg(feature = "native-tls")] {
/// use xoauth::imap::{Builder, Query, Reconnect, command::Search};
/// use xoauth::{Credentials, TokenCommand};
///
/// let source = TokenCommand::new("xoauth", ["token", "-a", "work"]);
/// let credentials = Credentials::bearer("ann@example.com", source);
/// let mut mail = Reconnect::new(Builder::new("imap.example.com"), credentials).select("INBOX");
/// let unseen = mail.run(|| Search::new(Query::unseen()))?;
/// # }
/// # Ok::<(), xoauth::Error>(())
/// ```
///
/// Only what is safe to repeat is repeated: commands that change nothing and name messages by unique identifier
/// ([`Exchange::is_repeatable`](xoauth_imap::proto::Exchange::is_repeatable)), and those once. Everything else fails with the session, and the
/// next call has a new one; whether the server carried the command out is for the program to look up.
///
/// Connecting is attempted as [`Backoff`] says, where another attempt can help: not after a refused login, a certificate
/// that is not trusted, an argument that cannot be sent or a source of tokens that has none, unless it has none
/// [for now](crate::TokenUnavailable).
pub struct Reconnect<S> {
    pub(super) keeper: Keeper<Anywhere, S>,
}

/// Where sessions are opened, over whatever streams.
pub(super) type Anywhere =
    Opening<Box<dyn Fn() -> Result<Client<AnyTransport>, Error> + Send + Sync>>;

impl Opens for Anywhere {
    type Io = Blocking<AnyTransport>;
    type Asker<'a> = Immediate<'a>;
    /// It ends before its caller goes on.
    type Opening = std::future::Ready<Option<Outcome<Self>>>;

    fn core(session: &mut SessionOf<Self>) -> &mut Core<Self::Io> {
        &mut session.core
    }

    fn is_usable(session: &SessionOf<Self>) -> bool {
        session.is_usable()
    }

    fn now() -> std::time::Instant {
        std::time::Instant::now()
    }

    async fn pause(pause: std::time::Duration) {
        std::thread::sleep(pause);
    }
}

impl<S: TokenSource> Keep<S> for Anywhere {
    fn begin(
        &self,
        credentials: &Credentials<S>,
        ended: Option<Arc<Error>>,
        mailbox: Option<Opened>,
    ) -> Self::Opening {
        std::future::ready(Some(now(open(self, credentials, ended, mailbox))))
    }

    fn asker(source: &S) -> Immediate<'_> {
        Immediate::new(source)
    }
}

impl<S: TokenSource> Reconnect<S> {
    /// Connects at the first call that needs a session.
    #[cfg(feature = "native-tls")]
    pub fn new(builder: Builder, credentials: Credentials<S>) -> Self {
        Self::over(move || builder.connect(), credentials)
    }

    /// The same over connections that `open` makes: with another TLS library, through a tunnel, or in the clear to a
    /// server on this machine. It is called for each session, and has to bound its own time:
    /// [`Deadlines`](crate::Deadlines) begin with the greeting. A tunnel whose server greets with PREAUTH has no login
    /// to be repeated: take [`Client::preauthenticated`].
    ///
    /// ```
    /// use xoauth::{Credentials, imap};
    ///
    /// let builder = imap::Builder::new("127.0.0.1").port(1143);
    /// let open = move || Ok(builder.connect_plain()?.trust());
    /// let credentials = Credentials::token("ann@example.com", "ya29.token");
    /// let mail = imap::Reconnect::over(open, credentials).select("INBOX");
    /// ```
    pub fn over<T: Transport + Send + 'static>(
        open: impl Fn() -> Result<Client<T>, Error> + Send + Sync + 'static,
        credentials: Credentials<S>,
    ) -> Self {
        Self { keeper: Keeper::new(Opening(Box::new(move || open()?.boxed())), credentials) }
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
    /// Those of the command and of [`imap::log_in`](super::log_in); [`Error::UidValidityChanged`].
    pub fn run<C: Command>(&mut self, make: impl Fn() -> C) -> Result<C::Output, Error> {
        now(self.keeper.run(make))
    }

    /// The session there is, if nothing is known to have ended it, or a new one. It is for everything else: streams,
    /// IDLE, commands that are not repeated.
    ///
    /// # Errors
    /// Those of [`imap::log_in`](super::log_in); [`Error::UidValidityChanged`].
    pub fn session(&mut self) -> Result<&mut Session<AnyTransport>, Error> {
        now(self.keeper.session())
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
    pub fn logout(mut self) -> Result<(), Error> {
        match self.keeper.take() {
            Some(session) if session.is_usable() => session.logout(),
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
