//! What accounts and options become in the lines that servers read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::host::Host;
use e2e::scripted::{Peer, Step, expect, send};
use serde_json::{Value, json};

use crate::support::{Home, bearer_account};

const GREETING: &str =
    "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER] hello\r\n";

fn account(protocol: &str, port: u16, own: &str) -> String {
    format!(
        "[account.a]\nuser = \"ann@example.org\"\naccess-token = \"access-token\"\ninsecure-plaintext = true\n\
         {protocol} = \"{protocol}://127.0.0.1:{port}\"\n{own}"
    )
}

/// A session of IMAP that is accepted, as far as `check` goes; with the message of the login on a line of its own or not.
fn imap(is_inline: bool) -> Vec<Step> {
    let mut script = vec![send(GREETING), expect("AUTHENTICATE ")];
    if !is_inline {
        script.extend([send("+ \r\n"), expect("")]);
    }
    script.extend([
        send("A0 OK [CAPABILITY IMAP4rev1] in\r\n".replace("A0", "{tag}")),
        expect("EXAMINE INBOX"),
        send("{tag} OK done\r\n"),
        expect("LOGOUT"),
        send("* BYE bye\r\n{tag} OK done\r\n"),
    ]);
    script
}

fn smtp(is_inline: bool) -> Vec<Step> {
    let hello = "250-m\r\n250 AUTH XOAUTH2 OAUTHBEARER\r\n";
    let mut script = vec![send("220 m\r\n"), expect("EHLO"), send(hello), expect("AUTH ")];
    if !is_inline {
        script.extend([send("334 \r\n"), expect("")]);
    }
    script.extend([
        send("235 2.7.0 in\r\n"),
        expect("NOOP"),
        send("250 ok\r\n"),
        expect("QUIT"),
        send("221 bye\r\n"),
    ]);
    script
}

/// The message of a login, from the lines of its session.
fn message(lines: &[String], is_inline: bool) -> String {
    let at = lines.iter().position(|line| line.contains("AUTH")).unwrap();
    let line = &lines[if is_inline { at } else { at + 1 }];
    let encoded = line.split(' ').next_back().unwrap();
    String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
}

#[test]
fn each_protocol_has_its_user() {
    let users = "imap-user = \"desk@example.org\"\nsmtp-user = \"out@example.org\"\nmechanism = \"XOAUTH2\"\n";
    for (own, arguments, protocol, user) in [
        (users, &[][..], "imap", "desk@example.org"),
        (users, &[], "smtp", "out@example.org"),
        // An option is for this run, whatever the protocol.
        (users, &["--user", "bob@example.org"], "imap", "bob@example.org"),
        (users, &["--user", "bob@example.org"], "smtp", "bob@example.org"),
        ("mechanism = \"XOAUTH2\"\n", &[], "imap", "ann@example.org"),
        (
            "mechanism = \"OAUTHBEARER\"\nimap-user = \"x,y@example.org\"\n",
            &[],
            "imap",
            "x=2Cy@example.org",
        ),
    ] {
        let script = if protocol == "imap" { imap(true) } else { smtp(true) };
        let peer = Peer::start(vec![script]).unwrap();
        let home = Home::with(&account(protocol, peer.port(), own));
        home.run(&[&["check", protocol], arguments].concat()).ok();
        let lines = peer.finish().unwrap();
        let said = message(&lines[0], true);
        let is_bearer = own.contains("BEARER");
        let expected = if is_bearer { format!("n,a={user},") } else { format!("user={user}\u{1}") };
        assert!(said.starts_with(&expected), "{own} {arguments:?}: {said:?}");
    }
}

#[test]
fn a_line_of_its_own_for_the_credentials_is_a_key_and_an_option() {
    for protocol in ["imap", "smtp"] {
        for (key, option, is_inline) in [
            (None, None, true),
            (Some("always"), None, true),
            (Some("never"), None, false),
            (Some("never"), Some("auto"), true),
            (Some("always"), Some("never"), false),
        ] {
            let script = if protocol == "imap" { imap(is_inline) } else { smtp(is_inline) };
            let peer = Peer::start(vec![script]).unwrap();
            let own = key.map(|key| format!("sasl-ir = \"{key}\"\n")).unwrap_or_default();
            let own = format!("mechanism = \"XOAUTH2\"\n{own}");
            let home = Home::with(&account(protocol, peer.port(), &own));
            let mut arguments = vec!["check", protocol];
            arguments.extend(option.iter().flat_map(|value| ["--sasl-ir", *value]));
            home.run(&arguments).ok();
            let lines = peer.finish().unwrap_or_else(|fault| panic!("{key:?} {option:?}: {fault}"));
            assert!(message(&lines[0], is_inline).contains("auth=Bearer access-token"));
        }
    }
    // Where a server does not list SASL-IR, nothing goes with the command unless it has to.
    for (option, is_inline) in [("auto", false), ("always", true)] {
        let mut script = imap(is_inline);
        script[0] = send(GREETING.replace(" SASL-IR", ""));
        let peer = Peer::start(vec![script]).unwrap();
        let home = Home::with(&account("imap", peer.port(), "mechanism = \"XOAUTH2\"\n"));
        home.run(&["check", "imap", "--sasl-ir", option]).ok();
        peer.finish().unwrap_or_else(|fault| panic!("{option}: {fault}"));
    }
}

/// What stands in OAUTHBEARER is the server that would be connected to, which nobody is here.
#[test]
fn a_provider_is_named_or_told_by_the_address() {
    let home = Home::new();
    for (options, service, server) in [
        (
            &["--provider", "google", "--user", "ann@example.org"][..],
            "imap",
            ("imap.gmail.com", 993),
        ),
        (
            &["--provider", "microsoft", "--user", "ann@example.org"],
            "smtp",
            ("smtp.office365.com", 587),
        ),
        (&["--user", "ann@gmail.com"], "smtp", ("smtp.gmail.com", 465)),
        (&["--user", "ann@OUTLOOK.com"], "imap", ("outlook.office365.com", 993)),
        (&["--user", "ann@gmail.com", "--provider", "yahoo"], "imap", ("imap.mail.yahoo.com", 993)),
        (&["--user", "ann@gmail.com", "--imap", "imaps://h.example:1"], "imap", ("h.example", 1)),
    ] {
        let made = ["string", "--raw", "--mechanism", "OAUTHBEARER", "--for", service];
        let mut command = home.command(&[&made[..], options].concat());
        command.env("XOAUTH_ACCESS_TOKEN", "access-token");
        let said = crate::support::finish(command.spawn().unwrap(), "").ok();
        let (host, port) = server;
        let expected =
            format!("\u{1}host={host}\u{1}port={port}\u{1}auth=Bearer access-token\u{1}\u{1}");
        assert!(said.trim_end().ends_with(&expected), "{options:?}: {said:?}");
    }
    // The mechanism is the one that the provider prefers.
    for (user, mechanism) in [("ann@gmail.com", "OAUTHBEARER"), ("ann@outlook.com", "XOAUTH2")] {
        let mut command = home.command(&["--json", "string", "--user", user]);
        command.env("XOAUTH_ACCESS_TOKEN", "access-token");
        let made = crate::support::finish(command.spawn().unwrap(), "").json();
        assert_eq!(made["mechanism"], mechanism);
    }
    let said = home.run(&["list", "--provider", "gogle", "--user", "ann@example.org"]);
    assert!(said.code == 78 && said.err.contains("no provider `gogle`"), "{said:?}");
    // Without a configuration a provider's pages are those of a login, up to what nobody can know.
    let said = home.run(&["login", "--provider", "google", "--user", "ann@gmail.com"]);
    assert!(said.code == 78 && said.err.contains("has no client-id"), "{said:?}");
}

/// A provider that is known rules out the causes of others.
#[test]
fn a_provider_that_is_named_has_its_own_causes() {
    for (provider, rule) in [("microsoft", Some("ms-authenticate-failed")), ("yahoo", None)] {
        let refused = [
            send(GREETING),
            expect("AUTHENTICATE "),
            send("{tag} NO AUTHENTICATE failed.\r\n"),
            Step::ExpectEnd,
        ];
        let peer = Peer::start(vec![refused.to_vec()]).unwrap();
        let url = format!("imap://127.0.0.1:{}", peer.port());
        let options = ["--provider", provider, "--imap", &url, "--insecure-plaintext"];
        let user = ["--json", "check", "imap", "--user", "ann@example.org"];
        let home = Home::new();
        let mut command = home.command(&[&user[..], &options].concat());
        command.env("XOAUTH_ACCESS_TOKEN", "t");
        let said = crate::support::finish(command.spawn().unwrap(), "");
        assert_eq!(said.code, 77, "{said:?}");
        let report: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(report["diagnosis"][0]["id"].as_str(), rule, "{said:?}");
    }
}

/// A session of these steps behind a login.
fn logged_in(steps: &[Step]) -> Vec<Step> {
    let login = [
        send(GREETING),
        expect("AUTHENTICATE "),
        send("{tag} OK [CAPABILITY IMAP4rev1 LIST-EXTENDED SPECIAL-USE] in\r\n"),
    ];
    let end = [expect("LOGOUT"), send("* BYE bye\r\n{tag} OK done\r\n")];
    [&login[..], steps, &end].concat()
}

#[test]
fn criteria_are_the_keys_of_a_search() {
    let opened = [expect("EXAMINE "), send("* OK [UIDVALIDITY 9] ok\r\n{tag} OK done\r\n")];
    let found = [expect("UID SEARCH "), send("* SEARCH\r\n{tag} OK done\r\n")];
    let steps = [opened, found].concat();
    for (criteria, keys) in [
        (&["--from", "ann"][..], "FROM ann"),
        (&["--to", "ben x"], "TO \"ben x\""),
        (&["--subject", "a\"b"], "SUBJECT \"a\\\"b\""),
        (&["--body", "noon"], "BODY noon"),
        (&["--since", "2026-11-04"], "SINCE 4-Nov-2026"),
        (&["--before", "2026-02-28"], "BEFORE 28-Feb-2026"),
        (&["--unseen"], "UNSEEN"),
        (&["--flagged"], "FLAGGED"),
        (&["--larger", "2k"], "LARGER 2048"),
        (&["--larger", "1M"], "LARGER 1048576"),
        (&["--keys", "OR SEEN NOT ANSWERED"], "OR SEEN NOT ANSWERED"),
        (&["--unseen", "--larger", "5", "--from", "ann"], "FROM ann UNSEEN LARGER 5"),
    ] {
        for verb in [&["search"][..], &["fetch", "--eml", "E"]] {
            let peer = Peer::start(vec![logged_in(&steps)]).unwrap();
            let home = Home::with(&account("imap", peer.port(), "mechanism = \"XOAUTH2\"\n"));
            home.run(&[verb, criteria].concat()).ok();
            let lines = peer.finish().unwrap().remove(0);
            let line = lines.iter().find_map(|line| line.split_once("UID SEARCH ")).unwrap().1;
            let line = line.trim_start_matches("RETURN () ").trim_start_matches("CHARSET UTF-8 ");
            assert_eq!(line.trim_start_matches('(').trim_end_matches(')'), keys, "{verb:?}");
        }
    }
    let home = Home::with(&account("imap", 1, ""));
    for wrong in [["--since", "yesterday"], ["--larger", "big"], ["--keys", "OR SEEN"]] {
        assert_eq!(home.run(&[&["search"], &wrong[..]].concat()).code, 64, "{wrong:?}");
    }
}

#[test]
fn mailboxes_are_told_with_all_that_is_known_of_them() {
    let answer = "* LIST (\\HasNoChildren \\Sent \\Subscribed) \"/\" \"Sent &- more\"\r\n\
                  * LIST (\\Noselect) \"\\\\\" Archive\r\n* LIST () NIL INBOX\r\n{tag} OK done\r\n";
    let peer = Peer::start(vec![logged_in(&[expect("LIST "), send(answer)])]).unwrap();
    let home = Home::with(&account("imap", peer.port(), "mechanism = \"XOAUTH2\"\n"));
    let said = home.run(&["--json", "list"]).ok();
    peer.finish().unwrap();
    let found: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = [
        json!({ "v": 1, "name": "Sent & more", "raw": "Sent &- more", "delimiter": "/",
            "attributes": ["\\HasNoChildren", "\\Sent", "\\Subscribed"], "special_use": ["\\Sent"] }),
        json!({ "v": 1, "name": "Archive", "raw": "Archive", "delimiter": "\\",
            "attributes": ["\\Noselect"], "special_use": [] }),
        json!({ "v": 1, "name": "INBOX", "raw": "INBOX", "delimiter": null, "attributes": [],
            "special_use": [] }),
    ];
    assert_eq!(found, expected, "{said}");
}

#[test]
fn blind_copies_stay_where_a_relay_wants_them() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let text = "Subject: x\nBcc: eve@example.org,\n mallory@example.org\n\ny\n";
    for (options, is_kept) in [(&[][..], false), (&["--keep-bcc"], true)] {
        home.run_with(&[&["send", "ben@example.org"], options].concat(), text).ok();
        let sent = host.outbox().pop().unwrap();
        let octets = String::from_utf8(sent.octets.to_vec()).unwrap();
        let line = "\r\nBcc: eve@example.org,\r\n mallory@example.org\r\n";
        assert_eq!(octets.contains(line), is_kept, "{octets}");
        assert_eq!(octets.contains("eve@"), is_kept, "{octets}");
        assert_eq!(sent.recipients, ["ben@example.org"]);
    }
}

/// A message that a server takes, with this reply at its end.
fn taken(reply: &str) -> Vec<Step> {
    vec![
        send("220 m\r\n"),
        expect("EHLO"),
        send("250-m\r\n250 AUTH XOAUTH2\r\n"),
        expect("AUTH "),
        send("235 2.7.0 in\r\n"),
        expect("MAIL FROM:<ann@example.org>"),
        send("250 ok\r\n"),
        expect("RCPT TO:<ben@example.org>"),
        send("250 ok\r\n"),
        expect("DATA"),
        send("354 go\r\n"),
        expect("Date: "),
        expect("Message-ID: "),
        expect("Subject: x"),
        expect(""),
        expect("y"),
        expect("."),
        send(format!("{reply}\r\n")),
    ]
}

#[test]
fn the_name_in_the_queue_is_told_where_the_server_tells_it() {
    for (reply, name) in [
        ("250 2.0.0 Ok: queued as 4bQxyz12", Some("4bQxyz12")),
        ("250 OK id=1abcDE-000-00", Some("1abcDE-000-00")),
        ("250 2.0.0 OK  1700000000 a1-2.3 - gsmtp", None),
    ] {
        let script = [taken(reply), vec![expect("QUIT"), send("221 bye\r\n")]].concat();
        let peer = Peer::start(vec![script]).unwrap();
        let home = Home::with(&account("smtp", peer.port(), "mechanism = \"XOAUTH2\"\n"));
        let text = "Subject: x\n\ny\n";
        let said = home.run_with(&["--json", "send", "ben@example.org"], text).json();
        assert_eq!(said["queue_id"].as_str(), name, "{said}");
        assert_eq!(said["accepted"], json!(["ben@example.org"]));
        assert_eq!(said["rejected"], json!([]));
        peer.finish().unwrap();
    }
}

/// Line ends of a binary part are mended as those of any other, and what no line end can be in is refused.
#[test]
fn binary_parts_are_sent_as_sendmail_sends_them() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let header = "Subject: x\nContent-Transfer-Encoding: binary\n\n";
    home.run_with(&["send", "ben@example.org"], &format!("{header}a\nb\r\nc")).ok();
    let octets = String::from_utf8(host.outbox()[0].octets.to_vec()).unwrap();
    assert!(octets.ends_with("\r\n\r\na\r\nb\r\nc\r\n"), "{octets:?}");
    for data in ["PNG\r\n\u{1a}\n\0", "GIF\rx"] {
        let said = home.run_with(&["send", "ben@example.org"], &format!("{header}{data}"));
        assert_eq!(said.code, 65, "{said:?}");
    }
    assert_eq!(host.submitted(), 1);
}

#[test]
fn a_string_is_for_the_service_it_is_made_for() {
    let home = Home::with(
        "[account.a]\nuser = \"ann@example.org\"\nmechanism = \"OAUTH10A\"\nconsumer-key = \"k\"\n\
         consumer-secret = \"cs\"\ntoken = \"t\"\ntoken-secret = \"ts\"\nimap = \"imaps://imap.example\"\n\
         smtp = \"smtp://smtp.example\"\nsmtp-user = \"out@example.org\"\nimap-url = \"https://h/{user}/imap\"\n\
         smtp-url = \"https://h/{user}/smtp\"\n",
    );
    let make = |more: &[&str]| {
        let stamp = ["string", "--raw", "--nonce", "n1", "--timestamp", "1700000000"];
        home.run(&[&stamp[..], more].concat()).ok()
    };
    let signature = |text: &str| text.split("oauth_signature=\"").nth(1).unwrap().to_owned();
    for (service, start) in [
        (&[][..], "n,a=ann@example.org,\u{1}host=imap.example\u{1}port=993\u{1}auth=OAuth "),
        (
            &["--for", "imap"],
            "n,a=ann@example.org,\u{1}host=imap.example\u{1}port=993\u{1}auth=OAuth ",
        ),
        (
            &["--for", "smtp"],
            "n,a=out@example.org,\u{1}host=smtp.example\u{1}port=587\u{1}auth=OAuth ",
        ),
    ] {
        let made = make(service);
        assert!(made.starts_with(start), "{made:?}");
        assert!(
            made.contains("oauth_nonce=\"n1\"") && made.contains("oauth_timestamp=\"1700000000\"")
        );
        // The same again, and another signature for another nonce.
        assert_eq!(make(service), made);
        let other = [service, &["--nonce", "n2"]].concat();
        assert_ne!(signature(&make(&other)), signature(&made));
        let other = [service, &["--timestamp", "1700000001"]].concat();
        assert_ne!(signature(&make(&other)), signature(&made));
        // Of a server that signs nothing without them.
        assert_ne!(home.run(&["string", "--raw"]).ok(), home.run(&["string", "--raw"]).ok());
    }
    for (service, url) in
        [("imap", "https://h/ann@example.org/imap"), ("smtp", "https://h/out@example.org/smtp")]
    {
        let made = make(&["--mechanism", "XOAUTH", "--for", service]);
        assert!(made.starts_with(&format!("GET {url} oauth_")), "{made}");
    }
    for wrong in [["--nonce", ""], ["--timestamp", "now"], ["--for", "pop"]] {
        assert_eq!(home.run(&[&["string"], &wrong[..]].concat()).code, 64, "{wrong:?}");
    }
}

/// Who is told 75 tries again; who was told of a success, or of anything else, does not.
#[test]
fn a_connection_that_is_cut_anywhere_may_be_made_again_later() {
    let sending = taken("250 2.0.0 queued");
    let opened = [expect("EXAMINE "), send("* OK [UIDVALIDITY 9] ok\r\n{tag} OK done\r\n")];
    let found = [expect("UID SEARCH "), send("* SEARCH 1\r\n{tag} OK done\r\n")];
    let envelope = "* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 3 INTERNALDATE \"01-Jan-2026 00:00:00 +0000\" \
                    ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL))\r\n{tag} OK done\r\n";
    let searching =
        logged_in(&[&opened[..], &found, &[expect("UID FETCH 1 "), send(envelope)]].concat());
    // Without the end, which changes nothing.
    let searching = searching[..searching.len() - 2].to_vec();
    for (protocol, arguments, script) in [
        ("smtp", &["--json", "send", "ben@example.org"][..], sending),
        ("imap", &["--json", "search"], searching),
    ] {
        for end in 0..=script.len() {
            let cut = [&script[..end], &[Step::Abort]].concat();
            let peer = Peer::start(vec![cut]).unwrap();
            let home = Home::with(&account(protocol, peer.port(), "mechanism = \"XOAUTH2\"\n"));
            let said = home.run_with(arguments, "Subject: x\n\ny\n");
            if end == script.len() {
                assert_eq!(said.code, 0, "{said:?}");
                continue;
            }
            assert_eq!(said.code, 75, "{protocol}, cut at {end}: {said:?}");
            assert_eq!(said.out, "", "{protocol}, cut at {end}");
            let message = said.error()["message"].as_str().unwrap().to_owned();
            assert!(message.starts_with(&format!("{protocol}: ")), "{message}");
        }
    }
}
