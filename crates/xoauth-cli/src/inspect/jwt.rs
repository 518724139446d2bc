//! JSON Web Tokens, read without their signature: what their issuer says of them, for hints only.

use serde_json::Value;

use super::{Finding, decode};
use crate::output::one_line;
use crate::token::now;

/// The claims of a token that is a JWT.
pub(crate) fn claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let read = |part: &str| serde_json::from_slice::<Value>(&decode(part)?).ok();
    read(header)?.get("alg")?;
    read(payload).filter(Value::is_object)
}

/// When the token says it expires.
pub(crate) fn expiry(token: &str) -> Option<u64> {
    claims(token)?.get("exp")?.as_u64()
}

/// The user that the token says it was issued to.
pub(crate) fn user(claims: &Value) -> Option<&str> {
    let names = ["upn", "preferred_username", "unique_name", "email"];
    names.into_iter().find_map(|name| claims.get(name)?.as_str())
}

/// The claims that matter for mail.
pub(crate) fn facts(claims: &Value) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    for name in
        ["aud", "scp", "roles", "upn", "preferred_username", "unique_name", "email", "tid", "iss"]
    {
        let shown = match claims.get(name) {
            Some(Value::String(text)) => one_line(text),
            Some(Value::Array(list)) => {
                let texts = list.iter().filter_map(Value::as_str).map(one_line);
                texts.collect::<Vec<_>>().join(" ")
            }
            _ => continue,
        };
        facts.push((name, shown));
    }
    facts
}

/// How long until a time, in words.
pub(crate) fn left(expires_at: u64) -> String {
    let now = now();
    let words = |seconds: u64| match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    };
    if expires_at > now {
        format!("in {}", words(expires_at - now))
    } else {
        format!("{} ago", words(now - expires_at))
    }
}

pub(super) fn explain(text: &str) -> Option<Finding> {
    let claims = claims(text)?;
    let mut finding = Finding { kind: "jwt", ..Finding::default() };
    finding.what =
        "A JSON Web Token; its signature was not verified and it is not shown".to_owned();
    finding.facts = facts(&claims);
    if let Some(expires_at) = claims.get("exp").and_then(Value::as_u64) {
        let verb = if expires_at > now() { "expires" } else { "expired" };
        finding.facts.push((verb, left(expires_at)));
    }
    finding.notes = notes(&claims, None);
    Some(finding)
}

/// What in the claims will not open a mailbox, of `wanted` where that is known.
pub(crate) fn notes(claims: &Value, wanted: Option<&str>) -> Vec<String> {
    let audience = claims.get("aud").and_then(Value::as_str).unwrap_or_default();
    let mut notes = Vec::new();
    if audience.contains("graph.microsoft.com")
        || audience == "00000003-0000-0000-c000-000000000000"
    {
        notes.push("The token is for Microsoft Graph, not for IMAP or SMTP: ask for https://outlook.office.com/… scopes.".to_owned());
    }
    if claims.get("exp").and_then(Value::as_u64).is_some_and(|expires| expires <= now()) {
        notes.push("It has expired: a new one is needed.".to_owned());
    }
    if let (Some(signed_in), Some(wanted)) = (user(claims), wanted)
        && !signed_in.eq_ignore_ascii_case(wanted)
    {
        notes.push(format!(
            "It is the token of {}, and the login is for {wanted}.",
            one_line(signed_in)
        ));
    }
    notes
}
