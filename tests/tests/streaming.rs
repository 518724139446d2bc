//! A message of any size passes in constant memory.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{self, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use e2e::certificates::Authority;
use e2e::scripted::{Peer, Step, expect, send};
use peak_alloc::PeakAlloc;
use xoauth::imap::command::{Append, Content, Fetch, Item, Noop, Select};
use xoauth::imap::{Builder, Client, Part, Session};
use xoauth::net::FromReader;
use xoauth::sasl::XOAuth2;
use xoauth::{Tls, Transport};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// 200 MB, as 64 KiB pieces.
const PIECE: usize = 64 * 1024;
const PIECES: usize = 200_000_000 / PIECE + 1;
const SIZE: usize = PIECE * PIECES;

/// One test at a time: they all measure the heap of this process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server that sends one message of 200 MB, and what it says before and behind it.
fn server(tls: Option<&Authority>) -> Peer {
    let mut script = Vec::new();
    if let Some(authority) = tls {
        script.push(Step::StartTls(authority.localhost().unwrap()));
    }
    script.extend([
        send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready\r\n"),
        expect("AUTHENTICATE"),
        send("{tag} OK [CAPABILITY IMAP4rev1] in\r\n"),
        expect("SELECT"),
        send("{tag} OK done\r\n"),
        expect("UID FETCH"),
        send(format!("* 1 FETCH (UID 7 BODY[] {{{SIZE}}}\r\n")),
        Step::SendRepeated(vec![b'x'; PIECE], PIECES),
        send(" FLAGS (\\Seen))\r\n{tag} OK done\r\n"),
        expect("NOOP"),
        send("{tag} OK done\r\n"),
    ]);
    Peer::start(vec![script]).unwrap()
}

fn log_in<T: Transport>(client: Client<T>) -> Session<T> {
    let mut session = client.authenticate(XOAuth2::new("user", "token").unwrap()).unwrap();
    session.run(Select::new("INBOX")).unwrap();
    session
}

fn plain(peer: &Peer) -> Session<xoauth::net::TcpTransport> {
    log_in(Builder::new("127.0.0.1").port(peer.port()).connect_plain().unwrap().trust())
}

/// The growth of the heap while `work` runs.
fn growth(work: impl FnOnce()) -> usize {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    work();
    HEAP.peak_usage().saturating_sub(before)
}

/// Reads the message and counts its octets.
fn count<T: Transport>(session: &mut Session<T>) -> u64 {
    let mut octets = 0;
    let mut stream = session.stream(Fetch::new("7", Item::Body)).unwrap();
    while let Some(part) = stream.next_part().unwrap() {
        match part {
            Part::Body(mut body) => {
                assert_eq!(body.info().len, SIZE as u64);
                assert_eq!(body.info().uid.map(u32::from), Some(7));
                while let Some(chunk) = body.chunk().unwrap() {
                    assert!(chunk.iter().all(|&octet| octet == b'x'));
                    octets += chunk.len() as u64;
                }
            }
            Part::Message(message) => assert_eq!(message.uid.map(u32::from), Some(7)),
        }
    }
    octets
}

const MIB: usize = 1024 * 1024;

#[test]
fn a_200_mb_message_is_streamed_within_1_mib_of_heap() {
    let _alone = alone();
    let peer = server(None);
    let mut session = plain(&peer);
    let grown = growth(|| assert_eq!(count(&mut session), SIZE as u64));
    assert!(grown < MIB, "the heap grew by {grown} octets");
    session.run(Noop::new()).unwrap();
}

#[test]
fn a_200_mb_message_is_streamed_within_1_mib_of_heap_under_tls() {
    let _alone = alone();
    let authority = Authority::new().unwrap();
    let peer = server(Some(&authority));
    let tls = Tls::builder().add_roots(&authority.pem().unwrap()).unwrap();
    let tls = tls.only_these_roots().build().unwrap();
    let client = Builder::new("localhost").port(peer.port()).tls(&tls).connect().unwrap();
    let mut session = log_in(client);
    let grown = growth(|| assert_eq!(count(&mut session), SIZE as u64));
    assert!(grown < MIB, "the heap grew by {grown} octets");
    session.run(Noop::new()).unwrap();
}

#[test]
fn a_body_is_a_reader() {
    let _alone = alone();
    let peer = server(None);
    let mut session = plain(&peer);
    let grown = growth(|| {
        let mut stream = session.stream(Fetch::new("7", Item::Body)).unwrap();
        let Some(Part::Body(mut body)) = stream.next_part().unwrap() else { panic!("no body") };
        // Small reads and copying share one body.
        let mut few = [0; 10];
        body.read_exact(&mut few).unwrap();
        assert_eq!(few, [b'x'; 10]);
        let copied = io::copy(&mut (&mut body).take(1_000_000), &mut io::sink()).unwrap();
        assert_eq!(copied, 1_000_000);
        assert_eq!(body.copy_to(&mut io::sink()).unwrap(), SIZE as u64 - 1_000_010);
        assert!(matches!(stream.next_part().unwrap(), Some(Part::Message(_))));
        assert!(stream.next_part().unwrap().is_none());
    });
    assert!(grown < MIB, "the heap grew by {grown} octets");
}

#[test]
fn a_body_that_is_no_literal_is_a_body_too() {
    let _alone = alone();
    let peer = Peer::start(vec![vec![
        send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready\r\n"),
        expect("AUTHENTICATE"),
        send("{tag} OK [CAPABILITY IMAP4rev1] in\r\n"),
        expect("SELECT"),
        send("{tag} OK done\r\n"),
        expect("UID FETCH"),
        send("* 1 FETCH (BODY[] \"a \\\"b\\\"\" UID 7)\r\n* 2 FETCH (BODY[] \"\" UID 8)\r\n"),
        send("* 3 FETCH (BODY[] \"unread\" UID 9)\r\n* 4 FETCH (BODY[] {3}\r\nabc UID 10)\r\n"),
        send("* 5 FETCH (BODY[] NIL UID 11)\r\n{tag} OK done\r\n"),
        expect("NOOP"),
        send("{tag} OK done\r\n"),
    ]])
    .unwrap();
    let mut session = plain(&peer);
    let mut stream = session.stream(Fetch::new("1:*", Item::Body)).unwrap();
    let mut parts = Vec::new();
    while let Some(part) = stream.next_part().unwrap() {
        match part {
            Part::Body(mut body) if body.info().seq.get() != 3 => {
                let mut file = Vec::new();
                assert_eq!(body.copy_to(&mut file).unwrap(), body.info().len);
                parts.push(format!("{} {}", body.info().seq, file.escape_ascii()));
            }
            Part::Body(body) => parts.push(format!("{} unread", body.info().seq)),
            Part::Message(message) => {
                parts.push(format!("{} has {} without octets", message.seq, message.bodies.len()));
            }
        }
    }
    let expected = [
        "1 a \\\"b\\\"",
        "1 has 0 without octets",
        "2 ",
        "2 has 0 without octets",
        "3 unread",
        "3 has 0 without octets",
        "4 abc",
        "4 has 0 without octets",
        "5 has 1 without octets",
    ];
    assert_eq!(parts, expected);
    session.run(Noop::new()).unwrap();
}

#[test]
fn a_stream_dropped_half_way_is_read_to_its_end_by_the_next_command() {
    let _alone = alone();
    let peer = server(None);
    let mut session = plain(&peer);
    let grown = growth(|| {
        let mut stream = session.stream(Fetch::new("7", Item::Body)).unwrap();
        let Some(Part::Body(mut body)) = stream.next_part().unwrap() else { panic!("no body") };
        body.read_exact(&mut [0; 100]).unwrap();
        drop(stream);
        session.run(Noop::new()).unwrap();
    });
    assert!(grown < MIB, "the heap grew by {grown} octets");
}

#[test]
fn a_body_nobody_reads_is_skipped() {
    let _alone = alone();
    let peer = server(None);
    let mut session = plain(&peer);
    let mut stream = session.stream(Fetch::new("7", Item::Body)).unwrap();
    assert!(matches!(stream.next_part().unwrap(), Some(Part::Body(_))));
    let Some(Part::Message(message)) = stream.next_part().unwrap() else { panic!("no message") };
    assert!(message.flags.unwrap().is_seen());
    assert!(stream.next_part().unwrap().is_none());
    session.run(Noop::new()).unwrap();
}

/// A disk that is full after some octets.
struct FullDisk(usize);

impl Write for FullDisk {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.0 < octets.len() {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.0 -= octets.len();
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_the_callers_error_and_the_session_goes_on() {
    let _alone = alone();
    let peer = server(None);
    let mut session = plain(&peer);
    let mut stream = session.stream(Fetch::new("7", Item::Body)).unwrap();
    let Some(Part::Body(mut body)) = stream.next_part().unwrap() else { panic!("no body") };
    let error = body.copy_to(&mut FullDisk(1_000_000)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    drop(stream);
    session.run(Noop::new()).unwrap();
}

#[test]
fn a_200_mb_message_is_stored_within_1_mib_of_heap() {
    let _alone = alone();
    let mut script = vec![
        send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready\r\n"),
        expect("AUTHENTICATE"),
        send("{tag} OK [CAPABILITY IMAP4rev1] in\r\n"),
        expect("SELECT"),
        send("{tag} OK done\r\n"),
        expect(&format!("APPEND INBOX () {{{SIZE}}}")),
        send("+ go\r\n"),
    ];
    script.extend(std::iter::repeat_n(Step::ExpectOctets(PIECE), PIECES));
    // The line ends behind the octets.
    script.extend([Step::ExpectOctets(2), send("{tag} OK [APPENDUID 1 7] done\r\n")]);
    let peer = Peer::start(vec![script]).unwrap();
    let mut session = plain(&peer);
    let content = Content::from_source(FromReader(io::repeat(b'x')), SIZE as u64);
    let grown = growth(|| {
        let stored = session.run(Append::new("INBOX", content)).unwrap().unwrap();
        assert_eq!(stored.iter().count(), 1);
    });
    assert!(grown < MIB, "the heap grew by {grown} octets");
}

/// A server that tells the flags of so many messages, and answers NOOP behind them.
fn server_of_flags(messages: usize) -> Peer {
    Peer::start(vec![vec![
        send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready\r\n"),
        expect("AUTHENTICATE"),
        send("{tag} OK [CAPABILITY IMAP4rev1] in\r\n"),
        expect("SELECT"),
        send("{tag} OK done\r\n"),
        expect("UID FETCH"),
        Step::SendRepeated(b"* 1 FETCH (UID 7 FLAGS (\\Seen \\Answered))\r\n".to_vec(), messages),
        send("{tag} OK done\r\n"),
        expect("NOOP"),
        send("{tag} OK done\r\n"),
    ]])
    .unwrap()
}

#[test]
fn any_number_of_messages_without_bodies_is_streamed_within_1_mib_of_heap() {
    const MESSAGES: usize = 200_000;
    let _alone = alone();
    let peer = server_of_flags(MESSAGES);
    let mut session = plain(&peer);
    let grown = growth(|| {
        let stream = session.stream(Fetch::new("1:*", Item::Flags)).unwrap();
        assert_eq!(stream.map(Result::unwrap).count(), MESSAGES);
    });
    assert!(grown < MIB, "the heap grew by {grown} octets");
    // A stream that was dropped is read to its end within the same room.
    drop(session);
    let peer = server_of_flags(MESSAGES);
    let mut session = plain(&peer);
    let grown = growth(|| {
        let mut stream = session.stream(Fetch::new("1:*", Item::Flags)).unwrap();
        assert!(stream.next().unwrap().is_ok());
        drop(stream);
        session.run(Noop::new()).unwrap();
    });
    assert!(grown < MIB, "the heap grew by {grown} octets");
}
