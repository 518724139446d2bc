//! Device authorization (RFC 8628).

use std::time::{Duration, Instant};

use serde_json::Value;
use xoauth::Secret;

use super::{Http, missing_endpoint, read_tokens, token_endpoint};
use crate::Result;
use crate::account::Account;
use crate::failure::{Exit, Failure};
use crate::output::{Ui, one_line};
use crate::rules::by_id;
use crate::store::Tokens;

/// Shows a code to enter on another device and waits until that was done.
pub(crate) fn authorize(account: &Account, http: &Http, ui: &Ui) -> Result<Tokens> {
    if account.provider_id() == Some("google") {
        let message = "Google's device flow takes no Gmail scope";
        return Err(Failure::usage(message).rule(by_id("google-device-scope")));
    }
    let url = account.endpoint("device_authorization_endpoint");
    let url = url.ok_or_else(|| missing_endpoint(account, "device-endpoint"))?;
    let scopes = account.scopes().join(" ");
    let answer = http.post(&url, &[("client_id", account.client_id()?), ("scope", &scopes)])?;
    let started = answer.json(&url, account)?;
    let text = |name: &str| started.get(name).and_then(Value::as_str);
    let bad =
        || Failure::new(Exit::Protocol, "login", "the answer to the device request is incomplete");
    let device_code = Secret::new(text("device_code").ok_or_else(bad)?);
    let user_code = text("user_code").ok_or_else(bad)?;
    // Some servers still use the name of a draft.
    let page = text("verification_uri").or_else(|| text("verification_url")).ok_or_else(bad)?;
    let (page, user_code) = (one_line(page), one_line(user_code));
    ui.note(format!("On any device, open {page} and enter the code\n\n  {user_code}\n"));

    // No server waits longer than a day, or asks for less than a question an hour.
    let number = |name: &str| started.get(name).and_then(Value::as_u64);
    let mut interval = Duration::from_secs(number("interval").unwrap_or(5).min(3600));
    let deadline =
        Instant::now() + Duration::from_secs(number("expires_in").unwrap_or(900).min(86_400));
    let url = token_endpoint(account)?;
    let secret = account.client_secret()?;
    while Instant::now() < deadline {
        std::thread::sleep(interval);
        let mut fields = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", device_code.expose()),
            ("client_id", account.client_id()?),
        ];
        if let Some(secret) = &secret {
            fields.push(("client_secret", secret.expose()));
        }
        let answer = http.post(&url, &fields)?;
        match answer.error().as_deref() {
            Some("authorization_pending") => {}
            // RFC 8628 3.5: five seconds more from now on.
            Some("slow_down") => interval += Duration::from_secs(5),
            _ => return read_tokens(&answer.json(&url, account)?),
        }
    }
    Err(Failure::new(Exit::Temporary, "login", "the code was not entered in time"))
}
