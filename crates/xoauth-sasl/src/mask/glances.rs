//! What is no secret, told at a glance.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{RUN, multiplied};

/// How many bits of a hash a glance takes.
const GLANCE: u32 = 15;
/// The words of the set.
const WORDS: usize = 1 << (GLANCE - u64::BITS.ilog2());

/// A set of bits: a run that was added has its bit, and few others do. A glance takes a fraction of the time that it takes
/// to fold a run and look it up, because the octets are taken as they stand.
///
/// Whatever [`fold`] makes a run that was added has its bit too: a glance never says no where a look says yes.
#[derive(Clone, Default)]
pub(super) struct Glances(Zeroizing<Vec<u64>>);

impl Glances {
    /// Adds every run of a folded form, in every mixture of the two alphabets of base64: a text in clear has characters of both.
    pub(super) fn add(&mut self, folded: &[u8]) {
        self.0.resize(WORDS, 0);
        for run in folded.windows(RUN) {
            let mut run = <[u8; RUN]>::try_from(run).unwrap_or_default();
            self.add_mixtures(&mut run, 0);
        }
    }

    /// Mixtures of what stands from `at` on. Most runs have one, and those of base64 two at times.
    fn add_mixtures(&mut self, run: &mut [u8; RUN], at: usize) {
        let twins = run.iter().enumerate().skip(at).find_map(|(at, octet)| match octet {
            b'-' => Some((at, [b'-', b'+'])),
            b'_' => Some((at, [b'_', b'/'])),
            _ => None,
        });
        let Some((at, twins)) = twins else {
            let (word, bit) = Self::place(*run);
            if let Some(word) = self.0.get_mut(word) {
                *word |= bit;
            }
            return;
        };
        for twin in twins.into_iter().rev() {
            if let Some(octet) = run.get_mut(at) {
                *octet = twin;
            }
            self.add_mixtures(run, at + 1);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        if self.0.is_empty() {
            *self = other;
        } else {
            self.0.iter_mut().zip(other.0.iter()).for_each(|(word, other)| *word |= other);
        }
    }

    pub(super) fn may_have(&self, run: [u8; RUN]) -> bool {
        let (word, bit) = Self::place(run);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// The word and the bit for a run; letters of either case have the same.
    fn place(run: [u8; RUN]) -> (usize, u64) {
        let lower = u64::from_le_bytes(run) | 0x2020_2020_2020_2020;
        let hash = multiplied(lower) >> (u64::BITS - GLANCE);
        ((hash >> 6) as usize, 1 << (hash & 63))
    }
}
