//! The server's end of a connection, octet by octet: what came before TLS is kept, and what goes out
//! can be cut, changed or torn apart.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use openssl::ssl::{SslAcceptor, SslStream};

/// What happens to what the server sends; offsets count all its octets from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// Every octet in a write of its own.
    Fragment,
    /// TCP is closed after so many octets.
    Cut(usize),
    /// Nothing more is sent after so many octets.
    Stall(usize),
    /// The octet at this offset becomes another.
    Flip(usize, u8),
}

/// Why the script cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client closed, or took no more.
    Left,
    /// The connection was closed by a fault.
    Cut,
    /// A fault says that nothing more is sent.
    Stalled,
    /// The handshake failed.
    NoTls,
}

pub(super) struct Wire {
    stream: Stream,
    /// For timeouts and the end, whatever is on top of it.
    tcp: TcpStream,
    fault: Fault,
    /// Octets sent so far.
    pub(super) sent: usize,
    /// The first of them, as they were meant.
    pub(super) said: Vec<u8>,
    /// Everything that came outside TLS.
    pub(super) clear: Vec<u8>,
    /// What came and was not taken yet.
    input: Vec<u8>,
    pub(super) client_left: bool,
    /// A fault has ended the sending.
    ended: Option<End>,
}

enum Stream {
    Plain,
    Tls(Box<SslStream<Tap>>),
}

/// A TCP stream that keeps what is read from it, for a handshake that fails.
#[derive(Debug)]
struct Tap {
    tcp: TcpStream,
    /// What was read before the handshake and belongs to it.
    ahead: Vec<u8>,
    kept: Option<Vec<u8>>,
}

/// So much of what is sent is kept: all of the sessions whose octets are changed one by one.
const SAID: usize = 16 * 1024;
/// A client that takes nothing for this long is not waited for.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// A handshake takes no longer, lest a silent client keeps a thread.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(30);

impl Wire {
    pub(super) fn new(tcp: TcpStream, fault: Fault) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        tcp.set_write_timeout(Some(WRITE_PATIENCE))?;
        Ok(Self {
            stream: Stream::Plain,
            tcp,
            fault,
            sent: 0,
            said: Vec::new(),
            clear: Vec::new(),
            input: Vec::new(),
            client_left: false,
            ended: None,
        })
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    pub(super) fn start_tls(&mut self, acceptor: &SslAcceptor) -> Result<(), End> {
        self.tcp.set_read_timeout(Some(HANDSHAKE_PATIENCE)).map_err(|_| End::Left)?;
        let tcp = self.tcp.try_clone().map_err(|_| End::Left)?;
        let tap = Tap { tcp, ahead: std::mem::take(&mut self.input), kept: Some(Vec::new()) };
        match acceptor.accept(tap) {
            Ok(mut tls) => {
                tls.get_mut().kept = None;
                self.stream = Stream::Tls(Box::new(tls));
                Ok(())
            }
            Err(failed) => {
                // A client that goes on in the clear says it to the handshake.
                if let openssl::ssl::HandshakeError::Failure(stream) = failed {
                    self.clear.extend(stream.get_ref().kept.iter().flatten());
                }
                Err(End::NoTls)
            }
        }
    }

    /// Sends octets in one write, as far as the fault lets them through. Where it ends the sending just
    /// behind them, the next ones learn of it.
    pub(super) fn send(&mut self, octets: &[u8]) -> Result<(), End> {
        if let Some(end) = self.ended {
            return Err(end);
        }
        let room = match self.fault {
            Fault::Cut(at) | Fault::Stall(at) => at.saturating_sub(self.sent),
            _ => usize::MAX,
        };
        let passed = octets.get(..room.min(octets.len())).unwrap_or_default();
        if self.write_faulty(passed).is_err() {
            self.client_left = true;
            return Err(End::Left);
        }
        self.sent += passed.len();
        let room = SAID.saturating_sub(self.said.len());
        self.said.extend(passed.iter().take(room));
        match self.fault {
            Fault::Cut(at) if self.sent >= at => {
                self.close_tcp();
                self.ended = Some(End::Cut);
            }
            Fault::Stall(at) if self.sent >= at => self.ended = Some(End::Stalled),
            _ => {}
        }
        match self.ended {
            Some(end) if passed.len() < octets.len() => Err(end),
            _ => Ok(()),
        }
    }

    fn write_faulty(&mut self, octets: &[u8]) -> io::Result<()> {
        match self.fault {
            Fault::Fragment => octets.chunks(1).try_for_each(|octet| self.write(octet)),
            Fault::Flip(at, octet) if (self.sent..self.sent + octets.len()).contains(&at) => {
                let mut changed = octets.to_vec();
                if let Some(place) = changed.get_mut(at - self.sent) {
                    *place = octet;
                }
                self.write(&changed)
            }
            _ => self.write(octets),
        }
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain => self.tcp.write_all(octets),
            Stream::Tls(tls) => tls.write_all(octets),
        }
    }

    /// Reads more; `false` when nothing came until `until`.
    pub(super) fn fill(&mut self, until: Instant) -> Result<bool, End> {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        if self.tcp.set_read_timeout(Some(left)).is_err() {
            self.client_left = true;
            return Err(End::Left);
        }
        let mut room = [0; 16 * 1024];
        let read = match &mut self.stream {
            Stream::Plain => self.tcp.read(&mut room),
            Stream::Tls(tls) => tls.read(&mut room),
        };
        match read {
            Ok(count) if count > 0 => {
                let came = room.get(..count).unwrap_or_default();
                self.input.extend(came);
                if !self.is_tls() {
                    self.clear.extend(came);
                }
                Ok(true)
            }
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                Ok(false)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            _ => {
                self.client_left = true;
                Err(End::Left)
            }
        }
    }

    /// Takes a line without its end, if a whole one came. LF alone ends a line too: a server that is
    /// so lenient must not be fooled either.
    pub(super) fn take_line(&mut self) -> Option<Vec<u8>> {
        let end = self.input.iter().position(|&octet| octet == b'\n')?;
        let mut line: Vec<u8> = self.input.drain(..=end).collect();
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Some(line)
    }

    /// Takes so many octets, if they came.
    pub(super) fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        (self.input.len() >= count).then(|| self.input.drain(..count).collect())
    }

    /// Takes the data of a message with its final dot, if all of it came.
    pub(super) fn take_data(&mut self) -> Option<Vec<u8>> {
        let end = if self.input.starts_with(b".\r\n") {
            3
        } else {
            self.input.windows(5).position(|window| window == b"\r\n.\r\n")? + 5
        };
        Some(self.input.drain(..end).collect())
    }

    /// Takes whatever is left.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.input)
    }

    /// Says that nothing more comes, TLS first.
    pub(super) fn close(&mut self) {
        if let Stream::Tls(tls) = &mut self.stream {
            let _ = tls.shutdown();
        }
        let _ = self.tcp.shutdown(Shutdown::Write);
    }

    /// Says that nothing more comes, without a word of TLS.
    pub(super) fn close_tcp(&mut self) {
        let _ = self.tcp.shutdown(Shutdown::Write);
    }

    /// Drops the connection: what the client sent is not read, which is what makes it a reset.
    pub(super) fn reset(&mut self) {
        let _ = self.tcp.shutdown(Shutdown::Both);
    }
}

impl Read for Tap {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = if self.ahead.is_empty() {
            self.tcp.read(room)?
        } else {
            let count = self.ahead.as_slice().read(room)?;
            self.ahead.drain(..count);
            count
        };
        if let Some(kept) = &mut self.kept {
            kept.extend(room.get(..count).unwrap_or_default());
        }
        Ok(count)
    }
}

impl Write for Tap {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.tcp.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}
