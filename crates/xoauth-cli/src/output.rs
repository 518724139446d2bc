//! What is printed, and where: results on standard output, everything else on standard error.

use std::io::{self, IsTerminal, Write};

use serde_json::{Map, Value, json};

use crate::Result;
use crate::args::{Color, Global};
use crate::failure::{Exit, Failure};

/// The version of every JSON document this command prints.
const VERSION: u8 = 1;

/// How to talk to the user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ui {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    color: bool,
}

/// What a piece of text on the terminal means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    Good,
    Bad,
    Faint,
}

impl Ui {
    pub(crate) fn new(global: &Global) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => wanted && io::stderr().is_terminal() && io::stdout().is_terminal(),
        };
        Self { json: global.json, quiet: global.quiet, verbose: global.verbose > 0, color }
    }

    /// A line of the result.
    pub(crate) fn line(&self, text: impl AsRef<str>) -> Result<()> {
        let mut out = io::stdout().lock();
        let written = writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush());
        written.map_err(|error| Failure::io("standard output", &error))
    }

    /// A JSON object of the result, on one line, with the version in front.
    pub(crate) fn object(&self, value: Value) -> Result<()> {
        self.line(versioned(value).to_string())
    }

    /// Something the user wants to know beside the result.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            complain(&one_line(text.as_ref()));
        }
    }

    /// What the user has to read and act on, whatever `-q` says: a line or several.
    pub(crate) fn prompt(&self, text: impl AsRef<str>) {
        text.as_ref().lines().for_each(|line| complain(&one_line(line)));
    }

    /// The same, where `-v` was given.
    pub(crate) fn detail(&self, text: impl AsRef<str>) {
        if self.verbose {
            self.note(text);
        }
    }

    /// Text coloured by what it means, where colours are wanted.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match style {
            Style::Good => 32,
            Style::Bad => 31,
            Style::Faint => 2,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Tells why the command failed, on standard error.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.exit == Exit::BrokenPipe || failure.message.is_empty() {
            return;
        }
        if self.json {
            return complain_json(failure);
        }
        complain(&format!("xoauth: {}: {}", failure.phase, one_line(&failure.message)));
        if let Some(rule) = failure.rule {
            complain(&format!("cause: {} [{}]", rule.cause, rule.id));
            complain(&format!("fix: {}", rule.fix));
        }
        if let Some(hint) = &failure.hint {
            complain(&format!("hint: {}", one_line(hint)));
        }
        if let Some(rule) = failure.rule {
            complain(&format!("see: xoauth explain {0}, docs/errors.md#{0}", rule.id));
        }
    }
}

/// A line on standard error; where nobody reads it, it is lost and nothing else is.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A failure as JSON on standard error.
pub(crate) fn complain_json(failure: &Failure) {
    complain(&versioned(json!({ "error": error_object(failure) })).to_string());
}

/// The failure as the JSON of `--json` shows it.
fn error_object(failure: &Failure) -> Value {
    let mut object = Map::new();
    if let Some(rule) = failure.rule {
        object.insert("id".into(), rule.id.into());
        object.insert("cause".into(), rule.cause.into());
        object.insert("fix".into(), rule.fix.into());
    }
    object.insert("phase".into(), failure.phase.into());
    object.insert("exit".into(), (failure.exit as u8).into());
    object.insert("message".into(), failure.message.clone().into());
    if let Some(server) = &failure.server {
        object.insert("server".into(), server.clone().into());
    }
    if let Some(document) = &failure.document {
        object.insert("json".into(), (**document).clone());
    }
    if let Some(hint) = &failure.hint {
        object.insert("hint".into(), hint.clone().into());
    }
    Value::Object(object)
}

fn versioned(value: Value) -> Value {
    let mut object = Map::from_iter([("v".to_owned(), VERSION.into())]);
    if let Value::Object(members) = value {
        object.extend(members);
    }
    Value::Object(object)
}

/// Control characters escaped, and those that turn the direction of writing: nothing a peer says can steer the terminal,
/// or make text look like other text.
pub(crate) fn one_line(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}
