//! What stands around the command: homes, configurations and stores that are odd, variables, options given twice.

use e2e::authorization::{Authorization, CLIENT_ID};
use e2e::host::{DEMO_BEARER_TOKEN, DEMO_EXPIRED_BEARER_TOKEN, Host};

use crate::support::{Home, PROGRAM, bearer_account, finish};

const GIVEN: &str = "[account.a]\nuser = \"ann@example.org\"\naccess-token = \"given-token\"\n";

/// Writes a configuration of these octets.
fn configured(octets: &[u8]) -> Home {
    let home = Home::with("");
    std::fs::write(home.path.join("config/xoauth/config.toml"), octets).unwrap();
    home
}

#[test]
fn what_editors_add_to_a_configuration_is_taken() {
    for octets in [
        [b"\xef\xbb\xbf", GIVEN.as_bytes()].concat(),
        GIVEN.replace('\n', "\r\n").into_bytes(),
        [b"\xef\xbb\xbf", GIVEN.replace('\n', "\r\n").as_bytes()].concat(),
        GIVEN.trim_end().as_bytes().to_vec(),
    ] {
        assert_eq!(configured(&octets).run(&["token"]).ok(), "given-token\n");
    }
    // Lines are counted all the same.
    let said = configured(b"\xef\xbb\xbf[account.a]\r\n\r\nusr = 1\r\n").run(&["token"]);
    assert!(said.err.contains("config.toml:3: `account.a.usr`: unknown key"), "{said:?}");
}

#[test]
fn a_configuration_that_is_no_text_is_told_by_its_line() {
    let utf16: Vec<u8> = GIVEN.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (octets, line) in [
        ([b"\xff\xfe".to_vec(), utf16].concat(), 1),
        (b"[account.a]\nuser = \"J\xf6rg\"\n".to_vec(), 2),
    ] {
        let said = configured(&octets).run(&["token"]);
        assert_eq!(said.code, 78, "{said:?}");
        let expected = format!("config.toml:{line}: expected UTF-8");
        assert!(said.err.contains(&expected), "{said:?}");
    }
    let home = Home::new();
    std::fs::create_dir(home.path.join("config/xoauth/config.toml")).unwrap();
    let said = home.run(&["token"]);
    assert_eq!(said.code, 78, "{said:?}");
    assert!(said.err.contains("config.toml: "), "{said:?}");
}

#[test]
fn who_has_several_accounts_is_asked_which_and_who_has_none_what_to_do() {
    let two = format!("{GIVEN}{}", GIVEN.replace("account.a", "account.b"));
    let said = Home::with(&two).run(&["list"]);
    assert_eq!(said.code, 78, "{said:?}");
    assert!(said.err.contains("which account? a, b") && said.err.contains("-a NAME"), "{said:?}");
    assert_eq!(Home::with(&two).run(&["token", "-a", "b"]).ok(), "given-token\n");
    for verb in ["list", "token", "login", "check", "string"] {
        let none = Home::new().run(&[verb]);
        assert_eq!(none.code, 78, "{none:?}");
        let told = none.out.clone() + &none.err;
        for words in [
            "no configuration: ",
            "config/xoauth/config.toml does not exist",
            "docs/cli.md",
            "--user ADDRESS",
        ] {
            assert!(told.contains(words), "{words}: {none:?}");
        }
        assert!(!told.contains("ad-hoc"), "{none:?}");
    }
    let empty = Home::with("# nothing yet\n").run(&["token"]);
    assert!(
        empty.code == 78 && empty.err.contains("config.toml: there is no account"),
        "{empty:?}"
    );
    // A server by itself is not one of the configuration's accounts on another server.
    let said = Home::with(GIVEN).run(&["list", "--imap", "imap://127.0.0.1:1"]);
    assert_eq!(said.code, 78, "{said:?}");
    assert!(
        said.err.contains("an account of their own") && said.err.contains("-a NAME"),
        "{said:?}"
    );
}

#[test]
fn homes_that_are_missing_or_relative_are_none() {
    let home = Home::with(GIVEN);
    let config = home.path.join("config/xoauth/config.toml");
    let server = Authorization::start(&[]).unwrap();
    let stored = format!(
        "[account.s]\nuser = \"ann@example.org\"\nclient-id = \"{CLIENT_ID}\"\ntoken-endpoint = \"{}\"\n",
        server.url("/token")
    );
    let other = home.write("stored.toml", &stored);
    let run = |arguments: &[&str], variables: &[(&str, Option<&str>)]| {
        let mut command = home.command(arguments);
        for (name, value) in variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        finish(command.spawn().unwrap(), "")
    };
    let nowhere = [("HOME", None), ("XDG_CONFIG_HOME", None), ("XDG_STATE_HOME", None)];
    let named = ["token", "-c", config.to_str().unwrap()];
    assert_eq!(run(&named, &nowhere).ok(), "given-token\n");
    let said = run(&["token", "-c", other.to_str().unwrap()], &nowhere);
    assert_eq!(said.code, 78, "{said:?}");
    assert!(said.err.contains("neither XDG_STATE_HOME nor HOME is set"), "{said:?}");
    assert_eq!(run(&["token"], &nowhere).code, 78);
    // The rules of such variables: a path that is not absolute counts as none.
    let relative = [("XDG_CONFIG_HOME", Some("config")), ("XDG_STATE_HOME", Some("state"))];
    home.write(".config/xoauth/config.toml", &GIVEN.replace("given", "home"));
    assert_eq!(run(&["token"], &relative).ok(), "home-token\n");
    home.write(".local/state/xoauth/s.json", r#"{"v":1,"access_token":"kept"}"#);
    let said = run(&["token", "-c", other.to_str().unwrap()], &relative);
    assert_eq!(said.ok(), "kept\n");
}

/// Names of places are octets; only their display is text.
#[cfg(target_os = "linux")]
#[test]
fn a_home_of_any_octets_is_one() {
    use std::os::unix::ffi::OsStrExt;
    let home = Home::with(GIVEN);
    let odd = home.path.join(std::ffi::OsStr::from_bytes(b"odd-\xff-\x1b[2J"));
    std::fs::create_dir_all(odd.join(".config/xoauth")).unwrap();
    let config = odd.join(".config/xoauth/config.toml");
    home.write("config.toml", &GIVEN.replace("given", "odd"));
    std::fs::copy(home.path.join("config.toml"), &config).unwrap();
    let run = |arguments: &[&str], name: &str, value: &std::path::Path| {
        let mut command = home.command(arguments);
        command.env_remove("XDG_CONFIG_HOME").env(name, value);
        finish(command.spawn().unwrap(), "")
    };
    assert_eq!(run(&["token"], "HOME", &odd).ok(), "odd-token\n");
    assert_eq!(run(&["token"], "XOAUTH_CONFIG", &config).ok(), "odd-token\n");
    std::fs::write(&config, "x = 1").unwrap();
    let said = run(&["token"], "XOAUTH_CONFIG", &config);
    assert_eq!(said.code, 78, "{said:?}");
    assert!(said.err.contains("`x`: unknown key") && !said.err.contains('\u{1b}'), "{said:?}");
}

/// What a later version keeps would be lost by a renewal of this one.
#[test]
fn a_store_of_another_version_is_neither_used_nor_replaced() {
    let server = Authorization::start(&["access-1"]).unwrap();
    let config = format!(
        "[account.a]\nuser = \"ann@example.org\"\nclient-id = \"{CLIENT_ID}\"\ntoken-endpoint = \"{}\"\n",
        server.url("/token"),
    );
    let home = Home::with(&config);
    let path = home.path.join("state/xoauth/a.json");
    for (octets, says) in [
        (&br#"{"v":2,"access_token":"t","refresh_token":"r"}"#[..], "is of version 2, not 1"),
        (br#"{"v":"1","access_token":"t"}"#, "is of version \"1\", not 1"),
        (b"", "is no token store"),
        (b"{", "is no token store"),
        (b"[]", "is no token store"),
        (b"null", "is no token store"),
        (b"\xff\xfe\0binary", "is no token store"),
    ] {
        home.write("state/xoauth/a.json", "");
        std::fs::write(&path, octets).unwrap();
        for arguments in [&["token"][..], &["token", "--renew"], &["check", "token"]] {
            let said = home.run(arguments);
            assert_eq!(said.code, 65, "{octets:?}: {said:?}");
            let text = format!("{}{}", said.out, said.err);
            assert!(text.contains(says), "{octets:?}: {text}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), octets);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn the_last_of_an_option_counts() {
    let two = format!("{GIVEN}{}", GIVEN.replace("account.a", "account.b").replace("given", "b"));
    let home = Home::with(&two);
    assert_eq!(home.run(&["-a", "a", "-a", "b", "token"]).ok(), "b-token\n");
    assert_eq!(home.run(&["-a", "b", "token", "-a", "a"]).ok(), "given-token\n");
}

#[cfg(target_os = "linux")]
#[test]
fn help_that_cannot_be_written_is_74() {
    for arguments in [&["--help"][..], &["fetch", "--help"], &["--version"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let child = Home::new().command(arguments).stdout(full).spawn().unwrap();
        let said = finish(child, "");
        assert_eq!(said.code, 74, "{said:?}");
        assert!(said.err.contains("standard output: No space left"), "{said:?}");
    }
}

/// As the library asks a program for a token, and says why.
#[cfg(unix)]
#[test]
fn the_program_that_gives_tokens_hears_whose_and_whether_one_was_refused() {
    let host = Host::builder().start().unwrap();
    let config = |line: &str| {
        let inline = format!("access-token = \"{DEMO_BEARER_TOKEN}\"");
        let command = format!("access-token = {{ command = '{line}' }}");
        bearer_account(&host, "XOAUTH2").replace(&inline, &command)
    };
    let tell = "echo $XOAUTH_USER ${XOAUTH_RENEW-unset} >> asked";
    let choose = format!(
        "[ \"$XOAUTH_RENEW\" ] && echo {DEMO_BEARER_TOKEN} || echo {DEMO_EXPIRED_BEARER_TOKEN}"
    );
    let home = Home::with(&config(&format!("{tell}; {choose}")));
    home.run(&["list"]).ok();
    assert_eq!(home.read("asked"), "demo@example.test unset\ndemo@example.test force\n");
    assert_eq!(home.run(&["token"]).ok(), format!("{DEMO_EXPIRED_BEARER_TOKEN}\n"));
    assert_eq!(home.run(&["token", "--renew"]).ok(), format!("{DEMO_BEARER_TOKEN}\n"));
    // It may be this command, with an endpoint that is down: that passes.
    for (status, code) in [(75, 75), (3, 78)] {
        let home = Home::with(&config(&format!("exit {status}")));
        for verb in ["token", "list"] {
            let said = home.run(&[verb]);
            assert_eq!(said.code, code, "{verb}: {said:?}");
            assert!(said.err.contains("`account.demo.access-token`: "), "{said:?}");
        }
    }
}

/// The commands of `--exec` are the user's own: what the environment has for this one is there for them too, so that the
/// documented `xoauth fetch` works. What a library said to this process alone is not.
#[cfg(unix)]
#[test]
fn what_exec_runs_has_the_environment_but_for_the_wish_to_renew() {
    let host = Host::builder().start().unwrap();
    host.deliver(e2e::host::DEMO_USER, "INBOX", "Subject: x\r\n\r\ny\r\n", &[], 1).unwrap();
    let config = bearer_account(&host, "XOAUTH2").replace(DEMO_BEARER_TOKEN, "replaced-below");
    let home = Home::with(&config);
    let fetch = format!("'{PROGRAM}' fetch --all --eml E");
    let line = format!("echo ${{XOAUTH_RENEW-unset}} $XOAUTH_MAILBOX > seen; {fetch}");
    let mut command = home.command(&["watch", "--once", "--exec", &line]);
    command.env("XOAUTH_ACCESS_TOKEN", DEMO_BEARER_TOKEN).env("XOAUTH_RENEW", "force");
    let mut child = command.spawn().unwrap();
    let mut notes = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    assert!(notes.next().unwrap().unwrap().contains("watching INBOX"));
    host.deliver(e2e::host::DEMO_USER, "INBOX", "Subject: z\r\n\r\ny\r\n", &[], 1).unwrap();
    let rest: Vec<String> = notes.map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
    assert_eq!(home.read("seen"), "unset INBOX\n");
    assert_eq!(std::fs::read_dir(home.path.join("E")).unwrap().count(), 4, "{rest:?}");
}

#[test]
fn a_provider_that_nobody_is_sure_of_is_doubted_where_a_login_fails() {
    let host = Host::builder().start().unwrap();
    let config =
        bearer_account(&host, "XOAUTH2").replace(DEMO_BEARER_TOKEN, DEMO_EXPIRED_BEARER_TOKEN);
    for (provider, expected) in [
        ("zoho", Some("what is known of `zoho` is not sure (unknown): xoauth explain zoho")),
        ("google", None),
    ] {
        let home = Home::with(&format!("{config}provider = \"{provider}\"\n"));
        let said = home.run(&["check", "imap"]);
        assert_eq!(said.code, 77, "{said:?}");
        assert_eq!(said.out.contains("is not sure"), expected.is_some(), "{said:?}");
        assert!(said.out.contains(expected.unwrap_or("the token was refused")), "{said:?}");
    }
    let login = "[account.a]\nuser = \"a@zoho.com\"\nprovider = \"zoho\"\nclient-id = \"x\"\n";
    let server = Authorization::start(&[]).unwrap();
    let own = format!("authorization-endpoint = \"{}\"\n", server.url("/authorize"));
    let said = Home::with(&(login.to_owned() + &own)).run_with(&["login", "--paste"], "\n");
    assert!(said.err.contains("warning: not sure: "), "{said:?}");
}
