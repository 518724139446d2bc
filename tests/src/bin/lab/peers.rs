//! The servers of the table, and how each says no.

use xoauth::sasl::Service;

use crate::credentials::Kind;

/// A server over one protocol.
#[derive(Debug)]
pub(crate) struct Peer {
    /// As the lab names it.
    pub(crate) server: &'static str,
    /// Whose version it has.
    pub(crate) product: &'static str,
    pub(crate) service: Service,
    pub(crate) kinds: &'static [Kind],
    pub(crate) judge: Judge,
    /// The refusal of credentials: the word of the answer and its code.
    pub(crate) refusal: (&'static str, &'static str),
    /// The answer while its judge is down, likewise.
    pub(crate) temporary: (&'static str, &'static str),
}

/// Who judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judge {
    /// Dovecot itself, by the signature of the token.
    DovecotSignature,
    /// Dovecot itself, by asking where the token is from.
    DovecotIntrospection,
    /// The lab's service: oauthlib and PyJWT.
    Oauthlib,
    /// Nobody: what would judge is down.
    Down,
}

impl Judge {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DovecotSignature => "Dovecot, by the token's signature",
            Self::DovecotIntrospection => "Dovecot, by introspection",
            Self::Oauthlib => "oauthlib and PyJWT",
            Self::Down => "none: it is down",
        }
    }
}

/// What a document must say; `None`: the member must not be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) status: &'static str,
    pub(crate) schemes: Option<&'static str>,
    pub(crate) scope: Option<&'static str>,
    pub(crate) openid_configuration: Option<&'static str>,
}

const BEARER: &[Kind] = &[Kind::XOAuth2, Kind::OAuthBearer];
const ALL: &[Kind] = &Kind::ALL;
const DOVECOT_IMAP: Peer = Peer {
    server: "",
    product: "dovecot",
    service: Service::Imap,
    kinds: BEARER,
    judge: Judge::DovecotSignature,
    refusal: ("NO", "AUTHENTICATIONFAILED"),
    temporary: ("NO", "UNAVAILABLE"),
};
const DOVECOT_SMTP: Peer = Peer {
    service: Service::Smtp,
    refusal: ("535", "5.7.8"),
    temporary: ("454", "4.7.0"),
    ..DOVECOT_IMAP
};
const EXIM: Peer = Peer {
    server: "exim",
    product: "exim",
    service: Service::Smtp,
    kinds: ALL,
    judge: Judge::Oauthlib,
    refusal: ("535", ""),
    temporary: ("435", ""),
};
const POSTFIX: Peer = Peer {
    server: "postfix",
    product: "postfix",
    refusal: ("535", "5.7.8"),
    temporary: ("454", "4.7.0"),
    ..EXIM
};

/// Every server of the table.
pub(crate) const PEERS: &[Peer] = &[
    Peer { server: "dovecot-jwt", ..DOVECOT_IMAP },
    Peer { server: "dovecot-jwt", ..DOVECOT_SMTP },
    Peer { server: "dovecot-introspection", judge: Judge::DovecotIntrospection, ..DOVECOT_IMAP },
    Peer { server: "dovecot-introspection", judge: Judge::DovecotIntrospection, ..DOVECOT_SMTP },
    Peer { server: "dovecot-down", judge: Judge::Down, ..DOVECOT_IMAP },
    Peer { server: "dovecot-down", judge: Judge::Down, ..DOVECOT_SMTP },
    Peer { server: "dovecot-oauth1", kinds: ALL, judge: Judge::Oauthlib, ..DOVECOT_IMAP },
    Peer { server: "dovecot-oauth1", kinds: ALL, judge: Judge::Oauthlib, ..DOVECOT_SMTP },
    EXIM,
    Peer { server: "exim-down", judge: Judge::Down, ..EXIM },
    POSTFIX,
    Peer { server: "postfix-down", judge: Judge::Down, ..POSTFIX },
    Peer {
        server: "twisted",
        product: "twisted",
        service: Service::Imap,
        refusal: ("NO", ""),
        ..EXIM
    },
    Peer {
        server: "aiosmtpd",
        product: "aiosmtpd",
        refusal: ("535", "5.7.8"),
        temporary: ("454", "4.7.0"),
        ..EXIM
    },
];

const OPENID: Option<&str> = Some("https://localhost/.well-known/openid-configuration");

impl Peer {
    pub(crate) fn protocol(&self) -> &'static str {
        match self.service {
            Service::Imap => "imap",
            _ => "smtp",
        }
    }

    /// What it says when it refuses. Dovecot's two mechanisms are told apart by the status.
    pub(crate) fn document(&self, kind: Kind) -> Document {
        let is_dovecot =
            matches!(self.judge, Judge::DovecotSignature | Judge::DovecotIntrospection);
        let document = |status, schemes, scope, openid_configuration| Document {
            status,
            schemes,
            scope,
            openid_configuration,
        };
        let scope = Some("mail");
        match kind {
            Kind::XOAuth => document("401", Some("oauth"), None, None),
            Kind::OAuth10A => document("invalid_token", Some("oauth"), scope, None),
            Kind::XOAuth2 if is_dovecot => document("401", Some("bearer"), scope, OPENID),
            Kind::XOAuth2 => document("401", Some("bearer"), scope, None),
            // Where no scope is configured, Dovecot names none here, and `mail` in the other.
            Kind::OAuthBearer if is_dovecot => document("invalid_token", None, None, OPENID),
            Kind::OAuthBearer => document("invalid_token", None, scope, OPENID),
        }
    }
}
