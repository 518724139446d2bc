//! Requests to token endpoints.

use std::time::Duration;

use serde_json::Value;
use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use xoauth::Secret;
use xoauth::sasl::Mask;
use xoauth::sasl::oauth1::{RequestUrl, percent_encode};

use crate::Result;
use crate::account::Account;
use crate::diagnose::is_unknown;
use crate::failure::{Exit, Failure};
use crate::inspect::{aadsts, explained_by_microsoft};
use crate::rules::{Evidence, Source, diagnose};
use crate::token::now;

/// An answer larger than this does not come from a token endpoint.
const LONGEST: u64 = 256 * 1024;

/// The fields of a form that are nobody else's business. Servers echo them in what they say of a refusal.
const SECRETS: [&str; 5] =
    ["refresh_token", "code", "code_verifier", "device_code", "client_secret"];

/// An HTTP client that follows no redirect: what it posts is meant for one endpoint.
#[derive(Debug)]
pub(crate) struct Http(ureq::Agent);

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Secret,
    /// How far our clock is ahead of the server's, in seconds, where it told its time.
    pub(crate) ahead: Option<i64>,
    /// The secrets that were sent.
    mask: Mask,
    /// It answers to a refresh token.
    renews: bool,
}

impl Http {
    pub(crate) fn new(account: &Account) -> Result<Self> {
        let roots = match &account.settings.ca_file {
            None => RootCerts::PlatformVerifier,
            Some(path) => {
                let pem = std::fs::read(path);
                let wrong = |why: &dyn std::fmt::Display| {
                    account.settings.fault("ca-file", format!("{}: {why}", path.display()))
                };
                let pem = pem.map_err(|why| wrong(&why))?;
                let bad = |why| wrong(&why);
                let items = parse_pem(&pem).collect::<std::result::Result<Vec<_>, _>>();
                let certificates = items.map_err(bad)?.into_iter().filter_map(|item| match item {
                    PemItem::Certificate(certificate) => Some(certificate),
                    _ => None,
                });
                RootCerts::from(certificates)
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
            .request(url)
            .header("accept", "application/json")
            .content_type("application/x-www-form-urlencoded");
        let secrets = fields.iter().filter(|(name, _)| SECRETS.contains(name));
        let answer = read(url, request.send(body.expose()), secrets.map(|(_, value)| *value))?;
        let renews = fields.iter().any(|(name, _)| *name == "refresh_token");
        Ok(Answer { renews, ..answer })
    }

    /// Posts nothing, with an `Authorization` header that has these secrets in it.
    pub(crate) fn post_signed(
        &self,
        url: &str,
        authorization: &Secret,
        secrets: &[&Secret],
    ) -> Result<Answer> {
        check_url(url)?;
        let request = self.request(url).header("authorization", authorization.expose());
        read(url, request.send_empty(), secrets.iter().map(|secret| secret.expose()))
    }

    /// HTTP is for this machine alone: a proxy of the environment would read what is sent.
    fn request(&self, url: &str) -> ureq::RequestBuilder<ureq::typestate::WithBody> {
        let request = self.0.post(url);
        if url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")) {
            return request;
        }
        request.config().proxy(None).build()
    }
}

fn read<'a>(
    url: &str,
    response: std::result::Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    secrets: impl Iterator<Item = &'a str>,
) -> Result<Answer> {
    let unreachable = |error: ureq::Error| {
        Failure::new(exit_of(&error), "token", format!("{}: {error}", host_of(url)))
    };
    let mut response = response.map_err(unreachable)?;
    let status = response.status().as_u16();
    let date = response.headers().get("date").and_then(|date| date.to_str().ok());
    let ahead = date.and_then(|date| ahead_of(date, now()));
    let body =
        response.body_mut().with_config().limit(LONGEST).read_to_string().map_err(unreachable)?;
    let mut mask = Mask::default();
    secrets.for_each(|secret| mask.add(secret));
    Ok(Answer { status, body: Secret::new(body), ahead, mask, renews: false })
}

/// What was not answered may be later, unless the name or the certificate is wrong.
fn exit_of(error: &ureq::Error) -> Exit {
    match error {
        ureq::Error::HostNotFound => Exit::NoHost,
        ureq::Error::Io(error) if is_unknown(error) => Exit::NoHost,
        ureq::Error::Tls(_) | ureq::Error::NativeTls(_) => Exit::Protocol,
        _ => Exit::Temporary,
    }
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

    /// The server is overloaded, or being restarted.
    pub(crate) fn is_busy(&self) -> bool {
        self.status >= 500 || self.status == 429
    }

    /// A text of the answer, without the secrets that it echoes, as much as is fit for a message.
    pub(crate) fn shown(&self, text: &str) -> String {
        let masked = self.mask.apply(text.as_bytes());
        String::from_utf8_lossy(&masked).chars().take(500).collect()
    }

    /// The `error` of a refusal, for flows that go on with some.
    pub(crate) fn error(&self) -> Option<String> {
        let document: Value = serde_json::from_str(self.body.expose()).ok()?;
        document.get("error")?.as_str().map(str::to_owned)
    }

    /// Why the endpoint refused, in its own words: `error` and `error_description` alone, since other
    /// members may echo what was sent, and these without what they echo.
    fn refusal(&self, url: &str, document: Option<&Value>, account: &Account) -> Failure {
        let member = |name| {
            let text = document.and_then(|document| document.get(name)).and_then(Value::as_str);
            text.map(|text| self.shown(text))
        };
        let (error, description) = (member("error"), member("error_description"));
        let said: Vec<&str> =
            [&error, &description].into_iter().flatten().map(|text| &**text).collect();
        let said = said.join(": ");
        let host = host_of(url);
        let message = match said.as_str() {
            "" if self.is_busy() => format!("{host} answered {}; try again later", self.status),
            "" => format!("{host} answered {} without an error document", self.status),
            said => format!("{host} refused: {said}"),
        };
        let mut evidence = Evidence::new(Source::Endpoint, &said);
        evidence.provider = account.provider_id().map(str::to_owned);
        evidence.other_grant = !self.renews;
        let members = serde_json::json!({ "error": error, "error_description": description });
        let evidence = evidence.document(&members);
        let exit = match error.as_deref() {
            _ if self.is_busy() => Exit::Temporary,
            Some("temporarily_unavailable" | "server_error") => Exit::Temporary,
            // No token endpoint: a page, a redirect, nothing at all.
            None if !matches!(self.status, 400 | 401 | 403) => Exit::Protocol,
            _ => Exit::NotAuthorised,
        };
        let mut failure = Failure::new(exit, "token", message).rule(diagnose(&evidence));
        failure.server = Some(said);
        if failure.rule.is_none() {
            failure.hint = match exit {
                Exit::Temporary => None,
                Exit::Protocol => Some(format!("is this a token endpoint? {url}")),
                _ => Some(account.how_to_sign_in()),
            };
            if let Some(number) = failure.server.as_deref().and_then(aadsts) {
                let hint = failure.hint.take().map(|hint| format!("; {hint}")).unwrap_or_default();
                failure.hint = Some(explained_by_microsoft(number) + &hint);
            }
        }
        failure
    }
}

/// Name and value pairs as a form (WHATWG URL 5.2, with `%20` for a space, which every server reads).
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// HTTPS, or HTTP on loopback. Both are asked of the URL as it is dialled: without what stands before an `@`.
pub(crate) fn is_secure(url: &str) -> bool {
    let bare = RequestUrl::new(url).map(|url| url.base_string_uri()).unwrap_or_default();
    let loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let is_loopback = loopback.iter().any(|start| {
        bare.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    bare.starts_with("https://") || is_loopback
}

/// The configuration is read like that; what a provider's data say is asked once more.
fn check_url(url: &str) -> Result<()> {
    match is_secure(url) {
        true => Ok(()),
        false => {
            Err(Failure::config(format!("`{}` is no https URL: secrets go there", host_of(url))))
        }
    }
}

/// The part of a URL that is fit for messages: host and port.
pub(crate) fn host_of(url: &str) -> &str {
    let behind = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = behind.split(['/', '?', '#']).next().unwrap_or(behind);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
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
        for url in ["http://127.0.0.1:x@h/token", "http://[::1]:1@h/", "http://localhost/@h:x@h/"] {
            assert_eq!(check_url(url).is_ok(), url.contains("/@"), "{url}");
        }
        assert_eq!(host_of("https://user:pw@h:1/token?x"), "h:1");
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
