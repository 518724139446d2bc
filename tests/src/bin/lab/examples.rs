//! The example programs, run as programs with arguments: against Dovecot with a foreign authentication service,
//! and Exim.

use std::process::Command;

use crate::Result;
use crate::credentials::{Kind, OAuth1, account, address};
use crate::environment::{HOST, Lab, Lines, Security};
use crate::mail::{self, SERVER};
use crate::runner::Test;

/// One program with one way of TLS.
type Run = fn(&Lab, Security, &str) -> Result<()>;

const ALL: [(&str, Run); 6] = [
    ("gmail_imap", gmail_imap),
    ("yahoo_imap", yahoo_imap),
    ("advanced_imap", advanced_imap),
    ("error_handling", error_handling),
    ("gmail_smtp", gmail_smtp),
    ("bulk_sending", bulk_sending),
];

pub(crate) fn all() -> Vec<Test> {
    let mut tests = Vec::new();
    for (program, run) in ALL {
        let reads = !matches!(program, "gmail_smtp" | "bulk_sending");
        let server = if reads { SERVER } else { "exim" };
        for security in Security::ALL {
            let name = format!("example {program} {server} XOAUTH {}", security.name());
            // A mailbox of its own for each.
            let user = format!("{}{}", program.replace('_', ""), security.name());
            let needs = vec![server, SERVER, "auth-service"];
            tests.push(Test::named(&name, needs, move |lab, _| run(lab, security, &user)));
        }
    }
    tests
}

/// Runs a program and returns what it printed.
fn run(lab: &Lab, name: &str, security: Security, user: &str, more: &[&str]) -> Result<String> {
    let directory = lab.examples.as_ref().ok_or("nobody said where the examples are")?;
    let mut command = Command::new(directory.join(name));
    let (option, port) = match name {
        "gmail_smtp" | "bulk_sending" => ("--smtp", lab.smtp_port("exim", security)),
        _ => ("--imap", lab.imap_port(SERVER, security)),
    };
    command.arg(option).arg(format!("{HOST}:{port}"));
    if security == Security::StartTls {
        command.arg("--starttls");
    }
    command.arg("--user").arg(address(user)).arg("--mechanism").arg(Kind::XOAuth.name());
    command.arg("--ca-file").arg(lab.directory().join("ca.crt")).args(more);
    let login = OAuth1::of(user);
    command.env("XOAUTH_CONSUMER_KEY", &login.consumer);
    command.env("XOAUTH_CONSUMER_SECRET", account("/consumer/secret"));
    command.env("XOAUTH_TOKEN", &login.token).env("XOAUTH_TOKEN_SECRET", &login.token_secret);
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    let said = String::from_utf8(output.stdout)?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name}: {}: {why}{said}", output.status).into());
    }
    if [&login.token_secret, account("/consumer/secret")]
        .iter()
        .any(|secret| said.contains(*secret))
    {
        return Err(format!("{name} shows a secret").into());
    }
    Ok(said)
}

/// Each of the lines was printed.
fn printed(said: &str, lines: &[&str]) -> Result<()> {
    match lines.iter().find(|line| !said.contains(**line)) {
        None => Ok(()),
        Some(line) => Err(format!("expected `{line}` in what was printed:\n{said}").into()),
    }
}

/// Puts a message of today into the mailbox; its date in the header is another.
fn deliver(lab: &Lab, user: &str, subject: &str, text: &str) -> Result<()> {
    mail::deliver(lab, user, &mail::written(user, subject, text), &Lines::default())
}

fn gmail_imap(lab: &Lab, security: Security, user: &str) -> Result<()> {
    deliver(lab, user, "Lunch", "At noon?\r\n")?;
    let said = run(lab, "gmail_imap", security, user, &[])?;
    printed(&said, &[&format!("{}: ", address(user)), "octets  Lunch"])
}

fn yahoo_imap(lab: &Lab, security: Security, user: &str) -> Result<()> {
    deliver(lab, user, "Lunch", "At noon?\r\n")?;
    let said = run(lab, "yahoo_imap", security, user, &[])?;
    let count = mail::count(&mail::open(lab, user, &Lines::default())?);
    printed(&said, &[&format!("{:<24} {count} unseen", "INBOX")])
}

fn advanced_imap(lab: &Lab, security: Security, user: &str) -> Result<()> {
    deliver(lab, user, "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", ".. or later.\r\n")?;
    let said = run(lab, "advanced_imap", security, user, &[])?;
    let from = format!("From:    {}", address(user));
    printed(&said, &[&from, "Subject: Grüße", "  .. or later."])
}

fn error_handling(lab: &Lab, security: Security, user: &str) -> Result<()> {
    let said = run(lab, "error_handling", security, user, &[])?;
    let refused = "bad credentials:     XOAUTH refused: NO [AUTHENTICATIONFAILED] Authentication failed. \
                   (status '401', schemes 'oauth') [get new credentials]";
    printed(
        &said,
        &["bad argument: ", refused, "refused:             ", "[go on]", "[check the network]"],
    )
}

fn gmail_smtp(lab: &Lab, security: Security, user: &str) -> Result<()> {
    let mut mailbox = mail::open(lab, user, &Lines::default())?;
    let before = mail::count(&mailbox);
    let said = run(lab, "gmail_smtp", security, user, &[])?;
    printed(&said, &["accepted: 250 "])?;
    mail::wait_for(&mut mailbox, before + 1)?;
    let sent = format!(
        "From: {to}\r\nTo: {to}\r\nSubject: Sent with XOAUTH\r\n\r\nHello from Rust.\r\n",
        to = address(user)
    );
    mail::same_below(&mail::read(&mut mailbox, before + 1)?, sent.as_bytes())
}

fn bulk_sending(lab: &Lab, security: Security, user: &str) -> Result<()> {
    let readers = ["one", "two"].map(|number| format!("{user}{number}"));
    let mut mailboxes = Vec::new();
    for reader in &readers {
        mailboxes.push(mail::open(lab, reader, &Lines::default())?);
    }
    let before: Vec<u32> = mailboxes.iter().map(mail::count).collect();
    let [first, last] = &readers;
    let to = [first, "reject", "defer", last].map(address);
    let more: Vec<&str> = to.iter().flat_map(|to| ["--to", to.as_str()]).collect();
    let said = run(lab, "bulk_sending", security, user, &more)?;
    let [first, rejected, deferred, last] = &to;
    let lines = [
        format!("{first}: 250 "),
        format!("{rejected}: not sent, "),
        "550 5.1.1 no such user here".to_owned(),
        format!("{deferred}: not sent, "),
        "451 4.2.1 try again later".to_owned(),
        format!("{last}: 250 "),
    ];
    printed(&said, &lines.each_ref().map(String::as_str))?;
    for (mailbox, before) in mailboxes.iter_mut().zip(before) {
        mail::wait_for(mailbox, before + 1)?;
    }
    Ok(())
}
