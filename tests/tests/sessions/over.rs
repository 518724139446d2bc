//! Sessions that live, over connections that the program makes.

use e2e::host::{DEMO_BEARER_TOKEN, DEMO_USER, Host};
use e2e::scripted::{Peer, Step, expect, send};
use xoauth::imap::command::Search;
use xoauth::imap::{Change, Event, Query};
use xoauth::smtp::exchange::Submit;
use xoauth::{Credentials, Error};

use super::cases::tls;
use super::reconnect::soon;
use super::{imap_sessions, smtp_sessions};

/// A connection in the clear up to the selected mailbox, and what comes then.
fn mailbox(then: &[Step]) -> Vec<Step> {
    let mut script = vec![
        send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n"),
        expect("AUTHENTICATE OAUTHBEARER"),
        send("{tag} OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"),
        expect("SELECT INBOX"),
        send("* 3 EXISTS\r\n* OK [UIDVALIDITY 7] good\r\n{tag} OK [READ-WRITE] selected\r\n"),
    ];
    script.extend_from_slice(then);
    script
}

#[test]
fn a_session_is_opened_again_and_watched_over_streams_of_the_programs() {
    run!({
        let search = expect("UID SEARCH");
        let scripts = vec![
            mailbox(&[search.clone(), Step::Close]),
            mailbox(&[
                search,
                send("* SEARCH 11\r\n{tag} OK found\r\n"),
                expect("IDLE"),
                send("+ idling\r\n* 4 EXISTS\r\n"),
                Step::Close,
            ]),
            mailbox(&[
                expect("IDLE"),
                send("+ idling\r\n* 5 EXISTS\r\n"),
                expect("DONE"),
                send("{tag} OK done\r\n"),
                expect("LOGOUT"),
                send("* BYE bye\r\n{tag} OK out\r\n"),
                Step::ExpectEnd,
            ]),
        ];
        let peer = Peer::start(scripts).unwrap();
        let builder = imap_sessions::Builder::new("localhost").port(peer.port());
        let credentials = Credentials::token(DEMO_USER, "opaque-4711");
        let mail = imap_sessions::Reconnect::over(open!(builder), credentials);
        let mut mail = mail.select("INBOX").backoff(soon());
        let found = wait!(mail.run(|| Search::new(Query::unseen()))).unwrap();
        assert_eq!((found.len(), found[0].get(), mail.sessions()), (1, 11, 2));

        let mut watch = mail.watch();
        assert!(matches!(change!(watch).unwrap(), Change::Opened(_)));
        assert!(matches!(change!(watch).unwrap(), Change::Told(Event::Exists(4))));
        let Change::Opened(third) = change!(watch).unwrap() else { panic!("a third session") };
        assert!(third.has_same_uids() && watch.sessions() == 3);
        assert!(matches!(change!(watch).unwrap(), Change::Told(Event::Exists(5))));
        wait!(watch.logout()).unwrap();
        drop(peer);
    });
}

#[test]
fn what_the_program_cannot_open_is_told_as_it_says() {
    run!({
        let open = open!(fails, || Error::Host { host: "imaps://localhost".to_owned() });
        let credentials = Credentials::token(DEMO_USER, "opaque-4711");
        let mut mail = imap_sessions::Reconnect::over(open, credentials).backoff(soon());
        let error = wait!(mail.run(|| Search::new(Query::unseen()))).unwrap_err();
        assert!(matches!(error, Error::Host { .. }), "{error}");
    });
}

#[test]
fn one_pool_has_connections_over_streams_of_several_types() {
    run!({
        let host = Host::builder().plaintext_auth(true).start().unwrap();
        let pool = smtp_sessions::Pool::new(4);
        let credentials = || Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN);
        let plain = smtp_sessions::Builder::new("localhost").port(host.submission_port());
        let protected = smtp_sessions::Builder::new("localhost")
            .tls(&tls(host.ca_pem()))
            .port(host.submissions_port());
        let plain = pool.mailer_over(open!(plain), credentials());
        let protected = pool.mailer(protected, credentials());
        let message =
            || Submit::new("ann@example.com", [DEMO_USER], "Subject: hello\r\n\r\nHi.\r\n");
        for _ in 0..2 {
            wait!(plain.send(message)).unwrap();
            wait!(protected.send(message)).unwrap();
        }
        assert_eq!((pool.open(), host.accepted_connections()), (2, 2));
        wait!(pool.quit());
        assert_eq!(host.mailbox(DEMO_USER, "INBOX").len(), 4);
    });
}
