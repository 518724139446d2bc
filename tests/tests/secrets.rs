//! Secrets do not print: no public type that holds one shows it, nor does a panic about one.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "secrets/errors.rs"]
mod errors;
#[path = "secrets/excused.rs"]
mod excused;
#[path = "secrets/live.rs"]
mod live;
#[path = "secrets/machines.rs"]
mod machines;
#[path = "secrets/server.rs"]
mod server;
#[path = "secrets/types.rs"]
mod types;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use e2e::secrets::{Finder, IN_TEXT};
use xoauth::imap::command::Authenticate;
use xoauth::imap::proto::{Machine as ImapMachine, TagPrefix};
use xoauth::sasl::oauth1::{
    CredentialStore, MemoryNonceStore, Nonce, ReceivedRequest, Request, SignatureMethod, Signer,
    Stamp, Verifier,
};
use xoauth::sasl::{
    ClientMessage, Context, Exchange, Login, Mask, Mechanism, OAuth10A, OAuthBearer, Plain, XOAuth,
    XOAuth2, parse_client_message,
};
use xoauth::smtp::exchange::Auth;
use xoauth::smtp::proto::Machine as SmtpMachine;
use xoauth::{
    Ask, Consumer, Credentials, Fixed, Secret, Token, TokenCommand, TokenUnavailable, imap, smtp,
};

const CONSUMER: &str = "consumer-SECRET-5f";
const TOKEN: &str = "token-SECRET-8a";
const BEARER: &str = "bearer-SECRET-2c";

fn consumer() -> Consumer {
    Consumer::new("key", CONSUMER).unwrap()
}

fn token() -> Token {
    Token::new("token", TOKEN).unwrap()
}

/// What a server knows of the one consumer and token.
struct OneUser;

impl CredentialStore for OneUser {
    fn consumer(&self, key: &str) -> Option<Secret> {
        (key == "key").then(|| Secret::new(CONSUMER))
    }

    fn token(&self, _: &str, key: &str) -> Option<Secret> {
        (key == "token").then(|| Secret::new(TOKEN))
    }
}

fn stamp() -> Stamp {
    Stamp::new(Nonce::new("nonce").unwrap(), 1)
}

/// Shows a value in every way that `Debug` has, and by name in a panic.
#[derive(Default)]
struct Shown {
    texts: Vec<(String, String)>,
    /// What counts as a secret: keys and tokens, and what was signed with them.
    secrets: Vec<String>,
    /// `crate::module::Type` of what was shown.
    types: BTreeSet<String>,
    /// `crate::module::Type::Variant` of the errors that were.
    variants: BTreeSet<String>,
    panicked: BTreeSet<String>,
}

impl Shown {
    fn note<T: std::fmt::Debug>(&mut self, name: &str, value: &T) {
        let type_name = std::any::type_name::<T>().trim_start_matches('&');
        self.types.insert(type_name.split('<').next().unwrap_or_default().to_owned());
        self.texts.push((name.to_owned(), format!("{value:?}")));
        self.texts.push((name.to_owned(), format!("{value:#?}")));
        // A panic shows what `Debug` does, and takes its time: once for each name.
        if self.panicked.insert(name.to_owned()) {
            self.texts.push((format!("a panic about {name}"), panicked(value)));
        }
    }

    /// What `Display` says.
    fn text(&mut self, name: &str, text: String) {
        self.texts.push((name.to_owned(), text));
    }

    /// An error in every way that one is told, with all that it comes from.
    fn note_error<T: std::error::Error>(&mut self, name: &str, error: &T) {
        self.note(name, error);
        let shown = format!("{error:?}");
        let variant = shown.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        self.variants.insert(format!("{}::{variant}", std::any::type_name::<T>()));
        let mut told: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = told {
            for text in [
                error.to_string(),
                format!("{error:#}"),
                format!("{error:?}"),
                format!("{error:#?}"),
            ] {
                self.texts.push((format!("{name}, or what it comes from"), text));
            }
            told = error.source();
        }
    }

    /// What was shown elsewhere, within `name`.
    fn add(&mut self, name: &str, other: Self) {
        self.texts.extend(other.texts.into_iter().map(|(of, text)| (format!("{of} {name}"), text)));
        self.types.extend(other.types);
        self.variants.extend(other.variants);
        self.secrets.extend(other.secrets);
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
    let mut shown = Shown {
        secrets: [CONSUMER, TOKEN, BEARER].map(str::to_owned).to_vec(),
        ..Shown::default()
    };
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
        let ClientMessage::Login(login) = parsed else { panic!("{name}: no login") };
        shown.note("LoginRequest", &login);
        shown.note("Credential", login.credential());

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
    shown.note("Request", &request);
    shown.note("RequestUrl", request.url());
    let signer = Signer::new(consumer(), Some(token()));
    let header = signer.sign(&request, &stamp).unwrap().authorization_header(None);
    let received = ReceivedRequest::new("GET", "https://example.org/a?b=c").unwrap();
    let received = received.authorization(header.expose()).unwrap();
    let nonces = RefCell::new(MemoryNonceStore::with_capacity(1));
    let verified = Verifier::new().verify(&received, &OneUser, &nonces, 1).unwrap();
    shown.note("Verified", &verified);
    shown.note("Fixed", &Fixed::new(BEARER));
    let mut ask = Ask::new("user");
    ask.refusal = Some(Arc::new(xoauth::Error::TlsDeadline));
    shown.note("Ask", &ask);
    shown.note("TokenUnavailable", &TokenUnavailable::new("later"));
    shown.note("TokenCommand", &TokenCommand::new("program", ["token"]));
    server::server(&mut shown);
    machines::imap(&mut shown);
    machines::smtp(&mut shown);
    machines::wire(&mut shown);
    errors::errors(&mut shown);
    live::blocking(&mut shown);
    e2e::runtime().block_on(live::nonblocking(&mut shown));

    // The text itself is kept out of the test's output for the same reason.
    let finder = Finder::new(&shown.secrets, IN_TEXT);
    let found = shown.texts.iter().filter_map(|(name, text)| {
        let form = finder.find(text.as_bytes())?;
        Some(format!("{name} shows a secret: {form}"))
    });
    let found: BTreeSet<String> = found.collect();
    assert!(found.is_empty(), "{found:#?}");
    assert!(shown.texts.len() > 100, "{}", shown.texts.len());

    errors::all_are_shown(&shown.variants);
    // Every public type is one of these, or has its excuse; and no excuse is left over.
    let all = types::public_types();
    assert!(all.len() > 300, "{}", all.len());
    let neither: Vec<&String> = all
        .keys()
        .filter(|name| !shown.types.contains(*name) && types::excuse(name).is_none())
        .collect();
    assert!(neither.is_empty(), "neither shown nor excused: {neither:#?}");
    let excused: Vec<&str> =
        excused::EXCUSED.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    for name in &excused {
        assert!(all.contains_key(*name), "{name} is excused and does not exist");
        assert!(!shown.types.contains(*name), "{name} is excused, and shown");
    }
    let once: BTreeSet<&&str> = excused.iter().collect();
    assert_eq!(once.len(), excused.len(), "a type is excused twice");
    let doubtful = types::doubtful(&all);
    assert!(doubtful.is_empty(), "{doubtful:#?}");
    let unknown = shown.types.iter().filter(|name| {
        let of_ours = ["oauth1_core::", "xoauth_", "xoauth::"];
        of_ours.iter().any(|of| name.starts_with(of)) && !all.contains_key(*name)
    });
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&String>::new(), "the scan misses types");
}

/// Types that a macro declares have no name the scan could read: numbers, commands without a login, and exchanges of one
/// line.
#[test]
fn macros_declare_no_other_types() {
    let places = [
        "xoauth_imap::command::mailbox",
        "xoauth_imap::command::manage",
        "xoauth_imap::types::number",
        "xoauth_smtp::exchange::simple",
    ];
    assert_eq!(types::modules_with_macros(), places);
}
