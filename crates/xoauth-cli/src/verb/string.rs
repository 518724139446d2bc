//! `xoauth string`: the SASL initial response of a login.

use std::io::IsTerminal;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use serde_json::json;
use xoauth::Secret;
use xoauth::sasl::oauth1::RequestUrl;
use xoauth::sasl::{Context, Nonce, Stamp};
use xoauth::smtp::exchange::Auth;

use crate::Result;
use crate::account::Account;
use crate::args::Global;
use crate::failure::{Exit, Failure};
use crate::output::Ui;
use crate::sign_in::{Credentials, choose, login};
use crate::token::{Renew, now};

/// What servers take on a line of IMAP at least (RFC 7162 4).
const IMAP_LINE: usize = 8192;

/// The arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: xoauth string --user ann@gmail.com --access-token-file - < token
The mechanism is the account's; others by --mechanism. --nonce and --timestamp
make the signature of XOAUTH and OAUTH10A repeatable.")]
pub(crate) struct InitialResponse {
    /// What the login is for: imap (the default) or smtp
    #[arg(long = "for", value_name = "SERVICE", default_value = "imap")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    service: Service,
    /// The URL that XOAUTH signs, instead of the account's
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Not encoded; bearer tokens are not shown on a terminal
    #[arg(long, conflicts_with = "base64")]
    raw: bool,
    /// Encoded as base64 (the default)
    #[arg(long)]
    base64: bool,
    /// The time of the signature, in seconds since 1970
    #[arg(long, value_name = "N")]
    timestamp: Option<u64>,
    /// The nonce of the signature
    #[arg(long, value_name = "S")]
    nonce: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Service {
    Imap,
    Smtp,
}

impl InitialResponse {
    pub(crate) fn run(&self, global: &Global, ui: &Ui) -> Result<Exit> {
        let account = Account::resolve(global)?;
        let protocol = match self.service {
            Service::Imap => "imap",
            Service::Smtp => "smtp",
        };
        let name = choose(&account);
        self.refuse_what_has_no_effect(&name)?;
        let credentials = Credentials::of(&account, Renew::Below(60))?;
        if self.raw
            && matches!(credentials, Credentials::Bearer(_))
            && std::io::stdout().is_terminal()
        {
            return Err(Failure::usage("--raw would show the token on the terminal"));
        }
        let server = account.server(protocol).ok();
        let mechanism =
            login(&name, &account, protocol, &credentials, server.is_some(), self.url.as_deref())?;
        let stamp = self.stamp()?;
        let (host, port) = match (&server, name.as_str()) {
            (Some(server), _) => (server.host.as_str(), server.port),
            (None, "OAUTH10A") => {
                let message = "OAUTH10A signs host and port: name the server";
                return Err(
                    Failure::usage(message).hint(format!("--{protocol} {protocol}s://HOST"))
                );
            }
            (None, _) => ("", 0),
        };
        let context = Context::new(&stamp, host, port);
        let failed =
            |error: &dyn ToString| Failure::new(Exit::Config, "mechanism", error.to_string());
        let message = mechanism.initial_response(&context).map_err(|error| failed(&error))?;
        let encoded = Secret::new(STANDARD.encode(message.expose()));
        let shown = if self.raw { &message } else { &encoded };
        if !ui.json {
            ui.line(shown.expose())?;
            return Ok(Exit::Ok);
        }
        let command = Auth::new(&*mechanism, &context).map_err(|error| failed(&error))?;
        let imap = "A0000 AUTHENTICATE  \r\n".len() + name.len() + command.message_len();
        ui.object(json!({
            "mechanism": name,
            "user": account.user(protocol).ok(),
            "initial_response": shown.expose(),
            "bytes": shown.expose().len(),
            "inline_ok": {
                "imap": imap <= IMAP_LINE,
                "smtp": command.fits_command_line(),
            },
        }))?;
        Ok(Exit::Ok)
    }

    /// What would be made is another thing than was asked for.
    fn refuse_what_has_no_effect(&self, mechanism: &str) -> Result<()> {
        let refuse = |what: &str, hint: &str| {
            let message = format!("{mechanism} {what}");
            Err(Failure::usage(message).hint(format!("--mechanism {hint}")))
        };
        let signs = matches!(mechanism, "XOAUTH" | "OAUTH10A");
        if !signs && (self.nonce.is_some() || self.timestamp.is_some()) {
            return refuse(
                "signs nothing: it has no --nonce and no --timestamp",
                "XOAUTH or OAUTH10A",
            );
        }
        if mechanism != "XOAUTH" && self.url.is_some() {
            return refuse("signs no --url", "XOAUTH");
        }
        if let Some(Err(error)) = self.url.as_ref().map(|url| RequestUrl::new(url.as_str())) {
            return Err(Failure::usage(format!("--url: {error}")));
        }
        Ok(())
    }

    fn stamp(&self) -> Result<Stamp> {
        let bad = |error: xoauth::sasl::oauth1::Error| Failure::usage(error.to_string());
        let nonce = match &self.nonce {
            Some(text) => Nonce::new(text).map_err(bad)?,
            None => Nonce::random().map_err(bad)?,
        };
        Ok(Stamp::new(nonce, self.timestamp.unwrap_or_else(now)))
    }
}
