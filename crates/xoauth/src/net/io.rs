//! What sessions ask of a stream, whether it waits or not.
//!
//! All that sessions do is written once, as futures over [`Io`]. Under a blocking stream they never wait:
//! [`now`] runs them to their end in one call. Under an async stream they are what callers await.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::Transport;

/// A stream with a deadline, as the driver uses it.
pub(crate) trait Io {
    /// Reads what is there; 0 octets at the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Reads what is there already; pending where there is nothing, or where the stream cannot tell without
    /// waiting.
    fn poll_hear(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes as much as the stream takes.
    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>>;

    /// Hands on what was written. Where the peer does not take it this is pending, and what it says can be read
    /// meanwhile.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Calls fail with [`io::ErrorKind::TimedOut`] once `deadline` has passed.
    fn set_deadline(&mut self, deadline: Option<Instant>);

    /// The clock of deadlines.
    fn now(&self) -> Instant;

    /// From now on a read that waits comes back with [`io::ErrorKind::WouldBlock`] at this time. Only streams
    /// that wait need it.
    #[cfg(any(feature = "imap", feature = "smtp"))]
    fn wake_at(&mut self, at: Option<Instant>) {
        let _ = at;
    }

    /// Waits until this time without reading or writing. Only streams that wait need it.
    #[cfg(any(feature = "imap", feature = "smtp"))]
    fn wait_until(&mut self, at: Instant) {
        let _ = at;
    }

    /// A write that the peer does not take is pending, and what the peer says can be read meanwhile.
    #[cfg(any(feature = "imap", feature = "smtp"))]
    fn hears_while_writing(&self) -> bool {
        true
    }

    /// Ends the stream towards the peer without waiting.
    fn close(&mut self);
}

/// A stream whose calls come back when they are done. A write that the peer does not take is pending
/// nevertheless, and the reading behind it does not wait.
pub(crate) struct Blocking<T> {
    pub(crate) stream: T,
    /// The peer takes nothing at the moment: reads and writes do not wait.
    is_stuck: bool,
}

impl<T: Transport> Blocking<T> {
    pub(crate) fn new(stream: T) -> Self {
        Self { stream, is_stuck: false }
    }

    fn set_stuck(&mut self, is_stuck: bool) {
        if self.is_stuck != is_stuck {
            self.is_stuck = is_stuck;
            self.stream.set_waiting(!is_stuck);
        }
    }
}

impl<T: Transport> Io for Blocking<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.stream.read(buffer) {
            // Neither can be done: the next write waits for a moment.
            Err(error) if self.is_stuck && is_not_now(&error) => {
                self.set_stuck(false);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            read => Poll::Ready(read),
        }
    }

    fn poll_hear(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if !self.stream.hears_while_writing() {
            return Poll::Pending;
        }
        self.set_stuck(true);
        let read = self.stream.read(buffer);
        self.set_stuck(false);
        match read {
            Err(error) if is_not_now(&error) => Poll::Pending,
            read => Poll::Ready(read),
        }
    }

    fn poll_write(&mut self, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.stream.write(octets) {
            Err(error) if self.stream.hears_while_writing() && is_not_now(&error) => {
                self.set_stuck(true);
                // The driver reads next.
                Poll::Pending
            }
            written => {
                self.set_stuck(false);
                Poll::Ready(written)
            }
        }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stream.flush() {
            Err(error) if self.stream.hears_while_writing() && is_not_now(&error) => {
                self.set_stuck(true);
                // The driver reads next.
                Poll::Pending
            }
            flushed => {
                self.set_stuck(false);
                Poll::Ready(flushed)
            }
        }
    }

    fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.stream.set_deadline(deadline);
    }

    fn now(&self) -> Instant {
        self.stream.now()
    }

    #[cfg(any(feature = "imap", feature = "smtp"))]
    fn wake_at(&mut self, at: Option<Instant>) {
        self.stream.set_wake(at);
    }

    #[cfg(any(feature = "imap", feature = "smtp"))]
    fn wait_until(&mut self, at: Instant) {
        self.stream.wait_until(at);
    }

    #[cfg(any(feature = "imap", feature = "smtp"))]
    fn hears_while_writing(&self) -> bool {
        self.stream.hears_while_writing()
    }

    fn close(&mut self) {
        self.stream.close();
    }
}

fn is_not_now(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// A stream of which one read is made, so that a driver comes back as soon as something was heard.
#[cfg(any(feature = "imap", feature = "smtp"))]
pub(crate) struct OneRead<'i, I> {
    io: &'i mut I,
    /// The read was made, or it is time to come back.
    pub(crate) is_over: bool,
}

#[cfg(any(feature = "imap", feature = "smtp"))]
impl<'i, I: Io> OneRead<'i, I> {
    pub(crate) fn new(io: &'i mut I) -> Self {
        Self { io, is_over: false }
    }
}

#[cfg(any(feature = "imap", feature = "smtp"))]
impl<I: Io> Io for OneRead<'_, I> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.is_over {
            return Poll::Pending;
        }
        let read = std::task::ready!(self.io.poll_read(cx, buffer));
        self.is_over = true;
        match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            read => Poll::Ready(read),
        }
    }

    fn poll_hear(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io.poll_hear(cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.io.poll_write(cx, octets)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_flush(cx)
    }

    fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.io.set_deadline(deadline);
    }

    fn now(&self) -> Instant {
        self.io.now()
    }

    fn close(&mut self) {
        self.io.close();
    }
}

/// A stream on which something is said and nothing heard, in one poll: for last words, which wait for nobody.
#[cfg(feature = "smtp")]
pub(crate) struct SayOnly<'i, I>(pub(crate) &'i mut I);

#[cfg(feature = "smtp")]
impl<I: Io> Io for SayOnly<'_, I> {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_hear(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, octets)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    /// One poll needs none, and timers need a runtime, which may be gone when a pool is dropped.
    fn set_deadline(&mut self, _: Option<Instant>) {
        self.0.set_deadline(None);
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn close(&mut self) {
        self.0.close();
    }
}

/// How long a thread that waits for a source looks at nothing else.
const GLANCE: Duration = Duration::from_millis(50);

/// Runs a future over a [`Blocking`] stream: it is ready when its first poll comes back, unless the source
/// of a body has to be waited for, or the peer takes nothing for a while.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return output;
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        // A source that never wakes this thread does not keep it beyond the deadline, nor from what the peer says.
        thread::park_timeout(GLANCE);
    }
}

/// Wakes the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
