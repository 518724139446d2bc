//! Async streams with a deadline, and how they are opened.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tokio_native_tls::{TlsConnector, TlsStream};

use super::tls::handshake_failed;
use super::{Io, Options, Settings, Tls};
use crate::Error;

/// What an async session runs on: any stream of tokio's.
///
/// Every fitting type implements it.
pub trait AsyncTransport: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin + ?Sized> AsyncTransport for S {}

/// An async TLS connection over TCP.
pub type AsyncTlsTransport = TlsStream<TcpStream>;

/// A stream whose reads and writes end at a deadline.
pub(crate) struct Timed<S> {
    stream: S,
    deadline: Option<Instant>,
    /// Wakes at the deadline; made when something is waited for the first time.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncTransport> Timed<S> {
    pub(crate) fn new(stream: S, deadline: Option<Instant>) -> Self {
        Self { stream, deadline, alarm: None }
    }

    /// The stream and its deadline.
    pub(crate) fn into_parts(self) -> (S, Option<Instant>) {
        (self.stream, self.deadline)
    }

    pub(crate) fn get_ref(&self) -> &S {
        &self.stream
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
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        alarm.as_mut().poll(cx).map(|()| Err(timed_out()))
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

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.in_time()?.poll_write(cx, octets) {
            Poll::Pending => self.poll_deadline(cx),
            ready => ready,
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.in_time()?.poll_flush(cx) {
            Poll::Pending => self.poll_deadline(cx),
            ready => ready,
        }
    }

    fn allow(&mut self, bound: Duration) {
        self.deadline = Instant::now().checked_add(bound);
    }

    fn close(&mut self) {
        // One attempt (with TLS: `close_notify`); a peer that takes nothing is not waited for.
        let mut cx = Context::from_waker(Waker::noop());
        let _ = Pin::new(&mut self.stream).poll_shutdown(&mut cx);
    }
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "deadline passed")
}

impl Options {
    /// An async connection in the clear, its deadline that of connecting.
    pub(crate) async fn dial_async(
        &self,
        default_port: u16,
    ) -> Result<(Timed<TcpStream>, Settings), Error> {
        let settings = self.settings(default_port);
        let deadline = Instant::now().checked_add(self.deadlines.connect);
        let connecting = TcpStream::connect((self.host.as_str(), settings.port));
        let connected = match deadline {
            Some(deadline) => {
                timeout_at(deadline, connecting).await.unwrap_or_else(|_| Err(timed_out()))
            }
            None => connecting.await,
        };
        let stream = connected.and_then(|stream| {
            // A flight is one write: waiting for more of it would only stall.
            stream.set_nodelay(true)?;
            Ok(stream)
        });
        match stream {
            Ok(stream) => Ok((Timed::new(stream, deadline), settings)),
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
        Ok((tls.handshake_async(&settings.host, stream).await?, settings))
    }
}

impl Tls {
    /// The handshake; the stream's deadline holds for all of it.
    pub(crate) async fn handshake_async(
        &self,
        host: &str,
        stream: Timed<TcpStream>,
    ) -> Result<Timed<AsyncTlsTransport>, Error> {
        let (stream, deadline) = stream.into_parts();
        let connector = TlsConnector::from(self.connector().clone());
        let handshake = connector.connect(host, stream);
        let shaken = match deadline {
            Some(deadline) => {
                timeout_at(deadline, handshake).await.map_err(|_| Error::TlsDeadline)?
            }
            None => handshake.await,
        };
        let stream = shaken.map_err(|source| handshake_failed(host, source))?;
        Ok(Timed::new(stream, deadline))
    }
}
