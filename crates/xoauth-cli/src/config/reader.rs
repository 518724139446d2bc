//! Values of the configuration, each as its key wants it; every complaint names the file, the line and the key.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::DeValue;
use xoauth::Secret;
use xoauth::sasl::oauth1::RequestUrl;
use xoauth::smtp::Address;

use super::read::KEYS;
use crate::Result;
use crate::failure::Failure;
use crate::oauth2::is_secure;
use crate::secret::SecretRef;

pub(super) type Value<'i> = Spanned<DeValue<'i>>;

/// A file, for values and for complaints.
pub(super) struct Reader<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

impl Reader<'_> {
    /// What is wrong, where.
    pub(super) fn fault(&self, offset: usize, key: &str, what: &str) -> Failure {
        Failure::config(format!("{}: {what}", self.place(offset, key)))
    }

    /// File, line and key.
    pub(super) fn place(&self, offset: usize, key: &str) -> String {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        let line = before.iter().filter(|&&octet| octet == b'\n').count() + 1;
        let key = if key.is_empty() { String::new() } else { format!(": `{key}`") };
        format!("{}:{line}{key}", self.path.display())
    }

    /// The key on the line of a fault that left no document, as far as it is one of ours: other text may be of a secret.
    pub(super) fn key_at(&self, offset: usize) -> String {
        let start = self.text.get(..offset).and_then(|before| before.rfind('\n'));
        let start = start.map_or(0, |newline| newline + 1);
        let (before, rest) = self.text.split_at_checked(start).unwrap_or_default();
        let name = rest.lines().next().and_then(|line| line.split_once('=')).map(|(key, _)| key);
        let name = name.unwrap_or_default().trim();
        let header = |line: &str| {
            let name = line.trim().strip_prefix("[account.")?.strip_suffix(']')?.to_owned();
            Some(name).filter(|name| is_name(name.strip_suffix(".store").unwrap_or(name)))
        };
        match before.lines().rev().find(|line| line.trim_start().starts_with('[')) {
            None if name == "default" => name.to_owned(),
            Some(line) if KEYS.contains(&name) => {
                header(line).map(|within| format!("account.{within}.{name}")).unwrap_or_default()
            }
            _ => String::new(),
        }
    }

    pub(super) fn unknown(
        &self,
        offset: usize,
        within: &str,
        key: &str,
        known: &[&str],
    ) -> Failure {
        let guess = known.iter().map(|name| (distance(key, name), name)).min();
        let what = match guess {
            Some((distance, name)) if distance <= 3 => {
                format!("unknown key, did you mean `{name}`?")
            }
            _ => "unknown key".to_owned(),
        };
        self.fault(offset, &format!("{within}{key}"), &what)
    }

    pub(super) fn expected(&self, key: &str, value: &Value<'_>, expected: &str) -> Failure {
        let found = value.get_ref().type_str();
        self.fault(value.span().start, key, &format!("expected {expected}, found {found}"))
    }

    /// A text that ends up in protocols and on the screen.
    pub(super) fn text(&self, key: &str, value: &Value<'_>) -> Result<String> {
        let text = self.any_text(key, value)?;
        match text.chars().any(char::is_control) {
            true => Err(self.fault(value.span().start, key, "has a control character")),
            false => Ok(text),
        }
    }

    /// A text for a program, which may have several lines.
    fn any_text(&self, key: &str, value: &Value<'_>) -> Result<String> {
        match value.get_ref() {
            DeValue::String(text) if !text.is_empty() => Ok(text.to_string()),
            DeValue::String(_) => Err(self.fault(value.span().start, key, "is empty")),
            _ => Err(self.expected(key, value, "a string")),
        }
    }

    fn array<'v, 'i>(&self, key: &str, value: &'v Value<'i>) -> Result<&'v [Value<'i>]> {
        match value.get_ref() {
            DeValue::Array(items) => Ok(items),
            _ => Err(self.expected(key, value, "an array of strings")),
        }
    }

    /// Scopes, one each: `scope-token` of RFC 6749 3.3.
    pub(super) fn scopes(&self, key: &str, value: &Value<'_>) -> Result<Vec<String>> {
        let is_scope =
            |text: &str| text.bytes().all(|c| matches!(c, b'!' | b'#'..=b'[' | b']'..=b'~'));
        let scope = |item| {
            let text = self.text(key, item)?;
            match is_scope(&text) {
                true => Ok(text),
                false => Err(self.fault(item.span().start, key, &format!("`{text}` is no scope"))),
            }
        };
        self.array(key, value)?.iter().map(scope).collect()
    }

    /// Where secrets are sent, or users sign in.
    pub(super) fn endpoint(&self, key: &str, value: &Value<'_>) -> Result<String> {
        let url = self.url(key, value)?;
        match is_secure(&url) {
            true => Ok(url),
            false => {
                let what = "is no https URL, and http is for loopback alone";
                Err(self.fault(value.span().start, key, what))
            }
        }
    }

    /// A URL that can be signed, with `{user}` in it or without.
    pub(super) fn url(&self, key: &str, value: &Value<'_>) -> Result<String> {
        let url = self.text(key, value)?;
        match RequestUrl::new(url.replace("{user}", "user")) {
            Ok(_) => Ok(url),
            Err(error) => Err(self.fault(value.span().start, key, &error.to_string())),
        }
    }

    /// A part of the path of Microsoft's endpoints: an identifier, a domain, `common` or the like.
    pub(super) fn tenant(&self, key: &str, value: &Value<'_>) -> Result<String> {
        let tenant = self.text(key, value)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        match tenant.chars().all(is_plain) {
            true => Ok(tenant),
            false => {
                let what = "expected an id, a domain, common, organizations or consumers";
                Err(self.fault(value.span().start, key, what))
            }
        }
    }

    /// The sender of messages, without a name.
    pub(super) fn address(&self, key: &str, value: &Value<'_>) -> Result<String> {
        let address = self.text(key, value)?;
        match address.parse::<Address>() {
            Ok(_) => Ok(address),
            Err(error) => Err(self.fault(value.span().start, key, &error.to_string())),
        }
    }

    pub(super) fn table<'v, 'i>(
        &self,
        key: &str,
        value: &'v Value<'i>,
    ) -> Result<
        impl Iterator<Item = (&'v Spanned<std::borrow::Cow<'i, str>>, &'v Value<'i>)> + use<'v, 'i>,
    > {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table.iter()),
            _ => Err(self.expected(key, value, "a table")),
        }
    }

    /// A relative file is relative to the configuration.
    pub(super) fn file(&self, key: &str, value: &Value<'_>) -> Result<PathBuf> {
        let path = self.text(key, value)?;
        let home = path.strip_prefix("~/").zip(super::path_of("HOME"));
        let path = home.map_or_else(|| PathBuf::from(&path), |(rest, home)| home.join(rest));
        Ok(self.path.parent().map_or_else(|| path.clone(), |parent| parent.join(&path)))
    }

    /// `"…"`, `{ command = […] | "…" }`, `{ file = "…" }` or `{ env = "…" }`.
    pub(super) fn secret(&self, key: &str, value: &Value<'_>) -> Result<SecretRef> {
        let DeValue::Table(table) = value.get_ref() else {
            return Ok(SecretRef::Inline(Secret::new(self.text(key, value)?)));
        };
        let mut found = None;
        for (name, value) in table {
            let inner = format!("{key}.{}", name.get_ref());
            found = Some(match name.get_ref().as_ref() {
                "command" => self.command(&inner, value)?,
                "file" => SecretRef::File(self.file(&inner, value)?),
                "env" => SecretRef::Env(self.text(&inner, value)?),
                other => {
                    let known = ["command", "file", "env"];
                    return Err(self.unknown(name.span().start, &format!("{key}."), other, &known));
                }
            });
        }
        let one = if table.len() == 1 { found } else { None };
        one.ok_or_else(|| self.expected(key, value, "one of command, file and env"))
    }

    /// An array runs as it is, a string by the shell.
    pub(super) fn command(&self, key: &str, value: &Value<'_>) -> Result<SecretRef> {
        match value.get_ref() {
            DeValue::Array(words) if !words.is_empty() => {
                let words = words.iter().map(|word| self.any_text(key, word));
                Ok(SecretRef::Exec(words.collect::<Result<_>>()?))
            }
            DeValue::String(_) => Ok(SecretRef::Shell(self.any_text(key, value)?)),
            _ => Err(self.expected(
                key,
                value,
                "a command: an array of strings, or a string for the shell",
            )),
        }
    }
}

/// What an account may be called: its name is that of a file, too.
pub(super) fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(is_plain)
}

/// How many letters differ (Levenshtein), for guessing what was meant.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (b, &above) in other.iter().zip(row.iter().skip(1)) {
            left = if a == *b { diagonal } else { 1 + diagonal.min(above).min(left) };
            diagonal = above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted() {
        for (one, other, expected) in
            [("", "", 0), ("a", "", 1), ("user", "usr", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(one, other), expected);
        }
    }
}
