//! One accepted connection: lines and counted octets in, a buffer out, TLS when asked for.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use openssl::ssl::{SslAcceptor, SslStream};

/// What reading a line gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line without its CRLF.
    Whole(Vec<u8>),
    /// The line was longer than allowed; it is skipped up to its end.
    TooLong,
    /// The line ended with LF alone, or held a CR that ends nothing.
    Broken,
}

/// A connection as a server has it.
///
/// Output is collected and leaves when the server is about to wait for input, so that the answers
/// to commands that came in one segment leave in one segment (RFC 2920, section 3.2).
pub(crate) struct Connection {
    stream: Stream,
    /// Octets received; those before `start` are used up.
    input: Vec<u8>,
    start: usize,
    output: Vec<u8>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<SslStream<TcpStream>>),
    Closed,
}

const READ_SIZE: usize = 64 * 1024;
const OUTPUT_KEPT: usize = 64 * 1024;

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream: Stream::Plain(stream), input: Vec::new(), start: 0, output: Vec::new() })
    }

    /// Answers a TLS handshake. Octets read before are dropped; the caller refuses them first.
    pub(crate) fn start_tls(&mut self, acceptor: &SslAcceptor) -> io::Result<()> {
        self.flush()?;
        match std::mem::replace(&mut self.stream, Stream::Closed) {
            Stream::Plain(stream) => {
                let tls = acceptor.accept(stream).map_err(|fault| {
                    io::Error::new(io::ErrorKind::InvalidData, fault.to_string())
                })?;
                self.input.clear();
                self.start = 0;
                self.stream = Stream::Tls(Box::new(tls));
                Ok(())
            }
            other => {
                self.stream = other;
                Err(io::Error::other("TLS is already there"))
            }
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// It was closed or abandoned.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.stream, Stream::Closed)
    }

    /// Our own port; 0 when the connection is closed.
    pub(crate) fn local_port(&self) -> u16 {
        let address = self.socket().and_then(|socket| socket.local_addr().ok());
        address.map_or(0, |address| address.port())
    }

    /// Whether the peer has sent octets that no one has taken yet.
    pub(crate) fn has_input(&self) -> bool {
        let waiting = match &self.stream {
            Stream::Tls(tls) => tls.ssl().pending() > 0,
            Stream::Plain(_) | Stream::Closed => false,
        };
        waiting || !self.unread().is_empty()
    }

    /// Reads one line of at most `limit` octets, CRLF included.
    pub(crate) fn line(&mut self, limit: usize) -> io::Result<Line> {
        let mut searched = 0;
        let mut skipped = false;
        loop {
            let unread = self.unread();
            let found = unread.iter().skip(searched).position(|octet| *octet == b'\n');
            if let Some(at) = found {
                let end = searched + at + 1;
                let mut line: Vec<u8> = unread.get(..end).unwrap_or_default().to_vec();
                self.start += end;
                if skipped || line.len() > limit {
                    return Ok(Line::TooLong);
                }
                if !line.ends_with(b"\r\n") {
                    return Ok(Line::Broken);
                }
                line.truncate(end - 2);
                let whole = !line.contains(&b'\r');
                return Ok(if whole { Line::Whole(line) } else { Line::Broken });
            }
            searched = unread.len();
            if searched > limit {
                // What is too long is not kept either.
                skipped = true;
                self.start = self.input.len();
                searched = 0;
            }
            self.fill()?;
        }
    }

    /// Reads one line, or gives `None` when none was complete within `patience`.
    pub(crate) fn line_within(
        &mut self,
        limit: usize,
        patience: Duration,
    ) -> io::Result<Option<Line>> {
        self.set_read_timeout(Some(patience))?;
        let line = self.line(limit);
        self.set_read_timeout(None)?;
        match line {
            Ok(line) => Ok(Some(line)),
            Err(fault) if is_timeout(&fault) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Appends exactly `count` octets to `sink`.
    pub(crate) fn octets(&mut self, mut count: usize, sink: &mut Vec<u8>) -> io::Result<()> {
        while count > 0 {
            let unread = self.unread();
            let taken = unread.len().min(count);
            if taken == 0 {
                self.fill()?;
                continue;
            }
            sink.extend_from_slice(unread.get(..taken).unwrap_or_default());
            self.start += taken;
            count -= taken;
        }
        Ok(())
    }

    /// Octets that have come, waiting for some; [`consume`](Self::consume) takes them.
    pub(crate) fn available(&mut self) -> io::Result<&[u8]> {
        if self.unread().is_empty() {
            self.fill()?;
        }
        Ok(self.unread())
    }

    /// Takes `count` of the available octets.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.input.len().min(self.start + count);
    }

    /// Reads `count` octets and drops them.
    pub(crate) fn skip(&mut self, mut count: u64) -> io::Result<()> {
        while count > 0 {
            let unread = self.unread().len();
            if unread == 0 {
                self.fill()?;
                continue;
            }
            let taken = usize::try_from(count).map_or(unread, |count| count.min(unread));
            self.start += taken;
            count -= taken as u64;
        }
        Ok(())
    }

    /// Queues octets; long ones are written at once, without a copy.
    pub(crate) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        if octets.len() >= OUTPUT_KEPT {
            self.write_out()?;
            return self.stream.write_all(octets);
        }
        self.output.extend_from_slice(octets);
        if self.output.len() >= OUTPUT_KEPT {
            self.write_out()?;
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.write_out()?;
        self.stream.flush()
    }

    /// Ends the connection in order: what is queued leaves, TLS and TCP are closed, and what the
    /// peer still sends is read for a moment, so that no reset overtakes the last answer.
    pub(crate) fn close(&mut self) {
        let _ = self.flush();
        match &mut self.stream {
            Stream::Tls(tls) => {
                let _ = tls.shutdown();
                let _ = tls.get_ref().shutdown(Shutdown::Write);
            }
            Stream::Plain(stream) => {
                let _ = stream.shutdown(Shutdown::Write);
            }
            Stream::Closed => return,
        }
        let _ = self.set_read_timeout(Some(Duration::from_millis(200)));
        let mut rest = [0; 4096];
        if let Some(mut socket) = self.socket() {
            for _ in 0..256 {
                if !matches!(socket.read(&mut rest), Ok(count) if count > 0) {
                    break;
                }
            }
        }
        self.stream = Stream::Closed;
    }

    /// Closes without a word: no TLS close, no answer.
    pub(crate) fn abandon(&mut self) {
        if let Some(socket) = self.socket() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        self.stream = Stream::Closed;
    }

    /// Waits for what comes, and forgets it; `false` at the end.
    pub(crate) fn fill_and_forget(&mut self) -> bool {
        self.start = self.input.len();
        self.set_read_timeout(None).is_ok() && self.fill().is_ok()
    }

    fn unread(&self) -> &[u8] {
        self.input.get(self.start..).unwrap_or_default()
    }

    fn socket(&self) -> Option<&TcpStream> {
        match &self.stream {
            Stream::Plain(stream) => Some(stream),
            Stream::Tls(tls) => Some(tls.get_ref()),
            Stream::Closed => None,
        }
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket().map_or(Ok(()), |socket| socket.set_read_timeout(timeout))
    }

    fn fill(&mut self) -> io::Result<()> {
        self.flush()?;
        if self.start > 0 {
            self.input.drain(..self.start);
            self.start = 0;
        }
        let kept = self.input.len();
        self.input.resize(kept + READ_SIZE, 0);
        let room = self.input.get_mut(kept..).unwrap_or_default();
        let outcome = self.stream.read(room);
        self.input.truncate(kept + *outcome.as_ref().unwrap_or(&0));
        match outcome {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    fn write_out(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let outcome = self.stream.write_all(&self.output);
        self.output.clear();
        outcome
    }
}

/// Whether a read ended because its time was over.
pub(crate) fn is_timeout(fault: &io::Error) -> bool {
    matches!(fault.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

impl Read for Stream {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(room),
            Self::Tls(tls) => tls.read(room),
            Self::Closed => Ok(0),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(octets),
            Self::Tls(tls) => tls.write(octets),
            Self::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(tls) => tls.flush(),
            Self::Closed => Ok(()),
        }
    }
}
