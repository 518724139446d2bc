//! The first minute of the front page: the host that keeps running, and the lines that it prints.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use e2e::authorization::get;

use crate::support::{Home, Said, finish};

/// `cargo xtask host`, without cargo.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_host"))
            .args(["--until-eof"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The lines up to this one.
    fn until(&mut self, end: &str) -> Vec<String> {
        let mut read = Vec::new();
        while !read.last().is_some_and(|line: &String| line.contains(end)) {
            read.push(self.lines.next().unwrap_or_else(|| panic!("{read:?}")).unwrap());
        }
        read
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn what_the_host_prints_works_as_it_stands() {
    let mut host = Running::start();
    let said = host.until("Ctrl-C ends it.");
    let export = said.iter().find_map(|line| line.trim().strip_prefix("export ")).unwrap();
    let (name, config) = export.split_once('=').unwrap();
    assert_eq!(name, "XOAUTH_CONFIG");
    let home = Home::new();
    let run = |arguments: &[&str]| -> Said {
        finish(home.command(arguments).env(name, config).spawn().unwrap(), "")
    };

    // The lines that it prints, and those of the two pages that tell of it.
    let pages = [include_str!("../../../README.md"), include_str!("../../../docs/cli.md")];
    let start = "cargo run -q -p xoauth-cli -- ";
    let shown = said.iter().map(String::as_str).chain(pages.iter().flat_map(|page| page.lines()));
    let shown = shown.filter_map(|line| line.trim().strip_prefix(start));
    let shown = shown.map(|line| line.split('#').next().unwrap().trim());
    let lines: std::collections::BTreeSet<&str> = shown.collect();
    let mut tried = 0;
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["check"] => {
                let said = run(&words);
                assert_eq!(said.code, 0, "{said:?}");
                for step in ["EXAMINE INBOX, ", "NOOP", "logout"] {
                    assert!(said.out.contains(step), "{step}: {said:?}");
                }
            }
            ["check", "-a", "expired"] => {
                let said = run(&words);
                assert_eq!(said.code, 77, "{said:?}");
                assert!(said.out.contains("FAIL  auth") && said.out.contains("hint"), "{said:?}");
            }
            ["login", "-a", "login"] => log_in(&home, &words, (name, config)),
            // With quotes of the shell: what it says is tested elsewhere.
            ["explain", ..] => continue,
            other => panic!("not tried: {other:?}"),
        }
        tried += 1;
    }
    assert_eq!(tried, 3);
    let said = run(&["check", "-a", "signed"]);
    assert_eq!(said.code, 0, "{said:?}");
    drop(host);
    assert!(!std::path::Path::new(config).exists());
}

/// Signs in, and uses what came of it.
fn log_in(home: &Home, words: &[&str], (name, config): (&str, &str)) {
    let mut command = home.command(words);
    let mut child = command.env(name, config).env("BROWSER", "true").spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let page = lines.find(|line| line.trim().starts_with("http://")).unwrap();
    let text = get(page.trim()).unwrap();
    let allow = text.split("id=allow href=\"").nth(1).unwrap().split('"').next().unwrap();
    get(allow).unwrap();
    let rest: Vec<String> = lines.collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
    let tried = rest.iter().find_map(|line| line.split_once("Try it: xoauth ")).unwrap().1;
    let words: Vec<&str> = tried.split(' ').collect();
    finish(home.command(&words).env(name, config).spawn().unwrap(), "").ok();
}
