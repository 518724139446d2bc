//! The `xoauth` command, run as a program against real servers: every verb that connects.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::Result;
use crate::credentials::{Kind, OAuth1, account, address, opaque};
use crate::environment::{HOST, Lab, Security};
use crate::runner::Test;

/// The IMAP server that takes all mechanisms.
const IMAP: &str = "dovecot-oauth1";

pub(crate) fn all() -> Vec<Test> {
    let mut tests = Vec::new();
    for server in [IMAP, "exim", "postfix"] {
        for kind in Kind::ALL {
            for security in Security::ALL {
                let name = format!("command check {server} {} {}", kind.name(), security.name());
                let run = move |lab: &Lab| check(lab, server, kind, security);
                tests
                    .push(Test::named(&name, vec![server, "auth-service"], move |lab, _| run(lab)));
            }
        }
    }
    let mail = || vec!["exim", IMAP, "auth-service"];
    tests.extend([
        Test::named("command sends, watches, lists, searches and fetches", mail(), |lab, _| {
            journey(lab)
        }),
        Test::named("command send postfix", vec!["postfix", "sink", "auth-service"], |lab, _| {
            into_postfix(lab)
        }),
        Test::named("command send exim refusals", mail(), |lab, _| refusals(lab)),
        Test::named("command check wrong token", mail(), |lab, _| wrong_token(lab)),
        Test::named("command check judge down", vec!["dovecot-down"], |lab, _| judge_down(lab)),
    ]);
    tests
}

/// A user of the command, with a directory that is removed at the end.
struct User {
    program: PathBuf,
    directory: PathBuf,
    secrets: Vec<String>,
}

impl User {
    /// Signs in to these servers by a mechanism.
    fn new(
        lab: &Lab,
        label: &str,
        name: &str,
        (imap, smtp): (Option<&str>, Option<&str>),
        kind: Kind,
        security: Security,
    ) -> Result<Self> {
        let directory =
            std::env::temp_dir().join(format!("xoauth-command-{}-{label}", std::process::id()));
        fs::create_dir_all(directory.join("xoauth"))?;
        let mut config = format!(
            "[account.lab]\nuser = {:?}\nmechanism = \"{}\"\nca-file = {:?}\n",
            address(name),
            kind.name(),
            PathBuf::from(lab.value("dir")).join("ca.crt"),
        );
        for (protocol, server) in [("imap", imap), ("smtp", smtp)] {
            let Some(server) = server else { continue };
            let scheme = match security {
                Security::Implicit => format!("{protocol}s"),
                Security::StartTls => protocol.to_owned(),
            };
            let port = lab.port(server, &scheme);
            config.push_str(&format!("{protocol} = \"{scheme}://{HOST}:{port}\"\n"));
        }
        let secrets = if kind.is_signed() {
            let login = OAuth1::of(name);
            config.push_str(&format!(
                "consumer-key = {:?}\ntoken = {:?}\nconsumer-secret = {{ file = \"consumer\" }}\n\
                 token-secret = {{ file = \"token\" }}\n",
                login.consumer, login.token
            ));
            vec![account("/consumer/secret").to_owned(), login.token_secret]
        } else {
            config.push_str("access-token = { file = \"consumer\" }\n");
            vec![opaque(name, 0), String::new()]
        };
        for (file, text) in ["consumer", "token"].into_iter().zip(&secrets) {
            fs::write(directory.join("xoauth").join(file), text)?;
        }
        fs::write(directory.join("xoauth/config.toml"), config)?;
        Ok(Self { program: program(lab)?, directory, secrets })
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.directory);
        command.env("XDG_CONFIG_HOME", &self.directory).env("XDG_STATE_HOME", &self.directory);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    /// What it printed, and with which code it ended.
    fn run(&self, arguments: &[&str], input: &[u8]) -> Result<(i32, String)> {
        let mut child = self.command(arguments)?.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A verb that reads nothing may have ended.
            let _ = stdin.write_all(input);
        }
        let output = child.wait_with_output()?;
        self.shows_no_secret(&output)?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let code = output.status.code().unwrap_or(-1);
        if code != 0 {
            return Ok((code, said + &String::from_utf8_lossy(&output.stderr)));
        }
        Ok((code, said))
    }

    fn ok(&self, arguments: &[&str], input: &[u8]) -> Result<String> {
        match self.run(arguments, input)? {
            (0, said) => Ok(said),
            (code, said) => Err(format!("{arguments:?} ended with {code}:\n{said}").into()),
        }
    }

    fn shows_no_secret(&self, output: &Output) -> Result<()> {
        for text in [&output.stdout, &output.stderr] {
            let text = String::from_utf8_lossy(text);
            let shown = self.secrets.iter().any(|s| !s.is_empty() && text.contains(s.as_str()));
            if shown {
                return Err("a secret is shown".into());
            }
        }
        Ok(())
    }
}

/// The command, built together with the examples.
pub(crate) fn program(lab: &Lab) -> Result<PathBuf> {
    let examples = lab.examples.as_ref().and_then(|examples| examples.parent());
    Ok(examples.ok_or("nobody said where the examples are")?.join("xoauth-under-test"))
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn expect(what: &str, found: impl std::fmt::Debug, holds: bool) -> Result<()> {
    if holds { Ok(()) } else { Err(format!("{what}: {found:?}").into()) }
}

/// The servers of a user that signs in to one.
fn only(server: &str) -> (Option<&str>, Option<&str>) {
    if server.starts_with("dovecot") { (Some(server), None) } else { (None, Some(server)) }
}

fn check(lab: &Lab, server: &str, kind: Kind, security: Security) -> Result<()> {
    let label = format!("check-{server}-{}-{}", kind.name(), security.name());
    let user = User::new(lab, &label, "john", only(server), kind, security)?;
    let said = user.ok(&["--json", "check"], b"")?;
    let report: Value = serde_json::from_str(&said)?;
    let steps: Vec<&str> = report
        .get("steps")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|s| s.get("step")?.as_str())
        .collect();
    for step in ["tls", "capability", "mechanism", "auth", "probe", "logout"] {
        expect(&format!("the step {step}"), &said, steps.contains(&step))?;
    }
    expect(
        "no diagnosis",
        &said,
        report.get("ok") == Some(&true.into())
            && report.get("diagnosis") == Some(&Value::Array(vec![])),
    )
}

/// A command that keeps running, ended with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn journey(lab: &Lab) -> Result<()> {
    let name = "viacommand";
    let servers = (Some(IMAP), Some("exim"));
    let user = User::new(lab, "journey", name, servers, Kind::XOAuth, Security::Implicit)?;
    let to = address(name);
    let mut child = user.command(&["watch", "--once"])?.spawn()?;
    let notes = child.stderr.take().ok_or("no notes")?;
    let events = child.stdout.take().ok_or("no events")?;
    let _watching = Running(child);
    let begun = BufReader::new(notes).lines().map_while(|line| line.ok());
    expect("watching", "", begun.into_iter().any(|line| line.contains("watching")))?;

    let body = ".\r\n..dots\r\nGrüße\r\n".repeat(50_000);
    let message = format!(
        "From: {to}\r\nTo: {to}\r\nBcc: nobody@example.test\r\nSubject: by the command\r\n\r\n{body}"
    );
    user.ok(&["send", &to], message.as_bytes())?;
    let event = BufReader::new(events).lines().next().ok_or("no event")??;
    expect("an event", &event, event.starts_with("exists "))?;

    let listed = user.ok(&["list"], b"")?;
    expect("the inbox is listed", &listed, listed.lines().any(|line| line == "INBOX"))?;
    let found = user.ok(&["search", "--uids", "--subject", "by the command"], b"")?;
    expect("one message is found", &found, found.lines().count() == 1)?;
    let shown = user.ok(&["search"], b"")?;
    expect("its subject is shown", &shown, shown.contains("\tby the command"))?;
    for _ in 0..2 {
        user.ok(&["fetch", "--all", "--eml", "E", "--resume"], b"")?;
        user.ok(&["fetch", "--all", "--maildir", "M", "--resume"], b"")?;
    }
    let files = |name: &str| -> Result<Vec<PathBuf>> {
        let list = fs::read_dir(user.directory.join(name))?.map(|entry| Ok(entry?.path()));
        let files: Result<Vec<PathBuf>> = list.collect();
        Ok(files?.into_iter().filter(|path| !path.to_string_lossy().contains("/.")).collect())
    };
    let (eml, maildir) = (files("E")?, files("M/new")?);
    expect("one file each", (&eml, &maildir), eml.len() == 1 && maildir.len() == 1)?;
    let text = fs::read_to_string(eml.first().ok_or("no file")?)?;
    expect("the body is whole", text.len(), text.ends_with(&format!("\r\n\r\n{body}")))?;
    expect("no blind copies", "", !text.contains("nobody@"))?;
    let text = fs::read_to_string(maildir.first().ok_or("no file")?)?;
    let unix = body.replace('\r', "");
    expect("the body is whole in the Maildir", text.len(), text.ends_with(&unix))
}

fn into_postfix(lab: &Lab) -> Result<()> {
    let servers = (None, Some("postfix"));
    let user = User::new(lab, "postfix", "john", servers, Kind::OAuthBearer, Security::StartTls)?;
    let message = b"Subject: by the command\n\ntext\n";
    let said = user.ok(&["--json", "send", &address("jane")], message)?;
    let report: Value = serde_json::from_str(&said)?;
    expect(
        "a queue id",
        &said,
        report.get("queue_id").and_then(Value::as_str).is_some_and(|id| !id.is_empty()),
    )
}

fn refusals(lab: &Lab) -> Result<()> {
    let servers = (None, Some("exim"));
    let user = User::new(lab, "refusals", "john", servers, Kind::XOAuth2, Security::Implicit)?;
    for (to, code) in [("reject", 67), ("defer", 75)] {
        let found = user.run(&["send", &address(to)], b"Subject: x\n\ny\n")?;
        expect(to, &found, found.0 == code && found.1.contains(&address(to)))?;
    }
    Ok(())
}

fn wrong_token(lab: &Lab) -> Result<()> {
    for server in [IMAP, "exim"] {
        let label = format!("wrong-{server}");
        let user = User::new(lab, &label, "john", only(server), Kind::XOAuth2, Security::Implicit)?;
        fs::write(user.directory.join("xoauth/consumer"), "no-token-of-anybody")?;
        let found = user.run(&["check"], b"")?;
        let told = found.1.contains("FAIL  auth") && found.1.contains("hint   ");
        expect(server, &found, found.0 == 77 && told)?;
    }
    Ok(())
}

fn judge_down(lab: &Lab) -> Result<()> {
    let servers = (Some("dovecot-down"), None);
    let user = User::new(lab, "down", "john", servers, Kind::XOAuth2, Security::Implicit)?;
    let found = user.run(&["list"], b"")?;
    expect("temporary", &found, found.0 == 75)
}
