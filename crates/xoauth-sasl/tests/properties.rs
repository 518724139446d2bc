//! Properties over arbitrary input: round trips, and no octets that do harm.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs
)]

use proptest::prelude::*;
use xoauth_sasl::oauth1::percent_encode;
use xoauth_sasl::wire::{Excerpt, Outgoing};
use xoauth_sasl::{
    ClientMessage, Consumer, Context, Credential, ErrorChallenge, ErrorDocument, Exchange,
    LoginRequest, Mask, Mechanism, Nonce, OAuth10A, OAuthBearer, Reply, Secret, Server,
    ServerExchange, ServerStep, Stamp, Token, XOAuth, XOAuth2, decode_response, encode_challenge,
    parse_client_message,
};

const MECHANISMS: [&str; 4] = ["XOAUTH", "OAUTH10A", "OAUTHBEARER", "XOAUTH2"];

/// A user's name: anything without control characters.
fn user() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{1,30}"
}

fn access_token() -> impl Strategy<Value = String> {
    "[!-~]{1,80}"
}

/// Messages near the grammar, which random octets never come near.
fn near_message() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "n,",
        "y,",
        "F,",
        "p=x,",
        "a=u",
        "=2C",
        "=3D",
        ",",
        "\u{1}",
        "\u{1}\u{1}",
        "auth=",
        "host=h",
        "port=143",
        "user=u",
        "Bearer t",
        "OAuth x=\"y\"",
        "GET ",
        "https://h/b/u/",
        "oauth_token=\"t\"",
        "xoauth_requestor_id=u",
        "=",
        "\"",
        "%",
        "\\",
        "ü",
        "\0",
        " ",
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(pieces, 0..16).prop_map(|pieces| pieces.concat().into_bytes()),
    ]
}

fn stamp() -> Stamp {
    Stamp::new(Nonce::new("7d8f3e4a").unwrap(), 1_274_215_474)
}

/// What the server reads of what the client sends, through base64.
fn read_back(login: &dyn Mechanism) -> LoginRequest {
    let stamp = stamp();
    let context = Context::new(&stamp, "mail.example.com", 993);
    let mut exchange = Exchange::start(login, &context).unwrap();
    let message = decode_response(exchange.initial_response().as_bytes()).unwrap();
    match parse_client_message(login.name(), message.expose().as_bytes()) {
        Ok(ClientMessage::Login(login)) => login,
        other => panic!("{other:?}"),
    }
}

fn bearer(login: &LoginRequest) -> &str {
    match login.credential() {
        Credential::Bearer(token) => token.expose(),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn servers_read_what_bearer_clients_send(user in user(), token in access_token()) {
        let read = read_back(&XOAuth2::new(&*user, &*token).unwrap());
        prop_assert_eq!(read.user(), Some(&*user));
        prop_assert_eq!(bearer(&read), &*token);
        let read = read_back(&OAuthBearer::new(&*user, &*token).unwrap());
        prop_assert_eq!(read.user(), Some(&*user));
        prop_assert_eq!((read.host(), read.port()), (Some("mail.example.com"), Some(993)));
        prop_assert_eq!(bearer(&read), &*token);
    }

    #[test]
    fn servers_read_what_signing_clients_send(
        user in user(),
        key in "[^\\p{Cc}]{1,20}",
        secret in "[^\\p{Cc}]{0,20}",
        realm in "[ -~]{1,20}",
    ) {
        let consumer = Consumer::new(&*key, &*secret).unwrap();
        let token = Token::new(&*secret, &*key);
        if let Ok(token) = token.clone() {
            let login = OAuth10A::new(&*user, consumer.clone(), token).unwrap();
            let read = read_back(&login.realm(&*realm).unwrap());
            prop_assert_eq!(read.user(), Some(&*user));
            let Credential::Signed(request) = read.credential() else { panic!("not signed") };
            prop_assert_eq!(request.realm(), Some(&*realm));
            prop_assert_eq!(request.consumer_key(), Some(&*key));
            prop_assert_eq!(request.token(), Some(&*secret));
        }
        let url = format!("https://h/mail/b/{}/imap/", percent_encode(&user));
        let read = read_back(&XOAuth::new(&*url, consumer.clone(), token.ok()).unwrap());
        let Credential::Signed(request) = read.credential() else { panic!("not signed") };
        prop_assert_eq!(request.url().as_str(), &*url);
        prop_assert_eq!(request.consumer_key(), Some(&*key));
        prop_assert_eq!(read.user(), request.token().map(|_| &*user));
        let read = read_back(&XOAuth::two_legged(&*url, &user, consumer).unwrap());
        prop_assert_eq!(read.user(), Some(&*user));
    }

    #[test]
    fn no_argument_adds_a_field_or_a_line(text in "\\PC*[\\x00-\\x1f,=\"\\\\\u{1}\u{85}]?\\PC*") {
        let stamp = stamp();
        let context = Context::new(&stamp, "mail.example.com", 993);
        let token = Token::new("token", "secret").unwrap();
        let logins: [Option<Box<dyn Mechanism>>; 5] = [
            XOAuth2::new(&*text, "t").ok().map(|login| Box::new(login) as _),
            XOAuth2::new("u", &*text).ok().map(|login| Box::new(login) as _),
            OAuthBearer::new(&*text, "t").ok().map(|login| Box::new(login) as _),
            OAuthBearer::new("u", &*text).ok().map(|login| Box::new(login) as _),
            OAuth10A::new(&*text, Consumer::new("c", "s").unwrap(), token)
                .ok()
                .map(|login| Box::new(login) as _),
        ];
        for (login, fields) in logins.into_iter().zip([3, 3, 5, 5, 5]) {
            let Some(login) = login else { continue };
            let message = login.initial_response(&context).unwrap();
            prop_assert_eq!(message.expose().matches('\u{1}').count(), fields);
            let breaks = |c: char| c.is_control() && c != '\u{1}';
            prop_assert!(!message.expose().contains(breaks));
        }
    }

    #[test]
    fn no_client_message_does_harm(message in near_message()) {
        for mechanism in MECHANISMS {
            match parse_client_message(mechanism, &message) {
                Ok(ClientMessage::Login(login)) => {
                    prop_assert!(!login.user().unwrap_or_default().contains(char::is_control));
                }
                Ok(_) => prop_assert_eq!(&*message, b"\x01"),
                Err(fault) => {
                    prop_assert!(!fault.to_string().contains(char::is_control));
                }
            }
            let mut exchange = ServerExchange::new(mechanism).unwrap();
            let step = exchange.step(&message, &Server::new(), 0);
            prop_assert!(matches!(step, ServerStep::Refused(_)) || message.is_empty());
        }
    }

    #[test]
    fn no_challenge_does_harm(
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..5),
        encoded in any::<bool>(),
        inline in any::<bool>(),
    ) {
        let stamp = stamp();
        let login = OAuthBearer::new("u", "access-token").unwrap();
        let mut exchange = Exchange::start(&login, &Context::new(&stamp, "h", 993)).unwrap();
        let message = exchange.initial_len();
        let mut sent = 0;
        if inline {
            sent += exchange.initial_response().len();
        }
        let mut answers = 0;
        let mut cancelled = false;
        for text in texts {
            let text = if encoded { encode_challenge(&text).into_bytes() } else { text };
            match exchange.on_challenge(&text) {
                Ok(Reply::Response(response)) => {
                    prop_assert!(!cancelled);
                    answers += 1;
                    sent += response.len();
                }
                Ok(Reply::Cancel) => {
                    prop_assert!(!cancelled);
                    cancelled = true;
                }
                Err(_) => prop_assert!(cancelled),
            }
        }
        prop_assert!(answers <= 2);
        prop_assert!(sent <= message + 4);
        prop_assert_eq!(exchange.cancelled().is_some(), cancelled);
        let shown = exchange.refusal().map(ToString::to_string).unwrap_or_default();
        prop_assert!(!shown.contains(char::is_control));
    }

    #[test]
    fn documents_round_trip(
        status in ".{0,20}",
        schemes in prop::option::of(".{0,20}"),
        scope in prop::option::of(".{0,20}"),
        url in prop::option::of(".{0,20}"),
    ) {
        let mut document = ErrorDocument::new(&*status);
        if let Some(schemes) = &schemes {
            document = document.schemes(schemes);
        }
        if let Some(scope) = &scope {
            document = document.scope(scope);
        }
        if let Some(url) = &url {
            document = document.openid_configuration(url);
        }
        let read = ErrorChallenge::parse(document.to_json().as_bytes());
        prop_assert_eq!(read.status(), Some(&*status));
        prop_assert_eq!(read.schemes(), schemes.as_deref());
        prop_assert_eq!(read.scope(), scope.as_deref());
        prop_assert_eq!(read.openid_configuration(), url.as_deref());
    }

    #[test]
    fn no_run_of_a_secret_survives_the_mask(
        secret in "[!-~]{8,60}",
        front in "[ -~]{0,20}",
        behind in "[ -~]{0,20}",
        cut in 0..60_usize,
    ) {
        let mut mask = Mask::default();
        mask.add(&secret);
        let encoded = encode_challenge(format!("{front}{secret}{behind}").as_bytes());
        let part = &secret[cut.min(secret.len() - 8)..];
        for echo in [&*format!("{front}{part}{behind}"), &*encoded] {
            let masked = mask.apply(echo.as_bytes()).into_owned();
            for octets in [part.as_bytes(), encode_challenge(secret.as_bytes()).as_bytes()] {
                let mut runs = octets.windows(8);
                prop_assert!(!runs.any(|run| masked.windows(8).any(|shown| shown == run)));
            }
        }
        // An excerpt says the same.
        let excerpt = Excerpt::new(format!("{front}{secret}{behind}").as_bytes(), &mask);
        prop_assert!(!excerpt.as_str().contains(&secret));
    }

    #[test]
    fn marked_text_is_what_a_slow_search_finds(
        secret in "[a-c]{8,14}",
        text in "[a-c.]{0,40}",
    ) {
        let mut mask = Mask::default();
        mask.add(&secret);
        // Other forms of these secrets have letters and digits that the text has not.
        let mut hidden = vec![false; text.len()];
        for start in 0..text.len() {
            for end in start + 8..=text.len() {
                if secret.contains(&text[start..end]) {
                    hidden[start..end].fill(true);
                }
            }
        }
        let mut expected = String::new();
        for (at, letter) in text.char_indices() {
            if !hidden[at] {
                expected.push(letter);
            } else if at == 0 || !hidden[at - 1] {
                expected.push_str("[secret]");
            }
        }
        prop_assert_eq!(&*mask.apply(text.as_bytes()), expected.as_bytes());
    }

    #[test]
    fn excerpts_are_bounded_and_fit_a_line(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        let excerpt = Excerpt::new(&octets, &Mask::default());
        prop_assert!(!excerpt.as_str().contains(char::is_control));
        prop_assert!(excerpt.as_str().len() <= 10 * 256 + 20);
    }

    #[test]
    fn outgoing_holds_what_a_vector_would(
        parts in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..900), 0..4_u8, any::<usize>()),
            0..12,
        ),
    ) {
        let (mut out, mut expected) = (Outgoing::new(), Vec::new());
        for (octets, how, at) in parts {
            match how {
                0 => out.extend(&octets),
                1 => out.extend_public(&octets),
                2 => octets.iter().for_each(|&octet| out.push(octet)),
                _ => {
                    out.truncate(at % 2000);
                    expected.truncate(at % 2000);
                    continue;
                }
            }
            expected.extend_from_slice(&octets);
        }
        prop_assert_eq!(out.as_slice(), &*expected);
        out.clear();
        prop_assert!(out.is_empty());
    }
}

#[test]
fn responses_decode_to_what_was_encoded() {
    for text in ["", "a", "ab", "abc", "\u{1}", "n,a=ü,\u{1}\u{1}"] {
        let decoded: Secret =
            decode_response(encode_challenge(text.as_bytes()).as_bytes()).unwrap();
        assert_eq!(decoded.expose(), text);
    }
}
