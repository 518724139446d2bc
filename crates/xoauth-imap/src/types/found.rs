//! What a search with options found (ESEARCH, RFC 4731).

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::{Number, Set};

/// What a search with options found, RFC 9051 7.3.4. What was not asked for, or not found, is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found<N> {
    /// The lowest number.
    pub min: Option<N>,
    /// The highest number.
    pub max: Option<N>,
    /// How many there are.
    pub count: Option<u32>,
    /// All numbers. Sorted where the search was.
    pub all: Option<Ranges<N>>,
    /// A part of the numbers (PARTIAL, RFC 9394).
    pub partial: Option<FoundPart<N>>,
    /// The highest modification sequence among them (CONDSTORE, RFC 7162).
    pub mod_seq: Option<u64>,
}

/// A part of what was found, RFC 9394 3.1.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundPart<N> {
    /// Which part: places counted from 1, or from the end with -1.
    pub places: (i64, i64),
    /// The numbers in it; none where there are fewer.
    pub numbers: Ranges<N>,
}

/// Numbers as ranges in the server's order, however many they span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranges<N>(Vec<(N, N)>);

impl<N> Default for Found<N> {
    fn default() -> Self {
        Self { min: None, max: None, count: None, all: None, partial: None, mod_seq: None }
    }
}

impl<N: Number> Found<N> {
    /// All numbers as a set for the next command; `None` where none were found or asked for.
    pub fn to_set(&self) -> Option<Set<N>> {
        self.all.as_ref()?.to_set()
    }
}

impl<N> Default for Ranges<N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<N: Number> Ranges<N> {
    pub(crate) fn extend(&mut self, ranges: impl IntoIterator<Item = (N, N)>) {
        self.0.extend(ranges);
    }

    /// The ranges, both ends included. Where messages were sorted, the first of a range may be the higher one.
    pub fn as_slice(&self) -> &[(N, N)] {
        &self.0
    }

    /// The numbers, made as they are asked for.
    pub fn iter(&self) -> impl Iterator<Item = N> + '_ {
        self.0.iter().flat_map(|&(from, to)| {
            let (from, to): (NonZeroU32, NonZeroU32) = (from.into(), to.into());
            let (from, to) = (from.get(), to.get());
            // One of the two is empty.
            let down = (from > to).then_some(to..=from).into_iter().flatten().rev();
            (from..=to).chain(down).filter_map(NonZeroU32::new).map(N::from)
        })
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers there are.
    pub fn count(&self) -> u64 {
        let span = |&(from, to): &(N, N)| {
            let (from, to): (NonZeroU32, NonZeroU32) = (from.into(), to.into());
            u64::from(to.get().abs_diff(from.get())) + 1
        };
        self.0.iter().map(span).sum()
    }

    /// The numbers as a set; `None` where there are none.
    pub fn to_set(&self) -> Option<Set<N>> {
        Set::from_ranges(self.0.iter().copied()).ok()
    }
}
