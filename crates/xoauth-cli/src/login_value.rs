//! The mechanism that an account signs in with.

use xoauth::sasl::{Mechanism, OAuth10A, OAuthBearer, Service, XOAuth, XOAuth2};
use xoauth::{Consumer, Secret, Token};

use crate::Result;
use crate::account::Account;
use crate::failure::{Exit, Failure};
use crate::server::Server;
use crate::store::Store;
use crate::token::{Renew, access_token};

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
        let missing =
            |what: &str| Failure::config(format!("account `{}` has no {what}", account.name));
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

/// The mechanism to use: the account's, or the first one that the provider prefers and the server offers.
/// One that signs with OAuth 1.0a is never chosen by itself.
pub(crate) fn choose(account: &Account, offered: Option<&[String]>) -> String {
    if let Some(mechanism) = account.mechanism() {
        return mechanism;
    }
    let preferred = account.preset.as_ref().and_then(|preset| preset.mechanism());
    let candidates = preferred.into_iter().chain(["OAUTHBEARER", "XOAUTH2"].map(str::to_owned));
    let candidates: Vec<String> = candidates.collect();
    let is_offered = |name: &&String| match offered {
        Some(offered) => offered.iter().any(|one| one.eq_ignore_ascii_case(name)),
        None => account.preset.is_some() || name.as_str() == "XOAUTH2",
    };
    candidates.iter().find(is_offered).cloned().unwrap_or_else(|| "XOAUTH2".to_owned())
}

/// The login by that mechanism; `protocol` is `imap` or `smtp`.
pub(crate) fn login(
    name: &str,
    account: &Account,
    protocol: &str,
    credentials: &Credentials,
    server: Option<&Server>,
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
            // Host and port describe the real connection, or are left out (a fixed pair is refused).
            Box::new(if server.is_some() { login } else { login.without_endpoint() })
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
                .hint(format!("run: xoauth login -a {}", account.name)));
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
