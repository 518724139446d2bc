//! OAuth 1.0a and SASL: base strings, headers, the server side, error documents.

use xoauth::sasl::oauth1::{ReceivedRequest, percent_decode, percent_encode};
use xoauth::sasl::{ErrorChallenge, Server, ServerExchange, parse_client_message};

use super::{Choices, shown, text};

/// A request made of a URL and a body has the base string of its parts: three parts between two
/// ampersands, percent-encoded once more, in which every parameter stands at its place.
pub fn base_string(octets: &[u8]) {
    let mut choices = Choices(octets);
    let (Some(url), Some(body)) = (text(choices.piece()), text(choices.0)) else { return };
    let Ok(request) = ReceivedRequest::new("GET", url) else { return };
    let Ok(request) = request.form(body) else { return };
    let base = request.base_string();
    let parts: Vec<&str> = base.split('&').collect();
    assert_eq!(parts.len(), 3, "{base}");
    assert!(base.is_ascii() && !base.contains([' ', '\r', '\n', '+']), "{base}");
    // The slow way: decode the last part and compare it with the sorted parameters.
    let decoded = parts.get(2).map(|part| percent_decode(part));
    let mut pairs: Vec<(String, String)> = request
        .parameters()
        .filter(|&(name, _)| name != "oauth_signature")
        .map(|(name, value)| {
            (percent_encode(name).into_owned(), percent_encode(value).into_owned())
        })
        .collect();
    pairs.sort();
    let joined: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if let Some(Ok(decoded)) = decoded.map(|decoded| decoded.map(|text| text.to_string())) {
        assert_eq!(decoded, joined.join("&"));
    }
}

/// A header that is read says the same when it is read again, and none makes the reader panic.
pub fn authorization_header(octets: &[u8]) {
    let Some(header) = text(octets) else { return };
    let read = |header: &str| {
        ReceivedRequest::new("GET", "https://example.org/").and_then(|r| r.authorization(header))
    };
    let Ok(request) = read(header) else { return };
    let fields: Vec<String> = request
        .parameters()
        .map(|(name, value)| format!("{}=\"{}\"", percent_encode(name), percent_encode(value)))
        .collect();
    if fields.is_empty() {
        return;
    }
    let again = read(&format!("OAuth {}", fields.join(",")));
    let same = again.is_ok_and(|again| again.parameters().eq(request.parameters()));
    assert!(same, "{header:?}");
}

const MECHANISMS: &[&str] = &["XOAUTH", "OAUTH10A", "OAUTHBEARER", "XOAUTH2"];

/// The server side under any responses of a client.
pub fn sasl_server(octets: &[u8]) {
    let mut choices = Choices(octets);
    let index = usize::from(choices.octet().unwrap_or(0)) % MECHANISMS.len();
    let mechanism = MECHANISMS.get(index).copied().unwrap_or_default();
    let server = Server::new();
    let Ok(mut exchange) = ServerExchange::new(mechanism) else { return };
    if let Ok(message) = parse_client_message(mechanism, choices.0) {
        shown(octets, &message);
    }
    while !choices.is_empty() {
        let step = exchange.step(choices.piece(), &server, 0);
        shown(octets, &step);
    }
}

/// Any document has its status or none.
pub fn error_document(octets: &[u8]) {
    let document = ErrorChallenge::parse(octets);
    let _ = (document.status(), document.scope(), document.openid_configuration());
    shown(octets, &document);
    assert!(document.raw().len() <= octets.len());
}
