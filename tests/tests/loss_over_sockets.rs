//! No message is lost, sent twice or lied about, through the sessions of both drivers and through pools: a sink that
//! fails as it was drawn, and afterwards its list beside the outcomes. (`message_loss` plays more, without sockets.)
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;

use e2e::certificates::Authority;
use e2e::sink::{Faults, Keep, Offer, Sink};
use xoauth::smtp::exchange::{Submit, Window};
use xoauth::smtp::nonblocking;
use xoauth::smtp::{self, Builder, Pool, Sent, Session};
use xoauth::{Credentials, Error, Tls, Transport};

const COUNT: usize = 50;

type Outcome = Result<Sent, Error>;

fn message(number: usize) -> Submit<'static> {
    let content = format!("Subject: {number}\r\n\r\n{}.\r\n", "text\r\n".repeat(number % 7 * 50));
    Submit::new(&*format!("{number}@example.org"), ["b@example.net"], content)
}

/// What was seen of all runs, so that a test that sees nothing fails.
#[derive(Debug, Default)]
struct Told {
    accepted: usize,
    unknown: usize,
    unknown_but_accepted: usize,
    failed: usize,
    /// Runs whose session was over before all messages were.
    broken: usize,
}

impl Told {
    /// Holds outcomes against what the sink accepted.
    fn compare(&mut self, seed: u64, outcomes: &[Outcome], sink: Sink) {
        let mut accepted: HashMap<String, usize> = HashMap::new();
        for one in sink.finish_with_messages().1 {
            *accepted.entry(one.from).or_default() += 1;
        }
        for (number, outcome) in outcomes.iter().enumerate() {
            let there = accepted.remove(&format!("{number}@example.org")).unwrap_or(0);
            assert!(there <= 1, "seed {seed}: number {number} was sent {there} times");
            match outcome {
                Ok(_) => {
                    assert_eq!(there, 1, "seed {seed}: number {number} was not accepted");
                    self.accepted += 1;
                }
                Err(Error::Smtp(smtp::Error::DeliveryUnknown { .. })) => {
                    self.unknown += 1;
                    self.unknown_but_accepted += there;
                }
                Err(error) => {
                    assert_eq!(there, 0, "seed {seed}: number {number} was accepted: {error}");
                    self.failed += 1;
                }
            }
        }
        assert!(accepted.is_empty(), "seed {seed}: nobody was told of {accepted:?}");
        self.broken += usize::from(outcomes.len() < COUNT);
    }
}

/// A certificate for sinks, and a client that trusts it.
struct Trust(Authority, Tls);

impl Trust {
    fn new() -> Self {
        let authority = Authority::new().unwrap();
        let tls = Tls::builder().add_roots(&authority.pem().unwrap()).unwrap();
        let tls = tls.only_these_roots().build().unwrap();
        Self(authority, tls)
    }

    /// A sink whose offer and faults are those of the seed.
    fn sink(&self, seed: u64, is_protected: bool) -> Sink {
        let offer = Offer { pipelining: seed % 4 < 2, chunking: seed % 2 == 0 };
        let faults = Faults::draw(seed, 30_000);
        let builder = Sink::builder().offer(offer).keep(Keep::Messages).faults(faults);
        let builder = match is_protected {
            true => builder.tls(self.0.localhost().unwrap()),
            false => builder,
        };
        builder.start().unwrap()
    }
}

fn all<T: Transport>(mut session: Session<T>) -> Vec<Outcome> {
    let outcomes = session.send_all((0..COUNT).map(message)).unwrap();
    outcomes.window(Window::of_messages(8)).collect()
}

#[test]
fn outcomes_of_blocking_sessions_agree() {
    let trust = Trust::new();
    let mut told = Told::default();
    for seed in 0..150 {
        let is_protected = seed % 3 == 0;
        let sink = trust.sink(seed, is_protected);
        let client = Builder::new("localhost").port(sink.port()).tls(&trust.1);
        let client = if seed % 5 == 0 { client.lmtp() } else { client };
        let outcomes = if is_protected {
            let Ok(client) = client.connect() else { continue };
            all(client.without_authentication())
        } else {
            let Ok(client) = client.connect_plain() else { continue };
            all(client.trust().without_authentication())
        };
        told.compare(seed, &outcomes, sink);
    }
    assert!(told.accepted > 1000 && told.unknown > 10 && told.broken > 10, "{told:?}");
}

async fn all_async<T: xoauth::net::AsyncTransport>(
    mut session: nonblocking::Session<T>,
) -> Vec<Outcome> {
    let outcomes = session.send_all((0..COUNT).map(message)).unwrap();
    let mut outcomes = outcomes.window(Window::of_messages(8));
    let mut told = Vec::new();
    while let Some(outcome) = outcomes.next().await {
        told.push(outcome);
    }
    told
}

#[test]
fn outcomes_of_async_sessions_agree() {
    let trust = Trust::new();
    let mut told = Told::default();
    e2e::runtime().block_on(async {
        for seed in 1000..1150 {
            let is_protected = seed % 3 == 0;
            let sink = trust.sink(seed, is_protected);
            let client = nonblocking::Builder::new("localhost").port(sink.port()).tls(&trust.1);
            let client = if seed % 5 == 0 { client.lmtp() } else { client };
            let outcomes = if is_protected {
                let Ok(client) = client.connect().await else { continue };
                all_async(client.without_authentication()).await
            } else {
                let Ok(client) = client.connect_plain().await else { continue };
                all_async(client.trust().without_authentication()).await
            };
            told.compare(seed, &outcomes, sink);
        }
    });
    assert!(told.accepted > 1000 && told.unknown > 10 && told.broken > 10, "{told:?}");
}

#[test]
fn outcomes_of_pools_agree_although_they_send_once_more_what_surely_nobody_has() {
    let trust = Trust::new();
    let mut told = Told::default();
    for seed in 2000..2080 {
        let sink = trust.sink(seed, true);
        let builder = Builder::new("localhost").port(sink.port()).tls(&trust.1);
        let pool = Pool::new(2);
        let mailer = pool.mailer(builder, Credentials::token("ann@example.com", "token"));
        let outcomes: Vec<_> = (0..COUNT).map(|number| mailer.send(|| message(number))).collect();
        pool.quit();
        told.compare(seed, &outcomes, sink);
    }
    assert!(told.accepted > 1000 && told.unknown > 10 && told.failed > 10, "{told:?}");
}

#[test]
fn outcomes_of_async_pools_agree_too() {
    let trust = Trust::new();
    let mut told = Told::default();
    e2e::runtime().block_on(async {
        for seed in 3000..3080 {
            let sink = trust.sink(seed, true);
            let builder = nonblocking::Builder::new("localhost").port(sink.port()).tls(&trust.1);
            let pool = nonblocking::Pool::new(2);
            let credentials = Credentials::token("ann@example.com", "token");
            let mailer = pool.mailer(builder, credentials);
            let mut outcomes = Vec::new();
            for number in 0..COUNT {
                outcomes.push(mailer.send(|| message(number)).await);
            }
            pool.quit().await;
            told.compare(seed, &outcomes, sink);
        }
    });
    assert!(told.accepted > 1000 && told.unknown > 10 && told.failed > 10, "{told:?}");
}
