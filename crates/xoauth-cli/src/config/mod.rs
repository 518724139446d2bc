//! The configuration file: accounts in TOML.

mod read;
mod reader;
mod settings;

use std::path::{Path, PathBuf};

pub(crate) use settings::{Settings, StoreCommands};

use crate::Result;
use crate::args::Global;
use crate::failure::Failure;

/// What the file says.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) path: Option<PathBuf>,
    pub(crate) default: Option<String>,
    pub(crate) accounts: Vec<Settings>,
}

impl Config {
    /// Reads the file that was named, or the one of the user where it exists.
    pub(crate) fn load(global: &Global) -> Result<Self> {
        let named = global.config.clone().or_else(|| path_of("XOAUTH_CONFIG"));
        let path = match &named {
            Some(path) => path.clone(),
            None => match directory("XDG_CONFIG_HOME", ".config") {
                Some(directory) => directory.join("config.toml"),
                None => return Ok(Self::default()),
            },
        };
        match std::fs::read(&path) {
            Ok(octets) => {
                let text = String::from_utf8(octets).map_err(|error| no_text(&path, &error))?;
                let config = read::read(&path, &text)?;
                if config.accounts.iter().any(Settings::has_inline_secret) {
                    refuse_open_file(&path)?;
                }
                Ok(config)
            }
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(error) => Err(Failure::config(format!("{}: {error}", path.display()))),
        }
    }

    pub(crate) fn account(&self, name: &str) -> Result<&Settings> {
        let found = self.accounts.iter().find(|account| account.name == name);
        found.ok_or_else(|| {
            let names: Vec<&str> =
                self.accounts.iter().map(|account| account.name.as_str()).collect();
            let known = match names.as_slice() {
                [] => "there is no account".to_owned(),
                names => format!("accounts: {}", names.join(", ")),
            };
            let place =
                self.path.as_ref().map_or("no configuration".into(), |p| p.display().to_string());
            Failure::config(format!("{place}: no account `{name}`; {known}"))
        })
    }
}

/// Where the file is no text.
fn no_text(path: &Path, error: &std::string::FromUtf8Error) -> Failure {
    let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
    let line = before.iter().filter(|&&octet| octet == b'\n').count() + 1;
    Failure::config(format!("{}:{line}: expected UTF-8", path.display()))
}

/// The directory of this command below an XDG directory, or below its default in the home.
pub(crate) fn directory(variable: &str, default: &str) -> Option<PathBuf> {
    let base = path_of(variable).filter(|path| path.is_absolute());
    let base = base.or_else(|| Some(path_of("HOME")?.join(default)))?;
    Some(base.join("xoauth"))
}

/// A variable that names a place, in whatever octets the system has for it.
pub(crate) fn path_of(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// A variable that is set to something.
pub(crate) fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A file with secrets in it is its owner's alone.
#[cfg(unix)]
pub(crate) fn refuse_open_file(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(path).map_err(|error| Failure::io(path.display(), &error))?;
    if metadata.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    let shown = path.display();
    let message = format!("{shown}: holds a secret and can be read by others");
    Err(Failure::config(message).hint(format!("chmod 600 {shown}, or name a command or a file")))
}

#[cfg(not(unix))]
pub(crate) fn refuse_open_file(_: &Path) -> Result<()> {
    Ok(())
}
