//! Streams of the caller's, and what types promise.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::io::{self, Read, Write};

use xoauth::imap::command::{Fetch, Item, Noop};
use xoauth::net::{AsyncTlsTransport, TcpTransport, TlsTransport, Untimed};
use xoauth::sasl::XOAuth2;
use xoauth::smtp::exchange::Send as SendMail;
use xoauth::{Error, LoginRefused, Transport, imap, smtp};

/// A stream that has its whole life written down: what it reads, and how much at a time.
struct Tape {
    server: io::Cursor<Vec<u8>>,
    client: Vec<u8>,
    step: usize,
}

impl Tape {
    fn new(server: &str, step: usize) -> Self {
        Self { server: io::Cursor::new(server.into()), client: Vec::new(), step }
    }
}

impl Read for Tape {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Every other call is interrupted, as signals do.
        self.step ^= 1;
        if self.step & 1 == 1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let n = buffer.len().min(self.step.max(1));
        self.server.read(buffer.get_mut(..n).unwrap_or_default())
    }
}

impl Write for Tape {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let n = octets.len().min(3);
        self.client.extend_from_slice(octets.get(..n).unwrap_or_default());
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stream_of_the_callers_carries_imap() {
    let server = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready\r\n* BYE too late\r\n";
    for step in [2, 8, 4096] {
        let stream = Untimed(Tape::new(server, step));
        let client = imap::Builder::new("mail.example.org").from_stream(stream).unwrap();
        let refused = client.authenticate(XOAuth2::new("user", "token").unwrap()).unwrap_err();
        assert!(matches!(refused.error(), Error::Imap(imap::Error::Bye { .. })), "{refused}");
        assert!(refused.into_client().is_none());
    }
}

#[test]
fn a_stream_of_the_callers_carries_smtp() {
    let server = "220 ready\r\n";
    let stream = Untimed(Tape::new(server, 4096));
    let error = smtp::Builder::new("mail.example.org").from_stream(stream).map(drop).unwrap_err();
    let closed = smtp::TransportFault::Closed;
    assert_eq!(error.to_string(), closed.to_string());
}

#[test]
fn a_boxed_transport_is_a_transport() {
    let stream: Box<dyn Transport + Send> = Box::new(Untimed(Tape::new("* OK ready\r\n", 64)));
    let mut client = imap::Builder::new("mail.example.org").from_stream(stream).unwrap();
    assert!(client.run(Noop::new()).unwrap_err().is_fatal());
    assert!(!client.is_usable());
}

/// What users move to other threads and share among them.
#[test]
fn sessions_are_sent_and_shared_where_users_expect_it() {
    fn sent<T: Send>() {}
    fn shared<T: Send + Sync>() {}
    sent::<imap::Session<TlsTransport>>();
    sent::<imap::Client<TcpTransport>>();
    sent::<smtp::Session<TlsTransport>>();
    sent::<LoginRefused<imap::Client<TlsTransport>>>();
    sent::<imap::nonblocking::Session<AsyncTlsTransport>>();
    sent::<smtp::nonblocking::Session<AsyncTlsTransport>>();
    shared::<imap::nonblocking::Builder>();
    shared::<smtp::nonblocking::Builder>();
    shared::<imap::Builder>();
    shared::<smtp::Builder>();
    shared::<xoauth::Tls>();
    shared::<xoauth::Trace>();
    shared::<xoauth::sasl::XOAuth>();
    shared::<imap::Error>();
    shared::<smtp::Error>();
}

/// What async programs spawn: the futures move between threads.
#[test]
fn futures_of_async_sessions_move_between_threads() {
    fn sent<F: Future + Send>(_: F) {}
    sent(async {
        let client = imap::nonblocking::connect("imap.example.com").await?;
        let mut session = client.authenticate(XOAuth2::new("user", "token")?).await?;
        session.run(Noop::new()).await?;
        let mut stream = session.stream(Fetch::new("1:*", Item::Body)).await?;
        while let Some(part) = stream.next_part().await? {
            if let imap::nonblocking::Part::Body(mut body) = part {
                while body.chunk().await?.is_some() {}
            }
        }
        session.logout().await
    });
    sent(async {
        let client = smtp::nonblocking::Builder::new("smtp.example.com").connect_starttls().await?;
        let mut session = client.authenticate(XOAuth2::new("user", "token")?).await?;
        session.run(SendMail::new("ann@example.com", ["ben@example.org"], "\r\n")).await?;
        session.quit().await
    });
}
