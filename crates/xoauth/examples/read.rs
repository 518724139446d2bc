//! Lists what is unseen in an inbox, newest last:
//! `ACCESS_TOKEN=$(xoauth token -a work) cargo run --example read -- imap.gmail.com ann@gmail.com`
#![allow(clippy::print_stdout)]

use std::env;
use std::error::Error;

use xoauth::Credentials;
use xoauth::imap::command::{Examine, Fetch, Item, Search};
use xoauth::imap::{Builder, Query};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(host), Some(user)) = (arguments.next(), arguments.next()) else {
        println!("usage: read HOST USER [PORT], with the token in ACCESS_TOKEN");
        return Ok(());
    };
    let port = arguments.next().map_or(Ok(993), |port| port.parse())?;

    let credentials = Credentials::token(user, env::var("ACCESS_TOKEN")?);
    let mut session = Builder::new(&host).port(port).log_in(&credentials)?;
    session.run(Examine::new("INBOX"))?;
    let unseen = session.run(Search::new(Query::unseen()))?;
    for message in session.stream(Fetch::new(unseen, [Item::Envelope, Item::Size]))? {
        let message = message?;
        let envelope = message.envelope.unwrap_or_default();
        let from = envelope.from.first().and_then(|from| from.email()).unwrap_or_default();
        let subject = envelope.subject.unwrap_or_default();
        // As the sender wrote them: a program escapes what may steer the terminal.
        println!("{:>9}  {from}  {}", message.size.unwrap_or(0), subject.lossy());
    }
    Ok(session.logout()?)
}
