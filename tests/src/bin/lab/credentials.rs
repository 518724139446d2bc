//! Logins of the lab's accounts: good ones, and ones that are wrong in one point.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use serde_json::{Value, json};
use xoauth::sasl::{
    Context, Error, Mechanism, Nonce, OAuth10A, OAuthBearer, Secret, Service, Stamp, XOAuth,
    XOAuth2,
};
use xoauth::{Consumer, Token};

use crate::Result;
use crate::environment::Lab;

/// The mechanisms under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    XOAuth,
    OAuth10A,
    XOAuth2,
    OAuthBearer,
}

/// Which signature a signed token has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    Rs256,
}

/// What an OAuth 1.0a login is made of.
#[derive(Debug, Clone)]
pub(crate) struct OAuth1 {
    pub(crate) name: String,
    pub(crate) consumer: String,
    pub(crate) token: String,
    pub(crate) token_secret: String,
}

/// What a signed token says.
#[derive(Debug, Clone)]
pub(crate) struct Claims {
    pub(crate) name: String,
    /// Seconds from now.
    pub(crate) not_before: Option<i64>,
    pub(crate) expires: i64,
    /// Octets of the whole token at least.
    pub(crate) length: usize,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] =
        [Self::XOAuth, Self::OAuth10A, Self::XOAuth2, Self::OAuthBearer];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::XOAuth => "XOAUTH",
            Self::OAuth10A => "OAUTH10A",
            Self::XOAuth2 => "XOAUTH2",
            Self::OAuthBearer => "OAUTHBEARER",
        }
    }

    pub(crate) fn is_signed(self) -> bool {
        matches!(self, Self::XOAuth | Self::OAuth10A)
    }
}

fn accounts() -> &'static Value {
    static ACCOUNTS: OnceLock<Value> = OnceLock::new();
    let text = include_str!("../../../lab/accounts.json");
    ACCOUNTS.get_or_init(|| serde_json::from_str(text).unwrap_or_default())
}

pub(crate) fn account(pointer: &str) -> &'static str {
    accounts().pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The address of a user.
pub(crate) fn address(name: &str) -> String {
    format!("{name}@{}", account("/domain"))
}

impl OAuth1 {
    pub(crate) fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            consumer: account("/consumer/key").to_owned(),
            token: format!("{}{name}", account("/token_prefix")),
            token_secret: account("/token_secret").to_owned(),
        }
    }

    /// The same with a token of `length` octets.
    pub(crate) fn long(name: &str, length: usize) -> Self {
        let token = padded(&format!("{}{name}", account("/long_token_prefix")), length);
        Self { token, ..Self::of(name) }
    }

    /// The same with a token that finds the judge broken.
    pub(crate) fn down(name: &str) -> Self {
        Self { token: format!("{}{name}", account("/down_token_prefix")), ..Self::of(name) }
    }

    pub(crate) fn login(&self, kind: Kind, service: Service) -> Result<Box<dyn Mechanism>> {
        let consumer = Consumer::new(self.consumer.as_str(), account("/consumer/secret"))?;
        let token = Token::new(self.token.as_str(), self.token_secret.as_str())?;
        let user = address(&self.name);
        Ok(match kind {
            Kind::OAuth10A => Box::new(OAuth10A::new(user, consumer, token)?),
            _ => {
                let url = XOAuth::google_request_url(&user, service)?;
                Box::new(XOAuth::new(url, consumer, Some(token))?)
            }
        })
    }
}

/// A login with an access token.
pub(crate) fn bearer(kind: Kind, name: &str, token: &str) -> Result<Box<dyn Mechanism>> {
    Ok(match kind {
        Kind::OAuthBearer => Box::new(OAuthBearer::new(address(name), token)?),
        _ => Box::new(XOAuth2::new(address(name), token)?),
    })
}

/// An opaque token of a user, padded to `length` octets.
pub(crate) fn opaque(name: &str, length: usize) -> String {
    padded(&format!("{}{name}", account("/opaque_prefix")), length)
}

/// An opaque token that finds the judge broken.
pub(crate) fn opaque_down(name: &str) -> String {
    format!("{}{name}", account("/opaque_down_prefix"))
}

fn padded(text: &str, length: usize) -> String {
    format!("{text:X<length$}")
}

impl Claims {
    pub(crate) fn of(name: &str) -> Self {
        Self { name: name.to_owned(), not_before: None, expires: 3600, length: 0 }
    }

    /// The token (RFC 7519), signed by OpenSSL.
    pub(crate) fn sign(&self, algorithm: Algorithm, lab: &Lab) -> Result<String> {
        let now = i64::try_from(now()).unwrap_or(i64::MAX);
        let name = match algorithm {
            Algorithm::Hs256 => "HS256",
            Algorithm::Rs256 => "RS256",
        };
        let key: PKey<Private> = match algorithm {
            Algorithm::Hs256 => PKey::hmac(account("/hs256_secret").as_bytes())?,
            Algorithm::Rs256 => PKey::private_key_from_pem(&lab.rs256_key)?,
        };
        let header = json!({"typ": "JWT", "alg": name}).to_string();
        let mut claims = json!({
            "sub": self.name, "email": address(&self.name), "exp": now + self.expires,
        });
        if let (Some(seconds), Some(claims)) = (self.not_before, claims.as_object_mut()) {
            claims.insert("nbf".to_owned(), json!(now + seconds));
        }
        let mut token = token(&header, &claims, &key)?;
        if let (true, Some(claims)) = (token.len() < self.length, claims.as_object_mut()) {
            // Three octets of a claim are four of the token; the name and quotes of it are twelve.
            let padding = (self.length - token.len()).saturating_sub(12) * 3 / 4;
            claims.insert("pad".to_owned(), json!("x".repeat(padding)));
        }
        token = self::token(&header, &claims, &key)?;
        Ok(token)
    }
}

fn token(header: &str, claims: &Value, key: &PKey<Private>) -> Result<String> {
    let encode = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
    let text = format!("{}.{}", encode(header.as_bytes()), encode(claims.to_string().as_bytes()));
    let mut signer = Signer::new(MessageDigest::sha256(), key)?;
    let signature = signer.sign_oneshot_to_vec(text.as_bytes())?;
    Ok(format!("{text}.{}", encode(&signature)))
}

/// A token whose signature is not its own.
pub(crate) fn spoilt(token: &str) -> String {
    let (text, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    let turned: String = signature.chars().rev().collect();
    format!("{text}.{turned}")
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A mechanism that signs with a nonce and a time that the test chose.
#[derive(Debug)]
pub(crate) struct Stamped {
    pub(crate) login: Box<dyn Mechanism>,
    pub(crate) stamp: Stamp,
}

impl Stamped {
    pub(crate) fn at(login: Box<dyn Mechanism>, time: u64) -> Result<Self> {
        Ok(Self { login, stamp: Stamp::new(Nonce::random()?, time) })
    }
}

impl Mechanism for Stamped {
    fn name(&self) -> &str {
        self.login.name()
    }

    fn initial_response(&self, context: &Context<'_>) -> std::result::Result<Secret, Error> {
        self.login.initial_response(&Context::new(&self.stamp, context.host(), context.port()))
    }

    fn error_acknowledgement(&self) -> &str {
        self.login.error_acknowledgement()
    }

    fn sensitive(&self, visit: &mut dyn FnMut(&str)) {
        self.login.sensitive(visit);
    }
}

/// A mechanism of any name with any message.
#[derive(Debug)]
pub(crate) struct Custom {
    pub(crate) name: &'static str,
    /// `None`: the message of `login`.
    pub(crate) message: Option<&'static str>,
    pub(crate) login: Box<dyn Mechanism>,
}

impl Mechanism for Custom {
    fn name(&self) -> &str {
        self.name
    }

    fn initial_response(&self, context: &Context<'_>) -> std::result::Result<Secret, Error> {
        match self.message {
            Some(message) => Ok(Secret::new(message)),
            None => self.login.initial_response(context),
        }
    }

    fn error_acknowledgement(&self) -> &str {
        self.login.error_acknowledgement()
    }

    fn sensitive(&self, visit: &mut dyn FnMut(&str)) {
        self.login.sensitive(visit);
    }
}
