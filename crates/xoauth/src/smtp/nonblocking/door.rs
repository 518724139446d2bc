//! Signing in to SMTP, awaited.

use xoauth_sasl::Mechanism;
use xoauth_smtp::exchange::Auth;

use super::{Builder, Client, Session};
use crate::login::{Door, Waiting, sign_in};
use crate::net::AsyncTlsTransport;
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
        sign_in(self, credentials, |source| Waiting { credentials, source }).await
    }
}

impl Door for Builder {
    type Client = Client<AsyncTlsTransport>;
    type Session = Session<AsyncTlsTransport>;

    async fn open(&self) -> Result<Self::Client, Error> {
        self.connect().await
    }

    async fn offers(&self, client: &mut Self::Client) -> Result<Vec<String>, Error> {
        Ok(client.extensions().mechanisms().map(str::to_owned).collect())
    }

    async fn attempt(
        &self,
        client: Self::Client,
        mechanism: &dyn Mechanism,
        unlisted: bool,
    ) -> Result<Self::Session, LoginRefused<Self::Client>> {
        let options = |command: Auth| match unlisted {
            true => command.even_if_unlisted(),
            false => command,
        };
        client.authenticate_with(mechanism, options).await
    }

    async fn probe(&self, session: &mut Self::Session) -> Result<(), Error> {
        // A submission server that authenticates is one that sends.
        let _ = session;
        Ok(())
    }
}
