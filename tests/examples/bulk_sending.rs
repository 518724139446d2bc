//! Bulk sending: several messages to several recipients over one connection.
#![allow(missing_docs, clippy::print_stdout)]

use std::time::Duration;

use e2e::setup::Setup;
use xoauth::sasl::Service;
use xoauth::smtp::Mail;
use xoauth::{Error, smtp};

fn main() -> std::process::ExitCode {
    e2e::setup::run(example)
}

fn example() -> Result<(), Box<dyn std::error::Error>> {
    let setup =
        Setup::from_args("Sends a message to each of several recipients over one connection.")?;
    let mut session = setup.smtp()?.authenticate(setup.login(Service::Smtp)?)?;

    let user = setup.user();
    let recipients = setup.recipients()?;
    let messages = recipients.iter().map(|recipient| {
        let text = format!(
            "From: {user}\r\nTo: {recipient}\r\nSubject: News\r\n\r\nDear {recipient},\r\nall is well.\r\n"
        );
        Mail::new(user, [recipient.as_str()], text)
    });
    // Providers want no more than so many messages in so much time.
    let outcomes = session.send_all(messages)?.rate(20, Duration::from_secs(1));
    for (recipient, outcome) in recipients.iter().zip(outcomes) {
        match outcome {
            Ok(sent) => println!("{recipient}: {}", sent.reply()),
            // May have been accepted or not: not to be sent again without a look at the mailbox.
            Err(Error::Smtp(smtp::Error::DeliveryUnknown { cause, .. })) => {
                println!("{recipient}: unknown, {cause}");
            }
            Err(error) => println!("{recipient}: not sent, {error}"),
        }
    }
    if !session.is_usable() {
        return Err(
            "the connection broke; the messages that were not sent may be sent again".into()
        );
    }
    session.quit()?;
    Ok(())
}
