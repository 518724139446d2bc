//! Many messages by LMTP: an answer for each recipient, over TCP and Unix sockets, blocking and async.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use e2e::sink::{Accepted, Keep, Offer, Sink};
use xoauth::smtp::exchange::{Noop, Submit, Window};
use xoauth::smtp::{Builder, Sent, Session, nonblocking};
use xoauth::{Error, Transport};

const COUNT: usize = 40;
const TO: [&str; 3] = ["b@example.net", "c@example.net", "d@example.net"];
const WAYS: [Offer; 4] = [
    Offer { pipelining: true, chunking: true },
    Offer { pipelining: true, chunking: false },
    Offer { pipelining: false, chunking: true },
    Offer { pipelining: false, chunking: false },
];

fn content(number: usize) -> String {
    format!("Subject: {number}\r\n\r\n.{}\r\n", "text\r\n".repeat(number % 7 * 50))
}

fn message(number: usize) -> Submit<'static> {
    Submit::new(&*format!("{number}@example.org"), TO, content(number))
}

/// Every recipient got an answer of its own.
fn check(outcome: Result<Sent, Error>) {
    let sent = outcome.unwrap();
    assert_eq!((sent.accepted().count(), sent.refused().count()), (TO.len(), 0));
}

fn deliver<T: Transport>(mut session: Session<T>) {
    assert!(session.extensions().is_lmtp());
    let outcomes = session.send_all((0..COUNT).map(message)).unwrap();
    let outcomes = outcomes.window(Window::of_messages(20));
    assert_eq!(outcomes.map(check).count(), COUNT);
    session.run(Noop::new()).unwrap();
}

fn compare(accepted: &[Accepted], offer: Offer) {
    assert_eq!(accepted.len(), COUNT, "{offer:?}");
    for (number, one) in accepted.iter().enumerate() {
        assert_eq!(one.recipients, TO);
        assert_eq!(one.content, content(number).as_bytes(), "{offer:?}");
    }
}

#[test]
fn each_recipient_is_answered_for_over_tcp() {
    for offer in WAYS {
        let sink = Sink::builder().offer(offer).keep(Keep::Messages).start().unwrap();
        let client = Builder::new("127.0.0.1").lmtp().port(sink.port()).connect_plain().unwrap();
        deliver(client.trust().without_authentication());
        let (counts, accepted) = sink.finish_with_messages();
        compare(&accepted, offer);
        if offer.pipelining {
            // The next envelope is on its way with the message before it. LHLO, the first envelope, NOOP.
            assert!(counts.flights <= 3 + COUNT as u64, "{offer:?}: {} flights", counts.flights);
        }
    }
}

#[test]
fn each_recipient_is_answered_for_in_an_async_session() {
    e2e::runtime().block_on(async {
        for offer in WAYS {
            let sink = Sink::builder().offer(offer).keep(Keep::Messages).start().unwrap();
            let builder = nonblocking::Builder::new("127.0.0.1").lmtp().port(sink.port());
            let client = builder.connect_plain().await.unwrap().trust();
            deliver_async(client.without_authentication()).await;
            compare(&sink.finish_with_messages().1, offer);
        }
    });
}

async fn deliver_async<T: xoauth::net::AsyncTransport>(mut session: nonblocking::Session<T>) {
    assert!(session.extensions().is_lmtp());
    let mut outcomes = session.send_all((0..COUNT).map(message)).unwrap();
    let mut told = 0;
    while let Some(outcome) = outcomes.next().await {
        check(outcome);
        told += 1;
    }
    assert_eq!(told, COUNT);
    session.quit().await.unwrap();
}

#[cfg(unix)]
mod unix {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;
    use std::time::Duration;

    use e2e::sink::{Faults, Model};
    use xoauth::Deadlines;

    use super::*;

    /// One connection to a socket in a file.
    fn serve(listener: &UnixListener, offer: Offer) -> Vec<Accepted> {
        let (mut stream, _) = listener.accept().unwrap();
        let mut model = Model::new(offer, Keep::Messages, Faults::none());
        let mut room = [0; 4096];
        loop {
            let said = model.take_output();
            if stream.write_all(&said).is_err() || model.is_closed() {
                return model.accepted().to_vec();
            }
            match stream.read(&mut room) {
                Ok(count @ 1..) => model.receive(&room[..count]),
                _ => return model.accepted().to_vec(),
            }
        }
    }

    #[test]
    fn each_recipient_is_answered_for_over_unix_sockets() {
        let directory = std::env::temp_dir().join(format!("xoauth-lmtp-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("bulk");
        for offer in WAYS {
            let listener = UnixListener::bind(&path).unwrap();
            std::thread::scope(|scope| {
                let server = scope.spawn(|| [serve(&listener, offer), serve(&listener, offer)]);
                let client = Builder::new("localhost").lmtp().connect_unix(&path).unwrap();
                deliver(client.without_authentication());
                e2e::runtime().block_on(async {
                    let builder = nonblocking::Builder::new("localhost").lmtp();
                    let client = builder.connect_unix(&path).await.unwrap();
                    deliver_async(client.without_authentication()).await;
                });
                for accepted in server.join().unwrap() {
                    compare(&accepted, offer);
                }
            });
            std::fs::remove_file(&path).unwrap();
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }

    /// The backlog is full and nobody accepts: both drivers wait, and come back at the deadline.
    #[test]
    fn a_full_backlog_is_not_waited_for_without_end() {
        let directory = std::env::temp_dir().join(format!("xoauth-backlog-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("full");
        e2e::runtime().block_on(async {
            let socket = tokio::net::UnixSocket::new_stream().unwrap();
            socket.bind(&path).unwrap();
            let listener = socket.listen(0).unwrap();
            let mut waiting = Vec::new();
            while let Ok(stream) = tokio::net::UnixStream::connect(&path).await {
                waiting.push(stream);
            }
            let deadlines = Deadlines::all(Duration::from_millis(50));
            let builder = Builder::new("localhost").lmtp().deadlines(deadlines);
            let error = builder.connect_unix(&path).map(drop).unwrap_err();
            let Error::Connect { source, .. } = error else { panic!("{error}") };
            assert_eq!(source.kind(), std::io::ErrorKind::TimedOut);
            let builder = nonblocking::Builder::new("localhost").lmtp().deadlines(deadlines);
            let error = builder.connect_unix(&path).await.map(drop).unwrap_err();
            let Error::Connect { source, .. } = error else { panic!("{error}") };
            assert_eq!(source.kind(), std::io::ErrorKind::TimedOut);
            // A place that comes free is taken.
            let builder = nonblocking::Builder::new("localhost").lmtp();
            let accepting = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                drop(waiting);
                loop {
                    // Those that gave up, and then the one that waits.
                    let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"421 no\r\n").await;
                    (stream, _) = listener.accept().await.unwrap();
                }
            };
            tokio::select! {
                error = builder.connect_unix(&path) => {
                    let error = error.map(drop).unwrap_err();
                    assert!(matches!(error, Error::Smtp(_)), "{error}");
                }
                () = accepting => {}
            }
        });
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
