//! What differs on a terminal. `script` is one: what the command writes to it, on either stream, is its output.

use std::process::Stdio;

use e2e::host::{DEMO_USER, Host};

use crate::hostile::{HOSTILE, is_tame};
use crate::support::{Home, PROGRAM, bearer_account};

/// Runs the command on a terminal, with these variables.
pub(crate) fn on_terminal(
    home: &Home,
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> (i32, String) {
    let line: Vec<String> = [PROGRAM]
        .iter()
        .chain(arguments)
        .map(|word| format!("'{}'", word.replace('\'', "'\\''")))
        .collect();
    let inner = home.command(&[]);
    let mut command = std::process::Command::new("script");
    command.args(["-qefc", &line.join(" "), "/dev/null"]).current_dir(&home.path);
    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("TERM", "xterm").envs(variables.iter().copied());
    let output = command.stdin(Stdio::null()).output().expect("script of util-linux runs");
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn colours_are_for_terminals_that_have_them_and_whoever_wants_them() {
    let host = Host::builder().start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    for (variables, options, coloured) in [
        (&[][..], &[][..], true),
        (&[("NO_COLOR", "1")], &[], false),
        (&[("NO_COLOR", "")], &[], true),
        (&[("TERM", "dumb")], &[], false),
        (&[], &["--color", "never"], false),
        (&[("NO_COLOR", "1")], &["--color", "always"], true),
    ] {
        let (code, said) = on_terminal(&home, variables, &[options, &["check", "imap"]].concat());
        assert_eq!(code, 0, "{said}");
        assert_eq!(said.contains("\u{1b}[32mok"), coloured, "{variables:?} {options:?}: {said:?}");
    }
    // Not on a terminal: `always` alone.
    assert!(!home.run(&["check", "imap"]).ok().contains('\u{1b}'));
    assert!(home.run(&["--color", "always", "check", "imap"]).ok().contains("\u{1b}[32mok"));
}

#[test]
fn a_bar_is_drawn_in_place_of_the_paths_and_nothing_of_the_mail_is_in_it() {
    let mut builder = Host::builder();
    for number in 0..5 {
        let text = format!("Subject: {number} {HOSTILE}\r\n\r\n{HOSTILE}\r\n");
        builder = builder.deliver(DEMO_USER, "INBOX", text, &[], 1_700_000_000);
    }
    let host = builder.start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    let fetch = |variables: &[(&str, &str)], options: &[&str], place: &str| {
        let arguments = [&["fetch", "--all", "--eml", place], options].concat();
        let (code, said) = on_terminal(&home, variables, &arguments);
        assert_eq!(code, 0, "{said}");
        assert_eq!(std::fs::read_dir(home.path.join(place)).unwrap().count(), 7, "{said}");
        said
    };
    let drawn = fetch(&[], &[], "A");
    assert!(drawn.contains("5/5"), "{drawn:?}");
    assert!(!drawn.contains(".eml") && !drawn.contains("owned"), "{drawn:?}");
    assert!(drawn.contains("5 messages, "), "{drawn:?}");
    for (variables, options, place) in
        [(&[("TERM", "dumb")][..], &[][..], "B"), (&[], &["-q"], "C"), (&[], &["--json"], "D")]
    {
        let said = fetch(variables, options, place);
        assert_eq!(said.matches(".eml").count(), 5, "{said:?}");
        if options != ["--json"] {
            is_tame(&said.replace('\r', ""));
        }
    }
}

#[test]
fn a_bearer_token_is_not_shown_on_a_terminal_by_accident() {
    let home =
        Home::with("[account.a]\nuser = \"ann@example.org\"\naccess-token = \"given-token\"\n");
    let (code, said) = on_terminal(&home, &[], &["string", "--raw"]);
    assert_eq!(code, 64, "{said}");
    assert!(said.contains("--raw would show the token") && !said.contains("given-token"), "{said}");
    assert!(home.run(&["string", "--raw"]).ok().contains("given-token"));
}

/// Who waits for the command, which waits for them, is told.
#[test]
fn who_sits_in_front_of_standard_input_is_told_that_it_is_read() {
    let home = Home::with(
        "[account.a]\nuser = \"ann@example.org\"\nsmtp = \"smtp://127.0.0.1:1\"\naccess-token = \"t\"\n",
    );
    home.write("c", "cs");
    for (arguments, note) in [
        (&["explain"][..], "what to explain; end it with Ctrl-D"),
        (
            &["verify", "--url", "https://h/", "--consumer-secret-file", "c"],
            "a SASL string, a header or a request line; end it with Ctrl-D",
        ),
        (&["send", "ben@example.org"], "the message, header first; end it with Ctrl-D"),
    ] {
        // The standard input of `script` is at its end, which its terminal passes on.
        let (code, said) = on_terminal(&home, &[], arguments);
        assert!(said.contains(note), "{arguments:?}: {said}");
        assert!(matches!(code, 65 | 66), "{code}: {said}");
        let said = home.run(arguments);
        assert!(!said.err.contains("Ctrl-D"), "{said:?}");
    }
}

#[test]
fn every_verb_has_its_help_on_a_terminal() {
    let home = Home::new();
    for verb in [
        "login", "token", "string", "check", "explain", "verify", "list", "search", "fetch",
        "watch", "send",
    ] {
        let (code, said) = on_terminal(&home, &[("COLUMNS", "80"), ("LINES", "24")], &[verb, "-h"]);
        assert_eq!(code, 0, "{said}");
        assert!(said.lines().count() < 24 && said.contains("Example: "), "{verb}: {said}");
    }
}
