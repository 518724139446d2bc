//! Judging a received request.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::method::SigningState;
use crate::request::is_protocol;
use crate::verify::{NonceKey, NonceStore, ReceivedRequest, VerifyError};
use crate::{Secret, SignatureMethod, signing_key};

/// Where a server finds the secrets that belong to keys.
pub trait CredentialStore {
    /// The secret of a consumer; `None` when there is no such consumer.
    fn consumer(&self, key: &str) -> Option<Secret>;

    /// The secret of a token of this consumer; `None` when there is no such token, it has expired
    /// or was revoked, or belongs to another consumer.
    fn token(&self, consumer_key: &str, token_key: &str) -> Option<Secret>;
}

/// Judges received requests (RFC 5849 3.2).
///
/// ```
/// use core::cell::RefCell;
/// use oauth1_core::*;
///
/// struct OneUser;
/// impl CredentialStore for OneUser {
///     fn consumer(&self, key: &str) -> Option<Secret> {
///         (key == "consumer").then(|| Secret::new("consumer secret"))
///     }
///     fn token(&self, _consumer: &str, key: &str) -> Option<Secret> {
///         (key == "token").then(|| Secret::new("token secret"))
///     }
/// }
///
/// let consumer = Consumer::new("consumer", "consumer secret")?;
/// let signer = Signer::new(consumer, Some(Token::new("token", "token secret")?));
/// let request = Request::new("GET", "https://example.com/r?a=1")?;
/// let stamp = Stamp::new(Nonce::from_random_octets([7; 16]), 1_700_000_000);
/// let header = signer.sign(&request, &stamp)?.authorization_header(None);
///
/// let received = ReceivedRequest::new("GET", "https://example.com/r?a=1")?
///     .authorization(header.expose())?;
/// let nonces = RefCell::new(MemoryNonceStore::with_capacity(10_000));
/// let now = 1_700_000_010;
/// let verified = Verifier::new().verify(&received, &OneUser, &nonces, now)?;
/// assert_eq!(verified.token_key(), Some("token"));
///
/// let replayed = Verifier::new().verify(&received, &OneUser, &nonces, now);
/// assert_eq!(replayed.unwrap_err(), VerifyError::Replayed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Verifier {
    window: u64,
    methods: Vec<SignatureMethod>,
    require_version: bool,
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

impl Verifier {
    /// A verifier that takes HMAC-SHA1 and HMAC-SHA256 and timestamps up to 300 seconds away.
    #[must_use]
    pub fn new() -> Self {
        let methods = [SignatureMethod::HmacSha1, SignatureMethod::HmacSha256].to_vec();
        Self { window: 300, methods, require_version: false }
    }

    /// How many seconds a timestamp may be in the past or in the future.
    #[must_use]
    pub fn window(mut self, seconds: u64) -> Self {
        self.window = seconds;
        self
    }

    /// Which methods are taken. PLAINTEXT must be named here, and belongs on TLS only.
    #[must_use]
    pub fn methods(mut self, methods: &[SignatureMethod]) -> Self {
        self.methods = methods.to_vec();
        self
    }

    /// Whether `oauth_version` must be there. Where it is, it must be `1.0` in any case.
    #[must_use]
    pub fn require_version(mut self, required: bool) -> Self {
        self.require_version = required;
        self
    }

    /// Judges a request; `now` is the server's time in seconds since 1970-01-01 00:00:00 GMT.
    ///
    /// A request without a token is verified by the consumer alone: a server that wants a user
    /// looks at [`Verified::token_key`]. PLAINTEXT requests may lack nonce or timestamp
    /// (RFC 5849 3.1), and then nothing tells a replay.
    ///
    /// # Errors
    /// In this order, so that a request pays for as little as possible and only one with a right
    /// signature takes a place in the nonce store: missing parameters, version and method;
    /// timestamp and window; consumer, token, signature and body hash; the nonce. An unknown
    /// consumer or token takes the time of a known one.
    pub fn verify(
        &self,
        request: &ReceivedRequest,
        credentials: &dyn CredentialStore,
        nonces: &dyn NonceStore,
        now: u64,
    ) -> Result<Verified, VerifyError> {
        let claim = Claim::read(request, self.require_version)?;
        if !self.methods.contains(&claim.method) {
            return Err(VerifyError::SignatureMethod);
        }
        if claim.timestamp.is_some_and(|timestamp| now.abs_diff(timestamp) > self.window) {
            return Err(VerifyError::OutOfWindow { window: self.window });
        }
        claim.check_signature(request, credentials)?;
        if !request.body_matches(claim.method) {
            return Err(VerifyError::BodyHash);
        }
        if let (Some(timestamp), Some(nonce)) = (claim.timestamp, claim.nonce) {
            let (consumer, token) = (claim.consumer_key, claim.token_key);
            nonces.insert(NonceKey::new(timestamp, consumer, token, nonce, self.window), now)?;
        }
        Ok(Verified::new(request, &claim))
    }
}

/// A request that was verified.
#[derive(Clone)]
pub struct Verified {
    method: SignatureMethod,
    consumer_key: String,
    token_key: Option<String>,
    timestamp: Option<u64>,
    // Without the signature.
    parameters: Vec<(String, Secret)>,
}

impl Verified {
    /// The consumer that signed.
    #[must_use]
    pub fn consumer_key(&self) -> &str {
        &self.consumer_key
    }

    /// The token that it signed with; `None` for a request of the consumer alone.
    #[must_use]
    pub fn token_key(&self) -> Option<&str> {
        self.token_key.as_deref()
    }

    /// The method it signed with.
    #[must_use]
    pub fn signature_method(&self) -> SignatureMethod {
        self.method
    }

    /// When the client signed, by its clock; `None` only for PLAINTEXT.
    #[must_use]
    pub fn timestamp(&self) -> Option<u64> {
        self.timestamp
    }

    /// `oauth_callback`, required in a request for a temporary token (RFC 5849 2.1).
    #[must_use]
    pub fn callback(&self) -> Option<&str> {
        self.parameter("oauth_callback")
    }

    /// `oauth_verifier`, required in a request for a token (RFC 5849 2.3).
    #[must_use]
    pub fn verifier(&self) -> Option<&str> {
        self.parameter("oauth_verifier")
    }

    /// The decoded value of the first parameter of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut found = self.parameters.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.expose())
    }

    /// The parameters that are not the protocol's, from query and form, decoded, in their order.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let pairs = self.parameters.iter().filter(|(name, _)| !is_protocol(name));
        pairs.map(|(name, value)| (name.as_str(), value.expose()))
    }

    fn new(request: &ReceivedRequest, claim: &Claim<'_>) -> Self {
        let parameters = request.parameters().filter(|&(name, _)| name != "oauth_signature");
        Self {
            method: claim.method,
            consumer_key: claim.consumer_key.to_owned(),
            token_key: claim.token_key.map(ToOwned::to_owned),
            timestamp: claim.timestamp,
            parameters: parameters.map(|(n, v)| (n.to_owned(), Secret::new(v))).collect(),
        }
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("consumer_key", &self.consumer_key)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// What a request says of itself, with nothing of it judged but its form.
struct Claim<'a> {
    method: SignatureMethod,
    consumer_key: &'a str,
    token_key: Option<&'a str>,
    signature: &'a str,
    timestamp: Option<u64>,
    nonce: Option<&'a str>,
}

impl<'a> Claim<'a> {
    /// RFC 5849 3.1, 3.2, 3.3
    fn read(request: &'a ReceivedRequest, version_required: bool) -> Result<Self, VerifyError> {
        let given = |name| request.parameter(name).filter(|value| !value.is_empty());
        let required = |name| given(name).ok_or(VerifyError::MissingParameter { name });
        let consumer_key = required("oauth_consumer_key")?;
        let method = required("oauth_signature_method")?;
        let signature = required("oauth_signature")?;
        match request.parameter("oauth_version") {
            None if version_required => required("oauth_version").map(drop)?,
            None | Some("1.0") => {}
            Some(_) => return Err(VerifyError::Version),
        }
        let method = method.parse().map_err(|_| VerifyError::SignatureMethod)?;
        let (timestamp, nonce) = match method {
            SignatureMethod::Plaintext => (given("oauth_timestamp"), given("oauth_nonce")),
            _ => (Some(required("oauth_timestamp")?), Some(required("oauth_nonce")?)),
        };
        let timestamp = timestamp.map(seconds).transpose()?;
        let token_key = request.token();
        Ok(Self { method, consumer_key, token_key, signature, timestamp, nonce })
    }

    /// Computes the signature whether or not there are credentials, so that the time taken does
    /// not tell which keys exist.
    fn check_signature(
        &self,
        request: &ReceivedRequest,
        credentials: &dyn CredentialStore,
    ) -> Result<(), VerifyError> {
        let nobody = || Secret::new("the secret of nobody, as long as secrets are");
        let consumer = credentials.consumer(self.consumer_key);
        let token = self.token_key.map(|key| credentials.token(self.consumer_key, key));
        let (consumer_known, token_known) = (consumer.is_some(), !matches!(token, Some(None)));
        let consumer = consumer.unwrap_or_else(nobody);
        let token = token.map(|token| token.unwrap_or_else(nobody));
        let mut state = SigningState::new(self.method, signing_key(&consumer, token.as_ref()));
        // A form may hold a password.
        state.update(Secret::new(request.base_string()).expose());
        let matches = state.verify(self.signature);
        match (consumer_known, token_known, matches) {
            (false, _, _) => Err(VerifyError::UnknownConsumer),
            (true, false, _) => Err(VerifyError::UnknownToken),
            (true, true, false) => Err(VerifyError::Signature),
            (true, true, true) => Ok(()),
        }
    }
}

/// RFC 5849 3.3: a positive integer; a sign is not part of one.
fn seconds(text: &str) -> Result<u64, VerifyError> {
    if !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(VerifyError::Timestamp);
    }
    text.parse().map_err(|_| VerifyError::Timestamp)
}
