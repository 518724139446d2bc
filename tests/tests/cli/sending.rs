//! `send` with messages that are large, late or more than the disk takes.

use std::io::Write;
use std::process::Command;

use e2e::host::{DEMO_USER, Host};
use e2e::sink::{Keep, Offer, Sink};

use crate::support::{Home, bearer_account, finish};

/// An account on a sink, in the clear.
fn account(sink: &Sink) -> String {
    format!(
        "[account.a]\nuser = \"ann@example.org\"\nmechanism = \"XOAUTH2\"\naccess-token = \"access-token\"\n\
         insecure-plaintext = true\nsmtp = \"smtp://127.0.0.1:{}\"\n",
        sink.port()
    )
}

const LINE: usize = 1000;

/// Gives a command a message with so many lines of a thousand octets.
fn feed(mut command: Command, lines: usize) -> crate::support::Said {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"Subject: large\n\n").unwrap();
    let line = format!("{}\n", "x".repeat(LINE - 1));
    let thousand = line.repeat(1000);
    for _ in 0..lines / 1000 {
        // Where the disk is full nobody reads on.
        if stdin.write_all(thousand.as_bytes()).is_err() {
            break;
        }
    }
    child.stdin = Some(stdin);
    finish(child, "")
}

#[test]
fn a_message_of_any_size_takes_constant_memory() {
    for chunking in [true, false] {
        let offer = Offer { pipelining: true, chunking };
        let sink = Sink::builder().offer(offer).keep(Keep::Counts).start().unwrap();
        let home = Home::with(&account(&sink));
        std::fs::create_dir(home.path.join("tmp")).unwrap();
        let peak = |lines| {
            let mut command = home.command(&["send", "ben@example.net"]);
            command.env("XOAUTH_TEST_PEAK", "peak").env("TMPDIR", home.path.join("tmp"));
            feed(command, lines).ok();
            home.read("peak").parse::<usize>().unwrap()
        };
        let (small, large) = (peak(4_000), peak(40_000));
        assert!(large < small + 256 * 1024, "4 MB: {small}, 40 MB: {large}");
        assert!(large < 8 * 1024 * 1024, "{large}");
        assert_eq!(std::fs::read_dir(home.path.join("tmp")).unwrap().count(), 0);
        let counts = sink.finish();
        assert_eq!(counts.messages, 2);
        assert!(counts.octets > 44 * 1000 * LINE as u64, "{counts:?}");
    }
}

#[test]
fn nobody_is_connected_to_before_the_message_is_there() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    // What is wrong stands at the very end.
    let text = format!("Subject: x\n\n{}\0", "y\n".repeat(2_000_000));
    let said = home.run_with(&["send", DEMO_USER], &text);
    assert_eq!(said.code, 65, "{said:?}");
    assert!(said.err.contains("a NUL on line 2000003"), "{said:?}");
    assert_eq!(host.accepted_connections(), 0);
}

#[test]
fn the_size_is_told_before_the_message() {
    let host = Host::builder().max_size(3_000_000).start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let command = || home.command(&["send", DEMO_USER]);
    assert_eq!(feed(command(), 2_000).code, 0);
    let said = feed(command(), 4_000);
    assert_eq!(said.code, 65, "{said:?}");
    assert_eq!(host.submitted(), 1);
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn a_large_message_arrives_octet_for_octet() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let body: String = (0..200_000).map(|n| format!(".{n} Grüße\n")).collect();
    let text = format!("Subject: x\nDate: d\nMessage-ID: <m>\nBcc: b@example.org\n\n{body}");
    home.run_with(&["send", "ben@example.org"], &text).ok();
    let expected = text.replace("Bcc: b@example.org\n", "").replace('\n', "\r\n");
    assert_eq!(host.outbox()[0].octets.to_vec(), expected.as_bytes());
}

/// A shell that bounds the size of files stands for a disk that is full.
#[cfg(unix)]
#[test]
fn a_disk_that_is_full_is_74_and_nothing_is_sent() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let inner = home.command(&[]);
    let mut command = Command::new("sh");
    let line = "trap '' XFSZ; ulimit -f 2000; exec \"$0\" send demo@example.test";
    command.args(["-c", line, crate::support::PROGRAM]).current_dir(&home.path);
    command.envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?))));
    for pipe in [Command::stdin, Command::stdout, Command::stderr] {
        pipe(&mut command, std::process::Stdio::piped());
    }
    let said = feed(command, 4_000);
    assert_eq!(said.code, 74, "{said:?}");
    assert!(said.err.contains("temporary file: "), "{said:?}");
    assert_eq!(host.accepted_connections(), 0);
    // No place for it at all.
    let mut command = home.command(&["send", DEMO_USER]);
    command.env("TMPDIR", home.path.join("nowhere"));
    assert_eq!(feed(command, 4_000).code, 74);
}

#[test]
fn recipients_of_the_header_are_those_of_the_newest_resent_block() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let text = "Resent-From: demo@example.test\nResent-To: demo@example.test\nFrom: a@example.org\n\
                To: b@example.org\nSubject: x\n\ny\n";
    let said = home.run_with(&["send", "-t", "--dry-run"], text).ok();
    assert_eq!(said.lines().collect::<Vec<_>>()[1..2], ["to   demo@example.test"], "{said}");
    let said = home.run_with(&["send", "-t"], "To: nonsense\nSubject: x\n\ny\n");
    assert_eq!(said.code, 65, "{said:?}");
}
