//! The embedded mail host: IMAP and submission on loopback, in this process.
//!
//! Four ports, all free ones of 127.0.0.1: IMAP and submission, each with STARTTLS and with TLS
//! from the first octet. Mailboxes live in memory. The mechanisms XOAUTH, OAUTH10A, OAUTHBEARER and
//! XOAUTH2 are judged by the server side of `xoauth-sasl`. A thread serves each connection; dropping
//! the [`Host`] ends them all.
//!
//! The host is strict: lines end with CRLF, command lines of SMTP have 512 octets, and what a
//! client may not do (speak behind STARTTLS, pipeline where it may not) is refused and noted in
//! [`Host::violations`].

mod config;
mod date;
mod imap;
mod judge;
mod mime;
mod service;
mod smtp;
mod store;
mod trouble;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use config::{
    Builder, Capabilities, DEMO_BEARER_TOKEN, DEMO_CONSUMER, DEMO_EXPIRED_BEARER_TOKEN, DEMO_TOKEN,
    DEMO_USER, User,
};
pub use service::{Seen, Service};
pub use smtp::Submission;
pub use store::Message;
pub use trouble::Trouble;

use crate::certificates::Authority;
use date::Moment;
use service::{Listener, Shared};

/// A running mail host. Dropping it closes its ports and connections and waits for its threads.
#[derive(Debug)]
pub struct Host {
    shared: Arc<Shared>,
    listeners: Vec<Listener>,
    ca: Vec<u8>,
    directory: Directory,
}

impl Host {
    /// Sets up a host; [`Builder::start`] runs it.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn start(builder: Builder) -> io::Result<Self> {
        let authority = Authority::new()?;
        let identity = match builder.identity {
            Some(identity) => identity,
            None => authority.localhost()?,
        };
        let ca = authority.pem()?;
        let directory = Directory::new()?;
        std::fs::write(directory.ca_file(), &ca)?;

        let shared = Arc::new(Shared::new(builder.config, identity.acceptor()?));
        for (user, mailbox, message) in builder.deliveries {
            shared.deliver(&user, &mailbox, message)?;
        }
        let mut host = Self { shared, listeners: Vec::new(), ca, directory };
        for service in Service::ALL {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            host.listeners.push(Listener::start(&host.shared, socket, service)?);
        }
        Ok(host)
    }

    /// The address of a service.
    pub fn address(&self, service: Service) -> SocketAddr {
        let listener = self.listeners.iter().find(|listener| listener.service == service);
        // All services are started with the host.
        listener.map_or((Ipv4Addr::LOCALHOST, 0).into(), |listener| listener.address)
    }

    /// The port of IMAP with STARTTLS.
    pub fn imap_port(&self) -> u16 {
        self.address(Service::Imap).port()
    }

    /// The port of IMAP with TLS from the first octet.
    pub fn imaps_port(&self) -> u16 {
        self.address(Service::Imaps).port()
    }

    /// The port of submission with STARTTLS.
    pub fn submission_port(&self) -> u16 {
        self.address(Service::Submission).port()
    }

    /// The port of submission with TLS from the first octet.
    pub fn submissions_port(&self) -> u16 {
        self.address(Service::Submissions).port()
    }

    /// The certificate of the authority to trust, in PEM.
    pub fn ca_pem(&self) -> &[u8] {
        &self.ca
    }

    /// A file with [`ca_pem`](Self::ca_pem); it is removed with the host.
    pub fn ca_file(&self) -> PathBuf {
        self.directory.ca_file()
    }

    /// Puts a message into a mailbox, which is made if need be; gives its UID.
    ///
    /// `flags` are such as `\Seen`; `internal_date` is in seconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn deliver(
        &self,
        user: &str,
        mailbox: &str,
        octets: impl Into<Vec<u8>>,
        flags: &[&str],
        internal_date: i64,
    ) -> io::Result<u32> {
        self.shared.deliver(user, mailbox, Message::new(octets.into(), flags, internal_date))
    }

    /// The messages of a mailbox as they are now; none where there is no such mailbox.
    pub fn mailbox(&self, user: &str, name: &str) -> Vec<Message> {
        let name = store::canonical_name(name);
        self.shared
            .store
            .mailbox(user, &name, |mailbox| mailbox.messages.clone())
            .unwrap_or_default()
    }

    /// The names of a user's mailboxes, sorted.
    pub fn mailboxes(&self, user: &str) -> Vec<String> {
        self.shared
            .store
            .account(user, |account| account.mailboxes.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// Messages submitted for recipients that are no users here, one entry for each message.
    pub fn outbox(&self) -> Vec<Submission> {
        self.shared.outbox()
    }

    /// How many messages were submitted and accepted so far.
    pub fn submitted(&self) -> u64 {
        self.shared.submitted()
    }

    /// The lines that clients sent, in order of arrival, credentials included.
    ///
    /// Literals and message text are left out.
    pub fn transcript(&self) -> Vec<Seen> {
        self.shared.transcript()
    }

    /// What clients did against the rules, in words; a good client leaves it empty.
    pub fn violations(&self) -> Vec<String> {
        self.shared.violations()
    }

    /// How many connections were accepted so far.
    pub fn accepted_connections(&self) -> u64 {
        self.shared.accepted()
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> usize {
        self.shared.open()
    }

    /// Breaks all connections off without a word; the host goes on.
    pub fn disconnect_all(&self) {
        self.shared.disconnect_all();
    }

    /// Answers the next command that any client sends with `* BYE text` (IMAP) or
    /// `421 4.3.2 text` (SMTP) and closes that connection.
    pub fn next_bye(&self, text: &str) {
        self.shared.set_next_bye(text);
    }

    /// Adds a bearer token for a user: one was issued.
    pub fn issue_bearer(&self, user: &str, token: &str) {
        self.shared.judge.issue_bearer(user, token, None);
    }

    /// The same for a token that lives so long: then it is refused, and the sessions it opened end
    /// as those of Exchange Online do.
    pub fn issue_bearer_for(&self, user: &str, token: &str, lifetime: Duration) {
        self.shared.judge.issue_bearer(user, token, Instant::now().checked_add(lifetime));
    }

    /// From now on sessions end at random; `None` ends that.
    pub fn trouble(&self, trouble: Option<Trouble>) {
        self.shared.set_trouble(trouble);
    }

    /// Lets a bearer token expire. Sessions that used it go on.
    pub fn expire_bearer(&self, token: &str) {
        self.shared.judge.expire_bearer(token);
    }

    /// While `unavailable`, authentication by bearer token fails for a time (`NO [UNAVAILABLE]`, 454).
    pub fn set_unavailable(&self, unavailable: bool) {
        self.shared.judge.set_unavailable(unavailable);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.shared.close();
        for listener in &mut self.listeners {
            listener.stop();
        }
        self.shared.join();
    }
}

impl Message {
    fn new(octets: Vec<u8>, flags: &[&str], internal_date: i64) -> Self {
        Self {
            uid: 0,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            internal_date,
            octets: Arc::new(octets),
            offset: Moment::utc(internal_date).offset,
            changed: 0,
        }
    }
}

/// A directory of the host's own, removed on drop.
#[derive(Debug)]
struct Directory(PathBuf);

impl Directory {
    fn new() -> io::Result<Self> {
        let mut suffix = [0; 8];
        openssl::rand::rand_bytes(&mut suffix)?;
        let name = format!("e2e-host-{:016x}", u64::from_be_bytes(suffix));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn ca_file(&self) -> PathBuf {
        self.path().join("ca.pem")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.path());
    }
}
