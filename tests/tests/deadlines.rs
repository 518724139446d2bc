//! How long sessions wait, by a clock that jumps to whatever is waited for next.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::duplicate_mod, reason = "each driver runs the same cases")]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep};
use xoauth::imap::command::{Fetch, Item, Noop, Select};
use xoauth::imap::nonblocking::Part;
use xoauth::smtp::exchange::Submit;
use xoauth::{Deadlines, Error, imap, smtp};

const SECOND: Duration = Duration::from_secs(1);

/// Runs a case under a clock that stands still while anybody is at work.
fn simulated(case: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(case);
}

/// A listener that takes no further connection, and those it holds.
#[cfg(target_os = "linux")]
fn full() -> (impl Sized, u16) {
    // On a thread of its own: a runtime cannot be dropped in another.
    let listening = std::thread::spawn(|| {
        let runtime = e2e::runtime();
        let _entered = runtime.enter();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.listen(1).unwrap().into_std().unwrap()
    });
    let listener = listening.join().unwrap();
    let address = listener.local_addr().unwrap();
    // Linux holds one more than it is told.
    let held = [0, 1].map(|_| std::net::TcpStream::connect(address).unwrap());
    ((listener, held), address.port())
}

#[path = "deadlines/simulated.rs"]
mod simulation;
#[path = "deadlines/table.rs"]
mod table;

#[path = "deadlines"]
mod blocking {
    use xoauth::net::TcpTransport;
    use xoauth::{imap as imap_sessions, smtp as smtp_sessions};

    use super::simulation::Simulated;
    use super::table::{Flow, Row};

    pub(super) use super::simulation::Clock;

    /// Streams that hear while they write, and streams that do not.
    const KINDS: &[bool] = &[true, false];

    fn started(row: &Row, flow: Option<Flow>, hears_while_writing: bool) -> (Simulated, Clock) {
        Simulated::new(row, flow, hears_while_writing)
    }

    macro_rules! wait {
        ($call:expr) => {
            $call
        };
    }
    macro_rules! run {
        ($case:block) => {
            $case
        };
    }
    macro_rules! over_sockets {
        ($case:block) => {
            $case
        };
    }
    macro_rules! news {
        ($idle:expr) => {
            $idle.wait(std::time::Duration::from_secs(60)).map(Option::unwrap)
        };
    }
    macro_rules! socket {
        ($port:expr) => {{
            let stream = std::net::TcpStream::connect(("127.0.0.1", $port)).unwrap();
            (TcpTransport::new(stream).unwrap(), Clock::new())
        }};
    }
    macro_rules! serving {
        ($acts:expr) => {
            e2e::scripted::Peer::start(vec![super::super::table::steps($acts)]).unwrap()
        };
    }
    macro_rules! bound {
        () => {
            // By the clock of the machine, which is not measured.
            deadlines()
        };
    }
    macro_rules! clock {
        () => {
            std::time::Instant::now()
        };
    }
    macro_rules! judge {
        ($after:expr, $bound:expr, $name:expr) => {
            assert!($after >= $bound, "{}", $name);
        };
    }

    mod sockets;
    mod stalls;
}

#[path = "deadlines"]
mod nonblocking {
    use std::time::Duration;

    use tokio::io::{
        AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
        DuplexStream,
    };
    use tokio::time::Instant;
    use xoauth::{imap::nonblocking as imap_sessions, smtp::nonblocking as smtp_sessions};

    use super::simulation::ROOM;
    use super::table::{Act, Flow, Row};

    /// Async streams hear while they write.
    const KINDS: &[bool] = &[true];

    pub(super) struct Clock(Instant);

    impl Clock {
        fn passed(&self) -> Duration {
            self.0.elapsed()
        }
    }

    fn started(row: &Row, flow: Option<Flow>, _: bool) -> (DuplexStream, Clock) {
        let (ours, theirs) = tokio::io::duplex(ROOM);
        tokio::spawn(play(theirs, row.acts, flow));
        (ours, Clock(Instant::now()))
    }

    /// Plays a script, and keeps the connection then.
    async fn play(stream: impl AsyncRead + AsyncWrite + Unpin, acts: &[Act], flow: Option<Flow>) {
        let mut stream = BufReader::new(stream);
        let mut tag = String::new();
        for act in acts {
            match act {
                Act::Say(text) => {
                    let text = text.replace("{tag}", &tag);
                    stream.write_all(text.as_bytes()).await.unwrap();
                }
                Act::Hear(text) => {
                    let mut line = Vec::new();
                    stream.read_until(b'\n', &mut line).await.unwrap();
                    let line = String::from_utf8_lossy(&line);
                    assert!(line.contains(text), "{text}: {line}");
                    if let Some((own, _)) = line.split_once(' ') {
                        own.clone_into(&mut tag);
                    }
                }
                Act::Rest(time) => tokio::time::sleep(*time).await,
            }
        }
        let Some(flow) = flow else { return std::future::pending().await };
        let (octets, pause) = flow.pace();
        let mut text = flow.text().bytes();
        loop {
            let mut piece: Vec<u8> = (0..octets).map(|_| text.next().unwrap_or(b'x')).collect();
            let moved = match flow.is_reading() {
                true => stream.read(&mut piece).await.map(drop),
                false => stream.write_all(&piece).await,
            };
            if moved.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// A server on a socket in the runtime of its client.
    struct Serving {
        port: u16,
        _task: tokio::task::JoinHandle<()>,
    }

    impl Serving {
        async fn start(acts: &'static [Act]) -> Self {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let task = tokio::spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                play(stream, acts, None).await;
            });
            Self { port, _task: task }
        }

        fn port(&self) -> u16 {
            self.port
        }
    }

    macro_rules! wait {
        ($call:expr) => {
            $call.await
        };
    }
    macro_rules! run {
        ($case:block) => {
            super::super::simulated(async $case)
        };
    }
    macro_rules! over_sockets {
        ($case:block) => {
            e2e::runtime().block_on(async $case)
        };
    }
    macro_rules! news {
        ($idle:expr) => {
            $idle.next().await
        };
    }
    macro_rules! socket {
        ($port:expr) => {{
            let stream = tokio::net::TcpStream::connect(("127.0.0.1", $port)).await.unwrap();
            (stream, Clock(Instant::now()))
        }};
    }
    macro_rules! serving {
        ($acts:expr) => {
            super::Serving::start($acts).await
        };
    }
    macro_rules! bound {
        () => {
            deadlines()
        };
    }
    macro_rules! clock {
        () => {
            tokio::time::Instant::now()
        };
    }
    macro_rules! judge {
        ($after:expr, $bound:expr, $name:expr) => {
            let after: std::time::Duration = $after;
            let late = after.saturating_sub($bound);
            assert!(
                after >= $bound && late <= std::time::Duration::from_millis(2),
                "{}: {after:?}",
                $name
            );
        };
    }

    mod sockets;
    mod stalls;
}

fn deadlines() -> Deadlines {
    let mut deadlines = Deadlines::all(5 * SECOND);
    deadlines.slowest = 4096;
    deadlines.total = None;
    deadlines
}

/// The tag of what the client says next.
async fn tag(stream: &mut DuplexStream) -> String {
    let mut line = [0; 256];
    let read = stream.read(&mut line).await.unwrap();
    String::from_utf8_lossy(&line[..read]).split(' ').next().unwrap().to_owned()
}

/// A server that opens a mailbox and says its lines, then octets of a body, `size` of them at a time.
async fn imap_server(mut stream: DuplexStream, body: usize, size: usize, pause: Duration) {
    stream.write_all(b"* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n").await.unwrap();
    let selected = tag(&mut stream).await;
    stream.write_all(format!("{selected} OK done\r\n").as_bytes()).await.unwrap();
    let tag = tag(&mut stream).await;
    stream.write_all(format!("* 1 FETCH (BODY[] {{{body}}}\r\n").as_bytes()).await.unwrap();
    let octets = vec![b'x'; size];
    for _ in 0..body / size {
        sleep(pause).await;
        if stream.write_all(&octets).await.is_err() {
            return;
        }
    }
    let _ = stream.write_all(format!(")\r\n{tag} OK done\r\n").as_bytes()).await;
    // Keeps the connection until the client closes it.
    let _ = stream.read(&mut [0; 256]).await;
}

async fn session(stream: DuplexStream) -> imap::nonblocking::Session<DuplexStream> {
    let builder = imap::nonblocking::Builder::new("mail.example.org").deadlines(deadlines());
    let mut session = builder.from_stream(stream).await.unwrap().preauthenticated().unwrap();
    session.run(Select::new("INBOX")).await.unwrap();
    session
}

/// Reads the body and answers how many octets came, and after how long the end or the fault.
async fn read(stream: DuplexStream, skipping: bool) -> (Result<u64, Error>, Duration) {
    let mut session = session(stream).await;
    let began = Instant::now();
    let mut octets = 0;
    let read = async {
        let mut parts = session.stream(Fetch::by_sequence("1", Item::Body)).await?;
        while let Some(part) = parts.next_part().await? {
            if let Part::Body(mut body) = part {
                while let (false, Some(chunk)) = (skipping, body.chunk().await?) {
                    octets += chunk.len() as u64;
                }
            }
        }
        Ok(octets)
    };
    (read.await, began.elapsed())
}

#[test]
fn a_body_that_drips_is_not_waited_for() {
    for skipping in [false, true] {
        simulated(async {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            let server = imap_server(theirs, 1 << 20, 20, SECOND / 10);
            let ((read, after), ()) = tokio::join!(read(ours, skipping), server);
            let error = read.unwrap_err();
            assert!(error.to_string().starts_with("deadline passed"), "{error}");
            // The body's time begins when it is announced, with its first octets here.
            assert!(after >= 5 * SECOND && after <= 5 * SECOND + SECOND / 10, "{after:?}");
        });
    }
}

#[test]
fn a_body_that_flows_may_take_longer_than_a_command() {
    for skipping in [false, true] {
        simulated(async {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            let server = imap_server(theirs, 1 << 20, 1024, SECOND / 10);
            let ((read, after), ()) = tokio::join!(read(ours, skipping), server);
            assert_eq!(read.unwrap(), if skipping { 0 } else { 1 << 20 });
            assert!(after > 100 * SECOND, "{after:?}");
        });
    }
}

#[test]
fn a_body_that_stops_flowing_is_given_up_soon() {
    simulated(async {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        // Half a second's worth at a time, the last one never.
        let server = imap_server(theirs, 300_000, 100_000, 4 * SECOND);
        let stalled = tokio::time::timeout(9 * SECOND, server);
        let ((read, after), _) = tokio::join!(read(ours, false), stalled);
        let error = read.unwrap_err().to_string();
        assert_eq!(error, "deadline passed inside a literal: announced 300000, received 200000");
        // The second piece came at 8 seconds, which a tenth of a command's time is granted beyond.
        assert!(after <= 9 * SECOND, "{after:?}");
    });
}

#[test]
fn the_time_a_caller_takes_between_two_steps_is_its_own() {
    simulated(async {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let server = imap_server(theirs, 4000, 1000, SECOND);
        let reading = async {
            let mut session = session(ours).await;
            let mut parts = session.stream(Fetch::by_sequence("1", Item::Body)).await.unwrap();
            while let Some(part) = parts.next_part().await.unwrap() {
                if let Part::Body(mut body) = part {
                    while body.chunk().await.unwrap().is_some() {
                        sleep(3600 * SECOND).await;
                    }
                }
            }
            drop(parts);
        };
        tokio::join!(reading, server);
    });
}

#[test]
fn a_server_that_stops_anywhere_is_given_up_at_the_deadline() {
    let said = "* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n";
    let answer = "* 1 FETCH (FLAGS ())\r\n* OK still here\r\n";
    for stop in 0..=said.len() + answer.len() {
        simulated(async {
            let (ours, mut theirs) = tokio::io::duplex(1 << 16);
            let server = async {
                let greeting = said.get(..stop.min(said.len())).unwrap();
                theirs.write_all(greeting.as_bytes()).await.unwrap();
                if let Some(rest) = stop.checked_sub(said.len()) {
                    assert!(theirs.read(&mut [0; 256]).await.unwrap() > 0);
                    theirs.write_all(answer.get(..rest).unwrap().as_bytes()).await.unwrap();
                }
                // Until the client closes.
                let _ = theirs.read_to_end(&mut Vec::new()).await;
            };
            let client = async {
                let began = Instant::now();
                let builder = imap::nonblocking::Builder::new("mail.example.org");
                let error = match builder.deadlines(deadlines()).from_stream(ours).await {
                    Ok(client) => {
                        let mut session = client.preauthenticated().unwrap();
                        session.run(Noop::new()).await.unwrap_err()
                    }
                    Err(error) => error,
                };
                assert_eq!(error.to_string(), imap::TransportFault::Deadline.to_string());
                assert!(error.is_fatal() && error.is_transient());
                let after = began.elapsed();
                assert!(
                    after >= 5 * SECOND && after < 5 * SECOND + SECOND / 10,
                    "{stop}: {after:?}"
                );
            };
            tokio::join!(client, server);
        });
    }
}

#[test]
fn the_judgement_of_a_message_is_waited_for_from_the_end_of_its_flow() {
    simulated(async {
        let (ours, mut theirs) = tokio::io::duplex(1 << 12);
        let server = async {
            theirs.write_all(b"220 ready\r\n").await.unwrap();
            let mut octets = vec![0; 1 << 16];
            for answer in ["250 mail\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"] {
                assert!(theirs.read(&mut octets).await.unwrap() > 0);
                theirs.write_all(answer.as_bytes()).await.unwrap();
            }
            // 40 KiB a second for 25 seconds, then four seconds of judgement.
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n.\r\n") {
                sleep(SECOND / 10).await;
                let read = theirs.read(&mut octets).await.unwrap();
                seen.extend_from_slice(&octets[..read]);
            }
            sleep(4 * SECOND).await;
            theirs.write_all(b"250 queued\r\n").await.unwrap();
        };
        let client = async {
            let builder = smtp::nonblocking::Builder::new("mail.example.org");
            let client = builder.deadlines(deadlines()).from_stream(ours).await.unwrap();
            let mut session = client.without_authentication();
            let line = format!("{}\r\n", "x".repeat(78));
            let message = format!("Subject: long\r\n\r\n{}", line.repeat(12_800));
            let began = Instant::now();
            let sent = session.run(Submit::new("ann@example.com", ["ben@example.org"], message));
            assert_eq!(sent.await.unwrap().accepted().count(), 1);
            assert!(began.elapsed() > 20 * SECOND, "{:?}", began.elapsed());
        };
        tokio::join!(client, server);
    });
}

#[test]
fn a_server_that_is_gone_needs_no_long_goodbye() {
    simulated(async {
        let (ours, mut theirs) = tokio::io::duplex(1 << 12);
        let server = async {
            for answer in ["220 ready\r\n", "250 mail\r\n"] {
                theirs.write_all(answer.as_bytes()).await.unwrap();
                assert!(theirs.read(&mut [0; 256]).await.unwrap() > 0);
            }
            // QUIT was heard; nothing is said to it.
            let _ = theirs.read_to_end(&mut Vec::new()).await;
        };
        let client = async {
            let mut deadlines = deadlines();
            deadlines.delivery = 600 * SECOND;
            let builder = smtp::nonblocking::Builder::new("mail.example.org");
            let client = builder.deadlines(deadlines).from_stream(ours).await.unwrap();
            let began = Instant::now();
            let error = client.without_authentication().quit().await.unwrap_err();
            assert_eq!(error.to_string(), smtp::TransportFault::Deadline.to_string());
            assert!(began.elapsed() < 6 * SECOND, "{:?}", began.elapsed());
        };
        tokio::join!(client, server);
    });
}

#[test]
fn an_imap_server_that_is_gone_needs_no_long_goodbye_either() {
    simulated(async {
        let (ours, mut theirs) = tokio::io::duplex(1 << 12);
        let server = async {
            theirs.write_all(b"* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n").await.unwrap();
            // LOGOUT was heard; nothing is said to it.
            let _ = theirs.read_to_end(&mut Vec::new()).await;
        };
        let client = async {
            let mut deadlines = deadlines();
            deadlines.command = 600 * SECOND;
            let builder = imap::nonblocking::Builder::new("mail.example.org");
            let client = builder.deadlines(deadlines).from_stream(ours).await.unwrap();
            let began = Instant::now();
            let error = client.preauthenticated().unwrap().logout().await.unwrap_err();
            assert_eq!(error.to_string(), imap::TransportFault::Deadline.to_string());
            assert!(began.elapsed() < 6 * SECOND, "{:?}", began.elapsed());
        };
        tokio::join!(client, server);
    });
}
