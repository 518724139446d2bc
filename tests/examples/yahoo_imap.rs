//! Yahoo IMAP access: sign in with XOAUTH, list the folders, count what is unseen.
#![allow(missing_docs, clippy::print_stdout)]

use e2e::setup::Setup;
use xoauth::imap::Query;
use xoauth::imap::command::{Examine, List, Search};
use xoauth::sasl::Service;

fn main() -> std::process::ExitCode {
    e2e::setup::run(example)
}

fn example() -> Result<(), Box<dyn std::error::Error>> {
    let setup =
        Setup::from_args("Signs in to IMAP with XOAUTH, lists folders, counts unseen mail.")?;
    let mut session = setup.imap()?.authenticate(setup.login(Service::Imap)?)?;

    for folder in session.run(List::all())? {
        if !folder.is_selectable() {
            continue;
        }
        // EXAMINE opens for reading only: looking changes nothing.
        session.run(Examine::new(folder.mailbox().clone()))?;
        let unseen = session.run(Search::new(Query::unseen()))?;
        println!("{:<24} {} unseen", folder.mailbox(), unseen.len());
    }
    session.logout()?;
    Ok(())
}
