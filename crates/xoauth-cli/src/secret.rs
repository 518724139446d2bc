//! Where a secret comes from. Never from an argument: those show in `ps`.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use xoauth::Secret;

use crate::Result;
use crate::failure::{Exit, Failure};

/// A secret by reference, as the configuration names it.
#[derive(Debug, Clone)]
pub(crate) enum SecretRef {
    /// `{ command = ["pass", "show", "x"] }`: run as it is; its standard output is the secret.
    Exec(Vec<String>),
    /// `{ command = "pass show x" }`: run by the shell.
    Shell(String),
    File(PathBuf),
    /// The standard input, once.
    Stdin,
    Env(String),
    /// In the file itself, which nobody else may read then.
    Inline(Secret),
}

/// The variables of the environment that hold secrets.
pub(crate) const VARIABLES: [&str; 5] = [
    "XOAUTH_ACCESS_TOKEN",
    "XOAUTH_REFRESH_TOKEN",
    "XOAUTH_CLIENT_SECRET",
    "XOAUTH_CONSUMER_SECRET",
    "XOAUTH_TOKEN_SECRET",
];

/// `force` here is `--renew` for `xoauth token`: the library's `TokenCommand` sets it after a refusal.
pub(crate) const RENEW: &str = "XOAUTH_RENEW";

/// A file larger than this holds no token.
const LONGEST: u64 = 256 * 1024;

impl SecretRef {
    /// Fetches the secret; `what` names it in messages.
    pub(crate) fn read(&self, what: &str) -> Result<Secret> {
        let failed = |why: String| Failure::new(Exit::Config, "secret", format!("{what}: {why}"));
        let text = match self {
            Self::Exec(_) | Self::Shell(_) => self.run(what)?,
            Self::File(path) => {
                let shown = path.display();
                let file =
                    std::fs::File::open(path).map_err(|e| failed(format!("{shown}: {e}")))?;
                read_bounded(file).map_err(|e| failed(format!("{shown}: {e}")))?
            }
            Self::Stdin => {
                read_bounded(std::io::stdin().lock()).map_err(|e| failed(e.to_string()))?
            }
            Self::Env(name) => {
                let value = std::env::var(name);
                value.map_err(|_| failed(format!("the environment has no {name}")))?
            }
            Self::Inline(secret) => return Ok(secret.clone()),
        };
        let trimmed = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
        let secret = Secret::new(trimmed.unwrap_or(&text));
        drop(Secret::new(text));
        if secret.expose().is_empty() {
            return Err(failed("is empty".to_owned()));
        }
        Ok(secret)
    }

    /// Runs the command. Its standard error is the terminal's: that is where `pass` asks.
    fn run(&self, what: &str) -> Result<String> {
        let mut command = match self.command() {
            Some(command) => command,
            None => return Err(Failure::config(format!("{what}: the command is empty"))),
        };
        if !std::io::stdin().is_terminal() {
            command.stdin(Stdio::null());
        }
        let output = command.stderr(Stdio::inherit()).output();
        let failed = |why: String| {
            Failure::new(Exit::Config, "secret", format!("{what}: the command {why}"))
        };
        let output = output.map_err(|error| failed(format!("cannot be run: {error}")))?;
        if !output.status.success() {
            return Err(failed(format!("ended with {}", output.status)));
        }
        String::from_utf8(output.stdout).map_err(|_| failed("wrote no UTF-8".to_owned()))
    }

    /// Where the secret is, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Exec(_) | Self::Shell(_) => "command",
            Self::File(_) => "file",
            Self::Stdin => "standard input",
            Self::Env(_) => "environment",
            Self::Inline(_) => "configuration",
        }
    }

    /// Program and arguments, for those that are a command.
    pub(crate) fn words(&self) -> Option<Vec<String>> {
        match self {
            Self::Exec(words) => Some(words.clone()),
            Self::Shell(line) => Some(shell(line)),
            _ => None,
        }
    }

    /// The command, for those that are one.
    pub(crate) fn command(&self) -> Option<Command> {
        command(&self.words()?)
    }
}

/// Program and arguments for a line of the shell.
fn shell(line: &str) -> Vec<String> {
    let words = if cfg!(windows) { ["cmd", "/C", line] } else { ["sh", "-c", line] };
    words.map(str::to_owned).to_vec()
}

/// A command of the user's, by its words. That a new token is wanted was said to this process, not to an `xoauth token` in there.
fn command(words: &[String]) -> Option<Command> {
    let (program, arguments) = words.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).env_remove(RENEW);
    Some(command)
}

/// A line for the shell, which is the user's own: what else is in the environment is there for it.
pub(crate) fn shell_command(line: &str) -> Option<Command> {
    command(&shell(line))
}

fn read_bounded(source: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    source.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}
