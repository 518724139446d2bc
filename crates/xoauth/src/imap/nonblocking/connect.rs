//! Opening an async connection.

use tokio::net::TcpStream;
use xoauth_imap::Limits;

use super::{Client, PlainClient};
use crate::Error;
use crate::imap::core::Core;
use crate::net::{AsyncTlsTransport, AsyncTransport, Options, Timed, builder_methods};

/// Connects to `host` with implicit TLS on port 993 (RFC 8314, 3.2), certificate and host name verified
/// against the system's roots.
///
/// # Errors
/// Those of [`Builder::connect`].
pub async fn connect(host: &str) -> Result<Client<AsyncTlsTransport>, Error> {
    Builder::new(host).connect().await
}

/// How to connect; every choice has a default.
#[derive(Debug, Clone)]
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
    pub async fn connect(&self) -> Result<Client<AsyncTlsTransport>, Error> {
        if self.options.starttls {
            return self.connect_starttls().await;
        }
        let (stream, settings) = self.options.dial_tls_async(993).await?;
        Ok(Client { core: Core::greeted(stream, settings, self.limits).await? })
    }

    /// Connects in the clear, hears the greeting and protects the connection with STARTTLS.
    ///
    /// # Errors
    /// As [`Builder::connect`], and those of [`PlainClient::starttls`].
    pub async fn connect_starttls(&self) -> Result<Client<AsyncTlsTransport>, Error> {
        let tls = self.options.tls()?;
        self.connect_plain().await?.starttls_in_time(&tls).await
    }

    /// Connects in the clear and hears the greeting; the client takes no credentials.
    ///
    /// # Errors
    /// [`Error::Connect`], and [`Error::Imap`] for what the greeting says.
    pub async fn connect_plain(&self) -> Result<PlainClient<TcpStream>, Error> {
        let (stream, settings) = self.options.dial_async(143).await?;
        Ok(PlainClient { core: Core::greeted(stream, settings, self.limits).await? })
    }

    /// Begins IMAP on a stream that is protected already, say by another TLS library, and hears the greeting.
    /// Host and port are those that mechanisms sign; nothing is dialled.
    ///
    /// # Errors
    /// [`Error::Imap`] for what the greeting says.
    pub async fn from_stream<T: AsyncTransport>(&self, stream: T) -> Result<Client<T>, Error> {
        let settings = self.options.settings_async(993);
        Ok(Client { core: Core::greeted(Timed::new(stream), settings, self.limits).await? })
    }

    /// Begins IMAP on a stream in the clear and hears the greeting; the client takes no credentials. Nothing is
    /// dialled.
    ///
    /// # Errors
    /// [`Error::Imap`] for what the greeting says.
    pub async fn from_plain_stream<T: AsyncTransport>(
        &self,
        stream: T,
    ) -> Result<PlainClient<T>, Error> {
        let client = self.from_stream(stream).await?;
        Ok(PlainClient { core: client.core })
    }
}
