//! Opening a connection within a deadline.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::TcpTransport;
use crate::Error;

/// How long whole operations may take, from their first octet to their last.
///
/// A server that drips octets does not extend them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlines {
    /// Connecting: all addresses, TLS, the greeting and what a session asks before it is handed out;
    /// 30 seconds. Name resolution is the system's and cannot be interrupted; its time is counted.
    pub connect: Duration,
    /// One command with its whole answer, one step of a stream, one message sent: 5 minutes, what
    /// RFC 5321 (4.5.3.2) asks a client to wait for most answers.
    pub command: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { connect: Duration::from_secs(30), command: Duration::from_secs(300) }
    }
}

impl Deadlines {
    /// The same bound for connecting and for each command.
    pub fn all(bound: Duration) -> Self {
        Self { connect: bound, command: bound }
    }
}

/// The instant `bound` from now; `None` for a bound beyond what the clock can tell.
pub(crate) fn deadline_after(bound: Duration) -> Option<Instant> {
    Instant::now().checked_add(bound)
}

/// Connects to the first address of `host` that answers before `deadline`.
pub(crate) fn dial(
    host: &str,
    port: u16,
    deadline: Option<Instant>,
) -> Result<TcpTransport, Error> {
    let failed = |source| Error::Connect { host: host.to_owned(), port, source };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs().map_err(failed)? {
        let connected = match deadline {
            None => TcpStream::connect(address),
            Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => TcpStream::connect_timeout(&address, left),
                _ => Err(io::Error::new(io::ErrorKind::TimedOut, "deadline passed")),
            },
        };
        match connected.and_then(TcpTransport::new) {
            Ok(transport) => return Ok(transport),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}
