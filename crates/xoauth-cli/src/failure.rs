//! What a verb ends with: an exit code of sysexits, and for failures what happened and what to do.

use std::process::ExitCode;

use serde_json::Value;

use crate::rules::Rule;

/// The exit codes, those of sysexits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Ok = 0,
    /// The answer is "no".
    No = 1,
    Usage = 64,
    Data = 65,
    NoInput = 66,
    NoUser = 67,
    NoHost = 68,
    Unavailable = 69,
    Internal = 70,
    Io = 74,
    Temporary = 75,
    Protocol = 76,
    NotAuthorised = 77,
    Config = 78,
    /// Whoever read our output has left.
    BrokenPipe = 141,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a verb failed. No text in it holds a secret.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// The step that failed: `config`, `token`, `connect`, `tls`, `auth`, ….
    pub(crate) phase: &'static str,
    pub(crate) message: String,
    /// The rule that explains it, where one does.
    pub(crate) rule: Option<&'static Rule>,
    /// What the server said.
    pub(crate) server: Option<String>,
    /// The server's error document.
    pub(crate) document: Option<Box<Value>>,
    pub(crate) hint: Option<String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    pub(crate) fn new(exit: Exit, phase: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { exit, phase, message, rule: None, server: None, document: None, hint: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(Exit::Config, "config", message)
    }

    pub(crate) fn data(message: impl Into<String>) -> Self {
        Self::new(Exit::Data, "data", message)
    }

    /// Reading or writing something of this machine.
    pub(crate) fn io(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::new(Exit::BrokenPipe, "output", String::new());
        }
        let busy = error.kind() == std::io::ErrorKind::WouldBlock;
        let exit = if busy { Exit::Temporary } else { Exit::Io };
        Self::new(exit, "io", format!("{what}: {error}"))
    }

    /// Nobody is there to hear of it.
    pub(crate) fn is_quiet(&self) -> bool {
        self.exit == Exit::BrokenPipe || self.message.is_empty()
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn rule(mut self, rule: Option<&'static Rule>) -> Self {
        self.rule = rule;
        self
    }
}
