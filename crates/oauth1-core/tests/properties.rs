//! Properties that hold for every input.
#![allow(clippy::unwrap_used, missing_docs)]

use std::cell::RefCell;

use oauth1_core::{
    Consumer, CredentialStore, MemoryNonceStore, Nonce, ReceivedRequest, Request, RequestUrl,
    Secret, SignatureMethod, Signer, Stamp, Token, Verifier, percent_decode, percent_encode,
};
use proptest::prelude::*;

/// Text that a key, a secret or a parameter may be: a few characters that matter, and others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z&=%+ ~\"\\\\,/?#-]{0,8}", "\\PC{0,6}"]
}

fn key() -> impl Strategy<Value = String> {
    text().prop_filter("a key is not empty", |key| !key.is_empty())
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((text(), text()), 0..4)
}

fn method() -> impl Strategy<Value = SignatureMethod> {
    prop_oneof![
        Just(SignatureMethod::HmacSha1),
        Just(SignatureMethod::HmacSha256),
        Just(SignatureMethod::Plaintext),
    ]
}

/// A URL with a query of these pairs, encoded as a form does or as OAuth does.
fn url(path: &str, query: &[(String, String)], plus: bool) -> String {
    let query: Vec<_> = query
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)))
        .collect();
    let query = query.join("&");
    let query = if plus { query.replace("%20", "+") } else { query };
    format!("https://Example.com:8443/{}?{query}#f", percent_encode(path))
}

/// RFC 5849 3.4.1 word for word: encode, then sort, then join, then encode again.
fn slow_base_string(method: &str, uri: &str, pairs: &[(String, String)]) -> String {
    let mut encoded: Vec<_> = pairs
        .iter()
        .map(|(name, value)| {
            (percent_encode(name).into_owned(), percent_encode(value).into_owned())
        })
        .collect();
    encoded.sort();
    let joined: Vec<_> = encoded.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{method}&{}&{}", percent_encode(uri), percent_encode(&joined.join("&")))
}

struct One {
    consumer: Consumer,
    token: Token,
}

impl CredentialStore for One {
    fn consumer(&self, key: &str) -> Option<Secret> {
        (key == self.consumer.key()).then(|| self.consumer.secret().clone())
    }

    fn token(&self, _consumer_key: &str, key: &str) -> Option<Secret> {
        (key == self.token.key()).then(|| self.token.secret().clone())
    }
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(text in ".*") {
        let encoded = percent_encode(&text);
        prop_assert!(encoded.bytes().all(|o| o.is_ascii_alphanumeric() || b"-._~%".contains(&o)));
        prop_assert_eq!(percent_decode(&encoded).unwrap(), text.as_str());
    }

    #[test]
    fn credentials_survive_their_form(key in key(), secret in text()) {
        let token = Token::new(key.as_str(), secret.as_str()).unwrap();
        let read = Token::from_form(token.to_form().expose()).unwrap();
        prop_assert_eq!((read.key(), read.secret().expose()), (key.as_str(), secret.as_str()));
        let consumer = Consumer::new(key.as_str(), secret.as_str()).unwrap();
        let read = Consumer::from_form(consumer.to_form().expose()).unwrap();
        prop_assert_eq!((read.key(), read.secret().expose()), (key.as_str(), secret.as_str()));
    }

    #[test]
    fn nonces_are_as_different_as_their_octets(one: u128, other: u128) {
        let nonce = |octets: u128| Nonce::from_random_octets(octets.to_be_bytes());
        prop_assert_eq!(nonce(one) == nonce(other), one == other);
        prop_assert!(nonce(one).as_str().bytes().all(|octet| octet.is_ascii_alphanumeric()));
    }

    #[test]
    fn what_is_signed_is_verified_in_every_form(
        (consumer_key, consumer_secret, token_key, token_secret) in (key(), text(), key(), text()),
        (path, query, form, own) in (text(), pairs(), pairs(), prop::option::of((key(), text()))),
        (method, version, plus) in (method(), any::<bool>(), any::<bool>()),
        (nonce, timestamp) in ("[!-~]{1,12}", 0..u64::MAX),
        body in prop::option::of(any::<[u8; 3]>()),
    ) {
        let consumer = Consumer::new(consumer_key, consumer_secret).unwrap();
        let token = Token::new(token_key, token_secret).unwrap();
        let one = One { consumer: consumer.clone(), token: token.clone() };
        let signer = Signer::new(consumer, Some(token)).method(method).version(version);
        let url = url(&path, &query, plus);
        let mut request = Request::new("POST", url.as_str()).unwrap();
        for (name, value) in &form {
            request = request.form_parameter(name, value).unwrap();
        }
        // The names of the strategy never begin with `oauth_`; `realm` needs more letters too.
        let own = own.map(|(name, value)| (format!("oauth_{name}_own"), value));
        if let Some((name, value)) = &own {
            request = request.oauth_parameter(name, value).unwrap();
        }
        if let Some(body) = body {
            request = request.body_hash(&body);
        }
        let stamp = Stamp::new(Nonce::new(&nonce).unwrap(), timestamp);
        let signed = signer.sign(&request, &stamp).unwrap();

        // The base string is what the RFC says, word for word.
        let protocol = signed.parameters().filter(|&(name, _)| name != "oauth_signature");
        let all: Vec<_> = query.iter().chain(&form).cloned()
            .chain(protocol.map(|(name, value)| (name.to_owned(), value.to_owned())))
            .collect();
        let uri = request.url().base_string_uri();
        prop_assert_eq!(signed.base_string(), slow_base_string("POST", &uri, &all));

        // Signing once and signing prepared give the same.
        let list = signed.parameter_list();
        let mut once = String::new();
        signer.sign_into(&request, &stamp, &mut once).unwrap();
        prop_assert_eq!(&once, list.expose());
        // Without a signer it is what a new one writes.
        let usual = Signer::new(signer.consumer().clone(), signer.token().cloned());
        let usual = usual.sign(&request, &stamp).unwrap().parameter_list();
        let mut once = String::from("before ");
        Signer::sign_once_into(signer.consumer(), signer.token(), &request, &stamp, &mut once);
        prop_assert_eq!(once.strip_prefix("before "), Some(usual.expose()));
        let mut prepared = String::new();
        signer.prepare(&request).sign_into(&stamp, &mut prepared);
        prop_assert_eq!(&prepared, list.expose());
        let header = signed.authorization_header(Some(&path));
        let mut prepared = String::new();
        signer.prepare_header(&request, Some(&path)).sign_into(&stamp, &mut prepared);
        prop_assert_eq!(&prepared, header.expose());
        prop_assert!(prepared.bytes().all(|octet| matches!(octet, b' '..=b'~')));

        // Every form is verified, and once only.
        let form_text: Vec<_> = form.iter()
            .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)))
            .collect();
        let form_text = form_text.join("&");
        let new = |url: &str| ReceivedRequest::new("POST", url).unwrap();
        let verifier = Verifier::new().methods(&[method]);
        for received in [
            new(&url).form(&form_text).unwrap().parameter_list(list.expose()),
            new(&url).form(&form_text).unwrap().authorization(header.expose()),
            new(&url).form(signed.form_body().expose()),
            new(signed.url().expose()).form(&form_text),
        ] {
            let received = received.unwrap();
            let received = match body {
                Some(body) => received.body(&body),
                None => received,
            };
            prop_assert_eq!(received.base_string(), signed.base_string());
            let store = RefCell::new(MemoryNonceStore::with_capacity(2));
            let verified = verifier.verify(&received, &one, &store, timestamp);
            prop_assert!(verified.is_ok(), "{:?}", verified.err());
            prop_assert!(verifier.verify(&received, &one, &store, timestamp).is_err());
        }
    }

    #[test]
    fn any_text_is_a_url_or_an_error(text in "(https?://)?[a-zA-Z0-9:@\\[\\]/?#%.\\\\ \u{e9}-]{0,24}") {
        if let Ok(url) = RequestUrl::new(text.as_str()) {
            prop_assert_eq!(url.as_str(), text.as_str());
            let uri = url.base_string_uri();
            // The base string URI is a URL, and its own base string URI.
            let again = RequestUrl::new(uri.as_str()).unwrap();
            prop_assert_eq!(again.base_string_uri(), uri);
        }
    }

    #[test]
    fn any_received_text_is_read_or_refused(
        text in prop_oneof![".*", "([a-z]{1,3} ?=\"[a-z%+\\\\]{0,4}\"[, ]{0,2}){0,4}"],
    ) {
        let new = || ReceivedRequest::new("GET", "https://example.com/").unwrap();
        let _ = new().form(&text);
        let _ = new().authorization(&text);
        let header = new().authorization(&format!("OAuth {text}")).map(drop);
        let list = new().parameter_list(&text).map(drop);
        if !text.is_empty() {
            prop_assert_eq!(header.is_ok(), list.is_ok());
        }
        let _ = ReceivedRequest::new("GET", format!("https://example.com/?{text}"));
        let _ = Token::from_form(&text);
    }

    /// Where the `url` crate is asked it decides; where it is not asked it would have agreed.
    #[cfg(feature = "url")]
    #[test]
    fn plain_hosts_need_no_second_opinion(host in "[a-z0-9_.-]{1,12}", port: u16) {
        let text = format!("https://{host}:{port}/");
        let taken = RequestUrl::new(text.as_str()).is_ok();
        prop_assert_eq!(taken, url::Url::parse(&text).is_ok(), "{}", text);
    }
}
