//! Mail in the Dovecot of the lab: put there by LMTP, looked at by IMAP.

use std::time::{Duration, Instant};

use xoauth::imap::command::{Fetch, Item, Noop, Select};
use xoauth::net::{TlsTransport, UnixTransport};
use xoauth::sasl::Service;
use xoauth::smtp::exchange::Submit;
use xoauth::{Error, imap, smtp};

use crate::Result;
use crate::credentials::{Kind, OAuth1, address};
use crate::environment::{HOST, Lab, Lines, Security, traced};

/// The server that all mail is in.
pub(crate) const SERVER: &str = "dovecot-oauth1";

/// What a test needs that has mail delivered and reads it.
pub(crate) const NEEDS: [&str; 2] = [SERVER, "auth-service"];

/// How long a message may take from its acceptance to the mailbox.
const DELIVERY: Duration = Duration::from_secs(60);

/// A mailbox that is open.
pub(crate) type Mailbox = imap::Session<TlsTransport>;

/// A session with Dovecot's LMTP server.
pub(crate) fn lmtp(lab: &Lab, lines: &Lines) -> Result<smtp::Session<UnixTransport>> {
    let socket = lab.directory().join(SERVER).join("run/lmtp");
    let builder = smtp::Builder::new(HOST).lmtp();
    Ok(traced!(builder, lines).connect_unix(socket)?.without_authentication())
}

/// Puts a message into a user's mailbox.
pub(crate) fn deliver(lab: &Lab, user: &str, message: &[u8], lines: &Lines) -> Result<()> {
    let mut session = lmtp(lab, lines)?;
    let to = address(user);
    session.run(Submit::new(to.as_str(), [to.as_str()], message))?;
    Ok(session.quit()?)
}

/// A message with a subject and a text.
pub(crate) fn written(user: &str, subject: &str, text: &str) -> Vec<u8> {
    let to = address(user);
    format!(
        "From: Lab <{to}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: Wed, 25 Nov 2026 12:00:00 +0000\r\n\
         Message-ID: <{user}.{}@localhost>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         \r\n{text}",
        subject.len()
    )
    .into_bytes()
}

/// The user's mailbox, entered with XOAUTH.
pub(crate) fn open(lab: &Lab, user: &str, lines: &Lines) -> Result<Mailbox> {
    let login = OAuth1::of(user).login(Kind::XOAuth, Service::Imap)?;
    let client = lab.imap(SERVER, Security::Implicit, lines)?;
    let mut mailbox = client.authenticate(login).map_err(Error::from)?;
    mailbox.run(Select::new("INBOX"))?;
    Ok(mailbox)
}

/// How many messages are in the mailbox, as far as is known.
pub(crate) fn count(mailbox: &Mailbox) -> u32 {
    mailbox.selected().and_then(|selected| selected.exists).unwrap_or(0)
}

/// Waits until there are so many messages.
pub(crate) fn wait_for(mailbox: &mut Mailbox, messages: u32) -> Result<()> {
    let begin = Instant::now();
    while count(mailbox) < messages {
        if begin.elapsed() > DELIVERY {
            return Err(
                format!("{} messages in the mailbox, not {messages}", count(mailbox)).into()
            );
        }
        // The server is asked again as soon as it has answered.
        mailbox.run(Noop::new())?;
    }
    Ok(())
}

/// The whole message of a number.
pub(crate) fn read(mailbox: &mut Mailbox, number: u32) -> Result<Vec<u8>> {
    let found = mailbox.run(Fetch::by_sequence(number.to_string().as_str(), Item::Body))?;
    let message = found.first().and_then(|message| message.body());
    Ok(message.ok_or("no body was fetched")?.to_vec())
}

/// Servers put header fields on top; below them nothing may have changed.
pub(crate) fn same_below(read: &[u8], sent: &[u8]) -> Result<()> {
    if read.ends_with(sent) {
        return Ok(());
    }
    let start = read.len().saturating_sub(sent.len());
    let same = read.iter().skip(start).zip(sent).take_while(|(a, b)| a == b).count();
    Err(format!(
        "changed on its way: {} octets sent, {} read, the same up to {same}",
        sent.len(),
        read.len()
    )
    .into())
}
