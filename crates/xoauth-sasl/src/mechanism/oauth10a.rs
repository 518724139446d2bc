//! OAUTH10A (RFC 7628): OAuth 1.0a inside SASL.

use alloc::string::String;

use oauth1_core::{Consumer, Request, Secret, SignatureMethod, Signer, Token};

use super::message::{Message, check_host, checked_user, endpoint_url, visit_credentials};
use super::{Context, Mechanism};
use crate::Error;
use crate::error::check;

/// OAUTH10A (RFC 7628): a user, the server's host and port, and an OAuth 1.0a signature over the
/// latter two.
///
/// Host and port are those of the connection, unless given here: a server refuses a signature
/// for a name that is not its own (RFC 7628 3.2).
#[derive(Debug, Clone)]
pub struct OAuth10A {
    user: String,
    signer: Signer,
    host: Option<String>,
    port: Option<u16>,
    realm: Option<String>,
}

impl OAuth10A {
    /// A login as a user, with the consumer's and the user's credentials.
    ///
    /// # Errors
    /// [`Error::Empty`] or [`Error::Character`] for a user that is empty or has control
    /// characters.
    pub fn new(user: impl Into<String>, consumer: Consumer, token: Token) -> Result<Self, Error> {
        let signer = Signer::new(consumer, Some(token));
        Ok(Self { user: checked_user(user)?, signer, host: None, port: None, realm: None })
    }

    /// Signs for another host than the connection's: behind a tunnel, say.
    ///
    /// # Errors
    /// [`Error::Empty`], or [`Error::Character`] for what cannot stand in a host name or address.
    pub fn host(mut self, host: impl Into<String>) -> Result<Self, Error> {
        let host = host.into();
        check_host(&host)?;
        self.host = Some(host);
        Ok(self)
    }

    /// Signs for another port than the connection's.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sends a realm, which is not signed (RFC 5849 3.4.1.3.1).
    ///
    /// # Errors
    /// [`Error::Empty`], or [`Error::Character`] for anything but printable ASCII.
    pub fn realm(mut self, realm: impl Into<String>) -> Result<Self, Error> {
        let realm = realm.into();
        check("realm", &realm, "printable ASCII characters only", |c| matches!(c, ' '..='~'))?;
        self.realm = Some(realm);
        Ok(self)
    }

    /// Signs with another method than HMAC-SHA1. With PLAINTEXT the message holds the secrets
    /// themselves: over TLS only.
    #[must_use]
    pub fn signature_method(mut self, method: SignatureMethod) -> Self {
        self.signer = self.signer.method(method);
        self
    }

    /// Whether `oauth_version="1.0"` is sent, which RFC 5849 3.1 leaves open. It is by default.
    #[must_use]
    pub fn version(mut self, sent: bool) -> Self {
        self.signer = self.signer.version(sent);
        self
    }
}

impl Mechanism for OAuth10A {
    fn name(&self) -> &str {
        "OAUTH10A"
    }

    /// RFC 7628 3.1, 3.3
    fn initial_response(&self, context: &Context<'_>) -> Result<Secret, Error> {
        let host = self.host.as_deref().unwrap_or(context.host());
        let port = self.port.unwrap_or(context.port());
        check_host(host)?;
        let request = Request::new("POST", endpoint_url(host, port))?;
        let signed = self.signer.sign(&request, context.stamp())?;
        let parameters = signed.parameter_list();
        let realm = self.realm.as_deref().map(quoted_realm).unwrap_or_default();
        let room = host.len() + realm.len() + parameters.expose().len();
        let mut message = Message::new(Some(&self.user), room);
        message.pair("host", &[host]);
        message.pair("port", &[&alloc::format!("{port}")]);
        message.pair("auth", &["OAuth ", &realm, parameters.expose()]);
        Ok(message.finish())
    }

    fn error_acknowledgement(&self) -> &str {
        super::message::SEPARATOR
    }

    fn sensitive(&self, visit: &mut dyn FnMut(&str)) {
        visit_credentials(&self.signer, visit);
    }
}

/// The realm as the first parameter of the list.
///
/// RFC 9110 5.6.4, 11.5
fn quoted_realm(realm: &str) -> String {
    let mut text = String::from("realm=\"");
    for c in realm.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push_str("\",");
    text
}
