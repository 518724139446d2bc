//! Where tokens come from, when they are asked for again, and which mechanism carries them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use e2e::certificates::Authority;
use e2e::host::{DEMO_BEARER_TOKEN, DEMO_EXPIRED_BEARER_TOKEN, DEMO_TOKEN, DEMO_USER, Host};
use e2e::scripted::{Peer, Step, expect, send};
use xoauth::imap;
use xoauth::imap::command::Select;
use xoauth::sasl::{SaslIr, Service, XOAuth};
use xoauth::smtp::exchange::Noop as SmtpNoop;
use xoauth::{
    Ask, Credentials, Error, Renew, Secret, TokenCommand, TokenCommandOverdue, TokenFailed,
    TokenSource, smtp,
};

use super::cases::{consumer, tls, token};
use super::{imap_sessions, smtp_sessions};

/// A source that gives these tokens one after the other, and what it was asked.
#[derive(Clone, Default)]
pub(super) struct Tokens {
    tokens: Arc<Mutex<Vec<&'static str>>>,
    asked: Arc<Mutex<Vec<(Renew, bool)>>>,
}

impl Tokens {
    pub(super) fn new(tokens: &[&'static str]) -> Self {
        Self { tokens: Arc::new(Mutex::new(tokens.to_vec())), asked: Arc::default() }
    }

    pub(super) fn asked(&self) -> Vec<(Renew, bool)> {
        self.asked.lock().unwrap().clone()
    }
}

impl TokenSource for Tokens {
    fn token(&self, ask: &Ask) -> Result<Secret, TokenFailed> {
        assert_eq!(ask.user, DEMO_USER);
        self.asked.lock().unwrap().push((ask.renew, ask.refusal.is_some()));
        let mut tokens = self.tokens.lock().unwrap();
        if tokens.is_empty() {
            return Err("no token left".into());
        }
        Ok(Secret::new(tokens.remove(0)))
    }
}

pub(super) const ASKED: (Renew, bool) = (Renew::IfExpired, false);
pub(super) const FORCED: (Renew, bool) = (Renew::Force, true);

#[test]
fn a_refused_token_is_renewed_once() {
    run!({
        let host = Host::builder().start().unwrap();
        let tls = tls(host.ca_pem());
        let imap = imap_sessions::Builder::new("localhost").tls(&tls);
        let smtp = smtp_sessions::Builder::new("localhost").tls(&tls);
        let (imaps, starttls) =
            (imap.clone().port(host.imaps_port()), imap.port(host.imap_port()).starttls());
        let smtp = smtp.port(host.submission_port()).starttls();
        for imap in [imaps, starttls] {
            let source = Tokens::new(&[DEMO_EXPIRED_BEARER_TOKEN, DEMO_BEARER_TOKEN]);
            let credentials = Credentials::bearer(DEMO_USER, source.clone());
            let mut session = wait!(imap.log_in(&credentials)).unwrap();
            wait!(session.run(Select::new("INBOX"))).unwrap();
            assert_eq!(source.asked(), [ASKED, FORCED]);
        }
        let source = Tokens::new(&[DEMO_EXPIRED_BEARER_TOKEN, DEMO_BEARER_TOKEN]);
        let credentials = Credentials::bearer(DEMO_USER, source.clone()).force_xoauth2();
        let mut session = wait!(smtp.log_in(&credentials)).unwrap();
        wait!(session.run(SmtpNoop::new())).unwrap();
        assert_eq!(source.asked(), [ASKED, FORCED]);

        // Not more than once, and the last refusal is told.
        let source = Tokens::new(&[DEMO_EXPIRED_BEARER_TOKEN; 9]);
        let credentials = Credentials::bearer(DEMO_USER, source.clone());
        let error = wait!(smtp.log_in(&credentials)).map(drop).unwrap_err();
        assert!(error.needs_new_token(), "{error}");
        assert_eq!(source.asked(), [ASKED, FORCED]);
        // A token that cannot be renewed is refused, and that is all.
        let credentials = Credentials::token(DEMO_USER, DEMO_EXPIRED_BEARER_TOKEN);
        let error = wait!(smtp.log_in(&credentials)).map(drop).unwrap_err();
        assert!(matches!(error, Error::Smtp(smtp::Error::AuthenticationRefused(_))), "{error}");
    });
}

#[test]
fn a_source_is_not_asked_again_for_what_no_token_mends() {
    run!({
        let host = Host::builder().start().unwrap();
        let tls = tls(host.ca_pem());
        let imap = imap_sessions::Builder::new("localhost").tls(&tls).port(host.imaps_port());
        host.set_unavailable(true);
        let source = Tokens::new(&[DEMO_BEARER_TOKEN; 2]);
        let credentials = Credentials::bearer(DEMO_USER, source.clone());
        let error = wait!(imap.log_in(&credentials)).map(drop).unwrap_err();
        assert!(error.is_transient(), "{error}");
        assert_eq!(source.asked(), [ASKED]);
        host.set_unavailable(false);
        // A source without a token: nothing is dialled; after a refusal both are told.
        let source = Tokens::new(&[]);
        let credentials = Credentials::bearer(DEMO_USER, source.clone());
        let error = wait!(imap.log_in(&credentials)).map(drop).unwrap_err();
        assert!(matches!(error, Error::Token { refusal: None, .. }), "{error}");
        let source = Tokens::new(&[DEMO_EXPIRED_BEARER_TOKEN]);
        let credentials = Credentials::bearer(DEMO_USER, source.clone());
        let error = wait!(imap.log_in(&credentials)).map(drop).unwrap_err();
        assert!(matches!(error, Error::Token { refusal: Some(_), .. }), "{error}");
    });
}

#[test]
fn credentials_of_oauth_1_are_used_as_they_are_named() {
    run!({
        let host = Host::builder().start().unwrap();
        let tls = tls(host.ca_pem());
        let imap = imap_sessions::Builder::new("localhost").tls(&tls).port(host.imaps_port());
        let url = XOAuth::google_request_url(DEMO_USER, Service::Imap).unwrap();
        let login = XOAuth::new(url, consumer(), Some(token(DEMO_TOKEN.1))).unwrap();
        let credentials = Credentials::named(login).probe();
        // The host refuses a nonce that comes twice: each login signs anew.
        for _ in 0..2 {
            wait!(wait!(imap.log_in(&credentials)).unwrap().logout()).unwrap();
        }
    });
}

#[test]
fn a_mechanism_is_chosen_by_what_the_server_offers() {
    run!({
        let answers = [
            ("AUTH=XOAUTH2 AUTH=OAUTHBEARER", false, Some("OAUTHBEARER")),
            ("AUTH=XOAUTH2 AUTH=XOAUTH", false, Some("XOAUTH2")),
            ("AUTH=PLAIN", true, Some("XOAUTH2")),
            ("AUTH=XOAUTH AUTH=OAUTH10A AUTH=PLAIN", false, None),
        ];
        for (offers, forced, chosen) in answers {
            let mut script =
                vec![send(format!("* OK [CAPABILITY IMAP4rev1 SASL-IR {offers}] ready\r\n"))];
            match chosen {
                Some(name) => script.extend([
                    expect(&format!("AUTHENTICATE {name} ")),
                    send("{tag} OK in\r\n"),
                    expect("LIST"),
                    send("{tag} BAD User is authenticated but not connected.\r\n"),
                    Step::ExpectEnd,
                ]),
                None => script.push(Step::ExpectEnd),
            }
            let authority = Authority::new().unwrap();
            script.insert(0, Step::StartTls(authority.localhost().unwrap()));
            let peer = Peer::start(vec![script]).unwrap();
            let tls = tls(&authority.pem().unwrap());
            let imap = imap_sessions::Builder::new("localhost").tls(&tls).port(peer.port());
            let mut credentials = Credentials::token("ann@example.com", "token").probe();
            if forced {
                credentials = credentials.force_xoauth2();
            }
            let error = wait!(imap.log_in(&credentials)).map(drop).unwrap_err();
            match chosen {
                Some(_) => assert!(matches!(error, Error::NotConnected { .. }), "{error}"),
                None => assert!(
                    matches!(error, Error::Imap(imap::Error::MechanismUnavailable { .. })),
                    "{error}"
                ),
            }
            peer.finish().unwrap();
        }
    });
}

#[cfg(unix)]
#[test]
fn a_command_prints_the_token() {
    run!({
        let host = Host::builder().start().unwrap();
        let tls = tls(host.ca_pem());
        let imap = imap_sessions::Builder::new("localhost").tls(&tls).port(host.imaps_port());
        let script = format!(
            "if [ \"$XOAUTH_RENEW\" = force ]; then echo ' {DEMO_BEARER_TOKEN} '; else echo {DEMO_EXPIRED_BEARER_TOKEN}; fi; echo more"
        );
        let source = TokenCommand::new("sh", ["-c", &script]);
        let credentials = Credentials::bearer(DEMO_USER, source);
        wait!(wait!(imap.log_in(&credentials)).unwrap().logout()).unwrap();
        let faults = [
            (TokenCommand::new("sh", ["-c", "exit 3"]), "`sh` ended with exit status: 3"),
            (TokenCommand::new("sh", ["-c", "echo"]), "`sh` printed no token"),
            (
                TokenCommand::new("sh", ["-c", "printf '\\377'"]),
                "`sh` printed something that is not UTF-8",
            ),
        ];
        for (source, expected) in faults {
            let credentials = Credentials::bearer(DEMO_USER, source);
            let error = wait!(imap.log_in(&credentials)).map(drop).unwrap_err();
            let Error::Token { source, refusal: None } = error else { panic!("{error}") };
            assert_eq!(source.to_string(), expected);
        }
    });
}

/// It neither ends nor closes its output, or does the second only: the program that asked comes back, in both drivers.
#[cfg(unix)]
#[test]
fn a_command_that_never_ends_is_ended() {
    run!({
        let imap = imap_sessions::Builder::new("localhost").port(1);
        let limit = Duration::from_millis(50);
        for script in ["exec tail -f /dev/null", "exec >&-; exec sleep 600"] {
            let source = TokenCommand::new("sh", ["-c", script]).wait_at_most(limit);
            let credentials = Credentials::bearer(DEMO_USER, source);
            let error = wait!(imap.log_in(&credentials)).map(drop).unwrap_err();
            let Error::Token { source, refusal: None } = error else { panic!("{error}") };
            let overdue = source.downcast_ref::<TokenCommandOverdue>().unwrap();
            assert_eq!((overdue.program.as_str(), overdue.limit), ("sh", limit));
            assert_eq!(overdue.to_string(), "`sh` gave no token within 50ms, and was ended");
        }
    });
}

/// A script in the clear: the greeting with the capabilities, then this.
fn imap_script(sasl_ir: bool, steps: &[Step]) -> Vec<Step> {
    let ir = if sasl_ir { " SASL-IR" } else { "" };
    let greeting = format!("* OK [CAPABILITY IMAP4rev1{ir} AUTH=OAUTHBEARER] ready\r\n");
    [&[send(greeting)], steps, &[Step::ExpectEnd]].concat()
}

fn smtp_script(steps: &[Step]) -> Vec<Step> {
    let hello = [send("220 ready\r\n"), expect("EHLO"), send("250-x\r\n250 AUTH OAUTHBEARER\r\n")];
    [&hello, steps, &[Step::ExpectEnd]].concat()
}

#[test]
fn only_a_refusal_that_means_the_token_asks_for_another() {
    run!({
        let auth = || expect("AUTHENTICATE OAUTHBEARER ");
        let (no, bad) = ("{tag} NO", "{tag} BAD");
        let document = "+ eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=\r\n";
        let imap_table = [
            (vec![auth(), send(format!("{no} no\r\n"))], true),
            (vec![auth(), send(format!("{no} [AUTHENTICATIONFAILED] no\r\n"))], true),
            (vec![auth(), send(format!("{no} [EXPIRED] no\r\n"))], true),
            (vec![auth(), send(document), expect("AQ=="), send(format!("{no} no\r\n"))], true),
            (vec![auth(), send(format!("{bad} Invalid SASL argument\r\n"))], false),
            (vec![auth(), send(format!("{no} [UNAVAILABLE] later\r\n"))], false),
            (vec![auth(), send(format!("{no} [LIMIT] too many\r\n"))], false),
            (vec![auth(), send(format!("{no} [AUTHORIZATIONFAILED] not you\r\n"))], false),
            (vec![auth(), send(format!("{no} [CONTACTADMIN] locked\r\n"))], false),
            // What is no base64 is answered by `*`, and the NO to that is about the exchange.
            (vec![auth(), send("+ ???\r\n"), expect("*"), send(format!("{no} no\r\n"))], false),
            (vec![auth(), send("+ ???\r\n"), expect("*"), send(format!("{bad} no\r\n"))], false),
        ];
        for (steps, forced) in imap_table {
            let shown = format!("{steps:?}");
            let again = [expect("AUTHENTICATE OAUTHBEARER "), send("{tag} OK in\r\n")];
            let steps = if forced { [&steps[..], &again].concat() } else { steps };
            let peer = Peer::start(vec![imap_script(true, &steps)]).unwrap();
            let builder = imap_sessions::Builder::new("localhost").port(peer.port());
            let source = Tokens::new(&["one", "two"]);
            let credentials = Credentials::bearer(DEMO_USER, source.clone());
            let client = wait!(builder.connect_plain()).unwrap().trust();
            let entered = wait!(client.log_in(&credentials)).map(drop);
            assert_eq!(entered.is_ok(), forced, "{shown}: {entered:?}");
            let expected: &[_] = if forced { &[ASKED, FORCED] } else { &[ASKED] };
            assert_eq!(source.asked(), expected, "{shown}");
            peer.finish().unwrap();
        }
        let auth = || expect("AUTH OAUTHBEARER ");
        let document = document.replace("+ ", "334 ");
        let smtp_table = [
            (vec![auth(), send("535 5.7.8 no\r\n")], true),
            (vec![auth(), send("535 no\r\n")], true),
            (vec![auth(), send(document), expect("AQ=="), send("535 5.7.8 no\r\n")], true),
            (vec![auth(), send("535 5.7.139 SmtpClientAuthentication is disabled\r\n")], false),
            (vec![auth(), send("454 4.7.0 later\r\n")], false),
            (vec![auth(), send("501 5.5.2 Cannot Decode\r\n")], false),
            (vec![auth(), send("504 5.5.4 no such mechanism\r\n")], false),
            (vec![auth(), send("334 ???\r\n"), expect("*"), send("501 5.7.0 no\r\n")], false),
            (vec![auth(), send("334 ???\r\n"), expect("*"), send("535 5.7.8 no\r\n")], false),
        ];
        for (steps, forced) in smtp_table {
            let shown = format!("{steps:?}");
            let again = [expect("AUTH OAUTHBEARER "), send("235 2.7.0 in\r\n")];
            let steps = if forced { [&steps[..], &again].concat() } else { steps };
            let peer = Peer::start(vec![smtp_script(&steps)]).unwrap();
            let builder = smtp_sessions::Builder::new("localhost").port(peer.port());
            let source = Tokens::new(&["one", "two"]);
            let credentials = Credentials::bearer(DEMO_USER, source.clone());
            let client = wait!(builder.connect_plain()).unwrap().trust();
            let entered = wait!(client.log_in(&credentials)).map(drop);
            assert_eq!(entered.is_ok(), forced, "{shown}: {entered:?}");
            let expected: &[_] = if forced { &[ASKED, FORCED] } else { &[ASKED] };
            assert_eq!(source.asked(), expected, "{shown}");
            peer.finish().unwrap();
        }
    });
}

/// A connection that the caller dialled cannot be dialled again: its refusal stands, and the source is not asked in vain.
#[test]
fn a_connection_that_is_gone_with_the_refusal_asks_for_no_other_token() {
    run!({
        let steps = [expect("AUTHENTICATE"), send("{tag} NO no\r\n* BYE go away\r\n"), Step::Close];
        let peer = Peer::start(vec![[&imap_script(true, &[])[..1], &steps].concat()]).unwrap();
        let builder = imap_sessions::Builder::new("localhost").port(peer.port());
        let source = Tokens::new(&["one", "two"]);
        let credentials = Credentials::bearer(DEMO_USER, source.clone());
        let client = wait!(builder.connect_plain()).unwrap().trust();
        let error = wait!(client.log_in(&credentials)).map(drop).unwrap_err();
        // Whether BYE was heard together with the refusal is the network's to decide.
        assert!(error.needs_new_token() || error.is_transient(), "{error}");
        drop(peer);
    });
}

/// The octets `n,a=` that every message of OAUTHBEARER begins with.
const MESSAGE: &str = "bixhP";

#[test]
fn the_first_message_goes_where_the_credentials_say() {
    run!({
        let imap_table = [
            (SaslIr::Auto, true, true),
            (SaslIr::Auto, false, false),
            (SaslIr::Always, false, true),
            (SaslIr::Always, true, true),
            (SaslIr::Never, true, false),
        ];
        for (sasl_ir, offered, inline) in imap_table {
            let steps = if inline {
                vec![expect(&format!("AUTHENTICATE OAUTHBEARER {MESSAGE}"))]
            } else {
                vec![expect("AUTHENTICATE OAUTHBEARER"), send("+ \r\n"), expect(MESSAGE)]
            };
            let script = [&imap_script(offered, &steps)[..=steps.len()], &[Step::Close]].concat();
            let peer = Peer::start(vec![script]).unwrap();
            let builder = imap_sessions::Builder::new("localhost").port(peer.port());
            let credentials = Credentials::token(DEMO_USER, "opaque-4711").sasl_ir(sasl_ir);
            let client = wait!(builder.connect_plain()).unwrap().trust();
            let error = wait!(client.log_in(&credentials)).map(drop).unwrap_err();
            assert!(error.is_transient(), "{error}");
            let lines = peer.finish().unwrap().concat();
            assert_eq!(lines.len(), if inline { 1 } else { 2 }, "{lines:?}");
            assert_eq!(lines[0].ends_with(" OAUTHBEARER"), !inline, "{lines:?}");
        }
        // The 512 octets of a command line are what SMTP's servers take.
        let smtp_table = [
            (SaslIr::Auto, 40, true),
            (SaslIr::Auto, 2000, false),
            (SaslIr::Always, 2000, true),
            (SaslIr::Never, 40, false),
        ];
        for (sasl_ir, length, inline) in smtp_table {
            let steps = if inline {
                vec![expect(&format!("AUTH OAUTHBEARER {MESSAGE}")), send("235 in\r\n")]
            } else {
                let steps = ["334 \r\n", "235 in\r\n"].map(send);
                let [asked, done] = steps;
                vec![expect("AUTH OAUTHBEARER"), asked, expect(MESSAGE), done]
            };
            let peer = Peer::start(vec![smtp_script(&steps)]).unwrap();
            let builder = smtp_sessions::Builder::new("localhost").port(peer.port());
            let credentials = Credentials::token(DEMO_USER, "x".repeat(length)).sasl_ir(sasl_ir);
            let client = wait!(builder.connect_plain()).unwrap().trust();
            wait!(client.log_in(&credentials)).map(drop).unwrap();
            let lines = peer.finish().unwrap().concat();
            assert_eq!(lines[1].ends_with(" OAUTHBEARER"), !inline, "{lines:?}");
        }
    });
}
