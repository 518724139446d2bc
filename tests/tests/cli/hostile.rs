//! Texts that would steer a terminal, from everybody who can send some: none arrives raw, on a terminal or in JSON.

use e2e::authorization::{Authorization, CLIENT_ID};
use e2e::scripted::{Peer, Step, expect, send};
use serde_json::Value;

use crate::adversary::{GREETING, account, logged_in};
use crate::support::{Home, Said};

/// Clears the screen, sets the title, begins a C1 sequence, turns writing around.
pub(crate) const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\u{2066}txt";

#[track_caller]
pub(crate) fn is_tame(text: &str) {
    let steers = |c: char| {
        !matches!(c, '\n' | '\t') && c.is_control() || matches!(c, '\u{202e}' | '\u{2066}')
    };
    assert_eq!(text.chars().find(|&c| steers(c)), None, "{text:?}");
}

/// What was said, of which something came from the peer.
#[track_caller]
fn is_told_tame(said: &Said) {
    is_tame(&said.out);
    is_tame(&said.err);
    assert!(said.out.contains("owned") || said.err.contains("owned"), "{said:?}");
}

fn literal(text: &str) -> String {
    format!("{{{}}}\r\n{text}", text.len())
}

/// A session that was opened on a mailbox, with one message in it.
fn opened() -> Vec<Step> {
    let mut script = logged_in();
    script.extend([
        expect("EXAMINE INBOX"),
        send("* 1 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\n{tag} OK done\r\n"),
    ]);
    script
}

#[test]
fn what_refusals_and_mailboxes_say_is_escaped() {
    let mut refused = vec![send(GREETING), expect("AUTHENTICATE XOAUTH2")];
    refused.extend([send(format!("{{tag}} NO {HOSTILE}\r\n")), Step::ExpectEnd]);
    let mut listed = logged_in();
    let name = format!("* LIST () \"/\" {}\r\n", literal(HOSTILE));
    let mailboxes = format!("{name}{{tag}} OK {HOSTILE}\r\n");
    listed.extend([expect("LIST"), send(mailboxes), expect("LOGOUT"), Step::Close]);
    let home = Home::new();
    for (arguments, script) in [
        (&["check"][..], &refused),
        (&["--json", "check"], &refused),
        (&["list"], &refused),
        (&["--json", "list"], &refused),
        (&["list"], &listed),
        (&["--json", "list"], &listed),
    ] {
        let peer = Peer::start(vec![script.clone()]).unwrap();
        home.write("config/xoauth/config.toml", &account("imap", peer.port()));
        is_told_tame(&home.run(arguments));
    }
}

#[test]
fn what_messages_say_is_escaped_and_json_has_it_all_the_same() {
    let field = literal(HOSTILE);
    let person = format!("(({field} NIL \"a\" {field}))");
    let envelope = format!("(NIL {field} {person} {person} {person} NIL NIL NIL NIL NIL)");
    let found = [expect("UID SEARCH"), send("* SEARCH 1\r\n{tag} OK done\r\n")];
    let answer = format!(
        "* 1 FETCH (UID 1 FLAGS (\\Seen) RFC822.SIZE 9 ENVELOPE {envelope})\r\n{{tag}} OK {HOSTILE}\r\n"
    );
    let mut searched = [opened(), found.to_vec()].concat();
    searched.extend([expect("UID FETCH"), send(answer), expect("LOGOUT"), Step::Close]);
    let peer = Peer::start(vec![searched.clone(), searched]).unwrap();
    let home = Home::with(&account("imap", peer.port()));
    let said = home.run(&["search"]);
    assert_eq!(said.code, 0, "{said:?}");
    is_told_tame(&said);
    let said = home.run(&["--json", "search"]);
    is_told_tame(&said);
    let message: Value = serde_json::from_str(&said.out).unwrap();
    assert!(message["subject"].as_str().unwrap().contains("owned"), "{message}");

    // Names that the server chooses do not become names of files, and its words no lines of the terminal.
    let mut fetched = [opened(), found.to_vec()].concat();
    let body = format!("Subject: {HOSTILE}\r\n\r\n{HOSTILE}\r\n");
    let answer =
        format!("* 1 FETCH (UID 1 FLAGS () BODY[] {})\r\n{{tag}} NO {HOSTILE}\r\n", literal(&body));
    fetched.extend([expect("UID FETCH"), send(answer), Step::Close]);
    let peer = Peer::start(vec![fetched]).unwrap();
    home.write("config/xoauth/config.toml", &account("imap", peer.port()));
    let said = home.run(&["fetch", "--all", "--eml", "E"]);
    is_tame(&said.out);
    is_told_tame(&Said { out: String::new(), ..said });
}

#[test]
fn what_happens_in_a_mailbox_is_escaped() {
    let news = format!("+ idling {HOSTILE}\r\n* 1 FETCH (FLAGS (owned\u{9b}31m\u{202e}))\r\n");
    let end = format!("* BYE {HOSTILE}\r\n");
    let script = vec![
        send(GREETING),
        expect("AUTHENTICATE XOAUTH2"),
        send("{tag} OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"),
        expect("EXAMINE INBOX"),
        send("* 1 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\n{tag} OK done\r\n"),
        expect("IDLE"),
        send(news + &end),
        Step::Close,
    ];
    for options in [&["watch", "--once"][..], &["--json", "watch", "--once"]] {
        let refusal = vec![send(end.clone()), Step::Close];
        let peer = Peer::start(vec![script.clone(), refusal]).unwrap();
        let home = Home::with(&account("imap", peer.port()));
        let said = home.run(&[options, &["--reconnect-max", "1"]].concat());
        is_told_tame(&said);
    }
}

#[test]
fn what_a_server_says_to_a_message_is_escaped() {
    let script = vec![
        send("220 hello\r\n"),
        expect("EHLO"),
        send("250-m\r\n250 AUTH XOAUTH2\r\n"),
        expect("AUTH XOAUTH2"),
        send("235 2.7.0 in\r\n"),
        expect("MAIL FROM"),
        send("250 ok\r\n"),
        expect("RCPT TO"),
        send(format!("550 5.1.1 {HOSTILE}\r\n")),
        expect(""),
        send("250 ok\r\n"),
        expect("QUIT"),
        send("221 bye\r\n"),
    ];
    for options in [&["send", "ben@example.org"][..], &["--json", "send", "ben@example.org"]] {
        let peer = Peer::start(vec![script.clone()]).unwrap();
        let home = Home::with(&account("smtp", peer.port()));
        let said = home.run_with(options, "Subject: x\n\ny\n");
        assert_eq!(said.code, 67, "{said:?}");
        is_told_tame(&said);
    }
}

#[test]
fn what_an_endpoint_says_is_escaped() {
    let server = Authorization::start(&[]).unwrap();
    let config = format!(
        "[account.a]\nuser = \"ann@example.org\"\nclient-id = \"{CLIENT_ID}\"\ntoken-endpoint = \"{}\"\n\
         device-endpoint = \"{}\"\n",
        server.url("/token"),
        server.url("/device"),
    );
    let home = Home::with(&config);
    let document = serde_json::json!({
        "device_code": "d", "user_code": HOSTILE, "verification_uri": HOSTILE,
        "interval": 0, "expires_in": u64::MAX,
    });
    let refusal = serde_json::json!({ "error": HOSTILE, "error_description": HOSTILE });
    for options in [&["login", "--device"][..], &["--json", "login", "--device"]] {
        server.script(200, &document.to_string());
        server.script(400, &refusal.to_string());
        let said = home.run(options);
        assert_eq!(said.code, 77, "{said:?}");
        is_told_tame(&said);
    }
    // A token that is good for a moment bridges a refusal, which is told beside it.
    let good = r#"{"v":1,"access_token":"t","refresh_token":"r","expires_at":EXPIRES}"#;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    home.write("state/xoauth/a.json", &good.replace("EXPIRES", &(now + 60).to_string()));
    server.script(503, &refusal.to_string());
    let said = home.run(&["token"]);
    assert_eq!((said.code, said.out.as_str()), (0, "t\n"), "{said:?}");
    is_told_tame(&said);
}

/// What somebody pastes is what a server said.
#[test]
fn what_is_explained_is_escaped() {
    let home = Home::new();
    let claims = serde_json::json!({ "aud": HOSTILE, "upn": HOSTILE, "exp": 1 }).to_string();
    let encode = |text: &str| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
    };
    let jwt = format!("{}.{}.c2ln", encode(r#"{"alg":"none"}"#), encode(&claims));
    let challenge = serde_json::json!({ "status": HOSTILE, "scope": HOSTILE }).to_string();
    let refusal = serde_json::json!({ "error": HOSTILE, "error_description": HOSTILE }).to_string();
    let login = format!("n,a=ann@example.org,\u{1}host={HOSTILE}\u{1}auth=Bearer t\u{1}\u{1}");
    let user = format!("user=a{HOSTILE}\u{1}auth=Bearer t\u{1}\u{1}");
    let line = format!("a1 NO {HOSTILE}");
    for text in [&jwt, &challenge, &refusal, &login, &user, &line, &encode(&challenge)] {
        for options in [&["explain"][..], &["--json", "explain"]] {
            let said = home.run_with(options, text);
            assert_eq!(said.code, 0, "{text:?}: {said:?}");
            is_tame(&said.out);
            is_tame(&said.err);
        }
    }
    let said = home.run(&["explain", &format!("nothing {HOSTILE}")]);
    assert_eq!(said.code, 65);
    is_tame(&said.err);
}
