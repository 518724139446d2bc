//! LMTP: an answer for each recipient (RFC 2033).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod common;

use common::mails::shown;
use common::{Peer, WHOLE, every_way};
use xoauth_smtp::exchange::{Ehlo, Greeting, Noop, Submit};
use xoauth_smtp::{Error, Mail, Transfer};

#[test]
fn what_is_refused_for_all_by_lmtp_may_work_later_for_one() {
    let (later, never) = ("452 4.2.2 full", "550 5.7.1 no");
    // The replies to RCPT and to the message, and whether to try again.
    let cases: [([&str; 2], &[&str], bool); 6] = [
        (["250 ok", "250 ok"], &[later, never], true),
        (["250 ok", "250 ok"], &[never, later], true),
        (["250 ok", "250 ok"], &[never, never], false),
        (["250 ok", "250 ok"], &[later, later], true),
        ([later, "250 ok"], &[never], true),
        ([never, "250 ok"], &[never], false),
    ];
    for (to, message, is_transient) in cases {
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line("220 mx\r\n250 mx\r\n250 ok\r\n");
        let replies = to.iter().chain(&["354 go"]).chain(message);
        replies.for_each(|reply| peer.say_line_by_line(&format!("{reply}\r\n")));
        peer.run(Greeting::new()).unwrap();
        peer.run(Ehlo::new("client.example".parse().unwrap()).lmtp()).unwrap();
        let to = ["b@example.net", "c@example.net"];
        let error = peer.run(Submit::new("a@example.org", to, "x")).unwrap_err();
        let Error::DataRefused { reply, .. } = &error else { panic!("{error:?}") };
        assert_eq!(Some(&reply.to_string().as_str()), message.last());
        assert_eq!(error.is_transient(), is_transient, "{error:?}");
        peer.assert_over();
    }
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
        let outcome = match peer.run(Submit::mail(mail)) {
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
