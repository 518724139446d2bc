//! OAuth 1.0a in three steps: RFC 5849 2.

use std::time::{SystemTime, UNIX_EPOCH};

use xoauth_sasl::oauth1::{
    CredentialStore, MemoryNonceStore, ReceivedRequest, Secret, Token, Verified, Verifier,
};

use super::http::{Answer, Request};
use crate::host::{DEMO_CONSUMER, DEMO_TOKEN};

/// What is under way.
#[derive(Debug)]
pub(crate) struct State {
    nonces: std::cell::RefCell<MemoryNonceStore>,
    /// The callback of the temporary token that was handed out.
    callback: Option<String>,
    agreed: bool,
}

impl Default for State {
    fn default() -> Self {
        let nonces = std::cell::RefCell::new(MemoryNonceStore::with_capacity(1000));
        Self { nonces, callback: None, agreed: false }
    }
}

/// The temporary credentials of every login.
const TEMPORARY: (&str, &str) = ("temporary", "temporary-secret");
const VERIFIER: &str = "verifier-4711";

/// One consumer, one temporary token.
struct Known;

impl CredentialStore for Known {
    fn consumer(&self, key: &str) -> Option<Secret> {
        (key == DEMO_CONSUMER.0).then(|| Secret::new(DEMO_CONSUMER.1))
    }

    fn token(&self, _: &str, key: &str) -> Option<Secret> {
        (key == TEMPORARY.0).then(|| Secret::new(TEMPORARY.1))
    }
}

pub(super) fn request_token(state: &mut super::State, request: &Request, base: &str) -> Answer {
    let verified = match verify(state, request, base) {
        Ok(verified) => verified,
        Err(answer) => return answer,
    };
    let Some(callback) = verified.callback() else { return problem("parameter_absent") };
    state.oauth1.callback = Some(callback.to_owned());
    state.oauth1.agreed = false;
    let token =
        Token::new(TEMPORARY.0, TEMPORARY.1).and_then(|token| token.with_callback(callback));
    match token {
        Ok(token) => {
            Answer::new(200, "application/x-www-form-urlencoded", token.to_form().expose())
        }
        Err(_) => problem("parameter_rejected"),
    }
}

/// The page where the user agrees: a link back, or the verifier to type in.
pub(super) fn consent_page(state: &mut super::State, request: &Request) -> Answer {
    if request.parameter("oauth_token") != Some(TEMPORARY.0) {
        return Answer::new(400, "text/plain", "no such token");
    }
    state.oauth1.agreed = true;
    match state.oauth1.callback.as_deref() {
        Some("oob") => Answer::page(&format!("<p>Your verifier: <code>{VERIFIER}</code>")),
        Some(callback) => Answer::page(&format!(
            "<a id=allow href=\"{callback}?oauth_token={}&oauth_verifier={VERIFIER}\">Allow</a>",
            TEMPORARY.0
        )),
        None => Answer::new(400, "text/plain", "nothing was asked for"),
    }
}

pub(super) fn access_token(state: &mut super::State, request: &Request, base: &str) -> Answer {
    let verified = match verify(state, request, base) {
        Ok(verified) => verified,
        Err(answer) => return answer,
    };
    let agreed = std::mem::take(&mut state.oauth1.agreed);
    if !agreed || verified.token_key() != Some(TEMPORARY.0) || verified.verifier() != Some(VERIFIER)
    {
        return problem("permission_denied");
    }
    match Token::new(DEMO_TOKEN.0, DEMO_TOKEN.1) {
        Ok(token) => {
            Answer::new(200, "application/x-www-form-urlencoded", token.to_form().expose())
        }
        Err(_) => problem("token_rejected"),
    }
}

fn verify(state: &super::State, request: &Request, base: &str) -> Result<Verified, Answer> {
    let header = request.authorization.as_deref().unwrap_or_default();
    let received = ReceivedRequest::new(&request.method, format!("{base}{}", request.path))
        .and_then(|received| received.authorization(header))
        .map_err(|_| problem("parameter_rejected"))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    let judged = Verifier::new().verify(&received, &Known, &state.oauth1.nonces, now);
    judged.map_err(|_| problem("signature_invalid"))
}

/// The Problem Reporting extension.
fn problem(name: &str) -> Answer {
    Answer::new(401, "application/x-www-form-urlencoded", &format!("oauth_problem={name}"))
}
