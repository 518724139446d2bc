//! What `login` says to whoever signs in: how to get there from another machine, and what will bring them back soon.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;

use e2e::authorization::{Authorization, CLIENT_ID, get};
use e2e::host::DEMO_CONSUMER;

use crate::support::Home;

fn account(server: &Authorization) -> String {
    format!(
        "[account.work]\nuser = \"ann@example.org\"\nclient-id = \"{CLIENT_ID}\"\nauthorization-endpoint = \"{}\"\n\
         token-endpoint = \"{}\"\n[account.old]\nuser = \"ann@example.org\"\nmechanism = \"XOAUTH\"\n\
         consumer-key = \"{}\"\nconsumer-secret = \"{}\"\nrequest-token-endpoint = \"{}\"\nauthorize-endpoint = \"{}\"\n\
         access-token-endpoint = \"{}\"\n",
        server.url("/authorize"),
        server.url("/token"),
        DEMO_CONSUMER.0,
        DEMO_CONSUMER.1,
        server.url("/oauth1/request"),
        server.url("/oauth1/authorize"),
        server.url("/oauth1/access"),
    )
}

/// Starts a login, reads what it says until it waits, agrees, and gives the page's URL with all that was said.
fn log_in(mut command: Command) -> (String, String) {
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut said: Vec<String> = Vec::new();
    let url = loop {
        said.push(lines.next().unwrap_or_else(|| panic!("{said:?}")));
        if said.last().is_some_and(|line| line.starts_with("Waiting on ")) {
            break said.iter().find(|line| line.starts_with("  http")).unwrap().trim().to_owned();
        }
    };
    let page = get(&url).unwrap();
    get(page.split("id=allow href=\"").nth(1).unwrap().split('"').next().unwrap()).unwrap();
    said.extend(lines);
    assert!(child.wait().unwrap().success(), "{said:?}");
    (url, said.join("\n"))
}

#[test]
fn who_comes_by_ssh_is_told_how_the_browser_gets_here() {
    let server = Authorization::start(&["access-1", "access-2", "access-3", "access-4"]).unwrap();
    let home = Home::with(&account(&server));
    for name in ["work", "old"] {
        for by_ssh in [true, false] {
            let mut command = home.command(&["login", "-a", name, "--no-browser"]);
            if by_ssh {
                command.env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22");
            }
            let (_, said) = log_in(command);
            let port = said.split("Waiting on http://127.0.0.1:").nth(1).unwrap();
            let port = port.split(' ').next().unwrap();
            let line = format!("From your own machine: ssh -L {port}:127.0.0.1:{port} HOST\n");
            assert_eq!(said.contains(&line), by_ssh, "{name}: {said}");
        }
    }
}

/// What cannot be started is told with `-v`, where it is tried.
#[test]
fn the_url_alone_is_shown_where_that_is_wanted() {
    let server = Authorization::start(&["access-1", "access-2", "access-3"]).unwrap();
    let home = Home::with(&account(&server));
    for name in ["work", "old"] {
        for (option, opens) in
            [(None, true), (Some("--show-url"), false), (Some("--no-browser"), false)]
        {
            let mut command = home.command(&["login", "-v", "-a", name]);
            command.args(option).env("BROWSER", "no-such-browser");
            let (_, said) = log_in(command);
            let tried = said.contains("no browser could be started with `no-such-browser`");
            assert_eq!(tried, opens, "{name} {option:?}: {said}");
        }
    }
}

#[test]
fn a_port_that_is_named_is_waited_on() {
    let server = Authorization::start(&["access-1"]).unwrap();
    let home = Home::with(&account(&server));
    // Free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let (url, said) =
        log_in(home.command(&["login", "-a", "work", "--no-browser", "--port", &port]));
    assert!(said.contains(&format!("Waiting on http://127.0.0.1:{port} ")), "{said}");
    assert!(url.contains(&format!("redirect_uri=http%3A%2F%2F127.0.0.1%3A{port}&")), "{url}");
}

/// A token endpoint that gives this, whatever it is asked.
fn endpoint(body: &'static str) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line).unwrap() > 2 {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        reader.read_exact(&mut vec![0; length]).unwrap();
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
    });
    (url, thread)
}

#[test]
fn a_login_that_ends_soon_or_is_somebody_elses_is_warned_of() {
    // {"alg":"none"}, {"upn":"boss@example.org"} and {"preferred_username":"Ann@Example.org"}
    let boss = r#"{"access_token":"eyJhbGciOiJub25lIn0.eyJ1cG4iOiJib3NzQGV4YW1wbGUub3JnIn0.c2ln","refresh_token":"r"}"#;
    let ann = r#"{"access_token":"eyJhbGciOiJub25lIn0.eyJwcmVmZXJyZWRfdXNlcm5hbWUiOiJBbm5ARXhhbXBsZS5vcmcifQ.c2ln","refresh_token":"r"}"#;
    let short = r#"{"access_token":"opaque","expires_in":3600}"#;
    // {"email":"boss@example.org"}, beside a token that tells nothing.
    let opaque = r#"{"access_token":"opaque","refresh_token":"r","id_token":"eyJhbGciOiJub25lIn0.eyJlbWFpbCI6ImJvc3NAZXhhbXBsZS5vcmcifQ.c2ln"}"#;
    let other = "warning: signed in as boss@example.org, but the account's user is ann@example.org";
    let ends = "warning: no refresh token came";
    for (body, account, warned, silent) in [
        (boss, "a", &[other][..], &[ends][..]),
        (opaque, "a", &[other], &[ends]),
        (ann, "a", &[], &[ends, "signed in as"]),
        (short, "a", &[ends], &["signed in as"]),
        // Who shares an account's tokens signs in as that account's user.
        (ann, "desk", &[], &[ends, "signed in as"]),
    ] {
        let (url, thread) = endpoint(body);
        let home = Home::with(&format!(
            "[account.a]\nuser = \"ann@example.org\"\nclient-id = \"c\"\nauthorization-endpoint = \"http://127.0.0.1/\"\n\
             token-endpoint = \"{url}\"\n[account.desk]\nextends = \"a\"\nuser = \"desk@example.org\"\n"
        ));
        let said = home.run_with(&["login", "-a", account, "--paste"], "the-code\n");
        assert_eq!(said.code, 0, "{said:?}");
        thread.join().unwrap();
        for words in warned {
            assert!(said.err.contains(words), "{words}: {said:?}");
        }
        for words in silent {
            assert!(!said.err.contains(words), "{words}: {said:?}");
        }
        let kept = home.read("state/xoauth/a.json");
        assert!(!kept.contains("id_token") && !kept.contains("boss"), "{kept}");
    }
}

#[test]
fn a_code_of_microsofts_that_no_rule_knows_is_linked_where_it_is_said() {
    let server = Authorization::start(&[]).unwrap();
    let home = Home::with(&account(&server));
    home.write("state/xoauth/work.json", r#"{"v":1,"refresh_token":"r"}"#);
    let said =
        "AADSTS50076: Due to a configuration change you must use multi-factor authentication.";
    let link = "https://login.microsoftonline.com/error?code=50076";
    server.script(400, &format!(r#"{{"error":"invalid_grant","error_description":"{said}"}}"#));
    let token = home.run(&["token", "-a", "work"]);
    assert_eq!(token.code, 77, "{token:?}");
    for words in [link, "run: xoauth login -a work"] {
        assert!(token.err.contains(words), "{words}: {token:?}");
    }
    assert!(!token.err.contains("cause:"), "{token:?}");
    // On the way back from the page, too.
    let mut child = home.command(&["login", "-a", "work", "--paste"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let url = lines.find(|line| line.contains("state=")).unwrap();
    let state = url.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let back = format!(
        "http://127.0.0.1:1/?error=access_denied&error_description=AADSTS50105%3A+no&state={state}\n"
    );
    child.stdin.take().unwrap().write_all(back.as_bytes()).unwrap();
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(77), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("error?code=50105")), "{rest:?}");
}
