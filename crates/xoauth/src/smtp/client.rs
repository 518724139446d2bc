//! Connections before they are authenticated.

use std::io;

use xoauth_sasl::Mechanism;
use xoauth_smtp::Extensions;
use xoauth_smtp::exchange::{Auth, BeforeLogin};

use super::Session;
use super::core::Core;
use crate::net::{AnyTransport, Blocking, Connection, Transport, debug_of_core, now};
#[cfg(feature = "native-tls")]
use crate::net::{TcpTransport, Tls, TlsTransport};
use crate::{Error, LoginRefused};

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
    /// What the server offers.
    pub fn extensions(&self) -> &Extensions {
        self.core.extensions()
    }

    /// Runs a command that needs no authentication, which may still follow.
    ///
    /// # Errors
    /// Those of the command.
    pub fn run<C: BeforeLogin>(&mut self, command: C) -> Result<C::Output, Error> {
        now(self.core.run(command))
    }

    /// Authenticates (RFC 4954). The mechanism makes its message now, with a fresh nonce and the time of
    /// now; a message too long for the command line is sent on a line of its own.
    ///
    /// # Errors
    /// [`LoginRefused`], which converts into [`Error`](crate::Error) for `?` and gives the connection back for another
    /// attempt where it is still usable.
    pub fn authenticate(self, mechanism: impl Mechanism) -> Result<Session<T>, LoginRefused<Self>> {
        self.authenticate_with(mechanism, |command| command)
    }

    /// The same with the options of [`Auth`]: a mechanism the server does not list, or never an initial
    /// response.
    ///
    /// # Errors
    /// As [`Client::authenticate`].
    pub fn authenticate_with(
        mut self,
        mechanism: impl Mechanism,
        options: impl FnOnce(Auth) -> Auth,
    ) -> Result<Session<T>, LoginRefused<Self>> {
        match now(self.core.log_in(&mechanism, options)) {
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

    /// The same connection with the type of its stream erased: for programs that reach servers in more ways
    /// than one.
    ///
    /// # Errors
    /// [`Error::Ended`] where the connection is closed.
    pub fn boxed(self) -> Result<Client<AnyTransport>, Error>
    where
        T: Send + 'static,
    {
        let Core { connection, machine, introduction, began } = self.core;
        let (blocking, settings) = connection.into_parts()?;
        let transport: AnyTransport = Box::new(blocking.stream);
        let connection = Connection::new(Blocking::new(transport), settings);
        Ok(Client { core: Core { connection, machine, introduction, began } })
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

    /// What the server offers in the clear.
    pub fn extensions(&self) -> &Extensions {
        self.core.extensions()
    }
}

impl<T: Transport> PlainClient<T> {
    /// Protects the connection with TLS of another library (RFC 3207): `secure` is given the bare stream and does the
    /// handshake on it; then says EHLO again. It is for `secure` to verify the server's certificate and its name. Whatever was said in the clear is
    /// forgotten.
    ///
    /// # Errors
    /// [`smtp::Error::TlsUnavailable`](xoauth_smtp::Error::TlsUnavailable) and
    /// [`smtp::Error::PlaintextAfterStartTls`](xoauth_smtp::Error::PlaintextAfterStartTls), as `starttls`; [`Error::OwnTls`] for
    /// that of `secure`, or [`Error::TlsDeadline`] where it is [`io::ErrorKind::TimedOut`].
    pub fn starttls_with<U: Transport>(
        mut self,
        secure: impl FnOnce(T) -> io::Result<U>,
    ) -> Result<Client<U>, Error> {
        self.core.connection.allow_time();
        let (bare, settings, limits, name) = now(self.core.agree_on_tls())?;
        let secured = settings.secured_by(secure(bare.stream))?;
        let mut core = Core::new(Blocking::new(secured), settings, limits, name);
        now(core.hello(|ehlo| ehlo))?;
        Ok(Client { core })
    }
}

#[cfg(feature = "native-tls")]
impl PlainClient<TcpTransport> {
    /// Protects the connection with TLS (RFC 3207) and says EHLO again. Whatever was said in the clear is
    /// forgotten.
    ///
    /// # Errors
    /// [`smtp::Error::TlsUnavailable`](xoauth_smtp::Error::TlsUnavailable) where the server does not offer it or refuses it;
    /// [`smtp::Error::PlaintextAfterStartTls`](xoauth_smtp::Error::PlaintextAfterStartTls) where octets follow its answer in the clear;
    /// [`Error::Certificate`] and [`Error::TlsHandshake`].
    pub fn starttls(mut self, tls: &Tls) -> Result<Client<TlsTransport>, Error> {
        self.core.connection.allow_time();
        self.starttls_in_time(tls)
    }

    pub(super) fn starttls_in_time(self, tls: &Tls) -> Result<Client<TlsTransport>, Error> {
        let (io, settings, limits, name) = now(self.core.agree_on_tls())?;
        let transport = settings.handshake(tls, io.stream)?;
        let mut core = Core::new(Blocking::new(transport), settings, limits, name);
        now(core.hello(|ehlo| ehlo))?;
        Ok(Client { core })
    }
}
