//! Options that would have no effect are refused, and values that cannot be are named by their place.

use e2e::authorization::{Authorization, CLIENT_ID};

use crate::support::{Home, finish};

const GIVEN: &str = "[account.a]\nuser = \"ann@example.org\"\naccess-token = \"given-token\"\n\
    imap = \"imap://127.0.0.1:1\"\nsmtp = \"smtp://127.0.0.1:1\"\n";

const SIGNING: &str = "[account.a]\nuser = \"ann@example.org\"\nmechanism = \"OAUTH10A\"\nconsumer-key = \"k\"\n\
    consumer-secret = \"cs\"\ntoken = \"t\"\ntoken-secret = \"ts\"\nimap = \"imap://127.0.0.1:1\"\n";

#[test]
fn what_would_have_no_effect_is_refused() {
    for (config, arguments, words) in [
        (GIVEN, &["string", "--nonce", "n"][..], "XOAUTH2 signs nothing"),
        (GIVEN, &["string", "--timestamp", "1"], "no --timestamp"),
        (GIVEN, &["string", "--mechanism", "oauthbearer", "--nonce", "n"], "OAUTHBEARER signs"),
        (GIVEN, &["string", "--url", "https://h/"], "signs no --url"),
        (SIGNING, &["string", "--url", "https://h/"], "OAUTH10A signs no --url"),
        (GIVEN, &["check", "imap", "--sender", "a@b"], "--sender is asked of SMTP"),
        (GIVEN, &["check", "token", "--sender", "a@b"], "--sender is asked of SMTP"),
        (SIGNING, &["check", "--sender", "a@b"], "--sender is asked of SMTP"),
        (GIVEN, &["fetch", "--all", "-", "--resume"], "noted nowhere"),
        (GIVEN, &["token", "--renew"], "nothing renews it"),
        (GIVEN, &["login", "--access-token-file", "t"], "--access-token-file gives one"),
        (SIGNING, &["list", "--access-token-file", "t"], "OAUTH10A signs with OAuth 1.0a"),
        (GIVEN, &["list", "--user", "a\u{1}b"], "--user has a control character"),
        (SIGNING, &["string", "--mechanism", "XOAUTH", "--url", "nonsense"], "--url: "),
    ] {
        let home = Home::with(config);
        let said = home.run(arguments);
        assert_eq!(said.code, 64, "{arguments:?}: {said:?}");
        assert!(said.err.contains(words), "{arguments:?}: {said:?}");
        assert_eq!(said.out, "", "{arguments:?}");
    }
    let said = Home::new().run(&["verify", "--url", "nonsense"]);
    assert!(said.code == 64 && said.err.contains("--url: "), "{said:?}");
    // {"alg":"none"}.{"exp":1}
    let old = "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.c2ln";
    let said = Home::with(&GIVEN.replace("given-token", old)).run(&["token"]);
    assert!(said.err.contains(" days ago, and nothing renews it"), "{said:?}");
    assert_eq!(said.ok(), format!("{old}\n"));
    // The library asks a token of an account that has but one; what it gets is refused once more, and that is told there.
    let home = Home::with(GIVEN);
    let child = home.command(&["token"]).env("XOAUTH_RENEW", "force").spawn().unwrap();
    assert_eq!(finish(child, "").ok(), "given-token\n");
}

/// What is kept as Ann's is sent as Ann's, by everybody who asks for it.
#[test]
fn a_login_for_another_user_is_refused_before_anything_is_asked() {
    let server = Authorization::start(&["access-1"]).unwrap();
    let config = format!(
        "[account.work]\nuser = \"ann@example.org\"\nclient-id = \"{CLIENT_ID}\"\nauthorization-endpoint = \"{0}\"\n\
         token-endpoint = \"{0}\"\ndevice-endpoint = \"{0}\"\n\
         [account.desk]\nextends = \"work\"\nuser = \"desk@example.org\"\n",
        server.url("/token")
    );
    let home = Home::with(&config);
    for flow in [&["--paste"][..], &["--device"], &["--client-credentials"], &["--no-browser"]] {
        for account in ["work", "desk"] {
            let login = ["login", "-a", account, "--user", "bob@example.org"];
            let said = home.run(&[&login, flow].concat());
            assert_eq!(said.code, 64, "{said:?}");
            let message =
                "the tokens of account `work` are for ann@example.org, not for bob@example.org";
            assert!(said.err.contains(message), "{said:?}");
            assert!(said.err.contains("configure an account for bob@example.org"), "{said:?}");
        }
    }
    assert!(server.requests().is_empty());
    // Who shares the tokens of an account signs in as its user.
    for (account, user) in [("work", "Ann@example.org"), ("desk", "ann@example.org")] {
        let said = home.run(&["login", "-a", account, "--user", user, "--paste"]);
        assert_eq!(said.code, 66, "{said:?}");
        assert!(said.err.contains("login_hint=ann%40example.org"), "{said:?}");
    }
    let said = home.run(&["login", "-a", "desk", "--paste"]);
    assert!(said.err.contains("login_hint=ann%40example.org"), "{said:?}");
}

/// An access token is a secret like the others, and what is missing has a place too: that of its account.
#[test]
fn secrets_that_cannot_be_read_and_keys_that_are_missing_are_named_by_their_place() {
    let start = "default = \"a\"\n[account.a]\nuser = \"ann@example.org\"\n";
    let imap = "imap = \"imap://127.0.0.1:1\"\ninsecure-plaintext = true\n";
    for (lines, words) in [
        ("access-token = { file = \"nofile\" }\n", "4: `account.a.access-token`: "),
        (
            "access-token = { env = \"NOENV\" }\n",
            "4: `account.a.access-token`: the environment has no NOENV",
        ),
        ("access-token = { command = [\"false\"] }\n", "4: `account.a.access-token`: "),
        (
            "client-secret = { env = \"NOENV\" }\naccess-token = \"t\"\n",
            "4: `account.a.client-secret`: the environment has no NOENV",
        ),
        ("mechanism = \"XOAUTH\"\n", "2: `account.a`: has no consumer-key"),
        (
            "mechanism = \"XOAUTH\"\nconsumer-key = \"k\"\n",
            "2: `account.a`: has no consumer-secret",
        ),
    ] {
        let home = Home::with(&format!("{start}{lines}{imap}"));
        for verb in ["check", "list"] {
            // Who connects reads no secret of the client.
            if verb == "list" && lines.starts_with("client-secret") {
                continue;
            }
            let said = home.run(&[verb]);
            let told = said.out.clone() + &said.err;
            assert_eq!(said.code, 78, "{lines}: {said:?}");
            assert!(told.contains(&format!("config.toml:{words}")), "{lines}: {said:?}");
            assert!(!told.contains("ok    secret"), "{lines}: {said:?}");
        }
    }
    for (lines, words) in [
        ("client-id = \"c\"\n", "has no authorization-endpoint"),
        ("client-id = \"c\"\nmechanism = \"XOAUTH\"\n", "has no request-token-endpoint"),
        ("provider = \"google\"\n", "has no client-id"),
    ] {
        let said = Home::with(&format!("{start}{lines}")).run(&["login"]);
        assert_eq!(said.code, 78, "{lines}: {said:?}");
        let words = words.replace("authorization-endpoint", "token-endpoint");
        let told = format!("config.toml:2: `account.a`: {words}");
        assert!(said.err.contains(&told), "{lines}: {said:?}");
    }
    // The place of an access token that an option gives is no line of the configuration.
    let home = Home::with(&format!("{start}access-token = \"t\"\n{imap}"));
    let said = home.run(&["list", "--access-token-file", "nofile"]);
    assert!(said.code == 78 && said.err.contains("access token: nofile: "), "{said:?}");
    // Secrets that were read are a step that passed.
    let said = home.run(&["check", "token"]).ok();
    assert!(said.contains("ok    secret     access-token: configuration"), "{said}");
}

/// Where it would be found out when it is too late, or by a message that names no place.
#[test]
fn values_that_cannot_be_are_named_by_file_line_and_key() {
    let user = "default = \"a\"\n[account.a]\nuser = \"ann@example.org\"\n";
    for (line, words) in [
        ("imap-url = \"mail.example.org\"", "`account.a.imap-url`: "),
        ("smtp-url = \"https://\"", "`account.a.smtp-url`: "),
        (
            "token-endpoint = \"http://h.example/token\"",
            "`account.a.token-endpoint`: is no https URL",
        ),
        ("authorization-endpoint = \"h.example\"", "`account.a.authorization-endpoint`: "),
        ("device-endpoint = \"ftp://h/\"", "`account.a.device-endpoint`: "),
        (
            "request-token-endpoint = \"http://h/\"",
            "`account.a.request-token-endpoint`: is no https",
        ),
        ("scopes = [\"a b\"]", "`account.a.scopes`: `a b` is no scope"),
        ("tenant = \"a/b\"", "`account.a.tenant`: expected an id"),
        ("from = \"Ann <ann@example.org>\"", "`account.a.from`: "),
        ("imap-user = \"ann\\u0001\"", "`account.a.imap-user`: has a control character"),
        ("client-id = \"a\\u001b[2J\"", "`account.a.client-id`: has a control character"),
    ] {
        let home = Home::with(&format!("{user}{line}\n"));
        for verb in ["token", "login", "list"] {
            let said = home.run(&[verb]);
            assert_eq!(said.code, 78, "{line}: {said:?}");
            assert!(said.err.contains(&format!("config.toml:4: {words}")), "{line}: {said:?}");
        }
    }
    // What is wrong for a server is found before there is a token, and by whom connects to none.
    for (line, words) in [
        ("imap = \"http://h\"", "`account.a.imap`: expected imaps://"),
        ("smtp = \"smtp://h:0\"", "`account.a.smtp`: `0` is no port number"),
        ("sasl-ir = \"maybe\"", "`account.a.sasl-ir`: expected auto, always or never"),
        ("ca-file = \"none.pem\"", "`account.a.ca-file`: "),
    ] {
        let other = if line.starts_with("imap") { "" } else { "imap = \"imap://127.0.0.1:1\"\n" };
        let home = Home::with(&format!("{user}{line}\n{other}"));
        for verb in ["check", "login"] {
            let said = home.run(&[verb]);
            // The other protocol is checked all the same, and has no token; the first failure is what counts.
            assert_eq!(said.code, 78, "{line}: {said:?}");
            let told = said.out.clone() + &said.err;
            assert!(told.contains(&format!("config.toml:4: {words}")), "{line}: {said:?}");
            assert!(!said.out.contains("ok    config"), "{line}: {said:?}");
            let is_step = said.out.starts_with("a  <ann@example.org>\n  FAIL  config ");
            assert_eq!(is_step, verb == "check", "{line}: {said:?}");
        }
    }
    // What is wrong for one purpose only is told there.
    let named =
        "[account.a]\nuser = \"ann\"\naccess-token = \"t\"\nsmtp = \"smtp://127.0.0.1:1\"\n";
    let said = Home::with(named).run_with(&["send", "ben@example.org"], "Subject: x\n\ny\n");
    assert_eq!(said.code, 78, "{said:?}");
    assert!(said.err.contains("config.toml:2: `account.a.user`: "), "{said:?}");
    let graph =
        "[account.a]\nuser = \"ann@example.org\"\nclient-id = \"c\"\nscopes = [\"Mail.Send\"]\n";
    let said = Home::with(graph).run(&["login"]);
    assert_eq!(said.code, 78, "{said:?}");
    assert!(
        said.err.contains("config.toml:4: `account.a.scopes`: Mail.Send is Microsoft"),
        "{said:?}"
    );
}
