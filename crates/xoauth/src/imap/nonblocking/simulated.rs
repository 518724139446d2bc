//! Days of watching and reconnecting, by a clock that jumps to whatever is waited for next.
#![allow(clippy::unwrap_used, clippy::panic)]

mod openings;
mod resync;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::time::{Instant, sleep, timeout};
use xoauth_imap::command::{Fetch, Item, Noop, Select};
use xoauth_imap::{Event, Limits};

use super::{Builder, Client};
use crate::imap::Change;
use crate::imap::keeper::Keeper;
use crate::imap::paused::{Dial, Dialled, MINUTE, SECOND, simulated};
use crate::imap::watcher::Watcher;
use crate::{AsyncTokenSource, Credentials, Error};

const HOUR: Duration = Duration::from_secs(3600);

/// What a server does.
#[derive(Clone)]
enum Act {
    /// Reads a line that holds this.
    Hear(&'static str),
    /// Says this; `{tag}` is that of the last command.
    Say(&'static str),
    /// Hears and answers by these for ever: what a line holds, and what is said.
    Serve(&'static [(&'static str, &'static str)]),
    Wait(Duration),
    /// Says nothing any more and keeps the connection.
    Silence,
}
use Act::{Hear, Say, Serve, Silence, Wait};

/// A server whose connections play their scripts in turn, the last one for all that come later. Without scripts nobody
/// can connect.
#[derive(Clone, Default)]
struct Server {
    scripts: Arc<Vec<Vec<Act>>>,
    limits: Limits,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    dials: usize,
    /// Connections that are over.
    ended: usize,
    lines: Vec<String>,
}

impl Server {
    fn new(scripts: Vec<Vec<Act>>) -> Self {
        Self { scripts: Arc::new(scripts), ..Self::default() }
    }

    fn log<R>(&self, look: impl FnOnce(&mut Log) -> R) -> R {
        look(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn dials(&self) -> usize {
        self.log(|log| log.dials)
    }

    fn ended(&self) -> usize {
        self.log(|log| log.ended)
    }

    fn heard(&self, text: &str) -> usize {
        self.log(|log| log.lines.iter().filter(|line| line.contains(text)).count())
    }

    fn keeper(&self) -> Keeper<Dialled<Self>, impl AsyncTokenSource + use<>> {
        let source = crate::Awaited(|_| async { Ok("opaque-4711".into()) });
        let mut keeper =
            Keeper::new(Dialled(self.clone()), Credentials::bearer("ann@example.com", source));
        keeper.open_mailbox("INBOX".into(), false);
        keeper
    }

    fn watch(&self) -> Watcher<Dialled<Self>, impl AsyncTokenSource + use<>> {
        Watcher::new(self.keeper())
    }

    async fn play(&self, stream: DuplexStream, script: Vec<Act>) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut tag = String::new();
        let mut acts = script.into_iter();
        let mut served: &[(&str, &str)] = &[];
        loop {
            let act = if served.is_empty() { acts.next() } else { Some(Hear("")) };
            match act {
                Some(Hear(text)) => {
                    let mut line = String::new();
                    if stream.read_line(&mut line).await? == 0 {
                        return Ok(());
                    }
                    if let Some((own, _)) = line.split_once(' ') {
                        own.clone_into(&mut tag);
                    }
                    assert!(line.contains(text), "{text}: {line}");
                    let answer = served.iter().find(|(verb, _)| line.contains(verb));
                    self.log(|log| log.lines.push(line));
                    if let Some((_, answer)) = answer {
                        stream.write_all(answer.replace("{tag}", &tag).as_bytes()).await?;
                    }
                }
                Some(Say(text)) => {
                    stream.write_all(text.replace("{tag}", &tag).as_bytes()).await?;
                }
                Some(Serve(answers)) => served = answers,
                Some(Wait(time)) => sleep(time).await,
                Some(Silence) => std::future::pending().await,
                None => return Ok(()),
            }
        }
    }
}

impl Dial for Server {
    async fn dial(&self) -> Result<Client<DuplexStream>, Error> {
        let number = self.log(|log| {
            log.dials += 1;
            log.dials - 1
        });
        let Some(script) = self.scripts.get(number).or(self.scripts.last()) else {
            let source = std::io::ErrorKind::ConnectionRefused.into();
            return Err(Error::Connect { host: "mail.example.org".into(), port: 993, source });
        };
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (server, script) = (self.clone(), script.clone());
        tokio::spawn(async move {
            // A client that is gone cannot be written to.
            let _ = server.play(theirs, script).await;
            server.log(|log| log.ended += 1);
        });
        Builder::new("mail.example.org").limits(self.limits).from_stream(ours).await
    }
}

/// A connection up to a mailbox that is selected, and what comes then.
fn session(offers: &'static str, then: &[Act]) -> Vec<Act> {
    let mut script = vec![
        Say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n"),
        Hear("AUTHENTICATE"),
        Say(offers),
        Hear("SELECT INBOX"),
        Say("* 3 EXISTS\r\n* OK [UIDVALIDITY 7] good\r\n* OK [UIDNEXT 12] next\r\n{tag} OK in\r\n"),
    ];
    script.extend_from_slice(then);
    script
}

const IDLES: &str = "{tag} OK [CAPABILITY IMAP4rev1 IDLE] in\r\n";
const POLLED: &str = "{tag} OK [CAPABILITY IMAP4rev1] in\r\n";

/// The next change, waited for one second at a time.
async fn in_slices<S: AsyncTokenSource + 'static>(
    watch: &mut Watcher<Dialled<Server>, S>,
) -> Result<Change, Error> {
    in_slices_of(SECOND, watch).await
}

async fn in_slices_of<S: AsyncTokenSource + 'static>(
    slice: Duration,
    watch: &mut Watcher<Dialled<Server>, S>,
) -> Result<Change, Error> {
    loop {
        if let Ok(next) = timeout(slice, watch.next(None)).await {
            return next.map(Option::unwrap);
        }
    }
}

fn is_opened(change: &Change) -> bool {
    matches!(change, Change::Opened(_))
}

fn told(change: Result<Change, Error>) -> Event {
    match change.unwrap() {
        Change::Told(event) => event,
        other => panic!("{other:?}"),
    }
}

/// A connection that a router forgot ends in silence, wherever it was.
#[test]
fn a_connection_that_is_dead_is_found_out_however_it_is_waited_for() {
    let cases: [(Vec<Act>, Duration); 5] = [
        // IDLE that the server agreed to: found when it is sent anew.
        (session(IDLES, &[Hear("IDLE"), Say("+ idling\r\n"), Silence]), 28 * MINUTE + 5 * MINUTE),
        (session(IDLES, &[Hear("IDLE"), Silence]), 5 * MINUTE),
        // What is said in between is no agreement.
        (
            session(IDLES, &[Hear("IDLE"), Wait(4 * MINUTE), Say("* OK Still here\r\n"), Silence]),
            5 * MINUTE,
        ),
        (session(POLLED, &[Hear("NOOP"), Silence]), 5 * MINUTE),
        (
            session(POLLED, &[Hear("NOOP"), Wait(4 * MINUTE), Say("* OK Still here\r\n"), Silence]),
            5 * MINUTE,
        ),
    ];
    for (script, after) in cases {
        for slice in [SECOND, 100 * HOUR] {
            simulated(async {
                let server = Server::new(vec![script.clone()]);
                let mut watch = server.watch();
                assert!(is_opened(&in_slices_of(slice, &mut watch).await.unwrap()));
                let began = Instant::now();
                let found = loop {
                    if let Change::Opened(opened) = in_slices_of(slice, &mut watch).await.unwrap() {
                        break opened;
                    }
                };
                assert!(found.cause.unwrap().is_transient() && found.previous.is_some());
                let took = began.elapsed();
                assert!(took >= after && took <= after + SECOND / 100, "{after:?}: {took:?}");
            });
        }
    }
}

#[test]
fn what_a_noop_brings_is_told_whoever_sent_it() {
    simulated(async {
        let news = "* 4 EXISTS\r\n* 2 FETCH (FLAGS (\\Seen))\r\n{tag} OK slow\r\n";
        let script = session(POLLED, &[Hear("NOOP"), Wait(3 * SECOND), Say(news), Silence]);
        let server = Server::new(vec![script]);
        let mut watch = server.watch();
        assert!(is_opened(&in_slices(&mut watch).await.unwrap()));
        let began = Instant::now();
        assert_eq!(told(in_slices(&mut watch).await), Event::Exists(4));
        assert!(matches!(told(in_slices(&mut watch).await), Event::Fetch(_)));
        assert!(began.elapsed() <= 4 * SECOND);
        assert_eq!(server.heard("NOOP"), 1);
    });
}

#[test]
fn what_a_session_heard_before_it_broke_is_told() {
    // By a command between two changes, before the session ever idled; the command is tried again or not.
    for tries in 1..=2 {
        simulated(async move {
            let ends =
                [Hear("NOOP"), Say("* 5 EXISTS\r\n* 2 FETCH (FLAGS (\\Seen))\r\n* BYE gone\r\n")];
            let lives =
                session(IDLES, &[Serve(&[("NOOP", "{tag} OK\r\n"), ("IDLE", "+ idling\r\n")])]);
            let server = Server::new(vec![session(IDLES, &ends), lives]);
            let mut watch = server.watch();
            assert!(is_opened(&in_slices(&mut watch).await.unwrap()));
            for _ in 0..tries {
                let _ = watch.session().await.unwrap().run(Noop::new()).await;
            }
            assert_eq!(told(in_slices(&mut watch).await), Event::Exists(5));
            assert!(matches!(told(in_slices(&mut watch).await), Event::Fetch(_)));
            assert!(is_opened(&in_slices(&mut watch).await.unwrap()));
        });
    }
}

#[test]
fn commands_do_not_go_to_another_mailbox_than_was_selected() {
    let archive =
        [Hear("SELECT Archive"), Say("* 9 EXISTS\r\n* OK [UIDVALIDITY 8] good\r\n{tag} OK in\r\n")];
    let leaves = [archive.to_vec(), vec![Hear("FETCH")]].concat();
    let lives = session(
        IDLES,
        &[Serve(&[("NOOP", "{tag} OK\r\n"), ("FETCH", "{tag} OK\r\n"), ("IDLE", "+ idling\r\n")])],
    );
    simulated(async {
        let served = &[("FETCH", "{tag} OK\r\n")];
        let again = [&lives[..3], &archive, &[Serve(served)]].concat();
        let server = Server::new(vec![session(IDLES, &leaves), again]);
        let mut mail = server.keeper();
        mail.run(|| Select::new("Archive")).await.unwrap();
        // It is safe to repeat, and in the same mailbox.
        mail.run(|| Fetch::new("5", Item::Flags)).await.unwrap();
        assert_eq!((server.heard("FETCH"), server.heard("SELECT Archive")), (2, 2));
    });
    // Where nobody waited for the answer no mailbox is known, in the next session neither.
    simulated(async {
        let silent = [Hear("SELECT Archive"), Wait(2 * SECOND)];
        let none = [&lives[..3], &[Serve(&[("NOOP", "{tag} OK\r\n")])]].concat();
        let server = Server::new(vec![session(IDLES, &silent), none]);
        let mut mail = server.keeper();
        assert!(timeout(SECOND, mail.run(|| Select::new("Archive"))).await.is_err());
        assert!(mail.run(Noop::new).await.is_ok());
        let error = mail.run(|| Fetch::new("5", Item::Flags)).await.unwrap_err();
        assert!(matches!(error, Error::Imap(xoauth_imap::Error::NotSelected { .. })), "{error}");
    });
    // A watch goes back to its own mailbox, in the same session.
    simulated(async {
        let back = [
            archive.to_vec(),
            vec![
                Hear("SELECT INBOX"),
                Say("* 4 EXISTS\r\n* OK [UIDVALIDITY 7] good\r\n{tag} OK in\r\n"),
                Serve(&[("IDLE", "+ idling\r\n* 5 EXISTS\r\n")]),
            ],
        ];
        let server = Server::new(vec![session(IDLES, &back.concat())]);
        let mut watch = server.watch();
        assert!(is_opened(&in_slices(&mut watch).await.unwrap()));
        watch.session().await.unwrap().run(Select::new("Archive")).await.unwrap();
        let Change::Opened(opened) = in_slices(&mut watch).await.unwrap() else { panic!() };
        assert_eq!(opened.selected.exists, Some(4));
        assert_eq!(told(in_slices(&mut watch).await), Event::Exists(5));
        assert_eq!(server.dials(), 1);
    });
}

/// How often a server is dialled in an hour.
async fn dials_in_an_hour(server: &Server, slice: Duration) -> usize {
    let mut watch = server.watch();
    let began = Instant::now();
    while began.elapsed() < HOUR {
        let _ = timeout(slice, watch.next(None)).await;
    }
    server.dials()
}

#[test]
fn a_server_is_not_bothered_more_often_by_those_who_wait_in_slices() {
    let refuses = vec![
        Say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n"),
        Hear("AUTHENTICATE"),
        Say("{tag} NO [AUTHENTICATIONFAILED] no\r\n"),
    ];
    let cases = [
        // Nobody can connect; sessions end at once; logins are refused; openings take longer than a slice.
        vec![],
        vec![session(IDLES, &[Hear("IDLE"), Say("* BYE too many\r\n")])],
        vec![refuses],
        vec![vec![Silence]],
    ];
    for (number, scripts) in cases.into_iter().enumerate() {
        for slice in [SECOND, HOUR] {
            simulated(async {
                let dials = dials_in_an_hour(&Server::new(scripts.clone()), slice).await;
                assert!((2..80).contains(&dials), "{number}, {slice:?}: {dials}");
            });
        }
    }
}

#[test]
fn an_idle_that_the_server_ends_at_once_is_none() {
    simulated(async {
        let served = &[("IDLE", "+ idling\r\n{tag} OK done\r\n"), ("NOOP", "{tag} OK\r\n")];
        let server = Server::new(vec![session(IDLES, &[Serve(served)])]);
        assert_eq!(dials_in_an_hour(&server, MINUTE).await, 1);
        assert_eq!(server.heard("IDLE"), 1);
        assert!((55..65).contains(&server.heard("NOOP")), "{}", server.heard("NOOP"));
    });
}
