//! From TOML to accounts.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::reader::{Reader, Value, is_name};
use super::{Config, Settings};
use crate::Result;

/// The keys of an account; `[account.NAME.store]` has its own.
pub(super) const KEYS: &[&str] = &[
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

/// Reads the file's text.
pub(super) fn read(path: &Path, text: &str) -> Result<Config> {
    let reader = Reader { path, text };
    let document = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        reader.fault(at, &reader.key_at(at), error.message())
    })?;
    let mut default_at = 0;
    let mut config = Config { path: Some(path.to_owned()), ..Config::default() };
    for (key, value) in document.get_ref() {
        match key.get_ref().as_ref() {
            "default" => {
                config.default = Some(reader.text("default", value)?);
                default_at = value.span().start;
            }
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
    resolve_extends(&mut config)?;
    if let Some(Err(failure)) = config.default.as_ref().map(|name| config.account(name)) {
        let what = failure.message.split_once(": ").map_or("", |(_, what)| what);
        return Err(reader.fault(default_at, "default", what));
    }
    Ok(config)
}

/// One step of inheritance: an account extends one that extends none.
fn resolve_extends(config: &mut Config) -> Result<()> {
    let bases = config.accounts.clone();
    for account in &mut config.accounts {
        let Some(base) = account.extends.clone() else { continue };
        match bases.iter().find(|other| other.name == base) {
            Some(found) if found.extends.is_none() => *account = account.clone().over(found),
            Some(_) => {
                let what = format!("`{base}` extends another account itself");
                return Err(account.fault("extends", what));
            }
            None => return Err(account.fault("extends", format!("no account `{base}`"))),
        }
    }
    Ok(())
}

impl Reader<'_> {
    fn account(
        &self,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Value<'_>,
    ) -> Result<Settings> {
        let at = name.span().start;
        let name = name.get_ref().as_ref();
        if !is_name(name) {
            let what = "names of accounts have letters, digits and -_.@+ only";
            return Err(self.fault(at, &format!("account.{name}"), what));
        }
        let within = format!("account.{name}.");
        let mut account = Settings { name: name.to_owned(), ..Settings::default() };
        let place = self.place(at, &format!("account.{name}"));
        account.places.insert(String::new(), place);
        for (key, value) in self.table(&format!("account.{name}"), value)? {
            let path = format!("{within}{}", key.get_ref());
            let place = self.place(value.span().start, &path);
            account.places.insert(key.get_ref().to_string(), place);
            let (text, secret) = (|| self.text(&path, value), || self.secret(&path, value));
            let endpoint = || self.endpoint(&path, value);
            match key.get_ref().as_ref() {
                "extends" => account.extends = Some(text()?),
                "provider" => account.provider = Some(text()?),
                "user" => account.user = Some(text()?),
                "imap-user" => account.imap_user = Some(text()?),
                "smtp-user" => account.smtp_user = Some(text()?),
                "from" => account.from = Some(self.address(&path, value)?),
                "imap" => account.imap = Some(text()?),
                "smtp" => account.smtp = Some(text()?),
                "ca-file" => account.ca_file = Some(self.file(&path, value)?),
                "insecure-plaintext" => match value.get_ref() {
                    DeValue::Boolean(on) => account.insecure_plaintext = Some(*on),
                    _ => return Err(self.expected(&path, value, "true or false")),
                },
                "mechanism" => account.mechanism = Some(text()?),
                "sasl-ir" => account.sasl_ir = Some(text()?),
                "tenant" => account.tenant = Some(self.tenant(&path, value)?),
                "client-id" => account.client_id = Some(text()?),
                "client-secret" => account.client_secret = Some(secret()?),
                "scopes" => account.scopes = Some(self.scopes(&path, value)?),
                "authorization-endpoint" => account.authorization_endpoint = Some(endpoint()?),
                "token-endpoint" => account.token_endpoint = Some(endpoint()?),
                "device-endpoint" => account.device_endpoint = Some(endpoint()?),
                "access-token" => account.access_token = Some(secret()?),
                "consumer-key" => account.consumer_key = Some(text()?),
                "consumer-secret" => account.consumer_secret = Some(secret()?),
                "token" => account.token = Some(text()?),
                "token-secret" => account.token_secret = Some(secret()?),
                "imap-url" => account.imap_url = Some(self.url(&path, value)?),
                "smtp-url" => account.smtp_url = Some(self.url(&path, value)?),
                "request-token-endpoint" => account.request_token_endpoint = Some(endpoint()?),
                "authorize-endpoint" => account.authorize_endpoint = Some(endpoint()?),
                "access-token-endpoint" => account.access_token_endpoint = Some(endpoint()?),
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
        if account.store.read.is_some() != account.store.write.is_some() {
            let what = "needs both `read` and `write`";
            return Err(self.fault(value.span().start, path, what));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretRef;

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
            ("[account.a]\nextends = \"b\"", "c.toml:2: `account.a.extends`: no account `b`"),
            (
                "[account.a.store]\nred = \"x\"",
                "c.toml:2: `account.a.store.red`: unknown key, did you mean `read`?",
            ),
            (
                "[account.\"a/b\"]",
                "c.toml:1: `account.a/b`: names of accounts have letters, digits and -_.@+ only",
            ),
            (
                "# [account.\"a b\"]\n[account]\na.user = \"u\"\n\na.extends = \"b\"",
                "c.toml:5: `account.a.extends`: no account `b`",
            ),
            (
                "[account.a]\n\n[account.a.store]\nread = \"x\"",
                "c.toml:3: `account.a.store`: needs both `read` and `write`",
            ),
            ("\ndefault = \"b\"\n[account.a]", "c.toml:2: `default`: no account `b`; accounts: a"),
            (
                "[account.a]\nuser = \"a\\u0001b\"",
                "c.toml:2: `account.a.user`: has a control character",
            ),
            (
                "[account.a]\nscopes = [\"mail\",\n\"a\\\\b\"]",
                "c.toml:3: `account.a.scopes`: `a\\b` is no scope",
            ),
            (
                "[account.a]\ntenant = \"a/../b\"",
                "c.toml:2: `account.a.tenant`: expected an id, a domain, common, organizations or consumers",
            ),
            (
                "[account.a]\ntoken-endpoint = \"http://h.example/token\"",
                "c.toml:2: `account.a.token-endpoint`: is no https URL, and http is for loopback alone",
            ),
            ("account = 1", "c.toml:1: `account`: expected a table, found integer"),
        ];
        for (text, expected) in table {
            assert_eq!(complaint(text), expected, "{text}");
        }
        // What is no TOML is told by its key too, where that is one: another word may be of a secret.
        for (text, place) in [
            ("[account.a]\nuser = ", "c.toml:2: `account.a.user`: "),
            ("[account.a]\nuser = \"u\"\nuser = \"v\"", "c.toml:3: `account.a.user`: "),
            ("default = [\n", "c.toml:1: `default`: "),
            ("default = x y", "c.toml:1: `default`: "),
            ("[account.a]\nhunter2 = x", "c.toml:2: "),
            ("[account.\"a b\"]\nuser = x", "c.toml:2: "),
        ] {
            let said = complaint(text);
            assert!(said.starts_with(place), "{text}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
            let rest = said.strip_prefix(place).unwrap_or_default();
            assert!(!rest.starts_with('`'), "{said}");
        }
    }

    #[test]
    fn urls_and_addresses_are_read_before_they_are_needed() {
        let endpoints = [
            "authorization-endpoint",
            "token-endpoint",
            "device-endpoint",
            "request-token-endpoint",
            "authorize-endpoint",
            "access-token-endpoint",
        ];
        for key in endpoints.into_iter().chain(["imap-url", "smtp-url", "from"]) {
            for value in ["nonsense", "https://", "ftp://h/", "Ann <ann@h>"] {
                let found = complaint(&format!("[account.a]\n{key} = \"{value}\""));
                assert!(found.starts_with(&format!("c.toml:2: `account.a.{key}`: ")), "{found}");
            }
        }
        // A command may have several lines, and who signs may sign for a server without TLS.
        let good = "[account.a]\naccess-token = { command = \"a\\nb\" }\nfrom = \"ann@h\"\n\
                    client-secret = { command = [\"sh\", \"-c\", \"a\\nb\"] }\n\
                    imap-url = \"http://h/{user}/imap/\"\ntoken-endpoint = \"http://localhost:1/t\"\n";
        assert!(read(Path::new("c.toml"), good).is_ok());
    }

    #[test]
    fn the_sample_is_a_configuration() {
        let sample = include_str!("../../data/config.toml");
        let config = read(Path::new("c.toml"), sample).unwrap();
        // The manual has nothing else of them.
        for key in KEYS {
            let has = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{key} ="));
            let is_shown = sample.lines().any(has) || *key == "store";
            assert!(is_shown, "{key} is not in the sample");
        }
        assert_eq!(config.default.as_deref(), Some("work"));
        assert_eq!(config.accounts.len(), 8);
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
}
