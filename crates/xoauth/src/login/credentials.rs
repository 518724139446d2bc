//! Who signs in, and with what.

use std::fmt;
use std::sync::Arc;

use xoauth_sasl::{Mask, Mechanism, OAuthBearer, SaslIr, Secret, XOAuth2};

use super::heard::Heard;
use super::renewals::Renewals;
use super::source::{Fixed, Named};
use crate::Error;

/// Who signs in, and with what: made once, used for every connection.
///
/// With an access token, OAUTHBEARER is chosen before XOAUTH2, by what the server offers. OAuth 1.0a is never chosen by
/// itself; a mechanism that is [named](Credentials::named) is used as it is, and signs anew each time.
///
/// Clones share renewals: where several connections are refused at the same time, one of them renews the token for all,
/// blocking and async ones alike.
///
/// A renewal that has begun is finished even if the login that asked for it is dropped, and logins that wait for it use
/// its token; one by an [`Awaited`](crate::Awaited) source is cancelled instead, and the next login renews. A blocking
/// session waits for a renewal that an async session began: do not run it on a thread of the async runtime, and keep that
/// runtime running, or both may wait for ever.
pub struct Credentials<S = Fixed> {
    kind: Arc<Kind<S>>,
    heard: Arc<Heard>,
    force: Force,
    sasl_ir: SaslIr,
    probe: bool,
}

enum Kind<S> {
    Bearer { user: String, source: S, renewals: Renewals },
    Named(Box<dyn Mechanism>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Force {
    /// What the server offers decides.
    No,
    /// This one, offered or not.
    OAuthBearer,
    XOAuth2,
}

/// How a mechanism is used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Although the server does not list it.
    pub(crate) unlisted: bool,
    pub(crate) sasl_ir: SaslIr,
}

impl Credentials<Fixed> {
    /// A user with one access token, which cannot be renewed.
    pub fn token(user: impl Into<String>, token: impl Into<Secret>) -> Self {
        Self::bearer(user, Fixed::new(token))
    }
}

impl Credentials<Named> {
    /// A mechanism that was made with its credentials: OAuth 1.0a, or one of a program's own. It is used even where the
    /// server does not list it.
    pub fn named(mechanism: impl Mechanism + 'static) -> Self {
        let heard = Heard::of(&mechanism);
        Self::new(Kind::Named(Box::new(mechanism)), heard)
    }
}

impl<S> Credentials<S> {
    /// A user whose access tokens come from `source`.
    pub fn bearer(user: impl Into<String>, source: S) -> Self {
        let renewals = Renewals::default();
        Self::new(Kind::Bearer { user: user.into(), source, renewals }, Heard::default())
    }

    fn new(kind: Kind<S>, heard: Heard) -> Self {
        Self {
            kind: Arc::new(kind),
            heard: Arc::new(heard),
            force: Force::No,
            sasl_ir: SaslIr::Auto,
            probe: false,
        }
    }

    /// XOAUTH2, offered or not: Yandex takes it unlisted.
    #[must_use]
    pub fn force_xoauth2(mut self) -> Self {
        self.force = Force::XOAuth2;
        self
    }

    /// OAUTHBEARER, offered or not.
    #[must_use]
    pub fn force_oauthbearer(mut self) -> Self {
        self.force = Force::OAuthBearer;
        self
    }

    /// Whether the mechanism's first message goes on the command line. [`SaslIr::Never`] for servers that advertise an
    /// initial response and do not honour it; [`SaslIr::Always`] for those that honour it unadvertised.
    #[must_use]
    pub fn sasl_ir(mut self, sasl_ir: SaslIr) -> Self {
        self.sasl_ir = sasl_ir;
        self
    }

    /// After an IMAP login, asks the server one thing more. Exchange Online answers OK to a login whose user has no
    /// mailbox for this token, and BAD to everything after it: [`Error::NotConnected`] tells that from a login.
    #[must_use]
    pub fn probe(mut self) -> Self {
        self.probe = true;
        self
    }

    /// The mechanism they sign in by where a server offers those: what is forced or has credentials of its own, else
    /// OAUTHBEARER before XOAUTH2. Where neither is offered, the one that is preferred.
    ///
    /// ```
    /// let credentials = xoauth::Credentials::token("ann@example.com", "a token");
    /// assert_eq!(credentials.mechanism_for(|name| name == "XOAUTH2"), "XOAUTH2");
    /// assert_eq!(credentials.mechanism_for(|_| true), "OAUTHBEARER");
    /// assert_eq!(credentials.mechanism_for(|_| false), "OAUTHBEARER");
    /// assert_eq!(credentials.force_xoauth2().mechanism_for(|_| false), "XOAUTH2");
    /// ```
    pub fn mechanism_for(&self, mut offers: impl FnMut(&str) -> bool) -> &str {
        match (&*self.kind, self.force) {
            (Kind::Named(mechanism), _) => mechanism.name(),
            (_, Force::XOAuth2) => "XOAUTH2",
            (_, Force::OAuthBearer) => "OAUTHBEARER",
            (_, Force::No) if !offers("OAUTHBEARER") && offers("XOAUTH2") => "XOAUTH2",
            (_, Force::No) => "OAUTHBEARER",
        }
    }

    pub(super) fn probes(&self) -> bool {
        self.probe
    }

    /// The user and the source; `None` for a mechanism with credentials of its own.
    pub(super) fn source(&self) -> Option<(&str, &S)> {
        match &*self.kind {
            Kind::Bearer { user, source, .. } => Some((user, source)),
            Kind::Named(_) => None,
        }
    }

    /// The mechanism for this server, and how it is used.
    pub(super) fn mechanism(
        &self,
        token: Option<&Secret>,
        offers: impl FnMut(&str) -> bool,
    ) -> Result<(Box<dyn Mechanism + '_>, Manner), Error> {
        let sasl_ir = self.sasl_ir;
        let (user, token) = match (&*self.kind, token) {
            (Kind::Named(mechanism), _) => {
                return Ok((Box::new(&**mechanism), Manner { unlisted: true, sasl_ir }));
            }
            (Kind::Bearer { user, .. }, token) => {
                (user.as_str(), token.cloned().unwrap_or_default())
            }
        };
        let manner = Manner { unlisted: self.force != Force::No, sasl_ir };
        Ok(match self.mechanism_for(offers) {
            "XOAUTH2" => (Box::new(XOAuth2::new(user, token)?), manner),
            _ => (Box::new(OAuthBearer::new(user, token)?), manner),
        })
    }

    /// What hides the secrets that the server may have heard of them: of a source the last tokens it gave.
    pub(crate) fn secrets(&self) -> Arc<Mask> {
        self.heard.mask()
    }

    /// This token will be sent.
    pub(super) fn note(&self, token: &Secret) {
        self.heard.note(token);
    }

    /// What its clones share of renewals; nothing where a mechanism carries its own credentials.
    pub(super) fn renewals(&self) -> Option<&Renewals> {
        match &*self.kind {
            Kind::Bearer { renewals, .. } => Some(renewals),
            Kind::Named(_) => None,
        }
    }
}

impl<S> Clone for Credentials<S> {
    fn clone(&self) -> Self {
        Self {
            kind: Arc::clone(&self.kind),
            heard: Arc::clone(&self.heard),
            force: self.force,
            sasl_ir: self.sasl_ir,
            probe: self.probe,
        }
    }
}

impl<S> fmt::Debug for Credentials<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Credentials");
        match &*self.kind {
            Kind::Bearer { user, .. } => shown.field("user", user),
            Kind::Named(mechanism) => shown.field("mechanism", &mechanism.name()),
        };
        shown.finish_non_exhaustive()
    }
}
