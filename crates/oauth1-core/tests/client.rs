//! Credentials, URLs, encoding and the forms of a signed request.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use oauth1_core::{
    Consumer, Error, Nonce, Request, RequestUrl, Secret, SignatureMethod, Signer, Stamp, Token,
    percent_decode, percent_encode,
};

#[test]
fn credentials_that_cannot_work_are_refused_with_the_reason() {
    let cases = [
        (Consumer::new("", "s").err(), "consumer key is empty, expected at least one character"),
        (Token::new("", "").err(), "token is empty, expected at least one character"),
        (
            Consumer::new("key", "secret\n").err(),
            "consumer secret holds a line feed at octet 6, expected no control character",
        ),
        (
            Consumer::new("key\r\n", "secret").err(),
            "consumer key holds a carriage return at octet 3, expected no control character",
        ),
        (
            Token::new("t\0", "").err(),
            "token holds U+0000 at octet 1, expected no control character",
        ),
        (
            Token::new("t", "\u{7f}").err(),
            "token secret holds U+007F at octet 0, expected no control character",
        ),
        (
            Token::new("t", "s").unwrap().with_verifier("").err(),
            "verifier is empty, expected at least one character",
        ),
        (
            Token::new("t", "s").unwrap().with_verifier("1234\n").err(),
            "verifier holds a line feed at octet 4, expected no control character",
        ),
        (
            Token::new("t", "s").unwrap().with_callback("/relative").err(),
            "callback holds '/' at octet 0, expected an absolute URI or oob",
        ),
        (
            Token::new("t", "s").unwrap().with_callback("http://h/a b").err(),
            "callback holds a space at octet 10, expected no control character and no space",
        ),
        (Nonce::new("").err(), "nonce is empty, expected at least one character"),
        (
            Nonce::new("a b").err(),
            "nonce holds a space at octet 1, expected no control character and no space",
        ),
    ];
    for (fault, message) in cases {
        assert_eq!(fault.map(|fault| fault.to_string()).as_deref(), Some(message));
    }
}

#[test]
fn a_token_survives_its_form() {
    let cases = [
        ("a", "b", "oauth_token=a&oauth_token_secret=b"),
        ("a", "", "oauth_token=a&oauth_token_secret="),
        ("a b+c", "d&e=f%", "oauth_token=a%20b%2Bc&oauth_token_secret=d%26e%3Df%25"),
        ("k\u{e9}", "\u{6f22}", "oauth_token=k%C3%A9&oauth_token_secret=%E6%BC%A2"),
    ];
    for (key, secret, form) in cases {
        let token = Token::new(key, secret).unwrap();
        assert_eq!(token.to_form().expose(), form);
        let read: Token = form.parse().unwrap();
        assert_eq!((read.key(), read.secret().expose()), (key, secret));
        assert!(!read.callback_confirmed());
    }
    let consumer = Consumer::new("a b", "").unwrap();
    let form = consumer.to_form();
    assert_eq!(form.expose(), "oauth_consumer_key=a%20b&oauth_consumer_secret=");
    let read: Consumer = form.expose().parse().unwrap();
    assert_eq!((read.key(), read.secret().expose()), ("a b", ""));
}

#[test]
fn a_servers_answer_is_read() {
    let answer = "oauth_token_secret=s+s&user_id=7&oauth_callback_confirmed=true&oauth_token=t";
    let token = Token::from_form(answer).unwrap();
    assert_eq!((token.key(), token.secret().expose()), ("t", "s s"));
    assert!(token.callback_confirmed());
    let form = "oauth_token=t&oauth_token_secret=s%20s&oauth_callback_confirmed=true";
    assert_eq!(token.to_form().expose(), form);
    assert!(!Token::from_form(&answer.replace("true", "false")).unwrap().callback_confirmed());

    let missing = |name| Error::MissingParameter { name };
    let cases = [
        ("", missing("oauth_token")),
        ("oauth_token", missing("oauth_token_secret")),
        ("oauth_token_secret=s", missing("oauth_token")),
        ("oauth_token=&oauth_token_secret=", Error::Empty { argument: "token" }),
        ("oauth_token=%zz&oauth_token_secret=", Error::PercentEncoding { offset: 0 }),
        ("oauth_token=a%ff&oauth_token_secret=", Error::PercentEncoding { offset: 1 }),
        (
            "oauth_token=a&oauth_token=a&oauth_token_secret=",
            Error::ReservedParameter { name: "oauth_token".into(), place: "form" },
        ),
    ];
    for (form, expected) in cases {
        assert_eq!(Token::from_form(form).unwrap_err(), expected, "{form}");
    }
}

#[test]
fn a_callback_receives_token_and_verifier() {
    let url = |callback: &str| {
        let token = Token::new("t k", "s").unwrap().with_callback(callback).unwrap();
        assert_eq!((token.callback(), token.callback_confirmed()), (Some(callback), true));
        assert!(token.callback_url_with_verifier().is_none());
        let token = token.with_verifier("v&").unwrap();
        token.callback_url_with_verifier().map(|url| url.expose().to_owned())
    };
    let added = "oauth_token=t%20k&oauth_verifier=v%26";
    for (callback, expected) in [
        ("http://h/back", format!("http://h/back?{added}")),
        ("http://h/back?", format!("http://h/back?{added}")),
        ("http://h/back?a=1", format!("http://h/back?a=1&{added}")),
        ("http://h/back?a=1&", format!("http://h/back?a=1&{added}")),
        ("app.name:/back#part?x", format!("app.name:/back?{added}#part?x")),
    ] {
        assert_eq!(url(callback), Some(expected));
    }
    assert_eq!(url("oob"), None);
    assert!(Token::new("t", "s").unwrap().callback_url_with_verifier().is_none());
}

#[test]
fn the_base_string_uri_follows_the_rfc_and_the_text_stays() {
    let cases = [
        // RFC 5849 3.4.1.2
        ("http://EXAMPLE.COM:80/r%20v/X?id=123", "http://example.com/r%20v/X"),
        ("https://www.example.net:8080/?q=1", "https://www.example.net:8080/"),
        ("HTTP://h", "http://h/"),
        ("https://h?", "https://h/"),
        ("https://h#f", "https://h/"),
        ("https://h:/", "https://h/"),
        ("https://h:443/", "https://h/"),
        ("https://h:0443/", "https://h/"),
        // Only the default is known by its number (RFC 3986 6.2.3); any other port is signed as it is sent.
        ("https://h:080/", "https://h:080/"),
        ("http://h:080/", "http://h/"),
        ("https://h:80/", "https://h:80/"),
        ("http://h:443/", "http://h:443/"),
        ("https://u:p@h:1/", "https://h:1/"),
        ("https://u@v@h/", "https://h/"),
        ("https://[2001:DB8::1]/", "https://[2001:db8::1]/"),
        ("https://u@[::ffff:1.2.3.4]:8443/", "https://[::ffff:1.2.3.4]:8443/"),
        ("http://127.0.0.1:65535/", "http://127.0.0.1:65535/"),
        ("https://h/a/../b//c/./%7e;v=1?x#y", "https://h/a/../b//c/./%7e;v=1"),
        ("https://h/\u{e9}\"\\<>", "https://h/\u{e9}\"\\<>"),
        ("https://b\u{fc}cher.example/", "https://b\u{fc}cher.example/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://a_b.example./", "https://a_b.example./"),
        ("https://h/?http://other/", "https://h/"),
    ];
    for (text, uri) in cases {
        let url = RequestUrl::new(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(url.base_string_uri(), uri, "{text}");
        assert_eq!(url.as_str(), text);
    }
}

#[test]
fn a_url_that_cannot_be_signed_is_refused_with_the_place() {
    let cases = [
        ("", "url ends at octet 0, expected http:// or https://"),
        ("example.com/", "url holds 'e' at octet 0, expected http:// or https://"),
        ("imap://h/", "url holds 'i' at octet 0, expected http:// or https://"),
        ("httpss://h/", "url holds 'h' at octet 0, expected http:// or https://"),
        ("http:", "url ends at octet 5, expected http:// or https://"),
        ("https:/h", "url holds 'h' at octet 7, expected http:// or https://"),
        ("https://", "url ends at octet 8, expected a host"),
        ("https:///p", "url holds '/' at octet 8, expected a host"),
        ("https://?q", "url holds '?' at octet 8, expected a host"),
        ("https://u@/p", "url holds '/' at octet 10, expected a host"),
        ("https://:443/", "url holds ':' at octet 8, expected a host"),
        (
            "https://h/a b",
            "url holds a space at octet 11, expected no control character and no space",
        ),
        (
            "https://h/\r\n",
            "url holds a carriage return at octet 10, expected no control character and no space",
        ),
        (
            "https://h/\u{1}",
            "url holds U+0001 at octet 10, expected no control character and no space",
        ),
        (
            "https://h/\u{a0}",
            "url holds U+00A0 at octet 10, expected no control character and no space",
        ),
        (" https://h/", "url holds a space at octet 0, expected no control character and no space"),
        ("https://h:x/", "url holds 'x' at octet 10, expected a port of digits"),
        ("https://h:1:2/", "url holds ':' at octet 11, expected a port of digits"),
        ("https://h:65536/", "url holds '6' at octet 10, expected a port of at most 65535"),
        ("https://[::1/", "url holds '[' at octet 8, expected an IPv6 address in brackets"),
        ("https://[::g]/", "url holds '[' at octet 8, expected an IPv6 address in brackets"),
        ("https://[]/", "url holds '[' at octet 8, expected an IPv6 address in brackets"),
        ("https://[::1]x/", "url holds 'x' at octet 13, expected a port or the end of the host"),
        ("https://a<b/", "url holds '<' at octet 9, expected a host name"),
        (
            "https://good\\@evil/",
            "url holds '\\' at octet 12, expected no backslash before the path",
        ),
        ("https://good\\.evil/", "url holds '\\' at octet 12, expected a host name"),
    ];
    for (text, message) in cases {
        let fault = RequestUrl::new(text).err().map(|fault| fault.to_string());
        assert_eq!(fault.as_deref(), Some(message), "{text:?}");
    }
}

#[cfg(feature = "url")]
#[test]
fn hosts_outside_plain_ascii_are_judged_by_the_url_crate() {
    for text in ["https://1.2.3.256/", "https://a%20b/", "https://xn--a/", "https://\u{ad}/"] {
        let fault = RequestUrl::new(text).err().map(|fault| fault.to_string()).unwrap_or_default();
        assert!(fault.ends_with("expected a valid host name or address"), "{text}: {fault}");
    }
}

#[test]
fn a_parameter_of_the_signer_cannot_be_given() {
    let new = || Request::new("POST", "https://h/?oauth_foo=1").unwrap();
    let cases = [
        (Request::new("GET", "https://h/?a=1&oauth_nonce=x").err(), "oauth_nonce", "url query"),
        (Request::new("GET", "https://h/?oauth%5Ftoken=x").err(), "oauth_token", "url query"),
        (Request::new("GET", "https://h/?oauth_a&oauth_a").err(), "oauth_a", "url query"),
        (new().form_parameter("oauth_version", "1.0").err(), "oauth_version", "form"),
        (new().form_parameter("oauth_foo", "1").err(), "oauth_foo", "form"),
        (new().oauth_parameter("oauth_token", "").err(), "oauth_token", "protocol parameters"),
        (new().oauth_parameter("oauth_foo", "").err(), "oauth_foo", "protocol parameters"),
        (new().oauth_parameter("realm", "").err(), "realm", "protocol parameters"),
        (
            new().oauth_parameter("x", "").unwrap().oauth_parameter("x", "").err(),
            "x",
            "protocol parameters",
        ),
    ];
    for (fault, name, place) in cases {
        assert_eq!(fault, Some(Error::ReservedParameter { name: name.into(), place }));
    }
    let message = "parameter oauth_nonce in the url query, \
                   expected it once and where the signer puts it";
    assert_eq!(Request::new("GET", "http://h/?oauth_nonce").unwrap_err().to_string(), message);
}

#[test]
fn a_method_is_an_http_token_in_upper_case() {
    for (method, expected) in [("get", "GET"), ("Post", "POST"), ("x-Custom!", "X-CUSTOM!")] {
        assert_eq!(Request::new(method, "http://h/").unwrap().method(), expected);
    }
    // RFC 5849 3.4.1.1
    let signer = Signer::new(Consumer::new("k", "").unwrap(), None);
    let stamp = Stamp::new(Nonce::new("n").unwrap(), 1);
    let custom = Request::new("a&b", "http://h/").unwrap();
    let signed = signer.sign(&custom, &stamp).unwrap();
    assert!(signed.base_string().starts_with("A%26B&http%3A%2F%2Fh%2F&oauth_consumer_key"));
    for method in ["", "GET ", "G\nT", "GET/", "\u{e9}"] {
        assert!(Request::new(method, "http://h/").is_err(), "{method:?}");
    }
}

#[test]
fn method_names_are_exact() {
    let methods =
        [SignatureMethod::HmacSha1, SignatureMethod::HmacSha256, SignatureMethod::Plaintext];
    for method in methods {
        assert_eq!(method.as_str().parse(), Ok(method));
        let lower = method.to_string().to_lowercase();
        assert_eq!(lower.parse::<SignatureMethod>(), Err(Error::SignatureMethod));
    }
}

#[test]
fn malformed_encodings_are_refused() {
    for (text, offset) in [("%", 0), ("a%2", 1), ("%zz", 0), ("%2g%41", 0), ("%41%ff", 0)] {
        assert_eq!(percent_decode(text), Err(Error::PercentEncoding { offset }), "{text}");
    }
    assert_eq!(percent_decode("a+b%2b%2B%C3%a9~").unwrap(), "a+b++\u{e9}~");
    assert!(matches!(percent_encode("aZ09-._~"), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn nonces_of_128_bits_are_26_letters_and_digits() {
    for (octets, text) in [
        ([0; 16], "aaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ([0xff; 16], "777777777777p777777777777p"),
        (1u128.to_be_bytes(), "aaaaaaaaaaaaabaaaaaaaaaaaa"),
    ] {
        let nonce = Nonce::from_random_octets(octets);
        assert_eq!(nonce.as_str(), text);
    }
}

#[cfg(feature = "getrandom")]
#[test]
fn random_nonces_do_not_repeat() {
    // `cargo xtask gates nonces` makes ten million.
    let count = 100_000;
    let mut nonces: Vec<Nonce> = (0..count).map(|_| Nonce::random().unwrap()).collect();
    // All 128 bits are in use: each place has every digit, the last of each half those of four bits.
    let mut seen = [[0; 256]; 26];
    for nonce in &nonces {
        for (digits, digit) in seen.iter_mut().zip(nonce.as_str().bytes()) {
            digits[usize::from(digit)] = 1;
        }
    }
    for (place, digits) in seen.iter().enumerate() {
        let expected = if place % 13 == 12 { 16 } else { 32 };
        assert_eq!(digits.iter().sum::<i32>(), expected, "at {place}");
    }
    nonces.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    nonces.dedup();
    assert_eq!(nonces.len(), count);
    let stamp = Stamp::random(7).unwrap();
    assert_eq!(stamp.timestamp(), 7);
    assert_ne!(Stamp::random(7).unwrap(), stamp);
}

/// The signed request of RFC 5849 1.2.
#[test]
fn a_signed_request_writes_itself_in_each_form() {
    let consumer = Consumer::new("dpf43f3p2l4k3l03", "kd94hf93k423kf44").unwrap();
    let token = Token::new("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00").unwrap();
    let url = "http://photos.example.net/photos?file=vacation.jpg&size=original#top";
    let request = Request::new("GET", url).unwrap();
    let signer = Signer::new(consumer, Some(token)).version(false);
    let stamp = Stamp::new(Nonce::new("chapoH").unwrap(), 137_131_202);
    let signed = signer.sign(&request, &stamp).unwrap();
    assert_eq!(signed.signature().expose(), "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
    assert_eq!(
        signed.parameters().collect::<Vec<_>>(),
        [
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_nonce", "chapoH"),
            ("oauth_signature", "MdpQcU8iPSUjWoN/UDMsK2sui9I="),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131202"),
            ("oauth_token", "nnch734d00sl2jdk"),
        ]
    );
    let list = "oauth_consumer_key=\"dpf43f3p2l4k3l03\",oauth_nonce=\"chapoH\",\
                oauth_signature=\"MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D\",\
                oauth_signature_method=\"HMAC-SHA1\",oauth_timestamp=\"137131202\",\
                oauth_token=\"nnch734d00sl2jdk\"";
    assert_eq!(signed.parameter_list().expose(), list);
    let spaced = list.replace(',', ", ");
    assert_eq!(signed.authorization_header(None).expose(), format!("OAuth {spaced}"));
    for (realm, written) in [
        ("Photos", "Photos"),
        ("", ""),
        ("a\"b\\c", "a\\\"b\\\\c"),
        ("x\r\nEvil: 1", "x%0D%0AEvil: 1"),
        ("\u{e9}", "%C3%A9"),
    ] {
        let header = signed.authorization_header(Some(realm));
        assert_eq!(header.expose(), format!("OAuth realm=\"{written}\", {spaced}"));
    }
    let form = list.replace('"', "").replace(',', "&");
    assert_eq!(signed.form_body().expose(), form);
    let (front, fragment) = url.split_once('#').unwrap();
    assert_eq!(signed.url().expose(), format!("{front}&{form}#{fragment}"));
}

#[test]
fn a_form_body_holds_the_forms_parameters_first() {
    let request = Request::new("POST", "https://h/").unwrap();
    let request = request.form_parameter("z", "a b&c").unwrap().form_parameter("z", "").unwrap();
    let signer = Signer::new(Consumer::new("k", "").unwrap(), None);
    let stamp = Stamp::new(Nonce::new("n").unwrap(), 1);
    let signed = signer.sign(&request, &stamp).unwrap();
    assert!(signed.form_body().expose().starts_with("z=a%20b%26c&z=&oauth_consumer_key=k&"));
    assert!(signed.base_string().ends_with("oauth_version%3D1.0%26z%3D%26z%3Da%2520b%2526c"));
}

#[test]
fn secrets_do_not_print() {
    assert_eq!(format!("{:?}", Secret::new("x")), "Secret(..)");
    assert_eq!(format!("{:#?}", Secret::from("x")), "Secret(..)");
}
