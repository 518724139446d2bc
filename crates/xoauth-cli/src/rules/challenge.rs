//! What a server's error document means.

use xoauth::sasl::ErrorChallenge;

/// What its status says, and what to do; for people. `invalid_request` has a rule.
pub(crate) fn advice(challenge: &ErrorChallenge) -> Option<&'static str> {
    let status = challenge.status()?.trim();
    // As `may_mean_token` sees it: whoever judges tokens is down.
    let is_down = status.starts_with('5') && !challenge.may_mean_token();
    status_advice(status)
        .or(is_down
            .then_some("the server cannot judge tokens at the moment: the same may work later"))
}

/// The same of a status by itself: a word of RFC 6750 3.1, or that of HTTP.
pub(crate) fn status_advice(status: &str) -> Option<&'static str> {
    Some(match status {
        "invalid_token" | "401" | "400" => {
            "the token was refused: expired, revoked, or not meant for this service"
        }
        "insufficient_scope" | "403" => {
            "the token is good, but lacks the scope: sign in again with it"
        }
        _ => return None,
    })
}
