//! OAuth 1.0a in three steps (RFC 5849 2): a temporary token, the user's consent, the token.

use std::io::BufRead;
use std::time::Duration;

use xoauth::sasl::Stamp;
use xoauth::sasl::oauth1::{Request, Signer, percent_encode};
use xoauth::{Consumer, Secret, Token};

use crate::Result;
use crate::account::Account;
use crate::failure::{Exit, Failure};
use crate::oauth2::{Http, Loopback, announce, query_of, waiting};
use crate::output::Ui;
use crate::rules::{Evidence, Source, diagnose};
use crate::store::{Hold, Store, Tokens};
use crate::token::now;

/// Signs the user in and fetches the token. With `oob` the user types in what the page shows. Signals wait from the moment on
/// that the verifier is spent.
pub(crate) fn authorize(
    account: &Account,
    http: &Http,
    store: &Store,
    oob: bool,
    port: Option<u16>,
    open: bool,
    ui: &Ui,
) -> Result<(Tokens, Hold)> {
    let settings = &account.settings;
    let missing = |key: &str| account.missing(key);
    let endpoint = |value: &Option<String>, key: &str| value.clone().ok_or_else(|| missing(key));
    let request_url = endpoint(&settings.request_token_endpoint, "request-token-endpoint")?;
    let authorize_url = endpoint(&settings.authorize_endpoint, "authorize-endpoint")?;
    let access_url = endpoint(&settings.access_token_endpoint, "access-token-endpoint")?;
    let key = settings.consumer_key.clone().ok_or_else(|| missing("consumer-key"))?;
    let secret = account.consumer_secret()?.ok_or_else(|| missing("consumer-secret"))?;
    let consumer = Consumer::new(key, secret).map_err(config)?;

    let listener = if oob { None } else { Some(Loopback::bind(port)?) };
    let callback = match &listener {
        Some(listener) => format!("http://127.0.0.1:{}/", listener.port()),
        None => "oob".to_owned(),
    };
    let request = Request::new("POST", request_url.as_str()).map_err(config)?;
    let request = request.oauth_parameter("oauth_callback", callback).map_err(config)?;
    let temporary = fetch(http, &request_url, &Signer::new(consumer.clone(), None), &request)?;
    if !temporary.callback_confirmed() {
        // RFC 5849 2.1 requires it; a server that leaves it out speaks OAuth 1.0, which a third party can abuse.
        let message = "the server did not confirm the callback (OAuth 1.0a requires it)";
        return Err(Failure::new(Exit::Protocol, "login", message));
    }
    let separator = if authorize_url.contains('?') { '&' } else { '?' };
    let page = format!("{authorize_url}{separator}oauth_token={}", percent_encode(temporary.key()));
    announce(ui, &page, open && !oob);
    let verifier = match listener {
        Some(listener) => {
            waiting(ui, "127.0.0.1", listener.port());
            listener
                .wait(Duration::from_secs(600), ui, |query| verifier_of(query, temporary.key()))?
        }
        None => typed(ui)?,
    };
    let temporary = temporary.with_verifier(verifier).map_err(config)?;
    let request = Request::new("POST", access_url.as_str()).map_err(config)?;
    let held = store.hold()?;
    let token = fetch(http, &access_url, &Signer::new(consumer, Some(temporary)), &request)?;
    let tokens = Tokens {
        token: Some(token.key().to_owned()),
        token_secret: Some(token.secret().clone()),
        ..Tokens::default()
    };
    Ok((tokens, held))
}

fn fetch(http: &Http, url: &str, signer: &Signer, request: &Request) -> Result<Token> {
    let internal = |error: xoauth::sasl::oauth1::Error| {
        Failure::new(Exit::Internal, "login", error.to_string())
    };
    let stamp = Stamp::random(now()).map_err(internal)?;
    let signed = signer.sign(request, &stamp).map_err(config)?;
    let verifier = signer.token().and_then(Token::verifier);
    let secrets: Vec<&Secret> =
        [Some(signed.signature()), verifier].into_iter().flatten().collect();
    let answer = http.post_signed(url, &signed.authorization_header(None), &secrets)?;
    if answer.is_busy() {
        let message = format!("the server answered {}; try again later", answer.status);
        return Err(Failure::new(Exit::Temporary, "login", message));
    }
    if answer.status >= 300 {
        // The problem reporting extension names the fault; the rest of a body is not for messages.
        let body = answer.body.expose();
        let problem =
            query_of(&format!("?{body}")).into_iter().find(|(name, _)| name == "oauth_problem");
        let problem = problem.map(|(_, problem)| answer.shown(&problem)).unwrap_or_default();
        let message = format!("the server refused with {}: {problem}", answer.status);
        let mut evidence = Evidence::new(Source::Endpoint, &problem);
        evidence.ahead = answer.ahead.filter(|_| may_be_the_clock(&problem));
        let rule = diagnose(&evidence);
        let mut message = message.trim_end_matches([':', ' ']).to_owned();
        if let Some(ahead) = evidence.ahead.filter(|_| evidence.clock_is_off()) {
            message.push_str(&format!("; our clock is {ahead} s ahead of the server's"));
        }
        return Err(Failure::new(Exit::NotAuthorised, "login", message).rule(rule));
    }
    Token::from_form(answer.body.expose().trim()).map_err(|error| {
        Failure::new(
            Exit::Protocol,
            "login",
            format!("the server's answer holds no token: {error}"),
        )
    })
}

/// Whether a problem leaves room for the clock as its cause: `consumer_key_unknown` does not.
fn may_be_the_clock(problem: &str) -> bool {
    matches!(problem, "" | "signature_invalid" | "nonce_used") || problem.contains("timestamp")
}

fn verifier_of(query: &[(String, String)], token: &str) -> Option<Result<Secret>> {
    let get = |name| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if get("oauth_token").or_else(|| get("denied")) != Some(token) {
        return None;
    }
    Some(match get("oauth_verifier").filter(|verifier| !verifier.is_empty()) {
        Some(verifier) => Ok(Secret::new(verifier)),
        None => Err(Failure::new(Exit::NotAuthorised, "login", "the user did not agree")),
    })
}

fn typed(ui: &Ui) -> Result<Secret> {
    ui.prompt("Then type in the verifier that the page shows:");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::io("standard input", &error))?;
    match line.trim() {
        "" => Err(Failure::new(Exit::NoInput, "login", "no verifier was given")),
        verifier => Ok(Secret::new(verifier)),
    }
}

fn config(error: xoauth::sasl::oauth1::Error) -> Failure {
    Failure::config(error.to_string())
}
