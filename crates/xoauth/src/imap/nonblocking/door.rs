//! Signing in to IMAP, awaited.

use xoauth_imap::command::{Authenticate, List};
use xoauth_sasl::Mechanism;

use super::{Builder, Client, Session};
use crate::imap::probed;
use crate::login::{Door, Waiting, sign_in};
use crate::net::AsyncTlsTransport;
use crate::{AsyncTokenSource, Credentials, Error, LoginRefused};

impl Builder {
    /// As [`imap::Builder::log_in`](crate::imap::Builder::log_in), with any source: those that block run on a thread for
    /// blocking work, [`Awaited`](crate::Awaited) futures are awaited.
    ///
    /// # Errors
    /// Those of [`Builder::connect`] and [`Client::authenticate`]; [`Error::Token`]; [`Error::NotConnected`] where the
    /// credentials [probe](Credentials::probe).
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
        Ok(client.capabilities().await?.mechanisms().map(str::to_owned).collect())
    }

    async fn attempt(
        &self,
        client: Self::Client,
        mechanism: &dyn Mechanism,
        unlisted: bool,
    ) -> Result<Self::Session, LoginRefused<Self::Client>> {
        let options = |command: Authenticate| match unlisted {
            true => command.even_if_unlisted(),
            false => command,
        };
        client.authenticate_with(mechanism, options).await
    }

    async fn probe(&self, session: &mut Self::Session) -> Result<(), Error> {
        // The hierarchy's root: no name is listed, and nothing is changed (RFC 9051, 6.3.9).
        probed(session.run(List::new("")).await)
    }
}
