//! Listeners, connection threads, and what all of them share.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use openssl::ssl::SslAcceptor;

use super::config::Config;
use super::judge::Judge;
use super::smtp::Submission;
use super::store::{Message, Store};
use super::trouble::{Draws, EXPIRED, Trouble, has_come};
use super::{imap, smtp};
use crate::connection::Connection;

/// What a port serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// IMAP, with STARTTLS.
    Imap,
    /// IMAP, with TLS from the first octet.
    Imaps,
    /// Submission, with STARTTLS.
    Submission,
    /// Submission, with TLS from the first octet.
    Submissions,
}

impl Service {
    pub(super) const ALL: [Self; 4] =
        [Self::Imap, Self::Imaps, Self::Submission, Self::Submissions];
}

/// A line that a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The number of the connection, from 1 in order of acceptance.
    pub connection: u64,
    /// The port it came to.
    pub service: Service,
    /// Whether it came over TLS.
    pub tls: bool,
    /// The line without CRLF; octets that are not UTF-8 are replaced.
    pub line: String,
}

/// What the threads of one host share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) judge: Judge,
    acceptor: SslAcceptor,
    registry: Mutex<Registry>,
    transcript: Mutex<Vec<Seen>>,
    violations: Mutex<Vec<String>>,
    next_bye: Mutex<Option<String>>,
    trouble: Mutex<Option<Draws>>,
    outbox: Mutex<Vec<Submission>>,
    submitted: AtomicU64,
}

/// Connections and their threads. Once `closing` is set nothing is added.
#[derive(Default)]
struct Registry {
    closing: bool,
    accepted: u64,
    open: HashMap<u64, TcpStream>,
    threads: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(config: Config, acceptor: SslAcceptor) -> Self {
        let store = Store::default();
        config.users.iter().for_each(|user| store.open(&user.name));
        Self {
            judge: Judge::new(&config),
            config,
            store,
            acceptor,
            registry: Mutex::default(),
            transcript: Mutex::default(),
            violations: Mutex::default(),
            next_bye: Mutex::default(),
            trouble: Mutex::default(),
            outbox: Mutex::default(),
            submitted: AtomicU64::new(0),
        }
    }

    pub(super) fn deliver(&self, user: &str, mailbox: &str, message: Message) -> io::Result<u32> {
        let date = message.moment();
        self.store
            .deliver(user, mailbox, message.octets, &message.flags, date)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no user {user}")))
    }

    pub(super) fn now(&self) -> u64 {
        (self.config.clock.0)()
    }

    pub(super) fn transcript(&self) -> Vec<Seen> {
        lock(&self.transcript).clone()
    }

    pub(super) fn violations(&self) -> Vec<String> {
        lock(&self.violations).clone()
    }

    pub(super) fn note_violation(&self, what: impl Into<String>) {
        lock(&self.violations).push(what.into());
    }

    pub(super) fn set_next_bye(&self, text: &str) {
        *lock(&self.next_bye) = Some(text.to_owned());
    }

    pub(super) fn take_bye(&self) -> Option<String> {
        lock(&self.next_bye).take()
    }

    pub(super) fn set_trouble(&self, trouble: Option<Trouble>) {
        *lock(&self.trouble) = trouble.map(Draws::new);
    }

    /// The network cuts a connection now and then.
    fn cut_at_random(&self) {
        let mut trouble = lock(&self.trouble);
        let Some(draws) = &mut *trouble else { return };
        let registry = lock(&self.registry);
        let cut = draws.cut(registry.open.len());
        if let Some(stream) = cut.and_then(|index| registry.open.values().nth(index)) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(super) fn outbox(&self) -> Vec<Submission> {
        lock(&self.outbox).clone()
    }

    pub(super) fn keep(&self, submission: Submission) {
        lock(&self.outbox).push(submission);
    }

    pub(super) fn submitted(&self) -> u64 {
        self.submitted.load(Ordering::SeqCst)
    }

    /// Counts an accepted message; gives its number.
    pub(super) fn count_submission(&self) -> u64 {
        self.submitted.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn accepted(&self) -> u64 {
        lock(&self.registry).accepted
    }

    pub(super) fn open(&self) -> usize {
        lock(&self.registry).open.len()
    }

    pub(super) fn disconnect_all(&self) {
        for stream in lock(&self.registry).open.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Ends all connections and takes no more.
    pub(super) fn close(&self) {
        lock(&self.registry).closing = true;
        self.disconnect_all();
    }

    /// Waits for the threads of all connections; after [`close`](Self::close).
    pub(super) fn join(&self) {
        let threads = std::mem::take(&mut lock(&self.registry).threads);
        for thread in threads {
            let _ = thread.join();
        }
    }

    /// Takes a connection in and gives it a thread; `false` when the host is closing.
    fn admit(self: &Arc<Self>, stream: TcpStream, service: Service) -> bool {
        let mut registry = lock(&self.registry);
        if registry.closing {
            return false;
        }
        registry.threads.retain(|thread| !thread.is_finished());
        registry.accepted += 1;
        let id = registry.accepted;
        let Ok(handle) = stream.try_clone() else { return true };
        let shared = Arc::clone(self);
        let thread =
            std::thread::Builder::new().name(format!("{service:?} {id}")).spawn(move || {
                // A fault ends this connection only, and the client sees that.
                let _ = shared.serve(stream, service, id);
                lock(&shared.registry).open.remove(&id);
            });
        if let Ok(thread) = thread {
            registry.open.insert(id, handle);
            registry.threads.push(thread);
        }
        true
    }

    fn serve(&self, stream: TcpStream, service: Service, id: u64) -> io::Result<()> {
        let connection = Connection::new(stream)?;
        let mut client = Client { shared: self, connection, service, id, dies: None };
        if matches!(service, Service::Imaps | Service::Submissions) {
            client.start_tls()?;
        }
        match service {
            Service::Imap | Service::Imaps => imap::serve(client),
            Service::Submission | Service::Submissions => smtp::serve(client),
        }
    }
}

/// A connection with what is known about it.
pub(crate) struct Client<'h> {
    pub(crate) shared: &'h Shared,
    pub(crate) connection: Connection,
    service: Service,
    id: u64,
    /// When the session ends because its token does.
    pub(crate) dies: Option<Instant>,
}

impl Client<'_> {
    /// Writes a line into the transcript.
    pub(crate) fn note(&self, line: &[u8]) {
        lock(&self.shared.transcript).push(Seen {
            connection: self.id,
            service: self.service,
            tls: self.connection.is_tls(),
            line: String::from_utf8_lossy(line).into_owned(),
        });
    }

    /// Why the session ends instead of doing the next command, if it does.
    pub(crate) fn last_words(&mut self) -> Option<String> {
        if has_come(self.dies) {
            return Some(EXPIRED.to_owned());
        }
        self.shared.cut_at_random();
        self.fall_silent_at_random();
        let takes_leave = lock(&self.shared.trouble).as_mut().is_some_and(Draws::bye);
        self.shared.take_bye().or_else(|| takes_leave.then(|| "going down".to_owned()))
    }

    /// Why a session ends that waits.
    pub(crate) fn has_expired(&self) -> Option<String> {
        has_come(self.dies).then(|| EXPIRED.to_owned())
    }

    /// How often IDLE looks for news: less often where many do.
    pub(crate) fn idle_interval(&self) -> Duration {
        let open = u32::try_from(self.shared.open()).unwrap_or(u32::MAX);
        Duration::from_millis(20) * (1 + open.min(2000) / 20)
    }

    /// Whether a client may ask what changed while it was away: where that is offered, now and then it is not.
    pub(crate) fn offers_resync(&self) -> bool {
        self.shared.config.capabilities.qresync
            && !lock(&self.shared.trouble).as_mut().is_some_and(Draws::old)
    }

    /// Says nothing any more, now and then, until the client closes.
    pub(crate) fn fall_silent_at_random(&mut self) {
        if lock(&self.shared.trouble).as_mut().is_some_and(Draws::silent) {
            while self.connection.fill_and_forget() {}
        }
    }

    /// The connection breaks before an answer, now and then.
    pub(crate) fn lose_at_random(&mut self) {
        if lock(&self.shared.trouble).as_mut().is_some_and(Draws::lose) {
            self.connection.abandon();
        }
    }

    /// Notes something a client may not do.
    pub(crate) fn violation(&self, what: &str) {
        self.shared.note_violation(format!("{:?} {}: {what}", self.service, self.id));
    }

    pub(crate) fn start_tls(&mut self) -> io::Result<()> {
        self.connection.start_tls(&self.shared.acceptor)
    }

    /// Whether authentication is offered now.
    pub(crate) fn may_authenticate(&self) -> bool {
        self.connection.is_tls() || self.shared.config.plaintext_auth
    }

    /// The port the client came to.
    pub(crate) fn port(&self) -> u16 {
        self.connection.local_port()
    }
}

/// A port with the thread that accepts on it.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) service: Service,
    pub(super) address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    pub(super) fn start(
        shared: &Arc<Shared>,
        socket: TcpListener,
        service: Service,
    ) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let shared = Arc::clone(shared);
        let name = format!("{service:?} listener");
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            loop {
                let goes_on = match socket.accept() {
                    Ok((stream, _)) => shared.admit(stream, service),
                    // A client that is gone before it is accepted concerns only itself.
                    Err(_) => !lock(&shared.registry).closing,
                };
                if !goes_on {
                    break;
                }
            }
        })?;
        Ok(Self { service, address, thread: Some(thread) })
    }

    /// Wakes the thread with a connection, which it refuses as the host is closing.
    pub(super) fn stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            if TcpStream::connect(self.address).is_ok() {
                let _ = thread.join();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
