//! Tests of what keeps sessions alive, by a clock that jumps to whatever is waited for next.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::time::{Instant, timeout};

use super::keeper::{Keep, Keeper, Opens, SessionOf};
use super::nonblocking::{Builder, Client};
use super::opening::{Opened, Outcome, open};
use super::paused::{Dial, Dialled, MINUTE, SECOND, simulated};
use super::watcher::{Change, Watcher};
use crate::imap::core::Core;
use crate::login::Door;
use crate::{Ask, Credentials, Error, Renew, Secret, TokenFailed, TokenSource};

/// A server as a connection finds it.
#[derive(Debug, Clone, Default)]
struct Server {
    offers: &'static str,
    uid_validity: u32,
    /// After so long it says this and ends the session.
    ends: Option<(Duration, &'static str)>,
}

/// Where servers are found one after the other, until none is left.
#[derive(Clone)]
struct Net {
    began: Instant,
    servers: Arc<Mutex<VecDeque<Server>>>,
    /// What was heard, and when; connections too.
    heard: Arc<Mutex<Vec<(Duration, String)>>>,
}

impl Net {
    fn new(servers: impl IntoIterator<Item = Server>) -> Self {
        let servers = Arc::new(Mutex::new(servers.into_iter().collect()));
        Self { began: Instant::now(), servers, heard: Arc::default() }
    }

    fn note(&self, line: &str) {
        self.heard.lock().unwrap().push((self.began.elapsed(), line.to_owned()));
    }

    /// When lines that hold this were heard.
    fn times(&self, what: &str) -> Vec<Duration> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|(_, line)| line.contains(what)).map(|(time, _)| *time).collect()
    }

    async fn serve(self, server: Server, stream: DuplexStream) {
        let mut stream = BufReader::new(stream);
        let began = Instant::now();
        let hello = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n";
        if stream.write_all(hello.as_bytes()).await.is_err() {
            return;
        }
        let mut tag = String::new();
        loop {
            let mut line = String::new();
            let read = stream.read_line(&mut line);
            let read = match server.ends {
                Some((after, last)) => match timeout(after - began.elapsed(), read).await {
                    Ok(read) => read,
                    Err(_) => {
                        let _ = stream.write_all(last.as_bytes()).await;
                        return;
                    }
                },
                None => read.await,
            };
            if !matches!(read, Ok(1..)) {
                return;
            }
            self.note(&line);
            if let Some((first, _)) = line.split_once(' ') {
                first.clone_into(&mut tag);
            }
            let answer = if line.contains("AUTHENTICATE") {
                format!("{tag} OK [CAPABILITY IMAP4rev1 {}] in\r\n", server.offers)
            } else if line.contains("SELECT") {
                let validity = server.uid_validity;
                format!("* 3 EXISTS\r\n* OK [UIDVALIDITY {validity}] v\r\n{tag} OK selected\r\n")
            } else if line.contains("IDLE") {
                "+ idling\r\n".to_owned()
            } else {
                format!("{tag} OK done\r\n")
            };
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

impl Dial for Net {
    async fn dial(&self) -> Result<Client<DuplexStream>, Error> {
        self.note("connect");
        let Some(server) = self.servers.lock().unwrap().pop_front() else {
            let source = io::ErrorKind::ConnectionRefused.into();
            return Err(Error::Connect { host: "mail.example.org".to_owned(), port: 993, source });
        };
        let (ours, theirs) = tokio::io::duplex(4096);
        tokio::spawn(self.clone().serve(server, theirs));
        Builder::new("mail.example.org").from_stream(ours).await
    }
}

/// A source that notes what it is asked.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Vec<(Renew, bool)>>>);

impl TokenSource for Noted {
    fn token(&self, ask: &Ask) -> Result<Secret, TokenFailed> {
        self.0.lock().unwrap().push((ask.renew, ask.refusal.is_some()));
        Ok(Secret::new("opaque-4711"))
    }
}

fn keeper(net: &Net, source: &Noted) -> Keeper<Dialled<Net>, Noted> {
    let credentials = Credentials::bearer("ann@example.com", source.clone());
    let mut keeper = Keeper::new(Dialled(net.clone()), credentials);
    keeper.open_mailbox("INBOX".into(), false);
    keeper
}

fn watcher(net: &Net) -> Watcher<Dialled<Net>, Noted> {
    Watcher::new(keeper(net, &Noted::default()))
}

fn opened(change: Option<Change>) -> super::Reopened {
    match change {
        Some(Change::Opened(opened)) => *opened,
        other => panic!("{other:?}"),
    }
}

/// Waits for so long, in slices of a second where `sliced`; what came first.
async fn wait(
    watcher: &mut Watcher<Dialled<Net>, Noted>,
    time: Duration,
    sliced: bool,
) -> Option<Result<Option<Change>, Error>> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        let slice = if sliced { SECOND } else { time };
        if let Ok(change) = timeout(slice, watcher.next(None)).await {
            return Some(change);
        }
    }
    None
}

fn idles() -> Server {
    Server { offers: "IDLE", uid_validity: 7, ..Server::default() }
}

#[test]
fn attempts_come_as_the_back_off_says_and_end() {
    simulated(async {
        let net = Net::new([]);
        let error = keeper(&net, &Noted::default()).session().await.map(drop).unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error}");
        let attempts = net.times("connect");
        assert_eq!(attempts.len(), 10);
        for (pair, full) in attempts.windows(2).zip([1, 2, 4, 8, 16, 32, 64, 128, 256]) {
            let (pause, full) = (pair[1] - pair[0], full * SECOND);
            // The timer of the runtime counts in milliseconds.
            assert!(pause >= full / 2 && pause <= full + SECOND / 500, "{pause:?} of {full:?}");
        }
    });
}

thread_local! {
    /// How far the clock of [`Refused`] has come.
    static PASSED: std::cell::Cell<Duration> = const { std::cell::Cell::new(Duration::ZERO) };
}

/// The door of blocking sessions, which nobody opens.
struct Refused(Mutex<Vec<Duration>>);

type Memory = crate::net::Untimed<io::Cursor<Vec<u8>>>;

impl Door for Refused {
    type Client = super::Client<Memory>;

    async fn open(&self) -> Result<Self::Client, Error> {
        self.0.lock().unwrap().push(PASSED.get());
        Err(Error::TlsDeadline)
    }
}

impl Opens for Refused {
    type Io = crate::net::Blocking<Memory>;
    type Asker<'a> = crate::login::Immediate<'a>;
    type Opening = std::future::Ready<Option<Outcome<Self>>>;

    fn core(session: &mut SessionOf<Self>) -> &mut Core<Self::Io> {
        &mut session.core
    }

    fn is_usable(session: &SessionOf<Self>) -> bool {
        session.is_usable()
    }

    fn now() -> std::time::Instant {
        static BEGAN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        *BEGAN.get_or_init(std::time::Instant::now) + PASSED.get()
    }

    async fn pause(pause: Duration) {
        PASSED.set(PASSED.get() + pause);
    }
}

impl<S: TokenSource> Keep<S> for Refused {
    fn begin(
        &self,
        credentials: &Credentials<S>,
        ended: Option<Arc<Error>>,
        mailbox: Option<Opened>,
    ) -> Self::Opening {
        std::future::ready(Some(crate::net::now(open(self, credentials, ended, mailbox))))
    }

    fn asker(source: &S) -> Self::Asker<'_> {
        crate::login::Immediate::new(source)
    }
}

#[test]
fn attempts_of_blocking_sessions_come_as_the_back_off_says_and_end() {
    let credentials = Credentials::bearer("ann@example.com", Noted::default());
    let mut keeper = Keeper::new(Refused(Mutex::default()), credentials);
    let error = crate::net::now(keeper.session()).map(drop).unwrap_err();
    assert!(matches!(error, Error::TlsDeadline), "{error}");
    let attempts = keeper.door.0.lock().unwrap().clone();
    assert_eq!(attempts.len(), 10);
    for (pair, full) in attempts.windows(2).zip([1, 2, 4, 8, 16, 32, 64, 128, 256]) {
        let (pause, full) = (pair[1] - pair[0], full * SECOND);
        assert!(pause >= full / 2 && pause <= full, "{pause:?} of {full:?}");
    }
}

#[test]
fn idle_is_sent_anew_before_29_minutes() {
    for sliced in [false, true] {
        simulated(async {
            let net = Net::new([idles()]);
            let mut watcher = watcher(&net);
            assert!(opened(watcher.next(None).await.unwrap()).previous.is_none());
            assert!(wait(&mut watcher, 180 * MINUTE, sliced).await.is_none());
            let (idles, dones) = (net.times("IDLE"), net.times("DONE"));
            assert_eq!((idles.len(), dones.len()), (7, 6));
            for (idle, done) in idles.iter().zip(&dones) {
                let kept = *done - *idle;
                assert!(kept > 27 * MINUTE && kept < 29 * MINUTE, "{kept:?}");
            }
            assert_eq!(watcher.keeper.opened, 1);
        });
    }
}

#[test]
fn a_server_without_idle_is_asked_as_often_as_is_said() {
    for (sliced, every) in [(false, MINUTE), (true, MINUTE), (true, 10 * SECOND)] {
        simulated(async {
            let net = Net::new([Server { offers: "", ..idles() }]);
            let mut watcher = watcher(&net);
            watcher.poll_every(every);
            opened(watcher.next(None).await.unwrap());
            assert!(wait(&mut watcher, 30 * MINUTE + SECOND, sliced).await.is_none());
            let asked = net.times("NOOP");
            for pair in asked.windows(2) {
                let between = pair[1] - pair[0];
                assert!(between >= every && between <= every + SECOND / 50, "{between:?}");
            }
            let expected = (30 * MINUTE).as_secs() / every.as_secs();
            assert!(asked.len() as u64 >= expected - 1, "{} of {expected}", asked.len());
        });
    }
}

#[test]
fn what_ends_a_session_decides_whether_the_source_hears_of_it() {
    simulated(async {
        let ends = |after, last| Server { ends: Some((after, last)), ..idles() };
        let net = Net::new([
            ends(20 * MINUTE, "* BYE Session invalidated - AccessTokenExpired\r\n"),
            ends(20 * MINUTE, "* BYE Autologout; idle for too long\r\n"),
            Server { uid_validity: 8, ..idles() },
        ]);
        let source = Noted::default();
        let mut watcher = Watcher::new(keeper(&net, &source));
        assert!(opened(watcher.next(None).await.unwrap()).has_same_uids());
        let second = opened(watcher.next(None).await.unwrap());
        assert!(second.has_same_uids() && second.cause.unwrap().needs_new_token());
        let third = opened(watcher.next(None).await.unwrap());
        assert!(!third.has_same_uids() && !third.cause.unwrap().needs_new_token());
        let asked = [false, true, false].map(|told| (Renew::IfExpired, told));
        assert_eq!(*source.0.lock().unwrap(), asked);
        // The sessions were not short-lived enough to be paused for.
        let connects = net.times("connect");
        assert!(connects[2] < 40 * MINUTE + 2 * SECOND, "{connects:?}");
    });
}
