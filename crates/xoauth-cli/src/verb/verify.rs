//! `xoauth verify`: the server side of OAuth 1.0a.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use xoauth::Secret;
use xoauth::sasl::oauth1::{
    CredentialStore, MemoryNonceStore, NonceStore, ReceivedRequest, RequestUrl, Verified, Verifier,
    VerifyError,
};
use xoauth::sasl::{ClientMessage, Credential, parse_client_message};

use crate::Result;
use crate::args::Global;
use crate::config::var;
use crate::failure::{Exit, Failure};
use crate::inspect::{self, sasl};
use crate::nonces::NonceFile;
use crate::output::Ui;
use crate::secret::SecretRef;
use crate::token::now;

/// The arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: xoauth verify --url https://mail.example.org/imap/ \\
             --consumer-secret-file c.secret --nonce-db seen < sasl-string
Reads a SASL string (base64 or raw), an Authorization header or a request line
from standard input. Secrets also come from XOAUTH_CONSUMER_SECRET and
XOAUTH_TOKEN_SECRET. Exit: 0 valid, 1 invalid, 65 not readable.")]
pub(crate) struct Verify {
    /// The URL that must have been signed
    #[arg(long, value_name = "URL")]
    url: String,
    /// The method that was signed; a header's is GET
    #[arg(long, value_name = "NAME")]
    method: Option<String>,
    /// A file with the consumer's secret
    #[arg(long, value_name = "F")]
    consumer_secret_file: Option<PathBuf>,
    /// A file with the token's secret
    #[arg(long, value_name = "F")]
    token_secret_file: Option<PathBuf>,
    /// Clock difference at most
    #[arg(long, value_name = "S", default_value = "300s", value_parser = super::seconds)]
    max_skew: u64,
    /// Remember nonces, in a file of its own
    #[arg(long, value_name = "F")]
    nonce_db: Option<PathBuf>,
}

/// The one consumer and token that are known, whatever they are called.
struct Known {
    consumer: Secret,
    token: Option<Secret>,
}

impl CredentialStore for Known {
    fn consumer(&self, _: &str) -> Option<Secret> {
        Some(self.consumer.clone())
    }

    fn token(&self, _: &str, _: &str) -> Option<Secret> {
        self.token.clone()
    }
}

impl Verify {
    pub(crate) fn run(&self, global: &Global, ui: &Ui) -> Result<Exit> {
        let expected = RequestUrl::new(self.url.as_str());
        let expected = expected.map_err(|error| Failure::usage(format!("--url: {error}")))?;
        let consumer = secret(
            self.consumer_secret_file.as_ref(),
            "XOAUTH_CONSUMER_SECRET",
            "consumer secret",
        )?;
        let consumer = consumer.ok_or_else(|| {
            Failure::usage("no consumer secret")
                .hint("--consumer-secret-file FILE, or XOAUTH_CONSUMER_SECRET")
        })?;
        let token = secret(self.token_secret_file.as_ref(), "XOAUTH_TOKEN_SECRET", "token secret")?;
        let text = Secret::new(super::read_text(ui, "a SASL string, a header or a request line")?);
        let request = self.request(text.expose().trim())?;
        if !is_same(&expected, request.url()) {
            return self.tell(ui, None, &format!("it is signed for another URL than {}", self.url));
        }
        if let Some(method) =
            self.method.as_deref().filter(|method| !method.eq_ignore_ascii_case(request.method()))
        {
            return self.tell(ui, None, &format!("it is signed for another method than {method}"));
        }
        let verifier = Verifier::new().window(self.max_skew);
        let known = Known { consumer, token };
        // As long as a command of a server may take.
        let patience = Duration::from_secs(global.timeout.unwrap_or(60));
        let file = self.nonce_db.clone().map(|path| NonceFile::new(path, patience));
        let judged = match &file {
            Some(file) => judge(&verifier, &request, &known, file),
            None => judge(
                &verifier,
                &request,
                &known,
                &RefCell::new(MemoryNonceStore::with_capacity(1)),
            ),
        };
        match judged {
            Ok(verified) => self.tell(ui, Some(&verified), ""),
            Err(error @ VerifyError::NonceStore(_)) => {
                let failure = file.and_then(NonceFile::into_failure);
                Err(failure.unwrap_or_else(|| Failure::new(Exit::Io, "nonces", error.to_string())))
            }
            Err(error) => self.tell(ui, None, &error.to_string()),
        }
    }

    fn tell(&self, ui: &Ui, verified: Option<&Verified>, reason: &str) -> Result<Exit> {
        if ui.json {
            ui.object(json!({
                "valid": verified.is_some(),
                "reason": if verified.is_some() { None } else { Some(reason) },
                "consumer_key": verified.map(Verified::consumer_key),
                "token": verified.and_then(Verified::token_key),
                "timestamp": verified.and_then(Verified::timestamp),
            }))?;
        } else if verified.is_some() {
            ui.line("valid")?;
        } else {
            ui.line(format!("invalid: {reason}"))?;
        }
        Ok(if verified.is_some() { Exit::Ok } else { Exit::No })
    }

    /// The request in the text, whatever its form.
    fn request(&self, text: &str) -> Result<ReceivedRequest> {
        let unreadable =
            |why: String| Failure::data(why).hint("give a SASL string, a header or a request line");
        let header = text.strip_prefix("Authorization:").map_or(text, str::trim_start);
        if header.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("OAuth ")) {
            let method = self.method.as_deref().unwrap_or("GET");
            let request = ReceivedRequest::new(method, self.url.as_str());
            let request = request.and_then(|request| request.authorization(header));
            return request.map_err(|error| unreadable(error.to_string()));
        }
        if let Some((method, target)) = request_line(text) {
            let (url, signed) = without_protocol(&absolute(target, &self.url));
            let request = ReceivedRequest::new(method, url.as_str());
            let request = request.and_then(|request| request.form(&signed));
            return request.map_err(|error| unreadable(error.to_string()));
        }
        let decoded = if sasl::mechanism_of(text).is_some() { None } else { inspect::decode(text) };
        let message = decoded.and_then(|octets| String::from_utf8(octets).ok());
        let message = Secret::new(message.unwrap_or_else(|| text.to_owned()));
        let mechanism = sasl::mechanism_of(message.expose())
            .ok_or_else(|| unreadable("no OAuth 1.0a login in the input".to_owned()))?;
        match parse_client_message(mechanism, message.expose().as_bytes()) {
            Ok(ClientMessage::Login(login)) => match login.credential() {
                Credential::Signed(request) => Ok((**request).clone()),
                _ => Err(unreadable(format!(
                    "{mechanism} signs nothing: its token is for its issuer to judge"
                ))),
            },
            Ok(_) => Err(unreadable("no login, but an acknowledgement".to_owned())),
            Err(error) => Err(unreadable(error.to_string())),
        }
    }
}

/// Method and target of a line of HTTP (RFC 9112 3) that is signed in its query, with or without the version behind.
fn request_line(text: &str) -> Option<(&str, &str)> {
    let mut words = text.split_ascii_whitespace();
    let (method, target) = (words.next()?, words.next()?);
    let is_whole = match words.next() {
        None => true,
        Some(version) => version.starts_with("HTTP/") && words.next().is_none(),
    };
    (is_whole && target.contains("oauth_signature=")).then_some((method, target))
}

/// A target that is a path is at the server of the URL.
fn absolute(target: &str, url: &str) -> String {
    let scheme = url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = url.split_at_checked(scheme).unwrap_or_default();
    match target.starts_with('/') {
        true => format!("{scheme}{}{target}", rest.split(['/', '?']).next().unwrap_or_default()),
        false => target.to_owned(),
    }
}

/// The URL as it is without the protocol's parameters (RFC 5849 3.5.3), and these.
fn without_protocol(url: &str) -> (String, String) {
    let Some((path, query)) = url.split_once('?') else { return (url.to_owned(), String::new()) };
    let (signed, own): (Vec<&str>, Vec<&str>) =
        query.split('&').partition(|one| one.starts_with("oauth_"));
    let url = if own.is_empty() { path.to_owned() } else { format!("{path}?{}", own.join("&")) };
    (url, signed.join("&"))
}

/// One URL for a signature: scheme and host in any case, the port written or not (RFC 5849 3.4.1.2), its parameters in any
/// order (3.4.1.3.2). Who signs without a token names the user among them, where all else is the same for everybody.
fn is_same(expected: &RequestUrl, signed: &RequestUrl) -> bool {
    let [expected_query, mut signed_query] = [expected, signed].map(|url| parameters(url.as_str()));
    let requestor = |one: &&str| one.starts_with("xoauth_requestor_id=");
    if !expected_query.iter().any(requestor) {
        signed_query.retain(|one| !requestor(one));
    }
    expected.base_string_uri() == signed.base_string_uri() && expected_query == signed_query
}

/// Those of the query, sorted.
fn parameters(url: &str) -> Vec<&str> {
    let url = url.split('#').next().unwrap_or_default();
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut parameters: Vec<&str> = query.split('&').filter(|one| !one.is_empty()).collect();
    parameters.sort_unstable();
    parameters
}

fn judge(
    verifier: &Verifier,
    request: &ReceivedRequest,
    known: &Known,
    nonces: &dyn NonceStore,
) -> Result<Verified, VerifyError> {
    verifier.verify(request, known, nonces, now())
}

fn secret(file: Option<&PathBuf>, variable: &str, what: &str) -> Result<Option<Secret>> {
    match file {
        Some(file) => SecretRef::File(file.clone()).read(what).map(Some),
        None => Ok(var(variable).map(Secret::new)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_the_same_where_their_signatures_are() {
        let is_same = |expected, signed| {
            let [expected, signed] = [expected, signed].map(|url| RequestUrl::new(url).unwrap());
            is_same(&expected, &signed)
        };
        for (expected, signed) in [
            ("https://h.example/x", "https://H.example/x"),
            ("https://h.example:443/x", "https://h.example/x"),
            ("HTTPS://h.example/x", "https://h.example:443/x"),
            ("http://h.example", "http://h.example:80/"),
            ("https://h.example/x?a=1&b=2", "https://h.example/x?b=2&a=1"),
            ("https://h.example/x", "https://h.example/x?#f"),
            ("https://h.example/x", "https://h.example/x?xoauth_requestor_id=a%40b.c"),
            ("https://h.example/x?a=1", "https://h.example/x?xoauth_requestor_id=a%40b.c&a=1"),
        ] {
            assert!(is_same(expected, signed), "{expected} {signed}");
        }
        for (expected, signed) in [
            ("https://h.example/x", "http://h.example/x"),
            ("https://h.example/x", "https://h.example:444/x"),
            ("https://h.example:80/x", "https://h.example/x"),
            ("https://h.example/x", "https://h.example/X"),
            ("https://h.example/x", "https://h.example/x/"),
            ("https://h.example/x", "https://h.example/x?a=1"),
            ("https://h.example/x?a=1", "https://h.example/x"),
            ("https://h.example/x?a=1", "https://h.example/x?a=1&a=1"),
            ("https://h.example/x?xoauth_requestor_id=a", "https://h.example/x"),
            (
                "https://h.example/x?xoauth_requestor_id=a",
                "https://h.example/x?xoauth_requestor_id=b",
            ),
        ] {
            assert!(!is_same(expected, signed), "{expected} {signed}");
        }
    }
}
