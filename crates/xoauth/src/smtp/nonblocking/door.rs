//! Signing in to SMTP, awaited.

use xoauth_sasl::Mechanism;

use super::{Builder, Client, Session};
use crate::login::{Candidate, Door, Given, Manner, Waiting, sign_in};
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
        sign_in(self, credentials, None, Waiting).await
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
        sign_in(&door, credentials, None, Waiting).await
    }
}

impl Door for Builder {
    type Client = Client<AsyncTlsTransport>;

    async fn open(&self) -> Result<Self::Client, Error> {
        self.connect().await
    }
}

impl<T: AsyncTransport> Candidate for Client<T> {
    type Session = Session<T>;

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
