//! A Unix socket whose reads and writes end at a deadline.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
#[cfg(feature = "smtp")]
use std::path::Path;
use std::time::{Duration, Instant};

use super::Transport;
use super::dial::timed_out;
#[cfg(feature = "smtp")]
use crate::Error;

/// A connection to a Unix socket, with a deadline for whole operations.
#[derive(Debug)]
pub struct UnixTransport {
    stream: UnixStream,
    deadline: Option<Instant>,
}

impl UnixTransport {
    /// Takes over a connected stream.
    pub fn new(stream: UnixStream) -> Self {
        Self { stream, deadline: None }
    }

    /// Connects to the socket at `path`; the system does so at once or not at all.
    #[cfg(feature = "smtp")]
    pub(crate) fn connect(path: &Path) -> Result<Self, Error> {
        let host = || path.display().to_string();
        UnixStream::connect(path).map(Self::new).map_err(|source| Error::Connect {
            host: host(),
            port: 0,
            source,
        })
    }

    /// What is left until the deadline; `None` without one.
    fn left(&self) -> io::Result<Option<Duration>> {
        let Some(deadline) = self.deadline else { return Ok(None) };
        match deadline.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(timed_out()),
        }
    }
}

/// A socket timeout shows as `WouldBlock`.
fn as_timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { timed_out() } else { error }
}

impl Read for UnixTransport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer).map_err(as_timed_out)
    }
}

impl Write for UnixTransport {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(octets).map_err(as_timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Transport for UnixTransport {
    fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    fn close(&mut self) {
        // The peer may be gone already; there is nobody left to tell.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
