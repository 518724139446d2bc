//! Streams of the caller's, and what types promise.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::io::{self, Read, Write};
use std::sync::Arc;

use xoauth::imap::command::{Fetch, Item, Noop, Select};
use xoauth::net::{
    AsyncTlsTransport, AsyncTransport, Backoff, TcpTransport, TlsTransport, Untimed,
};
use xoauth::sasl::XOAuth2;
use xoauth::smtp::exchange::Submit;
use xoauth::{
    Ask, Awaited, Credentials, Deadlines, Error, Fixed, LoginRefused, Named, Secret, TokenCommand,
    TokenCommandOverdue, TokenFailed, TokenSource, TokenUnavailable, Transport, imap, smtp,
};

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
fn a_stream_in_the_clear_carries_imap_by_both_drivers() {
    let server = "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n";
    let stream = Untimed(Tape::new(server, 4096));
    let client = imap::Builder::new("mail.example.org").from_plain_stream(stream).unwrap();
    assert!(client.state().capabilities().is_some());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::io::join(io::Cursor::new(server), tokio::io::sink());
        let builder = imap::nonblocking::Builder::new("mail.example.org");
        let client = builder.from_plain_stream(stream).await.unwrap();
        assert!(client.state().capabilities().is_some());
    });
}

#[test]
fn a_boxed_transport_is_a_transport() {
    let stream: Box<dyn Transport + Send> = Box::new(Untimed(Tape::new("* OK ready\r\n", 64)));
    let mut client = imap::Builder::new("mail.example.org").from_stream(stream).unwrap();
    assert!(client.run(Noop::new()).unwrap_err().is_fatal());
    assert!(!client.is_usable());
}

/// Answers SELECT, then says `said` at once and ends the stream.
struct Ending {
    said: &'static str,
    ready: Vec<u8>,
}

impl Ending {
    fn session(said: &'static str) -> imap::Session<Untimed<Self>> {
        let ready = b"* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n".to_vec();
        let stream = Untimed(Self { said, ready });
        let client = imap::Builder::new("mail.example.org").from_stream(stream).unwrap();
        let mut session = client.preauthenticated().unwrap();
        session.run(Select::new("INBOX")).unwrap();
        session
    }
}

impl Read for Ending {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.ready.len().min(buffer.len());
        buffer.get_mut(..n).unwrap().copy_from_slice(self.ready.get(..n).unwrap());
        self.ready.drain(..n);
        Ok(n)
    }
}

impl Write for Ending {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(octets).into_owned();
        let (tag, command) = line.split_once(' ').unwrap();
        if command.starts_with("SELECT") {
            self.ready.extend_from_slice(format!("{tag} OK done\r\n").as_bytes());
        } else {
            self.ready.extend_from_slice(self.said.as_bytes());
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_was_whole_before_the_end_is_handed_out() {
    for (said, bodies) in [
        ("* 1 FETCH (UID 1 RFC822.SIZE 9)\r\n* 2 FETCH (UID 2 BODY[] {5}\r\n", 1),
        ("* 1 FETCH (UID 1 RFC822.SIZE 9)\r\n* 2 FETCH (UID 2 BODY[] {5}\r\nab", 1),
        ("* 1 FETCH (UID 1 RFC822.SIZE 9)\r\n* 2 FETCH (UID 2 BO", 0),
        ("* 1 FETCH (UID 1 RFC822.SIZE 9)\r\n", 0),
    ] {
        // The rest of a body is asked for, or not.
        for reads in [true, false] {
            let mut session = Ending::session(said);
            let mut stream = session.stream(Fetch::new("1:2", Item::Body)).unwrap();
            let (mut messages, mut begun) = (0, 0);
            let error = loop {
                match stream.next_part() {
                    Ok(Some(imap::Part::Message(message))) => {
                        assert_eq!(message.uid.map(u32::from), Some(1));
                        messages += 1;
                    }
                    Ok(Some(imap::Part::Body(mut body))) => {
                        begun += 1;
                        if let (true, Err(error)) = (reads, body.copy_to(&mut io::sink())) {
                            assert!(error.to_string().contains("closed"), "{said}: {error}");
                        }
                    }
                    Ok(None) => panic!("{said}: the end was not heard"),
                    Err(error) => break error,
                }
            };
            assert!(error.is_fatal());
            assert_eq!((messages, begun), (1, bodies), "{said}");
            drop(stream);
            assert!(!session.is_usable());
        }
        let mut session = Ending::session(said);
        let mut items = session.stream(Fetch::new("1:2", Item::Body)).unwrap();
        assert_eq!(items.next().unwrap().unwrap().uid.map(u32::from), Some(1));
        assert!(items.next().unwrap().unwrap_err().is_fatal());
        assert!(items.next().is_none());
    }
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
    sent::<imap::Reconnect<Fixed>>();
    sent::<imap::nonblocking::Reconnect<Fixed>>();
    sent::<imap::Watch<Fixed>>();
    sent::<imap::nonblocking::Watch<Fixed>>();
    // What one owner uses at a time may stand in a lock that many share.
    shared::<imap::Session<TlsTransport>>();
    shared::<smtp::Session<TlsTransport>>();
    shared::<imap::nonblocking::Session<AsyncTlsTransport>>();
    shared::<smtp::nonblocking::Session<AsyncTlsTransport>>();
    sent::<imap::PlainClient<TcpTransport>>();
    sent::<smtp::PlainClient<TcpTransport>>();
    sent::<imap::Client<Box<dyn Transport + Send>>>();
    sent::<imap::nonblocking::Client<Box<dyn AsyncTransport + Send>>>();
    sent::<smtp::nonblocking::Client<Box<dyn AsyncTransport + Send>>>();
    sent::<imap::Idle<'static, TlsTransport>>();
    sent::<imap::nonblocking::Idle<'static, AsyncTlsTransport>>();
    sent::<imap::Stream<'static, TlsTransport, Fetch>>();
    sent::<imap::nonblocking::Stream<'static, AsyncTlsTransport, Fetch>>();
    sent::<smtp::Pooled>();
    sent::<smtp::nonblocking::Pooled>();
    shared::<smtp::Pool>();
    shared::<smtp::Mailer<Fixed>>();
    shared::<smtp::nonblocking::Pool>();
    shared::<smtp::nonblocking::Mailer<Fixed>>();
    shared::<imap::Interrupter>();
    shared::<Credentials<Fixed>>();
    shared::<Credentials<Arc<dyn TokenSource>>>();
    shared::<TokenCommand>();
    shared::<Awaited<fn(Ask)>>();
    shared::<Fixed>();
    shared::<Ask>();
    shared::<Credentials<Named>>();
    shared::<TokenUnavailable>();
    shared::<TokenCommandOverdue>();
    shared::<Deadlines>();
    shared::<Backoff>();
    shared::<smtp::PoolOptions>();
    shared::<smtp::Headers>();
    shared::<imap::Compression>();
    shared::<imap::Reopened>();
    shared::<imap::Change>();
    shared::<imap::Message>();
    shared::<imap::Capabilities>();
    shared::<smtp::Sent>();
    shared::<Error>();
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
        session.run(Submit::new("ann@example.com", ["ben@example.org"], "\r\n")).await?;
        session.quit().await
    });
    let credentials = || Credentials::token("user", "token");
    let builder = || imap::nonblocking::Builder::new("imap.example.com");
    sent(async move {
        let mail = imap::nonblocking::Reconnect::new(builder(), credentials());
        let mut watch = mail.select("INBOX").watch();
        watch.next().await?;
        watch.session().await?.run(Noop::new()).await
    });
    sent(async move {
        let mut mail = imap::nonblocking::Reconnect::new(builder(), credentials());
        mail.run(Noop::new).await
    });
    sent(async move {
        let builder = smtp::nonblocking::Builder::new("smtp.example.com");
        let pool = smtp::nonblocking::Pool::new(2);
        let mailer = pool.mailer(builder, credentials());
        mailer.send(|| Submit::new("ann@example.com", ["ben@example.org"], "")).await
    });
}

/// The same where tokens come from closures, whose types say more than the compiler asks of a future that is sent.
#[test]
fn futures_move_between_threads_whatever_the_source_is() {
    fn sent<F: Future + Send>(_: F) {}
    macro_rules! with {
        ($source:expr) => {{
            let credentials = || Credentials::bearer("ann@example.com", $source);
            let builder = || imap::nonblocking::Builder::new("imap.example.com");
            sent(async move {
                let credentials = credentials();
                let mut session = builder().log_in(&credentials).await?;
                session.run(Noop::new()).await
            });
            sent(async move {
                let credentials = credentials();
                let smtp = smtp::nonblocking::Builder::new("smtp.example.com");
                smtp.log_in(&credentials).await.map(drop)
            });
            sent(async move {
                let open = || async move { builder().connect().await };
                imap::nonblocking::log_in(open, &credentials()).await.map(drop)
            });
            sent(async move {
                let mut mail = imap::nonblocking::Reconnect::new(builder(), credentials());
                mail.run(Noop::new).await
            });
            sent(async move {
                let mail = imap::nonblocking::Reconnect::new(builder(), credentials());
                let mut watch = mail.select("INBOX").watch();
                watch.next().await?;
                watch.session().await?.run(Noop::new()).await
            });
            sent(async move {
                let smtp = smtp::nonblocking::Builder::new("smtp.example.com");
                let mailer = smtp::nonblocking::Pool::new(2).mailer(smtp, credentials());
                mailer.send(|| Submit::new("ann@example.com", ["ben@example.org"], "")).await?;
                mailer.session().await.map(drop)
            });
        }};
    }
    with!(|_: &Ask| Ok::<_, TokenFailed>(Secret::new("token")));
    with!(Awaited(|_| async { Ok::<_, TokenFailed>(Secret::new("token")) }));
    with!(TokenCommand::new("pass", ["show"]));
}
