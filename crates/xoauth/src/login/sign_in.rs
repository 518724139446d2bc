//! Connecting and authenticating, with one renewal where the server refuses the token.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use xoauth_sasl::{Mask, Mechanism, Secret};

#[cfg(feature = "tokio")]
use super::AsyncTokenSource;
use super::renewals::{Renewals, Turn};
#[cfg(feature = "tokio")]
use super::source::Awaitable;
use super::{Ask, Credentials, LoginRefused, Manner, Renew, TokenFailed, TokenSource};
use crate::Error;
use crate::net::knowing;

/// A connection that may become a session.
pub(crate) trait Candidate: Sized {
    type Session;

    /// Hides these secrets in whatever the server says.
    fn protect(&mut self, secrets: &Arc<Mask>);

    /// The mechanisms that the server offers.
    async fn offers(&mut self) -> Result<Vec<String>, Error>;

    /// Authenticates.
    async fn attempt(
        self,
        mechanism: &dyn Mechanism,
        manner: Manner,
    ) -> Result<Self::Session, LoginRefused<Self>>;

    /// Asks one thing more, which a login that only looks like one does not survive.
    async fn probe(session: &mut Self::Session) -> Result<(), Error>;
}

/// A server, and how one gets to it.
pub(crate) trait Door {
    type Client: Candidate;

    /// Connects.
    async fn open(&self) -> Result<Self::Client, Error>;

    /// It can be opened more than once.
    fn opens_again(&self) -> bool {
        true
    }
}

/// A connection that is there already, and cannot be had again.
pub(crate) struct Given<C>(Mutex<Option<C>>);

impl<C> Given<C> {
    pub(crate) fn new(client: C) -> Self {
        Self(Mutex::new(Some(client)))
    }
}

impl<C: Candidate> Door for Given<C> {
    type Client = C;

    async fn open(&self) -> Result<C, Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or(Error::Ended)
    }

    fn opens_again(&self) -> bool {
        false
    }
}

/// Connections that a function makes.
pub(crate) struct Opening<F>(pub(crate) F);

impl<C: Candidate, F: Fn() -> Result<C, Error>> Door for Opening<F> {
    type Client = C;

    async fn open(&self) -> Result<C, Error> {
        (self.0)()
    }
}

/// Connections that a function makes, awaited.
#[cfg(feature = "tokio")]
pub(crate) struct AsyncOpening<F>(pub(crate) F);

#[cfg(feature = "tokio")]
impl<C: Candidate, R, F: Fn() -> R> Door for AsyncOpening<F>
where
    R: Future<Output = Result<C, Error>>,
{
    type Client = C;

    async fn open(&self) -> Result<C, Error> {
        (self.0)().await
    }
}

/// Whoever asks the source of some credentials.
pub(crate) trait Asker {
    /// A token.
    async fn token(&self, ask: Ask) -> Result<Secret, TokenFailed>;

    /// A token for all who share it.
    async fn renew(&self, ask: Ask, turn: Turn) -> Result<Secret, TokenFailed> {
        let token = self.token(ask).await?;
        turn.end(&token);
        Ok(token)
    }

    fn can_renew(&self) -> bool;
}

/// Asks and waits.
pub(crate) struct Immediate<'a>(&'a dyn TokenSource);

impl<'a> Immediate<'a> {
    pub(crate) fn new<S: TokenSource>(source: &'a S) -> Self {
        Self(source)
    }
}

impl Asker for Immediate<'_> {
    async fn token(&self, ask: Ask) -> Result<Secret, TokenFailed> {
        self.0.token(&ask)
    }

    fn can_renew(&self) -> bool {
        self.0.can_renew()
    }
}

/// Asks and is woken.
///
/// The source has lost its type: the compiler cannot tell of a future with that of a closure in it that it may be sent to
/// another thread (it forgets the lifetimes in the closure's signature).
#[cfg(feature = "tokio")]
pub(crate) struct Waiting<'a>(&'a dyn Awaitable);

#[cfg(feature = "tokio")]
impl<'a> Waiting<'a> {
    pub(crate) fn new<S: AsyncTokenSource>(source: &'a S) -> Self {
        Self(source)
    }
}

#[cfg(feature = "tokio")]
impl Asker for Waiting<'_> {
    async fn token(&self, ask: Ask) -> Result<Secret, TokenFailed> {
        self.0.ask(ask).await
    }

    async fn renew(&self, ask: Ask, turn: Turn) -> Result<Secret, TokenFailed> {
        self.0.renew(ask, turn).await
    }

    fn can_renew(&self) -> bool {
        self.0.can_renew()
    }
}

/// A session of a server.
///
/// The source is asked before anything is dialled, with what ended the session before where that was its token, so that
/// no server waits for it, and asked again at most once: after a refusal that means the token, never after BAD, a
/// temporary failure or a refusal by policy. A connection that was kept for the second token, and given up by the server
/// meanwhile, is opened again for it.
pub(crate) async fn sign_in<'a, D: Door, S, A: Asker>(
    door: &D,
    credentials: &'a Credentials<S>,
    ended: Option<Arc<Error>>,
    asker: impl FnOnce(&'a S) -> A,
) -> Result<<D::Client as Candidate>::Session, Error> {
    let seen = credentials.renewals().map_or(0, Renewals::count);
    let source = credentials.source().map(|(user, source)| (user, asker(source)));
    let mut token = None;
    if let Some((user, asker)) = &source {
        let refusal = ended.filter(|error| error.needs_new_token());
        let ask =
            Ask { user: (*user).to_owned(), renew: Renew::IfExpired, refusal: refusal.clone() };
        let asked = asker.token(ask).await;
        let given = asked.map_err(|source| Error::Token { source, refusal })?;
        credentials.note(&given);
        token = Some(given);
    }
    let mut client = open(door, credentials).await?;
    let mut renewed = false;
    // The connection waited for a token, and has not been heard since.
    let mut has_waited = false;
    loop {
        let offers = client.offers().await?;
        let offered = |name: &str| offers.iter().any(|offer| offer.eq_ignore_ascii_case(name));
        let (mechanism, manner) = credentials.mechanism(token.as_ref(), offered)?;
        let refused = match client.attempt(&*mechanism, manner).await {
            Ok(mut session) => {
                if credentials.probes() {
                    D::Client::probe(&mut session).await?;
                }
                return Ok(session);
            }
            Err(refused) => refused,
        };
        let (error, left) = refused.into_parts();
        let is_over = error.is_fatal() && error.is_transient();
        if mem::take(&mut has_waited) && is_over && door.opens_again() {
            client = open(door, credentials).await?;
            continue;
        }
        let renewable =
            !renewed && error.needs_new_token() && (left.is_some() || door.opens_again());
        let asker = source.as_ref().filter(|(_, asker)| asker.can_renew());
        let Some((user, asker)) = asker.filter(|_| renewable) else { return Err(error) };
        let refusal = Some(Arc::new(error));
        let ask = Ask { user: (*user).to_owned(), renew: Renew::Force, refusal: refusal.clone() };
        let asked = renew(credentials, asker, ask, seen, token.as_ref()).await;
        let given = asked.map_err(|source| Error::Token { source, refusal })?;
        credentials.note(&given);
        token = Some(given);
        renewed = true;
        has_waited = left.is_some();
        client = match left {
            Some(mut client) => {
                client.protect(&credentials.secrets());
                client
            }
            None => open(door, credentials).await?,
        };
    }
}

/// A connection that knows, before it hears anything, what the server may have heard on another.
async fn open<D: Door, S>(door: &D, credentials: &Credentials<S>) -> Result<D::Client, Error> {
    let secrets = credentials.secrets();
    let mut client = knowing(Arc::clone(&secrets), door.open()).await?;
    // It may be older, or have been made on another thread.
    client.protect(&secrets);
    Ok(client)
}

/// Another token than the one that was refused: that of somebody else's renewal since `seen` of them, or a new one of the
/// source.
async fn renew<S>(
    credentials: &Credentials<S>,
    asker: &impl Asker,
    ask: Ask,
    seen: u64,
    refused: Option<&Secret>,
) -> Result<Secret, TokenFailed> {
    let Some(renewals) = credentials.renewals() else { return asker.token(ask).await };
    let turn = renewals.turn().await;
    // The source may have given the other's token to us already, for one that has not expired.
    if let Some(token) = renewals.since(seen, refused) {
        return Ok(token);
    }
    asker.renew(ask, turn).await
}
