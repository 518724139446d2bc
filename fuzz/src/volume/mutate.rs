//! Inputs made of others.

use std::path::{Path, PathBuf};

/// No input is longer.
const LONGEST: usize = 512;

/// What inputs are made of.
pub(super) struct Material {
    /// Seeds, findings, and what libFuzzer found.
    pub(super) inputs: Vec<Vec<u8>>,
    /// The entries of the dictionary.
    words: Vec<Vec<u8>>,
}

impl Material {
    /// Reads the files of the directories that exist, and the dictionary of the target.
    pub(super) fn read(places: &[PathBuf], dictionaries: &Path, target: &str) -> Self {
        let files = places.iter().filter_map(|place| std::fs::read_dir(place).ok()).flatten();
        let mut paths: Vec<PathBuf> = files.filter_map(|file| Some(file.ok()?.path())).collect();
        // The same seed makes the same inputs.
        paths.sort();
        let inputs = paths.iter().filter_map(|path| std::fs::read(path).ok());
        let inputs = inputs.filter(|input| input.len() <= LONGEST).collect();
        let protocol = target.split('_').next().unwrap_or_default();
        let dictionary = match protocol {
            "imap" | "smtp" => protocol,
            _ => "oauth",
        };
        let text = std::fs::read_to_string(dictionaries.join(format!("{dictionary}.dict")));
        let words = text.unwrap_or_default().lines().filter_map(word).collect();
        Self { inputs, words }
    }
}

/// The octets of a line of a dictionary: `"..."` with `\xNN`, `\\` and `\"`.
fn word(line: &str) -> Option<Vec<u8>> {
    let quoted = line.trim().strip_prefix('"')?.strip_suffix('"')?;
    let mut octets = Vec::new();
    let mut rest = quoted.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'\\' {
            octets.push(first);
            continue;
        }
        let (&escaped, behind) = rest.split_first()?;
        rest = behind;
        if escaped == b'x' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            octets.push(u8::from_str_radix(digits, 16).ok()?);
            rest = rest.get(2..)?;
        } else {
            octets.push(escaped);
        }
    }
    Some(octets)
}

/// Makes inputs; the same state makes the same ones.
pub(super) struct Mutator(u64);

/// Octets that mean something to one of the grammars.
const SPECIAL: &[u8] = b"\r\n\0 \"(){}\\*%+-=&,;:@<>[]~09\x01\x7f\xff";

impl Mutator {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Xorshift with multiplication (Vigna 2016): fast, and even enough.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let at = self.below(of.len());
        of.get(at)
    }

    /// An input of the material with a few changes.
    pub(super) fn make(&mut self, material: &Material, input: &mut Vec<u8>) {
        input.clear();
        if let Some(chosen) = self.pick(&material.inputs) {
            input.extend_from_slice(chosen);
        }
        for _ in 0..=self.below(4) {
            self.change(material, input);
        }
        input.truncate(LONGEST);
    }

    fn change(&mut self, material: &Material, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let most = input.len() - at;
        let length = self.below(most.min(32) + 1);
        match self.below(9) {
            0 => {
                let octet = self.next().to_le_bytes()[7];
                if let Some(place) = input.get_mut(at) {
                    *place = octet;
                }
            }
            1 | 2 => {
                let octet = self.pick(SPECIAL).copied().unwrap_or_default();
                match input.get_mut(at) {
                    Some(place) if length % 2 == 0 => *place = octet,
                    _ => input.insert(at, octet),
                }
            }
            3 => drop(input.drain(at..at + length)),
            4 => input.truncate(at),
            5 => input.extend_from_within(at..at + length),
            6 => {
                if let Some(digit) = input.iter_mut().skip(at).find(|octet| octet.is_ascii_digit())
                {
                    *digit = b'0' + self.next().to_le_bytes()[7] % 10;
                }
            }
            7 => {
                let word = self.pick(&material.words).map_or(&[][..], Vec::as_slice);
                input.splice(at..at, word.iter().copied());
            }
            _ => {
                // The head of one, the tail of another.
                let other = self.pick(&material.inputs).map_or(&[][..], Vec::as_slice);
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(other.get(from..).unwrap_or_default());
            }
        }
    }
}

/// FNV-1a, for names of files.
pub(super) fn hash(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x100_0000_01b3)
    })
}
