//! Mail to many: LMTP with several recipients, and the bulk sender into every server that takes mail.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use xoauth::sasl::Service;
use xoauth::smtp::exchange::Submit;
use xoauth::smtp::{Delivery, Mail};
use xoauth::{Error, smtp};

use crate::Result;
use crate::bulk::arrived;
use crate::credentials::{Kind, OAuth1, address};
use crate::environment::{Lab, Lines, Security};
use crate::mail::{self, NEEDS, SERVER};
use crate::regressions::sink;
use crate::runner::Test;

pub(crate) fn all() -> Vec<Test> {
    let exim = || vec!["exim", SERVER, "auth-service"];
    let postfix = || vec!["postfix", "sink", "auth-service"];
    vec![
        Test::named("lmtp_answers_for_each_recipient", NEEDS.to_vec(), lmtp),
        Test::named("send_all_into_exim", exim(), |lab, lines| {
            into_exim(lab, lines, "sendall", false)
        }),
        Test::named("send_all_into_exim_async", exim(), |lab, lines| {
            into_exim(lab, lines, "sendallasync", true)
        }),
        Test::named("send_all_into_postfix", postfix(), |lab, lines| {
            into_postfix(lab, lines, false)
        }),
        Test::named("send_all_into_postfix_async", postfix(), |lab, lines| {
            into_postfix(lab, lines, true)
        }),
        Test::named("send_all_into_smtp_sink_without_a_login", vec!["sink"], into_sink),
        Test::named("send_all_into_aiosmtpd_without_pipelining", vec!["aiosmtpd"], into_aiosmtpd),
        Test::named("send_all_through_dovecot_submission", vec![SERVER, "sink", "auth-service"], {
            |lab, lines| into_submission(lab, lines)
        }),
    ]
}

/// One is unknown, one cannot be written to, two get it; each is told (RFC 2033, 4.2).
fn lmtp(lab: &Lab, lines: &Lines) -> Result<()> {
    let users = ["lmtpone", "missing", "broken", "lmtptwo"];
    let mut mailboxes = [mail::open(lab, users[0], lines)?, mail::open(lab, users[3], lines)?];
    let before = mailboxes.each_ref().map(mail::count);
    let mut session = mail::lmtp(lab, lines)?;
    let message = mail::written("lmtp", "to four", ".\r\n..\r\nall is well\r\n");
    let to = users.map(address);
    let from = address("lmtpone");
    let sent =
        session.run(Submit::new(from.as_str(), to.iter().map(String::as_str), &message[..]))?;
    let found: Vec<(bool, u16)> = sent
        .recipients()
        .iter()
        .map(|one| {
            let reply = one.reply().map_or(0, |reply| reply.code.get());
            (matches!(one.delivery, Delivery::Accepted(..)), reply)
        })
        .collect();
    if found != [(true, 250), (false, 550), (false, 451), (true, 250)] {
        return Err(format!("found {found:?}").into());
    }
    session.run(smtp::exchange::Noop::new())?;
    session.quit()?;
    for (mailbox, before) in mailboxes.iter_mut().zip(before) {
        mail::wait_for(mailbox, before + 1)?;
        mail::same_below(&mail::read(mailbox, before + 1)?, &message)?;
    }
    Ok(())
}

/// How many messages the bulk sender gets.
const MANY: usize = 100;

/// The fifth of each ten goes to somebody who is refused.
fn is_refused(number: usize) -> bool {
    number % 10 == 5
}

fn messages(user: &str, to: impl Fn(usize) -> String) -> Vec<Mail<'static>> {
    let from = address(user);
    (0..MANY)
        .map(|number| {
            let text = mail::written(user, &format!("number {number}"), &".\r\n".repeat(number));
            Mail::new(from.as_str(), [to(number).as_str()], text)
        })
        .collect()
}

/// The messages of numbers that are refused were, the others were not.
fn judge(
    outcomes: Vec<std::result::Result<smtp::Sent, Error>>,
    refused: fn(usize) -> bool,
) -> Result<()> {
    if outcomes.len() != MANY {
        return Err(format!("{} outcomes", outcomes.len()).into());
    }
    for (number, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Ok(sent) if !refused(number) && sent.reply().code.get() == 250 => {}
            Err(Error::Smtp(smtp::Error::RecipientsRefused { recipients })) if refused(number) => {
                let code = recipients.first().and_then(|one| one.reply()).map(|r| r.code.get());
                if code != Some(550) {
                    return Err(format!("message {number} refused with {code:?}").into());
                }
            }
            other => return Err(format!("message {number}: {other:?}").into()),
        }
    }
    Ok(())
}

/// Logs in with XOAUTH and sends them all, by either driver.
fn send_all(
    lab: &Lab,
    lines: &Lines,
    server: &str,
    user: &str,
    messages: Vec<Mail<'static>>,
    is_async: bool,
) -> Result<Vec<std::result::Result<smtp::Sent, Error>>> {
    let login = OAuth1::of(user).login(Kind::XOAuth, Service::Smtp)?;
    if is_async {
        return e2e::runtime().block_on(async {
            let client = lab.smtp_async(server, Security::Implicit, lines).await?;
            let mut session = client.authenticate(login).await.map_err(Error::from)?;
            let mut found = Vec::new();
            let mut outcomes = session.send_all(messages)?;
            while let Some(outcome) = outcomes.next().await {
                found.push(outcome);
            }
            drop(outcomes);
            session.quit().await?;
            Ok(found)
        });
    }
    let client = lab.smtp(server, Security::Implicit, lines)?;
    let mut session = client.authenticate(login).map_err(Error::from)?;
    let outcomes = session.send_all(messages)?.collect();
    session.quit()?;
    Ok(outcomes)
}

/// Exim offers CHUNKING and PIPELINING; what it took is in Dovecot's mailbox, each message once.
fn into_exim(lab: &Lab, lines: &Lines, user: &str, is_async: bool) -> Result<()> {
    let mut mailbox = mail::open(lab, user, lines)?;
    let before = mail::count(&mailbox);
    let to = |number| address(if is_refused(number) { "reject" } else { user });
    let outcomes = send_all(lab, lines, "exim", user, messages(user, to), is_async)?;
    judge(outcomes, is_refused)?;
    let expected: BTreeSet<usize> = (0..MANY).filter(|&number| !is_refused(number)).collect();
    let count = u32::try_from(expected.len())?;
    mail::wait_for(&mut mailbox, before + count)?;
    let mut found = BTreeSet::new();
    for number in before + 1..=before + count {
        let message = String::from_utf8(mail::read(&mut mailbox, number)?)?;
        let subject = message.lines().find_map(|line| line.strip_prefix("Subject: number "));
        let number: usize = subject.ok_or("no subject")?.parse()?;
        let sent = mail::written(user, &format!("number {number}"), &".\r\n".repeat(number));
        mail::same_below(message.as_bytes(), &sent)?;
        found.insert(number);
    }
    if found == expected { Ok(()) } else { Err(format!("{found:?} arrived").into()) }
}

/// Postfix takes them all, and relays them to smtp-sink.
fn into_postfix(lab: &Lab, lines: &Lines, is_async: bool) -> Result<()> {
    let user = if is_async { "viapostfixasync" } else { "viapostfix" };
    let messages = messages(user, |_| address("reader"));
    judge(send_all(lab, lines, "postfix", user, messages, is_async)?, |_| false)?;
    arrived(lab, user)
}

/// Dovecot's submission server hands each on to smtp-sink before it answers.
fn into_submission(lab: &Lab, lines: &Lines) -> Result<()> {
    let user = "viadovecot";
    let messages = messages(user, |_| address("reader"));
    judge(send_all(lab, lines, SERVER, user, messages, false)?, |_| false)?;
    arrived(lab, user)
}

/// How long a relay may take.
const RELAY: Duration = Duration::from_secs(60);

/// The sink got each of the messages, below the header fields that a relay puts on top.
fn arrived(lab: &Lab, user: &str) -> Result<()> {
    let mut session = sink(lab, &Lines::none())?;
    let begin = Instant::now();
    let found = loop {
        let found = arrived::from(lab, &address(user))?;
        if found.len() >= MANY {
            break found;
        }
        if begin.elapsed() > RELAY {
            return Err(format!("{} of {MANY} messages arrived", found.len()).into());
        }
        // It answers once it has done what it was doing.
        session.run(smtp::exchange::Noop::new())?;
    };
    session.quit()?;
    let text =
        |number: usize| mail::written(user, &format!("number {number}"), &".\r\n".repeat(number));
    for number in 0..MANY {
        let sent = arrived::with_line_feeds(&text(number));
        let count = found.iter().filter(|(_, dump)| dump.message.ends_with(&sent)).count();
        if count != 1 {
            return Err(format!("message {number} arrived {count} times").into());
        }
    }
    Ok(())
}

fn into_aiosmtpd(lab: &Lab, lines: &Lines) -> Result<()> {
    let messages = messages("viaaiosmtpd", |_| address("reader"));
    judge(send_all(lab, lines, "aiosmtpd", "viaaiosmtpd", messages, false)?, |_| false)?;
    if lines.all().iter().any(|line| line.contains("250") && line.contains("PIPELINING")) {
        return Err("it offers PIPELINING: the test is about something else".into());
    }
    Ok(())
}

fn into_sink(lab: &Lab, lines: &Lines) -> Result<()> {
    let mut session = sink(lab, lines)?;
    let messages = messages("viasink", |_| address("reader"));
    let outcomes = session.send_all(messages)?.collect();
    judge(outcomes, |_| false)?;
    session.quit()?;
    arrived(lab, "viasink")
}
