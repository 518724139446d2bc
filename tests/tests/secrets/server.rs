//! A server that judges logins: its conversation in every state, what it is given to judge, and what it keeps.

use std::cell::RefCell;

use xoauth::sasl::oauth1::{
    MemoryNonceStore, NonceKey, Request, SignatureMethod, Signer, Verifier,
};
use xoauth::sasl::{
    BearerJudge, BearerRequest, Context, ErrorDocument, Exchange, Identity, IdentityRequest,
    Mechanism, OAuth10A, OAuthBearer, Refusal, Server, ServerExchange, ServerStep, Verdict, XOAuth,
    XOAuth2, decode_response, encode_challenge, parse_client_message,
};

use super::{BEARER, OneUser, Shown, consumer, stamp, token};

/// Looks at what it is given, and says this.
struct Nosy {
    shown: RefCell<Shown>,
    verdict: Verdict,
}

impl BearerJudge for Nosy {
    fn judge(&self, request: &BearerRequest<'_>) -> Verdict {
        self.shown.borrow_mut().note("BearerRequest", request);
        self.verdict.clone()
    }
}

impl Identity for Nosy {
    fn identify(&self, request: &IdentityRequest<'_>) -> Verdict {
        let mut shown = self.shown.borrow_mut();
        shown.note("IdentityRequest", request);
        shown.note("what was verified", request.verified);
        self.verdict.clone()
    }
}

/// The messages of logins, with the names of their mechanisms.
fn messages(shown: &mut Shown) -> Vec<(&'static str, String)> {
    let logins: [Box<dyn Mechanism>; 4] = [
        Box::new(XOAuth::new("https://mail.example.org/u/", consumer(), Some(token())).unwrap()),
        Box::new(OAuth10A::new("user", consumer(), token()).unwrap()),
        Box::new(OAuthBearer::new("user", BEARER).unwrap()),
        Box::new(XOAuth2::new("user", BEARER).unwrap()),
    ];
    let names = ["XOAUTH", "OAUTH10A", "OAUTHBEARER", "XOAUTH2"];
    let stamp = stamp();
    let context = Context::new(&stamp, "mail.example.org", 993);
    let mut messages = Vec::new();
    for (name, login) in names.into_iter().zip(&logins) {
        let mut exchange = Exchange::start(&**login, &context).unwrap();
        let sent = exchange.initial_response();
        messages.push((name, decode_response(sent.as_bytes()).unwrap().expose().to_owned()));
    }
    // With the signature in the URL: that of PLAINTEXT is the secrets.
    for method in
        [SignatureMethod::HmacSha1, SignatureMethod::HmacSha256, SignatureMethod::Plaintext]
    {
        let signer = Signer::new(consumer(), Some(token())).method(method);
        let request = Request::new("GET", "https://mail.example.org/u/").unwrap();
        let signed = signer.sign(&request, &stamp).unwrap();
        shown.secrets.push(signed.signature().expose().to_owned());
        messages.push(("XOAUTH", format!("GET {} realm=\"x\"", signed.url().expose())));
    }
    for (_, message) in &messages {
        let encoded =
            message.split("oauth_signature=\"").nth(1).and_then(|rest| rest.split('"').next());
        shown.secrets.extend(encoded.map(str::to_owned));
        shown.secrets.push(encode_challenge(message.as_bytes()));
    }
    messages
}

pub(crate) fn server(shown: &mut Shown) {
    let methods =
        [SignatureMethod::HmacSha1, SignatureMethod::HmacSha256, SignatureMethod::Plaintext];
    let verdicts = [
        Verdict::Accept { user: "user".to_owned() },
        Verdict::Refuse(ErrorDocument::new("invalid_token").scope("mail")),
        Verdict::Unavailable("later".to_owned()),
    ];
    let messages = messages(shown);
    let mut judged = 0;
    for verdict in &verdicts {
        shown.note("Verdict", verdict);
        if let Verdict::Refuse(document) = verdict {
            shown.note("ErrorDocument", document);
        }
        for (name, message) in &messages {
            let nonces = RefCell::new(MemoryNonceStore::with_capacity(1));
            let verifier = Verifier::new().methods(&methods);
            let nosy = Nosy { shown: RefCell::default(), verdict: verdict.clone() };
            let server = Server::new()
                .endpoint("mail.example.org", 993)
                .oauth1(&verifier, &OneUser, &nonces, &nosy)
                .bearer(&nosy);
            shown.note("Server", &server);
            shown.note("Verifier", &verifier);
            // What was sent, the same again and torn apart, on one connection and on another.
            let (torn, _) = message.split_at(message.len() - 1);
            let altered = message.replace("nonce", "other");
            let doubled =
                message.replace("oauth_signature=", "oauth_signature=\"x\",oauth_signature=");
            for said in [message, message, torn, &altered, &doubled] {
                let mut exchange = ServerExchange::new(name).unwrap();
                shown.note("ServerExchange", &exchange);
                for response in ["", said, "\u{1}", said] {
                    let step = exchange.step(response.as_bytes(), &server, 1);
                    shown.note("ServerExchange", &exchange);
                    shown.note("ServerStep", &step);
                    if let ServerStep::Refused(refusal) = &step {
                        shown.note_error("Refusal", refusal);
                        if let Refusal::OAuth1(fault) = refusal {
                            shown.note_error("VerifyError", fault);
                        }
                    }
                }
                match parse_client_message(name, said.as_bytes()) {
                    Ok(read) => shown.note("ClientMessage", &read),
                    Err(fault) => {
                        shown.note_error("ParseError", &fault);
                    }
                }
            }
            shown.note("MemoryNonceStore", &*nonces.borrow());
            drop(server);
            let given = nosy.shown.into_inner();
            judged += usize::from(!given.types.is_empty());
            shown.add("what a judge is given", given);
        }
    }
    assert_eq!(judged, verdicts.len() * messages.len(), "a judge was not asked");
    shown.note("NonceKey", &NonceKey::new(1, "key", Some("token"), "nonce", 300));
}
