//! What an account signs in with: credentials for the library, and mechanisms for those who want the string alone.

use std::sync::OnceLock;

use xoauth::sasl::{Mechanism, OAuth10A, OAuthBearer, SaslIr, Service, XOAuth, XOAuth2};
use xoauth::{Ask, Consumer, Named, Secret, Token, TokenFailed, TokenSource};

use crate::Result;
use crate::account::Account;
use crate::failure::{Exit, Failure};
use crate::store::Store;
use crate::token::{Renew, access_token, is_fixed};

/// What an account proves itself with.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    Bearer(Secret),
    /// Without a token the consumer signs alone.
    Signed(Consumer, Option<Token>),
}

impl Credentials {
    /// Those of the account, renewed where needed.
    pub(crate) fn of(account: &Account, renew: Renew) -> Result<Self> {
        if account.signs() {
            return Self::signing(account);
        }
        let tokens = access_token(account, renew)?;
        let token = tokens
            .access_token
            .ok_or_else(|| Failure::data("the token store holds no access token"))?;
        Ok(Self::Bearer(token))
    }

    fn signing(account: &Account) -> Result<Self> {
        let settings = &account.settings;
        let missing = |key: &str| account.missing(key);
        let key = settings.consumer_key.clone().ok_or_else(|| missing("consumer-key"))?;
        let secret = account.consumer_secret()?.ok_or_else(|| missing("consumer-secret"))?;
        let consumer =
            Consumer::new(key, secret).map_err(|error| Failure::config(error.to_string()))?;
        let (key, secret) = match &settings.token {
            Some(token) => {
                let secret = account.token_secret()?.ok_or_else(|| missing("token-secret"))?;
                (token.clone(), secret)
            }
            None => {
                let kept = Store::of(account)?.load()?;
                match kept.and_then(|kept| Some((kept.token?, kept.token_secret?))) {
                    Some(kept) => kept,
                    None => return Ok(Self::Signed(consumer, None)),
                }
            }
        };
        let token = Token::new(key, secret).map_err(|error| Failure::config(error.to_string()))?;
        Ok(Self::Signed(consumer, Some(token)))
    }
}

/// How an account signs in, in the words of the library.
#[derive(Debug)]
pub(crate) enum SignIn {
    Bearer(xoauth::Credentials<Source>),
    Signed(xoauth::Credentials<Named>),
}

impl SignIn {
    /// With a token of the account's, which is asked for at each connect and renewed where it is refused.
    pub(crate) fn of(account: &Account, protocol: &str) -> Result<Self> {
        if account.signs() {
            let credentials = Credentials::of(account, Renew::Below(60))?;
            return Self::known(account, protocol, &credentials);
        }
        let source = Source::Account { account: Box::new(account.clone()), given: OnceLock::new() };
        Self::bearer(account, protocol, source)
    }

    /// With these credentials and no others.
    pub(crate) fn known(
        account: &Account,
        protocol: &str,
        credentials: &Credentials,
    ) -> Result<Self> {
        match credentials {
            Credentials::Bearer(token) => {
                Self::bearer(account, protocol, Source::Fixed(token.clone()))
            }
            Credentials::Signed(..) => {
                let name = choose(account);
                let mechanism = login(&name, account, protocol, credentials, true, None)?;
                Ok(Self::Signed(xoauth::Credentials::named(mechanism)))
            }
        }
    }

    fn bearer(account: &Account, protocol: &str, source: Source) -> Result<Self> {
        let credentials = xoauth::Credentials::bearer(account.user(protocol)?, source);
        Ok(Self::Bearer(match account.mechanism().as_deref() {
            Some("XOAUTH2") => credentials.force_xoauth2(),
            Some("OAUTHBEARER") => credentials.force_oauthbearer(),
            _ => credentials,
        }))
    }

    pub(crate) fn sasl_ir(self, sasl_ir: SaslIr) -> Self {
        match self {
            Self::Bearer(credentials) => Self::Bearer(credentials.sasl_ir(sasl_ir)),
            Self::Signed(credentials) => Self::Signed(credentials.sasl_ir(sasl_ir)),
        }
    }
}

/// Where the library gets access tokens from.
#[derive(Debug)]
pub(crate) enum Source {
    /// This one.
    Fixed(Secret),
    Account {
        account: Box<Account>,
        /// The token, where it is the same however often it is asked for; standard input can be read once only.
        given: OnceLock<Secret>,
    },
}

impl TokenSource for Source {
    fn token(&self, ask: &Ask) -> Result<Secret, TokenFailed> {
        let (account, given) = match self {
            Self::Fixed(token) => return Ok(token.clone()),
            Self::Account { account, given } => (account, given),
        };
        if let Some(token) = given.get() {
            return Ok(token.clone());
        }
        let renew = match ask.renew {
            xoauth::Renew::IfExpired => Renew::Below(60),
            xoauth::Renew::Force => Renew::Always,
        };
        let token = access_token(account, renew)?.access_token;
        let token = token.ok_or_else(|| Failure::data("the token store holds no access token"))?;
        if is_fixed(account) {
            return Ok(given.get_or_init(|| token).clone());
        }
        Ok(token)
    }

    fn can_renew(&self) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Account { account, .. } => !is_fixed(account),
        }
    }
}

/// The mechanism to use where no server says what it offers: the account's, or the one that the provider prefers. One
/// that signs with OAuth 1.0a is never chosen by itself.
pub(crate) fn choose(account: &Account) -> String {
    let preferred = || account.preset.as_ref()?.mechanism();
    account.mechanism().or_else(preferred).unwrap_or_else(|| "XOAUTH2".to_owned())
}

/// The login by that mechanism; `protocol` is `imap` or `smtp`. Host and port go into it where they are those of a
/// real connection: a pair that does not fit is refused.
pub(crate) fn login(
    name: &str,
    account: &Account,
    protocol: &str,
    credentials: &Credentials,
    is_connected: bool,
    url: Option<&str>,
) -> Result<Box<dyn Mechanism>> {
    let refused =
        |error: xoauth::sasl::Error| Failure::new(Exit::Config, "mechanism", error.to_string());
    Ok(match (name, credentials) {
        ("XOAUTH2", Credentials::Bearer(token)) => {
            Box::new(XOAuth2::new(account.user(protocol)?, token.clone()).map_err(refused)?)
        }
        ("OAUTHBEARER", Credentials::Bearer(token)) => {
            let login =
                OAuthBearer::new(account.user(protocol)?, token.clone()).map_err(refused)?;
            Box::new(if is_connected { login } else { login.without_endpoint() })
        }
        ("XOAUTH", Credentials::Signed(consumer, token)) => {
            let url = match url {
                Some(url) => url.to_owned(),
                None => request_url(account, protocol)?,
            };
            match token {
                Some(token) => Box::new(
                    XOAuth::new(url, consumer.clone(), Some(token.clone())).map_err(refused)?,
                ),
                None => {
                    let user = account.user(protocol)?;
                    Box::new(XOAuth::two_legged(url, user, consumer.clone()).map_err(refused)?)
                }
            }
        }
        ("OAUTH10A", Credentials::Signed(consumer, Some(token))) => Box::new(
            OAuth10A::new(account.user(protocol)?, consumer.clone(), token.clone())
                .map_err(refused)?,
        ),
        _ => {
            let message = format!("account `{}` has no credentials for {name}", account.name);
            return Err(Failure::new(Exit::NotAuthorised, "mechanism", message)
                .hint(account.how_to_sign_in()));
        }
    })
}

/// The URL that XOAUTH signs: the account's with `{user}` filled in, or the form that Gmail had.
fn request_url(account: &Account, protocol: &str) -> Result<String> {
    let user = account.user(protocol)?;
    let (own, service) = match protocol {
        "smtp" => (&account.settings.smtp_url, Service::Smtp),
        _ => (&account.settings.imap_url, Service::Imap),
    };
    match own {
        Some(url) => Ok(url.replace("{user}", user)),
        None => XOAuth::google_request_url(user, service)
            .map_err(|error| Failure::config(error.to_string())),
    }
}
