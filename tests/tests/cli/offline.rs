//! `string`, `explain`, `verify`, the configuration and the command line.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::support::{Home, finish};

const ACCOUNT: &str = "[account.lab]\nuser = \"alice@example.org\"\nmechanism = \"XOAUTH\"\n\
    consumer-key = \"key\"\nconsumer-secret = { env = \"LAB\" }\ntoken = \"tok\"\ntoken-secret = { file = \"t\" }\n\
    imap = \"imap://127.0.0.1:1143\"\nimap-url = \"https://mail.example.org/mail/b/{user}/imap/\"\n";

fn vectors() -> Vec<Value> {
    let text = include_str!("../../../crates/xoauth-sasl/tests/data/xoauth.json");
    let document: Value = serde_json::from_str(text).unwrap();
    document["vectors"].as_array().unwrap().clone()
}

#[test]
fn strings_are_those_of_the_vectors_and_verify_takes_them_once() {
    let mut compared = 0;
    for vector in vectors() {
        let expected = vector["expected"]["xoauth"].as_str();
        let plain = vector["method"] == "GET"
            && vector["verifier"].is_null()
            && vector["signature_method"] == "HMAC-SHA1"
            && vector["oauth_version"] == "1.0"
            && vector["extra_params"].as_array().is_none_or(Vec::is_empty)
            && !vector["token"].is_null();
        let (Some(expected), true) = (expected, plain) else { continue };
        let text =
            |pointer: &str| vector.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let home = Home::new();
        home.write("c", text("/consumer/secret"));
        home.write("t", text("/token/secret"));
        let quoted = |value: &str| Value::from(value).to_string();
        let secret = |key: &str, file: &str, value: &str| {
            // An empty secret is no secret by reference; OAuth 1.0a allows one all the same.
            if value.is_empty() {
                String::new()
            } else {
                format!("{key} = {{ file = \"{file}\" }}\n")
            }
        };
        if text("/consumer/secret").is_empty() || text("/token/secret").is_empty() {
            continue;
        }
        home.write(
            "config/xoauth/config.toml",
            &format!(
                "[account.a]\nuser = \"u@example.org\"\nmechanism = \"XOAUTH\"\nconsumer-key = {}\ntoken = {}\n{}{}",
                quoted(text("/consumer/key")),
                quoted(text("/token/key")),
                secret("consumer-secret", "../../c", text("/consumer/secret")),
                secret("token-secret", "../../t", text("/token/secret")),
            ),
        );
        let (url, nonce, timestamp) = (text("/url"), text("/nonce"), text("/timestamp"));
        let arguments =
            ["string", "--raw", "--url", url, "--nonce", nonce, "--timestamp", timestamp];
        let said = home.run(&arguments);
        if said.code != 0 && vector["error_acceptable"] == true {
            continue;
        }
        assert_eq!(said.ok(), format!("{expected}\n"), "{}", vector["id"]);

        let skew = "9999999999";
        let judge = [
            "verify",
            "--consumer-secret-file",
            "c",
            "--token-secret-file",
            "t",
            "--max-skew",
            skew,
        ];
        let judge = [&judge[..], &["--url", url, "--nonce-db", "seen"]].concat();
        let first = home.run_with(&judge, &STANDARD.encode(expected));
        assert_eq!(
            (first.code, first.out.as_str()),
            (0, "valid\n"),
            "{} {}",
            vector["id"],
            first.err
        );
        let second = home.run_with(&judge, expected);
        assert_eq!(second.code, 1, "{}", vector["id"]);
        assert!(second.out.starts_with("invalid: "), "{}", second.out);
        compared += 1;
    }
    assert!(compared >= 20, "only {compared} vectors were compared");
}

#[test]
fn strings_of_all_mechanisms_are_made_and_explained_without_their_secrets() {
    let home = Home::with(ACCOUNT);
    home.write("config/xoauth/t", "token-secret-4711\n");
    for (mechanism, name) in [
        ("XOAUTH2", "XOAUTH2"),
        ("oauthbearer", "OAUTHBEARER"),
        ("XOAUTH", "XOAUTH"),
        ("OAUTH10A", "OAUTH10A"),
    ] {
        let mut command = home.command(&["--json", "string", "--mechanism", mechanism]);
        command.env("LAB", "consumer-secret-4711").env("XOAUTH_ACCESS_TOKEN", "access-token-4711");
        let made = finish(command.spawn().unwrap(), "").json();
        assert_eq!(made["mechanism"], name);
        assert_eq!(made["user"], "alice@example.org");
        let text = made["initial_response"].as_str().unwrap();
        assert_eq!(made["bytes"], text.len());
        assert_eq!(made["inline_ok"]["imap"], true);
        let explained = home.run_with(&["explain"], text).ok();
        assert!(explained.starts_with(&format!("A client's message of {name}")), "{explained}");
        assert!(!explained.contains("4711"), "{explained}");
    }
}

#[test]
fn a_token_that_makes_the_line_too_long_is_said_to_need_its_own() {
    let home = Home::new();
    let token = "t".repeat(600);
    let made = home.run_with(
        &["--json", "string", "--user", "a@example.org", "--access-token-file", "-"],
        &format!("{token}\n"),
    );
    let made = made.json();
    assert_eq!(made["mechanism"], "XOAUTH2");
    assert_eq!(made["inline_ok"], serde_json::json!({ "imap": true, "smtp": false }));
}

#[test]
fn verify_tells_what_is_wrong() {
    let home = Home::new();
    home.write("c", "cs\n");
    home.write("t", "ts\n");
    let judge = |input: &str, more: &[&str]| {
        let arguments = ["verify", "--consumer-secret-file", "c", "--token-secret-file", "t"];
        home.run_with(&[&arguments[..], more].concat(), input)
    };
    let string = r#"GET https://h.example/imap/ oauth_consumer_key="k",oauth_nonce="n",oauth_signature="AAAAAAAAAAAAAAAAAAAAAAAAAAA%3D",oauth_signature_method="HMAC-SHA1",oauth_timestamp="1",oauth_token="t",oauth_version="1.0""#;
    let signed = ["--url", "https://h.example/imap/"];
    let said = judge(string, &signed);
    assert_eq!(
        (said.code, said.out.as_str()),
        (1, "invalid: oauth_timestamp is more than 300 seconds from the time here\n")
    );
    let said = judge(string, &["--url", "https://h.example/imap/", "--max-skew", "9999999999"]);
    assert_eq!(said.code, 1, "{said:?}");
    let said = judge(string, &["--url", "https://other.example/"]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (1, "invalid: it is signed for another URL than https://other.example/\n")
    );
    // The same by another name, and judged as that.
    for url in ["https://H.example/imap/", "https://h.example:443/imap/", "HTTPS://h.example/imap/"]
    {
        let said = judge(string, &["--url", url]);
        assert!(said.out.starts_with("invalid: oauth_timestamp is more"), "{url}: {said:?}");
    }
    for input in ["", "nonsense", "user=a\u{1}auth=Bearer t\u{1}\u{1}"] {
        assert_eq!(judge(input, &signed).code, 65, "{input:?}");
    }
    // Without it, what was signed for another server is good here.
    assert_eq!(judge(string, &[]).code, 64);
    let mut command =
        home.command(&[&["verify", "--consumer-secret-file", "c"], &signed[..]].concat());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"\xff\xfe").unwrap();
    assert_eq!(finish(child, "").code, 65);
    let header = r#"Authorization: OAuth oauth_consumer_key="k""#;
    assert_eq!(judge(header, &[]).code, 64);
    assert_eq!(judge(header, &["--url", "https://h.example/"]).code, 1);
    assert_eq!(home.run_with(&["verify", signed[0], signed[1]], string).code, 64);
}

#[test]
fn verify_takes_nothing_but_nonces_for_its_file() {
    let home = Home::with(ACCOUNT);
    home.write("config/xoauth/t", "token-secret");
    home.write("t", "token-secret\n");
    home.write("victim", "important\nlines\n");
    let mut command = home.command(&["string", "--raw", "--url", "https://mail.example.org/imap/"]);
    let made = finish(command.env("LAB", "consumer-secret").spawn().unwrap(), "").ok();
    let judge = |file: &str| {
        let arguments =
            ["verify", "--url", "https://mail.example.org/imap/", "--token-secret-file", "t"];
        let arguments = [&arguments[..], &["--nonce-db", file]].concat();
        let mut command = home.command(&arguments);
        finish(command.env("XOAUTH_CONSUMER_SECRET", "consumer-secret").spawn().unwrap(), &made)
    };
    for (file, line) in [("victim", "important\nlines\n"), ("t", "token-secret\n")] {
        let said = judge(file);
        assert_eq!((said.code, said.out.as_str()), (65, ""), "{said:?}");
        assert!(said.err.contains("line 1 is no nonce") && !said.err.contains("token-secret"));
        assert_eq!(home.read(file), line);
        assert!(!home.path.join(format!("{file}.lock")).exists());
    }
    #[cfg(unix)]
    {
        // Nothing is read from what may never end.
        use std::os::unix::fs::FileTypeExt;
        let pipe = home.path.join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let said = judge("pipe");
        assert_eq!((said.code, said.out.as_str()), (65, ""), "{said:?}");
        assert!(said.err.contains("no regular file"), "{said:?}");
        assert!(pipe.metadata().unwrap().file_type().is_fifo());
    }
    assert_eq!(judge("seen").ok(), "valid\n");
    assert_eq!(judge("seen").code, 1);
}

#[test]
fn explain_knows_servers_words_and_providers() {
    let home = Home::new();
    let document = "eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==";
    let said = home.run_with(&["explain"], document).ok();
    assert!(said.contains("[gmail-scope]"), "{said}");
    let said = home.run(&["--json", "explain", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant."]).json();
    assert_eq!(said["diagnosis"][0]["id"], "ms-smtp-auth-disabled");
    assert_eq!(said["facts"]["enhanced code"], "5.7.139");
    for (word, meaning) in [
        ("invalid_client", "check `client-id` and `client-secret`"),
        ("oauth_problem=signature_invalid", "a secret is wrong"),
        ("a1 NO [ALERT] IMAP access is disabled for your domain", "An ALERT is for the user"),
    ] {
        let said = home.run(&["explain", word]).ok();
        assert!(said.contains(meaning), "{said}");
    }
    for name in ["microsoft", "ann@outlook.com", "outlook.com", "smtp.office365.com"] {
        let said = home.run(&["explain", name]).ok();
        assert!(said.contains("outlook.office365.com:993"), "{said}");
        assert!(said.contains("(observed)"), "{said}");
    }
    assert_eq!(home.run(&["explain", "hello"]).code, 65);
}

#[test]
fn bad_configurations_name_file_line_and_key_and_exit_with_78() {
    for (text, expected) in [
        (
            "[account.a]\nuser = 3\n",
            "config.toml:2: `account.a.user`: expected a string, found integer",
        ),
        (
            "default = \"a\"\n[account.a]\nclient_id = \"x\"\n",
            "config.toml:3: `account.a.client_id`: unknown key, did you mean `client-id`?",
        ),
        ("default = [\n", "config.toml:"),
        (
            "\ndefault = \"x\"\n[account.a]\n",
            "config.toml:2: `default`: no account `x`; accounts: a",
        ),
        (
            "[account.a]\nprovider = \"gogle\"\n",
            "config.toml:2: `account.a.provider`: no provider `gogle`",
        ),
        (
            "[account.a]\nmechanism = \"PLAIN\"\nuser = \"u\"\n",
            "config.toml:2: `account.a.mechanism`: no mechanism `PLAIN`",
        ),
        (
            "[account.a]\nimap = \"imap.example.org\"\n",
            "config.toml:2: `account.a.imap`: expected imaps://HOST[:PORT]",
        ),
        (
            "[account.a]\nsasl-ir = \"x\"\nimap = \"imaps://h.invalid\"\n",
            "config.toml:2: `account.a.sasl-ir`: expected auto, always or never, found `x`",
        ),
        (
            "[account.a]\nca-file = \"none.pem\"\nimap = \"imaps://h.invalid\"\n",
            "config.toml:2: `account.a.ca-file`: ",
        ),
        (
            "[account.a]\nimap = \"imap://mail.example.org\"\ninsecure-plaintext = true\n",
            "config.toml:2: `account.a.imap`: mail.example.org is no loopback address",
        ),
        (
            "[account.\"b@c\"]\nimap = \"x\"\n\n[account.a]\nextends = \"b@c\"\n\
             [account.a.store]\nread = \"x\"\n",
            "config.toml:6: `account.a.store`: needs both `read` and `write`",
        ),
    ] {
        let home = Home::with(text);
        let account: &[&str] = if text.contains("b@c") { &["-a", "a"] } else { &[] };
        let mut command = home.command(&[&["list", "--user", "ann@example.org"], account].concat());
        let child = command.env("XOAUTH_ACCESS_TOKEN", "hunter2-hunter2").spawn().unwrap();
        let said = finish(child, "");
        assert_eq!(said.code, 78, "{text}: {said:?}");
        assert!(said.err.contains(expected), "{text}: {said:?}");
        assert!(!said.err.contains("hunter2"), "{said:?}");
    }
    // What an option says is of no line.
    let home = Home::with("[account.a]\nmechanism = \"PLAIN\"\nuser = \"u\"\n");
    let said = home.run(&["list", "--mechanism", "PLAIN"]);
    assert!(said.err.contains("config: `mechanism`: no mechanism"), "{said:?}");
    let home = Home::new();
    assert_eq!(home.run(&["-c", "missing.toml", "list"]).code, 78);
}

#[cfg(unix)]
#[test]
fn a_file_with_secrets_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let home =
        Home::with("[account.a]\naccess-token = \"hunter2-hunter2\"\nuser = \"u@example.org\"\n");
    let path = home.path.join("config/xoauth/config.toml");
    assert_eq!(home.run(&["token"]).ok(), "hunter2-hunter2\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = home.run(&["token"]);
    assert_eq!(said.code, 78, "{said:?}");
    assert!(
        said.err.contains("can be read by others") && !said.err.contains("hunter2"),
        "{said:?}"
    );
}

#[test]
fn the_command_line_is_that_of_sysexits() {
    let home = Home::new();
    assert_eq!(home.run(&["--help"]).code, 0);
    for verb in [
        "login", "token", "string", "check", "explain", "verify", "list", "search", "fetch",
        "watch", "send",
    ] {
        let help = home.run(&[verb, "--help"]).ok();
        assert!(help.lines().count() <= 24 && help.contains("Example: "), "{help}");
    }
    assert_eq!(home.run(&["--version"]).code, 0);
    for arguments in
        [&["frobnicate"][..], &["check", "--no-such"], &[], &["string", "--raw", "--base64"]]
    {
        assert_eq!(home.run(arguments).code, 64, "{arguments:?}");
    }
}

#[test]
fn a_wrong_command_line_is_an_object_too_where_json_is_wanted() {
    let home = Home::new();
    let said = home.run(&["--json", "check", "--no-such"]);
    assert_eq!((said.code, said.out.as_str()), (64, ""));
    let error = said.error();
    assert_eq!(error["phase"], "usage");
    assert!(error["message"].as_str().unwrap().contains("'--no-such'"), "{error}");
}

#[test]
fn the_first_steps_lead_on() {
    let home = Home::new();
    let help = home.run(&["--help"]).ok();
    let example = help.split("Example: xoauth ").nth(1).unwrap().lines().next().unwrap();
    let arguments: Vec<&str> = example
        .split(' ')
        .filter(|word| *word != "--access-token-file" && *word != "FILE")
        .collect();
    let said = home.run(&arguments);
    assert_eq!(said.code, 77, "{said:?}");
    for words in ["--access-token-file", "config/xoauth/config.toml"] {
        assert!(said.out.contains(words), "{words}: {said:?}");
    }
    let home = Home::with(
        "[account.a]\nuser = \"u\"\n[account.a.store]\nread = \"exit 1\"\nwrite = \"cat\"\n",
    );
    let said = home.run(&["token"]);
    assert_eq!(said.code, 77, "{said:?}");
    assert!(said.err.contains("xoauth login -a a"), "{said:?}");
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_early_is_no_error_to_talk_about() {
    let home = Home::new();
    let mut child = home.command(&["explain", "google"]).spawn().unwrap();
    drop(child.stdout.take());
    let said = finish(child, "");
    assert_eq!((said.code, said.err.as_str()), (141, ""));
}

/// Who signs without a token names the user in the URL; a server has one URL for all of them.
#[test]
fn a_login_without_a_token_is_judged_by_the_url_that_all_users_have() {
    let home = Home::with(
        "[account.a]\nuser = \"ann+x@example.org\"\nmechanism = \"XOAUTH\"\nconsumer-key = \"k\"\n\
         consumer-secret = \"cs\"\nimap = \"imap://127.0.0.1:1\"\nimap-url = \"https://h.example/imap/?a=b\"\n\
         insecure-plaintext = true\n",
    );
    home.write("c", "cs\n");
    let string = home.run(&["string", "--for", "imap"]).ok();
    let judge = |url: &str| {
        home.run_with(&["verify", "--url", url, "--consumer-secret-file", "c"], &string).code
    };
    assert_eq!(judge("https://h.example/imap/?a=b"), 0);
    assert_eq!(judge("https://h.example/imap/?a=b&xoauth_requestor_id=ann%2Bx%40example.org"), 0);
    for other in [
        "https://h.example/imap/",
        "https://h.example/imap/?a=b&xoauth_requestor_id=eve%40example.org",
        "https://h.example/smtp/?a=b",
    ] {
        assert_eq!(judge(other), 1, "{other}");
    }
}

#[test]
fn a_servers_line_that_ends_with_an_address_is_no_provider() {
    let home = Home::new();
    for (line, what) in [
        ("535 5.7.8 authentication failed for ann@gmail.com", "An SMTP server's refusal"),
        ("a1 NO [AUTHENTICATIONFAILED] no such user ann@outlook.com", "An IMAP server's NO"),
    ] {
        let out = home.run(&["explain", line]).ok();
        assert!(out.starts_with(what), "{out}");
    }
    assert!(home.run(&["explain", "ann@gmail.com"]).ok().contains("(google)"));
}

/// The same signature as a SASL string, a header and a line of HTTP, with its target in both forms.
#[test]
fn a_signature_is_judged_in_every_form() {
    let home = Home::with(ACCOUNT);
    home.write("config/xoauth/t", "t-secret");
    home.write("c", "c-secret");
    let url = "https://h.example/x?a=1";
    let mut command = home.command(&["string", "--raw", "--url", url]);
    let made = finish(command.env("LAB", "c-secret").spawn().unwrap(), "").ok();
    let (_, list) = made.trim().rsplit_once(' ').unwrap();
    let query = list.replace("\",", "&").replace("=\"", "=").replace('"', "");
    let judge = |text: &str, more: &[&str]| {
        let secrets = ["--consumer-secret-file", "c", "--token-secret-file", "config/xoauth/t"];
        home.run_with(&[&["verify", "--url", url], &secrets[..], more].concat(), text)
    };
    let line = format!("GET {url}&{query}");
    let path = format!("GET /x?a=1&{query} HTTP/1.1");
    let header = format!("Authorization: OAuth {list}");
    for text in [made.as_str(), &line, &format!("{line} HTTP/1.1"), &path, &header] {
        assert_eq!(judge(text, &[]).ok(), "valid\n", "{text}");
    }
    // Another method is not what was signed, where the text names one too.
    for text in [made.as_str(), &line, &path] {
        assert_eq!(judge(text, &["--method", "GET"]).ok(), "valid\n", "{text}");
        let said = judge(text, &["--method", "POST"]);
        let reason = "invalid: it is signed for another method than POST\n";
        assert_eq!((said.code, said.out.as_str()), (1, reason), "{text}");
    }
    assert_eq!(judge(&header, &["--method", "POST"]).code, 1);
    assert_eq!(judge(&line.replace("GET", "POST"), &[]).code, 1);
    assert_eq!(judge(&line.replace("h.example", "other.example"), &[]).code, 1);
    assert_eq!(judge(&line.replace("a=1", "a=2"), &[]).code, 1);
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let accounts = |host: &str| {
        format!(
            "default = \"a\"\n[account.a]\nuser = \"a@{host}\"\n[account.b]\nuser = \"b@{host}\"\n"
        )
    };
    let home = Home::with(&accounts("one.example"));
    let second = home.write("second.toml", &accounts("two.example"));
    let third = home.write("third.toml", &accounts("three.example"));
    let (second, third) = (second.to_str().unwrap(), third.to_str().unwrap());
    for (flags, variables, user) in [
        (&[][..], &[][..], "a@one.example"),
        (&[], &[("XOAUTH_ACCOUNT", "b")], "b@one.example"),
        (&["-a", "a"], &[("XOAUTH_ACCOUNT", "b")], "a@one.example"),
        (&[], &[("XOAUTH_CONFIG", second)], "a@two.example"),
        (&["-c", third], &[("XOAUTH_CONFIG", second), ("XOAUTH_ACCOUNT", "b")], "b@three.example"),
        (&["--user", "c@h"], &[("XOAUTH_ACCOUNT", "b")], "c@h"),
    ] {
        let arguments = [flags, &["--json", "string", "--mechanism", "XOAUTH2"]].concat();
        let mut command = home.command(&arguments);
        command.env("XOAUTH_ACCESS_TOKEN", "t").envs(variables.iter().copied());
        let made = finish(command.spawn().unwrap(), "").json();
        assert_eq!(made["user"], user, "{flags:?} {variables:?}");
    }
}
