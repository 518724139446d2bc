//! Sending over a pool, the same for both drivers.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Instant;

use xoauth_smtp::Sent;
use xoauth_smtp::exchange::{Noop, Submit};

use super::core::Core;
use super::shelf::{Keepable, Lent, Shelf};
use crate::login::{Asker, Candidate, Door, sign_in};
use crate::net::Io;
use crate::{Credentials, Error};

/// The sessions behind a door.
pub(crate) type SessionOf<D> = <<D as Door>::Client as Candidate>::Session;

/// What a pool asks of sessions and their clock, whatever the source of tokens is: futures that name the source in the
/// types of what they hold are not sent to other threads where it is a closure.
pub(crate) trait Posts: Door<Client: Candidate<Session: Keepable>> + Sized {
    type Io: Io;
    type Asker<'a>: Asker;

    fn core(session: &mut SessionOf<Self>) -> &mut Core<Self::Io>;

    fn now() -> Instant;

    /// What a future answers before `until`.
    async fn before<F: Future>(until: Option<Instant>, future: F) -> Option<F::Output>;
}

/// A door that is opened with tokens of this source.
pub(crate) trait Post<S>: Posts {
    fn asker(source: &S) -> Self::Asker<'_>;
}

/// A ticket of somebody who waits for a place, or has one.
struct Ticket<'a, C> {
    shelf: &'a Shelf<C>,
    number: Option<u64>,
}

impl<C> Drop for Ticket<'_, C> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.shelf.forget(number);
        }
    }
}

/// Who sends as whom, over which connections.
pub(crate) struct Posting<D: Door, S> {
    pub(crate) door: D,
    pub(crate) credentials: Credentials<S>,
    pub(crate) shelf: Arc<Shelf<SessionOf<D>>>,
    pub(crate) mailer: u64,
}

impl<D: Post<S>, S> Posting<D, S> {
    /// A connection that nothing is known to have ended, and whether it was used before.
    pub(crate) async fn take(&self) -> Result<(Lent<SessionOf<D>>, bool), Error> {
        let mut ticket = Ticket { shelf: &*self.shelf, number: None };
        let wait = self.shelf.rules().wait;
        let taken = poll_fn(|cx| self.shelf.poll_take(self.mailer, D::now, &mut ticket.number, cx));
        let taken = D::before(D::now().checked_add(wait), taken).await;
        let mut lent = taken.ok_or(Error::PoolFull { waited: wait })?;
        drop(ticket);
        let mut is_used = false;
        if let Some((session, waited)) = lent.session() {
            let core = D::core(session);
            // Another connection may have used another token since.
            core.protect(&self.credentials.secrets());
            // A server that took leave, or is gone, has said so by now, unless the network hides it.
            is_used = core.connection.is_quiet()
                && (waited < self.shelf.rules().check || core.run_soon(Noop::new()).await.is_ok());
        }
        if !is_used {
            lent.discard();
            lent.fill(self.open(None).await?);
        }
        Ok((lent, is_used))
    }

    async fn open(&self, ended: Option<Arc<Error>>) -> Result<SessionOf<D>, Error> {
        let credentials = &self.credentials;
        // As a path, Rust 1.85 asks that the source lives for ever.
        sign_in(&self.door, credentials, ended, |source| D::asker(source)).await
    }

    /// Sends a message; where a connection that was used before is over before it took the message, or takes no more,
    /// once more over a new one.
    pub(crate) async fn send<'a>(&self, make: impl Fn() -> Submit<'a>) -> Result<Sent, Error> {
        let (mut lent, is_used) = self.take().await?;
        let session = lent.get_mut().ok_or(Error::Ended)?;
        match D::core(session).run(make()).await {
            Err(error) if is_used && (is_over_before(&error) || is_used_up(&error)) => {
                lent.discard();
                lent.fill(self.open(Some(Arc::new(error))).await?);
                let session = lent.get_mut().ok_or(Error::Ended)?;
                D::core(session).run(make()).await
            }
            sent => sent,
        }
    }
}

/// Says QUIT over all of these sessions, and then hears the answers: servers that do not answer are waited for
/// together, as long as one alone.
pub(crate) async fn leave<C, I: Io>(sessions: Vec<C>, core: impl Fn(&mut C) -> &mut Core<I>) {
    let say = |mut session: C| Some((core(&mut session).say_quit()?, session));
    let leaving: Vec<_> = sessions.into_iter().filter_map(say).collect();
    for (mut quit, mut session) in leaving {
        // A server that is gone needs no goodbye.
        let _ = core(&mut session).drive(&mut quit).await;
    }
}

/// The connection was over, and nobody got the message: a server that gave up a silent client, a token that expired.
fn is_over_before(error: &Error) -> bool {
    let Error::Smtp(fault) = error else { return matches!(error, Error::Ended) };
    let is_safe = error.is_fatal() && !fault.is_delivery_unknown();
    is_safe && (error.is_transient() || error.needs_new_token())
}

/// The server takes no more over this connection (RFC 9422, 4.2 and 4.3), and nobody got the message.
fn is_used_up(error: &Error) -> bool {
    use xoauth_smtp::Error::ServerLimit;
    matches!(error, Error::Smtp(ServerLimit { limit: "MAILMAX" | "RCPTDOMAINMAX", .. }))
}
