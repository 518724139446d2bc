//! The clients' messages of the four mechanisms.

use xoauth::sasl::{ClientMessage, Credential, LoginRequest, parse_client_message};

use super::{Finding, jwt};
use crate::output::one_line;
use crate::rules::by_id;

/// The mechanism whose form a message has.
pub(crate) fn mechanism_of(message: &str) -> Option<&'static str> {
    if message.starts_with("user=") && message.contains('\u{1}') {
        return Some("XOAUTH2");
    }
    if message.starts_with("n,") || message.starts_with("y,") || message.starts_with("p=") {
        let signed = message.contains("\u{1}auth=OAuth ");
        return message.contains('\u{1}').then_some(if signed {
            "OAUTH10A"
        } else {
            "OAUTHBEARER"
        });
    }
    let mut words = message.split(' ');
    let is_method = words.next().is_some_and(|word| matches!(word, "GET" | "POST"));
    let is_url = words.next().is_some_and(|word| word.contains("://"));
    (is_method && is_url && message.contains("oauth_")).then_some("XOAUTH")
}

pub(super) fn explain(text: &str) -> Option<Finding> {
    let mechanism = mechanism_of(text)?;
    let mut finding = Finding { kind: "sasl", ..Finding::default() };
    finding.what = format!(
        "A client's message of {mechanism}, {} octets; its secrets are not shown",
        text.len()
    );
    match parse_client_message(mechanism, text.as_bytes()) {
        Ok(ClientMessage::Login(login)) => describe(&login, &mut finding),
        Ok(_) => {}
        Err(fault) => {
            finding.notes.push(format!("It is malformed: {fault}."));
            finding.rule = by_id("sasl-argument");
        }
    }
    Some(finding)
}

fn describe(login: &LoginRequest, finding: &mut Finding) {
    let facts = &mut finding.facts;
    facts.extend(login.user().map(|user| ("user", one_line(user))));
    facts.extend(login.host().map(|host| ("host", one_line(host))));
    facts.extend(login.port().map(|port| ("port", port.to_string())));
    match login.credential() {
        Credential::Bearer(token) => {
            facts.push(("token", format!("{} octets", token.expose().len())));
            if let Some(claims) = jwt::claims(token.expose()) {
                facts.extend(jwt::facts(&claims));
                finding.notes.extend(jwt::notes(&claims, login.user()));
            }
        }
        Credential::Signed(request) => {
            facts.push(("url", one_line(request.url().as_str())));
            let names = [
                ("consumer key", "oauth_consumer_key"),
                ("token", "oauth_token"),
                ("method", "oauth_signature_method"),
                ("timestamp", "oauth_timestamp"),
            ];
            for (label, name) in names {
                facts.extend(request.parameter(name).map(|value| (label, one_line(value))));
            }
        }
        Credential::Discovery => {
            finding.notes.push("It has no token and only asks for the scope.".to_owned())
        }
        _ => {}
    }
}
