//! A stretch of network: octets arrive later than they left, and flights are counted.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Stands between a client and a server on loopback, below TLS.
///
/// Each direction takes half of the round trip and keeps octets in order; how many are on their way is not
/// bounded. The handshake of TCP itself takes no time.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    flights: AtomicU64,
    sockets: Mutex<Vec<TcpStream>>,
}

impl Link {
    /// Leads to a port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be opened.
    pub fn start(to: u16, round_trip: Duration) -> io::Result<Self> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = socket.local_addr()?;
        let shared = Arc::new(Shared::default());
        let listening = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("link".to_owned())
            .spawn(move || listen(&socket, to, round_trip / 2, &listening))?;
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Groups of octets that clients sent without waiting: the first of a connection, and each that left
    /// after something had arrived.
    pub fn flights(&self) -> u64 {
        self.shared.flights.load(Ordering::Relaxed)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let sockets = self.shared.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        for socket in sockets.iter() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        drop(sockets);
        let waker = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        drop(waker);
    }
}

/// Octets and when they arrive.
type Packet = (Instant, Vec<u8>);

fn listen(socket: &TcpListener, to: u16, one_way: Duration, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    while let Ok((client, _)) = socket.accept() {
        if shared.is_over.load(Ordering::Relaxed) {
            break;
        }
        let Ok(connected) = connect(client, to, one_way, shared) else { break };
        threads.extend(connected);
    }
    for thread in threads {
        let _ = thread.join();
    }
}

/// Four threads: one that reads and one that writes, for each direction.
fn connect(
    client: TcpStream,
    to: u16,
    one_way: Duration,
    shared: &Arc<Shared>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, to))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let mut sockets = shared.sockets.lock().unwrap_or_else(PoisonError::into_inner);
    sockets.extend([client.try_clone()?, server.try_clone()?]);
    drop(sockets);
    // Something arrived at the client since its last flight began; nothing had to before its first.
    let arrived = Arc::new(AtomicBool::new(true));
    let (forth, out) = channel();
    let (back, home) = channel();
    let (from_client, to_client) = (client.try_clone()?, client);
    let (from_server, to_server) = (server.try_clone()?, server);
    let counting = (Arc::clone(shared), Arc::clone(&arrived));
    Ok(vec![
        std::thread::spawn(move || {
            read(from_client, &forth, one_way, || {
                if counting.1.swap(false, Ordering::Relaxed) {
                    counting.0.flights.fetch_add(1, Ordering::Relaxed);
                }
            });
        }),
        std::thread::spawn(move || write(to_server, &out, || {})),
        std::thread::spawn(move || read(from_server, &back, one_way, || {})),
        std::thread::spawn(move || {
            write(to_client, &home, || arrived.store(true, Ordering::Relaxed));
        }),
    ])
}

fn read(mut from: TcpStream, packets: &Sender<Packet>, one_way: Duration, came: impl Fn()) {
    let mut room = vec![0; 256 * 1024];
    // A connection that breaks ends like one that is closed.
    while let Ok(count @ 1..) = from.read(&mut room) {
        came();
        let octets = room.get(..count).unwrap_or_default().to_vec();
        if packets.send((Instant::now() + one_way, octets)).is_err() {
            break;
        }
    }
}

fn write(mut to: TcpStream, packets: &Receiver<Packet>, arriving: impl Fn()) {
    while let Ok((due, octets)) = packets.recv() {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // Before they are written: the client answers faster than this thread goes on.
        arriving();
        if to.write_all(&octets).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Sink;

    #[test]
    fn octets_pass_and_flights_are_counted() {
        let sink = Sink::builder().start().unwrap();
        let link = Link::start(sink.port(), Duration::ZERO).unwrap();
        let mut client = TcpStream::connect(("127.0.0.1", link.port())).unwrap();
        let mut heard = [0; 256];
        assert!(client.read(&mut heard).unwrap() > 0);
        for group in ["NOOP\r\n", "MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n", "QUIT\r\n"] {
            client.write_all(group.as_bytes()).unwrap();
            assert!(client.read(&mut heard).unwrap() > 0);
        }
        assert_eq!(client.read(&mut heard).unwrap(), 0);
        assert_eq!(link.flights(), 3);
        drop(link);
        assert_eq!(sink.finish().commands, 4);
    }
}
