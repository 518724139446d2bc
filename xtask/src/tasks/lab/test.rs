//! `cargo xtask lab test`: runs the tests against the lab, which it starts and stops where it is
//! not up.

use std::path::PathBuf;
use std::process::Command;

use super::{Options, down, up};
use crate::Result;
use crate::command::{build, run as run_command};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    // Built first, so that nothing is running while a build fails; as `cargo xtask test` builds, so that
    // what is there is used again.
    let wanted = ["--bin", "lab", "--bin", "xoauth-under-test", "--examples"];
    let programs = build(workspace, &wanted, &["bin", "example"])?;
    let example = path(&programs, "gmail_imap")?;
    let measured = match options.release {
        true => build(workspace, &["--release", "--bin", "lab"], &["bin"])?,
        false => Vec::new(),
    };
    let tests = path(&measured, "lab").or_else(|_| path(&programs, "lab"))?;
    let started = up::start(workspace, options)?;
    let mut command = Command::new(tests);
    command.arg("--environment").arg(started.place.environment());
    command.arg("--examples").arg(example.with_file_name(""));
    command.args(&options.rest);
    if options.record {
        command.arg("--page").arg(workspace.root.join("docs/interop.md"));
    }
    command.current_dir(&workspace.root);
    let tested = run_command(&mut command);
    if !started.already {
        down::stop(started.place)?;
    }
    Ok(match tested? {
        Outcome::Passed => up::judge(&started.not_run, options),
        other => other,
    })
}

/// The program of that name.
fn path<'a>(programs: &'a [(String, PathBuf)], wanted: &str) -> Result<&'a PathBuf> {
    let found = programs.iter().find(|(name, _)| name == wanted);
    Ok(found.map(|(_, path)| path).ok_or_else(|| format!("cargo built no program `{wanted}`"))?)
}
