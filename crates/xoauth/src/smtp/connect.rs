//! Opening a connection.

#[cfg(unix)]
use std::time::Instant;

use xoauth_smtp::exchange::Ehlo;
use xoauth_smtp::{ClientName, Limits};

use super::core::{Core, Introduction, Protocol};
use super::{Client, PlainClient};
use crate::Error;
#[cfg(feature = "native-tls")]
use crate::net::TlsTransport;
#[cfg(unix)]
use crate::net::UnixTransport;
use crate::net::{Blocking, Options, TcpTransport, Transport, builder_methods, now};

/// Connects to `host` with implicit TLS on port 465 (RFC 8314, 3.3), certificate and host name verified
/// against the system's roots. For a server that listens on 587 alone, as Microsoft's do, take
/// `Builder::new(host).starttls().connect()`.
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
    name: Option<ClientName>,
    protocol: Protocol,
}

impl Builder {
    /// Will connect to `host`, a name or an address.
    pub fn new(host: &str) -> Self {
        Self {
            options: Options::new(host),
            limits: Limits::default(),
            name: None,
            protocol: Protocol::Smtp,
        }
    }

    builder_methods!("465 (implicit TLS) or 587");

    /// How we introduce ourselves in EHLO. By default the address of our end of the connection, which needs
    /// no name server (RFC 5321, 4.1.4).
    pub fn client_name(mut self, name: ClientName) -> Self {
        self.name = Some(name);
        self
    }

    /// Speaks LMTP instead of SMTP (RFC 2033): mail is delivered here and now, and the end of a message is
    /// answered for each recipient. The port is 24, unless another is named.
    pub fn lmtp(mut self) -> Self {
        self.protocol = Protocol::Lmtp;
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
        let (transport, settings) = self.options.dial_tls(self.protocol.port(465))?;
        let name = self.name_on(transport.get_ref());
        let mut core = Core::new(Blocking::new(transport), settings, self.limits, name);
        now(core.greet())?;
        now(core.hello(|ehlo| ehlo))?;
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
        self.connect_in_the_clear(|ehlo| ehlo.in_the_clear().without_fallback())?
            .starttls_in_time(&tls)
    }

    /// Connects in the clear, hears the greeting and says EHLO; the client takes no credentials.
    ///
    /// # Errors
    /// [`Error::Connect`], and [`Error::Smtp`] for what the server says.
    pub fn connect_plain(&self) -> Result<PlainClient<TcpTransport>, Error> {
        self.connect_in_the_clear(Ehlo::in_the_clear)
    }

    /// Begins SMTP on a stream that is protected already, say by another TLS library: hears the greeting and
    /// says EHLO. Host and port are those that mechanisms sign; nothing is dialled.
    ///
    /// # Errors
    /// [`Error::Smtp`] for what the server says.
    pub fn from_stream<T: Transport>(&self, transport: T) -> Result<Client<T>, Error> {
        self.greeted(transport, 465, |ehlo| ehlo).map(|core| Client { core })
    }

    /// Connects to a Unix socket, where a mail system of this machine listens, usually for LMTP. Whoever
    /// may reach it is decided by its file, and nothing leaves the machine: the client takes credentials.
    ///
    /// # Errors
    /// [`Error::Connect`], and [`Error::Smtp`] for what the server says.
    #[cfg(unix)]
    pub fn connect_unix(
        &self,
        path: impl AsRef<std::path::Path>,
    ) -> Result<Client<UnixTransport>, Error> {
        let settings = self.options.settings(self.protocol.port(465), Instant::now());
        let mut transport = UnixTransport::connect(path.as_ref(), settings.deadline)?;
        transport.set_deadline(settings.deadline);
        let introduction = self.introduction(None);
        let mut core = Core::new(Blocking::new(transport), settings, self.limits, introduction);
        now(core.greet())?;
        now(core.hello(Ehlo::in_the_clear))?;
        Ok(Client { core })
    }

    /// Begins SMTP on a stream in the clear and hears the greeting; the client takes no credentials. Nothing is
    /// dialled.
    ///
    /// # Errors
    /// [`Error::Smtp`] for what the server says.
    pub fn from_plain_stream<T: Transport>(&self, transport: T) -> Result<PlainClient<T>, Error> {
        self.greeted(transport, 587, Ehlo::in_the_clear).map(|core| PlainClient { core })
    }

    /// Hears the greeting of a stream and says EHLO.
    fn greeted<T: Transport>(
        &self,
        transport: T,
        port: u16,
        ehlo: fn(Ehlo) -> Ehlo,
    ) -> Result<Core<Blocking<T>>, Error> {
        let settings = self.options.settings(self.protocol.port(port), transport.now());
        let mut core =
            Core::new(Blocking::new(transport), settings, self.limits, self.introduction(None));
        now(core.greet())?;
        now(core.hello(ehlo))?;
        Ok(core)
    }

    fn connect_in_the_clear(
        &self,
        ehlo: fn(Ehlo) -> Ehlo,
    ) -> Result<PlainClient<TcpTransport>, Error> {
        let (transport, settings) = self.options.dial(self.protocol.port(587))?;
        let name = self.name_on(&transport);
        let mut core = Core::new(Blocking::new(transport), settings, self.limits, name);
        now(core.greet())?;
        now(core.hello(ehlo))?;
        Ok(PlainClient { core })
    }

    fn name_on(&self, transport: &TcpTransport) -> Introduction {
        let address = transport.local_address().ok().map(|address| ClientName::from(address.ip()));
        self.introduction(address)
    }

    fn introduction(&self, address: Option<ClientName>) -> Introduction {
        let name = self.name.clone().or(address).unwrap_or_default();
        Introduction { name, protocol: self.protocol }
    }
}
