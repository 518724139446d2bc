//! A socket whose reader stays awake for a moment before it sleeps.

use std::hint::spin_loop;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

/// How often a reader looks for octets before it sleeps: some tens of microseconds. To wake a thread takes the
/// system longer than a short message takes a client, and is no property of a client.
const LOOKS: usize = 200;

/// What a [`Sink`](super::Sink) reads from and writes to: reads ahead, so that the records of TLS cost no system
/// call each.
#[derive(Debug)]
pub(super) struct Eager(BufReader<Awake>);

#[derive(Debug)]
struct Awake(TcpStream);

impl Eager {
    pub(super) fn new(stream: TcpStream, room: usize) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self(BufReader::with_capacity(room, Awake(stream))))
    }

    /// Octets that were read ahead.
    pub(super) fn ahead(&self) -> usize {
        self.0.buffer().len()
    }

    pub(super) fn shutdown(&self) -> io::Result<()> {
        self.0.get_ref().0.shutdown(Shutdown::Both)
    }
}

impl Awake {
    /// Does what cannot be done at once, however long it takes.
    fn wait<T>(&mut self, work: impl FnOnce(&mut TcpStream) -> io::Result<T>) -> io::Result<T> {
        self.0.set_nonblocking(false)?;
        let done = work(&mut self.0);
        self.0.set_nonblocking(true)?;
        done
    }
}

impl Read for Awake {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for _ in 0..LOOKS {
            match self.0.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => spin_loop(),
                read => return read,
            }
        }
        self.wait(|stream| stream.read(buffer))
    }
}

impl Read for Eager {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Eager {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let awake = self.0.get_mut();
        match awake.0.write(octets) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                awake.wait(|stream| stream.write(octets))
            }
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.get_mut().0.flush()
    }
}
