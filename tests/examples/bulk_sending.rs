//! Bulk sending: several messages to several recipients over one connection.
#![allow(missing_docs, clippy::print_stdout)]

use e2e::setup::Setup;
use xoauth::sasl::Service;
use xoauth::smtp::exchange::Send;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let setup =
        Setup::from_args("Sends a message to each of several recipients over one connection.")?;
    let mut session = setup.smtp()?.authenticate(setup.login(Service::Smtp)?)?;

    let user = setup.user();
    let recipients =
        ["ann@example.org", "ben@example.org", "nobody@example.org", "cleo@example.org"];
    for recipient in recipients {
        let message = format!(
            "From: {user}\r\nTo: {recipient}\r\nSubject: News\r\n\r\nDear {recipient},\r\nall is well.\r\n"
        );
        match session.run(Send::new(user, [recipient], message)) {
            Ok(sent) => println!("{recipient}: {}", sent.reply()),
            // One refused recipient does not end the run; a session that broke does.
            Err(error) if !error.is_fatal() => println!("{recipient}: {error}"),
            Err(error) => return Err(error.into()),
        }
    }
    session.quit()?;
    Ok(())
}
