//! What sessions ask of a stream, whether it waits or not.
//!
//! All that sessions do is written once, as futures over [`Io`]. Under a blocking stream they never wait:
//! [`now`] runs them to their end in one call. Under an async stream they are what callers await.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Transport, deadline_after};

/// A stream with a deadline, as the driver uses it.
pub(crate) trait Io {
    /// Reads what is there; 0 octets at the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes as much as the stream takes.
    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>>;

    /// Hands on what was written.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// From now on all together may take so long.
    fn allow(&mut self, bound: Duration);

    /// Ends the stream towards the peer without waiting.
    fn close(&mut self);
}

/// A stream whose calls come back when they are done.
pub(crate) struct Blocking<T>(pub(crate) T);

impl<T: Transport> Io for Blocking<T> {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.0.read(buffer))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.0.write(octets))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.flush())
    }

    fn allow(&mut self, bound: Duration) {
        self.0.set_deadline(deadline_after(bound));
    }

    fn close(&mut self) {
        self.0.close();
    }
}

/// Runs a future over a [`Blocking`] stream: it is ready when its first poll comes back.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}
