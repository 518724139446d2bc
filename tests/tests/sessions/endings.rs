//! How sessions end when nobody asked them to: each ending by its own name, what came before it handed out first.

use e2e::certificates::{Authority, Identity};
use e2e::scripted::{Peer, Step, expect, send};
use xoauth::imap::command::{Fetch, Item, Noop};
use xoauth::imap::{self, Event, TransportFault};
use xoauth::smtp::exchange::{Noop as SmtpNoop, Submit};
use xoauth::{Credentials, Error, Tls, smtp};

use super::{imap_sessions, smtp_sessions};

/// What an ending is called.
fn name(error: &Error) -> &'static str {
    match error {
        Error::Imap(imap::Error::Expired { .. }) | Error::Smtp(smtp::Error::Expired { .. }) => {
            "expired"
        }
        Error::Imap(imap::Error::IdleTimeout { .. })
        | Error::Smtp(smtp::Error::IdleTimeout { .. }) => "idle",
        Error::Imap(imap::Error::Bye { .. }) | Error::Smtp(smtp::Error::ServerClosing { .. }) => {
            "bye"
        }
        Error::Imap(imap::Error::Transport { fault, .. })
        | Error::Smtp(smtp::Error::Transport { fault }) => match fault {
            TransportFault::Closed => "closed",
            TransportFault::Truncated => "truncated",
            TransportFault::Deadline => "deadline",
            _ => "failed",
        },
        _ => "another error",
    }
}

fn localhost() -> (Identity, Tls) {
    let authority = Authority::new().unwrap();
    let tls = Tls::builder().add_roots(&authority.pem().unwrap()).unwrap().only_these_roots();
    (authority.localhost().unwrap(), tls.build().unwrap())
}

/// A script up to a session that is authenticated.
fn signed_in(identity: &Identity, then: Vec<Step>) -> Vec<Step> {
    let mut script = vec![
        Step::StartTls(identity.clone()),
        send("* OK [CAPABILITY IMAP4rev1 SASL-IR IDLE AUTH=OAUTHBEARER] ready\r\n"),
        expect("AUTHENTICATE OAUTHBEARER"),
        send("{tag} OK in\r\n"),
        // The capabilities of before are not those of after.
        expect("CAPABILITY"),
        send("* CAPABILITY IMAP4rev1 IDLE\r\n{tag} OK those\r\n"),
    ];
    script.extend(then);
    script
}

fn smtp_signed_in(identity: &Identity, then: Vec<Step>) -> Vec<Step> {
    let mut script = vec![
        Step::StartTls(identity.clone()),
        send("220 ready\r\n"),
        expect("EHLO"),
        send("250-hello\r\n250-PIPELINING\r\n250 AUTH OAUTHBEARER\r\n"),
        expect("AUTH OAUTHBEARER"),
        send("235 2.7.0 in\r\n"),
    ];
    script.extend(then);
    script
}

macro_rules! imap_session {
    ($peer:expr, $tls:expr) => {{
        let builder = imap_sessions::Builder::new("localhost").tls(&$tls).port($peer.port());
        let mut session =
            wait!(builder.log_in(&Credentials::token("ann@example.com", "opaque-4711"))).unwrap();
        wait!(session.run(imap::command::Capability::new())).unwrap();
        session
    }};
}

#[test]
fn every_ending_of_an_imap_session_has_its_name() {
    run!({
        let (identity, tls) = localhost();
        let bye = |text: &str| vec![expect("NOOP"), send(format!("* BYE {text}\r\n")), Step::Close];
        let table = [
            (bye("Session invalidated - AccessTokenExpired"), "expired"),
            (bye("Session expired, please login again."), "expired"),
            (bye("[EXPIRED] come back with another"), "expired"),
            (bye("Autologout; idle for too long"), "idle"),
            (bye("Disconnected for inactivity."), "idle"),
            (bye("shutting down"), "bye"),
            (bye("[UNAVAILABLE] shutting down"), "bye"),
            (vec![expect("NOOP"), Step::Close], "closed"),
            (vec![expect("NOOP"), Step::Abort], "truncated"),
            (vec![expect("NOOP"), send("* 3 EXISTS\r\n{tag} O"), Step::Abort], "truncated"),
        ];
        for (steps, expected) in table {
            let shown = format!("{steps:?}");
            let peer = Peer::start(vec![signed_in(&identity, steps)]).unwrap();
            let mut session = imap_session!(peer, tls);
            let error = wait!(session.run(Noop::new())).unwrap_err();
            assert_eq!(name(&error), expected, "{shown}: {error}");
            assert!(error.is_fatal() && !session.is_usable(), "{shown}");
            assert_eq!(error.needs_new_token(), expected == "expired", "{shown}");
            assert_eq!(error.is_transient(), expected != "expired", "{shown}");
            drop(session);
            peer.finish().unwrap();
        }
    });
}

#[test]
fn every_ending_of_an_smtp_session_has_its_name() {
    run!({
        let (identity, tls) = localhost();
        let says = |reply: &str| vec![expect("NOOP"), send(format!("{reply}\r\n")), Step::Close];
        let table = [
            (says("421 4.7.0 Session invalidated - AccessTokenExpired"), "expired"),
            (says("421 4.7.66 token has expired"), "expired"),
            (says("421 4.4.2 mail.example.org Error: timeout exceeded"), "idle"),
            (says("421 mail.example.org: SMTP command timeout - closing connection"), "idle"),
            (says("421 4.4.1 Connection timed out. Total session duration: 00:20:55"), "idle"),
            (says("421 4.3.2 Service not available"), "bye"),
            (says("421-4.3.2 Service\r\n421 4.3.2 not available"), "bye"),
            (vec![expect("NOOP"), Step::Close], "closed"),
            (vec![expect("NOOP"), Step::Abort], "truncated"),
            (vec![expect("NOOP"), send("250 2."), Step::Abort], "truncated"),
        ];
        for (steps, expected) in table {
            let shown = format!("{steps:?}");
            let peer = Peer::start(vec![smtp_signed_in(&identity, steps)]).unwrap();
            let builder = smtp_sessions::Builder::new("localhost").tls(&tls).port(peer.port());
            let login = Credentials::token("ann@example.com", "opaque-4711");
            let mut session = wait!(builder.log_in(&login)).unwrap();
            let error = wait!(session.run(SmtpNoop::new())).unwrap_err();
            assert_eq!(name(&error), expected, "{shown}: {error}");
            assert!(error.is_fatal() && !session.is_usable(), "{shown}");
            assert_eq!(error.needs_new_token(), expected == "expired", "{shown}");
            drop(session);
            peer.finish().unwrap();
        }
    });
}

#[test]
fn a_message_whose_answer_is_lost_is_unknown_whatever_ended_the_session() {
    run!({
        let (identity, tls) = localhost();
        let table = [
            (vec![Step::Abort], "truncated"),
            (vec![Step::Close], "closed"),
            (vec![send("421 4.7.0 AccessTokenExpired\r\n"), Step::Close], "expired"),
        ];
        for (ending, expected) in table {
            let mut steps = vec![
                expect("MAIL"),
                expect("RCPT"),
                expect("DATA"),
                send("250 ok\r\n250 ok\r\n354 go\r\n"),
                expect("Subject"),
                expect(""),
                expect("hi"),
                expect("."),
            ];
            steps.extend(ending);
            let peer = Peer::start(vec![smtp_signed_in(&identity, steps)]).unwrap();
            let builder = smtp_sessions::Builder::new("localhost").tls(&tls).port(peer.port());
            let login = Credentials::token("ann@example.com", "opaque-4711");
            let mut session = wait!(builder.log_in(&login)).unwrap();
            let message =
                Submit::new("ann@example.com", ["ben@example.org"], "Subject: x\r\n\r\nhi\r\n");
            let error = wait!(session.run(message)).unwrap_err();
            // A server that answers 421 says that it did not take the message.
            if let Error::Smtp(smtp::Error::DeliveryUnknown { cause, .. }) = &error {
                assert_eq!(name(&Error::Smtp((**cause).clone())), expected, "{error}");
            } else {
                assert_eq!((name(&error), expected), ("expired", "expired"), "{error}");
            }
            drop(session);
            peer.finish().unwrap();
        }
    });
}

#[test]
fn idle_hands_out_what_came_before_the_end() {
    run!({
        let (identity, tls) = localhost();
        let news = "+ idling\r\n* 3 EXISTS\r\n* 1 EXPUNGE\r\n";
        let bye = format!("{news}* BYE Session invalidated - AccessTokenExpired\r\n");
        let table = [
            (vec![send(&bye), Step::Close], "expired"),
            (vec![send(format!("{news}* BYE Autologout; idle for too long\r\n"))], "idle"),
            (vec![send(news), Step::Close], "closed"),
            (vec![send(news), Step::Abort], "truncated"),
        ];
        for (ending, expected) in table {
            let mut steps = vec![expect("IDLE")];
            steps.extend(ending);
            let peer = Peer::start(vec![signed_in(&identity, steps)]).unwrap();
            let mut session = imap_session!(peer, tls);
            let mut idle = wait!(session.idle()).unwrap();
            assert_eq!(news!(idle).unwrap(), Event::Exists(3));
            assert!(matches!(news!(idle).unwrap(), Event::Expunge(_)));
            let error = news!(idle).unwrap_err();
            assert_eq!(name(&error), expected, "{error}");
            drop(idle);
            drop(session);
            peer.finish().unwrap();
        }
    });
}

#[test]
fn a_long_fetch_hands_out_what_came_before_the_end() {
    run!({
        let (identity, tls) = localhost();
        let two = "* 1 FETCH (UID 11 RFC822.SIZE 7)\r\n* 2 FETCH (UID 12 RFC822.SIZE 7)\r\n";
        let cut = [
            send(format!("{two}* 3 FETCH (UID 13 BODY[] {{225752}}\r\n")),
            Step::SendRepeated(vec![b'x'; 182_374], 1),
        ];
        let progress = "inside a literal: announced 225752, received 182374";
        let table = [
            (
                vec![send(format!("{two}* BYE Session expired, please login again.\r\n"))],
                "expired",
                "please login again",
            ),
            (vec![send(two), Step::Close], "closed", "closed the connection"),
            ([&cut[..], &[Step::Close]].concat(), "closed", progress),
            ([&cut[..], &[Step::Abort]].concat(), "truncated", progress),
        ];
        for (ending, expected, text) in table {
            for in_parts in [false, true] {
                let mut steps = vec![
                    expect("SELECT"),
                    send("* 9 EXISTS\r\n{tag} OK selected\r\n"),
                    expect("FETCH"),
                ];
                steps.extend(ending.iter().cloned());
                let peer = Peer::start(vec![signed_in(&identity, steps)]).unwrap();
                let mut session = imap_session!(peer, tls);
                wait!(session.run(imap::command::Select::new("INBOX"))).unwrap();
                let fetch = Fetch::by_sequence("1:*", [Item::Size, Item::Body]);
                let mut stream = wait!(session.stream(fetch)).unwrap();
                let mut whole = 0;
                let error = loop {
                    if in_parts {
                        match wait!(stream.next_part()) {
                            Ok(Some(imap_sessions::Part::Message(_))) => whole += 1,
                            Ok(Some(imap_sessions::Part::Body(_))) => {}
                            Ok(None) => panic!("no end"),
                            Err(error) => break error,
                        }
                    } else {
                        match wait!(stream.next()) {
                            Some(Ok(_)) => whole += 1,
                            Some(Err(error)) => break error,
                            None => panic!("no end"),
                        }
                    }
                };
                assert_eq!(whole, 2, "{error}");
                assert_eq!(name(&error), expected, "{error}");
                assert!(error.to_string().contains(text), "{error}");
                if !in_parts {
                    assert!(wait!(stream.next()).is_none());
                }
                drop(stream);
                drop(session);
                peer.finish().unwrap();
            }
        }
    });
}

/// LOGOUT and QUIT end TLS too, and so does a session that is dropped.
#[test]
fn sessions_end_tls_in_order() {
    run!({
        let (identity, tls) = localhost();
        for logs_out in [true, false] {
            let mut steps = Vec::new();
            if logs_out {
                steps.extend([expect("LOGOUT"), send("* BYE\r\n{tag} OK\r\n")]);
            }
            steps.push(Step::ExpectEndOfTls);
            let peer = Peer::start(vec![signed_in(&identity, steps)]).unwrap();
            let session = imap_session!(peer, tls);
            if logs_out {
                wait!(session.logout()).unwrap();
            } else {
                drop(session);
            }
            peer.finish().unwrap();

            let mut steps = Vec::new();
            if logs_out {
                steps.extend([expect("QUIT"), send("221 2.0.0 bye\r\n")]);
            }
            steps.push(Step::ExpectEndOfTls);
            let peer = Peer::start(vec![smtp_signed_in(&identity, steps)]).unwrap();
            let builder = smtp_sessions::Builder::new("localhost").tls(&tls).port(peer.port());
            let login = Credentials::token("ann@example.com", "opaque-4711");
            let session = wait!(builder.log_in(&login)).unwrap();
            if logs_out {
                wait!(session.quit()).unwrap();
            } else {
                drop(session);
            }
            peer.finish().unwrap();
        }
    });
}

/// A server that breaks off behind BYE left nothing unsaid.
#[test]
fn logout_ends_well_without_the_end_of_tls() {
    run!({
        let (identity, tls) = localhost();
        for ending in [Step::Close, Step::Abort] {
            let steps = vec![expect("LOGOUT"), send("* BYE bye\r\n"), ending];
            let peer = Peer::start(vec![signed_in(&identity, steps)]).unwrap();
            let session = imap_session!(peer, tls);
            wait!(session.logout()).unwrap();
            peer.finish().unwrap();
        }
    });
}
