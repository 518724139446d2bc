//! Async streams with a deadline, and how they are opened.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
#[cfg(feature = "imap")]
use tokio::task::JoinHandle;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep_until, timeout, timeout_at};
use tokio_native_tls::TlsConnector;

use super::async_tls::{AsyncTlsTransport, Noted};
use super::dial::{HEAD_START, in_turn, timed_out};
use super::tls::handshake_failed;
use super::{Io, Milestone, Options, Settings, Tls};
use crate::Error;

/// What an async session runs on: any stream of tokio's.
///
/// Every fitting type implements it.
pub trait AsyncTransport: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin + ?Sized> AsyncTransport for S {}

/// A stream of whatever type: what sessions run on that are opened again.
pub type AnyAsyncTransport = Box<dyn AsyncTransport + Send>;

/// A stream whose reads and writes end at a deadline.
pub(crate) struct Timed<S> {
    stream: S,
    deadline: Option<Instant>,
    /// Wakes at the deadline; made when something is waited for the first time.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncTransport> Timed<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, deadline: None, alarm: None }
    }

    /// What `secure` makes of the stream, within the deadline of `settings`.
    pub(crate) async fn secured_by<U: AsyncTransport, F>(
        self,
        secure: impl FnOnce(S) -> F,
        settings: &Settings,
    ) -> Result<Timed<U>, Error>
    where
        F: Future<Output = io::Result<U>>,
    {
        let secured = by(settings.deadline, secure(self.stream)).await;
        settings.secured_by(secured.ok_or(Error::TlsDeadline)?).map(Timed::new)
    }

    #[cfg(feature = "smtp")]
    pub(crate) fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The same stream, its type erased.
    pub(crate) fn boxed(self) -> Timed<AnyAsyncTransport>
    where
        S: Send + 'static,
    {
        Timed { stream: Box::new(self.stream), deadline: self.deadline, alarm: self.alarm }
    }

    /// The stream itself, while the deadline has not passed: octets that come in time do not extend it.
    fn in_time(&mut self) -> io::Result<Pin<&mut S>> {
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(timed_out()),
            _ => Ok(Pin::new(&mut self.stream)),
        }
    }

    /// Nothing can be done before the stream is ready, or the deadline passes.
    fn poll_deadline<R>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // One that rings early is set anew then: mostly the stream is ready before, and the timer is left alone.
        if alarm.deadline() > deadline {
            alarm.as_mut().reset(deadline);
        }
        loop {
            ready!(alarm.as_mut().poll(cx));
            if alarm.deadline() >= deadline {
                return Poll::Ready(Err(timed_out()));
            }
            alarm.as_mut().reset(deadline);
        }
    }
}

/// A stream whose waiting can be given up.
#[cfg(feature = "imap")]
pub(crate) trait Alarm: Io {
    /// What a future answers before `until`.
    async fn before<F: Future>(until: std::time::Instant, future: F) -> Option<F::Output>;
}

#[cfg(feature = "imap")]
impl<S: AsyncTransport> Alarm for Timed<S> {
    async fn before<F: Future>(until: std::time::Instant, future: F) -> Option<F::Output> {
        by(Some(until), future).await
    }
}

impl<S: AsyncTransport> Io for Timed<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        match self.in_time()?.poll_read(cx, &mut buffer) {
            Poll::Ready(read) => Poll::Ready(read.map(|()| buffer.filled().len())),
            Poll::Pending => self.poll_deadline(cx),
        }
    }

    fn poll_hear(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read(cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.in_time()?.poll_write(cx, octets) {
            Poll::Pending => self.poll_deadline(cx),
            ready => ready,
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What is flushed at once takes no time; what is read or written next looks at the clock.
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => self.poll_deadline(cx),
            ready => ready,
        }
    }

    fn set_deadline(&mut self, deadline: Option<std::time::Instant>) {
        self.deadline = deadline.map(Instant::from_std);
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }

    fn close(&mut self) {
        // One attempt (with TLS: `close_notify`); a peer that takes nothing is not waited for.
        let mut cx = Context::from_waker(Waker::noop());
        let _ = Pin::new(&mut self.stream).poll_shutdown(&mut cx);
    }
}

impl Options {
    /// The settings of a connection that begins now, by the clock of the runtime.
    pub(crate) fn settings_async(&self, default_port: u16) -> Settings {
        self.settings(default_port, Instant::now().into_std())
    }

    /// An async connection in the clear.
    pub(crate) async fn dial_async(
        &self,
        default_port: u16,
    ) -> Result<(Timed<TcpStream>, Settings), Error> {
        self.check_host()?;
        let settings = self.settings_async(default_port);
        let connected = by(settings.deadline, dial(&self.host, &settings)).await;
        let stream = connected.unwrap_or_else(|| Err(timed_out())).and_then(|stream| {
            // A flight is one write: waiting for more of it would only stall.
            stream.set_nodelay(true)?;
            settings.reached(Milestone::Connected(stream.peer_addr()?));
            Ok(stream)
        });
        match stream {
            Ok(stream) => Ok((Timed::new(stream), settings)),
            Err(source) => {
                Err(Error::Connect { host: self.host.clone(), port: settings.port, source })
            }
        }
    }

    /// An async connection under TLS from its first octet.
    pub(crate) async fn dial_tls_async(
        &self,
        default_port: u16,
    ) -> Result<(Timed<AsyncTlsTransport>, Settings), Error> {
        // Made before dialling: where no TLS can be had, nothing is connected to.
        let tls = self.tls()?;
        let (stream, settings) = self.dial_async(default_port).await?;
        Ok((tls.secured(stream, &settings).await?, settings))
    }
}

impl Tls {
    /// The handshake on a connection that is dialled already, for `host`, as [`Tls::handshake`]. It waits for a server that says
    /// nothing as long as its future lives: `tokio::time::timeout` bounds it.
    ///
    /// # Errors
    /// [`Error::Certificate`] and [`Error::TlsHandshake`].
    pub async fn handshake_async(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<AsyncTlsTransport, Error> {
        let connector = TlsConnector::from(self.connector().clone());
        let shaken = connector.connect(host, Noted::new(stream)).await;
        let stream = shaken.map_err(|source| handshake_failed(host, source))?;
        Ok(AsyncTlsTransport::new(stream))
    }

    /// The handshake, within the deadline of `settings`.
    pub(crate) async fn secured(
        &self,
        stream: Timed<TcpStream>,
        settings: &Settings,
    ) -> Result<Timed<AsyncTlsTransport>, Error> {
        let shaken = self.handshake_async(&settings.host, stream.stream);
        let stream = by(settings.deadline, shaken).await.ok_or(Error::TlsDeadline)??;
        settings.reached(Milestone::Secured(None));
        Ok(Timed::new(stream))
    }
}

/// Connects to the first address of `host` that answers, as [`super::dial`] does.
async fn dial(host: &str, settings: &Settings) -> io::Result<TcpStream> {
    let addresses = in_turn(lookup_host((host, settings.port)).await?);
    settings.reached(Milestone::Resolved(&addresses));
    race(addresses).await
}

async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut left = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        if let Some(address) = left.next() {
            attempts.spawn(TcpStream::connect(address));
        }
        let outcome = match left.len() {
            0 => attempts.join_next().await,
            _ => match timeout(HEAD_START, attempts.join_next()).await {
                Ok(outcome) => outcome,
                Err(_) => continue,
            },
        };
        match outcome {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => last = error,
            Some(Err(error)) => last = io::Error::other(error),
            None => return Err(last),
        }
    }
}

/// A task that ends with whoever waits for it; `None` where its runtime ended it before.
#[cfg(feature = "imap")]
pub(crate) struct Task<T>(JoinHandle<T>);

#[cfg(feature = "imap")]
impl<T: Send + 'static> Task<T> {
    pub(crate) fn spawn(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(future))
    }
}

#[cfg(feature = "imap")]
impl<T> Future for Task<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(output) => Some(output),
            // Whoever waits panics as if the task were its own.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => None,
            },
        })
    }
}

#[cfg(feature = "imap")]
impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a future answers before the deadline.
pub(crate) async fn by<F: Future>(
    deadline: Option<std::time::Instant>,
    future: F,
) -> Option<F::Output> {
    match deadline {
        Some(deadline) => timeout_at(Instant::from_std(deadline), future).await.ok(),
        None => Some(future.await),
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::super::dial::swallowing::Swallowing;
    use super::*;

    #[test]
    fn an_address_that_swallows_what_is_sent_gives_way_to_the_next() {
        let silent = [Swallowing::new(), Swallowing::new()];
        let [first, second] = silent.each_ref().map(Swallowing::address);
        let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let open = open.local_addr().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for addresses in [vec![first, open], vec![first, second, open], vec![open, first]] {
                let stream = timeout(Duration::from_secs(20), race(addresses)).await;
                assert_eq!(stream.unwrap().unwrap().peer_addr().unwrap(), open);
            }
            // Nobody answers: the deadline of connecting ends it.
            let soon = std::time::Instant::now() + 2 * HEAD_START;
            assert!(by(Some(soon), race(vec![first, second])).await.is_none());
        });
    }
}
