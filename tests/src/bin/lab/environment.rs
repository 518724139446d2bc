//! What `cargo xtask lab up` wrote down: where the servers are and which there are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use xoauth::net::TlsTransport;
use xoauth::{Error, Tls, Trace, imap, smtp};

use crate::Result;

/// The lab that is up.
#[derive(Debug)]
pub(crate) struct Lab {
    values: BTreeMap<String, String>,
    pub(crate) tls: Tls,
    /// The key that signs tokens RS256.
    pub(crate) rs256_key: Vec<u8>,
}

/// The name the certificate is for, and the one that is signed.
pub(crate) const HOST: &str = "localhost";

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Security {
    Implicit,
    StartTls,
}

/// The lines of one session, as a trace may show them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lab {
    pub(crate) fn read(environment: &Path) -> Result<Self> {
        let text = fs::read_to_string(environment)
            .map_err(|error| format!("{}: {error}", environment.display()))?;
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let values: BTreeMap<String, String> =
            lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let directory = PathBuf::from(values.get("dir").ok_or("the environment names no `dir`")?);
        let authority = fs::read(directory.join("ca.crt"))?;
        let tls = Tls::builder().add_roots(&authority)?.only_these_roots().build()?;
        Ok(Self { values, tls, rs256_key: fs::read(directory.join("rs256.key"))? })
    }

    pub(crate) fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Why a server is not there; `None` where it is.
    pub(crate) fn not_run(&self, server: &str) -> Option<&str> {
        self.values.get(&format!("not-run.{server}")).map(String::as_str)
    }

    /// The servers that are not there.
    pub(crate) fn all_not_run(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.values.iter();
        entries.filter_map(|(name, why)| Some((name.strip_prefix("not-run.")?, why.as_str())))
    }

    pub(crate) fn version(&self, product: &str) -> &str {
        self.value(&format!("version.{product}"))
    }

    pub(crate) fn port(&self, server: &str, service: &str) -> u16 {
        self.value(&format!("port.{server}.{service}")).parse().unwrap_or_default()
    }

    /// A connection to an IMAP server, not authenticated.
    pub(crate) fn imap(
        &self,
        server: &str,
        security: Security,
        lines: &Lines,
    ) -> std::result::Result<imap::Client<TlsTransport>, Error> {
        let builder = imap::Builder::new(HOST).tls(&self.tls).trace(lines.trace());
        match security {
            Security::Implicit => builder.port(self.port(server, "imaps")).connect(),
            Security::StartTls => builder.port(self.port(server, "imap")).connect_starttls(),
        }
    }

    /// A connection to an SMTP server, not authenticated.
    pub(crate) fn smtp(
        &self,
        server: &str,
        security: Security,
        lines: &Lines,
    ) -> std::result::Result<smtp::Client<TlsTransport>, Error> {
        let builder = smtp::Builder::new(HOST).tls(&self.tls).trace(lines.trace());
        let port = |plain, tls| match security {
            Security::Implicit => self.port(server, tls),
            Security::StartTls => self.port(server, plain),
        };
        let builder = builder.port(if server.starts_with("dovecot") {
            port("submission", "submissions")
        } else {
            port("smtp", "smtps")
        });
        match security {
            Security::Implicit => builder.connect(),
            Security::StartTls => builder.connect_starttls(),
        }
    }
}

impl Security {
    pub(crate) const ALL: [Self; 2] = [Self::Implicit, Self::StartTls];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Implicit => "implicit",
            Self::StartTls => "starttls",
        }
    }
}

impl Lines {
    pub(crate) fn trace(&self) -> Trace {
        let lines = Arc::clone(&self.0);
        Trace::new(move |direction, line| {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push(format!("{}: {line}", direction.letter()));
        })
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was sent that begins with `word`, behind the tag where there is one.
    pub(crate) fn sent(&self, word: &str) -> Vec<String> {
        let lines = self.all();
        let sent = lines.iter().filter_map(|line| line.strip_prefix("C: "));
        let is_meant = |line: &&str| line.split(' ').take(2).any(|found| found == word);
        sent.filter(is_meant).map(str::to_owned).collect()
    }
}
