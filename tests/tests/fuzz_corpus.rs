//! What fuzzing began with and what it found, each also cut at every octet, and with every octet changed.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use e2e::fuzzing::TARGETS;

#[test]
fn every_file_of_the_corpus_is_played_again() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/fuzz");
    for (name, target) in TARGETS {
        let mut files: Vec<_> =
            fs::read_dir(corpus.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has no seeds");
        for file in files {
            let octets = fs::read(&file).unwrap();
            target(&octets);
            // Near it: cut short, and with one octet changed.
            for at in 0..octets.len() {
                target(octets.get(..at).unwrap_or_default());
                let mut changed = octets.clone();
                if let Some(octet) = changed.get_mut(at) {
                    *octet = octet.wrapping_add(1);
                }
                target(&changed);
            }
        }
    }
}
