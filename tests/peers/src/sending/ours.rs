//! This workspace's client.

use xoauth::net::{TcpTransport, TlsTransport};
use xoauth::sasl::XOAuth2;
use xoauth::smtp::exchange::{Submit, Window};
use xoauth::smtp::{Builder, Mail, Message, Session};
use xoauth::{Tls, Transport};

use super::{Clock, FROM, Job, Result, TO, Took};
use crate::allocations::growth;

fn plain(job: Job<'_>) -> Result<Session<TcpTransport>> {
    let client = Builder::new("127.0.0.1").port(job.port).connect_plain()?;
    Ok(client.trust().without_authentication())
}

pub(super) fn trusting(job: Job<'_>) -> Result<Tls> {
    let authority = job.authority.ok_or("no authority to trust")?;
    Ok(Tls::builder().add_roots(&authority.pem()?)?.only_these_roots().build()?)
}

fn protected(job: Job<'_>) -> Result<Session<TlsTransport>> {
    let client = Builder::new("localhost").port(job.port).tls(&trusting(job)?).connect()?;
    Ok(client.without_authentication())
}

fn bulk<T: Transport>(mut session: Session<T>, job: Job<'_>, window: Window) -> Result<Took> {
    let messages = (0..job.count).map(|_| Submit::new(FROM, [TO], job.content));
    let began = Clock::start();
    for outcome in session.send_all(messages)?.window(window) {
        outcome?;
    }
    Ok(began.took())
}

/// `send_all` as it comes.
pub(super) fn window_default(job: Job<'_>) -> Result<Took> {
    bulk(plain(job)?, job, Window::default())
}

pub(super) fn window_64(job: Job<'_>) -> Result<Took> {
    bulk(plain(job)?, job, Window::of_messages(64))
}

fn one_by_one<T: Transport>(mut session: Session<T>, job: Job<'_>) -> Result<Took> {
    let began = Clock::start();
    for _ in 0..job.count {
        session.run(Submit::new(FROM, [TO], job.content))?;
    }
    Ok(began.took())
}

/// A message at a time, each waited for.
pub(super) fn run_plain(job: Job<'_>) -> Result<Took> {
    one_by_one(plain(job)?, job)
}

pub(super) fn run_tls(job: Job<'_>) -> Result<Took> {
    one_by_one(protected(job)?, job)
}

/// The heap that one message takes which is read while it is sent.
pub(super) fn heap_of_reader(job: Job<'_>) -> Result<u64> {
    let mut session = plain(job)?;
    let message = Message::from_source(job.content);
    let (most, sent) = growth(|| session.run(Submit::mail(Mail::new(FROM, [TO], message))));
    sent?;
    Ok(most)
}

/// Everything from connecting to the first message accepted, under TLS and with a token.
pub(super) fn first_message(job: Job<'_>) -> Result<Took> {
    let tls = trusting(job)?;
    let began = Clock::start();
    let client = Builder::new("localhost").port(job.port).tls(&tls).connect()?;
    let mut session = client.authenticate(XOAuth2::new(FROM, "token")?)?;
    session.run(Submit::new(FROM, [TO], job.content))?;
    let took = began.took();
    // What is said in parting is no part of it.
    std::mem::forget(session);
    Ok(took)
}
