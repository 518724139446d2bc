//! What goes wrong around sessions: sources of tokens, networks, farewells, threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use e2e::certificates::{Authority, Identity};
use e2e::host::{DEMO_BEARER_TOKEN, DEMO_EXPIRED_BEARER_TOKEN, DEMO_USER, Host};
use e2e::scripted::{Peer, Step, expect, send};
use xoauth::imap::command::{Fetch, Item, Noop};
use xoauth::smtp::exchange::{Noop as SmtpNoop, Submit};
use xoauth::{Ask, Credentials, Error, Renew, Secret, Tls, TokenFailed, imap, smtp};

use super::cases::tls;
use super::{imap_sessions, smtp_sessions};

macro_rules! imap_builder {
    ($host:expr) => {
        imap_sessions::Builder::new("localhost").tls(&tls($host.ca_pem())).port($host.imaps_port())
    };
}

macro_rules! smtp_builder {
    ($host:expr) => {
        smtp_sessions::Builder::new("localhost")
            .tls(&tls($host.ca_pem()))
            .port($host.submissions_port())
    };
}

fn to_demo() -> Submit<'static> {
    Submit::new("ann@example.com", [DEMO_USER], "Subject: hello\r\n\r\nHi.\r\n")
}

fn logins(host: &Host) -> usize {
    let lines = host.transcript().into_iter();
    lines.filter(|seen| seen.line.contains("AUTH")).count()
}

#[test]
fn a_token_that_can_be_none_is_not_sent() {
    run!({
        let host = Host::builder().start().unwrap();
        for token in
            ["", " ", "two words", "a\r\nA1 LOGOUT", "a\nb", "nul\0", "bell\x07", "t\u{f6}ken"]
        {
            let source = move |_: &Ask| Ok::<_, TokenFailed>(Secret::new(token));
            let credentials = Credentials::bearer(DEMO_USER, source);
            let imap = wait!(imap_builder!(host).log_in(&credentials)).map(drop);
            let smtp = wait!(smtp_builder!(host).log_in(&credentials)).map(drop);
            for error in [imap.unwrap_err(), smtp.unwrap_err()] {
                assert!(matches!(error, Error::Sasl(_)), "{token:?}: {error:?}");
                // Neither another attempt nor the same source mends it, and it is not repeated to anybody.
                assert!(!error.is_transient() && !error.needs_new_token(), "{token:?}");
                assert!(token.trim().is_empty() || !format!("{error} {error:?}").contains(token));
            }
        }
        assert_eq!(logins(&host), 0);
        // An endless one is more than any server takes in a line, and is refused by it.
        let source = |_: &Ask| Ok::<_, TokenFailed>(Secret::new("x".repeat(1 << 20)));
        let credentials = Credentials::bearer(DEMO_USER, source);
        let error = wait!(imap_builder!(host).log_in(&credentials)).map(drop).unwrap_err();
        assert!(matches!(error, Error::Imap(_)) && !error.needs_new_token(), "{error:?}");
        let error = wait!(smtp_builder!(host).log_in(&credentials)).map(drop).unwrap_err();
        assert!(matches!(error, Error::Smtp(_)) && !error.needs_new_token(), "{error:?}");
    });
}

/// The first call of a source panics, and leaves neither a place of the pool nor the turn to renew taken.
#[test]
fn a_source_that_panics_takes_nothing_with_it() {
    for when in [Renew::IfExpired, Renew::Force] {
        run!({
            let host = Host::builder().start().unwrap();
            let asked = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&asked);
            let source = move |ask: &Ask| {
                let is_first = ask.renew == when && counted.fetch_add(1, Ordering::SeqCst) == 0;
                assert!(!is_first, "the source is broken");
                Ok::<_, TokenFailed>(Secret::new(match ask.renew {
                    Renew::IfExpired if when == Renew::Force => DEMO_EXPIRED_BEARER_TOKEN,
                    _ => DEMO_BEARER_TOKEN,
                }))
            };
            let pool = smtp_sessions::Pool::new(1);
            let mailer =
                Arc::new(pool.mailer(smtp_builder!(host), Credentials::bearer(DEMO_USER, source)));
            let broken = Arc::clone(&mailer);
            // A thread ends with the panic; a task is told of it.
            alone!({
                let _ = wait!(broken.send(to_demo));
            });
            assert_eq!((pool.open(), pool.idle()), (0, 0));
            wait!(mailer.send(to_demo)).unwrap();
            assert_eq!(host.mailbox(DEMO_USER, "INBOX").len(), 1);
            assert_eq!(asked.load(Ordering::SeqCst), 2);
        });
    }
}

#[test]
fn a_pool_that_is_quit_while_others_send_loses_no_message() {
    run!({
        let host = Host::builder().start().unwrap();
        let pool = smtp_sessions::Pool::new(2);
        let credentials = Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN);
        let mailer = Arc::new(pool.mailer(smtp_builder!(host), credentials));
        let number = AtomicUsize::new(0);
        together!(5, {
            let (mailer, pool) = (Arc::clone(&mailer), pool.clone());
            let is_quitter = number.fetch_add(1, Ordering::SeqCst) == 0;
            move || {
                work!({
                    for _ in 0..10 {
                        if is_quitter {
                            wait!(pool.quit());
                        } else {
                            wait!(mailer.send(to_demo)).unwrap();
                        }
                    }
                })
            }
        });
        assert_eq!(host.mailbox(DEMO_USER, "INBOX").len(), 40);
        wait!(pool.quit());
        assert_eq!((pool.open(), pool.idle()), (0, 0));
        assert!(host.violations().is_empty(), "{:?}", host.violations());
    });
}

/// Whatever goes first, nothing waits and nothing is left.
#[test]
fn what_belongs_together_is_dropped_in_any_order() {
    enum Part<A, B, C> {
        Pool(A),
        Mailer(B),
        Lent(C),
    }
    run!({
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let host = Host::builder().start().unwrap();
            let pool = smtp_sessions::Pool::new(2);
            let credentials = Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN);
            let mailer = pool.mailer(smtp_builder!(host), credentials);
            let idle = wait!(mailer.session()).unwrap();
            let mut lent = wait!(mailer.session()).unwrap();
            drop(idle);
            wait!(lent.run(SmtpNoop::new())).unwrap();
            let mut parts =
                [Some(Part::Pool(pool)), Some(Part::Mailer(mailer)), Some(Part::Lent(lent))];
            for index in order {
                drop(parts[index].take());
                // What is left still works.
                for part in &mut parts {
                    match part {
                        Some(Part::Pool(pool)) => assert!(pool.open() <= 2),
                        Some(Part::Mailer(mailer)) => drop(wait!(mailer.send(to_demo)).unwrap()),
                        Some(Part::Lent(lent)) => drop(wait!(lent.run(SmtpNoop::new())).unwrap()),
                        None => {}
                    }
                }
            }
            // The host hears what was said last when its threads come to it.
            let patient = Instant::now() + Duration::from_secs(20);
            while host.open_connections() > 0 && Instant::now() < patient {
                std::thread::yield_now();
            }
            let spoken = host.transcript();
            let quits = spoken.iter().filter(|seen| seen.line == "QUIT").count();
            assert_eq!(quits, 2, "{order:?}");
        }
    });
}

fn localhost() -> (Identity, Tls) {
    let authority = Authority::new().unwrap();
    (authority.localhost().unwrap(), tls(&authority.pem().unwrap()))
}

/// The ending of each script is what the client is told.
#[test]
fn a_network_that_goes_away_in_starttls_is_told_as_that() {
    run!({
        let (identity, tls) = localhost();
        let imap = |then: &[Step]| {
            let offers = send("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n");
            [&[offers, expect("STARTTLS")], then].concat()
        };
        let smtp = |then: &[Step]| {
            let hello = send("250-x\r\n250 STARTTLS\r\n");
            [&[send("220 ready\r\n"), expect("EHLO"), hello, expect("STARTTLS")], then].concat()
        };
        let [agreed, ready] = [send("{tag} OK go\r\n"), send("220 go\r\n")];
        for ends in [Step::Close, Step::Abort] {
            for is_agreed in [false, true] {
                let [imap_then, smtp_then] = [&agreed, &ready].map(|answer| match is_agreed {
                    true => vec![answer.clone(), ends.clone()],
                    false => vec![ends.clone()],
                });
                let peer = Peer::start(vec![imap(&imap_then), smtp(&smtp_then)]).unwrap();
                let builder = imap_sessions::Builder::new("localhost").tls(&tls).port(peer.port());
                let imap_error = wait!(builder.connect_starttls()).map(drop).unwrap_err();
                let builder = smtp_sessions::Builder::new("localhost").tls(&tls).port(peer.port());
                let smtp_error = wait!(builder.connect_starttls()).map(drop).unwrap_err();
                for error in [imap_error, smtp_error] {
                    let is_handshake = matches!(error, Error::TlsHandshake { .. });
                    assert_eq!(is_handshake, is_agreed, "{ends:?}: {error:?}");
                    assert!(is_handshake || error.is_transient(), "{ends:?}: {error:?}");
                }
            }
        }
        // What is no TLS at all is no certificate that is wrong.
        let garbage = send("this is no handshake\r\n".repeat(9));
        let then = [agreed, expect(""), garbage, Step::Close];
        let peer = Peer::start(vec![imap(&then)]).unwrap();
        let builder = imap_sessions::Builder::new("localhost").tls(&tls).port(peer.port());
        let error = wait!(builder.connect_starttls()).map(drop).unwrap_err();
        assert!(matches!(error, Error::TlsHandshake { .. }), "{error:?}");
        drop(identity);
    });
}

#[test]
fn a_farewell_is_heard_wherever_it_comes() {
    run!({
        let (identity, tls) = localhost();
        let begins = Step::StartTls(identity);
        let greets = send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n");
        let mailbox = [
            begins.clone(),
            greets.clone(),
            expect("AUTHENTICATE"),
            send("{tag} OK [CAPABILITY IMAP4rev1] in\r\n"),
            expect("SELECT"),
            send("* 3 EXISTS\r\n{tag} OK in\r\n"),
            expect("FETCH"),
        ];
        let scripts = vec![
            vec![begins.clone(), send("* BYE too many\r\n"), Step::Close],
            vec![
                begins.clone(),
                greets,
                expect("AUTHENTICATE"),
                send("* BYE later\r\n"),
                Step::Close,
            ],
            // Behind the answer to the login, in the same write.
            [
                &mailbox[..3],
                &[send("{tag} OK [CAPABILITY IMAP4rev1] in\r\n* BYE now\r\n"), Step::Close],
            ]
            .concat(),
            // Within a literal it is content, and the end comes too soon.
            [
                &mailbox[..],
                &[send("* 1 FETCH (UID 7 BODY[] {90}\r\nab\r\n* BYE gone\r\n"), Step::Close],
            ]
            .concat(),
        ];
        let peer = Peer::start(scripts).unwrap();
        let builder = imap_sessions::Builder::new("localhost").tls(&tls).port(peer.port());
        let credentials = Credentials::token("ann@example.com", "opaque-4711");
        for _ in 0..2 {
            let error = wait!(builder.log_in(&credentials)).map(drop).unwrap_err();
            assert!(matches!(error, Error::Imap(imap::Error::Bye { .. })), "{error:?}");
            assert!(error.is_transient() && !error.needs_new_token());
        }
        let mut session = wait!(builder.log_in(&credentials)).unwrap();
        let error = wait!(session.run(Noop::new())).unwrap_err();
        assert!(matches!(error, Error::Imap(imap::Error::Bye { .. })), "{error:?}");
        let mut session = wait!(builder.log_in(&credentials)).unwrap();
        wait!(session.run(imap::command::Select::new("INBOX"))).unwrap();
        let error = wait!(session.run(Fetch::new("1:3", Item::Body))).unwrap_err();
        let fault = imap::TransportFault::Closed;
        assert!(error.is_fatal() && error.to_string().contains(&fault.to_string()), "{error}");
        assert!(error.to_string().contains("90"), "{error}");

        let hello = [
            begins.clone(),
            send("220 ready\r\n"),
            expect("EHLO"),
            send("250-x\r\n250 AUTH OAUTHBEARER\r\n"),
            expect("AUTH"),
        ];
        let scripts = vec![
            vec![begins, send("421 4.3.2 too many\r\n"), Step::Close],
            [&hello[..], &[send("421 4.3.2 later\r\n"), Step::Close]].concat(),
            [&hello[..], &[send("235 in\r\n421 4.3.2 now\r\n"), Step::Close]].concat(),
        ];
        let peer = Peer::start(scripts).unwrap();
        let builder = smtp_sessions::Builder::new("localhost").tls(&tls).port(peer.port());
        for _ in 0..2 {
            let error = wait!(builder.log_in(&credentials)).map(drop).unwrap_err();
            let is_closing = matches!(error, Error::Smtp(smtp::Error::ServerClosing { .. }));
            assert!(is_closing && error.is_transient(), "{error:?}");
        }
        // A reply that nobody asked for is a farewell too.
        let told = match wait!(builder.log_in(&credentials)) {
            Ok(mut session) => wait!(session.run(SmtpNoop::new())).unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(told, Error::Smtp(smtp::Error::ServerClosing { .. })), "{told:?}");
    });
}
