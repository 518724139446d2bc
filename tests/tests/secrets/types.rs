//! All public types of the libraries, found in their sources, and those that need not be shown.

#![allow(clippy::string_slice, reason = "where a match ends and a brace stands a character begins")]

use std::collections::BTreeMap;

use e2e::sources::{Source, sources};
use regex_lite::Regex;

use super::excused::{CARRIED, CARRIERS, EXCUSED, PLAIN, TEXT};

/// The reason for which a type is not shown, where it has one.
pub(crate) fn excuse(name: &str) -> Option<&'static str> {
    let excused = EXCUSED.iter().find(|(_, names)| names.contains(&name));
    excused.map(|(reason, _)| *reason)
}

/// Excused types that are declared otherwise than their reason has it.
pub(crate) fn doubtful(all: &BTreeMap<String, String>) -> Vec<String> {
    let (carriers, text) = (Regex::new(CARRIERS).unwrap(), Regex::new(TEXT).unwrap());
    let word = Regex::new(r"\w+").unwrap();
    let mut doubtful = Vec::new();
    for (name, body) in all {
        let Some(reason) = excuse(name) else { continue };
        if carriers.is_match(body) && reason != CARRIED {
            doubtful.push(format!("{name} holds a secret, or what has one"));
        }
        if reason == PLAIN {
            let body = body.replace("&'static str", "");
            // Another type of the crate that it names, or a variant of that name, has to be as plain.
            let named = |other: &&String| {
                let end = other.rsplit("::").next().unwrap();
                let near = other.split("::").next() == name.split("::").next();
                near && *other != name && word.find_iter(&body).any(|word| word.as_str() == end)
            };
            let mixed = all.keys().filter(named).find(|other| excuse(other) != Some(PLAIN));
            if text.is_match(&body) || mixed.is_some() {
                doubtful.push(format!("{name} has room for text ({mixed:?})"));
            }
        }
    }
    doubtful
}

/// `crate::module::Type` of each, with what stands in its braces.
pub(crate) fn public_types() -> BTreeMap<String, String> {
    let declared = Regex::new(r"(?m)^\s*pub (?:struct|enum|union) (\w+)").unwrap();
    let mut found = BTreeMap::new();
    for (module, source) in modules() {
        for captures in declared.captures_iter(&source) {
            let declaration = captures.get(0).unwrap();
            let path = format!("{module}::{}", &captures[1]);
            found.insert(path, body(&source[declaration.end()..]).to_owned());
        }
    }
    found
}

/// Modules in which a macro declares public types.
pub(crate) fn modules_with_macros() -> Vec<String> {
    let declared = Regex::new(r"(?m)^\s*pub (?:struct|enum|union) \$").unwrap();
    let modules = modules().into_iter().filter(|(_, source)| declared.is_match(source));
    modules.map(|(module, _)| module).collect()
}

/// Every module, and its source without comments and tests.
fn modules() -> BTreeMap<String, String> {
    let comment = Regex::new(r"(?m)//.*$").unwrap();
    let module = |source: Source| {
        let module = source.within.trim_end_matches(".rs").replace('/', "::");
        let name = source.name.replace('-', "_");
        let module = format!("{name}::{}", module.trim_end_matches("::mod"));
        (module, comment.replace_all(&source.text, "").into_owned())
    };
    sources().unwrap().into_iter().map(module).collect()
}

/// What a declaration says behind its name.
fn body(rest: &str) -> &str {
    let mut depth = 0;
    for (at, c) in rest.char_indices() {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => {
                depth -= 1;
                if depth == 0 && c == '}' {
                    return &rest[..at];
                }
            }
            ';' if depth == 0 => return &rest[..at],
            _ => {}
        }
    }
    rest
}
