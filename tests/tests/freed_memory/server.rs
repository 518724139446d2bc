//! A server that judges logins: what clients sent, rightly and wrongly, is wiped with the conversation.

use std::cell::RefCell;
use std::hint::black_box;
use std::ops::RangeInclusive;

use xoauth::sasl::oauth1::{CredentialStore, MemoryNonceStore, Request, Signer, Verifier};
use xoauth::sasl::{
    BearerJudge, BearerRequest, Context, ErrorDocument, Exchange, Identity, IdentityRequest,
    Secret, Server, ServerExchange, ServerStep, Verdict, decode_initial_response, decode_response,
    encode_challenge,
};

use super::{
    BEARER, CONSUMER, Hidden, MECHANISMS, METHODS, Steps, TOKEN, consumer, hidden, joined,
    mechanisms, secret, stamp, token,
};

/// A server's users and their judge.
struct Users(fn() -> Verdict);

impl CredentialStore for Users {
    fn consumer(&self, key: &str) -> Option<Secret> {
        (key == "key").then(|| Secret::new(secret(CONSUMER)))
    }

    fn token(&self, _: &str, key: &str) -> Option<Secret> {
        (key == "token").then(|| Secret::new(secret(TOKEN)))
    }
}

impl BearerJudge for Users {
    fn judge(&self, request: &BearerRequest<'_>) -> Verdict {
        if request.token.is(&hidden(BEARER)) { (self.0)() } else { refused() }
    }
}

impl Identity for Users {
    fn identify(&self, request: &IdentityRequest<'_>) -> Verdict {
        black_box((request.verified.clone(), request.url.len()));
        (self.0)()
    }
}

fn accepted() -> Verdict {
    Verdict::Accept { user: "user".to_owned() }
}

fn refused() -> Verdict {
    Verdict::Refuse(ErrorDocument::new("invalid_token"))
}

fn unavailable() -> Verdict {
    Verdict::Unavailable("later".to_owned())
}

/// What clients send: each mechanism's message, and those of OAuth 1.0a signed by each method, which for PLAINTEXT holds
/// the secrets, in the list and in the URL.
fn messages() -> Vec<(&'static str, Secret)> {
    let stamp = stamp("five");
    let context = Context::new(&stamp, "mail.example.org", 993);
    let mut messages = Vec::with_capacity(32);
    for (name, mechanism) in MECHANISMS.into_iter().zip(mechanisms()).take(4) {
        let mut exchange = Exchange::start(&*mechanism, &context).unwrap();
        let sent = Secret::new(exchange.initial_response());
        messages.push((name, decode_initial_response(sent.expose().as_bytes()).unwrap()));
    }
    for method in METHODS {
        let signer = Signer::new(consumer(), Some(token())).method(method);
        let request = Request::new("GET", "https://mail.example.org/u/").unwrap();
        let signed = signer.sign(&request, &stamp).unwrap();
        let list = signed.parameter_list();
        messages.push(("XOAUTH", joined(["GET https://mail.example.org/u/ ", list.expose()])));
        messages.push(("XOAUTH", joined(["GET ", signed.url().expose(), " realm=\"x\""])));
        let request = Request::new("POST", "https://mail.example.org:993/").unwrap();
        let list = signer.sign(&request, &stamp).unwrap().parameter_list();
        let head = "n,a=user,\u{1}host=mail.example.org\u{1}port=993\u{1}auth=OAuth ";
        messages.push(("OAUTH10A", joined([head, list.expose(), "\u{1}\u{1}"])));
    }
    messages
}

/// How many variants there are at most.
const VARIANTS: usize = 24;

/// A message as it is, broken off, with another signature or token, with parts twice or wrongly encoded, and in what is no
/// message at all.
fn variants(message: &str) -> Vec<Secret> {
    let mut variants = Vec::with_capacity(VARIANTS);
    variants.push(joined([message]));
    let (torn, _) = message.split_at(message.len() - 1);
    variants.push(joined([torn]));
    variants.push(joined([message, message]));
    variants.push(joined(["p=x,,", message]));
    variants.push(joined([message, "\u{1}"]));
    for (mark, inserted) in [
        ("oauth_signature=\"", "x"),
        ("oauth_signature=\"", "%zz"),
        ("oauth_signature=", "\"x\",oauth_signature="),
        ("oauth_signature=\"", "%ff"),
        ("oauth_signature=\"", "\u{1}"),
        ("oauth_nonce=\"", "x"),
        ("oauth_consumer_key=\"", "x"),
        ("oauth_token=\"", "x"),
        ("auth=Bearer ", "x"),
        ("auth=", "x"),
        ("auth=", "\u{1}auth="),
        ("host=", "x"),
        ("GET ", "x"),
        ("&oauth_signature=", "%ff"),
        ("&oauth_signature=", "%zz"),
        (
            "&oauth_signature=",
            "%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff",
        ),
        ("&oauth_signature=", "x&oauth_signature="),
    ] {
        if let Some((before, behind)) = message.split_once(mark) {
            variants.push(joined([before, mark, inserted, behind]));
        }
    }
    if let Some((before, behind)) = message.split_once("oauth_signature=\"") {
        // Something else behind the value.
        let (value, rest) = behind.split_once('"').unwrap();
        variants.push(joined([before, "oauth_signature=\"", value, "\" x", rest]));
    }
    variants
}

pub(crate) fn server(steps: &mut Steps) {
    let count = messages().len();
    for index in 0..count {
        // What one variant leaves another might overwrite.
        for variant in 0..VARIANTS {
            steps.done(judged(accepted, index, variant..=variant));
        }
        for verdict in [refused, unavailable] {
            steps.done(judged(verdict, index, 0..=VARIANTS));
        }
    }
    for index in 0..count {
        let name = decoded(index);
        steps.done(name);
    }
}

/// Judges what is made of a message.
fn judged(verdict: fn() -> Verdict, message: usize, wanted: RangeInclusive<usize>) -> &'static str {
    let verifier = Verifier::new().methods(&METHODS);
    let users = Users(verdict);
    let (name, message) = messages().swap_remove(message);
    let variants = variants(message.expose());
    assert!(variants.len() <= VARIANTS);
    for (index, said) in variants.into_iter().enumerate().filter(|(at, _)| wanted.contains(at)) {
        let nonces = RefCell::new(MemoryNonceStore::with_capacity(10));
        let server = Server::new()
            .endpoint("mail.example.org", 993)
            .oauth1(&verifier, &users, &nonces, &users)
            .bearer(&users);
        // At once, and when it was asked for; answered by the acknowledgement, and by the same again.
        for asked in [false, true] {
            let mut exchange = ServerExchange::new(name).unwrap();
            if asked {
                black_box(exchange.step(b"", &server, 1));
            }
            let step = exchange.step(said.expose().as_bytes(), &server, 1);
            if index == 0 && !asked {
                assert!(!matches!(step, ServerStep::Refused(_)), "{name}: {step:?}");
            }
            black_box((exchange.step(b"\x01", &server, 1), step));
            black_box(exchange.step(said.expose().as_bytes(), &server, 1));
        }
    }
    name
}

/// Decodes a message and what is made of it from base64, whole and broken.
fn decoded(message: usize) -> &'static str {
    let (name, message) = messages().swap_remove(message);
    for said in variants(message.expose()) {
        let encoded = Hidden(encode_challenge(said.expose().as_bytes()));
        let (first, rest) = encoded.split_at(encoded.len() / 2);
        for text in [
            [&*encoded, "", ""],
            [first, "!", rest],
            [&*encoded, "=", ""],
            [first, "=", rest],
            [rest, "", ""],
            // No UTF-8.
            [encoded.trim_end_matches('='), "/w==", ""],
        ] {
            let text = joined(text);
            black_box(decode_response(text.expose().as_bytes()).is_ok());
            black_box(decode_initial_response(text.expose().as_bytes()).is_ok());
        }
    }
    name
}
