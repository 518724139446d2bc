//! Many messages at a rate, which neither the server's slowness nor the window changes.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use e2e::sink::{Faults, Keep, Model, Offer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep_until};
use xoauth::Transport;
use xoauth::smtp::exchange::{Noop, Submit, Window};
use xoauth::smtp::{self, Builder};

const SECOND: Duration = Duration::from_secs(1);

const CHUNKS: Offer = Offer { pipelining: true, chunking: true };
const PIPELINE: Offer = Offer { pipelining: true, chunking: false };
const LOCK_STEP: Offer = Offer { pipelining: false, chunking: false };

fn message(number: usize) -> Submit<'static> {
    Submit::new(
        &*format!("{number}@example.org"),
        ["b@example.net"],
        "Subject: hello\r\n\r\nHi.\r\n",
    )
}

/// A server that says everything so much later. Answers when each MAIL arrived.
async fn slow_server(stream: DuplexStream, offer: Offer, later: Duration) -> Vec<Instant> {
    let (mut hears, mut says) = tokio::io::split(stream);
    let (sender, mut due) = tokio::sync::mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let saying = async move {
        while let Some((at, octets)) = due.recv().await {
            sleep_until(at).await;
            says.write_all(&octets).await.unwrap();
        }
    };
    let hearing = async move {
        let mut model = Model::new(offer, Keep::Counts, Faults::none());
        let mut begun = Vec::new();
        let mut room = [0; 4096];
        loop {
            sender.send((Instant::now() + later, model.take_output())).unwrap();
            match hears.read(&mut room).await {
                Ok(count @ 1..) => {
                    let text = String::from_utf8_lossy(&room[..count]);
                    begun.extend(text.matches("MAIL FROM").map(|_| Instant::now()));
                    model.receive(&room[..count]);
                }
                _ => return begun,
            }
        }
    };
    tokio::join!(hearing, saying).0
}

/// Sends so many messages to a server that answers so late; when each MAIL arrived there, after the first.
fn begun(offer: Offer, later: Duration, rate: (usize, Duration), count: usize) -> Vec<Duration> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let client = async {
            let builder = smtp::nonblocking::Builder::new("mail.example.org");
            let client = builder.from_stream(ours).await.unwrap();
            let mut session = client.without_authentication();
            let outcomes = session.send_all((0..count).map(message)).unwrap();
            let mut outcomes = outcomes.window(Window::of_messages(8)).rate(rate.0, rate.1);
            for _ in 0..count {
                outcomes.next().await.unwrap().unwrap();
            }
            assert!(outcomes.next().await.is_none());
        };
        let ((), begun) = tokio::join!(client, slow_server(theirs, offer, later));
        assert_eq!(begun.len(), count);
        begun.iter().map(|at| *at - begun[0]).collect()
    })
}

/// The same server as a stream that waits, by a clock that jumps to whatever is waited for next.
struct Slow {
    model: Model,
    began: std::time::Instant,
    passed: Duration,
    later: Duration,
    /// What is said, and when.
    says: VecDeque<(Duration, Vec<u8>)>,
    wake: Option<std::time::Instant>,
    /// When each MAIL arrived.
    begun: Arc<Mutex<Vec<Duration>>>,
}

impl Slow {
    fn answer(&mut self) {
        let octets = self.model.take_output();
        if !octets.is_empty() {
            self.says.push_back((self.passed + self.later, octets));
        }
    }
}

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wake = self.wake.map(|wake| wake - self.began);
        let (at, octets) = self.says.front_mut().unwrap();
        if *at > self.passed {
            if let Some(wake) = wake.filter(|wake| *wake < *at) {
                self.passed = self.passed.max(wake);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.passed = *at;
        }
        let count = Read::read(&mut &octets[..], buffer)?;
        octets.drain(..count);
        if octets.is_empty() {
            self.says.pop_front();
        }
        Ok(count)
    }
}

impl Write for Slow {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mails = String::from_utf8_lossy(octets).matches("MAIL FROM").count();
        self.begun.lock().unwrap().extend(std::iter::repeat_n(self.passed, mails));
        self.model.receive(octets);
        self.answer();
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Slow {
    fn set_deadline(&mut self, _: Option<std::time::Instant>) {}

    fn now(&self) -> std::time::Instant {
        self.began + self.passed
    }

    fn set_wake(&mut self, at: Option<std::time::Instant>) {
        self.wake = at;
    }

    fn wait_until(&mut self, at: std::time::Instant) {
        self.passed = self.passed.max(at - self.began);
    }

    fn close(&mut self) {}
}

/// As [`begun`], by a blocking session.
fn begun_blocking(
    offer: Offer,
    later: Duration,
    rate: (usize, Duration),
    count: usize,
) -> Vec<Duration> {
    let begun = Arc::default();
    let mut stream = Slow {
        model: Model::new(offer, Keep::Counts, Faults::none()),
        began: std::time::Instant::now(),
        passed: Duration::ZERO,
        later,
        says: VecDeque::new(),
        wake: None,
        begun: Arc::clone(&begun),
    };
    stream.answer();
    // Boxed, as programs have it that choose among streams.
    let stream: Box<dyn Transport> = Box::new(stream);
    let client = Builder::new("mail.example.org").from_stream(stream).unwrap();
    let mut session = client.without_authentication();
    let outcomes = session.send_all((0..count).map(message)).unwrap();
    let outcomes = outcomes.window(Window::of_messages(8)).rate(rate.0, rate.1);
    assert_eq!(outcomes.map(Result::unwrap).count(), count);
    let begun = begun.lock().unwrap();
    assert_eq!(begun.len(), count);
    begun.iter().map(|at| *at - begun[0]).collect()
}

type Driver = fn(Offer, Duration, (usize, Duration), usize) -> Vec<Duration>;

const DRIVERS: [Driver; 2] = [begun, begun_blocking];

#[test]
fn a_slow_server_is_sent_as_many_as_the_rate_allows() {
    // One in 100 ms, although each answer takes a second: several are on their way.
    let tenth = SECOND / 10;
    for driver in DRIVERS {
        let begun = driver(CHUNKS, SECOND, (1, tenth), 8);
        for (number, at) in begun.iter().enumerate() {
            let due = tenth * u32::try_from(number).unwrap();
            // Timers are exact to a millisecond.
            let early_enough = due + Duration::from_millis(2 * number as u64);
            assert!(*at >= due && *at <= early_enough, "{number}: {at:?}");
        }
    }
}

#[test]
fn no_stretch_of_time_sees_more_however_late_the_answers_come() {
    for offer in [CHUNKS, PIPELINE, LOCK_STEP] {
        for later in [Duration::ZERO, SECOND / 3, 3 * SECOND, 10 * SECOND] {
            for driver in DRIVERS {
                let begun = driver(offer, later, (4, 10 * SECOND), 20);
                for stretch in begun.windows(5) {
                    let took = stretch[4] - stretch[0];
                    assert!(took >= 10 * SECOND, "{offer:?} {later:?}: {stretch:?}");
                }
                // The first burst is not held back by the rate.
                assert!(begun[3] <= 13 * later, "{offer:?} {later:?}: {begun:?}");
            }
        }
    }
}

/// An hour between two messages passes in no time where the clock is the stream's.
#[test]
fn a_rate_is_held_by_the_clock_of_the_stream() {
    for driver in DRIVERS {
        let hour = 3600 * SECOND;
        let begun = driver(PIPELINE, SECOND, (1, hour), 5);
        let between: Vec<_> = begun.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
        assert_eq!(between, [3600; 4]);
    }
}

/// The second message may never begin; who waits for it is not kept from giving up.
#[test]
fn a_rate_that_allows_no_more_is_waited_for_without_end() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let client = async {
            let builder = smtp::nonblocking::Builder::new("mail.example.org");
            let client = builder.from_stream(ours).await.unwrap();
            let mut session = client.without_authentication();
            let outcomes = session.send_all((0..2).map(message)).unwrap();
            let mut outcomes = outcomes.rate(1, Duration::MAX);
            outcomes.next().await.unwrap().unwrap();
            let waited = tokio::time::timeout(3600 * SECOND, outcomes.next()).await;
            assert!(waited.is_err(), "{waited:?}");
        };
        let ((), begun) = tokio::join!(client, slow_server(theirs, CHUNKS, Duration::ZERO));
        assert_eq!(begun.len(), 1);
    });
}

/// A server that answers nothing of the first message before it has the second; how many it took.
fn patient_server(mut stream: impl Read + Write) -> u64 {
    let mut model = Model::new(CHUNKS, Keep::Counts, Faults::none());
    let mut room = [0; 4096];
    loop {
        if model.counts().messages != 1 {
            stream.write_all(&model.take_output()).unwrap();
        }
        match stream.read(&mut room) {
            Ok(count @ 1..) => model.receive(&room[..count]),
            _ => return model.counts().messages,
        }
    }
}

#[test]
fn a_stream_that_waits_is_woken_for_the_next_message() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || patient_server(listener.accept().unwrap().0));
    let client = Builder::new("127.0.0.1").port(port).connect_plain().unwrap();
    is_woken(client.trust().without_authentication());
    assert_eq!(server.join().unwrap(), 4);
}

#[cfg(unix)]
#[test]
fn so_is_a_unix_socket() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let server = std::thread::spawn(move || patient_server(theirs));
    let stream = xoauth::net::UnixTransport::new(ours);
    let client = Builder::new("localhost").from_stream(stream).unwrap();
    is_woken(client.without_authentication());
    assert_eq!(server.join().unwrap(), 4);
}

fn is_woken<T: Transport>(mut session: smtp::Session<T>) {
    let outcomes = session.send_all((0..4).map(message)).unwrap();
    let outcomes = outcomes.rate(1, Duration::from_millis(20));
    assert_eq!(outcomes.map(Result::unwrap).count(), 4);
    session.run(Noop::new()).unwrap();
}
