//! Opening a connection.

use xoauth_imap::Limits;

use super::core::Core;
use super::{Client, PlainClient};
use crate::Error;
#[cfg(feature = "native-tls")]
use crate::net::TlsTransport;
use crate::net::{Blocking, Options, TcpTransport, Transport, builder_methods, now};

/// Connects to `host` with implicit TLS on port 993 (RFC 8314, 3.2), certificate and host name verified
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
#[must_use = "a builder connects when it is told to"]
pub struct Builder {
    options: Options,
    limits: Limits,
}

impl Builder {
    /// Will connect to `host`, a name or an address.
    pub fn new(host: &str) -> Self {
        Self { options: Options::new(host), limits: Limits::default() }
    }

    builder_methods!("993 (implicit TLS) or 143");

    /// Connects with implicit TLS, or with [STARTTLS](Builder::starttls), and hears the greeting.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Certificate`], [`Error::TlsHandshake`], [`Error::TlsDeadline`], and
    /// [`Error::Imap`] for what the greeting says.
    #[cfg(feature = "native-tls")]
    pub fn connect(&self) -> Result<Client<TlsTransport>, Error> {
        if self.options.starttls {
            return self.connect_starttls();
        }
        let (transport, settings) = self.options.dial_tls(993)?;
        Ok(Client { core: now(Core::greeted(Blocking::new(transport), settings, self.limits))? })
    }

    /// Connects in the clear, hears the greeting and protects the connection with STARTTLS.
    ///
    /// # Errors
    /// As [`Builder::connect`], and those of [`PlainClient::starttls`].
    #[cfg(feature = "native-tls")]
    pub fn connect_starttls(&self) -> Result<Client<TlsTransport>, Error> {
        let tls = self.options.tls()?;
        self.connect_plain()?.starttls_in_time(&tls)
    }

    /// Connects in the clear and hears the greeting; the client takes no credentials.
    ///
    /// # Errors
    /// [`Error::Connect`], and [`Error::Imap`] for what the greeting says.
    pub fn connect_plain(&self) -> Result<PlainClient<TcpTransport>, Error> {
        let (transport, settings) = self.options.dial(143)?;
        Ok(PlainClient {
            core: now(Core::greeted(Blocking::new(transport), settings, self.limits))?,
        })
    }

    /// Begins IMAP on a stream that is protected already, say by another TLS library, and hears the greeting.
    /// Host and port are those that mechanisms sign; nothing is dialled.
    ///
    /// # Errors
    /// [`Error::Imap`] for what the greeting says.
    pub fn from_stream<T: Transport>(&self, transport: T) -> Result<Client<T>, Error> {
        let settings = self.options.settings(993, transport.now());
        Ok(Client { core: now(Core::greeted(Blocking::new(transport), settings, self.limits))? })
    }

    /// Begins IMAP on a stream in the clear and hears the greeting; the client takes no credentials. Nothing is
    /// dialled.
    ///
    /// # Errors
    /// [`Error::Imap`] for what the greeting says.
    pub fn from_plain_stream<T: Transport>(&self, transport: T) -> Result<PlainClient<T>, Error> {
        self.from_stream(transport).map(|client| PlainClient { core: client.core })
    }
}
