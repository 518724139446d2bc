//! The token store: a file of mode 0600 an account, replaced in one step, locked while it is renewed.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use fs4::FileExt;
use serde_json::{Map, Value};
use xoauth::Secret;

use crate::Result;
use crate::account::Account;
use crate::config::{StoreCommands, directory};
use crate::failure::{Exit, Failure};

/// What is kept of a login.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tokens {
    pub(crate) access_token: Option<Secret>,
    /// In seconds since 1970-01-01T00:00:00Z.
    pub(crate) expires_at: Option<u64>,
    pub(crate) issued_at: Option<u64>,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) scope: Option<String>,
    pub(crate) token_type: Option<String>,
    /// The tokens come from the application itself, which asks for new ones without a user.
    pub(crate) client_credentials: bool,
    /// OAuth 1.0a.
    pub(crate) token: Option<String>,
    pub(crate) token_secret: Option<Secret>,
}

/// Where an account's tokens are.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
    name: String,
    commands: StoreCommands,
}

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub(crate) struct Locked(File);

impl Store {
    pub(crate) fn of(account: &Account) -> Result<Self> {
        let directory = directory("XDG_STATE_HOME", ".local/state")
            .ok_or_else(|| Failure::config("neither XDG_STATE_HOME nor HOME is set"))?;
        let commands = account.settings.store.clone();
        Ok(Self { directory, name: account.store_name.clone(), commands })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join(format!("{}.json", self.name))
    }

    /// Waits until nobody else renews these tokens.
    pub(crate) fn lock(&self) -> Result<Locked> {
        self.make_directory()?;
        let path = self.directory.join(format!("{}.lock", self.name));
        let failed = |error| Failure::io(path.display(), &error);
        let file =
            private().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        FileExt::lock(&file).map_err(failed)?;
        Ok(Locked(file))
    }

    /// The tokens; none where nobody has signed in yet.
    pub(crate) fn load(&self) -> Result<Option<Tokens>> {
        let text = match &self.commands.read {
            Some(command) => command.read("store.read")?,
            None => match std::fs::read_to_string(self.path()) {
                Ok(text) => Secret::new(text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(Failure::io(self.path().display(), &error)),
            },
        };
        match serde_json::from_str(text.expose()) {
            Ok(Value::Object(members)) => Ok(Some(Tokens::from_members(&members))),
            _ => Err(Failure::data(format!("{} is no token store", self.path().display()))
                .hint("sign in again: xoauth login")),
        }
    }

    /// Replaces the tokens. The old ones are gone only once the new ones are on the disk.
    pub(crate) fn save(&self, tokens: &Tokens, _: &Locked) -> Result<()> {
        let text = Secret::new(format!("{}\n", tokens.to_value()));
        match &self.commands.write {
            Some(command) => {
                let failed =
                    |why: String| Failure::new(Exit::Io, "store", format!("store.write: {why}"));
                let mut child = command
                    .command()
                    .ok_or_else(|| failed("the command is empty".to_owned()))?
                    .stdin(Stdio::piped())
                    .stdout(Stdio::null())
                    .spawn()
                    .map_err(|error| failed(error.to_string()))?;
                if let Some(mut stdin) = child.stdin.take() {
                    let written = stdin.write_all(text.expose().as_bytes());
                    written.map_err(|error| failed(error.to_string()))?;
                }
                let status = child.wait().map_err(|error| failed(error.to_string()))?;
                if status.success() { Ok(()) } else { Err(failed(format!("ended with {status}"))) }
            }
            None => {
                self.make_directory()?;
                let path = self.path();
                replace(&path, text.expose().as_bytes())
                    .map_err(|error| Failure::io(path.display(), &error))
            }
        }
    }

    /// Whether tokens could be saved: what a daemon's user often cannot.
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.commands.write.is_some() {
            return Ok(());
        }
        self.lock().map(drop)
    }

    fn make_directory(&self) -> Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let made = builder.create(&self.directory);
        made.map_err(|error| Failure::io(self.directory.display(), &error))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing the file unlocks it too, where this fails.
        let _ = FileExt::unlock(&self.0);
    }
}

impl Tokens {
    /// The access token, where it lives for at least this long.
    pub(crate) fn valid(&self, now: u64, at_least: u64) -> Option<&Secret> {
        let lives = self.expires_at.is_none_or(|expires| expires >= now.saturating_add(at_least));
        self.access_token.as_ref().filter(|_| lives)
    }

    fn from_members(members: &Map<String, Value>) -> Self {
        let text = |name| members.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            access_token: text("access_token").map(Secret::new),
            expires_at: members.get("expires_at").and_then(Value::as_u64),
            issued_at: members.get("issued_at").and_then(Value::as_u64),
            refresh_token: text("refresh_token").map(Secret::new),
            scope: text("scope"),
            token_type: text("token_type"),
            client_credentials: members.get("grant").and_then(Value::as_str)
                == Some("client_credentials"),
            token: text("token"),
            token_secret: text("token_secret").map(Secret::new),
        }
    }

    fn to_value(&self) -> Value {
        let mut members = Map::from_iter([("v".to_owned(), Value::from(1))]);
        let texts = [
            ("access_token", self.access_token.as_ref().map(Secret::expose)),
            ("refresh_token", self.refresh_token.as_ref().map(Secret::expose)),
            ("scope", self.scope.as_deref()),
            ("token_type", self.token_type.as_deref()),
            ("grant", self.client_credentials.then_some("client_credentials")),
            ("token", self.token.as_deref()),
            ("token_secret", self.token_secret.as_ref().map(Secret::expose)),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                members.insert(name.to_owned(), text.into());
            }
        }
        for (name, time) in [("expires_at", self.expires_at), ("issued_at", self.issued_at)] {
            if let Some(time) = time {
                members.insert(name.to_owned(), time.into());
            }
        }
        Value::Object(members)
    }
}

/// A file that only its owner may read.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Replaces a file in one step, private to its owner: whoever reads it sees the old or the new.
pub(crate) fn replace(path: &Path, octets: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let write = || {
        let mut file = private().write(true).create(true).truncate(true).open(&new)?;
        file.write_all(octets)?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    write().inspect_err(|_| drop(std::fs::remove_file(&new)))
}
