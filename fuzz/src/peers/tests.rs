//! The seeds and findings of all targets of IMAP, played through the comparison.

use std::fs;
use std::path::{Path, PathBuf};

use super::{compared, imap_peers, is_refused_alone};

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/fuzz").join(target);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(seeds).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

/// Every seed of IMAP, and what is near it: cut short, and with one octet changed.
fn each_near_a_seed(mut take: impl FnMut(&[u8])) {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/fuzz");
    let targets = fs::read_dir(targets).unwrap().map(|target| target.unwrap().file_name());
    let targets = targets.map(|target| target.into_string().unwrap());
    for target in targets.filter(|target| target.starts_with("imap_")) {
        for (_, octets) in seeds(&target) {
            take(&octets);
            for at in 0..octets.len() {
                take(&octets[..at]);
                let mut changed = octets.clone();
                changed[at] = changed[at].wrapping_add(1);
                take(&changed);
            }
        }
    }
}

#[test]
fn every_seed_is_understood_as_the_peers_understand_it() {
    each_near_a_seed(imap_peers);
}

#[test]
fn nothing_is_refused_that_both_peers_take() {
    let mut refused = Vec::new();
    each_near_a_seed(|octets| {
        if is_refused_alone(octets) {
            refused.push(octets.escape_ascii().to_string());
        }
    });
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// What no peer takes: it has no word for it, or the seed is one of what is wrong.
const OURS_ALONE: [&str; 6] =
    ["esearch", "internaldate-nil", "listrights-none-required", "literal", "plus-code", "search"];

#[test]
fn every_seed_is_taken_by_a_peer() {
    let mut both = 0;
    let mut alone = Vec::new();
    for (name, octets) in seeds("imap_response") {
        match compared(&octets) {
            [false, false] => alone.push(name),
            [true, true] => both += 1,
            _ => {}
        }
    }
    assert_eq!(alone, OURS_ALONE);
    assert!(both >= 60, "{both}");
}
