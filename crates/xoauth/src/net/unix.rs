//! A Unix socket whose reads and writes end at a deadline.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
#[cfg(feature = "smtp")]
use std::path::Path;
#[cfg(feature = "smtp")]
use std::sync::mpsc;
#[cfg(feature = "smtp")]
use std::thread;
use std::time::{Duration, Instant};

use super::Transport;
#[cfg(feature = "smtp")]
use super::dial::receive;
use super::dial::timed_out;
use super::tcp::{MOMENT, as_timed_out, would_block};
#[cfg(feature = "smtp")]
use crate::Error;

/// A connection to a Unix socket, with a deadline for whole operations. It hears while it writes.
#[derive(Debug)]
pub struct UnixTransport {
    stream: UnixStream,
    deadline: Option<Instant>,
    wake: Option<Instant>,
    is_waiting: bool,
}

impl UnixTransport {
    /// Takes over a connected stream.
    pub fn new(stream: UnixStream) -> Self {
        Self { stream, deadline: None, wake: None, is_waiting: true }
    }

    /// Connects to the socket at `path`. Where nobody takes connections from a full backlog the system waits without end
    /// (on Linux), in a thread that outlives the deadline.
    #[cfg(feature = "smtp")]
    pub(crate) fn connect(path: &Path, deadline: Option<Instant>) -> Result<Self, Error> {
        let connected = || {
            let (answer, answers) = mpsc::channel();
            let path = path.to_owned();
            thread::Builder::new().name("connect".to_owned()).spawn(move || {
                // A stream nobody waits for is closed.
                let _ = answer.send(UnixStream::connect(path));
            })?;
            receive(&answers, deadline).ok_or_else(timed_out)?.map(Self::new)
        };
        connected().map_err(|source| Error::Connect {
            host: path.display().to_string(),
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

    /// What is left until the caller wants the call back.
    fn until_wake(&self) -> io::Result<Option<Duration>> {
        let Some(wake) = self.wake else { return Ok(None) };
        match wake.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(would_block()),
        }
    }
}

impl Read for UnixTransport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.left()?;
            if !self.is_waiting {
                return self.stream.read(buffer);
            }
            let bound = match (left, self.until_wake()?) {
                (Some(left), Some(wake)) => Some(left.min(wake)),
                (left, wake) => left.or(wake),
            };
            self.stream.set_read_timeout(bound)?;
            match self.stream.read(buffer).map_err(as_timed_out) {
                // Whose time has passed is seen above; where both have, the deadline has the last word.
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                read => return read,
            }
        }
    }
}

impl Write for UnixTransport {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let left = self.left()?;
        if !self.is_waiting {
            return self.stream.write(octets);
        }
        // The peer may take no more before somebody hears what it says.
        self.stream.set_write_timeout(Some(left.map_or(MOMENT, |left| left.min(MOMENT))))?;
        match self.stream.write(octets).map_err(as_timed_out) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.left()?;
                Err(would_block())
            }
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Transport for UnixTransport {
    fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    fn set_wake(&mut self, at: Option<Instant>) {
        self.wake = at;
    }

    fn hears_while_writing(&self) -> bool {
        true
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
