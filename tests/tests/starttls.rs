//! Octets behind the answer to STARTTLS: of every length from 1 to 512, torn at every place.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use xoauth::imap::command::{Capability, StartTls as ImapStartTls};
use xoauth::imap::proto::{Exchange as ImapExchange, Machine as ImapMachine, TagPrefix};
use xoauth::sasl::wire::{Conversation, Want};
use xoauth::smtp::exchange::{Ehlo, StartTls as SmtpStartTls};
use xoauth::smtp::proto::Machine as SmtpMachine;
use xoauth::{Error, Tls, imap, smtp};

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

fn receive(room: &mut [u8], octets: &[u8]) {
    room.get_mut(..octets.len()).unwrap().copy_from_slice(octets);
}
