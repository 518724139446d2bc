//! `xoauth check`: a login, step by step, with cause and fix of what fails.

use std::time::Instant;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use xoauth::smtp::exchange::{Noop, Rset};
use xoauth::{imap, smtp};

use crate::Result;
use crate::account::{Account, SaslIr};
use crate::args::Global;
use crate::connect::{Stream, Way, imap_sasl_ir};
use crate::diagnose::{Attempt, failure_of};
use crate::failure::{Exit, Failure};
use crate::inspect::jwt;
use crate::login_value::{Credentials, choose, login};
use crate::output::{Style, Ui, one_line};
use crate::rules::Rule;
use crate::store::Store;
use crate::token::{Renew, access_token};

/// The arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: xoauth check -a work
         xoauth check -a work smtp --sender me@example.com
Exit: 0 where all is well, else the code of the first step that fails.
docs/errors.md explains each rule.")]
pub(crate) struct Check {
    /// imap, smtp, token; all that the account has, if none
    #[arg(hide_possible_values = true)]
    what: Vec<Target>,
    /// Ask whether the server takes this sender; send nothing
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    Imap,
    Smtp,
    Token,
}

/// What was found out so far.
struct Report<'a> {
    ui: &'a Ui,
    steps: Vec<Value>,
    rules: Vec<&'static Rule>,
    first_failure: Option<Exit>,
    protocol: &'static str,
    began: Instant,
}

impl Check {
    pub(crate) fn run(&self, global: &Global, ui: &Ui) -> Result<Exit> {
        let account = Account::resolve(global)?;
        let named = |target| self.what.contains(&target);
        let wants = |target, protocol| {
            if self.what.is_empty() { account.has_server(protocol) } else { named(target) }
        };
        let (imap, smtp) = (wants(Target::Imap, "imap"), wants(Target::Smtp, "smtp"));
        if !imap && !smtp && !named(Target::Token) {
            // Says what is missing.
            account.server("imap")?;
        }
        let mut report = Report {
            ui,
            steps: Vec::new(),
            rules: Vec::new(),
            first_failure: None,
            protocol: "token",
            began: Instant::now(),
        };
        let user = account.user("").unwrap_or("no user");
        report.head(format!("{}  <{user}>", account.name))?;
        if let Some(credentials) = report.credentials(&account)? {
            if imap {
                report.imap(&account, &credentials)?;
            }
            if smtp {
                report.smtp(&account, &credentials, self.sender.as_deref())?;
            }
        }
        report.finish(&account)
    }
}

impl Report<'_> {
    fn head(&mut self, text: String) -> Result<()> {
        if self.ui.json { Ok(()) } else { self.ui.line(text) }
    }

    fn begin(&mut self, protocol: &'static str) {
        self.protocol = protocol;
        self.began = Instant::now();
    }

    /// A step that is done.
    fn passed(&mut self, step: &'static str, detail: impl Into<String>) -> Result<()> {
        self.step(step, true, detail.into())
    }

    fn step(&mut self, step: &'static str, ok: bool, detail: String) -> Result<()> {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.began = Instant::now();
        if !self.ui.json {
            let verdict = if ok {
                self.ui.paint(Style::Good, "ok  ")
            } else {
                self.ui.paint(Style::Bad, "FAIL")
            };
            let shown = one_line(&detail);
            self.ui.line(format!("  {verdict}  {step:<10} {shown}{}", milliseconds(ms)))?;
        }
        self.steps.push(json!({
            "step": step, "protocol": self.protocol, "ok": ok, "ms": ms, "detail": detail,
        }));
        Ok(())
    }

    /// A step that failed, and why.
    fn failed(&mut self, failure: &Failure) -> Result<()> {
        let detail = failure.server.clone().unwrap_or_else(|| failure.message.clone());
        self.step(failure.phase, false, detail)?;
        self.first_failure.get_or_insert(failure.exit);
        if let Some(rule) = failure.rule {
            if !self.rules.iter().any(|known| known.id == rule.id) {
                self.rules.push(rule);
            }
        }
        if !self.ui.json {
            if let Some(rule) = failure.rule {
                let id = self.ui.paint(Style::Faint, &format!("[{}]", rule.id));
                self.ui.line(format!("cause  {}   {id}", rule.cause))?;
                self.ui.line(format!("fix    {}", rule.fix))?;
            } else if let Some(hint) = &failure.hint {
                self.ui.line(format!("hint   {hint}"))?;
            }
        }
        Ok(())
    }

    /// The credentials, with what can be said of them without showing them.
    fn credentials(&mut self, account: &Account) -> Result<Option<Credentials>> {
        if account.signs() {
            return match Credentials::of(account, Renew::Below(60)) {
                Ok(credentials) => {
                    let kind = match &credentials {
                        Credentials::Signed(_, None) => "OAuth 1.0a, the consumer alone",
                        _ => "OAuth 1.0a, consumer and token",
                    };
                    self.passed("token", kind)?;
                    Ok(Some(credentials))
                }
                Err(failure) => self.failed(&failure).map(|()| None),
            };
        }
        let tokens = match access_token(account, Renew::Below(60)) {
            Ok(tokens) => tokens,
            Err(failure) => return self.failed(&failure).map(|()| None),
        };
        let Some(token) = tokens.access_token else {
            let failure =
                Failure::new(Exit::NotAuthorised, "token", "the token store holds no access token");
            return self.failed(&failure).map(|()| None);
        };
        let mut detail = match tokens.expires_at {
            Some(expires_at) => format!("expires {}", jwt::left(expires_at)),
            None => "no expiry known".to_owned(),
        };
        let claims = jwt::claims(token.expose());
        match &claims {
            Some(claims) => {
                for (name, value) in jwt::facts(claims) {
                    detail.push_str(&format!("; {name} {value}"));
                }
            }
            None => detail.push_str(&format!("; opaque, {} octets", token.expose().len())),
        }
        if let Some(scope) = &tokens.scope {
            detail.push_str(&format!("; scope {scope}"));
        }
        self.passed("token", detail)?;
        for note in claims.as_ref().map(jwt::notes).unwrap_or_default() {
            self.ui.note(format!("warning: {note}"));
        }
        if account.given_token.is_none() && account.settings.access_token.is_none() {
            if let Err(failure) = Store::of(account).and_then(|store| store.check_writable()) {
                self.ui.note(format!(
                    "warning: the token store cannot be written: {}",
                    failure.message
                ));
            }
        }
        Ok(Some(Credentials::Bearer(token)))
    }

    fn imap(&mut self, account: &Account, credentials: &Credentials) -> Result<()> {
        match self.imap_session(account, credentials) {
            Ok(mut session) => {
                let attempt = Attempt::new(account, "imap");
                match session.run(imap::command::Examine::new("INBOX")) {
                    Ok(inbox) => {
                        let count = inbox
                            .exists
                            .map(|count| format!(", {count} messages"))
                            .unwrap_or_default();
                        self.passed("probe", format!("EXAMINE INBOX{count}"))?;
                    }
                    Err(error) => return self.failed(&failure_of(&error, "probe", &attempt)),
                }
                match session.logout() {
                    Ok(()) => self.passed("logout", "BYE"),
                    Err(error) => self.failed(&failure_of(&error, "logout", &attempt)),
                }
            }
            Err(failure) => self.failed(&failure),
        }
    }

    fn imap_session(
        &mut self,
        account: &Account,
        credentials: &Credentials,
    ) -> Result<imap::Session<Stream>> {
        self.begin("imap");
        let way = Way::new(account, "imap")?;
        // Reading the system's trusted roots is no step of the connection.
        self.began = Instant::now();
        self.head(format!("imap  {}", way.server))?;
        let mut attempt = Attempt::new(account, "imap");
        let mut steps = Ok(());
        let client = way.imap(&mut |step, detail| {
            if steps.is_ok() {
                steps = self.passed(step, detail);
            }
        });
        steps?;
        let mut client = client.map_err(|failed| attempt.failed(&failed))?;
        let capabilities = client.capabilities();
        let capabilities =
            capabilities.map_err(|error| failure_of(&error, "capability", &attempt))?;
        let offered: Vec<String> = capabilities.mechanisms().map(str::to_owned).collect();
        let lists_ir = capabilities.has_sasl_ir();
        let name = choose(account, Some(&offered));
        let mechanism = login(&name, account, "imap", credentials, Some(&way.server), None)?;
        let inline = match account.sasl_ir()? {
            SaslIr::Auto => lists_ir,
            SaslIr::Always => true,
            SaslIr::Never => false,
        };
        let how = if inline { "sent with the command" } else { "sent when asked for" };
        attempt.mechanism = Some(name.clone());
        attempt.inline = inline;
        if offered.iter().any(|one| one.eq_ignore_ascii_case(&name)) {
            self.passed("mechanism", format!("{name} (offered: {}); {how}", offered.join(" ")))?;
        }
        let sasl_ir = imap_sasl_ir(account)?;
        let session = client.authenticate_with(mechanism, |command| command.sasl_ir(sasl_ir));
        let session = session.map_err(|refused| auth_failure(refused.error(), &attempt))?;
        self.passed("auth", "accepted")?;
        Ok(session)
    }

    fn smtp(
        &mut self,
        account: &Account,
        credentials: &Credentials,
        sender: Option<&str>,
    ) -> Result<()> {
        match self.smtp_session(account, credentials) {
            Ok(mut session) => {
                let attempt = Attempt::new(account, "smtp");
                let probed = match sender {
                    None => session.run(Noop::new()).map(|_| "NOOP".to_owned()),
                    Some(sender) => session
                        .run(super::sender::MailFrom::new(sender))
                        .and_then(|()| session.run(Rset::new()))
                        .map(|_| format!("MAIL FROM:<{sender}> accepted, nothing sent")),
                };
                match probed {
                    Ok(detail) => self.passed("probe", detail)?,
                    Err(error) => return self.failed(&failure_of(&error, "probe", &attempt)),
                }
                match session.quit() {
                    Ok(()) => self.passed("logout", "221"),
                    Err(error) => self.failed(&failure_of(&error, "logout", &attempt)),
                }
            }
            Err(failure) => self.failed(&failure),
        }
    }

    fn smtp_session(
        &mut self,
        account: &Account,
        credentials: &Credentials,
    ) -> Result<smtp::Session<Stream>> {
        self.begin("smtp");
        let way = Way::new(account, "smtp")?;
        // Reading the system's trusted roots is no step of the connection.
        self.began = Instant::now();
        self.head(format!("smtp  {}", way.server))?;
        let mut attempt = Attempt::new(account, "smtp");
        let mut steps = Ok(());
        let client = way.smtp(&mut |step, detail| {
            if steps.is_ok() {
                steps = self.passed(step, detail);
            }
        });
        steps?;
        let client = client.map_err(|failed| attempt.failed(&failed))?;
        let offered: Vec<String> = client.extensions().mechanisms().map(str::to_owned).collect();
        let name = choose(account, Some(&offered));
        let mechanism = login(&name, account, "smtp", credentials, Some(&way.server), None)?;
        let deferred = account.sasl_ir()? == SaslIr::Never;
        attempt.mechanism = Some(name.clone());
        attempt.inline = !deferred;
        if offered.iter().any(|one| one.eq_ignore_ascii_case(&name)) {
            let how = if deferred {
                "sent when asked for"
            } else {
                "sent with the command where it fits"
            };
            self.passed("mechanism", format!("{name} (offered: {}); {how}", offered.join(" ")))?;
        }
        let session = client.authenticate_with(mechanism, |command| {
            if deferred { command.sasl_ir(imap::command::SaslIr::Never) } else { command }
        });
        let session = session.map_err(|refused| auth_failure(refused.error(), &attempt))?;
        self.passed("auth", "accepted")?;
        Ok(session)
    }

    fn finish(self, account: &Account) -> Result<Exit> {
        if self.ui.json {
            let diagnosis: Vec<Value> = self
                .rules
                .iter()
                .map(|rule| json!({ "id": rule.id, "cause": rule.cause, "fix": rule.fix }))
                .collect();
            self.ui.object(json!({
                "account": account.name,
                "ok": self.first_failure.is_none(),
                "steps": self.steps,
                "diagnosis": diagnosis,
            }))?;
        }
        Ok(self.first_failure.unwrap_or(Exit::Ok))
    }
}

/// A mechanism that is not offered fails before anything is sent: that is its own step.
fn auth_failure(error: &xoauth::Error, attempt: &Attempt<'_>) -> Failure {
    let missing = matches!(
        error,
        xoauth::Error::Imap(imap::Error::MechanismUnavailable { .. })
            | xoauth::Error::Smtp(smtp::Error::MechanismUnavailable { .. })
    );
    failure_of(error, if missing { "mechanism" } else { "auth" }, attempt)
}

fn milliseconds(ms: u64) -> String {
    if ms == 0 { String::new() } else { format!(", {ms} ms") }
}
