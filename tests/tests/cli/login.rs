//! `login` and `token` against the authorization server.

use std::io::{BufRead, BufReader};
use std::process::Child;

use e2e::authorization::{Authorization, CLIENT_ID, CLIENT_SECRET, get};
use e2e::host::{DEMO_CONSUMER, DEMO_TOKEN, DEMO_USER};

use crate::support::{Home, Said, finish};

fn account(server: &Authorization) -> String {
    format!(
        "[account.work]\nuser = \"{DEMO_USER}\"\nclient-id = \"{CLIENT_ID}\"\nscopes = [\"mail\", \"offline_access\"]\n\
         authorization-endpoint = \"{}\"\ntoken-endpoint = \"{}\"\ndevice-endpoint = \"{}\"\n",
        server.url("/authorize"),
        server.url("/token"),
        server.url("/device"),
    )
}

fn signing_account(server: &Authorization) -> String {
    format!(
        "[account.work]\nuser = \"{DEMO_USER}\"\nmechanism = \"XOAUTH\"\nconsumer-key = \"{}\"\n\
         consumer-secret = {{ env = \"XOAUTH_CONSUMER_SECRET\" }}\nrequest-token-endpoint = \"{}\"\n\
         authorize-endpoint = \"{}\"\naccess-token-endpoint = \"{}\"\n",
        DEMO_CONSUMER.0,
        server.url("/oauth1/request"),
        server.url("/oauth1/authorize"),
        server.url("/oauth1/access"),
    )
}

/// The URL that the command asks to open; what else it says is read to its end meanwhile.
fn announced(child: &mut Child) -> (String, std::thread::JoinHandle<String>) {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let url =
        lines.by_ref().map(Result::unwrap).find(|line| line.trim().starts_with("http://")).unwrap();
    let rest = std::thread::spawn(move || lines.map(Result::unwrap).collect::<Vec<_>>().join("\n"));
    (url.trim().to_owned(), rest)
}

/// The target of a link on a page.
fn link(page: &str, id: &str) -> String {
    let behind = page.split(&format!("<a id={id} href=\"")).nth(1).expect(page);
    behind.split('"').next().unwrap().to_owned()
}

/// A browser that agrees, or not.
fn browse(url: &str, id: &str) {
    get(&link(&get(url).unwrap(), id)).unwrap();
}

fn log_in(home: &Home, arguments: &[&str], id: &str) -> Said {
    let mut child = home.command(arguments).env("BROWSER", "true").spawn().unwrap();
    let (url, rest) = announced(&mut child);
    browse(&url, id);
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: rest.join().unwrap(),
    }
}

#[test]
fn a_login_in_the_browser_gives_a_token_that_is_renewed() {
    let server = Authorization::start(&["access-1", "access-2", "access-3"]).unwrap();
    let home = Home::with(&account(&server));
    assert_eq!(home.run(&["token"]).code, 77);

    let said = log_in(&home, &["--json", "login", "--no-browser"], "allow").json();
    assert_eq!(said["account"], "work");
    assert_eq!(said["refreshable"], true);
    assert_eq!(said["scopes"], serde_json::json!(["mail", "offline_access"]));
    assert_eq!(home.run(&["token"]).ok(), "access-1\n");

    let first = server.refresh_token().unwrap();
    assert_eq!(home.run(&["token", "--renew"]).ok(), "access-2\n");
    let second = server.refresh_token().unwrap();
    assert_ne!(first, second);
    assert!(home.read("state/xoauth/work.json").contains(&second));
    // Less time left than asked for.
    assert_eq!(home.run(&["token", "--min-valid", "2h"]).ok(), "access-3\n");
    assert_eq!(home.run(&["token"]).ok(), "access-3\n");
}

#[cfg(unix)]
#[test]
fn tokens_are_kept_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let server = Authorization::start(&["access-1"]).unwrap();
    let home = Home::with(&account(&server));
    log_in(&home, &["login", "--no-browser"], "allow").ok();
    for (name, mode) in [
        ("state/xoauth", 0o700),
        ("state/xoauth/work.json", 0o600),
        ("state/xoauth/work.lock", 0o600),
    ] {
        let found = std::fs::metadata(home.path.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name}");
    }
}

#[test]
fn many_that_ask_at_once_renew_once() {
    let server = Authorization::start(&["access-1", "access-2"]).unwrap();
    server.set_lifetime(10);
    let home = Home::with(&account(&server));
    log_in(&home, &["login", "--no-browser"], "allow").ok();
    server.set_lifetime(3600);
    let children: Vec<Child> = (0..6).map(|_| home.command(&["token"]).spawn().unwrap()).collect();
    for child in children {
        assert_eq!(finish(child, "").ok(), "access-2\n");
    }
    let renewals = server.requests();
    let renewals =
        renewals.iter().filter(|request| request.parameter("grant_type") == Some("refresh_token"));
    assert_eq!(renewals.count(), 1);
}

#[test]
fn what_the_endpoint_refuses_ends_with_77_and_its_rule_and_keeps_the_old_tokens() {
    let server = Authorization::start(&["access-1", "access-2"]).unwrap();
    let home = Home::with(&account(&server));
    log_in(&home, &["login", "--no-browser"], "allow").ok();
    let before = home.read("state/xoauth/work.json");

    server.script(503, "busy");
    let said = home.run(&["--json", "token", "--renew"]);
    assert_eq!(said.code, 75, "{said:?}");
    server.script(
        400,
        r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#,
    );
    let said = home.run(&["--json", "token", "--renew"]);
    assert_eq!(said.code, 77);
    assert_eq!(said.error()["id"], "google-invalid-grant");
    server.script(200, r#"{"token_type":"Bearer"}"#);
    assert_eq!(home.run(&["token", "--renew"]).code, 76);

    assert_eq!(home.read("state/xoauth/work.json"), before);
    assert_eq!(home.run(&["token", "--renew"]).ok(), "access-2\n");
}

#[test]
fn a_user_who_does_not_agree_gets_77() {
    let server = Authorization::start(&[]).unwrap();
    let home = Home::with(&account(&server));
    let said = log_in(&home, &["login", "--no-browser"], "deny");
    assert_eq!(said.code, 77);
    assert!(said.err.contains("access_denied"), "{said:?}");
}

#[test]
fn what_the_user_has_to_do_is_said_however_quiet() {
    let server = Authorization::start(&["access-1", "access-2"]).unwrap();
    let home = Home::with(&account(&server));
    log_in(&home, &["login", "-q", "--no-browser"], "allow").ok();
    server.approve_device();
    let said = home.run(&["login", "-q", "--device"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("\n  WDJB-MJHT\n"), "{said:?}");
}

/// Others on this machine can connect too: with drops of an octet, with refusals of another login, or not at all.
#[test]
fn whoever_else_connects_holds_no_login_up() {
    use std::io::{Read, Write};
    let server = Authorization::start(&["access-1"]).unwrap();
    let home = Home::with(&account(&server));
    let mut child = home.command(&["login", "--no-browser"]).spawn().unwrap();
    let (url, rest) = announced(&mut child);
    let page = get(&url).unwrap();
    let allow = link(&page, "allow");
    let port = allow.split("127.0.0.1:").nth(1).unwrap().split('/').next().unwrap();
    let address = format!("127.0.0.1:{port}");
    let mut dripping = std::net::TcpStream::connect(&address).unwrap();
    let _silent = std::net::TcpStream::connect(&address).unwrap();
    drop(std::net::TcpStream::connect(&address).unwrap());
    // As long as somebody listens.
    let pause = std::time::Duration::from_millis(100);
    dripping.set_read_timeout(Some(pause)).unwrap();
    let dripper = std::thread::spawn(move || {
        while dripping.write_all(b"G").is_ok() && dripping.read(&mut [0]).is_err() {}
    });
    get(&format!("http://{address}/?error=access_denied")).unwrap();
    get(&allow).unwrap();
    assert!(child.wait().unwrap().success());
    let said = rest.join().unwrap();
    assert!(said.contains("error=access_denied, but not from this login"), "{said}");
    dripper.join().unwrap();
}

#[cfg(unix)]
#[test]
fn a_browser_hears_no_secret() {
    let server = Authorization::start(&[]).unwrap();
    let home = Home::with(&account(&server));
    let mut command = home.command(&["login", "--port", "0"]);
    home.write("browse", "env > seen.new; mv seen.new seen");
    command.env("BROWSER", "sh browse").env("XOAUTH_CLIENT_SECRET", "cs-4711").env("MARK", "here");
    let mut child = command.spawn().unwrap();
    let (url, rest) = announced(&mut child);
    // It has been started before the waiting is announced; its file is whole when it is there.
    while !home.path.join("seen").exists() {
        std::thread::yield_now();
    }
    browse(&url, "deny");
    child.wait().unwrap();
    drop(rest.join());
    let seen = home.read("seen");
    assert!(seen.contains("MARK=here") && !seen.contains("4711"), "{seen}");
}

#[test]
fn the_address_can_be_pasted() {
    let server = Authorization::start(&["access-1"]).unwrap();
    let home = Home::with(&account(&server));
    let mut child = home.command(&["login", "--paste"]).spawn().unwrap();
    let (url, rest) = announced(&mut child);
    let address = link(&get(&url).unwrap(), "allow");
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, format!("{address}\n").as_bytes()).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success(), "{}", rest.join().unwrap());
    assert_eq!(home.run(&["token"]).ok(), "access-1\n");
}

#[test]
fn another_logins_address_is_refused() {
    let server = Authorization::start(&["access-1"]).unwrap();
    let home = Home::with(&account(&server));
    let said = home.run_with(&["login", "--paste"], "http://127.0.0.1:1/?code=x&state=forged\n");
    assert_eq!(said.code, 65, "{said:?}");
    assert_eq!(home.run_with(&["login", "--paste"], "\n").code, 66);
}

#[test]
fn a_code_can_be_entered_on_another_device() {
    let server = Authorization::start(&["access-1"]).unwrap();
    server.approve_device_after(2);
    let home = Home::with(&account(&server));
    let said = home.run(&["login", "--device"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("WDJB-MJHT"), "{said:?}");
    assert_eq!(home.run(&["token"]).ok(), "access-1\n");
    let polls = server.requests().iter().filter(|request| request.path == "/token").count();
    assert_eq!(polls, 3);
}

#[test]
fn a_code_that_expired_or_was_denied_ends_the_login() {
    let server = Authorization::start(&[]).unwrap();
    let home = Home::with(&account(&server));
    for error in ["expired_token", "access_denied"] {
        server.script(
            200,
            r#"{"device_code":"d","user_code":"A-B","verification_uri":"http://h/","interval":1}"#,
        );
        server.script(400, &format!(r#"{{"error":"{error}"}}"#));
        let said = home.run(&["login", "--device"]);
        assert_eq!(said.code, 77, "{said:?}");
        assert!(said.err.contains(&format!("refused: {error}")), "{said:?}");
        assert!(!home.path.join("state/xoauth/work.json").exists());
    }
}

#[test]
fn googles_device_flow_is_refused_before_anything_is_sent() {
    let home = Home::with(
        "[account.g]\nprovider = \"google\"\nuser = \"a@gmail.com\"\nclient-id = \"x\"\n",
    );
    let said = home.run(&["--json", "login", "--device"]);
    assert_eq!(said.code, 64);
    assert_eq!(said.error()["id"], "google-device-scope");
}

#[test]
fn graph_scopes_are_refused_before_the_browser_opens() {
    let server = Authorization::start(&[]).unwrap();
    let config = account(&server).replace("\"mail\"", "\"https://graph.microsoft.com/Mail.Send\"");
    let said = Home::with(&config).run(&["--json", "login"]);
    assert_eq!(said.code, 78);
    assert_eq!(said.error()["id"], "aadsts-70011");
    assert!(server.requests().is_empty());
}

#[test]
fn an_application_signs_in_for_itself_and_renews_without_a_user() {
    let server = Authorization::start(&["access-1", "access-2"]).unwrap();
    let home = Home::with(&account(&server));
    let said = home.run(&["--json", "login", "--client-credentials"]);
    assert_eq!((said.code, said.error()["id"].as_str()), (77, Some("aadsts-7000218")));
    let run = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        finish(command.env("XOAUTH_CLIENT_SECRET", CLIENT_SECRET).spawn().unwrap(), "")
    };
    // Who signs in is not told to do so.
    server.script(400, r#"{"error":"invalid_scope"}"#);
    let said = run(&["login", "--client-credentials"]);
    assert!(said.code == 77 && said.err.contains("hint: are `client-id`"), "{said:?}");
    assert!(!said.err.contains("run: xoauth login"), "{said:?}");
    run(&["login", "--client-credentials"]).ok();
    assert_eq!(run(&["token"]).ok(), "access-1\n");
    assert_eq!(run(&["token", "--renew"]).ok(), "access-2\n");
}

#[test]
fn three_steps_of_oauth_1_end_with_a_token_that_signs() {
    let server = Authorization::start(&[]).unwrap();
    let home = Home::with(&signing_account(&server));
    let mut command = home.command(&["login", "--oauth1", "--no-browser"]);
    let mut child = command.env("XOAUTH_CONSUMER_SECRET", DEMO_CONSUMER.1).spawn().unwrap();
    let (url, rest) = announced(&mut child);
    browse(&url, "allow");
    assert!(child.wait().unwrap().success(), "{}", rest.join().unwrap());
    let kept = home.read("state/xoauth/work.json");
    assert!(kept.contains(DEMO_TOKEN.0) && kept.contains(DEMO_TOKEN.1), "{kept}");
}

#[test]
fn the_verifier_of_oauth_1_can_be_typed_in() {
    let server = Authorization::start(&[]).unwrap();
    let home = Home::with(&signing_account(&server));
    let mut command = home.command(&["login", "--oauth1", "--oob"]);
    let mut child = command.env("XOAUTH_CONSUMER_SECRET", DEMO_CONSUMER.1).spawn().unwrap();
    let (url, rest) = announced(&mut child);
    let page = get(&url).unwrap();
    let verifier = page.split("<code>").nth(1).unwrap().split('<').next().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, format!("{verifier}\n").as_bytes()).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success(), "{}", rest.join().unwrap());
    assert!(home.read("state/xoauth/work.json").contains(DEMO_TOKEN.1));
}

#[test]
fn a_wrong_consumer_secret_is_refused_by_the_server() {
    let server = Authorization::start(&[]).unwrap();
    let home = Home::with(&signing_account(&server));
    let mut command = home.command(&["login", "--oauth1", "--oob"]);
    let said = finish(command.env("XOAUTH_CONSUMER_SECRET", "wrong").spawn().unwrap(), "");
    assert_eq!(said.code, 77, "{said:?}");
    assert!(said.err.contains("signature_invalid"), "{said:?}");
}

#[cfg(unix)]
#[test]
fn tokens_can_be_kept_by_commands() {
    let server = Authorization::start(&["access-1", "access-2"]).unwrap();
    let config = account(&server)
        + "[account.work.store]\nread = \"cat kept\"\nwrite = \"cat > kept.new && mv kept.new kept\"\n";
    let home = Home::with(&config);
    log_in(&home, &["login", "--no-browser"], "allow").ok();
    assert!(home.read("kept").contains("access-1"));
    assert!(!home.path.join("state/xoauth/work.json").exists());
    assert_eq!(home.run(&["token", "--renew"]).ok(), "access-2\n");
    assert!(home.read("kept").contains("access-2"));
}

#[cfg(unix)]
#[test]
fn another_program_can_supply_the_token() {
    let home = Home::with(
        "[account.a]\nuser = \"u@example.org\"\naccess-token = { command = [\"printf\", \"from-outside\"] }\n",
    );
    assert_eq!(home.run(&["token"]).ok(), "from-outside\n");
    let home = Home::with(
        "[account.a]\nuser = \"u@example.org\"\naccess-token = { command = \"exit 3\" }\n",
    );
    let said = home.run(&["token"]);
    assert_eq!(said.code, 78, "{said:?}");
    assert!(said.err.contains("ended with"), "{said:?}");
}

#[test]
fn a_login_that_would_change_nothing_is_refused() {
    let server = Authorization::start(&[]).unwrap();
    let home = Home::with("[account.a]\nuser = \"a@b\"\naccess-token = { env = \"X\" }\n");
    let said = home.run(&["login"]);
    assert_eq!(said.code, 78, "{said:?}");
    assert!(said.err.contains("takes its token from `access-token`"), "{said:?}");
    let home = Home::with(&signing_account(&server));
    for option in ["--paste", "--device", "--client-credentials"] {
        let said = home.run(&["login", option]);
        assert_eq!(said.code, 64, "{said:?}");
        assert!(said.err.contains("signs in with OAuth 1.0a"), "{said:?}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn what_has_no_effect_on_a_login_is_refused() {
    let server = Authorization::start(&[]).unwrap();
    let bearer = Home::with(&format!(
        "[account.a]\nuser = \"ann@example.org\"\nclient-id = \"c\"\ntoken-endpoint = \"{}\"\n",
        server.url("/token")
    ));
    for arguments in [&["--oob"][..], &["--device", "--port", "99"], &["--paste", "--oob"]] {
        let said = bearer.run(&[&["login"], arguments].concat());
        assert_eq!(said.code, 64, "{said:?}");
    }
    assert!(server.requests().is_empty());
    // The hint for an account that signs leads further than to the next usage error.
    let signing = Home::with(
        "[account.a]\nuser = \"ann@example.org\"\nmechanism = \"XOAUTH\"\nconsumer-key = \"k\"\n",
    );
    let said = signing.run(&["login", "--paste"]);
    assert!(said.code == 64 && said.err.contains("--oob"), "{said:?}");
    assert_eq!(signing.run(&["login", "--oob"]).code, 78);
}

#[test]
fn the_page_is_the_tenants_and_knows_the_user() {
    let home = Home::with(
        "[account.a]\nprovider = \"microsoft\"\nuser = \"ann@example.org\"\nclient-id = \"c\"\ntenant = \"contoso\"\n",
    );
    let said = home.run(&["login", "--paste"]);
    assert_eq!(said.code, 66, "{said:?}");
    for part in [
        "https://login.microsoftonline.com/contoso/oauth2/v2.0/authorize?",
        "&login_hint=ann%40example.org",
        "offline_access",
    ] {
        assert!(said.err.contains(part), "{part}: {said:?}");
    }
}
