//! What is tried with every server, mechanism, way of TLS and form.

use xoauth::sasl::Mechanism;

use crate::Result;
use crate::credentials::{
    Algorithm, Claims, Custom, Kind, OAuth1, Stamped, bearer, now, opaque, opaque_down, spoilt,
};
use crate::environment::Lab;
use crate::peers::{Judge, Peer};

/// One thing that is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Case {
    Good,
    GoodRs256,
    GoodOpaque,
    WrongSignature,
    StaleTimestamp,
    ReplayedNonce,
    UnknownConsumer,
    UnknownToken,
    Expired,
    NotYetValid,
    BadlySigned,
    WrongUser,
    ServiceDown,
    NotOffered,
    /// A token of so many octets.
    Token(usize),
}

/// What has to come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    LoggedIn,
    /// The credentials were judged, and refused with a document.
    Refused,
    /// They were not judged.
    Temporary,
    /// Nothing is sent.
    Unlisted,
}

pub(crate) const USER: &str = "john";

/// As many octets as a stamp is too old by: oauthlib takes 600 seconds.
const STALE: u64 = 3600;

impl Case {
    pub(crate) const ALL: [Self; 18] = [
        Self::Good,
        Self::GoodRs256,
        Self::GoodOpaque,
        Self::WrongSignature,
        Self::StaleTimestamp,
        Self::ReplayedNonce,
        Self::UnknownConsumer,
        Self::UnknownToken,
        Self::Expired,
        Self::NotYetValid,
        Self::BadlySigned,
        Self::WrongUser,
        Self::ServiceDown,
        Self::NotOffered,
        Self::Token(100),
        Self::Token(600),
        Self::Token(2000),
        Self::Token(8000),
    ];

    pub(crate) fn name(self) -> String {
        match self {
            Self::Good => "good".to_owned(),
            Self::GoodRs256 => "good-rs256".to_owned(),
            Self::GoodOpaque => "good-opaque".to_owned(),
            Self::WrongSignature => "wrong-signature".to_owned(),
            Self::StaleTimestamp => "stale-timestamp".to_owned(),
            Self::ReplayedNonce => "replayed-nonce".to_owned(),
            Self::UnknownConsumer => "unknown-consumer".to_owned(),
            Self::UnknownToken => "unknown-token".to_owned(),
            Self::Expired => "expired".to_owned(),
            Self::NotYetValid => "not-yet-valid".to_owned(),
            Self::BadlySigned => "badly-signed".to_owned(),
            Self::WrongUser => "wrong-user".to_owned(),
            Self::ServiceDown => "service-down".to_owned(),
            Self::NotOffered => "not-offered".to_owned(),
            Self::Token(length) => format!("token-{length}"),
        }
    }

    /// Whether it means something there.
    pub(crate) fn applies(self, peer: &Peer, kind: Kind) -> bool {
        if peer.judge == Judge::Down {
            return self == Self::ServiceDown;
        }
        match self {
            Self::WrongSignature
            | Self::StaleTimestamp
            | Self::ReplayedNonce
            | Self::UnknownConsumer => kind.is_signed(),
            Self::GoodRs256 | Self::Expired | Self::NotYetValid | Self::BadlySigned => {
                !kind.is_signed()
            }
            // Dovecot alone with its keys knows no opaque token, and asks nobody who could be down.
            Self::GoodOpaque => !kind.is_signed() && peer.judge != Judge::DovecotSignature,
            Self::ServiceDown => peer.judge != Judge::DovecotSignature,
            Self::Good
            | Self::UnknownToken
            | Self::WrongUser
            | Self::NotOffered
            | Self::Token(_) => true,
        }
    }

    pub(crate) fn expected(self) -> Expected {
        match self {
            Self::Good | Self::GoodRs256 | Self::GoodOpaque | Self::Token(_) => Expected::LoggedIn,
            Self::ServiceDown => Expected::Temporary,
            Self::NotOffered => Expected::Unlisted,
            _ => Expected::Refused,
        }
    }

    /// The login that is tried.
    pub(crate) fn login(self, lab: &Lab, peer: &Peer, kind: Kind) -> Result<Box<dyn Mechanism>> {
        if kind.is_signed() { self.signed(peer, kind) } else { self.bearer(lab, peer, kind) }
    }

    fn signed(self, peer: &Peer, kind: Kind) -> Result<Box<dyn Mechanism>> {
        let mut login = OAuth1::of(USER);
        let mut time = now();
        match self {
            Self::WrongSignature => login.token_secret.push('!'),
            Self::StaleTimestamp => time -= STALE,
            Self::UnknownConsumer => "SomebodyElse".clone_into(&mut login.consumer),
            Self::UnknownToken => "NobodyKnows".clone_into(&mut login.token),
            Self::WrongUser => "ann".clone_into(&mut login.name),
            Self::ServiceDown => login = OAuth1::down(USER),
            Self::Token(length) => login = OAuth1::long(USER, length),
            _ => {}
        }
        let login = login.login(kind, peer.service)?;
        match self {
            Self::StaleTimestamp | Self::ReplayedNonce => Ok(Box::new(Stamped::at(login, time)?)),
            Self::NotOffered => Ok(unlisted(login)),
            _ => Ok(login),
        }
    }

    fn bearer(self, lab: &Lab, peer: &Peer, kind: Kind) -> Result<Box<dyn Mechanism>> {
        let claims = Claims::of(USER);
        let hs256 = |claims: Claims| claims.sign(Algorithm::Hs256, lab);
        let mut user = USER;
        let token = match self {
            Self::GoodRs256 => claims.sign(Algorithm::Rs256, lab)?,
            Self::GoodOpaque => opaque(USER, 0),
            Self::UnknownToken => "nobody-knows-this-token".to_owned(),
            Self::Expired => hs256(Claims { expires: -3600, ..claims })?,
            Self::NotYetValid => hs256(Claims { not_before: Some(3000), ..claims })?,
            Self::BadlySigned => spoilt(&hs256(claims)?),
            Self::WrongUser => {
                user = "ann";
                hs256(claims)?
            }
            Self::ServiceDown => opaque_down(USER),
            // A signed token cannot be as short as an opaque one; the shortest is taken.
            Self::Token(length) if peer.judge == Judge::DovecotSignature => {
                hs256(Claims { length, ..claims })?
            }
            Self::Token(length) => opaque(USER, length),
            _ => hs256(claims)?,
        };
        let login = bearer(kind, user, &token)?;
        Ok(if self == Self::NotOffered { unlisted(login) } else { login })
    }
}

/// A login that works, for the same connection.
pub(crate) fn good(lab: &Lab, peer: &Peer, kind: Kind) -> Result<Box<dyn Mechanism>> {
    Case::Good.login(lab, peer, kind)
}

fn unlisted(login: Box<dyn Mechanism>) -> Box<dyn Mechanism> {
    Box::new(Custom { name: "X-NOBODYS", message: None, login })
}
