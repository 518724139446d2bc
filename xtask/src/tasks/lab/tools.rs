//! What has to be installed, and whether it is.

use std::fs;
use std::path::{Path, PathBuf};

use super::exim;
use crate::command::answers;
use crate::workspace::Workspace;

/// A part of the lab that is installed on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tool {
    OpenSsl,
    Dovecot,
    Postfix,
    Exim,
    Python,
    Curl,
    Browser,
}

impl Tool {
    pub(super) const ALL: [Self; 7] = [
        Self::OpenSsl,
        Self::Dovecot,
        Self::Postfix,
        Self::Exim,
        Self::Python,
        Self::Curl,
        Self::Browser,
    ];

    /// Whether all else can be tested without it: the one test that wants it says that it was not run.
    pub(super) fn is_optional(self) -> bool {
        self == Self::Browser
    }

    /// The servers that need it.
    pub(super) fn servers(self) -> &'static str {
        match self {
            Self::OpenSsl => "all servers (certificates)",
            Self::Dovecot => "Dovecot",
            Self::Postfix => "Postfix and smtp-sink",
            Self::Exim => "Exim",
            Self::Python => "the authentication service, Twisted, aiosmtpd and Python's clients",
            Self::Curl => "curl as a second client",
            Self::Browser => "the login through a page of consent",
        }
    }

    /// What has to be installed, for a machine where it is not done by itself.
    pub(super) fn wanted(self) -> &'static str {
        match self {
            Self::OpenSsl => "the package openssl",
            Self::Dovecot => {
                "the packages dovecot-core dovecot-imapd dovecot-submissiond dovecot-lmtpd"
            }
            Self::Postfix => "the package postfix",
            Self::Exim => {
                "the package exim4-daemon-heavy unpacked in target/lab/exim (Debian's conflicts with \
                 its postfix), the libraries it depends on, and a user Debian-exim"
            }
            Self::Python => {
                "python3 with venv, and a virtual environment target/lab/venv with what \
                 tests/lab/requirements.txt names"
            }
            Self::Curl => "the package curl",
            Self::Browser => "the packages chromium and chromium-driver",
        }
    }

    /// The Debian packages that bring it, beside what Exim's own package asks for.
    pub(super) fn packages(self) -> &'static [&'static str] {
        match self {
            Self::OpenSsl => &["openssl"],
            Self::Dovecot => {
                &["dovecot-core", "dovecot-imapd", "dovecot-submissiond", "dovecot-lmtpd"]
            }
            Self::Postfix => &["postfix"],
            Self::Exim => &["adduser"],
            Self::Python => &["python3-venv"],
            Self::Curl => &["curl"],
            Self::Browser => &["chromium", "chromium-driver"],
        }
    }

    pub(super) fn is_installed(self, workspace: &Workspace) -> bool {
        let all_exist = |paths: &[&str]| paths.iter().all(|path| Path::new(path).exists());
        match self {
            Self::OpenSsl => answers("openssl", &["version"]),
            Self::Dovecot => all_exist(&[
                DOVECOT,
                "/usr/lib/dovecot/imap",
                "/usr/lib/dovecot/submission",
                "/usr/lib/dovecot/lmtp",
            ]),
            Self::Postfix => all_exist(&[POSTFIX_MASTER, SMTP_SINK]),
            Self::Curl => answers(CURL, &["--version"]),
            Self::Browser => {
                answers("chromedriver", &["--version"]) && answers("chromium", &["--version"])
            }
            Self::Exim => {
                let program = exim::program(workspace);
                user(exim::USER).is_some()
                    && answers(&program.to_string_lossy(), &["-C", "/dev/null", "-bV"])
            }
            Self::Python => {
                let wanted = workspace.read(REQUIREMENTS).unwrap_or_default();
                let found = fs::read_to_string(installed_requirements(workspace));
                found.is_ok_and(|found| found == wanted)
                    && answers(&python(workspace).to_string_lossy(), &["--version"])
            }
        }
    }
}

pub(super) const DOVECOT: &str = "/usr/sbin/dovecot";
pub(super) const POSTFIX_MASTER: &str = "/usr/lib/postfix/sbin/master";
pub(super) const SMTP_SINK: &str = "/usr/sbin/smtp-sink";
pub(super) const POSTCONF: &str = "/usr/sbin/postconf";
pub(super) const CURL: &str = "curl";
pub(super) const REQUIREMENTS: &str = "tests/lab/requirements.txt";

/// Where what belongs to no package of the system is kept between runs.
pub(super) fn store(workspace: &Workspace) -> PathBuf {
    workspace.root.join("target/lab")
}

pub(super) fn environment(workspace: &Workspace) -> PathBuf {
    store(workspace).join("venv")
}

pub(super) fn python(workspace: &Workspace) -> PathBuf {
    environment(workspace).join("bin/python")
}

/// A copy of the requirements, written when they had been installed.
pub(super) fn installed_requirements(workspace: &Workspace) -> PathBuf {
    environment(workspace).join("installed-requirements.txt")
}

/// The numbers of a user of the system and of its group.
pub(super) fn user(name: &str) -> Option<(u32, u32)> {
    user_in(&fs::read_to_string("/etc/passwd").ok()?, name)
}

fn user_in(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Whether we are the user that servers which change their own user need; without `/proc`, no.
pub(super) fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    ids.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let passwd = "root:x:0:0::/:/bin/sh\nmail2:x:9:9::/:\nmail:x:8:12:mail:/var/mail:/bin/sh\n";
        assert_eq!(user_in(passwd, "mail"), Some((8, 12)));
        assert_eq!(user_in(passwd, "mai"), None);
    }
}
