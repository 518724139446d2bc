//! A peer that plays a script over a real socket. It knows no protocol.
//!
//! ```
//! use std::io::{Read, Write};
//! use e2e::scripted::{Peer, expect, send};
//!
//! let script = vec![send("* OK hello\r\n"), expect("NOOP"), send("{tag} OK done\r\n")];
//! let peer = Peer::start(vec![script])?;
//! let mut socket = std::net::TcpStream::connect(("127.0.0.1", peer.port()))?;
//! socket.write_all(b"a1 NOOP\r\n")?;
//! let mut heard = String::new();
//! socket.read_to_string(&mut heard)?;
//! assert_eq!(heard, "* OK hello\r\na1 OK done\r\n");
//! assert_eq!(peer.finish()?, [["a1 NOOP"]]);
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::certificates::Identity;
use crate::connection::{Connection, Line, is_timeout};

/// One thing the peer does.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends octets. `{tag}` in them stands for the first word of the command that came last:
    /// of the last line with more words than one.
    Send(Vec<u8>),
    /// Sends the same octets this many times over, as they are, without keeping more of them.
    SendRepeated(Vec<u8>, usize),
    /// Reads a line, which must contain this text.
    Expect(String),
    /// Reads this many octets, whatever they are.
    ExpectOctets(usize),
    /// Waits for the client to close the connection, and takes nothing else.
    ExpectEnd,
    /// Waits for the client to end TLS in order (`close_notify`), and takes nothing else.
    ExpectEndOfTls,
    /// Answers a TLS handshake. One that fails ends this script without a fault of the script:
    /// refusing the certificate is the client's to do.
    StartTls(Identity),
    /// Closes in order, TLS first, and ends the script.
    Close,
    /// Breaks the connection off without closing TLS, and ends the script.
    Abort,
    /// Says nothing and keeps the connection open until the peer is dropped or finished.
    Stall,
}

/// [`Step::Send`].
pub fn send(octets: impl AsRef<[u8]>) -> Step {
    Step::Send(octets.as_ref().to_vec())
}

/// [`Step::Expect`].
pub fn expect(text: &str) -> Step {
    Step::Expect(text.to_owned())
}

/// A listening peer: each connection plays the next script. A script that is at its end closes.
#[derive(Debug)]
pub struct Peer {
    address: SocketAddr,
    control: Arc<Mutex<Control>>,
    /// Dropping it ends all stalls.
    stalls: Option<Sender<()>>,
    thread: Option<JoinHandle<Vec<Played>>>,
}

/// The lines a script read, or what went wrong.
type Played = Result<Vec<String>, String>;

#[derive(Debug, Default)]
struct Control {
    /// Our own connection, made to wake the listener.
    waker: Option<SocketAddr>,
}

/// A line that does not come for this long is a fault of the script.
const PATIENCE: Duration = Duration::from_secs(20);
const LINE_LIMIT: usize = 1024 * 1024;

impl Peer {
    /// Listens on a free port of 127.0.0.1 for as many connections as there are scripts.
    ///
    /// # Errors
    /// When no port can be opened.
    pub fn start(scripts: Vec<Vec<Step>>) -> io::Result<Self> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = socket.local_addr()?;
        let control = Arc::new(Mutex::new(Control::default()));
        let (stalls, released) = channel();
        let shared = Arc::clone(&control);
        let released = Arc::new(Mutex::new(released));
        let thread = std::thread::Builder::new()
            .name("scripted peer".to_owned())
            .spawn(move || listen(&socket, scripts, &shared, &released))?;
        Ok(Self { address, control, stalls: Some(stalls), thread: Some(thread) })
    }

    /// The port the peer listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Waits for the scripts to end and gives the lines that each of them read.
    ///
    /// Scripts whose connection was never made are a fault. Drop the client first.
    ///
    /// # Errors
    /// The first fault: which connection and step, what was expected, what came.
    pub fn finish(mut self) -> io::Result<Vec<Vec<String>>> {
        let played = self.stop();
        played.into_iter().collect::<Result<_, _>>().map_err(io::Error::other)
    }

    fn stop(&mut self) -> Vec<Played> {
        self.stalls = None;
        let Some(thread) = self.thread.take() else { return Vec::new() };
        let waker = {
            let mut control = lock(&self.control);
            let waker = TcpStream::connect(self.address);
            control.waker = waker.as_ref().ok().and_then(|waker| waker.local_addr().ok());
            waker
        };
        let played = thread.join();
        drop(waker);
        played.unwrap_or_else(|_| vec![Err("the peer's thread panicked".to_owned())])
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop();
    }
}

type Released = Arc<Mutex<Receiver<()>>>;

fn listen(
    socket: &TcpListener,
    scripts: Vec<Vec<Step>>,
    control: &Mutex<Control>,
    released: &Released,
) -> Vec<Played> {
    let mut players = Vec::new();
    for (number, script) in (1..).zip(scripts) {
        let accepted = socket.accept();
        let Ok((stream, from)) = accepted else {
            players.push(Err(format!("connection {number} could not be accepted")));
            break;
        };
        if lock(control).waker == Some(from) {
            players.push(Err(format!("connection {number} was never made")));
            break;
        }
        let released = Arc::clone(released);
        players.push(Ok(std::thread::spawn(move || {
            play(stream, script, &released).map_err(|fault| format!("connection {number}, {fault}"))
        })));
    }
    let join = |thread: JoinHandle<Played>| {
        thread.join().unwrap_or_else(|_| Err("a script's thread panicked".to_owned()))
    };
    players.into_iter().map(|player| player.and_then(join)).collect()
}

fn play(stream: TcpStream, script: Vec<Step>, released: &Mutex<Receiver<()>>) -> Played {
    let mut connection = Connection::new(stream).map_err(|fault| fault.to_string())?;
    let mut lines: Vec<String> = Vec::new();
    for (number, step) in (1..).zip(script) {
        let fault = |text: String| format!("step {number}: {text}");
        match step {
            Step::Send(octets) => {
                let command = lines.iter().rev().find_map(|line| line.split_once(' '));
                let tag = command.map_or("*", |(tag, _)| tag);
                let octets = replace(&octets, b"{tag}", tag.as_bytes());
                // A client that has left is found out by the next line that it does not send.
                let _ = connection.write(&octets).and_then(|()| connection.flush());
            }
            Step::SendRepeated(octets, times) => {
                let mut sent = (0..times).map(|_| connection.write(&octets));
                let _ = sent.find(Result::is_err);
                let _ = connection.flush();
            }
            Step::Expect(text) => match connection.line_within(LINE_LIMIT, PATIENCE) {
                Ok(Some(Line::Whole(line))) => {
                    let line = String::from_utf8_lossy(&line).into_owned();
                    if !line.contains(&text) {
                        return Err(fault(format!("expected {text:?}, found {line:?}")));
                    }
                    lines.push(line);
                }
                other => return Err(fault(format!("expected {text:?}, found {other:?}"))),
            },
            Step::ExpectOctets(count) => connection
                .octets(count, &mut Vec::new())
                .map_err(|error| fault(format!("expected {count} octets, found {error}")))?,
            Step::ExpectEnd => match connection.line_within(LINE_LIMIT, PATIENCE) {
                Err(error) if !is_timeout(&error) => return Ok(lines),
                other => return Err(fault(format!("expected the end, found {other:?}"))),
            },
            Step::ExpectEndOfTls => match connection.line_within(LINE_LIMIT, PATIENCE) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(lines),
                other => return Err(fault(format!("expected the end of TLS, found {other:?}"))),
            },
            Step::StartTls(identity) => {
                let acceptor = identity.acceptor().map_err(|error| fault(error.to_string()))?;
                if connection.start_tls(&acceptor).is_err() {
                    return Ok(lines);
                }
            }
            Step::Close => break,
            Step::Abort => {
                connection.abandon();
                return Ok(lines);
            }
            Step::Stall => {
                // Ends when the sender is dropped; the receiver is shared by all scripts.
                let _ = lock(released).recv();
            }
        }
    }
    connection.close();
    Ok(lines)
}

fn replace(text: &[u8], pattern: &[u8], by: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(pattern) {
            replaced.extend_from_slice(by);
            rest = after;
        } else {
            replaced.push(*first);
            rest = behind;
        }
    }
    replaced
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn connect(peer: &Peer) -> TcpStream {
        TcpStream::connect(("127.0.0.1", peer.port())).unwrap()
    }

    #[test]
    fn each_connection_plays_the_next_script() {
        let scripts = vec![vec![expect("one"), Step::Stall], vec![expect("two"), Step::ExpectEnd]];
        let peer = Peer::start(scripts).unwrap();
        let mut first = connect(&peer);
        first.write_all(b"one\r\n").unwrap();
        let mut second = connect(&peer);
        second.write_all(b"two\r\n").unwrap();
        drop(second);
        assert_eq!(peer.finish().unwrap(), [["one"], ["two"]]);
    }

    #[test]
    fn what_differs_from_the_script_is_told() {
        let peer = Peer::start(vec![vec![send("hi"), expect("yes")]]).unwrap();
        connect(&peer).write_all(b"no\r\n").unwrap();
        let fault = peer.finish().unwrap_err().to_string();
        assert_eq!(fault, "connection 1, step 2: expected \"yes\", found \"no\"");
        let peer = Peer::start(vec![vec![Step::Close]]).unwrap();
        assert_eq!(peer.finish().unwrap_err().to_string(), "connection 1 was never made");
    }

    #[test]
    fn octets_are_repeated() {
        let peer = Peer::start(vec![vec![Step::SendRepeated(b"abc".to_vec(), 3)]]).unwrap();
        let mut heard = String::new();
        connect(&peer).read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "abcabcabc");
    }

    #[test]
    fn a_dropped_peer_ends_its_stalls() {
        let peer = Peer::start(vec![vec![send("x"), Step::Stall]]).unwrap();
        let mut client = connect(&peer);
        client.read_exact(&mut [0]).unwrap();
        drop(peer);
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }
}
