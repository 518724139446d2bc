//! A server in another thread, in the clear or under TLS, and how its clients reach it.

use std::any::Any;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use e2e::certificates::{Authority, Identity};
use io_imap::client::ImapStream;
use native_tls::{Certificate, TlsConnector, TlsStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use xoauth::Tls;
use xoauth::imap::command::Select;
use xoauth::imap::{Builder, Session};
use xoauth::net::{TcpTransport, TlsTransport};
use xoauth::sasl::XOAuth2;

use super::replay::Replay;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What blocking peers read from.
pub(super) trait Stream: Read + Write + Send + 'static {}

impl<S: Read + Write + Send + 'static> Stream for S {}

/// What the other peer reads from.
pub(super) trait AsyncStream:
    AsyncRead + AsyncWrite + Unpin + std::fmt::Debug + Send
{
}

impl<S: AsyncRead + AsyncWrite + Unpin + std::fmt::Debug + Send> AsyncStream for S {}

pub(super) struct Server {
    address: SocketAddr,
    /// Times that octets of clients came in.
    pub(super) heard: Arc<AtomicU32>,
    /// Whom clients trust, under TLS.
    authority: Option<Authority>,
}

impl Server {
    pub(super) fn start(
        replay: impl Fn() -> Replay + Send + 'static,
        delay: Duration,
    ) -> io::Result<Self> {
        Self::listen(replay, delay, None)
    }

    pub(super) fn start_tls(replay: impl Fn() -> Replay + Send + 'static) -> io::Result<Self> {
        let authority = Authority::new()?;
        let identity = authority.localhost()?;
        let server = Self::listen(replay, Duration::ZERO, Some(identity))?;
        Ok(Self { authority: Some(authority), ..server })
    }

    fn listen(
        replay: impl Fn() -> Replay + Send + 'static,
        delay: Duration,
        identity: Option<Identity>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let heard = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (replay, counter) = (replay(), Arc::clone(&counter));
                let identity = identity.clone();
                std::thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    match identity {
                        Some(identity) => {
                            if let Ok(stream) = identity.accept(stream) {
                                serve(stream, replay, delay, &counter);
                            }
                        }
                        None => serve(stream, replay, delay, &counter),
                    }
                });
            }
        });
        Ok(Self { address, heard, authority: None })
    }

    pub(super) fn session(&self) -> Result<Session<TcpTransport>> {
        let builder = Builder::new("127.0.0.1").port(self.address.port());
        let session = builder.connect_plain()?.trust().authenticate(XOAuth2::new("user", "token")?);
        Ok(session.map_err(|refused| refused.to_string())?)
    }

    /// With a mailbox selected, as commands about messages want.
    pub(super) fn selected(&self) -> Result<Session<TcpTransport>> {
        let mut session = self.session()?;
        session.run(Select::new("INBOX"))?;
        Ok(session)
    }

    /// The same under TLS.
    pub(super) fn tls_session(&self) -> Result<Session<TlsTransport>> {
        let tls = self.trusting()?;
        let client = Builder::new("localhost").port(self.port()).tls(&tls).connect()?;
        let session = client.authenticate(XOAuth2::new("user", "token")?);
        let mut session = session.map_err(|refused| refused.to_string())?;
        session.run(Select::new("INBOX"))?;
        Ok(session)
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// A client of TLS that trusts this server.
    pub(super) fn trusting(&self) -> Result<Tls> {
        Ok(Tls::builder().add_roots(&self.root()?)?.only_these_roots().build()?)
    }

    /// Two connections that were greeted, the way the client does not see.
    pub(super) fn socket(&self) -> Result<[TcpStream; 2]> {
        Ok([self.raw()?, self.raw()?])
    }

    /// The same under TLS.
    pub(super) fn tls_socket(&self) -> Result<[TlsStream<TcpStream>; 2]> {
        let connector = self.connector()?;
        let connect = || -> Result<_> {
            let stream = connector.connect("localhost", self.connected()?)?;
            Ok(greeted(stream)?)
        };
        Ok([connect()?, connect()?])
    }

    pub(super) async fn async_socket(&self) -> Result<tokio::net::TcpStream> {
        let stream = tokio::net::TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        async_greeted(stream).await
    }

    pub(super) async fn async_tls_socket(
        &self,
    ) -> Result<tokio_native_tls::TlsStream<tokio::net::TcpStream>> {
        let connector = tokio_native_tls::TlsConnector::from(self.connector()?);
        let stream = tokio::net::TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        async_greeted(connector.connect("localhost", stream).await?).await
    }

    /// Connected and greeted.
    pub(super) fn raw(&self) -> io::Result<TcpStream> {
        greeted(self.connected()?)
    }

    fn connected(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn connector(&self) -> Result<TlsConnector> {
        let root = Certificate::from_pem(&self.root()?)?;
        Ok(TlsConnector::builder().add_root_certificate(root).build()?)
    }

    fn root(&self) -> Result<Vec<u8>> {
        Ok(self.authority.as_ref().ok_or("no TLS here")?.pem()?)
    }
}

/// Hears the greeting.
fn greeted<S: Read>(mut stream: S) -> io::Result<S> {
    let mut octet = [0];
    while octet != *b"\n" {
        stream.read_exact(&mut octet)?;
    }
    Ok(stream)
}

async fn async_greeted<S: AsyncRead + Unpin>(mut stream: S) -> Result<S> {
    let mut octet = [0];
    while octet != *b"\n" {
        stream.read_exact(&mut octet).await?;
    }
    Ok(stream)
}

fn serve(mut stream: impl Read + Write, mut replay: Replay, delay: Duration, heard: &AtomicU32) {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        loop {
            let n = replay.say(&mut buffer);
            if n == 0 {
                break;
            }
            if stream.write_all(&buffer[..n]).is_err() {
                return;
            }
        }
        match stream.read(&mut buffer) {
            Ok(n @ 1..) => {
                heard.fetch_add(1, Ordering::SeqCst);
                replay.hear(&buffer[..n]);
                std::thread::sleep(delay);
            }
            _ => return,
        }
    }
}

/// A socket as io-imap takes it.
pub(super) struct Socket<S>(pub(super) S);

impl<S: Read> Read for Socket<S> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl<S: Write> Write for Socket<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: Stream> ImapStream for Socket<S> {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    /// The server of these benchmarks is always there.
    fn set_read_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
}
