//! Signing in to IMAP.

use xoauth_imap::command::List;
use xoauth_sasl::Mechanism;

use super::{Builder, Client, Session};
use crate::login::{Door, Immediate, sign_in};
use crate::net::{TlsTransport, now};
use crate::{Credentials, Error, LoginRefused, TokenSource};

impl Builder {
    /// Connects, authenticates and hands out the session; asks the source of the credentials for a token first, and
    /// once more where the server refuses the token as such.
    ///
    /// ```no_run
    /// use xoauth::{Credentials, TokenCommand, imap};
    ///
    /// let source = TokenCommand::new("pass", ["show", "mail/access-token"]);
    /// let credentials = Credentials::bearer("ann@example.com", source);
    /// let mut session = imap::Builder::new("imap.example.com").log_in(&credentials)?;
    /// # Ok::<(), xoauth::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Builder::connect`] and [`Client::authenticate`]; [`Error::Token`]; [`Error::NotConnected`] where the
    /// credentials [probe](Credentials::probe).
    pub fn log_in<S: TokenSource>(
        &self,
        credentials: &Credentials<S>,
    ) -> Result<Session<TlsTransport>, Error> {
        now(sign_in(self, credentials, |source| Immediate { credentials, source }))
    }
}

impl Door for Builder {
    type Client = Client<TlsTransport>;
    type Session = Session<TlsTransport>;

    async fn open(&self) -> Result<Self::Client, Error> {
        self.connect()
    }

    async fn offers(&self, client: &mut Self::Client) -> Result<Vec<String>, Error> {
        Ok(client.capabilities()?.mechanisms().map(str::to_owned).collect())
    }

    async fn attempt(
        &self,
        client: Self::Client,
        mechanism: &dyn Mechanism,
        unlisted: bool,
    ) -> Result<Self::Session, LoginRefused<Self::Client>> {
        client.authenticate_with(mechanism, |command| match unlisted {
            true => command.even_if_unlisted(),
            false => command,
        })
    }

    async fn probe(&self, session: &mut Self::Session) -> Result<(), Error> {
        // The hierarchy's root: no name is listed, and nothing is changed (RFC 9051, 6.3.9).
        super::probed(session.run(List::new("")))
    }
}
