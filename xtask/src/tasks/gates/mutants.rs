//! Changes the code in every place, one at a time, and lets the tests of its crate find it.
//!
//! A mutant costs what it takes to build the crate and its tests. So the work is done in a copy of the workspace in
//! which the tests in `tests/` are modules of the crate: one program is built instead of ten. Those that no test
//! can tell from the code as it is are in `.cargo/mutants.toml`, with the reason beside them.

use std::fs;
use std::path::Path;
use std::thread;

use crate::Result;
use crate::command::{cargo_path, run as run_command};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// The code that signs, encodes credentials and arguments, decides what is sent, hides secrets, and switches to TLS: that
/// nothing heard in the clear is left over is for the machines to see.
const MUTATED: &[(&str, &[&str])] = &[
    ("oauth1-core", &["src/**/*.rs"]),
    ("xoauth-sasl", &["src/**/*.rs"]),
    (
        "xoauth-imap",
        &[
            "src/command/starttls.rs",
            "src/proto/echo.rs",
            "src/proto/encoder.rs",
            "src/proto/flight.rs",
            "src/proto/machine.rs",
            "src/proto/output.rs",
            "src/proto/respond.rs",
            "src/types/argument.rs",
            "src/types/utf7.rs",
        ],
    ),
    (
        "xoauth-smtp",
        &[
            "src/exchange/starttls.rs",
            "src/proto/encoder.rs",
            "src/proto/machine.rs",
            "src/proto/stuffing.rs",
        ],
    ),
];

/// Tests that take seconds without optimisation, and are about how much is kept and in which pieces it comes.
const SLOW: [&str; 8] = [
    "large_mailbox",
    "longer_than_any_line",
    "however_it_is_cut",
    "an_answer_that_is_kept_has_a_limit",
    "longer_than_the_default_limit",
    "chunks_from_memory_grow",
    "any_number_of_recipients",
    "endless_replies",
];

/// Of the mutants of each package, at least so many in a hundred must be caught.
const CAUGHT: usize = 95;

/// An option that leaves mutants out: `--shard=2/8`, `--in-diff=FILE`, `--re=PATTERN`, `--package=NAME`, and `--iterate`, which
/// tries those again that were not caught before.
pub(super) fn is_part(option: &str) -> bool {
    let parts = ["--shard=", "--in-diff=", "--re=", "--package=", "--iterate"];
    parts.iter().any(|part| option.starts_with(part))
}

pub(super) fn run(
    workspace: &Workspace,
    options: &[&str],
    figures: &mut String,
) -> Result<Outcome> {
    if !super::installed(workspace, "mutants")? {
        return Ok(Outcome::NotRun("cargo-mutants is not installed and cannot be".to_owned()));
    }
    let wanted = options.iter().find_map(|word| word.strip_prefix("--package="));
    let chosen = MUTATED.iter().filter(|(package, _)| wanted.is_none_or(|name| name == *package));
    let tried = thread::scope(|scope| {
        let packages = chosen.map(|(package, files)| {
            scope.spawn(|| {
                try_package(workspace, package, files, options).map_err(|e| e.to_string())
            })
        });
        let packages: Vec<_> = packages.collect();
        packages.into_iter().map(|package| package.join()).collect::<Vec<_>>()
    });
    let mut packages = Vec::new();
    for package in tried {
        match package.map_err(|_| "the thread of a package has panicked")? {
            Ok(tried) => packages.push(tried),
            Err(why) => return Ok(Outcome::Failed(why)),
        }
    }
    for survivor in packages.iter().flat_map(|tried| &tried.missed) {
        println!("missed: {survivor}");
    }
    *figures = table(&packages);
    println!("{figures}");
    let failed: Vec<_> =
        packages.iter().filter(|tried| !tried.is_enough()).map(|tried| tried.package).collect();
    Ok(match (packages.as_slice(), failed.as_slice()) {
        ([], _) => Outcome::Failed("there is no such package".to_owned()),
        (_, []) => Outcome::Passed,
        (_, failed) => Outcome::Failed(format!("too many missed: {}", failed.join(", "))),
    })
}

/// What became of the mutants of a package.
struct Tried {
    package: &'static str,
    caught: usize,
    /// Those whose tests do not end: they are noticed too.
    endless: usize,
    missed: Vec<String>,
}

impl Tried {
    fn all(&self) -> usize {
        self.caught + self.endless + self.missed.len()
    }

    /// Each package reaches the goal by itself.
    fn is_enough(&self) -> bool {
        (self.caught + self.endless) * 100 >= self.all() * CAUGHT
    }
}

fn table(packages: &[Tried]) -> String {
    let of_each = packages.iter().map(|tried| {
        let noticed = tried.caught + tried.endless;
        format!("{} {noticed} of {}", tried.package, tried.all())
    });
    let endless: usize = packages.iter().map(|tried| tried.endless).sum();
    let of_each = of_each.collect::<Vec<_>>().join(", ");
    format!(
        "caught: {of_each}; {endless} of them as they do not end; goal {CAUGHT} in a hundred of each"
    )
}

/// Tries the mutants of a package, in a copy of the workspace: each package has its own, and is built by one processor.
fn try_package(
    workspace: &Workspace,
    package: &'static str,
    files: &[&str],
    options: &[&str],
) -> Result<Tried> {
    let place = workspace.root.join("target/mutants").join(package);
    let copy = place.join("workspace");
    copied(workspace, &copy)?;
    join_tests(&copy, package)?;
    let lists = place.join("mutants.out");
    if lists.exists() && !options.contains(&"--iterate") {
        fs::remove_dir_all(&lists)?;
    }
    let mut command = std::process::Command::new(cargo_path());
    command.current_dir(&copy).env("CARGO_TARGET_DIR", place.join("build"));
    // What a mutant leaves as it is need not be compiled again.
    command.env("CARGO_INCREMENTAL", "1");
    // Properties are there for rare inputs; a mutant is wrong for ordinary ones.
    command.env("PROPTEST_CASES", "16");
    command.args(["mutants", "--in-place", "--package", package, "--test-package", package]);
    command.args(["--no-shuffle", "--cap-lints=true", "--profile", "mutants"]);
    // A multiple of what the tests take without a mutant, on this machine, now.
    command.args(["--minimum-test-timeout", "20", "--timeout-multiplier", "4"]);
    command.args(["--build-timeout", "600", "--colors", "never"]);
    command.args(["--cargo-arg=--lib", "--output"]).arg(&place);
    for file in files {
        command.arg("--file").arg(format!("crates/{package}/{file}"));
    }
    command.args(options.iter().filter(|word| is_part(word) && !word.starts_with("--package=")));
    // One test that fails is enough; the option is not stable.
    command.env("RUSTC_BOOTSTRAP", "1").args(["--", "--", "-Zunstable-options", "--fail-fast"]);
    command.args(SLOW.iter().flat_map(|name| ["--skip", *name]));
    // It fails where a mutant was missed; the lists tell more.
    run_command(&mut command)?;
    let lines = |name: &str| {
        let list = fs::read_to_string(lists.join(name));
        list.map(|list| list.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    let missed = lines("missed.txt").unwrap_or_default();
    let (caught, endless) = (lines("caught.txt")?.len(), lines("timeout.txt")?.len());
    // So also where the tests fail before anything is changed.
    if caught + endless + missed.len() == 0 {
        return Err(format!("{package}: no mutants were tried").into());
    }
    Ok(Tried { package, caught, endless, missed })
}

/// The files of the workspace, without what was built.
fn copied(workspace: &Workspace, copy: &Path) -> Result<()> {
    if copy.exists() {
        fs::remove_dir_all(copy)?;
    }
    for path in workspace.paths()? {
        let to = copy.join(&path);
        fs::create_dir_all(to.parent().ok_or("a file without a directory")?)?;
        fs::copy(workspace.root.join(&path), to)?;
    }
    Ok(())
}

/// Makes the tests in `tests/` modules of the crate.
fn join_tests(copy: &Path, package: &str) -> Result<()> {
    let directory = copy.join("crates").join(package);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory.join("tests"))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let text = if path.extension().is_some_and(|e| e == "rs") {
            fs::read_to_string(&path)?
        } else {
            continue;
        };
        // What replaces the allocator of the whole program stays a program.
        if !text.contains("#[global_allocator]") {
            names.push(name);
        }
    }
    names.sort();
    let file = directory.join("src/lib.rs");
    fs::write(&file, joined(&fs::read_to_string(&file)?, package, &names))?;
    Ok(())
}

fn joined(lib: &str, package: &str, tests: &[String]) -> String {
    let mut text = lib.replace("#![no_std]\n", "#![cfg_attr(not(test), no_std)]\n").replace(
        "#[cfg(feature = \"std\")]\nextern crate std;",
        "#[cfg(all(feature = \"std\", not(test)))]\nextern crate std;",
    );
    text.push_str(&format!(
        "\n#[cfg(test)]\nextern crate self as {};\n",
        package.replace('-', "_")
    ));
    for name in tests {
        text.push_str(&format!(
            "#[cfg(test)]\n#[path = \"../tests/{name}.rs\"]\nmod joined_{name};\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_become_modules() {
        let lib = "#![no_std]\n\n#[cfg(feature = \"std\")]\nextern crate std;\nmod a;\n";
        let text = joined(lib, "x-y", &["one".to_owned()]);
        assert!(text.starts_with("#![cfg_attr(not(test), no_std)]\n"), "{text}");
        assert!(text.contains("#[cfg(all(feature = \"std\", not(test)))]\nextern crate std;"));
        assert!(text.contains("extern crate self as x_y;\n"));
        assert!(text.ends_with("#[path = \"../tests/one.rs\"]\nmod joined_one;\n"));
    }

    #[test]
    fn each_package_has_to_reach_the_goal() {
        let tried = |package, caught, missed| Tried {
            package,
            caught,
            endless: 1,
            missed: vec!["one".to_owned(); missed],
        };
        let packages = [tried("a", 994, 5), tried("b", 93, 6)];
        assert!(packages[0].is_enough() && !packages[1].is_enough());
        assert_eq!(
            table(&packages),
            "caught: a 995 of 1000, b 94 of 100; 2 of them as they do not end; goal 95 in a hundred of each"
        );
    }

    #[test]
    fn a_part_is_told_from_all() {
        assert!(is_part("--shard=1/8") && is_part("--in-diff=x"));
        assert!(is_part("--package=x") && is_part("--re=x") && is_part("--iterate"));
        assert!(!is_part("--write"));
    }
}
