//! Authorization code with PKCE (RFC 6749 4.1, RFC 7636), by loopback redirect or by pasting.

use std::io::BufRead;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use xoauth::Secret;
use xoauth::sasl::Nonce;

use super::{Http, Loopback, announce, missing_endpoint, query_of, request, waiting};
use crate::Result;
use crate::account::Account;
use crate::failure::{Exit, Failure};
use crate::inspect::{aadsts, explained_by_microsoft};
use crate::output::Ui;
use crate::rules::{Evidence, Source, diagnose};
use crate::store::{Hold, Store, Tokens};

/// How the code comes back.
#[derive(Debug)]
pub(crate) enum Redirect {
    Loopback {
        port: Option<u16>,
        open: bool,
    },
    /// The user pastes the address that the browser was sent to.
    Paste,
}

/// How long a user may take to sign in.
const PATIENCE: Duration = Duration::from_secs(600);

/// Signs the user in and fetches the tokens; signals wait from the moment on that the code is spent.
pub(crate) fn authorize(
    account: &Account,
    http: &Http,
    store: &Store,
    redirect: &Redirect,
    ui: &Ui,
) -> Result<(Tokens, Hold)> {
    let endpoint = account.endpoint("authorization_endpoint");
    let endpoint = endpoint.ok_or_else(|| missing_endpoint(account, "authorization-endpoint"))?;
    // RFC 7636 4.1: 43 characters at least; two nonces have 52, with 256 random bits.
    let verifier = Secret::new(format!("{}{}", random()?, random()?));
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()));
    let state = random()?;
    let host = account.preset.as_ref().map_or("127.0.0.1", |preset| preset.redirect_host());
    let (listener, port) = match redirect {
        Redirect::Loopback { port, .. } => {
            let listener = Loopback::bind(*port)?;
            let port = listener.port();
            (Some(listener), port)
        }
        // Nobody listens there: the browser fails to load the page, and its address is what is wanted.
        Redirect::Paste => (None, 1),
    };
    let redirect_uri = format!("http://{host}:{port}");
    let scopes = account.scopes().join(" ");
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", account.client_id()?),
        ("redirect_uri", &redirect_uri),
        ("state", &state),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    if !scopes.is_empty() {
        fields.push(("scope", &scopes));
    }
    if let Some(user) = account.signs_in_as() {
        fields.push(("login_hint", user));
    }
    let extra =
        account.preset.as_ref().map(|preset| preset.authorization_params()).unwrap_or_default();
    fields.extend(extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let separator = if endpoint.contains('?') { '&' } else { '?' };
    let url = format!("{endpoint}{separator}{}", super::http::form(&fields));

    let code = match (listener, redirect) {
        (Some(listener), Redirect::Loopback { open, .. }) => {
            announce(ui, &url, *open);
            waiting(ui, host, port);
            listener.wait(PATIENCE, ui, |query| code_of(query, &state))?
        }
        _ => {
            announce(ui, &url, false);
            ui.prompt("Then paste the address of the page that cannot be loaded:");
            pasted(&state)?
        }
    };
    let grant = [
        ("grant_type", "authorization_code"),
        ("code", code.expose()),
        ("redirect_uri", &redirect_uri),
        ("code_verifier", verifier.expose()),
    ];
    let held = store.hold()?;
    Ok((request(account, http, &grant)?, held))
}

/// The code, from the query of the redirect with our state; `None` for any other request.
fn code_of(query: &[(String, String)], state: &str) -> Option<Result<Secret>> {
    let get = |name| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    // RFC 6749 10.12: what comes without our state was not asked for by us.
    if get("state") != Some(state) {
        return None;
    }
    if let Some(error) = get("error") {
        let description = get("error_description").unwrap_or_default();
        let said = format!("{error} {description}");
        let message = format!("the provider refused: {}", said.trim());
        let rule = diagnose(&Evidence::new(Source::Endpoint, &said));
        let mut failure = Failure::new(Exit::NotAuthorised, "login", message).rule(rule);
        let number = aadsts(&said).filter(|_| rule.is_none());
        failure.hint = number.map(explained_by_microsoft);
        return Some(Err(failure));
    }
    get("code").filter(|code| !code.is_empty()).map(|code| Ok(Secret::new(code)))
}

fn pasted(state: &str) -> Result<Secret> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::io("standard input", &error))?;
    let line = line.trim();
    if line.contains('?') {
        let found = code_of(&query_of(line), state);
        return found.unwrap_or_else(|| {
            let message = "the address has no code, or is that of another login";
            Err(Failure::data(message).hint("paste the whole address, of this attempt"))
        });
    }
    if line.is_empty() {
        return Err(Failure::new(Exit::NoInput, "login", "nothing was pasted"));
    }
    Ok(Secret::new(line))
}

fn random() -> Result<String> {
    let nonce = Nonce::random();
    nonce
        .map(|nonce| nonce.as_str().to_owned())
        .map_err(|error| Failure::new(Exit::Internal, "login", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_taken_with_our_state_only() {
        let code = |url: &str| code_of(&query_of(url), "s1");
        assert_eq!(code("/?code=a%2Fb&state=s1").unwrap().unwrap().expose(), "a/b");
        assert!(code("/?code=x&state=s2").is_none());
        assert!(code("/?code=x").is_none());
        assert!(code("/?state=s1").is_none());
        assert!(code("/favicon.ico").is_none());
        let refused = code("/?error=access_denied&state=s1").unwrap().unwrap_err();
        assert_eq!(refused.exit, Exit::NotAuthorised);
    }
}
