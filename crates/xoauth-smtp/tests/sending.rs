//! Messages on their way: by DATA and BDAT, from memory and from a source, and what becomes of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod common;

use std::sync::Arc;
use std::task::{Context, Poll};

use common::mails::{mail, offering, send};
use common::{Peer, WHOLE, every_way};
use xoauth_smtp::exchange::Submit;
use xoauth_smtp::{ContentFault, Delivery, Error, Message, Source, SourceFault, Stage, Transfer};

const ENVELOPE: &str = "
    C: MAIL FROM:<a@example.org>
    C: RCPT TO:<b@example.net>
    C: RCPT TO:<c@example.net>";

#[test]
fn small_message_travels_in_a_chunk_behind_its_envelope() {
    let transcript = offering(
        "PIPELINING|CHUNKING|SIZE",
        "C: MAIL FROM:<a@example.org> SIZE=8
         C: RCPT TO:<b@example.net>
         C: RCPT TO:<c@example.net>
         C: BDAT 8 LAST
         C: .hello
         S: 250 ok
         S: 250 2.1.5 ok
         S: 550 5.1.1 no such user
         S: 250 2.0.0 queued as 1
         C: NOOP
         S: 250 ok",
    );
    // No octet is changed: no dot is doubled. A missing last CRLF is added, as by DATA.
    for message in [".hello", ".hello\r\n"] {
        let outcome = every_way(&transcript, |peer| send(peer, mail(message)));
        assert_eq!(
            outcome,
            "250 2.0.0 queued as 1 (b@example.net accepted: 250 2.1.5 ok; \
             c@example.net recipient refused: 550 5.1.1 no such user)"
        );
    }
    let mut peer = Peer::new(&transcript, WHOLE);
    send(&mut peer, mail(".hello")).unwrap();
    // EHLO, the message, NOOP.
    assert_eq!(peer.flights, 3);
}

#[test]
fn what_is_refused_behind_a_chunk_is_reset() {
    let cases = [
        (
            ["250 ok", "250 ok", "250 ok", "552 5.3.4 too much"],
            "message refused: 552 5.3.4 too much (b@example.net message refused: 552 5.3.4 too much; \
             c@example.net message refused: 552 5.3.4 too much)",
        ),
        (["550 no", "503 no", "503 no", "503 no"], "sender refused: 550 no"),
        (
            ["250 ok", "550 no", "450 later", "503 no"],
            "all recipients refused: <b@example.net> 550 no; <c@example.net> 450 later \
             (b@example.net recipient refused: 550 no; c@example.net recipient refused: 450 later)",
        ),
        // Whatever a server says to a message for nobody.
        (
            ["250 ok", "550 no", "550 no", "250 queued"],
            "all recipients refused: <b@example.net> 550 no; <c@example.net> 550 no \
             (b@example.net recipient refused: 550 no; c@example.net recipient refused: 550 no)",
        ),
    ];
    for (replies, expected) in cases {
        let replies = replies.map(|reply| format!("S: {reply}\n")).concat();
        let transcript = offering(
            "PIPELINING|CHUNKING",
            &format!(
                "{ENVELOPE}
                 C: BDAT 3 LAST
                 C: x
                 {replies}
                 C: RSET
                 S: 250 ok
                 C: NOOP
                 S: 250 ok"
            ),
        );
        assert_eq!(every_way(&transcript, |peer| send(peer, mail("x\r\n"))), expected);
    }
}

#[test]
fn data_is_used_where_chunks_would_wait_and_where_it_is_asked_for() {
    let lock_step = offering(
        "CHUNKING",
        "C: MAIL FROM:<a@example.org>
         S: 250 ok
         C: RCPT TO:<b@example.net>
         S: 250 ok
         C: RCPT TO:<c@example.net>
         S: 250 ok
         C: DATA
         S: 354 go
         C: x
         C: .
         S: 250 1
         C: NOOP
         S: 250 ok",
    );
    every_way(&lock_step, |peer| send(peer, mail("x")));
    let chosen = offering(
        "CHUNKING|PIPELINING",
        &format!(
            "{ENVELOPE}
             C: DATA
             S: 250 ok
             S: 250 ok
             S: 250 ok
             S: 354 go
             C: x
             C: .
             S: 250 1
             C: NOOP
             S: 250 ok"
        ),
    );
    every_way(&chosen, |peer| send(peer, mail("x").transfer(Transfer::Data)));
    let one_by_one = lock_step
        .replace("DATA\n         S: 354 go\n         C: x\n         C: .", "BDAT 3 LAST\n C: x");
    every_way(&one_by_one, |peer| send(peer, mail("x").transfer(Transfer::Bdat)));
}

/// Octets, then an error.
struct Broken<'a>(&'a [u8]);

impl Source for Broken<'_> {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, SourceFault>> {
        match self.0.poll_read(cx, buffer) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(Arc::new(Error::Busy))),
            other => other,
        }
    }
}

/// One octet at a time.
struct Dripping<'a>(&'a [u8]);

impl Source for Dripping<'_> {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, SourceFault>> {
        self.0.poll_read(cx, &mut buffer[..1])
    }
}

#[test]
fn message_is_read_while_it_is_sent() {
    let message = b"Subject: t\n\n.one\n\xc3\xbc";
    let by_data = offering(
        "8BITMIME",
        "C: MAIL FROM:<a@example.org> BODY=8BITMIME
         S: 250 ok
         C: RCPT TO:<b@example.net>
         S: 250 ok
         C: RCPT TO:<c@example.net>
         S: 250 ok
         C: DATA
         S: 354 go
         C: Subject: t
         C:
         C: ..one
         C: \u{fc}
         C: .
         S: 250 queued
         C: NOOP
         S: 250 ok",
    );
    let by_bdat = offering(
        "8BITMIME|PIPELINING|CHUNKING",
        "C: MAIL FROM:<a@example.org> BODY=8BITMIME
         C: RCPT TO:<b@example.net>
         C: RCPT TO:<c@example.net>
         S: 250 ok
         S: 250 ok
         S: 250 ok
         C: BDAT 24 LAST
         C: Subject: t
         C:
         C: .one
         C: \u{fc}
         S: 250 queued
         C: NOOP
         S: 250 ok",
    );
    for transcript in [by_data, by_bdat] {
        every_way(&transcript, |peer| {
            send(peer, mail(Message::from_source(&message[..]).normalise_line_ends()))
        });
        every_way(&transcript, |peer| {
            send(peer, mail(Message::from_source(Dripping(message)).normalise_line_ends()))
        });
    }
}

/// Claims to have read what it was not given room for, behind what it read.
struct Boasting<'a>(&'a [u8]);

impl Source for Boasting<'_> {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, SourceFault>> {
        match self.0.poll_read(cx, buffer) {
            Poll::Ready(Ok(0)) => Poll::Ready(Ok(buffer.len() + 1)),
            other => other,
        }
    }
}

/// A source that has nothing to give.
struct Nothing;

impl Source for Nothing {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize, SourceFault>> {
        Poll::Ready(Ok(0))
    }
}

#[test]
fn a_message_of_no_octets_is_sent_as_one() {
    let envelope = "C: MAIL FROM:<a@example.org>{size}
         S: 250 ok
         C: RCPT TO:<b@example.net>
         S: 250 ok
         C: RCPT TO:<c@example.net>
         S: 250 ok";
    let go_on = "S: 250 queued
         C: NOOP
         S: 250 ok";
    for (transfer, content) in
        [(Transfer::Data, "C: DATA\n S: 354 go\n C: ."), (Transfer::Bdat, "C: BDAT 0 LAST")]
    {
        for (is_read, size) in [(false, " SIZE=0"), (true, "")] {
            let envelope = envelope.replace("{size}", size);
            let transcript = offering("SIZE|CHUNKING", &format!("{envelope}\n{content}\n{go_on}"));
            every_way(&transcript, |peer| {
                let message = if is_read {
                    Message::from_source(Nothing).seven_bit()
                } else {
                    Message::new(&b""[..])
                };
                send(peer, mail(message).transfer(transfer))
            });
        }
    }
}

/// Ends a session in the middle of a message by DATA: what was sent, and the error.
fn broken_off(message: Message<'_>) -> (Vec<u8>, Error) {
    let replies = "220 mx\r\n250-mx\r\n250 8BITMIME\r\n250 ok\r\n250 ok\r\n354 go\r\n";
    let mut peer = Peer::saying(b"", WHOLE);
    peer.say_line_by_line(replies);
    peer.greet().unwrap();
    let error = peer.run(Submit::new("a@example.org", ["b@example.net"], message)).unwrap_err();
    assert!(error.is_fatal() && !peer.machine.is_usable());
    (peer.sent, error)
}

#[test]
fn message_that_breaks_off_by_data_has_no_final_dot() {
    let (sent, error) = broken_off(Message::from_source(Broken(b"Subject: t\r\n\r\nx\r\n")));
    assert!(sent.ends_with(b"DATA\r\nSubject: t\r\n\r\nx\r\n"), "{}", sent.escape_ascii());
    assert_eq!(error.to_string(), "message cannot be sent to its end: its source failed");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "another command is under way");
    let cases: [(Message<'_>, &str); 9] = [
        (Message::from_source(Boasting(b"x\r\n")), "its source failed"),
        (Message::from_source(&b"a\nb"[..]), "'\\n' at octet 1"),
        (Message::from_source(&b"a\r\n\0"[..]), "'\\0' at octet 3"),
        (Message::from_source(&b"\r\n\xff"[..]).seven_bit(), "'\u{ff}' at octet 2"),
        (Message::from_source(&b"S: \xff"[..]), "'\u{ff}' at octet 3"),
        (Message::from_source(&b"abc"[..]).size(4), "another size"),
        (Message::from_source(&b"abc"[..]).size(2), "another size"),
        (Message::from_source(Dripping(b"abc")).size(2), "another size"),
        (Message::from_source(Nothing).size(1), "another size"),
    ];
    for (message, expected) in cases {
        let (sent, error) = broken_off(message);
        assert!(matches!(error, Error::Content { ended: true, .. }));
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!sent.ends_with(b"\r\n.\r\n"), "{}", sent.escape_ascii());
    }
}

#[test]
fn message_that_breaks_off_by_bdat_is_forgotten_and_the_session_goes_on() {
    let before = "C: MAIL FROM:<a@example.org> BODY=8BITMIME
         C: RCPT TO:<b@example.net>
         C: RCPT TO:<c@example.net>
         S: 250 ok
         S: 250 ok
         S: 250 ok
         C: RSET
         S: 250 ok
         C: NOOP
         S: 250 ok";
    let transcript = offering("8BITMIME|PIPELINING|CHUNKING", before);
    let outcome =
        every_way(&transcript, |peer| send(peer, mail(Message::from_source(Broken(b"x")))));
    assert_eq!(outcome, "message cannot be sent to its end: its source failed");
    let boasting = || Message::from_source(Boasting(b"x"));
    let outcome = every_way(&transcript, |peer| send(peer, mail(boasting())));
    assert_eq!(outcome, "message cannot be sent to its end: its source failed");
    let outcome =
        every_way(&transcript, |peer| send(peer, mail(Message::from_source(&b"x\n"[..]))));
    assert!(outcome.contains("'\\n' at octet 1"), "{outcome}");
}

#[test]
fn large_message_travels_in_chunks_and_stops_at_a_refusal() {
    // Four chunks of 256 KiB and one more octet, CRLF at their ends.
    let message = "x".repeat(256 * 1024 * 4 - 2) + "\r\ny";
    for streamed in [false, true] {
        let message = || match streamed {
            false => Message::from(&message),
            true => Message::from_source(message.as_bytes()).seven_bit(),
        };
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(
            "220 mx\r\n250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n250 ok\r\n250 ok\r\n250 ok\r\n\
             250 1\r\n250 2\r\n250 3\r\n",
        );
        peer.say_line_by_line(if streamed { "250 4\r\n250 queued\r\n" } else { "250 queued\r\n" });
        peer.greet().unwrap();
        let sent = peer.run(Submit::mail(mail(message()))).unwrap();
        assert_eq!(sent.reply().to_string(), "250 queued");
        assert_eq!(sent.accepted().count(), 2);
        let text = String::from_utf8(std::mem::take(&mut peer.sent)).unwrap();
        let sizes: Vec<&str> =
            text.match_indices("BDAT ").map(|(at, _)| text[at..].lines().next().unwrap()).collect();
        let chunk = "BDAT 262144";
        if streamed {
            assert_eq!(sizes, [chunk, chunk, chunk, chunk, "BDAT 3 LAST"]);
            assert_eq!(peer.longest, 262_144 + "BDAT 262144\r\n".len());
        } else {
            // What is in memory is written from there, behind the line that announces it; a chunk is as long as
            // all before it.
            assert_eq!(sizes, [chunk, chunk, "BDAT 524288", "BDAT 3 LAST"]);
            assert_eq!(peer.longest, 524_288);
        }
        assert!(text.ends_with("BDAT 3 LAST\r\ny\r\n"));

        // Lock step: no chunk is sent behind the refusal of another.
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(
            "220 mx\r\n250-mx\r\n250 CHUNKING\r\n250 ok\r\n250 ok\r\n250 ok\r\n\
             250 1\r\n452 full\r\n250 reset\r\n",
        );
        peer.greet().unwrap();
        let bdat = mail(message()).transfer(Transfer::Bdat);
        let error = peer.run(Submit::mail(bdat)).unwrap_err();
        assert_eq!(error.to_string(), "message refused: 452 full");
        assert!(error.is_transient() && peer.machine.is_usable());
        let text = String::from_utf8(peer.sent).unwrap();
        assert_eq!(text.matches("BDAT 262144\r\n").count(), 2);
        assert!(text.ends_with("RSET\r\n"));
    }
}

#[test]
fn chunks_from_memory_grow_to_a_bound_and_the_last_is_made_a_line() {
    for (end, last) in [("y", "BDAT 3 LAST"), ("\r\n", "BDAT 2097154 LAST")] {
        let octets = 10 << 20;
        let message = "x".repeat(octets) + end;
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(&format!(
            "220 mx\r\n250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n{}",
            "250 ok\r\n".repeat(30)
        ));
        peer.greet().unwrap();
        peer.run(Submit::mail(mail(Message::from(&message)))).unwrap();
        let text = String::from_utf8(std::mem::take(&mut peer.sent)).unwrap();
        let lines: Vec<&str> =
            text.match_indices("BDAT ").map(|(at, _)| text[at..].lines().next().unwrap()).collect();
        let size = |line: &&str| line.split(' ').nth(1).unwrap().parse::<usize>().unwrap();
        let sizes: Vec<usize> = lines.iter().map(size).collect();
        assert_eq!(sizes[..6], [1, 1, 2, 4, 8, 16].map(|n| n << 18), "{end:?}");
        assert_eq!(lines.last(), Some(&last), "{end:?}");
        let whole = octets + if end == "y" { 3 } else { 2 };
        assert_eq!(sizes.iter().sum::<usize>(), whole, "{end:?}");
        assert!(text.ends_with(&format!("{}\r\n", end.trim_end())), "{end:?}");
    }
}

#[test]
fn binary_message_is_sent_as_it_is() {
    let octets = b"A: b\r\n\r\n\0\n\r\xff.\r\n.\r\nend";
    for message in [Message::new(&octets[..]), Message::from_source(&octets[..]).size(21)] {
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(
            "220 mx\r\n250-mx\r\n250-PIPELINING\r\n250-SIZE\r\n250-BINARYMIME\r\n250 CHUNKING\r\n\
             250 ok\r\n250 ok\r\n250 ok\r\n250 queued\r\n",
        );
        peer.greet().unwrap();
        peer.run(Submit::mail(mail(message.binary()).transfer(Transfer::Data))).unwrap();
        let text = peer.sent.escape_ascii().to_string();
        let mail = r"MAIL FROM:<a@example.org> SIZE=21 BODY=BINARYMIME\r\n";
        assert!(text.contains(mail), "{text}");
        assert!(peer.sent.ends_with(&[&b"BDAT 21 LAST\r\n"[..], octets].concat()), "{text}");
    }
    // Line ends that were mended first are mended, from memory as from a source.
    for message in [Message::new(&b"a\nb\r"[..]), Message::from_source(&b"a\nb\r"[..])] {
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(
            "220 mx\r\n250-mx\r\n250-PIPELINING\r\n250-BINARYMIME\r\n250 CHUNKING\r\n250 ok\r\n\
             250 ok\r\n250 ok\r\n250 queued\r\n",
        );
        peer.greet().unwrap();
        peer.run(Submit::mail(mail(message.normalise_line_ends().binary()))).unwrap();
        assert!(peer.sent.ends_with(b"BDAT 6 LAST\r\na\r\nb\r\n"), "{}", peer.sent.escape_ascii());
    }
}

#[test]
fn delivery_is_unknown_from_the_last_octet_of_the_last_chunk_on() {
    let greeting = "220 mx\r\n250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n";
    let replies = "250 ok\r\n550 no\r\n250 ok\r\n250 queued\r\n";
    // The connection closes after each octet of the replies to a group that was sent whole.
    for cut in 0..replies.len() {
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(greeting);
        peer.say_line_by_line(&replies[..cut]);
        peer.greet().unwrap();
        let error = peer.run(Submit::mail(mail("x"))).unwrap_err();
        assert!(error.is_delivery_unknown(), "{cut}: {error:?}");
        let [b, c] = error.recipients() else { panic!("{error:?}") };
        let refused = cut >= "250 ok\r\n550 no\r\n".len();
        assert_eq!(
            matches!(b.delivery, Delivery::Refused { stage: Stage::Recipient, .. }),
            refused
        );
        assert!(matches!(c.delivery, Delivery::Unknown));
    }
    // A server that takes its leave takes no message any more.
    for before in ["", "250 ok\r\n", "250 ok\r\n250 ok\r\n250 ok\r\n"] {
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(greeting);
        peer.say_line_by_line(before);
        peer.say_line_by_line("421 4.3.2 going down\r\n");
        peer.greet().unwrap();
        let error = peer.run(Submit::mail(mail("x"))).unwrap_err();
        assert!(matches!(error, Error::ServerClosing { .. }), "{error:?}");
    }
    // A reply that answers nothing says nothing of the message either.
    for before in ["", "250 ok\r\n", "250 ok\r\n250 ok\r\n250 ok\r\n"] {
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(greeting);
        peer.say_line_by_line(before);
        peer.say_line_by_line("354 what\r\n");
        peer.greet().unwrap();
        let error = peer.run(Submit::mail(mail("x"))).unwrap_err();
        assert!(error.is_delivery_unknown(), "{error:?}");
    }
}

#[test]
fn faults_of_bodies_are_told() {
    let fault = ContentFault::Size;
    assert_eq!(fault.to_string(), "it has another size than was said");
    let error = Error::Content { fault, ended: false };
    assert!(!error.is_fatal() && !error.is_transient() && error.recipients().is_empty());
}
