//! Many messages over one session, over sockets.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use e2e::certificates::Authority;
use e2e::scripted::{Peer, expect, send};
use e2e::sink::{Faults, Keep, Model, Offer, Sink};
use xoauth::net::TcpTransport;
use xoauth::sasl::XOAuth2;
use xoauth::smtp::exchange::{Noop, Submit, Window};
use xoauth::smtp::{self, Builder, Session};
use xoauth::{Error, Tls, Transport};

const WAYS: [Offer; 4] = [
    Offer { pipelining: true, chunking: true },
    Offer { pipelining: true, chunking: false },
    Offer { pipelining: false, chunking: true },
    Offer { pipelining: false, chunking: false },
];

fn plain(port: u16) -> Result<Session<TcpTransport>, Error> {
    let client = Builder::new("127.0.0.1").port(port).connect_plain()?;
    Ok(client.trust().without_authentication())
}

fn content(number: usize) -> String {
    format!("Subject: {number}\r\n\r\n{}.\r\n", "text\r\n".repeat(number % 7 * 50))
}

fn message(number: usize) -> Submit<'static> {
    Submit::new(&*format!("{number}@example.org"), ["b@example.net"], content(number))
}

fn deliver<T: Transport>(session: &mut Session<T>, count: usize) {
    let window = Window::of_messages(20);
    let outcomes = session.send_all((0..count).map(message)).unwrap().window(window);
    assert_eq!(outcomes.map(Result::unwrap).count(), count);
    session.run(Noop::new()).unwrap();
}

#[test]
fn messages_arrive_whole_and_in_order_every_way() {
    let authority = Authority::new().unwrap();
    let tls = Tls::builder().add_roots(&authority.pem().unwrap()).unwrap();
    let tls = tls.only_these_roots().build().unwrap();
    for offer in WAYS {
        let sink = Sink::builder().offer(offer).keep(Keep::Messages).start().unwrap();
        deliver(&mut plain(sink.port()).unwrap(), 100);
        let (_, plain) = sink.finish_with_messages();

        let builder = Sink::builder().offer(offer).keep(Keep::Messages);
        let sink = builder.tls(authority.localhost().unwrap()).start().unwrap();
        let client = Builder::new("localhost").port(sink.port()).tls(&tls).connect().unwrap();
        deliver(&mut client.without_authentication(), 100);
        let (_, protected) = sink.finish_with_messages();
        for accepted in [plain, protected] {
            assert_eq!(accepted.len(), 100);
            for (number, one) in accepted.iter().enumerate() {
                assert_eq!(one.content, content(number).as_bytes(), "{offer:?}");
            }
        }
    }
}

#[test]
fn async_sessions_deliver_and_a_dropped_future_of_next_loses_nothing() {
    e2e::runtime().block_on(async {
        let sink = Sink::builder().offer(WAYS[0]).keep(Keep::Messages).start().unwrap();
        let client = smtp::nonblocking::Builder::new("127.0.0.1").port(sink.port());
        let client = client.connect_plain().await.unwrap().trust();
        let mut session = client.without_authentication();
        let mut outcomes = session.send_all((0..100).map(message)).unwrap();
        let mut told = 0;
        loop {
            // Polled once and dropped, every other time.
            let outcome = tokio::select! {
                biased;
                outcome = outcomes.next() => outcome,
                () = std::future::ready(()), if told % 2 == 0 => outcomes.next().await,
            };
            let Some(outcome) = outcome else { break };
            outcome.unwrap();
            told += 1;
        }
        assert_eq!(told, 100);
        drop(outcomes);
        session.quit().await.unwrap();
        let (_, accepted) = sink.finish_with_messages();
        for (number, one) in accepted.iter().enumerate() {
            assert_eq!(one.content, content(number).as_bytes());
        }
        assert_eq!(accepted.len(), 100);
    });
}

#[test]
fn flights_are_few() {
    // EHLO and NOOP; then a flight a message and one for the last answer; or some for a window of 20.
    for (offer, most) in [(WAYS[0], 2 + 100 / 20 + 1), (WAYS[1], 2 + 100 + 1)] {
        let sink = Sink::builder().offer(offer).start().unwrap();
        let mut session = plain(sink.port()).unwrap();
        let window = Window::of_messages(20);
        let short = |number: usize| Submit::new(&*format!("{number}@x"), ["b@x"], "short\r\n");
        let outcomes = session.send_all((0..100).map(short)).unwrap().window(window);
        assert_eq!(outcomes.map(Result::unwrap).count(), 100);
        session.run(Noop::new()).unwrap();
        drop(session);
        let counts = sink.finish();
        assert!(counts.flights <= most, "{} flights", counts.flights);
        assert_eq!(counts.messages, 100);
    }
}

#[test]
fn the_first_message_is_accepted_after_few_flights() {
    let authority = Authority::new().unwrap();
    let tls = Tls::builder().add_roots(&authority.pem().unwrap()).unwrap();
    let tls = tls.only_these_roots().build().unwrap();
    // EHLO, AUTH, and the message, by DATA behind its envelope; TCP and TLS 1.3 have one each before that.
    for (offer, flights) in [(WAYS[0], 3), (WAYS[1], 4)] {
        let builder = Sink::builder().offer(offer);
        let sink = builder.tls(authority.localhost().unwrap()).start().unwrap();
        let client = Builder::new("localhost").port(sink.port()).tls(&tls).connect().unwrap();
        let login = XOAuth2::new("ann@example.org", "opaque-4711").unwrap();
        let mut session = client.authenticate(login).unwrap();
        session.run(message(0)).unwrap();
        drop(session);
        let counts = sink.finish();
        assert_eq!((counts.flights, counts.messages), (flights, 1), "{offer:?}");
    }
}

/// A server that says more than it hears, and takes nothing while it is not heard.
fn talkative(mut stream: impl Read + Write) -> u64 {
    let mut model = Model::new(WAYS[0], Keep::Counts, Faults::none());
    let padding = format!(" {}\r\n", "x".repeat(500));
    let mut room = [0; 4096];
    loop {
        let said = String::from_utf8(model.take_output()).unwrap();
        let padded = said.replace(" ok\r\n", &padding);
        if stream.write_all(padded.as_bytes()).is_err() || model.is_closed() {
            return model.counts().messages;
        }
        match stream.read(&mut room) {
            Ok(count @ 1..) => model.receive(&room[..count]),
            _ => return model.counts().messages,
        }
    }
}

const MANY: usize = 6000;

/// Sends all at once, as far as the window is concerned.
fn send_many<T: Transport>(mut session: Session<T>) {
    let content = "0123456789abcdef".repeat(128);
    let messages = (0..MANY).map(|_| Submit::new("a@x", ["b@x"], &content));
    let outcomes = session.send_all(messages).unwrap().window(Window::of_messages(MANY));
    assert_eq!(outcomes.map(Result::unwrap).count(), MANY);
    session.quit().unwrap();
}

#[test]
fn no_window_makes_both_sides_wait_for_each_other() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || talkative(listener.accept().unwrap().0));
    send_many(plain(port).unwrap());
    assert_eq!(server.join().unwrap(), MANY as u64);
}

#[cfg(unix)]
#[test]
fn nor_over_a_unix_socket() {
    let folder = std::env::temp_dir().join(format!("xoauth-bulk-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || talkative(listener.accept().unwrap().0));
    send_many(Builder::new("localhost").connect_unix(&path).unwrap().without_authentication());
    assert_eq!(server.join().unwrap(), MANY as u64);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn nor_under_tls_blocking_or_async() {
    let authority = Authority::new().unwrap();
    let tls = Tls::builder().add_roots(&authority.pem().unwrap()).unwrap();
    let tls = tls.only_these_roots().build().unwrap();
    for is_async in [false, true] {
        let identity = authority.localhost().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            talkative(identity.accept(listener.accept().unwrap().0).unwrap())
        });
        if is_async {
            e2e::runtime().block_on(async {
                let builder = smtp::nonblocking::Builder::new("localhost").port(port).tls(&tls);
                let client = builder.connect().await.unwrap();
                let mut session = client.without_authentication();
                let content = "0123456789abcdef".repeat(128);
                let messages = (0..MANY).map(|_| Submit::new("a@x", ["b@x"], &content));
                let outcomes = session.send_all(messages).unwrap();
                let mut outcomes = outcomes.window(Window::of_messages(MANY));
                let mut told = 0;
                while let Some(outcome) = outcomes.next().await {
                    outcome.unwrap();
                    told += 1;
                }
                assert_eq!(told, MANY);
                drop(outcomes);
                session.quit().await.unwrap();
            });
        } else {
            let builder = Builder::new("localhost").port(port).tls(&tls);
            send_many(builder.connect().unwrap().without_authentication());
        }
        assert_eq!(server.join().unwrap(), MANY as u64);
    }
}

#[test]
fn what_cannot_be_sent_is_told_and_the_rest_goes() {
    let sink = Sink::builder().offer(WAYS[0]).start().unwrap();
    let mut session = plain(sink.port()).unwrap();
    let bad = Submit::new("a@x", ["b@x"], "a line feed\nalone");
    let messages = [message(0), bad, message(2)];
    let told: Vec<_> = session.send_all(messages).unwrap().collect();
    assert!(told[0].is_ok() && told[2].is_ok());
    assert!(matches!(told[1], Err(Error::Smtp(smtp::Error::InvalidArgument(_)))));
    let none: [Submit<'_>; 0] = [];
    assert_eq!(session.send_all(none).unwrap().count(), 0);
    session.quit().unwrap();
    assert_eq!(sink.finish().messages, 2);
}

#[test]
fn who_takes_no_more_hears_what_became_of_the_rest() {
    let sink = Sink::builder().offer(WAYS[0]).start().unwrap();
    let mut session = plain(sink.port()).unwrap();
    let mut messages = (0..1000).map(message);
    let mut outcomes = session.send_all(&mut messages).unwrap();
    outcomes.next().unwrap().unwrap();
    outcomes.take_no_more();
    let heard = 1 + outcomes.map(Result::unwrap).count();
    let left = messages.len();
    assert!(left > 900, "{left}");
    session.quit().unwrap();
    // Everything that was taken was sent.
    assert_eq!(heard, 1000 - left);
    assert_eq!(sink.finish().messages, 1000 - left as u64);
}

#[test]
fn dropped_half_way_the_session_is_over_at_once() {
    let sink = Sink::builder().offer(WAYS[0]).start().unwrap();
    let mut session = plain(sink.port()).unwrap();
    let mut outcomes = session.send_all((0..1000).map(message)).unwrap();
    outcomes.next().unwrap().unwrap();
    assert!(outcomes.tally().pushed < 1000);
    drop(outcomes);
    assert!(!session.is_usable());
    assert!(matches!(session.run(Noop::new()), Err(Error::Ended)));
}

#[test]
fn the_rate_holds_messages_back_and_progress_is_told() {
    let sink = Sink::builder().offer(WAYS[0]).start().unwrap();
    let mut session = plain(sink.port()).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let began = std::time::Instant::now();
    let outcomes = session.send_all((0..6).map(message)).unwrap();
    let outcomes = outcomes.rate(2, Duration::from_millis(30));
    let outcomes = outcomes.on_progress(move |tally| tell.send(*tally).unwrap());
    assert_eq!(outcomes.map(Result::unwrap).count(), 6);
    // Never more than two in 30 ms, however slow this machine is.
    assert!(began.elapsed() >= Duration::from_millis(60));
    let seen: Vec<_> = told.iter().collect();
    assert!(seen.is_sorted_by_key(|tally| (tally.octets, tally.settled())));
    let last = seen.last().unwrap();
    assert_eq!((last.pushed, last.accepted), (6, 6));
    let octets: usize = (0..6).map(|number| content(number).len()).sum();
    assert_eq!(last.octets, octets as u64);
}

/// The server refuses the content of the second of two messages.
fn refusing() -> Peer {
    let mut script = vec![send("220 ready\r\n"), expect("EHLO")];
    script.push(send("250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"));
    script.extend(["MAIL", "RCPT", "BDAT", "RSET", "MAIL", "RCPT", "BDAT"].map(expect));
    script.push(send(
        "250 ok\r\n250 ok\r\n250 has it\r\n250 reset\r\n250 ok\r\n250 ok\r\n554 no\r\n",
    ));
    script.extend([expect("RSET"), send("250 ok\r\n"), expect("NOOP"), send("250 ok\r\n")]);
    Peer::start(vec![script]).unwrap()
}

#[test]
fn who_has_the_last_outcome_may_go_on_although_it_was_a_refusal() {
    // A list that is asked first is at its end first: outcomes are asked for as often as there are messages.
    let readers = ["ann@example.org", "ben@example.org"];
    let message = |to: &&'static str| Submit::new("a@example.org", [*to], "");
    let peer = refusing();
    let mut session = plain(peer.port()).unwrap();
    let told: Vec<_> = readers
        .iter()
        .zip(session.send_all(readers.iter().map(message)).unwrap())
        .map(|(_, outcome)| outcome.is_ok())
        .collect();
    assert_eq!(told, [true, false]);
    session.run(Noop::new()).unwrap();
    peer.finish().unwrap();

    let peer = refusing();
    e2e::runtime().block_on(async {
        let client = smtp::nonblocking::Builder::new("127.0.0.1").port(peer.port());
        let client = client.connect_plain().await.unwrap().trust();
        let mut session = client.without_authentication();
        let mut outcomes = session.send_all(readers.iter().map(message)).unwrap();
        assert!(outcomes.next().await.unwrap().is_ok());
        assert!(outcomes.next().await.unwrap().is_err());
        drop(outcomes);
        session.run(Noop::new()).await.unwrap();
    });
    peer.finish().unwrap();
}

#[test]
fn a_session_that_is_over_takes_no_message() {
    let sink = Sink::builder().faults(Faults::none().after_output(200)).start().unwrap();
    let mut session = plain(sink.port()).unwrap();
    let mut messages = (0..100).map(message);
    let told: Vec<_> = session.send_all(&mut messages).unwrap().collect();
    let fault = told.last().unwrap().as_ref().unwrap_err();
    assert!(fault.is_fatal() && !session.is_usable(), "{fault}");
    let left = messages.len();
    assert_eq!(left + told.len(), 100);
    assert!(matches!(session.send_all(&mut messages), Err(Error::Ended)));
    assert_eq!(messages.len(), left);
}
