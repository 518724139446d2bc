//! `cargo xtask demo`: a mail host on this machine, a message sent and read back with XOAUTH, and a refused
//! login explained.
#![allow(clippy::print_stderr)]

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use e2e::host::{DEMO_CONSUMER, DEMO_TOKEN, DEMO_USER, Host};
use xoauth::imap::command::{Fetch, Item, Search, Select};
use xoauth::imap::{self, Query};
use xoauth::sasl::{Service, XOAuth};
use xoauth::smtp::{self, exchange::Submit};
use xoauth::{Consumer, Tls, Token};

const SUBJECT: &str = "Sent with XOAUTH";

fn main() -> ExitCode {
    match demo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the demo failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    let host = Host::builder().start()?;
    step("Start a mail host on this machine, with TLS and a throw-away certificate");
    told(&format!(
        "IMAP on port {}, submission on port {}",
        host.imaps_port(),
        host.submission_port()
    ));

    let tls = Tls::builder().add_roots(host.ca_pem())?.only_these_roots().build()?;
    let login = |service, secret| {
        let url = XOAuth::google_request_url(DEMO_USER, service)?;
        let consumer = Consumer::new(DEMO_CONSUMER.0, DEMO_CONSUMER.1)?;
        let login = XOAuth::new(url, consumer, Some(Token::new(DEMO_TOKEN.0, secret)?))?;
        Ok::<_, Box<dyn Error>>(login)
    };

    step("Sign in to submission with XOAUTH, after STARTTLS");
    let submission = smtp::Builder::new("localhost").port(host.submission_port()).tls(&tls);
    let mut session =
        submission.connect_starttls()?.authenticate(login(Service::Smtp, DEMO_TOKEN.1)?)?;
    told(&format!("{DEMO_USER} may send mail"));

    step("Send a message");
    let message = format!(
        "From: {DEMO_USER}\r\nTo: {DEMO_USER}\r\nSubject: {SUBJECT}\r\n\r\n\
         Hello,\r\n.this line begins with a dot\r\nand arrives as it was written.\r\n"
    );
    let sent = session.run(Submit::new(DEMO_USER, [DEMO_USER], message.as_str()))?;
    told(&format!("accepted: {}", sent.reply()));
    session.quit()?;

    step("Sign in to IMAP with XOAUTH, under TLS from the first octet");
    let mailbox = imap::Builder::new("localhost").port(host.imaps_port()).tls(&tls);
    let mut session = mailbox.connect()?.authenticate(login(Service::Imap, DEMO_TOKEN.1)?)?;
    let inbox = session.run(Select::new("INBOX"))?;
    told(&format!("the inbox holds {} message(s)", inbox.exists.unwrap_or(0)));

    step("Find the message and read it back");
    let found = session.run(Search::new(Query::subject(SUBJECT)))?;
    let messages = session.run(Fetch::new(found, Item::Body))?;
    let body =
        messages.first().and_then(|message| message.body()).ok_or("the message is not there")?;
    if !body.ends_with(message.as_bytes()) {
        return Err("the message was changed on its way".into());
    }
    for line in String::from_utf8_lossy(body).lines() {
        told(&format!("| {line}"));
    }
    told("every octet is as it was sent");
    session.logout()?;

    step("Sign in with a wrong secret, and see why it is refused");
    let refused = mailbox.connect()?.authenticate(login(Service::Imap, "not the secret")?);
    let Err(refused) = refused else { return Err("a wrong secret was taken".into()) };
    told(&refused.error().to_string());
    if let xoauth::Error::Imap(imap::Error::AuthenticationRefused(refused)) = refused.error() {
        if let Some(challenge) = &refused.challenge {
            told(&format!("status  {}", challenge.status().unwrap_or("not told")));
            told(&format!("schemes {}", challenge.schemes().unwrap_or("not told")));
        }
        told(&format!("answer  {}", refused.status));
    }

    say(&format!("\nDone in {:.1} seconds.", began.elapsed().as_secs_f32()));
    Ok(())
}

fn step(text: &str) {
    say(&format!("\n* {text}"));
}

fn told(text: &str) {
    say(&format!("    {text}"));
}

/// Prints a line; whoever has read enough may leave.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
