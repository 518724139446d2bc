//! A valid access token for an account, renewed where needed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use xoauth::{Ask, Secret, TokenCommand, TokenCommandOverdue, TokenSource, TokenUnavailable};

use crate::Result;
use crate::account::Account;
use crate::config::var;
use crate::failure::{Exit, Failure};
use crate::oauth2::{self, Http};
use crate::output::complain;
use crate::signals;
use crate::store::{Store, Tokens};

/// When to renew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renew {
    /// When less than this many seconds are left.
    Below(u64),
    /// In any case: the server refused the token we have.
    Always,
}

/// Seconds since 1970-01-01T00:00:00Z.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}

/// The account's access token with what is known of it.
pub(crate) fn access_token(account: &Account, renew: Renew) -> Result<Tokens> {
    if let Some(given) = given(account, renew)? {
        return Ok(given);
    }
    let store = Store::of(account)?;
    let before = store.load()?;
    if let (Renew::Below(left), Some(tokens)) = (renew, &before)
        && tokens.valid(now(), left).is_some()
    {
        return Ok(tokens.clone());
    }
    let lock = store.lock()?;
    // Somebody may have renewed while we waited for the lock.
    let current = store.load()?;
    let is_new = changed(before.as_ref(), current.as_ref());
    let enough = if let Renew::Below(left) = renew { left } else { 60 };
    if let Some(tokens) = current.as_ref().filter(|_| is_new)
        && tokens.valid(now(), enough).is_some()
    {
        return Ok(tokens.clone());
    }
    let room = store.make_room()?;
    let _held = signals::hold()?;
    match renewed(account, current.as_ref()) {
        Ok(renewed) => {
            if let Err(failure) = store.save(&renewed, room, &lock) {
                // Good for this run all the same; the refresh token that was spent for it is gone.
                complain(&format!("xoauth: the tokens cannot be kept: {failure}; sign in again"));
            }
            Ok(renewed)
        }
        // Better than nothing, while the endpoint is down.
        Err(failure) if failure.exit == Exit::Temporary && renew != Renew::Always => current
            .filter(|tokens| tokens.valid(now(), 0).is_some())
            .inspect(|_| complain(&format!("xoauth: {failure}; the token is good for a while")))
            .ok_or(failure),
        Err(failure) => Err(failure),
    }
}

/// A token that comes from outside: a file or variable for this run, or a program of the user's.
fn given(account: &Account, renew: Renew) -> Result<Option<Tokens>> {
    let configured = account.settings.access_token.as_ref();
    let Some(source) = account.given_token.as_ref().or(configured) else { return Ok(None) };
    let secret = match source.words() {
        Some(words) => by_command(words, account, renew)?,
        None => source.read(&match account.given_token {
            Some(_) => "access token".to_owned(),
            None => account.settings.place("access-token"),
        })?,
    };
    let expires_at = crate::inspect::jwt::expiry(secret.expose());
    Ok(Some(Tokens { access_token: Some(secret), expires_at, ..Tokens::default() }))
}

/// Whoever is asked for a passphrase may take that long.
const PATIENCE: Duration = Duration::from_secs(600);

/// As the library asks a program for a token: it hears whose, and whether a server refused the one before.
fn by_command(words: Vec<String>, account: &Account, renew: Renew) -> Result<Secret> {
    let mut words = words.into_iter();
    let program = words.next().unwrap_or_default();
    let command = TokenCommand::new(program, words).wait_at_most(PATIENCE);
    let mut ask = Ask::new(account.user("").unwrap_or_default());
    if renew == Renew::Always {
        ask.renew = xoauth::Renew::Force;
    }
    command.token(&ask).map_err(|error| {
        let is_late = error.is::<TokenUnavailable>() || error.is::<TokenCommandOverdue>();
        let exit = if is_late { Exit::Temporary } else { Exit::Config };
        let place = account.settings.place("access-token");
        Failure::new(exit, "secret", format!("{place}: {error}"))
    })
}

/// Whether the token would be the same however often it is asked for.
pub(crate) fn is_fixed(account: &Account) -> bool {
    let source = account.given_token.as_ref().or(account.settings.access_token.as_ref());
    source.is_some_and(|source| source.words().is_none())
}

fn renewed(account: &Account, current: Option<&Tokens>) -> Result<Tokens> {
    let kept = current.and_then(|tokens| tokens.refresh_token.as_ref().map(|one| (one, tokens)));
    let seed = var("XOAUTH_REFRESH_TOKEN").map(Secret::new);
    let digest = seed.as_ref().map(digest);
    let refresh_token = match (&seed, kept) {
        // The one in the environment was spent for the one that is kept.
        (Some(_), Some((kept, tokens))) if tokens.seed == digest => Some(kept),
        (Some(seed), _) => Some(seed),
        (None, kept) => kept.map(|(kept, _)| kept),
    };
    if let Some(refresh_token) = refresh_token {
        let mut tokens = oauth2::refresh(account, &Http::new(account)?, refresh_token)?;
        if tokens.scope.is_none() {
            tokens.scope = current.and_then(|tokens| tokens.scope.clone());
        }
        tokens.seed = digest.or_else(|| current.and_then(|tokens| tokens.seed.clone()));
        return Ok(tokens);
    }
    if current.is_some_and(|tokens| tokens.client_credentials) {
        return oauth2::client_credentials(account, &Http::new(account)?);
    }
    let message = match current {
        None => format!("account `{}` has no token yet", account.name),
        Some(_) => format!("the token of `{}` has expired and cannot be renewed", account.name),
    };
    Err(Failure::new(Exit::NotAuthorised, "token", message).hint(account.how_to_sign_in()))
}

/// Enough of a hash to know a token again by.
fn digest(token: &Secret) -> String {
    let digest = Sha256::digest(token.expose().as_bytes());
    digest.iter().take(16).map(|octet| format!("{octet:02x}")).collect()
}

fn changed(before: Option<&Tokens>, after: Option<&Tokens>) -> bool {
    let access = |tokens: Option<&Tokens>| {
        tokens
            .and_then(|tokens| tokens.access_token.as_ref())
            .map(|token| token.expose().to_owned())
    };
    access(before) != access(after)
}
