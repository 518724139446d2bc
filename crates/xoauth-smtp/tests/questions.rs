//! VRFY, EXPN, HELP, and commands of one line.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod common;

use common::mails::offering;
use common::{Peer, WHOLE, every_way, told};
use xoauth_smtp::Error;
use xoauth_smtp::exchange::{Expand, Greeting, Help, Raw, Verify};

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
