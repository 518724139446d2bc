//! Exim beside Postfix: Debian's packages of the two exclude each other, so that Exim's is only
//! unpacked.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::tools::{self, user};
use crate::Result;
use crate::command::output;
use crate::workspace::Workspace;

/// The user that the program was built for; it ends at once where there is none.
pub(super) const USER: &str = "Debian-exim";

const PACKAGE: &str = "exim4-daemon-heavy";

/// What the package asks for and the program does not need to run.
const NOT_NEEDED: &[&str] = &["exim4-base", "exim4-config", "debconf"];

/// The unpacked program.
pub(super) fn program(workspace: &Workspace) -> PathBuf {
    directory(workspace).join("usr/sbin/exim4")
}

fn directory(workspace: &Workspace) -> PathBuf {
    tools::store(workspace).join("exim")
}

/// Downloads and unpacks the package, and returns the packages that have to be installed for it.
pub(super) fn unpack(workspace: &Workspace) -> Result<Vec<String>> {
    let target = directory(workspace);
    let download = tools::store(workspace).join("download");
    let _ = fs::remove_dir_all(&download);
    fs::create_dir_all(&download)?;
    output(Command::new("apt-get").args(["-q", "download", PACKAGE]).current_dir(&download))?;
    let file = fs::read_dir(&download)?.next().ok_or("apt-get downloaded no package of Exim")??;
    let depends = output(Command::new("dpkg-deb").arg("-f").arg(file.path()).arg("Depends"))?;
    let _ = fs::remove_dir_all(&target);
    output(Command::new("dpkg-deb").arg("-x").arg(file.path()).arg(&target))?;
    fs::remove_dir_all(&download)?;
    Ok(packages(&depends))
}

/// Makes the user, if there is none.
pub(super) fn make_user() -> Result<()> {
    if user(USER).is_none() {
        let mut command = Command::new("adduser");
        command.args(["--quiet", "--system", "--group", "--no-create-home"]);
        // The name has a capital letter, which adduser refuses without this.
        output(command.args(["--allow-bad-names", USER]))?;
    }
    Ok(())
}

/// The packages of a `Depends` field, the first of each list of alternatives.
fn packages(depends: &str) -> Vec<String> {
    depends
        .trim()
        .split(", ")
        .filter_map(|entry| entry.split([' ', '|', ':']).next())
        .filter(|name| !name.is_empty() && !NOT_NEEDED.contains(name))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_taken_from_the_package_itself() {
        let depends = "exim4-base (>= 4.96), debconf (>= 0.5) | debconf-2.0, libc6 (>= 2.34), \
                       perl:any, libpq5\n";
        assert_eq!(packages(depends), ["libc6", "perl", "libpq5"]);
        assert!(packages("").is_empty());
    }
}
