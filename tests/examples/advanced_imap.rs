//! Advanced IMAP operations: last week's messages with sender, subject, date and their text.
#![allow(missing_docs, clippy::print_stdout)]

use std::time::{SystemTime, UNIX_EPOCH};

use e2e::setup::Setup;
use mail_parser::MessageParser;
use xoauth::imap::command::{Fetch, Item, Search, Select};
use xoauth::imap::{Date, Query};
use xoauth::sasl::Service;

const DAY: u64 = 24 * 60 * 60;

fn main() -> std::process::ExitCode {
    e2e::setup::run(example)
}

fn example() -> Result<(), Box<dyn std::error::Error>> {
    let setup = Setup::from_args("Shows last week's messages: From, Subject, Date and text.")?;
    let mut session = setup.imap()?.authenticate(setup.login(Service::Imap)?)?;
    session.run(Select::new("INBOX"))?;

    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let since = Date::from_unix_days(i64::try_from(now / DAY)? - 7)?;
    let found = session.run(Search::new(Query::Since(since)))?;
    println!("{} messages since {since}", found.len());

    // One message at a time is in memory, however many there are.
    for message in session.stream(Fetch::new(found, Item::Body))? {
        let message = message?;
        let Some(parsed) = message.body().and_then(|octets| MessageParser::new().parse(octets))
        else {
            continue;
        };
        let from = parsed.from().and_then(|from| from.first()?.address());
        println!("\nFrom:    {}", from.unwrap_or("?"));
        println!("Subject: {}", parsed.subject().unwrap_or("?"));
        println!("Date:    {}", parsed.date().map(|date| date.to_rfc822()).unwrap_or_default());
        for line in parsed.body_text(0).unwrap_or_default().lines().take(5) {
            println!("  {line}");
        }
    }
    session.logout()?;
    Ok(())
}
