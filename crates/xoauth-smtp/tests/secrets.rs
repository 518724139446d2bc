//! Our secrets stay out of everything that is kept of what a server says, wherever it echoes them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod common;

use std::fmt::Debug;

use common::mails::greeted;
use common::{Peer, RESPONSE, TOKEN, WHOLE, Way};
use xoauth_smtp::exchange::{Auth, Expand, Help, Noop, Quit, Raw, Submit, Verify};
use xoauth_smtp::sasl::{Context, Mask, Nonce, Stamp, XOAuth2, encode_challenge};
use xoauth_smtp::{Error, Sent};

/// The token as it stands in a base64 text, behind none and one unknown octet.
const ENCODED: [&str; 2] = [
    "eWEyOS52RjlkZnQ0cW1UYzJOdmIzUmxja0JoZEhSaGRtbHpkR0V1WTI5dENn",
    "eHlhMjkudkY5ZGZ0NHFtVGMyTnZiM1JsY2tCaGRIUmhkbWx6ZEdFdVkyOXRDZw==",
];

/// So many octets of a secret in a row are shown nowhere.
const RUN: usize = 16;

/// What a session shows, in every form in which the server may repeat the token, on both kinds of ways: outcome, trace,
/// machine and extensions have none of it.
#[track_caller]
fn hidden(
    transcript: &str,
    prepare: impl Fn(&mut Peer) -> Result<(), Error>,
    session: impl Fn(&mut Peer) -> Result<String, Error>,
) {
    hidden_on(&[WHOLE, Way { read: 1, ..WHOLE }], transcript, prepare, session);
}

#[track_caller]
fn hidden_on(
    ways: &[Way],
    transcript: &str,
    prepare: impl Fn(&mut Peer) -> Result<(), Error>,
    session: impl Fn(&mut Peer) -> Result<String, Error>,
) {
    for form in [TOKEN, ENCODED[0], ENCODED[1]] {
        let text = transcript.replace("TOKEN", form);
        for way in ways {
            let mut peer = Peer::new(&text, *way);
            prepare(&mut peer).unwrap();
            let mut shown = match session(&mut peer) {
                Ok(output) => output,
                Err(error) => format!("{error} {error:?}"),
            };
            peer.assert_over();
            shown += &peer.trace.join("\n");
            shown += &format!("{:?} {:?}", peer.machine, peer.machine.extensions());
            shown.extend(peer.machine.extensions().keywords());
            shown.extend(peer.machine.extensions().mechanisms());
            for part in form.as_bytes().windows(RUN) {
                let seen = shown.as_bytes().windows(RUN).any(|seen| seen == part);
                assert!(!seen, "{} of {text} in {shown}", String::from_utf8_lossy(part));
            }
            // A text for people says so; values have octets that mean nothing.
            assert!(shown.contains("[secret]") || shown.contains(&"x".repeat(RUN)), "{shown}");
        }
    }
}

fn logged_in(peer: &mut Peer) -> Result<(), Error> {
    peer.greet()?;
    peer.auth()
}

/// A machine that is told of the token before its connection begins.
fn told_before(peer: &mut Peer) -> Result<(), Error> {
    let mut mask = Mask::default();
    mask.add(TOKEN);
    peer.machine.protect(mask);
    Ok(())
}

fn shown<T: Debug>(output: T) -> String {
    format!("{output:?}")
}

fn in_session(rest: &str) -> String {
    greeted(&format!("C: AUTH XOAUTH2 {RESPONSE}\nS: 235 in\n{rest}"))
}

#[test]
fn what_it_offers_behind_a_login() {
    let lines =
        ["X-TOKEN", "XFOO TOKEN", "AUTH XOAUTH2 TOKEN", "AUTH=TOKEN", "SIZE TOKEN", "TOKEN"];
    for line in lines {
        for verb in ["EHLO", "LHLO"] {
            let said = format!("C: {verb} client.example\nS: 250-mx TOKEN\nS: 250 {line}");
            hidden(&in_session(&said), logged_in, |peer| {
                let ehlo = xoauth_smtp::exchange::Ehlo::new("client.example".parse()?);
                peer.run(if verb == "LHLO" { ehlo.lmtp() } else { ehlo }).map(shown)
            });
        }
    }
    // What it does not offer then is told with what it does.
    let said = "C: EHLO client.example\nS: 250-mx\nS: 250 AUTH TOKEN";
    hidden(&in_session(said), logged_in, |peer| {
        peer.hello()?;
        let error = peer.auth().unwrap_err();
        assert!(
            matches!(&error, Error::MechanismUnavailable { offered, .. } if offered.len() == 1)
        );
        Err(error)
    });
}

#[test]
fn answers_and_refusals() {
    for reply in ["250 TOKEN", "250-2.0.0 a\nS: 250 2.0.0 TOKEN", "550 5.7.1 TOKEN", "450 TOKEN"] {
        let said = |command: &str| in_session(&format!("C: {command}\nS: {reply}"));
        hidden(&said("NOOP"), logged_in, |peer| peer.run(Noop::new()).map(shown));
        hidden(&said("VRFY a"), logged_in, |peer| peer.run(Verify::new("a")).map(shown));
        hidden(&said("EXPN a"), logged_in, |peer| peer.run(Expand::new("a")).map(shown));
        hidden(&said("HELP"), logged_in, |peer| peer.run(Help::new()).map(shown));
        hidden(&said("XA"), logged_in, |peer| peer.run(Raw::new("XA")).map(shown));
    }
}

#[test]
fn what_it_says_of_a_message() {
    let mail = "C: MAIL FROM:<a@example.org>\nS: 250 ok\n";
    let first = "C: RCPT TO:<b@example.net>\nS: 250 ok\n";
    let data = "C: DATA\nS: 354 TOKEN\nC: x\nC: .\n";
    let cases = [
        "C: MAIL FROM:<a@example.org>\nS: 550 TOKEN".to_owned(),
        format!("{mail}C: RCPT TO:<b@example.net>\nS: 550 TOKEN\nC: RSET\nS: 250 ok"),
        format!("{mail}{first}C: DATA\nS: 554 TOKEN\nC: RSET\nS: 250 ok"),
        format!("{mail}{first}{data}S: 554 TOKEN"),
        format!("{mail}{first}{data}S: 250 2.0.0 queued as TOKEN"),
        format!("{mail}C: RCPT TO:<b@example.net>\nS: 250 TOKEN\n{data}S: 250 ok"),
    ];
    for case in cases {
        hidden(&in_session(&case), logged_in, |peer| {
            let sent = peer.run(Submit::new("a@example.org", ["b@example.net"], "x\r\n"))?;
            Ok(shown::<&Sent>(&sent))
        });
    }
}

#[test]
fn farewells_and_what_breaks_the_session() {
    for said in
        ["421 4.7.0 TOKEN", "221 TOKEN", "TOKEN", "250-a\nS: TOKEN", "354 TOKEN", "334 TOKEN"]
    {
        hidden(&in_session(&format!("C: NOOP\nS: {said}")), logged_in, |peer| {
            peer.run(Noop::new()).map(shown)?;
            peer.run(Quit::new()).map(shown)
        });
    }
    // Octets that nobody asked for, whole lines and not.
    for said in ["250 ok\nS: 250 TOKEN", "250 ok\nS: TOKEN"] {
        let said = in_session(&format!("C: NOOP\nS: {said}"));
        hidden_on(&[WHOLE], &said, logged_in, |peer| {
            peer.run(Noop::new())?;
            peer.run(Quit::new()).map(shown)
        });
    }
}

#[test]
fn a_connection_that_is_told_of_them_before_it_begins() {
    for greeting in ["554 TOKEN", "421 TOKEN", "250 TOKEN", "TOKEN", "220-a\nS: 554 TOKEN"] {
        hidden(&format!("S: {greeting}"), told_before, |peer| peer.greet().map(shown));
    }
    let hello = "C: EHLO client.example\nS:";
    let heard = ["550 TOKEN", "354 TOKEN", "250-mx\nS: 250 X-TOKEN", "250-mx\nS: 250 AUTH TOKEN"];
    for heard in heard {
        hidden(&format!("S: 220 TOKEN\n{hello} {heard}"), told_before, |peer| {
            peer.greet()?;
            Err(peer.auth().unwrap_err())
        });
    }
}

/// A server may have heard of them elsewhere: what it said before they were known is hidden as well.
#[test]
fn what_it_offered_before_a_login() {
    let said = |rest: &str| {
        format!("S: 220 mx\nC: EHLO client.example\nS: 250-mx\nS: 250-X-TOKEN\nS: {rest}")
    };
    hidden(
        &said(&format!("250 AUTH XOAUTH2\nC: AUTH XOAUTH2 {RESPONSE}\nS: 235 in")),
        |_| Ok(()),
        |peer| {
            logged_in(peer)?;
            // The trace showed it when nobody could know.
            peer.trace.clear();
            Ok(String::new())
        },
    );
    hidden(
        &said("250 AUTH TOKEN"),
        |_| Ok(()),
        |peer| {
            peer.greet()?;
            let error = peer.auth().unwrap_err();
            peer.trace.clear();
            told_before(peer)?;
            Err(error)
        },
    );
}

/// The token of an earlier login comes back in the reason why a later one is refused.
#[test]
fn an_error_document_hides_those_of_other_logins() {
    let document = encode_challenge(format!(r#"{{"status":"401","scope":"{TOKEN}"}}"#).as_bytes());
    let another = encode_challenge(b"user=someuser@example.com\x01auth=Bearer another\x01\x01");
    let said = format!(
        "S: 220 mx
         C: EHLO client.example
         S: 250-mx
         S: 250 AUTH XOAUTH2
         C: AUTH XOAUTH2 {RESPONSE}
         S: 535 no
         C: AUTH XOAUTH2 {another}
         S: 334 {document}
         C:
         S: 535 no"
    );
    let mut peer = Peer::new(&said, WHOLE);
    peer.greet().unwrap();
    peer.auth().unwrap_err();
    let login = XOAuth2::new("someuser@example.com", "another").unwrap();
    let stamp = Stamp::new(Nonce::new("nonce").unwrap(), 1);
    let auth = Auth::new(&login, &Context::new(&stamp, "h", 465)).unwrap();
    let refused = peer.run(auth).unwrap_err();
    peer.assert_over();
    let Error::AuthenticationRefused(refused) = refused else { panic!("{refused}") };
    let challenge = refused.challenge.as_ref().unwrap();
    assert_eq!((challenge.status(), challenge.scope()), (Some("401"), Some("[secret]")));
    let shown = format!("{refused:?} {}", String::from_utf8_lossy(challenge.raw()));
    assert!(!shown.contains(&TOKEN[..RUN]), "{shown}");
}
