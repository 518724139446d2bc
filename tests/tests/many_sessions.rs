//! Many async sessions in one process, and what each holds while it waits in IDLE, under TLS.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::task::Poll;

use e2e::host::{DEMO_BEARER_TOKEN, DEMO_USER};
use peak_alloc::PeakAlloc;
use xoauth::imap::command::{Fetch, Item, Noop, Select};
use xoauth::imap::nonblocking::{Builder, Session};
use xoauth::net::AsyncTlsTransport;
use xoauth::smtp::exchange::Submit;
use xoauth::{Credentials, Tls, imap, smtp};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const SESSIONS: usize = 500;
const MOST: usize = 64 * 1024;

/// The embedded host in a process of its own: what is on the heap here is the sessions'. It ends with its standard input.
struct HostProcess {
    child: Child,
    /// It may still say something.
    _output: Box<dyn Iterator<Item = String>>,
    imaps: u16,
    submissions: u16,
    tls: Tls,
}

impl HostProcess {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
        command.args(["--messages", "30", "--until-eof"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = output.lines().map(Result::unwrap);
        let told: Vec<String> =
            lines.by_ref().take_while(|line| !line.starts_with("In another")).collect();
        let line =
            |name: &str| told.iter().find(|line| line.trim_start().starts_with(name)).unwrap();
        let port = |name: &str| {
            let (_, rest) = line(name).split_once("localhost:").unwrap();
            rest.split(' ').next().unwrap().parse().unwrap()
        };
        let file = line("CA file").trim_start().strip_prefix("CA file").unwrap().trim();
        let tls = Tls::builder().add_roots(&std::fs::read(file).unwrap()).unwrap();
        let tls = tls.only_these_roots().build().unwrap();
        Self {
            imaps: port("IMAP"),
            submissions: port("submission"),
            tls,
            child,
            _output: Box::new(lines),
        }
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

async fn session(host: &HostProcess, credentials: &Credentials) -> Session<AsyncTlsTransport> {
    let builder = Builder::new("localhost").port(host.imaps).tls(&host.tls);
    let mut session = builder.log_in(credentials).await.unwrap();
    session.run(Select::new("INBOX")).await.unwrap();
    let messages = session.run(Fetch::by_sequence("1:*", Item::Body)).await.unwrap();
    let octets: usize = messages.iter().map(|message| message.body().unwrap().len()).sum();
    assert!(octets > 100 * 1024, "{octets}");
    session
}

/// Octets of memory that the process has in use, whoever allocated them.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// Counted is, for each session, what the program allocated (`HEAP`), with all that a session, its TLS and its runtime hold;
/// and, on Linux, what the process grew by as a whole, with what OpenSSL allocates for itself. Sockets are the system's.
#[test]
fn five_hundred_sessions_in_idle_hold_little() {
    let host = HostProcess::start();
    let credentials = Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN);
    e2e::runtime().block_on(async {
        // What is allocated once.
        drop(session(&host, &credentials).await);
        let mut sessions = Vec::with_capacity(SESSIONS);
        let mut idles = Vec::with_capacity(SESSIONS);
        let before = HEAP.current_usage();
        #[cfg(target_os = "linux")]
        let resident_before = resident();
        for _ in 0..SESSIONS {
            sessions.push(session(&host, &credentials).await);
        }
        for session in &mut sessions {
            let mut idle = session.idle().await.unwrap();
            // IDLE is sent when it is waited for.
            let mut news = Box::pin(idle.next());
            let look = std::future::poll_fn(|cx| {
                assert!(news.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            });
            look.await;
            drop(news);
            idles.push(idle);
        }
        // All of them hear of a message, and wait on.
        let builder = smtp::nonblocking::Builder::new("localhost").port(host.submissions);
        let mut sender = builder.tls(&host.tls).log_in(&credentials).await.unwrap();
        let message = Submit::new("ann@example.com", [DEMO_USER], "Subject: new\r\n\r\n");
        sender.run(message).await.unwrap();
        sender.quit().await.unwrap();
        for idle in &mut idles {
            while !matches!(idle.next().await.unwrap(), imap::Event::Exists(_)) {}
        }
        let each = HEAP.current_usage().saturating_sub(before) / SESSIONS;
        assert!(each < MOST, "{each} octets each");
        #[cfg(target_os = "linux")]
        {
            let resident = resident().saturating_sub(resident_before) / SESSIONS;
            assert!(resident < MOST, "{resident} octets each with those of OpenSSL");
        }
        // All of them are alive.
        drop(idles);
        for session in &mut sessions {
            session.run(Noop::new()).await.unwrap();
        }
    });
}
