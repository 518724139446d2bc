//! Sending by the blocking and by the async driver.

use std::time::Duration;

use e2e::certificates::Authority;
use tokio::runtime::Runtime;
use xoauth::net::AsyncTransport;
use xoauth::smtp::exchange::{Submit, Window};
use xoauth::smtp::nonblocking::{Builder, Session};

use super::{
    CHUNKING, Client, Clock, DATA, FROM, Job, Place, Result, TO, Took, message, ours, send,
};
use crate::pair::{compare, runtime};

pub(crate) fn run() -> Result<()> {
    const COUNT: usize = 5000;
    let content = message(2048);
    let plain = |offer| Place { offer, round_trip: None, authority: None };
    let several: [(&str, Place<'_>, Client, Client); 3] = [
        ("DATA", plain(DATA), ours::window_default, bulk_default),
        ("BDAT, window 8", plain(CHUNKING), ours::window_default, bulk_default),
        ("BDAT, window 64", plain(CHUNKING), ours::window_64, bulk_64),
    ];
    for (how, place, blocking, awaited) in several {
        let title = format!("SMTP: {COUNT} messages of 2 KB, {how}");
        pair(&title, place, &content, COUNT, blocking, awaited)?;
    }
    let content = message(100_000_000);
    let authority = Authority::new()?;
    for (offer, how) in [(DATA, "DATA"), (CHUNKING, "BDAT")] {
        let title = format!("SMTP: one message of 100 MB, {how}, plain");
        pair(&title, plain(offer), &content, 1, ours::run_plain, run_plain)?;
        let title = format!("SMTP: one message of 100 MB, {how}, TLS");
        let place = Place { authority: Some(&authority), ..plain(offer) };
        pair(&title, place, &content, 1, ours::run_tls, run_tls)?;
    }
    Ok(())
}

fn pair(
    title: &str,
    place: Place<'_>,
    content: &[u8],
    count: usize,
    blocking: Client,
    awaited: Client,
) -> Result<()> {
    let took = |client| {
        let done = send(client, place, content, count)?;
        let all = |seconds: f64| Duration::from_secs_f64(seconds * count as f64);
        Ok((all(done.seconds), all(done.cpu)))
    };
    compare(title, content.len() * count, &mut || took(blocking), &mut || took(awaited))
}

fn bulk_default(job: Job<'_>) -> Result<Took> {
    bulk(&runtime()?, job, Window::default())
}

fn bulk_64(job: Job<'_>) -> Result<Took> {
    bulk(&runtime()?, job, Window::of_messages(64))
}

fn bulk(runtime: &Runtime, job: Job<'_>, window: Window) -> Result<Took> {
    runtime.block_on(async {
        let client = Builder::new("127.0.0.1").port(job.port).connect_plain().await?;
        let mut session = client.trust().without_authentication();
        let messages = (0..job.count).map(|_| Submit::new(FROM, [TO], job.content));
        let began = Clock::start();
        let mut outcomes = session.send_all(messages)?.window(window);
        while let Some(outcome) = outcomes.next().await {
            outcome?;
        }
        Ok(began.took())
    })
}

fn run_plain(job: Job<'_>) -> Result<Took> {
    runtime()?.block_on(async {
        let client = Builder::new("127.0.0.1").port(job.port).connect_plain().await?;
        one_by_one(client.trust().without_authentication(), job).await
    })
}

fn run_tls(job: Job<'_>) -> Result<Took> {
    let tls = ours::trusting(job)?;
    runtime()?.block_on(async {
        let client = Builder::new("localhost").port(job.port).tls(&tls).connect().await?;
        one_by_one(client.without_authentication(), job).await
    })
}

async fn one_by_one<T: AsyncTransport>(mut session: Session<T>, job: Job<'_>) -> Result<Took> {
    let began = Clock::start();
    for _ in 0..job.count {
        session.run(Submit::new(FROM, [TO], job.content)).await?;
    }
    Ok(began.took())
}
