//! Octets behind the answer to STARTTLS: of every length from 1 to 512, torn at every place.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use e2e::host::{DEMO_BEARER_TOKEN, DEMO_USER, Host};
use e2e::scripted::{Peer, Step, expect, send};
use openssl::ssl::{SslConnector, SslMethod};
use openssl::x509::X509;
use xoauth::imap::command::{Capability, StartTls as ImapStartTls};
use xoauth::imap::proto::{Exchange as ImapExchange, Machine as ImapMachine, TagPrefix};
use xoauth::net::{TcpTransport, Untimed};
use xoauth::sasl::wire::{Conversation, Want};
use xoauth::smtp::exchange::{Ehlo, StartTls as SmtpStartTls};
use xoauth::smtp::proto::Machine as SmtpMachine;
use xoauth::{Credentials, Deadlines, Error, Tls, imap, smtp};

/// What ends a conversation.
#[derive(Debug, PartialEq)]
enum End<E> {
    Waits,
    StartTls,
    Done,
    Fault(E),
}

fn talk<C: Conversation>(mut conversation: C) -> End<C::Error> {
    loop {
        match conversation.poll() {
            Ok(Want::Write(octets)) => {
                let count = octets.len();
                conversation.written(count);
            }
            Ok(Want::Chunk(_)) => {}
            Ok(Want::Read | Want::Body) => return End::Waits,
            Ok(Want::StartTls) => return End::StartTls,
            Ok(Want::Done) => return End::Done,
            Err(fault) => return End::Fault(fault),
        }
    }
}

/// Suffixes of every length: lines that a server could say, and octets that mean nothing.
fn suffixes() -> Vec<Vec<u8>> {
    let said =
        b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n250-AUTH LOGIN\r\n* OK [ALERT] x\r\n250 ok\r\n";
    let mut suffixes = Vec::new();
    for length in 1..=512 {
        suffixes.push(said.iter().cycle().take(length).copied().collect());
        suffixes.push((0..length).map(|at| ((at * 151 + length) % 251).to_le_bytes()[0]).collect());
    }
    suffixes
}

/// Gives octets in two pieces; what the conversation ends with.
fn pieces(octets: &[u8], split: usize) -> [&[u8]; 2] {
    let (first, second) = octets.split_at(split);
    [first, second]
}

#[test]
fn imap_takes_nothing_that_follows_in_the_clear() {
    let mut runs = 0;
    for suffix in suffixes() {
        let octets = [b"xt2 OK begin\r\n".as_slice(), &suffix].concat();
        let answer = octets.len() - suffix.len();
        // Right behind the answer lies the beginning of TLS itself: what comes later than that is no piece of it.
        for split in (0..=octets.len()).filter(|&split| split != answer) {
            runs += 1;
            let mut machine = ImapMachine::new(TagPrefix::new("t"), imap::Limits::default());
            let mut capability = Capability::new();
            let mut hello: [&mut dyn ImapExchange; 1] = [&mut capability];
            machine.start(&mut hello).unwrap();
            assert!(matches!(talk(machine.converse(&mut hello)), End::Waits));
            receive(machine.read_buffer(), b"* CAPABILITY IMAP4rev1 STARTTLS\r\nxt1 OK\r\n");
            machine.received(41);
            assert!(matches!(talk(machine.converse(&mut hello)), End::Done));
            let mut command = ImapStartTls::new();
            let mut starttls: [&mut dyn ImapExchange; 1] = [&mut command];
            machine.start(&mut starttls).unwrap();
            let mut end = talk(machine.converse(&mut starttls));
            for piece in pieces(&octets, split) {
                if matches!(end, End::Waits) && !piece.is_empty() {
                    receive(machine.read_buffer(), piece);
                    machine.received(piece.len());
                    end = talk(machine.converse(&mut starttls));
                }
            }
            let End::Fault(imap::Error::PlaintextAfterStartTls { .. }) = end else {
                panic!("{} torn at {split}: {end:?}", octets.escape_ascii())
            };
            assert!(!machine.is_usable());
        }
    }
    assert_eq!(runs, 276_992);
}

#[test]
fn smtp_takes_nothing_that_follows_in_the_clear() {
    let mut runs = 0;
    for suffix in suffixes() {
        let octets = [b"220 go on\r\n".as_slice(), &suffix].concat();
        let answer = octets.len() - suffix.len();
        for split in (0..=octets.len()).filter(|&split| split != answer) {
            runs += 1;
            let mut machine = SmtpMachine::new(smtp::Limits::default());
            let mut hello = Ehlo::new(smtp::ClientName::default());
            machine.start(&mut hello).unwrap();
            assert!(matches!(talk(machine.converse(&mut hello)), End::Waits));
            receive(machine.read_buffer(), b"250-mx\r\n250 STARTTLS\r\n");
            machine.received(22);
            assert!(matches!(talk(machine.converse(&mut hello)), End::Done));
            let mut command = SmtpStartTls::new();
            machine.start(&mut command).unwrap();
            let mut end = talk(machine.converse(&mut command));
            for piece in pieces(&octets, split) {
                if matches!(end, End::Waits) && !piece.is_empty() {
                    receive(machine.read_buffer(), piece);
                    machine.received(piece.len());
                    end = talk(machine.converse(&mut command));
                }
            }
            let End::Fault(smtp::Error::PlaintextAfterStartTls { .. }) = end else {
                panic!("{} torn at {split}: {end:?}", octets.escape_ascii())
            };
            assert!(!machine.is_usable());
        }
    }
    assert_eq!(runs, 273_920);
}

/// Says that TLS may begin, and says `suffix` once it does.
fn agree_and_say(stream: TcpStream, is_imap: bool, suffix: &[u8]) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut heard = || {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        line
    };
    let mut stream = stream;
    if is_imap {
        stream.write_all(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n").unwrap();
        let line = heard();
        let tag = line.strip_suffix(" STARTTLS\r\n").unwrap();
        stream.write_all(format!("{tag} OK begin\r\n").as_bytes()).unwrap();
    } else {
        stream.write_all(b"220 mx\r\n").unwrap();
        assert!(heard().starts_with("EHLO "));
        stream.write_all(b"250-mx\r\n250 STARTTLS\r\n").unwrap();
        assert_eq!(heard(), "STARTTLS\r\n");
        stream.write_all(b"220 go on\r\n").unwrap();
    }
    // The first octet of the client's handshake: the answer was heard by itself.
    assert_eq!(lines.fill_buf().unwrap().first(), Some(&0x16));
    // The client closes as soon as it sees that this is no TLS; it may have sent an alert before.
    let _ = stream.write_all(suffix);
    let _ = stream.shutdown(Shutdown::Write);
    let _ = lines.read_to_end(&mut Vec::new());
}

/// Right behind the answer lies the beginning of TLS itself: what comes in its place is none, of any length.
#[test]
fn nothing_takes_the_place_of_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let tls = Tls::builder().only_these_roots().build().unwrap();
    let host = "127.0.0.1";
    let blocking_imap = imap::Builder::new(host).port(port).tls(&tls);
    let blocking_smtp = smtp::Builder::new(host).port(port).tls(&tls);
    let async_imap = imap::nonblocking::Builder::new(host).port(port).tls(&tls);
    let async_smtp = smtp::nonblocking::Builder::new(host).port(port).tls(&tls);
    let suffixes = suffixes();
    let runtime = e2e::runtime();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for suffix in &suffixes {
                for is_imap in [true, false, true, false] {
                    agree_and_say(listener.accept().unwrap().0, is_imap, suffix);
                }
            }
        });
        for suffix in &suffixes {
            let ends = [
                blocking_imap.connect_starttls().err(),
                blocking_smtp.connect_starttls().err(),
                runtime.block_on(async_imap.connect_starttls()).err(),
                runtime.block_on(async_smtp.connect_starttls()).err(),
            ];
            for end in ends {
                let Some(Error::TlsHandshake { .. }) = end else {
                    panic!("{} in place of TLS: {end:?}", suffix.escape_ascii())
                };
            }
        }
    });
}

/// `connect_plain` hands out a stream that any library can protect.
#[test]
fn tls_of_another_library_begins_behind_starttls() {
    let host = Host::builder().start().unwrap();
    let mut connector = SslConnector::builder(SslMethod::tls()).unwrap();
    connector.cert_store_mut().add_cert(X509::from_pem(host.ca_pem()).unwrap()).unwrap();
    let connector = connector.build();
    let secure = |tcp: TcpTransport| {
        connector.connect("localhost", tcp).map(Untimed).map_err(io::Error::other)
    };
    let credentials = Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN);
    let client = imap::Builder::new("localhost").port(host.imap_port()).connect_plain().unwrap();
    let client = client.starttls_with(secure).unwrap();
    client.log_in(&credentials).unwrap().logout().unwrap();
    let client =
        smtp::Builder::new("localhost").port(host.submission_port()).connect_plain().unwrap();
    let client = client.starttls_with(secure).unwrap();
    client.log_in(&credentials).unwrap().quit().unwrap();
    // What the library says of a certificate is told.
    let strangers = SslConnector::builder(SslMethod::tls()).unwrap().build();
    let client = imap::Builder::new("localhost").port(host.imap_port()).connect_plain().unwrap();
    let error = client.starttls_with(|tcp| {
        strangers.connect("localhost", tcp).map(Untimed).map_err(io::Error::other)
    });
    let error = error.err().unwrap();
    assert!(matches!(error, Error::OwnTls { .. }) && error.is_fatal(), "{error:?}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("certificate verify failed"), "{cause}");
}

/// Plays what stands behind a script of STARTTLS with both drivers: the handshake is whatever `secure` does.
fn begun_anew(is_imap: bool, answer: &str) -> [Option<Error>; 2] {
    let script = if is_imap {
        vec![
            send("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"),
            expect(" STARTTLS"),
            send(format!("{{tag}} OK go{answer}")),
            expect(" CAPABILITY"),
            send("* CAPABILITY IMAP4rev1\r\n{tag} OK done\r\n"),
        ]
    } else {
        vec![
            send("220 mx\r\n"),
            expect("EHLO"),
            send("250-mx\r\n250 STARTTLS\r\n"),
            expect("STARTTLS"),
            send(format!("220 go{answer}")),
            expect("EHLO"),
            send("250-mx\r\n250 SIZE 7\r\n"),
        ]
    };
    let peer = Peer::start(vec![script.clone(), script]).unwrap();
    let port = peer.port();
    let runtime = e2e::runtime();
    if is_imap {
        let blocking = imap::Builder::new("127.0.0.1").port(port).connect_plain().unwrap();
        let blocking = blocking.starttls_with(Ok).and_then(|mut client| {
            // What was told in the clear is forgotten: it is asked for again.
            assert!(!client.capabilities()?.has("STARTTLS"));
            Ok(())
        });
        let awaited = runtime.block_on(async {
            let builder = imap::nonblocking::Builder::new("127.0.0.1").port(port);
            let client = builder.connect_plain().await?;
            let mut client = client.starttls_with(async |stream| Ok(stream)).await?;
            assert!(!client.capabilities().await?.has("STARTTLS"));
            Ok(())
        });
        [blocking.err(), awaited.err()]
    } else {
        let blocking = smtp::Builder::new("127.0.0.1").port(port).connect_plain().unwrap();
        let blocking = blocking.starttls_with(Ok).map(|client| {
            assert_eq!(client.extensions().size_limit(), Some(7));
        });
        let awaited = runtime.block_on(async {
            let builder = smtp::nonblocking::Builder::new("127.0.0.1").port(port);
            let client = builder.connect_plain().await?;
            let client = client.starttls_with(async |stream| Ok(stream)).await?;
            assert_eq!(client.extensions().size_limit(), Some(7));
            Ok(())
        });
        [blocking.err(), awaited.err()]
    }
}

#[test]
fn what_was_said_in_the_clear_is_forgotten_whoever_does_tls() {
    for is_imap in [true, false] {
        for end in begun_anew(is_imap, "\r\n") {
            assert!(end.is_none(), "{end:?}");
        }
        // Before the handshake: what is behind the answer reaches no library.
        for end in begun_anew(is_imap, "\r\n*") {
            let is_refused = match &end {
                Some(Error::Imap(error)) => {
                    matches!(error, imap::Error::PlaintextAfterStartTls { .. })
                }
                Some(Error::Smtp(error)) => {
                    matches!(error, smtp::Error::PlaintextAfterStartTls { .. })
                }
                _ => false,
            };
            assert!(is_refused, "{end:?}");
        }
    }
}

/// A handshake that does not end, ends with the connect.
#[test]
fn a_handshake_of_another_library_has_a_deadline() {
    let script = vec![
        send("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"),
        expect(" STARTTLS"),
        send("{tag} OK go\r\n"),
        Step::Stall,
    ];
    let peer = Peer::start(vec![script.clone(), script]).unwrap();
    let deadlines = Deadlines::all(Duration::from_millis(500));
    let builder = imap::Builder::new("127.0.0.1").port(peer.port()).deadlines(deadlines);
    let silent = builder.connect_plain().unwrap().starttls_with(|mut tcp: TcpTransport| {
        tcp.read_exact(&mut [0])?;
        Ok(tcp)
    });
    let ended = silent.err().unwrap();
    assert!(matches!(ended, Error::TlsDeadline) && ended.is_timeout(), "{ended:?}");
    let ended = e2e::runtime().block_on(async {
        let builder = imap::nonblocking::Builder::new("127.0.0.1");
        let client = builder.port(peer.port()).deadlines(deadlines).connect_plain().await?;
        let never = |_| std::future::pending::<io::Result<tokio::net::TcpStream>>();
        client.starttls_with(never).await.map(drop)
    });
    assert!(matches!(ended, Err(Error::TlsDeadline)), "{ended:?}");
}

fn receive(room: &mut [u8], octets: &[u8]) {
    room.get_mut(..octets.len()).unwrap().copy_from_slice(octets);
}
