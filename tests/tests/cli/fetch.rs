//! `fetch`: to all places, interrupted and resumed, without loss and without duplicates.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use e2e::host::{DEMO_USER, Host};
use e2e::scripted::{Peer, Step, expect, send};

use crate::support::{Home, bearer_account};

fn body(number: usize) -> String {
    format!(
        "Subject: message {number}\r\n\r\nFrom here\r\n.\r\n>From there {}\r\n",
        "x".repeat(number % 97)
    )
}

fn host(messages: usize) -> Host {
    let mut builder = Host::builder();
    for number in 1..=messages {
        let flags: &[&str] = if number % 3 == 0 { &["\\Seen", "\\Flagged"] } else { &[] };
        builder =
            builder.deliver(DEMO_USER, "INBOX", body(number), flags, 1_700_000_000 + number as i64);
    }
    builder.start().unwrap()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The file beside an mbox in which it is noted what was fetched into it.
pub(crate) fn notes(home: &Home, mbox: &str) -> String {
    let prefix = format!("{mbox}.xoauth-INBOX~");
    let names = std::fs::read_dir(&home.path).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found = names.filter(|name| name.starts_with(&prefix) && !name.ends_with(".lock"));
    found.next().unwrap()
}

/// The subjects of all messages in a Maildir.
fn subjects(maildir: &Path) -> Vec<String> {
    let all = ["new", "cur"].map(|name| files(&maildir.join(name))).concat();
    let mut subjects: Vec<String> = all
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap().lines().next().unwrap().to_owned())
        .collect();
    subjects.sort();
    subjects
}

#[test]
fn a_maildir_gets_every_message_once_with_flags_and_dates() {
    let host = host(7);
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let printed = home.run(&["fetch", "--all", "--maildir", "M"]).ok();
    assert_eq!(printed.lines().count(), 7);
    let maildir = home.path.join("M");
    assert_eq!(files(&maildir.join("new")).len(), 5);
    let seen = files(&maildir.join("cur"));
    assert_eq!(seen.len(), 2);
    #[cfg(unix)]
    assert!(seen.iter().all(|path| path.to_string_lossy().ends_with(":2,FS")), "{seen:?}");
    assert!(files(&maildir.join("tmp")).is_empty());
    let first = printed.lines().next().unwrap();
    let text = std::fs::read_to_string(home.path.join(first)).unwrap();
    assert_eq!(text, body(1).replace("\r\n", "\n"));
    let modified = std::fs::metadata(home.path.join(first)).unwrap().modified().unwrap();
    let modified = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(modified, 1_700_000_001);

    // Nothing is there that was not there before.
    assert_eq!(home.run(&["fetch", "--all", "--maildir", "M", "--resume"]).ok(), "");
    host.deliver(DEMO_USER, "INBOX", body(8), &[], 1_700_000_008).unwrap();
    assert_eq!(home.run(&["fetch", "--all", "--maildir", "M", "--resume"]).ok().lines().count(), 1);
    // What a mail program has moved away does not come back.
    std::fs::remove_file(home.path.join(first)).unwrap();
    assert_eq!(home.run(&["fetch", "--all", "--maildir", "M", "--resume"]).ok(), "");
    assert!(
        host.mailbox(DEMO_USER, "INBOX").iter().take(1).all(|message| message.flags.is_empty())
    );
}

#[test]
fn messages_can_be_chosen_marked_and_written_elsewhere() {
    let host = host(6);
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    assert_eq!(home.run(&["fetch", "--uid", "2,4:5", "--eml", "E"]).ok().lines().count(), 3);
    let names = files(&home.path.join("E"));
    let eml: Vec<_> =
        names.iter().filter(|path| path.extension().is_some_and(|e| e == "eml")).collect();
    assert_eq!(eml.len(), 3);
    assert_eq!(std::fs::read_to_string(eml[0]).unwrap(), body(2));
    assert_eq!(home.run(&["fetch", "--uid", "3", "-"]).ok(), body(3));
    assert_eq!(
        home.run(&["fetch", "--uid", "3", "--headers", "-"]).ok(),
        "Subject: message 3\r\n\r\n"
    );
    assert_eq!(home.run_with(&["fetch", "--uid", "-", "-"], "1\n2\n").ok(), body(1) + &body(2));
    assert_eq!(home.run(&["fetch", "--flagged", "-"]).ok(), body(3) + &body(6));
    let line = home.run(&["--json", "fetch", "--uid", "3", "--eml", "J"]).json();
    assert_eq!(
        (line["uid"].as_u64(), line["size"].as_u64()),
        (Some(3), Some(body(3).len() as u64))
    );
    home.run(&["fetch", "--uid", "1", "--mark-seen", "--eml", "S"]).ok();
    let flags: Vec<bool> = host
        .mailbox(DEMO_USER, "INBOX")
        .iter()
        .map(|m| m.flags.iter().any(|flag| flag == "\\Seen"))
        .collect();
    assert_eq!(flags, [true, false, true, false, false, true]);
    for arguments in [
        &["fetch", "--all"][..],
        &["fetch", "-"],
        &["fetch", "--all", "--uid", "1", "-"],
        &["fetch", "--all", "--maildir", "a", "--mbox", "b"],
    ] {
        assert_eq!(home.run(arguments).code, 64, "{arguments:?}");
    }
}

#[test]
fn an_mbox_is_quoted_and_appended_to() {
    let host = host(2);
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    home.run(&["fetch", "--uid", "1", "--mbox", "box"]).ok();
    home.run(&["fetch", "--all", "--mbox", "box", "--resume"]).ok();
    let expected = |number: usize, date: &str| {
        let text = body(number)
            .replace("\r\n", "\n")
            .replace("\n>From", "\n>>From")
            .replace("\nFrom", "\n>From");
        format!("From MAILER-DAEMON {date}\n{text}\n")
    };
    let expected =
        expected(1, "Tue Nov 14 22:13:21 2023") + &expected(2, "Tue Nov 14 22:13:22 2023");
    assert_eq!(home.read("box"), expected);
}

#[test]
fn half_a_message_of_a_run_that_was_cut_off_goes() {
    let host = host(3);
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    home.run(&["fetch", "--uid", "1", "--mbox", "box"]).ok();
    let whole = home.read("box");
    let notes = notes(&home, "box");
    let state = home.read(&notes);
    home.write("box", &format!("{whole}From MAILER-DAEMON Thu Jan  1 00:00:00 1970\nSubject: hal"));
    home.write(&notes, &format!("{state}open {}\n2", whole.len()));
    home.run(&["fetch", "--all", "--mbox", "box", "--resume"]).ok();
    let text = home.read("box");
    assert!(text.starts_with(&whole) && !text.contains("Subject: hal"), "{text}");
    for number in 1..=3 {
        assert_eq!(text.matches(&format!("Subject: message {number}\n")).count(), 1, "{text}");
    }
}

#[test]
fn a_run_that_is_killed_is_resumed_without_loss_or_duplicates() {
    let count = 1200;
    let host = host(count);
    let expected: BTreeSet<String> =
        (1..=count).map(|number| format!("Subject: message {number}")).collect();
    for target in ["--maildir", "--mbox"] {
        let home = Home::with(&bearer_account(&host, "XOAUTH2"));
        let arguments = ["fetch", "--all", target, "T", "--resume", "--json"];
        // Each run is killed once it has told of some messages.
        for _ in 0..3 {
            let mut child =
                home.command(&arguments).stderr(std::process::Stdio::null()).spawn().unwrap();
            let mut told = [0; 2000];
            let _ = std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut told);
            child.kill().unwrap();
            child.wait().unwrap();
        }
        home.run(&arguments).ok();
        let found: Vec<String> = if target == "--maildir" {
            subjects(&home.path.join("T"))
        } else {
            home.read("T")
                .lines()
                .filter(|line| line.starts_with("Subject: "))
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(found.len(), count, "{target}");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected, "{target}");
        assert_eq!(home.run(&arguments).ok(), "", "{target}");
    }
}

/// One message and the beginning of another.
const CUT: &[u8] =
    b"* 1 FETCH (UID 5 FLAGS () BODY[] {3}\r\none)\r\n* 2 FETCH (UID 6 FLAGS () BODY[] {3}\r\nt";

/// A mailbox of two messages, and a server that breaks off in the second.
fn script(octets: &[u8], sent: &str) -> Vec<Step> {
    let mut script = vec![
        send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hello\r\n"),
        expect("AUTHENTICATE XOAUTH2"),
        send("{tag} OK [CAPABILITY IMAP4rev1] in\r\n"),
        expect("EXAMINE INBOX"),
        send("* 2 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\n{tag} OK done\r\n"),
    ];
    if sent.is_empty() {
        script.extend([
            expect("UID SEARCH"),
            send("* SEARCH 5 6\r\n{tag} OK done\r\n"),
            expect("UID FETCH 5:6 "),
        ]);
    } else {
        script.push(expect(&format!("UID FETCH {sent} ")));
    }
    script.push(send(octets));
    script
}

#[test]
fn a_connection_that_breaks_is_made_anew_and_nothing_is_lost() {
    let mut first = script(CUT, "");
    first.push(Step::Close);
    let mut second =
        script(b"* 2 FETCH (UID 6 FLAGS () BODY[] {3}\r\ntwo)\r\n{tag} OK done\r\n", "6");
    second.extend([expect("LOGOUT"), send("* BYE bye\r\n{tag} OK done\r\n")]);
    let peer = Peer::start(vec![first, second]).unwrap();
    let home = Home::with(&format!(
        "[account.a]\nuser = \"ann@example.org\"\nmechanism = \"XOAUTH2\"\naccess-token = \"access-token\"\n\
         insecure-plaintext = true\nimap = \"imap://127.0.0.1:{}\"\n",
        peer.port()
    ));
    home.run(&["fetch", "--all", "--maildir", "M"]).ok();
    peer.finish().unwrap();
    assert_eq!(subjects(&home.path.join("M")), ["one", "two"]);
    assert!(files(&home.path.join("M/tmp")).is_empty());
}

#[test]
fn a_server_that_stays_away_ends_with_75_and_what_was_fetched_is_kept() {
    let mut first = script(CUT, "");
    first.push(Step::Close);
    let peer = Peer::start(vec![first]).unwrap();
    let home = Home::with(&format!(
        "[account.a]\nuser = \"ann@example.org\"\nmechanism = \"XOAUTH2\"\naccess-token = \"access-token\"\n\
         insecure-plaintext = true\nimap = \"imap://127.0.0.1:{}\"\n",
        peer.port()
    ));
    let said = home.run(&["fetch", "--all", "--maildir", "M"]);
    assert_eq!(said.code, 75, "{said:?}");
    assert!(said.err.contains("--resume goes on"), "{said:?}");
    assert_eq!(subjects(&home.path.join("M")), ["one"]);
    drop(peer);
}
