//! The words by which authorization servers refuse.

use super::{Finding, sentence};
use crate::rules;

/// What a word means, and what to do.
const WORDS: &[(&str, &str)] = &[
    // RFC 6749 4.1.2.1 and 5.2
    (
        "invalid_request",
        "The request is malformed or lacks a parameter: compare it with the provider's documentation.",
    ),
    (
        "invalid_client",
        "The server does not know the client, or its secret is wrong: check `client-id` and `client-secret`.",
    ),
    (
        "invalid_grant",
        "What was shown for a token is expired, revoked, used before or another client's: run `xoauth login` again.",
    ),
    (
        "unauthorized_client",
        "This client may not ask in this way: allow the flow where the application is registered.",
    ),
    (
        "unsupported_grant_type",
        "The server does not know this way of asking for a token: use another flow of `xoauth login`.",
    ),
    (
        "unsupported_response_type",
        "The server issues no authorization codes to this client: use another flow of `xoauth login`.",
    ),
    ("invalid_scope", "A scope is unknown, malformed, or not for this client: check `scopes`."),
    (
        "access_denied",
        "The user, or an administrator's policy, said no: run `xoauth login` again and agree, or have it allowed.",
    ),
    ("server_error", "The authorization server failed: the same may work later."),
    (
        "temporarily_unavailable",
        "The authorization server is overloaded or down: the same may work later.",
    ),
    // Google and others, where the registration and the request differ
    (
        "redirect_uri_mismatch",
        "The redirect of the request is not registered: register the client as a desktop application, or the address that `xoauth login` shows.",
    ),
    // OpenID Connect Core 3.1.2.6
    ("login_required", "The user has to sign in: run `xoauth login`."),
    ("interaction_required", "The user has to answer something: run `xoauth login`."),
    ("consent_required", "Nobody consented yet: run `xoauth login` and agree."),
    // RFC 8628 3.5
    ("authorization_pending", "The user has not entered the code yet: ask again."),
    ("slow_down", "The device asks too often: wait five seconds longer each time."),
    (
        "expired_token",
        "The device's code expired before it was entered: run `xoauth login --device` again.",
    ),
    // The problem reporting extension of OAuth 1.0a
    (
        "signature_invalid",
        "The signature differs: a secret is wrong, or another URL, method or parameter was signed.",
    ),
    (
        "signature_method_rejected",
        "The server does not take this signature method: it is HMAC-SHA1 where no other is agreed on.",
    ),
    ("nonce_used", "The nonce was used before: sign anew for each login."),
    ("consumer_key_unknown", "The server does not know the consumer: check `consumer-key`."),
    ("consumer_key_rejected", "The server does not take this consumer: ask its operator."),
    (
        "consumer_key_refused",
        "The server does not take this consumer for now: ask its operator, or try later.",
    ),
    ("token_used", "The request token was used before: run `xoauth login --oauth1` again."),
    ("token_expired", "The token is expired: run `xoauth login --oauth1` again."),
    ("token_revoked", "The user revoked the token: run `xoauth login --oauth1` again."),
    (
        "token_rejected",
        "The token is unknown or is no access token: run `xoauth login --oauth1` again.",
    ),
    ("verifier_invalid", "The code that was pasted is wrong: run `xoauth login --oauth1` again."),
    ("permission_unknown", "The user has not decided yet: open the page again and agree."),
    ("permission_denied", "The user said no: run `xoauth login --oauth1` again and agree."),
    ("user_refused", "The server takes no requests for this user at the moment: try later."),
    (
        "parameter_absent",
        "The request lacks a parameter, which the server names in `oauth_parameters_absent`.",
    ),
    (
        "parameter_rejected",
        "The server does not take a parameter, which it names in `oauth_parameters_rejected`.",
    ),
    (
        "version_rejected",
        "The server does not take this version of OAuth: it is 1.0 for a signature.",
    ),
];

/// The meaning of an `error` (RFC 6749 5.2) or an `oauth_problem`.
pub(super) fn meaning(word: &str) -> Option<String> {
    let known = WORDS.iter().find(|(known, _)| *known == word);
    known.map(|(_, meaning)| (*meaning).to_owned()).or_else(|| {
        // Numbers are of any kind.
        let word = Some(word).filter(|word| word.contains('_'));
        word.and_then(rules::status_advice).map(sentence)
    })
}

/// A text with such a word, by itself or among others: a page's, or a redirect's `error=access_denied`.
pub(super) fn explain(text: &str) -> Option<Finding> {
    let is_other = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    // Of several lines each is looked at by itself.
    let text = Some(text).filter(|text| text.lines().count() == 1)?;
    let found = text.split(is_other).find_map(|word| Some((word, meaning(word)?)));
    let (word, meaning) = found?;
    Some(Finding {
        kind: "endpoint",
        what: "An authorization server's refusal".to_owned(),
        facts: vec![("error", word.to_owned())],
        notes: vec![meaning],
        refusal: true,
        ..Finding::default()
    })
}
