//! TLS for async streams, and how it ends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_native_tls::TlsStream;

use super::gather::{Gathered, portion};
use super::timed::AsyncTransport;
use super::tls::ended;

/// An async TLS connection over TCP.
///
/// Where it ends without the end of TLS (`close_notify`), reads fail with [`io::ErrorKind::UnexpectedEof`].
#[derive(Debug)]
pub struct AsyncTlsTransport {
    stream: TlsStream<Noted<TcpStream>>,
}

impl AsyncTlsTransport {
    pub(super) fn new(stream: TlsStream<Noted<TcpStream>>) -> Self {
        Self { stream }
    }

    /// The TCP connection below.
    pub fn get_ref(&self) -> &TcpStream {
        &self.noted().stream
    }

    fn noted(&self) -> &Noted<TcpStream> {
        self.stream.get_ref().get_ref().get_ref()
    }
}

impl AsyncRead for AsyncTlsTransport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let has_room = buffer.remaining() > 0;
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        let read = read.map(|()| buffer.filled().len().saturating_sub(before));
        Poll::Ready(ended(read, has_room && self.noted().has_ended).map(drop))
    }
}

impl AsyncWrite for AsyncTlsTransport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        poll_write(&mut self.stream, cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_flush(&mut self.stream, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        // What says so was gathered.
        poll_flush(&mut self.stream, cx)
    }
}

/// Gives the TLS library as much as there is room for below it.
pub(super) fn poll_write<S: AsyncTransport>(
    stream: &mut TlsStream<Noted<S>>,
    cx: &mut Context<'_>,
    octets: &[u8],
) -> Poll<io::Result<usize>> {
    ready!(stream.get_mut().get_mut().get_mut().poll_make_room(cx))?;
    Pin::new(stream).poll_write(cx, portion(octets))
}

/// Flushes what the TLS library has, and what was gathered below it.
pub(super) fn poll_flush<S: AsyncTransport>(
    stream: &mut TlsStream<Noted<S>>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    ready!(Pin::new(&mut *stream).poll_flush(cx))?;
    stream.get_mut().get_mut().get_mut().poll_empty(cx)
}

/// A stream below TLS that notes whether the peer closed its side, and gathers what is written.
#[derive(Debug)]
pub(super) struct Noted<S> {
    stream: S,
    has_ended: bool,
    gathered: Gathered,
}

impl<S: AsyncTransport> Noted<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, has_ended: false, gathered: Gathered::default() }
    }

    /// What was gathered has left, if it was enough.
    fn poll_make_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gathered.is_enough() { self.poll_empty(cx) } else { Poll::Ready(Ok(())) }
    }

    /// Hands on what was gathered.
    fn poll_empty(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.gathered.is_empty() {
            let taken = ready!(Pin::new(&mut self.stream).poll_write(cx, self.gathered.rest()))?;
            self.gathered.took(taken)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncTransport> AsyncRead for Noted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Nothing is waited for while the peer lacks octets. What it said can be read although it takes none.
        let _ = self.poll_empty(cx);
        let before = buffer.filled().len();
        let has_room = buffer.remaining() > 0;
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.has_ended |= has_room && buffer.filled().len() == before;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncTransport> AsyncWrite for Noted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.gathered.add(octets))
    }

    /// As the TLS library flushes, in the midst of a handshake or of a change of keys: OpenSSL takes it for the end of
    /// the connection where this cannot be done now. What is left leaves before the next read.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.poll_empty(cx)? {
            Poll::Pending => Poll::Ready(Ok(())),
            Poll::Ready(()) => Pin::new(&mut self.stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_empty(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
