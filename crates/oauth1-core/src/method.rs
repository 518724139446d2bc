//! The signature methods (RFC 5849 3.4.2, 3.4.4) and the computation of a signature.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::Output;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

use crate::ascii::Ascii;
use crate::encode::{encoded_length, percent_encode_base64, percent_encode_into};
use crate::{Error, Secret};

/// How a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SignatureMethod {
    /// HMAC with SHA-1 (RFC 5849 3.4.2), which every OAuth 1.0a server knows.
    #[default]
    HmacSha1,
    /// HMAC with SHA-256: not in RFC 5849, a widespread extension of the same form.
    HmacSha256,
    /// No signature, the secrets themselves (RFC 5849 3.4.4): for TLS connections only.
    Plaintext,
}

impl SignatureMethod {
    /// The name, sent as `oauth_signature_method`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha1 => "HMAC-SHA1",
            Self::HmacSha256 => "HMAC-SHA256",
            Self::Plaintext => "PLAINTEXT",
        }
    }
}

impl fmt::Display for SignatureMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Method names are compared exactly, case included.
impl FromStr for SignatureMethod {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        [Self::HmacSha1, Self::HmacSha256, Self::Plaintext]
            .into_iter()
            .find(|method| method.as_str() == name)
            .ok_or(Error::SignatureMethod)
    }
}

/// The key that a signature is made with: both secrets percent-encoded and joined by `&`, which
/// stays when there is no token secret (RFC 5849 3.4.2). It is also the PLAINTEXT signature.
///
/// ```
/// use oauth1_core::{Secret, signing_key};
///
/// assert_eq!(signing_key(&Secret::new("a&b"), None).expose(), "a%26b&");
/// ```
#[must_use]
pub fn signing_key(consumer_secret: &Secret, token_secret: Option<&Secret>) -> Secret {
    let (consumer, token) = (consumer_secret.expose(), token_secret.map_or("", Secret::expose));
    let lengths = [encoded_length(consumer), encoded_length(token)];
    // The exact room, so that the text is never moved and left behind.
    let mut key = String::with_capacity(lengths[0] + 1 + lengths[1]);
    let mut part = |secret: &str, length| match length == secret.len() {
        // Nothing to encode, as in most secrets.
        true => key.push_str(secret),
        false => percent_encode_into(secret, &mut key),
    };
    part(consumer, lengths[0]);
    part("&", 1);
    part(token, lengths[1]);
    Secret::new(key)
}

/// The signature of a base string, as base64 (RFC 5849 3.4.2); for PLAINTEXT the
/// [signing key](signing_key) itself.
///
/// The low-level piece under [`Signer`](crate::Signer), for tests against published vectors.
#[must_use]
pub fn hmac_signature(
    method: SignatureMethod,
    base_string: &str,
    consumer_secret: &Secret,
    token_secret: Option<&Secret>,
) -> Secret {
    let state = SigningState::new(method, signing_key(consumer_secret, token_secret));
    Secret::new(state.sign(base_string).as_str().to_owned())
}

/// A signature on its way: the key schedule, with what was signed so far. Its copies start from
/// there, so that a kept state spares the key and the constant front of the base string.
#[derive(Clone)]
pub(crate) enum SigningState {
    HmacSha1(Hmac<Sha1>),
    HmacSha256(Hmac<Sha256>),
    Plaintext(Secret),
}

impl SigningState {
    pub(crate) fn new(method: SignatureMethod, key: Secret) -> Self {
        let octets = key.expose().as_bytes();
        // HMAC takes keys of any length; were it ever to refuse one, the result would be a
        // signature under an empty key, which no server accepts.
        match method {
            SignatureMethod::HmacSha1 => Self::HmacSha1(
                Hmac::new_from_slice(octets).unwrap_or_else(|_| Hmac::new(&Default::default())),
            ),
            SignatureMethod::HmacSha256 => Self::HmacSha256(
                Hmac::new_from_slice(octets).unwrap_or_else(|_| Hmac::new(&Default::default())),
            ),
            SignatureMethod::Plaintext => Self::Plaintext(key),
        }
    }

    pub(crate) fn update(&mut self, text: &str) {
        match self {
            Self::HmacSha1(mac) => mac.update(text.as_bytes()),
            Self::HmacSha256(mac) => mac.update(text.as_bytes()),
            Self::Plaintext(_) => {}
        }
    }

    /// How many octets a signature has at most.
    pub(crate) fn longest_signature(&self) -> usize {
        match self {
            Self::Plaintext(key) => key.expose().len(),
            // The base64 of 32 octets.
            Self::HmacSha1(_) | Self::HmacSha256(_) => 44,
        }
    }

    /// The signature of what was signed and `rest`; the state stays as it is.
    pub(crate) fn sign(&self, rest: &str) -> SignatureText<'_> {
        match self {
            Self::HmacSha1(mac) => SignatureText::base64(&finished(mac, rest)),
            Self::HmacSha256(mac) => SignatureText::base64(&finished(mac, rest)),
            Self::Plaintext(key) => SignatureText::Other(key),
        }
    }

    /// Whether `signature` is the one of what was signed, in a time that does not depend on where
    /// they differ.
    pub(crate) fn verify(self, signature: &str) -> bool {
        let mut octets = [0; 64];
        let decoded = match STANDARD.decode_slice(signature, &mut octets) {
            Ok(length) => octets.get(..length).unwrap_or_default(),
            // No signature is empty.
            Err(_) => &[],
        };
        match self {
            Self::HmacSha1(mac) => mac.verify_slice(decoded).is_ok(),
            Self::HmacSha256(mac) => mac.verify_slice(decoded).is_ok(),
            Self::Plaintext(key) => key.is(signature),
        }
    }
}

fn finished<M: Mac + Clone>(mac: &M, rest: &str) -> Output<M> {
    mac.clone().chain_update(rest.as_bytes()).finalize().into_bytes()
}

/// The text of a signature, before percent-encoding; on the stack where it is base64.
pub(crate) enum SignatureText<'a> {
    /// 32 octets, the longest, become 44 characters.
    Base64(Ascii<48>),
    Other(&'a Secret),
}

impl SignatureText<'_> {
    fn base64(octets: &[u8]) -> Self {
        let mut text = [0; 48];
        let length = STANDARD.encode_slice(octets, &mut text).unwrap_or_default();
        Self::Base64(Ascii::new(text, length))
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Base64(text) => text.as_str(),
            Self::Other(text) => text.expose(),
        }
    }

    pub(crate) fn percent_encode_into(&self, out: &mut String) {
        match self {
            Self::Base64(text) => out.push_str(percent_encode_base64(text).as_str()),
            Self::Other(text) => percent_encode_into(text.expose(), out),
        }
    }
}
