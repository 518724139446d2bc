//! Connections before they are authenticated.

use std::io;

use tokio::net::TcpStream;
use xoauth_imap::command::{Authenticate, BeforeLogin, Login};
use xoauth_imap::{Capabilities, State};
use xoauth_sasl::Mechanism;

use super::Session;
use crate::imap::core::Core;
use crate::net::{
    AnyAsyncTransport, AsyncTlsTransport, AsyncTransport, Connection, Timed, Tls, debug_of_core,
};
use crate::{Error, LoginRefused, Secret};

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
    /// As [`imap::Client::capabilities`](crate::imap::Client::capabilities).
    ///
    /// # Errors
    /// Those of the command CAPABILITY.
    pub async fn capabilities(&mut self) -> Result<&Capabilities, Error> {
        self.core.connection.allow_time();
        self.core.know_capabilities().await?;
        self.core.state().capabilities().ok_or(Error::Ended)
    }

    /// Runs a command that is allowed in every state.
    ///
    /// # Errors
    /// Those of the command.
    pub async fn run<C: BeforeLogin>(&mut self, command: C) -> Result<C::Output, Error> {
        self.core.run(command).await
    }

    /// As [`imap::Client::authenticate`](crate::imap::Client::authenticate).
    ///
    /// # Errors
    /// [`LoginRefused`], which converts into [`Error`] for `?` and gives the connection back for another
    /// attempt where it is still usable.
    pub async fn authenticate(
        self,
        mechanism: impl Mechanism,
    ) -> Result<Session<T>, LoginRefused<Self>> {
        self.authenticate_with(mechanism, |command| command).await
    }

    /// The same with the options of [`Authenticate`]: a mechanism the server does not list, or with and
    /// without an initial response.
    ///
    /// # Errors
    /// As [`Client::authenticate`].
    pub async fn authenticate_with(
        mut self,
        mechanism: impl Mechanism,
        options: impl FnOnce(Authenticate) -> Authenticate,
    ) -> Result<Session<T>, LoginRefused<Self>> {
        match self.core.log_in(&mechanism, options).await {
            Ok(()) => Ok(Session { core: self.core }),
            Err(error) => {
                let client = self.core.is_usable().then_some(self);
                Err(LoginRefused::new(error, client))
            }
        }
    }

    /// As [`imap::Client::login`](crate::imap::Client::login).
    ///
    /// # Errors
    /// As [`Client::authenticate`]; also where the server says LOGINDISABLED, before anything is sent.
    pub async fn login(
        mut self,
        user: impl Into<String>,
        password: impl Into<Secret>,
    ) -> Result<Session<T>, LoginRefused<Self>> {
        match self.core.run(Login::new(user, password)).await {
            Ok(_) => Ok(Session { core: self.core }),
            Err(error) => {
                let client = self.core.is_usable().then_some(self);
                Err(LoginRefused::new(error, client))
            }
        }
    }

    /// What is known of the session.
    pub fn state(&self) -> &State {
        self.core.state()
    }

    /// The server greeted with PREAUTH: the connection is authenticated already (RFC 9051, 7.1.4).
    ///
    /// # Errors
    /// The client itself, where the server did not.
    pub fn preauthenticated(self) -> Result<Session<T>, Box<Self>> {
        if self.core.state().is_preauthenticated() {
            Ok(Session { core: self.core })
        } else {
            Err(Box::new(self))
        }
    }

    /// As [`imap::Client::boxed`](crate::imap::Client::boxed).
    ///
    /// # Errors
    /// [`Error::Ended`] where the connection is closed.
    pub fn boxed(self) -> Result<Client<AnyAsyncTransport>, Error>
    where
        T: Send + 'static,
    {
        let Core { connection, machine } = self.core;
        let (timed, settings) = connection.into_parts()?;
        let connection = Connection::new(timed.boxed(), settings);
        Ok(Client { core: Core::on(connection, machine) })
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

    /// What is known of the session.
    pub fn state(&self) -> &State {
        self.core.state()
    }
}

impl<T: AsyncTransport> PlainClient<T> {
    /// Protects the connection with TLS of another library, as
    /// [`imap::PlainClient::starttls_with`](crate::imap::PlainClient::starttls_with).
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
        let (bare, settings, limits) = self.core.agree_on_tls().await?;
        let secured = bare.secured_by(secure, &settings).await?;
        Ok(Client { core: Core::new(secured, settings, limits)? })
    }
}

impl PlainClient<TcpStream> {
    /// Protects the connection with TLS, as
    /// [`imap::PlainClient::starttls`](crate::imap::PlainClient::starttls).
    ///
    /// # Errors
    /// As there.
    pub async fn starttls(mut self, tls: &Tls) -> Result<Client<AsyncTlsTransport>, Error> {
        self.core.connection.allow_time();
        self.starttls_in_time(tls).await
    }

    pub(super) async fn starttls_in_time(
        self,
        tls: &Tls,
    ) -> Result<Client<AsyncTlsTransport>, Error> {
        let (stream, settings, limits) = self.core.agree_on_tls().await?;
        let stream = tls.secured(stream, &settings).await?;
        Ok(Client { core: Core::new(stream, settings, limits)? })
    }
}
