//! Signing in to SMTP, awaited.

use std::sync::Arc;

use xoauth_sasl::{Mask, Mechanism};

use super::{Builder, Client, Session};
use crate::login::{AsyncOpening, Candidate, Given, Manner, Waiting, sign_in};
use crate::net::{AsyncTlsTransport, AsyncTransport};
use crate::{AsyncTokenSource, Credentials, Error, LoginRefused};

impl Builder {
    /// As [`smtp::Builder::log_in`](crate::smtp::Builder::log_in), with any source: those that block run on a thread for
    /// blocking work, [`Awaited`](crate::Awaited) futures are awaited.
    ///
    /// # Errors
    /// Those of [`Builder::connect`] and [`Client::authenticate`]; [`Error::Token`].
    pub async fn log_in<S: AsyncTokenSource>(
        &self,
        credentials: &Credentials<S>,
    ) -> Result<Session<AsyncTlsTransport>, Error> {
        log_in(|| self.connect(), credentials).await
    }
}

impl<T: AsyncTransport> Client<T> {
    /// As [`smtp::Client::log_in`](crate::smtp::Client::log_in).
    ///
    /// # Errors
    /// Those of [`Client::authenticate`]; [`Error::Token`].
    pub async fn log_in<S: AsyncTokenSource>(
        self,
        credentials: &Credentials<S>,
    ) -> Result<Session<T>, Error> {
        let door = Given::new(self);
        sign_in(&door, credentials, None, Waiting::new).await
    }
}

/// As [`smtp::log_in`](crate::smtp::log_in), on connections that `open` makes: over rustls, say, or through a tunnel.
///
/// # Errors
/// Those of `open` and [`Client::authenticate`]; [`Error::Token`].
pub async fn log_in<T, R, S>(
    open: impl Fn() -> R,
    credentials: &Credentials<S>,
) -> Result<Session<T>, Error>
where
    T: AsyncTransport,
    R: Future<Output = Result<Client<T>, Error>>,
    S: AsyncTokenSource,
{
    sign_in(&AsyncOpening(open), credentials, None, Waiting::new).await
}

impl<T: AsyncTransport> Candidate for Client<T> {
    type Session = Session<T>;

    fn protect(&mut self, secrets: &Arc<Mask>) {
        self.core.protect(secrets);
    }

    async fn offers(&mut self) -> Result<Vec<String>, Error> {
        Ok(self.extensions().mechanisms().map(str::to_owned).collect())
    }

    async fn attempt(
        self,
        mechanism: &dyn Mechanism,
        manner: Manner,
    ) -> Result<Session<T>, LoginRefused<Self>> {
        let attempt = self.authenticate_with(mechanism, |command| {
            let command = command.sasl_ir(manner.sasl_ir);
            if manner.unlisted { command.even_if_unlisted() } else { command }
        });
        attempt.await
    }

    async fn probe(_: &mut Session<T>) -> Result<(), Error> {
        // A submission server that authenticates is one that sends.
        Ok(())
    }
}
