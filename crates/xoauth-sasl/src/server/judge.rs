//! Who judges a login.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use oauth1_core::{CredentialStore, NonceStore, RequestUrl, Secret, Verified, Verifier};

use super::ErrorDocument;
use super::message::Mechanism;

/// Judges access tokens: the part of a server that knows who issued them.
pub trait BearerJudge {
    /// Whether the token is good, for the user that the client asks for.
    fn judge(&self, request: &BearerRequest<'_>) -> Verdict;
}

/// A login with an access token, for a [`BearerJudge`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BearerRequest<'a> {
    /// `OAUTHBEARER` or `XOAUTH2`.
    pub mechanism: &'static str,
    /// The user that the client asks for; `None` where it leaves that to the token.
    pub user: Option<&'a str>,
    /// The access token.
    pub token: &'a Secret,
    /// The host that the client says it connected to.
    pub host: Option<&'a str>,
    /// The port that the client says it connected to.
    pub port: Option<u16>,
}

/// Says who a verified OAuth 1.0a login is: the part of a server that knows which consumer and
/// token may act for which user.
pub trait Identity {
    /// The user of a login whose signature is right.
    ///
    /// Nothing else binds the user to the credentials: accept only a requested user that the
    /// token was issued for, or, without a token, one that the consumer may act for.
    fn identify(&self, request: &IdentityRequest<'_>) -> Verdict;
}

/// A verified OAuth 1.0a login, for an [`Identity`].
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct IdentityRequest<'a> {
    /// `XOAUTH` or `OAUTH10A`.
    pub mechanism: &'static str,
    /// The consumer and, where there is one, the token that signed.
    pub verified: &'a Verified,
    /// The user that the client asks for, where it names one.
    pub user: Option<&'a str>,
    /// What a signature is made of the URL: scheme and host in lower case, the port unless it is the default, the path,
    /// and the query as it is written; neither user information nor fragment (RFC 5849 3.4.1.2). PLAINTEXT signs nothing
    /// of it. OAUTH10A's was compared with the server's endpoints already; XOAUTH's is the client's choice: a server that
    /// shares credentials with others accepts only its own.
    pub url: &'a str,
}

/// What a judge says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The client is this user.
    Accept {
        /// The user, by the server's name for it.
        user: String,
    },
    /// The client is refused, and told this.
    Refuse(ErrorDocument),
    /// The login cannot be judged now; the text is for the server's log.
    Unavailable(String),
}

/// What a server judges logins with. Cheap to make, for each connection or for all.
#[derive(Clone, Default)]
pub struct Server<'a> {
    pub(super) endpoints: Vec<(String, u16)>,
    pub(super) oauth1: Option<OAuth1<'a>>,
    pub(super) bearer: Option<&'a dyn BearerJudge>,
    pub(super) scope: Option<String>,
    pub(super) openid_configuration: Option<String>,
}

/// What an OAuth 1.0a login is judged with.
#[derive(Clone, Copy)]
pub(super) struct OAuth1<'a> {
    pub(super) verifier: &'a Verifier,
    pub(super) credentials: &'a dyn CredentialStore,
    pub(super) nonces: &'a dyn NonceStore,
    pub(super) identity: &'a dyn Identity,
}

impl<'a> Server<'a> {
    /// A server that accepts no login yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a host and port that clients reach the server at.
    ///
    /// OAUTH10A is refused for any other, and always if no endpoint was added. A host or port that
    /// OAUTHBEARER sends must also be one of these, where there are any (RFC 7628 3.2).
    #[must_use]
    pub fn endpoint(mut self, host: impl Into<String>, port: u16) -> Self {
        self.endpoints.push((host.into(), port));
        self
    }

    /// Takes XOAUTH and OAUTH10A.
    #[must_use]
    pub fn oauth1(
        mut self,
        verifier: &'a Verifier,
        credentials: &'a dyn CredentialStore,
        nonces: &'a dyn NonceStore,
        identity: &'a dyn Identity,
    ) -> Self {
        self.oauth1 = Some(OAuth1 { verifier, credentials, nonces, identity });
        self
    }

    /// Takes OAUTHBEARER and XOAUTH2.
    #[must_use]
    pub fn bearer(mut self, judge: &'a dyn BearerJudge) -> Self {
        self.bearer = Some(judge);
        self
    }

    /// The scope that a token needs, told to clients that ask or are refused here.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// The URL of the document that says where tokens are issued, told as the scope is.
    #[must_use]
    pub fn openid_configuration(mut self, url: impl Into<String>) -> Self {
        self.openid_configuration = Some(url.into());
        self
    }

    /// The mechanisms to offer. Offer those with tokens, and OAuth 1.0a with PLAINTEXT, under TLS
    /// only.
    pub fn mechanisms(&self) -> impl Iterator<Item = &'static str> {
        let (signed, bearer) = (self.oauth1.is_some(), self.bearer.is_some());
        Mechanism::ALL
            .into_iter()
            .filter(move |mechanism| if mechanism.is_signed() { signed } else { bearer })
            .map(Mechanism::name)
    }

    /// Whether what a client says of host and port fits one of ours. Host names are
    /// case-insensitive, and an IPv6 address may stand in brackets.
    pub(super) fn is_endpoint(&self, host: Option<&str>, port: Option<u16>) -> bool {
        self.endpoints.iter().any(|(own_host, own_port)| {
            host.is_none_or(|host| bare(host).eq_ignore_ascii_case(bare(own_host)))
                && port.is_none_or(|port| port == *own_port)
        })
    }
}

fn bare(host: &str) -> &str {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host)
}

impl fmt::Debug for IdentityRequest<'_> {
    /// Shows the URL without its query: a client may put its signature there, and that of PLAINTEXT is the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityRequest")
            .field("mechanism", &self.mechanism)
            .field("verified", &self.verified)
            .field("user", &self.user)
            .field("url", &RequestUrl::new(self.url).ok())
            .finish()
    }
}

impl fmt::Debug for Server<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}
