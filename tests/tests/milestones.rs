//! What a program hears while a session connects, by every way.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::sync::{Arc, Mutex};

use e2e::host::{DEMO_BEARER_TOKEN, DEMO_USER, Host};
use xoauth::net::Milestone;
use xoauth::sasl::SaslIr;
use xoauth::{Credentials, Tls, imap, smtp};

/// The names of what was heard so far.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn hook(&self) -> impl Fn(Milestone<'_>) + Send + Sync + 'static {
        let heard = Arc::clone(&self.0);
        move |milestone| {
            let name = match milestone {
                Milestone::Resolved(addresses) => {
                    assert!(!addresses.is_empty());
                    "resolved".to_owned()
                }
                Milestone::Connected(address) => {
                    assert!(address.ip().is_loopback());
                    "connected".to_owned()
                }
                Milestone::Secured(version) => {
                    format!("secured {}", version.map(|v| v.to_string()).unwrap_or_default())
                }
                Milestone::Greeted => "greeted".to_owned(),
                Milestone::Authenticating { mechanism, octets, with_command } => {
                    let how = if with_command { "with the command" } else { "alone" };
                    format!("{mechanism} of {octets} {how}")
                }
                _ => panic!("{milestone:?}"),
            };
            heard.lock().unwrap().push(name);
        }
    }

    fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(", ")
    }
}

fn host() -> (Host, Tls) {
    let host = Host::builder().start().unwrap();
    let pem = std::fs::read(host.ca_file()).unwrap();
    let tls = Tls::builder().add_roots(&pem).unwrap().only_these_roots().build().unwrap();
    (host, tls)
}

const IMPLICIT: &str = "resolved, connected, secured TLSv1.3, greeted";
const STARTTLS: &str = "resolved, connected, greeted, secured TLSv1.3";
const CLEAR: &str = "resolved, connected, greeted";

#[test]
fn blocking_connections_tell_how_far_they_came() {
    let (host, tls) = host();
    let heard = Heard::default();
    let imap = imap::Builder::new("localhost").tls(&tls).milestones(heard.hook());
    imap.clone().port(host.imaps_port()).connect().unwrap();
    assert_eq!(heard.take(), IMPLICIT);
    imap.clone().port(host.imap_port()).starttls().connect().unwrap();
    assert_eq!(heard.take(), STARTTLS);
    imap.port(host.imap_port()).connect_plain().unwrap();
    assert_eq!(heard.take(), CLEAR);

    let smtp = smtp::Builder::new("localhost").tls(&tls).milestones(heard.hook());
    smtp.clone().port(host.submissions_port()).connect().unwrap();
    assert_eq!(heard.take(), IMPLICIT);
    smtp.clone().port(host.submission_port()).starttls().connect().unwrap();
    assert_eq!(heard.take(), STARTTLS);
    smtp.port(host.submission_port()).connect_plain().unwrap();
    assert_eq!(heard.take(), CLEAR);
}

/// What is told of a login is what goes over the line; where the mechanism is not to be tried nothing is.
#[test]
fn logins_are_told_with_the_size_and_the_place_of_their_message() {
    let (host, tls) = host();
    let heard = Heard::default();
    let told = |credentials: &Credentials| {
        let imap = imap::Builder::new("localhost").tls(&tls).milestones(heard.hook());
        let session = imap.port(host.imaps_port()).log_in(credentials).map(drop);
        let first = heard.take();
        let smtp = smtp::Builder::new("localhost").tls(&tls).milestones(heard.hook());
        let second = smtp.port(host.submissions_port()).log_in(credentials).map(drop);
        let behind = |text: &str| text.split("greeted").nth(1).map(str::to_owned);
        (session.is_ok() && second.is_ok(), behind(&first), behind(&heard.take()))
    };
    let user = format!("user={DEMO_USER}\u{1}auth=Bearer {DEMO_BEARER_TOKEN}\u{1}\u{1}");
    let octets = user.len().div_ceil(3) * 4;
    let credentials = || Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN).force_xoauth2();
    let line = |how: &str| Some(format!(", XOAUTH2 of {octets} {how}"));
    let (inline, alone) = (line("with the command"), line("alone"));
    assert_eq!(told(&credentials()), (true, inline.clone(), inline.clone()));
    let never = credentials().sasl_ir(SaslIr::Never);
    assert_eq!(told(&never), (true, alone.clone(), alone));
    // Long ones have a line of their own in SMTP alone.
    let long = Credentials::token(DEMO_USER, "t".repeat(600)).force_xoauth2();
    let (is_in, imap, smtp) = told(&long);
    assert!(!is_in && imap.unwrap().ends_with("with the command"));
    assert!(smtp.unwrap().ends_with("alone"));
}

#[tokio::test]
async fn async_connections_tell_it_too_save_the_version() {
    let (host, tls) = host();
    let heard = Heard::default();
    let imap = imap::nonblocking::Builder::new("localhost").tls(&tls).milestones(heard.hook());
    imap.port(host.imaps_port()).connect().await.unwrap();
    assert_eq!(heard.take(), IMPLICIT.replace("TLSv1.3", ""));
    let smtp = smtp::nonblocking::Builder::new("localhost").tls(&tls).milestones(heard.hook());
    smtp.port(host.submission_port()).starttls().connect().await.unwrap();
    assert_eq!(heard.take(), STARTTLS.replace("TLSv1.3", ""));
}

#[test]
fn the_last_milestone_tells_where_it_failed() {
    let (host, _) = host();
    let heard = Heard::default();
    // The system trusts no certificate of the host.
    let builder = imap::Builder::new("localhost").milestones(heard.hook());
    builder.clone().port(host.imaps_port()).connect().unwrap_err();
    assert_eq!(heard.take(), "resolved, connected");
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    builder.port(nobody).connect().unwrap_err();
    assert_eq!(heard.take(), "resolved");
    imap::Builder::new("no-such-host.invalid").milestones(heard.hook()).connect().unwrap_err();
    assert_eq!(heard.take(), "");
}
