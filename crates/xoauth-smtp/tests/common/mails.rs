//! What tests of mail transactions say and send.

use super::{Peer, told};
use xoauth_smtp::exchange::{Noop, Submit};
use xoauth_smtp::{Error, Mail, Message, RecipientOutcome};

pub(crate) const GREETING: &str = "
    S: 220 mx.example.org ESMTP
    C: EHLO client.example
    S: 250-mx.example.org
    S: 250-AUTH XOAUTH2 OAUTHBEARER
    S: 250 ENHANCEDSTATUSCODES";

pub(crate) const PIPELINED: &str = "
    S: 220 mx.example.org ESMTP
    C: EHLO client.example
    S: 250-mx.example.org
    S: 250-PIPELINING
    S: 250-AUTH XOAUTH2 OAUTHBEARER
    S: 250 ENHANCEDSTATUSCODES";

pub(crate) fn greeted(rest: &str) -> String {
    format!("{GREETING}\n{rest}")
}

pub(crate) fn pipelined(rest: &str) -> String {
    format!("{PIPELINED}\n{rest}")
}

/// A session in which the envelope for two recipients and DATA leave in one write.
pub(crate) fn in_one_group(rest: &str) -> String {
    let group = "C: MAIL FROM:<a@example.org>
        C: RCPT TO:<b@example.net>
        C: RCPT TO:<c@example.net>
        C: DATA";
    pipelined(&format!("{group}\n{rest}"))
}

/// A session without PIPELINING up to the end of a message of one line to one recipient.
pub(crate) fn to_the_dot(rest: &str) -> String {
    let message = "C: MAIL FROM:<a@example.org>
        S: 250 ok
        C: RCPT TO:<b@example.net>
        S: 250 ok
        C: DATA
        S: 354 go
        C: x
        C: .";
    greeted(&format!("{message}\n{rest}"))
}

/// Says who it is and sends one message to two recipients, then a word to see whether the session lives.
pub(crate) fn send_and_go_on(peer: &mut Peer) -> Result<String, Error> {
    peer.greet()?;
    let to = ["b@example.net", "c@example.net"];
    let outcome = told(peer.run(Submit::new("a@example.org", to, "Subject: t\r\n\r\nhello\r\n")))?;
    peer.run(Noop::new())?;
    assert!(peer.machine.is_usable());
    Ok(outcome)
}

/// A session that was greeted by a server with these extensions.
pub(crate) fn offering(extensions: &str, rest: &str) -> String {
    let mut lines = vec!["mx.example.org"];
    lines.extend(extensions.split('|').filter(|line| !line.is_empty()));
    let last = lines.len() - 1;
    let mut transcript = "S: 220 mx.example.org ESMTP\nC: EHLO client.example\n".to_owned();
    for (at, line) in lines.iter().enumerate() {
        let separator = if at == last { ' ' } else { '-' };
        transcript.push_str(&format!("S: 250{separator}{line}\n"));
    }
    transcript + rest
}

/// Sends one message, then shows that the session lives.
pub(crate) fn send(peer: &mut Peer, mail: Mail<'_>) -> Result<String, Error> {
    peer.greet()?;
    let outcome = match peer.run(Submit::mail(mail)) {
        Ok(sent) => format!("{} ({})", sent.reply(), shown(sent.recipients())),
        Err(error) if !error.recipients().is_empty() && !error.is_fatal() => {
            format!("{error} ({})", shown(error.recipients()))
        }
        other => told(other)?,
    };
    peer.run(Noop::new())?;
    Ok(outcome)
}

pub(crate) fn shown(recipients: &[RecipientOutcome]) -> String {
    let one = |one: &RecipientOutcome| format!("{} {}", one.address, one.delivery);
    recipients.iter().map(one).collect::<Vec<_>>().join("; ")
}

pub(crate) fn mail<'a>(message: impl Into<Message<'a>>) -> Mail<'a> {
    Mail::new("a@example.org", ["b@example.net", "c@example.net"], message)
}
