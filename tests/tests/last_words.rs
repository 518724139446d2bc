//! What a server says before it is gone is heard: while a source is waited for, and after a write that failed.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::task::{Context, Poll};
use std::time::Duration;

use e2e::scripted::{Peer, Step, expect, send};
use xoauth::net::Untimed;
use xoauth::smtp::exchange::Submit;
use xoauth::smtp::sasl::wire::{Source, SourceFault};
use xoauth::smtp::{Builder, Error as Smtp, Mail, Message, Transfer, TransportFault, nonblocking};
use xoauth::{Deadlines, Error};

/// One line, and then never more.
struct Stalling(Option<&'static [u8]>);

impl Source for Stalling {
    fn poll_read(
        &mut self,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, SourceFault>> {
        let Some(line) = self.0.take() else { return Poll::Pending };
        buffer[..line.len()].copy_from_slice(line);
        Poll::Ready(Ok(line.len()))
    }
}

fn stalling(transfer: Transfer) -> Mail<'static> {
    let message = Message::from_source(Stalling(Some(b"Subject: t\r\n"))).seven_bit();
    Mail::new("a@example.org", ["b@example.net"], message).transfer(transfer)
}

fn envelope() -> Vec<Step> {
    vec![
        send("220 mx\r\n"),
        expect("EHLO"),
        send("250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
        expect("MAIL"),
        expect("RCPT"),
    ]
}

/// The error of a session whose server goes on with `rest` while a source has nothing to give; both drivers say
/// the same.
fn while_waiting(transfer: Transfer, rest: Vec<Step>) -> Error {
    while_waiting_in(transfer, rest, Deadlines::default())
}

fn while_waiting_in(transfer: Transfer, rest: Vec<Step>, deadlines: Deadlines) -> Error {
    let script = [envelope(), rest].concat();
    let peer = Peer::start(vec![script.clone(), script]).unwrap();
    let builder = Builder::new("127.0.0.1").port(peer.port()).deadlines(deadlines);
    let mut session = builder.connect_plain().unwrap().trust().without_authentication();
    let blocking = session.run(Submit::mail(stalling(transfer))).unwrap_err();
    assert!(!session.is_usable());
    drop(session);
    e2e::runtime().block_on(async {
        let builder = nonblocking::Builder::new("127.0.0.1").port(peer.port()).deadlines(deadlines);
        let client = builder.connect_plain().await.unwrap().trust();
        let mut session = client.without_authentication();
        let error = session.run(Submit::mail(stalling(transfer))).await.unwrap_err();
        assert!(!session.is_usable());
        assert_eq!(error.to_string(), blocking.to_string());
        error
    })
}

#[test]
fn a_farewell_is_heard_while_a_source_is_waited_for() {
    // In two pieces, the first of which could begin anything.
    let farewell = || [send("42"), send("1 4.3.2 going down\r\n")];
    let by_data = [expect("DATA"), send("250 ok\r\n250 ok\r\n354 go\r\n"), expect("Subject: t")];
    let by_bdat = [send("250 ok\r\n250 ok\r\n")];
    for (transfer, before) in
        [(Transfer::Data, by_data.to_vec()), (Transfer::Bdat, by_bdat.to_vec())]
    {
        let error = while_waiting(transfer, [before.clone(), farewell().to_vec()].concat());
        let Error::Smtp(Smtp::ServerClosing { reply }) = &error else { panic!("{error:?}") };
        assert_eq!(reply.to_string(), "421 4.3.2 going down");
        // A reply that answers nothing is none of these, and neither is an end without one.
        let error = while_waiting(transfer, [before.clone(), vec![send("250 ok\r\n")]].concat());
        assert!(matches!(error, Error::Smtp(Smtp::UnsolicitedReply { .. })), "{error:?}");
        let error = while_waiting(transfer, before);
        assert!(matches!(error, Error::Smtp(Smtp::Transport { .. })), "{error:?}");
    }
}

#[test]
fn a_source_that_gives_nothing_is_given_up_at_the_deadline() {
    let mut deadlines = Deadlines::default();
    deadlines.delivery = Duration::from_millis(300);
    let by_data =
        vec![expect("DATA"), send("250 ok\r\n250 ok\r\n354 go\r\n"), expect("Subject: t")];
    let by_bdat = vec![send("250 ok\r\n250 ok\r\n")];
    for (transfer, mut before) in [(Transfer::Data, by_data), (Transfer::Bdat, by_bdat)] {
        before.push(Step::Stall);
        let error = while_waiting_in(transfer, before, deadlines);
        assert_eq!(error.to_string(), TransportFault::Deadline.to_string());
    }
}

/// A server that stops reading and closes resets the connection; what it said before is there to be read.
#[cfg(target_os = "linux")]
mod reset {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread::JoinHandle;

    use xoauth::smtp::Session;
    use xoauth::smtp::exchange::Window;

    use super::*;

    const LARGE: usize = 50_000_000;

    /// Greets, hears what begins with `until`, says the last words and is gone with much left unread.
    fn server(until: &'static str, last: &'static str) -> (u16, JoinHandle<()>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"220 mx\r\n").unwrap();
            let mut heard = String::new();
            let mut hear = |stream: &mut std::net::TcpStream, what: &str| {
                let mut room = [0; 100];
                while !heard.contains(what) {
                    let count = stream.read(&mut room).unwrap();
                    assert!(count > 0);
                    heard.push_str(std::str::from_utf8(&room[..count]).unwrap());
                }
            };
            hear(&mut stream, "EHLO");
            stream.write_all(b"250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n").unwrap();
            hear(&mut stream, until);
            stream.write_all(last.as_bytes()).unwrap();
        });
        (port, thread)
    }

    fn session(port: u16) -> Session<xoauth::net::TcpTransport> {
        let client = Builder::new("127.0.0.1").port(port).connect_plain().unwrap();
        client.trust().without_authentication()
    }

    #[test]
    fn a_farewell_is_heard_behind_a_write_that_failed() {
        let (port, server) = server("BDAT", "250 ok\r\n250 ok\r\n421 4.3.1 disk full\r\n");
        let content = "x".repeat(LARGE);
        let mail = Mail::new("a@example.org", ["b@example.net"], &content);
        // Sent at once, as a message of many is; the first reply to MAIL comes with the last words.
        let mut session = session(port);
        let mut outcomes = session.send_all([Submit::mail(mail)]).unwrap();
        let error = outcomes.next().unwrap().unwrap_err();
        let Error::Smtp(Smtp::ServerClosing { reply }) = &error else { panic!("{error:?}") };
        assert_eq!(reply.to_string(), "421 4.3.1 disk full");
        drop(outcomes);
        server.join().unwrap();
    }

    #[test]
    fn answers_that_came_before_a_reset_are_no_unknown_deliveries() {
        let (port, server) = server("RCPT TO:<c", "250 ok\r\n250 ok\r\n250 2.0.0 queued as 7\r\n");
        let content = "x".repeat(LARGE);
        let messages =
            [Submit::new("a@x", ["b@x"], "short"), Submit::new("a@x", ["c@x"], content.as_str())];
        let mut session = session(port);
        let outcomes: Vec<_> =
            session.send_all(messages).unwrap().window(Window::of_messages(2)).collect();
        assert_eq!(outcomes[0].as_ref().unwrap().reply().to_string(), "250 2.0.0 queued as 7");
        let error = outcomes[1].as_ref().unwrap_err();
        assert!(matches!(error, Error::Smtp(Smtp::Transport { .. })), "{error:?}");
        server.join().unwrap();
    }
}

/// A stream that knows no deadline and hears nothing while it writes: nobody but the driver looks at the clock.
#[test]
fn a_source_that_never_gives_any_ends_at_the_deadline_on_any_stream() {
    let rest = [expect("DATA"), send("250 ok\r\n250 ok\r\n354 go\r\n"), Step::Stall];
    let peer = Peer::start(vec![[envelope(), rest.to_vec()].concat()]).unwrap();
    let stream = std::net::TcpStream::connect(("127.0.0.1", peer.port())).unwrap();
    let mut deadlines = Deadlines::default();
    deadlines.delivery = Duration::from_millis(100);
    let builder = Builder::new("127.0.0.1").deadlines(deadlines);
    let client = builder.from_plain_stream(Untimed(stream)).unwrap().trust();
    let mut session = client.without_authentication();
    let error = session.run(Submit::mail(stalling(Transfer::Data))).unwrap_err();
    assert_eq!(error.to_string(), TransportFault::Deadline.to_string());
    assert!(!session.is_usable());
}
