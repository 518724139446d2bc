//! Maintenance of the workspace: `cargo xtask help`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod command;
mod openssl;
mod outcome;
mod page;
mod report;
mod tasks;
mod workspace;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use outcome::Outcome;
use workspace::Workspace;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What `cargo xtask NAME` runs. A new task is a file in `tasks/` and a line here.
struct Task {
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    run: fn(&Workspace, &[String]) -> Result<Outcome>,
}

const TASKS: &[Task] = &[
    Task {
        name: "demo",
        arguments: "[ARGS]",
        summary: "send and read a message on a mail host of this machine",
        run: tasks::demo::run,
    },
    Task {
        name: "host",
        arguments: "[--messages N]",
        summary: "a mail host that keeps running, to try `xoauth` against",
        run: tasks::host::run,
    },
    Task {
        name: "test",
        arguments: "[CARGO TEST ARGS]",
        summary: "every test that needs a Rust toolchain and a C compiler",
        run: tasks::test::run,
    },
    Task {
        name: "ci",
        arguments: "",
        summary: "what a change has to pass: format, lints, tests, packages",
        run: tasks::ci::run,
    },
    Task {
        name: "tidy",
        arguments: "",
        summary: "the rules of docs/architecture.md that no compiler checks",
        run: tasks::tidy::run,
    },
    Task {
        name: "docs",
        arguments: "",
        summary: "documentation without warnings, links between files",
        run: tasks::docs::run,
    },
    Task {
        name: "vectors",
        arguments: "[--oauthlib[=N]]",
        summary: "signature vectors through the shim; N beside oauthlib",
        run: tasks::vectors::run,
    },
    Task {
        name: "dist",
        arguments: "",
        summary: "manual pages, completions, a sample configuration",
        run: tasks::dist::run,
    },
    Task {
        name: "bench",
        arguments: "[NAME..] [--quick] [--write PAGE]",
        summary: "measurements against other libraries (tests/peers)",
        run: tasks::bench::run,
    },
    #[cfg(target_os = "linux")]
    Task {
        name: "lab",
        arguments: "deps | up | test [--record] | down",
        summary: "real mail servers as test peers; `lab` tells the options",
        run: tasks::lab::run,
    },
    Task {
        name: "attacks",
        arguments: "[CASE..]",
        summary: "hostile servers against the shim, with both drivers",
        run: tasks::trust::attacks,
    },
    Task {
        name: "sweep",
        arguments: "",
        summary: "recorded sessions torn, cut and changed at every octet",
        run: tasks::trust::sweep,
    },
    Task {
        name: "growth",
        arguments: "",
        summary: "what twice as much of each hostile shape costs",
        run: tasks::trust::growth,
    },
    Task {
        name: "soak",
        arguments: "[--seconds N] [--seed N]",
        summary: "20 minutes of dying tokens, endings and cuts at random",
        run: tasks::soak::run,
    },
    Task {
        name: "fuzz",
        arguments: "[TARGET..] [SECONDS] [OPTION..]",
        summary: "the fuzz targets; fuzz/README.md has the options",
        run: tasks::fuzz::run,
    },
    Task {
        name: "gates",
        arguments: "[GATE..] [--write]",
        summary: "what a release has to pass: these, miri, mutants, ...",
        run: tasks::gates::run,
    },
];

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "help".to_owned());
    let rest: Vec<String> = arguments.collect();
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", help());
        return ExitCode::SUCCESS;
    }
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        eprintln!("error: there is no task `{name}`\n\n{}", help());
        return ExitCode::from(2);
    };
    match Workspace::load().and_then(|workspace| (task.run)(&workspace, &rest)) {
        Ok(Outcome::Passed) => ExitCode::SUCCESS,
        Ok(Outcome::NotRun(why)) => {
            eprintln!("{name}: not run: {why}");
            ExitCode::FAILURE
        }
        Ok(Outcome::Failed(why)) => {
            if !why.is_empty() {
                eprintln!("{name}: failed: {why}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn help() -> String {
    let mut text = String::from("Usage: cargo xtask TASK\n\nTasks:\n");
    for task in TASKS {
        let call = format!("{} {}", task.name, task.arguments);
        text.push_str(&format!("  {call:<39} {}\n", task.summary));
    }
    text.push_str(
        "\nBegin with `cargo xtask demo`; before a change is handed in: `cargo xtask ci`.\n\
         Where no system OpenSSL is found, one is built from source (needs perl and make).\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_on_one_screen() {
        let help = help();
        assert!(help.lines().count() <= 24, "{help}");
        for line in help.lines() {
            assert!(line.len() <= 100, "{line}");
        }
    }
}
