//! Reading by the blocking and by the async driver.

use std::error::Error;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use tokio::runtime::Runtime;
use xoauth::Transport;
use xoauth::imap::Session;
use xoauth::imap::command::{Fetch, Item, Select};
use xoauth::imap::nonblocking::{self, Part};
use xoauth::imap::parse::FetchRef;
use xoauth::net::AsyncTransport;

use super::corpus;
use super::replay::Replay;
use super::server::Server;
use super::works::stream;
use crate::pair::{Took, compare, runtime};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

pub(crate) fn run() -> Result {
    let runtime = runtime()?;
    let payload = corpus::bodies(10_000, 4 * 1024);
    let replay = move || Replay::new("UID FETCH", &payload);
    let title = "IMAP: 10,000 messages of 4 KB over loopback";
    let octets = 10_000 * 4 * 1024;
    let server = Server::start(replay.clone(), Duration::ZERO)?;
    let mut awaited = runtime.block_on(server.async_selected())?;
    bodies(&format!("{title}, plain"), octets, &mut server.selected()?, &mut awaited, &runtime)?;
    let server = Server::start_tls(replay)?;
    let mut awaited = runtime.block_on(server.async_tls_selected())?;
    bodies(&format!("{title}, TLS"), octets, &mut server.tls_session()?, &mut awaited, &runtime)?;

    let payload = corpus::bodies(1, 200_000_000);
    let server = Server::start(move || Replay::new("UID FETCH", &payload), Duration::ZERO)?;
    let mut awaited = runtime.block_on(server.async_selected())?;
    let title = "IMAP: one message of 200 MB over loopback, plain";
    bodies(title, 200_000_000, &mut server.selected()?, &mut awaited, &runtime)?;

    flags(&runtime)
}

fn bodies<T: Transport, A: AsyncTransport>(
    title: &str,
    octets: usize,
    session: &mut Session<T>,
    awaited: &mut nonblocking::Session<A>,
    runtime: &Runtime,
) -> Result {
    let read = |count: u64| {
        if count == octets as u64 { Ok(()) } else { Err(format!("{count} octets of {octets}")) }
    };
    compare(
        title,
        octets,
        &mut || {
            let (count, took) = timed(|| stream(session));
            read(count)?;
            Ok(took)
        },
        &mut || {
            let (count, took) = timed(|| runtime.block_on(stream_async(awaited)));
            read(count)?;
            Ok(took)
        },
    )
}

fn timed<R>(work: impl FnOnce() -> R) -> (R, Took) {
    let (wall, cpu) = (Instant::now(), ThreadTime::now());
    let done = work();
    (done, (wall.elapsed(), cpu.elapsed()))
}

/// As [`stream`].
async fn stream_async<A: AsyncTransport>(session: &mut nonblocking::Session<A>) -> u64 {
    let mut octets = 0;
    let mut parts = session.stream(Fetch::new("1:*", Item::Body)).await.expect("begun");
    while let Some(part) = parts.next_part().await.expect("read") {
        if let Part::Body(mut body) = part {
            while let Some(chunk) = body.chunk().await.expect("read") {
                std::hint::black_box(chunk);
                octets += chunk.len() as u64;
            }
        }
    }
    octets
}

fn flags(runtime: &Runtime) -> Result {
    let payload = corpus::flags(100_000);
    let octets = payload.len();
    let server = Server::start(move || Replay::new("UID FETCH", &payload), Duration::ZERO)?;
    let mut session = server.selected()?;
    let mut awaited = runtime.block_on(server.async_selected())?;
    let count = |seen: &mut u64, message: &FetchRef<'_>| {
        *seen += u64::from(message.flags.as_ref().is_some_and(|flags| flags.is_seen()));
    };
    compare(
        "IMAP: FLAGS of 100,000 messages over loopback",
        octets,
        &mut || {
            let mut seen = 0;
            let fetch =
                Fetch::new("1:*", Item::Flags).for_each(|message| count(&mut seen, message));
            let (done, took) = timed(|| session.run(fetch));
            done?;
            std::hint::black_box(seen);
            Ok(took)
        },
        &mut || {
            let mut seen = 0;
            let fetch =
                Fetch::new("1:*", Item::Flags).for_each(|message| count(&mut seen, message));
            let (done, took) = timed(|| runtime.block_on(awaited.run(fetch)));
            done?;
            std::hint::black_box(seen);
            Ok(took)
        },
    )
}

impl Server {
    async fn async_selected(&self) -> Result<nonblocking::Session<tokio::net::TcpStream>> {
        let builder = nonblocking::Builder::new("127.0.0.1").port(self.port());
        let login = xoauth::sasl::XOAuth2::new("user", "token")?;
        let session = builder.connect_plain().await?.trust().authenticate(login).await;
        let mut session = session.map_err(|refused| refused.to_string())?;
        session.run(Select::new("INBOX")).await?;
        Ok(session)
    }

    async fn async_tls_selected(
        &self,
    ) -> Result<nonblocking::Session<xoauth::net::AsyncTlsTransport>> {
        let builder =
            nonblocking::Builder::new("localhost").port(self.port()).tls(&self.trusting()?);
        let login = xoauth::sasl::XOAuth2::new("user", "token")?;
        let session = builder.connect().await?.authenticate(login).await;
        let mut session = session.map_err(|refused| refused.to_string())?;
        session.run(Select::new("INBOX")).await?;
        Ok(session)
    }
}
