//! `xoauth login`: gets a token and keeps it.

use clap::Args;
use serde_json::json;

use crate::Result;
use crate::account::Account;
use crate::args::Global;
use crate::failure::{Exit, Failure};
use crate::oauth1;
use crate::oauth2::{self, Http, Redirect};
use crate::output::Ui;
use crate::store::{Store, Tokens};

/// The arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: xoauth login -a work
         ssh -t server xoauth login -a work --paste
Prints a URL, opens it in a browser where there is one, and waits for the
browser to come back. The tokens go to a file only you can read, or where the
account's `store` says. --show-url is the same as --no-browser.")]
pub(crate) struct Login {
    /// Paste the address where the browser ends
    #[arg(long, conflicts_with_all = ["device", "client_credentials"])]
    paste: bool,
    /// Enter a code on another device (not with Gmail)
    #[arg(long, conflicts_with = "client_credentials")]
    device: bool,
    /// A token for the application itself, without a user
    #[arg(long)]
    client_credentials: bool,
    /// OAuth 1.0a, in three steps
    #[arg(long, conflicts_with_all = ["paste", "device", "client_credentials"])]
    oauth1: bool,
    /// With OAuth 1.0a: type in the verifier
    #[arg(long, conflicts_with_all = ["paste", "device", "client_credentials"])]
    oob: bool,
    /// The port to wait on, instead of a free one
    #[arg(long, value_name = "N", conflicts_with_all = ["paste", "device", "client_credentials", "oob"])]
    port: Option<u16>,
    /// Print the URL only
    #[arg(long, alias = "show-url")]
    no_browser: bool,
}

impl Login {
    pub(crate) fn run(&self, global: &Global, ui: &Ui) -> Result<Exit> {
        let account = Account::resolve(global)?;
        self.refuse_what_has_no_effect(global, &account)?;
        account.judge()?;
        let http = Http::new(&account)?;
        // A code is spent once; what comes for it must have a place.
        let store = Store::of(&account)?;
        drop(store.make_room()?);
        let (tokens, held) = if self.oauth1 || account.signs() {
            let open = !self.no_browser;
            oauth1::authorize(&account, &http, &store, self.oob, self.port, open, ui)?
        } else if self.client_credentials {
            let held = store.hold()?;
            let tokens = oauth2::client_credentials(&account, &http);
            (tokens.map_err(|failure| not_again(failure, &account))?, held)
        } else {
            refuse_graph_scopes(&account)?;
            // Nor is the user's consent spent for what cannot be asked for then.
            oauth2::token_endpoint(&account)?;
            account.client_secret()?;
            if let Some(doubt) = account.preset.as_ref().and_then(|preset| preset.oauth2("doubt")) {
                ui.note(format!("warning: not sure: {doubt}"));
            }
            let (tokens, held) = if self.device {
                oauth2::authorize_device(&account, &http, &store, ui)
            } else {
                let redirect = if self.paste {
                    Redirect::Paste
                } else {
                    Redirect::Loopback { port: self.port, open: !self.no_browser }
                };
                oauth2::authorize(&account, &http, &store, &redirect, ui)
            }
            .map_err(|failure| not_again(failure, &account))?;
            warn(&account, &tokens, ui);
            (tokens, held)
        };
        store.save(&tokens, store.make_room()?, &held.0)?;
        drop(held);
        if ui.json {
            let scopes = tokens.scope.as_deref().unwrap_or_default();
            ui.object(json!({
                "account": account.name,
                "expires_at": tokens.expires_at,
                "scopes": scopes.split(' ').filter(|scope| !scope.is_empty()).collect::<Vec<_>>(),
                "refreshable": tokens.refresh_token.is_some() || tokens.client_credentials,
            }))?;
        }
        ui.note(format!(
            "Signed in: account `{}`. Try it: xoauth check -a {}",
            account.name, account.name
        ));
        Ok(Exit::Ok)
    }

    /// Signing in would change nothing, or is another thing than was asked for.
    fn refuse_what_has_no_effect(&self, global: &Global, account: &Account) -> Result<()> {
        let name = &account.name;
        if global.access_token_file.is_some() {
            let message = "login gets a token, and --access-token-file gives one";
            return Err(Failure::usage(message).hint("xoauth check tries that one"));
        }
        if let (Some(user), Some(owner)) = (&global.user, &account.owner)
            && !user.eq_ignore_ascii_case(owner)
        {
            let store = &account.store_name;
            let message =
                format!("the tokens of account `{store}` are for {owner}, not for {user}");
            return Err(Failure::usage(message).hint(format!("configure an account for {user}")));
        }
        if account.settings.access_token.is_some() {
            let message = format!("account `{name}` takes its token from `access-token`");
            return Err(
                Failure::config(message).hint("there is nothing to sign in to: xoauth check")
            );
        }
        if account.signs() && (self.paste || self.device || self.client_credentials) {
            let message = format!("account `{name}` signs in with OAuth 1.0a");
            return Err(Failure::usage(message).hint("--oob to type in what the page shows"));
        }
        if self.oob && !self.oauth1 && !account.signs() {
            let message = format!("account `{name}` signs in with OAuth 2, which has no --oob");
            return Err(Failure::usage(message).hint("--paste, or --oauth1 --oob"));
        }
        Ok(())
    }
}

/// Microsoft takes scopes of one resource at a time, and those of Graph open no mailbox.
fn refuse_graph_scopes(account: &Account) -> Result<()> {
    let scopes = account.scopes();
    let graph = scopes.iter().find(|scope| {
        scope.contains("graph.microsoft.com")
            || matches!(scope.as_str(), "Mail.ReadWrite" | "Mail.Read" | "Mail.Send")
    });
    match graph {
        Some(scope) => Err(account
            .settings
            .fault("scopes", format!("{scope} is Microsoft Graph's and opens no mailbox"))
            .rule(crate::rules::by_id("aadsts-70011"))),
        None => Ok(()),
    }
}

/// To sign in is what a refusal leads to elsewhere; who does is told what to look at.
fn not_again(failure: Failure, account: &Account) -> Failure {
    let told = failure.hint.as_deref().unwrap_or_default();
    match told.strip_suffix(&account.how_to_sign_in()) {
        Some(rest) => {
            let what = "are `client-id`, `client-secret` and `scopes` those of the registration?";
            let hint = format!("{rest}{what}");
            failure.hint(hint)
        }
        None => failure,
    }
}

/// What will bring the user back here soon.
fn warn(account: &Account, tokens: &Tokens, ui: &Ui) {
    if tokens.refresh_token.is_none() {
        ui.note(
            "warning: no refresh token came; the login ends with the access token (scope offline_access, \
             or access_type=offline, is missing)",
        );
    }
    if let (Some(signed_in), Some(wanted)) = (&tokens.signed_in, account.signs_in_as())
        && !signed_in.eq_ignore_ascii_case(wanted)
    {
        ui.note(format!("warning: signed in as {signed_in}, but the account's user is {wanted}"));
    }
}
