//! Mailboxes that are watched over many sessions.

use std::time::Duration;

use e2e::certificates::{Authority, Identity};
use e2e::host::{DEMO_BEARER_TOKEN, DEMO_USER, Host};
use e2e::scripted::{Peer, Step, expect, send};
use xoauth::imap::command::{Expunge, Noop, Select, Store, StoreAction};
use xoauth::imap::{self, Change, Event, Flag};
use xoauth::{Credentials, Error};

use super::cases::tls;
use super::imap_sessions;
use super::reconnect::soon;

/// A connection under TLS up to a mailbox that is selected, and what comes then.
pub(super) fn session(
    identity: &Identity,
    offers: &str,
    numbers: &str,
    then: Vec<Step>,
) -> Vec<Step> {
    let mut script = vec![
        Step::StartTls(identity.clone()),
        send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n"),
        expect("AUTHENTICATE OAUTHBEARER"),
        send(format!("{{tag}} OK [CAPABILITY IMAP4rev1 {offers}] in\r\n")),
    ];
    if offers.contains("QRESYNC") {
        script
            .extend([expect("ENABLE QRESYNC"), send("* ENABLED QRESYNC\r\n{tag} OK enabled\r\n")]);
    }
    if !numbers.is_empty() {
        script.extend([
            expect("SELECT INBOX"),
            send(format!("* 3 EXISTS\r\n{numbers}")),
            send("{tag} OK [READ-WRITE] selected\r\n"),
        ]);
    }
    script.extend(then);
    script
}

pub(super) fn numbers(uid_validity: u32, uid_next: u32) -> String {
    format!("* OK [UIDVALIDITY {uid_validity}] good\r\n* OK [UIDNEXT {uid_next}] next\r\n")
}

macro_rules! watch {
    ($peer:expr, $tls:expr) => {{
        let builder = imap_sessions::Builder::new("localhost").tls(&$tls).port($peer.port());
        let credentials = Credentials::token("ann@example.com", "opaque-4711");
        imap_sessions::Reconnect::new(builder, credentials).select("INBOX").backoff(soon()).watch()
    }};
}

fn opened(change: Change) -> imap::Reopened {
    match change {
        Change::Opened(opened) => *opened,
        other => panic!("{other:?}"),
    }
}

fn told(change: Change) -> Event {
    match change {
        Change::Told(event) => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_watch_goes_on_over_whatever_ends_its_sessions() {
    run!({
        let authority = Authority::new().unwrap();
        let identity = authority.localhost().unwrap();
        let idles = |news: &str, ending: Step| {
            vec![expect("IDLE"), send(format!("+ idling\r\n{news}")), ending]
        };
        let expired = "* 4 EXISTS\r\n* BYE Session invalidated - AccessTokenExpired\r\n";
        let scripts = vec![
            session(&identity, "IDLE", &numbers(7, 12), idles(expired, Step::Close)),
            // Neither a server that cannot be had nor one that refuses everybody for a while ends the watch.
            vec![Step::Abort],
            vec![Step::StartTls(identity.clone()), send("* BYE too many\r\n"), Step::Close],
            session(&identity, "IDLE", &numbers(7, 14), idles("* 5 EXISTS\r\n", Step::Abort)),
            session(&identity, "IDLE", &numbers(8, 2), idles("* 1 EXISTS\r\n", Step::Close)),
            session(&identity, "IDLE", &numbers(8, 2), vec![expect("IDLE"), Step::ExpectEnd]),
        ];
        let peer = Peer::start(scripts).unwrap();
        let mut watch = watch!(peer, tls(&authority.pem().unwrap()));
        let first = opened(change!(watch).unwrap());
        assert!(first.previous.is_none() && first.cause.is_none() && first.gap.is_none());
        assert_eq!(first.selected.exists, Some(3));
        assert_eq!(first.arrived().unwrap().to_string(), "1:*");
        assert_eq!(told(change!(watch).unwrap()), Event::Exists(4));

        let second = opened(change!(watch).unwrap());
        let cause = second.cause.as_ref().unwrap();
        assert!(matches!(&**cause, Error::Imap(imap::Error::Expired { .. })), "{cause}");
        assert!(second.has_same_uids());
        assert_eq!(second.previous.as_ref().unwrap().exists, Some(4));
        assert_eq!(second.arrived().unwrap().to_string(), "12:*");
        assert_eq!(told(change!(watch).unwrap()), Event::Exists(5));

        let third = opened(change!(watch).unwrap());
        assert!(third.cause.as_ref().unwrap().is_transient());
        assert!(!third.has_same_uids());
        assert_eq!(third.arrived().unwrap().to_string(), "1:*");
        assert_eq!(told(change!(watch).unwrap()), Event::Exists(1));

        let fourth = opened(change!(watch).unwrap());
        assert!(fourth.has_same_uids() && fourth.arrived().is_none());
        assert_eq!(watch.sessions(), 4);
        drop(watch);
        drop(peer);
    });
}

#[test]
fn a_server_without_idle_is_asked() {
    run!({
        let authority = Authority::new().unwrap();
        let identity = authority.localhost().unwrap();
        let asked = |news: &str| [expect("NOOP"), send(format!("{news}{{tag}} OK done\r\n"))];
        let ends = [expect("NOOP"), send("* 6 EXISTS\r\n* BYE later\r\n"), Step::Close];
        let refused = [expect("IDLE"), send("{tag} BAD no such command\r\n")];
        let scripts = vec![
            session(
                &identity,
                "",
                &numbers(7, 12),
                [&asked("")[..], &asked("* 4 EXISTS\r\n"), &asked(""), &ends].concat(),
            ),
            // One that offers it and refuses it is asked too.
            session(
                &identity,
                "IDLE",
                &numbers(7, 12),
                [&refused[..], &asked("* 7 EXISTS\r\n"), &[Step::Stall]].concat(),
            ),
        ];
        let peer = Peer::start(scripts).unwrap();
        let watch = watch!(peer, tls(&authority.pem().unwrap()));
        let mut watch = watch.poll_every(Duration::from_millis(1));
        assert!(opened(change!(watch).unwrap()).previous.is_none());
        assert_eq!(told(change!(watch).unwrap()), Event::Exists(4));
        // What came with the BYE comes before it.
        assert_eq!(told(change!(watch).unwrap()), Event::Exists(6));
        let cause = opened(change!(watch).unwrap()).cause.unwrap();
        assert!(matches!(&*cause, Error::Imap(imap::Error::Bye { .. })), "{cause}");
        assert_eq!(told(change!(watch).unwrap()), Event::Exists(7));
        drop(watch);
        drop(peer);
    });
}

#[test]
fn with_qresync_nothing_is_missed() {
    run!({
        let authority = Authority::new().unwrap();
        let identity = authority.localhost().unwrap();
        let offers = "IDLE ENABLE CONDSTORE QRESYNC";
        let at =
            |mod_seq: u32| format!("{}* OK [HIGHESTMODSEQ {mod_seq}] high\r\n", numbers(7, 12));
        let ends = [expect("IDLE"), send("+ idling\r\n"), Step::Close];
        let gap = "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] good\r\n* OK [HIGHESTMODSEQ 95] high\r\n\
                   * VANISHED (EARLIER) 3:4\r\n* 2 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (95))\r\n";
        let resync = |known: &str, answer: &[Step]| {
            [&[expect(&format!("SELECT INBOX (QRESYNC ({known}))"))], answer, &ends].concat()
        };
        let told = [send(gap), send("{tag} OK [READ-WRITE] selected\r\n")];
        let again = format!("* 3 EXISTS\r\n{}", at(97));
        let refused = [
            send("{tag} NO not today\r\n"),
            expect("SELECT INBOX (CONDSTORE)"),
            send(again),
            send("{tag} OK selected\r\n"),
        ];
        let scripts = vec![
            session(&identity, offers, &at(90), ends.to_vec()),
            session(&identity, offers, "", resync("7 90", &told)),
            session(&identity, offers, "", resync("7 95", &refused)),
        ];
        let peer = Peer::start(scripts).unwrap();
        let mut watch = watch!(peer, tls(&authority.pem().unwrap()));
        assert!(opened(change!(watch).unwrap()).gap.is_none());
        let gap = opened(change!(watch).unwrap()).gap.unwrap();
        let vanished: Vec<_> =
            gap.vanished.iter().map(|(from, to)| (from.get(), to.get())).collect();
        assert_eq!(vanished, [(3, 4)]);
        assert_eq!(gap.changed.len(), 1);
        assert_eq!(gap.changed[0].uid.unwrap().get(), 9);
        let third = opened(change!(watch).unwrap());
        assert!(third.gap.is_none() && third.previous.is_some());
        drop(watch);
        drop(peer);
    });
}

#[test]
fn a_host_with_qresync_tells_what_changed_between_two_sessions_and_within_one() {
    run!({
        let host = Host::builder().capabilities(|offers| offers.qresync = true).start().unwrap();
        let deliver = |text: &str| host.deliver(DEMO_USER, "INBOX", text, &[], 0).unwrap();
        (1..=4).for_each(|number| assert_eq!(deliver("Subject: x\r\n\r\n"), number));
        let builder = imap_sessions::Builder::new("localhost").tls(&tls(host.ca_pem()));
        let builder = builder.port(host.imaps_port());
        let credentials = Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN);
        let mail = imap_sessions::Reconnect::new(builder.clone(), credentials.clone());
        let mut watch = mail.examine("INBOX").backoff(soon()).watch();
        let first = opened(change!(watch).unwrap());
        assert!(first.gap.is_none() && first.selected.exists == Some(4));
        host.disconnect_all();
        let mut other = wait!(builder.log_in(&credentials)).unwrap();
        wait!(other.run(Select::new("INBOX"))).unwrap();
        wait!(other.run(Store::new("2", StoreAction::Add, [Flag::Deleted]))).unwrap();
        wait!(other.run(Expunge::new())).unwrap();
        wait!(other.run(Store::new("3", StoreAction::Add, [Flag::Flagged]))).unwrap();
        deliver("Subject: y\r\n\r\n");
        let gap = opened(change!(watch).unwrap()).gap.unwrap();
        let gone: Vec<_> = gap.vanished.iter().map(|(from, to)| (from.get(), to.get())).collect();
        assert_eq!(gone, [(2, 2)]);
        let changed: Vec<_> = gap.changed.iter().map(|it| it.uid.unwrap().get()).collect();
        assert_eq!(changed, [3, 5]);
        wait!(other.run(Store::new("4", StoreAction::Add, [Flag::Deleted]))).unwrap();
        wait!(other.run(Expunge::new())).unwrap();
        let vanished = loop {
            match told(change!(watch).unwrap()) {
                Event::Vanished { earlier: false, uids } => break uids,
                Event::Fetch(message) => assert_eq!(message.uid.unwrap().get(), 4),
                event => panic!("{event:?}"),
            }
        };
        assert_eq!(vanished.iter().map(|(from, to)| (from.get(), to.get())).next(), Some((4, 4)));
        assert!(host.violations().is_empty());
    });
}

#[test]
fn the_session_is_there_for_commands_between_two_changes() {
    run!({
        let authority = Authority::new().unwrap();
        let identity = authority.localhost().unwrap();
        let steps = vec![
            expect("IDLE"),
            send("+ idling\r\n* 4 EXISTS\r\n"),
            expect("DONE"),
            // Told before the server heard that nobody listens any more.
            send("* 2 FETCH (FLAGS (\\Seen))\r\n* 1 EXPUNGE\r\n{tag} OK done\r\n"),
            expect("NOOP"),
            send("* 5 EXISTS\r\n{tag} OK noop\r\n"),
            expect("IDLE"),
            send("+ idling\r\n* 6 EXISTS\r\n"),
            expect("DONE"),
            send("{tag} OK done\r\n"),
            // What came with the last command is told, although the session broke under it.
            expect("NOOP"),
            send("* 7 EXISTS\r\n* BYE later\r\n"),
            Step::Close,
        ];
        let elsewhere = vec![
            expect("EXAMINE Other"),
            send("* 1 EXISTS\r\n* OK [UIDVALIDITY 3] good\r\n{tag} OK examined\r\n"),
            // The watch is of its own mailbox.
            expect("SELECT INBOX"),
            send(format!("* 8 EXISTS\r\n{}{{tag}} OK selected\r\n", numbers(7, 15))),
            expect("IDLE"),
            send("+ idling\r\n* 9 EXISTS\r\n"),
            Step::Stall,
        ];
        let scripts = vec![
            session(&identity, "IDLE", &numbers(7, 12), steps),
            session(&identity, "IDLE", &numbers(7, 14), elsewhere),
        ];
        let peer = Peer::start(scripts).unwrap();
        let mut watch = watch!(peer, tls(&authority.pem().unwrap()));
        opened(change!(watch).unwrap());
        assert_eq!(told(change!(watch).unwrap()), Event::Exists(4));
        let session = wait!(watch.session()).unwrap();
        wait!(session.run(Noop::new())).unwrap();
        assert!(matches!(told(change!(watch).unwrap()), Event::Fetch(_)));
        assert!(matches!(told(change!(watch).unwrap()), Event::Expunge(_)));
        // News that came with the command are told too.
        assert_eq!(told(change!(watch).unwrap()), Event::Exists(5));
        assert_eq!(told(change!(watch).unwrap()), Event::Exists(6));
        assert_eq!(watch.sessions(), 1);
        let session = wait!(watch.session()).unwrap();
        assert!(wait!(session.run(Noop::new())).unwrap_err().is_fatal());
        // Another session is asked for before anybody asked for changes.
        let session = wait!(watch.session()).unwrap();
        wait!(session.run(imap::command::Examine::new("Other"))).unwrap();
        assert_eq!(told(change!(watch).unwrap()), Event::Exists(7));
        let second = opened(change!(watch).unwrap());
        assert_eq!(second.selected.exists, Some(3));
        let third = opened(change!(watch).unwrap());
        assert!(third.selected.exists == Some(8) && third.has_same_uids());
        assert_eq!(told(change!(watch).unwrap()), Event::Exists(9));
        assert_eq!(watch.sessions(), 2);
        drop(watch);
        drop(peer);
    });
}

#[test]
fn what_no_session_mends_is_told() {
    run!({
        let authority = Authority::new().unwrap();
        let identity = authority.localhost().unwrap();
        let refused = || {
            vec![
                Step::StartTls(identity.clone()),
                send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n"),
                expect("AUTHENTICATE"),
                send("{tag} NO [AUTHENTICATIONFAILED] no\r\n"),
                Step::ExpectEnd,
            ]
        };
        let peer = Peer::start(vec![refused(), refused()]).unwrap();
        let mut watch = watch!(peer, tls(&authority.pem().unwrap()));
        for _ in 0..2 {
            let error = change!(watch).unwrap_err();
            assert!(error.needs_new_token(), "{error}");
        }
        drop(watch);
        peer.finish().unwrap();
    });
}
