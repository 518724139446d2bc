//! Connections before they are authenticated.

use std::io;

use tokio::net::TcpStream;
use xoauth_sasl::Mechanism;
use xoauth_smtp::Extensions;
use xoauth_smtp::exchange::{Auth, BeforeLogin};

use super::Session;
use crate::net::{
    AnyAsyncTransport, AsyncTlsTransport, AsyncTransport, Connection, Timed, Tls, debug_of_core,
};
use crate::smtp::core::Core;
use crate::{Error, LoginRefused};

/// A connection that may carry credentials, not authenticated yet.
pub struct Client<T: AsyncTransport> {
    pub(super) core: Core<Timed<T>>,
}

/// A connection in the clear, which takes no credentials: it can become a [`Client`] by
/// [`PlainClient::starttls_with`], over TCP by [`PlainClient::starttls`], or, where the way to the server is safe, by
/// [`PlainClient::trust`].
pub struct PlainClient<T: AsyncTransport> {
    pub(super) core: Core<Timed<T>>,
}

debug_of_core!(AsyncTransport: Client, PlainClient);

impl<T: AsyncTransport> Client<T> {
    /// What the server offers.
    pub fn extensions(&self) -> &Extensions {
        self.core.extensions()
    }

    /// Runs a command that needs no authentication, which may still follow.
    ///
    /// # Errors
    /// Those of the command.
    pub async fn run<C: BeforeLogin>(&mut self, command: C) -> Result<C::Output, Error> {
        self.core.run(command).await
    }

    /// Authenticates (RFC 4954). The mechanism makes its message now, with a fresh nonce and the time of
    /// now; a message too long for the command line is sent on a line of its own.
    ///
    /// # Errors
    /// [`LoginRefused`], which converts into [`Error`](crate::Error) for `?` and gives the connection back for another
    /// attempt where it is still usable.
    pub async fn authenticate(
        self,
        mechanism: impl Mechanism,
    ) -> Result<Session<T>, LoginRefused<Self>> {
        self.authenticate_with(mechanism, |command| command).await
    }

    /// The same with the options of [`Auth`]: a mechanism the server does not list, or never an initial
    /// response.
    ///
    /// # Errors
    /// As [`Client::authenticate`].
    pub async fn authenticate_with(
        mut self,
        mechanism: impl Mechanism,
        options: impl FnOnce(Auth) -> Auth,
    ) -> Result<Session<T>, LoginRefused<Self>> {
        match self.core.log_in(&mechanism, options).await {
            Ok(()) => Ok(Session { core: self.core }),
            Err(error) => {
                let client = self.core.is_usable().then_some(self);
                Err(LoginRefused::new(error, client))
            }
        }
    }

    /// Goes on without credentials, for servers that ask for none: a relay on loopback, a test server.
    pub fn without_authentication(self) -> Session<T> {
        Session { core: self.core }
    }

    /// As [`smtp::Client::boxed`](crate::smtp::Client::boxed).
    ///
    /// # Errors
    /// [`Error::Ended`] where the connection is closed.
    pub fn boxed(self) -> Result<Client<AnyAsyncTransport>, Error>
    where
        T: Send + 'static,
    {
        let Core { connection, machine, introduction, began } = self.core;
        let (timed, settings) = connection.into_parts()?;
        let connection = Connection::new(timed.boxed(), settings);
        Ok(Client { core: Core { connection, machine, introduction, began } })
    }

    /// False after a fault: only a new connection helps.
    pub fn is_usable(&self) -> bool {
        self.core.is_usable()
    }
}

impl<T: AsyncTransport> PlainClient<T> {
    /// Takes credentials in the clear from now on. For loopback, tests and tunnels that are protected
    /// otherwise: whoever sees the octets can use the token.
    pub fn trust(self) -> Client<T> {
        Client { core: self.core }
    }

    /// What the server offers in the clear.
    pub fn extensions(&self) -> &Extensions {
        self.core.extensions()
    }
}

impl<T: AsyncTransport> PlainClient<T> {
    /// Protects the connection with TLS of another library, as
    /// [`smtp::PlainClient::starttls_with`](crate::smtp::PlainClient::starttls_with).
    ///
    /// # Errors
    /// As there; [`Error::TlsDeadline`] where `secure` takes too long.
    pub async fn starttls_with<U: AsyncTransport, F>(
        mut self,
        secure: impl FnOnce(T) -> F,
    ) -> Result<Client<U>, Error>
    where
        F: Future<Output = io::Result<U>>,
    {
        self.core.connection.allow_time();
        let (bare, settings, limits, name) = self.core.agree_on_tls().await?;
        let secured = bare.secured_by(secure, &settings).await?;
        let mut core = Core::new(secured, settings, limits, name);
        core.hello(|ehlo| ehlo).await?;
        Ok(Client { core })
    }
}

impl PlainClient<TcpStream> {
    /// Protects the connection with TLS (RFC 3207) and says EHLO again. Whatever was said in the clear is
    /// forgotten.
    ///
    /// # Errors
    /// [`smtp::Error::TlsUnavailable`](xoauth_smtp::Error::TlsUnavailable) where the server does not offer it or refuses it;
    /// [`smtp::Error::PlaintextAfterStartTls`](xoauth_smtp::Error::PlaintextAfterStartTls) where octets follow its answer in the clear;
    /// [`Error::Certificate`] and [`Error::TlsHandshake`].
    pub async fn starttls(mut self, tls: &Tls) -> Result<Client<AsyncTlsTransport>, Error> {
        self.core.connection.allow_time();
        self.starttls_in_time(tls).await
    }

    pub(super) async fn starttls_in_time(
        self,
        tls: &Tls,
    ) -> Result<Client<AsyncTlsTransport>, Error> {
        let (stream, settings, limits, name) = self.core.agree_on_tls().await?;
        let stream = tls.secured(stream, &settings).await?;
        let mut core = Core::new(stream, settings, limits, name);
        core.hello(|ehlo| ehlo).await?;
        Ok(Client { core })
    }
}
