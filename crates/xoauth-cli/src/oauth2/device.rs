//! Device authorization (RFC 8628).

use std::time::{Duration, Instant};

use serde_json::Value;
use xoauth::Secret;

use super::{Http, missing_endpoint, post, read_tokens, token_endpoint};
use crate::Result;
use crate::account::Account;
use crate::failure::{Exit, Failure};
use crate::output::{Ui, one_line};
use crate::rules::by_id;
use crate::store::{Hold, Store, Tokens};

/// Shows a code to enter on another device and waits until that was done; signals wait while an answer may bring tokens.
pub(crate) fn authorize(
    account: &Account,
    http: &Http,
    store: &Store,
    ui: &Ui,
) -> Result<(Tokens, Hold)> {
    if account.provider_id() == Some("google") {
        let message = "Google's device flow takes no Gmail scope";
        return Err(Failure::usage(message).rule(by_id("google-device-scope")));
    }
    let url = account.endpoint("device_authorization_endpoint");
    let url = url.ok_or_else(|| missing_endpoint(account, "device-endpoint"))?;
    let scopes = account.scopes().join(" ");
    let scope = [("scope", scopes.as_str())];
    let fields = if scopes.is_empty() { &scope[..0] } else { &scope };
    let started = post(account, http, &url, fields)?.json(&url, account)?;
    let text = |name: &str| started.get(name).and_then(Value::as_str);
    let bad =
        || Failure::new(Exit::Protocol, "login", "the answer to the device request is incomplete");
    let device_code = Secret::new(text("device_code").ok_or_else(bad)?);
    let user_code = text("user_code").ok_or_else(bad)?;
    // Some servers still use the name of a draft.
    let page = text("verification_uri").or_else(|| text("verification_url")).ok_or_else(bad)?;
    let (page, user_code) = (one_line(page), one_line(user_code));
    ui.prompt(format!("On any device, open {page} and enter the code\n\n  {user_code}\n\n"));

    // No server waits longer than a day, or asks for less than a question an hour or more than one a second.
    let number = |name: &str| started.get(name).and_then(Value::as_u64);
    let mut interval = Duration::from_secs(number("interval").unwrap_or(5).clamp(1, 3600));
    let deadline =
        Instant::now() + Duration::from_secs(number("expires_in").unwrap_or(900).min(86_400));
    let url = token_endpoint(account)?;
    let grant = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", device_code.expose()),
    ];
    while Instant::now() < deadline {
        std::thread::sleep(interval.min(deadline.saturating_duration_since(Instant::now())));
        let held = store.hold()?;
        let answer = post(account, http, &url, &grant);
        let (error, is_late) = match &answer {
            Ok(answer) => (answer.error(), answer.is_busy()),
            Err(failure) => (None, failure.exit == Exit::Temporary),
        };
        match next(interval, error.as_deref(), is_late) {
            Some(longer) => interval = longer,
            None => return Ok((read_tokens(&answer?.json(&url, account)?)?, held)),
        }
    }
    Err(Failure::new(Exit::Temporary, "login", "the code was not entered in time"))
}

/// How long to wait before it is asked again (RFC 8628 3.5): five seconds more from now on where the server wants that, twice
/// as long where it cannot be heard. `None` where it has given its answer.
fn next(interval: Duration, error: Option<&str>, is_late: bool) -> Option<Duration> {
    match error {
        Some("authorization_pending") => Some(interval),
        Some("slow_down") => Some(interval + Duration::from_secs(5)),
        _ => is_late.then(|| interval * 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_waited_for_longer_and_longer_until_there_is_one() {
        for (error, is_late, seconds) in [
            (Some("authorization_pending"), false, Some(5)),
            // Said with 429, it is no trouble.
            (Some("authorization_pending"), true, Some(5)),
            (Some("slow_down"), false, Some(10)),
            (Some("slow_down"), true, Some(10)),
            (Some("temporarily_unavailable"), true, Some(10)),
            (None, true, Some(10)),
            (None, false, None),
            (Some("expired_token"), false, None),
            (Some("access_denied"), false, None),
            (Some("invalid_grant"), false, None),
        ] {
            let found = next(Duration::from_secs(5), error, is_late);
            assert_eq!(found.map(|wait| wait.as_secs()), seconds, "{error:?} {is_late}");
        }
    }
}
