//! TLS whose keys the server changes (RFC 8446, 4.6.3) while the client waits for it to take what it writes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
#[cfg(feature = "tokio")]
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use xoauth_smtp::Transfer;
use xoauth_smtp::exchange::Submit;

use super::gather::Gather;
use super::reluctant::{Secured, certificate};
use super::{Tls, Transport};
use crate::smtp::{Builder, Mail};

/// A stream whose peer takes so many octets and no more before the client has heard what the peer says meanwhile.
#[derive(Debug)]
struct Stalling<S> {
    stream: S,
    left: usize,
    /// Told once, when the write that cannot be taken is made.
    stalled: Option<Sender<()>>,
    has_heard: bool,
    /// An async write that waits.
    #[cfg(feature = "tokio")]
    writer: Option<Waker>,
}

impl<S> Stalling<S> {
    fn new(stream: S, left: usize, stalled: Sender<()>) -> Self {
        Self {
            stream,
            left,
            stalled: Some(stalled),
            has_heard: false,
            #[cfg(feature = "tokio")]
            writer: None,
        }
    }

    /// How much of a write may be taken; `None` is "not now".
    fn takes(&mut self, octets: usize) -> Option<usize> {
        if self.has_heard {
            return Some(octets);
        }
        if self.left == 0 {
            if let Some(stalled) = self.stalled.take() {
                stalled.send(()).unwrap();
            }
            return None;
        }
        Some(octets.min(self.left))
    }

    /// So many octets were taken: a stream that is not ready takes none of those that it may.
    fn took(&mut self, octets: usize) -> usize {
        self.left = self.left.saturating_sub(octets);
        octets
    }

    fn is_stalled(&self) -> bool {
        self.stalled.is_none() && !self.has_heard
    }
}

impl Read for Stalling<UnixStream> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.is_stalled() {
            return self.stream.read(buffer);
        }
        // What the server says now is what this is about: it is waited for.
        self.stream.set_nonblocking(false)?;
        let read = self.stream.read(buffer);
        self.stream.set_nonblocking(true)?;
        self.has_heard = true;
        read
    }
}

impl Write for Stalling<UnixStream> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let taken = self.takes(octets.len()).ok_or(io::ErrorKind::WouldBlock)?;
        let written = self.stream.write(&octets[..taken])?;
        Ok(self.took(written))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Stalling<UnixStream> {
    fn set_deadline(&mut self, _: Option<Instant>) {}

    fn hears_while_writing(&self) -> bool {
        true
    }

    fn set_waiting(&mut self, waiting: bool) {
        self.stream.set_nonblocking(!waiting).unwrap();
    }

    fn close(&mut self) {}
}

/// What the server's side reads, with a count of the records that are as long as a change of keys.
struct Counting {
    stream: UnixStream,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.received.lock().unwrap().extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

impl Write for Counting {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Encrypted records of the client whose content has five octets: `KeyUpdate`, of one octet behind a header of four
/// (RFC 8446, 4 and 4.6.3). The type of the content and a tag of 16 come on top (5.2); no line the client says is as short.
fn changes_of_keys(received: &[u8]) -> usize {
    let mut count = 0;
    let mut rest = received;
    while let [kind, _, _, high, low, behind @ ..] = rest {
        let length = usize::from(*high) * 256 + usize::from(*low);
        count += usize::from(*kind == 23 && length == 5 + 1 + 16);
        rest = behind.get(length..).unwrap_or_default();
    }
    count
}

/// What the server came to: the message, and how often the client changed its keys.
type Served = JoinHandle<(Vec<u8>, usize)>;

/// A server that takes one message, and changes its keys so many times before it reads the message's content.
fn server(changes: usize, stalled: Receiver<()>) -> (UnixStream, Tls, Served) {
    let (key, certificate) = certificate();
    let roots =
        Tls::builder().only_these_roots().add_roots(&certificate.to_pem().unwrap()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.private_key_to_pkcs8().unwrap()));
    let chain = vec![CertificateDer::from(certificate.to_der().unwrap())];
    let config = ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let served = thread::spawn(move || {
        let received = Arc::default();
        let counting = Counting { stream: theirs, received: Arc::clone(&received) };
        let connection = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = BufReader::new(StreamOwned::new(connection, counting));
        let say = |stream: &mut BufReader<StreamOwned<ServerConnection, Counting>>, text: &str| {
            stream.get_mut().write_all(text.as_bytes()).unwrap();
            stream.get_mut().flush().unwrap();
        };
        let mut stalled = Some(stalled);
        let mut change_keys = |stream: &mut BufReader<StreamOwned<ServerConnection, Counting>>| {
            let Some(stalled) = stalled.take() else { return };
            stalled.recv().unwrap();
            for _ in 0..changes {
                stream.get_mut().conn.refresh_traffic_keys().unwrap();
            }
            stream.get_mut().flush().unwrap();
        };
        say(&mut stream, "220 mx\r\n");
        let mut message = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let answer = match line.trim_end().split(' ').collect::<Vec<_>>()[..] {
                ["EHLO", _] => "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
                ["QUIT"] => {
                    say(&mut stream, "221 bye\r\n");
                    let count = changes_of_keys(&received.lock().unwrap());
                    return (message, count);
                }
                ["BDAT", size, ..] => {
                    change_keys(&mut stream);
                    let before = message.len();
                    message.resize(before + size.parse::<usize>().unwrap(), 0);
                    stream.read_exact(&mut message[before..]).unwrap();
                    "250 ok\r\n"
                }
                ["DATA"] => {
                    say(&mut stream, "354 go\r\n");
                    change_keys(&mut stream);
                    while !message.ends_with(b"\r\n.\r\n") {
                        stream.read_until(b'\n', &mut message).unwrap();
                    }
                    message.truncate(message.len() - 3);
                    "250 ok\r\n"
                }
                _ => "250 ok\r\n",
            };
            say(&mut stream, answer);
        }
    });
    (ours, roots.build().unwrap(), served)
}

/// Octets that are taken before the stall, in the midst of a record of content, and changes of keys in it.
fn cases() -> impl Iterator<Item = (usize, usize, Transfer)> {
    let stalls = [3_000, 17_000, 100_000].into_iter();
    stalls
        .flat_map(|left| [(left, 1), (left, 3)])
        .flat_map(|(left, changes)| [Transfer::Data, Transfer::Bdat].map(|by| (left, changes, by)))
}

fn message() -> Vec<u8> {
    (0..20_000)
        .flat_map(|number| format!("line {number} under one key or another\r\n").into_bytes())
        .collect()
}

fn mail(message: &[u8], transfer: Transfer) -> Submit<'_> {
    Submit::mail(Mail::new("ann@example.org", ["ben@example.org"], message).transfer(transfer))
}

#[test]
fn a_session_changes_its_keys_while_a_write_is_not_taken() {
    for (left, changes, transfer) in cases() {
        let (told, stalled) = channel();
        let (stream, tls, served) = server(changes, stalled);
        let gather = Gather::new(Stalling::new(stream, left, told));
        let stream = Secured(tls.shake("localhost", gather, None).unwrap());
        let client = Builder::new("localhost").from_stream(stream).unwrap();
        let mut session = client.without_authentication();
        let message = message();
        let sent = session.run(mail(&message, transfer)).unwrap();
        assert_eq!(sent.accepted().count(), 1, "{left} {changes} {transfer:?}");
        session.quit().unwrap();
        let (taken, answers) = served.join().unwrap();
        assert!(taken == message, "{left} {changes} {transfer:?}");
        assert!((1..=changes).contains(&answers), "{left} {changes} {transfer:?}: {answers}");
    }
}

#[cfg(feature = "tokio")]
mod awaited {
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    use tokio::net::UnixStream;
    use tokio_native_tls::TlsConnector;

    use super::*;
    use crate::net::async_tls::Noted;
    use crate::net::reluctant::awaited::Secured;

    impl AsyncRead for Stalling<UnixStream> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
            self.has_heard |= self.is_stalled();
            if let Some(writer) = self.writer.take() {
                writer.wake();
            }
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Stalling<UnixStream> {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            octets: &[u8],
        ) -> Poll<io::Result<usize>> {
            let Some(taken) = self.takes(octets.len()) else {
                self.writer = Some(cx.waker().clone());
                return Poll::Pending;
            };
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &octets[..taken]))?;
            Poll::Ready(Ok(self.took(written)))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_shutdown(cx)
        }
    }

    #[test]
    fn so_does_an_async_one() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for (left, changes, transfer) in cases() {
            let (told, stalled) = channel();
            let (stream, tls, served) = server(changes, stalled);
            let message = message();
            runtime.block_on(async {
                stream.set_nonblocking(true).unwrap();
                let stream = UnixStream::from_std(stream).unwrap();
                let noted = Noted::new(Stalling::new(stream, left, told));
                let connector = TlsConnector::from(tls.connector().clone());
                let stream = connector.connect("localhost", noted).await.unwrap();
                let builder = crate::smtp::nonblocking::Builder::new("localhost");
                let client = builder.from_stream(Secured(stream)).await.unwrap();
                let mut session = client.without_authentication();
                let sent = session.run(mail(&message, transfer)).await.unwrap();
                assert_eq!(sent.accepted().count(), 1, "{left} {changes} {transfer:?}");
                session.quit().await.unwrap();
            });
            let (taken, answers) = served.join().unwrap();
            assert!(taken == message, "{left} {changes} {transfer:?}");
            assert!((1..=changes).contains(&answers), "{left} {changes} {transfer:?}: {answers}");
        }
    }
}
