//! `fetch` from mailboxes that change, are limited, enormous, empty or oddly named; and by several at once.

use std::collections::BTreeSet;
use std::io::Read;

use e2e::host::{DEMO_USER, Host};
use e2e::scripted::{Peer, Step, expect, send};
use e2e::sink::Random;

use crate::support::{Home, bearer_account, finish};

pub(crate) fn account(port: u16) -> String {
    format!(
        "[account.a]\nuser = \"ann@example.org\"\nmechanism = \"XOAUTH2\"\naccess-token = \"access-token\"\n\
         insecure-plaintext = true\nimap = \"imap://127.0.0.1:{port}\"\n"
    )
}

/// A session whose mailbox has this UIDVALIDITY.
pub(crate) fn opened(capabilities: &str, validity: u32) -> Vec<Step> {
    vec![
        send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hello\r\n"),
        expect("AUTHENTICATE XOAUTH2"),
        send(format!("{{tag}} OK [CAPABILITY IMAP4rev1 {capabilities}] in\r\n")),
        expect("EXAMINE"),
        send(format!("* OK [UIDVALIDITY {validity}] ok\r\n{{tag}} OK done\r\n")),
    ]
}

pub(crate) fn found(uids: &str) -> [Step; 2] {
    [expect("UID SEARCH"), send(format!("* SEARCH {uids}\r\n{{tag}} OK done\r\n"))]
}

pub(crate) fn message(uid: u32) -> String {
    format!("* {uid} FETCH (UID {uid} FLAGS () BODY[] {{4}}\r\nm{uid:03})\r\n")
}

pub(crate) fn fetched(set: &str, uids: impl IntoIterator<Item = u32>, end: &str) -> [Step; 2] {
    let messages: String = uids.into_iter().map(message).collect();
    [expect(&format!("UID FETCH {set} ")), send(format!("{messages}{{tag}} OK {end}\r\n"))]
}

pub(crate) fn bye() -> [Step; 2] {
    [expect("LOGOUT"), send("* BYE bye\r\n{tag} OK done\r\n")]
}

pub(crate) fn bodies(home: &Home, directory: &str) -> Vec<String> {
    let list = std::fs::read_dir(home.path.join(directory)).unwrap().map(|entry| entry.unwrap());
    let files = list.filter(|entry| entry.path().is_file());
    let files = files.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let mut bodies: Vec<String> =
        files.map(|entry| std::fs::read_to_string(entry.path()).unwrap()).collect();
    bodies.sort();
    bodies
}

#[test]
fn uids_of_a_mailbox_that_was_made_anew_mean_other_messages() {
    let mut first = opened("", 9);
    first.extend(found("1 2"));
    first.extend(fetched("1:2", 1..=2, "done"));
    first.extend(bye());
    let mut second = opened("", 10);
    second.extend(found("1 2"));
    second.extend(fetched("1:2", 1..=2, "done"));
    second.extend(bye());
    let peer = Peer::start(vec![first, second]).unwrap();
    let home = Home::with(&account(peer.port()));
    for _ in 0..2 {
        home.run(&["fetch", "--all", "--maildir", "M", "--resume"]).ok();
    }
    peer.finish().unwrap();
    assert_eq!(bodies(&home, "M/new"), ["m001", "m001", "m002", "m002"]);
}

#[test]
fn a_mailbox_that_is_made_anew_during_a_run_ends_it_with_75() {
    let mut first = opened("", 9);
    first.extend(found("1 2"));
    first.extend([expect("UID FETCH"), send(message(1)), Step::Close]);
    let mut second = opened("", 10);
    second.push(Step::ExpectEnd);
    let peer = Peer::start(vec![first, second]).unwrap();
    let home = Home::with(&account(peer.port()));
    let said = home.run(&["fetch", "--all", "--eml", "E"]);
    peer.finish().unwrap();
    assert_eq!(said.code, 75, "{said:?}");
    assert!(said.err.contains("made anew"), "{said:?}");
    assert_eq!(bodies(&home, "E"), ["m001"]);
}

/// A session whose mailbox has no UIDVALIDITY.
fn unlasting() -> Vec<Step> {
    let mut script = opened("", 9);
    script[4] = send("{tag} OK done\r\n");
    script
}

#[test]
fn a_mailbox_without_uidvalidity_is_not_resumed_and_nothing_is_written_over() {
    let mut refused = unlasting();
    refused.push(Step::ExpectEnd);
    let mut scripts = vec![refused];
    for text in ["one1", "two2"] {
        let message = format!("* 1 FETCH (UID 1 FLAGS () BODY[] {{4}}\r\n{text})\r\n");
        let mut script = unlasting();
        script.extend(found("1"));
        script.extend([expect("UID FETCH 1 "), send(message + "{tag} OK done\r\n")]);
        script.extend(bye());
        scripts.push(script);
    }
    let peer = Peer::start(scripts).unwrap();
    let home = Home::with(&account(peer.port()));
    let said = home.run(&["fetch", "--all", "--eml", "E", "--resume"]);
    assert_eq!(said.code, 69, "{said:?}");
    assert!(said.err.contains("no UIDVALIDITY"), "{said:?}");
    for _ in 0..2 {
        home.run(&["fetch", "--all", "--eml", "E"]).ok();
    }
    peer.finish().unwrap();
    assert_eq!(bodies(&home, "E"), ["one1", "two2"]);
}

#[test]
fn without_uidvalidity_a_lost_connection_ends_the_run() {
    let mut script = unlasting();
    script.extend(found("1 2"));
    script.extend([expect("UID FETCH"), send(message(1)), Step::Close]);
    let peer = Peer::start(vec![script]).unwrap();
    let home = Home::with(&account(peer.port()));
    let said = home.run(&["fetch", "--all", "--eml", "E"]);
    peer.finish().unwrap();
    assert_eq!(said.code, 75, "{said:?}");
    for promise in ["connecting again", "--resume goes on"] {
        assert!(!said.err.contains(promise), "{said:?}");
    }
    assert_eq!(bodies(&home, "E"), ["m001"]);
}

#[test]
fn a_body_is_of_no_other_message_than_its_own() {
    // Nobody asked for the first one, which its number tells behind the body; the second comes without a body.
    let stray = "* 9 FETCH (FLAGS () BODY[] {4}\r\nm009 UID 9)\r\n";
    let bare = "* 2 FETCH (UID 2 FLAGS () INTERNALDATE \"01-Jan-2026 00:00:00 +0000\")\r\n";
    let mut script = opened("", 9);
    script.extend(found("1 2"));
    let answer = format!("{stray}{bare}{}{{tag}} OK done\r\n", message(1));
    script.extend([expect("UID FETCH 1:2 "), send(answer)]);
    script.extend(bye());
    let peer = Peer::start(vec![script]).unwrap();
    let home = Home::with(&account(peer.port()));
    home.run(&["fetch", "--all", "--eml", "E"]).ok();
    peer.finish().unwrap();
    assert_eq!(bodies(&home, "E"), ["m001"]);
}

#[test]
fn messages_that_are_gone_are_not_waited_for() {
    let mut script = opened("", 9);
    script.extend(found("1 2 3"));
    script.extend(fetched("1:3", [1, 3], "done"));
    script.extend(bye());
    let peer = Peer::start(vec![script]).unwrap();
    let home = Home::with(&account(peer.port()));
    let said = home.run(&["fetch", "--all", "--eml", "E"]);
    peer.finish().unwrap();
    assert_eq!((said.code, bodies(&home, "E")), (0, vec!["m001".to_owned(), "m003".to_owned()]));
}

#[test]
fn a_limit_of_messages_is_kept_and_hides_none() {
    // The server searches and fetches two messages a command, from the top down (RFC 9738).
    let mut script = opened("MESSAGELIMIT=2", 9);
    let limited = |lowest| format!("[MESSAGELIMIT 2 {lowest}] more");
    script.extend([
        expect("UID SEARCH ALL"),
        send(format!("* SEARCH 4 5\r\n{{tag}} OK {}\r\n", limited(4))),
        expect("UID SEARCH ALL UID 1:3"),
        send(format!("* SEARCH 2 3\r\n{{tag}} OK {}\r\n", limited(2))),
        expect("UID SEARCH ALL UID 1"),
        send("* SEARCH 1\r\n{tag} OK done\r\n"),
    ]);
    script.extend(fetched("1:2", 1..=2, "done"));
    // It may stop earlier still: what is left is asked for again.
    script.extend(fetched("3:4", [4], &limited(4)));
    script.extend(fetched("3,5", [3, 5], "done"));
    script.extend(bye());
    let peer = Peer::start(vec![script]).unwrap();
    let home = Home::with(&account(peer.port()));
    home.run(&["fetch", "--all", "--eml", "E"]).ok();
    peer.finish().unwrap();
    assert_eq!(bodies(&home, "E"), ["m001", "m002", "m003", "m004", "m005"]);
}

#[test]
fn an_empty_mailbox_is_no_failure() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    for target in [&["--maildir", "M"][..], &["--mbox", "b"], &["--eml", "E"], &["-"]] {
        let said = home.run(&[&["fetch", "--all"], target].concat());
        assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
        assert!(said.err.contains("0 messages"), "{said:?}");
    }
    assert_eq!(home.run(&["search"]).ok(), "");
}

#[test]
fn mailboxes_with_odd_names_share_a_directory_and_nothing_else() {
    let names =
        ["a/b", "a_b", "../up", "Entwürfe & mehr", "with \"quotes\" and \\", "spaces  twice"];
    let mut builder = Host::builder();
    for (number, name) in (1..).zip(names) {
        builder = builder.deliver(DEMO_USER, name, format!("m{number:03}"), &[], 1_700_000_000);
    }
    let host = builder.start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    for round in 0..2 {
        for name in names {
            let told = home.run(&["fetch", "-m", name, "--all", "--resume", "--eml", "all/E"]).ok();
            assert_eq!(told.lines().count(), 1 - round, "{name}: {told}");
            home.run(&["fetch", "-m", name, "--all", "--resume", "--mbox", "box"]).ok();
        }
    }
    assert_eq!(bodies(&home, "all/E").len(), names.len());
    assert_eq!(home.read("box").matches("From MAILER-DAEMON").count(), names.len());
    // Nothing was written above the directory.
    let above: Vec<_> = std::fs::read_dir(home.path.join("all")).unwrap().collect();
    assert_eq!(above.len(), 1, "{above:?}");
}

#[test]
fn a_second_run_into_the_same_place_gives_way() {
    let mut script = opened("", 9);
    script.extend(found("1 2"));
    script.extend([expect("UID FETCH"), send(message(1)), Step::ExpectEnd]);
    for target in ["--maildir", "--mbox", "--eml"] {
        let mut second = opened("", 9);
        second.extend(found("1 2"));
        second.push(Step::ExpectEnd);
        let peer = Peer::start(vec![script.clone(), second]).unwrap();
        let home = Home::with(&account(peer.port()));
        let arguments = ["fetch", "--all", "--json", target, "T"];
        let trace = home.path.join("trace");
        let mut first = home.command(&arguments);
        let mut first = first.args(["--trace", trace.to_str().unwrap()]).spawn().unwrap();
        // The mailbox is fetched from when this line is there; the place is taken before.
        let asked = || std::fs::read_to_string(&trace).is_ok_and(|text| text.contains("UID FETCH"));
        while !asked() {
            std::thread::yield_now();
        }
        let said = home.run(&arguments);
        assert_eq!(said.code, 75, "{target}: {said:?}");
        assert!(said.err.contains("another fetch into it is under way"), "{said:?}");
        first.kill().unwrap();
        first.wait().unwrap();
        drop(peer);
    }
}

#[cfg(unix)]
#[test]
fn who_interrupts_is_told_how_to_go_on() {
    let mut script = opened("", 9);
    script.extend(found("1 2"));
    let half = "* 2 FETCH (UID 2 FLAGS () BODY[] {9}\r\nFrom ha";
    script.extend([expect("UID FETCH"), send(message(1) + half), Step::Stall]);
    for (name, note) in [("INT", "interrupted; --resume goes on from here\n"), ("TERM", "")] {
        let peer = Peer::start(vec![script.clone()]).unwrap();
        let home = Home::with(&account(peer.port()));
        let quiet: &[&str] = if note.is_empty() { &["-q"] } else { &[] };
        let mut command = home.command(&[&["fetch", "--all", "--eml", "E"], quiet].concat());
        let mut child = command.spawn().unwrap();
        // Told when it is in its place.
        let mut told = [0; 4];
        child.stdout.as_mut().unwrap().read_exact(&mut told).unwrap();
        let id = child.id().to_string();
        let sent = std::process::Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(sent.unwrap().success());
        let said = finish(child, "");
        assert_eq!((said.code, said.err.as_str()), (130, note), "{said:?}");
        assert_eq!(bodies(&home, "E"), ["m001"]);
    }
}

#[test]
fn a_hundred_thousand_messages_take_constant_memory() {
    let peak = |count: u32| {
        let mut script = opened("", 9);
        let all: Vec<String> = (1..=count).map(|uid| uid.to_string()).collect();
        script.extend(found(&all.join(" ")));
        for first in (1..=count).step_by(500) {
            let last = (first + 499).min(count);
            script.extend(fetched(&format!("{first}:{last}"), first..=last, "done"));
        }
        script.extend(bye());
        let peer = Peer::start(vec![script]).unwrap();
        let home = Home::with(&account(peer.port()));
        let mut command = home.command(&["fetch", "--all", "-"]);
        command.env("XOAUTH_TEST_PEAK", "peak");
        let out = finish(command.spawn().unwrap(), "").ok();
        peer.finish().unwrap();
        assert_eq!(out.matches('m').count(), usize::try_from(count).unwrap());
        home.read("peak").parse::<usize>().unwrap()
    };
    let (few, many) = (peak(1_000), peak(100_000));
    // Their numbers alone, and the text of the server's answer to the search.
    assert!(many < few + 4 * 1024 * 1024, "1,000: {few}, 100,000: {many}");
}

#[test]
fn a_run_that_is_killed_anywhere_is_resumed_without_loss_or_duplicates() {
    let count = 400;
    let body =
        |number: usize| format!("Subject: {number}\r\n\r\n{}\r\n", "y".repeat(number * 37 % 5000));
    let mut builder = Host::builder();
    for number in 1..=count {
        builder = builder.deliver(DEMO_USER, "INBOX", body(number), &[], 1_700_000_000);
    }
    let host = builder.start().unwrap();
    let mut random = Random::new(7);
    for target in ["--maildir", "--mbox", "--eml"] {
        let home = Home::with(&bearer_account(&host, "XOAUTH2"));
        let arguments = ["fetch", "--all", target, "T", "--resume", "--json"];
        for _ in 0..6 {
            let mut command = home.command(&arguments);
            let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
            // Killed wherever it is once so much was told: between messages or in the middle of one.
            let told = usize::try_from(random.below(4_000)).unwrap();
            let _ = child.stdout.as_mut().unwrap().read_exact(&mut vec![0; told]);
            child.kill().unwrap();
            child.wait().unwrap();
        }
        home.run(&arguments).ok();
        let texts = match target {
            "--maildir" => bodies(&home, "T/new").join("\n"),
            "--mbox" => home.read("T"),
            _ => bodies(&home, "T").join("\n"),
        };
        let subjects: Vec<&str> =
            texts.lines().filter_map(|line| line.strip_prefix("Subject: ")).collect();
        assert_eq!(subjects.len(), count, "{target}");
        assert_eq!(subjects.iter().collect::<BTreeSet<_>>().len(), count, "{target}");
        let texts = texts.replace('\r', "");
        for number in 1..=count {
            let whole = format!("Subject: {number}\n\n{}\n", "y".repeat(number * 37 % 5000));
            assert!(texts.contains(&whole), "{target}: message {number}");
        }
    }
}
