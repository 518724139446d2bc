//! The model on sockets.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use openssl::ssl::{SslAcceptor, SslStream};

use super::eager::Eager;
use super::{Accepted, Counts, Faults, Keep, Model, Offer};
use crate::certificates::Identity;

/// How a [`Sink`] behaves.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    offer: Offer,
    keep: Keep,
    faults: Option<Faults>,
    identity: Option<Identity>,
}

/// A listening sink. Every connection is a [`Model`] of its own with the same faults.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: bool,
    counts: Counts,
    accepted: Vec<Accepted>,
    /// To break them when the sink is dropped.
    sockets: Vec<TcpStream>,
}

/// Room for one reading: what the kernel holds of a client that is ahead.
const ROOM: usize = 256 * 1024;

impl Builder {
    /// What EHLO is answered with.
    pub fn offer(mut self, offer: Offer) -> Self {
        self.offer = offer;
        self
    }

    /// What is remembered of messages.
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// What goes wrong.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = Some(faults);
        self
    }

    /// TLS from the first octet.
    pub fn tls(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be opened, or the certificate cannot be used.
    pub fn start(self) -> io::Result<Sink> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = socket.local_addr()?;
        let shared = Arc::new(Mutex::new(Shared::default()));
        let listening = Arc::clone(&shared);
        let acceptor = self.identity.as_ref().map(Identity::acceptor).transpose()?;
        let acceptor = acceptor.map(Arc::new);
        let thread = std::thread::Builder::new()
            .name("sink".to_owned())
            .spawn(move || listen(&socket, &self, acceptor.as_ref(), &listening))?;
        Ok(Sink { address, shared, thread: Some(thread) })
    }

    fn model(&self) -> Model {
        let faults = self.faults.clone().unwrap_or_else(Faults::none);
        Model::new(self.offer, self.keep, faults)
    }
}

impl Sink {
    /// A sink that offers PIPELINING, counts, and never fails.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Breaks the connections that are still open and gives what all of them counted. Drop the client first,
    /// so that everything it sent is heard.
    pub fn finish(self) -> Counts {
        self.finish_with_messages().0
    }

    /// The same, with the messages that were accepted, where they are kept.
    pub fn finish_with_messages(mut self) -> (Counts, Vec<Accepted>) {
        self.stop();
        let mut shared = lock(&self.shared);
        (shared.counts, std::mem::take(&mut shared.accepted))
    }

    fn stop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        lock(&self.shared).is_over = true;
        // Wakes the listener.
        let waker = TcpStream::connect(self.address);
        // A thread that panicked has nothing to tell beyond what it printed.
        let _ = thread.join();
        drop(waker);
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        for socket in &lock(&self.shared).sockets {
            let _ = socket.shutdown(Shutdown::Both);
        }
        self.stop();
    }
}

fn listen(
    socket: &TcpListener,
    builder: &Builder,
    acceptor: Option<&Arc<SslAcceptor>>,
    shared: &Arc<Mutex<Shared>>,
) {
    let mut clients = Vec::new();
    while let Ok((stream, _)) = socket.accept() {
        let mut now = lock(shared);
        if now.is_over {
            break;
        }
        now.sockets.extend(stream.try_clone());
        drop(now);
        let (model, acceptor) = (builder.model(), acceptor.cloned());
        let shared = Arc::clone(shared);
        clients.push(std::thread::spawn(move || {
            let mut model = model;
            // A client that leaves in the middle is no fault of the sink.
            let _ = serve(stream, acceptor.as_deref(), &mut model);
            let mut shared = lock(&shared);
            add(&mut shared.counts, model.counts());
            shared.accepted.extend_from_slice(model.accepted());
        }));
    }
    for client in clients {
        let _ = client.join();
    }
}

fn serve(stream: TcpStream, acceptor: Option<&SslAcceptor>, model: &mut Model) -> io::Result<()> {
    let mut stream = Eager::new(stream, ROOM)?;
    match acceptor {
        None => {
            converse(&mut stream, model, Eager::ahead)?;
            stream.shutdown()
        }
        Some(acceptor) => {
            let mut tls = acceptor.accept(stream).map_err(io::Error::other)?;
            converse(&mut tls, model, |tls: &SslStream<Eager>| {
                tls.ssl().pending() + tls.get_ref().ahead()
            })?;
            let _ = tls.shutdown();
            tls.get_ref().shutdown()
        }
    }
}

/// Reads what there is, then answers all of it at once (RFC 2920 3.2).
fn converse<S: Read + Write>(
    stream: &mut S,
    model: &mut Model,
    pending: impl Fn(&S) -> usize,
) -> io::Result<()> {
    let mut room = vec![0; ROOM];
    loop {
        let output = model.take_output();
        if !output.is_empty() {
            stream.write_all(&output)?;
        }
        model.give_back(output);
        if model.is_closed() {
            return Ok(());
        }
        loop {
            let count = stream.read(&mut room)?;
            if count == 0 {
                model.end_of_stream();
                break;
            }
            model.receive(room.get(..count).unwrap_or_default());
            if pending(stream) == 0 || model.is_closed() {
                break;
            }
        }
    }
}

fn add(total: &mut Counts, more: Counts) {
    total.messages += more.messages;
    total.octets += more.octets;
    total.commands += more.commands;
    total.replies += more.replies;
    total.flights += more.flights;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flights_are_counted() {
        let sink = Sink::builder().start().unwrap();
        let mut client = TcpStream::connect(("127.0.0.1", sink.port())).unwrap();
        let mut heard = [0; 256];
        assert!(client.read(&mut heard).unwrap() > 0);
        for group in ["EHLO x\r\n", "MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n", "QUIT\r\n"] {
            client.write_all(group.as_bytes()).unwrap();
            assert!(client.read(&mut heard).unwrap() > 0);
        }
        drop(client);
        let counts = sink.finish();
        assert_eq!((counts.flights, counts.commands, counts.replies), (3, 4, 5));
    }

    #[test]
    fn a_dropped_sink_breaks_its_connections() {
        let sink = Sink::builder().start().unwrap();
        let mut client = TcpStream::connect(("127.0.0.1", sink.port())).unwrap();
        assert!(client.read(&mut [0; 256]).unwrap() > 0);
        drop(sink);
        assert_eq!(client.read(&mut [0; 256]).unwrap_or(0), 0);
    }
}
