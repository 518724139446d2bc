//! The client's side: messages, refused arguments, whole exchanges.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs
)]

use std::sync::Arc;

use xoauth_sasl::{
    CancelReason, Consumer, Context, Error, Exchange, Mask, Mechanism, Nonce, OAuth10A,
    OAuthBearer, Reply, Secret, Service, SignatureMethod, Stamp, Token, Tolerance, XOAuth, XOAuth2,
    encode_challenge,
};

const DOCUMENT: &[u8] = b"eyJzdGF0dXMiOiI0MDEifQ==";

fn message(login: &dyn Mechanism) -> Result<String, Error> {
    let stamp = Stamp::new(Nonce::new("7d8f3e4a").unwrap(), 1_274_215_474);
    let message = login.initial_response(&Context::new(&stamp, "mail.example.com", 993))?;
    Ok(message.expose().to_owned())
}

fn start(login: &dyn Mechanism) -> Exchange {
    let stamp = Stamp::new(Nonce::new("7d8f3e4a").unwrap(), 1_274_215_474);
    Exchange::start(login, &Context::new(&stamp, "mail.example.com", 993)).unwrap()
}

fn consumer() -> Consumer {
    Consumer::new("consumer-key", "consumer-secret").unwrap()
}

fn token() -> Token {
    Token::new("token-key", "token-secret").unwrap()
}

fn xoauth() -> XOAuth {
    XOAuth::new("https://mail.example.com/b/u@example.com/imap/", consumer(), Some(token()))
        .unwrap()
}

fn oauth10a() -> OAuth10A {
    OAuth10A::new("u@example.com", consumer(), token()).unwrap()
}

fn xoauth2() -> XOAuth2 {
    XOAuth2::new("u@example.com", "access-token").unwrap()
}

fn bearer() -> OAuthBearer {
    OAuthBearer::new("u@example.com", "access-token").unwrap()
}

#[test]
fn bearer_messages_have_the_form_of_their_documents() {
    let cases: [(Box<dyn Mechanism>, &str); 9] = [
        (Box::new(xoauth2()), "user=u@example.com\x01auth=Bearer access-token\x01\x01"),
        (
            Box::new(xoauth2().vendor("vendor", "my program").unwrap()),
            "user=u@example.com\x01auth=Bearer access-token\x01vendor=my program\x01\x01",
        ),
        (
            Box::new(bearer()),
            "n,a=u@example.com,\x01host=mail.example.com\x01port=993\x01auth=Bearer access-token\x01\x01",
        ),
        (
            Box::new(bearer().host("other.example").unwrap().port(143)),
            "n,a=u@example.com,\x01host=other.example\x01port=143\x01auth=Bearer access-token\x01\x01",
        ),
        (
            Box::new(bearer().without_endpoint()),
            "n,a=u@example.com,\x01auth=Bearer access-token\x01\x01",
        ),
        (
            Box::new(bearer().without_endpoint().port(143)),
            "n,a=u@example.com,\x01host=mail.example.com\x01port=143\x01auth=Bearer access-token\x01\x01",
        ),
        (
            Box::new(OAuthBearer::without_user("t").unwrap().without_endpoint()),
            "n,,\x01auth=Bearer t\x01\x01",
        ),
        (
            Box::new(OAuthBearer::discover("u").unwrap().without_endpoint()),
            "n,a=u,\x01auth=\x01\x01",
        ),
        (
            Box::new(OAuthBearer::new("a,b=c,ü", "t").unwrap().without_endpoint()),
            "n,a=a=2Cb=3Dc=2Cü,\x01auth=Bearer t\x01\x01",
        ),
    ];
    for (login, expected) in cases {
        assert_eq!(message(&*login).unwrap(), expected);
    }
}

#[test]
fn oauth10a_signs_the_endpoint_and_not_the_realm() {
    let signature = |text: &str| {
        let (_, behind) = text.split_once("oauth_signature=\"").unwrap();
        behind.split_once('"').unwrap().0.to_owned()
    };
    let plain = message(&oauth10a()).unwrap();
    let realm = message(&oauth10a().realm(r#"mail "\""#).unwrap()).unwrap();
    assert!(realm.contains("\x01auth=OAuth realm=\"mail \\\"\\\\\\\"\",oauth_consumer_key=\""));
    assert_eq!(signature(&plain), signature(&realm));

    let same = message(&oauth10a().host("MAIL.example.com").unwrap()).unwrap();
    assert!(same.contains("\x01host=MAIL.example.com\x01port=993\x01"));
    assert_eq!(signature(&plain), signature(&same));
    let other = message(&oauth10a().port(143)).unwrap();
    assert!(other.contains("\x01port=143\x01"));
    assert_ne!(signature(&plain), signature(&other));

    let address = message(&oauth10a().host("::1").unwrap()).unwrap();
    let bracketed = message(&oauth10a().host("[::1]").unwrap()).unwrap();
    assert!(address.contains("\x01host=::1\x01"));
    assert_eq!(signature(&address), signature(&bracketed));

    let plaintext = message(&oauth10a().signature_method(SignatureMethod::Plaintext)).unwrap();
    assert_eq!(signature(&plaintext), "consumer-secret%26token-secret");
    assert!(!message(&oauth10a().version(false)).unwrap().contains("oauth_version"));
}

#[test]
fn two_legged_requestor_goes_into_the_query() {
    let cases = [
        ("https://h/b/", "u+x@d", "https://h/b/?xoauth_requestor_id=u%2Bx%40d"),
        ("https://h/?", "u", "https://h/?xoauth_requestor_id=u"),
        ("https://h/?a=1", "u", "https://h/?a=1&xoauth_requestor_id=u"),
        ("https://h/?a=1&", "ü", "https://h/?a=1&xoauth_requestor_id=%C3%BC"),
        ("https://h/?a=1#f?g", "u&v", "https://h/?a=1&xoauth_requestor_id=u%26v#f?g"),
    ];
    for (url, requestor, expected) in cases {
        let login = XOAuth::two_legged(url, requestor, consumer()).unwrap();
        assert_eq!(login.url(), expected);
        let text = message(&login).unwrap();
        assert!(text.starts_with(&format!("GET {expected} oauth_consumer_key=\"consumer-key\",")));
        assert!(!text.contains("oauth_token"));
    }
}

#[test]
fn google_urls_hold_the_user_as_it_is() {
    let imap = XOAuth::google_request_url("a+b@gmail.com", Service::Imap).unwrap();
    assert_eq!(imap, "https://mail.google.com/mail/b/a+b@gmail.com/imap/");
    let smtp = XOAuth::google_request_url("u@d", Service::Smtp).unwrap();
    assert_eq!(smtp, "https://mail.google.com/mail/b/u@d/smtp/");
    for user in ["", "a/b", "a b", "a?b", "a#b", "a%b", "a\nb", "a\\b"] {
        assert!(XOAuth::google_request_url(user, Service::Imap).is_err(), "{user:?}");
    }
}

/// Each argument, with a value that is refused; the error names the argument.
fn refusals(bad: &str) -> Vec<(&'static str, Option<Error>)> {
    vec![
        ("user", XOAuth2::new(bad, "t").err()),
        ("access token", XOAuth2::new("u", bad).err()),
        ("vendor field name", xoauth2().vendor(bad, "v").err()),
        ("vendor field value", xoauth2().vendor("v", bad).err()),
        ("user", OAuthBearer::new(bad, "t").err()),
        ("access token", OAuthBearer::new("u", bad).err()),
        ("access token", OAuthBearer::without_user(bad).err()),
        ("user", OAuthBearer::discover(bad).err()),
        ("host", bearer().host(bad).err()),
        ("user", OAuth10A::new(bad, consumer(), token()).err()),
        ("host", oauth10a().host(bad).err()),
        ("realm", oauth10a().realm(bad).err()),
        ("requestor", XOAuth::two_legged("https://h/", bad, consumer()).err()),
        ("url", XOAuth::new(bad, consumer(), None).err()),
        ("consumer key", Consumer::new(bad, "s").err().map(Error::from)),
        ("token", Token::new(bad, "s").err().map(Error::from)),
    ]
}

#[test]
fn control_characters_are_refused_by_name_and_place() {
    for bad in ['\r', '\n', '\0', '\u{1}', '\x7f', '\x1b'] {
        for (argument, refused) in refusals(&format!("Zq{bad}Qz")) {
            let error = refused.unwrap_or_else(|| panic!("{argument} took {bad:?}"));
            let shown = error.to_string();
            assert!(shown.starts_with(argument), "{argument}: {shown}");
            assert!(shown.contains("at octet 2") || argument == "url", "{argument}: {shown}");
            assert!(!shown.contains("Zq") && !shown.contains("Qz"), "{shown}");
        }
    }
}

#[test]
fn empty_arguments_are_refused() {
    for (argument, refused) in refusals("") {
        let shown = refused.unwrap_or_else(|| panic!("{argument} may be empty")).to_string();
        assert!(shown.starts_with(argument), "{argument}: {shown}");
    }
}

#[test]
fn messages_word_for_word() {
    let cases = [
        (
            XOAuth2::new("u", "token\n").err(),
            "access token holds a line feed at octet 5, expected visible ASCII characters only",
        ),
        (
            XOAuth2::new("u", "tökén").err(),
            "access token holds U+00F6 at octet 1, expected visible ASCII characters only",
        ),
        (
            XOAuth2::new("u\u{1}auth=x", "t").err(),
            "user holds U+0001 at octet 1, expected no control character",
        ),
        (
            bearer().host("mail.example.com/").err(),
            "host holds '/' at octet 16, expected a host name or address",
        ),
        (
            XOAuth::new("ftp://h/", consumer(), None).err(),
            "url holds 'f' at octet 0, expected http:// or https://",
        ),
    ];
    for (error, expected) in cases {
        assert_eq!(error.unwrap().to_string(), expected);
    }
}

#[test]
fn host_of_the_connection_is_checked_too() {
    let stamp = Stamp::new(Nonce::new("n").unwrap(), 0);
    for host in ["", "a\u{1}b", "a/b", "u@h"] {
        let context = Context::new(&stamp, host, 993);
        assert!(Exchange::start(&bearer(), &context).is_err(), "{host:?}");
        assert!(Exchange::start(&oauth10a(), &context).is_err(), "{host:?}");
        assert!(Exchange::start(&xoauth2(), &context).is_ok(), "{host:?}");
    }
}

#[test]
fn a_login_serves_many_exchanges_and_signs_each() {
    let login: Arc<dyn Mechanism> = Arc::new(xoauth());
    let sent: Vec<_> = ["first", "second"]
        .iter()
        .map(|nonce| {
            let stamp = Stamp::new(Nonce::new(nonce).unwrap(), 1);
            let context = Context::new(&stamp, "h", 993);
            Exchange::start(&login, &context).unwrap().initial_response().to_owned()
        })
        .collect();
    assert_ne!(sent[0], sent[1]);
}

#[test]
fn refused_logins_are_acknowledged_as_each_mechanism_wants() {
    let logins: [(Box<dyn Mechanism>, &str); 4] = [
        (Box::new(xoauth()), ""),
        (Box::new(oauth10a()), "AQ=="),
        (Box::new(bearer()), "AQ=="),
        (Box::new(xoauth2()), ""),
    ];
    for (login, acknowledgement) in logins {
        // Inline, or asked for by an empty challenge: the same from there on.
        for inline in [true, false] {
            let mut exchange = start(&login);
            let length = exchange.initial_len();
            let sent = if inline {
                exchange.initial_response().to_owned()
            } else {
                match exchange.on_challenge(b"").unwrap() {
                    Reply::Response(text) => text.to_owned(),
                    Reply::Cancel => panic!("cancelled"),
                }
            };
            assert_eq!(sent.len(), length);
            assert!(exchange.refusal().is_none() && !exchange.has_failed());
            assert_eq!(exchange.on_challenge(DOCUMENT), Ok(Reply::Response(acknowledgement)));
            assert!(exchange.has_failed());
            assert_eq!(exchange.refusal().unwrap().status(), Some("401"));
            assert_eq!(exchange.cancelled(), None);
        }
    }
}

#[test]
fn a_server_gets_the_credentials_once_and_two_answers_at_most() {
    for challenge in [&b""[..], DOCUMENT, b"AAAA", b"!"] {
        let mut exchange = start(&xoauth2());
        exchange.initial_response();
        exchange.on_challenge(DOCUMENT).unwrap();
        assert_eq!(exchange.on_challenge(challenge), Ok(Reply::Cancel));
        assert_eq!(exchange.cancelled(), Some(CancelReason::SecondChallenge));
        assert!(exchange.has_failed());
        assert_eq!(exchange.on_challenge(challenge), Err(Error::Cancelled));
        assert_eq!(exchange.refusal().unwrap().status(), Some("401"));
    }
    // A server that takes the initial response and asks again is not given it again.
    let mut exchange = start(&xoauth2());
    exchange.initial_response();
    assert_eq!(exchange.on_challenge(b""), Ok(Reply::Response("")));
    assert_eq!(exchange.refusal().unwrap().raw(), b"");
    // No document says why: a success would be one.
    assert!(!exchange.has_failed());
}

#[test]
fn what_is_not_base64_cancels() {
    for text in [
        &b"%%%"[..],
        b"\xff",
        b"e30",
        b"e30==",
        b"=e30",
        b"e3=0",
        b"AAA=BBB=",
        b" e30=",
        b"e30= ",
        b"e30\0",
        b"e30=\r",
        b"e\r30=",
        b"eyJ-_w==",
        b"e30=e30=",
        b"hello world",
    ] {
        let mut exchange = start(&bearer());
        exchange.initial_response();
        assert_eq!(exchange.on_challenge(text), Ok(Reply::Cancel), "{text:?}");
        assert_eq!(exchange.cancelled(), Some(CancelReason::NotBase64));
        assert!(exchange.refusal().is_none());
        assert_eq!(exchange.on_challenge(b""), Err(Error::Cancelled));
    }
}

#[test]
fn folded_challenge_is_read_unless_it_may_not_be() {
    for folded in [&b"eyJzdGF0\ndXMiOiI0\nMDEifQ==\n"[..], b"eyJzdGF0\r\ndXMiOiI0MDEifQ=="] {
        let mut exchange = start(&xoauth2());
        exchange.initial_response();
        assert_eq!(exchange.on_challenge(folded), Ok(Reply::Response("")));
        assert_eq!(exchange.refusal().unwrap().status(), Some("401"));
        assert!(exchange.tolerated().folded_challenge);

        let mut strict = start(&xoauth2()).tolerance(Tolerance::NONE);
        strict.initial_response();
        assert_eq!(strict.on_challenge(folded), Ok(Reply::Cancel));
        assert_eq!(strict.tolerated(), Tolerance::NONE);
    }
}

#[test]
fn text_before_the_response_cancels_unless_tolerated() {
    for text in [&b"go ahead"[..], b"VXNlciBOYW1lAA==", DOCUMENT] {
        let mut exchange = start(&xoauth2());
        assert_eq!(exchange.on_challenge(text), Ok(Reply::Cancel));
        assert_eq!(exchange.cancelled(), Some(CancelReason::TextBeforeResponse));

        let mut tolerance = Tolerance::default();
        tolerance.text_before_response = true;
        let mut lenient = start(&xoauth2()).tolerance(tolerance);
        let reply = lenient.on_challenge(text).unwrap();
        assert!(matches!(reply, Reply::Response(message) if message.starts_with("dXNlcj11")));
        assert!(lenient.tolerated().text_before_response);
        assert!(lenient.on_challenge(text).is_ok());
    }
}

/// A mechanism of a user's own.
#[derive(Debug)]
struct Own {
    name: &'static str,
    message: &'static str,
}

impl Mechanism for Own {
    fn name(&self) -> &str {
        self.name
    }

    fn initial_response(&self, _: &Context<'_>) -> Result<Secret, Error> {
        Ok(Secret::new(self.message))
    }

    fn error_acknowledgement(&self) -> &str {
        "ok"
    }

    fn sensitive(&self, _: &mut dyn FnMut(&str)) {}
}

#[test]
fn own_mechanisms_work_and_an_empty_message_is_an_equals_sign_inline() {
    let mut exchange = start(&Own { name: "EXTERNAL", message: "" });
    assert_eq!(exchange.initial_len(), 1);
    assert_eq!(exchange.initial_response(), "=");
    assert_eq!(exchange.on_challenge(b"AAAA"), Ok(Reply::Response("b2s=")));
    let mut exchange = start(&Own { name: "EXTERNAL", message: "" });
    assert_eq!(exchange.on_challenge(b""), Ok(Reply::Response("")));
}

#[test]
fn a_name_that_could_break_the_line_is_refused() {
    let stamp = Stamp::new(Nonce::new("n").unwrap(), 0);
    for name in ["", "X\r\nA LOGOUT", "X Y", "xoauth2", "X\0", "Ü"] {
        let own = Own { name, message: "m" };
        let started = Exchange::start(&own, &Context::new(&stamp, "h", 993));
        assert!(started.is_err(), "{name:?}");
    }
}

#[test]
fn nothing_prints_a_secret() {
    let logins: [Box<dyn Mechanism>; 4] =
        [Box::new(xoauth()), Box::new(oauth10a()), Box::new(bearer()), Box::new(xoauth2())];
    for login in logins {
        let mut exchange = start(&login);
        let encoded = exchange.initial_response().to_owned();
        let reply = format!("{:?}", Reply::Response(&encoded));
        for shown in [format!("{login:?}"), format!("{login:#?}"), format!("{exchange:?}"), reply] {
            for secret in ["consumer-secret", "token-secret", "token-key", "access-token", &encoded]
            {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }
}

#[test]
fn echoed_secrets_are_masked() {
    let logins: [Box<dyn Mechanism>; 4] =
        [Box::new(xoauth()), Box::new(oauth10a()), Box::new(bearer()), Box::new(xoauth2())];
    for login in logins {
        let mut exchange = start(&login);
        let mask = exchange.mask();
        let encoded = exchange.initial_response().to_owned();
        let text = message(&login).unwrap();
        let echoes = [
            format!("BAD too many arguments: b'{encoded}'"),
            format!("BAD {}", encoded.to_lowercase()),
            format!("NO {text}"),
            format!("NO ...{}", &encoded[24..56]),
        ];
        for echo in echoes {
            let shown = String::from_utf8(mask.apply(echo.as_bytes()).into_owned()).unwrap();
            assert!(shown.contains("[secret]"), "{shown}");
            for secret in ["token-key", "access-token", &encoded[24..56]] {
                assert!(!shown.contains(secret), "{shown}");
            }
            assert!(!text.contains("oauth_signature=") || !shown.contains("%3D\""), "{shown}");
        }
        // What is no secret stays readable.
        let innocent = b"NO u@example.com may not log in to mail.example.com on port 993";
        assert_eq!(&*mask.apply(innocent), innocent);
    }
}

#[test]
fn a_token_in_the_error_document_is_masked() {
    let mut exchange = start(&xoauth2());
    exchange.initial_response();
    // {"status":"401","scope":"access-token\u001b"}, and the token written with an escape.
    let challenge = b"eyJzdGF0dXMiOiI0MDEiLCJzY29wZSI6ImFjY2Vzcy10b2tlblx1MDAxYiJ9";
    exchange.on_challenge(challenge).unwrap();
    let refusal = exchange.refusal().unwrap();
    assert_eq!(refusal.scope(), Some("[secret]\u{1b}"));
    assert_eq!(refusal.to_string(), "status '401', scope '[secret]\\x1b'");
    assert!(!format!("{refusal:?}").contains("access-token"));
    assert!(!String::from_utf8_lossy(refusal.raw()).contains("access-token"));
}

#[test]
fn a_token_of_another_login_is_masked_in_the_error_document_too() {
    let mut others = Mask::default();
    others.add("token-of-another-login");
    let document = r#"{"status":"401","scope":"token-of-another-login access-token"}"#;
    let mut exchange = start(&xoauth2());
    exchange.protect(&others);
    exchange.initial_response();
    exchange.on_challenge(encode_challenge(document.as_bytes()).as_bytes()).unwrap();
    let refusal = exchange.refusal().unwrap();
    assert_eq!(refusal.scope(), Some("[secret] [secret]"));
    assert!(!format!("{refusal:?} {exchange:?}").contains("another-login"));
}

#[test]
fn values_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Exchange>();
    crosses::<Box<dyn Mechanism>>();
    crosses::<Mask>();
    crosses::<xoauth_sasl::wire::Outgoing>();
    crosses::<xoauth_sasl::wire::TransportFault>();
    crosses::<Error>();
}
