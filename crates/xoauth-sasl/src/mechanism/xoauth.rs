//! XOAUTH, Google's mechanism of 2010 for OAuth 1.0a.

use alloc::format;
use alloc::string::String;

use oauth1_core::{
    Consumer, Prepared, Request, RequestUrl, Secret, SignatureMethod, Signer, Stamp, Token,
    percent_encode,
};

use super::message::visit_credentials;
use super::{Context, Mechanism};
use crate::Error;
use crate::error::check;

/// XOAUTH: an OAuth 1.0a request for a URL, sent as `GET <url> <parameters>`.
///
/// The URL says whose mailbox it is. It is sent and signed exactly as given. No public provider
/// issues tokens for it any more; it serves private servers, bridges and tests.
///
/// ```
/// use xoauth_sasl::{Consumer, Context, Mechanism, Nonce, Stamp, Token, XOAuth};
///
/// let consumer = Consumer::new("consumer key", "consumer secret")?;
/// let token = Token::new("token", "token secret")?;
/// let url = "https://mail.google.com/mail/b/user@gmail.com/imap/";
/// let login = XOAuth::new(url, consumer, Some(token))?;
///
/// let stamp = Stamp::new(Nonce::new("7d8f3e4a")?, 1_274_215_474);
/// let message = login.initial_response(&Context::new(&stamp, "imap.gmail.com", 993))?;
/// assert!(message.expose().starts_with(&format!("GET {url} oauth_consumer_key=\"")));
/// # Ok::<(), xoauth_sasl::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct XOAuth {
    request: Request,
    signer: Signer,
    /// Of `request` and `signer` as they are now.
    prepared: Prepared,
}

/// Which of a provider's services a request URL is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Service {
    /// Reading mail.
    Imap,
    /// Sending mail.
    Smtp,
}

impl XOAuth {
    /// A login with a request URL, the consumer's credentials and the user's token. Without a
    /// token the consumer alone signs.
    ///
    /// # Errors
    /// [`Error::OAuth1`] for a URL that cannot be signed, which it says where.
    pub fn new(
        url: impl Into<String>,
        consumer: Consumer,
        token: Option<Token>,
    ) -> Result<Self, Error> {
        let request = Request::new("GET", RequestUrl::new(url)?)?;
        let signer = Signer::new(consumer, token);
        Ok(Self { prepared: signer.prepare(&request), request, signer })
    }

    /// A two-legged login: no token, the consumer acts for `requestor`, whose address is added to
    /// the URL as `xoauth_requestor_id`.
    ///
    /// # Errors
    /// [`Error::OAuth1`] for a URL that cannot be signed; [`Error::Empty`] or
    /// [`Error::Character`] for a requestor that is empty or has control characters.
    pub fn two_legged(
        url: impl Into<String>,
        requestor: &str,
        consumer: Consumer,
    ) -> Result<Self, Error> {
        check("requestor", requestor, "no control character", |c| !c.is_control())?;
        Self::new(with_requestor(&url.into(), requestor), consumer, None)
    }

    /// The message of one login with [`new`](XOAuth::new)'s arguments, for programs that keep no
    /// login and speak SASL by other means: `GET <url> <parameters>`, before base64.
    ///
    /// # Errors
    /// As [`new`](XOAuth::new).
    pub fn message(
        url: &str,
        consumer: &Consumer,
        token: Option<&Token>,
        stamp: &Stamp,
    ) -> Result<Secret, Error> {
        let request = Request::new("GET", url)?;
        let keys = consumer.key().len() + token.map_or(0, |token| token.key().len());
        let own = keys + stamp.nonce().as_str().len();
        // A query may hold a secret: there is room for the base string at its longest, so that it is never moved.
        let room = if url.contains('?') { 8 * url.len() + 5 * own } else { url.len() };
        let mut message = begun(url, room + PARAMETERS);
        Signer::sign_once_into(consumer, token, &request, stamp, &mut message);
        Ok(Secret::new(message))
    }

    /// Signs with another method than HMAC-SHA1. With PLAINTEXT the message holds the secrets
    /// themselves: over TLS only.
    #[must_use]
    pub fn signature_method(mut self, method: SignatureMethod) -> Self {
        self.signer = self.signer.method(method);
        self.prepare()
    }

    /// Whether `oauth_version="1.0"` is sent, which RFC 5849 3.1 leaves open. It is by default.
    #[must_use]
    pub fn version(mut self, sent: bool) -> Self {
        self.signer = self.signer.version(sent);
        self.prepare()
    }

    /// Also signs and sends `oauth_body_hash` of the empty body, as the Python package `oauth2`
    /// does, byte for byte. Its documented format has no such parameter, and some servers refuse
    /// it.
    #[must_use]
    pub fn with_body_hash(mut self) -> Self {
        self.request = self.request.empty_body_hash();
        self.prepare()
    }

    /// The request URL, as it was given.
    #[must_use]
    pub fn url(&self) -> &str {
        self.request.url().as_str()
    }

    /// The request URL that Gmail had for a user's mailbox, which servers in its place follow.
    ///
    /// # Errors
    /// [`Error::Empty`] or [`Error::Character`] for a user that cannot stand in a URL path.
    pub fn google_request_url(user: &str, service: Service) -> Result<String, Error> {
        let stands = |c: char| !c.is_control() && !c.is_whitespace() && !"/?#%\\".contains(c);
        check("user", user, "a character of a URL path segment", stands)?;
        let service = match service {
            Service::Imap => "imap",
            Service::Smtp => "smtp",
        };
        Ok(format!("https://mail.google.com/mail/b/{user}/{service}/"))
    }

    fn prepare(mut self) -> Self {
        self.prepared = self.signer.prepare(&self.request);
        self
    }
}

impl Mechanism for XOAuth {
    fn name(&self) -> &str {
        "XOAUTH"
    }

    fn initial_response(&self, context: &Context<'_>) -> Result<Secret, Error> {
        let mut message = begun(self.url(), self.prepared.room());
        self.prepared.sign_into(context.stamp(), &mut message);
        Ok(Secret::new(message))
    }

    fn sensitive(&self, visit: &mut dyn FnMut(&str)) {
        visit_credentials(&self.signer, visit);
    }
}

/// Room for the parameters of usual credentials, where the signer also writes the base string.
/// It makes more, where that is too little, before it writes what is secret of them.
const PARAMETERS: usize = 512;

/// A message up to where the parameters begin, with room for them.
fn begun(url: &str, room: usize) -> String {
    let mut message = String::with_capacity("GET  ".len() + url.len() + room);
    message.push_str("GET ");
    message.push_str(url);
    message.push(' ');
    message
}

/// Adds `xoauth_requestor_id` to the query, in front of a fragment.
fn with_requestor(url: &str, requestor: &str) -> String {
    let (front, fragment) = match url.split_once('#') {
        Some((front, fragment)) => (front, format!("#{fragment}")),
        None => (url, String::new()),
    };
    let separator = match front.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    let requestor = percent_encode(requestor);
    format!("{front}{separator}xoauth_requestor_id={requestor}{fragment}")
}
