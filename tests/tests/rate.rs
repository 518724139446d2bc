//! Many messages at a rate, which neither the server's slowness nor the window changes.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use e2e::sink::{Faults, Keep, Model, Offer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep_until};
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

#[test]
fn a_slow_server_is_sent_as_many_as_the_rate_allows() {
    // One in 100 ms, although each answer takes a second: several are on their way.
    let tenth = SECOND / 10;
    let begun = begun(CHUNKS, SECOND, (1, tenth), 8);
    for (number, at) in begun.iter().enumerate() {
        let due = tenth * u32::try_from(number).unwrap();
        // Timers are exact to a millisecond.
        let early_enough = due + Duration::from_millis(2 * number as u64);
        assert!(*at >= due && *at <= early_enough, "{number}: {at:?}");
    }
}

#[test]
fn no_stretch_of_time_sees_more_however_late_the_answers_come() {
    for offer in [CHUNKS, PIPELINE, LOCK_STEP] {
        for later in [Duration::ZERO, SECOND / 3, 3 * SECOND, 10 * SECOND] {
            let begun = begun(offer, later, (4, 10 * SECOND), 20);
            for stretch in begun.windows(5) {
                assert!(stretch[4] - stretch[0] >= 10 * SECOND, "{offer:?} {later:?}: {stretch:?}");
            }
            // The first burst is not held back by the rate.
            assert!(begun[3] <= 13 * later, "{offer:?} {later:?}: {begun:?}");
        }
    }
}

/// A server that answers nothing of the first message before it has the second; how many it took.
fn patient_server(listener: &TcpListener) -> u64 {
    let (mut stream, _) = listener.accept().unwrap();
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
    let server = std::thread::spawn(move || patient_server(&listener));
    let client = Builder::new("127.0.0.1").port(port).connect_plain().unwrap();
    let mut session = client.trust().without_authentication();
    let outcomes = session.send_all((0..4).map(message)).unwrap();
    let outcomes = outcomes.rate(1, Duration::from_millis(20));
    assert_eq!(outcomes.map(Result::unwrap).count(), 4);
    session.run(Noop::new()).unwrap();
    drop(session);
    assert_eq!(server.join().unwrap(), 4);
}
