//! Async sessions over tokio: every server, mechanism and way of TLS once more, let in and refused.

use xoauth::imap::command::{Noop, Select};
use xoauth::sasl::{Mechanism, Service};
use xoauth::{Error, LoginRefused, smtp};

use crate::Result;
use crate::cases::Case;
use crate::credentials::Kind;
use crate::environment::{Lab, Lines, Security};
use crate::peers::{Judge, PEERS, Peer};
use crate::runner::Test;

/// What is tried: good credentials, and bad ones followed by good ones on the same connection.
const CASES: [Case; 2] = [Case::Good, Case::UnknownToken];

pub(crate) fn all() -> Vec<Test> {
    let mut tests = Vec::new();
    for peer in PEERS.iter().filter(|peer| peer.judge != Judge::Down) {
        for &kind in peer.kinds {
            for security in Security::ALL {
                for case in CASES {
                    let name = format!(
                        "async {} {} {} {} {}",
                        peer.server,
                        peer.protocol(),
                        kind.name(),
                        security.name(),
                        case.name()
                    );
                    tests.push(Test::named(&name, vec![peer.server], move |lab, lines| {
                        e2e::runtime().block_on(attempt(lab, peer, kind, security, case, lines))
                    }));
                }
            }
        }
    }
    tests
}

async fn attempt(
    lab: &Lab,
    peer: &Peer,
    kind: Kind,
    security: Security,
    case: Case,
    lines: &Lines,
) -> Result<()> {
    let login = case.login(lab, peer, kind)?;
    let again = (case != Case::Good).then(|| Case::Good.login(lab, peer, kind)).transpose()?;
    match peer.service {
        Service::Imap => over_imap(lab, peer, security, login, again, lines).await,
        _ => over_smtp(lab, peer, security, login, again, lines).await,
    }
}

async fn over_imap(
    lab: &Lab,
    peer: &Peer,
    security: Security,
    login: Box<dyn Mechanism>,
    again: Option<Box<dyn Mechanism>>,
    lines: &Lines,
) -> Result<()> {
    let client = lab.imap_async(peer.server, security, lines).await?;
    let entered = client.authenticate(login).await;
    let mut session = match again {
        None => entered.map_err(Error::from)?,
        Some(good) => refused(entered)?.authenticate(good).await.map_err(Error::from)?,
    };
    session.run(Select::new("INBOX")).await?;
    session.run(Noop::new()).await?;
    Ok(session.logout().await?)
}

async fn over_smtp(
    lab: &Lab,
    peer: &Peer,
    security: Security,
    login: Box<dyn Mechanism>,
    again: Option<Box<dyn Mechanism>>,
    lines: &Lines,
) -> Result<()> {
    let client = lab.smtp_async(peer.server, security, lines).await?;
    let entered = client.authenticate(login).await;
    let mut session = match again {
        None => entered.map_err(Error::from)?,
        Some(good) => refused(entered)?.authenticate(good).await.map_err(Error::from)?,
    };
    session.run(smtp::exchange::Noop::new()).await?;
    Ok(session.quit().await?)
}

/// The connection that refused the credentials, for what they were.
fn refused<S, C>(entered: std::result::Result<S, LoginRefused<C>>) -> Result<C> {
    let Err(refused) = entered else { return Err("let in".into()) };
    let (error, client) = refused.into_parts();
    if !error.needs_new_token() || error.is_transient() {
        return Err(format!("not taken for a refusal of the token: {error}").into());
    }
    Ok(client.ok_or("the connection was lost by the refusal")?)
}
