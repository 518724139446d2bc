//! Opening an async connection.

use tokio::net::TcpStream;
use xoauth_smtp::exchange::Ehlo;
use xoauth_smtp::{ClientName, Limits};

use super::{Client, PlainClient};
use crate::Error;
#[cfg(unix)]
use crate::net::by;
use crate::net::{AsyncTlsTransport, AsyncTransport, Options, Timed, builder_methods};
use crate::smtp::core::{Core, Introduction, Protocol};

/// Connects to `host` with implicit TLS on port 465 (RFC 8314, 3.3), certificate and host name verified
/// against the system's roots. For a server that listens on 587 alone, as Microsoft's do, take
/// `Builder::new(host).starttls().connect()`.
///
/// # Errors
/// Those of [`Builder::connect`].
pub async fn connect(host: &str) -> Result<Client<AsyncTlsTransport>, Error> {
    Builder::new(host).connect().await
}

/// How often a Unix socket whose backlog is full is looked at.
#[cfg(unix)]
const BACKLOG: std::time::Duration = std::time::Duration::from_millis(50);

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
    pub async fn connect(&self) -> Result<Client<AsyncTlsTransport>, Error> {
        if self.options.starttls {
            return self.connect_starttls().await;
        }
        let (transport, settings) = self.options.dial_tls_async(self.protocol.port(465)).await?;
        let name = self.name_on(transport.get_ref().get_ref());
        let mut core = Core::new(transport, settings, self.limits, name);
        core.greet().await?;
        core.hello(|ehlo| ehlo).await?;
        Ok(Client { core })
    }

    /// Connects in the clear, hears the greeting and protects the connection with STARTTLS.
    ///
    /// # Errors
    /// As [`Builder::connect`], and those of [`PlainClient::starttls`].
    pub async fn connect_starttls(&self) -> Result<Client<AsyncTlsTransport>, Error> {
        let tls = self.options.tls()?;
        // A server that only takes HELO offers no STARTTLS: falling back to it would hide the refusal.
        self.connect_in_the_clear(|ehlo| ehlo.in_the_clear().without_fallback())
            .await?
            .starttls_in_time(&tls)
            .await
    }

    /// Connects in the clear, hears the greeting and says EHLO; the client takes no credentials.
    ///
    /// # Errors
    /// [`Error::Connect`], and [`Error::Smtp`] for what the server says.
    pub async fn connect_plain(&self) -> Result<PlainClient<TcpStream>, Error> {
        self.connect_in_the_clear(Ehlo::in_the_clear).await
    }

    /// Begins SMTP on a stream that is protected already, say by another TLS library: hears the greeting and
    /// says EHLO. Host and port are those that mechanisms sign; nothing is dialled.
    ///
    /// # Errors
    /// [`Error::Smtp`] for what the server says.
    pub async fn from_stream<T: AsyncTransport>(&self, stream: T) -> Result<Client<T>, Error> {
        let core = self.greeted(stream, 465, |ehlo| ehlo).await?;
        Ok(Client { core })
    }

    /// Begins SMTP on a stream in the clear and hears the greeting; the client takes no credentials. Nothing is
    /// dialled.
    ///
    /// # Errors
    /// [`Error::Smtp`] for what the server says.
    pub async fn from_plain_stream<T: AsyncTransport>(
        &self,
        stream: T,
    ) -> Result<PlainClient<T>, Error> {
        let core = self.greeted(stream, 587, Ehlo::in_the_clear).await?;
        Ok(PlainClient { core })
    }

    /// Connects to a Unix socket, where a mail system of this machine listens, usually for LMTP. Whoever
    /// may reach it is decided by its file, and nothing leaves the machine: the client takes credentials.
    ///
    /// # Errors
    /// [`Error::Connect`], and [`Error::Smtp`] for what the server says.
    #[cfg(unix)]
    pub async fn connect_unix(
        &self,
        path: impl AsRef<std::path::Path>,
    ) -> Result<Client<tokio::net::UnixStream>, Error> {
        let path = path.as_ref();
        let settings = self.options.settings_async(self.protocol.port(465));
        let connecting = async {
            loop {
                match tokio::net::UnixStream::connect(path).await {
                    // Where the backlog is full Linux does not wait for a stream that does not (connect(2), EAGAIN).
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        tokio::time::sleep(BACKLOG).await;
                    }
                    connected => return connected,
                }
            }
        };
        let connected = by(settings.deadline, connecting).await;
        let stream = connected.unwrap_or_else(|| Err(std::io::ErrorKind::TimedOut.into()));
        let stream = stream.map_err(|source| Error::Connect {
            host: path.display().to_string(),
            port: 0,
            source,
        })?;
        let introduction = self.introduction(None);
        let mut core = Core::new(Timed::new(stream), settings, self.limits, introduction);
        core.greet().await?;
        core.hello(Ehlo::in_the_clear).await?;
        Ok(Client { core })
    }

    /// Hears the greeting of a stream and says EHLO.
    async fn greeted<T: AsyncTransport>(
        &self,
        stream: T,
        port: u16,
        ehlo: fn(Ehlo) -> Ehlo,
    ) -> Result<Core<Timed<T>>, Error> {
        let settings = self.options.settings_async(self.protocol.port(port));
        let mut core =
            Core::new(Timed::new(stream), settings, self.limits, self.introduction(None));
        core.greet().await?;
        core.hello(ehlo).await?;
        Ok(core)
    }

    async fn connect_in_the_clear(
        &self,
        ehlo: fn(Ehlo) -> Ehlo,
    ) -> Result<PlainClient<TcpStream>, Error> {
        let (transport, settings) = self.options.dial_async(self.protocol.port(587)).await?;
        let name = self.name_on(transport.get_ref());
        let mut core = Core::new(transport, settings, self.limits, name);
        core.greet().await?;
        core.hello(ehlo).await?;
        Ok(PlainClient { core })
    }

    fn name_on(&self, stream: &TcpStream) -> Introduction {
        let address = stream.local_addr().ok().map(|address| ClientName::from(address.ip()));
        self.introduction(address)
    }

    fn introduction(&self, address: Option<ClientName>) -> Introduction {
        let name = self.name.clone().or(address).unwrap_or_default();
        Introduction { name, protocol: self.protocol }
    }
}
