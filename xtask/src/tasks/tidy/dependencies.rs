//! Which crate may name which.

use std::collections::BTreeSet;

use super::{Complaint, Finding, line_of};
use crate::Result;
use crate::workspace::{Dependency, Kind, Package, Workspace};

/// The edges between our crates, from the top down.
///
/// `xoauth` names `xoauth-sasl` beside the protocol crates, because both of those are optional and
/// the logins are there without either.
const EDGES: &[(&str, &[&str])] = &[
    ("oauth1-core", &[]),
    ("xoauth-sasl", &["oauth1-core"]),
    ("xoauth-imap", &["xoauth-sasl"]),
    ("xoauth-smtp", &["xoauth-sasl"]),
    ("xoauth", &["xoauth-imap", "xoauth-smtp", "xoauth-sasl"]),
    ("xoauth-cli", &["xoauth"]),
];

/// What the e2e package drives: everything. Maintenance drives cargo, and nothing else of ours.
const FREE: &str = "e2e";

const RECORD: &str = "docs/decisions/0002-dependencies.md";

/// The heading of the rows for what is agreed on and not yet used.
const AGREED: &str = "## Agreed";

/// Our crates depend on each other only as the table of edges says, tests included: a test that
/// needs the crate above is a test of the e2e package.
pub(super) fn one_way_down(workspace: &Workspace) -> Result<Finding> {
    let mut complaints = Vec::new();
    for package in &workspace.packages {
        let file = format!("{}/Cargo.toml", package.directory);
        let text = workspace.read(&file)?;
        for (name, what) in wrong_edges(package, &workspace.packages) {
            let line = line_of(&text, |line| declares(line, name));
            complaints.push(Complaint::new(
                &file,
                line,
                what,
                "take it from the crate below, which re-exports what its users need; a test that \
                 needs the crate above belongs in tests/",
            ));
        }
    }
    Ok(complaints.into())
}

/// Every dependency from a registry has a row in the record, a row is in use, and the published
/// crates name the features that they take.
pub(super) fn reasons(workspace: &Workspace) -> Result<Finding> {
    let manifest = workspace.read("Cargo.toml")?;
    let record = workspace.read(RECORD).unwrap_or_default();
    let rows = rows(&record);
    let ours = |name: &str| workspace.package(name).is_some();
    let mut used: BTreeSet<String> = workspace_dependencies(&manifest);
    let all = workspace.packages.iter().flat_map(|package| &package.dependencies);
    used.extend(all.map(|dependency| dependency.name.clone()));

    let mut complaints = Vec::new();
    for name in used.iter().filter(|name| !ours(name)) {
        let has_reason =
            rows.iter().any(|row| row.name == name && !row.agreed && !row.reason.is_empty());
        if !has_reason {
            complaints.push(Complaint::new(
                "Cargo.toml",
                line_of(&manifest, |line| declares(line, name)),
                format!("`{name}` has no reason in {RECORD}"),
                "add a row with its features, its user and what it saves, or do without it",
            ));
        }
    }
    for row in rows.iter().filter(|row| !row.agreed && !used.contains(row.name)) {
        complaints.push(Complaint::new(
            RECORD,
            row.line,
            format!("nothing uses `{}`", row.name),
            "remove the row",
        ));
    }
    for package in workspace.published() {
        for dependency in default_features(package, &rows).filter(|found| !ours(&found.name)) {
            let file = format!("{}/Cargo.toml", package.directory);
            let text = workspace.read(&file)?;
            complaints.push(Complaint::new(
                &file,
                line_of(&text, |line| declares(line, &dependency.name)),
                format!("`{}` is taken with its default features", dependency.name),
                "set `default-features = false` and name the features, or give the row the word \
                 `default` with its reason",
            ));
        }
    }
    Ok(complaints.into())
}

/// The dependencies of `package` among `members` that the table does not have.
fn wrong_edges<'a>(package: &'a Package, members: &[Package]) -> Vec<(&'a str, String)> {
    let allowed = EDGES.iter().find(|(name, _)| *name == package.name).map(|(_, below)| *below);
    let is_ours = |name: &str| members.iter().any(|member| member.name == name);
    let free = package.name == FREE;
    let mut wrong = Vec::new();
    for Dependency { name, kind, .. } in &package.dependencies {
        let allowed = free || allowed.is_some_and(|below| below.contains(&name.as_str()));
        if is_ours(name) && !allowed {
            let kind = match kind {
                Kind::Normal => "",
                Kind::Development => " in tests",
                Kind::Build => " in its build script",
            };
            wrong.push((name.as_str(), format!("`{}` depends on `{name}`{kind}", package.name)));
        }
    }
    wrong
}

fn default_features<'a>(
    package: &'a Package,
    rows: &[Row<'_>],
) -> impl Iterator<Item = &'a Dependency> {
    package.dependencies.iter().filter(|dependency| {
        let row = rows.iter().find(|row| row.name == dependency.name);
        let excused = row.is_some_and(|row| row.features.contains("default"));
        dependency.kind == Kind::Normal && dependency.default_features && !excused
    })
}

/// Whether a line of a manifest names a dependency: `name = …`, `name.workspace = true` or
/// `[dependencies.name]`.
fn declares(line: &str, name: &str) -> bool {
    let line = line.trim();
    let key = line.split(['=', '.']).next().unwrap_or_default().trim();
    key.trim_matches('"') == name || line.ends_with(&format!("dependencies.{name}]"))
}

/// The names in the table `[workspace.dependencies]`.
fn workspace_dependencies(manifest: &str) -> BTreeSet<String> {
    let lines = manifest.lines().map(str::trim);
    let table = lines.skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    table
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(['=', '.'])?.0.trim().to_owned()))
        .collect()
}

/// A row of the record: `| crate | features | who uses it | reason |`.
#[derive(Debug, PartialEq, Eq)]
struct Row<'a> {
    line: usize,
    name: &'a str,
    features: &'a str,
    reason: &'a str,
    agreed: bool,
}

fn rows(record: &str) -> Vec<Row<'_>> {
    let mut agreed = false;
    let mut rows = Vec::new();
    for (index, line) in record.lines().enumerate() {
        if line.starts_with("## ") {
            agreed = line.starts_with(AGREED);
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let ["", name, features, _, reason, ""] = cells.as_slice() {
            if let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) {
                rows.push(Row { line: index + 1, name, features, reason, agreed });
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[(&str, Kind)]) -> Package {
        let dependencies = dependencies.iter().map(|(name, kind)| Dependency {
            name: (*name).to_owned(),
            kind: *kind,
            default_features: true,
        });
        Package {
            name: name.to_owned(),
            directory: format!("crates/{name}"),
            features: Vec::new(),
            dependencies: dependencies.collect(),
        }
    }

    #[test]
    fn edges_that_are_not_in_the_table_are_found() {
        use Kind::{Build, Development, Normal};
        let names = EDGES.iter().map(|(name, _)| *name).chain(["e2e", "xtask"]);
        let members: Vec<Package> = names.map(|name| package(name, &[])).collect();
        let table: &[(&str, &str, Kind, bool)] = &[
            ("xoauth-sasl", "oauth1-core", Normal, true),
            ("xoauth", "xoauth-imap", Normal, true),
            ("xoauth-cli", "xoauth", Normal, true),
            ("e2e", "xoauth-imap", Normal, true),
            ("oauth1-core", "serde_json", Development, true),
            ("oauth1-core", "xoauth-sasl", Development, false),
            ("xoauth-imap", "oauth1-core", Normal, false),
            ("xoauth-imap", "xoauth-smtp", Normal, false),
            ("xoauth-smtp", "xoauth-imap", Build, false),
            ("xoauth", "oauth1-core", Normal, false),
            ("xoauth", "e2e", Development, false),
            ("xoauth-cli", "xoauth-imap", Normal, false),
            ("xtask", "xoauth", Normal, false),
        ];
        for (from, to, kind, allowed) in table {
            let package = package(from, &[(to, *kind)]);
            assert_eq!(wrong_edges(&package, &members).is_empty(), *allowed, "{from} -> {to}");
        }
    }

    #[test]
    fn lines_of_manifests_that_name_a_dependency_are_found() {
        for line in ["url = \"2\"", "url.workspace = true", "[dependencies.url]", "\"url\" = \"2\""]
        {
            assert!(declares(line, "url"), "{line}");
        }
        for line in ["curl = \"2\"", "url-escape = \"1\"", "# url", "std = [\"url\"]"] {
            assert!(!declares(line, "url"), "{line}");
        }
    }

    #[test]
    fn dependencies_of_the_workspace_are_read_from_its_manifest() {
        let manifest = "[workspace]\na = 1\n[workspace.dependencies]\n# hash\nsha1 = \"0.11\"\n\
                        hmac = { version = \"0.13\" }\nurl.version = \"2\"\n\n[profile.dev]\ndebug = 1\n";
        let found: Vec<String> = workspace_dependencies(manifest).into_iter().collect();
        assert_eq!(found, ["hmac", "sha1", "url"]);
    }

    #[test]
    fn rows_of_the_record_are_read() {
        let record = "| crate | features | who | reason |\n|---|---|---|---|\n\
                      | `url` | `std` | `a` | why |\n## Agreed\n| `clap` | | `b` | why |\n";
        let row =
            |line, name, features, agreed| Row { line, name, features, reason: "why", agreed };
        assert_eq!(rows(record), [row(3, "url", "`std`", false), row(5, "clap", "", true)]);
    }

    #[test]
    fn default_features_need_the_word_in_their_row() {
        let record = "| `openssl` | default | `a` | why |\n| `url` | `std` | `a` | why |\n";
        let package = package("a", &[("openssl", Kind::Normal), ("url", Kind::Normal)]);
        let found: Vec<&str> =
            default_features(&package, &rows(record)).map(|found| found.name.as_str()).collect();
        assert_eq!(found, ["url"]);
    }
}
