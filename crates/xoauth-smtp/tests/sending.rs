//! Messages on their way: by DATA and BDAT, from memory and from a source, and what becomes of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod common;

use std::sync::Arc;
use std::task::{Context, Poll};

use common::{Peer, WHOLE, every_way, told};
use xoauth_smtp::exchange::{Ehlo, Expand, Greeting, Help, Noop, Raw, Send, Verify};
use xoauth_smtp::{
    BodyFault, Delivery, Envelope, Error, Mail, Message, Recipient, RecipientOutcome, Source,
    SourceFault, Stage, Transfer,
};

/// A session that was greeted by a server with these extensions.
fn offering(extensions: &str, rest: &str) -> String {
    let mut lines = vec!["mx.example.org"];
    lines.extend(extensions.split('|').filter(|line| !line.is_empty()));
    let last = lines.len() - 1;
    let mut transcript = "S: 220 mx.example.org ESMTP\nC: EHLO client.example\n".to_owned();
    for (at, line) in lines.iter().enumerate() {
        let separator = if at == last { ' ' } else { '-' };
        transcript.push_str(&format!("S: 250{separator}{line}\n"));
    }
    transcript + rest
}

/// Sends one message, then shows that the session lives.
fn send(peer: &mut Peer, mail: Mail<'_>) -> Result<String, Error> {
    peer.greet()?;
    let outcome = match peer.run(Send::mail(mail)) {
        Ok(sent) => format!("{} ({})", sent.reply(), shown(sent.recipients())),
        Err(error) if !error.recipients().is_empty() && !error.is_fatal() => {
            format!("{error} ({})", shown(error.recipients()))
        }
        other => told(other)?,
    };
    peer.run(Noop::new())?;
    Ok(outcome)
}

fn shown(recipients: &[RecipientOutcome]) -> String {
    let one = |one: &RecipientOutcome| format!("{} {}", one.address, one.delivery);
    recipients.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn mail<'a>(message: impl Into<Message<'a>>) -> Mail<'a> {
    Mail::new("a@example.org", ["b@example.net", "c@example.net"], message)
}

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
            send(peer, mail(Message::streamed(&message[..]).normalise_line_ends()))
        });
        every_way(&transcript, |peer| {
            send(peer, mail(Message::streamed(Dripping(message)).normalise_line_ends()))
        });
    }
}

/// Ends a session in the middle of a message by DATA: what was sent, and the error.
fn broken_off(message: Message<'_>) -> (Vec<u8>, Error) {
    let replies = "220 mx\r\n250-mx\r\n250 8BITMIME\r\n250 ok\r\n250 ok\r\n354 go\r\n";
    let mut peer = Peer::saying(b"", WHOLE);
    peer.say_line_by_line(replies);
    peer.greet().unwrap();
    let error = peer.run(Send::new("a@example.org", ["b@example.net"], message)).unwrap_err();
    assert!(error.is_fatal() && !peer.machine.is_usable());
    (peer.sent, error)
}

#[test]
fn message_that_breaks_off_by_data_has_no_final_dot() {
    let (sent, error) = broken_off(Message::streamed(Broken(b"Subject: t\r\n\r\nx\r\n")));
    assert!(sent.ends_with(b"DATA\r\nSubject: t\r\n\r\nx\r\n"), "{}", sent.escape_ascii());
    assert_eq!(error.to_string(), "message cannot be sent to its end: its source failed");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "another command is under way");
    let cases: [(Message<'_>, &str); 5] = [
        (Message::streamed(&b"a\nb"[..]), "'\\n' at octet 1"),
        (Message::streamed(&b"a\r\n\0"[..]), "'\\0' at octet 3"),
        (Message::streamed(&b"\r\n\xff"[..]).seven_bit(), "'\u{ff}' at octet 2"),
        (Message::streamed(&b"S: \xff"[..]), "'\u{ff}' at octet 3"),
        (Message::streamed(&b"abc"[..]).size(4), "another size"),
    ];
    for (message, expected) in cases {
        let (sent, error) = broken_off(message);
        assert!(matches!(error, Error::Body { ended: true, .. }));
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
    let outcome = every_way(&transcript, |peer| send(peer, mail(Message::streamed(Broken(b"x")))));
    assert_eq!(outcome, "message cannot be sent to its end: its source failed");
    let outcome = every_way(&transcript, |peer| send(peer, mail(Message::streamed(&b"x\n"[..]))));
    assert!(outcome.contains("'\\n' at octet 1"), "{outcome}");
}

#[test]
fn large_message_travels_in_chunks_and_stops_at_a_refusal() {
    // Four chunks of 256 KiB and one more octet, CRLF at their ends.
    let message = "x".repeat(256 * 1024 * 4 - 2) + "\r\ny";
    for streamed in [false, true] {
        let message = || match streamed {
            false => Message::from(&message),
            true => Message::streamed(message.as_bytes()).seven_bit(),
        };
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(
            "220 mx\r\n250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n250 ok\r\n250 ok\r\n250 ok\r\n\
             250 1\r\n250 2\r\n250 3\r\n250 4\r\n250 queued\r\n",
        );
        peer.greet().unwrap();
        let sent = peer.run(Send::mail(mail(message()))).unwrap();
        assert_eq!(sent.reply().to_string(), "250 queued");
        assert_eq!(sent.accepted().count(), 2);
        let text = String::from_utf8(std::mem::take(&mut peer.sent)).unwrap();
        let sizes: Vec<&str> =
            text.match_indices("BDAT ").map(|(at, _)| text[at..].lines().next().unwrap()).collect();
        let chunk = "BDAT 262144";
        assert_eq!(sizes, [chunk, chunk, chunk, chunk, "BDAT 3 LAST"]);
        assert!(text.ends_with("BDAT 3 LAST\r\ny\r\n"));
        // What is in memory is written from there, behind the line that announces it.
        let line = if streamed { "BDAT 262144\r\n".len() } else { 0 };
        assert_eq!(peer.longest, 262_144 + line);

        // Lock step: no chunk is sent behind the refusal of another.
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(
            "220 mx\r\n250-mx\r\n250 CHUNKING\r\n250 ok\r\n250 ok\r\n250 ok\r\n\
             250 1\r\n452 full\r\n250 reset\r\n",
        );
        peer.greet().unwrap();
        let bdat = mail(message()).transfer(Transfer::Bdat);
        let error = peer.run(Send::mail(bdat)).unwrap_err();
        assert_eq!(error.to_string(), "message refused: 452 full");
        assert!(error.is_transient() && peer.machine.is_usable());
        let text = String::from_utf8(peer.sent).unwrap();
        assert_eq!(text.matches("BDAT 262144\r\n").count(), 2);
        assert!(text.ends_with("RSET\r\n"));
    }
}

#[test]
fn binary_message_is_sent_as_it_is() {
    let octets = b"A: b\r\n\r\n\0\n\r\xff.\r\n.\r\nend";
    for message in [Message::new(&octets[..]), Message::streamed(&octets[..]).size(21)] {
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(
            "220 mx\r\n250-mx\r\n250-PIPELINING\r\n250-SIZE\r\n250-BINARYMIME\r\n250 CHUNKING\r\n\
             250 ok\r\n250 ok\r\n250 ok\r\n250 queued\r\n",
        );
        peer.greet().unwrap();
        peer.run(Send::mail(mail(message.binary()).transfer(Transfer::Data))).unwrap();
        let text = peer.sent.escape_ascii().to_string();
        let mail = r"MAIL FROM:<a@example.org> SIZE=21 BODY=BINARYMIME\r\n";
        assert!(text.contains(mail), "{text}");
        assert!(peer.sent.ends_with(&[&b"BDAT 21 LAST\r\n"[..], octets].concat()), "{text}");
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
        let error = peer.run(Send::mail(mail("x"))).unwrap_err();
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
        let error = peer.run(Send::mail(mail("x"))).unwrap_err();
        assert!(matches!(error, Error::ServerClosing { .. }), "{error:?}");
    }
    // A reply that answers nothing says nothing of the message either.
    for before in ["", "250 ok\r\n", "250 ok\r\n250 ok\r\n250 ok\r\n"] {
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(greeting);
        peer.say_line_by_line(before);
        peer.say_line_by_line("354 what\r\n");
        peer.greet().unwrap();
        let error = peer.run(Send::mail(mail("x"))).unwrap_err();
        assert!(error.is_delivery_unknown(), "{error:?}");
    }
}

#[test]
fn envelope_asks_for_what_the_server_offers() {
    let transcript = offering(
        "DSN|AUTH PLAIN|REQUIRETLS|DELIVERBY 60|MT-PRIORITY|XFOO|LIMITS RCPTMAX=2 MAILMAX=1 RCPTDOMAINMAX=2",
        "C: MAIL FROM:<a@example.org> RET=HDRS ENVID=order+2066 AUTH=<> REQUIRETLS BY=120;R MT-PRIORITY=-3 XFOO=1
         S: 250 ok
         C: RCPT TO:<b@example.net> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;old+2Bb@example.net
         S: 250 ok
         C: RCPT TO:<c@EXAMPLE.NET> NOTIFY=NEVER XBAR
         S: 250 ok
         C: DATA
         S: 354 go
         C: x
         C: .
         S: 250 queued
         C: NOOP
         S: 250 ok",
    );
    every_way(&transcript, |peer| send(peer, Mail::with(demanding(), "x")));
}

fn demanding() -> Envelope {
    use xoauth_smtp::{DeliverBy, Notify, Priority, Return};
    let b = Recipient::new("b@example.net").notify(Notify::ALWAYS).original("old+b@example.net");
    let c = Recipient::new("c@EXAMPLE.NET").notify(Notify::Never).parameter("XFOO", "XBAR", None);
    Envelope::new("a@example.org", [b, c])
        .returning(Return::Headers)
        .envelope_id("order 66")
        .submitter("<>")
        .require_tls()
        .deliver_by(DeliverBy::or_return(120))
        .priority(Priority::new(-3).unwrap())
        .parameter("XFOO", "XFOO", Some("1"))
}

#[test]
fn what_the_server_lacks_is_named_before_anything_is_sent() {
    let all = "DSN|AUTH PLAIN|REQUIRETLS|DELIVERBY|MT-PRIORITY|XFOO";
    for lacking in ["DSN", "AUTH", "REQUIRETLS", "DELIVERBY", "MT-PRIORITY", "XFOO"] {
        let offered: Vec<&str> = all.split('|').filter(|one| !one.starts_with(lacking)).collect();
        let transcript = offering(&offered.join("|"), "C: NOOP\nS: 250 ok");
        let told = every_way(&transcript, |peer| send(peer, Mail::with(demanding(), "x")));
        assert!(
            told.starts_with(&format!("server does not offer {lacking}, needed for ")),
            "{told}"
        );
    }
    let cases = [
        ("DELIVERBY 240", "server has a limit of 240 (DELIVERBY), the message asks for 120"),
        ("DELIVERBY|LIMITS RCPTMAX=1", "server has a limit of 1 (RCPTMAX), the message asks for 2"),
        ("DELIVERBY|limits rcptdomainmax=1", ""),
    ];
    for (more, expected) in cases {
        let offered = format!("{}|{more}", all.replace("DELIVERBY|", ""));
        let transcript = offering(&offered, "C: NOOP\nS: 250 ok");
        if expected.is_empty() {
            let mail = || Mail::with(demanding().recipient("d@example.com"), "x");
            let told = every_way(&transcript, |peer| send(peer, mail()));
            assert_eq!(told, "server has a limit of 1 (RCPTDOMAINMAX), the message asks for 2");
        } else {
            let told = every_way(&transcript, |peer| send(peer, Mail::with(demanding(), "x")));
            assert_eq!(told, expected);
        }
    }
    let content = [
        ("CHUNKING", "BINARYMIME", mail(Message::new(&b"x"[..]).binary())),
        ("BINARYMIME", "CHUNKING", mail(Message::new(&b"x"[..]).binary())),
        ("", "CHUNKING", mail("x").transfer(Transfer::Bdat)),
        ("", "8BITMIME", mail(Message::streamed(&b"x"[..]))),
        ("8BITMIME", "SMTPUTF8", mail(Message::streamed(&b"x"[..]).internationalised())),
    ];
    for (offered, lacking, mail) in content {
        let mut peer = Peer::new(&offering(offered, "C: NOOP\nS: 250 ok"), WHOLE);
        let told = send(&mut peer, mail).unwrap();
        assert!(
            told.starts_with(&format!("server does not offer {lacking}, needed for ")),
            "{told}"
        );
    }
    let sized = mail(Message::streamed(&b"x"[..]).seven_bit().size(1001));
    let mut peer = Peer::new(&offering("SIZE 1000", "C: NOOP\nS: 250 ok"), WHOLE);
    assert_eq!(send(&mut peer, sized).unwrap(), "message has 1001 octets, server takes 1000");
}

#[test]
fn server_takes_as_many_messages_as_it_says() {
    let one = "C: MAIL FROM:<a@example.org>
        S: 250 ok
        C: RCPT TO:<b@example.net>
        S: 250 ok
        C: DATA
        S: 354 go
        C: x
        C: .
        S: 250 queued\n";
    let transcript = offering("LIMITS MAILMAX=2", &format!("{one}{one}C: NOOP\nS: 250 ok"));
    let outcome = every_way(&transcript, |peer| {
        peer.greet()?;
        let send = || Send::new("a@example.org", ["b@example.net"], "x");
        peer.run(send())?;
        peer.run(send())?;
        let outcome = told(peer.run(send()))?;
        peer.run(Noop::new())?;
        Ok(outcome)
    });
    assert_eq!(outcome, "server has a limit of 2 (MAILMAX), the message asks for 3");
}

#[test]
fn server_takes_as_many_domains_in_a_session_as_it_says() {
    let one = |address: &str| {
        format!(
            "C: MAIL FROM:<a@example.org>
             S: 250 ok
             C: RCPT TO:<{address}>
             S: 250 ok
             C: DATA
             S: 354 go
             C: x
             C: .
             S: 250 queued\n"
        )
    };
    let (b, c) = (one("b@example.net"), one("c@EXAMPLE.com"));
    let transcript = offering("LIMITS RCPTDOMAINMAX=2", &format!("{b}{c}{b}C: NOOP\nS: 250 ok"));
    let outcome = every_way(&transcript, |peer| {
        peer.greet()?;
        let mut send = |to: &str| peer.run(Send::new("a@example.org", [to], "x"));
        send("b@example.net")?;
        send("c@EXAMPLE.com")?;
        let outcome = told(send("d@example.org"))?;
        send("b@example.net")?;
        peer.run(Noop::new())?;
        Ok(outcome)
    });
    assert_eq!(outcome, "server has a limit of 2 (RCPTDOMAINMAX), the message asks for 3");
}

#[test]
fn faults_of_bodies_are_told() {
    let fault = BodyFault::Size;
    assert_eq!(fault.to_string(), "it has another size than was said");
    let error = Error::Body { fault, ended: false };
    assert!(!error.is_fatal() && !error.is_transient() && error.recipients().is_empty());
}

#[test]
fn lmtp_answers_for_each_accepted_recipient() {
    let session = |rest: &str| {
        format!(
            "S: 220 mx LMTP\nC: LHLO client.example\nS: 250-mx\nS: 250-PIPELINING\nS: 250-CHUNKING\n\
             S: 250 ENHANCEDSTATUSCODES\n{rest}\nC: NOOP\nS: 250 ok"
        )
    };
    let send = |peer: &mut Peer, transfer| {
        peer.run(Greeting::new())?;
        assert!(peer.run(Ehlo::new("client.example".parse()?).lmtp())?.is_lmtp());
        let to = ["b@example.net", "c@example.net", "d@example.net"];
        let mail = Mail::new("a@example.org", to, "x").transfer(transfer);
        let outcome = match peer.run(Send::mail(mail)) {
            Ok(sent) => format!("{} ({})", sent.reply(), shown(sent.recipients())),
            Err(error) if !error.is_fatal() => format!("{error} ({})", shown(error.recipients())),
            Err(error) => return Err(error),
        };
        peer.run(Noop::new())?;
        Ok(outcome)
    };
    let envelope = "C: MAIL FROM:<a@example.org>
         C: RCPT TO:<b@example.net>
         C: RCPT TO:<c@example.net>
         C: RCPT TO:<d@example.net>";
    let heard = "S: 250 ok
         S: 250 ok
         S: 550 5.1.1 nobody
         S: 250 ok";
    let by_data = |replies: &str| {
        session(&format!("{envelope}\nC: DATA\n{heard}\nS: 354 go\nC: x\nC: .\n{replies}"))
    };
    let by_bdat =
        |replies: &str| session(&format!("{envelope}\n{heard}\nC: BDAT 3 LAST\nC: x\n{replies}"));
    let both = [
        (
            "S: 250 2.1.5 b has it\nS: 452 4.2.2 d is full",
            "250 2.1.5 b has it (b@example.net accepted: 250 2.1.5 b has it; c@example.net recipient \
             refused: 550 5.1.1 nobody; d@example.net message refused: 452 4.2.2 d is full)",
        ),
        (
            "S: 452 4.2.2 b is full\nS: 250 2.1.5 d has it",
            "250 2.1.5 d has it (b@example.net message refused: 452 4.2.2 b is full; c@example.net \
             recipient refused: 550 5.1.1 nobody; d@example.net accepted: 250 2.1.5 d has it)",
        ),
        (
            "S: 452 4.2.2 b is full\nS: 552 5.2.2 d is full",
            "message refused: 552 5.2.2 d is full (b@example.net message refused: 452 4.2.2 b is full; \
             c@example.net recipient refused: 550 5.1.1 nobody; d@example.net message refused: 552 5.2.2 \
             d is full)",
        ),
    ];
    for (replies, expected) in both {
        let outcome = every_way(&by_data(replies), |peer| send(peer, Transfer::Data));
        assert_eq!(outcome, expected);
        // Refused for all by BDAT: the state is indeterminate (RFC 3030 2).
        let reset = if expected.starts_with("message") { "\nC: RSET\nS: 250 ok" } else { "" };
        let outcome =
            every_way(&by_bdat(&format!("{replies}{reset}")), |peer| send(peer, Transfer::Bdat));
        assert_eq!(outcome, expected);
    }

    // The connection closes between the two answers.
    let mut peer = Peer::saying(b"", WHOLE);
    peer.say_line_by_line(
        "220 mx\r\n250 mx\r\n250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n250 b has it\r\n",
    );
    let error = send(&mut peer, Transfer::Data).unwrap_err();
    assert!(error.is_delivery_unknown());
    assert_eq!(
        shown(error.recipients()),
        "b@example.net accepted: 250 b has it; c@example.net recipient refused: 550 no; \
         d@example.net unknown"
    );
    // Nobody is to get it, and yet DATA is answered by 354: no reply would follow a dot.
    let mut peer = Peer::saying(b"", WHOLE);
    peer.say_line_by_line(
        "220 mx\r\n250-mx\r\n250 PIPELINING\r\n250 ok\r\n550 no\r\n550 no\r\n550 no\r\n354 go\r\n",
    );
    let error = send(&mut peer, Transfer::Data).unwrap_err();
    assert!(matches!(error, Error::Unexpected { .. }), "{error:?}");
    assert!(peer.sent.ends_with(b"DATA\r\n"));
}

#[test]
fn questions_are_asked_and_answered() {
    let transcript = offering(
        "SMTPUTF8|VRFY",
        "C: VRFY Smith
         S: 252 2.5.2 cannot say
         C: VRFY grün@example.org SMTPUTF8
         S: 250 grün <grün@example.org>
         C: EXPN staff
         S: 250-<a@example.org>
         S: 250 <b@example.org>
         C: EXPN nobody
         S: 550 5.1.1 no such list
         C: HELP
         S: 214 see RFC 5321
         C: HELP MAIL
         S: 211 go on
         C: XCLIENT ADDR=192.0.2.1
         S: 550 no",
    );
    let outcome = every_way(&transcript, |peer| {
        peer.greet()?;
        let mut all = vec![
            peer.run(Verify::new("Smith"))?.to_string(),
            peer.run(Verify::new("grün@example.org"))?.to_string(),
        ];
        let list = peer.run(Expand::new("staff"))?;
        assert_eq!(list.lines, ["<a@example.org>", "<b@example.org>"]);
        all.push(told(peer.run(Expand::new("nobody")))?);
        all.push(peer.run(Help::new())?.to_string());
        all.push(peer.run(Help::about("MAIL"))?.to_string());
        all.push(peer.run(Raw::new("XCLIENT ADDR=192.0.2.1"))?.to_string());
        Ok(all)
    });
    assert_eq!(
        outcome,
        [
            "252 2.5.2 cannot say",
            "250 grün <grün@example.org>",
            "EXPN refused: 550 5.1.1 no such list",
            "214 see RFC 5321",
            "211 go on",
            "550 no",
        ]
    );
}

#[test]
fn questions_that_hold_more_than_one_line_are_not_asked() {
    let mut peer = Peer::saying(b"220 mx\r\n", WHOLE);
    peer.run(Greeting::new()).unwrap();
    for text in ["a\r\nMAIL FROM:<x@y>", "a\nb", "a\0", "", "\u{85}", &"x".repeat(501)] {
        for error in [
            peer.run(Verify::new(text)).unwrap_err(),
            peer.run(Expand::new(text)).unwrap_err(),
            peer.run(Help::about(text)).unwrap_err(),
            peer.run(Raw::new(text)).unwrap_err(),
        ] {
            assert!(matches!(error, Error::InvalidArgument(_)), "{error:?}");
        }
    }
    for text in ["STARTTLS", "data", "BDAT 5 LAST", "Auth PLAIN x", "EHLO x", "quit"] {
        let error = peer.run(Raw::new(text)).unwrap_err().to_string();
        assert!(error.contains("changes no state"), "{error}");
    }
    let error = peer.run(Verify::new("grün")).unwrap_err().to_string();
    assert!(error.starts_with("server does not offer SMTPUTF8"), "{error}");
    assert!(peer.sent.is_empty() && peer.machine.is_usable());
}

#[test]
fn what_holds_under_tls_only_is_not_taken_in_the_clear() {
    let octets = b"220 mx\r\n";
    let mut peer = Peer::saying(octets, WHOLE);
    peer.run(Greeting::new()).unwrap();
    peer.say_line_by_line("250-mx\r\n250-REQUIRETLS\r\n250 DSN\r\n250-mx\r\n250 REQUIRETLS\r\n");
    let name = || "client.example".parse().unwrap();
    let offered = peer.run(Ehlo::new(name()).in_the_clear()).unwrap();
    assert!(offered.dsn() && !offered.has("REQUIRETLS"));
    assert!(peer.run(Ehlo::new(name())).unwrap().has("REQUIRETLS"));
}
