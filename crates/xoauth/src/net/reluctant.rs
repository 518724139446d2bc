//! TLS over streams that take writes reluctantly: not now, one octet, a piece, from the first record of the handshake on;
//! and whose every other read is interrupted by a signal.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use native_tls::TlsStream;
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};
use xoauth_smtp::Transfer;
use xoauth_smtp::exchange::Submit;

use super::gather::Gather;
use super::tls::{flush, write};
use super::{Tls, Transport};
use crate::smtp::{Builder, Mail};

/// How much of each write is taken, in turn; 0 is "not now".
type Manner = &'static [usize];

const MANNERS: [Manner; 5] = [
    &[usize::MAX],
    &[0, usize::MAX],
    &[0, 0, 0, 1],
    &[1, 0, 5000, 0, 0, 100_000],
    // A handshake that is taken octet by octet, then large pieces and small ones.
    &[1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 130_000, 1, 0, 16_000],
];

/// Which writes the stream takes, and how much of them.
#[derive(Debug)]
struct Reluctance {
    manner: Manner,
    turn: usize,
}

impl Reluctance {
    /// So much of this write; `None` is "not now".
    fn next<'o>(&mut self, octets: &'o [u8]) -> Option<&'o [u8]> {
        let most = *self.manner.get(self.turn % self.manner.len())?;
        self.turn += 1;
        octets.get(..most.min(octets.len())).filter(|taken| !taken.is_empty())
    }
}

#[derive(Debug)]
struct Reluctant<S> {
    stream: S,
    reluctance: Reluctance,
    is_interrupted: bool,
}

impl<S> Reluctant<S> {
    fn new(stream: S, manner: Manner) -> Self {
        let reluctance = Reluctance { manner, turn: 0 };
        Self { stream, reluctance, is_interrupted: false }
    }
}

impl Read for Reluctant<UnixStream> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.is_interrupted = !self.is_interrupted;
        if self.is_interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.stream.read(buffer)
    }
}

impl Write for Reluctant<UnixStream> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let taken = self.reluctance.next(octets).ok_or(io::ErrorKind::WouldBlock)?;
        self.stream.write(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Reluctant<UnixStream> {
    fn set_deadline(&mut self, _: Option<Instant>) {}

    fn hears_while_writing(&self) -> bool {
        true
    }

    fn set_waiting(&mut self, waiting: bool) {
        self.stream.set_nonblocking(!waiting).unwrap();
    }

    fn close(&mut self) {}
}

/// As [`TlsTransport`](super::TlsTransport), over another stream.
pub(super) struct Secured<S: Transport>(pub(super) TlsStream<Gather<S>>);

impl<S: Transport> Read for Secured<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<S: Transport> Write for Secured<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        write(&mut self.0, octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        flush(&mut self.0)
    }
}

impl<S: Transport> Transport for Secured<S> {
    fn set_deadline(&mut self, _: Option<Instant>) {}

    fn hears_while_writing(&self) -> bool {
        true
    }

    fn set_waiting(&mut self, waiting: bool) {
        self.0.get_mut().set_waiting(waiting);
    }

    fn close(&mut self) {
        let _ = self.0.shutdown();
        self.0.get_mut().close();
    }
}

/// The key and the certificate of a server.
pub(super) fn certificate() -> (PKey<Private>, X509) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_nid(Nid::COMMONNAME, "localhost").unwrap();
    let name = name.build();
    let mut certificate = X509::builder().unwrap();
    certificate.set_version(2).unwrap();
    certificate.set_subject_name(&name).unwrap();
    certificate.set_issuer_name(&name).unwrap();
    certificate.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    certificate.set_pubkey(&key).unwrap();
    let names = SubjectAlternativeName::new()
        .dns("localhost")
        .build(&certificate.x509v3_context(None, None));
    certificate.append_extension(names.unwrap()).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    (key, certificate.build())
}

/// A server that takes one message, and answers what it was.
pub(super) fn server() -> (UnixStream, Tls, JoinHandle<Vec<u8>>) {
    let (key, certificate) = certificate();
    let roots =
        Tls::builder().only_these_roots().add_roots(&certificate.to_pem().unwrap()).unwrap();

    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key(&key).unwrap();
    acceptor.set_certificate(&certificate).unwrap();
    let acceptor = acceptor.build();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let served = thread::spawn(move || {
        let mut stream = BufReader::new(acceptor.accept(theirs).unwrap());
        let say = |stream: &mut BufReader<_>, text: &str| {
            let stream: &mut openssl::ssl::SslStream<UnixStream> = stream.get_mut();
            stream.write_all(text.as_bytes()).unwrap();
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
                    return message;
                }
                ["BDAT", size, ..] => {
                    let before = message.len();
                    message.resize(before + size.parse::<usize>().unwrap(), 0);
                    stream.read_exact(&mut message[before..]).unwrap();
                    "250 ok\r\n"
                }
                ["DATA"] => {
                    say(&mut stream, "354 go\r\n");
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

/// Each manner and each way to send, with a message that is long enough to be gathered several times.
fn cases() -> impl Iterator<Item = (Manner, Transfer, Vec<u8>)> {
    let line =
        |number: usize| format!("line {number} of a message that is gathered in records\r\n");
    MANNERS.into_iter().flat_map(move |manner| {
        [Transfer::Data, Transfer::Bdat].map(|transfer| {
            // Octet by octet a message of any length takes its time.
            let lines = if manner.iter().all(|most| *most < 2) { 100 } else { 7_000 };
            (manner, transfer, (0..lines).map(line).collect::<String>().into_bytes())
        })
    })
}

fn mail(message: &[u8], transfer: Transfer) -> Submit<'_> {
    Submit::mail(Mail::new("ann@example.org", ["ben@example.org"], message).transfer(transfer))
}

#[test]
fn a_session_goes_on_over_a_stream_that_takes_writes_reluctantly() {
    for (manner, transfer, message) in cases() {
        let (stream, tls, served) = server();
        let gather = Gather::new(Reluctant::new(stream, manner));
        let stream = Secured(tls.shake("localhost", gather, None).unwrap());
        let client = Builder::new("localhost").from_stream(stream).unwrap();
        let mut session = client.without_authentication();
        let sent = session.run(mail(&message, transfer)).unwrap();
        assert_eq!(sent.accepted().count(), 1, "{manner:?}");
        session.quit().unwrap();
        assert!(served.join().unwrap() == message, "{manner:?} {transfer:?}");
    }
}

#[cfg(feature = "tokio")]
pub(super) mod awaited {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    use tokio::net::UnixStream;
    use tokio_native_tls::TlsConnector;

    use super::*;
    use crate::net::AsyncTransport;
    use crate::net::async_tls::{Noted, poll_flush, poll_write};

    /// As [`AsyncTlsTransport`](crate::net::AsyncTlsTransport), over another stream.
    pub(in crate::net) struct Secured<S: AsyncTransport>(
        pub(in crate::net) tokio_native_tls::TlsStream<Noted<S>>,
    );

    impl<S: AsyncTransport> AsyncRead for Secured<S> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buffer)
        }
    }

    impl<S: AsyncTransport> AsyncWrite for Secured<S> {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            octets: &[u8],
        ) -> Poll<io::Result<usize>> {
            poll_write(&mut self.0, cx, octets)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            poll_flush(&mut self.0, cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }

    impl AsyncRead for Reluctant<UnixStream> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_read(cx, buffer)
        }
    }

    impl AsyncWrite for Reluctant<UnixStream> {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            octets: &[u8],
        ) -> Poll<io::Result<usize>> {
            let Some(taken) = self.reluctance.next(octets) else {
                // It takes something the next time.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            };
            Pin::new(&mut self.stream).poll_write(cx, taken)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_shutdown(cx)
        }
    }

    #[test]
    fn an_async_session_goes_on_over_a_stream_that_takes_writes_reluctantly() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for (manner, transfer, message) in cases() {
            let (stream, tls, served) = server();
            runtime.block_on(async {
                stream.set_nonblocking(true).unwrap();
                let stream = UnixStream::from_std(stream).unwrap();
                let noted = Noted::new(Reluctant::new(stream, manner));
                let connector = TlsConnector::from(tls.connector().clone());
                let stream = connector.connect("localhost", noted).await.unwrap();
                let builder = crate::smtp::nonblocking::Builder::new("localhost");
                let client = builder.from_stream(Secured(stream)).await.unwrap();
                let mut session = client.without_authentication();
                let sent = session.run(mail(&message, transfer)).await.unwrap();
                assert_eq!(sent.accepted().count(), 1, "{manner:?}");
                session.quit().await.unwrap();
            });
            assert!(served.join().unwrap() == message, "{manner:?} {transfer:?}");
        }
    }
}
