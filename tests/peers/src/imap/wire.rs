//! Whole clients over loopback, against a server in another thread.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use io_imap::client::{ImapClientStd, ImapStream};
use std::any::Any;
use tokio::runtime::Runtime;
use xoauth::imap::command::{Fetch, Item, Select};
use xoauth::imap::{Builder, Session};
use xoauth::net::TcpTransport;
use xoauth::sasl::XOAuth2;

use super::corpus;
use super::race::{Clock, race, runner};
use super::replay::Replay;
use super::works::{Counter, stream, tokio};
use crate::measure::goal;
use crate::report::say;

type Result = std::result::Result<(), Box<dyn Error>>;

const OURS: &str = "xoauth, streamed";
const IO: &str = "io-imap, streamed";
const ASYNC: &str = "async-imap";
const RAW: &str = "raw reader";

pub(crate) fn run() -> Result {
    let payload = corpus::bodies(10_000, 4 * 1024);
    let server = Server::start(move || Replay::new("UID FETCH", &payload), Duration::ZERO)?;
    let octets = 10_000 * 4 * 1024;
    let mut session = server.selected()?;
    let mut io = server.io_imap()?;
    let tokio = tokio();
    let mut peer = server.async_imap(&tokio)?;
    let mut raw = server.raw()?;
    let ran = race(
        "10,000 messages of 4 KB over loopback, plain",
        Clock::Cpu,
        octets,
        vec![
            runner(OURS, || stream(&mut session)),
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

    let payload = corpus::bodies(1, 200_000_000);
    let server = Server::start(move || Replay::new("UID FETCH", &payload), Duration::ZERO)?;
    let (mut session, mut io) = (server.selected()?, server.io_imap()?);
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

/// A command a message, where each round trip takes 20 ms.
fn round_trips() -> Result {
    const COUNT: u32 = 100;
    let payload = corpus::bodies(1, 4 * 1024);
    let server = Server::start(move || Replay::echoing(&payload), Duration::from_millis(20))?;
    let mut session = server.selected()?;
    let mut io = server.io_imap()?;
    let tokio = tokio();
    let mut peer = server.async_imap(&tokio)?;
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

struct Server {
    address: SocketAddr,
    /// Times that octets of clients came in.
    heard: Arc<AtomicU32>,
}

impl Server {
    fn start(replay: impl Fn() -> Replay + Send + 'static, delay: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let heard = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (replay, counter) = (replay(), Arc::clone(&counter));
                std::thread::spawn(move || serve(stream, replay, delay, &counter));
            }
        });
        Ok(Self { address, heard })
    }

    fn session(&self) -> std::result::Result<Session<TcpTransport>, Box<dyn Error>> {
        let builder = Builder::new("127.0.0.1").port(self.address.port());
        let login = XOAuth2::new("user", "token")?;
        let session = builder.connect_plain()?.trust().authenticate(login);
        Ok(session.map_err(|refused| refused.to_string())?)
    }

    fn selected(&self) -> std::result::Result<Session<TcpTransport>, Box<dyn Error>> {
        let mut session = self.session()?;
        session.run(Select::new("INBOX"))?;
        Ok(session)
    }

    /// Connected and greeted, the way the client does not see.
    fn raw(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        let mut octet = [0];
        while octet != *b"\n" {
            stream.read_exact(&mut octet)?;
        }
        Ok(stream)
    }

    fn io_imap(&self) -> io::Result<ImapClientStd> {
        Ok(ImapClientStd::new(Socket(self.raw()?)))
    }

    fn async_imap(
        &self,
        tokio: &Runtime,
    ) -> std::result::Result<async_imap::Session<tokio::net::TcpStream>, Box<dyn Error>> {
        tokio.block_on(async {
            let stream = tokio::net::TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let mut client = async_imap::Client::new(stream);
            client.read_response().await?;
            Ok(client.login("user", "token").await.map_err(|error| error.0)?)
        })
    }
}

fn serve(mut stream: TcpStream, mut replay: Replay, delay: Duration, heard: &AtomicU32) {
    let _ = stream.set_nodelay(true);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        loop {
            let n = replay.say(&mut buffer);
            if n == 0 {
                break;
            }
            if stream.write_all(&buffer[..n]).is_err() {
                return;
            }
        }
        match stream.read(&mut buffer) {
            Ok(n @ 1..) => {
                heard.fetch_add(1, Ordering::SeqCst);
                replay.hear(&buffer[..n]);
                std::thread::sleep(delay);
            }
            _ => return,
        }
    }
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

async fn async_bodies(session: &mut async_imap::Session<tokio::net::TcpStream>) -> u64 {
    let mut messages = session.uid_fetch("1:*", "(BODY.PEEK[])").await.expect("begun");
    let mut octets = 0;
    while let Some(message) = messages.next().await {
        octets += message.expect("read").body().map_or(0, <[u8]>::len) as u64;
    }
    octets
}

/// A socket as io-imap takes it.
struct Socket(TcpStream);

impl Read for Socket {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl Write for Socket {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl ImapStream for Socket {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_read_timeout(timeout)
    }
}
