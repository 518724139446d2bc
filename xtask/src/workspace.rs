//! What the workspace consists of, as cargo and git see it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Result;
use crate::command::{cargo_path, output};

/// The workspace, its packages and its files.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The directory from the root, with `/`.
    pub(crate) directory: String,
    pub(crate) features: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A line of a package's dependency tables.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) default_features: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Development,
    Build,
}

/// A text file of the repository.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The crates without input and output, from the bottom up.
pub(crate) const LOWER_CRATES: [&str; 4] =
    ["oauth1-core", "xoauth-sasl", "xoauth-imap", "xoauth-smtp"];

impl Workspace {
    /// Asks cargo, from wherever in the workspace this program was called.
    pub(crate) fn load() -> Result<Self> {
        let mut command = Command::new(cargo_path());
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        let metadata: Value = serde_json::from_str(&output(&mut command)?)?;
        let root = PathBuf::from(text(&metadata, "workspace_root"));
        let packages = list(&metadata, "packages").iter().map(|p| package(p, &root)).collect();
        Ok(Self { root, packages })
    }

    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// The packages that are published: those in `crates/`.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.directory.starts_with("crates/"))
    }

    /// Every feature of the published crates but the one that builds OpenSSL, as `crate/feature`.
    pub(crate) fn all_features(&self) -> Vec<String> {
        self.published()
            .flat_map(|package| {
                let names = package.features.iter();
                names.map(move |feature| format!("{}/{feature}", package.name))
            })
            .filter(|feature| !feature.ends_with("/vendored"))
            .collect()
    }

    /// The paths of all files that are, or by the next commit may be, in the repository; outside
    /// a repository all files but what was built.
    pub(crate) fn paths(&self) -> Result<Vec<String>> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&self.root)
            .stderr(Stdio::null())
            .output();
        let mut paths = match listed {
            Ok(listed) if listed.status.success() => {
                let names = String::from_utf8(listed.stdout)?;
                names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect()
            }
            _ => walk(&self.root)?,
        };
        // A file that was deleted stays listed until the commit.
        paths.retain(|path| self.root.join(path).is_file());
        paths.sort();
        paths.dedup();
        Ok(paths)
    }

    /// The text files among [`paths`](Workspace::paths) that `wanted` picks.
    pub(crate) fn files(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<File>> {
        let mut files = Vec::new();
        for path in self.paths()?.into_iter().filter(|path| wanted(path)) {
            let octets = fs::read(self.root.join(&path))?;
            if let Ok(text) = String::from_utf8(octets) {
                files.push(File { path, text });
            }
        }
        Ok(files)
    }

    pub(crate) fn read(&self, path: &str) -> Result<String> {
        let text = fs::read_to_string(self.root.join(path));
        Ok(text.map_err(|error| format!("cannot read {path}: {error}"))?)
    }
}

fn package(value: &Value, root: &Path) -> Package {
    let manifest = PathBuf::from(text(value, "manifest_path"));
    let directory = manifest.parent().and_then(|parent| parent.strip_prefix(root).ok());
    let directory = directory.unwrap_or(Path::new("")).to_string_lossy().replace('\\', "/");
    let features = value.get("features").and_then(Value::as_object);
    Package {
        name: text(value, "name"),
        directory,
        features: features.map(|map| map.keys().cloned().collect()).unwrap_or_default(),
        dependencies: list(value, "dependencies").iter().map(dependency).collect(),
    }
}

fn dependency(value: &Value) -> Dependency {
    let kind = match value.get("kind").and_then(Value::as_str) {
        Some("dev") => Kind::Development,
        Some("build") => Kind::Build,
        _ => Kind::Normal,
    };
    let default_features = value.get("uses_default_features").and_then(Value::as_bool);
    Dependency {
        name: text(value, "name"),
        kind,
        default_features: default_features.unwrap_or(true),
    }
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// All files below `root`, without the directories of git and cargo.
fn walk(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                if entry.file_name() != ".git" && !path.join("CACHEDIR.TAG").exists() {
                    left.push(path);
                }
            } else if let Ok(path) = path.strip_prefix(root) {
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    Ok(found)
}
