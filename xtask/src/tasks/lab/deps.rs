//! `cargo xtask lab deps`: installs what is missing, or says what that is.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::tools::{self, Tool};
use super::{Options, exim};
use crate::Result;
use crate::command::{answers, output, run as run_command};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let missing = missing(workspace);
    if missing.is_empty() {
        println!("lab: everything is installed");
        return Ok(Outcome::Passed);
    }
    match install(workspace, &missing) {
        Ok(()) => {}
        Err(error) => println!("lab: {error}"),
    }
    let missing = self::missing(workspace);
    for tool in &missing {
        println!("lab: missing for {}: {}", tool.servers(), tool.wanted());
    }
    Ok(match missing.iter().filter(|tool| !tool.is_optional()).count() {
        0 => Outcome::Passed,
        _ if options.allow_missing => Outcome::Passed,
        count => Outcome::Failed(format!("{count} parts of the lab cannot be installed here")),
    })
}

fn missing(workspace: &Workspace) -> Vec<Tool> {
    Tool::ALL.into_iter().filter(|tool| !tool.is_installed(workspace)).collect()
}

fn install(workspace: &Workspace, missing: &[Tool]) -> Result<()> {
    fs::create_dir_all(tools::store(workspace))?;
    let has_apt = answers("apt-get", &["--version"]);
    let (python, packaged): (Vec<Tool>, Vec<Tool>) =
        missing.iter().partition(|&&tool| tool == Tool::Python);
    // One thing that cannot be had hinders none of the others.
    let mut faults = Vec::new();
    if !packaged.is_empty() {
        if !has_apt {
            faults.push("there is no apt-get here".to_owned());
        } else if !tools::is_root() {
            faults.push("packages are installed by root only".to_owned());
        } else if let Err(fault) = install_packages(workspace, &packaged) {
            faults.push(fault.to_string());
        }
    }
    if !python.is_empty() {
        if let Err(fault) = make_environment(workspace, has_apt && tools::is_root()) {
            faults.push(fault.to_string());
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
}

fn install_packages(workspace: &Workspace, missing: &[Tool]) -> Result<()> {
    run_command(Command::new("apt-get").args(["update", "-qq"]))?;
    for tool in missing {
        let mut names: Vec<String> = tool.packages().iter().map(|&name| name.to_owned()).collect();
        if *tool == Tool::Exim {
            names.extend(exim::unpack(workspace)?);
        }
        if let Outcome::Failed(why) = install_named(&names)? {
            println!("lab: {} not installed: {why}", tool.servers());
        }
        if *tool == Tool::Exim {
            exim::make_user()?;
        }
    }
    Ok(())
}

/// Installs packages without removing any, and without starting what they bring.
fn install_named(names: &[String]) -> Result<Outcome> {
    let _guard = NoServices::guard()?;
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
        .args(["install", "-qq", "-y", "--no-install-recommends", "--no-remove", "--no-upgrade"])
        .args(names);
    run_command(&mut command)
}

/// While it lives, packages start no service on this machine: Debian's packages ask this file.
struct NoServices {
    made: bool,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl NoServices {
    fn guard() -> Result<Self> {
        use std::os::unix::fs::PermissionsExt;

        if Path::new(POLICY).exists() {
            return Ok(Self { made: false });
        }
        fs::write(POLICY, "#!/bin/sh\n# For the time of one apt-get.\nexit 101\n")?;
        let guard = Self { made: true };
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        Ok(guard)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.made {
            // What cannot be removed is seen by whoever looks why no service starts.
            let _ = fs::remove_file(POLICY);
        }
    }
}

/// A virtual environment of what `requirements.txt` names.
fn make_environment(workspace: &Workspace, may_install: bool) -> Result<()> {
    let environment = tools::environment(workspace);
    let _ = fs::remove_dir_all(&environment);
    let make = || output(Command::new("python3").args(["-m", "venv"]).arg(&environment));
    if make().is_err() {
        if !may_install {
            return Err("python3 makes no virtual environment here".into());
        }
        run_command(Command::new("apt-get").args(["update", "-qq"]))?;
        let names: Vec<String> =
            Tool::Python.packages().iter().map(|&name| name.to_owned()).collect();
        install_named(&names)?;
        let _ = fs::remove_dir_all(&environment);
        make()?;
    }
    let mut command = Command::new(tools::python(workspace));
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
    command.arg(workspace.root.join(tools::REQUIREMENTS));
    match run_command(&mut command)? {
        Outcome::Passed => {
            let installed = workspace.read(tools::REQUIREMENTS)?;
            Ok(fs::write(tools::installed_requirements(workspace), installed)?)
        }
        _ => Err("pip cannot install tests/lab/requirements.txt".into()),
    }
}
