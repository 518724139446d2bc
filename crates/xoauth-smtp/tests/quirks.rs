//! Octets that real servers were seen to send (see `data/README.md`).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Peer, TOKEN, USER, WHOLE, Way, auth_with};
use serde_json::Value;
use xoauth_smtp::exchange::{Auth, Noop};
use xoauth_smtp::proto::{Command, Encoder, Exchange, Progress};
use xoauth_smtp::sasl::{SaslIr, XOAuth2};
use xoauth_smtp::{Error, Extensions, Reply};

const OCTETS: Way = Way { read: 1, ..WHOLE };

/// A peer that greets, says what it offers, and then these octets, one by one.
fn peer(octets: &str) -> Peer {
    let before = "220 mx\r\n250-mx\r\n250 AUTH XOAUTH2\r\n";
    let mut peer = Peer::saying([before, octets].concat().as_bytes(), OCTETS);
    peer.greet().unwrap();
    peer
}

fn auth() -> Auth {
    auth_with(&XOAuth2::new(USER, TOKEN).unwrap())
}

fn check(name: &str, octets: &str) {
    match name {
        "yandex-smtp-bare-334" => {
            let mut peer = peer(&[octets, "235 ok\r\n"].concat());
            peer.run(auth().sasl_ir(SaslIr::Never)).unwrap();
        }
        "gmail-smtp-xoauth2-error-challenge" => {
            let mut peer = peer(octets);
            let error = peer.run(auth()).unwrap_err();
            let Error::AuthenticationRefused(refused) = &error else { panic!("{error:?}") };
            assert_eq!(refused.challenge.as_ref().unwrap().status(), Some("400"));
            assert_eq!(refused.reply.enhanced.unwrap().to_string(), "5.7.1");
            assert!(refused.reply.text().contains("answer=14257"));
            assert!(error.needs_new_token());
            assert!(peer.sent.ends_with(b"==\r\n\r\n"), "an empty line");
        }
        "smtp-auth-login-challenge-user-name-nul" => {
            // AUTH LOGIN is no mechanism of ours: what counts is that the challenge comes through.
            let mut peer = peer(octets);
            let heard = peer.run(Listener::default()).unwrap();
            assert_eq!(heard, ["334 VXNlciBOYW1lAA=="]);
        }
        "qq-smtp-ehlo-auth-equals" => {
            let mut peer = Peer::saying(["220 mx\r\n", octets].concat().as_bytes(), OCTETS);
            peer.greet().unwrap();
            let extensions = peer.machine.extensions();
            assert_eq!(extensions.mechanisms().collect::<Vec<_>>(), ["LOGIN", "PLAIN"]);
            assert_eq!(extensions.size_limit(), Some(73_400_320));
            assert!(extensions.starttls() && extensions.eight_bit_mime());
            assert!(extensions.pipelining() && extensions.has("MAILCOMPRESS"));
        }
        "office365-smtp-501-invalid-xoauth2" => {
            let mut peer = peer(&["334 \r\n", octets].concat());
            let error = peer.run(auth().sasl_ir(SaslIr::Never)).unwrap_err();
            let Error::AuthenticationRefused(refused) = &error else { panic!("{error:?}") };
            assert_eq!(refused.reply.enhanced.unwrap().to_string(), "5.5.124");
            assert!(!error.needs_new_token());
        }
        "smtp-221-instead-of-reply-after-idle" => {
            let mut peer = peer(octets);
            let error = peer.run(Noop::new()).unwrap_err();
            assert!(matches!(error, Error::IdleTimeout { .. }) && error.is_transient());
            assert!(error.to_string().contains("Idle timeout"));
        }
        other => panic!("no test for {other}"),
    }
}

#[test]
fn servers_are_understood() {
    let cases: Value = serde_json::from_str(include_str!("data/server-quirks.json")).unwrap();
    let cases = cases["quirks"].as_array().unwrap();
    let smtp = cases.iter().filter(|case| case["protocol"] == "smtp");
    let mut count = 0;
    for case in smtp {
        check(case["name"].as_str().unwrap(), case["bytes"].as_str().unwrap());
        count += 1;
    }
    assert_eq!(count, 6);
}

/// An exchange of a user's own: sends nothing and hears one reply.
#[derive(Default)]
struct Listener {
    heard: Vec<String>,
}

impl Exchange for Listener {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &Extensions) -> Result<(), Error> {
        out.await_reply();
        Ok(())
    }

    fn on_reply(&mut self, reply: &Reply<'_>, _: &mut Encoder<'_>) -> Result<Progress, Error> {
        self.heard.push(reply.to_text().to_string());
        Ok(Progress::Continue)
    }
}

impl Command for Listener {
    type Output = Vec<String>;

    fn finish(self) -> Result<Vec<String>, Error> {
        Ok(self.heard)
    }
}
