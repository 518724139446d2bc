//! From an account to a connection, step by step, and to a session.

use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use xoauth::net::TcpTransport;
use xoauth::{Deadlines, Direction, Tls, Trace, Transport, imap, smtp};

use crate::Result;
use crate::account::{Account, SaslIr};
use crate::diagnose::{Attempt, failure_of};
use crate::failure::{Exit, Failure};
use crate::login_value::{Credentials, choose, login};
use crate::server::{Protection, Server};
use crate::store::private;
use crate::token::{Renew, is_fixed};

/// A stream to a server, protected or on loopback.
pub(crate) type Stream = Box<dyn Transport + Send>;

/// Hears of each step that is done: its name, and what it found.
pub(crate) type Watcher<'a> = &'a mut dyn FnMut(&'static str, String);

/// How to reach the server of one protocol.
pub(crate) struct Way {
    pub(crate) server: Server,
    tls: Tls,
    deadlines: Deadlines,
    trace: Option<Trace>,
}

/// A step that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) step: &'static str,
    pub(crate) error: xoauth::Error,
}

impl Way {
    pub(crate) fn new(account: &Account, protocol: &'static str) -> Result<Self> {
        let tls = match &account.settings.ca_file {
            None => Tls::system(),
            Some(path) => {
                let pem = std::fs::read(path);
                let pem = pem.map_err(|e| Failure::config(format!("{}: {e}", path.display())))?;
                Tls::builder()
                    .add_roots(&pem)
                    .and_then(|builder| builder.only_these_roots().build())
            }
        };
        let tls = tls.map_err(|error| {
            let why =
                std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            Failure::config(format!("{error}: {why}"))
        })?;
        Ok(Self {
            server: account.server(protocol)?,
            tls,
            deadlines: account.timeout.map_or_else(Deadlines::default, Deadlines::all),
            trace: account.trace.as_ref().map(|path| trace_to(path)).transpose()?,
        })
    }

    fn failed(step: &'static str) -> impl FnOnce(xoauth::Error) -> Failed {
        move |error| Failed { step, error }
    }

    fn unreachable(&self, source: std::io::Error) -> xoauth::Error {
        xoauth::Error::Connect { host: self.server.host.clone(), port: self.server.port, source }
    }

    /// Dials: `resolve` and `connect`.
    fn dial(&self, watch: Watcher<'_>) -> Result<TcpTransport, Failed> {
        let (host, port) = (self.server.host.as_str(), self.server.port);
        let found = (host, port).to_socket_addrs();
        let found =
            found.map_err(|error| self.unreachable(error)).map_err(Self::failed("resolve"))?;
        let addresses: Vec<SocketAddr> = found.collect();
        let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
        watch("resolve", shown.join(" "));
        let deadline = Instant::now() + self.deadlines.connect;
        let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            let left =
                deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            match TcpStream::connect_timeout(&address, left).and_then(TcpTransport::new) {
                Ok(mut transport) => {
                    transport.set_deadline(Some(deadline));
                    watch("connect", address.to_string());
                    return Ok(transport);
                }
                Err(error) => last = error,
            }
        }
        Err(Failed { step: "connect", error: self.unreachable(last) })
    }

    /// An IMAP connection that takes credentials.
    pub(crate) fn imap(&self, watch: Watcher<'_>) -> Result<imap::Client<Stream>, Failed> {
        let host = self.server.host.as_str();
        let mut builder = imap::Builder::new(host).port(self.server.port).deadlines(self.deadlines);
        if let Some(trace) = &self.trace {
            builder = builder.trace(trace.clone());
        }
        let tcp = self.dial(watch)?;
        if self.server.tls == Protection::Implicit {
            let stream = self.tls.handshake(host, tcp).map_err(Self::failed("tls"))?;
            watch("tls", format!("implicit, certificate is good for {host}"));
            let stream: Stream = Box::new(stream);
            let client = builder.from_stream(stream).map_err(Self::failed("greeting"))?;
            watch("greeting", "OK".to_owned());
            return Ok(client);
        }
        let plain = builder.from_plain_stream(tcp).map_err(Self::failed("greeting"))?;
        watch("greeting", "OK".to_owned());
        if self.server.tls == Protection::None {
            return plain.trust().boxed().map_err(Self::failed("connect"));
        }
        let client = plain.starttls(&self.tls).map_err(Self::failed("tls"))?;
        watch("tls", format!("STARTTLS, certificate is good for {host}"));
        client.boxed().map_err(Self::failed("tls"))
    }

    /// A submission connection that takes credentials.
    pub(crate) fn smtp(&self, watch: Watcher<'_>) -> Result<smtp::Client<Stream>, Failed> {
        let host = self.server.host.as_str();
        let mut builder = smtp::Builder::new(host).port(self.server.port).deadlines(self.deadlines);
        if let Some(trace) = &self.trace {
            builder = builder.trace(trace.clone());
        }
        let tcp = self.dial(watch)?;
        if let Ok(address) = tcp.local_address() {
            builder = builder.client_name(address.ip().into());
        }
        if self.server.tls == Protection::Implicit {
            let stream = self.tls.handshake(host, tcp).map_err(Self::failed("tls"))?;
            watch("tls", format!("implicit, certificate is good for {host}"));
            let stream: Stream = Box::new(stream);
            let client = builder.from_stream(stream).map_err(Self::failed("greeting"))?;
            watch("greeting", "220, EHLO accepted".to_owned());
            return Ok(client);
        }
        let plain = builder.from_plain_stream(tcp).map_err(Self::failed("greeting"))?;
        watch("greeting", "220, EHLO accepted".to_owned());
        if self.server.tls == Protection::None {
            return plain.trust().boxed().map_err(Self::failed("connect"));
        }
        let client = plain.starttls(&self.tls).map_err(Self::failed("tls"))?;
        watch("tls", format!("STARTTLS, certificate is good for {host}"));
        client.boxed().map_err(Self::failed("tls"))
    }
}

/// The lines of a session, secrets replaced already, in a file that only its owner may read.
fn trace_to(path: &std::path::Path) -> Result<Trace> {
    let file = private().create(true).append(true).open(path);
    let file: Mutex<File> = Mutex::new(file.map_err(|error| Failure::io(path.display(), &error))?);
    Ok(Trace::new(move |direction, line| {
        let side = if direction == Direction::Client { 'C' } else { 'S' };
        if let Ok(mut file) = file.lock() {
            // A disk that is full ends the trace, not the session.
            let _ = writeln!(file, "{side}: {line}");
        }
    }))
}

/// An authenticated IMAP session; a token that is refused is renewed once.
pub(crate) fn imap_session(account: &Account) -> Result<imap::Session<Stream>> {
    let first = imap_attempt(account, Renew::Below(60));
    match first {
        Err((failure, true)) if !is_fixed(account) => imap_attempt(account, Renew::Always)
            .map_err(|(again, _)| if again.phase == "token" { failure } else { again }),
        other => other.map_err(|(failure, _)| failure),
    }
}

/// An authenticated submission session; a token that is refused is renewed once.
pub(crate) fn smtp_session(account: &Account) -> Result<smtp::Session<Stream>> {
    let first = smtp_attempt(account, Renew::Below(60));
    match first {
        Err((failure, true)) if !is_fixed(account) => smtp_attempt(account, Renew::Always)
            .map_err(|(again, _)| if again.phase == "token" { failure } else { again }),
        other => other.map_err(|(failure, _)| failure),
    }
}

/// A failure, and whether a new token is likely to help.
type Refused = (Failure, bool);

fn imap_attempt(account: &Account, renew: Renew) -> Result<imap::Session<Stream>, Refused> {
    let final_ = |failure: Failure| (failure, false);
    let credentials = Credentials::of(account, renew).map_err(final_)?;
    let way = Way::new(account, "imap").map_err(final_)?;
    let mut attempt = Attempt::new(account, "imap");
    let mut client = way.imap(&mut |_, _| {}).map_err(|failed| (attempt.failed(&failed), false))?;
    let offered = client
        .capabilities()
        .map_err(|error| (failure_of(&error, "capability", &attempt), false))?;
    let offered: Vec<String> = offered.mechanisms().map(str::to_owned).collect();
    let name = choose(account, Some(&offered));
    let server = Some(&way.server);
    let mechanism = login(&name, account, "imap", &credentials, server, None).map_err(final_)?;
    attempt.mechanism = Some(name);
    let sasl_ir = imap_sasl_ir(account).map_err(final_)?;
    attempt.inline = sasl_ir != imap::command::SaslIr::Never;
    client.authenticate_with(mechanism, |command| command.sasl_ir(sasl_ir)).map_err(|refused| {
        let error = refused.error();
        (failure_of(error, "auth", &attempt), error.needs_new_token() && !account.signs())
    })
}

fn smtp_attempt(account: &Account, renew: Renew) -> Result<smtp::Session<Stream>, Refused> {
    let final_ = |failure: Failure| (failure, false);
    let credentials = Credentials::of(account, renew).map_err(final_)?;
    let way = Way::new(account, "smtp").map_err(final_)?;
    let mut attempt = Attempt::new(account, "smtp");
    let client = way.smtp(&mut |_, _| {}).map_err(|failed| (attempt.failed(&failed), false))?;
    let offered: Vec<String> = client.extensions().mechanisms().map(str::to_owned).collect();
    let name = choose(account, Some(&offered));
    let server = Some(&way.server);
    let mechanism = login(&name, account, "smtp", &credentials, server, None).map_err(final_)?;
    attempt.mechanism = Some(name);
    let deferred = account.sasl_ir().map_err(final_)? == SaslIr::Never;
    let options = |command: smtp::exchange::Auth| {
        if deferred { command.sasl_ir(imap::command::SaslIr::Never) } else { command }
    };
    client.authenticate_with(mechanism, options).map_err(|refused| {
        let error = refused.error();
        (failure_of(error, "auth", &attempt), error.needs_new_token() && !account.signs())
    })
}

/// The account's choice in the words of the library.
pub(crate) fn imap_sasl_ir(account: &Account) -> Result<imap::command::SaslIr> {
    Ok(match account.sasl_ir()? {
        SaslIr::Auto => imap::command::SaslIr::Auto,
        SaslIr::Always => imap::command::SaslIr::Always,
        SaslIr::Never => imap::command::SaslIr::Never,
    })
}

/// A name that cannot be resolved is another trouble than a server that is down.
pub(crate) fn exit_of_step(step: &str) -> Option<Exit> {
    (step == "resolve").then_some(Exit::NoHost)
}
