//! Sessions whose octets are compressed (RFC 4978), against a server in memory that compresses with the same
//! library but knows nothing of ours.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use xoauth::imap::command::{Append, List, Noop};
use xoauth::imap::{Builder, Compression, Event, Session, nonblocking};
use xoauth::{Error, Secret, Transport};

/// A server at the other end of a stream in memory.
#[derive(Default)]
struct Server {
    compression: Option<(Box<InflateState>, Box<CompressorOxide>)>,
    /// What the client said and was not answered yet, in clear.
    heard: Vec<u8>,
    /// What the client has not read.
    said: Vec<u8>,
    /// The client gets so many octets at a time.
    step: usize,
    /// Said behind the answer to COMPRESS, compressed.
    behind: Vec<u8>,
    offered: &'static str,
}

impl Server {
    fn new(step: usize) -> Self {
        let said = b"* OK ready\r\n".to_vec();
        Self { said, step, offered: "COMPRESS=DEFLATE", ..Self::default() }
    }

    fn say(&mut self, octets: &[u8]) {
        let Some((_, compressor)) = &mut self.compression else {
            return self.said.extend_from_slice(octets);
        };
        let mut room = vec![0; 2 * octets.len() + 100];
        let done = deflate(compressor, octets, &mut room, MZFlush::Sync);
        assert_eq!(done.bytes_consumed, octets.len());
        self.said.extend_from_slice(&room[..done.bytes_written]);
    }

    fn hear(&mut self, octets: &[u8]) {
        match &mut self.compression {
            None => self.heard.extend_from_slice(octets),
            Some((inflator, _)) => {
                let mut rest = octets;
                loop {
                    let mut room = [0; 4096];
                    let done = inflate(inflator, rest, &mut room, MZFlush::None);
                    rest = &rest[done.bytes_consumed..];
                    self.heard.extend_from_slice(&room[..done.bytes_written]);
                    if rest.is_empty() && done.bytes_written < room.len() {
                        break;
                    }
                }
            }
        }
        while let Some(end) = self.heard.windows(2).position(|pair| pair == b"\r\n") {
            let line = String::from_utf8_lossy(&self.heard[..end]).into_owned();
            let mut whole = end + 2;
            if let Some((_, literal)) = line.rsplit_once('{').filter(|_| line.ends_with("+}")) {
                whole += literal.trim_end_matches("+}").parse::<usize>().unwrap() + 2;
            }
            if self.heard.len() < whole {
                return;
            }
            self.heard.drain(..whole);
            self.answer(&line);
        }
    }

    fn answer(&mut self, line: &str) {
        let (tag, command) = line.split_once(' ').unwrap();
        if command == "CAPABILITY" {
            let offered = self.offered;
            self.say(format!("* CAPABILITY IMAP4rev1 LITERAL+ {offered}\r\n").as_bytes());
        }
        if command.starts_with("LIST") {
            for n in 0..500 {
                self.say(format!("* LIST (\\HasNoChildren) \"/\" \"mailbox {n}\"\r\n").as_bytes());
            }
        }
        if command.starts_with("LOGOUT") {
            self.say(b"* BYE\r\n");
        }
        self.say(format!("{tag} OK done\r\n").as_bytes());
        if command == "COMPRESS DEFLATE" {
            assert!(self.compression.is_none(), "asked twice");
            let flags = create_comp_flags_from_zip_params(6, -15, 0);
            let inflator = InflateState::new_boxed(DataFormat::Raw);
            self.compression = Some((inflator, Box::new(CompressorOxide::new(flags))));
            let behind = std::mem::take(&mut self.behind);
            if !behind.is_empty() {
                self.say(&behind);
            }
        }
    }
}

impl Read for Server {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.said.len().min(self.step).min(buffer.len());
        assert!(n > 0, "the client waits for nothing");
        buffer[..n].copy_from_slice(&self.said[..n]);
        self.said.drain(..n);
        Ok(n)
    }
}

impl Write for Server {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let n = octets.len().min(self.step);
        self.hear(&octets[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Server {
    fn set_deadline(&mut self, _: Option<Instant>) {}

    fn close(&mut self) {}
}

/// For sessions that do not block: it always has an answer.
impl AsyncRead for Server {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = room.remaining();
        let read = self.read(room.initialize_unfilled_to(most));
        Poll::Ready(read.map(|n| room.advance(n)))
    }
}

impl AsyncWrite for Server {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(octets))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

const COMPRESSED: &str = "the session is compressed already, expected no COMPRESS";

async fn log_in_async(server: Server) -> nonblocking::Session<Server> {
    let client = nonblocking::Builder::new("localhost").from_stream(server).await.unwrap();
    let mut session = client.login("user", Secret::new("password")).await.unwrap();
    session.run(Noop::new()).await.unwrap();
    session
}

fn block_on(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(test);
}

fn log_in(server: Server) -> Session<Server> {
    let client = Builder::new("localhost").from_stream(server).unwrap();
    let mut session = client.login("user", Secret::new("password")).unwrap();
    session.run(Noop::new()).unwrap();
    session
}

#[test]
fn a_session_goes_on_compressed() {
    for step in [1, 7, 1000, usize::MAX] {
        let mut server = Server::new(step);
        // News may stand behind the answer at once.
        server.behind = b"* OK [ALERT] compressed now\r\n".to_vec();
        let mut session = log_in(server);
        session.compress(Compression::default()).unwrap();
        session.run(Noop::new()).unwrap();
        assert!(
            matches!(session.next_event(), Some(Event::Status(status)) if status.alert().is_some())
        );
        assert_eq!(session.run(List::all()).unwrap().len(), 500);
        session.run(Append::new("INBOX", "x".repeat(300_000))).unwrap();
        session.run(Noop::new()).unwrap();
        // Once is enough, and the server is not asked.
        let error = session.compress(Compression::default()).unwrap_err();
        assert_eq!(error.to_string(), COMPRESSED);
        session.run(Noop::new()).unwrap();
        session.logout().unwrap();
    }
}

#[test]
fn a_session_that_does_not_block_goes_on_compressed() {
    block_on(async {
        for step in [1, 7, 1000, usize::MAX] {
            let mut server = Server::new(step);
            server.behind = b"* OK [ALERT] compressed now\r\n".to_vec();
            let mut session = log_in_async(server).await;
            session.compress(Compression::default()).await.unwrap();
            session.run(Noop::new()).await.unwrap();
            let event = session.next_event();
            assert!(matches!(event, Some(Event::Status(status)) if status.alert().is_some()));
            assert_eq!(session.run(List::all()).await.unwrap().len(), 500);
            session.run(Append::new("INBOX", "x".repeat(300_000))).await.unwrap();
            let error = session.compress(Compression::default()).await.unwrap_err();
            assert_eq!(error.to_string(), COMPRESSED);
            session.run(Noop::new()).await.unwrap();
            session.logout().await.unwrap();
        }
        let mut server = Server::new(usize::MAX);
        server.offered = "";
        let mut session = log_in_async(server).await;
        let error = session.compress(Compression::default()).await.unwrap_err();
        assert!(error.to_string().contains("does not offer"), "{error}");
        session.run(Noop::new()).await.unwrap();
    });
}

#[test]
fn a_refusal_leaves_the_session_as_it_was() {
    let mut server = Server::new(usize::MAX);
    server.offered = "";
    let mut session = log_in(server);
    let error = session.compress(Compression::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "COMPRESS needs COMPRESS=DEFLATE, which the server does not offer"
    );
    session.run(Noop::new()).unwrap();
}

/// A server that says 8 MB that become some 8 KB; no line is too long, and there are not too many.
fn expanding() -> Server {
    let line = [b"* OK ".to_vec(), vec![b'a'; 60_000], b"\r\n".to_vec()].concat();
    let mut server = Server::new(usize::MAX);
    server.behind = line.repeat(140);
    server
}

fn assert_expanded(error: &Error) {
    assert_eq!(error.to_string(), "connection failed");
    let mut source = std::error::Error::source(error).unwrap();
    while let Some(deeper) = source.source() {
        source = deeper;
    }
    assert_eq!(source.to_string(), "compressed octets of the server expand beyond the limit");
    assert!(error.is_fatal());
}

#[test]
fn what_expands_too_much_ends_the_session() {
    let session = |expansion| {
        let mut session = log_in(expanding());
        session.compress(Compression::default().expansion(expansion)).unwrap();
        session
    };
    let mut strict = session(250);
    assert_expanded(&strict.run(Noop::new()).unwrap_err());
    assert!(!strict.is_usable());
    let mut lenient = session(2000);
    lenient.run(Noop::new()).unwrap();
    assert_eq!(std::iter::from_fn(|| lenient.next_event()).count(), 140);
}

#[test]
fn what_expands_too_much_ends_a_session_that_does_not_block() {
    block_on(async {
        for (expansion, passes) in [(250, false), (2000, true)] {
            let mut session = log_in_async(expanding()).await;
            session.compress(Compression::default().expansion(expansion)).await.unwrap();
            match session.run(Noop::new()).await {
                Ok(()) => assert!(passes && session.is_usable()),
                Err(error) => {
                    assert_expanded(&error);
                    assert!(!passes && !session.is_usable());
                }
            }
        }
    });
}
