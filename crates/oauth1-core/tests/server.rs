//! What a server takes and refuses.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::cell::RefCell;
use std::error::Error as _;
use std::sync::{Arc, Mutex};

use oauth1_core::{
    Consumer, CredentialStore, MemoryNonceStore, Nonce, NonceError, NonceKey, NonceStore,
    ReceivedRequest, Request, Secret, SignatureMethod, Signer, Stamp, Token, Verified, Verifier,
    VerifyError,
};

const URL: &str = "https://mail.example.com/b/user@example.com/imap/?a=1&b=x+y";
const NOW: u64 = 1_700_000_000;

struct OneUser;

impl CredentialStore for OneUser {
    fn consumer(&self, key: &str) -> Option<Secret> {
        (key == "ck").then(|| Secret::new("consumer&secret"))
    }

    fn token(&self, consumer_key: &str, token_key: &str) -> Option<Secret> {
        (consumer_key == "ck" && token_key == "tk").then(|| Secret::new("token secret"))
    }
}

fn signer(method: SignatureMethod) -> Signer {
    let consumer = Consumer::new("ck", "consumer&secret").unwrap();
    Signer::new(consumer, Some(Token::new("tk", "token secret").unwrap())).method(method)
}

fn stamp(timestamp: u64) -> Stamp {
    Stamp::new(Nonce::new("7d8f3e4a").unwrap(), timestamp)
}

/// A parameter list signed with HMAC-SHA1 at `NOW`.
fn list() -> String {
    let (signer, request) = (signer(SignatureMethod::HmacSha1), Request::new("GET", URL).unwrap());
    signer.sign(&request, &stamp(NOW)).unwrap().parameter_list().expose().to_owned()
}

fn received(list: &str) -> Result<ReceivedRequest, VerifyError> {
    ReceivedRequest::new("GET", URL)?.parameter_list(list)
}

fn judge(verifier: &Verifier, list: &str, now: u64) -> Result<Verified, VerifyError> {
    verifier.verify(&received(list)?, &OneUser, &store(8), now)
}

fn store(capacity: usize) -> RefCell<MemoryNonceStore> {
    RefCell::new(MemoryNonceStore::with_capacity(capacity))
}

#[test]
fn every_method_in_every_place_is_verified() {
    let methods =
        [SignatureMethod::HmacSha1, SignatureMethod::HmacSha256, SignatureMethod::Plaintext];
    let verifier = Verifier::new().methods(&methods);
    for method in methods {
        let signer = signer(method);
        let request = Request::new("POST", URL)
            .unwrap()
            .form_parameter("a", "again & again")
            .unwrap()
            .oauth_parameter("oauth_callback", "http://127.0.0.1/back?x=1")
            .unwrap();
        let signed = signer.sign(&request, &stamp(NOW)).unwrap();
        let form = "a=again+%26+again";
        let new = |url: &str| ReceivedRequest::new("post", url).unwrap();
        let header = signed.authorization_header(Some("mail, \"realm\""));
        let places = [
            new(URL).form(form).unwrap().authorization(header.expose()),
            new(URL).form(form).unwrap().parameter_list(signed.parameter_list().expose()),
            new(URL).form(signed.form_body().expose()),
            new(signed.url().expose()).form(form),
        ];
        for received in places {
            let received = received.unwrap();
            assert_eq!(received.base_string(), signed.base_string());
            let verified = verifier.verify(&received, &OneUser, &store(1), NOW).unwrap();
            assert_eq!(verified.consumer_key(), "ck");
            assert_eq!(verified.token_key(), Some("tk"));
            assert_eq!(verified.signature_method(), method);
            assert_eq!(verified.timestamp(), Some(NOW));
            assert_eq!(verified.callback(), Some("http://127.0.0.1/back?x=1"));
            assert_eq!(verified.verifier(), None);
            let mut others: Vec<_> = verified.parameters().collect();
            others.sort_unstable();
            assert_eq!(others, [("a", "1"), ("a", "again & again"), ("b", "x y")]);
        }
        let realm = new(URL).authorization(header.expose()).unwrap();
        assert_eq!(realm.realm(), Some("mail, \"realm\""));
    }
}

#[test]
fn lists_of_other_clients_are_verified() {
    let list = list();
    let (front, signature) = list.split_once("oauth_signature=\"").unwrap();
    let (signature, tail) = signature.split_once('"').unwrap();
    let raw = signature.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    let cases = [
        list.replace(",oauth", ", oauth"),
        list.split(',').rev().collect::<Vec<_>>().join(","),
        format!("{front}oauth_signature=\"{raw}\"{tail}"),
        list.replace("\"tk\"", "\"%74k\""),
        format!("realm=\"one, two\",{list}"),
        format!("{list},realm=\"\""),
    ];
    for case in cases {
        let verified = judge(&Verifier::new(), &case, NOW);
        assert!(verified.is_ok(), "{case}: {:?}", verified.err());
    }
}

#[test]
fn an_absent_version_is_accepted_unless_required() {
    let request = Request::new("GET", URL).unwrap();
    let signer = signer(SignatureMethod::HmacSha1).version(false);
    let list = signer.sign(&request, &stamp(NOW)).unwrap().parameter_list();
    assert!(judge(&Verifier::new(), list.expose(), NOW).is_ok());
    let missing = judge(&Verifier::new().require_version(true), list.expose(), NOW).unwrap_err();
    assert_eq!(missing, VerifyError::MissingParameter { name: "oauth_version" });
    assert!(judge(&Verifier::new().require_version(true), &self::list(), NOW).is_ok());
}

#[test]
fn a_wrong_request_is_refused_with_its_kind_and_status() {
    let list = list();
    let without = |name: &str| {
        let kept = list.split(',').filter(|element| !element.starts_with(&format!("{name}=")));
        kept.collect::<Vec<_>>().join(",")
    };
    let set = |name: &str, value: &str| format!("{},{name}=\"{value}\"", without(name));
    let missing = |name| VerifyError::MissingParameter { name };
    let cases = [
        (without("oauth_consumer_key"), missing("oauth_consumer_key"), 400),
        (set("oauth_consumer_key", ""), missing("oauth_consumer_key"), 400),
        (without("oauth_signature_method"), missing("oauth_signature_method"), 400),
        (without("oauth_signature"), missing("oauth_signature"), 400),
        (set("oauth_signature", ""), missing("oauth_signature"), 400),
        (without("oauth_timestamp"), missing("oauth_timestamp"), 400),
        (without("oauth_nonce"), missing("oauth_nonce"), 400),
        (set("oauth_version", "2.0"), VerifyError::Version, 400),
        (set("oauth_version", ""), VerifyError::Version, 400),
        (set("oauth_signature_method", "hmac-sha1"), VerifyError::SignatureMethod, 400),
        (set("oauth_signature_method", "RSA-SHA1"), VerifyError::SignatureMethod, 400),
        (set("oauth_signature_method", "PLAINTEXT"), VerifyError::SignatureMethod, 400),
        (set("oauth_timestamp", "soon"), VerifyError::Timestamp, 400),
        (set("oauth_timestamp", "-1"), VerifyError::Timestamp, 400),
        (set("oauth_timestamp", "+1700000000"), VerifyError::Timestamp, 400),
        (set("oauth_timestamp", "99999999999999999999"), VerifyError::Timestamp, 400),
        (set("oauth_timestamp", "0"), VerifyError::OutOfWindow { window: 300 }, 401),
        (set("oauth_consumer_key", "someone"), VerifyError::UnknownConsumer, 401),
        (set("oauth_token", "stolen"), VerifyError::UnknownToken, 401),
        (without("oauth_token"), VerifyError::Signature, 401),
        (set("oauth_signature", "JoCJT9oVzpH4CRKjjOtunH/NMyQ="), VerifyError::Signature, 401),
        (set("oauth_signature", "not base64"), VerifyError::Signature, 401),
        (set("oauth_signature", "AA=="), VerifyError::Signature, 401),
        (set("oauth_nonce", "other"), VerifyError::Signature, 401),
        (set("oauth_signature_method", "HMAC-SHA256"), VerifyError::Signature, 401),
        (set("extra", "1"), VerifyError::Signature, 401),
    ];
    for (list, expected, status) in cases {
        let fault = judge(&Verifier::new(), &list, NOW).unwrap_err();
        assert_eq!(fault, expected, "{list}");
        assert_eq!(fault.http_status(), status, "{fault}");
        assert!(!fault.is_transient());
    }
}

#[test]
fn other_urls_and_methods_have_other_signatures() {
    let list = list();
    let requests = [
        ("POST", URL),
        ("GET", "https://mail.example.com/b/other@example.com/imap/?a=1&b=x+y"),
        ("GET", "https://mail.example.com/b/user@example.com/imap/?a=1"),
        ("GET", "https://mail.example.com/b/user@example.com/imap/?a=1&b=x+y&a=1"),
        ("GET", "http://mail.example.com/b/user@example.com/imap/?a=1&b=x+y"),
    ];
    for (method, url) in requests {
        let received = ReceivedRequest::new(method, url).unwrap().parameter_list(&list).unwrap();
        let verified = Verifier::new().verify(&received, &OneUser, &store(1), NOW);
        assert_eq!(verified.unwrap_err(), VerifyError::Signature, "{method} {url}");
    }
}

#[test]
fn the_window_is_closed_on_both_sides() {
    let (list, verifier) = (list(), Verifier::new().window(30));
    for (now, inside) in [
        (NOW - 31, false),
        (NOW - 30, true),
        (NOW, true),
        (NOW + 30, true),
        (NOW + 31, false),
        (0, false),
        (u64::MAX, false),
    ] {
        let verified = judge(&verifier, &list, now);
        assert_eq!(verified.is_ok(), inside, "{now}");
        if let Err(fault) = verified {
            assert_eq!(fault, VerifyError::OutOfWindow { window: 30 });
        }
    }
}

#[test]
fn a_protocol_parameter_counts_once_in_all_places_together() {
    let duplicate = |name: &str| VerifyError::DuplicateParameter { name: name.to_owned() };
    let new = |url: &str| ReceivedRequest::new("GET", url);
    let plain = "https://example.com/";
    let cases = [
        (new("https://example.com/?oauth_token=a&oauth_token=a").err(), "oauth_token"),
        (new(plain).unwrap().form("oauth_nonce=a&x=1&x=1&oauth%5Fnonce=b").err(), "oauth_nonce"),
        (new(plain).unwrap().parameter_list("oauth_x=\"1\",oauth_x=\"1\"").err(), "oauth_x"),
        (new(plain).unwrap().parameter_list("realm=\"1\",realm=\"1\"").err(), "realm"),
        (
            new("https://example.com/?oauth_token=a")
                .unwrap()
                .authorization("OAuth oauth_token=\"a\"")
                .err(),
            "oauth_token",
        ),
        (
            new(plain)
                .unwrap()
                .form("oauth_token=")
                .unwrap()
                .parameter_list("oauth_token=\"\"")
                .err(),
            "oauth_token",
        ),
        (
            new("https://example.com/?oauth_%0d%0aevil=1&oauth_%0d%0aevil=1").err(),
            r"oauth_\r\nevil",
        ),
    ];
    for (fault, name) in cases {
        let fault = fault.unwrap_or_else(|| panic!("{name} was taken twice"));
        assert_eq!(fault, duplicate(name));
        assert_eq!(fault.http_status(), 400);
    }
    let long = format!("oauth_{}", "x".repeat(10_000));
    let fault = new(plain).unwrap().form(&format!("{long}&{long}")).unwrap_err();
    assert!(fault.to_string().len() < 120, "{fault}");
}

#[test]
fn the_number_of_parameters_is_limited() {
    let form = |count: usize| vec!["a=1"; count].join("&");
    let new = || ReceivedRequest::new("GET", "https://example.com/?q=1").unwrap();
    assert!(new().form(&form(ReceivedRequest::MAX_PARAMETERS - 1)).is_ok());
    let fault = new().form(&form(ReceivedRequest::MAX_PARAMETERS)).unwrap_err();
    assert_eq!((fault.http_status(), fault), (400, VerifyError::TooManyParameters));
}

#[test]
fn the_scheme_is_oauth_in_any_case() {
    let new = || ReceivedRequest::new("GET", "https://example.com/").unwrap();
    for header in ["OAuth a=\"1\"", "oauth a=\"1\"", "OAUTH   a=\"1\""] {
        assert_eq!(new().authorization(header).unwrap().parameter("a"), Some("1"));
    }
    for header in ["", "OAuth", "OAuth ", "OAutha=\"1\"", "Bearer a=\"1\"", " OAuth a=\"1\""] {
        let fault = new().authorization(header).unwrap_err();
        let text = "malformed authorization header at octet 0, expected the scheme OAuth";
        assert_eq!((fault.http_status(), fault.to_string().as_str()), (400, text), "{header}");
    }
    let fault = new().authorization("OAuth a=1").unwrap_err();
    let text = "malformed authorization header at octet 8, expected a value in double quotes";
    assert_eq!(fault.to_string(), text);
}

#[test]
fn a_request_line_that_cannot_be_signed_is_a_bad_request() {
    let fault = ReceivedRequest::new("GET", "imap://example.com/").unwrap_err();
    assert_eq!(fault.http_status(), 400);
    let source = fault.source().unwrap().to_string();
    assert_eq!(source, "url holds 'i' at octet 0, expected http:// or https://");
}

#[test]
fn a_replay_is_refused() {
    let (received, nonces) = (received(&list()).unwrap(), store(8));
    let verify = |now| Verifier::new().verify(&received, &OneUser, &nonces, now).map(drop);
    assert_eq!(verify(NOW), Ok(()));
    assert_eq!(verify(NOW), Err(VerifyError::Replayed));
    assert_eq!(verify(NOW + 300), Err(VerifyError::Replayed));
    assert_eq!(verify(NOW + 301), Err(VerifyError::OutOfWindow { window: 300 }));
    assert_eq!(VerifyError::Replayed.http_status(), 401);
}

#[test]
fn a_store_behind_a_reference_refuses_a_replay_too() {
    let (received, nonces) = (received(&list()).unwrap(), store(8));
    let lent: &dyn NonceStore = &nonces;
    assert!(Verifier::new().verify(&received, &OneUser, &lent, NOW).is_ok());
    assert_eq!(nonces.borrow().len(), 1);
    let replayed = Verifier::new().verify(&received, &OneUser, &lent, NOW).unwrap_err();
    assert_eq!(replayed, VerifyError::Replayed);
}

#[test]
fn a_request_tells_what_it_holds_before_it_is_verified() {
    let received = ReceivedRequest::new("get", URL).unwrap();
    assert_eq!((received.consumer_key(), received.signature_method()), (None, None));
    let received = received.parameter_list(&list()).unwrap();
    assert_eq!((received.method(), received.url().as_str()), ("GET", URL));
    assert_eq!((received.consumer_key(), received.token()), (Some("ck"), Some("tk")));
    assert_eq!(received.signature_method(), Some("HMAC-SHA1"));
}

#[test]
fn what_a_server_holds_shows_no_secret() {
    let token = Token::new("tk", "token secret").unwrap().with_verifier("hidden-code").unwrap();
    let signer = Signer::new(Consumer::new("ck", "consumer&secret").unwrap(), Some(token));
    let signer = signer.method(SignatureMethod::Plaintext);
    let request = Request::new("POST", URL).unwrap();
    let signed = signer.sign(&request, &stamp(NOW)).unwrap();
    let received = ReceivedRequest::new("POST", URL).unwrap();
    let received = received.parameter_list(signed.parameter_list().expose()).unwrap();
    let (verifier, nonces) = (
        Verifier::new().methods(&[SignatureMethod::Plaintext]),
        MemoryNonceStore::with_capacity(3),
    );
    let verified = verifier.verify(&received, &OneUser, &RefCell::new(nonces), NOW).unwrap();
    assert_eq!(verified.verifier(), Some("hidden-code"));
    let nonces = MemoryNonceStore::with_capacity(3);
    for (shown, start) in [
        (
            format!("{received:?}"),
            "ReceivedRequest { method: \"POST\", url: RequestUrl(\"https://mail",
        ),
        (format!("{verified:?}"), "Verified { consumer_key: \"ck\", method: Plaintext, .. }"),
        (format!("{nonces:?}"), "MemoryNonceStore { len: 0, capacity: 3, .. }"),
    ] {
        assert!(shown.starts_with(start), "{shown}");
        assert!(!shown.contains("hidden") && !shown.contains("secret"), "{shown}");
    }
}

#[test]
fn a_wrong_signature_takes_no_place_in_the_store() {
    let nonces = store(1);
    let forged = received(&list().replace("tk", "xx")).unwrap();
    let fault = Verifier::new().verify(&forged, &OneUser, &nonces, NOW).unwrap_err();
    assert_eq!(fault, VerifyError::UnknownToken);
    assert!(nonces.borrow().is_empty());
    let sound = received(&list()).unwrap();
    assert!(Verifier::new().verify(&sound, &OneUser, &nonces, NOW).is_ok());
    assert_eq!((nonces.borrow().len(), nonces.borrow().is_empty()), (1, false));
}

/// Keeps what it is asked in words, and takes everything.
#[derive(Default)]
struct Told(RefCell<Vec<String>>);

impl NonceStore for Told {
    fn insert(&self, key: NonceKey<'_>, now: u64) -> Result<(), NonceError> {
        let (time, consumer, token) = (key.timestamp(), key.consumer_key(), key.token_key());
        let asked = format!("{time} {consumer} {token:?} {} {} {now}", key.nonce(), key.expires());
        self.0.borrow_mut().push(asked);
        Ok(())
    }
}

#[test]
fn a_store_is_told_what_must_not_come_twice() {
    let told = Told::default();
    let received = received(&list()).unwrap();
    Verifier::new().verify(&received, &OneUser, &told, NOW + 7).unwrap();
    let expected = format!("{NOW} ck Some(\"tk\") 7d8f3e4a {} {}", NOW + 300, NOW + 7);
    assert_eq!(told.0.into_inner(), [expected]);
}

#[test]
fn a_full_or_broken_store_refuses() {
    let received = received(&list()).unwrap();
    let fault = Verifier::new().verify(&received, &OneUser, &store(0), NOW).unwrap_err();
    assert_eq!(fault, VerifyError::NonceStore(NonceError::Full));
    assert_eq!((fault.http_status(), fault.is_transient()), (401, true));
    assert_eq!(fault.source().unwrap().to_string(), "nonce store is full");

    let shared = Arc::new(Mutex::new(MemoryNonceStore::with_capacity(8)));
    let poisoner = Arc::clone(&shared);
    let poisoned = std::thread::spawn(move || {
        let _guard = poisoner.lock().unwrap();
        std::panic::resume_unwind(Box::new("poison"));
    });
    assert!(poisoned.join().is_err());
    let fault = Verifier::new().verify(&received, &OneUser, &shared, NOW).unwrap_err();
    assert_eq!(fault, VerifyError::NonceStore(NonceError::Unavailable));
    assert_eq!(fault.source().unwrap().to_string(), "nonce store is unavailable");
}

#[test]
fn of_simultaneous_requests_with_one_nonce_one_passes() {
    let nonces = Arc::new(Mutex::new(MemoryNonceStore::with_capacity(8)));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let nonces = Arc::clone(&nonces);
            std::thread::spawn(move || {
                let received = received(&list()).unwrap();
                Verifier::new().verify(&received, &OneUser, &nonces, NOW).is_ok()
            })
        })
        .collect();
    let passed = threads.into_iter().map(|thread| thread.join().unwrap());
    assert_eq!(passed.filter(|&passed| passed).count(), 1);
}

#[test]
fn nonces_differ_by_timestamp_consumer_token_and_text() {
    let mut store = MemoryNonceStore::with_capacity(16);
    let keys = [
        NonceKey::new(NOW, "c", Some("t"), "n", 300),
        NonceKey::new(NOW + 1, "c", Some("t"), "n", 300),
        NonceKey::new(NOW, "d", Some("t"), "n", 300),
        NonceKey::new(NOW, "c", Some("u"), "n", 300),
        NonceKey::new(NOW, "c", None, "n", 300),
        NonceKey::new(NOW, "c", Some("t"), "m", 300),
        NonceKey::new(NOW, "ct", Some(""), "n", 300),
        NonceKey::new(NOW, "c", Some("tn"), "", 300),
    ];
    for key in keys {
        assert_eq!(store.insert(key, NOW), Ok(()), "{key:?}");
    }
    for key in keys {
        assert_eq!(store.insert(key, NOW), Err(NonceError::Replayed), "{key:?}");
    }
}

#[test]
fn a_store_forgets_what_expired_and_nothing_else() {
    let mut store = MemoryNonceStore::with_capacity(2);
    let key = |timestamp, nonce| NonceKey::new(timestamp, "c", None, nonce, 300);
    assert_eq!(store.insert(key(NOW, "a"), NOW), Ok(()));
    assert_eq!(store.insert(key(NOW + 10, "b"), NOW), Ok(()));
    assert_eq!(store.insert(key(NOW + 20, "c"), NOW + 300), Err(NonceError::Full));
    assert_eq!(store.insert(key(NOW, "a"), NOW + 300), Err(NonceError::Replayed));
    assert_eq!(store.insert(key(NOW + 20, "c"), NOW + 301), Ok(()));
    assert_eq!(store.len(), 2);
    // The clock is set back: what was forgotten cannot come again.
    assert_eq!(store.insert(key(NOW, "a"), NOW), Err(NonceError::Replayed));
    assert_eq!(key(u64::MAX, "a").expires(), u64::MAX);
}

#[test]
fn plaintext_may_lack_nonce_and_timestamp() {
    let text = "oauth_consumer_key=\"ck\",oauth_token=\"tk\",oauth_signature_method=\"PLAINTEXT\",\
                oauth_signature=\"consumer%2526secret%26token%2520secret\"";
    let verifier = Verifier::new().methods(&[SignatureMethod::Plaintext]);
    let verified = judge(&verifier, text, NOW).unwrap();
    assert_eq!(verified.timestamp(), None);
    let late = format!("{text},oauth_timestamp=\"1\"");
    let fault = judge(&verifier, &late, NOW).unwrap_err();
    assert_eq!(fault, VerifyError::OutOfWindow { window: 300 });
    for wrong in ["consumer%2526secret%26", "x", "consumer%2526secret%26token%2520secretx"] {
        let text = text.replace("consumer%2526secret%26token%2520secret", wrong);
        assert_eq!(judge(&verifier, &text, NOW).unwrap_err(), VerifyError::Signature);
    }
    assert_eq!(judge(&verifier, &list(), NOW).unwrap_err(), VerifyError::SignatureMethod);
}

#[test]
fn an_empty_token_is_no_token() {
    let list = {
        let consumer = Consumer::new("ck", "consumer&secret").unwrap();
        let request = Request::new("GET", URL).unwrap().oauth_parameter("oauth_x", "").unwrap();
        let signer = Signer::new(consumer, None);
        signer.sign(&request, &stamp(NOW)).unwrap().parameter_list()
    };
    let verified = judge(&Verifier::new(), list.expose(), NOW).unwrap();
    assert_eq!(verified.token_key(), None);
    let received = received("oauth_token=\"\"").unwrap();
    assert_eq!((received.token(), received.parameter("oauth_token")), (None, Some("")));
}

#[test]
fn a_body_is_verified_by_its_hash() {
    for method in [SignatureMethod::HmacSha1, SignatureMethod::HmacSha256] {
        let request = Request::new("POST", URL).unwrap().body_hash(b"Hello World!");
        let list = signer(method).sign(&request, &stamp(NOW)).unwrap().parameter_list();
        let new =
            || ReceivedRequest::new("POST", URL).unwrap().parameter_list(list.expose()).unwrap();
        let verify = |request: &ReceivedRequest| {
            Verifier::new().verify(request, &OneUser, &store(1), NOW).map(drop)
        };
        assert_eq!(verify(&new()), Ok(()));
        assert_eq!(verify(&new().body(b"Hello World!")), Ok(()));
        assert_eq!(verify(&new().body(b"Hello World?")), Err(VerifyError::BodyHash));
        assert_eq!(VerifyError::BodyHash.http_status(), 401);
    }
    // The example of the body hash draft.
    let request = Request::new("POST", URL).unwrap().body_hash(b"Hello World!");
    let signer = signer(SignatureMethod::HmacSha1);
    let signed = signer.sign(&request, &stamp(NOW)).unwrap();
    let hash = signed.parameters().find(|&(name, _)| name == "oauth_body_hash");
    assert_eq!(hash, Some(("oauth_body_hash", "Lve95gjOVATpfV8EL5X4nxwjKHE=")));
}

#[test]
fn nothing_secret_is_printed() {
    let methods = [SignatureMethod::Plaintext, SignatureMethod::HmacSha1];
    let verifier = Verifier::new().methods(&methods);
    let mut texts = Vec::new();
    for method in methods {
        let signer = signer(method);
        let token = Token::new("tk", "token secret").unwrap().with_verifier("hfdp7dh3").unwrap();
        let request =
            Request::new("POST", URL).unwrap().form_parameter("password", "swordfish").unwrap();
        let signed = signer.sign(&request, &stamp(NOW)).unwrap();
        let received = received(signed.parameter_list().expose()).unwrap();
        texts.push(format!("{signer:?}{:#?}{token:?}{request:?}{signed:?}", signer.consumer()));
        texts.push(format!("{:?}{received:#?}{:?}", signed.signature(), signer.prepare(&request)));
        let wrong = signed.parameter_list().expose().replace("secret", "sekret");
        let wrong = wrong.replace("oauth_nonce=\"7d", "oauth_nonce=\"8d");
        let fault = judge(&verifier, &wrong, NOW).unwrap_err();
        texts.push(format!("{fault} {fault:?} {:?}", fault.source().map(ToString::to_string)));
    }
    for text in texts {
        for secret in ["consumer&secret", "consumer%26secret", "token secret", "token%20secret"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        for secret in ["swordfish", "hfdp7dh3"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
