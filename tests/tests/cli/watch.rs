//! `watch`: events as they happen, over connections that end.

use std::io::{BufRead, BufReader};
use std::process::Child;

use e2e::host::{DEMO_USER, Host};
use e2e::scripted::{Peer, Step, expect, send};

use crate::fetch_odd::account;
use crate::support::{Home, bearer_account};

/// The command with its lines of events and of notes.
struct Watching {
    child: Child,
    events: Box<dyn Iterator<Item = String>>,
    notes: Box<dyn Iterator<Item = String>>,
}

impl Watching {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        Self::of(home.command(&[&["watch"], arguments].concat()).spawn().unwrap())
    }

    fn of(mut child: Child) -> Self {
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

/// What a program reads of the events are events alone, and the command gets nothing of what is typed.
#[test]
fn the_command_of_exec_reads_nothing_and_writes_to_standard_error() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let exec = "cat; echo \"said of $XOAUTH_EVENT\"; exit 3";
    let mut watching = Watching::start(&home, &["--json", "--once", "--exec", exec]);
    let mut stdin = watching.child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"typed\n").unwrap();
    deliver(&host);
    let event: serde_json::Value = serde_json::from_str(&watching.event()).unwrap();
    assert_eq!(event["event"], "exists");
    assert!(watching.events.next().is_none());
    let notes: Vec<String> = watching.notes.by_ref().collect();
    assert_eq!(notes[0], "said of exists 1");
    assert!(notes[1].contains("--exec: the command ended with exit status: 3"), "{notes:?}");
    assert_eq!(notes.len(), 2, "{notes:?}");
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

/// Starts the command with a signal ignored, as `nohup` and scripts do.
#[cfg(target_os = "linux")]
fn ignoring(home: &Home, signal: &str) -> Watching {
    let line = format!("trap '' {signal}; exec \"$0\" watch");
    let mut command = std::process::Command::new("sh");
    let own = home.command(&[]);
    let variables = own.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.args(["-c", &line, crate::support::PROGRAM]).env_clear().envs(variables);
    command.stdin(std::process::Stdio::piped()).current_dir(&home.path);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    Watching::of(command.spawn().unwrap())
}

/// The end of the terminal ends it, and not as a success; what is ignored where it is started stays so.
#[cfg(target_os = "linux")]
#[test]
fn a_hangup_is_no_success_and_an_ignored_signal_stays_ignored() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let kill = |signal: &str, watching: &Watching| {
        let id = watching.child.id().to_string();
        let sent = std::process::Command::new("kill").args([signal, &id]).status();
        assert!(sent.unwrap().success());
    };
    for (count, signal) in [(1, "HUP"), (2, "INT")] {
        let mut watching = ignoring(&home, signal);
        kill(&format!("-{signal}"), &watching);
        deliver(&host);
        assert_eq!(watching.event(), format!("exists {count}"));
        kill("-TERM", &watching);
        assert_eq!(watching.child.wait().unwrap().code(), Some(0));
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    // Where these tests themselves run under `nohup`, the command inherits it.
    if u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 0 {
        let mut watching = Watching::start(&home, &[]);
        kill("-HUP", &watching);
        assert_eq!(watching.child.wait().unwrap().code(), Some(129));
    }
}

/// Each pause is twice the one before, up to what is asked for.
#[test]
fn the_longest_pause_is_that_of_the_option() {
    let session = || {
        vec![
            send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hello\r\n"),
            expect("AUTHENTICATE XOAUTH2"),
            send("{tag} OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"),
            expect("EXAMINE INBOX"),
            send("* 5 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\n{tag} OK done\r\n"),
            expect("IDLE"),
            Step::Close,
        ]
    };
    let peer = Peer::start(vec![session(), session(), session()]).unwrap();
    let home = Home::with(&account(peer.port()));
    let mut watching = Watching::start(&home, &["--reconnect-max", "1s"]);
    for _ in 0..3 {
        let note = watching.notes.by_ref().find(|line| line.contains("again in")).unwrap();
        assert!(note.ends_with("again in 1 s"), "{note}");
    }
}

#[test]
fn what_will_not_work_later_is_not_waited_for() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    assert_eq!(home.run(&["watch", "-m", "Nowhere"]).code, 69);
}

#[test]
fn mail_that_came_while_as_much_went_is_told() {
    let session = |uid_next: u32| {
        vec![
            send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hello\r\n"),
            expect("AUTHENTICATE XOAUTH2"),
            send("{tag} OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"),
            expect("EXAMINE INBOX"),
            send(format!(
                "* 5 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\n* OK [UIDNEXT {uid_next}] ok\r\n{{tag}} OK done\r\n"
            )),
        ]
    };
    // One comes while the session lives, and is told once.
    let mut first = session(9);
    first.extend([expect("IDLE"), send("+ idling\r\n* 4 EXPUNGE\r\n* 5 EXISTS\r\n"), Step::Close]);
    let mut second = session(10);
    second.extend([expect("IDLE"), send("+ idling\r\n"), Step::Close]);
    let mut third = session(12);
    third.push(Step::ExpectEnd);
    let peer = Peer::start(vec![first, second, third]).unwrap();
    let home = Home::with(&account(peer.port()));
    let mut watching = Watching::start(&home, &[]);
    assert_eq!(watching.event(), "expunge 4");
    assert_eq!(watching.event(), "exists 5");
    // Nothing is new in the second session; sessions that end soon are waited for longer and longer.
    watching.until("again in 1 s");
    watching.until("again in 2 s");
    assert_eq!(watching.event(), "exists 5");
}
