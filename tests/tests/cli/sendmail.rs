//! `send` as programs call sendmail.

use e2e::host::{Capabilities, DEMO_USER, Host};
use e2e::scripted::{Peer, Step, expect, send};

use crate::support::{Home, bearer_account, finish};

const TEXT: &str = "Subject: x\n\ny\n";

#[test]
fn what_callers_give_is_taken_and_what_this_is_not_is_said() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let taken: &[&[&str]] = &[
        &["-i", "-a", "demo", "-i", "-t", "-t"],
        &["-bm", "-oi", "-odi", "-oem", "-G", "-n", "-m", "-U"],
        &["-f", "a@example.org", "-f", DEMO_USER],
        &["-r", DEMO_USER, "-F", "Name", "-N", "never", "-R", "hdrs", "-V", "id"],
        &["-L", "tag", "-O", "a=b", "-p", "smtp", "-X", "log", "-A", "c", "-B", "8BITMIME"],
    ];
    for options in taken {
        home.run_with(&[&["send"], *options, &["--", "ben@example.org"]].concat(), TEXT).ok();
    }
    assert_eq!(host.submitted(), taken.len() as u64);
    for mode in ["-bs", "-bp", "-bd", "-bt"] {
        let said = home.run_with(&["send", mode], TEXT);
        assert_eq!(said.code, 64, "{said:?}");
        assert!(said.err.contains("it is no server and keeps no queue"), "{said:?}");
    }
    let said = home.run_with(&["send", "--access-token-file", "-", "ben@example.org"], TEXT);
    assert_eq!(said.code, 64, "{said:?}");
    assert_eq!(host.submitted(), taken.len() as u64);
}

#[test]
fn addresses_are_read_as_in_a_header_and_before_anybody_is_connected_to() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let arguments = ["send", "-f", "", "Ben <ben@example.org>", "c@example.org,d@example.org"];
    home.run_with(&arguments, TEXT).ok();
    let sent = host.outbox();
    assert_eq!(sent[0].recipients, ["ben@example.org", "c@example.org", "d@example.org"]);
    assert_eq!(sent[0].from, "");
    // Options may stand between them.
    let said = home.run_with(&["send", "--dry-run", "a@b.c", "-f", "x@y.z", "c@d.e"], TEXT).ok();
    assert!(said.contains("to   a@b.c\nto   c@d.e\n"), "{said}");
    let before = host.accepted_connections();
    for bad in ["nonsense", "", "a@example.org\r\nBcc: b@example.org", "<>"] {
        for options in [&["send"][..], &["send", "--dry-run"]] {
            let said = home.run_with(&[options, &["--", bad]].concat(), TEXT);
            assert_eq!(said.code, 65, "{bad:?}: {said:?}");
        }
    }
    assert_eq!(host.accepted_connections(), before);
}

/// Who is told of a failure sends the message again.
#[cfg(target_os = "linux")]
#[test]
fn a_message_that_is_accepted_is_a_success_whoever_reads_of_it() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let child = home.command(&["--json", "send", DEMO_USER]).stdout(full).spawn().unwrap();
    let said = finish(child, TEXT);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("standard output"), "{said:?}");
    assert_eq!(host.submitted(), 1);
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn the_envelope_line_of_an_mbox_is_not_sent() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let text = format!("From ann@example.org Wed Nov 25 09:00:00 2026\n{TEXT}");
    home.run_with(&["send", "ben@example.org"], &text).ok();
    let octets = String::from_utf8(host.outbox()[0].octets.to_vec()).unwrap();
    assert!(octets.ends_with("\r\nSubject: x\r\n\r\ny\r\n"), "{octets}");
    assert!(!octets.contains("From ann@"), "{octets}");
}

/// As every sendmail passes on what bsd-mailx and cron give it.
#[test]
fn header_fields_beyond_ascii_are_encoded_for_a_server_that_takes_none() {
    let text = "From: Jörg <demo@example.test>\nSubject: Grüße an alle\n\
                Content-Disposition: attachment; filename=\"Maß.txt\"\n\nü\n";
    for (takes_utf8, expected) in [
        (
            true,
            "From: Jörg <demo@example.test>\r\nSubject: Grüße an alle\r\n\
             Content-Disposition: attachment; filename=\"Maß.txt\"\r\n\r\nü\r\n",
        ),
        (
            false,
            "From: =?utf-8?q?J=C3=B6rg?= <demo@example.test>\r\n\
             Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= an alle\r\n\
             Content-Disposition: attachment; filename*=utf-8''Ma%C3%9F.txt\r\n\r\nü\r\n",
        ),
    ] {
        let offer = move |offered: &mut Capabilities| offered.smtp_utf8 = takes_utf8;
        let host = Host::builder().capabilities(offer).start().unwrap();
        let home = Home::with(&bearer_account(&host, "XOAUTH2"));
        home.run_with(&["send", "ben@example.org"], text).ok();
        let octets = String::from_utf8(host.outbox()[0].octets.to_vec()).unwrap();
        assert!(octets.ends_with(expected), "{octets}");
        let address = format!("Cc: ü@example.org\n{text}");
        let said = home.run_with(&["send", "ben@example.org"], &address);
        assert_eq!(said.code, if takes_utf8 { 0 } else { 69 }, "{said:?}");
        assert_eq!(
            said.err.contains("hint: names, subjects and file names are encoded"),
            !takes_utf8,
            "{said:?}"
        );
        assert_eq!(host.violations(), Vec::<String>::new());
    }
}

/// What is refused in the end is refused for all; who was refused before is named with the reason.
#[test]
fn recipients_that_were_refused_are_named_where_the_message_is_refused_too() {
    let script = vec![
        send("220 m\r\n"),
        expect("EHLO"),
        send("250-m\r\n250 AUTH XOAUTH2\r\n"),
        expect("AUTH XOAUTH2"),
        send("235 2.7.0 in\r\n"),
        expect("MAIL FROM"),
        send("250 ok\r\n"),
        expect("RCPT TO:<nobody@example.org>"),
        send("550 5.1.1 no such user\r\n"),
        expect("RCPT TO:<ben@example.org>"),
        send("250 ok\r\n"),
        expect("DATA"),
        send("554 5.7.1 not today\r\n"),
        expect("RSET"),
        send("250 ok\r\n"),
        Step::ExpectEnd,
    ];
    for quiet in [&[][..], &["-q"]] {
        let peer = Peer::start(vec![script.clone()]).unwrap();
        let home = Home::with(&format!(
            "[account.a]\nuser = \"ann@example.org\"\nmechanism = \"XOAUTH2\"\naccess-token = \"access-token\"\n\
             insecure-plaintext = true\nsmtp = \"smtp://127.0.0.1:{}\"\n",
            peer.port()
        ));
        let arguments = [&["send"], quiet, &["nobody@example.org", "ben@example.org"]].concat();
        let said = home.run_with(&arguments, TEXT);
        assert_eq!(said.code, 69, "{said:?}");
        assert!(said.err.contains("nobody@example.org: 550 5.1.1 no such user"), "{said:?}");
        assert!(said.err.contains("554 5.7.1 not today"), "{said:?}");
        assert!(!said.err.contains("ben@example.org: 550"), "{said:?}");
        peer.finish().unwrap();
    }
}
