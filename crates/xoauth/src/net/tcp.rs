//! A TCP stream whose reads and writes end at a deadline.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::Transport;
use super::dial::timed_out;

/// A TCP connection with `TCP_NODELAY` and a deadline for whole operations.
///
/// On Unix it hears while it writes. (On Windows a socket cannot be used after a write that timed out.)
#[derive(Debug)]
pub struct TcpTransport {
    stream: TcpStream,
    deadline: Option<Instant>,
    wake: Option<Instant>,
    is_waiting: bool,
    /// The peer closed its side.
    has_ended: bool,
    /// What the socket was told last.
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    /// The first octets that were read, where somebody wants to look at them.
    #[cfg(feature = "native-tls")]
    first: Option<Vec<u8>>,
}

/// For so long a peer may take nothing before somebody looks whether it waits to be heard.
pub(super) const MOMENT: Duration = Duration::from_millis(5);

/// The socket is not told of a time that differs from the last one by less: every telling is a system call.
const ALIKE: Duration = Duration::from_millis(50);

impl TcpTransport {
    /// Takes over a connected stream.
    ///
    /// # Errors
    /// `TCP_NODELAY` could not be set.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        // A flight is one write: waiting for more of it would only stall (Nagle against delayed
        // acknowledgements costs 44 ms a message elsewhere).
        stream.set_nodelay(true)?;
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        Ok(Self {
            stream,
            deadline: None,
            wake: None,
            is_waiting: true,
            has_ended: false,
            read_timeout: None,
            write_timeout: None,
            #[cfg(feature = "native-tls")]
            first: None,
        })
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

    /// The peer closed its side, and somebody read as far as there.
    #[cfg(feature = "native-tls")]
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Keeps the first octets that are read from now on.
    #[cfg(feature = "native-tls")]
    pub(super) fn keep_first(&mut self) {
        self.first = Some(Vec::new());
    }

    /// The octets that were kept.
    #[cfg(feature = "native-tls")]
    pub(super) fn take_first(&mut self) -> Option<Vec<u8>> {
        self.first.take()
    }

    fn read_once(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        #[cfg(feature = "native-tls")]
        if let Some(first) = &mut self.first {
            let wanted = count.min(super::hello::LONGEST.saturating_sub(first.len()));
            first.extend_from_slice(buffer.get(..wanted).unwrap_or_default());
        }
        Ok(count)
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
        let read = self.read_in_time(buffer);
        self.has_ended |= matches!(read, Ok(0)) && !buffer.is_empty();
        read
    }
}

impl TcpTransport {
    fn read_in_time(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.left()?;
            if !self.is_waiting {
                return self.read_once(buffer);
            }
            let until_wake = self.until_wake()?;
            let bound = match (left, until_wake) {
                (Some(left), Some(wake)) => Some(left.min(wake)),
                (left, wake) => left.or(wake),
            };
            if differs(self.read_timeout, bound) {
                self.stream.set_read_timeout(bound)?;
                self.read_timeout = bound;
            }
            match self.read_once(buffer).map_err(as_timed_out) {
                // Whose time has passed, or whether it is a little early, is seen above. Where both have, the
                // deadline has the last word.
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                read => return read,
            }
        }
    }
}

impl Write for TcpTransport {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        loop {
            let left = self.left()?;
            if !self.is_waiting {
                return self.stream.write(octets);
            }
            let moment = match left {
                left if !self.hears_while_writing() => left,
                Some(left) => Some(left.min(MOMENT)),
                None => Some(MOMENT),
            };
            if differs(self.write_timeout, moment) {
                self.stream.set_write_timeout(moment)?;
                self.write_timeout = moment;
            }
            match self.stream.write(octets).map_err(as_timed_out) {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    self.left()?;
                    if self.hears_while_writing() {
                        return Err(would_block());
                    }
                }
                written => return written,
            }
        }
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

    fn hears_while_writing(&self) -> bool {
        cfg!(unix)
    }

    fn set_waiting(&mut self, waiting: bool) {
        if self.is_waiting != waiting && self.stream.set_nonblocking(!waiting).is_ok() {
            self.is_waiting = waiting;
        }
    }

    fn close(&mut self) {
        // The peer may be gone already; there is nobody left to tell.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Whether the socket has to be told of another time.
fn differs(told: Option<Duration>, now: Option<Duration>) -> bool {
    match (told, now) {
        (Some(told), Some(now)) => told.abs_diff(now) > ALIKE.min(now / 8),
        (told, now) => told != now,
    }
}

/// A socket timeout shows as `WouldBlock` on Unix and as `TimedOut` on Windows.
pub(super) fn as_timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { timed_out() } else { error }
}

pub(super) fn would_block() -> io::Error {
    io::ErrorKind::WouldBlock.into()
}
