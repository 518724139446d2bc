//! A TCP stream whose reads and writes end at a deadline.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::Transport;

/// A TCP connection with `TCP_NODELAY` and a deadline for whole operations.
#[derive(Debug)]
pub struct TcpTransport {
    stream: TcpStream,
    deadline: Option<Instant>,
    wake: Option<Instant>,
}

impl TcpTransport {
    /// Takes over a connected stream.
    ///
    /// # Errors
    /// `TCP_NODELAY` could not be set.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        // A flight is one write: waiting for more of it would only stall (Nagle against delayed
        // acknowledgements costs 44 ms a message elsewhere).
        stream.set_nodelay(true)?;
        Ok(Self { stream, deadline: None, wake: None })
    }

    /// The address at the other end.
    ///
    /// # Errors
    /// The socket is no longer connected.
    pub fn peer_address(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }

    /// The address at our end.
    ///
    /// # Errors
    /// The socket is no longer connected.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    #[cfg(feature = "native-tls")]
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// What is left until the deadline; `None` without one.
    fn left(&self) -> io::Result<Option<Duration>> {
        let Some(deadline) = self.deadline else { return Ok(None) };
        match deadline.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(timed_out()),
        }
    }

    /// What is left until the caller wants the call back.
    fn until_wake(&self) -> io::Result<Option<Duration>> {
        let Some(wake) = self.wake else { return Ok(None) };
        match wake.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(would_block()),
        }
    }
}

impl Read for TcpTransport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left()?;
        let until_wake = self.until_wake()?;
        // Where both are the same, the deadline has the last word.
        let wakes = until_wake.is_some_and(|wake| left.is_none_or(|left| wake < left));
        self.stream.set_read_timeout(if wakes { until_wake } else { left })?;
        self.stream.read(buffer).map_err(|error| match as_timed_out(error) {
            error if wakes && error.kind() == io::ErrorKind::TimedOut => would_block(),
            error => error,
        })
    }
}

impl Write for TcpTransport {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(octets).map_err(as_timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Transport for TcpTransport {
    fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    fn set_wake(&mut self, at: Option<Instant>) {
        self.wake = at;
    }

    fn close(&mut self) {
        // The peer may be gone already; there is nobody left to tell.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// A socket timeout shows as `WouldBlock` on Unix and as `TimedOut` on Windows.
fn as_timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { timed_out() } else { error }
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "deadline passed")
}

fn would_block() -> io::Error {
    io::ErrorKind::WouldBlock.into()
}
