//! Error handling: each kind of failure told apart.
#![allow(missing_docs, clippy::print_stdout)]

use e2e::setup::Setup;
use xoauth::imap::command::{Noop, Select};
use xoauth::imap::{Error as ImapError, TransportFault};
use xoauth::sasl::{Service, XOAuth};
use xoauth::{Consumer, Error, Token, imap};

fn main() -> std::process::ExitCode {
    e2e::setup::run(example)
}

fn example() -> Result<(), Box<dyn std::error::Error>> {
    let setup =
        Setup::from_args("Makes each kind of failure happen and says how to tell it apart.")?;

    // Credentials that cannot work are refused before a connection is made.
    let Err(error) = Consumer::new("", "secret") else {
        return Err("an empty key was taken".into());
    };
    println!("bad argument:        {error}");

    // Bad credentials: the server's document and its final answer, and the connection for another try.
    let url = XOAuth::google_request_url(setup.user(), Service::Imap)?;
    let stranger = XOAuth::new(
        url,
        Consumer::new("stranger-key", "stranger-secret")?,
        Some(Token::new("stranger-token", "nobody-knows")?),
    )?;
    let Err(refused) = setup.imap()?.authenticate(stranger) else {
        return Err("a stranger was let in".into());
    };
    println!("bad credentials:     {}", describe(refused.error()));
    let client = refused.into_client().ok_or("the connection was lost")?;

    // A refusal: the session goes on.
    let mut session = client.authenticate(setup.login(Service::Imap)?)?;
    if let Err(error) = session.run(Select::new("No such mailbox")) {
        println!("refused:             {}", describe(&error));
    }
    session.run(Noop::new())?;

    // The server ends the session.
    if let Some(host) = setup.host() {
        host.next_bye("Session invalidated - AccessTokenExpired");
        if let Err(error) = session.run(Noop::new()) {
            println!("session ended:       {}", describe(&error));
        }
    }

    // The network: nobody listens on a port that was just given back.
    let free = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    if let Err(error) = imap::Builder::new("127.0.0.1").port(free).connect_plain() {
        println!("network:             {}", describe(&error));
    }
    Ok(())
}

/// What a program would do about an error.
fn describe(error: &Error) -> String {
    let kind = match error {
        Error::Imap(ImapError::AuthenticationRefused(refused)) if refused.is_transient() => {
            "try again later"
        }
        Error::Imap(ImapError::AuthenticationRefused(_)) => "get new credentials",
        Error::Imap(ImapError::Expired { .. }) => "renew the token, then connect again",
        Error::Imap(ImapError::Bye { .. }) => "connect again later",
        Error::Imap(ImapError::Transport { fault: TransportFault::Deadline, .. }) => "too slow",
        Error::Connect { .. } | Error::Imap(ImapError::Transport { .. }) => "check the network",
        error if error.is_fatal() => "connect again",
        _ => "go on",
    };
    format!("{error} [{kind}]")
}
