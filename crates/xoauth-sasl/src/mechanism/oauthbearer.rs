//! OAUTHBEARER (RFC 7628): an OAuth 2.0 access token inside SASL.

use alloc::format;
use alloc::string::String;

use oauth1_core::Secret;

use super::message::{Message, SEPARATOR, check_host, checked_token, checked_user};
use super::{Context, Mechanism};
use crate::Error;

/// OAUTHBEARER (RFC 7628): an OAuth 2.0 access token, for TLS connections only.
///
/// ```
/// use xoauth_sasl::{Context, Mechanism, Nonce, OAuthBearer, Stamp};
///
/// let login = OAuthBearer::new("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==")?;
/// let stamp = Stamp::new(Nonce::new("unused")?, 0);
/// let message = login.initial_response(&Context::new(&stamp, "server.example.com", 143))?;
/// assert_eq!(
///     message.expose(),
///     "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01\
///      auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01",
/// );
/// # Ok::<(), xoauth_sasl::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct OAuthBearer {
    user: Option<String>,
    /// `None` asks for the scope.
    token: Option<Secret>,
    endpoint: Endpoint,
}

/// What is said of the server's host and port.
#[derive(Debug, Clone)]
enum Endpoint {
    Sent { host: Option<String>, port: Option<u16> },
    LeftOut,
}

impl OAuthBearer {
    /// A login as a user with an access token.
    ///
    /// # Errors
    /// [`Error::Empty`] or [`Error::Character`] for a user or token that is empty, a user with
    /// control characters, a token with anything but visible ASCII.
    pub fn new(user: impl Into<String>, token: impl Into<Secret>) -> Result<Self, Error> {
        Ok(Self::made(Some(checked_user(user)?), Some(checked_token(token)?)))
    }

    /// A login as whoever the token was issued to.
    ///
    /// # Errors
    /// As [`new`](OAuthBearer::new).
    pub fn without_user(token: impl Into<Secret>) -> Result<Self, Error> {
        Ok(Self::made(None, Some(checked_token(token)?)))
    }

    /// No login: asks the server which scope a token needs and where to get one. It refuses, and
    /// its [error challenge](crate::ErrorChallenge) is the answer (RFC 7628 3.1, 4.3).
    ///
    /// # Errors
    /// As [`new`](OAuthBearer::new).
    pub fn discover(user: impl Into<String>) -> Result<Self, Error> {
        Ok(Self::made(Some(checked_user(user)?), None))
    }

    /// Sends another host than the connection's.
    ///
    /// # Errors
    /// [`Error::Empty`], or [`Error::Character`] for what cannot stand in a host name or address.
    pub fn host(mut self, host: impl Into<String>) -> Result<Self, Error> {
        let host = host.into();
        check_host(&host)?;
        let port = match self.endpoint {
            Endpoint::Sent { port, .. } => port,
            Endpoint::LeftOut => None,
        };
        self.endpoint = Endpoint::Sent { host: Some(host), port };
        Ok(self)
    }

    /// Sends another port than the connection's.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        let host = match self.endpoint {
            Endpoint::Sent { host, .. } => host,
            Endpoint::LeftOut => None,
        };
        self.endpoint = Endpoint::Sent { host, port: Some(port) };
        self
    }

    /// Sends neither host nor port, which RFC 7628 3.1 leaves open and some clients do.
    #[must_use]
    pub fn without_endpoint(mut self) -> Self {
        self.endpoint = Endpoint::LeftOut;
        self
    }

    fn made(user: Option<String>, token: Option<Secret>) -> Self {
        Self { user, token, endpoint: Endpoint::Sent { host: None, port: None } }
    }
}

impl Mechanism for OAuthBearer {
    fn name(&self) -> &str {
        "OAUTHBEARER"
    }

    /// RFC 7628 3.1
    fn initial_response(&self, context: &Context<'_>) -> Result<Secret, Error> {
        let token = self.token.as_ref().map(Secret::expose);
        let host = match &self.endpoint {
            Endpoint::Sent { host, .. } => host.as_deref().unwrap_or(context.host()),
            Endpoint::LeftOut => "",
        };
        let room = host.len() + token.map_or(0, str::len);
        let mut message = Message::new(self.user.as_deref(), room);
        if let Endpoint::Sent { port, .. } = self.endpoint {
            check_host(host)?;
            message.pair("host", &[host]);
            message.pair("port", &[&format!("{}", port.unwrap_or(context.port()))]);
        }
        match token {
            Some(token) => message.pair("auth", &["Bearer ", token]),
            None => message.pair("auth", &[]),
        }
        Ok(message.finish())
    }

    fn error_acknowledgement(&self) -> &str {
        SEPARATOR
    }

    fn sensitive(&self, visit: &mut dyn FnMut(&str)) {
        if let Some(token) = &self.token {
            visit(token.expose());
        }
    }
}
