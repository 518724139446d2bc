//! Errors: each variant with room for text, from a server that repeats what a login holds, or from a login that is wrong.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::sync::Arc;

use e2e::scripted::{Peer, Step, expect, send};
use e2e::sources::{parts, sources};
use regex_lite::Regex;
use xoauth::imap::command::Noop;
use xoauth::net::Untimed;
use xoauth::sasl::oauth1::{ReceivedRequest, Request, RequestUrl, VerifyError};
use xoauth::sasl::{OAuthBearer, Plain};
use xoauth::smtp::exchange::{Submit, Verify};
use xoauth::{Consumer, Error, Token, TokenUnavailable, imap, smtp};

use super::live::{imap_script, login, smtp_script, stream};
use super::{BEARER, CONSUMER, Shown, TOKEN};

/// The errors that are walked: where they are declared, and their name.
const ENUMS: [(&str, &str, &str); 9] = [
    ("oauth1-core", "error.rs", "Error"),
    ("oauth1-core", "verify/error.rs", "VerifyError"),
    ("xoauth-sasl", "error.rs", "Error"),
    ("xoauth-sasl", "server/exchange.rs", "Refusal"),
    ("xoauth-sasl", "server/message.rs", "ParseError"),
    ("xoauth-imap", "error.rs", "Error"),
    ("xoauth-smtp", "error/mod.rs", "Error"),
    ("xoauth-smtp", "error/mod.rs", "ContentFault"),
    ("xoauth", "error.rs", "Error"),
];

/// What a variant holds that is no text of anybody's: numbers, and words of the program.
const PLAIN: &str = r"^(\s|[{}(),:<>]|\b[a-z_]+:|&'static str|Option|bool|char|u\d+|i32|usize|std::time::Duration|LimitKind|NonceError|Stage|SetError)*$";

/// Variants that are not shown, and why.
const EXCUSED: &[(&str, &[&str])] = &[
    (
        "it is told before a login, to a server that knows nothing of it",
        &[
            "xoauth_imap::error::Error::PlaintextAfterStartTls",
            "xoauth_imap::error::Error::TlsUnavailable",
            "xoauth_smtp::error::Error::GreetingRefused",
            "xoauth_smtp::error::Error::PlaintextAfterStartTls",
            "xoauth_smtp::error::Error::TlsUnavailable",
        ],
    ),
    (
        "it holds the error of a transport, of TLS or of a source of the caller's, which are given no login",
        &[
            "xoauth::error::Error::Certificate",
            "xoauth::error::Error::Connect",
            "xoauth::error::Error::OwnTls",
            "xoauth::error::Error::TlsHandshake",
            "xoauth::error::Error::TlsSetup",
            "xoauth_imap::error::Error::Content",
            "xoauth_imap::error::Error::Transport",
            "xoauth_smtp::error::ContentFault::Source",
            "xoauth_smtp::error::Error::Content",
            "xoauth_smtp::error::Error::Transport",
        ],
    ),
    (
        "it names what the caller asks for: a host, a mailbox, an extension, what a message holds",
        &[
            "xoauth::error::Error::Host",
            "xoauth::error::Error::UidValidityChanged",
            "xoauth_imap::error::Error::Unsupported",
            "xoauth_smtp::error::ContentFault::Invalid",
            "xoauth_smtp::error::Error::ExtensionMissing",
        ],
    ),
];

/// Every variant with room for text is shown or excused, and no excuse is left over.
pub(crate) fn all_are_shown(shown: &BTreeSet<String>) {
    let plain = Regex::new(PLAIN).unwrap();
    let sources = sources().unwrap();
    let (mut all, mut with_text) = (BTreeSet::new(), BTreeSet::new());
    for (name, within, of) in ENUMS {
        let source = sources.iter().find(|source| source.name == name && source.within == within);
        let module = within.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
        let place = format!("{}::{module}", name.replace('-', "_"));
        let before = all.len();
        for (part, holds) in parts(&source.unwrap().text) {
            if part.split("::").next() != Some(of) {
                continue;
            }
            let variant = format!("{place}::{part}");
            if !plain.is_match(&holds) {
                with_text.insert(variant.clone());
            }
            all.insert(variant);
        }
        assert!(all.len() > before, "{place}::{of} is gone");
    }
    let excused: BTreeSet<String> =
        EXCUSED.iter().flat_map(|(_, names)| names.iter().map(|&name| name.to_owned())).collect();
    let neither: Vec<_> = with_text
        .iter()
        .filter(|name| !shown.contains(*name) && !excused.contains(*name))
        .collect();
    assert!(neither.is_empty(), "neither shown nor excused: {neither:#?}");
    let idle: Vec<_> = excused.iter().filter(|name| !with_text.contains(*name)).collect();
    assert!(idle.is_empty(), "excused for nothing: {idle:#?}");
    let both: Vec<_> = excused.intersection(shown).collect();
    assert!(both.is_empty(), "excused, and shown: {both:#?}");
    let unknown = shown.iter().filter(|name| {
        let (of, _) = name.rsplit_once("::").unwrap();
        all.iter().any(|known| known.starts_with(&format!("{of}::"))) && !all.contains(*name)
    });
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&String>::new(), "the scan misses variants");
}

/// An error of a session, and that of the protocol within.
fn fault(shown: &mut Shown, error: &Error) {
    shown.note_error("an error", error);
    match error {
        Error::Imap(error) => shown.note_error("an error of IMAP", error),
        Error::Smtp(error) => shown.note_error("an error of SMTP", error),
        _ => {}
    }
}

pub(crate) fn errors(shown: &mut Shown) {
    credentials(shown);
    imap_sessions(shown);
    smtp_sessions(shown);
}

/// Credentials that cannot be sent, at every place of a secret.
fn credentials(shown: &mut Shown) {
    for end in ["\n", "\0", "\u{80}", "\u{e9}"] {
        let bad = |secret: &str| format!("{secret}{end}");
        let refused = [
            Consumer::new("key", bad(CONSUMER)).err(),
            Token::new("token", bad(TOKEN)).err(),
            super::token().with_verifier(bad(TOKEN)).err(),
            Token::from_form(&format!("oauth_token=k&oauth_token_secret={}", bad(TOKEN))).err(),
            Token::from_form(&format!(
                "oauth_token=k&oauth_token_secret={TOKEN}&oauth_token_secret={TOKEN}"
            ))
            .err(),
            Consumer::from_form(&format!("oauth_consumer_secret={CONSUMER}%zz")).err(),
            RequestUrl::new(format!("https://example.org/?a={}", bad(BEARER))).err(),
            Request::new(&bad(BEARER), "https://example.org/").err(),
        ];
        for error in refused.into_iter().flatten() {
            shown.note_error("an error of OAuth 1.0a", &error);
            shown.note_error("an error of a server of OAuth 1.0a", &VerifyError::from(error));
        }
        let received = ReceivedRequest::new("GET", "https://example.org/").unwrap();
        let header = format!("OAuth oauth_signature=\"{}\",oauth_signature=\"x\"", bad(TOKEN));
        if let Err(error) = received.authorization(&header) {
            shown.note_error("an error of a server of OAuth 1.0a", &error);
        }
        let refused = [
            OAuthBearer::new("user", bad(BEARER)).err(),
            xoauth::sasl::XOAuth2::new("user", bad(BEARER)).err(),
            Plain::new("user", bad(BEARER)).err(),
            xoauth::sasl::Login::new("user", bad(BEARER)).err(),
            Consumer::new("key", bad(CONSUMER)).err().map(xoauth::sasl::Error::from),
        ];
        for error in refused.into_iter().flatten() {
            shown.note_error("an error of SASL", &error);
            fault(shown, &Error::Sasl(error.clone()));
            fault(shown, &Error::Imap(imap::Error::Sasl(error.clone())));
            fault(shown, &Error::Smtp(smtp::Error::Sasl(error)));
        }
    }
    // A password that no literal can hold.
    let peer = Peer::start(vec![vec![send("* OK [CAPABILITY IMAP4rev1] hi\r\n")]]).unwrap();
    let client = imap::Builder::new("localhost").from_stream(stream(&peer)).unwrap();
    let refused = client.login("user", format!("{BEARER}\0")).unwrap_err();
    fault(shown, refused.error());
}

type ImapSession = imap::Session<Untimed<TcpStream>>;

/// A session whose server goes on like this.
fn imap_session(then: Vec<Step>) -> (Peer, ImapSession) {
    let peer = Peer::start(vec![imap_script(true).into_iter().chain(then).collect()]).unwrap();
    let mut limits = imap::Limits::default();
    limits.faults = imap::Faults::Refuse;
    let builder = imap::Builder::new("localhost").limits(limits);
    let client = builder.from_stream(stream(&peer)).unwrap();
    let session = client.authenticate(login()).unwrap();
    (peer, session)
}

fn imap_sessions(shown: &mut Shown) {
    for answer in [
        format!("{{tag}} NO {BEARER}\r\n"),
        format!("{{tag}} BAD [X-{BEARER} {BEARER}] {BEARER}\r\n"),
        format!("* BYE {BEARER}\r\n"),
        format!("* BYE Session expired {BEARER}\r\n"),
        format!("* BYE Autologout {BEARER}\r\n"),
        format!("{BEARER} what\r\n"),
        format!("* 1 FETCH (UID {BEARER})\r\n"),
        format!("+ {BEARER}\r\n"),
        format!("other OK {BEARER}\r\n"),
    ] {
        let (_peer, mut session) = imap_session(vec![expect("NOOP"), send(answer)]);
        let error = session.run(Noop::new()).unwrap_err();
        fault(shown, &error);
        let Error::Imap(imap::Error::Refused { status, .. }) = error else { continue };
        fault(shown, &Error::NotConnected { status });
    }
    // Capabilities that repeat the token, and a token that is refused, with another to come.
    let greeting = format!("* OK [CAPABILITY IMAP4rev1 AUTH={BEARER}] hi\r\n");
    for script in [vec![send(greeting)], imap_script(false)] {
        let peer = Peer::start(vec![script]).unwrap();
        let client = imap::Builder::new("localhost").from_stream(stream(&peer)).unwrap();
        let (error, _) = client.authenticate(login()).unwrap_err().into_parts();
        fault(shown, &error);
        let source = Box::new(TokenUnavailable::new("later"));
        fault(shown, &Error::Token { source, refusal: Some(Arc::new(error)) });
    }
}

fn smtp_session(then: Vec<Step>) -> (Peer, smtp::Session<Untimed<TcpStream>>) {
    let peer = Peer::start(vec![smtp_script(true).into_iter().chain(then).collect()]).unwrap();
    let client = smtp::Builder::new("localhost").from_stream(stream(&peer)).unwrap();
    let session = client.authenticate(login()).unwrap();
    (peer, session)
}

fn smtp_sessions(shown: &mut Shown) {
    for answer in [
        format!("550-{BEARER}\r\n550 {BEARER}\r\n"),
        format!("421 {BEARER}\r\n"),
        format!("421 Token expired {BEARER}\r\n"),
        format!("421 Timeout {BEARER}\r\n"),
        format!("25x {BEARER}\r\n"),
        format!("354 {BEARER}\r\n"),
    ] {
        let (_peer, mut session) = smtp_session(vec![expect("VRFY"), send(answer)]);
        fault(shown, &session.run(Verify::new("x")).unwrap_err());
    }
    // The reply to each command of a message, and to its end.
    let message = || Submit::new("a@example.org", ["b@example.org"], "x\r\n");
    let commands = [("MAIL", "250 ok\r\n"), ("RCPT", "250 ok\r\n"), ("DATA", "354 go on\r\n")];
    for at in 0..=commands.len() {
        for code in ["550", "421", "25x"] {
            let mut script = Vec::new();
            for (index, (command, reply)) in commands.iter().enumerate().take(at + 1) {
                script.push(expect(command));
                if index < at {
                    script.push(send(reply));
                }
            }
            if at == commands.len() {
                script.extend([expect("x"), expect(".")]);
            }
            script.push(send(format!("{code}-{BEARER}\r\n{code} {BEARER}\r\n")));
            script.extend([expect("RSET"), send("250 ok\r\n")]);
            let (_peer, mut session) = smtp_session(script);
            fault(shown, &session.run(message()).unwrap_err());
        }
    }
    let (_peer, mut session) = smtp_session(vec![]);
    fault(shown, &session.run(Verify::new("x\n")).unwrap_err());

    let mut script = smtp_script(true);
    let Some(Step::Send(answer)) = script.last_mut() else { panic!("no answer") };
    answer.extend(format!("250 {BEARER}\r\n").bytes());
    let peer = Peer::start(vec![script]).unwrap();
    let client = smtp::Builder::new("localhost").from_stream(stream(&peer)).unwrap();
    match client.authenticate(login()) {
        Ok(mut session) => fault(shown, &session.run(Verify::new("x")).unwrap_err()),
        Err(refused) => fault(shown, refused.error()),
    }

    let offered = format!("250-hi\r\n250 AUTH {BEARER}\r\n");
    let script = vec![send("220 hi\r\n"), expect("EHLO"), send(offered)];
    let peer = Peer::start(vec![script]).unwrap();
    let client = smtp::Builder::new("localhost").from_stream(stream(&peer)).unwrap();
    fault(shown, client.authenticate(login()).unwrap_err().error());
}
