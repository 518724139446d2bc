//! `fetch` into places that others use as well, and what stays of a message that broke off.

use e2e::host::{DEMO_USER, Host, User};
use e2e::scripted::{Peer, Step, expect, send};

use crate::fetch::notes;
use crate::fetch_odd::{account, bodies, bye, fetched, found, message, opened};
use crate::support::{Home, bearer_account};

#[test]
fn two_accounts_share_a_place_and_nothing_else() {
    // The same names, UIDVALIDITY and UIDs.
    let host = Host::builder()
        .user(User::new("bob@example.test").bearer("token-of-bob"))
        .deliver(DEMO_USER, "INBOX", "m001", &[], 1_700_000_000)
        .deliver("bob@example.test", "INBOX", "m002", &[], 1_700_000_000)
        .start()
        .unwrap();
    let first = bearer_account(&host, "XOAUTH2");
    let second = first
        .replace("account.demo", "account.bob")
        .replace(DEMO_USER, "bob@example.test")
        .replace(e2e::host::DEMO_BEARER_TOKEN, "token-of-bob");
    let home = Home::with(&format!("{first}{second}"));
    for round in 0..3 {
        for account in ["demo", "bob"] {
            for (target, place) in [("--maildir", "M"), ("--mbox", "box"), ("--eml", "E")] {
                let arguments =
                    ["--json", "fetch", "-a", account, "--all", target, place, "--resume"];
                let told = home.run(&arguments).ok().lines().count();
                assert_eq!(told, usize::from(round == 0), "{round} {account} {place}");
            }
        }
    }
    assert_eq!(bodies(&home, "M/new"), ["m001", "m002"]);
    assert_eq!(bodies(&home, "E"), ["m001", "m002"]);
    assert_eq!(home.read("box").matches("From MAILER-DAEMON").count(), 2);
}

/// A server that breaks off in the second message, each time it is asked.
fn broken() -> Vec<Vec<Step>> {
    let half = "* 2 FETCH (UID 2 FLAGS () BODY[] {9}\r\nFrom ha";
    let mut first = opened("", 9);
    first.extend(found("1 2"));
    first.extend([expect("UID FETCH"), send(message(1) + half), Step::Close]);
    let mut again = opened("", 9);
    again.extend([expect("UID FETCH 2 "), send(half), Step::Close]);
    vec![first, again.clone(), again.clone(), again]
}

#[test]
fn what_others_append_to_an_mbox_after_a_failure_stays() {
    let peer = Peer::start(broken()).unwrap();
    let home = Home::with(&account(peer.port()));
    let arguments = ["fetch", "--all", "--mbox", "box", "--resume"];
    assert_eq!(home.run(&arguments).code, 75);
    drop(peer);
    let whole = home.read("box");
    assert!(whole.contains("m001") && !whole.contains("From ha"), "{whole}");
    let theirs = "From carol Wed Nov 25 09:00:00 2026\nSubject: theirs\n\nbody";
    let resume = |home: &Home| {
        let mut script = opened("", 9);
        script.extend(found("1 2"));
        script.extend(fetched("2", [2], "done"));
        script.extend(bye());
        let peer = Peer::start(vec![script]).unwrap();
        home.write("config/xoauth/config.toml", &account(peer.port()));
        home.run(&arguments).ok();
        peer.finish().unwrap();
        home.read("box")
    };
    home.write("box", &format!("{whole}{theirs}"));
    let after = resume(&home);
    // The line end and the empty line that are missing are written before ours.
    let rest = after.strip_prefix(&format!("{whole}{theirs}\n\nFrom MAILER-DAEMON")).unwrap();
    assert!(rest.ends_with("\nm002\n\n"), "{after}");

    // Killed in the middle of a message, and appended to behind it: the half is not cut with what follows.
    let noted = notes(&home, "box");
    home.write(&noted, &format!("uidvalidity 9\n1\nopen {}\n", whole.len()));
    let half = "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\nSubject: ha\n";
    home.write("box", &format!("{whole}{half}{theirs}\n\n"));
    let after = resume(&home);
    assert!(after.starts_with(&format!("{whole}{half}{theirs}\n\n")), "{after}");
    // Nobody appended: it goes, even for a mailbox that is another one's.
    let other = noted.replace("INBOX~", "Other~");
    home.write(&other, &format!("uidvalidity 9\n1\nopen {}\nope", whole.len()));
    home.write(&noted, "uidvalidity 9\n1\n");
    home.write("box", &format!("{whole}{half}"));
    let after = resume(&home);
    assert!(!after.contains("Subject: ha") && after.contains("m002"), "{after}");
    assert!(home.read(&other).ends_with("closed\n"));
}

#[test]
fn standard_output_gets_whole_messages_only() {
    let mut scripts = broken();
    scripts.truncate(1);
    let mut second = opened("", 9);
    second.extend(fetched("2", [2], "done"));
    second.extend(bye());
    scripts.push(second);
    let peer = Peer::start(scripts).unwrap();
    let home = Home::with(&account(peer.port()));
    assert_eq!(home.run(&["fetch", "--all", "-"]).ok(), "m001m002");
    peer.finish().unwrap();
}

#[test]
fn a_message_that_the_server_cannot_give_does_not_hide_the_others() {
    let refused = "{tag} NO [SERVERBUG] cannot convert it \u{1b}[2J\r\n";
    let mut script = opened("", 9);
    script.extend(found("1 2 3 4"));
    script.extend([expect("UID FETCH 1:4 "), send(message(1) + refused)]);
    script.extend(fetched("2", [2], "done"));
    script.extend([expect("UID FETCH 3 "), send(refused)]);
    script.extend(fetched("4", [4], "done"));
    let peer = Peer::start(vec![script]).unwrap();
    let home = Home::with(&account(peer.port()));
    let said = home.run(&["fetch", "--all", "--eml", "E"]);
    assert_eq!(said.code, 69, "{said:?}");
    assert!(said.err.contains("UID 3: ") && !said.err.contains('\u{1b}'), "{said:?}");
    assert_eq!(bodies(&home, "E"), ["m001", "m002", "m004"]);
    drop(peer);
}

#[test]
fn headers_are_not_the_message() {
    let host =
        Host::builder().deliver(DEMO_USER, "INBOX", "A: b\r\n\r\nbody", &[], 1).start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    home.run(&["fetch", "--all", "--headers", "--maildir", "M", "--resume"]).ok();
    home.run(&["fetch", "-m", "inbox", "--all", "--maildir", "M", "--resume"]).ok();
    assert_eq!(bodies(&home, "M/new"), ["A: b\n\n", "A: b\n\nbody"]);
    // INBOX in any case is one mailbox.
    assert_eq!(home.run(&["fetch", "--all", "--maildir", "M", "--resume"]).ok(), "");
}

#[cfg(unix)]
#[test]
fn mail_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::builder().deliver(DEMO_USER, "INBOX", "m001", &[], 1).start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    for (target, place) in [("--maildir", "d/M"), ("--eml", "d/E"), ("--mbox", "d/box")] {
        home.run(&["fetch", "--all", target, place]).ok();
    }
    let mut left = vec![home.path.join("d")];
    while let Some(path) = left.pop() {
        let about = std::fs::metadata(&path).unwrap();
        let expected = if about.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(about.permissions().mode() & 0o777, expected, "{}", path.display());
        if about.is_dir() {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}

#[test]
fn messages_are_marked_as_read_also_where_a_run_ended_before_it_could() {
    let home = Home::new();
    let run = |script: Vec<Step>, arguments: &[&str]| {
        let peer = Peer::start(vec![script]).unwrap();
        home.write("config/xoauth/config.toml", &account(peer.port()));
        home.run(&[&["fetch", "--all", "--eml", "E", "--resume"], arguments].concat()).ok();
        peer.finish().unwrap();
    };
    let mut first = opened("", 9);
    first.extend(found("1"));
    first.extend(fetched("1", [1], "done"));
    first.extend(bye());
    run(first, &[]);
    let mut second = opened("", 9);
    second[3] = expect("SELECT INBOX");
    second.extend(found("1 2"));
    second.extend(fetched("2", [2], "done"));
    second.extend([expect("UID STORE 1:2 +FLAGS"), send("{tag} OK done\r\n")]);
    second.extend(bye());
    run(second, &["--mark-seen"]);
}

#[test]
fn what_cannot_be_meant_is_refused_and_nothing_is_nothing_to_do() {
    let host = Host::builder().deliver(DEMO_USER, "INBOX", "m001", &[], 1).start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let said = home.run_with(&["fetch", "--uid", "-", "--eml", "E"], "");
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
    assert_eq!(home.run(&["--json", "fetch", "--all", "-"]).code, 64);
    let twice = ["fetch", "--uid", "-", "--access-token-file", "-", "--eml", "E"];
    assert_eq!(home.run_with(&twice, "1").code, 64);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_with_74() {
    let host = Host::builder().deliver(DEMO_USER, "INBOX", "m001", &[], 1).start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    for arguments in [&["fetch", "--all", "-"][..], &["fetch", "--all", "--eml", "E"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let child = home.command(arguments).stdout(full).spawn().unwrap();
        let said = crate::support::finish(child, "");
        assert_eq!(said.code, 74, "{said:?}");
        assert!(said.err.contains("standard output: No space left"), "{said:?}");
    }
    assert_eq!(bodies(&home, "E"), ["m001"]);
}
