//! A server that repeats on one connection what it heard on another: nothing of it is shown.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use e2e::certificates::Authority;
use e2e::host::DEMO_USER;
use e2e::scripted::{Peer, Step, expect, send};
use xoauth::imap::command::Noop;
use xoauth::smtp::PoolOptions;
use xoauth::smtp::exchange::{Noop as SmtpNoop, Submit};
use xoauth::{Credentials, Trace};

use super::cases::tls;
use super::reconnect::soon;
use super::tokens::Tokens;
use super::{imap_sessions, smtp_sessions};

const FIRST: &str = "ya29.correct-horse-battery-staple";
const SECOND: &str = "eyJhbGciOi_JIUzI1NiJ9/another+One";
/// The first one as it stands in a base64 text.
const ENCODED: &str = "eWEyOS5jb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl";

/// Everything that a program may come to see.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<String>>);

impl Shown {
    fn note(&self, shown: impl Debug) {
        *self.0.lock().unwrap() += &format!("{shown:?}\n");
    }

    fn trace(&self) -> Trace {
        let shown = self.clone();
        Trace::new(move |direction, line| shown.note((direction, line)))
    }

    /// Not eight octets of a token in a row, but `texts`, which stand beside them.
    #[track_caller]
    fn assert_hides(&self, texts: &[&str]) {
        let shown = self.0.lock().unwrap();
        for secret in [FIRST, SECOND, ENCODED] {
            for part in secret.as_bytes().windows(8) {
                let part = String::from_utf8_lossy(part);
                assert!(!shown.contains(&*part), "{part} in {shown}");
            }
        }
        for text in texts {
            assert!(shown.contains(text), "{text} in {shown}");
        }
    }
}

/// What is shown of a call, in both ways; whether it is an error.
macro_rules! note {
    ($shown:expr, $call:expr) => {
        match $call {
            Ok(output) => {
                $shown.note(output);
                false
            }
            Err(error) => {
                $shown.note(error.to_string());
                $shown.note(error);
                true
            }
        }
    };
}

const READY: &str = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n";

/// A connection to an IMAP server up to the login, and what comes then.
fn imap(then: &[Step]) -> Vec<Step> {
    let login = [
        send(READY),
        expect("AUTHENTICATE OAUTHBEARER "),
        send("{tag} OK [CAPABILITY IMAP4rev1] in\r\n"),
    ];
    [&login[..], then].concat()
}

#[test]
fn a_session_of_imap_that_is_opened_again() {
    run!({
        let scripts = vec![
            imap(&[expect("NOOP"), Step::Close]),
            vec![send(format!("* BYE gone, {FIRST}\r\n")), Step::Close],
            vec![send(format!("* BYE [UNAVAILABLE] gone, {ENCODED}\r\n")), Step::Close],
            vec![send(format!("{FIRST} what?\r\n")), Step::Close],
            vec![
                send(format!("* OK [CAPABILITY IMAP4rev1 X-A AUTH={FIRST}] hi {FIRST}\r\n")),
                Step::Close,
            ],
            vec![
                send(format!("* OK [CAPABILITY IMAP4rev1 AUTH=OAUTHBEARER X-{FIRST}] hi\r\n")),
                expect("AUTHENTICATE OAUTHBEARER"),
                send("+ \r\n"),
                expect(""),
                send(format!("* CAPABILITY IMAP4rev1 X-B X-{ENCODED}\r\n{{tag}} OK in\r\n")),
                expect("NOOP"),
                send(format!("{{tag}} OK [ALERT] {FIRST}\r\n")),
            ],
        ];
        let peer = Peer::start(scripts).unwrap();
        let shown = Shown::default();
        let builder = imap_sessions::Builder::new("localhost").port(peer.port());
        let credentials = Credentials::token(DEMO_USER, FIRST);
        let open = open!(builder.trace(shown.trace()));
        let mut backoff = soon();
        backoff.attempts = 1;
        let mut mail = imap_sessions::Reconnect::over(open, credentials).backoff(backoff);
        let mut failed = 0;
        while note!(shown, wait!(mail.run(Noop::new))) {
            failed += 1;
        }
        assert_eq!((failed, mail.sessions()), (4, 2));
        shown.note(wait!(mail.session()).unwrap().state());
        drop(mail);
        peer.finish().unwrap();
        shown.assert_hides(&[
            "* BYE gone, [secret]",
            "only xxxxxxxx",
            "X-A",
            "X-B X-xxxx",
            "ALERT",
        ]);
    });
}

#[test]
fn a_token_that_was_renewed_and_the_one_before() {
    run!({
        let begin = |said: &str| vec![send(READY), expect("AUTHENTICATE"), send(said)];
        let rest = [
            expect("AUTHENTICATE"),
            send(format!("{{tag}} OK [X-ECHO {SECOND}] {FIRST} {SECOND}\r\n")),
            expect("NOOP"),
            send(format!("* OK {FIRST} {ENCODED}\r\n* X-NEWS {SECOND}\r\n{{tag}} OK done\r\n")),
        ];
        // The server takes another attempt on the same connection, or ends it.
        let one = vec![[&begin("{tag} NO no\r\n")[..], &rest].concat()];
        let again = format!("* OK [CAPABILITY AUTH=OAUTHBEARER SASL-IR IMAP4rev1] hi {FIRST}\r\n");
        let two = vec![
            [&begin("* BYE AccessTokenExpired\r\n")[..], &[Step::Close]].concat(),
            [&[send(again)], &rest[..]].concat(),
        ];
        for scripts in [one, two] {
            let peer = Peer::start(scripts).unwrap();
            let shown = Shown::default();
            let builder = imap_sessions::Builder::new("localhost").port(peer.port());
            let credentials = Credentials::bearer(DEMO_USER, Tokens::new(&[FIRST, SECOND]));
            let open = open!(builder.trace(shown.trace()));
            let mut session = wait!(imap_sessions::log_in(open, &credentials)).unwrap();
            wait!(session.run(Noop::new())).unwrap();
            while let Some(event) = session.next_event() {
                shown.note(event);
            }
            drop(session);
            peer.finish().unwrap();
            shown.assert_hides(&["X-NEWS"]);
        }
    });
}

/// A connection to an SMTP server up to the answer to EHLO, and what comes then.
fn smtp(greeting: &str, offered: &str, then: &[Step]) -> Vec<Step> {
    let begin = [
        send(format!("220 {greeting}\r\n")),
        expect("EHLO"),
        send(format!("250-mx {greeting}\r\n250-{offered}\r\n250 X-A\r\n")),
    ];
    [&begin[..], then].concat()
}

fn smtp_login() -> [Step; 2] {
    [expect("AUTH OAUTHBEARER "), send("235 in\r\n")]
}

#[test]
fn logins_to_smtp_one_after_the_other() {
    run!({
        let offers = |text: &str| format!("AUTH {text}");
        let scripts = vec![
            smtp("mx", &offers("OAUTHBEARER"), &smtp_login()),
            vec![send(format!("554 go away, {FIRST}\r\n")), Step::Close],
            vec![send(format!("{FIRST} what?\r\n")), Step::Close],
            vec![
                send(format!("220 hi {FIRST}\r\n")),
                expect("EHLO"),
                send(format!("550 {ENCODED}\r\n")),
            ],
            smtp(FIRST, &offers(FIRST), &[]),
            smtp(
                FIRST,
                &format!("X-B\r\n250-AUTH OAUTHBEARER {FIRST}\r\n250-X-{ENCODED} {FIRST}"),
                &smtp_login(),
            ),
        ];
        let peer = Peer::start(scripts).unwrap();
        let shown = Shown::default();
        let builder = smtp_sessions::Builder::new("localhost").port(peer.port());
        let builder = builder.trace(shown.trace());
        let mut failed = 0;
        for _ in 0..6 {
            let open = open!(builder.clone());
            // Made anew each time: the token alone is the same.
            let credentials = Credentials::token(DEMO_USER, FIRST);
            let session = wait!(smtp_sessions::log_in(open, &credentials));
            let session = session.inspect(|session| shown.note(session.extensions()));
            failed += usize::from(note!(shown, session.map(drop)));
        }
        assert_eq!(failed, 4);
        peer.finish().unwrap();
        shown.assert_hides(&["554 go away, [secret]", "only xxxxxxxx", "X-A", "X-B", "X-xxxx"]);
    });
}

#[test]
fn what_is_begun_anew_under_tls() {
    run!({
        let authority = Authority::new().unwrap();
        let identity = authority.localhost().unwrap();
        let connection = |clear: &str, offered: &str, then: &[Step]| {
            let starttls =
                [expect("STARTTLS"), send("220 go\r\n"), Step::StartTls(identity.clone())];
            let under_tls = [expect("EHLO"), send(format!("250-mx\r\n250 {offered}\r\n"))];
            let begin = [&starttls[..], &under_tls, then].concat();
            smtp(clear, "STARTTLS", &begin)
        };
        let scripts = vec![
            connection("mx", "AUTH OAUTHBEARER", &smtp_login()),
            connection(FIRST, &format!("AUTH {FIRST}"), &[]),
        ];
        let peer = Peer::start(scripts).unwrap();
        let shown = Shown::default();
        let builder = smtp_sessions::Builder::new("localhost").port(peer.port()).starttls();
        let builder = builder.tls(&tls(&authority.pem().unwrap())).trace(shown.trace());
        let credentials = Credentials::token(DEMO_USER, FIRST);
        assert!(!note!(shown, wait!(builder.log_in(&credentials)).map(drop)));
        assert!(note!(shown, wait!(builder.log_in(&credentials)).map(drop)));
        peer.finish().unwrap();
        shown.assert_hides(&["STARTTLS", "only xxxxxxxx"]);
    });
}

#[test]
fn connections_of_a_pool() {
    run!({
        let auth = "AUTH OAUTHBEARER";
        let message = [
            expect("MAIL"),
            send("250 ok\r\n"),
            expect("RCPT"),
            send("250 ok\r\n"),
            expect("DATA"),
            send("354 go\r\n"),
            expect("Subject"),
            expect(""),
            expect("Hi."),
            expect("."),
            send("250 ok\r\n"),
        ];
        // It rests while the token of another connection is a new one.
        let rests = [expect("NOOP"), send(format!("421 {SECOND}\r\n")), Step::Close];
        let first = [&smtp_login()[..], &message, &rests].concat();
        let third =
            [&smtp_login()[..], &message[..10], &[send(format!("250 {FIRST}\r\n"))]].concat();
        let scripts = vec![
            smtp("mx", auth, &first),
            smtp(
                "mx",
                auth,
                &[&smtp_login()[..], &[expect("NOOP"), send(format!("250 {FIRST}\r\n"))]].concat(),
            ),
            smtp(&format!("{FIRST} {SECOND}"), auth, &third),
        ];
        let peer = Peer::start(scripts).unwrap();
        let shown = Shown::default();
        let builder = smtp_sessions::Builder::new("localhost").port(peer.port());
        let builder = builder.trace(shown.trace());
        let tokens = Tokens::new(&[FIRST, SECOND, SECOND]);
        let credentials = Credentials::bearer(DEMO_USER, tokens);
        let pool = smtp_sessions::Pool::with(PoolOptions::new(2).check_after(Duration::ZERO));
        let mailer = pool.mailer_over(open!(builder.clone()), credentials.clone());
        let submit = || Submit::new("ann@example.com", [DEMO_USER], "Subject: x\r\n\r\nHi.\r\n");
        assert!(!note!(shown, wait!(mailer.send(submit))));
        let mut other = wait!(smtp_sessions::log_in(open!(builder.clone()), &credentials)).unwrap();
        assert!(!note!(shown, wait!(other.run(SmtpNoop::new()))));
        assert!(!note!(shown, wait!(mailer.send(submit))));
        drop((other, mailer, pool));
        peer.finish().unwrap();
        shown.assert_hides(&["421 [secret]", "220 [secret] [secret]", "250 [secret]"]);
    });
}
