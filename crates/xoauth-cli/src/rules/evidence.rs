//! What is known of a refusal.

use serde_json::Value;
use xoauth::sasl::ErrorChallenge;

/// Who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Source {
    Imap,
    Smtp,
    /// A token endpoint.
    Endpoint,
    #[default]
    Unknown,
}

/// How an IMAP server answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    Ok,
    No,
    Bad,
    Bye,
    #[default]
    Other,
}

/// What is known of a refusal, from a session or from a text somebody pasted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    pub(crate) source: Source,
    pub(crate) kind: Kind,
    /// The reply code of SMTP.
    pub(crate) code: Option<u16>,
    /// The enhanced status code.
    pub(crate) enhanced: Option<(u16, u16, u16)>,
    /// The error document's members.
    status: Option<String>,
    scope: Option<String>,
    /// The `error` of a token endpoint.
    error: Option<String>,
    /// Everything that was said, in lower case.
    text: String,
    pub(crate) provider: Option<String>,
    pub(crate) mechanism: Option<String>,
    /// The credentials went with the first line.
    pub(crate) inline: bool,
    /// How far our clock is ahead of that of a server that refused a signature.
    pub(crate) ahead: Option<i64>,
    /// What was refused is a login, or may be as far as the text tells.
    pub(crate) login: bool,
    /// What was refused is another grant than that of a refresh token.
    pub(crate) other_grant: bool,
    /// A session's NO whose code is about something else than the credentials.
    pub(crate) unjudged: bool,
    /// The mechanism was not offered.
    pub(crate) mechanism_missing: bool,
}

impl Evidence {
    pub(crate) fn new(source: Source, text: &str) -> Self {
        Self { source, text: text.to_ascii_lowercase(), ..Self::default() }
    }

    /// Reads a line of a server, a document or any text.
    pub(crate) fn from_text(text: &str) -> Self {
        let text = text.trim();
        if let Ok(document @ Value::Object(_)) = serde_json::from_str::<Value>(text) {
            return Self::new(Source::Unknown, text).document(&document);
        }
        let mut evidence = Self::new(Source::Unknown, text);
        evidence.login = evidence.says("auth") || evidence.says("command");
        let words: Vec<&str> = text.split_ascii_whitespace().take(2).collect();
        let (first, second) = match words.as_slice() {
            [first, rest @ ..] => (*first, rest.first().copied().unwrap_or_default()),
            [] => return evidence,
        };
        let code = first.split('-').next().and_then(|code| code.parse::<u16>().ok());
        if let Some(code @ 200..=599) = code.filter(|_| first.len() >= 3) {
            let enhanced = first.split_once('-').map_or(second, |(_, rest)| rest);
            evidence.enhanced = enhanced_code(enhanced);
            evidence.login |= matches!(code, 500 | 555);
            // The other temporary ones are those of HTTP.
            let is_http = matches!(code, 400..=499) && !matches!(code, 421 | 432 | 450..=459);
            if !is_http || evidence.enhanced.is_some() {
                evidence.source = Source::Smtp;
                evidence.code = Some(code);
            }
            return evidence;
        }
        // Servers write them in capitals; `Bad Request` is of somebody else.
        for word in [first, second] {
            let kind = match word {
                "OK" => Kind::Ok,
                "NO" => Kind::No,
                "BAD" => Kind::Bad,
                "BYE" => Kind::Bye,
                _ => continue,
            };
            evidence.kind = kind;
            evidence.source = Source::Imap;
            evidence.login |= kind == Kind::Bad;
            break;
        }
        // All that Microsoft says, without its tag.
        if evidence.kind == Kind::Other && evidence.text == "authenticate failed." {
            (evidence.kind, evidence.source) = (Kind::No, Source::Imap);
        }
        evidence
    }

    /// The response code of an IMAP status: `[UNAVAILABLE]`.
    pub(crate) fn response_code(&self) -> Option<&str> {
        let code = self.behind_kind()?.strip_prefix('[')?;
        code.split_once(']')?.0.split(' ').next()
    }

    /// What is said behind NO, in a line as it was sent; a session gives it without.
    fn behind_kind(&self) -> Option<&str> {
        let kind = match self.kind {
            Kind::Ok => "ok",
            Kind::No => "no",
            Kind::Bad => "bad",
            Kind::Bye => "bye",
            Kind::Other => return None,
        };
        // The tag may be in front.
        let (first, rest) = self.text.trim().split_once(' ')?;
        if first == kind {
            return Some(rest);
        }
        let (second, rest) = rest.trim_start().split_once(' ')?;
        (second == kind).then_some(rest)
    }

    /// Whether a NO may be about the login: it has no code, or one of RFC 5530 that is.
    pub(crate) fn is_about_credentials(&self) -> bool {
        !self.unjudged
            && self.response_code().is_none_or(|code| {
                [
                    "authenticationfailed",
                    "authorizationfailed",
                    "expired",
                    "privacyrequired",
                    "alert",
                ]
                .contains(&code)
            })
    }

    /// Adds a document: a SASL challenge or the answer of a token endpoint.
    pub(crate) fn document(mut self, document: &Value) -> Self {
        let member = |name| document.get(name).and_then(Value::as_str).map(str::to_owned);
        self.status = member("status");
        self.scope = member("scope");
        self.error = member("error");
        self.text.push_str(&document.to_string().to_ascii_lowercase());
        self
    }

    /// Adds the error challenge of a SASL exchange.
    pub(crate) fn challenge(mut self, challenge: &ErrorChallenge) -> Self {
        self.status = challenge.status().map(str::to_owned);
        self.scope = challenge.scope().map(str::to_owned);
        self
    }

    pub(super) fn says(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// An IMAP server said this and nothing else, behind its tag, its kind and its code.
    pub(super) fn is_all(&self, text: &str) -> bool {
        let said = self.behind_kind().unwrap_or(&self.text);
        let behind_code = said.strip_prefix('[').and_then(|code| code.split_once(']'));
        behind_code.map_or(said, |(_, said)| said).trim() == text
    }

    pub(super) fn status_is(&self, status: &str) -> bool {
        self.status.as_deref() == Some(status)
    }

    pub(super) fn scope_is(&self, scope: &str) -> bool {
        self.scope.as_deref() == Some(scope)
    }

    /// An `error` of RFC 6749 5.2: the document's, or that word in what no mail server said.
    pub(super) fn error_is(&self, error: &str) -> bool {
        let is_other = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        match &self.error {
            Some(found) => found == error,
            None if matches!(self.source, Source::Endpoint | Source::Unknown) => {
                self.text.split(is_other).any(|word| word == error)
            }
            None => false,
        }
    }

    pub(super) fn enhanced_is(&self, class: u16, subject: u16, detail: u16) -> bool {
        self.enhanced == Some((class, subject, detail))
    }

    pub(super) fn is_provider(&self, id: &str) -> bool {
        self.provider.as_deref() == Some(id)
    }

    /// The server is that provider's, or nobody knows whose.
    pub(super) fn may_be(&self, id: &str) -> bool {
        self.provider.as_deref().is_none_or(|provider| provider == id)
    }

    pub(super) fn mechanism_is(&self, names: &[&str]) -> bool {
        self.mechanism.as_deref().is_some_and(|name| names.contains(&name))
    }

    /// Further than servers of OAuth 1.0a allow.
    pub(crate) fn clock_is_off(&self) -> bool {
        self.ahead.is_some_and(|ahead| ahead.unsigned_abs() > 300)
    }

    pub(super) fn has_document(&self) -> bool {
        self.status.is_some()
    }
}

/// `5.7.139` as numbers.
pub(crate) fn enhanced_code(text: &str) -> Option<(u16, u16, u16)> {
    let mut parts = text.split('.').map(|part| part.parse::<u16>().ok());
    let code = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(code)
}
