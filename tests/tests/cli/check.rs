//! `check` against the embedded host and against servers that are not there.

use e2e::certificates::Authority;
use e2e::host::{DEMO_EXPIRED_BEARER_TOKEN, Host};
use e2e::scripted::{Peer, Step, expect, send};
use serde_json::Value;

use crate::support::{Home, Said, bearer_account, shown, signing_account};

fn steps(said: &Said) -> Vec<(String, String, bool)> {
    let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:#?}"));
    let text = |step: &Value, name: &str| step[name].as_str().unwrap().to_owned();
    let list = report["steps"].as_array().unwrap();
    list.iter()
        .map(|step| (text(step, "protocol"), text(step, "step"), step["ok"].as_bool().unwrap()))
        .collect()
}

#[test]
fn logins_of_all_mechanisms_pass_every_step() {
    let host = Host::builder().start().unwrap();
    let accounts = [
        bearer_account(&host, "XOAUTH2"),
        bearer_account(&host, "OAUTHBEARER"),
        signing_account(&host, "XOAUTH"),
        signing_account(&host, "OAUTH10A"),
    ];
    for account in accounts {
        let home = Home::with(&account);
        let said = home.run(&["check"]);
        assert_eq!(said.code, 0, "{said:#?}");
        for words in
            ["probe      EXAMINE INBOX, 0 messages", "probe      NOOP", "auth       accepted"]
        {
            assert!(said.out.contains(words), "{words}: {}", said.out);
        }
        let said = home.run(&[
            "--json",
            "check",
            "imap",
            "smtp",
            "--sender",
            "demo@example.test",
            "--fix-hints",
        ]);
        assert_eq!(said.code, 0, "{said:#?}");
        assert!(steps(&said).iter().all(|(.., ok)| *ok), "{said:#?}");
        for (protocol, step) in
            [("imap", "tls"), ("smtp", "tls"), ("smtp", "mechanism"), ("imap", "logout")]
        {
            let found =
                steps(&said).iter().any(|(p, s, _)| (p.as_str(), s.as_str()) == (protocol, step));
            assert!(found, "{protocol} {step}: {said:#?}");
        }
    }
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn a_token_that_is_refused_is_the_auth_step_and_exit_77() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let mut command = home.command(&["--json", "check", "imap"]);
    command.env("XOAUTH_ACCESS_TOKEN", DEMO_EXPIRED_BEARER_TOKEN);
    let said = crate::support::finish(command.spawn().unwrap(), "");
    assert_eq!(said.code, 77, "{said:#?}");
    let last = steps(&said).pop().unwrap();
    assert_eq!(last, ("imap".to_owned(), "auth".to_owned(), false));
    // No rule knows the host's words: what is known in general is said.
    let mut command = home.command(&["check", "imap"]);
    command.env("XOAUTH_ACCESS_TOKEN", DEMO_EXPIRED_BEARER_TOKEN);
    let said = crate::support::finish(command.spawn().unwrap(), "");
    assert!(said.out.contains("hint   the server says status "), "{said:#?}");
    assert!(said.out.contains("the token was refused: expired"), "{said:#?}");
    assert!(said.out.contains("it was given for this run alone"), "{said:#?}");
}

#[test]
fn what_fails_is_told_by_step_and_exit_code() {
    let host = Host::builder().start().unwrap();
    let good = bearer_account(&host, "XOAUTH2");
    let other = Home::new();
    let foreign = other
        .write("ca.pem", &String::from_utf8(Authority::new().unwrap().pem().unwrap()).unwrap());
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let table = [
        (good.replace(&shown(&host.ca_file()), &shown(&foreign)), "tls", 76),
        (
            good.replace(
                &format!("imaps://localhost:{}", host.imaps_port()),
                &format!("imaps://localhost:{port}"),
            ),
            "connect",
            75,
        ),
        (good.replace("imaps://localhost:", "imaps://no-such-host.invalid:"), "resolve", 68),
        (good.replace("access-token = \"demo-bearer-token\"\n", ""), "token", 77),
    ];
    for (account, step, code) in table {
        let home = Home::with(&account);
        let said = home.run(&["--json", "check", "imap"]);
        assert_eq!(said.code, code, "{step}: {said:#?}");
        let last = steps(&said).pop().unwrap();
        assert_eq!((last.1.as_str(), last.2), (step, false), "{said:#?}");
        assert_eq!(said.out.contains("this machine's clock"), step == "tls", "{said:#?}");
    }
}

#[test]
fn without_a_configuration_flags_are_enough() {
    let host = Host::builder().start().unwrap();
    let home = Home::new();
    let imap = format!("imaps://localhost:{}", host.imaps_port());
    let ca = host.ca_file();
    let arguments = [
        "check",
        "--imap",
        &imap,
        "--user",
        "demo@example.test",
        "--ca-file",
        ca.to_str().unwrap(),
        "--access-token-file",
        "-",
    ];
    let said = home.run_with(&arguments, "demo-bearer-token\n");
    assert_eq!(said.code, 0, "{said:#?}");
    assert!(said.out.contains("mechanism  OAUTHBEARER"), "{said:#?}");
}

#[cfg(target_os = "linux")]
#[test]
fn steps_fit_a_terminal_and_verbose_ones_are_whole() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    use crate::terminal::on_terminal;
    let offered = "with the command (offered: XOAUTH OAUTH10A OAUTHBEARER XOAUTH2)";
    let (code, said) = on_terminal(&home, &[("TERM", "dumb")], &["check"]);
    assert_eq!(code, 0, "{said}");
    let steps: Vec<&str> = said.lines().filter(|line| line.starts_with("  ok")).collect();
    assert!(steps.len() > 15, "{said}");
    // The first ones name the file of the configuration, which is as long as it is; which mechanisms there are is told whole.
    for step in steps.iter().filter(|step| !step.contains("config") && !step.contains("offered")) {
        assert!(step.chars().count() <= 80, "{step}");
    }
    let cut: Vec<_> = steps.iter().filter(|step| step.contains('…')).collect();
    assert!(cut.len() == 2 && cut.iter().all(|step| step.contains("capability")), "{said}");
    assert_eq!(said.matches(offered).count(), 2, "{said}");
    let (_, whole) = on_terminal(&home, &[("TERM", "dumb")], &["-v", "check"]);
    for said in [whole, home.run(&["check"]).ok()] {
        assert!(!said.contains('…') && said.contains("ENHANCEDSTATUSCODES"), "{said}");
        assert!(said.contains(offered), "{said}");
    }
}

#[test]
fn a_protocol_whose_url_is_wrong_is_a_step_that_fails() {
    let host = Host::builder().start().unwrap();
    let good = bearer_account(&host, "XOAUTH2");
    let imap = format!("imaps://localhost:{}", host.imaps_port());
    let home = Home::with(&good.replace(&imap, "mail.example.org"));
    let said = home.run(&["--json", "check"]);
    assert_eq!(said.code, 78, "{said:#?}");
    assert!(said.out.contains("`account.demo.imap`: expected imaps://"), "{said:#?}");
    assert!(said.out.contains("NOOP"), "the other one is checked all the same: {said:#?}");
    // TLS from the first octet needs no permission to go without.
    let home = Home::with(
        &(good.replace("imaps://localhost", "imaps://no-such-host.invalid")
            + "insecure-plaintext = true\n"),
    );
    assert_eq!(home.run(&["check", "imap"]).code, 68);
}

/// The port of the other scheme answers with what is no TLS, or not at all.
#[test]
fn the_port_of_the_other_scheme_is_guessed() {
    let host = Host::builder().start().unwrap();
    let good = bearer_account(&host, "XOAUTH2");
    for (protocol, port, scheme, step, code) in [
        ("imap", host.imap_port(), "imaps", "tls", 76),
        ("imap", host.imaps_port(), "imap", "greeting", 75),
        ("smtp", host.submission_port(), "smtps", "tls", 76),
        ("smtp", host.submissions_port(), "smtp", "greeting", 75),
    ] {
        let home = Home::with(&good);
        let url = format!("{scheme}://localhost:{port}");
        let option = format!("--{protocol}");
        let said = home.run(&["--timeout", "1", "check", "-a", "demo", protocol, &option, &url]);
        assert_eq!(said.code, code, "{said:#?}");
        assert!(said.out.contains(&format!("FAIL  {step}")), "{said:#?}");
        let other = if scheme == protocol { format!("{protocol}s") } else { protocol.to_owned() };
        let hint = format!("? {other}://localhost:{port}\n");
        assert!(said.out.contains(&hint), "{hint}: {said:#?}");
    }
    // What fails for another reason is not about the port.
    let foreign = Authority::new().unwrap().pem().unwrap();
    let home = Home::with(&good);
    let ca = home.write("ca.pem", &String::from_utf8(foreign).unwrap());
    let said = home.run(&["check", "imap", "--ca-file", ca.to_str().unwrap()]);
    assert!(said.out.contains("FAIL  tls") && !said.out.contains("is this the port"), "{said:#?}");
}

#[test]
fn a_sender_is_asked_about_and_nothing_is_sent() {
    let hello = "250-m\r\n250-SMTPUTF8\r\n250 AUTH XOAUTH2\r\n";
    for (sender, line, answer, code, shown) in [
        ("<>", "MAIL FROM:<>", "250 ok\r\n", 0, "MAIL FROM:<> accepted"),
        ("a@b", "MAIL FROM:<a@b>", "550 5.7.1 not you\r\n", 69, "probe      550 5.7.1 not you"),
        ("a@b", "MAIL FROM:<a@b>", "451 4.7.1 later\r\n", 75, "probe      451 4.7.1 later"),
        ("ü@b", "MAIL FROM:<ü@b> SMTPUTF8", "250 ok\r\n", 0, "MAIL FROM:<ü@b> accepted"),
    ] {
        let mut script = vec![
            send("220 m\r\n"),
            expect("EHLO"),
            send(hello),
            expect("AUTH"),
            send("235 in\r\n"),
        ];
        match code {
            0 => script.extend([expect(line), send(answer), expect("RSET"), send("250 ok\r\n")]),
            _ => script.extend([expect(line), send(answer)]),
        }
        if code == 0 {
            script.extend([expect("QUIT"), send("221 bye\r\n")]);
        }
        let peer = Peer::start(vec![script]).unwrap();
        let home = Home::with(&format!(
            "[account.a]\nuser = \"ann@example.org\"\nmechanism = \"XOAUTH2\"\naccess-token = \"access-token\"\n\
             insecure-plaintext = true\nsmtp = \"smtp://127.0.0.1:{}\"\n",
            peer.port()
        ));
        let said = home.run(&["check", "smtp", "--sender", sender]);
        assert_eq!(said.code, code, "{said:#?}");
        assert!(said.out.contains(shown), "{shown}: {said:#?}");
        peer.finish().unwrap();
    }
    // What is no address is of the command line, before anybody is connected to.
    let home = Home::new();
    for sender in ["a b", "a@b>\u{a0}X", "", "<a@b"] {
        let said = home.run(&["check", "smtp", "--sender", sender]);
        assert_eq!((said.code, said.out.as_str()), (64, ""), "{said:#?}");
        assert!(said.err.contains("--sender"), "{said:#?}");
    }
}

/// What the library is told is what the command does: a mechanism that was named is tried, as Yandex takes XOAUTH2 unlisted;
/// of itself it chooses none that is not offered.
#[test]
fn a_mechanism_that_is_named_is_tried_even_where_it_is_not_offered() {
    let imap = |steps: Vec<Step>| {
        let greeting = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello\r\n";
        [vec![send(greeting)], steps].concat()
    };
    let smtp = |steps: Vec<Step>| {
        let hello = [send("220 m\r\n"), expect("EHLO"), send("250-m\r\n250 AUTH PLAIN\r\n")];
        [hello.to_vec(), steps].concat()
    };
    let taken = [
        expect("AUTHENTICATE XOAUTH2 "),
        send("{tag} OK [CAPABILITY IMAP4rev1] in\r\n"),
        expect("EXAMINE INBOX"),
        send("{tag} OK done\r\n"),
        expect("LOGOUT"),
        send("* BYE bye\r\n{tag} OK done\r\n"),
    ];
    let judged = [
        expect("AUTHENTICATE XOAUTH2 "),
        send("{tag} NO [AUTHENTICATIONFAILED] bad token\r\n"),
        Step::ExpectEnd,
    ];
    let unknown = [
        expect("AUTHENTICATE XOAUTH2 "),
        send("{tag} NO Unsupported authentication mechanism.\r\n"),
        Step::ExpectEnd,
    ];
    let refused = [expect("AUTH XOAUTH2 "), send("535 5.7.8 bad token\r\n"), Step::ExpectEnd];
    let named = "mechanism = \"XOAUTH2\"\n";
    for (protocol, script, mechanism, code, step, rule) in [
        ("imap", imap(taken.to_vec()), named, 0, "logout", None),
        ("imap", imap(judged.to_vec()), named, 77, "auth", None),
        ("imap", imap(unknown.to_vec()), named, 77, "auth", Some("mech-missing")),
        ("smtp", smtp(refused.to_vec()), named, 77, "auth", None),
        ("imap", imap(vec![Step::ExpectEnd]), "", 69, "mechanism", Some("mech-missing")),
        ("smtp", smtp(vec![Step::ExpectEnd]), "", 69, "mechanism", Some("mech-missing")),
    ] {
        let peer = Peer::start(vec![script]).unwrap();
        let home = Home::with(&format!(
            "[account.a]\nuser = \"ann@example.org\"\naccess-token = \"access-token\"\n{mechanism}\
             insecure-plaintext = true\n{protocol} = \"{protocol}://127.0.0.1:{}\"\n",
            peer.port()
        ));
        let said = home.run(&["--json", "check", protocol]);
        assert_eq!(said.code, code, "{said:#?}");
        assert_eq!(steps(&said).last().unwrap().1, step, "{said:#?}");
        let report: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(report["diagnosis"][0]["id"].as_str(), rule, "{said:#?}");
        if rule.is_some() && !mechanism.is_empty() {
            assert!(said.out.contains("the server offers PLAIN"), "{said:#?}");
        }
        let is_told = said.out.contains("XOAUTH2 (not offered), ");
        // Where nothing was tried, the failure itself names what there is.
        assert_eq!(said.out.contains("only PLAIN"), mechanism.is_empty(), "{said:#?}");
        assert_eq!(is_told, !mechanism.is_empty(), "{said:#?}");
        peer.finish().unwrap();
    }
}
