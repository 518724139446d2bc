//! What is printed, and where: results on standard output, everything else on standard error.

use std::io::{self, IsTerminal, Write};

use serde_json::{Map, Value, json};
use xoauth::sasl::wire::escape_into;

use crate::Result;
use crate::args::{Color, Global};
use crate::failure::Failure;

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
        let wanted =
            std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && !is_dumb();
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => wanted && io::stderr().is_terminal() && io::stdout().is_terminal(),
        };
        Self { json: global.json, quiet: global.quiet, verbose: global.verbose > 0, color }
    }

    /// Something that moves can be drawn on standard error.
    pub(crate) fn draws(&self) -> bool {
        !self.quiet && io::stderr().is_terminal() && !is_dumb()
    }

    /// A line of the result.
    pub(crate) fn line(&self, text: impl AsRef<str>) -> Result<()> {
        let mut out = io::stdout().lock();
        let written = writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush());
        written.map_err(|error| Failure::io("standard output", &error))
    }

    /// A JSON object of the result, on one line, with the version.
    pub(crate) fn object(&self, value: Value) -> Result<()> {
        self.line(document(value))
    }

    /// Something the user wants to know beside the result.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            complain(text.as_ref());
        }
    }

    /// What the user has to read and act on, whatever `-q` says: a line or several.
    pub(crate) fn prompt(&self, text: impl AsRef<str>) {
        text.as_ref().lines().for_each(complain);
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
        match self.json {
            true => complain_json(failure),
            false => complain_text(failure),
        }
    }
}

/// A terminal that can do nothing but print lines.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|name| name == "dumb")
}

/// A line on standard error, where nothing in it steers the terminal; where nobody reads it, it is lost and nothing else is.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{}", one_line(line));
}

/// A failure as JSON on standard error.
pub(crate) fn complain_json(failure: &Failure) {
    if !failure.is_quiet() {
        let _ = writeln!(io::stderr(), "{}", document(json!({ "error": error_object(failure) })));
    }
}

/// A failure in words, with cause and fix where a rule has them.
pub(crate) fn complain_text(failure: &Failure) {
    if failure.is_quiet() {
        return;
    }
    complain(&format!("xoauth: {}: {}", failure.phase, failure.message));
    if let Some(rule) = failure.rule {
        complain(&format!("cause: {} [{}]", rule.cause, rule.id));
        complain(&format!("fix: {}", rule.fix));
    }
    if let Some(hint) = &failure.hint {
        complain(&format!("hint: {hint}"));
    }
    if let Some(rule) = failure.rule {
        complain(&format!("see: xoauth explain {0}, docs/errors.md#{0}", rule.id));
    }
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

/// A document of this command on one line, with the version. What would steer a terminal is escaped as JSON does.
pub(crate) fn document(value: Value) -> String {
    let mut object = Map::from_iter([("v".to_owned(), VERSION.into())]);
    if let Value::Object(members) = value {
        object.extend(members);
    }
    let text = Value::Object(object).to_string();
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        // All of them are within the range of four digits, and stand in strings only.
        if steers(c) { shown.push_str(&format!("\\u{:04x}", u32::from(c))) } else { shown.push(c) }
    }
    shown
}

/// What the library escapes in what it says of a peer is escaped in all that is shown: nothing can steer the terminal, or make
/// text look like other text.
pub(crate) fn one_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    escape_into(text.as_bytes(), &mut shown);
    shown
}

fn steers(c: char) -> bool {
    !matches!(c, ' '..='~') && !one_line(c.encode_utf8(&mut [0; 4])).starts_with(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_the_same_and_steer_nothing() {
        let hostile = "\u{1b}[2J\u{7f}\u{9b}31m\u{202e}\u{2066}\u{61c}\u{200f}\u{feff}\n\\ ü😀";
        let value = json!({ "a": hostile, hostile: [hostile] });
        let shown = document(value.clone());
        assert_eq!(shown.chars().find(|&c| steers(c)), None, "{shown:?}");
        let mut read: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read.as_object_mut().unwrap().remove("v"), Some(1.into()));
        assert_eq!(read, value);
        assert_eq!(one_line(hostile).chars().find(|&c| steers(c)), None);
    }
}
