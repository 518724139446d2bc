//! Requests to token endpoints.

use std::time::Duration;

use serde_json::Value;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use xoauth::Secret;
use xoauth::sasl::oauth1::percent_encode;

use crate::Result;
use crate::account::Account;
use crate::failure::{Exit, Failure};
use crate::rules::{Evidence, Source, diagnose};
use crate::token::now;

/// An answer larger than this is none of a token endpoint.
const LONGEST: u64 = 256 * 1024;

/// An HTTP client that follows no redirect: what it posts is meant for one endpoint.
#[derive(Debug)]
pub(crate) struct Http(ureq::Agent);

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Secret,
    /// How far our clock is ahead of the server's, in seconds, where it told its time.
    pub(crate) ahead: Option<i64>,
}

impl Http {
    pub(crate) fn new(account: &Account) -> Result<Self> {
        let roots = match &account.settings.ca_file {
            None => RootCerts::PlatformVerifier,
            Some(path) => {
                let pem = std::fs::read(path);
                let pem = pem.map_err(|e| Failure::config(format!("{}: {e}", path.display())))?;
                let certificate = Certificate::from_pem(&pem);
                let bad = |e| Failure::config(format!("{}: {e}", path.display()));
                RootCerts::new_with_certs(&[certificate.map_err(bad)?])
            }
        };
        let tls = TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(roots).build();
        let timeout = account.timeout.unwrap_or(Duration::from_secs(30));
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(timeout))
            .user_agent(concat!("xoauth/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self(config.into()))
    }

    /// Posts a form.
    pub(crate) fn post(&self, url: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        check_url(url)?;
        let body = Secret::new(form(fields));
        let request = self
            .0
            .post(url)
            .header("accept", "application/json")
            .content_type("application/x-www-form-urlencoded");
        read(url, request.send(body.expose()))
    }

    /// Posts nothing, with an `Authorization` header.
    pub(crate) fn post_signed(&self, url: &str, authorization: &Secret) -> Result<Answer> {
        check_url(url)?;
        let request = self.0.post(url).header("authorization", authorization.expose());
        read(url, request.send_empty())
    }
}

fn read(
    url: &str,
    response: std::result::Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Answer> {
    let unreachable = |error: ureq::Error| {
        Failure::new(Exit::Temporary, "token", format!("{}: {error}", host_of(url)))
    };
    let mut response = response.map_err(unreachable)?;
    let status = response.status().as_u16();
    let date = response.headers().get("date").and_then(|date| date.to_str().ok());
    let ahead = date.and_then(|date| ahead_of(date, now()));
    let body =
        response.body_mut().with_config().limit(LONGEST).read_to_string().map_err(unreachable)?;
    if status >= 500 || status == 429 {
        let message = format!("{} answered {status}; try again later", host_of(url));
        return Err(Failure::new(Exit::Temporary, "token", message));
    }
    Ok(Answer { status, body: Secret::new(body), ahead })
}

/// How far a clock is ahead of a `Date` (RFC 9110 6.6.1).
fn ahead_of(date: &str, now: u64) -> Option<i64> {
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    i64::try_from(now).ok()?.checked_sub(date.as_second())
}

impl Answer {
    /// The JSON of a success.
    pub(crate) fn json(&self, url: &str, account: &Account) -> Result<Value> {
        let document: Option<Value> = serde_json::from_str(self.body.expose()).ok();
        match document {
            Some(document) if self.status < 300 && document.get("error").is_none() => Ok(document),
            document => Err(self.refusal(url, document.as_ref(), account)),
        }
    }

    /// The `error` of a refusal, for flows that go on with some.
    pub(crate) fn error(&self) -> Option<String> {
        let document: Value = serde_json::from_str(self.body.expose()).ok()?;
        document.get("error")?.as_str().map(str::to_owned)
    }

    /// Why the endpoint refused, in its own words: `error` and `error_description` alone, since other
    /// members may echo what was sent.
    pub(crate) fn refusal(
        &self,
        url: &str,
        document: Option<&Value>,
        account: &Account,
    ) -> Failure {
        let member =
            |name| document.and_then(|document| document.get(name)).and_then(Value::as_str);
        let error = member("error").map(bounded);
        let description = member("error_description").map(bounded);
        let said: Vec<String> = [error.clone(), description].into_iter().flatten().collect();
        let said = said.join(": ");
        let host = host_of(url);
        let message = match said.as_str() {
            "" => format!("{host} answered {} without an error document", self.status),
            said => format!("{host} refused: {said}"),
        };
        let mut evidence = Evidence::new(Source::Endpoint, &said);
        evidence.provider = account.provider_id().map(str::to_owned);
        let evidence = match document {
            Some(document) => evidence.document(&serde_json::json!({
                "error": document.get("error"), "error_description": document.get("error_description"),
            })),
            None => evidence,
        };
        let exit = match error.as_deref() {
            Some("temporarily_unavailable" | "server_error") => Exit::Temporary,
            _ => Exit::NotAuthorised,
        };
        let mut failure = Failure::new(exit, "token", message).rule(diagnose(&evidence));
        failure.server = Some(said);
        if failure.rule.is_none() {
            failure.hint = Some(format!("run: xoauth login -a {}", account.name));
        }
        failure
    }
}

fn bounded(text: &str) -> String {
    text.chars().take(500).collect()
}

/// Name and value pairs as a form (WHATWG URL 5.2, with `%20` for a space, which every server reads).
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// HTTPS, or HTTP on loopback.
fn check_url(url: &str) -> Result<()> {
    let loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let is_loopback = loopback.iter().any(|start| {
        url.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    if url.starts_with("https://") || is_loopback {
        return Ok(());
    }
    Err(Failure::config(format!("`{url}` is no https URL: secrets go there")))
}

/// The part of a URL that is fit for messages.
pub(crate) fn host_of(url: &str) -> &str {
    let behind = url.split_once("://").map_or(url, |(_, rest)| rest);
    behind.split(['/', '?', '#']).next().unwrap_or(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_https_or_loopback_only() {
        for url in
            ["https://h/token", "http://127.0.0.1:80/", "http://localhost/x", "http://[::1]:1/"]
        {
            assert!(check_url(url).is_ok(), "{url}");
        }
        for url in
            ["http://h/", "http://127.0.0.1.example.com/", "http://localhost@h/", "ftp://h", ""]
        {
            assert!(check_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn clocks_are_compared_by_the_date_of_an_answer() {
        assert_eq!(ahead_of("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), Some(0));
        assert_eq!(ahead_of("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_177), Some(-600));
        assert_eq!(ahead_of("yesterday", 0), None);
    }

    #[test]
    fn forms_are_encoded() {
        assert_eq!(form(&[("a b", "ü&="), ("c", "")]), "a%20b=%C3%BC%26%3D&c=");
    }
}
