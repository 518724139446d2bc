//! VRFY, EXPN, HELP, and commands of one line.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod common;

use common::mails::offering;
use common::{Peer, WHOLE, every_way, told};
use xoauth_smtp::Error;
use xoauth_smtp::exchange::{Expand, Greeting, Help, Noop, Raw, Verify, VerifySender};

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
fn a_sender_is_asked_about_and_no_transaction_stays_open() {
    let transcript = offering(
        "SMTPUTF8|PIPELINING",
        "C: MAIL FROM:<a@example.org>
         S: 250 2.1.0 go on
         C: RSET
         S: 250 reset
         C: MAIL FROM:<>
         S: 451 4.7.1 later
         C: MAIL FROM:<grün@example.org> SMTPUTF8
         S: 250 ok
         C: RSET
         S: 250 reset
         C: NOOP
         S: 250 ok",
    );
    let outcome = every_way(&transcript, |peer| {
        peer.greet()?;
        let mut all = Vec::new();
        for sender in ["a@example.org", "<>", "grün@example.org"] {
            let told_of =
                peer.run(VerifySender::new(sender.parse()?)).map(|reply| reply.to_string());
            all.push(told(told_of)?);
        }
        assert_eq!(peer.machine.transactions(), 3);
        peer.run(Noop::new())?;
        Ok(all)
    });
    assert_eq!(outcome, [r#""250 2.1.0 go on""#, "sender refused: 451 4.7.1 later", r#""250 ok""#]);
    // No letters where the server takes none, and no session with a transaction that may be open.
    for (sender, answers, told, goes_on) in [
        ("grün@example.org", "", "does not offer SMTPUTF8", true),
        ("a@example.org", "250 ok\r\n502 no\r\n", "502 no", false),
        ("a@example.org", "354 go\r\n", "354 go", false),
    ] {
        let mut peer = Peer::saying(b"", WHOLE);
        peer.say_line_by_line(&format!("220 mx\r\n250-mx\r\n250 SIZE\r\n{answers}"));
        peer.greet().unwrap();
        let error = peer.run(VerifySender::new(sender.parse().unwrap())).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(peer.machine.is_usable(), goes_on, "{error}");
    }
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
    let stateful = [
        "STARTTLS",
        "data",
        "BDAT 5 LAST",
        "Auth PLAIN x",
        "EHLO x",
        "quit",
        "MAIL FROM:<a@b>",
        "rcpt TO:<a@b>",
        "Send FROM:<a@b>",
        "SOML FROM:<a@b>",
        "SAML FROM:<a@b>",
        "BURL imap://a@b/INBOX LAST",
        "ATRN a.example",
    ];
    for text in stateful {
        let error = peer.run(Raw::new(text)).unwrap_err().to_string();
        assert!(error.contains("changes no state"), "{error}");
    }
    // Servers skip white space before a verb, and some whatever they take for the end of one.
    for text in
        [" DATA", "  starttls", " AUTH PLAIN x", "1DATA", "DATA:", "DATA\u{a0}", "\u{a0}DATA", "-"]
    {
        let error = peer.run(Raw::new(text)).unwrap_err().to_string();
        assert!(error.ends_with("a verb of letters, digits and hyphens"), "{error}");
    }
    let error = peer.run(Verify::new("grün")).unwrap_err().to_string();
    assert!(error.starts_with("server does not offer SMTPUTF8"), "{error}");
    assert!(peer.sent.is_empty() && peer.machine.is_usable());
}

#[test]
fn the_answer_to_a_question_is_kept_whole() {
    // As many lines as a reply may have, and one that is longer than a reply's text is kept elsewhere.
    let long = "x".repeat(1000);
    let mut members: Vec<_> = (1..512).map(|n| format!("<member-{n}@example.org>")).collect();
    members.push(long);
    let (last, others) = members.split_last().unwrap();
    let lines: String = others.iter().map(|one| format!("S: 250-{one}\n")).collect();
    let transcript = |question: &str| offering("", &format!("C: {question}\n{lines}S: 250 {last}"));
    let mut peer = Peer::new(&transcript("EXPN staff"), WHOLE);
    peer.greet().unwrap();
    assert_eq!(peer.run(Expand::new("staff")).unwrap().lines, members);
    let mut peer = Peer::new(&transcript("XMEMBERS staff"), WHOLE);
    peer.greet().unwrap();
    assert_eq!(peer.run(Raw::new("XMEMBERS staff")).unwrap().lines, members);
}
