//! From an error of the library to an exit code, a rule and a message.

use std::error::Error as _;

use serde_json::{Map, Value};
use xoauth::sasl::ErrorChallenge;
use xoauth::{Error, imap, smtp};

use crate::account::Account;
use crate::failure::{Exit, Failure};
use crate::rules::{self, Evidence, Kind, Rule, Source, diagnose};

/// What was tried, as far as it tells why it failed.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) account: &'a Account,
    pub(crate) protocol: &'static str,
    /// The credentials went with the first line.
    pub(crate) inline: bool,
    /// What the server lists, where the mechanism was tried although it is not there.
    pub(crate) unlisted: Option<Vec<String>>,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(account: &'a Account, protocol: &'static str) -> Self {
        Self { account, protocol, inline: false, unlisted: None }
    }

    /// The failure of signing in, while this step was under way.
    pub(crate) fn failure(&self, error: Error, step: &'static str) -> Failure {
        match error {
            Error::Token { source, refusal } => {
                let failure = match source.downcast::<Failure>() {
                    Ok(failure) => *failure,
                    Err(source) => Failure::new(Exit::NotAuthorised, "token", source.to_string()),
                };
                let Some(refusal) = refusal else { return failure };
                // What the server said of the token matters more than that there is no other; a token that is only
                // late may be good.
                let refused = failure_of(&refusal, "auth", self);
                match failure.exit {
                    Exit::Temporary => Failure {
                        message: format!("{}; {}", refused.message, failure.message),
                        ..Failure { exit: Exit::Temporary, ..refused }
                    },
                    _ => refused,
                }
            }
            error => {
                let mut failure = failure_of(&error, step, self);
                match &error {
                    Error::Connect { source, .. } if step == "resolve" && is_unknown(source) => {
                        failure.exit = Exit::NoHost;
                    }
                    _ => {}
                }
                failure
            }
        }
    }
}

/// A name that nobody knows, and not a name server that cannot be asked: that may work later.
pub(crate) fn is_unknown(error: &std::io::Error) -> bool {
    let text = error.to_string().to_ascii_lowercase();
    let later = ["temporary failure", "try again"].iter().any(|words| text.contains(words));
    let resolving = ["lookup address", "host is known", "not known"];
    resolving.iter().any(|words| text.contains(words)) && !later
}

/// Everything a failure needs, from the error and where it happened.
pub(crate) fn failure_of(error: &Error, phase: &'static str, attempt: &Attempt<'_>) -> Failure {
    let mut message = format!("{}: {error}", attempt.protocol);
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !message.contains(&text) {
            message.push_str(&format!(": {text}"));
        }
        source = cause.source();
    }
    let mut failure = Failure::new(exit_of(error), phase, message).rule(rule_of(error, attempt));
    failure.server = server_text(error);
    failure.document = challenge_of(error).map(|challenge| Box::new(document(challenge)));
    if failure.rule.is_none() && phase == "auth" {
        failure.hint = Some(advice(error, attempt));
    }
    if matches!(error, Error::Certificate { .. }) {
        let hint = "its issuer has to be trusted (`ca-file`), its name be that of the server, and its time that of this machine's clock";
        failure.hint = Some(hint.to_owned());
    }
    if matches!(phase, "mechanism" | "auth") {
        let offered = attempt
            .unlisted
            .as_ref()
            .filter(|_| failure.rule.is_some_and(|rule| rule.id == "mech-missing"));
        let offered = offered.map(|offered| format!("the server offers {}", offered.join(" ")));
        let preset = attempt.account.preset.as_ref();
        let doubt = preset.and_then(|preset| preset.doubt(attempt.protocol));
        let hints = [failure.hint.take(), offered, doubt];
        let hints: Vec<String> = hints.into_iter().flatten().collect();
        failure.hint = Some(hints.join("; ")).filter(|hint| !hint.is_empty());
    }
    failure
}

/// What a refused login means where no rule knows more.
fn advice(error: &Error, attempt: &Attempt<'_>) -> String {
    let told = challenge_of(error)
        .map(|challenge| format!("the server says {challenge}; "))
        .unwrap_or_default();
    let name = &attempt.account.name;
    // That it is not about the token, the document knows best.
    let other = challenge_of(error).filter(|challenge| !challenge.may_mean_token());
    let other = other.and_then(rules::advice);
    let advice = match exit_of(error) {
        Exit::Temporary => "the credentials were not judged; the same may work later".to_owned(),
        _ if error.needs_new_token() && attempt.account.signs() => {
            format!(
                "the signature was refused: wrong secret, revoked token, or a clock that is off; `xoauth login --oauth1 -a {name}`"
            )
        }
        _ if error.needs_new_token() && attempt.account.given_token.is_some() => {
            "the token was refused: expired, revoked, or for another user or service; it was given for this run alone"
                .to_owned()
        }
        _ if error.needs_new_token() && attempt.account.settings.access_token.is_some() => {
            format!(
                "the token was refused: expired, revoked, or for another user or service; account `{name}` takes it from `access-token`"
            )
        }
        _ if error.needs_new_token() => {
            format!(
                "the token was refused: expired, revoked, or for another user or service; `xoauth token --renew -a {name}`, then `xoauth login -a {name}`"
            )
        }
        _ if other.is_some() => other.unwrap_or_default().to_owned(),
        _ => {
            "this is about the syntax or the mechanism, and another token does not help".to_owned()
        }
    };
    told + &advice
}

/// The rule that explains an error.
pub(crate) fn rule_of(error: &Error, attempt: &Attempt<'_>) -> Option<&'static Rule> {
    diagnose(&evidence_of(error, attempt)?)
}

fn evidence_of(error: &Error, attempt: &Attempt<'_>) -> Option<Evidence> {
    let mut evidence = match error {
        Error::Imap(error) => imap_evidence(error)?,
        Error::Smtp(error) => smtp_evidence(error)?,
        _ => return None,
    };
    if let Some(challenge) = challenge_of(error) {
        evidence = evidence.challenge(challenge);
    }
    evidence.provider = attempt.account.provider_id().map(str::to_owned);
    evidence.mechanism = mechanism_of(error).map(str::to_owned);
    let refused_login = matches!(error, Error::Imap(imap::Error::AuthenticationRefused(_)));
    evidence.inline = attempt.inline && refused_login;
    evidence.unjudged = refused_login && evidence.kind == Kind::No && !error.needs_new_token();
    evidence.login = mechanism_of(error).is_some();
    evidence.mechanism_missing |= attempt.unlisted.is_some() && is_about_mechanism(error);
    Some(evidence)
}

/// A login was refused for what it was, and not for who it was: by what the protocols have for that, or in words.
fn is_about_mechanism(error: &Error) -> bool {
    let (by_kind, said) = match error {
        Error::Imap(imap::Error::AuthenticationRefused(refused)) => {
            (refused.status.kind == imap::StatusKind::Bad, refused.status.text().to_owned())
        }
        Error::Smtp(smtp::Error::AuthenticationRefused(refused)) => {
            (matches!(refused.reply.code.get(), 500..=504), refused.reply.text())
        }
        _ => return false,
    };
    by_kind || said.to_ascii_lowercase().contains("mechanism")
}

fn imap_evidence(error: &imap::Error) -> Option<Evidence> {
    let status = match error {
        imap::Error::AuthenticationRefused(refused) => &refused.status,
        imap::Error::Refused { status, .. }
        | imap::Error::Bye { status }
        | imap::Error::Expired { status }
        | imap::Error::IdleTimeout { status } => status.as_ref(),
        imap::Error::MechanismUnavailable { .. } => {
            let mut evidence = Evidence::new(Source::Imap, "");
            evidence.mechanism_missing = true;
            return Some(evidence);
        }
        _ => return None,
    };
    let mut evidence = Evidence::new(Source::Imap, status.text());
    evidence.kind = match status.kind {
        imap::StatusKind::No => Kind::No,
        imap::StatusKind::Bad => Kind::Bad,
        imap::StatusKind::Bye => Kind::Bye,
        _ => Kind::Ok,
    };
    Some(evidence)
}

fn smtp_evidence(error: &smtp::Error) -> Option<Evidence> {
    if matches!(error, smtp::Error::MechanismUnavailable { .. }) {
        let mut evidence = Evidence::new(Source::Smtp, "");
        evidence.mechanism_missing = true;
        return Some(evidence);
    }
    let reply = smtp_reply(error)?;
    let mut evidence = Evidence::new(Source::Smtp, &reply.text());
    evidence.code = Some(reply.code.get());
    evidence.enhanced =
        reply.enhanced.map(|code| (u16::from(code.class), code.subject, code.detail));
    Some(evidence)
}

fn smtp_reply(error: &smtp::Error) -> Option<&smtp::ReplyText> {
    match error {
        smtp::Error::AuthenticationRefused(refused) => Some(&refused.reply),
        smtp::Error::ServerClosing { reply }
        | smtp::Error::Expired { reply }
        | smtp::Error::IdleTimeout { reply }
        | smtp::Error::GreetingRefused { reply }
        | smtp::Error::Refused { reply, .. }
        | smtp::Error::SenderRefused { reply }
        | smtp::Error::DataRefused { reply, .. }
        | smtp::Error::Unexpected { reply, .. } => Some(reply),
        _ => None,
    }
}

/// The mechanism that was refused, or is not offered.
fn mechanism_of(error: &Error) -> Option<&str> {
    match error {
        Error::Imap(imap::Error::AuthenticationRefused(refused)) => Some(&refused.mechanism),
        Error::Smtp(smtp::Error::AuthenticationRefused(refused)) => Some(&refused.mechanism),
        Error::Imap(imap::Error::MechanismUnavailable { mechanism, .. })
        | Error::Smtp(smtp::Error::MechanismUnavailable { mechanism, .. }) => Some(mechanism),
        _ => None,
    }
}

fn challenge_of(error: &Error) -> Option<&ErrorChallenge> {
    match error {
        Error::Imap(imap::Error::AuthenticationRefused(refused)) => refused.challenge.as_ref(),
        Error::Smtp(smtp::Error::AuthenticationRefused(refused)) => refused.challenge.as_ref(),
        _ => None,
    }
}

fn document(challenge: &ErrorChallenge) -> Value {
    let members = challenge.members().map(|(name, value)| (name.to_owned(), value.into()));
    Value::Object(members.collect::<Map<_, _>>())
}

/// What the server said, in its own words.
fn server_text(error: &Error) -> Option<String> {
    match error {
        Error::Imap(imap::Error::AuthenticationRefused(refused)) => {
            Some(refused.status.to_string())
        }
        Error::Imap(
            imap::Error::Refused { status, .. }
            | imap::Error::Bye { status }
            | imap::Error::Expired { status }
            | imap::Error::IdleTimeout { status },
        ) => Some(status.to_string()),
        Error::Smtp(error) => smtp_reply(error).map(ToString::to_string),
        _ => None,
    }
}

fn exit_of(error: &Error) -> Exit {
    if error.is_transient() {
        return Exit::Temporary;
    }
    match error {
        Error::Certificate { .. } | Error::TlsHandshake { .. } => Exit::Protocol,
        Error::TlsSetup(_) | Error::NoCertificate | Error::Host { .. } => Exit::Config,
        Error::Imap(error) => match error {
            imap::Error::AuthenticationRefused(_) => Exit::NotAuthorised,
            imap::Error::Expired { .. } => Exit::Temporary,
            imap::Error::InvalidArgument { .. } => Exit::Usage,
            imap::Error::Sasl(_) => Exit::Config,
            imap::Error::Refused { .. } | imap::Error::MechanismUnavailable { .. } => {
                Exit::Unavailable
            }
            _ => Exit::Protocol,
        },
        Error::Smtp(error) => match error {
            smtp::Error::AuthenticationRefused(_) => Exit::NotAuthorised,
            smtp::Error::RecipientsRefused { .. } => Exit::NoUser,
            smtp::Error::DeliveryUnknown { .. } => Exit::Temporary,
            smtp::Error::InvalidArgument(_) | smtp::Error::MessageTooLarge { .. } => Exit::Data,
            smtp::Error::Sasl(_) => Exit::Config,
            smtp::Error::Malformed { .. }
            | smtp::Error::Unexpected { .. }
            | smtp::Error::UnsolicitedReply { .. }
            | smtp::Error::PlaintextAfterStartTls { .. }
            | smtp::Error::TlsUnavailable { .. }
            | smtp::Error::Limit { .. } => Exit::Protocol,
            _ => Exit::Unavailable,
        },
        Error::Sasl(_) => Exit::Config,
        _ => Exit::Internal,
    }
}
