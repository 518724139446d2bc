//! Many messages over one connection, octet by octet.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Peer, WHOLE, every_way, told};
use xoauth_smtp::exchange::{Bulk, Ehlo, Greeting, Noop, Sending, Submit, Tally, Window};
use xoauth_smtp::proto::Machine;
use xoauth_smtp::sasl::wire::{Conversation, Want};
use xoauth_smtp::{Error, Limits, Mail, Message, Transfer};

/// Greets, sends all messages and shows their outcomes; the session goes on.
fn deliver<'a>(
    peer: &mut Peer,
    lmtp: bool,
    messages: impl IntoIterator<Item = Mail<'a>>,
) -> Result<Vec<String>, Error> {
    peer.run(Greeting::new())?;
    let hello = Ehlo::new("client.example".parse()?);
    peer.run(if lmtp { hello.lmtp() } else { hello })?;
    let mut bulk = Bulk::new(Window::of_messages(8));
    messages.into_iter().for_each(|mail| bulk.push(mail));
    let outcomes = peer.deliver(&mut bulk)?;
    peer.run(Noop::new())?;
    outcomes
        .into_iter()
        .map(|outcome| {
            told(outcome.map(|sent| {
                let shown: Vec<_> =
                    sent.recipients().iter().map(|one| one.delivery.to_string()).collect();
                shown.join("; ")
            }))
        })
        .collect()
}

fn mail<'a>(to: &[&str], text: &'a str) -> Mail<'a> {
    Mail::new("a@example.org", to, text)
}

#[test]
fn lmtp_answers_for_each_recipient_while_the_next_envelope_is_on_its_way() {
    let session = |rest: &str| {
        format!("S: 220 mx LMTP\nC: LHLO client.example\nS: 250-mx\n{rest}\nC: NOOP\nS: 250 ok")
    };
    let first = "C: MAIL FROM:<a@example.org>
         C: RCPT TO:<b@example.net>
         C: RCPT TO:<c@example.net>";
    let second = "C: MAIL FROM:<a@example.org>
         C: RCPT TO:<d@example.net>
         C: RCPT TO:<e@example.net>";
    let by_data = session(&format!(
        "S: 250 PIPELINING
         {first}
         C: DATA
         S: 250 ok
         S: 250 ok
         S: 250 ok
         S: 354 go
         C: one
         C: .
         {second}
         C: DATA
         S: 250 b has it
         S: 452 4.2.2 c is full
         S: 250 ok
         S: 550 5.1.1 no d
         S: 250 ok
         S: 354 go
         C: two
         C: .
         S: 250 e has it"
    ));
    let by_bdat = session(&format!(
        "S: 250-PIPELINING
         S: 250 CHUNKING
         {first}
         S: 250 ok
         S: 250 ok
         S: 250 ok
         C: BDAT 5 LAST
         C: one
         C: RSET
         {second}
         S: 250 b has it
         S: 452 4.2.2 c is full
         S: 250 ok
         S: 250 ok
         S: 550 5.1.1 no d
         S: 250 ok
         C: BDAT 5 LAST
         C: two
         S: 250 e has it"
    ));
    for transcript in [by_data, by_bdat] {
        let outcomes = every_way(&transcript, |peer| {
            let (b_c, d_e) =
                (["b@example.net", "c@example.net"], ["d@example.net", "e@example.net"]);
            deliver(peer, true, [mail(&b_c, "one"), mail(&d_e, "two")])
        });
        assert_eq!(
            outcomes,
            [
                r#""accepted: 250 b has it; message refused: 452 4.2.2 c is full""#,
                r#""recipient refused: 550 5.1.1 no d; accepted: 250 e has it""#,
            ]
        );
    }
}

#[test]
fn lmtp_waits_for_the_answer_to_each_chunk_before_the_last() {
    // How many answers the last chunk gets is known only where those before it were taken.
    let octets = "0123456789abcde\n".repeat(20_000).replace('\n', "\r\n");
    for refused in [false, true] {
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(
            "220 mx\r\n250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n250 ok\r\n250 ok\r\n250 ok\r\n",
        );
        peer.say_line_by_line(match refused {
            true => "452 4.3.1 full\r\n250 reset\r\n250 ok\r\n",
            false => "250 more\r\n250 b has it\r\n250 c has it\r\n250 ok\r\n",
        });
        let to = ["b@example.net", "c@example.net"];
        let outcomes = deliver(&mut peer, true, [mail(&to, &octets)]).unwrap();
        let sent = String::from_utf8(std::mem::take(&mut peer.sent)).unwrap();
        assert_eq!(sent.contains(" LAST\r\n"), !refused);
        match refused {
            true => assert_eq!(outcomes, ["message refused: 452 4.3.1 full"]),
            false => assert_eq!(outcomes, [r#""accepted: 250 b has it; accepted: 250 c has it""#]),
        }
        peer.assert_over();
    }
}

#[test]
fn who_has_a_message_by_lmtp_has_it_although_the_server_leaves() {
    let mut peer = Peer::saying(b"", WHOLE);
    peer.say_line_by_line(
        "220 mx\r\n250-mx\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n\
         250 b has it\r\n421 4.3.2 going down\r\n",
    );
    peer.run(Greeting::new()).unwrap();
    peer.run(Ehlo::new("client.example".parse().unwrap()).lmtp()).unwrap();
    let to = ["b@example.net", "c@example.net"];
    let error = peer.run(Submit::new("a@example.org", to, "x")).unwrap_err();
    let Error::DeliveryUnknown { cause, recipients } = &error else { panic!("{error:?}") };
    assert!(matches!(**cause, Error::ServerClosing { .. }));
    let shown: Vec<_> = recipients.iter().map(|one| one.delivery.to_string()).collect();
    assert_eq!(shown, ["accepted: 250 b has it", "unknown"]);
}

#[test]
fn what_a_server_limits_is_counted_among_many_messages_too() {
    let transcript = |limits: &str, sent: &[&str]| {
        let mut text = format!(
            "S: 220 mx\nC: EHLO client.example\nS: 250-mx\nS: 250-PIPELINING\nS: 250-CHUNKING\nS: 250 \
             LIMITS {limits}\n"
        );
        for to in sent {
            text.push_str("C: MAIL FROM:<a@example.org>\n");
            to.split(' ').for_each(|to| text.push_str(&format!("C: RCPT TO:<{to}>\n")));
            text.push_str("C: BDAT 3 LAST\nC: x\nC: RSET\n");
        }
        text.truncate(text.len() - "C: RSET\n".len());
        for (at, to) in sent.iter().enumerate() {
            let replies = 2 + to.split(' ').count() + usize::from(at > 0);
            text.push_str(&"S: 250 ok\n".repeat(replies));
        }
        text.push_str("C: NOOP\nS: 250 ok");
        text
    };
    let (b, c, d) = ("b@example.net", "c@example.com", "d@example.org");
    // What is limited, the recipients of each message, of those that are sent, and what becomes of each.
    type Case<'a> = (&'a str, &'a [&'a [&'a str]], &'a [&'a str], &'a [&'a str]);
    let cases: [Case<'_>; 3] = [
        (
            "MAILMAX=2",
            &[&[b], &[c], &[d], &[b]],
            &[b, c],
            &[
                "",
                "",
                "server has a limit of 2 (MAILMAX), the message asks for 3",
                "server has a limit of 2 (MAILMAX), the message asks for 3",
            ],
        ),
        (
            "RCPTMAX=2",
            &[&[b], &[b, c, d], &[b, c]],
            &[b, "b@example.net c@example.com"],
            &["", "server has a limit of 2 (RCPTMAX), the message asks for 3", ""],
        ),
        (
            "RCPTDOMAINMAX=2",
            &[&[b], &[c], &[d], &[b]],
            &[b, c, b],
            &["", "", "server has a limit of 2 (RCPTDOMAINMAX), the message asks for 3", ""],
        ),
    ];
    for (limits, messages, sent, expected) in cases {
        let outcomes = every_way(&transcript(limits, sent), |peer| {
            deliver(peer, false, messages.iter().map(|to| mail(to, "x")))
        });
        let refused: Vec<_> = outcomes
            .iter()
            .map(|one| if one.starts_with("\"accepted") { "" } else { one.as_str() })
            .collect();
        assert_eq!(refused, expected);
    }
}

/// A session with what the server offers and a small window of replies.
fn begun<'a>(
    offers: &str,
    lmtp: bool,
    window: usize,
    messages: impl IntoIterator<Item = Mail<'a>>,
) -> (Peer, Bulk<'a>) {
    let mut peer = Peer::saying(b"", WHOLE);
    let mut limits = Limits::default();
    limits.window = window;
    peer.machine = Machine::new(limits);
    peer.say_line_by_line(&format!("220 mx\r\n250-mx\r\n{offers}"));
    peer.run(Greeting::new()).unwrap();
    let hello = Ehlo::new("client.example".parse().unwrap());
    peer.run(if lmtp { hello.lmtp() } else { hello }).unwrap();
    let mut bulk = Bulk::new(Window::of_messages(64));
    messages.into_iter().for_each(|mail| bulk.push(mail));
    (peer, bulk)
}

#[test]
fn a_refusal_at_the_end_drops_nothing_of_the_next_message() {
    for lmtp in [false, true] {
        let b = ["b@example.net"];
        let many = ["c@example.net"; 5];
        let messages = [mail(&b, "one"), mail(&many, "two")];
        let (mut peer, mut bulk) = begun("250 PIPELINING\r\n", lmtp, 3, messages);
        // The first one is refused when some of the second one's recipients were not written yet.
        peer.say_line_by_line("250 ok\r\n250 ok\r\n354 go\r\n550 5.7.1 no\r\n");
        peer.say_line_by_line(&"250 ok\r\n".repeat(6));
        peer.say_line_by_line("354 go\r\n");
        peer.say_line_by_line(&"250 taken\r\n".repeat(if lmtp { 5 } else { 1 }));
        let outcomes = peer.deliver(&mut bulk).unwrap();
        assert!(matches!(outcomes[0], Err(Error::DataRefused { .. })), "{outcomes:?}");
        assert_eq!(outcomes[1].as_ref().unwrap().recipients().len(), 5);
        let sent = String::from_utf8(peer.sent.clone()).unwrap();
        assert_eq!(sent.matches("RCPT TO:<c@example.net>\r\n").count(), 5);
        assert!(sent.ends_with("DATA\r\ntwo\r\n.\r\n"), "{sent}");
        peer.assert_over();
    }
}

#[test]
fn a_refusal_at_the_end_drops_no_message_that_goes_ahead_behind_it() {
    let to = ["b@example.net"];
    let texts = ["two", "three", "four"];
    let offers = "250-PIPELINING\r\n250 CHUNKING\r\n";
    for window in 3..12 {
        let first = mail(&to, "one").transfer(Transfer::Data);
        let messages = std::iter::once(first).chain(texts.map(|text| mail(&to, text)));
        let (mut peer, mut bulk) = begun(offers, false, window, messages);
        peer.say_line_by_line("250 ok\r\n250 ok\r\n354 go\r\n550 5.7.1 no\r\n");
        // RSET, MAIL, RCPT and BDAT of each; the first of them needs no RSET behind DATA.
        peer.say_line_by_line(&"250 ok\r\n".repeat(3 + 4 + 4));
        let outcomes = peer.deliver(&mut bulk).unwrap();
        assert!(matches!(outcomes[0], Err(Error::DataRefused { .. })), "{outcomes:?}");
        assert!(outcomes[1..].iter().all(Result::is_ok), "{outcomes:?}");
        let sent = String::from_utf8(peer.sent.clone()).unwrap();
        for text in texts {
            let chunk = format!("BDAT {} LAST\r\n{text}\r\n", text.len() + 2);
            assert_eq!(sent.matches(&chunk).count(), 1, "window {window}: {sent}");
        }
        peer.assert_over();
    }
}

#[test]
fn no_empty_message_goes_to_recipients_of_a_refused_sender_among_many() {
    let to = ["b@example.net"];
    let messages = ["one", "two", "three"].map(|text| mail(&to, text));
    let (mut peer, mut bulk) = begun("250 PIPELINING\r\n", false, 100, messages);
    peer.say_line_by_line("250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n");
    peer.say_line_by_line("550 not you\r\n250 ok\r\n354 go\r\n");
    let error = peer.deliver(&mut bulk).unwrap_err();
    assert!(matches!(error, Error::Unexpected { .. }), "{error:?}");
    let outcomes: Vec<_> = std::iter::from_fn(|| bulk.next_outcome()).collect();
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    assert!(matches!(outcomes[1], Err(Error::SenderRefused { .. })), "{outcomes:?}");
    assert!(matches!(outcomes[2], Err(Error::Unexpected { .. })), "{outcomes:?}");
    assert!(peer.sent.ends_with(b"DATA\r\n"));
}

#[test]
fn a_server_that_leaves_took_none_of_what_it_did_not_answer() {
    let to = ["b@example.net"];
    // MAIL, RCPT and BDAT of the first, and RSET before those of the others.
    let ends = [3, 7, 11];
    for at in 0..11 {
        let messages = ["one", "two", "three"].map(|text| mail(&to, text));
        let (mut peer, mut bulk) =
            begun("250-PIPELINING\r\n250 CHUNKING\r\n", false, 100, messages);
        peer.say_line_by_line(&"250 ok\r\n".repeat(at));
        peer.say_line_by_line("421 4.3.2 going down\r\n");
        let error = peer.deliver(&mut bulk).unwrap_err();
        assert!(matches!(error, Error::ServerClosing { .. }), "{error:?}");
        let outcomes: Vec<_> = std::iter::from_fn(|| bulk.next_outcome()).collect();
        let taken = ends.iter().filter(|end| **end <= at).count();
        let behind = outcomes.iter().filter(|one| one.is_err()).count();
        assert_eq!(behind, 3 - taken.min(3), "421 at {at}: {outcomes:?}");
        for one in outcomes.iter().filter_map(|one| one.as_ref().err()) {
            assert!(matches!(one, Error::ServerClosing { .. }), "421 at {at}: {one:?}");
        }
    }
}

#[test]
fn a_source_that_fails_is_the_fault_of_its_message_alone() {
    let to = ["b@example.net"];
    // A NUL may not be sent.
    let first = Mail::new("a@example.org", to, Message::from_source(&b"x\0y\r\n"[..]).seven_bit());
    let messages = [first, mail(&to, "two"), mail(&to, "three")];
    let (mut peer, mut bulk) = begun("250 PIPELINING\r\n", false, 100, messages);
    peer.say_line_by_line("250 ok\r\n250 ok\r\n354 go\r\n");
    let error = peer.deliver(&mut bulk).unwrap_err();
    assert!(matches!(error, Error::Content { ended: true, .. }), "{error:?}");
    let outcomes: Vec<_> = std::iter::from_fn(|| bulk.next_outcome()).collect();
    assert!(matches!(outcomes[0], Err(Error::Content { .. })), "{outcomes:?}");
    assert!(matches!(outcomes[1..], [Err(Error::Ended), Err(Error::Ended)]), "{outcomes:?}");
    assert_eq!(bulk.tally().unsent, 3);
}

#[test]
fn progress_is_told_as_the_transport_takes_octets() {
    let text = "0123456789abcd\r\n".repeat(64 * 1024);
    // By BDAT in three chunks, of 256, 256 and 512 KiB.
    let offers =
        [("", ["250 ok"; 2].as_slice(), "354 go"), ("250-CHUNKING\r\n", &["250 ok"; 4], "250 ok")];
    for (offer, before, then) in offers {
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(&format!("220 mx\r\n250-mx\r\n{offer}250 PIPELINING\r\n"));
        peer.greet().unwrap();
        let mut seen = Vec::new();
        let mut bulk =
            Bulk::new(Window::default()).watched_by(|tally: &Tally| seen.push(tally.octets));
        bulk.push(mail(&["b@example.net"], &text));
        let mut sending = Sending::new(&mut peer.machine, &mut bulk);
        let mut replies = before.iter().chain([&then, &"250 queued"]);
        loop {
            match sending.poll().unwrap() {
                Want::Write(octets) => {
                    let taken = octets.len().min(100_000);
                    sending.written(taken);
                }
                Want::Read => {
                    let reply = format!("{}\r\n", replies.next().unwrap());
                    sending.read_buffer()[..reply.len()].copy_from_slice(reply.as_bytes());
                    sending.received(reply.len());
                }
                Want::Done => break,
                other => panic!("unexpected {other:?}"),
            }
        }
        assert!(bulk.next_outcome().unwrap().is_ok());
        drop(bulk);
        assert_eq!(seen.last(), Some(&(1 << 20)));
        assert!(seen.windows(2).all(|pair| (0..=100_000).contains(&(pair[1] - pair[0]))));
    }
}

#[test]
fn no_more_messages_begin_than_may() {
    let to = ["b@example.net"];
    let commands = |text: &str, chunks: bool| {
        let end = if chunks {
            format!("BDAT {} LAST\r\n{text}\r\n", text.len() + 2)
        } else {
            format!("DATA\r\n{text}\r\n.\r\n")
        };
        format!("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\n{end}")
    };
    for (offers, chunks) in [
        ("250-PIPELINING\r\n250 CHUNKING\r\n", true),
        ("250 PIPELINING\r\n", false),
        ("250 HELP\r\n", false),
    ] {
        let messages = ["one", "not\nsent", "three", "four", "five"].map(|text| mail(&to, text));
        let (mut peer, mut bulk) = begun(offers, false, 100, messages);
        let before = peer.sent.len();
        let answer = |peer: &mut Peer, resets: usize| {
            peer.say_line_by_line(&"250 reset\r\n".repeat(if chunks { resets } else { 0 }));
            peer.say_line_by_line("250 ok\r\n250 ok\r\n");
            peer.say_line_by_line(if chunks { "" } else { "354 go\r\n" });
            peer.say_line_by_line("250 queued\r\n");
        };
        bulk.begin_at_most(0);
        peer.send(&mut bulk).unwrap();
        assert_eq!((bulk.begun(), bulk.waiting(), peer.sent.len()), (0, 5, before), "{offers}");

        bulk.begin_at_most(1);
        answer(&mut peer, 0);
        peer.send(&mut bulk).unwrap();
        // What cannot be sent waits for nothing.
        assert_eq!((bulk.begun(), bulk.in_flight(), bulk.waiting()), (1, 0, 3), "{offers}");
        assert!(bulk.next_outcome().unwrap().is_ok());
        assert!(matches!(bulk.next_outcome(), Some(Err(Error::InvalidArgument(_)))));
        assert!(bulk.next_outcome().is_none() && !bulk.is_over());
        // Nothing is on its way: the session may serve for something else meanwhile.
        peer.say_line_by_line("250 ok\r\n");
        peer.run(Noop::new()).unwrap();

        bulk.begin_at_most(3);
        answer(&mut peer, 0);
        answer(&mut peer, 1);
        peer.send(&mut bulk).unwrap();
        assert_eq!((bulk.begun(), bulk.waiting()), (3, 1), "{offers}");
        bulk.begin_at_most(u64::MAX);
        answer(&mut peer, 0);
        peer.send(&mut bulk).unwrap();
        assert_eq!(std::iter::from_fn(|| bulk.next_outcome()).filter(Result::is_ok).count(), 3);
        assert!(bulk.is_over());
        peer.assert_over();

        let sent = String::from_utf8(peer.sent.split_off(before)).unwrap();
        let reset = if chunks { "RSET\r\n" } else { "" };
        let [one, three, four, five] =
            ["one", "three", "four", "five"].map(|text| commands(text, chunks));
        let expected = format!("{one}NOOP\r\n{three}{reset}{four}{five}");
        // By DATA the next envelope leaves with the dot; without PIPELINING each command alone.
        assert_eq!(sent, expected, "{offers}");
    }
}

#[test]
fn the_next_envelope_leaves_in_one_write_with_the_end_of_a_message() {
    let to = ["b@example.net"];
    let long = "0123456789abcd\r\n".repeat(10_000);
    for text in ["short\r\n", &long] {
        for is_read in [false, true] {
            for chunks in [false, true] {
                let message = || match is_read {
                    true => Message::from_source(text.as_bytes()).seven_bit(),
                    false => Message::from(text),
                };
                let messages = [(); 3].map(|()| Mail::new("a@example.org", to, message()));
                let offers = match chunks {
                    true => "250-PIPELINING\r\n250 CHUNKING\r\n",
                    false => "250 PIPELINING\r\n",
                };
                let (mut peer, mut bulk) = begun(offers, false, 100, messages);
                for nth in 0..3 {
                    peer.say_line_by_line(if chunks && nth > 0 { "250 reset\r\n" } else { "" });
                    peer.say_line_by_line("250 ok\r\n250 ok\r\n");
                    peer.say_line_by_line(if chunks { "" } else { "354 go\r\n" });
                    peer.say_line_by_line("250 queued\r\n");
                }
                let outcomes = peer.deliver(&mut bulk).unwrap();
                assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
                peer.assert_over();
                // A long chunk is a writing of its own.
                if chunks && text.len() > 100 {
                    continue;
                }
                let end = match chunks {
                    true => format!("{text}RSET\r\n").into_bytes(),
                    false => b"\r\n.\r\nMAIL FROM:".to_vec(),
                };
                let behind = if chunks { 6 } else { 10 };
                let ends: Vec<usize> = (0..peer.sent.len())
                    .filter(|&at| peer.sent[at..].starts_with(&end))
                    .map(|at| at + end.len() - behind)
                    .collect();
                let case = format!("read {is_read}, chunks {chunks}, {} octets", text.len());
                assert_eq!(ends.len(), 2, "{case}");
                for end in ends {
                    assert!(!peer.writings.contains(&end), "{case}: {end} of {:?}", peer.writings);
                }
            }
        }
    }
}

#[test]
fn no_more_octets_are_in_flight_than_the_window_has() {
    let default = Window::default();
    assert_eq!((default.messages, default.octets), (8, 256 * 1024));
    let to = ["b@example.net"];
    // Messages, their octets, and how many of them are sent before an answer comes.
    for (window, size, expected) in [
        (Window { messages: 64, octets: 1_799 }, 900, 1),
        (Window { messages: 64, octets: 1_800 }, 900, 2),
        (Window { messages: 64, octets: 2_699 }, 900, 2),
        (Window { messages: 64, octets: 100 }, 900, 1),
        (Window { messages: 3, octets: 1 << 20 }, 900, 3),
        (default, 900, 8),
        (default, 100_000, 2),
    ] {
        let text = format!("{}\r\n", "x".repeat(size - 2));
        let messages = [(); 20].map(|()| mail(&to, &text));
        let offers = "250-PIPELINING\r\n250 CHUNKING\r\n";
        let (mut peer, _) = begun(offers, false, 100, []);
        let mut bulk = Bulk::new(window);
        messages.into_iter().for_each(|mail| bulk.push(mail));
        peer.machine.start(&mut bulk).unwrap();
        let mut sent = Vec::new();
        while let Want::Write(octets) = peer.machine.poll(&mut bulk).unwrap() {
            sent.extend_from_slice(octets);
            let written = octets.len();
            peer.machine.written(written);
        }
        let chunks = sent.windows(6).filter(|octets| octets == b"LAST\r\n").count();
        assert_eq!((chunks, bulk.in_flight()), (expected, expected), "{window:?} of {size}");
    }
}

/// However many cannot be sent between the two.
#[test]
fn what_cannot_be_sent_does_not_hide_the_message_before_it() {
    let to = ["b@example.net"];
    let invalid = 50_000;
    let (mut peer, _) = begun("250-PIPELINING\r\n250 CHUNKING\r\n", false, 100, []);
    let window = Window { messages: usize::MAX, octets: u64::MAX };
    let mut bulk = Bulk::new(window);
    bulk.push(mail(&to, "one"));
    for _ in 0..invalid {
        bulk.push(mail(&to, "a bare\nline feed"));
    }
    bulk.push(mail(&to, "two"));
    peer.say_line_by_line("250 ok\r\n250 ok\r\n250 one\r\n");
    // Nobody knows yet what becomes of the first when the second is sent.
    peer.say_line_by_line("250 reset\r\n250 ok\r\n250 ok\r\n250 two\r\n");
    let outcomes = peer.deliver(&mut bulk).unwrap();
    assert_eq!(outcomes.len(), invalid + 2);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
    assert!(outcomes[0].is_ok() && outcomes[invalid + 1].is_ok());
    let sent = String::from_utf8(peer.sent.clone()).unwrap();
    assert_eq!(sent.matches("RSET\r\n").count(), 1, "{sent}");
    peer.assert_over();
}

#[test]
fn messages_that_wait_leave_no_transaction_open() {
    let to = ["b@example.net"];
    for (offers, chunks) in
        [("250-PIPELINING\r\n250 CHUNKING\r\n", true), ("250 PIPELINING\r\n", false)]
    {
        let messages = ["one", "two"].map(|text| mail(&to, text));
        let (mut peer, mut bulk) = begun(offers, false, 100, messages);
        bulk.begin_at_most(1);
        peer.say_line_by_line("250 ok\r\n550 5.1.1 no such user\r\n");
        peer.say_line_by_line(if chunks { "503 nobody\r\n" } else { "554 nobody\r\n" });
        peer.say_line_by_line("250 reset\r\n");
        peer.send(&mut bulk).unwrap();
        assert_eq!((bulk.in_flight(), bulk.waiting()), (0, 1));
        assert!(matches!(bulk.next_outcome(), Some(Err(Error::RecipientsRefused { .. }))));
        assert!(peer.sent.ends_with(b"\r\nRSET\r\n"), "{}", peer.sent.escape_ascii());
        // Whoever has the outcome may send something else meanwhile.
        let answers = if chunks { "250 queued\r\n" } else { "354 go\r\n250 queued\r\n" };
        peer.say_line_by_line(&format!("250 ok\r\n250 ok\r\n{answers}"));
        peer.run(Submit::mail(mail(&to, "between"))).unwrap();
        bulk.begin_at_most(2);
        peer.say_line_by_line(&format!("250 ok\r\n250 ok\r\n{answers}"));
        assert!(matches!(peer.deliver(&mut bulk).unwrap()[..], [Ok(_)]));
        peer.assert_over();
    }
}

#[test]
fn the_last_outcome_waits_for_the_answer_to_reset() {
    let to = ["b@example.net"];
    let messages = ["one", "two"].map(|text| mail(&to, text));
    let offers = "250-PIPELINING\r\n250 CHUNKING\r\n";
    let (mut peer, mut bulk) = begun(offers, false, 100, messages);
    bulk.begin_at_most(1);
    peer.machine.start(&mut bulk).unwrap();
    loop {
        match peer.machine.poll(&mut bulk).unwrap() {
            Want::Write(octets) => {
                let written = octets.len();
                let is_reset = octets == b"RSET\r\n";
                peer.machine.written(written);
                if is_reset {
                    break;
                }
            }
            Want::Read => {
                assert!(!bulk.has_outcome());
                let replies = b"250 ok\r\n550 5.1.1 no such user\r\n503 nobody\r\n";
                peer.machine.read_buffer()[..replies.len()].copy_from_slice(replies);
                peer.machine.received(replies.len());
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(!bulk.has_outcome());
    peer.machine.read_buffer()[..8].copy_from_slice(b"250 ok\r\n");
    peer.machine.received(8);
    assert!(matches!(peer.machine.poll(&mut bulk).unwrap(), Want::Done));
    assert!(bulk.has_outcome());
}
