//! OAuth 2: RFC 6749, 7636, 8628.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::http::{Answer, Request};
use super::{CLIENT_ID, CLIENT_SECRET};

/// What is under way.
#[derive(Debug, Default)]
pub(crate) struct State {
    codes: Vec<Code>,
    issued: u32,
    pub(crate) refresh_token: Option<String>,
    device_code: Option<String>,
    pub(crate) device_approved: bool,
    /// Polls that are still answered with `authorization_pending`.
    pub(crate) device_pending: u32,
}

/// A code that was not used yet, with what it is bound to.
#[derive(Debug)]
struct Code {
    code: String,
    redirect_uri: String,
    challenge: String,
    scope: String,
}

/// The page where the user agrees: a link that a browser, or a test, follows.
pub(super) fn consent_page(state: &mut super::State, request: &Request) -> Answer {
    let get = |name| request.parameter(name).unwrap_or_default().to_owned();
    if get("client_id") != CLIENT_ID || get("response_type") != "code" {
        return Answer::new(400, "text/plain", "unknown client");
    }
    if get("code_challenge_method") != "S256" || get("code_challenge").len() != 43 {
        return Answer::new(400, "text/plain", "PKCE with S256 is required");
    }
    state.oauth2.issued += 1;
    let code = format!("code/{}+", state.oauth2.issued);
    let redirect_uri = get("redirect_uri");
    let loopback = redirect_uri.starts_with("http://127.0.0.1:")
        || redirect_uri.starts_with("http://localhost:");
    if !loopback {
        return Answer::new(400, "text/plain", "redirect to loopback only");
    }
    let query = format!(
        "code={}&state={}",
        xoauth_sasl::oauth1::percent_encode(&code),
        xoauth_sasl::oauth1::percent_encode(&get("state"))
    );
    let challenge = get("code_challenge");
    let allow = format!("{redirect_uri}/?{query}");
    let deny = format!("{redirect_uri}/?error=access_denied&state={}", get("state"));
    state.oauth2.codes.push(Code { code, redirect_uri, challenge, scope: get("scope") });
    Answer::page(&format!(
        "<p>Let {CLIENT_ID} read and send your mail? <a id=allow href=\"{allow}\">Allow</a> \
         <a id=deny href=\"{deny}\">Deny</a>"
    ))
}

pub(super) fn token(state: &mut super::State, request: &Request) -> Answer {
    let get = |name| request.parameter(name).unwrap_or_default();
    if get("client_id") != CLIENT_ID {
        return refuse("invalid_client", "no such client");
    }
    match get("grant_type") {
        "authorization_code" => {
            let at = state.oauth2.codes.iter().position(|code| code.code == get("code"));
            let Some(at) = at else {
                return refuse("invalid_grant", "AADSTS54005: code was redeemed or is unknown");
            };
            let code = state.oauth2.codes.remove(at);
            let digest = openssl::sha::sha256(get("code_verifier").as_bytes());
            if URL_SAFE_NO_PAD.encode(digest) != code.challenge {
                return refuse("invalid_grant", "the code verifier does not fit");
            }
            if get("redirect_uri") != code.redirect_uri {
                return refuse("invalid_grant", "the redirect URI differs");
            }
            issue(state, &code.scope, true)
        }
        "refresh_token" => {
            if state.oauth2.refresh_token.as_deref() != Some(get("refresh_token")) {
                return refuse("invalid_grant", "Token has been expired or revoked.");
            }
            issue(state, "mail", true)
        }
        "client_credentials" => {
            if get("client_secret") != CLIENT_SECRET {
                return refuse(
                    "invalid_client",
                    "AADSTS7000218: the client secret is missing or wrong",
                );
            }
            issue(state, get("scope"), false)
        }
        "urn:ietf:params:oauth:grant-type:device_code" => {
            if state.oauth2.device_code.as_deref() != Some(get("device_code")) {
                return refuse("invalid_grant", "no such device code");
            }
            if state.oauth2.device_pending > 0 || !state.oauth2.device_approved {
                state.oauth2.device_pending = state.oauth2.device_pending.saturating_sub(1);
                return refuse("authorization_pending", "the user has not agreed yet");
            }
            state.oauth2.device_code = None;
            issue(state, "mail", true)
        }
        _ => refuse("unsupported_grant_type", ""),
    }
}

pub(super) fn device(state: &mut super::State, base: &str) -> Answer {
    state.oauth2.issued += 1;
    let code = format!("device-{}", state.oauth2.issued);
    state.oauth2.device_code = Some(code.clone());
    let document = json!({
        "device_code": code, "user_code": "WDJB-MJHT", "verification_uri": format!("{base}/enter"),
        "expires_in": 60, "interval": 0,
    });
    Answer::json(200, &document)
}

/// The next access token, and a refresh token in place of the one before.
fn issue(state: &mut super::State, scope: &str, refreshable: bool) -> Answer {
    let Some(access_token) = state.access_tokens.pop_front() else {
        return refuse("invalid_grant", "no token is left to hand out");
    };
    let mut document = json!({
        "access_token": access_token, "token_type": "Bearer", "expires_in": state.lifetime, "scope": scope,
    });
    if refreshable {
        state.oauth2.issued += 1;
        let refresh_token = format!("refresh-{}-secret", state.oauth2.issued);
        if let Some(members) = document.as_object_mut() {
            members.insert("refresh_token".to_owned(), refresh_token.clone().into());
        }
        state.oauth2.refresh_token = Some(refresh_token);
    }
    Answer::json(200, &document)
}

fn refuse(error: &str, description: &str) -> Answer {
    Answer::json(400, &json!({ "error": error, "error_description": description }))
}
