//! The token store: a file of mode 0600 an account, replaced in one step, locked while it is renewed.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use fs4::FileExt;
use serde_json::{Map, Value};
use xoauth::Secret;

use crate::Result;
use crate::account::Account;
use crate::config::{StoreCommands, directory, refuse_open_file};
use crate::failure::{Exit, Failure};
use crate::files::{Fresh, lock_within, private};
use crate::output::complain;
use crate::secret::SecretRef;
use crate::signals::{self, Held};

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
    /// Who signed in, as far as the answer tells; not kept.
    pub(crate) signed_in: Option<String>,
    /// A hash of the refresh token of the environment that these descend from.
    pub(crate) seed: Option<String>,
}

/// Where an account's tokens are.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
    name: String,
    commands: StoreCommands,
    /// Whom the tokens are for: who issues them, to which client, for which user. They go to no other.
    bound: [(&'static str, Option<String>); 3],
    /// How long somebody else may renew them.
    patience: Duration,
}

/// The lock, and signals made to wait: held from before something is spent until what came for it is kept.
pub(crate) type Hold = (Locked, Held);

/// The version of what is kept.
const VERSION: u8 = 1;

/// Tokens are small; so much room is made for them before they are asked for.
const ROOM: usize = 16 * 1024;

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub(crate) struct Locked(File);

impl Store {
    pub(crate) fn of(account: &Account) -> Result<Self> {
        let directory = directory("XDG_STATE_HOME", ".local/state")
            .ok_or_else(|| Failure::config("neither XDG_STATE_HOME nor HOME is set"))?;
        let commands = account.settings.store.clone();
        let settings = &account.settings;
        let (issuer, client) = match account.signs() {
            true => (settings.access_token_endpoint.clone(), settings.consumer_key.clone()),
            false => (account.endpoint("token_endpoint"), settings.client_id.clone()),
        };
        let bound = [("issuer", issuer), ("client", client), ("user", account.owner.clone())];
        let patience = account.timeout.unwrap_or(Duration::from_secs(60));
        Ok(Self { directory, name: account.store_name.clone(), commands, bound, patience })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join(format!("{}.json", self.name))
    }

    /// The lock first: while it is waited for, a signal ends the command, and nothing is spent.
    pub(crate) fn hold(&self) -> Result<Hold> {
        let lock = self.lock()?;
        Ok((lock, signals::hold()?))
    }

    /// Waits until nobody else renews these tokens, which may take as long as a command of a server.
    pub(crate) fn lock(&self) -> Result<Locked> {
        self.make_directory()?;
        let path = self.directory.join(format!("{}.lock", self.name));
        let failed = |error| Failure::io(path.display(), &error);
        let file =
            private().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        let tell =
            || complain(&format!("xoauth: waiting: another renews the tokens of `{}`", self.name));
        if lock_within(&file, self.patience, tell).map_err(failed)? {
            return Ok(Locked(file));
        }
        let message = format!("another xoauth renews the tokens of `{}`", self.name);
        Err(Failure::new(Exit::Temporary, "token", message))
    }

    /// The tokens; none where nobody has signed in yet.
    pub(crate) fn load(&self) -> Result<Option<Tokens>> {
        let (unsaved, path) = (self.unsaved(), self.path());
        let text = match &self.commands.read {
            // What could not be handed to the other command is newer than what it has.
            Some(_) if unsaved.exists() => read(&unsaved)?,
            Some(command) => self.ask(command)?,
            None => read(&path)?,
        };
        let Some(text) = text else { return Ok(None) };
        let again = format!("sign in again: xoauth login -a {}", self.name);
        let Ok(Value::Object(members)) = serde_json::from_str(text.expose()) else {
            let message = match &self.commands.read {
                Some(_) if !unsaved.exists() => "store.read prints no token store".to_owned(),
                _ => format!("{} is no token store", path.display()),
            };
            return Err(Failure::data(message).hint(again));
        };
        // What a later version keeps there is not to be lost by a renewal of this one.
        if let Some(version) = members.get("v").filter(|version| **version != VERSION) {
            let message = format!("{} is of version {version}, not {VERSION}", path.display());
            return Err(Failure::data(message).hint("a newer xoauth wrote it: use that one"));
        }
        for (name, value) in &self.bound {
            let kept = members.get(*name).and_then(Value::as_str);
            if kept.is_some() && kept != value.as_deref() {
                let message = format!("the tokens of `{}` are those of another {name}", self.name);
                return Err(Failure::new(Exit::NotAuthorised, "token", message).hint(again));
            }
        }
        Ok(Some(Tokens::from_members(&members)))
    }

    /// What the command has; it may end with an error where that is nothing.
    fn ask(&self, command: &SecretRef) -> Result<Option<Secret>> {
        match command.read("store.read") {
            Ok(text) => Ok(Some(text)),
            Err(failure) if failure.phase == "secret" => Err(Failure {
                exit: Exit::NotAuthorised,
                ..failure.hint(format!("if nobody signed in yet: xoauth login -a {}", self.name))
            }),
            Err(failure) => Err(failure),
        }
    }

    /// A place for new tokens, made before they are asked for: what cannot be kept must not be spent.
    pub(crate) fn make_room(&self) -> Result<Fresh> {
        self.make_directory()?;
        let path = if self.commands.write.is_some() { self.unsaved() } else { self.path() };
        Fresh::with_room(&path, ROOM).map_err(|error| Failure::io(path.display(), &error))
    }

    /// Replaces the tokens. The old ones are gone only once the new ones are on the disk. What the command
    /// that keeps them does not take stays in a file, which the next renewal offers to it again.
    pub(crate) fn save(&self, tokens: &Tokens, room: Fresh, _: &Locked) -> Result<()> {
        let mut members = tokens.to_members();
        for (name, value) in &self.bound {
            members.extend(value.as_ref().map(|value| ((*name).to_owned(), value.clone().into())));
        }
        let text = Secret::new(format!("{}\n", Value::Object(members)));
        let why = match &self.commands.write {
            Some(command) => match hand_over(command, &text) {
                Ok(()) => {
                    let _ = std::fs::remove_file(self.unsaved());
                    return Ok(());
                }
                Err(why) => Some(why),
            },
            None => None,
        };
        let path = room.path().to_owned();
        room.commit(text.expose().as_bytes())
            .map_err(|error| Failure::io(path.display(), &error))?;
        if let Some(why) = why {
            complain(&format!("xoauth: store.write: {why}; the tokens are in {}", path.display()));
        }
        Ok(())
    }

    /// Where tokens are that the command did not take.
    fn unsaved(&self) -> PathBuf {
        self.directory.join(format!("{}.json.unsaved", self.name))
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
        let text = |name| members.get(name).and_then(Value::as_str);
        // What is empty is as if it were not there, and never sent.
        let text = |name| text(name).filter(|text| !text.is_empty()).map(str::to_owned);
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
            signed_in: None,
            seed: text("seed"),
        }
    }

    fn to_members(&self) -> Map<String, Value> {
        let mut members = Map::from_iter([("v".to_owned(), Value::from(VERSION))]);
        let texts = [
            ("access_token", self.access_token.as_ref().map(Secret::expose)),
            ("refresh_token", self.refresh_token.as_ref().map(Secret::expose)),
            ("scope", self.scope.as_deref()),
            ("token_type", self.token_type.as_deref()),
            ("grant", self.client_credentials.then_some("client_credentials")),
            ("token", self.token.as_deref()),
            ("token_secret", self.token_secret.as_ref().map(Secret::expose)),
            ("seed", self.seed.as_deref()),
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
        members
    }
}

/// A file of tokens, its owner's alone; nothing where there is none.
fn read(path: &Path) -> Result<Option<Secret>> {
    match std::fs::read(path) {
        // What is no UTF-8 is no JSON either, which is said by whoever reads it.
        Ok(octets) => {
            let text = Secret::new(String::from_utf8(octets).unwrap_or_default());
            refuse_open_file(path).map(|()| Some(text))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::io(path.display(), &error)),
    }
}

/// Gives the text to a command.
fn hand_over(command: &SecretRef, text: &Secret) -> Result<(), String> {
    let command = command
        .command()
        .ok_or("the command is empty")?
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    let mut child = command.map_err(|error| error.to_string())?;
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(text.expose().as_bytes()));
    let status = child.wait().map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("the command ended with {status}"));
    }
    written.transpose().map(drop).map_err(|error| error.to_string())
}
