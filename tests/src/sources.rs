//! The sources of the libraries, for tests that must miss nothing in them.

use std::path::{Path, PathBuf};
use std::{fs, io};

const CRATES: [&str; 5] = ["oauth1-core", "xoauth-sasl", "xoauth-imap", "xoauth-smtp", "xoauth"];

/// A file of a library.
#[derive(Debug)]
pub struct Source {
    /// Its crate.
    pub name: &'static str,
    /// Where it stands in `src`, with `/` between.
    pub within: String,
    /// Its text, without its tests.
    pub text: String,
}

/// Every file of the libraries, but for modules that exist for tests alone.
///
/// # Errors
/// A file that cannot be read.
pub fn sources() -> io::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for name in CRATES {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates").join(name).join("src");
        for file in files(&root)? {
            let within = file.strip_prefix(&root).unwrap_or(&file);
            let within = within.to_string_lossy().replace('\\', "/");
            if within.ends_with("tests.rs") || within.ends_with("quirks.rs") {
                continue;
            }
            let text = fs::read_to_string(&file)?;
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            sources.push(Source { name, within, text: text.to_owned() });
        }
    }
    Ok(sources)
}

fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}
