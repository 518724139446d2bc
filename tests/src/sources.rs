//! The sources of the libraries, for tests that must miss nothing in them.
#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "what is read is this workspace, and what cannot be read must be seen"
)]

use std::path::{Path, PathBuf};
use std::{fs, io};

use regex_lite::Regex;

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

/// The variants of the public enums and the public fields of the public structs of one file, with what they hold.
pub fn parts(source: &str) -> Vec<(String, String)> {
    let declared = Regex::new(r"(?m)^\s*pub (struct|enum) ([\w$]+)").unwrap();
    let aside = Regex::new(r"(?m)//.*$|#\[[^\]]*\]").unwrap();
    let source = aside.replace_all(source, "");
    let mut found = Vec::new();
    for captures in declared.captures_iter(&source) {
        let name = &captures[2];
        let rest = &source[captures.get(0).unwrap().end()..];
        let body = body(rest);
        for (at, part) in split(body).into_iter().enumerate() {
            if &captures[1] == "enum" {
                let end = part.find(|c: char| !c.is_alphanumeric()).unwrap_or(part.len());
                found.push((format!("{name}::{}", &part[..end]), part[end..].to_owned()));
            } else if let Some(field) = part.strip_prefix("pub ") {
                match field.split_once(": ") {
                    Some((field, holds)) => {
                        found.push((format!("{name}.{field}"), holds.to_owned()))
                    }
                    None => found.push((format!("{name}.{at}"), field.to_owned())),
                }
            }
        }
    }
    found
}

/// What stands in the brackets of a declaration, of whichever kind they are.
fn body(rest: &str) -> &str {
    let Some(begin) = rest.find(['{', '(', ';']) else { return "" };
    let mut depth = 0;
    for (at, c) in rest[begin..].char_indices() {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return rest[begin..begin + at].get(1..).unwrap_or_default();
        }
    }
    ""
}

/// The parts of a list, by the commas that stand in no brackets.
fn split(list: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    let mut before = ' ';
    for c in list.chars() {
        match c {
            '{' | '(' | '[' | '<' => depth += 1,
            '>' if before == '-' => {}
            '}' | ')' | ']' | '>' => depth -= 1,
            _ => {}
        }
        before = c;
        match c {
            ',' if depth == 0 => parts.push(String::new()),
            c => parts.last_mut().unwrap().push(c),
        }
    }
    let words = |part: &String| part.split_whitespace().collect::<Vec<_>>().join(" ");
    parts.iter().map(words).filter(|part| !part.is_empty()).collect()
}
