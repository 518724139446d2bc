//! Servers that contradict themselves: offers that do not fit each other or change, replies that are missing or too many.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod common;

use common::mails::{mail, offering, send, shown};
use common::{Peer, WHOLE, Way, every_way, told};
use xoauth_smtp::exchange::{Bulk, Ehlo, Greeting, Noop, Outcome, Submit, Window};
use xoauth_smtp::proto::{Command, Machine};
use xoauth_smtp::sasl::wire::Want;
use xoauth_smtp::{Error, Limits, Mail, Message, Transfer, TransportFault};

const TO: [&str; 2] = ["b@example.net", "c@example.net"];

/// Greeted, by SMTP or LMTP; then these replies come, each when the client listens, and no more.
fn hearing(offers: &str, lmtp: bool, replies: &str) -> Peer {
    let mut peer = Peer::saying(b"", WHOLE);
    let offers: String = offers.split('|').map(|one| format!("250-{one}\r\n")).collect();
    peer.say_line_by_line(&format!("220 mx\r\n250-mx\r\n{offers}250 HELP\r\n"));
    peer.run(Greeting::new()).unwrap();
    let hello = Ehlo::new("client.example".parse().unwrap());
    peer.run(if lmtp { hello.lmtp() } else { hello }).unwrap();
    peer.sent.clear();
    peer.say_line_by_line(replies);
    peer
}

/// What is told of a message, and what was written for it.
fn answered(offers: &str, replies: &str, mail: Mail<'_>) -> (String, String) {
    let mut peer = hearing(offers, false, replies);
    let told = match peer.run(Submit::mail(mail)) {
        Ok(sent) => sent.reply().to_string(),
        Err(error) => error.to_string(),
    };
    (told, String::from_utf8(peer.sent).unwrap())
}

const ALL: &str = "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n";
const CHUNKED: &str = "250 ok\r\n250 ok\r\n250 ok\r\n250 queued\r\n";

#[test]
fn a_limit_of_size_holds_where_it_is_one() {
    // The message has three octets.
    let refused = |limit: &str| format!("message has 3 octets, server takes {limit}");
    for (offer, expected) in [
        ("SIZE", "250 queued"),
        ("SIZE 0", "250 queued"),
        ("SIZE 3", "250 queued"),
        ("SIZE 00003", "250 queued"),
        ("SIZE 18446744073709551616", "250 queued"),
        ("SIZE 99999999999999999999999999999999", "250 queued"),
        ("SIZE two", "250 queued"),
        ("SIZE -1", "250 queued"),
        ("size 2", &*refused("2")),
        ("SIZE 2 octets", &*refused("2")),
        // The first word counts.
        ("SIZE 2|SIZE 9", &*refused("2")),
        ("SIZE 9|SIZE 2", "250 queued"),
    ] {
        let (told, sent) = answered(offer, ALL, mail("x\r\n"));
        assert_eq!(told, expected, "{offer}");
        let said =
            if expected == "250 queued" { "MAIL FROM:<a@example.org> SIZE=3\r\n" } else { "" };
        assert!(sent.starts_with(said) && sent.is_empty() == said.is_empty(), "{offer}: {sent}");
    }
}

#[test]
fn what_an_extension_needs_of_another_is_not_taken_for_granted() {
    let letters = || Mail::new("a@example.org", ["grün@example.net"], "x\r\n");
    let utf8 = || mail("Subject: grün\r\n\r\nx\r\n");
    let octets = || mail(Message::from(b"x\0\n").binary());
    let lacks = |extension: &str| format!("server does not offer {extension}, needed for ");
    let cases: [(&str, Mail<'_>, &str, &str); 8] = [
        // RFC 6531 3.1: SMTPUTF8 comes with 8BITMIME.
        ("SMTPUTF8", utf8(), "", &*lacks("8BITMIME")),
        ("8BITMIME", utf8(), "", &*lacks("SMTPUTF8")),
        // ASCII alone needs no 8BITMIME.
        ("SMTPUTF8", letters(), "250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n", "250 queued"),
        // RFC 3030 3: BINARYMIME comes with CHUNKING.
        ("BINARYMIME|8BITMIME", octets(), "", &*lacks("CHUNKING")),
        ("CHUNKING|8BITMIME", octets(), "", &*lacks("BINARYMIME")),
        ("BINARYMIME|CHUNKING", octets(), CHUNKED, "250 queued"),
        // Without PIPELINING by DATA, unless it is asked for.
        ("CHUNKING", mail("x\r\n"), ALL, "250 queued"),
        ("CHUNKING", mail("x\r\n").transfer(Transfer::Bdat), CHUNKED, "250 queued"),
    ];
    for (offers, mail, replies, expected) in cases {
        let (told, sent) = answered(offers, replies, mail);
        assert!(told.starts_with(expected), "{offers}: {told}");
        assert_eq!(sent.is_empty(), replies.is_empty(), "{offers}: {sent}");
    }
    // After HELO nothing is offered.
    let before =
        "S: 220 mx\nC: EHLO client.example\nS: 502 what?\nC: HELO client.example\nS: 250 mx\n";
    let lock_step = "C: MAIL FROM:<a@example.org>\nS: 250 ok\nC: RCPT TO:<b@example.net>\nS: 250 ok\n\
                     C: RCPT TO:<c@example.net>\nS: 250 ok\nC: DATA\nS: 354 go\nC: x\nC: .\nS: 250 queued\n";
    let told = every_way(&format!("{before}{lock_step}C: NOOP\nS: 250 ok"), |peer| {
        send(peer, mail("x\r\n"))
    });
    assert!(told.starts_with("250 queued"), "{told}");
    for refused in [utf8(), letters(), octets(), mail("x\r\n\r\nü\r\n")] {
        let mut peer = Peer::new(&format!("{before}C: NOOP\nS: 250 ok"), WHOLE);
        assert!(send(&mut peer, refused).unwrap().starts_with("server does not offer "));
        peer.assert_over();
    }
}

#[test]
fn what_was_offered_in_the_clear_holds_nothing_under_tls() {
    // Each way round: offered before and not behind, and the other way.
    let rich =
        "250-PIPELINING\nS: 250-CHUNKING\nS: 250-SIZE 2\nS: 250-LIMITS RCPTMAX=1\nS: 250 8BITMIME";
    let poor = "250 HELP";
    let lock_step = "C: MAIL FROM:<a@example.org>\nS: 250 ok\nC: RCPT TO:<b@example.net>\nS: 250 ok\n\
                     C: RCPT TO:<c@example.net>\nS: 250 ok\nC: DATA\nS: 354 go\nC: x\nC: .\nS: 250 queued\n";
    let cases = [
        (rich, poor, lock_step, "250 queued"),
        (poor, rich, "", "message has 3 octets, server takes 2"),
    ];
    for (before, behind, then, expected) in cases {
        let transcript = format!(
            "S: 220 mx\nC: EHLO client.example\nS: 250-mx\nS: 250-STARTTLS\nS: {before}\nC: STARTTLS\nS: 220 go\n\
             C: EHLO client.example\nS: 250-mx\nS: {behind}\n{then}C: NOOP\nS: 250 ok"
        );
        let told = every_way(&transcript, |peer| {
            peer.greet()?;
            peer.starttls()?;
            peer.hello()?;
            let told =
                told(peer.run(Submit::mail(mail("x\r\n"))).map(|sent| sent.reply().to_string()));
            peer.run(Noop::new())?;
            told
        });
        assert_eq!(told.trim_matches('"'), expected);
    }
}

#[test]
fn a_second_ehlo_changes_what_is_offered_and_not_what_was_done() {
    let one = "C: MAIL FROM:<a@example.org>\nS: 250 ok\nC: RCPT TO:<b@example.net>\nS: 250 ok\nC: DATA\nS: 354 go\n\
               C: x\nC: .\nS: 250 queued\n";
    let again = |limits: &str| format!("C: EHLO client.example\nS: 250-mx\nS: 250 {limits}\n");
    let transcript = offering(
        "LIMITS MAILMAX=9 RCPTMAX=9",
        &[one, &again("LIMITS MAILMAX=1"), &again("LIMITS RCPTMAX=1"), one, &again("HELP"), one]
            .concat(),
    );
    let outcomes = every_way(&transcript, |peer| {
        let to_one = || Submit::new("a@example.org", ["b@example.net"], "x");
        let to_two = || Submit::new("a@example.org", TO, "x");
        let mut told = Vec::new();
        let mut note = |outcome: Outcome| -> Result<(), Error> {
            told.push(common::told(outcome.map(|_| ()))?);
            Ok(())
        };
        peer.greet()?;
        note(peer.run(to_one()))?;
        peer.hello()?;
        note(peer.run(to_one()))?;
        peer.hello()?;
        note(peer.run(to_two()))?;
        note(peer.run(to_one()))?;
        peer.hello()?;
        note(peer.run(to_one()))?;
        Ok(told)
    });
    assert_eq!(
        outcomes,
        [
            "()",
            "server has a limit of 1 (MAILMAX), the message asks for 2",
            "server has a limit of 1 (RCPTMAX), the message asks for 2",
            "()",
            "()",
        ]
    );
}

#[test]
fn a_server_that_answers_lmtp_as_smtp_leaves_the_others_unknown() {
    // One reply behind the dot, for two recipients; then the connection ends.
    for (transfer, go) in [(Transfer::Data, "354 go\r\n"), (Transfer::Bdat, "")] {
        for (reply, first) in
            [("250 taken", "accepted: 250 taken"), ("554 no", "message refused: 554 no")]
        {
            let replies = format!("250 ok\r\n250 ok\r\n250 ok\r\n{go}{reply}\r\n");
            let mut peer = hearing("CHUNKING|PIPELINING", true, &replies);
            let error = peer.run(Submit::mail(mail("x").transfer(transfer))).unwrap_err();
            assert!(error.is_delivery_unknown() && !error.is_transient(), "{error:?}");
            let expected = format!("b@example.net {first}; c@example.net unknown");
            assert_eq!(shown(error.recipients()), expected);
            assert!(!peer.machine.is_usable());
        }
    }
}

#[test]
fn a_reply_too_many_is_no_answer_to_what_comes_next() {
    // An answer for each recipient of SMTP, and one more than recipients of LMTP.
    let dots = [(false, "250 queued\r\n250 queued\r\n"), (true, "250 b\r\n250 c\r\n250 d\r\n")];
    for (lmtp, dots) in dots {
        for next_is_mail in [false, true] {
            let mut machine = hearing("PIPELINING", lmtp, "").machine;
            let mut submit = Submit::mail(mail("x"));
            machine.start(&mut submit).unwrap();
            drive(&mut machine, &mut submit, &["250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n", dots]);
            assert_eq!(submit.finish().unwrap().accepted().count(), 2);
            assert!(machine.is_usable(), "its outcome holds");
            let error = match next_is_mail {
                true => machine.start(&mut Submit::mail(mail("x"))).unwrap_err(),
                false => machine.start(&mut Noop::new()).unwrap_err(),
            };
            assert!(matches!(error, Error::UnsolicitedReply { .. }), "{error:?}");
        }
    }
}

/// Says each text at once, when the client listens.
fn drive(machine: &mut Machine, exchange: &mut Submit<'_>, says: &[&str]) {
    let mut says = says.iter();
    loop {
        match machine.poll(exchange).unwrap() {
            Want::Write(octets) => {
                let count = octets.len();
                machine.written(count);
            }
            Want::Read => {
                let text = says.next().unwrap();
                machine.read_buffer()[..text.len()].copy_from_slice(text.as_bytes());
                machine.received(text.len());
            }
            Want::Done => return,
            other => panic!("unexpected {other:?}"),
        }
    }
}

#[test]
fn a_server_that_forgets_what_was_pipelined_claims_nothing() {
    // It offers PIPELINING, answers so many commands of the group, and is silent, or gone.
    let replies = ["250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"];
    for chunks in [false, true] {
        for answered in 0..=3 {
            for is_gone in [true, false] {
                let offers = if chunks { "CHUNKING|PIPELINING" } else { "PIPELINING" };
                let mut peer = hearing(offers, false, &replies[..answered].concat());
                let error = if is_gone {
                    peer.run(Submit::mail(mail("x"))).unwrap_err()
                } else {
                    silent(&mut peer, &replies[..answered])
                };
                // By BDAT all of it was sent with the envelope, by DATA nothing.
                assert_eq!(error.is_delivery_unknown(), chunks, "{answered}: {error:?}");
                assert_eq!(error.is_transient(), !chunks, "{answered}: {error:?}");
                assert!(!peer.machine.is_usable());
                let sent = String::from_utf8_lossy(&peer.sent);
                assert!(chunks || !sent.contains("x\r\n.\r\n"), "{sent}");
            }
        }
    }
}

/// The deadline passes where the next reply does not come.
fn silent(peer: &mut Peer, replies: &[&str]) -> Error {
    let mut submit = Submit::mail(mail("x"));
    peer.machine.start(&mut submit).unwrap();
    let mut replies = replies.iter();
    loop {
        match peer.machine.poll(&mut submit).unwrap() {
            Want::Write(octets) => {
                peer.sent.extend_from_slice(octets);
                let count = octets.len();
                peer.machine.written(count);
            }
            Want::Read => {
                let Some(reply) = replies.next() else {
                    return peer.machine.transport_failed(&mut submit, TransportFault::Deadline);
                };
                peer.machine.read_buffer()[..reply.len()].copy_from_slice(reply.as_bytes());
                peer.machine.received(reply.len());
            }
            other => panic!("unexpected {other:?}"),
        }
    }
}

#[test]
fn windows_of_nothing_send_everything() {
    let offers = [("CHUNKING|PIPELINING", true), ("PIPELINING", false), ("8BITMIME", false)];
    for (offers, chunks) in offers {
        for (messages, octets) in [(0, 0), (0, u64::MAX), (1, 0), (1, 1), (2, 0), (usize::MAX, 0)] {
            for replies in [0, 1, 2] {
                let mut peer = Peer::saying(b"", Way { write: 5, ..WHOLE });
                let mut limits = Limits::default();
                limits.window = replies;
                peer.machine = Machine::new(limits);
                let offers = offers.replace('|', "\r\n250-");
                peer.say_line_by_line(&format!("220 mx\r\n250-mx\r\n250-{offers}\r\n250 HELP\r\n"));
                peer.greet().unwrap();
                let mut bulk = Bulk::new(Window { messages, octets });
                (0..5).for_each(|_| bulk.push(mail("x")));
                for number in 0..5 {
                    // RSET goes before each by BDAT but the first, where it goes ahead.
                    let resets = chunks && number > 0 && messages > 1 && octets > 0;
                    peer.say_line_by_line(if resets { "250 reset\r\n" } else { "" });
                    peer.say_line_by_line(if chunks { CHUNKED } else { ALL });
                }
                let outcomes = peer.deliver(&mut bulk).unwrap();
                assert_eq!(outcomes.iter().filter(|one| one.is_ok()).count(), 5);
                peer.assert_over();
                let sent = String::from_utf8_lossy(&peer.sent).into_owned();
                let texts = if chunks { "BDAT 3 LAST\r\nx\r\n" } else { "DATA\r\nx\r\n.\r\n" };
                assert_eq!(sent.matches(texts).count(), 5, "{sent}");
            }
        }
    }
}

#[test]
fn any_number_of_recipients_is_answered_one_by_one() {
    const COUNT: usize = 50_000;
    for (offers, chunks) in [("PIPELINING", false), ("CHUNKING|PIPELINING", true)] {
        let addresses: Vec<String> = (0..COUNT).map(|one| format!("r{one}@example.net")).collect();
        let mut peer = hearing(offers, false, "250 ok\r\n");
        peer.machine.hears_while_writing();
        for number in 0..COUNT {
            peer.say_line_by_line(if number % 3 == 0 {
                "550 5.1.1 nobody\r\n"
            } else {
                "250 ok\r\n"
            });
        }
        peer.say_line_by_line(if chunks { "250 queued\r\n" } else { "354 go\r\n250 queued\r\n" });
        let sent = peer.run(Submit::new("a@example.org", &addresses, "x")).unwrap();
        assert_eq!(sent.recipients().len(), COUNT);
        assert_eq!(sent.refused().count(), COUNT.div_ceil(3));
        let refused = (0..COUNT).step_by(3).map(|one| format!("r{one}@example.net"));
        assert!(sent.refused().map(|one| one.address.as_str()).eq(refused));
        peer.assert_over();
    }
}
