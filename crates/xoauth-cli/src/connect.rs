//! From an account to a session. The library dials, chooses the mechanism and renews a token that is refused; here it is
//! told how, and what it reached on the way is noted.

use std::fs::File;
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use xoauth::{Deadlines, Direction, Error, Tls, Trace, Transport, imap, smtp};

use crate::Result;
use crate::account::Account;
use crate::diagnose::Attempt;
use crate::failure::Failure;
use crate::files::private;
use crate::server::{Protection, Server};
use crate::sign_in::{Credentials, SignIn};
use crate::steps::Steps;

/// A stream to a server, protected or on loopback.
pub(crate) type Stream = Box<dyn Transport + Send>;

/// The server of one protocol, and how an account signs in to it: made once, good for any number of sessions.
#[derive(Debug)]
pub(crate) struct Gate<'a> {
    pub(crate) account: &'a Account,
    pub(crate) server: Server,
    protocol: &'static str,
    sign_in: SignIn,
    tls: Tls,
    deadlines: Deadlines,
    trace: Option<Trace>,
}

impl<'a> Gate<'a> {
    /// For `imap` or `smtp`, with a token of the account, renewed where it is refused.
    pub(crate) fn new(account: &'a Account, protocol: &'static str) -> Result<Self> {
        Self::with(account, protocol, SignIn::of(account, protocol)?)
    }

    /// With these credentials, which are not renewed.
    pub(crate) fn known(
        account: &'a Account,
        protocol: &'static str,
        credentials: &Credentials,
    ) -> Result<Self> {
        Self::with(account, protocol, SignIn::known(account, protocol, credentials)?)
    }

    fn with(account: &'a Account, protocol: &'static str, sign_in: SignIn) -> Result<Self> {
        // Said before the roots are read, which takes its time.
        let (server, sasl_ir) = (account.server(protocol)?, account.sasl_ir()?);
        let tls = match own_roots(account)? {
            None => Tls::system().map_err(|error| Failure::config(why(&error)))?,
            Some(tls) => tls,
        };
        Ok(Self {
            account,
            server,
            protocol,
            sign_in: sign_in.sasl_ir(sasl_ir),
            tls,
            deadlines: account.timeout.map_or_else(Deadlines::default, patient),
            trace: account.trace.as_ref().map(|path| trace_to(path)).transpose()?,
        })
    }

    /// An authenticated IMAP session.
    pub(crate) fn imap_session(&self) -> Result<imap::Session<Stream>> {
        self.imap_by_steps(&Steps::new(&self.server))
    }

    /// The same; `steps` hears of each step.
    pub(crate) fn imap_by_steps(&self, steps: &Steps) -> Result<imap::Session<Stream>> {
        let mut builder = imap::Builder::new(&self.server.host)
            .port(self.server.port)
            .deadlines(self.deadlines)
            .tls(&self.tls)
            .milestones(steps.hook());
        if let Some(trace) = &self.trace {
            builder = builder.trace(trace.clone());
        }
        let open = || {
            let mut client = match self.server.tls {
                Protection::Implicit => builder.connect()?.boxed(),
                Protection::StartTls => builder.connect_starttls()?.boxed(),
                Protection::None => builder.connect_plain()?.trust().boxed(),
            }?;
            let capabilities = client.capabilities()?;
            steps.capabilities(capabilities.iter(), capabilities.mechanisms());
            Ok(client)
        };
        let session = match &self.sign_in {
            SignIn::Bearer(credentials) => imap::log_in(open, credentials),
            SignIn::Signed(credentials) => imap::log_in(open, credentials),
        };
        session.map_err(|error| self.failure(error, steps))
    }

    /// An authenticated submission session.
    pub(crate) fn smtp_session(&self) -> Result<smtp::Session<Stream>> {
        self.smtp_by_steps(&Steps::new(&self.server))
    }

    /// The same; `steps` hears of each step.
    pub(crate) fn smtp_by_steps(&self, steps: &Steps) -> Result<smtp::Session<Stream>> {
        let mut builder = smtp::Builder::new(&self.server.host)
            .port(self.server.port)
            .deadlines(self.deadlines)
            .tls(&self.tls)
            .milestones(steps.hook());
        if let Some(trace) = &self.trace {
            builder = builder.trace(trace.clone());
        }
        let open = || {
            let client = match self.server.tls {
                Protection::Implicit => builder.connect()?.boxed(),
                Protection::StartTls => builder.connect_starttls()?.boxed(),
                Protection::None => builder.connect_plain()?.trust().boxed(),
            }?;
            let extensions = client.extensions();
            steps.capabilities(extensions.keywords(), extensions.mechanisms());
            Ok(client)
        };
        let session = match &self.sign_in {
            SignIn::Bearer(credentials) => smtp::log_in(open, credentials),
            SignIn::Signed(credentials) => smtp::log_in(open, credentials),
        };
        session.map_err(|error| self.failure(error, steps))
    }

    /// What an error of a session means for this account.
    pub(crate) fn attempt(&self) -> Attempt<'a> {
        Attempt::new(self.account, self.protocol)
    }

    fn failure(&self, error: Error, steps: &Steps) -> Failure {
        let mut attempt = self.attempt();
        (attempt.inline, attempt.unlisted) = (steps.is_inline(), steps.unlisted());
        let step = steps.under_way();
        let other = other_scheme(&self.server, self.protocol, &error, step);
        let failure = attempt.failure(error, step);
        match other {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// Who begins in the clear where TLS is expected, or waits for TLS where a greeting is, listens on the port of the other scheme.
fn other_scheme(server: &Server, protocol: &str, error: &Error, step: &str) -> Option<String> {
    let is_implicit = server.tls == Protection::Implicit;
    match error {
        Error::TlsHandshake { .. } if is_implicit && step == "tls" => {
            Some(format!("is this the port for STARTTLS? {protocol}://{server}"))
        }
        error if error.is_timeout() && !is_implicit && step == "greeting" => {
            Some(format!("is this the port for TLS? {protocol}s://{server}"))
        }
        _ => None,
    }
}

/// TLS that trusts the roots of the account's `ca-file` alone, where there is one.
pub(crate) fn own_roots(account: &Account) -> Result<Option<Tls>> {
    let Some(path) = &account.settings.ca_file else { return Ok(None) };
    let bad = |why: &dyn std::fmt::Display| {
        account.settings.fault("ca-file", format!("{}: {why}", path.display()))
    };
    let pem = std::fs::read(path).map_err(|error| bad(&error))?;
    let built =
        Tls::builder().add_roots(&pem).and_then(|builder| builder.only_these_roots().build());
    built.map(Some).map_err(|error| bad(&why(&error)))
}

/// An error with its cause.
fn why(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Connecting and each command take so long at most. What a server does with a message it was given is not hurried
/// (RFC 5321 4.5.3.2.6): who gives up on it sends it twice. What is large and flows may take longer.
fn patient(bound: Duration) -> Deadlines {
    let mut deadlines = Deadlines::all(bound);
    deadlines.total = None;
    deadlines.delivery = bound.max(Deadlines::default().delivery);
    deadlines
}

/// The lines of a session, secrets replaced already, in a file that only its owner may read.
fn trace_to(path: &std::path::Path) -> Result<Trace> {
    let open = || {
        let file = private().create(true).append(true).open(path)?;
        // It may have been there before. A device or a pipe is not ours alone.
        #[cfg(unix)]
        if file.metadata()?.is_file() {
            file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        }
        Ok(Mutex::new(file))
    };
    let file: Mutex<File> = open().map_err(|error| Failure::io(path.display(), &error))?;
    Ok(Trace::new(move |direction, line| {
        let side = if direction == Direction::Client { 'C' } else { 'S' };
        if let Ok(mut file) = file.lock() {
            // A disk that is full ends the trace, not the session.
            let _ = writeln!(file, "{side}: {line}");
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_hurries_everything_but_the_delivery() {
        let usual = Deadlines::default();
        let short = patient(Duration::from_secs(20));
        assert_eq!(
            (short.connect, short.command),
            (Duration::from_secs(20), Duration::from_secs(20))
        );
        assert_eq!((short.delivery, short.total), (usual.delivery, None));
        assert!(short.delivery >= Duration::from_secs(600));
        let long = patient(Duration::from_secs(3600));
        assert_eq!(long.delivery, Duration::from_secs(3600));
    }
}
