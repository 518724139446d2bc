//! OAuth 1.0a and SASL: base strings, headers, the server side, error documents.

use std::cell::RefCell;

use xoauth::sasl::oauth1::{
    CredentialStore, MemoryNonceStore, ReceivedRequest, Secret, SignatureMethod, Verifier,
    percent_decode, percent_encode,
};
use xoauth::sasl::{
    BearerJudge, BearerRequest, ErrorChallenge, ErrorDocument, Identity, IdentityRequest, Refusal,
    Server, ServerExchange, ServerStep, Verdict, parse_client_message,
};

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

/// The token that is good: an input may find it.
const GOOD: &str = "ya29.good";

/// What signs: every key is known, no secret can be guessed.
const SECRET: &str = "oD4-kQ7_pX2.uR9~mB6-vL3_wN8.sJ5~";

/// A server to which every key and every user is good: all that stands between a client and its mail are secrets.
struct Site;

impl CredentialStore for Site {
    fn consumer(&self, _: &str) -> Option<Secret> {
        Some(Secret::new(SECRET))
    }

    fn token(&self, _: &str, _: &str) -> Option<Secret> {
        Some(Secret::new(SECRET))
    }
}

impl Identity for Site {
    fn identify(&self, request: &IdentityRequest<'_>) -> Verdict {
        Verdict::Accept { user: request.user.unwrap_or_default().to_owned() }
    }
}

impl BearerJudge for Site {
    fn judge(&self, request: &BearerRequest<'_>) -> Verdict {
        match request.token.expose() {
            GOOD => Verdict::Accept { user: request.user.unwrap_or_default().to_owned() },
            "" => Verdict::Unavailable("there is none".to_owned()),
            _ => Verdict::Refuse(ErrorDocument::new("401")),
        }
    }
}

/// The server side under any responses of a client: who does not say the good token is not let in, and an exchange that
/// has ended stays ended.
pub fn sasl_server(octets: &[u8]) {
    let mut choices = Choices(octets);
    let choice = usize::from(choices.octet().unwrap_or(0));
    let mechanism = MECHANISMS.get(choice % MECHANISMS.len()).copied().unwrap_or_default();
    // The first that was ever: any time is within the window.
    let verifier = Verifier::new()
        .window(u64::MAX)
        .methods(&[SignatureMethod::HmacSha1, SignatureMethod::Plaintext]);
    let nonces = RefCell::new(MemoryNonceStore::with_capacity(4));
    let mut server = Server::new().oauth1(&verifier, &Site, &nonces, &Site).bearer(&Site);
    // Most have an endpoint: OAUTH10A goes no further without.
    if choice & 0x80 == 0 {
        server = server.endpoint("h", 993).endpoint("imap.example.org", 993).scope("mail");
    }
    let Ok(mut exchange) = ServerExchange::new(mechanism) else { return };
    if let Ok(message) = parse_client_message(mechanism, choices.0) {
        shown(octets, &message);
    }
    let mut said = Vec::new();
    let mut has_ended = false;
    while !choices.is_empty() {
        let piece = choices.piece();
        said.push(piece);
        let step = exchange.step(piece, &server, 0);
        shown(octets, &step);
        if has_ended {
            assert_eq!(step, ServerStep::Refused(Refusal::Finished));
        }
        if matches!(step, ServerStep::Accepted { .. }) {
            let is_bearer = matches!(mechanism, "OAUTHBEARER" | "XOAUTH2");
            let knows =
                |piece: &&[u8]| piece.windows(GOOD.len()).any(|part| part == GOOD.as_bytes());
            assert!(is_bearer && said.iter().any(knows), "{mechanism} lets in who knows nothing");
        }
        has_ended |= !matches!(step, ServerStep::Challenge(_));
    }
}

/// Any document has its status or none.
pub fn error_document(octets: &[u8]) {
    let document = ErrorChallenge::parse(octets);
    let _ = (document.status(), document.scope(), document.openid_configuration());
    shown(octets, &document);
    assert!(document.raw().len() <= octets.len());
}
