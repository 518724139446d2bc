//! What `cargo xtask lab up` wrote down: where the servers are and which there are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use xoauth::net::{AsyncTlsTransport, TlsTransport};
use xoauth::{Error, Tls, Trace, imap, smtp};

use crate::Result;

/// The lab that is up.
#[derive(Debug)]
pub(crate) struct Lab {
    values: BTreeMap<String, String>,
    pub(crate) tls: Tls,
    /// The key that signs tokens RS256.
    pub(crate) rs256_key: Vec<u8>,
    /// Where the example programs are.
    pub(crate) examples: Option<PathBuf>,
    file: PathBuf,
}

/// A builder that writes the lines down, where somebody looks at them.
macro_rules! traced {
    ($builder:expr, $lines:expr) => {
        match $lines.trace() {
            Some(trace) => $builder.trace(trace),
            None => $builder,
        }
    };
}

pub(crate) use traced;

/// The name the certificate is for, and the one that is signed.
pub(crate) const HOST: &str = "localhost";

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Security {
    Implicit,
    StartTls,
}

/// The lines of one session, as a trace may show them; `None` where nobody looks.
#[derive(Debug, Clone)]
pub(crate) struct Lines(Option<Arc<Mutex<Vec<String>>>>);

impl Default for Lines {
    fn default() -> Self {
        Self(Some(Arc::default()))
    }
}

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
        let rs256_key = fs::read(directory.join("rs256.key"))?;
        Ok(Self { values, tls, rs256_key, examples: None, file: environment.to_owned() })
    }

    /// What this was read from, for programs that read it themselves.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The directory that everything of the lab is in.
    pub(crate) fn directory(&self) -> &Path {
        Path::new(self.value("dir"))
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
        let builder = imap::Builder::new(HOST).tls(&self.tls);
        let builder = traced!(builder, lines);
        let builder = builder.port(self.imap_port(server, security));
        match security {
            Security::Implicit => builder.connect(),
            Security::StartTls => builder.connect_starttls(),
        }
    }

    /// A connection to an SMTP server, not authenticated.
    pub(crate) fn smtp(
        &self,
        server: &str,
        security: Security,
        lines: &Lines,
    ) -> std::result::Result<smtp::Client<TlsTransport>, Error> {
        let builder = smtp::Builder::new(HOST).tls(&self.tls);
        let builder = traced!(builder, lines);
        let builder = builder.port(self.smtp_port(server, security));
        match security {
            Security::Implicit => builder.connect(),
            Security::StartTls => builder.connect_starttls(),
        }
    }

    /// As [`Lab::imap`], async.
    pub(crate) async fn imap_async(
        &self,
        server: &str,
        security: Security,
        lines: &Lines,
    ) -> std::result::Result<imap::nonblocking::Client<AsyncTlsTransport>, Error> {
        let builder = imap::nonblocking::Builder::new(HOST).tls(&self.tls);
        let builder = traced!(builder, lines);
        let builder = builder.port(self.imap_port(server, security));
        match security {
            Security::Implicit => builder.connect().await,
            Security::StartTls => builder.connect_starttls().await,
        }
    }

    /// As [`Lab::smtp`], async.
    pub(crate) async fn smtp_async(
        &self,
        server: &str,
        security: Security,
        lines: &Lines,
    ) -> std::result::Result<smtp::nonblocking::Client<AsyncTlsTransport>, Error> {
        let builder = smtp::nonblocking::Builder::new(HOST).tls(&self.tls);
        let builder = traced!(builder, lines);
        let builder = builder.port(self.smtp_port(server, security));
        match security {
            Security::Implicit => builder.connect().await,
            Security::StartTls => builder.connect_starttls().await,
        }
    }

    pub(crate) fn imap_port(&self, server: &str, security: Security) -> u16 {
        match security {
            Security::Implicit => self.port(server, "imaps"),
            Security::StartTls => self.port(server, "imap"),
        }
    }

    pub(crate) fn smtp_port(&self, server: &str, security: Security) -> u16 {
        match (server.starts_with("dovecot"), security) {
            (true, Security::Implicit) => self.port(server, "submissions"),
            (true, Security::StartTls) => self.port(server, "submission"),
            (false, Security::Implicit) => self.port(server, "smtps"),
            (false, Security::StartTls) => self.port(server, "smtp"),
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
    /// No lines, and none of the time that it takes to write them down.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn trace(&self) -> Option<Trace> {
        let lines = Arc::clone(self.0.as_ref()?);
        Some(Trace::new(move |direction, line| {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push(format!("{}: {line}", direction.letter()));
        }))
    }

    pub(crate) fn all(&self) -> Vec<String> {
        let lines =
            self.0.as_ref().map(|lines| lines.lock().unwrap_or_else(PoisonError::into_inner));
        lines.map(|lines| lines.clone()).unwrap_or_default()
    }

    /// What was sent that begins with `word`, behind the tag where there is one.
    pub(crate) fn sent(&self, word: &str) -> Vec<String> {
        let lines = self.all();
        let sent = lines.iter().filter_map(|line| line.strip_prefix("C: "));
        let is_meant = |line: &&str| line.split(' ').take(2).any(|found| found == word);
        sent.filter(is_meant).map(str::to_owned).collect()
    }
}
