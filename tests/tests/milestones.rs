//! What a program hears while a session connects, by every way.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::sync::{Arc, Mutex};

use e2e::host::Host;
use xoauth::net::Milestone;
use xoauth::{Tls, imap, smtp};

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
