//! Sending over a pool of connections.

use std::sync::Arc;
use std::time::Duration;

use e2e::certificates::Authority;
use e2e::host::{DEMO_BEARER_TOKEN, DEMO_USER, Host, User};
use e2e::scripted::{Peer, Step, expect, send};
use xoauth::smtp::PoolOptions;
use xoauth::smtp::exchange::{Noop, Submit};
use xoauth::{Credentials, Error, smtp};

use super::cases::tls;
use super::smtp_sessions;
use super::tokens::Tokens;

const TEXT: &str = "Subject: hello\r\n\r\nHi.\r\n";

fn to_demo() -> Submit<'static> {
    Submit::new("ann@example.com", [DEMO_USER], TEXT)
}

macro_rules! builder {
    ($host:expr) => {
        smtp_sessions::Builder::new("localhost")
            .tls(&tls($host.ca_pem()))
            .port($host.submissions_port())
    };
}

fn delivered(host: &Host) -> usize {
    host.mailbox(DEMO_USER, "INBOX").len()
}

#[test]
fn a_connection_serves_one_message_after_the_other() {
    run!({
        let host = Host::builder().start().unwrap();
        let pool = smtp_sessions::Pool::new(4);
        let credentials = Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN);
        let mailer = pool.mailer(builder!(host), credentials);
        assert_eq!((pool.open(), pool.idle()), (0, 0));
        for _ in 0..5 {
            wait!(mailer.send(to_demo)).unwrap();
        }
        // A refusal leaves it as it was.
        let refused = || Submit::new("ann@example.com", ["not an address"], TEXT);
        assert!(!wait!(mailer.send(refused)).unwrap_err().is_fatal());
        assert_eq!((pool.open(), pool.idle(), host.accepted_connections()), (1, 1, 1));
        let mut session = wait!(mailer.session()).unwrap();
        wait!(session.run(Noop::new())).unwrap();
        assert_eq!((pool.open(), pool.idle()), (1, 0));
        drop(session);
        assert_eq!((pool.open(), pool.idle()), (1, 1));
        wait!(pool.quit());
        assert_eq!((pool.open(), pool.idle(), delivered(&host)), (0, 0, 5));
        assert!(host.transcript().last().unwrap().line == "QUIT");
    });
}

#[test]
fn a_connection_that_takes_no_more_makes_room_for_another() {
    run!({
        // RFC 9422, 4.2: so many in one session, and any number of sessions.
        let host = Host::builder()
            .capabilities(|offers| offers.limits = Some("RCPTMAX=1 MAILMAX=2".to_owned()))
            .start()
            .unwrap();
        let pool = smtp_sessions::Pool::new(1);
        let credentials = Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN);
        let mailer = pool.mailer(builder!(host), credentials);
        for _ in 0..5 {
            wait!(mailer.send(to_demo)).unwrap();
        }
        assert_eq!((delivered(&host), host.accepted_connections()), (5, 3));
        let quits = host.transcript().iter().filter(|spoken| spoken.line == "QUIT").count();
        assert_eq!(quits, 2);
        // What the message itself asks too much of is not tried again.
        let many = || Submit::new("ann@example.com", [DEMO_USER, "away@example.org"], TEXT);
        let error = wait!(mailer.send(many)).unwrap_err();
        let limit = smtp::Error::ServerLimit { limit: "RCPTMAX", asked: 2, allowed: 1 };
        assert_eq!(error.to_string(), limit.to_string());
        assert_eq!(host.accepted_connections(), 3);
    });
}

#[test]
fn every_message_over_a_lent_session_counts() {
    run!({
        let host = Host::builder().start().unwrap();
        let minute = Duration::from_secs(60);
        let pool = smtp_sessions::Pool::with(PoolOptions::new(1).keep(minute, minute, 3));
        let credentials = Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN);
        let mailer = pool.mailer(builder!(host), credentials);
        for count in [2, 1, 1] {
            let mut session = wait!(mailer.session()).unwrap();
            for _ in 0..count {
                wait!(session.run(to_demo())).unwrap();
            }
        }
        assert_eq!((delivered(&host), host.accepted_connections()), (4, 2));
    });
}

#[test]
fn no_more_connections_than_the_limit_are_open() {
    run!({
        let host = Host::builder().start().unwrap();
        let pool = smtp_sessions::Pool::new(2);
        let credentials = Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN);
        let mailer = Arc::new(pool.mailer(builder!(host), credentials));
        together!(8, {
            let (mailer, pool) = (Arc::clone(&mailer), pool.clone());
            move || {
                work!({
                    for _ in 0..5 {
                        wait!(mailer.send(to_demo)).unwrap();
                        assert!(pool.open() <= 2);
                    }
                })
            }
        });
        assert_eq!(delivered(&host), 40);
        assert!(host.accepted_connections() <= 2);
    });
}

#[test]
fn a_connection_is_not_used_for_somebody_else() {
    run!({
        let ben = User::new("ben@example.test").bearer("ben-token");
        let host = Host::builder().user(ben).start().unwrap();
        let pool = smtp_sessions::Pool::new(1);
        let mailers = [
            pool.mailer(builder!(host), Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN)),
            pool.mailer(builder!(host), Credentials::token("ben@example.test", "ben-token")),
            // The same server and user, and another way to trust the server.
            pool.mailer(builder!(host), Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN)),
        ];
        let message = || Submit::new("ann@example.com", ["away@example.org"], TEXT);
        for mailer in mailers.iter().chain(&mailers) {
            wait!(mailer.send(message)).unwrap();
            assert_eq!((pool.open(), pool.idle()), (1, 1));
        }
        assert_eq!(host.accepted_connections(), 6);
        let users: Vec<_> = host.outbox().into_iter().map(|sent| sent.user).collect();
        let (demo, ben) = (DEMO_USER, "ben@example.test");
        assert_eq!(users, [demo, ben, demo, demo, ben, demo]);
    });
}

#[test]
fn a_connection_that_is_over_is_replaced_before_a_message_is_entrusted_to_it() {
    run!({
        for check in [Duration::ZERO, Duration::from_secs(60)] {
            let host = Host::builder().start().unwrap();
            let pool = smtp_sessions::Pool::with(PoolOptions::new(1).check_after(check));
            let source = Tokens::new(&[DEMO_BEARER_TOKEN; 3]);
            let credentials = Credentials::bearer(DEMO_USER, source.clone());
            let mailer = pool.mailer(builder!(host), credentials);
            wait!(mailer.send(to_demo)).unwrap();
            host.disconnect_all();
            wait!(mailer.send(to_demo)).unwrap();
            host.next_bye("Session invalidated - AccessTokenExpired");
            wait!(mailer.send(to_demo)).unwrap();
            assert_eq!((delivered(&host), host.accepted_connections()), (3, 3));
            // A new connection asks for a token.
            assert_eq!(source.asked().len(), 3);
            assert_eq!(pool.open(), 1);
        }
    });
}

#[test]
fn a_new_connection_that_fails_is_not_tried_again() {
    run!({
        let host = Host::builder().start().unwrap();
        let pool = smtp_sessions::Pool::new(1);
        let mailer = pool.mailer(builder!(host), Credentials::token(DEMO_USER, "wrong"));
        let error = wait!(mailer.send(to_demo)).unwrap_err();
        assert!(error.needs_new_token(), "{error}");
        assert_eq!((pool.open(), host.accepted_connections()), (0, 1));
        let mailer = pool.mailer(builder!(host), Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN));
        host.next_bye("going down");
        let error = wait!(mailer.send(to_demo)).unwrap_err();
        assert!(error.is_transient(), "{error}");
        assert_eq!((pool.open(), delivered(&host)), (0, 0));
    });
}

#[test]
fn a_place_is_not_waited_for_without_end() {
    run!({
        let host = Host::builder().start().unwrap();
        let pool = smtp_sessions::Pool::with(PoolOptions::new(1).wait_at_most(Duration::ZERO));
        let credentials = Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN);
        let mailer = pool.mailer(builder!(host), credentials);
        let held = wait!(mailer.session()).unwrap();
        let error = wait!(mailer.send(to_demo)).unwrap_err();
        assert!(matches!(error, Error::PoolFull { waited: Duration::ZERO }), "{error:?}");
        assert!(error.is_transient() && !error.is_fatal());
        assert_eq!(error.to_string(), "no place in the pool after 0 seconds");
        drop(held);
        wait!(mailer.send(to_demo)).unwrap();
        assert_eq!((pool.open(), delivered(&host), host.accepted_connections()), (1, 1, 1));
    });
}

/// RFC 5321, 4.1.1.10.
#[test]
fn a_connection_that_is_given_up_is_told_quit() {
    run!({
        let authority = Authority::new().unwrap();
        let script = || {
            let message = [expect("MAIL"), expect("RCPT"), expect("DATA")];
            let content = ["Subject", "", "Hi.", "."].map(expect);
            [
                &[
                    Step::StartTls(authority.localhost().unwrap()),
                    send("220 ready\r\n"),
                    expect("EHLO"),
                    send("250-hello\r\n250-PIPELINING\r\n250 AUTH OAUTHBEARER\r\n"),
                    expect("AUTH OAUTHBEARER"),
                    send("235 2.7.0 in\r\n"),
                ],
                &message[..],
                &[send("250 ok\r\n250 ok\r\n354 go\r\n")],
                &content,
                // It says nothing to QUIT, and nobody waits for that.
                &[send("250 queued\r\n"), expect("QUIT"), Step::ExpectEndOfTls],
            ]
            .concat()
        };
        let peer = Peer::start(vec![script(), script(), script()]).unwrap();
        let builder = smtp_sessions::Builder::new("localhost")
            .tls(&tls(&authority.pem().unwrap()))
            .port(peer.port());
        let pool = smtp_sessions::Pool::new(1);
        let mailer = |user| pool.mailer(builder.clone(), Credentials::token(user, "opaque-4711"));
        wait!(mailer("ann@example.com").send(to_demo)).unwrap();
        // The second one needs the place of the first.
        wait!(mailer("ben@example.com").send(to_demo)).unwrap();
        let last = mailer("cleo@example.com");
        wait!(last.send(to_demo)).unwrap();
        drop((pool, last));
        peer.finish().unwrap();
    });
}

#[test]
fn an_unknown_outcome_is_told_and_nothing_is_sent_again() {
    run!({
        let authority = Authority::new().unwrap();
        let message = [
            expect("MAIL"),
            expect("RCPT"),
            expect("DATA"),
            send("250 ok\r\n250 ok\r\n354 go\r\n"),
            expect("Subject"),
            expect(""),
            expect("Hi."),
            expect("."),
        ];
        let script = [
            &[
                Step::StartTls(authority.localhost().unwrap()),
                send("220 ready\r\n"),
                expect("EHLO"),
                send("250-hello\r\n250-PIPELINING\r\n250 AUTH OAUTHBEARER\r\n"),
                expect("AUTH OAUTHBEARER"),
                send("235 2.7.0 in\r\n"),
            ],
            &message[..],
            &[send("250 queued\r\n")],
            // The second one over the same connection.
            &message[..],
            &[Step::Abort],
        ];
        let peer = Peer::start(vec![script.concat()]).unwrap();
        let builder = smtp_sessions::Builder::new("localhost")
            .tls(&tls(&authority.pem().unwrap()))
            .port(peer.port());
        let pool = smtp_sessions::Pool::new(1);
        let mailer = pool.mailer(builder, Credentials::token(DEMO_USER, "opaque-4711"));
        wait!(mailer.send(to_demo)).unwrap();
        let error = wait!(mailer.send(to_demo)).unwrap_err();
        let Error::Smtp(error) = error else { panic!("{error}") };
        assert!(matches!(error, smtp::Error::DeliveryUnknown { .. }), "{error}");
        assert_eq!(pool.open(), 0);
        // The peer played one connection, and there was no other.
        peer.finish().unwrap();
    });
}
