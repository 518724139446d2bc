//! `watch`: events as they happen, over connections that end.

use std::io::{BufRead, BufReader};
use std::process::Child;

use e2e::host::{DEMO_USER, Host};

use crate::support::{Home, bearer_account};

/// The command with its lines of events and of notes.
struct Watching {
    child: Child,
    events: Box<dyn Iterator<Item = String>>,
    notes: Box<dyn Iterator<Item = String>>,
}

impl Watching {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut child = home.command(&[&["watch"], arguments].concat()).spawn().unwrap();
        let events = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let notes = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut watching = Self { child, events: Box::new(events), notes: Box::new(notes) };
        watching.until("watching INBOX");
        watching
    }

    fn until(&mut self, note: &str) {
        let found = self.notes.by_ref().find(|line| line.contains(note));
        assert!(found.is_some(), "no note {note:?}");
    }

    fn event(&mut self) -> String {
        self.events.next().unwrap()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn deliver(host: &Host) {
    host.deliver(DEMO_USER, "INBOX", "Subject: x\r\n\r\ny\r\n", &[], 1_700_000_000).unwrap();
}

#[test]
fn events_are_told_also_of_what_came_between_connections() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let mut watching =
        Watching::start(&home, &["--exec", "echo \"$XOAUTH_EVENT in $XOAUTH_MAILBOX\" >> told"]);
    deliver(&host);
    assert_eq!(watching.event(), "exists 1");
    host.next_bye("Session expired, please login again.");
    host.disconnect_all();
    watching.until("again in 1 s");
    deliver(&host);
    assert_eq!(watching.event(), "exists 2");
    watching.until("watching INBOX");
    deliver(&host);
    assert_eq!(watching.event(), "exists 3");
    drop(watching);
    assert!(home.read("told").starts_with("exists 1 in INBOX\nexists 2 in INBOX\n"));
}

#[test]
fn once_ends_after_one_event() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let mut watching = Watching::start(&home, &["--once", "--json"]);
    deliver(&host);
    let event: serde_json::Value = serde_json::from_str(&watching.event()).unwrap();
    assert_eq!(
        (event["v"].as_u64(), event["event"].as_str(), event["count"].as_u64()),
        (Some(1), Some("exists"), Some(1))
    );
    assert_eq!(watching.child.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_in_order() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    for signal in ["INT", "TERM"] {
        let mut watching = Watching::start(&home, &[]);
        let sent = std::process::Command::new("kill")
            .args([format!("-{signal}"), watching.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        assert_eq!(watching.child.wait().unwrap().code(), Some(0), "{signal}");
    }
}

#[test]
fn what_will_not_work_later_is_not_waited_for() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    assert_eq!(home.run(&["watch", "-m", "Nowhere"]).code, 69);
}
