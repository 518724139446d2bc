//! rustls instead of the TLS library of the system, blocking and async, against a mail host on this machine.
//!
//! A program that takes this needs `xoauth` without its feature `native-tls`; async sessions bring that along.
#![allow(missing_docs)]

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use e2e::host::{DEMO_BEARER_TOKEN, DEMO_USER, Host};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio_rustls::TlsConnector;
use xoauth::imap::command::{Noop, Select};
use xoauth::imap::{self, Builder};
use xoauth::net::TcpTransport;
use xoauth::{Credentials, Transport, smtp};

/// TLS by rustls over a TCP stream of `xoauth`, whose deadlines hold for all of it.
///
/// `Untimed(rustls::StreamOwned)` would be shorter, and wait for a silent server without end. What is written and what is read are
/// kept apart, so that a server that waits to be heard is heard.
struct Rustls {
    tls: ClientConnection,
    tcp: TcpTransport,
}

impl Rustls {
    fn new(config: Arc<ClientConfig>, host: &str, tcp: TcpStream) -> Result<Self, Box<dyn Error>> {
        let mut tcp = TcpTransport::new(tcp)?;
        tcp.set_deadline(Instant::now().checked_add(Duration::from_secs(30)));
        Ok(Self::over(config, host, tcp)?)
    }

    /// The handshake, within the deadline of `tcp`.
    fn over(config: Arc<ClientConfig>, host: &str, mut tcp: TcpTransport) -> io::Result<Self> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        Ok(Self { tls, tcp })
    }

    fn write_out(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.tcp)?;
        }
        Ok(())
    }
}

impl Read for Rustls {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
                // Nothing decrypted is left.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            self.tls.read_tls(&mut self.tcp)?;
            self.tls.process_new_packets().map_err(io::Error::other)?;
        }
    }
}

impl Write for Rustls {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.write_out()?;
        let taken = self.tls.writer().write(octets)?;
        match self.write_out() {
            // They are taken; the next write or flush sends them.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out()?;
        self.tcp.flush()
    }
}

impl Transport for Rustls {
    fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.tcp.set_deadline(deadline);
    }

    fn set_wake(&mut self, at: Option<Instant>) {
        self.tcp.set_wake(at);
    }

    fn hears_while_writing(&self) -> bool {
        self.tcp.hears_while_writing()
    }

    fn set_waiting(&mut self, waiting: bool) {
        self.tcp.set_waiting(waiting);
    }

    fn close(&mut self) {
        self.tls.send_close_notify();
        self.tcp.set_waiting(false);
        // Whoever is gone needs no goodbye.
        let _ = self.write_out();
        self.tcp.close();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let host = Host::builder().start()?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(host.ca_pem()) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let address = ("localhost", host.imaps_port());
    let credentials = Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN);

    let failed = move |error: Box<dyn Error>| xoauth::Error::Connect {
        host: address.0.to_owned(),
        port: address.1,
        source: io::Error::other(format!("{error}")),
    };

    // The port is what the mechanism tells the server; nothing is dialled by it.
    let builder = Builder::new("localhost").port(address.1);
    let tls = Arc::clone(&config);
    let open = move || {
        let stream = TcpStream::connect(address).map_err(Box::from);
        let stream = stream.and_then(|tcp| Rustls::new(Arc::clone(&tls), "localhost", tcp));
        builder.from_stream(stream.map_err(failed)?)
    };
    let mut session = imap::log_in(&open, &credentials)?;
    session.run(Select::new("INBOX"))?;
    // Silence is waited for as long as was asked, and no longer.
    let mut idle = session.idle()?;
    if let Some(event) = idle.wait(Duration::from_millis(200))? {
        return Err(format!("news in an inbox nobody writes to: {event:?}").into());
    }
    idle.done()?;
    session.logout()?;

    // A session that lives: `open` is called again when it is over. So do `imap::Watch` and `smtp::Pool`.
    let mut mail = imap::Reconnect::over(open, credentials.clone()).select("INBOX");
    mail.run(Noop::new)?;
    mail.logout()?;

    // STARTTLS, on the port that Microsoft's submission has alone.
    let post = smtp::Builder::new("localhost").port(host.submission_port()).connect_plain()?;
    let post = post.starttls_with(|tcp| Rustls::over(Arc::clone(&config), "localhost", tcp))?;
    post.log_in(&credentials)?.quit()?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let connect = move |connector: TlsConnector| async move {
            let stream = tokio::net::TcpStream::connect(address).await?;
            Ok(connector.connect("localhost".try_into()?, stream).await?)
        };
        let open = move || {
            let stream = connect(TlsConnector::from(Arc::clone(&config)));
            let builder = imap::nonblocking::Builder::new("localhost").port(address.1);
            async move { builder.from_stream(stream.await.map_err(failed)?).await }
        };
        let mut mail = imap::nonblocking::Reconnect::over(open, credentials).select("INBOX");
        mail.run(Noop::new).await?;
        Ok(mail.logout().await?)
    })
}
