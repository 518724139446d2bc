//! Signatures: stamps are the same each time, so that what is signed is known before.

use xoauth::sasl::oauth1::{Request, SignatureMethod, Signer, percent_decode};
use xoauth::sasl::{Context, Exchange, Secret, decode_response};

use super::{DISGUISE, Hidden, consumer, mechanisms, request, stamp, token};

/// The signatures of the requests that are signed here with this method, and of those of mechanisms, disguised.
pub(crate) fn signatures() -> Vec<Vec<u8>> {
    let mut found = Vec::with_capacity(64);
    let mut add =
        |signature: &str| found.push(signature.bytes().map(|octet| octet ^ DISGUISE).collect());
    // The signature of PLAINTEXT is the secrets.
    for method in [SignatureMethod::HmacSha1, SignatureMethod::HmacSha256] {
        let signer = Signer::new(consumer(), Some(token())).method(method);
        let room = "y/".repeat(64);
        let signed = [
            ("one", request()),
            ("two", request()),
            ("one", Request::new("GET", "https://example.org/a?b=c").unwrap()),
            ("two", request().form_parameter("x_z", "").unwrap()),
            ("two", request().form_parameter("x_z", room).unwrap()),
            ("five", Request::new("GET", "https://mail.example.org/u/").unwrap()),
            ("five", Request::new("POST", "https://mail.example.org:993/").unwrap()),
        ];
        for (nonce, request) in &signed {
            add(signer.sign(request, &stamp(nonce)).unwrap().signature().expose());
        }
    }
    for nonce in ["three", "four", "five", "six"] {
        for mechanism in mechanisms().iter().take(2) {
            let stamp = stamp(nonce);
            let context = Context::new(&stamp, "mail.example.org", 993);
            let mut exchange = Exchange::start(&**mechanism, &context).unwrap();
            let sent = Secret::new(exchange.initial_response());
            let message = decode_response(sent.expose().as_bytes()).unwrap();
            let (_, signature) = message.expose().split_once("oauth_signature=\"").unwrap();
            let (signature, _) = signature.split_once('"').unwrap();
            add(&Hidden(percent_decode(signature).unwrap().into_owned()));
        }
    }
    found
}

/// One of them that nobody wipes.
pub(crate) fn signature() -> String {
    let signer = Signer::new(consumer(), Some(token()));
    signer.sign(&request(), &stamp("one")).unwrap().signature().expose().to_owned()
}

/// The message of a mechanism with one of them in it, that nobody wipes.
pub(crate) fn message() -> String {
    let stamp = stamp("three");
    let context = Context::new(&stamp, "mail.example.org", 993);
    let mechanisms = mechanisms();
    let mut exchange = Exchange::start(&*mechanisms[0], &context).unwrap();
    exchange.initial_response().to_owned()
}

/// What a text is percent-encoded, both disguised.
pub(crate) fn percent_in_disguise(text: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(3 * text.len());
    for octet in text.iter().map(|octet| octet ^ DISGUISE) {
        if octet.is_ascii_alphanumeric() {
            encoded.push(octet ^ DISGUISE);
            continue;
        }
        encoded.push(b'%' ^ DISGUISE);
        let digits = [octet >> 4, octet & 15];
        encoded.extend(digits.map(|digit| b"0123456789ABCDEF"[usize::from(digit)] ^ DISGUISE));
    }
    encoded
}
