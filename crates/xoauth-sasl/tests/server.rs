//! The server's side: reading messages, judging logins, whole exchanges with our own client.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::cell::RefCell;
use std::error::Error as _;

use xoauth_sasl::oauth1::{CredentialStore, MemoryNonceStore, RequestUrl, Verifier, VerifyError};
use xoauth_sasl::{
    BearerJudge, BearerRequest, ClientMessage, Consumer, Context, Credential, ErrorChallenge,
    ErrorDocument, Exchange, Identity, IdentityRequest, LoginRequest, Mechanism, Nonce, OAuth10A,
    OAuthBearer, ParseError, Refusal, Secret, Server, ServerExchange, ServerStep, SignatureMethod,
    Stamp, Token, Verdict, XOAuth, XOAuth2, decode_initial_response, decode_response,
    encode_challenge, parse_client_message,
};

const NOW: u64 = 1_700_000_000;
const USER: &str = "u@example.com";
const URL: &str = "https://mail.example.com/mail/b/u@example.com/imap/";

/// A mail server with one user, one consumer and one token of each kind.
struct Site {
    verifier: Verifier,
    nonces: RefCell<MemoryNonceStore>,
}

impl Site {
    fn new() -> Self {
        let nonces = RefCell::new(MemoryNonceStore::with_capacity(100));
        Self { verifier: Verifier::new(), nonces }
    }

    fn server(&self) -> Server<'_> {
        Server::new()
            .endpoint("mail.example.com", 993)
            .endpoint("::1", 1993)
            .oauth1(&self.verifier, self, &self.nonces, self)
            .bearer(self)
            .scope("mail")
    }
}

impl CredentialStore for Site {
    fn consumer(&self, key: &str) -> Option<Secret> {
        (key == "consumer").then(|| Secret::new("consumer secret"))
    }

    fn token(&self, _: &str, key: &str) -> Option<Secret> {
        (key == "token").then(|| Secret::new("token secret"))
    }
}

impl Identity for Site {
    fn identify(&self, request: &IdentityRequest<'_>) -> Verdict {
        // Whoever logs it shows who asks, and nothing behind the path of the URL.
        let shown = format!("{request:?}");
        assert!(shown.starts_with("IdentityRequest") && shown.contains(request.mechanism));
        assert!(request.user.is_none_or(|user| shown.contains(user)), "{shown}");
        assert!(!shown.contains('?'), "{shown}");
        let may = request.verified.consumer_key() == "consumer" && request.user == Some(USER);
        if may && (request.mechanism == "OAUTH10A" || request.url.starts_with(URL)) {
            Verdict::Accept { user: USER.into() }
        } else {
            Verdict::Refuse(ErrorDocument::new("403"))
        }
    }
}

impl BearerJudge for Site {
    fn judge(&self, request: &BearerRequest<'_>) -> Verdict {
        match (request.token.expose(), request.user) {
            ("good", None | Some(USER)) => Verdict::Accept { user: USER.into() },
            ("down", _) => Verdict::Unavailable("issuer cannot be reached".into()),
            _ => Verdict::Refuse(ErrorDocument::new("401").schemes("bearer").scope("mail")),
        }
    }
}

fn consumer() -> Consumer {
    Consumer::new("consumer", "consumer secret").unwrap()
}

fn token() -> Token {
    Token::new("token", "token secret").unwrap()
}

fn oauth10a() -> OAuth10A {
    OAuth10A::new(USER, consumer(), token()).unwrap()
}

/// What became of a login, and the document that the client read.
#[derive(Debug)]
struct Outcome {
    step: ServerStep,
    document: Option<ErrorChallenge>,
}

/// Lets the client speak with the server over base64 lines, with or without an initial response.
fn converse(login: &dyn Mechanism, site: &Site, inline: bool, nonce: &str, at: u64) -> Outcome {
    let stamp = Stamp::new(Nonce::new(nonce).unwrap(), at);
    let context = Context::new(&stamp, "mail.example.com", 993);
    let mut client = Exchange::start(login, &context).unwrap();
    let mut server = ServerExchange::new(client.mechanism()).unwrap();
    let mut response = if inline {
        decode_initial_response(client.initial_response().as_bytes()).unwrap()
    } else {
        Secret::default()
    };
    for _ in 0..3 {
        match server.step(response.expose().as_bytes(), &site.server(), NOW) {
            ServerStep::Challenge(challenge) => {
                let challenge = encode_challenge(&challenge);
                let reply = client.on_challenge(challenge.as_bytes()).unwrap();
                let xoauth_sasl::Reply::Response(text) = reply else { panic!("cancelled") };
                response = decode_response(text.as_bytes()).unwrap();
            }
            step => return Outcome { step, document: client.refusal().cloned() },
        }
    }
    panic!("no end");
}

#[test]
fn right_logins_are_accepted_inline_and_when_asked() {
    let site = Site::new();
    let url = "https://mail.example.com/mail/b/u%40example.com/imap/";
    let logins: [Box<dyn Mechanism>; 10] = [
        Box::new(XOAuth::new(URL, consumer(), Some(token())).unwrap()),
        Box::new(XOAuth::new(URL, consumer(), Some(token())).unwrap().with_body_hash()),
        Box::new(XOAuth::two_legged(URL, USER, consumer()).unwrap()),
        Box::new(oauth10a()),
        Box::new(oauth10a().realm("mail").unwrap().signature_method(SignatureMethod::HmacSha256)),
        Box::new(oauth10a().host("MAIL.example.com").unwrap()),
        Box::new(oauth10a().host("[::1]").unwrap().port(1993)),
        Box::new(OAuthBearer::new(USER, "good").unwrap()),
        Box::new(OAuthBearer::without_user("good").unwrap().without_endpoint()),
        Box::new(XOAuth2::new(USER, "good").unwrap().vendor("vendor", "x").unwrap()),
    ];
    for (index, login) in logins.iter().enumerate() {
        for inline in [true, false] {
            let nonce = format!("{index}{inline}");
            let outcome = converse(login, &site, inline, &nonce, NOW - 10);
            let accepted = ServerStep::Accepted { user: USER.into() };
            assert_eq!(outcome.step, accepted, "{login:?}");
            assert!(outcome.document.is_none());
        }
    }
    // The signature is right, the user is written otherwise: the embedder's rule decides.
    let encoded = XOAuth::new(url, consumer(), Some(token())).unwrap();
    let outcome = converse(&encoded, &site, true, "encoded", NOW);
    assert_eq!(outcome.step, ServerStep::Refused(Refusal::Identity));
}

#[test]
fn refused_logins_get_a_document_and_then_the_end() {
    let site = Site::new();
    let wrong = Token::new("token", "wrong").unwrap();
    let unknown = Token::new("unknown", "token secret").unwrap();
    let stranger = Consumer::new("stranger", "s").unwrap();
    let oauth1 = Refusal::OAuth1;
    let cases: [(Box<dyn Mechanism>, Refusal, &str); 13] = [
        (
            Box::new(XOAuth::new(URL, consumer(), Some(wrong.clone())).unwrap()),
            oauth1(VerifyError::Signature),
            r#"{"status":"401","schemes":"oauth","scope":"mail"}"#,
        ),
        (
            Box::new(XOAuth::new(URL, consumer(), Some(unknown)).unwrap()),
            oauth1(VerifyError::UnknownToken),
            r#"{"status":"401","schemes":"oauth","scope":"mail"}"#,
        ),
        (
            Box::new(XOAuth::new(URL, stranger, Some(token())).unwrap()),
            oauth1(VerifyError::UnknownConsumer),
            r#"{"status":"401","schemes":"oauth","scope":"mail"}"#,
        ),
        (
            Box::new(
                XOAuth::new(URL, consumer(), Some(token()))
                    .unwrap()
                    .signature_method(SignatureMethod::Plaintext),
            ),
            oauth1(VerifyError::SignatureMethod),
            r#"{"status":"400","schemes":"oauth","scope":"mail"}"#,
        ),
        (
            Box::new(XOAuth::two_legged(URL, "other@example.com", consumer()).unwrap()),
            Refusal::Identity,
            r#"{"status":"403"}"#,
        ),
        (
            Box::new(OAuth10A::new(USER, consumer(), wrong).unwrap()),
            oauth1(VerifyError::Signature),
            r#"{"status":"invalid_token","scope":"mail"}"#,
        ),
        (
            Box::new(oauth10a().host("imap.example.com").unwrap()),
            Refusal::Endpoint,
            r#"{"status":"invalid_request","scope":"mail"}"#,
        ),
        (
            Box::new(oauth10a().port(143)),
            Refusal::Endpoint,
            r#"{"status":"invalid_request","scope":"mail"}"#,
        ),
        (
            Box::new(OAuth10A::new("other", consumer(), token()).unwrap()),
            Refusal::Identity,
            r#"{"status":"403"}"#,
        ),
        (
            Box::new(OAuthBearer::new(USER, "bad").unwrap()),
            Refusal::Bearer,
            r#"{"status":"401","schemes":"bearer","scope":"mail"}"#,
        ),
        (
            Box::new(OAuthBearer::new(USER, "good").unwrap().host("imap.example.com").unwrap()),
            Refusal::Endpoint,
            r#"{"status":"invalid_request","scope":"mail"}"#,
        ),
        (
            Box::new(OAuthBearer::discover(USER).unwrap()),
            Refusal::Discovery,
            r#"{"status":"invalid_token","scope":"mail"}"#,
        ),
        (
            Box::new(XOAuth2::new("other", "good").unwrap()),
            Refusal::Bearer,
            r#"{"status":"401","schemes":"bearer","scope":"mail"}"#,
        ),
    ];
    for (index, (login, refusal, document)) in cases.into_iter().enumerate() {
        for inline in [true, false] {
            let outcome = converse(&login, &site, inline, &format!("{index}{inline}"), NOW);
            assert_eq!(outcome.step, ServerStep::Refused(refusal.clone()), "{login:?}");
            let raw = outcome.document.unwrap().raw().to_vec();
            assert_eq!(String::from_utf8(raw).unwrap(), document, "{login:?}");
        }
    }
}

#[test]
fn replays_and_old_signatures_are_refused() {
    let site = Site::new();
    for login in
        [&oauth10a() as &dyn Mechanism, &XOAuth::new(URL, consumer(), Some(token())).unwrap()]
    {
        let name = login.name();
        let accepted = ServerStep::Accepted { user: USER.into() };
        assert_eq!(converse(login, &site, true, name, NOW).step, accepted);
        let replayed = ServerStep::Refused(Refusal::OAuth1(VerifyError::Replayed));
        assert_eq!(converse(login, &site, true, name, NOW).step, replayed);
        for at in [NOW - 301, NOW + 301] {
            let refused =
                ServerStep::Refused(Refusal::OAuth1(VerifyError::OutOfWindow { window: 300 }));
            assert_eq!(converse(login, &site, true, "n", at).step, refused);
        }
    }
}

#[test]
fn a_refused_endpoint_burns_no_nonce() {
    let site = Site::new();
    let outcome = converse(&oauth10a().port(143), &site, true, "n", NOW);
    assert_eq!(outcome.step, ServerStep::Refused(Refusal::Endpoint));
    assert!(site.nonces.borrow().is_empty());
}

#[test]
fn a_server_that_knows_no_endpoint_takes_any_bearer_and_no_signature() {
    let site = Site::new();
    let server = Server::new().oauth1(&site.verifier, &site, &site.nonces, &site).bearer(&site);
    let stamp = Stamp::new(Nonce::new("n").unwrap(), NOW);
    let context = Context::new(&stamp, "mail.example.com", 993);
    let step = |login: &dyn Mechanism| {
        let message = login.initial_response(&context).unwrap();
        let mut exchange = ServerExchange::new(login.name()).unwrap();
        match exchange.step(message.expose().as_bytes(), &server, NOW) {
            ServerStep::Challenge(_) => exchange.step(b"\x01", &server, NOW),
            step => step,
        }
    };
    let accepted = ServerStep::Accepted { user: USER.into() };
    assert_eq!(step(&OAuthBearer::new(USER, "good").unwrap()), accepted);
    assert_eq!(step(&oauth10a()), ServerStep::Refused(Refusal::Endpoint));
}

#[test]
fn a_host_or_port_alone_must_be_the_servers_too() {
    let site = Site::new();
    let cases = [
        ("host=mail.example.com", true),
        ("port=993", true),
        ("host=imap.example.com", false),
        ("port=143", false),
    ];
    for (said, accepted) in cases {
        let message = format!("n,,\x01{said}\x01auth=Bearer good\x01\x01");
        let mut exchange = ServerExchange::new("OAUTHBEARER").unwrap();
        let step = exchange.step(message.as_bytes(), &site.server(), NOW);
        assert_eq!(
            step == ServerStep::Accepted { user: USER.into() },
            accepted,
            "{said}: {step:?}"
        );
    }
}

#[test]
fn a_refusal_names_where_to_get_a_token() {
    let site = Site::new();
    let url = "https://example.com/.well-known/openid-configuration";
    let server = site.server().openid_configuration(url);
    let mut exchange = ServerExchange::new("OAUTHBEARER").unwrap();
    let step = exchange.step(b"n,,\x01auth=\x01\x01", &server, NOW);
    let ServerStep::Challenge(document) = step else { panic!("{step:?}") };
    assert_eq!(ErrorChallenge::parse(&document).openid_configuration(), Some(url));
}

/// A log that shows the chain of an error says each reason once.
#[test]
fn refusals_say_why_and_what_is_behind_it() {
    let request = VerifyError::Request(RequestUrl::new("x").unwrap_err());
    let table = [
        (Refusal::Mechanism, "mechanism is not offered"),
        (
            Refusal::Malformed(ParseError::Base64),
            "malformed response, expected base64 of UTF-8 text",
        ),
        (
            Refusal::Malformed(ParseError::Request(VerifyError::Replayed)),
            "request cannot be judged: nonce was used before",
        ),
        (Refusal::OAuth1(VerifyError::Signature), "signature does not match"),
        (
            Refusal::OAuth1(request),
            "request line cannot be signed: url holds 'x' at octet 0, expected http:// or https://",
        ),
        (Refusal::Endpoint, "meant for another host or port"),
        (Refusal::Bearer, "access token refused"),
        (Refusal::Identity, "credentials are not for the requested user"),
        (Refusal::Discovery, "asked for the scope only"),
        (Refusal::Finished, "response after the end of the exchange"),
    ];
    for (refusal, expected) in table {
        let mut told = refusal.to_string();
        let mut source = refusal.source();
        while let Some(fault) = source {
            told += &format!(": {fault}");
            source = fault.source();
        }
        assert_eq!(told, expected);
    }
}

#[test]
fn what_cannot_be_judged_now_is_unavailable_and_gets_no_challenge() {
    let site = Site::new();
    let outcome = converse(&XOAuth2::new(USER, "down").unwrap(), &site, true, "n", NOW);
    let text = "issuer cannot be reached".into();
    assert_eq!(outcome.step, ServerStep::Unavailable { text });
    assert!(outcome.document.is_none());

    let full = RefCell::new(MemoryNonceStore::with_capacity(0));
    let server = Server::new().endpoint("mail.example.com", 993);
    let server = server.oauth1(&site.verifier, &site, &full, &site);
    let stamp = Stamp::new(Nonce::new("n").unwrap(), NOW);
    let message =
        oauth10a().initial_response(&Context::new(&stamp, "mail.example.com", 993)).unwrap();
    let mut exchange = ServerExchange::new("OAUTH10A").unwrap();
    let step = exchange.step(message.expose().as_bytes(), &server, NOW);
    let text = "nonce cannot be checked now".into();
    assert_eq!(step, ServerStep::Unavailable { text });
}

#[test]
fn a_server_offers_and_takes_what_it_can_judge() {
    let site = Site::new();
    let names = |server: &Server<'_>| server.mechanisms().collect::<Vec<_>>();
    assert_eq!(names(&site.server()), ["XOAUTH", "OAUTH10A", "OAUTHBEARER", "XOAUTH2"]);
    let bearer = Server::new().bearer(&site);
    assert_eq!(names(&bearer), ["OAUTHBEARER", "XOAUTH2"]);
    assert_eq!(names(&Server::new()), [""; 0]);
    for mechanism in ["XOAUTH", "OAUTH10A"] {
        let mut exchange = ServerExchange::new(mechanism).unwrap();
        let step = exchange.step(b"n,,\x01auth=\x01\x01", &bearer, NOW);
        assert_eq!(step, ServerStep::Refused(Refusal::Mechanism));
    }
    assert_eq!(ServerExchange::new("xoauth2").unwrap().mechanism(), "XOAUTH2");
    for unknown in ["PLAIN", "", "XOAUTH3", "XOAUTH2 "] {
        assert_eq!(ServerExchange::new(unknown).err(), Some(ParseError::Mechanism));
    }
}

#[test]
fn malformed_messages_are_refused_at_once_and_the_exchange_is_over() {
    let site = Site::new();
    for message in [&b"nonsense"[..], b"\xff", b"user=u\x01", b"\x01"] {
        for mechanism in site.server().mechanisms() {
            let mut exchange = ServerExchange::new(mechanism).unwrap();
            let step = exchange.step(message, &site.server(), NOW);
            assert!(matches!(step, ServerStep::Refused(Refusal::Malformed(_))), "{step:?}");
            let step = exchange.step(b"", &site.server(), NOW);
            assert_eq!(step, ServerStep::Refused(Refusal::Finished));
        }
    }
    // An empty response asks once for the message.
    let mut exchange = ServerExchange::new("XOAUTH2").unwrap();
    assert_eq!(exchange.step(b"", &site.server(), NOW), ServerStep::Challenge(Vec::new()));
    let step = exchange.step(b"", &site.server(), NOW);
    assert!(matches!(step, ServerStep::Refused(Refusal::Malformed(_))));
}

#[test]
fn messages_are_read_part_by_part() {
    // mechanism, message, gs2-header, user, host, port, token
    type Case<'a> = (
        &'a str,
        &'a str,
        Option<&'a str>,
        Option<&'a str>,
        Option<&'a str>,
        Option<u16>,
        Option<&'a str>,
    );
    let cases: [Case<'_>; 12] = [
        ("OAUTHBEARER", "n,,\x01auth=Bearer t\x01\x01", Some("n,,"), None, None, None, Some("t")),
        (
            "OAUTHBEARER",
            "n,a=u@d,\x01host=h\x01port=143\x01auth=Bearer a/b+c==\x01\x01",
            Some("n,a=u@d,"),
            Some("u@d"),
            Some("h"),
            Some(143),
            Some("a/b+c=="),
        ),
        (
            "oauthbearer",
            "y,a=a=2Cb=3Dc=3D2Cü,\x01auth=bEARER  t\x01\x01",
            Some("y,a=a=2Cb=3Dc=3D2Cü,"),
            Some("a,b=c=2Cü"),
            None,
            None,
            Some("t"),
        ),
        (
            "OAUTHBEARER",
            "F,n,,\x01auth=BEARER t\x01\x01",
            Some("F,n,,"),
            None,
            None,
            None,
            Some("t"),
        ),
        (
            "OAUTHBEARER",
            "n,,\x01qs=a b\tc\r\n\x01auth=Bearer t\x01mthd=\x01x=y=z\x01\x01",
            Some("n,,"),
            None,
            None,
            None,
            Some("t"),
        ),
        (
            "OAUTHBEARER",
            "n,a=u,\x01host=h\x01auth=\x01\x01",
            Some("n,a=u,"),
            Some("u"),
            Some("h"),
            None,
            None,
        ),
        ("OAUTH10A", "n,a=u,\x01auth=\x01\x01", Some("n,a=u,"), Some("u"), None, None, None),
        ("XOAUTH2", "user=u@d\x01auth=Bearer t\x01\x01", None, Some("u@d"), None, None, Some("t")),
        ("XOAUTH2", "auth=bearer t\x01user=ü\x01\x01", None, Some("ü"), None, None, Some("t")),
        (
            "XOAUTH2",
            "user=u\x01auth=Bearer t\x01vendor=a b\x01x=\x01\x01",
            None,
            Some("u"),
            None,
            None,
            Some("t"),
        ),
        (
            "XOAUTH",
            "GET https://h/b/u@d/smtp/ oauth_token=\"t\"",
            None,
            Some("u@d"),
            None,
            None,
            None,
        ),
        (
            "XOAUTH",
            "GET https://h/?xoauth_requestor_id=u%40d oauth_consumer_key=\"c\"",
            None,
            Some("u@d"),
            None,
            None,
            None,
        ),
    ];
    for (mechanism, message, gs2_header, user, host, port, token) in cases {
        let login = login(mechanism, message);
        assert_eq!(login.gs2_header(), gs2_header, "{message:?}");
        assert_eq!(login.user(), user, "{message:?}");
        assert_eq!(login.host(), host, "{message:?}");
        assert_eq!(login.port(), port, "{message:?}");
        match (login.credential(), token) {
            (Credential::Bearer(found), Some(token)) => assert_eq!(found.expose(), token),
            (Credential::Signed(_) | Credential::Discovery, None) => {}
            (other, _) => panic!("{message:?}: {other:?}"),
        }
    }
    for mechanism in ["OAUTHBEARER", "OAUTH10A"] {
        let message = parse_client_message(mechanism, b"\x01").unwrap();
        assert!(matches!(message, ClientMessage::Acknowledgement));
    }
}

fn login(mechanism: &str, message: &str) -> LoginRequest {
    match parse_client_message(mechanism, message.as_bytes()) {
        Ok(ClientMessage::Login(login)) => login,
        other => panic!("{message:?}: {other:?}"),
    }
}

#[test]
fn xoauth_user_is_the_segment_behind_b_or_the_requestor() {
    let cases = [
        ("https://h/mail/b/u@d/imap/", true, Some("u@d")),
        ("https://h/mail/b/u%40d/imap/", true, Some("u@d")),
        ("https://h/b/u", true, Some("u")),
        ("https://h/b/u?xoauth_requestor_id=v", true, Some("u")),
        ("https://h/b/u?xoauth_requestor_id=v", false, Some("v")),
        ("https://h/b/u/imap/", false, None),
        ("https://h/?xoauth_requestor_id=v", true, None),
        ("https://h/b/", true, None),
        ("https://h/b", true, None),
        ("https://h/bb/u", true, None),
        ("https://h?/b/u", true, None),
        ("https://b/u", true, None),
        ("https://h/ws/mail/v1.1/soap", true, None),
    ];
    for (url, with_token, user) in cases {
        let list = if with_token { "oauth_token=\"t\"" } else { "oauth_token=\"\"" };
        let login = login("XOAUTH", &format!("GET {url} {list}"));
        assert_eq!(login.user(), user, "{url} {list}");
    }
}

/// Notes the URL that it is asked about.
struct Notes(RefCell<String>);

impl Identity for Notes {
    fn identify(&self, request: &IdentityRequest<'_>) -> Verdict {
        *self.0.borrow_mut() = request.url.into();
        Verdict::Accept { user: USER.into() }
    }
}

#[test]
fn an_identity_is_told_nothing_of_a_url_that_was_not_signed() {
    let signed = "https://h.example/mail/b/u@example.com/imap/?a=u%40b";
    let cases = [
        signed,
        "https://mail.example.com:443@h.example/mail/b/u@example.com/imap/?a=u%40b",
        "HTTPS://u:p@H.example:443/mail/b/u@example.com/imap/?a=u%40b",
        "https://h.example/mail/b/u@example.com/imap/?a=u%40b#https://mail.example.com/?x",
    ];
    for url in cases {
        let site = Site::new();
        let notes = Notes(RefCell::default());
        let server = Server::new().oauth1(&site.verifier, &site, &site.nonces, &notes);
        let login = XOAuth::new(signed, consumer(), Some(token())).unwrap();
        let stamp = Stamp::new(Nonce::new("nonce").unwrap(), NOW);
        let mut client = Exchange::start(&login, &Context::new(&stamp, "h.example", 993)).unwrap();
        let message = decode_initial_response(client.initial_response().as_bytes()).unwrap();
        let message = message.expose().replace(signed, url);
        let mut exchange = ServerExchange::new("XOAUTH").unwrap();
        let step = exchange.step(message.as_bytes(), &server, NOW);
        assert!(matches!(step, ServerStep::Accepted { .. }), "{url} {step:?}");
        assert_eq!(*notes.0.borrow(), signed, "{url}");
    }
}

#[test]
fn faults_say_what_is_wrong_and_where() {
    let cases = [
        (
            "OAUTHBEARER",
            "",
            "malformed message at octet 0, expected a gs2-header without channel binding",
        ),
        (
            "OAUTHBEARER",
            "n",
            "malformed message at octet 0, expected a gs2-header without channel binding",
        ),
        (
            "OAUTHBEARER",
            "p=tls-unique,,\x01auth=Bearer t\x01\x01",
            "malformed message at octet 0, expected a gs2-header without channel binding",
        ),
        (
            "OAUTHBEARER",
            "n,user=u,\x01auth=Bearer t\x01\x01",
            "malformed message at octet 2, expected 'a=' or ','",
        ),
        ("OAUTHBEARER", "n,a=u", "malformed message at octet 5, expected ','"),
        (
            "OAUTHBEARER",
            "n,a=,\x01auth=Bearer t\x01\x01",
            "malformed message at octet 4, expected a user without control characters",
        ),
        (
            "OAUTHBEARER",
            "n,a=u=2c,\x01auth=Bearer t\x01\x01",
            "malformed message at octet 4, expected '=' and ',' as '=3D' and '=2C'",
        ),
        (
            "OAUTHBEARER",
            "n,a=u\0,\x01auth=Bearer t\x01\x01",
            "malformed message at octet 4, expected a user without control characters",
        ),
        ("OAUTHBEARER", "n,,auth=Bearer t\x01\x01", "malformed message at octet 3, expected %x01"),
        ("OAUTHBEARER", "n,,\x01\x01", "key auth is missing, expected it once"),
        ("OAUTHBEARER", "n,,\x01auth=Bearer t\x01", "malformed message at octet 18, expected %x01"),
        ("OAUTHBEARER", "n,,\x01auth=Bearer t", "malformed message at octet 17, expected %x01"),
        (
            "OAUTHBEARER",
            "n,,\x01auth=Bearer t\x01\x01\x01",
            "malformed message at octet 19, expected the end",
        ),
        (
            "OAUTHBEARER",
            "n,,\x01auth=Bearer t\x01\x01x",
            "malformed message at octet 19, expected the end",
        ),
        ("OAUTHBEARER", "n,,\x01auth\x01\x01", "malformed message at octet 8, expected key=value"),
        ("OAUTHBEARER", "n,,\x01=v\x01\x01", "malformed message at octet 4, expected key=value"),
        ("OAUTHBEARER", "n,,\x01k1=v\x01\x01", "malformed message at octet 5, expected key=value"),
        (
            "OAUTHBEARER",
            "n,,\x01auth=Bearer ü\x01\x01",
            "malformed message at octet 16, expected a character of a value",
        ),
        (
            "OAUTHBEARER",
            "n,,\x01auth=Bearer\x01\x01",
            "malformed message at octet 15, expected an access token",
        ),
        (
            "OAUTHBEARER",
            "n,,\x01auth=Bearer a b\x01\x01",
            "malformed message at octet 16, expected an access token",
        ),
        (
            "OAUTHBEARER",
            "n,,\x01auth=OAuth t\x01\x01",
            "malformed message at octet 9, expected the scheme Bearer",
        ),
        (
            "OAUTHBEARER",
            "n,,\x01auth=Bearer t\x01auth=Bearer t\x01\x01",
            "key auth is given twice, expected it once",
        ),
        (
            "OAUTHBEARER",
            "n,,\x01host=h\x01host=h\x01auth=Bearer t\x01\x01",
            "key host is given twice, expected it once",
        ),
        (
            "OAUTHBEARER",
            "n,,\x01port=+1\x01auth=Bearer t\x01\x01",
            "malformed message at octet 9, expected a port number",
        ),
        (
            "OAUTHBEARER",
            "n,,\x01port=65536\x01auth=Bearer t\x01\x01",
            "malformed message at octet 9, expected a port number",
        ),
        (
            "OAUTH10A",
            "n,a=u,\x01port=143\x01auth=OAuth x=\"y\"\x01\x01",
            "key host is missing, expected it once",
        ),
        (
            "OAUTH10A",
            "n,a=u,\x01host=h\x01auth=OAuth x=\"y\"\x01\x01",
            "key port is missing, expected it once",
        ),
        (
            "OAUTH10A",
            "n,a=u,\x01host=a/b\x01port=1\x01auth=OAuth x=\"y\"\x01\x01",
            "malformed message at octet 12, expected a host name or address",
        ),
        (
            "OAUTH10A",
            "n,a=u,\x01host=a@b\x01port=1\x01auth=OAuth x=\"y\"\x01\x01",
            "malformed message at octet 12, expected a host name or address",
        ),
        (
            "OAUTH10A",
            "n,a=u,\x01host=h:1\x01port=1\x01auth=OAuth x=\"y\"\x01\x01",
            "malformed message at octet 12, expected a host name or address",
        ),
        (
            "OAUTH10A",
            "n,a=u,\x01host=\x01port=1\x01auth=OAuth x=\"y\"\x01\x01",
            "malformed message at octet 12, expected a host name or address",
        ),
        (
            "OAUTH10A",
            "n,a=u,\x01host=h\x01port=1\x01auth=Bearer t\x01\x01",
            "malformed message at octet 26, expected the scheme OAuth",
        ),
        (
            "OAUTH10A",
            "n,a=u,\x01host=h\x01port=1\x01auth=OAuth x\x01\x01",
            "request cannot be judged",
        ),
        ("XOAUTH2", "user=u\x01\x01", "key auth is missing, expected it once"),
        ("XOAUTH2", "auth=Bearer t\x01\x01", "key user is missing, expected it once"),
        (
            "XOAUTH2",
            "user=\x01auth=Bearer t\x01\x01",
            "malformed message at octet 5, expected a user",
        ),
        (
            "XOAUTH2",
            "user=u\x01user=v\x01auth=Bearer t\x01\x01",
            "key user is given twice, expected it once",
        ),
        (
            "XOAUTH2",
            "user=u\nv\x01auth=Bearer t\x01\x01",
            "malformed message at octet 6, expected a character of a value",
        ),
        ("XOAUTH", "GET", "malformed message at octet 3, expected a space"),
        ("XOAUTH", "GET https://h/", "malformed message at octet 14, expected a space"),
        ("XOAUTH", "GET ftp://h/ x=\"y\"", "request cannot be judged"),
        ("XOAUTH", "GET https://h/ x", "request cannot be judged"),
        ("XOAUTH", "GET https://h/ oauth_a=\"1\",oauth_a=\"1\"", "request cannot be judged"),
        ("XOAUTH", "GET https://h/?oauth_a=1 oauth_a=\"1\"", "request cannot be judged"),
        (
            "XOAUTH",
            "GET https://h/b/a%0Ab/ oauth_token=\"t\"",
            "malformed message at octet 4, expected a user without control characters in the URL",
        ),
        ("PLAIN", "", "unknown mechanism, expected XOAUTH, OAUTH10A, OAUTHBEARER or XOAUTH2"),
    ];
    for (mechanism, message, expected) in cases {
        match parse_client_message(mechanism, message.as_bytes()) {
            Err(fault) => assert_eq!(fault.to_string(), expected, "{message:?}"),
            Ok(read) => panic!("{message:?} was read as {read:?}"),
        }
    }
}

#[test]
fn no_part_of_a_message_is_a_message() {
    let whole = [
        ("OAUTHBEARER", "n,a=u@d,\x01host=h\x01port=143\x01auth=Bearer token\x01\x01"),
        ("OAUTH10A", "n,a=u,\x01host=h\x01port=1\x01auth=OAuth oauth_token=\"y\"\x01\x01"),
        ("XOAUTH2", "user=u@d\x01auth=Bearer token\x01vendor=x\x01\x01"),
    ];
    for (mechanism, message) in whole {
        for end in 0..message.len() {
            assert!(parse_client_message(mechanism, &message.as_bytes()[..end]).is_err());
        }
        for octet in [0, 1, b'\n', b' ', b'x', 0xff] {
            let longer = [message.as_bytes(), &[octet]].concat();
            assert!(parse_client_message(mechanism, &longer).is_err());
        }
    }
}

#[test]
fn too_long_a_message_is_refused() {
    let message = |length| format!("user=u\x01auth=Bearer {}\x01\x01", "t".repeat(length));
    let frame = message(0).len();
    let longest = message(65_536 - frame);
    assert!(parse_client_message("XOAUTH2", longest.as_bytes()).is_ok());
    let fault = parse_client_message("XOAUTH2", message(65_537 - frame).as_bytes()).err();
    assert_eq!(fault, Some(ParseError::TooLong { limit: 65_536 }));

    let encoded = encode_challenge(longest.as_bytes());
    assert_eq!(decode_response(encoded.as_bytes()).unwrap().expose(), longest);
    let fault = decode_response(&[encoded.as_bytes(), b"AAAA"].concat()).err();
    assert_eq!(fault, Some(ParseError::TooLong { limit: 65_536 }));
}

#[test]
fn responses_are_strict_base64() {
    assert_eq!(decode_response(b"").unwrap().expose(), "");
    assert_eq!(decode_response(b"AQ==").unwrap().expose(), "\x01");
    assert_eq!(decode_initial_response(b"=").unwrap().expose(), "");
    assert_eq!(decode_initial_response(b"").unwrap().expose(), "");
    for text in [&b"="[..], b"*", b"AQ=", b"AQ", b"=AQ=", b"A Q=", b"AQ==\n", b"AR==", b"/w=="] {
        assert_eq!(decode_response(text).err(), Some(ParseError::Base64), "{text:?}");
    }
}

#[test]
fn documents_survive_their_way() {
    let document = ErrorDocument::new("invalid_token")
        .schemes("bearer \"mac\"")
        .scope("a\nb\u{1}ü")
        .openid_configuration("https://example.com/.well-known/openid-configuration");
    let read = ErrorChallenge::parse(document.to_json().as_bytes());
    assert!(read.is_json());
    assert_eq!(read.status(), Some("invalid_token"));
    assert_eq!(read.schemes(), Some("bearer \"mac\""));
    assert_eq!(read.scope(), Some("a\nb\u{1}ü"));
    let url = "https://example.com/.well-known/openid-configuration";
    assert_eq!(read.openid_configuration(), Some(url));
    assert_eq!(read.unknown_members(), 0);
}

#[test]
fn nothing_prints_a_token() {
    let message = parse_client_message("XOAUTH2", b"user=u\x01auth=Bearer access-token\x01\x01");
    assert!(!format!("{message:?}").contains("access-token"));
    let list =
        b"GET https://h/?x=token-in-query oauth_token=\"token-key\",oauth_signature=\"s-i-g\"";
    let shown = format!("{:?}", parse_client_message("XOAUTH", list));
    for secret in ["token-in-query", "token-key", "s-i-g"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let site = Site::new();
    let shown = format!("{:?}", site.server());
    assert!(shown.starts_with("Server { endpoints: [(\"mail.example.com\", 993)"), "{shown}");
    assert!(!shown.contains("secret"), "{shown}");
}
