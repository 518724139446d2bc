//! AUTH, played whole, in pieces, octet by octet and cut after every octet.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod common;

use common::mails::greeted;
use common::{Peer, RESPONSE, TOKEN, USER, WHOLE, auth_with, every_way, told};
use xoauth_smtp::Error;
use xoauth_smtp::exchange::Noop;
use xoauth_smtp::sasl::{OAuthBearer, SaslIr, XOAuth2};

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
fn a_login_before_the_credentials_is_none() {
    let transcript = greeted("C: AUTH XOAUTH2\nS: 235 2.7.0 welcome");
    let told = every_way(&transcript, |peer| {
        peer.greet()?;
        match peer.run(auth_with(&XOAuth2::new(USER, TOKEN).unwrap()).sasl_ir(SaslIr::Never)) {
            Err(error @ Error::Unexpected { .. }) => Ok(error.to_string()),
            other => told(other),
        }
    });
    assert_eq!(
        told,
        "unexpected reply: expected 334 before the credentials are sent, found '235 2.7.0 welcome'"
    );
}

/// Logs in; what is told of a session that broke, and nothing of a login that is believed.
fn broken_login(peer: &mut Peer) -> Result<String, Error> {
    match peer.auth() {
        Err(error @ Error::Unexpected { .. }) => {
            assert!(error.is_fatal() && !peer.machine.is_usable());
            Ok(error.to_string())
        }
        found => found.map(|()| String::new()),
    }
}

/// RFC 7628 3.2.3: behind an error document the server has to refuse. One that does not is not spoken to any more.
#[test]
fn a_login_behind_an_error_document_breaks_the_session() {
    let cases =
        [("eyJzdGF0dXMiOiI0MDAifQ==", false), ("e30=", true), ("", true), ("dGV4dA==", true)];
    for (document, believed) in cases {
        let transcript =
            greeted(&format!("C: AUTH XOAUTH2 {RESPONSE}\nS: 334 {document}\nC:\nS: 235 in"));
        let told = every_way(&transcript, |peer| {
            peer.greet()?;
            broken_login(peer)
        });
        let broken =
            "unexpected reply: expected a refusal behind the error document, found '235 in'";
        assert_eq!(told, if believed { "" } else { broken }, "{document}");
    }
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
        // RFC 4954 4 has 501 behind `*`: whether a 235 lets us in is not known, and nothing is said to it any more.
        let transcript = greeted(&format!(
            "C: AUTH XOAUTH2 {RESPONSE}
             S: {challenge}
             C: *
             S: 235 in"
        ));
        let told = every_way(&transcript, |peer| {
            peer.greet()?;
            broken_login(peer)
        });
        assert_eq!(told, "unexpected reply: expected a refusal behind '*', found '235 in'");
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
