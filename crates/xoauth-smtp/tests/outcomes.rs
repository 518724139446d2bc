//! What becomes of a message: refused at each stage, accepted, unknown.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod common;

use common::mails::{greeted, in_one_group, send_and_go_on, shown, to_the_dot};
use common::{Peer, WHOLE, every_way};
use xoauth_smtp::exchange::{Bulk, Noop, Submit, Window};
use xoauth_smtp::proto::{Exchange, Machine};
use xoauth_smtp::sasl::wire::Want;
use xoauth_smtp::{Error, Limits, Mail, Message, Stage, Transfer, TransportFault};

/// What a server says of thousands of recipients is kept as far as somebody reads it.
#[test]
fn what_is_said_of_many_recipients_has_a_bound() {
    let recipients: Vec<String> = (0..500).map(|n| format!("r{n}@example.net")).collect();
    let long = |code: &str, separator: &str| format!("S: {code}{separator}{}\n", "x".repeat(400));
    let reply = |code| long(code, "-").repeat(63) + &long(code, " ");
    let mut text = greeted("C: MAIL FROM:<a@example.org>\nS: 250 ok\n");
    for (n, to) in recipients.iter().enumerate() {
        text += &format!("C: RCPT TO:<{to}>\n{}", reply(if n % 2 == 0 { "250" } else { "550" }));
    }
    text += &format!("C: DATA\nS: 354 go\nC: x\nC: .\n{}", reply("554"));
    let mut peer = Peer::new(&text, WHOLE);
    peer.greet().unwrap();
    let refused = peer.run(Submit::new("a@example.org", recipients, "x\r\n")).unwrap_err();
    peer.assert_over();
    let told = refused.recipients();
    assert_eq!(told.len(), 500);
    let lines = |n: usize| told[n].reply().unwrap().lines.len();
    // The first are told whole.
    assert_eq!((lines(1), lines(499), lines(498)), (64, 1, 1));
    let octets = told.iter().flat_map(|one| &one.reply().unwrap().lines).map(String::len);
    assert!(octets.sum::<usize>() < 256 * 1024 + 64 * 400 + 500 * 400);
}

#[test]
fn one_refused_recipient_does_not_stop_the_others() {
    let both = [
        in_one_group(
            "S: 250 ok
             S: 550 5.1.1 no such user
             S: 250 ok
             S: 354 go
             C: Subject: t
             C:
             C: hello
             C: .
             S: 250 queued
             C: NOOP
             S: 250 ok",
        ),
        greeted(
            "C: MAIL FROM:<a@example.org>
             S: 250 ok
             C: RCPT TO:<b@example.net>
             S: 550 5.1.1 no such user
             C: RCPT TO:<c@example.net>
             S: 250 ok
             C: DATA
             S: 354 go
             C: Subject: t
             C:
             C: hello
             C: .
             S: 250 queued
             C: NOOP
             S: 250 ok",
        ),
    ];
    for transcript in both {
        every_way(&transcript, |peer| {
            peer.greet()?;
            let to = ["b@example.net", "c@example.net"];
            let sent = peer.run(Submit::new("a@example.org", to, "Subject: t\r\n\r\nhello"))?;
            let refused: Vec<_> = sent.refused().collect();
            assert_eq!(refused.len(), 1);
            assert_eq!(refused[0].address.as_str(), "b@example.net");
            assert_eq!(refused[0].reply().unwrap().to_string(), "550 5.1.1 no such user");
            assert_eq!(sent.accepted().count(), 1);
            peer.run(Noop::new())?;
            Ok(())
        });
    }
}

#[test]
fn all_refused_recipients_close_the_transaction() {
    let cases = [
        // Lock step: DATA is never sent.
        greeted(
            "C: MAIL FROM:<a@example.org>
             S: 250 ok
             C: RCPT TO:<b@example.net>
             S: 550 5.1.1 no
             C: RCPT TO:<c@example.net>
             S: 452 4.5.3 too many
             C: RSET
             S: 250 ok
             C: NOOP
             S: 250 ok",
        ),
        // Pipelined: DATA is refused as well.
        in_one_group(
            "S: 250 ok
             S: 550 5.1.1 no
             S: 452 4.5.3 too many
             S: 554 5.5.1 no valid recipients
             C: RSET
             S: 250 ok
             C: NOOP
             S: 250 ok",
        ),
        // Pipelined: the server wants the message all the same (RFC 2920 3.1).
        in_one_group(
            "S: 250 ok
             S: 550 5.1.1 no
             S: 452 4.5.3 too many
             S: 354 go
             C: .
             S: 554 5.5.1 no valid recipients
             C: NOOP
             S: 250 ok",
        ),
    ];
    for transcript in cases {
        let mut peer = Peer::new(&transcript, WHOLE);
        peer.greet().unwrap();
        let to = ["b@example.net", "c@example.net"];
        let error = peer.run(Submit::new("a@example.org", to, "x\r\n")).unwrap_err();
        let Error::RecipientsRefused { recipients } = &error else { panic!("{error:?}") };
        assert_eq!(recipients.len(), 2);
        assert!(error.is_transient(), "the second may be taken later");

        let told = every_way(&transcript, send_and_go_on);
        assert_eq!(
            told,
            "all recipients refused: <b@example.net> 550 5.1.1 no; <c@example.net> 452 4.5.3 too many"
        );
    }
}

#[test]
fn no_empty_message_goes_to_recipients_of_a_refused_sender() {
    // RFC 2920 3.1 has the lone dot for a message without recipients.
    let begun = "220 mx\r\n250-mx\r\n250 PIPELINING\r\n550 5.7.1 not you\r\n";
    for (recipients, is_sent) in [("250 ok\r\n250 ok\r\n", false), ("503 no\r\n503 no\r\n", true)] {
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(&format!("{begun}{recipients}354 go\r\n"));
        if is_sent {
            peer.say_line_by_line("554 nobody\r\n");
        }
        peer.greet().unwrap();
        let to = ["b@example.net", "c@example.net"];
        let error = peer.run(Submit::new("a@example.org", to, "x\r\n")).unwrap_err();
        assert!(matches!(error, Error::SenderRefused { .. }), "{error:?}");
        let sent = String::from_utf8(peer.sent.clone()).unwrap();
        assert!(sent.ends_with(if is_sent { "DATA\r\n.\r\n" } else { "DATA\r\n" }), "{sent}");
        assert_eq!(peer.machine.is_usable(), is_sent);
        if !is_sent {
            let error = peer.run(Noop::new()).unwrap_err();
            let expected = "unexpected reply: expected a refusal to DATA behind a refused sender, found '354 go'";
            assert_eq!(error.to_string(), expected);
        }
    }
}

#[test]
fn too_many_recipients_may_be_told_by_552_and_try_later() {
    // RFC 5321 4.5.3.1.10; a mailbox that is full stays so.
    let cases = [
        ("552 too many recipients", true),
        ("552 5.5.3 too many recipients", true),
        ("552 5.2.2 mailbox full", false),
        ("550 no", false),
        ("452 4.5.3 too many", true),
    ];
    for (reply, is_transient) in cases {
        let transcript = greeted(&format!(
            "C: MAIL FROM:<a@example.org>
             S: 250 ok
             C: RCPT TO:<b@example.net>
             S: {reply}
             C: RSET
             S: 250 ok"
        ));
        let mut peer = Peer::new(&transcript, WHOLE);
        peer.greet().unwrap();
        let sent = peer.run(Submit::new("a@example.org", ["b@example.net"], "x\r\n"));
        let error = sent.unwrap_err();
        assert_eq!(error.is_transient(), is_transient, "{reply}");
        assert_eq!(error.recipients()[0].is_transient(), is_transient, "{reply}");
    }
}

#[test]
fn refused_sender_leaves_the_session_usable() {
    let cases = [
        greeted(
            "C: MAIL FROM:<a@example.org>
             S: 550 5.7.1 not you
             C: NOOP
             S: 250 ok",
        ),
        in_one_group(
            "S: 550 5.7.1 not you
             S: 503 5.5.1 need MAIL
             S: 503 5.5.1 need MAIL
             S: 503 5.5.1 need RCPT
             C: NOOP
             S: 250 ok",
        ),
        in_one_group(
            "S: 550 5.7.1 not you
             S: 503 5.5.1 need MAIL
             S: 503 5.5.1 need MAIL
             S: 354 strange
             C: .
             S: 250 stranger
             C: NOOP
             S: 250 ok",
        ),
    ];
    for transcript in cases {
        assert_eq!(every_way(&transcript, send_and_go_on), "sender refused: 550 5.7.1 not you");
    }
}

#[test]
fn a_transaction_that_is_open_before_mail_refuses_one_message_and_not_all() {
    let nested = "sender refused: 503 5.5.1 nested MAIL";
    let cases = [
        greeted(
            "C: MAIL FROM:<a@example.org>
             S: 503 5.5.1 nested MAIL
             C: RSET
             S: 250 ok
             C: NOOP
             S: 250 ok",
        ),
        in_one_group(
            "S: 503 5.5.1 nested MAIL
             S: 550 5.1.1 no such user
             S: 550 5.1.1 no such user
             S: 554 5.5.1 no recipients
             C: RSET
             S: 250 ok
             C: NOOP
             S: 250 ok",
        ),
        in_one_group(
            "S: 503 5.5.1 nested MAIL
             S: 550 5.1.1 no such user
             S: 550 5.1.1 no such user
             S: 354 strange
             C: .
             S: 554 5.5.1 no recipients
             C: RSET
             S: 250 ok
             C: NOOP
             S: 250 ok",
        ),
    ];
    for transcript in cases {
        assert_eq!(every_way(&transcript, send_and_go_on), nested);
    }
    // Of many messages the next one has it closed before its own.
    let transcript = greeted(
        "C: MAIL FROM:<a@example.org>
         S: 503 5.5.1 nested MAIL
         C: RSET
         S: 250 ok
         C: MAIL FROM:<a@example.org>
         S: 250 ok
         C: RCPT TO:<b@example.net>
         S: 250 ok
         C: DATA
         S: 354 go
         C: x
         C: .
         S: 250 queued",
    );
    let outcomes: Vec<String> = every_way(&transcript, |peer| {
        peer.greet()?;
        let mut bulk = Bulk::new(Window::default());
        (0..2).for_each(|_| bulk.push(Mail::new("a@example.org", ["b@example.net"], "x")));
        let outcomes = peer.deliver(&mut bulk)?.into_iter();
        outcomes.map(|one| common::told(one.map(|sent| sent.reply().to_string()))).collect()
    });
    assert_eq!(outcomes, [nested, "\"250 queued\""]);
}

#[test]
fn refused_data_closes_the_transaction() {
    let before = greeted(
        "C: MAIL FROM:<a@example.org>
         S: 250 ok
         C: RCPT TO:<b@example.net>
         S: 250 ok
         C: RCPT TO:<c@example.net>
         S: 250 ok
         C: DATA
         S: 451 4.3.0 later
         C: RSET
         S: 250 ok
         C: NOOP
         S: 250 ok",
    );
    assert_eq!(
        every_way(&before, send_and_go_on),
        "message refused before it was sent: 451 4.3.0 later"
    );
    let after = in_one_group(
        "S: 250 ok
         S: 250 ok
         S: 250 ok
         S: 354 go
         C: Subject: t
         C:
         C: hello
         C: .
         S: 554 5.7.1 looks like spam
         C: NOOP
         S: 250 ok",
    );
    assert_eq!(every_way(&after, send_and_go_on), "message refused: 554 5.7.1 looks like spam");
    let mut peer = Peer::new(&after, WHOLE);
    peer.greet().unwrap();
    let to = ["b@example.net", "c@example.net"];
    let error =
        peer.run(Submit::new("a@example.org", to, "Subject: t\r\n\r\nhello\r\n")).unwrap_err();
    assert!(matches!(error, Error::DataRefused { stage: Stage::Content, .. }));
    assert!(!error.is_transient() && !error.is_fatal());
}

#[test]
fn transaction_that_cannot_be_closed_ends_the_session() {
    let transcript = greeted(
        "C: MAIL FROM:<a@example.org>
         S: 250 ok
         C: RCPT TO:<b@example.net>
         S: 550 no
         C: RSET
         S: 500 what?",
    );
    every_way(&transcript, |peer| {
        peer.greet()?;
        let sent = peer.run(Submit::new("a@example.org", ["b@example.net"], "x\r\n"));
        let error = sent.unwrap_err();
        if error.is_fatal() {
            return Err(error);
        }
        assert!(matches!(error, Error::RecipientsRefused { .. }));
        let next = peer.machine.start(&mut Noop::new()).unwrap_err();
        assert_eq!(matches!(next, Error::Ended), peer.machine.has_ended(), "{next}");
        if peer.machine.has_ended() { Ok(()) } else { Err(next) }
    });
}

#[test]
fn a_refusal_is_told_although_the_connection_breaks_behind_it() {
    let refused = "S: 220 mx\nC: EHLO client.example\nS: 250 mx\nC: MAIL FROM:<a@example.org>\nS: 250 ok\n\
                   C: RCPT TO:<b@example.net>\nS: 550 no\nC: RSET\nS: 250 ok";
    let heard = "220 mx\r\n250 mx\r\n250 ok\r\n550 no\r\n".len();
    for cut in 0..heard + "250 ok\r\n".len() {
        let mut peer = Peer::new(refused, common::Way { cut: Some(cut), ..WHOLE });
        let result = peer
            .greet()
            .and_then(|()| peer.run(Submit::new("a@example.org", ["b@example.net"], "x\r\n")));
        let is_told = matches!(result, Err(Error::RecipientsRefused { .. }));
        assert_eq!(is_told, cut >= heard, "{cut}: {result:?}");
        // The next hears what became of the session, and not of that message.
        assert!(!peer.machine.is_usable());
        assert!(peer.machine.start(&mut Noop::new()).unwrap_err().is_fatal());
    }
}

#[test]
fn break_after_the_message_and_before_its_answer_is_delivery_unknown() {
    let transcript = to_the_dot("S: 250 queued");
    let last = "250 queued\r\n".len();
    let all = transcript.lines().filter(|line| line.trim_start().starts_with("S:"));
    let all: usize = all.map(|line| line.trim_start().len() - 3 + 2).sum();
    for cut in 0..all {
        let mut peer = Peer::new(&transcript, common::Way { cut: Some(cut), ..WHOLE });
        let result = peer
            .greet()
            .and_then(|()| peer.run(Submit::new("a@example.org", ["b@example.net"], "x\r\n")));
        let error = result.unwrap_err();
        assert_eq!(matches!(error, Error::DeliveryUnknown { .. }), cut >= all - last, "{cut}");
        assert_eq!(error.is_transient(), cut < all - last, "nobody may send it again by itself");
    }
}

#[test]
fn deadline_after_the_message_was_handed_over_is_delivery_unknown() {
    let before = "220 mx\r\n250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n";
    let mut peer = Peer::saying(before.as_bytes(), common::Way { read: 1, ..WHOLE });
    peer.greet().unwrap();
    let mut send = Submit::new("a@example.org", ["b@example.net"], "x\r\n");
    peer.machine.start(&mut send).unwrap();
    let mut replies = ["250 ok\r\n", "250 ok\r\n", "354 go\r\n"].into_iter();
    loop {
        match peer.machine.poll(&mut send).unwrap() {
            // Not one octet of it was taken, but who knows what a TLS library had sent of it.
            Want::Write(octets) if octets.ends_with(b"\r\n.\r\n") => break,
            Want::Write(octets) => {
                let n = octets.len();
                peer.machine.written(n);
            }
            Want::Read => {
                let reply = replies.next().unwrap().as_bytes();
                peer.machine.read_buffer()[..reply.len()].copy_from_slice(reply);
                peer.machine.received(reply.len());
            }
            other => panic!("{other:?}"),
        }
    }
    let error = peer.machine.transport_failed(&mut send, TransportFault::Deadline);
    assert_eq!(
        error.to_string(),
        "message sent, but nobody knows whether it was accepted: deadline passed"
    );
    assert!(!error.is_transient() && error.is_fatal());
    assert_eq!(peer.machine.poll(&mut send).unwrap_err().to_string(), error.to_string());
}

#[test]
fn strange_answers_to_the_message_leave_its_delivery_unknown() {
    // What the server says to the final dot, whether delivery is unknown, and the text.
    let cases = [
        (
            "354 again?",
            true,
            "unexpected reply: expected 250 or a refusal to the message, found '354 again?'",
        ),
        (
            "25 ok",
            true,
            "malformed reply: expected a reply code of three digits, 200 to 599, found '25 ok\\r\\n'",
        ),
        ("221 bye", true, "server ended the session: 221 bye"),
        ("421 4.3.2 shutting down", false, "server ended the session: 421 4.3.2 shutting down"),
    ];
    for (reply, unknown, text) in cases {
        let transcript = to_the_dot(&format!("S: {reply}"));
        let mut peer = Peer::new(&transcript, WHOLE);
        peer.greet().unwrap();
        let sent = peer.run(Submit::new("a@example.org", ["b@example.net"], "x\r\n"));
        let error = sent.unwrap_err();
        assert_eq!(matches!(error, Error::DeliveryUnknown { .. }), unknown);
        assert!(error.is_fatal());
        assert!(error.to_string().ends_with(text), "{error}");
    }
}

#[test]
fn message_is_accepted_although_the_server_closes_behind_its_answer() {
    let transcript = to_the_dot(
        "S: 250 queued
         S: 421 too many messages",
    );
    let mut peer = Peer::new(&transcript, WHOLE);
    peer.greet().unwrap();
    let sent = peer.run(Submit::new("a@example.org", ["b@example.net"], "x\r\n")).unwrap();
    assert_eq!(sent.reply().to_string(), "250 queued");
    let error = peer.run(Noop::new()).unwrap_err();
    assert_eq!(error.to_string(), "server ended the session: 421 too many messages");
    assert!(!peer.sent.ends_with(b"NOOP\r\n"));
}

/// A session with PIPELINING and CHUNKING whose server says these lines, each when the client listens.
fn in_chunks(replies: &[&str]) -> Peer {
    let mut peer = Peer::saying(b"", WHOLE);
    peer.say_line_by_line("220 mx\r\n250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
    replies.iter().for_each(|reply| peer.say_line_by_line(&format!("{reply}\r\n")));
    peer.greet().unwrap();
    peer
}

#[test]
fn a_message_taken_although_it_was_refused_before_is_delivery_unknown() {
    let short = "x\r\n".to_owned();
    // A chunk of 256 KiB and the last one.
    let long = "0123456789abcd\r\n".repeat(20_000);
    let to = ["b@example.net", "c@example.net"];
    // What is sent, what is heard, and what is known of each recipient where that is not the refusal.
    let nested = "503 5.5.1 nested MAIL";
    let cases: [(&String, &[&str], Option<&str>); 9] = [
        // The recipients join an older transaction, whose sender is another.
        (&short, &[nested, "250 ok", "250 ok", "250 queued"], Some("unknown; unknown")),
        (&short, &[nested, "550 no", "250 ok", "250 queued"], Some("550; unknown")),
        (&short, &[nested, "550 no", "550 no", "250 queued"], Some("550; 550")),
        (&short, &[nested, "250 ok", "250 ok", "554 no"], None),
        (&short, &["250 ok", "550 no", "550 no", "250 strange"], None),
        // A message with a hole.
        (
            &long,
            &["250 ok", "250 ok", "250 ok", "452 full", "250 queued"],
            Some("unknown; unknown"),
        ),
        (&long, &["250 ok", "550 no", "250 ok", "452 full", "250 queued"], Some("550; unknown")),
        (&long, &["250 ok", "250 ok", "250 ok", "452 full", "503 no"], None),
        // Refused, and then the connection is gone.
        (&short, &[nested, "250 ok", "250 ok"], Some("unknown; unknown")),
    ];
    for (text, replies, unknown) in cases {
        for is_bulk in [false, true] {
            let mut peer = in_chunks(replies);
            let mail = Mail::new("a@example.org", to, text);
            let outcome = if is_bulk {
                let mut bulk = Bulk::new(Window::of_messages(8));
                bulk.push(mail);
                peer.say_line_by_line("250 reset\r\n");
                let broke = peer.deliver(&mut bulk);
                assert_eq!(broke.is_err(), unknown.is_some(), "{replies:?}: {broke:?}");
                broke.map_or_else(|_| bulk.next_outcome(), |mut all| all.pop()).unwrap()
            } else {
                if unknown.is_none() {
                    peer.say_line_by_line("250 reset\r\n");
                }
                peer.run(Submit::mail(mail))
            };
            let error = outcome.unwrap_err();
            assert_eq!(error.is_delivery_unknown(), unknown.is_some(), "{replies:?}: {error:?}");
            assert_eq!(peer.machine.is_usable(), unknown.is_none(), "{replies:?}");
            assert!(unknown.is_none() || !error.is_transient());
            if let Some(unknown) = unknown {
                let said: Vec<_> = (error.recipients().iter())
                    .map(|one| one.reply().map_or("unknown".to_owned(), |r| r.code.to_string()))
                    .collect();
                assert_eq!(said.join("; "), unknown, "{}", shown(error.recipients()));
            }
        }
    }
}

#[test]
fn a_chunk_that_was_not_sent_behind_a_refused_one_was_not_taken() {
    // In three chunks. Two replies are awaited at most, so that the last is not written when the first is refused.
    let text = "0123456789abcd\r\n".repeat(48 * 1024);
    let mut peer = in_chunks(&[]);
    let mut limits = Limits::default();
    limits.window = 2;
    peer.machine = Machine::new(limits);
    peer.say_line_by_line("220 mx\r\n250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
    peer.greet().unwrap();
    peer.say_line_by_line("250 ok\r\n250 ok\r\n452 full\r\n250 strange\r\n250 reset\r\n");
    let error = peer.run(Submit::new("a@example.org", ["b@example.net"], &text)).unwrap_err();
    assert_eq!(error.to_string(), "message refused: 452 full");
    let sent = String::from_utf8(std::mem::take(&mut peer.sent)).unwrap();
    assert!(sent.matches("BDAT ").count() == 2 && !sent.contains("LAST"));
    assert!(peer.machine.is_usable());
    peer.assert_over();
}

/// Sends a large message to a server that says `early` while its content is written, and `rest` after so many more
/// writings: the error.
fn interrupted(
    message: Message<'_>,
    transfer: Transfer,
    early: &str,
    after: usize,
    rest: &str,
) -> Error {
    const TAKEN: usize = 40_000;
    let mut peer = in_chunks(&[]);
    let mail = Mail::new("a@example.org", ["b@example.net"], message).transfer(transfer);
    let mut send = Submit::mail(mail);
    peer.machine.hears_while_writing();
    peer.machine.start(&mut send).unwrap();
    let is_data = transfer == Transfer::Data;
    let mut replies = vec!["250 ok\r\n", "250 ok\r\n"];
    replies.extend(is_data.then_some("354 go\r\n"));
    let mut replies = replies.into_iter();
    // Writings of content so far; none before the message is on its way.
    let mut writings = 0;
    let hear = |machine: &mut Machine, octets: &str| {
        machine.read_buffer()[..octets.len()].copy_from_slice(octets.as_bytes());
        machine.received(octets.len());
    };
    for _ in 0..1000 {
        match peer.machine.poll(&mut send) {
            Ok(Want::Write(octets)) => {
                let taken = octets.len().min(TAKEN);
                peer.machine.written(taken);
                writings += usize::from(replies.len() == 0);
                if writings == 1 && taken > 0 && replies.len() == 0 {
                    hear(&mut peer.machine, early);
                }
                if writings == 1 + after {
                    hear(&mut peer.machine, rest);
                }
            }
            Ok(Want::Read) => match replies.next() {
                Some(reply) => hear(&mut peer.machine, reply),
                None => hear(&mut peer.machine, rest),
            },
            Ok(Want::Body) => {
                let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                let polled = peer.machine.poll_body(&mut send, &mut cx);
                assert!(matches!(polled, std::task::Poll::Ready(Ok(()))), "{polled:?}");
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert!(!peer.machine.is_usable());
                return error;
            }
        }
    }
    panic!("no end");
}

#[test]
fn a_farewell_within_content_is_one_however_it_is_cut() {
    let text = "0123456789abcd\r\n".repeat(40_000);
    for transfer in [Transfer::Data, Transfer::Bdat] {
        for is_read in [false, true] {
            let message = || match is_read {
                true => Message::from_source(text.as_bytes()).seven_bit(),
                false => Message::from(&text),
            };
            let farewell = "421 4.3.2 going down\r\n";
            for cut in [0, 1, 2, 3, 4, farewell.len() - 1] {
                // In the middle of the content, and behind its end.
                for after in [1, 3, 500] {
                    let (early, rest) = farewell.split_at(cut);
                    let error = interrupted(message(), transfer, early, after, rest);
                    let at = format!("{transfer:?}, {is_read}, {cut}, {after}: {error:?}");
                    assert!(matches!(error, Error::ServerClosing { .. }), "{at}");
                    assert!(error.is_transient(), "{at}");
                }
            }
            // What began before the end of the message was sent is no answer to it.
            let answer = "250 queued\r\n";
            for cut in [1, 3, answer.len() - 1] {
                let (early, rest) = answer.split_at(cut);
                let error = interrupted(message(), transfer, early, 500, rest);
                let Error::DeliveryUnknown { cause, .. } = &error else { panic!("{error:?}") };
                assert!(matches!(**cause, Error::UnsolicitedReply { .. }), "{error:?}");
            }
        }
    }
}

#[test]
fn a_farewell_while_the_transport_takes_nothing_is_one() {
    // By DATA its end goes with it; by BDAT it is lent behind the line that announces it.
    for (transfer, lines) in [(Transfer::Data, 3_000), (Transfer::Bdat, 12_000)] {
        let text = "0123456789abcd\r\n".repeat(lines);
        for among_many in [false, true] {
            let mail = || Mail::new("a@example.org", ["b@example.net"], &text).transfer(transfer);
            let mut peer = in_chunks(&[]);
            peer.machine.hears_while_writing();
            let (mut alone, mut bulk) = (Submit::mail(mail()), Bulk::new(Window::default()));
            if among_many {
                bulk.push(mail());
            }
            let exchange: &mut dyn Exchange = if among_many { &mut bulk } else { &mut alone };
            peer.machine.start(exchange).unwrap();
            let hear = |machine: &mut Machine, octets: &str| {
                machine.read_buffer()[..octets.len()].copy_from_slice(octets.as_bytes());
                machine.received(octets.len());
            };
            let mut answers = match transfer {
                Transfer::Data => "250 ok\r\n250 ok\r\n354 go\r\n",
                _ => "250 ok\r\n250 ok\r\n",
            };
            let error = loop {
                match peer.machine.poll(exchange) {
                    // The envelope is taken; the end of the message is offered, and the transport does not answer.
                    Ok(Want::Write(octets)) if octets.len() < 1000 => {
                        let taken = octets.len();
                        peer.machine.written(taken);
                    }
                    Ok(Want::Write(_)) => {
                        hear(&mut peer.machine, &format!("{answers}421 4.3.1 disk full\r\n"));
                    }
                    Ok(Want::Read) => hear(&mut peer.machine, std::mem::take(&mut answers)),
                    Ok(other) => panic!("{other:?}"),
                    Err(error) => break error,
                }
            };
            let error = match among_many {
                true => bulk.next_outcome().unwrap().unwrap_err(),
                false => error,
            };
            let case = format!("{transfer:?}, among many {among_many}: {error:?}");
            assert!(matches!(error, Error::ServerClosing { .. }) && error.is_transient(), "{case}");
        }
    }
}
