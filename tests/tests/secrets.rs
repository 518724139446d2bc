//! Secrets do not print: no public type that holds one shows it, nor does a panic about one.
#![allow(missing_docs, clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use e2e::secrets::find;
use xoauth::imap::command::Authenticate;
use xoauth::imap::proto::{Machine as ImapMachine, TagPrefix};
use xoauth::sasl::oauth1::{Nonce, ReceivedRequest, Request, SignatureMethod, Signer, Stamp};
use xoauth::sasl::{
    Context, Exchange, Login, Mask, Mechanism, OAuth10A, OAuthBearer, Plain, XOAuth, XOAuth2,
    parse_client_message,
};
use xoauth::smtp::exchange::Auth;
use xoauth::smtp::proto::Machine as SmtpMachine;
use xoauth::{Consumer, Credentials, Secret, Token, imap, smtp};

const CONSUMER: &str = "consumer-SECRET-5f";
const TOKEN: &str = "token-SECRET-8a";
const BEARER: &str = "bearer-SECRET-2c";

fn consumer() -> Consumer {
    Consumer::new("key", CONSUMER).unwrap()
}

fn token() -> Token {
    Token::new("token", TOKEN).unwrap()
}

fn stamp() -> Stamp {
    Stamp::new(Nonce::new("nonce").unwrap(), 1)
}

/// Shows a value in every way that `Debug` has, and by name in a panic.
struct Shown {
    texts: Vec<(String, String)>,
    /// What counts as a secret: keys and tokens, and what was signed with them.
    secrets: Vec<String>,
}

impl Shown {
    fn note(&mut self, name: &str, value: &impl std::fmt::Debug) {
        self.texts.push((name.to_owned(), format!("{value:?}")));
        self.texts.push((name.to_owned(), format!("{value:#?}")));
        self.texts.push((format!("a panic about {name}"), panicked(value)));
    }
}

/// The text of a panic that shows a value, as `unwrap` of an error does.
fn panicked(value: &impl std::fmt::Debug) -> String {
    let refused = || -> Result<(), _> { Err(value) };
    let cause = catch_unwind(AssertUnwindSafe(|| refused().unwrap())).unwrap_err();
    let text = cause.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(!text.is_empty(), "nobody panicked");
    text
}

#[test]
fn no_public_type_shows_a_secret() {
    let mut shown =
        Shown { texts: Vec::new(), secrets: [CONSUMER, TOKEN, BEARER].map(str::to_owned).to_vec() };
    shown.note("Consumer", &consumer());
    shown.note("Token", &token());
    shown.note("Secret", &Secret::new(BEARER));

    for method in
        [SignatureMethod::HmacSha1, SignatureMethod::HmacSha256, SignatureMethod::Plaintext]
    {
        let signer = Signer::new(consumer(), Some(token())).method(method);
        let request = Request::new("GET", "https://example.org/a?b=c").unwrap();
        shown.note("Signer", &signer);
        shown.note("Prepared", &signer.prepare(&request));
        let signed = signer.sign(&request, &stamp()).unwrap();
        shown.secrets.push(signed.signature().expose().to_owned());
        shown.note("Signed", &signed);
        shown.note("its header", &signed.authorization_header(None));
        shown.note("its form", &signed.form_body());
        shown.note("its URL", &signed.url());
    }

    let mechanisms: Vec<(&str, Box<dyn Mechanism>)> = vec![
        (
            "XOAUTH",
            Box::new(
                XOAuth::new("https://mail.example.org/u/", consumer(), Some(token())).unwrap(),
            ),
        ),
        ("OAUTH10A", Box::new(OAuth10A::new("user", consumer(), token()).unwrap())),
        ("OAUTHBEARER", Box::new(OAuthBearer::new("user", BEARER).unwrap())),
        ("XOAUTH2", Box::new(XOAuth2::new("user", BEARER).unwrap())),
    ];
    shown.note("OAuthBearer", &OAuthBearer::new("user", BEARER).unwrap());
    shown.note("XOAuth2", &XOAuth2::new("user", BEARER).unwrap());
    shown.note("OAuth10A", &OAuth10A::new("user", consumer(), token()).unwrap());
    shown.note("XOAuth", &XOAuth::new("https://h/u/", consumer(), Some(token())).unwrap());
    shown.note("Plain", &Plain::new("user", BEARER).unwrap());
    shown.note("Login", &Login::new("user", BEARER).unwrap());
    shown.note("LOGIN", &imap::command::Login::new("user", Secret::new(BEARER)));
    shown.note("Credentials", &Credentials::token("user", BEARER));
    let plain = Plain::new("user", BEARER).unwrap();
    shown.note("Credentials of a mechanism", &Credentials::named(plain));
    let signer = Signer::new(consumer(), Some(token())).method(SignatureMethod::Plaintext);
    let request = Request::new("GET", "https://example.org/a?b=c").unwrap();
    let list = signer.sign(&request, &stamp()).unwrap();
    let received = ReceivedRequest::new("GET", "https://example.org/a?b=c").unwrap();
    let received = received.parameter_list(list.parameter_list().expose()).unwrap();
    shown.note("ReceivedRequest", &received);
    let stamp = stamp();
    let context = Context::new(&stamp, "mail.example.org", 993);
    for (name, mechanism) in &mechanisms {
        let mut exchange = Exchange::start(&**mechanism, &context).unwrap();
        shown.note(&format!("Exchange of {name}"), &exchange);
        shown.note("its Mask", &exchange.mask());
        let message = exchange.initial_response().to_owned();
        shown.secrets.push(message.clone());
        shown.note("Exchange once it was asked", &exchange);
        let decoded = xoauth::sasl::decode_response(message.as_bytes()).unwrap();
        shown.note("the decoded response", &decoded);
        let parsed = parse_client_message(name, decoded.expose().as_bytes()).unwrap();
        shown.note("ClientMessage", &parsed);

        let mut command = Authenticate::new(&**mechanism, &context).unwrap().even_if_unlisted();
        shown.note("Authenticate", &command);
        let mut machine = ImapMachine::new(TagPrefix::new("t"), imap::Limits::default());
        machine.start(&mut [&mut command]).unwrap();
        shown.note("an IMAP machine with the credential in its output", &machine);

        let mut command = Auth::new(&**mechanism, &context).unwrap().even_if_unlisted();
        shown.note("Auth", &command);
        let mut machine = SmtpMachine::new(smtp::Limits::default());
        machine.start(&mut command).unwrap();
        shown.note("an SMTP machine with the credential in its output", &machine);
    }
    let mut mask = Mask::default();
    mask.add(BEARER);
    shown.note("Mask", &mask);

    for (name, text) in &shown.texts {
        if let Some(form) = find(text.as_bytes(), &shown.secrets) {
            // The text itself is kept out of the test's output for the same reason.
            assert_eq!(form, "none", "{name} shows a secret");
        }
    }
    assert!(shown.texts.len() > 100, "{}", shown.texts.len());
}
