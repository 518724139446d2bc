//! Who may log in: the server side of `xoauth-sasl` with the host's users behind it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use xoauth_sasl::oauth1::{CredentialStore, MemoryNonceStore, Verifier};
use xoauth_sasl::{
    BearerJudge, BearerRequest, ErrorDocument, Identity, IdentityRequest, Secret, Server,
    ServerExchange, ServerStep, SignatureMethod, Verdict, decode_response, encode_challenge,
};

use super::config::{Bearer, Config, User};
use super::service::Shared;
use super::trouble::has_come;

/// A line with a response: 12288 octets of base64 and CRLF (RFC 4954, section 4).
pub(crate) const RESPONSE_LIMIT: usize = 12_288 + 2;

/// Nonces kept: logins within the verifier's window.
const NONCES: usize = 1_000_000;

/// Judges every login of a host.
pub(crate) struct Judge {
    users: Vec<User>,
    /// All bearer tokens with the user they are for.
    bearers: Mutex<Vec<(String, Bearer)>>,
    unavailable: AtomicBool,
    verifier: Verifier,
    nonces: Mutex<MemoryNonceStore>,
}

/// What to do about a response.
pub(crate) enum Step {
    /// Send this base64 text as a challenge.
    Challenge(String),
    /// The response was not base64.
    NotBase64,
    Refused,
    /// Not now; the text says why.
    Unavailable(String),
    /// The user, and when the session ends by itself.
    Accepted(String, Option<Instant>),
}

impl Judge {
    pub(crate) fn new(config: &Config) -> Self {
        let bearers = config
            .users
            .iter()
            .flat_map(|user| user.bearers.iter().map(|bearer| (user.name.clone(), bearer.clone())));
        let methods =
            [SignatureMethod::HmacSha1, SignatureMethod::HmacSha256, SignatureMethod::Plaintext];
        Self {
            users: config.users.clone(),
            bearers: Mutex::new(bearers.collect()),
            unavailable: AtomicBool::new(false),
            verifier: Verifier::new().methods(&methods),
            nonces: Mutex::new(MemoryNonceStore::with_capacity(NONCES)),
        }
    }

    /// Begins an exchange; `None` for a mechanism that is not known.
    pub(crate) fn attempt(&self, mechanism: &str) -> Option<Attempt> {
        Some(match mechanism {
            "PLAIN" => Attempt::Plain,
            "LOGIN" => Attempt::Login { user: None },
            other => Attempt::OAuth(Box::new(ServerExchange::new(other).ok()?)),
        })
    }

    fn judge_password(&self, user: &str, password: &str) -> Step {
        let known = self.users.iter().find(|one| one.name.eq_ignore_ascii_case(user));
        let right = known.and_then(|user| user.password.as_ref());
        match (known, right) {
            (Some(user), Some(right)) if right.expose() == password => {
                Step::Accepted(user.name.clone(), None)
            }
            _ => Step::Refused,
        }
    }

    pub(crate) fn issue_bearer(&self, user: &str, token: &str, dies: Option<Instant>) {
        let bearer = Bearer { token: token.to_owned(), expired: false, dies };
        self.bearers().push((user.to_owned(), bearer));
    }

    pub(crate) fn expire_bearer(&self, token: &str) {
        for (_, bearer) in self.bearers().iter_mut().filter(|(_, bearer)| bearer.token == token) {
            bearer.expired = true;
        }
    }

    pub(crate) fn set_unavailable(&self, unavailable: bool) {
        self.unavailable.store(unavailable, Ordering::SeqCst);
    }

    fn bearers(&self) -> MutexGuard<'_, Vec<(String, Bearer)>> {
        self.bearers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One AUTHENTICATE or AUTH.
pub(crate) enum Attempt {
    OAuth(Box<ServerExchange>),
    /// RFC 4616.
    Plain,
    /// Asks for the user, then for the password.
    Login {
        user: Option<String>,
    },
}

impl Attempt {
    /// What asks for the first response, in base64.
    pub(crate) fn prompt(&self) -> String {
        match self {
            Self::OAuth(_) | Self::Plain => String::new(),
            Self::Login { .. } => encode_challenge(b"Username:"),
        }
    }

    /// Takes a response in base64; `port` is the one the client came to.
    pub(crate) fn step(&mut self, shared: &Shared, port: u16, base64: &[u8]) -> Step {
        let Ok(response) = decode_response(base64) else { return Step::NotBase64 };
        let judge = &shared.judge;
        let exchange = match self {
            Self::OAuth(exchange) => exchange,
            Self::Plain => {
                let mut parts = response.expose().split('\0');
                // Acting as somebody else is nobody's right here.
                return match (parts.next(), parts.next(), parts.next(), parts.next()) {
                    (Some(""), Some(user), Some(password), None) => {
                        judge.judge_password(user, password)
                    }
                    _ => Step::Refused,
                };
            }
            Self::Login { user: None } => {
                *self = Self::Login { user: Some(response.expose().to_owned()) };
                return Step::Challenge(encode_challenge(b"Password:"));
            }
            Self::Login { user: Some(user) } => {
                return judge.judge_password(user, response.expose());
            }
        };
        let noting = Noting { judge, dies: Mutex::default() };
        let server = Server::new()
            .endpoint("localhost", port)
            .endpoint("127.0.0.1", port)
            .oauth1(&judge.verifier, judge, &judge.nonces, judge)
            .bearer(&noting)
            .scope("mail");
        match exchange.step(response.expose().as_bytes(), &server, shared.now()) {
            ServerStep::Challenge(challenge) => Step::Challenge(encode_challenge(&challenge)),
            ServerStep::Accepted { user } => {
                let dies = *noting.dies.lock().unwrap_or_else(PoisonError::into_inner);
                Step::Accepted(user, dies)
            }
            ServerStep::Unavailable { text } => Step::Unavailable(text),
            // Refused, and whatever else is no yes.
            _ => Step::Refused,
        }
    }
}

impl CredentialStore for Judge {
    fn consumer(&self, key: &str) -> Option<Secret> {
        let mut pairs = self.users.iter().flat_map(|user| &user.consumers);
        pairs.find(|pair| pair.key == key).map(|pair| Secret::new(pair.secret.clone()))
    }

    fn token(&self, consumer_key: &str, token_key: &str) -> Option<Secret> {
        let users = self.users.iter().filter(|user| user.has_consumer(consumer_key));
        let mut pairs = users.flat_map(|user| &user.tokens);
        pairs.find(|pair| pair.key == token_key).map(|pair| Secret::new(pair.secret.clone()))
    }
}

impl Identity for Judge {
    fn identify(&self, request: &IdentityRequest<'_>) -> Verdict {
        let consumer = request.verified.consumer_key();
        let token = request.verified.token_key();
        let owner = self.users.iter().find(|user| {
            let asked = request.user.is_none_or(|name| user.name.eq_ignore_ascii_case(name));
            let has_token = token.is_none_or(|token| user.tokens.iter().any(|p| p.key == token));
            asked && has_token && user.has_consumer(consumer)
        });
        match owner {
            Some(user) => Verdict::Accept { user: user.name.clone() },
            None => Verdict::Refuse(document(request.mechanism, "oauth")),
        }
    }
}

/// Notes until when the token is good that was judged.
struct Noting<'j> {
    judge: &'j Judge,
    dies: Mutex<Option<Instant>>,
}

impl BearerJudge for Noting<'_> {
    fn judge(&self, request: &BearerRequest<'_>) -> Verdict {
        let (verdict, dies) = self.judge.judge_bearer(request);
        *self.dies.lock().unwrap_or_else(PoisonError::into_inner) = dies;
        verdict
    }
}

impl Judge {
    fn judge_bearer(&self, request: &BearerRequest<'_>) -> (Verdict, Option<Instant>) {
        if self.unavailable.load(Ordering::SeqCst) {
            let text = "temporary authentication failure".to_owned();
            return (Verdict::Unavailable(text), None);
        }
        let bearers = self.bearers();
        let found = bearers.iter().find(|(user, bearer)| {
            let asked = request.user.is_none_or(|name| user.eq_ignore_ascii_case(name));
            let is_dead = bearer.expired || has_come(bearer.dies);
            asked && !is_dead && bearer.token == request.token.expose()
        });
        match found {
            Some((user, bearer)) => (Verdict::Accept { user: user.clone() }, bearer.dies),
            None => (Verdict::Refuse(document(request.mechanism, "bearer")), None),
        }
    }
}

impl User {
    fn has_consumer(&self, key: &str) -> bool {
        self.consumers.iter().any(|pair| pair.key == key)
    }
}

/// An error document in the words of its mechanism: an HTTP status for XOAUTH and XOAUTH2, an
/// error code for those of RFC 7628.
fn document(mechanism: &str, scheme: &str) -> ErrorDocument {
    let document = match mechanism {
        "XOAUTH" | "XOAUTH2" => ErrorDocument::new("401").schemes(scheme),
        _ => ErrorDocument::new("invalid_token"),
    };
    document.scope("mail")
}
