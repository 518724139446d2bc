//! A request as a server received it.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::base_string::base_string_into;
use crate::encode::{decode_lenient, encoded_order, split_pairs};
use crate::request::{BodyHash, checked_method, is_protocol};
use crate::verify::VerifyError;
use crate::verify::list::{Element, Elements, HEADER, LIST, behind_scheme};
use crate::{Error, RequestUrl, SignatureMethod};

/// A request as a server received it: method, URL, and the parameters of each place, collected
/// once (RFC 5849 3.2, 3.4.1.3.1).
///
/// A parameter whose name begins with `oauth_` is refused the second time it comes up, in
/// whichever place that is.
///
/// ```
/// use oauth1_core::ReceivedRequest;
///
/// let request = ReceivedRequest::new("GET", "https://mail.example.com/imap/")?
///     .authorization(r#"OAuth realm="mail", oauth_consumer_key="key""#)?;
/// assert_eq!(request.consumer_key(), Some("key"));
/// # Ok::<(), oauth1_core::VerifyError>(())
/// ```
#[derive(Clone)]
pub struct ReceivedRequest {
    method: Cow<'static, str>,
    url: RequestUrl,
    realm: Option<String>,
    parameters: Vec<(String, Zeroizing<String>)>,
    body: Option<BodyHash>,
}

impl ReceivedRequest {
    /// How many parameters a request may have in all its places.
    pub const MAX_PARAMETERS: usize = 512;

    /// A request of a method to a URL (absolute, as the client addressed it), with the parameters
    /// of the URL's query.
    ///
    /// # Errors
    /// [`VerifyError::Request`] for a method or URL that cannot be signed, and as
    /// [`form`](ReceivedRequest::form).
    pub fn new<U>(method: &str, url: U) -> Result<Self, VerifyError>
    where
        U: TryInto<RequestUrl, Error: Into<Error>>,
    {
        let method = checked_method(method)?;
        let url = url.try_into().map_err(Into::into)?;
        let mut request =
            Self { method, url: url.clone(), realm: None, parameters: Vec::new(), body: None };
        request.add_pairs(url.query())?;
        Ok(request)
    }

    /// Adds the parameters of an `Authorization` header (RFC 5849 3.5.1), given its value:
    /// `OAuth name="value", …`.
    ///
    /// # Errors
    /// [`VerifyError::Malformed`], [`VerifyError::DuplicateParameter`],
    /// [`VerifyError::TooManyParameters`].
    pub fn authorization(self, value: &str) -> Result<Self, VerifyError> {
        let list = behind_scheme(value)?;
        self.add_list(Elements::new(HEADER, list, value.len() - list.len()))
    }

    /// Adds the parameters of a bare list, `name="value",…`, which is what XOAUTH sends.
    ///
    /// # Errors
    /// As [`authorization`](ReceivedRequest::authorization).
    pub fn parameter_list(self, text: &str) -> Result<Self, VerifyError> {
        self.add_list(Elements::new(LIST, text, 0))
    }

    /// Adds the parameters of a form-encoded body (RFC 5849 3.5.2).
    ///
    /// # Errors
    /// [`VerifyError::DuplicateParameter`], [`VerifyError::TooManyParameters`].
    pub fn form(mut self, body: &str) -> Result<Self, VerifyError> {
        self.add_pairs(body)?;
        Ok(self)
    }

    /// Gives the body, so that `oauth_body_hash` is verified where it is sent. Without this call
    /// it is only a signed parameter.
    #[must_use]
    pub fn body(mut self, octets: &[u8]) -> Self {
        self.body = Some(BodyHash::new(octets));
        self
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

    /// The realm, where a list held one. It is not signed.
    #[must_use]
    pub fn realm(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    /// The decoded value of the first parameter of this name, from any place.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters().find(|&(known, _)| known == name).map(|(_, value)| value)
    }

    /// All parameters, decoded, in the order they were received in.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// `oauth_consumer_key`.
    #[must_use]
    pub fn consumer_key(&self) -> Option<&str> {
        self.parameter("oauth_consumer_key")
    }

    /// `oauth_token`; an empty one counts as absent, since clients without a token may send it.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.parameter("oauth_token").filter(|token| !token.is_empty())
    }

    /// `oauth_signature_method`.
    #[must_use]
    pub fn signature_method(&self) -> Option<&str> {
        self.parameter("oauth_signature_method")
    }

    /// The base string that the client should have signed (RFC 5849 3.4.1): what to look at when
    /// a client's signatures do not match. It holds no secret, yet token and verifier.
    #[must_use]
    pub fn base_string(&self) -> String {
        let mut parameters: Vec<_> = self
            .parameters()
            .filter(|&(name, _)| name != "oauth_signature")
            .map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value)))
            .collect();
        parameters.sort_by(|(a, x), (b, y)| encoded_order(a, b).then_with(|| encoded_order(x, y)));
        let mut base_string = String::new();
        base_string_into(&self.method, &self.url, &[], &parameters, &mut base_string);
        base_string
    }

    /// Whether the body, where it was given, is the one whose hash was sent, where one was.
    pub(super) fn body_matches(&self, method: SignatureMethod) -> bool {
        match (&self.body, self.parameter("oauth_body_hash")) {
            (Some(body), Some(sent)) => body.text(method) == sent,
            _ => true,
        }
    }

    fn add_list(mut self, mut elements: Elements<'_>) -> Result<Self, VerifyError> {
        while let Some(element) = elements.next()? {
            match element {
                Element::Realm(_) if self.realm.is_some() => return Err(duplicate("realm")),
                Element::Realm(realm) => self.realm = Some(realm.into_owned()),
                Element::Parameter(name, value) => self.add(name, value)?,
            }
        }
        Ok(self)
    }

    fn add_pairs(&mut self, text: &str) -> Result<(), VerifyError> {
        split_pairs(text)
            .try_for_each(|(name, value)| self.add(decode_lenient(name), decode_lenient(value)))
    }

    fn add(&mut self, name: Cow<'_, str>, value: Cow<'_, str>) -> Result<(), VerifyError> {
        let value = Zeroizing::new(value.into_owned());
        if self.parameters.len() >= Self::MAX_PARAMETERS {
            return Err(VerifyError::TooManyParameters);
        }
        if is_protocol(&name) && self.parameter(&name).is_some() {
            return Err(duplicate(&name));
        }
        self.parameters.push((name.into_owned(), value));
        Ok(())
    }
}

impl fmt::Debug for ReceivedRequest {
    /// Shows no parameter: a PLAINTEXT signature is made of the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedRequest")
            .field("method", &self.method)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The client chose the name: a short and printable part of it is enough to find the fault.
fn duplicate(name: &str) -> VerifyError {
    let shown: String = name.chars().take(40).flat_map(char::escape_debug).collect();
    VerifyError::DuplicateParameter { name: shown }
}
