//! A request to be signed.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use sha2::Sha256;

use crate::encode::{decode_lenient, encoded_order, split_pairs, wipe};
use crate::error::refuse;
use crate::{Error, RequestUrl, Secret, SignatureMethod};

/// A request to be signed: method, URL, and the parameters that are signed with it.
///
/// The parameters in the query of the URL are signed as they are; they are not given again.
///
/// ```
/// use oauth1_core::Request;
///
/// let request = Request::new("POST", "https://api.example.com/1/update.json?include=all")?
///     .form_parameter("status", "Hello Ladies + Gentlemen")?;
/// # Ok::<(), oauth1_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Request {
    method: Cow<'static, str>,
    url: RequestUrl,
    form: Vec<(String, Secret)>,
    oauth: Vec<(String, Secret)>,
    body_hash: Option<BodyHash>,
}

impl Request {
    /// A request of a method, whose letters are signed in upper case (RFC 5849 3.4.1.1), to a
    /// URL: a [`RequestUrl`] or text.
    ///
    /// # Errors
    /// [`Error::Empty`] or [`Error::Character`] for a method that is no HTTP token;
    /// [`Error::Url`]; [`Error::ReservedParameter`] when the query holds a parameter that the
    /// signer sends itself, or another one that begins with `oauth_` twice.
    pub fn new<U>(method: &str, url: U) -> Result<Self, Error>
    where
        U: TryInto<RequestUrl, Error: Into<Error>>,
    {
        let method = checked_method(method)?;
        let url = url.try_into().map_err(Into::into)?;
        refuse_in_query(&url)?;
        Ok(Self { method, url, form: Vec::new(), oauth: Vec::new(), body_hash: None })
    }

    /// Adds a parameter of the form-encoded body (RFC 5849 3.4.1.3.1): name and value as they are
    /// before encoding. It is signed; sending the body is the caller's part.
    ///
    /// # Errors
    /// [`Error::ReservedParameter`] for a parameter that the signer sends itself, and for one that
    /// begins with `oauth_` and is there already.
    pub fn form_parameter(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, Error> {
        let name = name.into();
        if is_protocol(&name) {
            self.refuse_repeated(&name, "form")?;
        }
        self.form.push((name, Secret::new(value)));
        Ok(self)
    }

    /// Adds a protocol parameter that goes where the signature goes: `oauth_callback` in the
    /// request for a temporary token (RFC 5849 2.1), or an extension's.
    ///
    /// # Errors
    /// [`Error::ReservedParameter`] for one that the signer sends itself, for `realm`, and for one
    /// that is there already.
    pub fn oauth_parameter(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, Error> {
        let name = name.into();
        if name == "realm" {
            return Err(reserved(&name, "protocol parameters"));
        }
        self.refuse_repeated(&name, "protocol parameters")?;
        self.oauth.push((name, Secret::new(value)));
        Ok(self)
    }

    /// Signs the body of a request that is not form-encoded: its hash is sent as
    /// `oauth_body_hash` (the OAuth Request Body Hash draft), SHA-256 with HMAC-SHA256 and SHA-1
    /// with every other method.
    #[must_use]
    pub fn body_hash(mut self, body: &[u8]) -> Self {
        self.body_hash = Some(BodyHash::new(body));
        self
    }

    /// Sends the hash of an empty body. Some signers always do so, and a server that expects
    /// their requests may want it; servers that do not know the parameter may refuse it.
    #[must_use]
    pub fn empty_body_hash(self) -> Self {
        self.body_hash(b"")
    }

    /// The method, in upper case.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The URL as it was given.
    #[must_use]
    pub fn url(&self) -> &RequestUrl {
        &self.url
    }

    /// The parameters of the form-encoded body, before encoding.
    pub fn form_parameters(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.form.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }

    pub(crate) fn oauth_parameters(&self) -> &[(String, Secret)] {
        &self.oauth
    }

    pub(crate) fn body_hash_text(&self, method: SignatureMethod) -> Option<&str> {
        self.body_hash.as_ref().map(|hash| hash.text(method))
    }

    /// The decoded parameters of query and form, sorted.
    ///
    /// RFC 5849 3.4.1.3.1, 3.4.1.3.2
    pub(crate) fn sorted_parameters(&self) -> Parameters<'_> {
        if self.url.query().is_empty() && self.form.is_empty() {
            return Parameters(Vec::new());
        }
        let query = split_pairs(self.url.query())
            .map(|(name, value)| (decode_lenient(name), decode_lenient(value)));
        let form = self.form_parameters().map(|(n, v)| (Cow::Borrowed(n), Cow::Borrowed(v)));
        let mut parameters: Vec<_> = query.chain(form).collect();
        parameters.sort_by(|(a, x), (b, y)| encoded_order(a, b).then_with(|| encoded_order(x, y)));
        Parameters(parameters)
    }

    fn refuse_repeated(&self, name: &str, place: &'static str) -> Result<(), Error> {
        let pairs = self.form.iter().chain(&self.oauth);
        let repeated = pairs.into_iter().any(|(known, _)| known == name)
            || query_names(&self.url).any(|known| known == name);
        if repeated || is_reserved(name) { Err(reserved(name, place)) } else { Ok(()) }
    }
}

/// Decoded parameters, which are wiped where they are copies: a query may hold a secret.
pub(crate) struct Parameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Deref for Parameters<'a> {
    type Target = [(Cow<'a, str>, Cow<'a, str>)];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Parameters<'_> {
    fn drop(&mut self) {
        for (name, value) in &mut self.0 {
            wipe(name);
            wipe(value);
        }
    }
}

impl fmt::Debug for Request {
    /// Shows no parameter: a form may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The hash of a body, as base64, for whichever method signs it.
#[derive(Clone)]
pub(crate) struct BodyHash {
    sha1: String,
    sha256: String,
}

impl BodyHash {
    pub(crate) fn new(body: &[u8]) -> Self {
        Self {
            sha1: STANDARD.encode(Sha1::digest(body)),
            sha256: STANDARD.encode(Sha256::digest(body)),
        }
    }

    pub(crate) fn text(&self, method: SignatureMethod) -> &str {
        match method {
            SignatureMethod::HmacSha256 => &self.sha256,
            SignatureMethod::HmacSha1 | SignatureMethod::Plaintext => &self.sha1,
        }
    }
}

/// Whether a parameter may be given only once in a request (RFC 5849 3.1, 3.5).
pub(crate) fn is_protocol(name: &str) -> bool {
    name.starts_with("oauth_")
}

/// The method in upper case; those in use take no heap.
pub(crate) fn checked_method(method: &str) -> Result<Cow<'static, str>, Error> {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
    if let Some(known) = KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(method)) {
        return Ok(Cow::Borrowed(known));
    }
    if method.is_empty() {
        return Err(Error::Empty { argument: "method" });
    }
    // RFC 9110 5.6.2
    refuse("method", method, "a letter, a digit or one of !#$%&'*+-.^_`|~", |c| {
        !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
    })?;
    Ok(Cow::Owned(method.to_ascii_uppercase()))
}

/// The parameters that the signer sends itself.
fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "oauth_body_hash"
            | "oauth_consumer_key"
            | "oauth_nonce"
            | "oauth_signature"
            | "oauth_signature_method"
            | "oauth_timestamp"
            | "oauth_token"
            | "oauth_verifier"
            | "oauth_version"
    )
}

fn refuse_in_query(url: &RequestUrl) -> Result<(), Error> {
    let mut names = query_names(url).filter(|name| is_protocol(name));
    while let Some(name) = names.next() {
        if is_reserved(&name) || names.clone().any(|other| other == name) {
            return Err(reserved(&name, "url query"));
        }
    }
    Ok(())
}

fn reserved(name: &str, place: &'static str) -> Error {
    Error::ReservedParameter { name: name.to_owned(), place }
}

fn query_names(url: &RequestUrl) -> impl Iterator<Item = Cow<'_, str>> + Clone {
    split_pairs(url.query()).map(|(name, _)| decode_lenient(name))
}
