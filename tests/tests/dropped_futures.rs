//! What a dropped future leaves behind.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::time::{Instant, sleep, timeout};
use xoauth::imap::command::{Append, Close, Enable, Fetch, Item, Noop, Select, Store, StoreAction};
use xoauth::imap::{Event, Flag};
use xoauth::smtp::exchange::{Rset, Submit};
use xoauth::{Ask, Awaited, Credentials, Error, Renew, Secret, TokenFailed, imap, smtp};

type Session = imap::nonblocking::Session<DuplexStream>;

/// A session in a mailbox of three messages, and the server's side of it.
async fn mailbox(offers: &str) -> (Session, Server) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut server = Server { stream: BufReader::new(theirs), tag: String::new() };
    let greeting = format!("* PREAUTH [CAPABILITY IMAP4rev1 {offers}] ready\r\n");
    server.say(&greeting).await;
    let client = imap::nonblocking::Builder::new("mail.example.org").from_stream(ours).await;
    let mut session = client.unwrap().preauthenticated().unwrap();
    let selecting =
        server.answer("SELECT", "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] good\r\n{tag} OK in\r\n");
    let (selected, ()) = tokio::join!(session.run(Select::new("INBOX")), selecting);
    selected.unwrap();
    (session, server)
}

struct Server {
    stream: BufReader<DuplexStream>,
    /// Of the command that came last.
    tag: String,
}

impl Server {
    async fn say(&mut self, text: &str) {
        let text = text.replace("{tag}", &self.tag);
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads a command, or DONE.
    async fn hear(&mut self, verb: &str) {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.unwrap();
        assert!(line.contains(verb), "{line}");
        if let Some((tag, _)) = line.split_once(' ') {
            tag.clone_into(&mut self.tag);
        }
    }

    async fn answer(&mut self, verb: &str, text: &str) {
        self.hear(verb).await;
        self.say(text).await;
    }
}

/// A future is dropped when the server has heard this.
macro_rules! drop_after {
    ($future:expr, $server:expr, $verb:expr) => {
        tokio::select! {
            biased;
            _ = $future => panic!("nobody answered"),
            () = $server.hear($verb) => {}
        }
    };
}

fn events(session: &mut Session) -> Vec<Event> {
    std::iter::from_fn(|| session.next_event()).collect()
}

/// The numbers of messages whose flags were told, in order.
fn flagged(session: &mut Session) -> Vec<u32> {
    let told = events(session).into_iter();
    told.filter_map(|event| match event {
        Event::Fetch(message) => Some(message.seq.get()),
        _ => None,
    })
    .collect()
}

#[test]
fn a_dropped_future_leaves_its_answer_to_the_next_command() {
    e2e::runtime().block_on(async {
        let (mut session, mut server) = mailbox("").await;
        drop_after!(session.run(Noop::new()), server, "NOOP");
        server.say("* 4 EXISTS\r\n* 2 FETCH (FLAGS (\\Seen))\r\n{tag} OK late\r\n").await;
        let (answer, ()) =
            tokio::join!(session.run(Noop::new()), server.answer("NOOP", "{tag} OK now\r\n"));
        answer.unwrap();
        // News are news, whoever hears them.
        assert_eq!(session.selected().unwrap().exists, Some(4));
        assert_eq!(flagged(&mut session), [2]);
    });
}

#[test]
fn news_that_come_while_idle_is_left_are_told() {
    e2e::runtime().block_on(async {
        // Between DONE and the answer; before the server agrees.
        for agrees in [true, false] {
            let (mut session, mut server) = mailbox("IDLE").await;
            let idle = session.idle();
            let mut idle = idle.await.unwrap();
            drop_after!(idle.next(), server, "IDLE");
            if agrees {
                server.say("+ idling\r\n* 4 EXISTS\r\n").await;
                assert_eq!(idle.next().await.unwrap(), Event::Exists(4));
            }
            drop(idle);
            let answering = async {
                if !agrees {
                    server.say("* 1 FETCH (FLAGS (\\Answered))\r\n+ idling\r\n").await;
                }
                server.answer("DONE", "* 2 FETCH (FLAGS (\\Seen))\r\n{tag} OK done\r\n").await;
                server.answer("NOOP", "{tag} OK now\r\n").await;
            };
            let (answer, ()) = tokio::join!(session.run(Noop::new()), answering);
            answer.unwrap();
            assert_eq!(flagged(&mut session), if agrees { vec![2] } else { vec![1, 2] });
        }
    });
}

#[test]
fn of_a_dropped_fetch_only_its_answer_is_thrown_away() {
    e2e::runtime().block_on(async {
        let (mut session, mut server) = mailbox("").await;
        drop_after!(session.run(Fetch::by_sequence("1:3", Item::Body)), server, "FETCH");
        server.say("* 1 FETCH (BODY[] {3}\r\nabc)\r\n* 2 FETCH (FLAGS (\\Seen))\r\n").await;
        server.say("* 2 FETCH (BODY[] {3}\r\ndef)\r\n{tag} OK fetched\r\n").await;
        let (answer, ()) =
            tokio::join!(session.run(Noop::new()), server.answer("NOOP", "{tag} OK now\r\n"));
        answer.unwrap();
        assert_eq!(flagged(&mut session), [2]);
    });
}

/// Which mailbox is selected nobody knows then, and nothing is done to messages of another one.
#[test]
fn after_a_dropped_select_or_close_no_mailbox_is_known_to_be_selected() {
    e2e::runtime().block_on(async {
        for answer in ["{tag} OK done\r\n", "{tag} NO not that\r\n"] {
            for verb in ["SELECT Trash", "CLOSE"] {
                let (mut session, mut server) = mailbox("").await;
                if verb == "CLOSE" {
                    drop_after!(session.run(Close::new()), server, verb);
                } else {
                    drop_after!(session.run(Select::new("Trash")), server, verb);
                    server.say("* 17 EXISTS\r\n* OK [UIDVALIDITY 8] good\r\n").await;
                }
                assert!(session.selected().is_none());
                server.say(answer).await;
                let store = || Store::new("12", StoreAction::Add, [Flag::Deleted]);
                let error = session.run(store()).await.unwrap_err();
                assert!(matches!(error, Error::Imap(imap::Error::NotSelected { .. })), "{error}");
                assert!(session.selected().is_none() && session.is_usable());
            }
        }
    });
}

#[test]
fn what_a_dropped_enable_switched_on_is_known() {
    e2e::runtime().block_on(async {
        let (mut session, mut server) = mailbox("ENABLE UTF8=ACCEPT").await;
        drop_after!(session.run(Enable::new(["UTF8=ACCEPT"])), server, "ENABLE");
        server.say("* ENABLED UTF8=ACCEPT\r\n{tag} OK enabled\r\n").await;
        let (answer, ()) =
            tokio::join!(session.run(Noop::new()), server.answer("NOOP", "{tag} OK now\r\n"));
        answer.unwrap();
        assert!(session.state().takes_utf8());
    });
}

/// What is said next would be compressed for one side and not for the other.
#[test]
fn a_dropped_compress_ends_the_session() {
    e2e::runtime().block_on(async {
        let (mut session, mut server) = mailbox("COMPRESS=DEFLATE").await;
        let compression = imap::Compression::default();
        drop_after!(session.compress(compression), server, "COMPRESS DEFLATE");
        assert!(!session.is_usable());
        let error = session.run(Noop::new()).await.unwrap_err();
        assert!(matches!(error, Error::Ended), "{error}");
    });
}

/// A content that was begun cannot be taken back.
#[test]
fn a_dropped_append_whose_content_was_begun_ends_the_session() {
    e2e::runtime().block_on(async {
        let (mut session, mut server) = mailbox("").await;
        drop_after!(session.run(Append::new("INBOX", "x\r\n")), server, "APPEND");
        server.say("+ go\r\n").await;
        let error = session.run(Noop::new()).await.unwrap_err();
        assert!(matches!(error, Error::Imap(imap::Error::Content { .. })), "{error}");
        assert!(error.is_fatal() && !session.is_usable());
    });
}

/// Sent to renew IDLE, its answer is heard by the next look, with the news in it.
#[test]
fn a_dropped_renewal_of_idle_goes_on() {
    e2e::runtime().block_on(async {
        let (mut session, mut server) = mailbox("IDLE").await;
        let idle = session.idle().await.unwrap();
        let mut idle = idle.renew_every(Duration::ZERO);
        drop_after!(idle.next(), server, "IDLE");
        server.say("+ idling\r\n").await;
        drop_after!(idle.next(), server, "DONE");
        server.say("* 4 EXISTS\r\n{tag} OK done\r\n").await;
        assert_eq!(idle.next().await.unwrap(), Event::Exists(4));
        // It is sent anew.
        drop_after!(idle.next(), server, "IDLE");
    });
}

/// No loop at the speed of the network, whoever waits in slices.
#[test]
fn an_idle_that_the_server_ends_at_once_is_sent_anew_after_a_pause() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(async {
        let (mut session, mut server) = mailbox("IDLE").await;
        let mut idles = 0;
        let serving = async {
            loop {
                server.answer("IDLE", "+ idling\r\n{tag} OK done\r\n").await;
                idles += 1;
            }
        };
        let waiting = async {
            let mut idle = session.idle().await.unwrap();
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(60) {
                let _ = timeout(Duration::from_millis(300), idle.next()).await;
            }
        };
        tokio::select! {
            () = waiting => {}
            () = serving => {}
        }
        assert!((30..=61).contains(&idles), "{idles}");
    });
}

/// Whoever waits for the other's renewal asks for one then.
#[test]
fn a_dropped_renewal_of_a_token_leaves_the_turn_to_the_next() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(async {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let source = Awaited(move |ask: Ask| {
            let number = match ask.renew {
                Renew::IfExpired => None,
                Renew::Force => Some(counted.fetch_add(1, Ordering::SeqCst)),
            };
            async move {
                match number {
                    None => Ok(Secret::new("expired")),
                    Some(0) => std::future::pending().await,
                    Some(_) => Ok(Secret::new("renewed")),
                }
            }
        });
        let credentials = Credentials::bearer("ann@example.com", source);
        let log_in = async |time| {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            let mut server = Server { stream: BufReader::new(theirs), tag: String::new() };
            let serving = async {
                server.say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n").await;
                server.answer("AUTHENTICATE", "{tag} NO no\r\n").await;
                server.answer("AUTHENTICATE", "{tag} OK in\r\n").await;
            };
            let logging_in = async {
                let builder = imap::nonblocking::Builder::new("mail.example.org");
                builder.from_stream(ours).await?.log_in(&credentials).await
            };
            tokio::select! {
                biased;
                session = logging_in => Some(session.map(drop)),
                () = async { serving.await; std::future::pending().await } => None,
                () = sleep(time) => None,
            }
        };
        // The second one waits behind the first.
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        let (first, second) = tokio::join!(log_in(minute), log_in(hour));
        assert!(first.is_none());
        second.unwrap().unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    });
}

/// A source on a thread goes on where nobody waits for it, and what it renews is for the next.
#[test]
fn a_renewal_on_a_thread_outlives_the_login_it_was_for() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (asked, mut asks) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, goes_on) = std::sync::mpsc::channel::<()>();
    let goes_on = std::sync::Mutex::new(goes_on);
    let source = Arc::new(move |ask: &Ask| {
        if ask.renew == Renew::IfExpired {
            return Ok::<_, TokenFailed>(Secret::new("expired"));
        }
        asked.send(())?;
        goes_on.lock().unwrap().recv()?;
        Ok(Secret::new("renewed"))
    });
    let credentials = Credentials::bearer("ann@example.com", source);
    let log_in = async |refused: &dyn Fn()| {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let mut server = Server { stream: BufReader::new(theirs), tag: String::new() };
        let serving = async {
            server.say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n").await;
            server.answer("AUTHENTICATE", "{tag} NO no\r\n").await;
            refused();
            server.answer("AUTHENTICATE", "{tag} OK in\r\n").await;
            std::future::pending::<()>().await;
        };
        let logging_in = async {
            let builder = imap::nonblocking::Builder::new("mail.example.org");
            builder.from_stream(ours).await?.log_in(&credentials).await
        };
        tokio::select! {
            session = logging_in => session.map(drop),
            () = serving => Ok(()),
        }
    };
    runtime.block_on(async {
        tokio::select! {
            _ = log_in(&|| {}) => panic!("nobody gave a token"),
            _ = asks.recv() => {}
        }
        // The next one waits for the thread's turn, and has its token: a second asking would get no answer.
        log_in(&|| go_on.send(()).unwrap()).await.unwrap();
        assert!(asks.try_recv().is_err());
    });
}

/// Who waits in slices does not put off the deadline of a connection that is dead.
#[test]
fn the_deadline_of_what_is_left_outlives_its_future() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(async {
        let (mut session, _server) = mailbox("").await;
        let began = Instant::now();
        let error = loop {
            match timeout(Duration::from_secs(1), session.run(Noop::new())).await {
                Ok(answer) => break answer.unwrap_err(),
                // What the program does in between takes none of the session's time.
                Err(_) => sleep(Duration::from_secs(1)).await,
            }
        };
        assert_eq!(error.to_string(), imap::TransportFault::Deadline.to_string());
        assert_eq!(began.elapsed().as_secs(), 300 + 299);
    });
}

/// What became of half a message nobody can tell: an SMTP session ends with a future that is dropped half way.
#[test]
fn a_dropped_future_ends_an_smtp_session() {
    e2e::runtime().block_on(async {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let mut line = [0; 256];
        let server = async {
            theirs.write_all(b"220 ready\r\n").await.unwrap();
            assert!(theirs.read(&mut line).await.unwrap() > 0);
            theirs.write_all(b"250 mail.example.org\r\n").await.unwrap();
        };
        let builder = smtp::nonblocking::Builder::new("mail.example.org");
        let (client, ()) = tokio::join!(builder.from_stream(ours), server);
        let mut session = client.unwrap().without_authentication();
        tokio::select! {
            biased;
            _ = session.run(Submit::new("ann@example.com", ["ben@example.org"], "\r\n")) => {
                panic!("nobody answered")
            }
            read = theirs.read(&mut line) => assert!(read.unwrap() > 0),
        }
        assert!(!session.is_usable());
        let error = session.run(Rset::new()).await.unwrap_err();
        assert!(matches!(error, Error::Ended), "{error}");
        // The server sees the end at once.
        assert_eq!(theirs.read(&mut line).await.unwrap(), 0);
    });
}
