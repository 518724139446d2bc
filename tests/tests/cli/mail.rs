//! `list`, `search` and `send` against the embedded host.

use e2e::host::{DEMO_USER, Host};

use crate::support::{Home, bearer_account};

fn message(subject: &str, text: &str) -> String {
    format!(
        "From: Ann <ann@example.org>\r\nTo: {DEMO_USER}\r\nSubject: {subject}\r\n\r\n{text}\r\n"
    )
}

fn host() -> Host {
    Host::builder()
        .deliver(DEMO_USER, "INBOX", message("Lunch", "at noon"), &["\\Seen"], 1_700_000_000)
        .deliver(
            DEMO_USER,
            "INBOX",
            message("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "from Wien"),
            &[],
            1_700_100_000,
        )
        .deliver(DEMO_USER, "Entwürfe", message("a draft", "..."), &["\\Draft"], 1_700_200_000)
        .reject_recipient("nobody@example.org", "550 5.1.1 no such user here")
        .reject_recipient("later@example.org", "451 4.3.0 try again later")
        .reject_recipient("many@example.org", "552 too many recipients")
        .reject_recipient("full@example.org", "552 5.2.2 mailbox full")
        .start()
        .unwrap()
}

#[test]
fn mailboxes_are_listed_by_their_names() {
    let host = host();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let listed = home.run(&["list"]).ok();
    let mut names: Vec<&str> = listed.lines().collect();
    names.sort_unstable();
    assert_eq!(names, ["Entwürfe", "INBOX"]);
    assert_eq!(home.run(&["list", "Entw*"]).ok(), "Entwürfe\n");
    let entry = home.run(&["--json", "list", "Entw*"]).json();
    assert_eq!(entry["name"], "Entwürfe");
    assert_eq!(entry["raw"], "Entw&APw-rfe");
}

#[test]
fn messages_are_found_and_shown_decoded() {
    let host = host();
    let home = Home::with(&bearer_account(&host, "OAUTHBEARER"));
    let found = home.run(&["search", "--unseen"]).ok();
    let fields: Vec<&str> = found.trim_end().split('\t').collect();
    assert_eq!((fields[0], fields[2], fields[3]), ("2", "Ann", "Grüße"));
    assert_eq!(home.run(&["search", "--uids", "--subject", "Lunch"]).ok(), "1\n");
    assert_eq!(home.run(&["search", "--uids", "--keys", "OR SEEN UNSEEN"]).ok(), "1\n2\n");
    let none = home.run(&["search", "--from", "nobody at all"]);
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    assert_eq!(home.run(&["search", "--keys", "OR SEEN"]).code, 64);
    let missing = home.run(&["search", "-m", "Nowhere"]);
    assert_eq!(missing.code, 69, "{missing:?}");
    let found = home.run(&["--json", "search", "-m", "Entwürfe"]).json();
    assert_eq!((found["uid"].as_u64(), found["subject"].as_str()), (Some(1), Some("a draft")));
}

#[test]
fn a_message_is_sent_without_bcc_and_arrives_as_it_was_written() {
    let host = host();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let text =
        "Subject: Hello\nTo: Demo <demo@example.test>\nBcc: eve@example.org\n\n.a dot\nGrüße\n.\n";
    home.run_with(&["send", "-t", "-oi", "-F", "Somebody"], text).ok();
    let sent = host.outbox();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].from, DEMO_USER);
    assert_eq!(sent[0].recipients, ["eve@example.org"]);
    let octets = String::from_utf8(sent[0].octets.to_vec()).unwrap();
    assert_eq!(host.mailbox(DEMO_USER, "INBOX").len(), 3);
    assert!(octets.ends_with("\r\n\r\n.a dot\r\nGrüße\r\n.\r\n"), "{octets}");
    assert!(!octets.contains("eve") && octets.contains("\r\nMessage-ID: <"), "{octets}");
}

#[test]
fn refused_recipients_are_told_one_by_one() {
    let host = host();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let text = "Subject: x\n\ny\n";
    let said = home.run_with(&["--json", "send", "nobody@example.org", DEMO_USER], text);
    assert_eq!(said.code, 67, "{said:?}");
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["accepted"], serde_json::json!([DEMO_USER]));
    assert_eq!(report["rejected"][0]["code"], 550);
    assert_eq!(home.run_with(&["send", "nobody@example.org"], text).code, 67);
    assert_eq!(home.run_with(&["send", "later@example.org"], text).code, 75);
    assert_eq!(home.run_with(&["send", "nobody@example.org", "later@example.org"], text).code, 75);
    // One has it and one may have it later: the report says who.
    let said = home.run_with(&["--json", "send", "later@example.org", DEMO_USER], text);
    assert_eq!(said.code, 75, "{said:?}");
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["accepted"], serde_json::json!([DEMO_USER]));
    assert_eq!(report["rejected"][0]["rcpt"], "later@example.org");
    assert_eq!(home.run_with(&["send", "many@example.org"], text).code, 75);
    assert_eq!(home.run_with(&["send", "full@example.org"], text).code, 67);
    assert_eq!(home.run_with(&["send"], text).code, 64);
    assert_eq!(home.run_with(&["send", DEMO_USER], "").code, 66);
    assert_eq!(home.run_with(&["send", DEMO_USER], "Subject: x\rBcc: y\n\n").code, 65);
}

#[test]
fn a_dry_run_sends_nothing() {
    let host = host();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let said = home.run_with(&["send", "--dry-run", DEMO_USER], "Subject: x\n\ny\n").ok();
    assert!(said.starts_with(&format!("from {DEMO_USER}\nto   {DEMO_USER}\n")), "{said}");
    assert_eq!(host.submitted(), 0);
}

#[cfg(unix)]
#[test]
fn under_the_name_of_sendmail_the_command_sends() {
    let host = host();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let name = home.path.join("sendmail");
    std::os::unix::fs::symlink(crate::support::PROGRAM, &name).unwrap();
    let mut command = home.command(&["-i", "-f", DEMO_USER, "--", DEMO_USER]);
    let mut renamed = std::process::Command::new(&name);
    renamed.args(command.get_args()).envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
    renamed
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    command = renamed;
    crate::support::finish(command.spawn().unwrap(), "Subject: x\n\ny\n").ok();
    assert_eq!(host.submitted(), 1);
}
