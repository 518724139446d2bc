//! What the types show of themselves: names, and no secret.
#![allow(clippy::unwrap_used, missing_docs)]

use oauth1_core::{Consumer, Request, SignatureMethod, Signer, Token};

#[test]
fn debug_output_has_names_and_no_secrets() {
    let consumer = Consumer::new("the-key", "hidden-one").unwrap();
    let token = Token::new("the-token", "hidden-two").unwrap();
    let request = Request::new("GET", "https://example.org/a").unwrap();
    let request = request.form_parameter("password", "hidden-three").unwrap();
    let prepared = Signer::new(consumer.clone(), Some(token.clone())).prepare(&request);
    assert_eq!(format!("{consumer:?}"), "Consumer { key: \"the-key\", .. }");
    let shown = [
        (format!("{:?}", request.url()), "RequestUrl(\"https://example.org/a\""),
        (format!("{token:?}"), "Token { .. }"),
        (format!("{request:?}"), "Request { method: \"GET\", url: "),
        (format!("{prepared:?}"), "Prepared { .. }"),
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
    }
}
