//! What the types show of themselves: names, and no secret.
#![allow(clippy::unwrap_used, missing_docs)]

use oauth1_core::{Consumer, Nonce, Request, Secret, SignatureMethod, Signer, Stamp, Token};

#[test]
fn debug_output_has_names_and_no_secrets() {
    let consumer = Consumer::new("the-key", "hidden-one").unwrap();
    let token = Token::new("the-token", "hidden-two").unwrap();
    let request = Request::new("GET", "https://example.org/a").unwrap();
    let request = request.form_parameter("password", "hidden-three").unwrap();
    let signer = Signer::new(consumer.clone(), Some(token.clone()));
    let (prepared, nonce) = (signer.prepare(&request), Nonce::new("once").unwrap());
    let signed = signer.sign(&request, &Stamp::new(nonce.clone(), 1)).unwrap();
    assert_eq!(format!("{consumer:?}"), "Consumer { key: \"the-key\", .. }");
    let shown = [
        (format!("{:?}", request.url()), "RequestUrl(\"https://example.org/a\""),
        (format!("{token:?}"), "Token { .. }"),
        (format!("{request:?}"), "Request { method: \"GET\", url: "),
        (format!("{prepared:?}"), "Prepared { .. }"),
        (format!("{signer:?}"), "Signer { "),
        (format!("{signed:?}"), "Signed { method: HmacSha1, request: Request { "),
        (format!("{nonce:?}"), "Nonce(\"once\")"),
    ];
    for (shown, start) in shown {
        assert!(shown.starts_with(start) && !shown.contains("hidden"), "{shown}");
    }
}

#[test]
fn methods_have_the_names_that_are_sent() {
    let names = ["HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"];
    for name in names {
        let method: SignatureMethod = name.parse().unwrap();
        assert_eq!(method.to_string(), name);
        let signer = Signer::new(Consumer::new("k", "").unwrap(), None).method(method);
        assert_eq!(signer.signature_method(), method);
    }
}

#[test]
fn what_is_given_is_kept() {
    assert_eq!(Secret::from(String::from("owned")).expose(), "owned");
    let (one, same) = (Nonce::new("one").unwrap(), Nonce::new("one").unwrap());
    assert_eq!(one, same);
    assert_ne!(one, Nonce::new("two").unwrap());
}
