//! Running other programs from the root of the workspace.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Result;
use crate::openssl;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// The cargo that runs this program, so that its toolchain is used throughout.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new(cargo_path());
    command.current_dir(&workspace.root);
    command
}

pub(crate) fn cargo_path() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Adds the features to a command of cargo, if there are any.
pub(crate) fn with_features<'a>(
    command: &'a mut Command,
    features: &[impl AsRef<str>],
) -> &'a mut Command {
    if !features.is_empty() {
        let names: Vec<&str> = features.iter().map(AsRef::as_ref).collect();
        command.arg("--features").arg(names.join(","));
    }
    command
}

/// Runs a command with its output on ours.
pub(crate) fn run(command: &mut Command) -> Result<Outcome> {
    let line = describe(command);
    println!("$ {line}");
    let status = command.status().map_err(|error| format!("cannot run `{line}`: {error}"))?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed(format!("{status}")) })
}

/// Runs a command with its output on ours, and returns what it wrote to its standard output.
pub(crate) fn run_and_keep(command: &mut Command) -> Result<(Outcome, String)> {
    let line = describe(command);
    println!("$ {line}");
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run `{line}`: {error}"))?;
    let mut said = String::new();
    for line in BufReader::new(child.stdout.take().ok_or("no output")?).lines() {
        let line = line?;
        println!("{line}");
        said.push_str(&line);
        said.push('\n');
    }
    let status = child.wait()?;
    let failed = || Outcome::Failed(format!("{status}"));
    Ok((if status.success() { Outcome::Passed } else { failed() }, said))
}

/// Runs a command and returns what it wrote to its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = describe(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run `{line}`: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` failed: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Builds programs of the workspace and returns the names and paths of those that are of these kinds, in the
/// order of the names.
///
/// All members are built together, so that features are unified as they are for the tests and
/// what was built for those is used again.
pub(crate) fn build(
    workspace: &Workspace,
    arguments: &[&str],
    kinds: &[&str],
) -> Result<Vec<(String, PathBuf)>> {
    let mut command = cargo(workspace);
    command.args(["build", "--workspace", "--message-format", "json-render-diagnostics"]);
    with_features(&mut command, &openssl::workspace_features()?).args(arguments);
    let messages = output(&mut command)?;
    Ok(kinds.iter().flat_map(|kind| programs(&messages, kind)).collect())
}

/// The programs of one kind among the messages of cargo.
fn programs(messages: &str, kind: &str) -> Vec<(String, PathBuf)> {
    let mut programs: Vec<(String, PathBuf)> = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message.pointer("/target/kind/0") == Some(&Value::from(kind)))
        .filter_map(|message| {
            let name = message.pointer("/target/name")?.as_str()?.to_owned();
            Some((name, PathBuf::from(message.get("executable")?.as_str()?)))
        })
        .collect();
    programs.sort();
    programs
}

/// Whether a program answers; its output is dropped.
pub(crate) fn answers(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as one would type it.
fn describe(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_of_one_kind_are_taken_from_cargos_messages() {
        let messages = [
            r#"{"target":{"kind":["example"],"name":"b"},"executable":"b.exe"}"#,
            r#"{"target":{"kind":["bin"],"name":"shim"},"executable":"shim.exe"}"#,
            r#"{"target":{"kind":["example"],"name":"a"},"executable":"a.exe"}"#,
            r#"{"target":{"kind":["lib"],"name":"e2e"},"executable":null}"#,
            r#"{"reason":"build-finished","success":true}"#,
        ]
        .join("\n");
        let found = programs(&messages, "example");
        assert_eq!(found, [("a".into(), "a.exe".into()), ("b".into(), "b.exe".into())]);
        assert_eq!(programs(&messages, "bin").len(), 1);
    }
}
