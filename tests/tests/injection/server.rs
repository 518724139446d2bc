//! A server that refuses every login, and what it says of that.

use std::cell::RefCell;

use xoauth::sasl::oauth1::{CredentialStore, MemoryNonceStore, Secret, Verifier};
use xoauth::sasl::{
    BearerJudge, BearerRequest, ErrorDocument, Identity, IdentityRequest, Server, ServerExchange,
    ServerStep, Verdict, encode_challenge,
};

use crate::oauth::{leaves, one_line};

/// Nobody is known here.
struct Nobody;

impl CredentialStore for Nobody {
    fn consumer(&self, _: &str) -> Option<Secret> {
        None
    }

    fn token(&self, _: &str, _: &str) -> Option<Secret> {
        None
    }
}

impl BearerJudge for Nobody {
    fn judge(&self, _: &BearerRequest<'_>) -> Verdict {
        Verdict::Refuse(ErrorDocument::new("invalid_token"))
    }
}

impl Identity for Nobody {
    fn identify(&self, _: &IdentityRequest<'_>) -> Verdict {
        Verdict::Refuse(ErrorDocument::new("invalid_token"))
    }
}

/// Logins that are refused, each for a reason of its own: parameters are missing, a host that is not the server's,
/// no token, and a token that the judge does not take.
const LOGINS: [(&str, &str); 5] = [
    ("XOAUTH", "GET https://example.org/ oauth_version=\"1.0\""),
    ("OAUTH10A", "n,a=user,\u{1}host=elsewhere\u{1}port=9\u{1}auth=OAuth a=\"b\"\u{1}\u{1}"),
    ("OAUTHBEARER", "n,a=user,\u{1}host=elsewhere\u{1}port=9\u{1}auth=Bearer x\u{1}\u{1}"),
    ("OAUTHBEARER", "n,,\u{1}auth=\u{1}\u{1}"),
    ("XOAUTH2", "user=user\u{1}auth=Bearer x\u{1}\u{1}"),
];

/// What the server says of logins; all are refused with a challenge.
#[track_caller]
pub(crate) fn refused(made: impl Fn(Server<'_>) -> Server<'_>) {
    for (name, login) in LOGINS {
        assert!(asks(name, login, &made), "{name}: no challenge");
    }
}

/// What the server says of a client's own text, and of logins that hold it.
#[track_caller]
pub(crate) fn heard(text: &str) {
    let has_auth = |auth: &str| format!("n,a={text},\u{1}host={text}\u{1}auth={auth}\u{1}\u{1}");
    let logins = [
        ("XOAUTH", format!("GET https://example.org/{text} oauth_version=\"{text}\"")),
        ("OAUTH10A", has_auth(&format!("OAuth oauth_token=\"{text}\""))),
        ("OAUTHBEARER", has_auth(&format!("Bearer {text}"))),
        ("OAUTHBEARER", has_auth("")),
        ("XOAUTH2", format!("user={text}\u{1}auth=Bearer {text}\u{1}\u{1}")),
    ];
    for (name, login) in &logins {
        asks(name, text, |server| server);
        asks(name, login, |server| server);
    }
}

/// Lets a client say this; whether the answer was a challenge that says why the client is refused.
#[track_caller]
fn asks(name: &str, said: &str, made: impl Fn(Server<'_>) -> Server<'_>) -> bool {
    let nonces = RefCell::new(MemoryNonceStore::with_capacity(1));
    let verifier = Verifier::new();
    let server = Server::new().oauth1(&verifier, &Nobody, &nonces, &Nobody).bearer(&Nobody);
    let mut exchange = ServerExchange::new(name).unwrap();
    match exchange.step(said.as_bytes(), &made(server), 0) {
        ServerStep::Challenge(document) => {
            one_line(&String::from_utf8_lossy(&document));
            leaves(&encode_challenge(&document));
            !document.is_empty()
        }
        step => {
            one_line(&format!("{step:?}"));
            if let ServerStep::Refused(refusal) = step {
                one_line(&refusal.to_string());
            }
            false
        }
    }
}
