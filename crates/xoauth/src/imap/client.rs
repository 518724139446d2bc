//! Connections before they are authenticated.

use std::io;

use xoauth_imap::command::{Authenticate, BeforeLogin, Login};
use xoauth_imap::{Capabilities, State};
use xoauth_sasl::Mechanism;

use super::Session;
use super::core::Core;
use crate::net::{AnyTransport, Blocking, Connection, Transport, debug_of_core, now};
#[cfg(feature = "native-tls")]
use crate::net::{TcpTransport, Tls, TlsTransport};
use crate::{Error, LoginRefused, Secret};

/// A connection that may carry credentials, not authenticated yet.
pub struct Client<T: Transport> {
    pub(super) core: Core<Blocking<T>>,
}

/// A connection in the clear, which takes no credentials: it can become a [`Client`] by
/// [`PlainClient::starttls_with`], over TCP by `starttls` (feature `native-tls`), or, where the way to the server is safe,
/// by [`PlainClient::trust`].
pub struct PlainClient<T: Transport> {
    pub(super) core: Core<Blocking<T>>,
}

debug_of_core!(Transport: Client, PlainClient);

impl<T: Transport> Client<T> {
    /// The server's capabilities; asked for where the greeting did not tell them.
    ///
    /// # Errors
    /// Those of the command CAPABILITY.
    pub fn capabilities(&mut self) -> Result<&Capabilities, Error> {
        self.core.connection.allow_time();
        now(self.core.know_capabilities())?;
        self.core.state().capabilities().ok_or(Error::Ended)
    }

    /// Runs a command that is allowed in every state.
    ///
    /// # Errors
    /// Those of the command.
    pub fn run<C: BeforeLogin>(&mut self, command: C) -> Result<C::Output, Error> {
        now(self.core.run(command))
    }

    /// Authenticates (RFC 9051, 6.2.2). The mechanism makes its message now, with a fresh nonce and the time
    /// of now.
    ///
    /// # Errors
    /// [`LoginRefused`], which converts into [`Error`] for `?` and gives the connection back for another
    /// attempt where it is still usable.
    pub fn authenticate(self, mechanism: impl Mechanism) -> Result<Session<T>, LoginRefused<Self>> {
        self.authenticate_with(mechanism, |command| command)
    }

    /// The same with the options of [`Authenticate`]: a mechanism the server does not list, or with and
    /// without an initial response.
    ///
    /// # Errors
    /// As [`Client::authenticate`].
    pub fn authenticate_with(
        mut self,
        mechanism: impl Mechanism,
        options: impl FnOnce(Authenticate) -> Authenticate,
    ) -> Result<Session<T>, LoginRefused<Self>> {
        match now(self.core.log_in(&mechanism, options)) {
            Ok(()) => Ok(Session { core: self.core }),
            Err(error) => {
                let client = self.core.is_usable().then_some(self);
                Err(LoginRefused::new(error, client))
            }
        }
    }

    /// Logs in with a password: LOGIN (RFC 9051, 6.2.3), for servers without OAuth.
    ///
    /// # Errors
    /// As [`Client::authenticate`]; also where the server says LOGINDISABLED, before anything is sent.
    pub fn login(
        mut self,
        user: impl Into<String>,
        password: impl Into<Secret>,
    ) -> Result<Session<T>, LoginRefused<Self>> {
        match now(self.core.run(Login::new(user, password))) {
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

    /// The same connection with the type of its stream erased: for programs that reach servers in more ways
    /// than one.
    ///
    /// # Errors
    /// [`Error::Ended`] where the connection is closed.
    pub fn boxed(self) -> Result<Client<AnyTransport>, Error>
    where
        T: Send + 'static,
    {
        let Core { connection, machine } = self.core;
        let (blocking, settings) = connection.into_parts()?;
        let transport: AnyTransport = Box::new(blocking.stream);
        let connection = Connection::new(Blocking::new(transport), settings);
        Ok(Client { core: Core::on(connection, machine) })
    }

    /// False after a fault: only a new connection helps.
    pub fn is_usable(&self) -> bool {
        self.core.is_usable()
    }
}

impl<T: Transport> PlainClient<T> {
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

impl<T: Transport> PlainClient<T> {
    /// Protects the connection with TLS of another library (RFC 9051, 6.2.1): `secure` is given the bare stream and does the
    /// handshake on it. It is for `secure` to verify the server's certificate and its name. Whatever was said in the clear is
    /// forgotten.
    ///
    /// # Errors
    /// [`imap::Error::TlsUnavailable`](xoauth_imap::Error::TlsUnavailable) and
    /// [`imap::Error::PlaintextAfterStartTls`](xoauth_imap::Error::PlaintextAfterStartTls), as `starttls`; [`Error::OwnTls`] for
    /// that of `secure`, or [`Error::TlsDeadline`] where it is [`io::ErrorKind::TimedOut`].
    pub fn starttls_with<U: Transport>(
        mut self,
        secure: impl FnOnce(T) -> io::Result<U>,
    ) -> Result<Client<U>, Error> {
        self.core.connection.allow_time();
        let (bare, settings, limits) = now(self.core.agree_on_tls())?;
        let secured = settings.secured_by(secure(bare.stream))?;
        Ok(Client { core: Core::new(Blocking::new(secured), settings, limits)? })
    }
}

#[cfg(feature = "native-tls")]
impl PlainClient<TcpTransport> {
    /// Protects the connection with TLS (RFC 9051, 6.2.1). Whatever was said in the clear is forgotten.
    ///
    /// # Errors
    /// [`imap::Error::TlsUnavailable`](xoauth_imap::Error::TlsUnavailable) where the server does not offer it, refuses it or greeted with
    /// PREAUTH; [`imap::Error::PlaintextAfterStartTls`](xoauth_imap::Error::PlaintextAfterStartTls) where octets follow its answer in the clear;
    /// [`Error::Certificate`] and [`Error::TlsHandshake`].
    pub fn starttls(mut self, tls: &Tls) -> Result<Client<TlsTransport>, Error> {
        self.core.connection.allow_time();
        self.starttls_in_time(tls)
    }

    pub(super) fn starttls_in_time(self, tls: &Tls) -> Result<Client<TlsTransport>, Error> {
        let (io, settings, limits) = now(self.core.agree_on_tls())?;
        let transport = settings.handshake(tls, io.stream)?;
        Ok(Client { core: Core::new(Blocking::new(transport), settings, limits)? })
    }
}
