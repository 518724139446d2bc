//! IMAP commands of whole sessions: against the embedded host where it knows them, else against a script.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use e2e::host::{DEMO_BEARER_TOKEN, DEMO_USER, Host};
use e2e::scripted::{Peer, Step, expect, send};
use xoauth::imap::command::{
    Append, Check, Content, Copy, Create, Delete, Expunge, Fetch, Id, Item, List, Lsub, Move,
    Namespace, NewMessage, Noop, Rename, Search, Select, Status, Store, StoreAction, Subscribe,
    Unselect, Unsubscribe,
};
use xoauth::imap::{self, Builder, Event, Flag, Query, Session, StatusItem};
use xoauth::net::FromReader;
use xoauth::net::TlsTransport;
use xoauth::sasl::XOAuth2;
use xoauth::{Deadlines, Secret, Tls};

fn session(host: &Host) -> Session<TlsTransport> {
    let tls = Tls::builder().add_roots(host.ca_pem()).unwrap().only_these_roots().build().unwrap();
    let client = Builder::new("localhost").port(host.imaps_port()).tls(&tls).connect().unwrap();
    client.authenticate(XOAuth2::new(DEMO_USER, DEMO_BEARER_TOKEN).unwrap()).unwrap()
}

const MESSAGE: &str = "From: a@example.com\r\nSubject: hello\r\n\r\nhi\r\n";

#[test]
fn mailboxes_are_made_filled_and_removed() {
    let host = Host::builder().start().unwrap();
    let mut session = session(&host);
    session.run(Create::new("Entwürfe")).unwrap();
    session.run(Create::new("a \"quoted\" & name/below")).unwrap();
    session.run(Rename::new("Entwürfe", "Drafts")).unwrap();
    session.run(Subscribe::new("Drafts")).unwrap();
    assert_eq!(session.run(Lsub::all()).unwrap()[0].mailbox().as_str(), "Drafts");
    session.run(Unsubscribe::new("Drafts")).unwrap();
    assert!(session.run(Lsub::all()).unwrap().is_empty());
    let stored = session
        .run(Append::new("Drafts", NewMessage::new(MESSAGE).flags([Flag::Draft, Flag::Seen])))
        .unwrap()
        .unwrap();
    let big = "x".repeat(100_000);
    let content = Content::from_source(FromReader(std::io::Cursor::new(big)), 100_000);
    let second = session.run(Append::new("Drafts", content)).unwrap().unwrap();
    assert_eq!(stored.uid_validity, second.uid_validity);
    let items = [StatusItem::Messages, StatusItem::Unseen, StatusItem::UidNext];
    let status = session.run(Status::new("Drafts", items)).unwrap();
    assert_eq!((status.messages, status.unseen), (Some(2), Some(1)));
    session.run(Delete::new("Drafts")).unwrap();
    let error = session.run(Delete::new("Drafts")).unwrap_err();
    assert!(error.to_string().contains("NONEXISTENT") && !error.is_fatal(), "{error}");
    let names = session.run(List::all()).unwrap();
    assert!(names.iter().any(|name| name.mailbox().as_str() == "a \"quoted\" & name/below"));
    assert_eq!(session.run(Namespace::new()).unwrap().personal.len(), 1);
    let host_name = session.run(Id::anonymous().field("name", "tests")).unwrap();
    assert_eq!(host_name.get("name").unwrap(), &"embedded mail host");
    session.logout().unwrap();
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn messages_are_copied_moved_and_removed() {
    let host = Host::builder().start().unwrap();
    let mut session = session(&host);
    session.run(Create::new("one")).unwrap();
    session.run(Create::new("two")).unwrap();
    for _ in 0..3 {
        session.run(Append::new("one", MESSAGE)).unwrap();
    }
    session.run(Select::new("one")).unwrap();
    let copied = session.run(Copy::new("1:2", "two")).unwrap().unwrap();
    assert_eq!(copied.pairs().count(), 2);
    let moved = session.run(Move::new("3", "two")).unwrap();
    assert_eq!((moved.copied.unwrap().pairs().count(), moved.expunged.numbers.len()), (1, 1));
    assert_eq!(session.selected().unwrap().exists, Some(2));
    session.run(Store::new("1", StoreAction::Add, [Flag::Deleted])).unwrap();
    session.run(Store::new("2", StoreAction::Add, [Flag::Deleted])).unwrap();
    let gone = session.run(Expunge::only("2")).unwrap();
    assert_eq!(gone.numbers.iter().map(|number| number.get()).collect::<Vec<_>>(), [2]);
    assert_eq!(session.run(Expunge::new()).unwrap().numbers.len(), 1);
    assert_eq!(session.selected().unwrap().exists, Some(0));
    session.run(Check::new()).unwrap();
    session.run(Unselect::new()).unwrap();
    assert!(session.selected().is_none());
    session.run(Select::new("two")).unwrap();
    let found = session.run(Search::new(Query::subject("hello"))).unwrap();
    let bodies = session.run(Fetch::new(found, Item::Body)).unwrap();
    assert!(bodies.iter().all(|message| message.body() == Some(MESSAGE.as_bytes())));
    assert_eq!(bodies.len(), 3);
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn idle_tells_news_as_they_happen() {
    let host = Host::builder().start().unwrap();
    let mut watcher = session(&host);
    let mut other = session(&host);
    watcher.run(Select::new("INBOX")).unwrap();
    let exists = watcher.selected().unwrap().exists.unwrap();
    let mut idle = watcher.idle().unwrap();
    // Nothing happens, and the session is none the worse for it, under TLS as well.
    for _ in 0..3 {
        assert_eq!(idle.wait(Duration::from_millis(1)).unwrap(), None);
    }
    other.run(Append::new("INBOX", MESSAGE)).unwrap();
    assert_eq!(idle.wait(Duration::from_secs(20)).unwrap(), Some(Event::Exists(exists + 1)));
    idle.done().unwrap();
    assert_eq!(watcher.selected().unwrap().exists, Some(exists + 1));
    // One that is dropped is ended by the next command.
    drop(watcher.idle().unwrap());
    watcher.run(Noop::new()).unwrap();
    watcher.logout().unwrap();
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn idle_is_interrupted_from_elsewhere() {
    let host = Host::builder().start().unwrap();
    let mut session = session(&host);
    session.run(Select::new("INBOX")).unwrap();
    let mut idle = session.idle().unwrap();
    let interrupter = idle.interrupter();
    let thread = std::thread::spawn(move || interrupter.interrupt());
    while let Some(event) = idle.wait(Duration::from_secs(3600)).unwrap() {
        assert!(!matches!(event, Event::Expunge(_)));
    }
    assert!(idle.is_interrupted());
    idle.done().unwrap();
    thread.join().unwrap();
    session.run(Noop::new()).unwrap();
}

#[test]
fn idle_is_renewed() {
    let host = Host::builder().start().unwrap();
    let mut watcher = session(&host);
    watcher.run(Select::new("INBOX")).unwrap();
    let mut idle = watcher.idle().unwrap().renew_every(Duration::ZERO);
    let said =
        |word: &str| host.transcript().iter().filter(|line| line.line.ends_with(word)).count();
    // DONE and IDLE go round until there is news.
    let renewed = (0..20_000).any(|_| {
        assert_eq!(idle.wait(Duration::from_millis(1)).unwrap(), None);
        said(" IDLE") >= 2
    });
    assert!(renewed);
    session(&host).run(Append::new("INBOX", MESSAGE)).unwrap();
    assert!(matches!(idle.wait(Duration::from_secs(20)).unwrap(), Some(Event::Exists(_))));
    idle.done().unwrap();
    assert_eq!(said(" IDLE"), said("DONE"));
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn a_server_that_does_not_answer_done_does_not_hang_us() {
    let script = vec![
        send("* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n"),
        expect("LOGIN user password"),
        send("{tag} OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"),
        expect("IDLE"),
        send("+ idling\r\n"),
        Step::Stall,
    ];
    let peer = Peer::start(vec![script]).unwrap();
    let mut deadlines = Deadlines::all(Duration::from_secs(20));
    deadlines.command = Duration::from_millis(300);
    let builder = Builder::new("127.0.0.1").port(peer.port()).deadlines(deadlines);
    let client = builder.connect_plain().unwrap().trust();
    let mut session = client.login("user", Secret::new("password")).unwrap();
    let mut idle = session.idle().unwrap();
    // Waiting longer than a command may take is what IDLE is for.
    assert_eq!(idle.wait(Duration::from_millis(400)).unwrap(), None);
    let error = idle.done().unwrap_err();
    assert_eq!(error.to_string(), "deadline passed");
    assert!(!session.is_usable());
}

/// News that come while IDLE is renewed hide nothing of what the server answers to DONE.
#[test]
fn done_is_answered_also_where_it_was_said_already() {
    let script = vec![
        send("* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n"),
        expect("LOGIN user password"),
        send("{tag} OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"),
        expect("IDLE"),
        send("+ idling\r\n* 5 EXISTS\r\n"),
        expect("DONE"),
        send("{tag} BAD never\r\n"),
        Step::Stall,
    ];
    let peer = Peer::start(vec![script]).unwrap();
    let builder = Builder::new("127.0.0.1").port(peer.port());
    let client = builder.connect_plain().unwrap().trust();
    let mut session = client.login("user", Secret::new("password")).unwrap();
    let mut idle = session.idle().unwrap().renew_every(Duration::ZERO);
    assert_eq!(idle.wait(Duration::from_secs(20)).unwrap(), Some(Event::Exists(5)));
    let error = idle.done().unwrap_err();
    assert_eq!(error.to_string(), "IDLE refused: BAD never");
}

#[test]
fn a_server_that_does_not_agree_to_idle_does_not_hang_us() {
    let script = vec![
        send("* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n"),
        expect("LOGIN user password"),
        send("{tag} OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"),
        expect("IDLE"),
        Step::Stall,
    ];
    let peer = Peer::start(vec![script]).unwrap();
    let mut deadlines = Deadlines::all(Duration::from_secs(20));
    deadlines.command = Duration::from_millis(300);
    let builder = Builder::new("127.0.0.1").port(peer.port()).deadlines(deadlines);
    let client = builder.connect_plain().unwrap().trust();
    let mut session = client.login("user", Secret::new("password")).unwrap();
    let error = session.idle().unwrap().wait(Duration::from_secs(20)).unwrap_err();
    assert_eq!(error.to_string(), "deadline passed");
    assert!(!session.is_usable());
}

#[test]
fn capabilities_are_asked_for_where_a_command_needs_them() {
    let script = vec![
        send("* OK [CAPABILITY IMAP4rev1] ready\r\n"),
        expect("LOGIN user password"),
        send("{tag} OK in\r\n"),
        expect("CAPABILITY"),
        send("* CAPABILITY IMAP4rev1 NAMESPACE\r\n{tag} OK done\r\n"),
        expect("NAMESPACE"),
        send("* NAMESPACE NIL NIL NIL\r\n{tag} OK done\r\n"),
    ];
    let peer = Peer::start(vec![script]).unwrap();
    let builder = Builder::new("127.0.0.1").port(peer.port());
    let client = builder.connect_plain().unwrap().trust();
    let mut session = client.login("user", Secret::new("password")).unwrap();
    assert!(session.run(Namespace::new()).unwrap().personal.is_empty());
    let error = session.run(Id::anonymous()).unwrap_err();
    assert_eq!(error.to_string(), "ID needs ID, which the server does not offer");
    drop(session);
    peer.finish().unwrap();
}

#[test]
fn a_password_is_not_sent_where_logins_are_disabled() {
    let script = vec![send("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=XOAUTH2] ready\r\n")];
    let peer = Peer::start(vec![script]).unwrap();
    let builder = Builder::new("127.0.0.1").port(peer.port());
    let client = builder.connect_plain().unwrap().trust();
    let refused = client.login("user", Secret::new("password")).unwrap_err();
    let (error, client) = refused.into_parts();
    assert!(matches!(error, xoauth::Error::Imap(imap::Error::MechanismUnavailable { .. })));
    assert!(client.is_some());
    drop(client);
    assert_eq!(peer.finish().unwrap(), [Vec::<String>::new()]);
}
