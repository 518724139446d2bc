//! Tokens are spent for nothing and given to nobody but those they are for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use e2e::authorization::{Authorization, CLIENT_ID};
use e2e::host::Host;
#[cfg(unix)]
use e2e::host::{DEMO_BEARER_TOKEN, DEMO_EXPIRED_BEARER_TOKEN, DEMO_USER};
use e2e::scripted::{Peer, Step, expect, send};
#[cfg(unix)]
use xoauth::{Credentials, Tls, TokenCommand};

#[cfg(unix)]
use crate::support::PROGRAM;
use crate::support::{Home, Said, finish, shown};

const USER: &str = "ann@example.org";

fn account(token_endpoint: &str) -> String {
    format!(
        "[account.a]\nuser = \"{USER}\"\nclient-id = \"{CLIENT_ID}\"\ntoken-endpoint = \"{token_endpoint}\"\n"
    )
}

/// Signs in with a refresh token of the server's, as another program could hand it over.
fn seeded(home: &Home, server: &Authorization, arguments: &[&str], seed: &str) -> Said {
    server.set_refresh_token(seed);
    with_seed(home, arguments, seed)
}

fn with_seed(home: &Home, arguments: &[&str], seed: &str) -> Said {
    let mut command = home.command(arguments);
    finish(command.env("XOAUTH_REFRESH_TOKEN", seed).spawn().unwrap(), "")
}

/// HTTP is for this machine: a proxy, which may be another, must not read it.
#[test]
fn what_is_for_loopback_goes_to_no_proxy() {
    let server = Authorization::start(&["access-1"]).unwrap();
    let home = Home::with(&account(&server.url("/token")));
    server.set_refresh_token("first");
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let mut command = home.command(&["--timeout", "5", "token"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
    {
        command.env(name, &url);
    }
    let child = command.env("XOAUTH_REFRESH_TOKEN", "first").spawn().unwrap();
    assert_eq!(finish(child, "").ok(), "access-1\n");
    assert_eq!(proxy.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn what_an_endpoint_echoes_in_its_description_is_masked() {
    let server = Authorization::start(&[]).unwrap();
    let config = account(&server.url("/token"))
        + &format!("device-endpoint = \"{}\"\n", server.url("/device"));
    let secrets = ["r3fr3sh-s3cr3t-t0k3n", "cl13nt-s3cr3t-0123", "d3v1c3-c0d3-4711"];
    let echo = format!(
        r#"{{"error":"invalid_grant","error_description":"Invalid: {} {} {}"}}"#,
        secrets[0], secrets[1], secrets[2]
    );
    let start = serde_json::json!({
        "device_code": secrets[2], "user_code": "A-B", "verification_uri": "http://h/",
    });
    for (arguments, hidden, first) in [
        (&["-v", "token"][..], &secrets[..2], None),
        (&["--json", "token"], &secrets[..2], None),
        (&["check", "token"], &secrets[..2], None),
        (&["--json", "login", "--device"], &secrets[1..], Some(start.to_string())),
    ] {
        let home = Home::with(&config);
        if let Some(first) = first {
            server.script(200, &first);
        }
        server.script(400, &echo);
        let mut command = home.command(arguments);
        command.env("XOAUTH_CLIENT_SECRET", secrets[1]).env("XOAUTH_REFRESH_TOKEN", secrets[0]);
        let said = finish(command.spawn().unwrap(), "");
        assert_eq!(said.code, 77, "{said:?}");
        let text = format!("{}{}", said.out, said.err);
        assert!(text.contains("Invalid: "), "{said:?}");
        for secret in hidden {
            assert!(!text.contains(secret), "{said:?}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_token_that_the_stores_command_does_not_take_is_kept_until_it_does() {
    let server = Authorization::start(&["access-1", "access-2", "access-3"]).unwrap();
    let config = account(&server.url("/token"))
        + "[account.a.store]\nread = \"cat kept\"\nwrite = \"test -e open && cat > kept\"\n";
    let home = Home::with(&config);
    home.write("kept", r#"{"v":1,"refresh_token":"first"}"#);
    server.set_refresh_token("first");
    let said = home.run(&["token"]);
    assert!(said.err.contains("store.write: the command ended with"), "{said:?}");
    assert_eq!(said.ok(), "access-1\n");
    // The one that it has is spent; the one that it did not take goes on.
    assert_eq!(home.run(&["token"]).ok(), "access-1\n");
    assert_eq!(home.run(&["token", "--renew"]).ok(), "access-2\n");
    home.write("open", "");
    assert_eq!(home.run(&["token", "--renew"]).ok(), "access-3\n");
    assert!(home.read("kept").contains("access-3"));
    let left: Vec<_> = std::fs::read_dir(home.path.join("state/xoauth")).unwrap().collect();
    assert_eq!(left.len(), 1, "the lock alone: {left:?}");
}

#[cfg(unix)]
#[test]
fn a_lock_that_another_holds_is_waited_for_as_long_as_a_command() {
    let server = Authorization::start(&["access-1", "access-2"]).unwrap();
    let config = account(&server.url("/token"))
        + "[account.a.store]\nread = \"cat kept\"\nwrite = \"cat > kept; cat gate\"\n";
    let home = Home::with(&config);
    let gate = home.path.join("gate");
    assert!(std::process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
    home.write("kept", r#"{"v":1,"refresh_token":"first"}"#);
    server.set_refresh_token("first");
    let first = home.command(&["token"]).spawn().unwrap();
    // Opened once the other command reads of it, under the lock.
    let gate = std::fs::OpenOptions::new().write(true).open(gate).unwrap();
    let spent = server.requests().len();
    for (seconds, is_told, arguments) in [
        ("1", false, &["token", "--renew"][..]),
        ("5", true, &["token", "--renew"]),
        ("1", false, &["login", "--client-credentials"]),
    ] {
        let renew = ["--timeout", seconds].into_iter().chain(arguments.iter().copied());
        let mut command = home.command(&renew.collect::<Vec<_>>());
        command.env("XOAUTH_CLIENT_SECRET", "secret");
        let said = finish(command.spawn().unwrap(), "");
        assert_eq!(said.code, 75, "{said:?}");
        assert!(said.err.contains("another xoauth renews the tokens of `a`"), "{said:?}");
        assert_eq!(said.err.contains("waiting: another renews"), is_told, "{said:?}");
    }
    // Who waits longer is told why, and a signal ends it as it ends any program: nothing is spent meanwhile.
    for arguments in [&["token", "--renew"][..], &["login", "--client-credentials"]] {
        let mut command = home.command(arguments);
        let mut waiting = command.env("XOAUTH_CLIENT_SECRET", "secret").spawn().unwrap();
        let mut lines = BufReader::new(waiting.stderr.take().unwrap()).lines();
        let note = lines.next().unwrap().unwrap();
        assert_eq!(note, "xoauth: waiting: another renews the tokens of `a`");
        signal("TERM", &waiting);
        let status = waiting.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15), "{status:?}");
    }
    assert_eq!(server.requests().len(), spent);
    drop(gate);
    assert_eq!(finish(first, "").ok(), "access-1\n");
}

/// Consent is asked for only where the rest is at hand, and the secret's program is run once for all requests.
#[cfg(unix)]
#[test]
fn the_secret_is_read_before_the_user_is_asked_and_once() {
    let server = Authorization::start(&["access-1"]).unwrap();
    let config = account(&server.url("/token"))
        + &format!("device-endpoint = \"{}\"\n", server.url("/device"))
        + "authorization-endpoint = \"http://127.0.0.1/authorize\"\n";
    for arguments in [&["login", "--device"][..], &["login", "--paste"]] {
        let without = "client-secret = { file = \"nowhere\" }\n";
        let said = Home::with(&format!("{config}{without}")).run(arguments);
        assert_eq!(said.code, 78, "{said:?}");
        assert!(!said.err.contains("http"), "{said:?}");
    }
    assert!(server.requests().is_empty());
    let counted = "client-secret = { command = \"echo x >> runs; echo secret\" }\n";
    let home = Home::with(&format!("{config}{counted}"));
    server.approve_device_after(1);
    home.run(&["login", "--device"]).ok();
    assert_eq!(home.read("runs"), "x\n");
}

#[test]
fn nobody_signs_in_where_the_token_has_no_place() {
    let server = Authorization::start(&["access-1"]).unwrap();
    let home = Home::with(
        &(account(&server.url("/token"))
            + &format!("device-endpoint = \"{}\"\n", server.url("/device"))),
    );
    home.write("state", "a file, and no directory");
    assert_eq!(home.run(&["login", "--device"]).code, 74);
    assert!(server.requests().is_empty());
}

/// Reads a request and gives back the connection.
fn request(listener: &TcpListener) -> TcpStream {
    let mut reader = BufReader::new(listener.accept().unwrap().0);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).unwrap() > 2 {
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    reader.into_inner()
}

#[cfg(unix)]
#[test]
fn a_signal_during_a_renewal_waits_until_the_tokens_are_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = Home::with(&account(&format!("http://{}/token", listener.local_addr().unwrap())));
    home.write("state/xoauth/a.json", r#"{"v":1,"refresh_token":"first"}"#);
    let child = home.command(&["token"]).spawn().unwrap();
    let mut stream = request(&listener);
    let sent = std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
    let body = r#"{"access_token":"access-2","expires_in":3600,"refresh_token":"second"}"#;
    let length = body.len();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    let said = finish(child, "");
    assert!(matches!(said.code, 0 | 130), "{said:?}");
    assert!(home.read("state/xoauth/a.json").contains("second"));
}

#[test]
fn tokens_go_to_those_alone_that_they_are_for() {
    let server = Authorization::start(&["access-1"]).unwrap();
    let config = account(&server.url("/token"));
    let home = Home::with(&config);
    seeded(&home, &server, &["token"], "first").ok();
    let asked = server.requests().len();
    for (from, to) in
        [(CLIENT_ID, "another-client"), (USER, "ben@example.org"), ("/token", "/another")]
    {
        home.write("config/xoauth/config.toml", &config.replace(from, to));
        for arguments in [&["token"][..], &["token", "--renew"], &["check", "token"]] {
            let said = home.run(arguments);
            assert_eq!(said.code, 77, "{to}: {said:?}");
            let text = format!("{}{}", said.out, said.err);
            assert!(text.contains("are those of another"), "{said:?}");
            assert!(text.contains("xoauth login -a a"), "{said:?}");
        }
    }
    assert_eq!(server.requests().len(), asked);
    // A shared mailbox has its own user and the token of the account that it extends.
    home.write(
        "config/xoauth/config.toml",
        &(config + "[account.desk]\nextends = \"a\"\nuser = \"desk@example.org\"\n"),
    );
    assert_eq!(home.run(&["token", "-a", "desk"]).ok(), "access-1\n");
    assert_eq!(home.run(&["token", "-a", "a", "--user", "x@example.org"]).ok(), "access-1\n");
}

#[test]
fn a_refresh_token_of_the_environment_is_spent_once() {
    let server = Authorization::start(&["access-1", "access-2", "access-3"]).unwrap();
    let home = Home::with(&account(&server.url("/token")));
    let renew = ["token", "--renew"];
    assert_eq!(seeded(&home, &server, &renew, "first").ok(), "access-1\n");
    // It is in the environment still; its successor is in the store.
    assert_eq!(with_seed(&home, &renew, "first").ok(), "access-2\n");
    // Another one is a new beginning.
    assert_eq!(seeded(&home, &server, &renew, "other").ok(), "access-3\n");
}

/// The library says so after a refusal.
#[test]
fn the_environment_asks_for_a_new_token() {
    let server = Authorization::start(&["access-1", "access-2", "access-3"]).unwrap();
    let home = Home::with(&account(&server.url("/token")));
    seeded(&home, &server, &["token"], "first").ok();
    let asked = |value: &str| {
        let mut command = home.command(&["token"]);
        finish(command.env("XOAUTH_RENEW", value).spawn().unwrap(), "").ok()
    };
    for value in ["", "0", "1", "Force", "force ", "always"] {
        assert_eq!(asked(value), "access-1\n", "{value:?}");
    }
    assert_eq!(asked("force"), "access-2\n");
    assert_eq!(home.run(&["token"]).ok(), "access-2\n");
    // A token that is still good is no answer to a refusal.
    server.script(503, "busy");
    let mut command = home.command(&["token"]);
    let said = finish(command.env("XOAUTH_RENEW", "force").spawn().unwrap(), "");
    assert_eq!((said.code, said.out.as_str()), (75, ""), "{said:?}");
}

/// The wish is for one token, and a command that asks for another hears nothing of it.
#[cfg(unix)]
#[test]
fn commands_do_not_inherit_the_wish_for_a_new_token() {
    let server = Authorization::start(&["access-1"]).unwrap();
    let note = |name: &str| format!("echo ${{XOAUTH_RENEW-unset}} > {name}");
    let config = account(&server.url("/token"))
        + &format!(
            "client-secret = {{ command = [\"sh\", \"-c\", \"{}; echo s\"] }}\n\
             [account.a.store]\nread = \"{}; cat kept\"\nwrite = \"{}; cat > kept\"\n",
            note("secret"),
            note("read"),
            note("written")
        );
    let home = Home::with(&config);
    home.write("kept", r#"{"v":1,"refresh_token":"first"}"#);
    server.set_refresh_token("first");
    let mut command = home.command(&["token"]);
    let said = finish(command.env("XOAUTH_RENEW", "force").spawn().unwrap(), "");
    assert_eq!(said.ok(), "access-1\n");
    for name in ["secret", "read", "written"] {
        assert_eq!(home.read(name), "unset\n", "{name}");
    }
}

/// What the documentation of `TokenCommand` promises: the stored token looks good, the server refuses it, and the second
/// asking gets another.
#[cfg(unix)]
#[test]
fn a_token_command_renews_what_a_server_refuses() {
    let host = Host::builder().start().unwrap();
    let server = Authorization::start(&[DEMO_BEARER_TOKEN]).unwrap();
    let home = Home::with(&account(&server.url("/token")));
    let stored = serde_json::json!({
        "v": 1, "access_token": DEMO_EXPIRED_BEARER_TOKEN, "refresh_token": "first",
        "expires_at": 99_999_999_999_u64,
    });
    home.write("state/xoauth/a.json", &stored.to_string());
    server.set_refresh_token("first");
    // The environment of these tests is the command's but for its home.
    let command = [
        format!("XDG_STATE_HOME={}", home.path.join("state").display()),
        PROGRAM.to_owned(),
        format!("--config={}", home.path.join("config/xoauth/config.toml").display()),
        "token".to_owned(),
        "-aa".to_owned(),
    ];
    let credentials = Credentials::bearer(DEMO_USER, TokenCommand::new("env", command));
    let tls = Tls::builder().add_roots(host.ca_pem()).unwrap().only_these_roots().build().unwrap();
    let imap = xoauth::imap::Builder::new("localhost").tls(&tls).port(host.imaps_port());
    for _ in 0..2 {
        imap.log_in(&credentials).unwrap().logout().unwrap();
        assert!(home.read("state/xoauth/a.json").contains(DEMO_BEARER_TOKEN));
    }
    // The second login has the new one at once.
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_refused_token_whose_renewal_is_late_is_temporary() {
    let server = Authorization::start(&[]).unwrap();
    let peer = Peer::start(vec![vec![
        send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hello\r\n"),
        expect("AUTHENTICATE XOAUTH2 "),
        send("{tag} NO [AUTHENTICATIONFAILED] expired\r\n"),
        Step::ExpectEnd,
    ]])
    .unwrap();
    let home = Home::with(&format!(
        "{}insecure-plaintext = true\nmechanism = \"XOAUTH2\"\nimap = \"imap://127.0.0.1:{}\"\n",
        account(&server.url("/token")),
        peer.port()
    ));
    home.write(
        "state/xoauth/a.json",
        r#"{"v":1,"access_token":"old","refresh_token":"first","expires_at":99999999999}"#,
    );
    server.script(503, "restarting");
    let said = home.run(&["--json", "list"]);
    assert_eq!(said.code, 75, "{said:?}");
    let error = said.error();
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("expired") && message.contains("answered 503"), "{message}");
}

#[test]
fn a_device_login_outlives_what_is_temporary() {
    let server = Authorization::start(&["access-1"]).unwrap();
    let home = Home::with(
        &(account(&server.url("/token"))
            + &format!("device-endpoint = \"{}\"\n", server.url("/device"))),
    );
    server.set_refresh_token("first");
    server.approve_device();
    server.script(
        200,
        r#"{"device_code":"device-x","user_code":"A-B","verification_uri":"http://h/","interval":0}"#,
    );
    server.script(429, r#"{"error":"authorization_pending"}"#);
    server.script(503, "busy");
    server.script(200, r#"{"access_token":"access-1","expires_in":3600}"#);
    let mut command = home.command(&["login", "--device"]);
    let child = command.env("XOAUTH_CLIENT_SECRET", "cs").spawn().unwrap();
    finish(child, "").ok();
    assert_eq!(home.run(&["token"]).ok(), "access-1\n");
    // A confidential client proves itself at both endpoints; where no scope is configured none is sent.
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    for request in requests {
        assert_eq!(request.parameter("client_secret"), Some("cs"), "{request:?}");
        assert_eq!(request.parameter("scope"), None, "{request:?}");
    }
}

#[test]
fn a_token_that_is_still_good_bridges_an_endpoint_that_is_down() {
    let server = Authorization::start(&["access-1"]).unwrap();
    server.set_lifetime(200);
    let home = Home::with(&account(&server.url("/token")));
    seeded(&home, &server, &["token"], "first").ok();
    server.script(503, "busy");
    let said = home.run(&["token"]);
    assert!(said.err.contains("answered 503"), "{said:?}");
    assert_eq!(said.ok(), "access-1\n");
    server.script(503, "busy");
    assert_eq!(home.run(&["token", "--renew"]).code, 75);
}

/// Each line of it would be taken for something, and a terminal would obey it.
#[test]
fn a_token_that_is_no_line_of_ascii_is_not_printed() {
    let server = Authorization::start(&[]).unwrap();
    let home = Home::with(&account(&server.url("/token")));
    for token in ["a\nb", "a b", "\u{1b}[2Ja", "ü", "a\u{0}"] {
        let answer = serde_json::json!({ "access_token": token, "expires_in": 600 });
        server.script(200, &answer.to_string());
        let said = with_seed(&home, &["token", "--renew"], "first");
        assert_eq!((said.code, said.out.as_str()), (76, ""), "{said:?}");
        let kept = serde_json::json!({ "v": 1, "access_token": token });
        home.write("state/xoauth/a.json", &kept.to_string());
        let said = home.run(&["token"]);
        assert_eq!((said.code, said.out.as_str()), (65, ""), "{said:?}");
        std::fs::remove_file(home.path.join("state/xoauth/a.json")).unwrap();
    }
}

/// A server would be told of somebody who has no token.
#[test]
fn an_empty_token_is_none() {
    let server = Authorization::start(&["access-1"]).unwrap();
    let home = Home::with(&account(&server.url("/token")));
    server.set_refresh_token("first");
    home.write("state/xoauth/a.json", r#"{"v":1,"access_token":"","refresh_token":""}"#);
    assert_eq!(home.run(&["token"]).code, 77);
    home.write("state/xoauth/a.json", r#"{"v":1,"access_token":"","refresh_token":"first"}"#);
    assert_eq!(home.run(&["token"]).ok(), "access-1\n");
    for config in ["access-token = { file = \"empty\" }", "access-token = { env = \"EMPTY\" }"] {
        let home = Home::with(&format!("[account.a]\nuser = \"{USER}\"\n{config}\n"));
        home.write("config/xoauth/empty", "\n");
        let said = finish(home.command(&["token"]).env("EMPTY", "").spawn().unwrap(), "");
        assert_eq!((said.code, said.out.as_str()), (78, ""), "{said:?}");
    }
}

#[test]
fn no_token_lives_for_ever() {
    let server = Authorization::start(&[]).unwrap();
    let home = Home::with(&account(&server.url("/token")));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    // {"alg":"none"}.{"exp":1}.sig
    let jwt = "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.c2ln";
    for (members, expected) in [
        (r#""access_token":"a","expires_in":600.5"#.to_owned(), now + 600),
        (r#""access_token":"a","expires_in":"600""#.to_owned(), now + 600),
        (r#""access_token":"a","expires_in":1e300"#.to_owned(), u64::MAX),
        (r#""access_token":"a","expires_in":-5"#.to_owned(), now),
        (r#""access_token":"a""#.to_owned(), now + 3600),
        (format!(r#""access_token":"{jwt}""#), 1),
    ] {
        server.script(200, &format!("{{{members}}}"));
        let said = with_seed(&home, &["--json", "token", "--renew"], "first").json();
        let expires_at = said["expires_at"].as_u64().unwrap();
        assert!(expires_at.abs_diff(expected) < 60, "{members}: {expires_at}");
    }
}

#[test]
fn endpoints_that_are_none_are_told_apart_from_refusals() {
    let host = Host::builder().start().unwrap();
    let secure = format!("https://localhost:{}/token", host.imaps_port());
    let server = Authorization::start(&[]).unwrap();
    let nowhere = "https://no-such-host.invalid/token".to_owned();
    for (url, code, words) in [
        (secure.clone(), 76, "localhost"),
        (nowhere, 68, "no-such-host"),
        (server.url("/no-such-path"), 76, "404"),
        ("http://127.0.0.1:x@no-such-host.invalid/".to_owned(), 78, "no https URL"),
    ] {
        let said = with_seed(&Home::with(&account(&url)), &["token"], "first");
        assert_eq!(said.code, code, "{url}: {said:?}");
        assert!(said.err.contains(words), "{said:?}");
    }
    // Each certificate of the file is trusted, not the first alone: what speaks there is no HTTP.
    let other = Host::builder().start().unwrap();
    let home = Home::new();
    let pem = [other.ca_pem(), host.ca_pem()].concat();
    let roots = home.write("roots.pem", &String::from_utf8(pem).unwrap());
    home.write(
        "config/xoauth/config.toml",
        &(account(&secure) + &format!("ca-file = \"{}\"\n", shown(&roots))),
    );
    let said = with_seed(&home, &["token"], "first");
    assert_eq!(said.code, 75, "{said:?}");
}

#[cfg(unix)]
#[test]
fn tokens_that_others_can_read_are_refused_and_a_trace_is_closed_to_them() {
    use std::os::unix::fs::PermissionsExt;
    let open = |path: &std::path::Path| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    };
    let peer = Peer::start(vec![vec![send("* BYE no\r\n"), Step::Close]]).unwrap();
    let home = Home::with(&format!(
        "{}insecure-plaintext = true\nimap = \"imap://127.0.0.1:{}\"\n",
        account("https://h.invalid/"),
        peer.port()
    ));
    let store = home.write("state/xoauth/a.json", r#"{"v":1,"access_token":"t"}"#);
    open(&store);
    let said = home.run(&["token"]);
    assert_eq!(said.code, 78, "{said:?}");
    assert!(said.err.contains("can be read by others"), "{said:?}");
    home.write("state/xoauth/a.json", r#"{"v":1,"access_token":"t"}"#);
    let trace = home.write("trace.txt", "");
    open(&trace);
    home.run(&["list", "--trace", "trace.txt"]);
    assert_eq!(std::fs::metadata(&trace).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Sends a signal as a terminal or a service manager does.
#[cfg(unix)]
fn signal(name: &str, child: &std::process::Child) {
    let arguments = [format!("-{name}"), child.id().to_string()];
    assert!(std::process::Command::new("kill").args(arguments).status().unwrap().success());
}

/// A code is spent once, too.
#[cfg(unix)]
#[test]
fn a_signal_while_a_code_is_exchanged_waits_until_the_tokens_are_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/token", listener.local_addr().unwrap());
    let config = account(&endpoint) + "authorization-endpoint = \"http://127.0.0.1/\"\n";
    for name in ["INT", "TERM"] {
        let home = Home::with(&config);
        let mut child = home.command(&["login", "--paste"]).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"the-code\n").unwrap();
        let mut stream = request(&listener);
        signal(name, &child);
        let body = r#"{"access_token":"access-1","expires_in":3600,"refresh_token":"first"}"#;
        let length = body.len();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let said = finish(child, "");
        assert!(matches!(said.code, 0 | 130), "{said:?}");
        assert!(home.read("state/xoauth/a.json").contains("access-1"), "{said:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_after_a_renewal_ends_the_command_with_130() {
    let server = Authorization::start(&["access-2", "access-3"]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = account(&server.url("/token"))
        + &format!(
            "insecure-plaintext = true\nmechanism = \"XOAUTH2\"\nimap = \"imap://{}\"\n",
            listener.local_addr().unwrap()
        );
    for name in ["INT", "TERM"] {
        let home = Home::with(&config);
        server.set_refresh_token("first");
        home.write("state/xoauth/a.json", r#"{"v":1,"refresh_token":"first"}"#);
        let child = home.command(&["list"]).spawn().unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hello\r\n").unwrap();
        // The token is there, and nothing is said to it.
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        assert!(line.contains("AUTHENTICATE XOAUTH2 "), "{line}");
        signal(name, &child);
        let said = finish(child, "");
        assert_eq!(said.code, 130, "{said:?}");
        assert!(home.read("state/xoauth/a.json").contains("\"access-"));
    }
}
