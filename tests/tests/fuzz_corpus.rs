//! What fuzzing began with and what it found, each also cut at every octet, and with every octet changed.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use e2e::fuzzing::{TARGETS, times_told};

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

/// Seeds of echoes come as far as the echo: the token is said to a machine that knows it, at six places at least.
#[test]
fn seeds_that_say_the_token_say_it_behind_the_login() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/fuzz");
    for name in ["imap_machine", "smtp_machine"] {
        let mut seeds = 0;
        for file in fs::read_dir(corpus.join(name)).unwrap() {
            let path = file.unwrap().path();
            if path.file_name().unwrap().to_str().unwrap().starts_with("echo") {
                let told = times_told(name, &fs::read(&path).unwrap());
                assert!(told > 0, "{} never says the token", path.display());
                seeds += 1;
            }
        }
        assert!(seeds >= 6, "{name}: {seeds}");
    }
}
