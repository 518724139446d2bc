//! Plays the attack corpus: a fake server over real sockets against a client, and every rule of a
//! case checked. The files and their format are in `tests/data/attacks/`.
//!
//! The client is the library within this process, or the conformance shim as a process of its own.

mod answers;
mod corpus;
mod delivery;
mod judge;
mod run;
mod sent;
mod server;
mod subject;
mod sweep;
mod wire;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use openssl::ssl::SslAcceptor;
use xoauth::Tls;

use crate::certificates::Authority;
pub use corpus::{Case, Corpus};
pub use run::{Report, Runner};
pub use subject::Subject;

/// The throw-away certificates that servers show.
struct Certificates {
    good: SslAcceptor,
    wrong_host: SslAcceptor,
    expired: SslAcceptor,
    self_signed: SslAcceptor,
    untrusted: SslAcceptor,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificates")
    }
}

impl Certificates {
    fn new(authority: &Authority) -> io::Result<Self> {
        Ok(Self {
            good: authority.localhost()?.acceptor()?,
            wrong_host: authority.wrong_host()?.acceptor()?,
            expired: authority.expired()?.acceptor()?,
            self_signed: crate::certificates::Identity::self_signed()?.acceptor()?,
            untrusted: Authority::new()?.localhost()?.acceptor()?,
        })
    }

    fn acceptor(&self, certificate: corpus::Certificate) -> &SslAcceptor {
        match certificate {
            corpus::Certificate::Good => &self.good,
            corpus::Certificate::WrongHost => &self.wrong_host,
            corpus::Certificate::Expired => &self.expired,
            corpus::Certificate::SelfSigned => &self.self_signed,
            corpus::Certificate::Untrusted => &self.untrusted,
        }
    }
}

/// What a client trusts: the authority, as a file and as a TLS client.
#[derive(Debug)]
struct Trusted {
    file: PathBuf,
    tls: Tls,
}

impl Trusted {
    fn new(authority: &Authority) -> io::Result<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let pem = authority.pem()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("attacks-{}-{number}.pem", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, &pem)?;
        let tls = Tls::builder().add_roots(&pem).and_then(|tls| tls.only_these_roots().build());
        Ok(Self { file, tls: tls.map_err(io::Error::other)? })
    }

    fn file(&self) -> &Path {
        &self.file
    }
}

impl Drop for Trusted {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}
