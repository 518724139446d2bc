//! Hours of IDLE, by a clock that jumps to whatever is waited for next.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::time::{Instant, sleep, timeout};
use xoauth::imap::command::Noop;
use xoauth::imap::{self, Event};
use xoauth::{Deadlines, Error};

const MINUTE: Duration = Duration::from_secs(60);

fn simulated(case: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(case);
}

/// A server that idles: tells news after some time, and answers so many rounds of DONE.
async fn server(
    stream: DuplexStream,
    news_after: Duration,
    rounds: usize,
) -> Vec<(Duration, String)> {
    let began = Instant::now();
    let mut stream = BufReader::new(stream);
    stream.write_all(b"* PREAUTH [CAPABILITY IMAP4rev1 IDLE] ready\r\n").await.unwrap();
    let (mut heard, mut tag, mut done) = (Vec::new(), String::new(), 0);
    let news = sleep(news_after);
    tokio::pin!(news);
    let mut told = false;
    loop {
        let mut line = String::new();
        tokio::select! {
            read = stream.read_line(&mut line) => if read.unwrap_or(0) == 0 { return heard },
            () = &mut news, if !told => {
                told = true;
                stream.write_all(b"* OK Still here\r\n* 7 EXISTS\r\n").await.unwrap();
                continue;
            }
        }
        let line = line.trim_end();
        heard.push((began.elapsed(), line.split(' ').next_back().unwrap().to_owned()));
        let answer = match line.split_once(' ') {
            Some((own, "IDLE")) => {
                tag = own.to_owned();
                "+ idling\r\n".to_owned()
            }
            None => {
                done += 1;
                if done > rounds {
                    continue;
                }
                format!("{tag} OK done\r\n")
            }
            Some((own, _)) => format!("{own} OK\r\n"),
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

async fn session(stream: DuplexStream) -> imap::nonblocking::Session<DuplexStream> {
    let builder = imap::nonblocking::Builder::new("mail.example.org");
    let builder = builder.deadlines(Deadlines::all(5 * MINUTE));
    builder.from_stream(stream).await.unwrap().preauthenticated().unwrap()
}

#[test]
fn idle_is_sent_anew_before_29_minutes_pass() {
    simulated(async {
        let (ours, theirs) = tokio::io::duplex(4096);
        let client = async {
            let mut session = session(ours).await;
            let mut idle = session.idle().await.unwrap();
            assert!(matches!(idle.next().await.unwrap(), Event::Status(_)));
            assert_eq!(idle.next().await.unwrap(), Event::Exists(7));
            idle.done().await.unwrap();
            session.run(Noop::new()).await.unwrap();
        };
        let ((), heard) = tokio::join!(client, server(theirs, 100 * MINUTE, usize::MAX));
        let rounds: Vec<_> = heard.iter().filter(|(_, word)| word == "IDLE").collect();
        assert_eq!(rounds.len(), 4, "{heard:?}");
        for pair in heard.windows(2) {
            assert!(pair[1].0 - pair[0].0 < 29 * MINUTE, "{heard:?}");
        }
    });
}

#[test]
fn a_dead_connection_shows_when_idle_is_sent_anew() {
    simulated(async {
        let (ours, theirs) = tokio::io::duplex(4096);
        let client = async {
            let mut session = session(ours).await;
            let began = Instant::now();
            let mut idle = session.idle().await.unwrap();
            let error = idle.next().await.unwrap_err();
            assert_eq!(error.to_string(), imap::TransportFault::Deadline.to_string());
            assert_eq!(began.elapsed().as_secs() / 60, 28 + 5);
        };
        tokio::join!(client, server(theirs, 1000 * MINUTE, 0));
    });
}

#[test]
fn waiting_ends_with_a_future_that_is_dropped() {
    simulated(async {
        let (ours, theirs) = tokio::io::duplex(4096);
        let client = async {
            let mut session = session(ours).await;
            let mut idle = session.idle().await.unwrap();
            for _ in 0..50 {
                assert!(timeout(MINUTE, idle.next()).await.is_err());
            }
            // Dropping it leaves DONE to the next command.
            drop(idle);
            session.run(Noop::new()).await.unwrap();
            let mut idle = session.idle().await.unwrap();
            while idle.next().await.unwrap() != Event::Exists(7) {}
            drop(idle);
            session.logout().await
        };
        let (ended, heard) = tokio::join!(client, server(theirs, 60 * MINUTE, usize::MAX));
        assert!(!matches!(ended, Err(Error::Ended)), "{ended:?}");
        let done = heard.iter().filter(|(_, word)| word == "DONE").count();
        assert_eq!(done, heard.iter().filter(|(_, word)| word == "IDLE").count(), "{heard:?}");
    });
}
