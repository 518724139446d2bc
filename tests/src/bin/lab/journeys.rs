//! Mail that crosses everything: sent with XOAUTH through Exim, delivered over LMTP into Dovecot, read
//! back with XOAUTH over IMAP, the same octet for octet.

use xoauth::sasl::Service;
use xoauth::smtp::exchange::Submit;
use xoauth::{Error, smtp};

use crate::Result;
use crate::credentials::{Kind, OAuth1, address};
use crate::environment::{Lab, Lines, Security};
use crate::mail;
use crate::runner::Test;

/// Makes a body.
type Body = fn() -> Vec<u8>;

/// The bodies that are sent. Each goes to a user of its own, so that the mailbox holds nothing else.
const BODIES: &[(&str, Body)] = &[
    ("dots", || b".\r\n..\r\n.a\r\n...\r\nnot.\r\n.\r\n".to_vec()),
    ("eightbit", || "Schöne Grüße, ünïcödé\r\n".repeat(20).into_bytes()),
    ("longlines", || [vec![b'x'; 990], b"\r\n".to_vec()].concat().repeat(5)),
    ("empty", Vec::new),
    ("large", || [vec![b'.'; 76], b"\r\n".to_vec()].concat().repeat(25 * 1024 * 1024 / 78)),
];

pub(crate) fn all() -> Vec<Test> {
    let servers = || vec!["exim", "dovecot-oauth1", "auth-service"];
    let tests = BODIES.iter().map(|&(name, body)| {
        Test::named(&format!("mail_crosses_everything_{name}"), servers(), move |lab, lines| {
            cross(lab, lines, &format!("cross{name}"), &body())
        })
    });
    tests.chain([Test::named("refused_recipients_of_exim", vec!["exim"], refused)]).collect()
}

fn cross(lab: &Lab, lines: &Lines, user: &str, body: &[u8]) -> Result<()> {
    let to = address(user);
    let head = format!(
        "From: {to}\r\nTo: {to}\r\nSubject: crossing\r\nDate: Wed, 25 Nov 2026 12:00:00 +0000\r\n\
         Message-ID: <{user}@localhost>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    );
    let message = [head.as_bytes(), body].concat();

    // Read from before it is sent: what is there afterwards came of it.
    let mut mailbox = mail::open(lab, user, lines)?;
    let before = mail::count(&mailbox);

    let login = OAuth1::of(user).login(Kind::XOAuth, Service::Smtp)?;
    let client = lab.smtp("exim", Security::StartTls, lines)?;
    let mut session = client.authenticate(login).map_err(Error::from)?;
    session.run(Submit::new(to.as_str(), [to.as_str()], &message[..]))?;
    session.quit()?;

    mail::wait_for(&mut mailbox, before + 1)?;
    mail::same_below(&mail::read(&mut mailbox, before + 1)?, &message)?;
    Ok(mailbox.logout()?)
}

/// One recipient is taken and two are not, each with its own reply.
fn refused(lab: &Lab, lines: &Lines) -> Result<()> {
    let login = OAuth1::of("john").login(Kind::XOAuth, Service::Smtp)?;
    let client = lab.smtp("exim", Security::Implicit, lines)?;
    let mut session = client.authenticate(login).map_err(Error::from)?;
    let from = address("john");
    let to = ["reject", "defer"].map(address);
    let message = "Subject: nobody\r\n\r\n...\r\n";
    match session.run(Submit::new(from.as_str(), to.iter().map(String::as_str), message)) {
        Err(Error::Smtp(smtp::Error::RecipientsRefused { recipients })) => {
            let codes: Vec<u16> =
                recipients.iter().filter_map(|one| Some(one.reply()?.code.get())).collect();
            if codes != [550, 451] {
                return Err(format!("found the replies {codes:?}").into());
            }
        }
        other => return Err(format!("not refused: {other:?}").into()),
    }
    let to = [address("null")];
    session.run(Submit::new(from.as_str(), to.iter().map(String::as_str), message))?;
    Ok(session.quit()?)
}
