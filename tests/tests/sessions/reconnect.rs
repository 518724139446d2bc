//! Sessions that are opened again.

use std::time::Duration;

use e2e::certificates::{Authority, Identity};
use e2e::host::{DEMO_EXPIRED_BEARER_TOKEN, DEMO_USER, Host};
use e2e::scripted::{Peer, Step, expect, send};
use xoauth::imap::command::{Examine, Noop, Search, Store, StoreAction, Unselect};
use xoauth::imap::proto::Command as _;
use xoauth::imap::{Flag, Query};
use xoauth::net::Backoff;
use xoauth::{Credentials, Error, Renew};

use super::cases::tls;
use super::imap_sessions;
use super::tokens::{ASKED, Tokens};

/// A connection under TLS up to the selected mailbox, and what comes then.
fn mailbox(identity: &Identity, uid_validity: u32, then: Vec<Step>) -> Vec<Step> {
    let mut script = vec![
        Step::StartTls(identity.clone()),
        send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n"),
        expect("AUTHENTICATE OAUTHBEARER"),
        send("{tag} OK [CAPABILITY IMAP4rev1] in\r\n"),
        expect("SELECT INBOX"),
        send(format!("* 3 EXISTS\r\n* OK [UIDVALIDITY {uid_validity}] good\r\n")),
        send("{tag} OK [READ-WRITE] selected\r\n"),
    ];
    script.extend(then);
    script
}

pub(super) fn soon() -> Backoff {
    let mut backoff = Backoff::default();
    backoff.first = Duration::from_millis(1);
    backoff
}

#[test]
fn a_session_that_breaks_is_opened_again() {
    run!({
        let authority = Authority::new().unwrap();
        let identity = authority.localhost().unwrap();
        let found = |uid: u32| {
            vec![
                expect("UID SEARCH"),
                send(format!("* SEARCH {uid}\r\n")),
                send("{tag} OK found\r\n"),
            ]
        };
        let scripts = vec![
            // It closes when asked, and the search is asked again; so it is after its token died.
            mailbox(&identity, 7, vec![expect("UID SEARCH"), Step::Close]),
            mailbox(
                &identity,
                7,
                [
                    found(11),
                    vec![
                        expect("UID SEARCH"),
                        send("* BYE Session invalidated - AccessTokenExpired\r\n"),
                        Step::Close,
                    ],
                ]
                .concat(),
            ),
            // A change is not made twice.
            mailbox(&identity, 7, [found(12), vec![expect("UID STORE"), Step::Close]].concat()),
            // The server itself cannot be had at first.
            vec![Step::Abort],
            mailbox(&identity, 7, [found(13), vec![expect("UID SEARCH"), Step::Close]].concat()),
            // The numbers mean other messages.
            mailbox(&identity, 8, found(1)),
        ];
        let peer = Peer::start(scripts).unwrap();
        let tls = tls(&authority.pem().unwrap());
        let builder = imap_sessions::Builder::new("localhost").tls(&tls).port(peer.port());
        let source = Tokens::new(&["token"; 9]);
        let credentials = Credentials::bearer(DEMO_USER, source.clone());
        let mut mail =
            imap_sessions::Reconnect::new(builder, credentials).select("INBOX").backoff(soon());
        let search = || Search::new(Query::unseen());
        for uid in ["11", "12"] {
            let found = wait!(mail.run(search)).unwrap();
            assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [uid]);
        }
        let store = || Store::new("12", StoreAction::Add, [Flag::Seen]);
        let error = wait!(mail.run(store)).unwrap_err();
        assert!(error.is_fatal() && error.is_transient(), "{error}");
        assert_eq!(wait!(mail.run(search)).unwrap().len(), 1);
        let error = wait!(mail.run(search)).unwrap_err();
        assert!(matches!(error, Error::UidValidityChanged { .. }), "{error}");
        assert_eq!(wait!(mail.run(search)).unwrap().len(), 1);
        assert_eq!(mail.sessions(), 5);
        // Asked at each connect, with what ended the session before where that was its token.
        let expired = (Renew::IfExpired, true);
        assert_eq!(source.asked(), [ASKED, ASKED, expired, ASKED, ASKED, ASKED]);
        drop(mail);
        peer.finish().unwrap();
    });
}

/// The next command is meant for the mailbox that the program selected, not for the one that was named first.
#[test]
fn a_session_that_is_opened_again_has_the_mailbox_that_was_selected_last() {
    run!({
        let authority = Authority::new().unwrap();
        let identity = authority.localhost().unwrap();
        let select = |line: &str| {
            let numbers = "* 1 EXISTS\r\n* OK [UIDVALIDITY 9] good\r\n{tag} OK selected\r\n";
            vec![expect(line), send(numbers)]
        };
        let found = [expect("UID SEARCH"), send("* SEARCH 5\r\n{tag} OK found\r\n")];
        let archive = |then: &[Step]| {
            let script = mailbox(&identity, 7, Vec::new());
            [&script[..4], &select("EXAMINE Archive"), then].concat()
        };
        let closes = [expect("UNSELECT"), send("{tag} OK none\r\n"), Step::Close];
        let scripts = vec![
            mailbox(&identity, 7, [&select("EXAMINE Archive")[..], &[Step::Close]].concat()),
            archive(&[&found[..], &closes].concat()),
            // None was selected at last.
            [&mailbox(&identity, 7, Vec::new())[..4], &[expect("NOOP"), send("{tag} OK\r\n")]]
                .concat(),
        ];
        let peer = Peer::start(scripts).unwrap();
        let tls = tls(&authority.pem().unwrap());
        let builder = imap_sessions::Builder::new("localhost").tls(&tls).port(peer.port());
        let credentials = Credentials::token("ann@example.com", "opaque-4711");
        let mut mail =
            imap_sessions::Reconnect::new(builder, credentials).select("INBOX").backoff(soon());
        let examined = wait!(mail.run(|| Examine::new("Archive"))).unwrap();
        assert_eq!(examined.exists, Some(1));
        assert_eq!(wait!(mail.run(|| Search::new(Query::unseen()))).unwrap().len(), 1);
        let unselected = wait!(mail.run(|| Unselect::new().even_if_unlisted()));
        unselected.unwrap();
        wait!(mail.run(Noop::new)).unwrap();
        let store = || Store::new("5", StoreAction::Add, [Flag::Deleted]);
        let error = wait!(mail.run(store)).unwrap_err();
        assert!(!error.is_fatal(), "{error}");
        assert_eq!(mail.sessions(), 3);
        drop(mail);
        peer.finish().unwrap();
    });
}

#[test]
fn what_another_attempt_does_not_mend_is_not_attempted_again() {
    run!({
        let host = Host::builder().start().unwrap();
        let builder = imap_sessions::Builder::new("localhost").port(host.imaps_port());
        let credentials = Credentials::token(DEMO_USER, DEMO_EXPIRED_BEARER_TOKEN);
        let mut mail = imap_sessions::Reconnect::new(
            builder.clone().tls(&tls(host.ca_pem())),
            credentials.clone(),
        );
        let error = wait!(mail.run(Noop::new)).unwrap_err();
        assert!(error.needs_new_token(), "{error}");
        let logins = |lines: Vec<e2e::host::Seen>| {
            lines.iter().filter(|seen| seen.line.contains("AUTHENTICATE")).count()
        };
        assert_eq!(logins(host.transcript()), 1);
        // A certificate of an authority nobody knows; an argument that cannot be sent.
        let other = Authority::new().unwrap();
        let mut mail =
            imap_sessions::Reconnect::new(builder.tls(&tls(&other.pem().unwrap())), credentials);
        let error = wait!(mail.run(Noop::new)).unwrap_err();
        assert!(matches!(error, Error::Certificate { .. }), "{error}");
        assert_eq!(mail.sessions(), 0);
    });
}
