//! A server in memory: it knows no IMAP but the first word of a line, and answers each command with the same
//! octets.

use std::any::Any;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use io_imap::client::ImapStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a client talks to. Commands that hold `word` are answered with `payload` and OK, others with OK.
#[derive(Debug)]
pub(crate) struct Replay {
    word: &'static str,
    payload: Arc<Vec<u8>>,
    line: Vec<u8>,
    /// What is left of the payload.
    at: Option<usize>,
    /// What is sent before the payload, and behind it.
    before: Vec<u8>,
    behind: Vec<u8>,
    /// The payload belongs to each command, with the number that the command names.
    echoes: bool,
}

const GREETING: &[u8] = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready\r\n";

impl Replay {
    pub(crate) fn new(word: &'static str, payload: &Arc<Vec<u8>>) -> Self {
        Self {
            word,
            payload: Arc::clone(payload),
            line: Vec::new(),
            at: None,
            before: GREETING.to_vec(),
            behind: Vec::new(),
            echoes: false,
        }
    }

    /// The same, with a greeting that tells no capabilities.
    pub(crate) fn silent(payload: &Arc<Vec<u8>>) -> Self {
        Self { before: b"* OK ready\r\n".to_vec(), ..Self::new("-", payload) }
    }

    /// Answers `UID FETCH n` with the payload, which is the message 1, as the message n.
    pub(crate) fn echoing(payload: &Arc<Vec<u8>>) -> Self {
        Self { echoes: true, ..Self::new("-", payload) }
    }

    /// Without a greeting, for clients that were greeted elsewhere.
    pub(crate) fn greeted(word: &'static str, payload: &Arc<Vec<u8>>) -> Self {
        Self { before: Vec::new(), ..Self::new(word, payload) }
    }

    pub(super) fn hear(&mut self, octets: &[u8]) {
        for &octet in octets {
            self.line.push(octet);
            if octet != b'\n' {
                continue;
            }
            let line = String::from_utf8_lossy(&self.line).into_owned();
            self.line.clear();
            let tag = line.split(' ').next().unwrap_or_default().trim_end();
            if line.contains("CAPABILITY") {
                self.behind.extend_from_slice(b"* CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2\r\n");
            }
            if let (true, Some((_, rest))) = (self.echoes, line.split_once("UID FETCH ")) {
                let uid = rest.split(' ').next().unwrap_or_default();
                self.behind.extend_from_slice(format!("* {uid} FETCH (UID {uid} ").as_bytes());
                let from = self.payload.windows(4).position(|four| four == b"BODY").unwrap_or(0);
                self.behind.extend_from_slice(&self.payload[from..]);
            }
            if line.contains(self.word) {
                self.at = Some(0);
            }
            self.behind.extend_from_slice(format!("{tag} OK done\r\n").as_bytes());
        }
    }

    pub(super) fn say(&mut self, room: &mut [u8]) -> usize {
        if !self.before.is_empty() {
            return drain(&mut self.before, room);
        }
        if let Some(at) = self.at {
            let left = self.payload.get(at..).unwrap_or_default();
            let n = left.len().min(room.len());
            if n > 0 {
                room[..n].copy_from_slice(&left[..n]);
                self.at = Some(at + n);
                return n;
            }
            self.at = None;
        }
        drain(&mut self.behind, room)
    }
}

fn drain(octets: &mut Vec<u8>, room: &mut [u8]) -> usize {
    let n = octets.len().min(room.len());
    room[..n].copy_from_slice(&octets[..n]);
    octets.drain(..n);
    n
}

impl Read for Replay {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        Ok(self.say(room))
    }
}

impl Write for Replay {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.hear(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ImapStream for Replay {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn set_read_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Replay {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = self.say(room.initialize_unfilled());
        room.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replay {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.hear(octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
