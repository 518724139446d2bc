//! Counts the unseen messages of several users whose mailboxes one token opens (shared mailboxes, say), all at once,
//! over tokio:
//! `ACCESS_TOKEN=.. cargo run --features tokio --example read_async -- imap.example.com ann@example.com ben@example.com`
#![allow(clippy::print_stdout)]

use std::env;
use std::error::Error;

use xoauth::Credentials;
use xoauth::imap::Query;
use xoauth::imap::command::{Examine, Search};
use xoauth::imap::nonblocking::Builder;

async fn unseen(host: &str, user: &str, token: &str) -> Result<usize, xoauth::Error> {
    let credentials = Credentials::token(user, token);
    let mut session = Builder::new(host).log_in(&credentials).await?;
    session.run(Examine::new("INBOX")).await?;
    let unseen = session.run(Search::new(Query::unseen())).await?;
    session.logout().await?;
    Ok(unseen.len())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let Some(host) = arguments.next() else {
        println!("usage: read_async HOST USER.., with the token in ACCESS_TOKEN");
        return Ok(());
    };
    let token = env::var("ACCESS_TOKEN")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for user in arguments {
            let (host, token) = (host.clone(), token.clone());
            let local = async move { (unseen(&host, &user, &token).await, user) };
            tasks.spawn(local);
        }
        while let Some(task) = tasks.join_next().await {
            match task? {
                (Ok(count), user) => println!("{user}: {count} unseen"),
                (Err(error), user) => println!("{user}: {error}"),
            }
        }
        Ok(())
    })
}
