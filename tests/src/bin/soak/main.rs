//! Mail that is sent and read for a long time while tokens live shortly, the server ends sessions at random and the
//! network cuts at random.
//!
//! Every message has to be delivered and seen exactly once, or its sender was told that nobody knows.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod seen;

use std::collections::{HashMap, HashSet};
use std::error::Error as AnyError;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use e2e::host::{DEMO_USER, Host, Trouble};
use seen::Seen;
use xoauth::imap::command::{Expunge, Fetch, Item, Search, Store, StoreAction};
use xoauth::imap::{self, Flag, Query, UidSet};
use xoauth::net::Backoff;
use xoauth::smtp::{self, exchange::Submit};
use xoauth::{Ask, Credentials, Deadlines, Error, Renew, Secret, Tls, TokenFailed, TokenSource};

type Result<T> = std::result::Result<T, Box<dyn AnyError + Send + Sync>>;

/// How long a token lives.
const LIFETIME: Duration = Duration::from_secs(20);
/// How long a sender rests after a message, so that the run does not depend on how fast the machine is.
const REST: Duration = Duration::from_millis(100);
/// How long anybody waits for a server that says nothing any more, and how often IDLE is sent anew.
const SILENCE: Duration = Duration::from_secs(5);
/// How long the readers may take to see the last messages once there is no more trouble.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    match arguments().and_then(|(seconds, seed)| soak(Duration::from_secs(seconds), seed)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `--seconds N` and `--seed N`.
fn arguments() -> Result<(u64, u64)> {
    let (mut seconds, mut seed) = (1200, 1);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("a number is missing")?.parse()?;
        match name.as_str() {
            "--seconds" => seconds = value,
            "--seed" => seed = value,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok((seconds, seed))
}

/// What all who take part share.
struct Ground {
    host: Host,
    tls: Tls,
    until: Instant,
    /// Nobody sends any more.
    is_over: AtomicBool,
    numbers: AtomicU64,
    tokens: AtomicU64,
    ledger: Mutex<Ledger>,
}

/// What senders were told, message by message, and what went wrong.
#[derive(Default)]
struct Ledger {
    accepted: HashSet<u64>,
    unknown: HashSet<u64>,
    /// The sender gave up: nobody may have got it.
    unsent: HashSet<u64>,
    /// Errors by their kind, for the report.
    errors: HashMap<String, u64>,
    renewals: u64,
    sessions: u64,
}

/// A source whose tokens live shortly, as the one of a program would be.
#[derive(Clone)]
struct Source {
    ground: Arc<Ground>,
    held: Arc<Mutex<Option<(String, Instant)>>>,
}

impl TokenSource for Source {
    fn token(&self, ask: &Ask) -> std::result::Result<Secret, TokenFailed> {
        let mut held = lock(&self.held);
        if let (Renew::IfExpired, Some((token, issued))) = (ask.renew, &*held) {
            if issued.elapsed() < LIFETIME {
                return Ok(Secret::new(token.clone()));
            }
        }
        let token = format!("token-{}", self.ground.tokens.fetch_add(1, Ordering::SeqCst));
        self.ground.host.issue_bearer_for(DEMO_USER, &token, LIFETIME);
        *held = Some((token.clone(), Instant::now()));
        self.ground.ledger().renewals += 1;
        Ok(Secret::new(token))
    }
}

impl Ground {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    fn credentials(self: &Arc<Self>) -> Credentials<Source> {
        let source = Source { ground: Arc::clone(self), held: Arc::default() };
        Credentials::bearer(DEMO_USER, source)
    }

    fn note(&self, who: &str, error: &Error) {
        let mut text = error.to_string();
        if let Some((head, _)) = text.split_once(|c: char| c.is_ascii_digit()) {
            text = head.trim_end().to_owned();
        }
        *self.ledger().errors.entry(format!("{who}: {text}")).or_default() += 1;
    }

    /// What became of an attempt to send; whether the message is done with.
    fn sent(&self, number: u64, outcome: std::result::Result<(), Error>) -> bool {
        match outcome {
            Ok(()) => self.ledger().accepted.insert(number),
            Err(Error::Smtp(error)) if error.is_delivery_unknown() => {
                self.note("sending", &Error::Smtp(error));
                self.ledger().unknown.insert(number)
            }
            Err(error) => {
                self.note("sending", &error);
                !self.goes_on() && self.ledger().unsent.insert(number)
            }
        }
    }

    /// All messages are in the mailbox that will ever be, and a reader saw them, and knows of those that are gone.
    fn has_seen_all(&self, seen: &Seen) -> bool {
        self.is_over.load(Ordering::SeqCst) && seen.numbers.len() >= self.delivered().len() && {
            let there = self.host.mailbox(DEMO_USER, "INBOX");
            seen.knows(there.iter().map(|message| message.uid))
        }
    }

    /// The messages of the senders, whatever else comes and goes.
    fn delivered(&self) -> Vec<Arc<Vec<u8>>> {
        let messages = self.host.mailbox(DEMO_USER, "INBOX").into_iter();
        messages.map(|it| it.octets).filter(|octets| !octets.starts_with(CHAFF)).collect()
    }
}

/// How a message begins that comes and goes while the others are read.
const CHAFF: &[u8] = b"Subject: chaff\r\n";

fn message(number: u64) -> Submit<'static> {
    let body = "x".repeat(usize::try_from(number % 4000).unwrap_or_default());
    let text = format!("Subject: {number}\r\n\r\n{body}\r\n");
    Submit::new("ann@example.com", [DEMO_USER], text)
}

fn backoff() -> Backoff {
    let mut backoff = Backoff::default();
    backoff.first = Duration::from_millis(20);
    backoff.longest = Duration::from_secs(1);
    backoff.attempts = 1000;
    backoff
}

fn send_blocking(ground: &Arc<Ground>, mailer: &smtp::Mailer<Source>) {
    while ground.goes_on() {
        let number = ground.numbers.fetch_add(1, Ordering::SeqCst);
        while !ground.sent(number, mailer.send(|| message(number)).map(drop)) {}
        thread::sleep(REST);
    }
}

fn watch_blocking(ground: &Arc<Ground>) -> Seen {
    let builder = imap::Builder::new("localhost").port(ground.host.imaps_port()).tls(&ground.tls);
    let builder = builder.deadlines(Deadlines::all(SILENCE));
    let mail = imap::Reconnect::new(builder, ground.credentials()).examine("INBOX");
    let mut watch = mail.backoff(backoff()).watch().renew_every(SILENCE);
    let mut seen = Seen::default();
    while !ground.has_seen_all(&seen) {
        let read = (|| {
            let change = watch.wait(Duration::from_secs(1))?;
            if !change.is_some_and(|change| seen.hear(&change, watch.sessions())) {
                return Ok(());
            }
            if seen.wants_search() {
                let found = watch.session()?.run(Search::new(Query::All))?;
                seen.found(&found, watch.sessions());
            }
            let (wanted, mut answer) = seen.look();
            for message in watch.session()?.stream(Fetch::new(wanted, Item::Body))? {
                seen.take(&message?, &mut answer);
            }
            Ok(())
        })();
        if let Err(error) = read {
            ground.note("reading", &error);
        }
    }
    ground.ledger().sessions += watch.sessions();
    seen
}

/// Lets messages come, be marked and go while the others are read.
fn tend(ground: &Arc<Ground>) -> Result<()> {
    let builder = imap::Builder::new("localhost").port(ground.host.imaps_port()).tls(&ground.tls);
    let builder = builder.deadlines(Deadlines::all(SILENCE));
    let mail = imap::Reconnect::new(builder, ground.credentials()).select("INBOX");
    let mut mail = mail.backoff(backoff());
    let patient = ground.until + PATIENCE;
    loop {
        let goes_on = ground.goes_on();
        if goes_on {
            ground.host.deliver(DEMO_USER, "INBOX", CHAFF, &[], 0)?;
            thread::sleep(3 * REST);
        }
        let tended = (|| {
            let found = mail.run(|| Search::new(Query::subject("chaff")))?;
            let Ok(chaff) = UidSet::new(found.iter().copied()) else { return Ok(true) };
            for flag in [Flag::Flagged, Flag::Deleted] {
                let store = || Store::new(chaff.clone(), StoreAction::Add, [flag.clone()]);
                mail.run(store)?;
            }
            mail.run(Expunge::new)?;
            Ok(false)
        })();
        match tended {
            Ok(is_clean) if is_clean && !goes_on => return Ok(()),
            Ok(_) => {}
            Err(error) => ground.note("tending", &error),
        }
        if Instant::now() >= patient {
            return Err("the chaff stays".into());
        }
    }
}

async fn send_async(ground: Arc<Ground>, mailer: Arc<smtp::nonblocking::Mailer<Source>>) {
    while ground.goes_on() {
        let number = ground.numbers.fetch_add(1, Ordering::SeqCst);
        while !ground.sent(number, mailer.send(|| message(number)).await.map(drop)) {}
        tokio::time::sleep(REST).await;
    }
}

async fn watch_async(ground: Arc<Ground>) -> Seen {
    use imap::nonblocking::{Builder, Reconnect};
    let builder = Builder::new("localhost").port(ground.host.imaps_port()).tls(&ground.tls);
    let builder = builder.deadlines(Deadlines::all(SILENCE));
    let mail = Reconnect::new(builder, ground.credentials()).examine("INBOX");
    let mut watch = mail.backoff(backoff()).watch().renew_every(SILENCE);
    let mut seen = Seen::default();
    while !ground.has_seen_all(&seen) {
        let read = async {
            // A future that is dropped loses no change.
            let Ok(change) = tokio::time::timeout(Duration::from_secs(1), watch.next()).await
            else {
                return Ok(());
            };
            if !seen.hear(&change?, watch.sessions()) {
                return Ok(());
            }
            if seen.wants_search() {
                let found = watch.session().await?.run(Search::new(Query::All)).await?;
                seen.found(&found, watch.sessions());
            }
            let (wanted, mut answer) = seen.look();
            let session = watch.session().await?;
            let mut stream = session.stream(Fetch::new(wanted, Item::Body)).await?;
            while let Some(message) = stream.next().await {
                seen.take(&message?, &mut answer);
            }
            Ok(())
        };
        if let Err(error) = read.await {
            ground.note("reading", &error);
        }
    }
    ground.ledger().sessions += watch.sessions();
    seen
}

/// The async half: two senders over one pool, and a reader.
fn run_async(ground: &Arc<Ground>) -> Result<Seen> {
    let builder = smtp::nonblocking::Builder::new("localhost");
    let builder = builder.port(ground.host.submissions_port()).tls(&ground.tls);
    let builder = builder.deadlines(Deadlines::all(SILENCE));
    let pool = smtp::nonblocking::Pool::new(2);
    let mailer = Arc::new(pool.mailer(builder, ground.credentials()));
    e2e::runtime().block_on(async {
        let senders =
            [0, 1].map(|_| tokio::spawn(send_async(Arc::clone(ground), Arc::clone(&mailer))));
        let reader = tokio::spawn(watch_async(Arc::clone(ground)));
        for sender in senders {
            sender.await?;
        }
        pool.quit().await;
        Ok(reader.await?)
    })
}

fn soak(time: Duration, seed: u64) -> Result<()> {
    let host = Host::builder().capabilities(|offers| offers.qresync = true).start()?;
    let tls = Tls::builder().add_roots(host.ca_pem())?.only_these_roots().build()?;
    host.trouble(Some(Trouble { seed, bye: 10, cut: 10, lose: 10, silent: 5, old: 100 }));
    let ground = Arc::new(Ground {
        host,
        tls,
        until: Instant::now() + time,
        is_over: AtomicBool::new(false),
        numbers: AtomicU64::new(0),
        tokens: AtomicU64::new(0),
        ledger: Mutex::default(),
    });
    let builder = smtp::Builder::new("localhost").port(ground.host.submissions_port());
    let builder = builder.tls(&ground.tls).deadlines(Deadlines::all(SILENCE));
    let pool = smtp::Pool::new(2);
    let mailer = pool.mailer(builder, ground.credentials());
    let readers = thread::scope(|scope| -> Result<[Seen; 2]> {
        let reader = scope.spawn(|| watch_blocking(&ground));
        let other = scope.spawn(|| run_async(&ground));
        let tender = scope.spawn(|| tend(&ground));
        let senders = [0, 1].map(|_| scope.spawn(|| send_blocking(&ground, &mailer)));
        for sender in senders {
            sender.join().map_err(|_| "a sender panicked")?;
        }
        // The async senders end at the same time, give or take what they are at.
        let patient = Instant::now() + PATIENCE;
        ground.host.trouble(None);
        tender.join().map_err(|_| "the tender panicked")??;
        while !(other.is_finished() && reader.is_finished()) && Instant::now() < patient {
            let (open, all) = (ground.numbers.load(Ordering::SeqCst), ground.ledger().told());
            ground.is_over.store(open == all, Ordering::SeqCst);
            thread::sleep(REST);
        }
        if Instant::now() >= patient {
            eprintln!("soak: the readers do not come to their end");
            std::process::exit(1);
        }
        let seen = reader.join().map_err(|_| "a reader panicked")?;
        Ok([seen, other.join().map_err(|_| "the async half panicked")??])
    })?;
    pool.quit();
    judge(&ground, &readers, time, seed)
}

impl Ledger {
    /// Messages whose senders were told something.
    fn told(&self) -> u64 {
        (self.accepted.len() + self.unknown.len() + self.unsent.len()) as u64
    }
}

/// Compares what senders were told with what was delivered and what was seen.
fn judge(ground: &Ground, readers: &[Seen], time: Duration, seed: u64) -> Result<()> {
    let messages = ground.delivered();
    let mut delivered: HashMap<u64, u32> = HashMap::new();
    for message in &messages {
        let text = String::from_utf8_lossy(message);
        let number = text.strip_prefix("Subject: ").and_then(|rest| rest.split("\r\n").next());
        let number =
            number.and_then(|digits| digits.parse().ok()).ok_or("a message is not ours")?;
        *delivered.entry(number).or_default() += 1;
    }
    let ledger = ground.ledger();
    let times = |number: &u64| delivered.get(number).copied().unwrap_or(0);
    let mut faults = Vec::new();
    for number in &ledger.accepted {
        if times(number) != 1 {
            faults.push(format!("{number} was accepted and delivered {} times", times(number)));
        }
    }
    let reached = ledger.unknown.iter().filter(|number| times(number) > 0).count();
    for number in ledger.unknown.iter().filter(|number| times(number) > 1) {
        faults.push(format!("{number} was unknown and delivered {} times", times(number)));
    }
    for number in ledger.unsent.iter().filter(|number| times(number) > 0) {
        faults.push(format!("{number} was said not to be sent and was delivered"));
    }
    for (index, seen) in readers.iter().enumerate() {
        let once: HashSet<_> = seen.numbers.iter().collect();
        let count = seen.numbers.len();
        if once.len() != count || !delivered.keys().all(|number| once.contains(number)) {
            faults.push(format!("reader {index} saw {count} of {} messages", messages.len()));
        }
        faults.extend(seen.faults.iter().map(|fault| format!("reader {index}: {fault}")));
        if seen.expunged == 0 || seen.flagged == 0 || seen.gaps == 0 {
            let heard = [seen.expunged, seen.flagged, seen.gaps];
            faults.push(format!(
                "reader {index} heard of {heard:?} messages that went, that were marked, and gaps"
            ));
        }
    }
    // Without trouble a run shows nothing.
    let lives = time.as_secs() / LIFETIME.as_secs();
    if ledger.renewals < lives || ledger.sessions < 2 * lives {
        let (tokens, sessions) = (ledger.renewals, ledger.sessions);
        faults.push(format!("{tokens} tokens and {sessions} sessions: there was no trouble"));
    }
    println!(
        "soak of {} s, seed {seed}: {} messages: {} accepted, {} unknown ({reached} of them delivered), {} unsent; \
         {} delivered, seen by {} readers, who heard of {} that were marked and {} that went; {} connections, \
         {} sessions of readers, {} of which told what had changed before them, {} tokens",
        time.as_secs(),
        ledger.told(),
        ledger.accepted.len(),
        ledger.unknown.len(),
        ledger.unsent.len(),
        messages.len(),
        readers.len(),
        readers.iter().map(|seen| seen.flagged).sum::<u64>(),
        readers.iter().map(|seen| seen.expunged).sum::<u64>(),
        ground.host.accepted_connections(),
        ledger.sessions,
        readers.iter().map(|seen| seen.gaps).sum::<u64>(),
        ledger.renewals,
    );
    let mut errors: Vec<_> = ledger.errors.iter().collect();
    errors.sort();
    for (error, times) in errors {
        println!("  {times:5} {error}");
    }
    let violations = ground.host.violations();
    if !violations.is_empty() {
        faults.push(format!(
            "{} breaches of the rules, first: {}",
            violations.len(),
            violations.join("; ")
        ));
    }
    if ledger.accepted.is_empty() {
        faults.push("nothing was accepted".to_owned());
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n").into()) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
