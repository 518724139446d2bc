//! Whole sessions, played whole, in pieces, octet by octet and cut after every octet.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Peer, RESPONSE, TOKEN, USER, WHOLE, auth_with, every_way, told};
use xoauth_smtp::exchange::{Auth, Ehlo, Greeting, Noop, Quit, Rset, Send};
use xoauth_smtp::sasl::wire::Want;
use xoauth_smtp::sasl::{OAuthBearer, SaslIr, XOAuth2};
use xoauth_smtp::{Error, Limits, Message, ReversePath, Stage, TransportFault};

const GREETING: &str = "
    S: 220 mx.example.org ESMTP
    C: EHLO client.example
    S: 250-mx.example.org
    S: 250-AUTH XOAUTH2 OAUTHBEARER
    S: 250 ENHANCEDSTATUSCODES";

const PIPELINED: &str = "
    S: 220 mx.example.org ESMTP
    C: EHLO client.example
    S: 250-mx.example.org
    S: 250-PIPELINING
    S: 250-AUTH XOAUTH2 OAUTHBEARER
    S: 250 ENHANCEDSTATUSCODES";

fn greeted(rest: &str) -> String {
    format!("{GREETING}\n{rest}")
}

fn pipelined(rest: &str) -> String {
    format!("{PIPELINED}\n{rest}")
}

/// Says who it is and sends one message to two recipients, then a word to see whether the session lives.
fn send_and_go_on(peer: &mut Peer) -> Result<String, Error> {
    peer.greet()?;
    let to = ["b@example.net", "c@example.net"];
    let outcome = told(peer.run(Send::new("a@example.org", to, "Subject: t\r\n\r\nhello\r\n")))?;
    peer.run(Noop::new())?;
    assert!(peer.machine.is_usable());
    Ok(outcome)
}

#[test]
fn session_with_pipelining_takes_one_flight_for_the_envelope() {
    let transcript = pipelined(&format!(
        "C: AUTH XOAUTH2 {RESPONSE}
         S: 235 2.7.0 welcome
         C: MAIL FROM:<a@example.org>
         C: RCPT TO:<b@example.net>
         C: RCPT TO:<c@example.net>
         C: DATA
         S: 250 2.1.0 ok
         S: 250 2.1.5 ok
         S: 251 2.1.5 will forward
         S: 354 go
         C: Subject: t
         C:
         C: ..hidden
         C: .
         S: 250 2.0.0 queued as 4XyZ
         C: QUIT
         S: 221 2.0.0 bye"
    ));
    let text = every_way(&transcript, |peer| {
        peer.greet()?;
        peer.auth()?;
        let to = ["b@example.net", "c@example.net"];
        let sent = peer.run(Send::new("a@example.org", to, "Subject: t\r\n\r\n.hidden\r\n"))?;
        assert_eq!((sent.accepted().count(), sent.refused().count()), (2, 0));
        assert_eq!(sent.recipients()[1].reply().unwrap().code.get(), 251);
        peer.run(Quit::new())?;
        assert!(peer.machine.has_ended() && !peer.machine.is_usable());
        assert!(matches!(peer.machine.start(&mut Noop::new()), Err(Error::Ended)));
        Ok(sent.reply().to_string())
    });
    assert_eq!(text, "250 2.0.0 queued as 4XyZ");

    let mut peer = Peer::new(&transcript, WHOLE);
    peer.greet().unwrap();
    peer.auth().unwrap();
    let before = peer.flights;
    let to = ["b@example.net", "c@example.net"];
    peer.run(Send::new("a@example.org", to, "Subject: t\r\n\r\n.hidden\r\n")).unwrap();
    assert_eq!(peer.flights - before, 2);
}

#[test]
fn session_without_pipelining_waits_for_every_reply() {
    let transcript = greeted(
        "C: MAIL FROM:<a@example.org>
         S: 250 2.1.0 ok
         C: RCPT TO:<b@example.net>
         S: 250 2.1.5 ok
         C: RCPT TO:<c@example.net>
         S: 250 2.1.5 ok
         C: DATA
         S: 354 go
         C: Subject: t
         C:
         C: hello
         C: .
         S: 250 2.0.0 queued
         C: NOOP
         S: 250 2.0.0 ok",
    );
    assert!(every_way(&transcript, send_and_go_on).contains("queued"));
}

#[test]
fn starttls_makes_a_new_machine_that_knows_nothing() {
    let transcript = format!(
        "S: 220-mx.example.org
         S: 220 welcome
         C: EHLO client.example
         S: 250-mx.example.org
         S: 250-AUTH XOAUTH2
         S: 250 STARTTLS
         C: STARTTLS
         S: 220-ready
         S: 220 go
         C: EHLO client.example
         S: 250-mx.example.org
         S: 250 AUTH=XOAUTH2
         C: AUTH XOAUTH2 {RESPONSE}
         S: 235"
    );
    every_way(&transcript, |peer| {
        peer.greet()?;
        assert!(peer.machine.extensions().starttls());
        peer.starttls()?;
        assert!(matches!(peer.auth(), Err(Error::MechanismUnavailable { .. })));
        peer.hello()?;
        assert!(!peer.machine.extensions().starttls());
        peer.auth()
    });
}

#[test]
fn starttls_that_cannot_be_had_is_told() {
    let offered = "
        S: 220 mx
        C: EHLO client.example
        S: 250-mx
        S: 250 STARTTLS
        C: STARTTLS
        S: 454 4.7.0 not now";
    let told = every_way(offered, |peer| {
        peer.greet()?;
        let error = peer.starttls().unwrap_err();
        if error.is_fatal() {
            return Err(error);
        }
        assert!(matches!(error, Error::TlsUnavailable { reply: Some(_), .. }));
        assert!(error.is_transient());
        Ok(error.to_string())
    });
    assert_eq!(told, "no TLS: server refused STARTTLS: 454 4.7.0 not now");
    every_way(GREETING, |peer| {
        peer.greet()?;
        assert!(matches!(peer.starttls(), Err(Error::TlsUnavailable { reply: None, .. })));
        Ok(())
    });
}

#[test]
fn servers_without_ehlo_are_told_helo() {
    for code in ["500 what?", "502 5.5.1 not implemented"] {
        let transcript = format!(
            "S: 220 old
             C: EHLO client.example
             S: {code}
             C: HELO client.example
             S: 250 pleased to meet you"
        );
        every_way(&transcript, |peer| {
            peer.greet()?;
            assert_eq!(peer.machine.extensions().keywords().count(), 0);
            Ok(())
        });
    }
    let transcript = "
        S: 220 old
        C: EHLO client.example
        S: 500 what?";
    let told = every_way(transcript, |peer| {
        peer.run(Greeting::new())?;
        told(peer.run(Ehlo::new("client.example".parse()?).without_fallback()))
    });
    assert_eq!(told, "EHLO refused: 500 what?");
}

#[test]
fn refused_names_leave_the_session_usable() {
    let transcript = "
        S: 220 mx
        C: EHLO client.example
        S: 550 5.7.1 bad name
        C: EHLO [127.0.0.1]
        S: 250 mx";
    let told = every_way(transcript, |peer| {
        peer.run(Greeting::new())?;
        let told = told(peer.run(Ehlo::new("client.example".parse()?)))?;
        peer.run(Ehlo::new(Default::default()))?;
        Ok(told)
    });
    assert_eq!(told, "EHLO refused: 550 5.7.1 bad name");
}

#[test]
fn credentials_past_the_command_line_wait_for_the_challenge() {
    // "AUTH XOAUTH2 " and CRLF leave 497 octets for base64, which has 496.
    let frame = "user=u@example.org\u{1}auth=Bearer \u{1}\u{1}".len();
    for (length, inline) in [(372 - frame, true), (373 - frame, false), (4000, false)] {
        let login = XOAuth2::new("u@example.org", "x".repeat(length)).unwrap();
        let ending = if inline { "235 ok\r\n" } else { "334 \r\n235 ok\r\n" };
        let said = format!("220 mx\r\n250-mx\r\n250 AUTH XOAUTH2\r\n{ending}");
        // The server's octets are read one by one, so that each reply comes after its command.
        let mut peer = Peer::saying(said.as_bytes(), common::Way { read: 1, ..WHOLE });
        peer.greet().unwrap();
        let before = peer.sent.len();
        peer.run(auth_with(&login)).unwrap();
        peer.assert_over();
        let sent = String::from_utf8(peer.sent[before..].to_vec()).unwrap();
        let lines: Vec<&str> = sent.split_inclusive("\r\n").collect();
        if inline {
            assert!(lines[0].starts_with("AUTH XOAUTH2 dXNl"));
            assert_eq!((lines.len(), lines[0].len()), (1, 13 + 496 + 2));
        } else {
            assert!(lines[1].starts_with("dXNl"));
            assert_eq!((lines.len(), lines[0]), (2, "AUTH XOAUTH2\r\n"));
        }
    }
}

#[test]
fn challenges_are_answered_with_or_without_space() {
    for challenge in ["334", "334 "] {
        let transcript = greeted(&format!(
            "C: AUTH XOAUTH2
             S: {challenge}
             C: {RESPONSE}
             S: 235 ok"
        ));
        every_way(&transcript, |peer| {
            peer.greet()?;
            peer.run(auth_with(&XOAuth2::new(USER, TOKEN)?).sasl_ir(SaslIr::Never))?;
            Ok(())
        });
    }
}

#[test]
fn error_challenge_is_answered_and_told_with_the_final_reply() {
    let transcript = greeted(&format!(
        "C: AUTH XOAUTH2 {RESPONSE}
         S: 334 eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==
         C:
         S: 535-5.7.8 Username and Password not accepted. Learn more at
         S: 535 5.7.8 http://support.google.com/mail/bin/answer.py?answer=14257
         C: AUTH XOAUTH2 {RESPONSE}
         S: 235 2.7.0 ok"
    ));
    let refused = every_way(&transcript, |peer| {
        peer.greet()?;
        let error = peer.auth().unwrap_err();
        if error.is_fatal() {
            return Err(error);
        }
        let Error::AuthenticationRefused(refused) = &error else { panic!("{error:?}") };
        let challenge = refused.challenge.as_ref().unwrap();
        assert_eq!(challenge.status(), Some("400"));
        assert_eq!(challenge.scope(), Some("https://mail.google.com/"));
        assert_eq!(refused.reply.enhanced.unwrap().to_string(), "5.7.8");
        assert!(error.needs_new_token() && !error.is_transient());
        peer.auth()?;
        Ok(error.to_string())
    });
    assert_eq!(
        refused,
        "XOAUTH2 refused: 535 5.7.8 Username and Password not accepted. Learn more at \
         http://support.google.com/mail/bin/answer.py?answer=14257 \
         (status '400', schemes 'Bearer', scope 'https://mail.google.com/')"
    );
}

#[test]
fn oauthbearer_acknowledges_with_a_separator() {
    let login = OAuthBearer::new(USER, TOKEN).unwrap();
    let transcript = greeted(
        "C: AUTH OAUTHBEARER
         S: 334
         C: bixhPXNvbWV1c2VyQGV4YW1wbGUuY29tLAFob3N0PW1haWwuZXhhbXBsZS5jb20BcG9ydD01ODcBYXV0aD1CZWFyZXIgeWEyOS52RjlkZnQ0cW1UYzJOdmIzUmxja0JoZEhSaGRtbHpkR0V1WTI5dENnAQE=
         S: 334 eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=
         C: AQ==
         S: 535 5.7.8 no",
    );
    let told = every_way(&transcript, |peer| {
        peer.greet()?;
        told(peer.run(auth_with(&login).sasl_ir(SaslIr::Never)))
    });
    assert_eq!(told, "OAUTHBEARER refused: 535 5.7.8 no (status 'invalid_token')");
}

#[test]
fn what_is_no_challenge_cancels_the_exchange() {
    let cases = [
        ("334 %%%", "challenge is not base64"),
        ("334 AAA", "challenge is not base64"),
        (
            "334 eyJzdGF0dXMiOiI0MDAifQ==\nC:\nS: 334 eyJ9",
            "second challenge, expected the end of the exchange",
        ),
    ];
    for (challenge, reason) in cases {
        let transcript = greeted(&format!(
            "C: AUTH XOAUTH2 {RESPONSE}
             S: {challenge}
             C: *
             S: 501 5.7.0 aborted
             C: NOOP
             S: 250 ok"
        ));
        let refused = every_way(&transcript, |peer| {
            peer.greet()?;
            let error = peer.auth().unwrap_err();
            if error.is_fatal() {
                return Err(error);
            }
            assert!(!error.needs_new_token());
            peer.run(Noop::new())?;
            Ok(error.to_string())
        });
        assert!(refused.contains("501 5.7.0 aborted"), "{refused}");
        assert!(refused.ends_with(&format!("(we cancelled: {reason})")), "{refused}");
    }
}

#[test]
fn refusals_of_credentials_are_told_apart() {
    // reply, transient, needs a new token
    let cases = [
        ("535 5.7.8 authentication failed", false, true),
        ("535 5.7.3 Authentication unsuccessful", false, true),
        ("535 Incorrect authentication data", false, true),
        ("535 5.7.139 SmtpClientAuthentication is disabled for the Tenant", false, false),
        ("454 4.7.0 Too many login attempts", true, false),
        ("432 4.7.12 A password transition is needed", true, false),
        ("501 5.5.124 Invalid XOAUTH2 auth data", false, false),
        ("504 5.5.4 Unsupported authentication mechanism", false, false),
        ("500 5.5.2 Line too long", false, false),
        ("534 5.7.9 too weak", false, false),
    ];
    for (reply, transient, new_token) in cases {
        let transcript = greeted(&format!(
            "C: AUTH XOAUTH2 {RESPONSE}
             S: {reply}"
        ));
        every_way(&transcript, |peer| {
            peer.greet()?;
            let error = peer.auth().unwrap_err();
            if error.is_fatal() {
                return Err(error);
            }
            assert!(matches!(error, Error::AuthenticationRefused(_)));
            assert_eq!((error.is_transient(), error.needs_new_token()), (transient, new_token));
            assert_eq!(error.to_string(), format!("XOAUTH2 refused: {reply}"));
            Ok(())
        });
    }
    let scope = greeted(&format!(
        "C: AUTH XOAUTH2 {RESPONSE}
         S: 334 eyJzdGF0dXMiOiJpbnN1ZmZpY2llbnRfc2NvcGUifQ==
         C:
         S: 535 5.7.8 no"
    ));
    every_way(&scope, |peer| {
        peer.greet()?;
        let error = peer.auth().unwrap_err();
        if error.is_fatal() {
            return Err(error);
        }
        assert!(!error.needs_new_token());
        Ok(())
    });
}

#[test]
fn mechanism_must_be_offered_unless_forced() {
    let transcript = format!(
        "S: 220 mx
         C: EHLO client.example
         S: 250-mx
         S: 250 AUTH PLAIN LOGIN
         C: AUTH XOAUTH2 {RESPONSE}
         S: 235 ok"
    );
    let refused = every_way(&transcript, |peer| {
        peer.greet()?;
        let refused = peer.auth().unwrap_err();
        peer.run(auth_with(&XOAuth2::new(USER, TOKEN)?).even_if_unlisted())?;
        Ok(refused.to_string())
    });
    assert_eq!(refused, "server does not offer XOAUTH2, only PLAIN, LOGIN");
}

#[test]
fn one_refused_recipient_does_not_stop_the_others() {
    let both = [
        pipelined(
            "C: MAIL FROM:<a@example.org>
             C: RCPT TO:<b@example.net>
             C: RCPT TO:<c@example.net>
             C: DATA
             S: 250 ok
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
            let sent = peer.run(Send::new("a@example.org", to, "Subject: t\r\n\r\nhello"))?;
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
        pipelined(
            "C: MAIL FROM:<a@example.org>
             C: RCPT TO:<b@example.net>
             C: RCPT TO:<c@example.net>
             C: DATA
             S: 250 ok
             S: 550 5.1.1 no
             S: 452 4.5.3 too many
             S: 554 5.5.1 no valid recipients
             C: RSET
             S: 250 ok
             C: NOOP
             S: 250 ok",
        ),
        // Pipelined: the server wants the message all the same (RFC 2920 3.1).
        pipelined(
            "C: MAIL FROM:<a@example.org>
             C: RCPT TO:<b@example.net>
             C: RCPT TO:<c@example.net>
             C: DATA
             S: 250 ok
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
        let error = peer.run(Send::new("a@example.org", to, "x\r\n")).unwrap_err();
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
fn refused_sender_leaves_the_session_usable() {
    let cases = [
        greeted(
            "C: MAIL FROM:<a@example.org>
             S: 550 5.7.1 not you
             C: NOOP
             S: 250 ok",
        ),
        pipelined(
            "C: MAIL FROM:<a@example.org>
             C: RCPT TO:<b@example.net>
             C: RCPT TO:<c@example.net>
             C: DATA
             S: 550 5.7.1 not you
             S: 503 5.5.1 need MAIL
             S: 503 5.5.1 need MAIL
             S: 503 5.5.1 need RCPT
             C: NOOP
             S: 250 ok",
        ),
        pipelined(
            "C: MAIL FROM:<a@example.org>
             C: RCPT TO:<b@example.net>
             C: RCPT TO:<c@example.net>
             C: DATA
             S: 550 5.7.1 not you
             S: 250 strange
             S: 503 5.5.1 need MAIL
             S: 354 stranger
             C: .
             S: 250 strangest
             C: NOOP
             S: 250 ok",
        ),
    ];
    for transcript in cases {
        assert_eq!(every_way(&transcript, send_and_go_on), "sender refused: 550 5.7.1 not you");
    }
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
    let after = pipelined(
        "C: MAIL FROM:<a@example.org>
         C: RCPT TO:<b@example.net>
         C: RCPT TO:<c@example.net>
         C: DATA
         S: 250 ok
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
        peer.run(Send::new("a@example.org", to, "Subject: t\r\n\r\nhello\r\n")).unwrap_err();
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
        let sent = peer.run(Send::new("a@example.org", ["b@example.net"], "x\r\n"));
        let error = sent.unwrap_err();
        if error.is_fatal() {
            return Err(error);
        }
        assert!(matches!(error, Error::RecipientsRefused { .. }));
        assert!(peer.machine.has_ended());
        Ok(())
    });
}

#[test]
fn break_after_the_message_and_before_its_answer_is_delivery_unknown() {
    let transcript = greeted(
        "C: MAIL FROM:<a@example.org>
         S: 250 ok
         C: RCPT TO:<b@example.net>
         S: 250 ok
         C: DATA
         S: 354 go
         C: x
         C: .
         S: 250 queued",
    );
    let last = "250 queued\r\n".len();
    let all = transcript.lines().filter(|line| line.trim_start().starts_with("S:"));
    let all: usize = all.map(|line| line.trim_start().len() - 3 + 2).sum();
    for cut in 0..all {
        let mut peer = Peer::new(&transcript, common::Way { cut: Some(cut), ..WHOLE });
        let result = peer
            .greet()
            .and_then(|()| peer.run(Send::new("a@example.org", ["b@example.net"], "x\r\n")));
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
    let mut send = Send::new("a@example.org", ["b@example.net"], "x\r\n");
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
        let transcript = greeted(&format!(
            "C: MAIL FROM:<a@example.org>
             S: 250 ok
             C: RCPT TO:<b@example.net>
             S: 250 ok
             C: DATA
             S: 354 go
             C: x
             C: .
             S: {reply}"
        ));
        let mut peer = Peer::new(&transcript, WHOLE);
        peer.greet().unwrap();
        let sent = peer.run(Send::new("a@example.org", ["b@example.net"], "x\r\n"));
        let error = sent.unwrap_err();
        assert_eq!(matches!(error, Error::DeliveryUnknown { .. }), unknown);
        assert!(error.is_fatal());
        assert!(error.to_string().ends_with(text), "{error}");
    }
}

#[test]
fn commands_ahead_of_replies_stay_within_the_window() {
    let mut transcript = String::from(
        "S: 220 mx
         C: EHLO client.example
         S: 250-mx
         S: 250 PIPELINING\n",
    );
    // 100 commands go first; each reply frees the next one, and all that were read free as many.
    let commands: Vec<String> = std::iter::once("MAIL FROM:<a@example.org>".into())
        .chain((0..250).map(|n| format!("RCPT TO:<r{n}@example.net>")))
        .chain(["DATA".into()])
        .collect();
    let replies: Vec<&str> =
        std::iter::repeat_n("250 ok", commands.len() - 1).chain(["354 go"]).collect();
    for (commands, replies) in commands.chunks(100).zip(replies.chunks(100)) {
        commands.iter().for_each(|line| transcript.push_str(&format!("C: {line}\n")));
        replies.iter().for_each(|line| transcript.push_str(&format!("S: {line}\n")));
    }
    transcript.push_str("C: x\nC: .\nS: 250 queued");
    let mut peer = Peer::new(&transcript, WHOLE);
    peer.greet().unwrap();
    let before = peer.flights;
    let to: Vec<String> = (0..250).map(|n| format!("r{n}@example.net")).collect();
    let sent = peer.run(Send::new("a@example.org", &to, "x\r\n")).unwrap();
    assert_eq!(sent.accepted().count(), 250);
    assert_eq!(peer.flights - before, 4, "three flights of commands and the message");
    peer.assert_over();
}

#[test]
fn message_of_any_size_passes_in_pieces() {
    let line = ".a line that begins with a dot\r\n";
    let message = line.repeat(20_000);
    let transcript = greeted(
        "C: MAIL FROM:<a@example.org>
         S: 250 ok
         C: RCPT TO:<b@example.net>
         S: 250 ok
         C: DATA
         S: 354 go",
    );
    let transcript =
        format!("{transcript}\n{}C: .\nS: 250 ok", format!("C: .{line}").repeat(20_000));
    let mut peer = Peer::new(&transcript, WHOLE);
    peer.greet().unwrap();
    peer.run(Send::new("a@example.org", ["b@example.net"], message)).unwrap();
    peer.assert_over();
    assert!(peer.longest <= 64 * 1024 * 33 / 32 + 64, "{}", peer.longest);
    assert!(peer.trace.contains(&"C: <message of 640000 octets>".to_string()));
}

#[test]
fn parameters_say_what_the_message_needs() {
    let offered = ["SIZE 1000", "8BITMIME", "SMTPUTF8"];
    // sender, recipient, message, parameters of MAIL
    let cases = [
        ("a@example.org", "b@example.net", "Subject: t\r\n\r\nx\r\n", " SIZE=17"),
        ("a@example.org", "b@example.net", "Subject: t\r\n\r\nx", " SIZE=17"),
        ("<>", "b@example.net", "x\r\n", " SIZE=3"),
        ("a@example.org", "b@example.net", "Subject: t\r\n\r\nü\r\n", " SIZE=18 BODY=8BITMIME"),
        (
            "a@example.org",
            "b@example.net",
            "Subject: ü\r\n\r\nx\r\n",
            " SIZE=18 BODY=8BITMIME SMTPUTF8",
        ),
        ("a@example.org", "grün@example.net", "x\r\n", " SIZE=3 SMTPUTF8"),
        ("a@bücher.example", "b@example.net", "x\r\n", " SIZE=3 SMTPUTF8"),
    ];
    for (from, to, message, parameters) in cases {
        let path = from.parse::<ReversePath>().unwrap();
        let content: String =
            message.trim_end().split("\r\n").map(|line| format!("C: {line}\n")).collect();
        let transcript = format!(
            "S: 220 mx
             C: EHLO client.example
             S: 250-mx
             S: 250-{}
             S: 250-{}
             S: 250 {}
             C: MAIL FROM:{path}{parameters}
             S: 250 ok
             C: RCPT TO:<{to}>
             S: 250 ok
             C: DATA
             S: 354 go
             {content}
             C: .
             S: 250 ok",
            offered[0], offered[1], offered[2]
        );
        every_way(&transcript, |peer| {
            peer.greet()?;
            peer.run(Send::new(from, [to], message)).map(drop)
        });
    }
}

#[test]
fn message_the_server_cannot_take_is_refused_before_anything_is_sent() {
    // extension offered, sender, recipient, message, error
    let large = "x".repeat(999);
    let larger = "x".repeat(1001);
    let a = "a@example.org";
    let b = "b@example.net";
    let cases: [(&str, &str, &str, &str, &str); 8] = [
        (
            "SMTPUTF8",
            a,
            b,
            "\r\nü",
            "server does not offer 8BITMIME, needed for a message with octets beyond ASCII",
        ),
        (
            "8BITMIME",
            a,
            b,
            "ü: x\r\n",
            "server does not offer SMTPUTF8, needed for header fields with octets beyond ASCII",
        ),
        (
            "8BITMIME",
            a,
            "grün@example.net",
            "x",
            "server does not offer SMTPUTF8, needed for an address with letters beyond ASCII",
        ),
        (
            "8BITMIME",
            "grün@example.net",
            b,
            "x",
            "server does not offer SMTPUTF8, needed for an address with letters beyond ASCII",
        ),
        ("SIZE 1000", a, b, &large, "message has 1001 octets, server takes 1000"),
        ("SIZE 1000", a, b, &larger, "message has 1003 octets, server takes 1000"),
        (
            "SIZE",
            a,
            b,
            "a\nb",
            "invalid message: '\\n' at octet 1, expected CRLF line ends only (Message::normalise_line_ends makes them)",
        ),
        (
            "SIZE",
            "a",
            b,
            "x",
            "invalid sender 'a': end of text at octet 1, expected '@' and a domain",
        ),
    ];
    for (offered, from, to, message, expected) in cases {
        let transcript = format!(
            "S: 220 mx
             C: EHLO client.example
             S: 250-mx
             S: 250 {offered}
             C: NOOP
             S: 250 ok"
        );
        let told = every_way(&transcript, |peer| {
            peer.greet()?;
            let told = told(peer.run(Send::new(from, [to], message)))?;
            peer.run(Noop::new())?;
            Ok(told)
        });
        assert_eq!(told, expected);
    }
    let mut peer = Peer::new(GREETING, WHOLE);
    peer.greet().unwrap();
    let nobody = peer.run(Send::new(a, [""; 0], "x")).unwrap_err();
    assert_eq!(
        nobody.to_string(),
        "invalid list of recipients '': end of text at octet 0, expected at least one address"
    );
    peer.assert_over();
}

#[test]
fn unix_line_ends_are_mended_on_demand() {
    let transcript = greeted(
        "C: MAIL FROM:<a@example.org>
         S: 250 ok
         C: RCPT TO:<b@example.net>
         S: 250 ok
         C: DATA
         S: 354 go
         C: a
         C: ..
         C: b
         C: .
         S: 250 ok",
    );
    every_way(&transcript, |peer| {
        peer.greet()?;
        let message = Message::normalised(&b"a\n.\nb"[..]);
        peer.run(Send::new("a@example.org", ["b@example.net"], message)).map(drop)
    });
}

#[test]
fn server_that_closes_is_heard_anywhere() {
    let replies = [
        "421 4.3.2 shutting down",
        "221 Idle timeout, closing connection",
        "221-2.0.0 bye\nS: 221 2.0.0 now",
    ];
    for reply in replies {
        let transcripts = [
            format!("S: {reply}"),
            format!("S: 220 mx\nC: EHLO client.example\nS: {reply}"),
            greeted(&format!("C: MAIL FROM:<a@example.org>\nS: {reply}")),
            greeted(&format!(
                "C: MAIL FROM:<a@example.org>
                 S: 250 ok
                 C: RCPT TO:<b@example.net>
                 S: {reply}"
            )),
            // Said while nobody asked, and read together with the last reply.
            format!("{GREETING}\nS: {reply}"),
        ];
        for transcript in transcripts {
            let mut peer = Peer::new(&transcript, WHOLE);
            let error = send_and_go_on(&mut peer).unwrap_err();
            assert!(matches!(error, Error::ServerClosing { .. }), "{error:?}");
            assert!(error.is_fatal() && error.is_transient());
            peer.assert_over();
        }
    }
    // Idle and read alone, as the answer to the next command.
    let transcript = greeted("C: NOOP\nS: 221 Idle timeout, closing connection");
    let mut peer = Peer::new(&transcript, WHOLE);
    peer.greet().unwrap();
    let error = peer.run(Noop::new()).unwrap_err();
    assert_eq!(error.to_string(), "server ended the session: 221 Idle timeout, closing connection");
}

#[test]
fn message_is_accepted_although_the_server_closes_behind_its_answer() {
    let transcript = greeted(
        "C: MAIL FROM:<a@example.org>
         S: 250 ok
         C: RCPT TO:<b@example.net>
         S: 250 ok
         C: DATA
         S: 354 go
         C: x
         C: .
         S: 250 queued
         S: 421 too many messages",
    );
    let mut peer = Peer::new(&transcript, WHOLE);
    peer.greet().unwrap();
    let sent = peer.run(Send::new("a@example.org", ["b@example.net"], "x\r\n")).unwrap();
    assert_eq!(sent.reply().to_string(), "250 queued");
    let error = peer.run(Noop::new()).unwrap_err();
    assert_eq!(error.to_string(), "server ended the session: 421 too many messages");
    assert!(!peer.sent.ends_with(b"NOOP\r\n"));
}

#[test]
fn greeting_that_refuses_ends_the_session() {
    let told = every_way("S: 554 5.7.1 you are on a list", |peer| {
        let error = peer.run(Greeting::new()).unwrap_err();
        if matches!(error, Error::Transport { .. }) {
            return Err(error);
        }
        assert!(matches!(error, Error::GreetingRefused { .. }) && error.is_fatal());
        assert!(peer.machine.has_ended());
        Ok(error.to_string())
    });
    assert_eq!(told, "server refused the connection: 554 5.7.1 you are on a list");
}

#[test]
fn one_word_commands_are_said_and_refusals_told() {
    let transcript = greeted(
        "C: RSET
         S: 250 2.0.0 flushed
         C: NOOP
         S: 452 4.3.1 busy
         C: NOOP
         S: 200 old server",
    );
    let told = every_way(&transcript, |peer| {
        peer.greet()?;
        let lines = [told(peer.run(Rset::new()))?, told(peer.run(Noop::new()))?];
        peer.run(Noop::new())?;
        Ok(lines)
    });
    assert!(told[0].contains("flushed"));
    assert_eq!(told[1], "NOOP refused: 452 4.3.1 busy");
}

#[test]
fn trace_shows_the_dialogue_without_its_secrets() {
    let transcript = pipelined(&format!(
        "C: AUTH XOAUTH2 {RESPONSE}
         S: 334 eyJzdGF0dXMiOiI0MDAifQ==
         C:
         S: 535 5.7.8 no {TOKEN} for you
         C: AUTH XOAUTH2
         S: 334
         C: {RESPONSE}
         S: 235 ok
         C: MAIL FROM:<a@example.org>
         C: RCPT TO:<b@example.net>
         C: DATA
         S: 250 ok
         S: 250 ok
         S: 354 go
         C: x
         C: .
         S: 250 queued"
    ));
    let mut peer = Peer::new(&transcript, WHOLE);
    peer.greet().unwrap();
    let error = peer.auth().unwrap_err();
    assert_eq!(error.to_string(), "XOAUTH2 refused: 535 5.7.8 no [secret] for you (status '400')");
    let login = XOAuth2::new(USER, TOKEN).unwrap();
    peer.run(auth_with(&login).sasl_ir(SaslIr::Never)).unwrap();
    peer.run(Send::new("a@example.org", ["b@example.net"], "x\r\n")).unwrap();
    let expected = [
        "S: 220 mx.example.org ESMTP",
        "C: EHLO client.example",
        "S: 250-mx.example.org",
        "S: 250-PIPELINING",
        "S: 250-AUTH XOAUTH2 OAUTHBEARER",
        "S: 250 ENHANCEDSTATUSCODES",
        "C: AUTH XOAUTH2 <secret>",
        "S: 334 <24 octets>",
        "C: ",
        "S: 535 5.7.8 no [secret] for you",
        "C: AUTH XOAUTH2",
        "S: 334",
        "C: <secret>",
        "S: 235 ok",
        "C: MAIL FROM:<a@example.org>",
        "C: RCPT TO:<b@example.net>",
        "C: DATA",
        "S: 250 ok",
        "S: 250 ok",
        "S: 354 go",
        "C: <message of 3 octets>",
        "C: .",
        "S: 250 queued",
    ];
    assert_eq!(peer.trace, expected);
}

#[test]
fn machine_says_what_it_is_busy_with() {
    let mut peer = Peer::new(GREETING, WHOLE);
    let mut greeting = Greeting::new();
    peer.machine.start(&mut greeting).unwrap();
    assert!(matches!(peer.machine.start(&mut Noop::new()), Err(Error::Busy)));
    assert_eq!(peer.machine.limits(), Limits::default());
    fn is_send<T: std::marker::Send + Sync>() {}
    is_send::<xoauth_smtp::proto::Machine>();
    is_send::<Error>();
    is_send::<Auth>();
    // What is being sent may be read from a source, which is nobody's but the sender's.
    fn is_sendable<T: std::marker::Send>() {}
    is_sendable::<Send<'_>>();
}

#[test]
fn private_servers_take_passwords() {
    let with = |offered: &str, rest: &str| {
        format!("S: 220 mx\nC: EHLO client.example\nS: 250-mx\nS: 250 {offered}\n{rest}")
    };
    let plain = with("AUTH=LOGIN PLAIN", "C: AUTH PLAIN AHRpbQB0YW5zdGFhZg==\nS: 235 welcome");
    every_way(&plain, |peer| {
        peer.greet()?;
        let login = xoauth_smtp::sasl::Plain::new("tim", "tanstaaf").unwrap();
        peer.run(auth_with(&login)).map(|reply| reply.to_string())
    });
    let login = with(
        "AUTH LOGIN",
        "C: AUTH LOGIN
         S: 334 VXNlcm5hbWU6
         C: dGlt
         S: 334 UGFzc3dvcmQ6
         C: dGFuc3RhYWY=
         S: 535 5.7.8 no dGFuc3RhYWY=
         C: AUTH LOGIN
         S: 334 VXNlcm5hbWU6
         C: dGlt
         S: 334 UGFzc3dvcmQ6
         C: dGFuc3RhYWY=
         S: 235 welcome",
    );
    let refused = every_way(&login, |peer| {
        peer.greet()?;
        let login = xoauth_smtp::sasl::Login::new("tim", "tanstaaf").unwrap();
        let refused = told(peer.run(auth_with(&login)))?;
        peer.run(auth_with(&login))?;
        assert!(
            peer.trace.iter().all(|line| !line.contains("dGFuc3RhYWY") && !line.contains("dGlt"))
        );
        Ok(refused)
    });
    assert_eq!(refused, "LOGIN refused: 535 5.7.8 no [secret]");
}
