//! A pool whose places are waited for, by a clock that jumps to whatever is waited for next.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::time::{Instant, sleep, timeout};
use xoauth_smtp::exchange::Submit;

use super::{Builder, Client, Session};
use crate::login::{Door, Fixed, Waiting};
use crate::net::{Timed, by};
use crate::smtp::core::Core;
use crate::smtp::posting::{Post, Posting, Posts, leave};
use crate::smtp::shelf::{Keepable, Rules, Shelf};
use crate::{AsyncTokenSource, Credentials, Error};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Where a server is found that takes every message, and no leave; a greeting takes so long.
#[derive(Clone)]
struct Net {
    greets_after: Duration,
}

impl Net {
    async fn serve(self, stream: DuplexStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        sleep(self.greets_after).await;
        stream.write_all(b"220 ready\r\n").await?;
        let mut is_content = false;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let answer = match line.split([' ', '\r']).next().unwrap_or_default() {
                "." => {
                    is_content = false;
                    "250 queued\r\n"
                }
                _ if is_content => "",
                "EHLO" => "250-x\r\n250 AUTH OAUTHBEARER\r\n",
                "AUTH" => "235 in\r\n",
                "DATA" => {
                    is_content = true;
                    "354 go\r\n"
                }
                "QUIT" => "",
                _ => "250 ok\r\n",
            };
            stream.write_all(answer.as_bytes()).await?;
        }
    }
}

impl Door for Net {
    type Client = Client<DuplexStream>;

    async fn open(&self) -> Result<Self::Client, Error> {
        let (ours, theirs) = tokio::io::duplex(4096);
        tokio::spawn(self.clone().serve(theirs));
        Builder::new("mail.example.org").from_stream(ours).await
    }
}

impl Keepable for Session<DuplexStream> {
    fn is_usable(&self) -> bool {
        self.core.is_usable()
    }

    fn messages(&self) -> u64 {
        self.core.machine.transactions()
    }

    fn part(&mut self) {
        self.core.part();
    }
}

impl Posts for Net {
    type Io = Timed<DuplexStream>;
    type Asker<'a> = Waiting<'a>;

    fn core(session: &mut Session<DuplexStream>) -> &mut Core<Self::Io> {
        &mut session.core
    }

    fn now() -> std::time::Instant {
        Instant::now().into_std()
    }

    async fn before<F: Future>(until: Option<std::time::Instant>, future: F) -> Option<F::Output> {
        by(until, future).await
    }
}

impl<S: AsyncTokenSource> Post<S> for Net {
    fn asker(source: &S) -> Waiting<'_> {
        Waiting::new(source)
    }
}

fn mailer(limit: usize, greets_after: Duration) -> Arc<Posting<Net, Fixed>> {
    let shelf = Arc::new(Shelf::new(Rules::new(limit)));
    let credentials = Credentials::token("ann@example.com", "opaque-4711");
    let mailer = shelf.enroll();
    Arc::new(Posting { door: Net { greets_after }, credentials, shelf, mailer })
}

fn message() -> Submit<'static> {
    Submit::new("ann@example.com", ["ben@example.org"], "Subject: x\r\n\r\nhi\r\n")
}

/// Runs a case under a clock that stands still while anybody is at work.
fn simulated(case: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(case);
}

#[test]
fn a_place_is_waited_for_ten_minutes_and_no_longer() {
    simulated(async {
        for (held, comes) in [(9 * MINUTE, true), (600 * MINUTE, false)] {
            let mailer = mailer(1, Duration::ZERO);
            let (lent, _) = mailer.take().await.unwrap();
            tokio::spawn(async move {
                sleep(held).await;
                drop(lent);
            });
            let began = Instant::now();
            match mailer.send(message).await {
                Ok(sent) => assert!(comes && sent.accepted().count() == 1),
                Err(Error::PoolFull { waited }) => assert!(!comes && waited == 10 * MINUTE),
                Err(error) => panic!("{error}"),
            }
            let waited = began.elapsed();
            let bound = if comes { held } else { 10 * MINUTE };
            // The timer of the runtime counts in milliseconds.
            assert!(waited >= bound && waited <= bound + SECOND / 500, "{waited:?}");
            assert_eq!(mailer.shelf.waiting(), 0);
        }
    });
}

#[test]
fn those_who_wait_are_served_in_the_order_in_which_they_came() {
    simulated(async {
        let mailer = mailer(2, Duration::ZERO);
        let served: Arc<Mutex<Vec<u32>>> = Arc::default();
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..20_u32 {
            let (mailer, served) = (Arc::clone(&mailer), Arc::clone(&served));
            tasks.spawn(async move {
                let (lent, _) = mailer.take().await.unwrap();
                served.lock().unwrap().push(number);
                // Places come free two at a time and one by one.
                sleep(SECOND * (1 + number % 3)).await;
                drop(lent);
            });
            tokio::task::yield_now().await;
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        // The first two have a place each and open connections, by threads that ask for tokens.
        let mut served = served.lock().unwrap().clone();
        served[..2].sort_unstable();
        assert_eq!(served, (0..20).collect::<Vec<_>>());
        assert_eq!(mailer.shelf.counts(), (2, 2));
    });
}

#[test]
fn servers_that_answer_no_quit_are_waited_for_together() {
    simulated(async {
        let mailer = mailer(3, Duration::ZERO);
        let lent = [mailer.take().await, mailer.take().await, mailer.take().await];
        drop(lent.map(Result::unwrap));
        assert_eq!(mailer.shelf.counts(), (3, 3));
        let began = Instant::now();
        leave(mailer.shelf.take_idle(), |session| &mut session.core).await;
        let waited = began.elapsed();
        assert!(waited >= MINUTE / 2 && waited < MINUTE / 2 + SECOND / 10, "{waited:?}");
        assert_eq!(mailer.shelf.counts(), (0, 0));
    });
}

/// By a future that is dropped while it waits, and while its connection is opened.
#[test]
fn who_goes_away_leaves_neither_a_ticket_nor_a_place() {
    simulated(async {
        let mailer = mailer(1, MINUTE / 4);
        for _ in 0..10 {
            assert!(timeout(SECOND, mailer.send(message)).await.is_err());
            assert_eq!((mailer.shelf.counts(), mailer.shelf.waiting()), ((0, 0), 0));
        }
        let (lent, _) = mailer.take().await.unwrap();
        for _ in 0..10 {
            assert!(timeout(SECOND, mailer.send(message)).await.is_err());
            assert_eq!((mailer.shelf.counts(), mailer.shelf.waiting()), ((1, 0), 0));
        }
        drop(lent);
        assert_eq!(mailer.send(message).await.unwrap().accepted().count(), 1);
        assert_eq!(mailer.shelf.counts(), (1, 1));
    });
}

#[test]
fn a_place_that_comes_free_as_a_wait_ends_is_neither_lost_nor_given_twice() {
    simulated(async {
        let millisecond = SECOND / 1000;
        // Three wait, whose times end one millisecond after another; one place comes free around then.
        for free_at in (0..8).map(|offset| 10 * MINUTE + offset * millisecond - 2 * millisecond) {
            let mailer = mailer(1, Duration::ZERO);
            let (lent, _) = mailer.take().await.unwrap();
            let mut tasks = tokio::task::JoinSet::new();
            for number in 0..3 {
                let mailer = Arc::clone(&mailer);
                tasks.spawn(async move {
                    sleep(number * millisecond).await;
                    match mailer.take().await {
                        // Held until the others have given up.
                        Ok((lent, _)) => {
                            sleep(MINUTE).await;
                            Ok(lent)
                        }
                        Err(error) => Err(error),
                    }
                });
            }
            sleep(free_at).await;
            drop(lent);
            let (mut given, mut refused) = (0, 0);
            while let Some(done) = tasks.join_next().await {
                match done.unwrap() {
                    Ok(lent) => {
                        drop(lent);
                        given += 1;
                    }
                    Err(Error::PoolFull { .. }) => refused += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            assert!(given <= 1 && given + refused == 3, "{free_at:?}: {given} {refused}");
            // Whoever has not given up by then gets it.
            assert!(given == 1 || free_at > 10 * MINUTE + millisecond, "{free_at:?}");
            // Nothing is lent, and nobody waits.
            let (open, idle) = mailer.shelf.counts();
            assert_eq!((open - idle, mailer.shelf.waiting()), (0, 0));
            let began = Instant::now();
            assert_eq!(mailer.send(message).await.unwrap().accepted().count(), 1);
            assert_eq!(began.elapsed(), Duration::ZERO);
        }
    });
}
