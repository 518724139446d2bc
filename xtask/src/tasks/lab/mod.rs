//! `cargo xtask lab`: real mail servers, which nobody of this project wrote, as test peers.
//!
//! `deps` installs what is missing, `up` starts the servers on loopback in a temporary directory,
//! `test` runs the tests of `tests/src/bin/lab` against them, `down` stops them. What the servers
//! are told is in `tests/lab`; what they answered last is in `docs/interop.md`.

mod deps;
mod down;
mod exim;
mod keys;
mod place;
mod ports;
mod processes;
mod servers;
mod test;
mod tools;
mod up;

use std::env;

use crate::Result;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<Outcome> {
    let (action, rest) = match arguments.split_first() {
        Some((action, rest)) => (action.as_str(), rest),
        None => ("", arguments),
    };
    let options = Options::parse(rest)?;
    match action {
        "deps" => deps::run(workspace, &options),
        "up" => up::run(workspace, &options),
        "test" => test::run(workspace, &options),
        "down" => down::run(workspace, &options),
        _ => Err(USAGE.into()),
    }
}

const USAGE: &str = "\
use: cargo xtask lab deps | up | test | down
  --base PORT        the ports from PORT on, for a lab beside another one (or LAB_BASE)
  --allow-missing    a server that cannot be had is named and fails nothing
  --release          `test` is built as users build, so that its figures can be compared
  --record           the same, and it writes docs/interop.md
  -- ARGS            for the tests: words that a name has to hold, --list";

/// What a call of `lab` asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The first port; chosen where there is none.
    base: Option<u16>,
    allow_missing: bool,
    /// The tests are built with the profile that users build with.
    release: bool,
    /// The run writes docs/interop.md.
    record: bool,
    /// What stands behind `--`, for the test program.
    rest: Vec<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options =
            Self { base: base(env::var("LAB_BASE").ok().as_deref())?, ..Self::default() };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--base" => options.base = base(arguments.next().map(String::as_str).or(Some("")))?,
                "--allow-missing" => options.allow_missing = true,
                "--release" => options.release = true,
                "--record" => (options.release, options.record) = (true, true),
                "--" => options.rest = arguments.by_ref().cloned().collect(),
                other => return Err(format!("unknown argument {other}\n{USAGE}").into()),
            }
        }
        Ok(options)
    }

    /// What tells this lab from others of the same checkout.
    fn key(&self) -> String {
        self.base.map_or_else(|| "default".to_owned(), |base| base.to_string())
    }
}

fn base(text: Option<&str>) -> Result<Option<u16>> {
    match text {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(port) if (1024..=u16::MAX - ports::COUNT).contains(&port) => Ok(Some(port)),
            _ => Err(format!("`{text}` is no port to begin at").into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options> {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn options_are_read_and_wrong_ones_are_named() {
        let options =
            parse(&["--base", "21000", "--allow-missing", "--", "exim", "--list"]).unwrap();
        assert_eq!(options.base, Some(21000));
        assert!(options.allow_missing);
        assert_eq!(options.rest, ["exim", "--list"]);
        assert_eq!(options.key(), "21000");
        for wrong in [&["--base"][..], &["--base", "80"], &["--base", "65535"], &["--bose", "1"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
