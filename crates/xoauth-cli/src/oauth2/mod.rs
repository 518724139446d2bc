//! OAuth 2: getting tokens and renewing them (RFC 6749, 7636, 8252, 8628).

mod browser;
mod code;
mod device;
mod http;
mod loopback;

use std::time::Duration;

use serde_json::Value;
use xoauth::Secret;

pub(crate) use browser::{announce, waiting};
pub(crate) use code::{Redirect, authorize};
pub(crate) use device::authorize as authorize_device;
use http::Answer;
pub(crate) use http::{Http, is_secure};
pub(crate) use loopback::{Loopback, query_of};

use crate::Result;
use crate::account::Account;
use crate::failure::{Exit, Failure};
use crate::inspect::jwt;
use crate::store::Tokens;
use crate::token::now;

/// A token request: the fields of the grant, and those that name the client.
pub(crate) fn request(account: &Account, http: &Http, grant: &[(&str, &str)]) -> Result<Tokens> {
    let url = token_endpoint(account)?;
    read_tokens(&post(account, http, &url, grant)?.json(&url, account)?)
}

/// Posts these fields with those that name the client and prove it (RFC 6749 2.3.1).
fn post(account: &Account, http: &Http, url: &str, fields: &[(&str, &str)]) -> Result<Answer> {
    let secret = account.client_secret()?;
    let mut fields = fields.to_vec();
    fields.push(("client_id", account.client_id()?));
    if let Some(secret) = &secret {
        fields.push(("client_secret", secret.expose()));
    }
    http.post(url, &fields)
}

pub(crate) fn token_endpoint(account: &Account) -> Result<String> {
    account.endpoint("token_endpoint").ok_or_else(|| missing_endpoint(account, "token-endpoint"))
}

pub(crate) fn missing_endpoint(account: &Account, key: &str) -> Failure {
    account.missing(key).hint(format!("set `provider` or `{key}` in the account"))
}

/// Renews with a refresh token (RFC 6749 6). Where the answer has no new one, the old one stays.
pub(crate) fn refresh(account: &Account, http: &Http, refresh_token: &Secret) -> Result<Tokens> {
    let scopes = account.scopes().join(" ");
    let mut grant =
        vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
    if account.provider_id() == Some("microsoft") && !scopes.is_empty() {
        // Without it Microsoft answers AADSTS900144 for some registrations.
        grant.push(("scope", &scopes));
    }
    let mut tokens = request(account, http, &grant)?;
    tokens.refresh_token.get_or_insert_with(|| refresh_token.clone());
    Ok(tokens)
}

/// A token for the application itself (RFC 6749 4.4).
pub(crate) fn client_credentials(account: &Account, http: &Http) -> Result<Tokens> {
    let own = account.settings.scopes.clone();
    let known = || account.preset.as_ref().map(crate::preset::Preset::client_credentials_scopes);
    let scopes = own.or_else(known).unwrap_or_default().join(" ");
    let mut grant = vec![("grant_type", "client_credentials")];
    if !scopes.is_empty() {
        grant.push(("scope", &scopes));
    }
    let mut tokens = request(account, http, &grant)?;
    tokens.client_credentials = true;
    Ok(tokens)
}

/// Whether it can be printed on a line and sent in a header: RFC 6750 2.1 has even less.
pub(crate) fn is_printable(token: &str) -> bool {
    token.bytes().all(|octet| octet.is_ascii_graphic())
}

/// RFC 6749 5.1
fn read_tokens(document: &Value) -> Result<Tokens> {
    let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    let bad = |what: &str| {
        Failure::new(Exit::Protocol, "token", format!("the token endpoint's answer {what}"))
    };
    let access_token = text("access_token").filter(|token| !token.is_empty());
    let access_token = access_token.ok_or_else(|| bad("has no access_token"))?;
    if !is_printable(&access_token) {
        return Err(bad("has an access_token with other characters than a token has"));
    }
    let token_type = text("token_type");
    if token_type.as_deref().is_some_and(|name| !name.eq_ignore_ascii_case("bearer")) {
        return Err(bad("has a token that is no bearer token"));
    }
    let lifetime = document.get("expires_in").and_then(|lifetime| {
        // Some servers send the number as a string, or with a fraction.
        lifetime.as_f64().or_else(|| lifetime.as_str()?.parse().ok())
    });
    // Nothing lives for ever: what the token says of itself, else the hour that is the custom.
    let expires_at = match lifetime {
        Some(seconds) => {
            let lifetime = Duration::try_from_secs_f64(seconds.max(0.0));
            now().saturating_add(lifetime.map_or(u64::MAX, |lifetime| lifetime.as_secs()))
        }
        None => jwt::expiry(&access_token).unwrap_or_else(|| now().saturating_add(3600)),
    };
    // An id token tells it where the access token is opaque (OpenID Connect Core 2). It comes from the endpoint by TLS, and what
    // it says is for a warning only: its signature does not matter (3.1.3.7).
    let tell = |token: &str| Some(jwt::user(&jwt::claims(token)?)?.to_owned());
    let signed_in = text("id_token").and_then(|token| tell(&token));
    let signed_in = signed_in.or_else(|| tell(&access_token));
    Ok(Tokens {
        signed_in,
        access_token: Some(Secret::new(access_token)),
        expires_at: Some(expires_at),
        issued_at: Some(now()),
        refresh_token: text("refresh_token").filter(|token| !token.is_empty()).map(Secret::new),
        scope: text("scope"),
        token_type,
        ..Tokens::default()
    })
}
