//! How many crates a user takes in.

use std::collections::BTreeSet;

use super::{Complaint, Finding};
use crate::Result;
use crate::command::{cargo, output};
use crate::workspace::Workspace;

/// The system that the budgets are counted for, wherever they are counted.
const TARGET: &str = "x86_64-unknown-linux-gnu";

struct Budget {
    package: &'static str,
    /// The features as cargo takes them.
    features: &'static [&'static str],
    /// Dependencies at most, direct and indirect; the package itself is none of them.
    limit: usize,
}

const BUDGETS: &[Budget] = &[
    Budget {
        package: "oauth1-core",
        features: &["--no-default-features", "--features", "std"],
        limit: 16,
    },
    Budget {
        package: "xoauth",
        features: &["--no-default-features", "--features", "imap,native-tls"],
        limit: 40,
    },
    Budget { package: "xoauth", features: &[], limit: 75 },
    // A program: nobody takes it into theirs, but somebody builds and audits it.
    Budget { package: "xoauth-cli", features: &[], limit: 130 },
];

pub(super) fn check(workspace: &Workspace) -> Result<Finding> {
    let mut complaints = Vec::new();
    for Budget { package, features, limit } in BUDGETS {
        let mut command = cargo(workspace);
        command.args(["tree", "--edges", "normal", "--prefix", "none", "--target", TARGET]);
        command.args(["--package", package]).args(*features);
        let count = unique(&output(&mut command)?).saturating_sub(1);
        let label = [&[*package], *features].concat().join(" ");
        println!("{label}: {count} dependencies, at most {limit}");
        if count > *limit {
            complaints.push(Complaint::new(
                &format!("crates/{package}/Cargo.toml"),
                1,
                format!("{count} dependencies with `{label}`, at most {limit} are allowed"),
                "look with `cargo tree --edges normal` which one brings the others",
            ));
        }
    }
    Ok(complaints.into())
}

/// The number of different crates in the output of `cargo tree --prefix none`.
fn unique(tree: &str) -> usize {
    let names = tree.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some((words.next()?, words.next()?))
    });
    names.collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_counts_once_and_two_versions_count_twice() {
        let tree = "a v0.1.0 (/a)\nb v1.0.0\nc v1.0.0 (proc-macro)\nb v1.0.0 (*)\n\nb v2.0.0\n";
        assert_eq!(unique(tree), 4);
    }
}
