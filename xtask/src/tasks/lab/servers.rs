//! The servers: what each needs, is told and is asked to see whether it is there.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::exim;
use super::place::Place;
use super::ports::Ports;
use super::tools::{self, Tool, user};
use crate::Result;
use crate::command::output;
use crate::workspace::Workspace;

/// A server of the lab.
#[derive(Debug)]
pub(super) struct Server {
    /// As the tests name it.
    pub(super) name: &'static str,
    /// Without these it cannot be had.
    pub(super) needs: &'static [Tool],
    /// Writes its configuration and returns the command that starts it.
    pub(super) prepare: fn(&Setting<'_>) -> Result<Command>,
    /// When it is ready.
    pub(super) ready: Ready,
}

/// What tells that a server is ready.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ready {
    /// It greets on these ports in the clear.
    Greets(&'static [&'static str]),
    /// It has made this file in the lab's directory.
    File(&'static str),
}

/// What a server is prepared with.
pub(super) struct Setting<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) place: &'a Place,
    pub(super) ports: &'a Ports,
    /// The tools that are missing.
    pub(super) missing: &'a [Tool],
}

const DOVECOT: &[Tool] = &[Tool::OpenSsl, Tool::Dovecot];
const DOVECOT_AND_JUDGE: &[Tool] = &[Tool::OpenSsl, Tool::Dovecot, Tool::Python];

/// What most tests are about: these are up before the others are started.
pub(super) const FIRST: &[Server] = &[
    Server {
        name: "sink",
        needs: &[Tool::Postfix],
        prepare: sink,
        ready: Ready::Greets(&["sink.smtp"]),
    },
    Server {
        name: "dovecot-oauth1",
        needs: DOVECOT_AND_JUDGE,
        prepare: |setting| dovecot(setting, "dovecot-oauth1"),
        ready: Ready::Greets(&["dovecot-oauth1.imap", "dovecot-oauth1.submission"]),
    },
    Server {
        name: "auth-service",
        needs: &[Tool::OpenSsl, Tool::Python],
        prepare: auth_service,
        ready: Ready::File("auth-service.ready"),
    },
    Server {
        name: "exim",
        needs: &[Tool::OpenSsl, Tool::Exim, Tool::Python],
        prepare: |setting| exim(setting, "exim", "auth.sock"),
        ready: Ready::Greets(&["exim.smtp"]),
    },
];

/// The others, in the order they are started.
pub(super) const OTHERS: &[Server] = &[
    Server {
        name: "exim-down",
        needs: &[Tool::OpenSsl, Tool::Exim],
        prepare: |setting| exim(setting, "exim-down", "no-such-socket"),
        ready: Ready::Greets(&["exim-down.smtp"]),
    },
    Server {
        name: "dovecot-jwt",
        needs: DOVECOT,
        prepare: |setting| dovecot(setting, "dovecot-jwt"),
        ready: Ready::Greets(&["dovecot-jwt.imap", "dovecot-jwt.submission"]),
    },
    Server {
        name: "dovecot-introspection",
        needs: DOVECOT_AND_JUDGE,
        prepare: |setting| dovecot(setting, "dovecot-introspection"),
        ready: Ready::Greets(&["dovecot-introspection.imap", "dovecot-introspection.submission"]),
    },
    Server {
        name: "dovecot-down",
        needs: DOVECOT,
        prepare: |setting| dovecot(setting, "dovecot-down"),
        ready: Ready::Greets(&["dovecot-down.imap", "dovecot-down.submission"]),
    },
    Server {
        name: "postfix",
        needs: &[Tool::OpenSsl, Tool::Postfix, Tool::Python],
        prepare: postfix,
        ready: Ready::Greets(&["postfix.smtp", "postfix-down.smtp"]),
    },
    Server {
        name: "twisted",
        needs: &[Tool::OpenSsl, Tool::Python],
        prepare: |setting| python(setting, "twisted_imap.py", "twisted", &["imap", "imaps"]),
        ready: Ready::Greets(&["twisted.imap"]),
    },
    Server {
        name: "aiosmtpd",
        needs: &[Tool::OpenSsl, Tool::Python],
        prepare: |setting| python(setting, "aiosmtpd_server.py", "aiosmtpd", &["smtp", "smtps"]),
        ready: Ready::Greets(&["aiosmtpd.smtp"]),
    },
];

/// Programs that are no servers, and are not run where they are missing.
pub(super) const CLIENTS: &[(&str, Tool)] = &[("curl", Tool::Curl)];

/// The user that mail belongs to, where Dovecot keeps it.
pub(super) const MAIL_USER: &str = "nobody";

const ACCOUNTS: &str = "tests/lab/accounts.json";

impl Setting<'_> {
    fn path(&self, name: &str) -> String {
        self.place.directory.join(name).to_string_lossy().into_owned()
    }

    fn port(&self, name: &str) -> String {
        self.ports.get(name).to_string()
    }

    fn configure(&self, template: &str, path: &str, values: &[(&str, String)]) -> Result<()> {
        self.place.configure(self.workspace, template, path, values)
    }

    /// The secret that tokens are signed with, as the tests know it.
    pub(super) fn hs256_secret(workspace: &Workspace) -> Result<String> {
        let accounts: serde_json::Value = serde_json::from_str(&workspace.read(ACCOUNTS)?)?;
        let secret = accounts.get("hs256_secret").and_then(serde_json::Value::as_str);
        Ok(secret.ok_or("accounts.json has no hs256_secret")?.to_owned())
    }
}

fn dovecot(setting: &Setting<'_>, name: &str) -> Result<Command> {
    let uid = user(MAIL_USER).ok_or("there is no user nobody")?;
    let mut values = vec![
        ("WORK", setting.path("")),
        ("DIR", setting.path(name)),
        ("UID", uid.0.to_string()),
        ("SINK", setting.port("sink.smtp")),
        ("HTTP", setting.port("auth-service.http")),
    ];
    for service in ["imap", "imaps", "submission", "submissions"] {
        let key = match service {
            "imap" => "IMAP",
            "imaps" => "IMAPS",
            "submission" => "SUBMISSION",
            _ => "SUBMISSIONS",
        };
        values.push((key, setting.port(&format!("{name}.{service}"))));
    }
    setting.configure("dovecot.conf", &format!("{name}/dovecot.conf"), &values)?;
    let auth = format!("{name}/auth.conf");
    let oauth2 = format!("{name}/oauth2.conf");
    match name {
        "dovecot-oauth1" => setting.configure("dovecot-foreign-auth.conf", &auth, &values)?,
        _ => setting.configure("dovecot-oauth2.conf", &auth, &values)?,
    }
    match name {
        "dovecot-jwt" => setting.configure("oauth2-local.conf", &oauth2, &values)?,
        "dovecot-introspection" => {
            setting.configure("oauth2-introspection.conf", &oauth2, &values)?
        }
        "dovecot-down" => {
            // Where it would ask, nobody listens.
            values.retain(|(name, _)| *name != "HTTP");
            values.push(("HTTP", setting.port("nobody.http")));
            setting.configure("oauth2-introspection.conf", &oauth2, &values)?;
        }
        _ => {}
    }
    setting.place.directory_of(&format!("{name}/mail"), uid)?;
    let mut command = Command::new(tools::DOVECOT);
    command.args(["-F", "-c"]).arg(setting.path(&format!("{name}/dovecot.conf")));
    Ok(command)
}

fn auth_service(setting: &Setting<'_>) -> Result<Command> {
    let uid = user(MAIL_USER).ok_or("there is no user nobody")?;
    let ports: Vec<String> = setting.ports.iter().map(|(_, port)| port.to_string()).collect();
    let mut command = python_program(setting, "auth_service.py");
    command.arg("--ports").arg(ports.join(","));
    command.arg("--http").arg(setting.port("auth-service.http"));
    command.arg("--uid").arg(uid.0.to_string());
    if !setting.missing.contains(&Tool::Dovecot) {
        command.arg("--dovecot");
    }
    Ok(command)
}

fn exim(setting: &Setting<'_>, name: &str, socket: &str) -> Result<Command> {
    let owner = user(exim::USER).ok_or("there is no user Debian-exim")?;
    for directory in ["", "/spool", "/log"] {
        setting.place.directory_of(&format!("{name}{directory}"), owner)?;
    }
    // A copy that the user of Exim can reach, wherever the checkout is.
    let program = setting.place.directory.join("bin/exim4");
    if !program.exists() {
        fs::create_dir_all(setting.place.directory.join("bin"))?;
        fs::copy(exim::program(setting.workspace), &program)?;
    }
    let key = setting.place.directory.join(name).join("server.key");
    fs::copy(setting.place.directory.join("server.key"), &key)?;
    std::os::unix::fs::chown(&key, Some(owner.0), Some(owner.1))?;
    let values = [
        ("WORK", setting.path("")),
        ("DIR", setting.path(name)),
        ("AUTH", setting.path(socket)),
        ("SMTP", setting.port(&format!("{name}.smtp"))),
        ("SMTPS", setting.port(&format!("{name}.smtps"))),
    ];
    let file = format!("{name}/exim.conf");
    setting.configure("exim.conf", &file, &values)?;
    let mut command = Command::new(program);
    command.arg("-C").arg(setting.path(&file)).args(["-bdf", "-q1h"]);
    Ok(command)
}

fn postfix(setting: &Setting<'_>) -> Result<Command> {
    let owner = user("postfix").ok_or("there is no user postfix")?;
    let root = (0, 0);
    let values = [
        ("WORK", setting.path("")),
        ("DIR", setting.path("postfix")),
        ("SINK", setting.port("sink.smtp")),
        ("SMTP", setting.port("postfix.smtp")),
        ("SMTPS", setting.port("postfix.smtps")),
        ("DOWN_SMTP", setting.port("postfix-down.smtp")),
        ("DOWN_SMTPS", setting.port("postfix-down.smtps")),
        ("XOAUTH2_SMTPS", setting.port("postfix-xoauth2.smtps")),
    ];
    setting.configure("postfix-main.cf", "postfix/main.cf", &values)?;
    setting.configure("postfix-master.cf", "postfix/master.cf", &values)?;
    setting.place.directory_of("postfix/data", owner)?;
    // What `postfix check` would make, in a second or two.
    for directory in ["", "/pid"] {
        setting.place.directory_of(&format!("postfix/queue{directory}"), root)?;
    }
    for directory in [
        "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private",
        "saved", "trace", "maildrop", "public",
    ] {
        setting.place.directory_of(&format!("postfix/queue/{directory}"), owner)?;
    }
    let mut command = Command::new(tools::POSTFIX_MASTER);
    command.arg("-c").arg(setting.path("postfix"));
    Ok(command)
}

fn sink(setting: &Setting<'_>) -> Result<Command> {
    let owner = user("postfix").ok_or("there is no user postfix")?;
    setting.place.directory_of("sink", owner)?;
    let mut command = Command::new(tools::SMTP_SINK);
    command.args(["-u", "postfix", "-h", "localhost"]);
    // Every message into a file of its own.
    command.arg("-d").arg(setting.path("sink/message."));
    command.arg(format!("127.0.0.1:{}", setting.port("sink.smtp"))).arg("1000");
    Ok(command)
}

fn python(setting: &Setting<'_>, program: &str, name: &str, services: &[&str]) -> Result<Command> {
    let mut command = python_program(setting, program);
    for service in services {
        command.arg(format!("--{service}")).arg(setting.port(&format!("{name}.{service}")));
    }
    Ok(command)
}

fn python_program(setting: &Setting<'_>, program: &str) -> Command {
    let root = &setting.workspace.root;
    let mut command = Command::new(tools::python(setting.workspace));
    command.arg(root.join("tests/lab/peers").join(program));
    command.arg("--dir").arg(&setting.place.directory);
    command.arg("--accounts").arg(root.join(ACCOUNTS));
    command.arg("--rs256").arg(setting.place.directory.join("rs256.pem"));
    // The checkout is left as it is.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Name and version of what is installed, as the tests show them.
pub(super) fn versions(workspace: &Workspace, missing: &[Tool]) -> Vec<(&'static str, String)> {
    let has = |tool: Tool| !missing.contains(&tool);
    let word = |command: &mut Command, index: usize| {
        // Exim complains about an environment.
        let text = output(command.env_clear()).unwrap_or_default();
        text.split_whitespace().nth(index).unwrap_or("unknown").to_owned()
    };
    let mut versions = Vec::new();
    if has(Tool::Dovecot) {
        versions.push(("dovecot", word(Command::new(tools::DOVECOT).arg("--version"), 0)));
    }
    if has(Tool::Exim) {
        versions.push((
            "exim",
            word(Command::new(exim::program(workspace)).args(["-C", "/dev/null", "-bV"]), 2),
        ));
    }
    if has(Tool::Postfix) {
        versions.push((
            "postfix",
            word(Command::new(tools::POSTCONF).args(["-dh", "mail_version"]), 0),
        ));
    }
    if has(Tool::Curl) {
        versions.push(("curl", word(Command::new(tools::CURL).arg("--version"), 1)));
    }
    if has(Tool::Python) {
        let python = tools::python(workspace);
        versions.push(("python", word(Command::new(python).arg("--version"), 1)));
        let requirements = workspace.read(tools::REQUIREMENTS).unwrap_or_default();
        for (name, package) in
            [("twisted", "Twisted"), ("aiosmtpd", "aiosmtpd"), ("oauthlib", "oauthlib")]
        {
            let line = requirements.lines().find_map(|line| line.strip_prefix(package));
            let version = line.and_then(|rest| rest.strip_prefix("==")).unwrap_or("unknown");
            versions.push((name, version.to_owned()));
        }
    }
    versions
}

/// The end of a log, for a server that did not start.
pub(super) fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(8)..).unwrap_or_default().join("\n")
}
