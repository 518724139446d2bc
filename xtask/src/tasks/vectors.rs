//! `cargo xtask vectors`: the signature vectors through the conformance shim; `--oauthlib[=COUNT]`: requests made at
//! random beside oauthlib.
//!
//! The crates test themselves on the same vectors; this shows that a program of any language gets
//! the same answers through the public API.

mod oauthlib;

use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Map, Value};

use crate::Result;
use crate::command::build;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// Where the vectors are; the first file that exists is taken.
const FILES: [&str; 2] =
    ["crates/xoauth-sasl/tests/data/xoauth.json", "crates/oauth1-core/tests/data/xoauth.json"];

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<Outcome> {
    match arguments.iter().find_map(|word| word.strip_prefix("--oauthlib")) {
        Some(count) => oauthlib::compare(workspace, count.strip_prefix('=')),
        None => check(workspace, Profile::Release),
    }
}

/// How the shim is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As the tests are, so that their builds are used again.
    Development,
    Release,
}

pub(crate) fn check(workspace: &Workspace, profile: Profile) -> Result<Outcome> {
    let Some(file) = FILES.iter().find(|file| workspace.root.join(file).is_file()) else {
        return Ok(Outcome::NotRun("there is no file of vectors".to_owned()));
    };
    let document: Value = serde_json::from_str(&workspace.read(file)?)?;
    let vectors = document.get("vectors").and_then(Value::as_array);
    let vectors = vectors.ok_or_else(|| format!("{file}: found no list `vectors`"))?;

    let profile: &[&str] = match profile {
        Profile::Development => &[],
        Profile::Release => &["--release"],
    };
    let programs = build(workspace, &[&["--bin", "shim"], profile].concat(), &["bin"])?;
    let shim = programs.iter().find(|(name, _)| name == "shim");
    let (_, shim) = shim.ok_or("cargo built no program `shim`")?;
    let answers = ask(Command::new(shim).arg("sign"), vectors)?;

    let mut failed = 0;
    for vector in vectors {
        let id = vector.get("id").and_then(Value::as_str).unwrap_or_default();
        if let Err(why) = judge(vector, answers.get(id)) {
            println!("{file}: {id}: {why}");
            failed += 1;
        }
    }
    println!("vectors: {} passed, {failed} failed ({file})", vectors.len() - failed);
    Ok(if failed == 0 { Outcome::Passed } else { Outcome::Failed(format!("{failed} vectors")) })
}

/// Gives the shim the inputs, one a line, and returns its answers by `id`.
fn ask(shim: &mut Command, vectors: &[Value]) -> Result<HashMap<String, Value>> {
    let mut questions = String::new();
    for vector in vectors {
        questions.push_str(&input(vector).to_string());
        questions.push('\n');
    }
    let mut child = shim.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().ok_or("the shim has no standard input")?;
    // Written beside the reading, or both would wait once the pipes are full.
    let writer = thread::spawn(move || stdin.write_all(questions.as_bytes()));
    let output = child.wait_with_output()?;
    // A shim that ends early closes the pipe; its status and what is missing tell more.
    let _ = writer.join();
    if !output.status.success() {
        return Err(format!("`shim sign` ended with {}", output.status).into());
    }
    let mut answers = HashMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let answer: Value = serde_json::from_str(line)
            .map_err(|error| format!("`shim sign` wrote a line that is no JSON: {error}"))?;
        let id = answer.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if answers.insert(id.clone(), answer).is_some() {
            return Err(format!("`shim sign` answered `{id}` twice").into());
        }
    }
    Ok(answers)
}

/// A vector without the answers that it holds.
fn input(vector: &Value) -> Value {
    const ANSWERS: [&str; 8] = [
        "expected",
        "differs",
        "right",
        "build_xoauth_string_verbatim",
        "published_signature",
        "published_matches",
        "python_oauth2",
        "printed_in_rfc",
    ];
    let fields = vector.as_object().into_iter().flatten();
    let input: Map<String, Value> = fields
        .filter(|(name, _)| !ANSWERS.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(input)
}

/// Compares every field of `expected` with the answer; an answer may have more.
fn judge(vector: &Value, answer: Option<&Value>) -> std::result::Result<(), String> {
    let answer = answer.ok_or("no answer")?;
    if let Some(error) = answer.get("error") {
        let acceptable = vector.get("error_acceptable") == Some(&Value::Bool(true));
        return if acceptable { Ok(()) } else { Err(format!("error {error}")) };
    }
    if let Some(why) = answer.get("unsupported") {
        return Err(format!("unsupported: {why}"));
    }
    let expected = vector.get("expected").ok_or("the vector has no field `expected`")?;
    match expected {
        Value::Object(_) => compare("", expected, Some(answer)),
        _ => compare("expected", expected, answer.get("expected")),
    }
}

fn compare(path: &str, expected: &Value, found: Option<&Value>) -> std::result::Result<(), String> {
    let Value::Object(fields) = expected else {
        return if found == Some(expected) {
            Ok(())
        } else {
            let found = found.map_or_else(|| "nothing".to_owned(), Value::to_string);
            Err(format!("`{path}`: found {found}, expected {expected}"))
        };
    };
    for (name, expected) in fields {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        compare(&path, expected, found.and_then(|found| found.get(name)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_expected_field_is_compared() {
        let vector = json!({"id": "v", "expected": {"signature": "a", "fields": {"host": "h"}}});
        let text = json!({"id": "t", "expected": "x"});
        let table = [
            (&vector, json!({"signature": "a", "fields": {"host": "h"}, "more": 1}), None),
            (&vector, json!({"signature": "b", "fields": {"host": "h"}}), Some("`signature`")),
            (
                &vector,
                json!({"signature": "a", "fields": {}}),
                Some("`fields.host`: found nothing"),
            ),
            (&vector, json!({"error": "no"}), Some("error")),
            (&vector, json!({"unsupported": "no"}), Some("unsupported")),
            (&text, json!({"expected": "x"}), None),
            (&text, json!({"expected": "y"}), Some("found \"y\", expected \"x\"")),
        ];
        for (vector, answer, complaint) in table {
            match (judge(vector, Some(&answer)), complaint) {
                (Ok(()), None) => {}
                (Err(found), Some(part)) if found.contains(part) => {}
                (found, _) => panic!("{answer}: {found:?}"),
            }
        }
        assert!(judge(&vector, None).is_err());
    }

    #[test]
    fn an_error_passes_only_where_the_vector_accepts_it() {
        let vector = json!({"error_acceptable": true, "expected": "x"});
        assert_eq!(judge(&vector, Some(&json!({"error": "no"}))), Ok(()));
    }

    #[test]
    fn answers_are_not_given_away() {
        let vector = json!({"id": "v", "url": "u", "expected": 1, "published_signature": "s"});
        assert_eq!(input(&vector), json!({"id": "v", "url": "u"}));
    }
}
