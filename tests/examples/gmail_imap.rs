//! Gmail IMAP access: sign in with XOAUTH, open the inbox, list what is in it.
#![allow(missing_docs, clippy::print_stdout)]

use e2e::setup::Setup;
use xoauth::imap::Query;
use xoauth::imap::command::{Fetch, Item, Logout, Search, Select};
use xoauth::sasl::Service;

fn main() -> std::process::ExitCode {
    e2e::setup::run(example)
}

fn example() -> Result<(), Box<dyn std::error::Error>> {
    let setup = Setup::from_args("Signs in to IMAP with XOAUTH and lists the inbox.")?;
    let mut session = setup.imap()?.authenticate(setup.login(Service::Imap)?)?;

    let inbox = session.run(Select::new("INBOX"))?;
    println!("{}: {} messages in the inbox", setup.user(), inbox.exists.unwrap_or(0));

    let found = session.run(Search::new(Query::All))?;
    for message in session.run(Fetch::new(found, [Item::Envelope, Item::Size]))? {
        let subject = message.envelope.and_then(|envelope| envelope.subject).unwrap_or_default();
        println!("{:>8} octets  {}", message.size.unwrap_or(0), subject.lossy());
    }
    session.run(Logout::new())?;
    Ok(())
}
