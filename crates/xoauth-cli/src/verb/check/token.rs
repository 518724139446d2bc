//! The steps of `check` before anybody is connected to: configuration, secrets, token.

use crate::account::Account;
use crate::failure::{Exit, Failure};
use crate::inspect::jwt;
use crate::sign_in::Credentials;
use crate::store::{Store, Tokens};
use crate::token::{Renew, access_token, now};

use super::report::Report;

/// What the account is made of.
pub(super) fn configuration(account: &Account) -> String {
    let mut parts = vec![match &account.file {
        Some(path) => path.display().to_string(),
        None => "options alone".to_owned(),
    }];
    if let Some(provider) = account.provider_id() {
        parts.push(format!("provider {provider}"));
    }
    parts.join("; ")
}

/// The credentials, with what can be said of them without showing them.
pub(super) fn check(account: &Account, report: &Report) -> Option<Credentials> {
    let mut secrets = match secrets(account) {
        Ok(secrets) => secrets,
        Err(failure) => {
            report.failed(&failure);
            return None;
        }
    };
    let tell = |secrets: &[String]| {
        if !secrets.is_empty() {
            report.passed("secret", secrets.join("; "));
        }
    };
    if account.signs() {
        tell(&secrets);
        return match Credentials::of(account, Renew::Below(60)) {
            Ok(credentials) => {
                report.passed(
                    "token",
                    match &credentials {
                        Credentials::Signed(_, None) => "OAuth 1.0a, the consumer alone",
                        _ => "OAuth 1.0a, consumer and token",
                    },
                );
                Some(credentials)
            }
            Err(failure) => {
                report.failed(&failure);
                None
            }
        };
    }
    // One that is given is a secret that is read, or is not.
    let given = account.given_token.as_ref().or(account.settings.access_token.as_ref());
    if given.is_none() {
        tell(&secrets);
    }
    let found = access_token(account, Renew::Below(60));
    if let Some(source) = given {
        let is_read = found.is_ok().then(|| format!("access-token: {}", source.kind()));
        secrets.extend(is_read);
        tell(&secrets);
    }
    let found = found.and_then(|tokens| {
        let token = tokens.access_token.clone().ok_or_else(|| {
            Failure::new(Exit::NotAuthorised, "token", "the token store holds no access token")
        });
        Ok((token?, tokens))
    });
    let (token, tokens) = match found {
        Ok(found) => found,
        Err(failure) => {
            report.failed(&failure);
            return None;
        }
    };
    let claims = jwt::claims(token.expose());
    let notes = claims.as_ref().map(|claims| jwt::notes(claims, account.user("").ok()));
    let facts = claims.as_ref().map(jwt::facts).unwrap_or_default();
    let facts = facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let described = describe(&tokens, claims.as_ref(), token.expose().len());
    report.token(described, facts, notes.unwrap_or_default());
    if account.given_token.is_none()
        && account.settings.access_token.is_none()
        && let Err(failure) = Store::of(account).and_then(|store| store.make_room())
    {
        let why = failure.message;
        report.warn(&format!("the token store cannot be written: {why}"));
    }
    Some(Credentials::Bearer(token))
}

/// Reads every secret that is configured beside the access token, and tells where each is.
fn secrets(account: &Account) -> crate::Result<Vec<String>> {
    let settings = &account.settings;
    let mut found = Vec::new();
    for (name, source, read) in [
        ("client-secret", &settings.client_secret, account.client_secret()),
        ("consumer-secret", &settings.consumer_secret, account.consumer_secret()),
        ("token-secret", &settings.token_secret, account.token_secret()),
    ] {
        if read?.is_some() {
            let kind = source.as_ref().map_or("environment", |source| source.kind());
            found.push(format!("{name}: {kind}"));
        }
    }
    Ok(found)
}

fn describe(tokens: &Tokens, claims: Option<&serde_json::Value>, length: usize) -> String {
    let mut parts = Vec::new();
    let claimed = claims.and_then(|claims| claims.get("iat")?.as_u64());
    if let Some(issued_at) = tokens.issued_at.or(claimed) {
        parts.push(format!("issued {}", jwt::left(issued_at)));
    }
    parts.push(match tokens.expires_at {
        Some(past) if past <= now() => format!("expired {}", jwt::left(past)),
        Some(expires_at) => format!("expires {}", jwt::left(expires_at)),
        None => "no expiry known".to_owned(),
    });
    match claims {
        Some(claims) => {
            parts.extend(jwt::facts(claims).iter().map(|(name, value)| format!("{name} {value}")));
        }
        None => parts.push(format!("opaque, {length} octets")),
    }
    parts.extend(tokens.scope.as_ref().map(|scope| format!("scope {scope}")));
    parts.join("; ")
}
