//! `xoauth token`: a valid access token for other programs.

use clap::Args;
use serde_json::json;

use crate::Result;
use crate::account::Account;
use crate::args::Global;
use crate::config::var;
use crate::failure::{Exit, Failure};
use crate::inspect::jwt::left;
use crate::oauth2::is_printable;
use crate::output::Ui;
use crate::secret::RENEW;
use crate::token::{Renew, access_token, is_fixed, now};

/// The arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: passwordeval \"xoauth token -a work\"        (msmtp)
Prints one line. Exit: 0; 75 the endpoint is down; 77 run `xoauth login` first.")]
pub(crate) struct Token {
    /// Renew a valid token too (env: XOAUTH_RENEW=force)
    #[arg(long)]
    renew: bool,
    /// Renew a token with less time left
    #[arg(long, value_name = "SECONDS", default_value = "300s", value_parser = super::seconds)]
    min_valid: u64,
}

impl Token {
    pub(crate) fn run(&self, global: &Global, ui: &Ui) -> Result<Exit> {
        let account = Account::resolve(global)?;
        if account.signs() {
            let message =
                format!("account `{}` signs with OAuth 1.0a and has no access token", account.name);
            return Err(Failure::config(message).hint("use `xoauth string`"));
        }
        if self.renew && is_fixed(&account) {
            let message =
                format!("the token of `{}` is given as it is, and nothing renews it", account.name);
            return Err(Failure::usage(message).hint("xoauth token, without --renew"));
        }
        let always = self.renew || var(RENEW).is_some_and(|value| value == "force");
        let renew = if always { Renew::Always } else { Renew::Below(self.min_valid) };
        let tokens = access_token(&account, renew)?;
        let Some(token) = &tokens.access_token else {
            return Err(Failure::data("the token store holds no access token"));
        };
        if !is_printable(token.expose()) {
            let message = format!(
                "the access token of `{}` is none: it is not one line of ASCII",
                account.name
            );
            return Err(Failure::data(message));
        }
        let lives = |until: u64| until >= now().saturating_add(self.min_valid);
        if is_fixed(&account)
            && let Some(expires_at) = tokens.expires_at.filter(|&expires_at| !lives(expires_at))
        {
            let verb = if expires_at > now() { "expires" } else { "expired" };
            ui.note(format!("the token {verb} {}, and nothing renews it", left(expires_at)));
        }
        if ui.json {
            ui.object(json!({
                "access_token": token.expose(),
                "expires_at": tokens.expires_at,
                "scope": tokens.scope,
                "token_type": tokens.token_type.as_deref().unwrap_or("Bearer"),
            }))?;
        } else {
            ui.line(token.expose())?;
        }
        Ok(Exit::Ok)
    }
}
