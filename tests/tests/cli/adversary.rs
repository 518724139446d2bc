//! Hostile texts, closed pipes, full disks, places that cannot be written, clocks that are off.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use e2e::authorization::{Authorization, CLIENT_ID};
use e2e::scripted::{Peer, Step, expect, send};
use serde_json::Value;

use crate::support::{Home, Said};

/// An account on a scripted server, in the clear.
pub(crate) fn account(protocol: &str, port: u16) -> String {
    format!(
        "[account.a]\nuser = \"ann@example.org\"\nmechanism = \"XOAUTH2\"\naccess-token = \"access-token\"\n\
         insecure-plaintext = true\n{protocol} = \"{protocol}://127.0.0.1:{port}\"\n"
    )
}

pub(crate) const GREETING: &str = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hello\r\n";

pub(crate) fn logged_in() -> Vec<Step> {
    vec![
        send(GREETING),
        expect("AUTHENTICATE XOAUTH2"),
        send("{tag} OK [CAPABILITY IMAP4rev1] in\r\n"),
    ]
}

#[test]
fn a_reader_that_leaves_is_141_and_nothing_is_said() {
    let home = Home::new();
    let mut child = home.command(&["explain"]).spawn().unwrap();
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(b"535 5.7.3 Authentication unsuccessful\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(output.stderr, b"");
}

#[test]
fn servers_that_say_nothing_are_given_up_in_the_time_that_is_set() {
    let peer = Peer::start(vec![vec![Step::Stall], vec![Step::Stall]]).unwrap();
    for protocol in ["imap", "smtp"] {
        let home = Home::with(&account(protocol, peer.port()));
        let said = home.run(&["--timeout", "1", "check", protocol]);
        assert_eq!(said.code, 75, "{said:?}");
        assert!(said.out.contains("FAIL  greeting"), "{said:?}");
    }
    for seconds in ["0", "-1", "1s", "18446744073709551615"] {
        assert_eq!(Home::new().run(&["--timeout", seconds, "token"]).code, 64, "{seconds}");
    }
}

#[test]
fn notes_that_nobody_reads_end_nothing() {
    let peer = Peer::start(vec![vec![send(GREETING), Step::Close]]).unwrap();
    let home = Home::with(&account("imap", peer.port()));
    let mut child = home.command(&["list", "-v"]).spawn().unwrap();
    drop(child.stderr.take());
    assert!(matches!(child.wait().unwrap().code(), Some(75 | 76)));
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_on_a_full_disk_is_74() {
    let home = Home::new();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for arguments in [&["explain", "microsoft"][..], &["--json", "explain", "535 5.7.3 no"]] {
        let child = home.command(arguments).stdout(full()).spawn().unwrap();
        let said = crate::support::finish(child, "");
        assert_eq!(said.code, 74, "{said:?}");
        assert!(said.err.contains("No space left"), "{said:?}");
    }
}

/// Where even the owner may not write. Whoever runs this as root can write everywhere: then a file stands in the way.
#[test]
fn tokens_that_cannot_be_saved_are_told_before_they_are_asked_for() {
    let server = Authorization::start(&["access-1"]).unwrap();
    let config = format!(
        "[account.a]\nuser = \"ann@example.org\"\nclient-id = \"{CLIENT_ID}\"\ntoken-endpoint = \"{}\"\n",
        server.url("/token"),
    );
    let home = Home::with(&config);
    home.write("state", "a file, and no directory");
    let mut command = home.command(&["token"]);
    let child = command.env("XOAUTH_REFRESH_TOKEN", "r").spawn().unwrap();
    let said = crate::support::finish(child, "");
    assert_eq!(said.code, 74, "{said:?}");
    assert!(said.err.contains("state"), "{said:?}");
    assert!(server.requests().is_empty());
}

#[test]
fn a_store_that_holds_something_else_is_told_by_name_and_kept() {
    let home = Home::with("[account.a]\nuser = \"ann@example.org\"\n");
    home.write("state/xoauth/a.json", "not json");
    let said = home.run(&["token"]);
    assert_eq!(said.code, 65, "{said:?}");
    assert!(said.err.contains("a.json"), "{said:?}");
    assert_eq!(home.read("state/xoauth/a.json"), "not json");
}

#[test]
fn a_clock_that_is_off_is_found_by_the_date_of_the_refusal() {
    let said = refused_years_ago("signature_invalid");
    assert_eq!(said.error()["id"], "timestamp-skew");
    assert!(said.error()["message"].as_str().unwrap().contains(" s ahead of the server's"));
}

#[test]
fn a_clock_that_is_off_is_not_blamed_where_the_server_names_another_cause() {
    let said = refused_years_ago("consumer_key_unknown");
    assert_eq!(said.error()["id"], Value::Null);
    assert!(said.error()["message"].as_str().unwrap().ends_with("401: consumer_key_unknown"));
}

/// What a login says that is refused with this problem by a server whose clock is far behind.
fn refused_years_ago(problem: &str) -> Said {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let body = format!("oauth_problem={problem}");
    let answer = format!(
        "HTTP/1.1 401 Unauthorized\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap() > 2 {
            line.clear();
        }
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
        let _ = reader.read(&mut [0]);
    });
    let home = Home::with(&format!(
        "[account.a]\nuser = \"ann@example.org\"\nmechanism = \"XOAUTH\"\nconsumer-key = \"k\"\nconsumer-secret = \"s\"\n\
         request-token-endpoint = \"http://127.0.0.1:{port}/\"\nauthorize-endpoint = \"http://127.0.0.1/\"\n\
         access-token-endpoint = \"http://127.0.0.1/\"\n"
    ));
    let said = home.run(&["--json", "login", "--oauth1", "--oob"]);
    server.join().unwrap();
    assert_eq!(said.code, 77, "{said:?}");
    said
}

/// A JWT for Microsoft Graph, of somebody else.
const GRAPH: &str = "eyJhbGciOiJub25lIn0.eyJhdWQiOiJodHRwczovL2dyYXBoLm1pY3Jvc29mdC5jb20iLCJzY3AiOiJNYWlsLlJlYWQiLCJ1cG4iOiJib3NzQGV4YW1wbGUub3JnIn0.c2ln";

#[test]
fn a_refusal_that_says_nothing_is_told_with_the_claims_of_the_token() {
    let script = vec![
        send(GREETING),
        expect("AUTHENTICATE XOAUTH2"),
        send("{tag} NO AUTHENTICATE failed.\r\n"),
        Step::ExpectEnd,
    ];
    let peer = Peer::start(vec![script.clone(), script]).unwrap();
    let home = Home::with(
        &account("imap", peer.port()).replace("\"access-token\"", &format!("\"{GRAPH}\"")),
    );
    let said = home.run(&["--json", "check"]);
    assert_eq!(said.code, 77, "{said:?}");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["diagnosis"][0]["id"], "ms-authenticate-failed");
    let told = report["diagnosis"][0]["token"].to_string();
    for words in
        ["aud https://graph.microsoft.com", "scp Mail.Read", "the token of boss@example.org"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    let said = home.run(&["check"]);
    assert!(said.out.contains("token  aud https://graph.microsoft.com"), "{said:?}");
    assert!(said.err.is_empty(), "{said:?}");
    assert!(!said.out.contains("c2ln") && !said.err.contains("c2ln"), "{said:?}");
}

/// Expired, for Microsoft Graph, and of somebody else: no server says so, and the token does.
#[test]
fn what_the_token_says_is_in_the_result_whatever_the_server_says() {
    // {"alg":"none"} {"aud":"https://graph.microsoft.com","exp":1000000000,"upn":"other@x.y"}
    let token = "eyJhbGciOiJub25lIn0.eyJhdWQiOiJodHRwczovL2dyYXBoLm1pY3Jvc29mdC5jb20iLCJleHAiOjEwMDAwMDAwMDAsInVwbiI6Im90aGVyQHgueSJ9.c2ln";
    let words = ["for Microsoft Graph", "It has expired", "the token of other@x.y"];
    let login = |answer: &str| {
        vec![send(GREETING), expect("AUTHENTICATE XOAUTH2"), send(answer), Step::ExpectEnd]
    };
    let refused = login("{tag} NO [AUTHENTICATIONFAILED] no\r\n");
    let unconnected = vec![
        send(GREETING),
        expect("AUTHENTICATE XOAUTH2"),
        send("{tag} OK [CAPABILITY IMAP4rev1] in\r\n"),
        expect("EXAMINE INBOX"),
        send("{tag} BAD User is authenticated but not connected.\r\n"),
        Step::ExpectEnd,
    ];
    for (script, rule) in [(refused, None), (unconnected, Some("ms-not-connected"))] {
        let peer = Peer::start(vec![script.clone(), script]).unwrap();
        let home = Home::with(
            &account("imap", peer.port()).replace("\"access-token\"", &format!("\"{token}\"")),
        );
        let said = home.run(&["--json", "-q", "check", "imap"]);
        let report: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(report["diagnosis"].as_array().unwrap().len(), 1, "{said:?}");
        let diagnosis = &report["diagnosis"][0];
        assert_eq!(diagnosis["id"].as_str(), rule, "{said:?}");
        let steps = report["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["step"] == "token").unwrap();
        assert!(step["detail"].as_str().unwrap().contains("expired 9"), "{step}");
        let text = home.run(&["-q", "check", "imap"]);
        assert!(text.out.contains("\nnote   It has expired"), "{text:?}");
        for told in [&step["notes"], &diagnosis["token"]] {
            assert_eq!(told.as_array().unwrap().len(), 3, "{told}");
            for words in words {
                assert!(told.to_string().contains(words), "{words}: {told}");
                assert_eq!(text.out.matches(words).count(), 2, "{words}: {text:?}");
            }
        }
        assert!(!said.out.contains("--renew") && !text.out.contains("--renew"), "{text:?}");
        assert_eq!(text.err, "");
        peer.finish().unwrap();
    }
}

#[test]
fn steps_of_a_check_begin_with_the_configuration() {
    let home = Home::with("[account.a]\nusr = \"x\"\n");
    let said = home.run(&["--json", "check"]);
    assert_eq!(said.code, 78, "{said:?}");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["steps"][0]["step"], "config");
    let detail = report["steps"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("config.toml:2: `account.a.usr`"), "{detail}");
    let home = Home::with(
        "[account.a]\nuser = \"x@example.org\"\nimap = \"imap://127.0.0.1:1\"\naccess-token = \"t\"\n\
         client-secret = { file = \"missing\" }\n",
    );
    let said = home.run(&["--json", "check"]);
    assert_eq!(said.code, 78, "{said:?}");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&report["steps"][0]["ok"], &report["steps"][1]["step"]),
        (&true.into(), &"secret".into())
    );
}

#[test]
fn a_login_that_was_not_judged_is_no_refusal_of_the_token() {
    for (code, exit, rule) in [("[UNAVAILABLE] ", 75, false), ("", 77, true)] {
        let script = vec![
            send(GREETING),
            expect("AUTHENTICATE XOAUTH2"),
            send(format!("{{tag}} NO {code}AUTHENTICATE failed.\r\n")),
        ];
        let peer = Peer::start(vec![script]).unwrap();
        let home = Home::with(&account("imap", peer.port()));
        let said = home.run(&["check", "imap"]);
        assert_eq!(said.code, exit, "{said:?}");
        assert_eq!(said.out.contains("[ms-authenticate-failed]"), rule, "{said:?}");
    }
}
