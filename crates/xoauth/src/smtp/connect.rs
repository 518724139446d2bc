//! Opening a connection.

use xoauth_smtp::exchange::Ehlo;
use xoauth_smtp::{ClientName, Limits};

use super::core::Core;
use super::{Client, PlainClient};
use crate::Error;
#[cfg(feature = "native-tls")]
use crate::net::TlsTransport;
use crate::net::{Blocking, Options, TcpTransport, Transport, builder_methods, now};

/// Connects to `host` with implicit TLS on port 465 (RFC 8314, 3.3), certificate and host name verified
/// against the system's roots.
///
/// # Errors
/// Those of [`Builder::connect`].
#[cfg(feature = "native-tls")]
pub fn connect(host: &str) -> Result<Client<TlsTransport>, Error> {
    Builder::new(host).connect()
}

/// How to connect; every choice has a default.
#[derive(Debug, Clone)]
pub struct Builder {
    options: Options,
    limits: Limits,
    name: Option<ClientName>,
}

impl Builder {
    /// Will connect to `host`, a name or an address.
    pub fn new(host: &str) -> Self {
        Self { options: Options::new(host), limits: Limits::default(), name: None }
    }

    builder_methods!("465 (implicit TLS) or 587");

    /// How we introduce ourselves in EHLO. By default the address of our end of the connection, which needs
    /// no name server (RFC 5321, 4.1.4).
    pub fn client_name(mut self, name: ClientName) -> Self {
        self.name = Some(name);
        self
    }

    /// Connects with implicit TLS, or with [STARTTLS](Builder::starttls), hears the greeting and says EHLO.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Certificate`], [`Error::TlsHandshake`], [`Error::TlsDeadline`], and
    /// [`Error::Smtp`] for what the server says.
    #[cfg(feature = "native-tls")]
    pub fn connect(&self) -> Result<Client<TlsTransport>, Error> {
        if self.options.starttls {
            return self.connect_starttls();
        }
        let (transport, settings) = self.options.dial_tls(465)?;
        let name = self.name_on(transport.get_ref());
        let mut core = Core::new(Blocking::new(transport), settings, self.limits, name);
        now(core.greet())?;
        now(core.hello(Ehlo::new))?;
        Ok(Client { core })
    }

    /// Connects in the clear, hears the greeting and protects the connection with STARTTLS.
    ///
    /// # Errors
    /// As [`Builder::connect`], and those of [`PlainClient::starttls`].
    #[cfg(feature = "native-tls")]
    pub fn connect_starttls(&self) -> Result<Client<TlsTransport>, Error> {
        let tls = self.options.tls()?;
        // A server that only takes HELO offers no STARTTLS: falling back to it would hide the refusal.
        self.connect_in_the_clear(|name| Ehlo::new(name).without_fallback())?.starttls_in_time(&tls)
    }

    /// Connects in the clear, hears the greeting and says EHLO; the client takes no credentials.
    ///
    /// # Errors
    /// [`Error::Connect`], and [`Error::Smtp`] for what the server says.
    pub fn connect_plain(&self) -> Result<PlainClient<TcpTransport>, Error> {
        self.connect_in_the_clear(Ehlo::new)
    }

    /// Begins SMTP on a stream that is protected already, say by another TLS library: hears the greeting and
    /// says EHLO. Host and port are those that mechanisms sign; nothing is dialled.
    ///
    /// # Errors
    /// [`Error::Smtp`] for what the server says.
    pub fn from_stream<T: Transport>(&self, transport: T) -> Result<Client<T>, Error> {
        let name = self.name.clone().unwrap_or_default();
        let mut core =
            Core::new(Blocking::new(transport), self.options.settings(465), self.limits, name);
        now(core.greet())?;
        now(core.hello(Ehlo::new))?;
        Ok(Client { core })
    }

    fn connect_in_the_clear(
        &self,
        ehlo: fn(ClientName) -> Ehlo,
    ) -> Result<PlainClient<TcpTransport>, Error> {
        let (transport, settings) = self.options.dial(587)?;
        let name = self.name_on(&transport);
        let mut core = Core::new(Blocking::new(transport), settings, self.limits, name);
        now(core.greet())?;
        now(core.hello(ehlo))?;
        Ok(PlainClient { core })
    }

    fn name_on(&self, transport: &TcpTransport) -> ClientName {
        let address =
            || transport.local_address().ok().map(|address| ClientName::from(address.ip()));
        self.name.clone().or_else(address).unwrap_or_default()
    }
}
