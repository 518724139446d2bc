//! Nothing below `xoauth` reads, writes, waits or knows the time.

use super::source::{code, has_word, is_test_module};
use super::{Complaint, Finding, line_of};
use crate::Result;
use crate::workspace::{Kind, LOWER_CRATES, Package, Workspace};

/// What a crate of the lower four may depend on beside our own.
const PURE: &[&str] = &["base64", "log", "memchr", "serde_json", "zeroize"];

/// What only `oauth1-core` needs: hashes, the system's random source for nonces, host names.
const PURE_FOR_OAUTH1: &[&str] = &["getrandom", "hmac", "sha1", "sha2", "url"];

/// The modules of `std` that do input and output, or wait.
const MODULES: &[&str] = &["fs", "io", "net", "process", "thread", "time"];

/// What else would bring them in.
const WORDS: &[&str] = &["tokio", "native_tls", "SystemTime", "Instant"];

pub(super) fn check(workspace: &Workspace) -> Result<Finding> {
    let mut complaints = Vec::new();
    for name in LOWER_CRATES {
        let Some(package) = workspace.package(name) else { continue };
        let manifest = format!("{}/Cargo.toml", package.directory);
        let text = workspace.read(&manifest)?;
        for dependency in impure(package) {
            complaints.push(Complaint::new(
                &manifest,
                line_of(&text, |line| line.trim_start().starts_with(dependency)),
                format!("`{name}` depends on `{dependency}`"),
                "what does input and output belongs in `xoauth`; what is pure is added to the \
                 list in xtask/src/tasks/tidy/purity.rs",
            ));
        }
        let sources = format!("{}/src/", package.directory);
        let is_source = |path: &str| {
            path.starts_with(&sources) && path.ends_with(".rs") && !is_test_module(path)
        };
        for file in workspace.files(is_source)? {
            for (line, word) in forbidden(&file.text) {
                complaints.push(Complaint::new(
                    &file.path,
                    line,
                    format!("`{word}` below `xoauth`"),
                    "take time and octets as arguments; sockets, clocks and threads are in `xoauth`",
                ));
            }
        }
    }
    Ok(complaints.into())
}

fn impure(package: &Package) -> impl Iterator<Item = &str> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != Kind::Development)
        .map(|dependency| dependency.name.as_str())
        .filter(|name| {
            let ours = LOWER_CRATES.contains(name);
            let for_oauth1 = package.name == "oauth1-core" && PURE_FOR_OAUTH1.contains(name);
            !ours && !for_oauth1 && !PURE.contains(name)
        })
}

/// The forbidden names in a source file outside its tests, with their lines.
fn forbidden(text: &str) -> Vec<(usize, String)> {
    let lines = code(text);
    let mut found = Vec::new();
    for (index, &(number, line)) in lines.iter().enumerate() {
        for module in MODULES {
            let path = format!("std::{module}");
            if has_word(line, &path) {
                found.push((number, path));
            }
        }
        for word in WORDS.iter().filter(|word| has_word(line, word)) {
            found.push((number, (*word).to_owned()));
        }
        if let Some((_, start)) = line.split_once("std::{") {
            let rest = lines.get(index + 1..).unwrap_or_default().iter().map(|(_, line)| *line);
            let group = std::iter::once(start).chain(rest).collect::<Vec<_>>().join(" ");
            let names = first_names(&group).into_iter().filter(|name| MODULES.contains(name));
            found.extend(names.map(|name| (number, format!("std::{name}"))));
        }
    }
    found
}

/// The first segment of each path in a group of imports, of which `text` is what follows the
/// opening brace.
fn first_names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    for (index, c) in text.char_indices() {
        let ends_a_path = depth == 0 && matches!(c, ',' | '}');
        if ends_a_path {
            let path = text.get(start..index).unwrap_or_default();
            names.push(path.split([':', ' ']).find(|name| !name.is_empty()).unwrap_or_default());
            start = index + 1;
        }
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    #[test]
    fn names_of_input_and_output_are_found() {
        let table: &[(&str, &[(usize, &str)])] = &[
            ("use std::net::TcpStream;", &[(1, "std::net")]),
            ("\nlet now = std::time::Instant::now();", &[(2, "std::time"), (2, "Instant")]),
            ("use std::{fmt, io::{self, Read}};", &[(1, "std::io")]),
            ("use std::{\n    sync::Mutex,\n    time,\n};", &[(1, "std::time")]),
            ("fn f(s: tokio::net::TcpStream) {}", &[(1, "tokio")]),
            ("use std::sync::Mutex;", &[]),
            ("use std::{fmt, sync::{io, Mutex}};", &[]),
            ("/// Give it `SystemTime::now()`.", &[]),
            ("#[cfg(test)]\nmod tests {\n    use std::time::Instant;\n}\n", &[]),
        ];
        for (text, expected) in table {
            let found = forbidden(text);
            let found: Vec<(usize, &str)> =
                found.iter().map(|(line, word)| (*line, word.as_str())).collect();
            assert_eq!(&found, expected, "{text}");
        }
    }

    #[test]
    fn dependencies_outside_the_lists_are_found() {
        let package = |name: &str, dependency: &str, kind| Package {
            name: name.to_owned(),
            directory: format!("crates/{name}"),
            features: Vec::new(),
            dependencies: vec![Dependency {
                name: dependency.to_owned(),
                kind,
                default_features: false,
            }],
        };
        let table = [
            ("xoauth-imap", "memchr", Kind::Normal, true),
            ("xoauth-imap", "xoauth-sasl", Kind::Normal, true),
            ("xoauth-imap", "proptest", Kind::Development, true),
            ("oauth1-core", "getrandom", Kind::Normal, true),
            ("xoauth-imap", "getrandom", Kind::Normal, false),
            ("xoauth-smtp", "native-tls", Kind::Normal, false),
            ("xoauth-smtp", "cc", Kind::Build, false),
        ];
        for (name, dependency, kind, pure) in table {
            let package = package(name, dependency, kind);
            assert_eq!(impure(&package).next().is_none(), pure, "{name} -> {dependency}");
        }
    }
}
