//! The directory of a lab: where it is, what it is called, and what is written into it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::processes::Processes;
use super::{Options, tools};
use crate::Result;
use crate::workspace::Workspace;

/// A lab's directory. While there is one, a file in `target/lab/running` says where.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) directory: PathBuf,
    record: PathBuf,
}

impl Place {
    /// The lab of this checkout and base, whatever state it is in.
    pub(super) fn find(workspace: &Workspace, options: &Options) -> Option<Self> {
        let record = record(workspace, options);
        let directory = PathBuf::from(fs::read_to_string(&record).ok()?.trim());
        Some(Self { directory, record })
    }

    /// A new directory that every user may search: servers do not stay root.
    pub(super) fn make(workspace: &Workspace, options: &Options) -> Result<Self> {
        let temporary = [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into()];
        let parent = temporary.iter().find(|path| all_may_search(path));
        let parent =
            parent.ok_or("no directory for temporary files can be searched by all users")?;
        let record = record(workspace, options);
        if let Some(running) = record.parent() {
            fs::create_dir_all(running)?;
        }
        for number in 0.. {
            let name = format!("xoauth-lab-{}-{number}", std::process::id());
            let directory = parent.join(name);
            match fs::DirBuilder::new().mode(0o755).create(&directory) {
                Ok(()) => {
                    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
                    fs::write(&record, directory.to_string_lossy().as_bytes())?;
                    return Ok(Self { directory, record });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err("no name is left for a directory".into())
    }

    pub(super) fn processes(&self) -> Processes {
        Processes::of(&self.directory)
    }

    /// What the tests read; it is written when all servers are up.
    pub(super) fn environment(&self) -> PathBuf {
        self.directory.join("env")
    }

    /// Removes the directory, and the record of it.
    pub(super) fn remove(self) -> Result<()> {
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        Ok(fs::remove_file(&self.record)?)
    }

    /// Makes a directory of a user.
    pub(super) fn directory_of(&self, path: &str, (user, group): (u32, u32)) -> Result<()> {
        let path = self.directory.join(path);
        fs::create_dir_all(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(chown(&path, Some(user), Some(group))?)
    }

    /// Writes a file of `tests/lab/config` with the names between `@` replaced.
    pub(super) fn configure(
        &self,
        workspace: &Workspace,
        template: &str,
        path: &str,
        values: &[(&str, String)],
    ) -> Result<()> {
        let text = workspace.read(&format!("tests/lab/config/{template}"))?;
        let text =
            fill(&text, values).map_err(|name| format!("{template}: no value for {name}"))?;
        let path = self.directory.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(fs::write(path, text)?)
    }
}

fn record(workspace: &Workspace, options: &Options) -> PathBuf {
    tools::store(workspace).join("running").join(options.key())
}

fn all_may_search(path: &Path) -> bool {
    path.is_absolute()
        && path.ancestors().all(|directory| {
            fs::metadata(directory).is_ok_and(|found| found.permissions().mode() & 0o001 != 0)
        })
}

/// Replaces each `@NAME@`; an error is the name that has no value.
fn fill(text: &str, values: &[(&str, String)]) -> std::result::Result<String, String> {
    let mut text = text.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("@{name}@"), value);
    }
    let is_name = |word: &&str| {
        !word.is_empty()
            && word.chars().all(|c| c.is_ascii_uppercase() || matches!(c, '_' | '0'..='9'))
    };
    // What stands between two `@` and looks like a name.
    let left = text.lines().find_map(|line| line.split('@').skip(1).step_by(2).find(is_name));
    match left {
        Some(name) => Err(name.to_owned()),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_forgotten_ones_found() {
        let values = [("PORT", "25".to_owned()), ("DIR", "/d".to_owned())];
        let text = "listen = @PORT@\nfile = @DIR@/a@example.test\n";
        assert_eq!(fill(text, &values).unwrap(), "listen = 25\nfile = /d/a@example.test\n");
        assert_eq!(fill("a @PORT@ @OTHER@", &values), Err("OTHER".to_owned()));
    }
}
