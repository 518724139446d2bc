//! Gmail SMTP sending: sign in with XOAUTH and send one message.
#![allow(missing_docs, clippy::print_stdout)]

use e2e::setup::Setup;
use xoauth::sasl::Service;
use xoauth::smtp::exchange::Submit;

fn main() -> std::process::ExitCode {
    e2e::setup::run(example)
}

fn example() -> Result<(), Box<dyn std::error::Error>> {
    let setup = Setup::from_args("Signs in to SMTP with XOAUTH and sends a message to oneself.")?;
    let mut session = setup.smtp()?.authenticate(setup.login(Service::Smtp)?)?;

    let user = setup.user();
    let message = format!(
        "From: {user}\r\nTo: {user}\r\nSubject: Sent with XOAUTH\r\n\r\nHello from Rust.\r\n"
    );
    let sent = session.run(Submit::new(user, [user], message))?;
    println!("accepted: {}", sent.reply());
    session.quit()?;
    Ok(())
}
