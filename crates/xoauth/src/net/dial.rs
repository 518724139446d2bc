//! Opening a connection within a deadline.
//!
//! The addresses of a name are tried as RFC 8305 has it: the families in turn, each address a head start
//! before the next is tried beside it, and the first that answers wins. A network that swallows what is
//! sent to one family costs a quarter of a second.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Milestone, Settings, TcpTransport};
use crate::Error;

/// How long one address may take before the next is tried beside it (RFC 8305, 5).
pub(super) const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first address of `host` that answers before the deadline of `settings`.
///
/// What cannot be interrupted, the system's name resolution and attempts that lost, goes on in threads of its
/// own, to the deadline at most where the system knows one.
pub(crate) fn dial(host: &str, settings: &Settings) -> Result<TcpTransport, Error> {
    let (port, deadline) = (settings.port, settings.deadline);
    let connected = || {
        let addresses = resolve(host, port, deadline)?;
        settings.reached(Milestone::Resolved(&addresses));
        let stream = match addresses.as_slice() {
            [address] => connect(*address, deadline),
            _ => race(&addresses, deadline),
        };
        let transport = TcpTransport::new(stream?)?;
        settings.reached(Milestone::Connected(transport.peer_address()?));
        Ok(transport)
    };
    connected().map_err(|source| Error::Connect { host: host.to_owned(), port, source })
}

fn resolve(host: &str, port: u16, deadline: Option<Instant>) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (answer, answers) = mpsc::channel();
    let host = host.to_owned();
    thread::Builder::new().name("resolve".to_owned()).spawn(move || {
        // Nobody listens any more where the deadline has passed.
        let _ = answer.send((host, port).to_socket_addrs().map(in_turn));
    })?;
    let addresses = receive(&answers, deadline).ok_or_else(timed_out)??;
    if addresses.is_empty() {
        return Err(no_address());
    }
    Ok(addresses)
}

/// The addresses with the families in turn, beginning with the system's first (RFC 8305, 4).
pub(super) fn in_turn(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = addresses.collect();
    for at in 1..addresses.len() {
        let (front, back) = addresses.split_at_mut(at);
        let before = front.last().map(SocketAddr::is_ipv6);
        if let Some(other) = back.iter().position(|next| Some(next.is_ipv6()) != before) {
            if let Some(moved) = back.get_mut(..=other) {
                moved.rotate_right(1);
            }
        }
    }
    addresses
}

fn race(addresses: &[SocketAddr], deadline: Option<Instant>) -> io::Result<TcpStream> {
    let (outcome, outcomes) = mpsc::channel();
    let mut left = addresses.iter();
    let (mut running, mut last) = (0, no_address());
    loop {
        if let Some(&address) = left.next() {
            let outcome = outcome.clone();
            thread::Builder::new().name("connect".to_owned()).spawn(move || {
                // A stream nobody waits for is closed.
                let _ = outcome.send(connect(address, deadline));
            })?;
            running += 1;
        } else if running == 0 {
            return Err(last);
        }
        let head_start = Instant::now().checked_add(HEAD_START);
        let until = match deadline {
            Some(deadline) if left.len() == 0 => Some(deadline),
            Some(deadline) => head_start.map(|at| at.min(deadline)),
            None if left.len() == 0 => None,
            None => head_start,
        };
        match receive(&outcomes, until) {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => {
                running -= 1;
                last = error;
            }
            None if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                return Err(timed_out());
            }
            None => {}
        }
    }
}

fn connect(address: SocketAddr, deadline: Option<Instant>) -> io::Result<TcpStream> {
    let Some(deadline) = deadline else { return TcpStream::connect(address) };
    match deadline.checked_duration_since(Instant::now()) {
        Some(left) if !left.is_zero() => TcpStream::connect_timeout(&address, left),
        _ => Err(timed_out()),
    }
}

/// What a thread has to tell before the deadline.
pub(super) fn receive<T>(channel: &mpsc::Receiver<T>, deadline: Option<Instant>) -> Option<T> {
    let Some(deadline) = deadline else { return channel.recv().ok() };
    let left = deadline.saturating_duration_since(Instant::now());
    channel.recv_timeout(left).ok()
}

fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the name has no address")
}

pub(super) fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "deadline passed")
}

/// Addresses where connecting waits for ever.
#[cfg(all(test, target_os = "linux", feature = "tokio"))]
#[allow(clippy::unwrap_used)]
pub(super) mod swallowing {
    use std::net::{SocketAddr, TcpListener, TcpStream};

    /// A network that swallows what is sent to it looks like a backlog that is full.
    pub(crate) struct Swallowing {
        listener: TcpListener,
        _held: [TcpStream; 2],
    }

    impl Swallowing {
        pub(crate) fn new() -> Self {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap();
            let _entered = runtime.enter();
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let listener = socket.listen(1).unwrap().into_std().unwrap();
            let address = listener.local_addr().unwrap();
            // Linux holds one more than it is told.
            let held = [0, 1].map(|_| TcpStream::connect(address).unwrap());
            Self { listener, _held: held }
        }

        pub(crate) fn address(&self) -> SocketAddr {
            self.listener.local_addr().unwrap()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_of_addresses_take_turns() {
        let table = [
            ("6a 6b 6c 4a 4b", "6a 4a 6b 4b 6c"),
            ("4a 4b 6a", "4a 6a 4b"),
            ("6a 4a", "6a 4a"),
            ("4a", "4a"),
            ("", ""),
        ];
        let address = |name: &str| {
            let (family, host) = name.split_at(1);
            let host = host.bytes().next().unwrap();
            SocketAddr::new(
                match family {
                    "6" => IpAddr::from([0, 0, 0, 0, 0, 0, 0, u16::from(host)]),
                    _ => IpAddr::from([127, 0, 0, host]),
                },
                993,
            )
        };
        for (given, expected) in table {
            let list = |names: &str| names.split_whitespace().map(address).collect::<Vec<_>>();
            assert_eq!(in_turn(list(given).into_iter()), list(expected), "{given}");
        }
    }

    #[test]
    fn an_address_that_refuses_gives_way_to_the_next() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap();
        let closed = {
            let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            gone.local_addr().unwrap()
        };
        let deadline = Instant::now().checked_add(Duration::from_secs(20));
        let stream = race(&[closed, open], deadline).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        let error = race(&[closed, closed], deadline).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(race(&[], deadline).unwrap_err().kind(), io::ErrorKind::NotFound);
        let error = race(&[open, open], Some(Instant::now())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[cfg(all(target_os = "linux", feature = "tokio"))]
    #[test]
    fn an_address_that_swallows_what_is_sent_gives_way_to_the_next() {
        let silent = [swallowing::Swallowing::new(), swallowing::Swallowing::new()];
        let [first, second] = silent.each_ref().map(swallowing::Swallowing::address);
        let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let open = open.local_addr().unwrap();
        let deadline = Instant::now().checked_add(Duration::from_secs(20));
        for addresses in [&[first, open][..], &[first, second, open], &[open, first]] {
            let stream = race(addresses, deadline).unwrap();
            assert_eq!(stream.peer_addr().unwrap(), open);
        }
        // Nobody answers: the deadline of connecting ends it.
        let soon = Instant::now().checked_add(2 * HEAD_START);
        let error = race(&[first, second], soon).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
