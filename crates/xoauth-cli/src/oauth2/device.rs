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
use crate::signals::{self, Held};
use crate::store::Tokens;

/// Shows a code to enter on another device and waits until that was done; signals wait while an answer may bring tokens.
pub(crate) fn authorize(account: &Account, http: &Http, ui: &Ui) -> Result<(Tokens, Held)> {
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
        let held = signals::hold()?;
        let answer = post(account, http, &url, &grant);
        match answer.as_ref().map(|answer| (answer.error(), answer.is_busy())) {
            Ok((Some(error), _)) if error == "authorization_pending" => {}
            // RFC 8628 3.5: five seconds more from now on, and twice as long where nothing is heard.
            Ok((Some(error), _)) if error == "slow_down" => interval += Duration::from_secs(5),
            Ok((_, true)) => interval *= 2,
            Err(failure) if failure.exit == Exit::Temporary => interval *= 2,
            _ => return Ok((read_tokens(&answer?.json(&url, account)?)?, held)),
        }
    }
    Err(Failure::new(Exit::Temporary, "login", "the code was not entered in time"))
}
