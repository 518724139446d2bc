//! Waiting that ends when its caller says so, with streams that wait.

use std::time::{Duration, Instant};

use e2e::certificates::Authority;
use e2e::scripted::{Peer, Step, expect, send};
use xoauth::imap::{Change, Event, Session};
use xoauth::net::TcpTransport;
use xoauth::{Deadlines, imap};

use super::watch::{self, numbers};

const MOMENT: Duration = Duration::from_millis(20);

fn idling(then: Vec<Step>) -> (Peer, Session<TcpTransport>) {
    let greeting = send("* PREAUTH [CAPABILITY IMAP4rev1 IDLE] ready\r\n");
    let peer = Peer::start(vec![[vec![greeting, expect("IDLE")], then].concat()]).unwrap();
    let builder = imap::Builder::new("localhost").port(peer.port());
    let builder = builder.deadlines(Deadlines::all(Duration::from_secs(20)));
    let session = builder.connect_plain().unwrap().trust().preauthenticated().unwrap();
    (peer, session)
}

/// The answer to DONE is waited for as news are.
#[test]
fn neither_a_timeout_nor_an_interrupt_waits_for_a_connection_that_is_dead() {
    let (peer, mut session) = idling(vec![send("+ idling\r\n"), expect("DONE"), Step::Stall]);
    let mut idle = session.idle().unwrap().renew_every(Duration::from_millis(1));
    for _ in 0..3 {
        assert!(idle.wait(MOMENT).unwrap().is_none());
    }
    let interrupter = idle.interrupter();
    std::thread::scope(|scope| {
        scope.spawn(|| interrupter.interrupt());
        assert!(idle.wait(Duration::from_secs(3600)).unwrap().is_none());
    });
    drop(idle);
    drop(session);
    drop(peer);
}

#[test]
fn who_does_not_wait_hears_what_is_there() {
    let (peer, mut session) = idling(vec![send("+ idling\r\n* 7 EXISTS\r\n"), Step::Stall]);
    let mut idle = session.idle().unwrap();
    let mut looks = 0..10_000;
    let event = looks.find_map(|_| idle.wait(Duration::ZERO).unwrap());
    assert_eq!(event, Some(Event::Exists(7)));
    drop(idle);
    drop(session);
    drop(peer);
}

/// No loop at the speed of the network.
#[test]
fn an_idle_that_the_server_ends_at_once_is_sent_anew_after_a_pause() {
    let ends = send("+ idling\r\n{tag} OK done\r\n");
    let lives = send("+ idling\r\n* 7 EXISTS\r\n");
    let (peer, mut session) = idling(vec![ends, expect("IDLE"), lives, Step::Stall]);
    let began = Instant::now();
    let mut idle = session.idle().unwrap();
    assert_eq!(idle.wait(Duration::from_secs(3600)).unwrap(), Some(Event::Exists(7)));
    assert!(began.elapsed() >= Duration::from_secs(1));
    drop(idle);
    drop(session);
    drop(peer);
}

/// The time of one waiting is over when the next one reads.
#[test]
fn a_server_that_refuses_idle_is_asked_in_one_session() {
    let authority = Authority::new().unwrap();
    let identity = authority.localhost().unwrap();
    let steps = vec![
        expect("IDLE"),
        send("{tag} NO not now\r\n"),
        expect("NOOP"),
        send("{tag} OK nothing\r\n"),
        expect("NOOP"),
        send("* 4 EXISTS\r\n{tag} OK something\r\n"),
        Step::Stall,
    ];
    let script = watch::session(&identity, "IDLE", &numbers(7, 12), steps);
    let peer = Peer::start(vec![script]).unwrap();
    let builder = imap::Builder::new("localhost").port(peer.port());
    let builder = builder.tls(&super::cases::tls(&authority.pem().unwrap()));
    let credentials = xoauth::Credentials::token("ann@example.com", "opaque-4711");
    let mail = imap::Reconnect::new(builder, credentials).select("INBOX");
    let mut watch = mail.watch().poll_every(3 * MOMENT);
    let mut waits = 0..10_000;
    assert!(matches!(waits.find_map(|_| watch.wait(MOMENT).unwrap()), Some(Change::Opened(_))));
    let told = waits.find_map(|_| watch.wait(MOMENT).unwrap());
    assert!(matches!(told, Some(Change::Told(Event::Exists(4)))), "{told:?}");
    assert_eq!(watch.sessions(), 1);
    drop(watch);
    drop(peer);
}
