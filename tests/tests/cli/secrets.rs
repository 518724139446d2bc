//! No secret shows in output, errors or traces.

use e2e::authorization::{Authorization, CLIENT_ID};
use e2e::host::Host;
use e2e::scripted::{Peer, Step, expect, send};

use crate::support::{Home, bearer_account};

const TOKEN: &str = "s3cr3t-4cc3ss-t0k3n-0123456789";

#[test]
fn what_a_server_echoes_is_masked_and_the_trace_has_no_credentials() {
    let echo = format!("{{tag}} NO bad token {TOKEN} of ann\r\n");
    let script = vec![
        send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hello\r\n"),
        expect("AUTHENTICATE XOAUTH2 "),
        send(echo),
        Step::ExpectEnd,
    ];
    // `check` tries once; `list` renews what can be renewed, which a token in a variable is not.
    for verb in ["check", "list"] {
        let peer = Peer::start(vec![script.clone()]).unwrap();
        let home = Home::with(&format!(
            "[account.a]\nuser = \"ann@example.org\"\nmechanism = \"XOAUTH2\"\ninsecure-plaintext = true\nimap = \"imap://127.0.0.1:{}\"\n",
            peer.port()
        ));
        let mut command = home.command(&[verb, "-v", "--trace", "trace.txt"]);
        let child = command.env("XOAUTH_ACCESS_TOKEN", TOKEN).spawn().unwrap();
        let said = crate::support::finish(child, "");
        assert_eq!(said.code, 77, "{said:?}");
        peer.finish().unwrap();
        let trace = home.read("trace.txt");
        assert!(trace.contains("C: ") && trace.contains("AUTHENTICATE XOAUTH2"), "{trace}");
        for text in [&said.out, &said.err, &trace] {
            assert!(!text.contains("s3cr3t") && !text.contains("t0k3n"), "{text}");
            assert!(!text.contains("czNjcjN0"), "{text}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(home.path.join("trace.txt")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}

#[test]
fn what_an_endpoint_echoes_beside_its_error_is_not_repeated() {
    let server = Authorization::start(&[]).unwrap();
    let body =
        r#"{"error":"invalid_request","error_description":"no","refresh_token":"r3fr3sh-s3cr3t"}"#;
    server.script(400, body);
    let home = Home::with(&format!(
        "[account.a]\nuser = \"ann@example.org\"\nclient-id = \"{CLIENT_ID}\"\ntoken-endpoint = \"{}\"\n",
        server.url("/token")
    ));
    home.write("state/xoauth/a.json", r#"{"v":1,"refresh_token":"r3fr3sh-s3cr3t"}"#);
    let said = home.run(&["-v", "--json", "token"]);
    assert_eq!(said.code, 77, "{said:?}");
    assert!(!said.err.contains("r3fr3sh"), "{said:?}");
}

/// As root, `--trace /dev/null` would close the device for everybody.
#[cfg(unix)]
#[test]
fn a_trace_changes_no_mode_but_that_of_a_file() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let pipe = home.path.join("pipe");
    let made = std::process::Command::new("mkfifo").args(["-m", "644"]).arg(&pipe).status();
    assert!(made.unwrap().success());
    let reader = pipe.clone();
    let reader = std::thread::spawn(move || std::fs::read_to_string(reader).unwrap());
    home.run(&["list", "--trace", "pipe"]).ok();
    assert!(reader.join().unwrap().contains("C: "));
    let mode = std::fs::metadata(&pipe).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

#[test]
fn credentials_go_with_the_first_line_unless_that_is_forbidden() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    for (value, inline) in [("auto", true), ("always", true), ("never", false)] {
        home.run(&["list", "--sasl-ir", value, "--trace", value]).ok();
        let trace = home.read(value);
        let line = trace.lines().find(|line| line.contains("AUTHENTICATE XOAUTH2")).unwrap();
        assert_eq!(line.contains("XOAUTH2 <"), inline, "{line}");
    }
}

/// Arguments show in `ps`: those of the command, and those of everything that it starts.
#[cfg(target_os = "linux")]
#[test]
fn no_argument_of_any_process_holds_a_secret() {
    use std::io::{BufRead, BufReader};
    let host = Host::builder().start().unwrap();
    let server = Authorization::start(&["acc3ss-t0k3n-1", "acc3ss-t0k3n-2"]).unwrap();
    for token in ["acc3ss-t0k3n-1", "acc3ss-t0k3n-2"] {
        host.issue_bearer(e2e::host::DEMO_USER, token);
    }
    let home = Home::new();
    // Each process notes its own arguments, and those of who started it, on one line.
    let note =
        "(tr '\\0' ' ' < /proc/$$/cmdline; tr '\\0' ' ' < /proc/$PPID/cmdline; echo) >> seen";
    home.write("seen.sh", note);
    let account = bearer_account(&host, "XOAUTH2");
    let (start, _) = account.split_once("access-token").unwrap();
    let config = format!(
        "{start}client-id = \"{CLIENT_ID}\"\nauthorization-endpoint = \"{}\"\ntoken-endpoint = \"{}\"\n\
         client-secret = {{ command = \". ./seen.sh; cat cs\" }}\n[account.demo.store]\n\
         read = [\"sh\", \"-c\", \". ./seen.sh; cat kept\"]\nwrite = \". ./seen.sh; cat > kept\"\n\
         [account.other]\nuser = \"ann@example.org\"\naccess-token = {{ command = \". ./seen.sh; cat kept.token\" }}\n",
        server.url("/authorize"),
        server.url("/token"),
    );
    home.write("config/xoauth/config.toml", &config);
    home.write("cs", "cl13nt-s3cr3t");
    home.write("kept.token", "acc3ss-t0k3n-3");
    home.write("browse", ". ./seen.sh; echo $1 > page.new; mv page.new page");
    let mut command = home.command(&["-a", "demo", "login", "--port", "0"]);
    let mut child = command.env("BROWSER", "sh browse").spawn().unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let page = notes.find(|line| line.starts_with("  http://")).unwrap();
    let rest = std::thread::spawn(move || notes.collect::<Vec<_>>());
    while !home.path.join("page").exists() {
        std::thread::yield_now();
    }
    let text = e2e::authorization::get(page.trim()).unwrap();
    let allow = text.split("id=allow href=\"").nth(1).unwrap().split('"').next().unwrap();
    e2e::authorization::get(allow).unwrap();
    assert!(child.wait().unwrap().success(), "{:?}", rest.join().unwrap());
    assert_eq!(home.run(&["-a", "demo", "token", "--renew"]).ok(), "acc3ss-t0k3n-2\n");
    let kept = home.read("kept");
    home.run(&["-a", "other", "string"]).ok();
    // What listens hears of what comes next.
    let exec = ". ./seen.sh";
    let mut watch =
        home.command(&["-a", "demo", "watch", "--once", "--exec", exec]).spawn().unwrap();
    let mut notes = BufReader::new(watch.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(notes.any(|line| line.contains("watching INBOX")));
    host.deliver(e2e::host::DEMO_USER, "INBOX", "Subject: x\r\n\r\ny\r\n", &[], 1).unwrap();
    assert!(watch.wait().unwrap().success());

    let seen = home.read("seen");
    for (program, verb) in [
        ("sh browse", "login"),
        ("cat cs", "login"),
        ("cat > kept", "login"),
        ("cat kept", "token --renew"),
        ("cat kept.token", "string"),
        (exec, "watch"),
    ] {
        let both = |line: &str| line.contains(program) && line.contains(verb);
        assert!(seen.lines().any(both), "{program} of {verb}: {seen}");
    }
    let refresh = kept.split("\"refresh_token\":\"").nth(1).unwrap().split('"').next().unwrap();
    for secret in ["acc3ss", "cl13nt", refresh, "refresh-"] {
        assert!(!seen.contains(secret), "{secret}: {seen}");
    }
}
