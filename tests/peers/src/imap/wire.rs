//! Whole clients over loopback, against a server in another thread.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use io_imap::client::ImapClientStd;
use tokio::runtime::Runtime;
use xoauth::imap::Session;
use xoauth::imap::command::{Fetch, Item, Select};

use super::corpus;
use super::race::{Clock, race, runner};
use super::replay::Replay;
use super::server::{AsyncStream, Server, Socket, Stream};
use super::works::{Counter, stream, tokio};
use crate::measure::goal;
use crate::report::say;

type Result = std::result::Result<(), Box<dyn Error>>;

const OURS: &str = "xoauth, streamed";
const IO: &str = "io-imap, streamed";
const ASYNC: &str = "async-imap";
const RAW: &str = "raw reader";

pub(crate) fn run() -> Result {
    let payload = corpus::bodies(MESSAGES, 4 * 1024);
    let replay = move || Replay::new("UID FETCH", &payload);
    let server = Server::start(replay.clone(), Duration::ZERO)?;
    let tokio = tokio();
    many(
        "plain",
        &mut server.selected()?,
        server.socket()?,
        tokio.block_on(server.async_socket())?,
        &tokio,
    )?;
    let server = Server::start_tls(replay)?;
    many(
        "TLS",
        &mut server.tls_session()?,
        server.tls_socket()?,
        tokio.block_on(server.async_tls_socket())?,
        &tokio,
    )?;

    let payload = corpus::bodies(1, 200_000_000);
    let server = Server::start(move || Replay::new("UID FETCH", &payload), Duration::ZERO)?;
    let (mut session, mut io) = (server.selected()?, ImapClientStd::new(Socket(server.raw()?)));
    let ran = race(
        "one message of 200 MB over loopback, plain",
        Clock::Cpu,
        200_000_000,
        vec![runner(OURS, || stream(&mut session)), runner(IO, || io_bodies(&mut io))],
    );
    ran.goal(OURS, IO, 0.95);

    round_trips()?;
    flights()
}

/// How many messages there are in `many`.
const MESSAGES: u32 = 10_000;

/// Messages of 4 KB: two sockets for the blocking peers, one for the other.
fn many<T: xoauth::Transport, S: Stream, A: AsyncStream>(
    how: &str,
    session: &mut Session<T>,
    [for_io, mut raw]: [S; 2],
    for_async: A,
    tokio: &Runtime,
) -> Result {
    let octets = MESSAGES as usize * 4 * 1024;
    let mut io = ImapClientStd::new(Socket(for_io));
    let mut peer = tokio.block_on(async {
        let client = async_imap::Client::new(for_async);
        client.login("user", "token").await.map_err(|error| error.0)
    })?;
    let ran = race(
        &format!("{MESSAGES} messages of 4 KB over loopback, {how}"),
        Clock::Cpu,
        octets,
        vec![
            runner(OURS, || stream(session)),
            runner(IO, || io_bodies(&mut io)),
            runner(ASYNC, || tokio.block_on(async_bodies(&mut peer))),
            runner(RAW, || {
                raw.write_all(b"a UID FETCH 1:* (BODY.PEEK[])\r\n").expect("sent");
                let (mut buffer, mut end) = (vec![0; 64 * 1024], Vec::new());
                while !end.ends_with(b"a OK done\r\n") {
                    let n = raw.read(&mut buffer).expect("read");
                    end.clear();
                    end.extend_from_slice(&buffer[n.saturating_sub(16)..n]);
                }
                octets as u64
            }),
        ],
    );
    ran.goal(OURS, IO, 1.0);
    ran.goal(OURS, ASYNC, 1.4);
    ran.goal(OURS, RAW, 0.8);
    Ok(())
}

/// A command a message, where each round trip takes 20 ms.
fn round_trips() -> Result {
    const COUNT: u32 = 100;
    let payload = corpus::bodies(1, 4 * 1024);
    let server = Server::start(move || Replay::echoing(&payload), Duration::from_millis(20))?;
    let mut session = server.selected()?;
    let mut io = ImapClientStd::new(Socket(server.raw()?));
    let tokio = tokio();
    let mut peer = tokio.block_on(async {
        let client = async_imap::Client::new(server.async_socket().await?);
        client.login("user", "token").await.map_err(|error| Box::<dyn Error>::from(error.0))
    })?;
    let ran = race(
        "100 messages, a command each, 20 ms a round trip",
        Clock::Slow,
        COUNT as usize * 4096,
        vec![
            runner("xoauth, one batch", || {
                let fetches: Vec<Fetch> =
                    (1..=COUNT).map(|uid| Fetch::new(&*uid.to_string(), Item::Body)).collect();
                let read = session.run(fetches).expect("run");
                read.into_iter()
                    .map(|messages| messages.expect("read")[0].body().map_or(0, <[u8]>::len) as u64)
                    .sum()
            }),
            runner(IO, || {
                (1..=COUNT)
                    .map(|uid| {
                        let mut counter = Counter(0);
                        io.fetch_body_stream(uid.try_into().expect("a number"), true, &mut counter)
                            .expect("read");
                        counter.0
                    })
                    .sum()
            }),
            runner(ASYNC, || {
                (1..=COUNT)
                    .map(|uid| {
                        tokio.block_on(async {
                            let mut messages = peer
                                .uid_fetch(uid.to_string(), "(BODY.PEEK[])")
                                .await
                                .expect("begun");
                            let mut octets = 0;
                            while let Some(message) = messages.next().await {
                                octets +=
                                    message.expect("read").body().map_or(0, <[u8]>::len) as u64;
                            }
                            octets
                        })
                    })
                    .sum()
            }),
        ],
    );
    ran.goal("xoauth, one batch", IO, 20.0);
    ran.goal("xoauth, one batch", ASYNC, 20.0);
    Ok(())
}

/// From the connection to the answer to SELECT.
fn flights() -> Result {
    let none = Arc::new(Vec::new());
    for (greeting, wanted) in [(true, 4), (false, 5)] {
        let none = Arc::clone(&none);
        let server = Server::start(
            move || if greeting { Replay::new("-", &none) } else { Replay::silent(&none) },
            Duration::ZERO,
        )?;
        let mut session = server.session()?;
        session.run(Select::new("INBOX"))?;
        // TCP and the TLS handshake take one each before the first octet of IMAP.
        let flights = f64::from(2 + server.heard.load(Ordering::SeqCst));
        let what = if greeting { "with" } else { "without" };
        let what = format!("flights to SELECT, {what} capabilities in the greeting");
        say!("{}", goal(&what, flights, &format!("<= {wanted}"), flights <= f64::from(wanted)));
    }
    Ok(())
}

fn io_bodies(client: &mut ImapClientStd) -> u64 {
    let mut octets = 0;
    let set = "1:*".try_into().expect("a set");
    let open = |_| Ok(Counter(0));
    let done = |_, sink: Counter| {
        octets += sink.0;
        Ok(())
    };
    client.fetch_bodies_stream(set, true, open, done).expect("read");
    octets
}

async fn async_bodies<S: AsyncStream>(session: &mut async_imap::Session<S>) -> u64 {
    let mut messages = session.uid_fetch("1:*", "(BODY.PEEK[])").await.expect("begun");
    let mut octets = 0;
    while let Some(message) = messages.next().await {
        octets += message.expect("read").body().map_or(0, <[u8]>::len) as u64;
    }
    octets
}
