//! PLAIN and LOGIN: messages, refused arguments, whole exchanges.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use xoauth_sasl::{
    CancelReason, Context, Error, Exchange, Login, Mechanism, Nonce, Plain, Reply, Stamp,
};

fn start(login: &dyn Mechanism) -> Exchange {
    let stamp = Stamp::new(Nonce::new("unused").unwrap(), 0);
    Exchange::start(login, &Context::new(&stamp, "mail.example.com", 465)).unwrap()
}

fn told(reply: Reply<'_>) -> String {
    match reply {
        Reply::Response(text) => text.to_owned(),
        Reply::Cancel => "*".to_owned(),
    }
}

#[test]
fn plain_says_everything_at_once() {
    // RFC 4616 4's examples.
    let tim = Plain::new("tim", "tanstaaftanstaaf").unwrap();
    assert_eq!(start(&tim).initial_response(), "AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
    let kurt = Plain::new("Kurt", "xipj3plmq").unwrap().acting_as("Ursel").unwrap();
    assert_eq!(start(&kurt).initial_response(), "VXJzZWwAS3VydAB4aXBqM3BsbXE=");
    // Letters beyond ASCII travel as they are (smtplib stops at them).
    let letters = Plain::new("jörg", "pässword").unwrap();
    assert_eq!(start(&letters).initial_response(), "AGrDtnJnAHDDpHNzd29yZA==");

    let mut exchange = start(&tim);
    assert!(exchange.allows_initial_response() && !exchange.has_said_all());
    assert_eq!(told(exchange.on_challenge(b"").unwrap()), "AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
    assert!(exchange.has_said_all());
    // Nothing is left to say, and nothing is acknowledged.
    assert_eq!(told(exchange.on_challenge(b"").unwrap()), "*");
    assert_eq!(exchange.cancelled(), Some(CancelReason::SecondChallenge));
    assert_eq!(exchange.on_challenge(b"").unwrap_err(), Error::Cancelled);
}

#[test]
fn login_answers_what_it_is_asked() {
    let login = Login::new("tim", "tanstaaf").unwrap();
    for (first, second) in [
        ("VXNlcm5hbWU6", "UGFzc3dvcmQ6"),
        // Exchange and others word it differently, or not at all.
        ("VXNlciBOYW1lAA==", "UGFzc3dvcmQA"),
        ("", ""),
    ] {
        let mut exchange = start(&login);
        assert!(!exchange.allows_initial_response() && !exchange.has_said_all());
        assert_eq!(told(exchange.on_challenge(first.as_bytes()).unwrap()), "dGlt");
        assert!(!exchange.has_said_all());
        assert_eq!(told(exchange.on_challenge(second.as_bytes()).unwrap()), "dGFuc3RhYWY=");
        assert!(exchange.has_said_all());
        assert_eq!(told(exchange.on_challenge(second.as_bytes()).unwrap()), "*");
        assert_eq!(exchange.cancelled(), Some(CancelReason::SecondChallenge));
        assert!(exchange.refusal().is_none());
    }
    for challenges in [&[&b"Username:"[..]][..], &[b"", b"!"]] {
        let mut exchange = start(&login);
        let last = challenges.iter().map(|text| told(exchange.on_challenge(text).unwrap())).last();
        assert_eq!(last.unwrap(), "*");
        assert_eq!(exchange.cancelled(), Some(CancelReason::NotBase64));
    }
}

#[test]
fn one_value_serves_any_number_of_exchanges() {
    let login: Box<dyn Mechanism> = Box::new(Login::new("a", "b").unwrap());
    for _ in 0..2 {
        let mut exchange = start(&login);
        assert_eq!(told(exchange.on_challenge(b"").unwrap()), "YQ==");
        assert_eq!(told(exchange.on_challenge(b"").unwrap()), "Yg==");
    }
}

#[test]
fn arguments_that_cannot_be_sent_are_refused() {
    for text in ["", "a\0b"] {
        assert!(Plain::new(text, "b").is_err() && Plain::new("a", text).is_err());
        assert!(Plain::new("a", "b").unwrap().acting_as(text).is_err());
        assert!(Login::new(text, "b").is_err() && Login::new("a", text).is_err());
    }
    let error = Plain::new("a", "pass\0word").unwrap_err().to_string();
    assert!(!error.contains("pass\0") && error.starts_with("password holds"), "{error}");
}

#[test]
fn passwords_are_neither_printed_nor_echoed() {
    let login = Login::new("tim", "tanstaaf").unwrap();
    let plain = Plain::new("tim", "tanstaaf").unwrap();
    assert!(!format!("{login:?} {plain:?}").contains("tanstaaf"));
    for login in [&login as &dyn Mechanism, &plain] {
        let mask = start(login).mask();
        for echoed in ["tanstaaf", "dGFuc3RhYWY="] {
            let shown = mask.apply(format!("535 no {echoed}").as_bytes()).into_owned();
            assert_eq!(String::from_utf8(shown).unwrap(), "535 no [secret]");
        }
    }
}
