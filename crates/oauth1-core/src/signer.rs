//! Signing a request.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::ascii::Decimal;
use crate::base_string::{
    Comma, Fields, Kind, Sender, base_string_into, parameters_into, parameters_room,
};
use crate::credentials::append_query;
use crate::encode::{encoded_length, percent_encode_into};
use crate::method::{SignatureText, SigningState};
use crate::{
    Consumer, Error, Prepared, Request, Secret, SignatureMethod, Stamp, Token, signing_key,
};

/// Signs requests with one set of credentials.
///
/// It holds no clock and no random source: each signature takes its own [`Stamp`].
#[derive(Clone)]
pub struct Signer {
    consumer: Consumer,
    token: Option<Token>,
    method: SignatureMethod,
    version: bool,
    /// The key of `consumer`, `token` and `method`, with nothing signed yet.
    state: SigningState,
}

impl Signer {
    /// A signer with HMAC-SHA1 that sends `oauth_version="1.0"`.
    ///
    /// Without a token no `oauth_token` is sent and the token secret is empty: a request for a
    /// temporary token, or a two-legged one.
    #[must_use]
    pub fn new(consumer: Consumer, token: Option<Token>) -> Self {
        let method = SignatureMethod::default();
        let state = state(method, &consumer, token.as_ref());
        Self { consumer, token, method, version: true, state }
    }

    /// Signs with another method.
    #[must_use]
    pub fn method(mut self, method: SignatureMethod) -> Self {
        self.method = method;
        self.state = state(method, &self.consumer, self.token.as_ref());
        self
    }

    /// Whether `oauth_version="1.0"` is sent, which RFC 5849 3.1 leaves open.
    #[must_use]
    pub fn version(mut self, sent: bool) -> Self {
        self.version = sent;
        self
    }

    /// The client credentials.
    #[must_use]
    pub fn consumer(&self) -> &Consumer {
        &self.consumer
    }

    /// The token credentials, where there are any.
    #[must_use]
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// The signature method.
    #[must_use]
    pub fn signature_method(&self) -> SignatureMethod {
        self.method
    }

    /// Signs a request (RFC 5849 3.1); the result writes itself in each of the forms that a
    /// signature is sent in.
    ///
    /// # Errors
    /// None with the methods there are today: whatever could not be signed was refused when the
    /// request, the credentials or the nonce were made.
    pub fn sign<'a>(&'a self, request: &'a Request, stamp: &Stamp) -> Result<Signed<'a>, Error> {
        let stamp = stamp.clone();
        let timestamp = Decimal::number(stamp.timestamp());
        let mut base_string = String::new();
        let fields =
            Fields::new(self.sender(), request, Some(stamp.nonce()), Some(timestamp.as_str()));
        let signature = sign_fields(&self.state, request, &fields, &mut base_string);
        let signature = Secret::new(signature.as_str());
        // A form may hold a password.
        let base_string = Secret::new(base_string);
        Ok(Signed { signer: self, request, stamp, timestamp, base_string, signature })
    }

    /// Signs a request and appends its [parameter list](Signed::parameter_list) to `out`, for
    /// signing once without looking at the parts. `out` may come to hold secrets.
    ///
    /// # Errors
    /// As [`sign`](Signer::sign).
    pub fn sign_into(
        &self,
        request: &Request,
        stamp: &Stamp,
        out: &mut String,
    ) -> Result<(), Error> {
        parameter_list_into(&self.state, self.sender(), request, stamp, out);
        Ok(())
    }

    /// Signs a request with HMAC-SHA1 and appends its [parameter list](Signed::parameter_list) to
    /// `out`: what a new signer's [`sign_into`](Signer::sign_into) does, without making a signer.
    pub fn sign_once_into(
        consumer: &Consumer,
        token: Option<&Token>,
        request: &Request,
        stamp: &Stamp,
        out: &mut String,
    ) {
        let method = SignatureMethod::default();
        let sender = Sender { consumer, token, method, version: true };
        parameter_list_into(&state(method, consumer, token), sender, request, stamp, out);
    }

    /// Does once what many signatures of the same request share: the key, the constant parts of
    /// the base string, the constant parts of the [parameter list](Signed::parameter_list).
    #[must_use]
    pub fn prepare(&self, request: &Request) -> Prepared {
        Prepared::new(self, request, "", Comma::Bare)
    }

    /// As [`prepare`](Signer::prepare), for the
    /// [`Authorization` header](Signed::authorization_header).
    #[must_use]
    pub fn prepare_header(&self, request: &Request, realm: Option<&str>) -> Prepared {
        Prepared::new(self, request, &scheme_and_realm(realm), Comma::Spaced)
    }

    pub(crate) fn sender(&self) -> Sender<'_> {
        let Self { consumer, token, method, version, .. } = self;
        Sender { consumer, token: token.as_ref(), method: *method, version: *version }
    }

    pub(crate) fn state(&self) -> &SigningState {
        &self.state
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("consumer", &self.consumer)
            .field("token", &self.token)
            .field("method", &self.method)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Signs a request and appends its parameter list.
fn parameter_list_into(
    state: &SigningState,
    sender: Sender<'_>,
    request: &Request,
    stamp: &Stamp,
    out: &mut String,
) {
    let timestamp = Decimal::number(stamp.timestamp());
    let fields = Fields::new(sender, request, Some(stamp.nonce()), Some(timestamp.as_str()));
    // The output is the scratch space of the base string, in which a form may have left secrets: it is not moved for what
    // follows.
    out.reserve(
        parameters_room(fields.as_slice(), None, Comma::Bare) + 3 * state.longest_signature(),
    );
    let length = out.len();
    let signature = sign_fields(state, request, &fields, out);
    out.truncate(length);
    parameters_into(fields.as_slice(), Some(&signature), Comma::Bare, out);
}

/// Appends the base string to `out` and signs it.
fn sign_fields<'a>(
    state: &'a SigningState,
    request: &Request,
    fields: &Fields<'_>,
    out: &mut String,
) -> SignatureText<'a> {
    let start = out.len();
    let others = request.sorted_parameters();
    base_string_into(request.method(), request.url(), fields.as_slice(), &others, out);
    state.sign(out.get(start..).unwrap_or_default())
}

fn state(method: SignatureMethod, consumer: &Consumer, token: Option<&Token>) -> SigningState {
    SigningState::new(method, signing_key(consumer.secret(), token.map(Token::secret)))
}

/// A signed request: what was signed, the signature, and the forms to send it in.
///
/// Choose one form (RFC 5849 3.5): the header, the parameter list of a SASL message, the form
/// body, or the URL.
pub struct Signed<'a> {
    signer: &'a Signer,
    request: &'a Request,
    stamp: Stamp,
    timestamp: Decimal,
    base_string: Secret,
    signature: Secret,
}

impl Signed<'_> {
    /// The signature base string (RFC 5849 3.4.1). It holds the token, the verifier and what the
    /// form holds, though no secret of the credentials. It is wiped when this value is dropped.
    #[must_use]
    pub fn base_string(&self) -> &str {
        self.base_string.expose()
    }

    /// The signature, as base64 or PLAINTEXT text, not percent-encoded.
    #[must_use]
    pub fn signature(&self) -> &Secret {
        &self.signature
    }

    /// The protocol parameters with the signature, sorted by name, not encoded. They hold what
    /// [`signature`](Signed::signature) holds.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let signature = self.signature.expose();
        let fields = self.fields();
        let pairs = fields.as_slice().iter().map(|field| match field.kind {
            Kind::Signature => (field.name(), signature),
            _ => (field.name(), field.value),
        });
        // Collected, because the fields are lent from a list of their own.
        pairs.collect::<Vec<_>>().into_iter()
    }

    /// The value of the `Authorization` header: `OAuth realm="…", oauth_consumer_key="…", …`
    /// (RFC 5849 3.5.1).
    ///
    /// Quotes and backslashes in the realm are escaped; control characters and what is not ASCII,
    /// which a header cannot carry, are percent-encoded.
    #[must_use]
    pub fn authorization_header(&self, realm: Option<&str>) -> Secret {
        self.list(&scheme_and_realm(realm), Comma::Spaced)
    }

    /// The parameters as the mechanism XOAUTH sends them: `name="value",name="value"`, sorted,
    /// with a bare comma between them.
    #[must_use]
    pub fn parameter_list(&self) -> Secret {
        self.list("", Comma::Bare)
    }

    /// A form-encoded body (RFC 5849 3.5.2): the form parameters of the request in their order,
    /// then the protocol parameters.
    #[must_use]
    pub fn form_body(&self) -> Secret {
        let parameters = self.request.form_parameters().chain(self.parameters());
        let octets = parameters
            .clone()
            .map(|(name, value)| encoded_length(name) + encoded_length(value) + 2);
        let mut body = String::with_capacity(octets.sum());
        for (name, value) in parameters {
            if !body.is_empty() {
                body.push('&');
            }
            percent_encode_into(name, &mut body);
            body.push('=');
            percent_encode_into(value, &mut body);
        }
        Secret::new(body)
    }

    /// The URL with the protocol parameters added to its query (RFC 5849 3.5.3).
    #[must_use]
    pub fn url(&self) -> Secret {
        append_query(self.request.url().as_str(), self.parameters())
    }

    fn list(&self, front: &str, comma: Comma) -> Secret {
        let fields = self.fields();
        let signature = SignatureText::Other(&self.signature);
        let room = parameters_room(fields.as_slice(), Some(&signature), comma);
        let mut list = String::with_capacity(front.len() + room);
        list.push_str(front);
        parameters_into(fields.as_slice(), Some(&signature), comma, &mut list);
        Secret::new(list)
    }

    fn fields(&self) -> Fields<'_> {
        let nonce = Some(self.stamp.nonce());
        Fields::new(self.signer.sender(), self.request, nonce, Some(self.timestamp.as_str()))
    }
}

impl fmt::Debug for Signed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed")
            .field("method", &self.signer.signature_method())
            .field("request", self.request)
            .field("stamp", &self.stamp)
            .finish_non_exhaustive()
    }
}

/// `OAuth `, with the realm as a quoted string.
///
/// RFC 5849 3.5.1, RFC 9110 5.6.4
fn scheme_and_realm(realm: Option<&str>) -> String {
    let mut front = String::from("OAuth ");
    if let Some(realm) = realm {
        front.push_str("realm=\"");
        for c in realm.chars() {
            match c {
                '"' | '\\' => front.extend(['\\', c]),
                ' '..='~' => front.push(c),
                _ => percent_encode_into(c.encode_utf8(&mut [0; 4]), &mut front),
            }
        }
        front.push_str("\", ");
    }
    front
}
