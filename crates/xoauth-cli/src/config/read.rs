//! From TOML to accounts; every complaint names the file, the line and the key.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use xoauth::Secret;

use super::{Config, Settings};
use crate::Result;
use crate::failure::Failure;
use crate::secret::SecretRef;

/// The keys of an account; `[account.NAME.store]` has its own.
const KEYS: &[&str] = &[
    "extends",
    "provider",
    "user",
    "imap-user",
    "smtp-user",
    "from",
    "imap",
    "smtp",
    "ca-file",
    "insecure-plaintext",
    "mechanism",
    "sasl-ir",
    "tenant",
    "client-id",
    "client-secret",
    "scopes",
    "authorization-endpoint",
    "token-endpoint",
    "device-endpoint",
    "access-token",
    "consumer-key",
    "consumer-secret",
    "token",
    "token-secret",
    "imap-url",
    "smtp-url",
    "request-token-endpoint",
    "authorize-endpoint",
    "access-token-endpoint",
    "store",
];

type Value<'i> = Spanned<DeValue<'i>>;

/// Reads the file's text.
pub(super) fn read(path: &Path, text: &str) -> Result<Config> {
    let reader = Reader { path, text };
    let document = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        reader.fault(at, "", error.message())
    })?;
    let mut config = Config { path: Some(path.to_owned()), ..Config::default() };
    for (key, value) in document.get_ref() {
        match key.get_ref().as_ref() {
            "default" => config.default = Some(reader.text("default", value)?),
            "account" => {
                for (name, account) in reader.table("account", value)? {
                    config.accounts.push(reader.account(name, account)?);
                }
            }
            other => {
                return Err(reader.unknown(key.span().start, "", other, &["default", "account"]));
            }
        }
    }
    resolve_extends(&mut config, &reader)?;
    Ok(config)
}

/// One step of inheritance: an account extends one that extends none.
fn resolve_extends(config: &mut Config, reader: &Reader<'_>) -> Result<()> {
    let bases = config.accounts.clone();
    for account in &mut config.accounts {
        let Some(base) = account.extends.clone() else { continue };
        let key = format!("account.{}.extends", account.name);
        let at = reader.text.find(&format!("[account.{}]", account.name)).unwrap_or(0);
        let found = bases.iter().find(|other| other.name == base);
        match found {
            Some(found) if found.extends.is_none() => *account = account.clone().over(found),
            Some(_) => {
                return Err(reader.fault(
                    at,
                    &key,
                    &format!("`{base}` extends another account itself"),
                ));
            }
            None => return Err(reader.fault(at, &key, &format!("no account `{base}`"))),
        }
    }
    Ok(())
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    /// What is wrong, where.
    fn fault(&self, offset: usize, key: &str, what: &str) -> Failure {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        let line = before.iter().filter(|&&octet| octet == b'\n').count() + 1;
        let key = if key.is_empty() { String::new() } else { format!("`{key}`: ") };
        Failure::config(format!("{}:{line}: {key}{what}", self.path.display()))
    }

    fn unknown(&self, offset: usize, within: &str, key: &str, known: &[&str]) -> Failure {
        let guess = known.iter().map(|name| (distance(key, name), name)).min();
        let what = match guess {
            Some((distance, name)) if distance <= 3 => {
                format!("unknown key, did you mean `{name}`?")
            }
            _ => "unknown key".to_owned(),
        };
        self.fault(offset, &format!("{within}{key}"), &what)
    }

    fn expected(&self, key: &str, value: &Value<'_>, expected: &str) -> Failure {
        let found = value.get_ref().type_str();
        self.fault(value.span().start, key, &format!("expected {expected}, found {found}"))
    }

    fn text(&self, key: &str, value: &Value<'_>) -> Result<String> {
        match value.get_ref() {
            DeValue::String(text) if !text.is_empty() => Ok(text.to_string()),
            DeValue::String(_) => Err(self.fault(value.span().start, key, "is empty")),
            _ => Err(self.expected(key, value, "a string")),
        }
    }

    fn list(&self, key: &str, value: &Value<'_>) -> Result<Vec<String>> {
        let DeValue::Array(items) = value.get_ref() else {
            return Err(self.expected(key, value, "an array of strings"));
        };
        items.iter().map(|item| self.text(key, item)).collect()
    }

    fn table<'v, 'i>(
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
    fn file(&self, key: &str, value: &Value<'_>) -> Result<PathBuf> {
        let path = self.text(key, value)?;
        let home = path.strip_prefix("~/").zip(super::var("HOME"));
        let path =
            home.map_or_else(|| PathBuf::from(&path), |(rest, home)| Path::new(&home).join(rest));
        Ok(self.path.parent().map_or_else(|| path.clone(), |parent| parent.join(&path)))
    }

    /// `"…"`, `{ command = […] | "…" }`, `{ file = "…" }` or `{ env = "…" }`.
    fn secret(&self, key: &str, value: &Value<'_>) -> Result<SecretRef> {
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
    fn command(&self, key: &str, value: &Value<'_>) -> Result<SecretRef> {
        match value.get_ref() {
            DeValue::Array(items) if !items.is_empty() => {
                Ok(SecretRef::Exec(self.list(key, value)?))
            }
            DeValue::String(_) => Ok(SecretRef::Shell(self.text(key, value)?)),
            _ => Err(self.expected(
                key,
                value,
                "a command: an array of strings, or a string for the shell",
            )),
        }
    }

    fn account(
        &self,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Value<'_>,
    ) -> Result<Settings> {
        let at = name.span().start;
        let name = name.get_ref().as_ref();
        let is_plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
            let what = "names of accounts have letters, digits and -_.@+ only";
            return Err(self.fault(at, &format!("account.{name}"), what));
        }
        let within = format!("account.{name}.");
        let mut account = Settings { name: name.to_owned(), ..Settings::default() };
        for (key, value) in self.table(&format!("account.{name}"), value)? {
            let path = format!("{within}{}", key.get_ref());
            let (text, secret) = (|| self.text(&path, value), || self.secret(&path, value));
            match key.get_ref().as_ref() {
                "extends" => account.extends = Some(text()?),
                "provider" => account.provider = Some(text()?),
                "user" => account.user = Some(text()?),
                "imap-user" => account.imap_user = Some(text()?),
                "smtp-user" => account.smtp_user = Some(text()?),
                "from" => account.from = Some(text()?),
                "imap" => account.imap = Some(text()?),
                "smtp" => account.smtp = Some(text()?),
                "ca-file" => account.ca_file = Some(self.file(&path, value)?),
                "insecure-plaintext" => match value.get_ref() {
                    DeValue::Boolean(on) => account.insecure_plaintext = Some(*on),
                    _ => return Err(self.expected(&path, value, "true or false")),
                },
                "mechanism" => account.mechanism = Some(text()?),
                "sasl-ir" => account.sasl_ir = Some(text()?),
                "tenant" => account.tenant = Some(text()?),
                "client-id" => account.client_id = Some(text()?),
                "client-secret" => account.client_secret = Some(secret()?),
                "scopes" => account.scopes = Some(self.list(&path, value)?),
                "authorization-endpoint" => account.authorization_endpoint = Some(text()?),
                "token-endpoint" => account.token_endpoint = Some(text()?),
                "device-endpoint" => account.device_endpoint = Some(text()?),
                "access-token" => account.access_token = Some(secret()?),
                "consumer-key" => account.consumer_key = Some(text()?),
                "consumer-secret" => account.consumer_secret = Some(secret()?),
                "token" => account.token = Some(text()?),
                "token-secret" => account.token_secret = Some(secret()?),
                "imap-url" => account.imap_url = Some(text()?),
                "smtp-url" => account.smtp_url = Some(text()?),
                "request-token-endpoint" => account.request_token_endpoint = Some(text()?),
                "authorize-endpoint" => account.authorize_endpoint = Some(text()?),
                "access-token-endpoint" => account.access_token_endpoint = Some(text()?),
                "store" => self.store(&path, value, &mut account)?,
                other => return Err(self.unknown(key.span().start, &within, other, KEYS)),
            }
        }
        Ok(account)
    }

    fn store(&self, path: &str, value: &Value<'_>, account: &mut Settings) -> Result<()> {
        for (key, value) in self.table(path, value)? {
            let inner = format!("{path}.{}", key.get_ref());
            match key.get_ref().as_ref() {
                "read" => account.store.read = Some(self.command(&inner, value)?),
                "write" => account.store.write = Some(self.command(&inner, value)?),
                other => {
                    let within = format!("{path}.");
                    return Err(self.unknown(key.span().start, &within, other, &["read", "write"]));
                }
            }
        }
        Ok(())
    }
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

    fn complaint(text: &str) -> String {
        read(Path::new("c.toml"), text).map(drop).unwrap_err().message
    }

    #[test]
    fn complaints_name_file_line_and_key() {
        let table = [
            ("x = 1", "c.toml:1: `x`: unknown key"),
            ("\ndefalt = \"a\"", "c.toml:2: `defalt`: unknown key, did you mean `default`?"),
            ("default = 3", "c.toml:1: `default`: expected a string, found integer"),
            ("[account.a]\nuser = \"\"", "c.toml:2: `account.a.user`: is empty"),
            (
                "[account.a]\n\nclient-secrt = \"x\"",
                "c.toml:3: `account.a.client-secrt`: unknown key, did you mean `client-secret`?",
            ),
            (
                "[account.a]\nscopes = \"x\"",
                "c.toml:2: `account.a.scopes`: expected an array of strings, found string",
            ),
            (
                "[account.a]\nclient-secret = { comand = \"x\" }",
                "c.toml:2: `account.a.client-secret.comand`: unknown key, did you mean `command`?",
            ),
            (
                "[account.a]\nclient-secret = { }",
                "c.toml:2: `account.a.client-secret`: expected one of command, file and env, found table",
            ),
            ("[account.a]\nextends = \"b\"", "c.toml:1: `account.a.extends`: no account `b`"),
            (
                "[account.a.store]\nred = \"x\"",
                "c.toml:2: `account.a.store.red`: unknown key, did you mean `read`?",
            ),
            (
                "[account.\"a/b\"]",
                "c.toml:1: `account.a/b`: names of accounts have letters, digits and -_.@+ only",
            ),
            ("account = 1", "c.toml:1: `account`: expected a table, found integer"),
        ];
        for (text, expected) in table {
            assert_eq!(complaint(text), expected, "{text}");
        }
        assert!(complaint("[account.a]\nuser = ").starts_with("c.toml:2: "));
    }

    #[test]
    fn the_sample_is_a_configuration() {
        let config = read(Path::new("c.toml"), include_str!("../../data/config.toml")).unwrap();
        assert_eq!(config.default.as_deref(), Some("work"));
        assert_eq!(config.accounts.len(), 6);
    }

    #[test]
    fn accounts_inherit_what_they_leave_out() {
        let text = "[account.work]\nprovider = \"microsoft\"\nuser = \"me@example.com\"\n\
                    client-secret = { file = \"s\" }\n\
                    [account.desk]\nextends = \"work\"\nimap-user = \"desk@example.com\"\n";
        let config = read(Path::new("/etc/c.toml"), text).unwrap();
        let desk = config.accounts.iter().find(|account| account.name == "desk").unwrap();
        assert_eq!(desk.user.as_deref(), Some("me@example.com"));
        assert_eq!(desk.imap_user.as_deref(), Some("desk@example.com"));
        assert!(
            matches!(&desk.client_secret, Some(SecretRef::File(path)) if path == Path::new("/etc/s"))
        );
    }

    #[test]
    fn distances_are_counted() {
        for (one, other, expected) in
            [("", "", 0), ("a", "", 1), ("user", "usr", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(one, other), expected);
        }
    }
}
