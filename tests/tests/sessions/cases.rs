//! The sessions against the embedded mail host: every mechanism, every way to connect. One text for both
//! drivers: `wait!` awaits what the async one answers, and `run!` is its runtime.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use e2e::certificates::{Authority, Identity};
use e2e::host::{
    DEMO_BEARER_TOKEN, DEMO_CONSUMER, DEMO_EXPIRED_BEARER_TOKEN, DEMO_TOKEN, DEMO_USER, Host,
};
use e2e::scripted::{Peer, Step, expect, send};
use xoauth::imap::command::{Fetch, Item, List, Noop, Search, Select, Store, StoreAction};
use xoauth::imap::{self, Flag, Query};
use xoauth::sasl::{Mechanism, OAuth10A, OAuthBearer, Service, XOAuth, XOAuth2};
use xoauth::smtp::exchange::{Noop as SmtpNoop, Rset, Submit};
use xoauth::{Consumer, Deadlines, Error, Tls, Token, Trace, smtp};

use super::{imap_sessions, smtp_sessions};

pub(super) fn tls(pem: &[u8]) -> Tls {
    Tls::builder().add_roots(pem).unwrap().only_these_roots().build().unwrap()
}

pub(super) fn consumer() -> Consumer {
    Consumer::new(DEMO_CONSUMER.0, DEMO_CONSUMER.1).unwrap()
}

pub(super) fn token(secret: &str) -> Token {
    Token::new(DEMO_TOKEN.0, secret).unwrap()
}

/// A login with each mechanism: those that are right, or those that are not.
fn logins(service: Service, right: bool) -> Vec<Box<dyn Mechanism>> {
    let secret = if right { DEMO_TOKEN.1 } else { "not the secret" };
    let bearer = if right { DEMO_BEARER_TOKEN } else { DEMO_EXPIRED_BEARER_TOKEN };
    let url = XOAuth::google_request_url(DEMO_USER, service).unwrap();
    vec![
        Box::new(XOAuth::new(url, consumer(), Some(token(secret))).unwrap()),
        Box::new(OAuth10A::new(DEMO_USER, consumer(), token(secret)).unwrap()),
        Box::new(OAuthBearer::new(DEMO_USER, bearer).unwrap()),
        Box::new(XOAuth2::new(DEMO_USER, bearer).unwrap()),
    ]
}

#[test]
fn every_mechanism_signs_in_to_imap_by_every_way() {
    run!({
        for sasl_ir in [true, false] {
            let host =
                Host::builder().capabilities(|offers| offers.sasl_ir = sasl_ir).start().unwrap();
            let tls = tls(host.ca_pem());
            let implicit =
                imap_sessions::Builder::new("localhost").port(host.imaps_port()).tls(&tls);
            let explicit =
                imap_sessions::Builder::new("localhost").port(host.imap_port()).tls(&tls);
            for login in logins(Service::Imap, true) {
                for starttls in [false, true] {
                    let client = if starttls {
                        wait!(explicit.connect_starttls())
                    } else {
                        wait!(implicit.connect())
                    };
                    let mut session = wait!(client.unwrap().authenticate(&login)).unwrap();
                    wait!(session.run(Select::new("INBOX"))).unwrap();
                    wait!(session.logout()).unwrap();
                }
            }
            assert_eq!(host.violations(), Vec::<String>::new());
        }
    })
}

#[test]
fn every_mechanism_signs_in_to_submission_by_every_way() {
    run!({
        let host = Host::builder().start().unwrap();
        let tls = tls(host.ca_pem());
        let implicit =
            smtp_sessions::Builder::new("localhost").port(host.submissions_port()).tls(&tls);
        let explicit =
            smtp_sessions::Builder::new("localhost").port(host.submission_port()).tls(&tls);
        for login in logins(Service::Smtp, true) {
            for starttls in [false, true] {
                let client = if starttls {
                    wait!(explicit.connect_starttls())
                } else {
                    wait!(implicit.connect())
                };
                let mut session = wait!(client.unwrap().authenticate(&login)).unwrap();
                wait!(session.run(SmtpNoop::new())).unwrap();
                wait!(session.quit()).unwrap();
            }
        }
        assert_eq!(host.violations(), Vec::<String>::new());
    })
}

#[test]
fn a_refused_imap_login_tells_why_and_takes_another_try() {
    run!({
        let host = Host::builder().start().unwrap();
        let builder = imap_sessions::Builder::new("localhost").port(host.imaps_port());
        let builder = builder.tls(&tls(host.ca_pem()));
        for (wrong, right) in logins(Service::Imap, false).iter().zip(logins(Service::Imap, true)) {
            let (error, client) = wait!(wait!(builder.connect()).unwrap().authenticate(wrong))
                .unwrap_err()
                .into_parts();
            let Error::Imap(imap::Error::AuthenticationRefused(refused)) = &error else {
                panic!("{error:?}")
            };
            assert_eq!(refused.mechanism, right.name());
            let status = refused.challenge.as_ref().and_then(|challenge| challenge.status());
            assert!(matches!(status, Some("401" | "invalid_token")), "{error}");
            assert!(!error.is_fatal() && error.needs_new_token(), "{error}");
            wait!(wait!(client.unwrap().authenticate(right)).unwrap().logout()).unwrap();
        }
    })
}

#[test]
fn a_refused_smtp_login_tells_why_and_takes_another_try() {
    run!({
        let host = Host::builder().start().unwrap();
        let builder = smtp_sessions::Builder::new("localhost").port(host.submissions_port());
        let builder = builder.tls(&tls(host.ca_pem()));
        for (wrong, right) in logins(Service::Smtp, false).iter().zip(logins(Service::Smtp, true)) {
            let (error, client) = wait!(wait!(builder.connect()).unwrap().authenticate(wrong))
                .unwrap_err()
                .into_parts();
            let Error::Smtp(smtp::Error::AuthenticationRefused(refused)) = &error else {
                panic!("{error:?}")
            };
            let status = refused.challenge.as_ref().and_then(|challenge| challenge.status());
            assert!(matches!(status, Some("401" | "invalid_token")), "{error}");
            assert!(!error.is_fatal() && error.needs_new_token(), "{error}");
            wait!(wait!(client.unwrap().authenticate(right)).unwrap().quit()).unwrap();
        }
    })
}

#[test]
fn a_judge_that_is_down_is_no_wrong_credential() {
    run!({
        let host = Host::builder().start().unwrap();
        host.set_unavailable(true);
        let tls = tls(host.ca_pem());
        let builder = imap_sessions::Builder::new("localhost").port(host.imaps_port()).tls(&tls);
        let login = XOAuth2::new(DEMO_USER, DEMO_BEARER_TOKEN).unwrap();
        let error =
            Error::from(wait!(wait!(builder.connect()).unwrap().authenticate(&login)).unwrap_err());
        assert!(error.is_transient() && !error.needs_new_token(), "{error}");
        let builder =
            smtp_sessions::Builder::new("localhost").port(host.submissions_port()).tls(&tls);
        let error =
            Error::from(wait!(wait!(builder.connect()).unwrap().authenticate(&login)).unwrap_err());
        assert!(error.is_transient() && !error.needs_new_token(), "{error}");
    })
}

#[test]
fn a_login_value_serves_every_reconnect() {
    run!({
        // The host refuses a nonce that comes twice: each exchange must sign anew.
        let host = Host::builder().start().unwrap();
        let builder = imap_sessions::Builder::new("localhost").port(host.imaps_port());
        let builder = builder.tls(&tls(host.ca_pem()));
        let login = logins(Service::Imap, true).remove(0);
        for _ in 0..3 {
            let session = wait!(wait!(builder.connect()).unwrap().authenticate(&login)).unwrap();
            wait!(session.logout()).unwrap();
        }
    })
}

#[test]
fn mail_that_is_sent_is_read_back_octet_for_octet() {
    run!({
        let host = Host::builder().start().unwrap();
        let tls = tls(host.ca_pem());
        let login = XOAuth2::new(DEMO_USER, DEMO_BEARER_TOKEN).unwrap();
        let submission =
            smtp_sessions::Builder::new("localhost").port(host.submissions_port()).tls(&tls);
        let mut sender = wait!(wait!(submission.connect()).unwrap().authenticate(&login)).unwrap();
        let long = format!("Subject: long\r\n\r\n{}\r\n", "x".repeat(300_000));
        let dots = format!("Subject: dots\r\n\r\n{}", ".\r\n..\r\n.x\r\n\r\n".repeat(20_000));
        let messages: Vec<&[u8]> = vec![
            b"Subject: plain\r\n\r\nHello.\r\n",
            b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n\r\n\r\n.\r\n",
            b"Subject: empty body\r\n\r\n",
            "Subject: 8 bit\r\n\r\nGrüße\r\n".as_bytes(),
            b"\r\n",
            b".\r\n",
            long.as_bytes(),
            dots.as_bytes(),
        ];
        for message in &messages {
            let sent = wait!(sender.run(Submit::new(DEMO_USER, [DEMO_USER], *message))).unwrap();
            assert_eq!(sent.accepted().count(), 1);
        }
        wait!(sender.quit()).unwrap();

        let builder = imap_sessions::Builder::new("localhost").port(host.imaps_port()).tls(&tls);
        let mut session = wait!(wait!(builder.connect()).unwrap().authenticate(&login)).unwrap();
        wait!(session.run(Select::new("INBOX"))).unwrap();
        let found = wait!(session.run(Search::new(Query::All))).unwrap();
        let read = wait!(session.run(Fetch::new(&found, Item::Body))).unwrap();
        let read: Vec<&[u8]> = read.iter().map(|message| message.body().unwrap()).collect();
        assert_eq!(read, messages);
        // One at a time, and reading marked nothing as seen.
        let mut streamed =
            wait!(session.stream(Fetch::new(found, [Item::Body, Item::Flags]))).unwrap();
        for sent in &messages {
            let message = wait!(streamed.next()).unwrap().unwrap();
            assert_eq!(message.body(), Some(*sent));
            assert!(!message.flags.unwrap().is_seen());
        }
        assert_eq!(host.violations(), Vec::<String>::new());
    })
}

#[test]
fn one_refused_recipient_does_not_stop_the_others() {
    run!({
        let host = Host::builder()
            .reject_recipient("nobody@example.org", "550 5.1.1 no such user here")
            .start()
            .unwrap();
        let builder = smtp_sessions::Builder::new("localhost").port(host.submissions_port());
        let login = XOAuth2::new(DEMO_USER, DEMO_BEARER_TOKEN).unwrap();
        let client = wait!(builder.tls(&tls(host.ca_pem())).connect()).unwrap();
        let mut session = wait!(client.authenticate(login)).unwrap();
        let message = "Subject: t\r\n\r\nt\r\n";
        let to = ["ann@example.org", "nobody@example.org", "ben@example.org"];
        let sent = wait!(session.run(Submit::new(DEMO_USER, to, message))).unwrap();
        assert_eq!((sent.accepted().count(), sent.refused().count()), (2, 1));
        // All refused: an error that names each, and the session goes on.
        let error = wait!(session.run(Submit::new(DEMO_USER, ["nobody@example.org"], message)))
            .unwrap_err();
        assert!(matches!(error, Error::Smtp(smtp::Error::RecipientsRefused { .. })), "{error}");
        wait!(session.run(Rset::new())).unwrap();
        wait!(session.run(Submit::new(DEMO_USER, ["ann@example.org"], message))).unwrap();
        assert_eq!(host.outbox().len(), 2);
    })
}

#[test]
fn nothing_a_caller_passes_ends_a_command_early() {
    run!({
        let host = Host::builder().start().unwrap();
        let tls = tls(host.ca_pem());
        let login = XOAuth2::new(DEMO_USER, DEMO_BEARER_TOKEN).unwrap();
        let imap = imap_sessions::Builder::new("localhost").port(host.imaps_port()).tls(&tls);
        let smtp = smtp_sessions::Builder::new("localhost").port(host.submissions_port()).tls(&tls);
        let mut mailbox = wait!(wait!(imap.connect()).unwrap().authenticate(&login)).unwrap();
        let mut sender = wait!(wait!(smtp.connect()).unwrap().authenticate(&login)).unwrap();
        wait!(mailbox.run(Select::new("INBOX"))).unwrap();
        for evil in [
            "x\r\nEVIL",
            "x\nEVIL",
            "x\rEVIL",
            "x\0EVIL",
            "\u{760d}\u{760a}EVIL",
            "\"EVIL",
            "{3}\r\nEVIL",
            "EVIL \\",
        ] {
            let ignored = [
                wait!(mailbox.run(Select::new(evil))).map(drop),
                wait!(mailbox.run(List::new(evil))).map(drop),
                wait!(mailbox.run(Search::new(Query::subject(evil)))).map(drop),
                wait!(mailbox.run(Search::new(Query::header(evil, evil)))).map(drop),
                wait!(sender.run(Submit::new(evil, [DEMO_USER], "\r\n"))).map(drop),
                wait!(sender.run(Submit::new(DEMO_USER, [evil], "\r\n"))).map(drop),
            ];
            assert!(
                ignored
                    .iter()
                    .all(|result| result.as_ref().err().is_none_or(|error| !error.is_fatal()))
            );
            wait!(mailbox.run(Noop::new())).unwrap();
            wait!(sender.run(SmtpNoop::new())).unwrap();
        }
        for seen in host.transcript() {
            assert!(!seen.line.starts_with("EVIL"), "{seen:?}");
        }
        assert_eq!(host.violations(), Vec::<String>::new());
    })
}

#[test]
fn certificates_that_are_not_right_are_refused_before_anything_is_said() {
    run!({
        let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
        let trusted = tls(&authority.pem().unwrap());
        let wrong: Vec<(&str, Identity)> = vec![
            ("wrong host", authority.wrong_host().unwrap()),
            ("expired", authority.expired().unwrap()),
            ("not yet valid", authority.not_yet_valid().unwrap()),
            ("self-signed", Identity::self_signed().unwrap()),
            ("another authority", other.localhost().unwrap()),
        ];
        for (what, identity) in wrong {
            let host = Host::builder().identity(identity).start().unwrap();
            let imap = imap_sessions::Builder::new("localhost").tls(&trusted);
            let smtp = smtp_sessions::Builder::new("localhost").tls(&trusted);
            let errors = [
                wait!(imap.clone().port(host.imaps_port()).connect()).map(drop).unwrap_err(),
                wait!(imap.port(host.imap_port()).connect_starttls()).map(drop).unwrap_err(),
                wait!(smtp.clone().port(host.submissions_port()).connect()).map(drop).unwrap_err(),
                wait!(smtp.port(host.submission_port()).connect_starttls()).map(drop).unwrap_err(),
            ];
            for error in errors {
                assert!(matches!(error, Error::Certificate { .. }), "{what}: {error:?}");
            }
            assert!(host.transcript().iter().all(|seen| !seen.tls), "{what}");
        }
    })
}

#[test]
fn a_trace_sees_the_dialogue_and_no_secret() {
    run!({
        let host = Host::builder().start().unwrap();
        let tls = tls(host.ca_pem());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        let trace = Trace::new(move |direction, line| {
            seen.lock().unwrap().push(format!("{}: {line}", direction.letter()));
        });
        for right in [true, false] {
            for login in logins(Service::Imap, right) {
                let builder =
                    imap_sessions::Builder::new("localhost").port(host.imaps_port()).tls(&tls);
                let client = wait!(builder.trace(trace.clone()).connect()).unwrap();
                if let Ok(session) = wait!(client.authenticate(login)) {
                    let _ = wait!(session.logout());
                }
            }
            for login in logins(Service::Smtp, right) {
                let builder = smtp_sessions::Builder::new("localhost")
                    .port(host.submissions_port())
                    .tls(&tls);
                let client = wait!(builder.trace(trace.clone()).connect()).unwrap();
                if let Ok(session) = wait!(client.authenticate(login)) {
                    let _ = wait!(session.quit());
                }
            }
        }
        let lines = lines.lock().unwrap();
        assert!(lines.iter().any(|line| line.starts_with("S: * OK")), "{lines:?}");
        assert!(
            lines.iter().any(|line| line.contains("AUTHENTICATE XOAUTH <secret>")),
            "{lines:?}"
        );
        assert!(lines.iter().any(|line| line.starts_with("C: EHLO")), "{lines:?}");
        // Base64 of what every message holds, and the tokens themselves.
        for secret in [DEMO_TOKEN.1, DEMO_CONSUMER.1, DEMO_BEARER_TOKEN, "b2F1dGhf", "YXV0aD1C"] {
            assert!(!lines.iter().any(|line| line.contains(secret)), "{secret} in {lines:?}");
        }
    })
}

#[test]
fn a_server_that_says_nothing_or_drips_is_not_waited_for() {
    run!({
        let drip: Vec<Step> = std::iter::repeat_n(send("*"), 3).chain([Step::Stall]).collect();
        for script in [vec![Step::Stall], drip, vec![send("* OK ready"), Step::Stall]] {
            let peer = Peer::start(vec![script]).unwrap();
            let began = Instant::now();
            let builder = imap_sessions::Builder::new("127.0.0.1").port(peer.port());
            let builder = builder.deadlines(Deadlines::all(Duration::from_millis(300)));
            let error = wait!(builder.connect_plain()).map(drop).unwrap_err();
            let fault = imap::TransportFault::Deadline;
            assert_eq!(error.to_string(), fault.to_string());
            assert!(error.is_fatal() && error.is_transient());
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        }
    })
}

#[test]
fn a_connection_is_closed_at_the_fault_and_stays_closed() {
    run!({
        let script = vec![
            send("* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] ready\r\n"),
            expect("AUTHENTICATE"),
            send("{tag} OK in\r\n"),
            expect("NOOP"),
            send("nobody OK asked\r\n"),
            Step::ExpectEnd,
        ];
        let peer = Peer::start(vec![script]).unwrap();
        let client =
            wait!(imap_sessions::Builder::new("127.0.0.1").port(peer.port()).connect_plain())
                .unwrap()
                .trust();
        let mut session =
            wait!(client.authenticate(XOAuth2::new("user", "token").unwrap())).unwrap();
        let error = wait!(session.run(Noop::new())).unwrap_err();
        assert!(matches!(error, Error::Imap(imap::Error::UnsolicitedTagged { .. })), "{error}");
        assert!(!session.is_usable());
        assert!(wait!(session.run(Noop::new())).unwrap_err().is_fatal());
        // The peer saw the end while the session value still lives.
        peer.finish().unwrap();
        drop(session);
    })
}

#[test]
fn flags_searches_and_folders_work_against_the_host() {
    run!({
        let host = Host::builder()
            .deliver(
                DEMO_USER,
                "INBOX",
                "Subject: Gr\u{fc}\u{df}e\r\n\r\none\r\n",
                &[],
                1_700_000_000,
            )
            .deliver(DEMO_USER, "INBOX", "Subject: two\r\n\r\ntwo\r\n", &["\\Seen"], 1_700_000_000)
            .deliver(
                DEMO_USER,
                "Entw\u{fc}rfe/A b",
                "Subject: three\r\n\r\n3\r\n",
                &[],
                1_700_000_000,
            )
            .start()
            .unwrap();
        let builder = imap_sessions::Builder::new("localhost").port(host.imaps_port());
        let client = wait!(builder.tls(&tls(host.ca_pem())).connect()).unwrap();
        let login = XOAuth2::new(DEMO_USER, DEMO_BEARER_TOKEN).unwrap();
        let mut session = wait!(client.authenticate(login)).unwrap();
        let names: Vec<String> = wait!(session.run(List::all()))
            .unwrap()
            .iter()
            .map(|entry| entry.mailbox().to_string())
            .collect();
        assert!(names.contains(&"Entw\u{fc}rfe/A b".to_owned()), "{names:?}");
        let inbox = wait!(session.run(Select::new("inbox"))).unwrap();
        assert_eq!(inbox.exists, Some(2));
        let unseen = wait!(session.run(Search::new(Query::unseen()))).unwrap();
        assert_eq!(unseen.len(), 1);
        assert_eq!(
            wait!(session.run(Search::new(Query::subject("gr\u{fc}\u{df}e")))).unwrap(),
            unseen
        );
        let changed =
            wait!(session.run(Store::new(&unseen, StoreAction::Add, [Flag::Flagged]))).unwrap();
        assert!(changed[0].flags.as_ref().unwrap().contains(&Flag::Flagged));
        let error = wait!(session.run(Select::new("no such"))).unwrap_err();
        assert!(!error.is_fatal(), "{error}");
        assert!(session.selected().is_none());
        wait!(session.run(Select::new("Entw\u{fc}rfe/A b"))).unwrap();
        wait!(session.logout()).unwrap();
    })
}
