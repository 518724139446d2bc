//! OAuth 1.0a and SASL: what is signed, and what is sent of it.

use xoauth::sasl::oauth1::{
    Consumer, Nonce, Request, RequestUrl, Secret, SignatureMethod, Signer, Stamp, Token,
    percent_decode, percent_encode, percent_encode_into,
};
use xoauth::sasl::wire::{Excerpt, escape_into};
use xoauth::sasl::{
    Context, ErrorDocument, Exchange, Login, Mask, Mechanism, OAuth10A, OAuthBearer, Plain, Reply,
    Service, XOAuth, XOAuth2, encode_challenge,
};

use crate::Probe;
use crate::left::left;
use crate::server::{heard, refused};

/// Nothing in it ends a line, whatever carries it.
pub(crate) fn one_line(text: &str) {
    assert!(!text.contains(['\r', '\n', '\0']), "{text:?}");
}

/// One line, which is sent.
#[track_caller]
pub(crate) fn leaves(text: &str) {
    one_line(text);
    left(text.as_bytes());
}

fn stamp() -> Stamp {
    Stamp::new(Nonce::new("nonce").unwrap(), 1)
}

fn consumer() -> Consumer {
    Consumer::new("key", "secret").unwrap()
}

fn token() -> Token {
    Token::new("token", "secret").unwrap()
}

/// Everything a signed request is sent as.
#[track_caller]
fn signed(request: &Request, signer: &Signer, stamp: &Stamp, realm: Option<&str>) {
    one_line(signer.prepare_header(request, realm).room().to_string().as_str());
    let mut header = String::new();
    signer.prepare_header(request, realm).sign_into(stamp, &mut header);
    leaves(&header);
    let Ok(signed) = signer.sign(request, stamp) else { return };
    one_line(signed.base_string());
    for text in [
        signed.authorization_header(realm).expose(),
        signed.parameter_list().expose(),
        signed.form_body().expose(),
        signed.url().expose(),
        signed.signature().expose(),
    ] {
        leaves(text);
    }
}

fn request() -> Request {
    Request::new("POST", "https://example.org/").unwrap()
}

#[track_caller]
pub(crate) fn signed_by(consumer: Consumer, token: Option<Token>) {
    // That of PLAINTEXT holds the secrets.
    for method in [SignatureMethod::HmacSha1, SignatureMethod::Plaintext] {
        let signer = Signer::new(consumer.clone(), token.clone()).method(method);
        signed(&request(), &signer, &stamp(), None);
    }
}

#[track_caller]
pub(crate) fn signed_request(request: &Request) {
    signed(request, &Signer::new(consumer(), Some(token())), &stamp(), None);
}

#[track_caller]
fn base64(text: &str) {
    let sound = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/' | b'=');
    assert!(text.bytes().all(sound), "{text:?}");
    left(text.as_bytes());
}

/// The messages of a mechanism are base64 in one line, on the wire of either protocol.
#[track_caller]
fn mechanism(mechanism: &dyn Mechanism, host: &str) {
    let stamp = stamp();
    let Ok(mut exchange) = Exchange::start(mechanism, &Context::new(&stamp, host, 993)) else {
        return;
    };
    one_line(exchange.mechanism());
    base64(exchange.initial_response());
    for challenge in ["", "VXNlcm5hbWU6", "UGFzc3dvcmQ6", "e30="] {
        match exchange.on_challenge(challenge.as_bytes()) {
            Ok(Reply::Response(text)) => base64(text),
            Ok(_) => {}
            Err(error) => one_line(&error.to_string()),
        }
    }
}

#[track_caller]
fn made(made: Result<impl Mechanism, xoauth::sasl::Error>) {
    match made {
        Ok(login) => mechanism(&login, "mail.example.org"),
        Err(error) => one_line(&error.to_string()),
    }
}

#[track_caller]
fn document(document: &ErrorDocument) {
    leaves(&document.to_json());
}

macro_rules! probes {
    ($($function:literal => |$text:ident| $send:expr),* $(,)?) => {
        pub(crate) const PROBES: &[Probe] = &[$(Probe { function: $function, send: |$text| { $send; } }),*];
    };
}

probes! {
    "oauth1-core/credentials.rs Consumer::new" => |text| {
        if let Ok(consumer) = Consumer::new(text, text) {
            signed_by(consumer, None);
        }
    },
    "oauth1-core/credentials.rs Consumer::from_form" => |text| {
        if let Ok(consumer) = Consumer::from_form(text) {
            leaves(consumer.to_form().expose());
        }
    },
    "oauth1-core/credentials.rs Consumer::from_str" => |text| {
        if let Ok(consumer) = text.parse::<Consumer>() {
            signed_by(consumer, None);
        }
    },
    "oauth1-core/credentials.rs Token::new" => |text| {
        if let Ok(token) = Token::new(text, text) {
            leaves(token.to_form().expose());
            signed_by(consumer(), Some(token));
        }
    },
    "oauth1-core/credentials.rs Token::with_callback" => |text| {
        if let Ok(token) = token().with_verifier("verifier").unwrap().with_callback(text) {
            one_line(token.to_form().expose());
            if let Some(url) = token.callback_url_with_verifier() {
                leaves(url.expose());
            }
        }
    },
    "oauth1-core/credentials.rs Token::with_verifier" => |text| {
        if let Ok(token) = token().with_verifier(text) {
            one_line(token.to_form().expose());
            signed_by(consumer(), Some(token));
        }
    },
    "oauth1-core/credentials.rs Token::from_form" => |text| {
        if let Ok(token) = Token::from_form(text) {
            signed_by(consumer(), Some(token));
        }
    },
    "oauth1-core/credentials.rs Token::from_str" => |text| {
        if let Ok(token) = text.parse::<Token>() {
            leaves(token.to_form().expose());
        }
    },
    "oauth1-core/encode.rs ::percent_encode" => |text| leaves(&percent_encode(text)),
    "oauth1-core/encode.rs ::percent_encode_into" => |text| {
        let mut out = String::new();
        percent_encode_into(text, &mut out);
        leaves(&out);
    },
    "oauth1-core/encode.rs ::percent_decode" => |text| {
        // Decoding gives what there was; encoding it again takes it away.
        if let Ok(decoded) = percent_decode(text) {
            leaves(&percent_encode(&decoded));
        }
    },
    "oauth1-core/request.rs Request::new" => |text| {
        for made in [Request::new(text, "https://example.org/"), Request::new("GET", text)] {
            match made {
                Ok(request) => signed_request(&request),
                Err(error) => one_line(&error.to_string()),
            }
        }
    },
    "oauth1-core/request.rs Request::form_parameter" => |text| {
        if let Ok(request) = request().form_parameter(text, text) {
            signed_request(&request);
        }
    },
    "oauth1-core/request.rs Request::oauth_parameter" => |text| {
        if let Ok(request) = request().oauth_parameter(text, text) {
            signed_request(&request);
        }
    },
    "oauth1-core/request.rs Request::body_hash" => |text| {
        signed_request(&request().body_hash(text.as_bytes()));
    },
    "oauth1-core/request_url.rs RequestUrl::new" => |text| {
        match RequestUrl::new(text) {
            Ok(url) => {
                leaves(url.as_str());
                leaves(&url.base_string_uri());
                signed_request(&Request::new("GET", url).unwrap_or_else(|_| request()));
            }
            Err(error) => one_line(&error.to_string()),
        }
    },
    "oauth1-core/request_url.rs RequestUrl::from_str" => |text| {
        if let Ok(url) = text.parse::<RequestUrl>() {
            leaves(url.as_str());
        }
    },
    "oauth1-core/secret.rs Secret::new" => |text| {
        one_line(&format!("{:?}", Secret::new(text)));
        if let Ok(consumer) = Consumer::new("key", Secret::new(text)) {
            signed_by(consumer, None);
        }
    },
    "oauth1-core/signer.rs Signer::prepare_header" => |text| {
        signed(&request(), &Signer::new(consumer(), None), &stamp(), Some(text));
    },
    "oauth1-core/signer.rs Signed::authorization_header" => |text| {
        signed(&request(), &Signer::new(consumer(), Some(token())), &stamp(), Some(text));
    },
    "oauth1-core/stamp.rs Nonce::new" => |text| {
        if let Ok(nonce) = Nonce::new(text) {
            signed(&request(), &Signer::new(consumer(), None), &Stamp::new(nonce, 1), None);
        }
    },
    "xoauth-sasl/exchange.rs Exchange::on_challenge" => |text| {
        let stamp = stamp();
        let login = OAuthBearer::new("user", "token").unwrap();
        for challenge in [text, &encode_challenge(text.as_bytes())] {
            let mut exchange = Exchange::start(&login, &Context::new(&stamp, "h", 993)).unwrap();
            base64(exchange.initial_response());
            match exchange.on_challenge(challenge.as_bytes()) {
                Ok(Reply::Response(text)) => base64(text),
                Ok(_) => {}
                Err(error) => one_line(&error.to_string()),
            }
        }
    },
    "xoauth-sasl/mechanism/mod.rs Context::new" => |text| {
        mechanism(&OAuthBearer::new("user", "token").unwrap(), text);
        mechanism(&OAuth10A::new("user", consumer(), token()).unwrap(), text);
    },
    "xoauth-sasl/mechanism/oauth10a.rs OAuth10A::new" => |text| {
        made(OAuth10A::new(text, consumer(), token()));
    },
    "xoauth-sasl/mechanism/oauth10a.rs OAuth10A::host" => |text| {
        made(OAuth10A::new("user", consumer(), token()).and_then(|login| login.host(text)));
    },
    "xoauth-sasl/mechanism/oauth10a.rs OAuth10A::realm" => |text| {
        made(OAuth10A::new("user", consumer(), token()).and_then(|login| login.realm(text)));
    },
    "xoauth-sasl/mechanism/oauthbearer.rs OAuthBearer::new" => |text| {
        made(OAuthBearer::new(text, "token"));
        made(OAuthBearer::new("user", text));
    },
    "xoauth-sasl/mechanism/oauthbearer.rs OAuthBearer::without_user" => |text| {
        made(OAuthBearer::without_user(text));
    },
    "xoauth-sasl/mechanism/oauthbearer.rs OAuthBearer::discover" => |text| {
        made(OAuthBearer::discover(text));
    },
    "xoauth-sasl/mechanism/oauthbearer.rs OAuthBearer::host" => |text| {
        made(OAuthBearer::new("user", "token").and_then(|login| login.host(text)));
    },
    "xoauth-sasl/mechanism/password.rs Plain::new" => |text| {
        made(Plain::new(text, "password"));
        made(Plain::new("user", text));
    },
    "xoauth-sasl/mechanism/password.rs Plain::acting_as" => |text| {
        made(Plain::new("user", "password").and_then(|login| login.acting_as(text)));
    },
    "xoauth-sasl/mechanism/password.rs Login::new" => |text| {
        made(Login::new(text, "password"));
        made(Login::new("user", text));
    },
    "xoauth-sasl/mechanism/xoauth.rs XOAuth::new" => |text| {
        made(XOAuth::new(text, consumer(), Some(token())));
    },
    "xoauth-sasl/mechanism/xoauth.rs XOAuth::two_legged" => |text| {
        made(XOAuth::two_legged(text, "user@example.org", consumer()));
        made(XOAuth::two_legged("https://example.org/", text, consumer()));
    },
    "xoauth-sasl/mechanism/xoauth.rs XOAuth::message" => |text| {
        if let Ok(message) = XOAuth::message(text, &consumer(), Some(&token()), &stamp()) {
            leaves(message.expose());
        }
    },
    "xoauth-sasl/mechanism/xoauth.rs XOAuth::google_request_url" => |text| {
        for service in [Service::Imap, Service::Smtp] {
            if let Ok(url) = XOAuth::google_request_url(text, service) {
                leaves(&url);
            }
        }
    },
    "xoauth-sasl/mechanism/xoauth2.rs XOAuth2::new" => |text| {
        made(XOAuth2::new(text, "token"));
        made(XOAuth2::new("user", text));
    },
    "xoauth-sasl/mechanism/xoauth2.rs XOAuth2::vendor" => |text| {
        made(XOAuth2::new("user", "token").and_then(|login| login.vendor(text, "x")));
        made(XOAuth2::new("user", "token").and_then(|login| login.vendor("x", text)));
    },
    "xoauth-sasl/server/document.rs ErrorDocument::new" => |text| document(&ErrorDocument::new(text)),
    "xoauth-sasl/server/document.rs ErrorDocument::schemes" => |text| {
        document(&ErrorDocument::new("400").schemes(text));
    },
    "xoauth-sasl/server/document.rs ErrorDocument::scope" => |text| {
        document(&ErrorDocument::new("400").scope(text));
    },
    "xoauth-sasl/server/document.rs ErrorDocument::openid_configuration" => |text| {
        document(&ErrorDocument::new("400").openid_configuration(text));
    },
    "xoauth-sasl/server/exchange.rs ServerExchange::step" => |text| heard(text),
    "xoauth-sasl/server/exchange.rs ServerExchange::encode_challenge" => |text| {
        leaves(&encode_challenge(text.as_bytes()));
    },
    "xoauth-sasl/server/judge.rs Server::endpoint" => |text| refused(|server| server.endpoint(text, 1)),
    "xoauth-sasl/server/judge.rs Server::scope" => |text| refused(|server| server.scope(text)),
    "xoauth-sasl/server/judge.rs Server::openid_configuration" => |text| {
        refused(|server| server.openid_configuration(text));
    },
    "xoauth-sasl/wire/excerpt.rs Excerpt::new" => |text| {
        leaves(Excerpt::new(text.as_bytes(), &Mask::default()).as_str());
    },
    "xoauth-sasl/wire/excerpt.rs Excerpt::bounded" => |text| {
        for most in [3, 99] {
            leaves(Excerpt::bounded(text.as_bytes(), &Mask::default(), most).as_str());
        }
    },
    "xoauth-sasl/wire/excerpt.rs String::escape_into" => |text| {
        let mut out = String::new();
        escape_into(text.as_bytes(), &mut out);
        leaves(&out);
    },
}
