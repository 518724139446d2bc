//! Sets of message numbers.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::num::NonZeroU32;
use core::str::FromStr;

use super::{ArgumentSink, Number, SeqNo, Uid};

/// Messages named by unique identifiers.
pub type UidSet = Set<Uid>;

/// Messages named by sequence numbers.
pub type SeqSet = Set<SeqNo>;

/// `sequence-set`, RFC 9051 9: a set of message numbers that is never empty.
///
/// Ranges stay ranges, whatever they span. `*` is the highest number there is, and `7:*` holds at least
/// that one, even where it is lower than 7.
///
/// ```
/// use xoauth_imap::{Uid, UidSet};
///
/// let set: UidSet = "9:7,1,2,3,12:*".parse()?;
/// assert_eq!(set.to_string(), "1:3,7:9,12:*");
/// assert!(set.contains(Uid::new(8).unwrap()));
/// # Ok::<(), xoauth_imap::SetError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Set<T> {
    /// Both ends included, ascending, apart by at least one number. Empty only where `saved` is true.
    ranges: Vec<(u64, u64)>,
    /// `$`, which stands alone in a set that can be sent.
    saved: bool,
    of: PhantomData<T>,
}

/// `*`, higher than any number.
const STAR: u64 = u64::MAX;

/// Why text or numbers are no [`Set`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetError {
    /// There are no numbers.
    Empty,
    /// Something else stands where a number or `*` must be.
    Unexpected {
        /// What stands there; `None` at the end of the text.
        found: Option<char>,
        /// Offset in the text.
        at: usize,
    },
    /// A number is 0 or has more than 32 bits.
    OutOfRange {
        /// Offset in the text.
        at: usize,
    },
}

impl<T: Number> Set<T> {
    /// The numbers of `numbers`, in any order.
    ///
    /// # Errors
    /// [`SetError::Empty`]: a command cannot name no message.
    pub fn new(numbers: impl IntoIterator<Item = T>) -> Result<Self, SetError> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for number in numbers {
            let number = value(number);
            // What comes ascending, as it mostly does, is joined as it comes.
            match ranges.last_mut() {
                Some((_, to)) if *to + 1 == number => *to = number,
                _ => ranges.push((number, number)),
            }
        }
        Self::of_ranges(ranges)
    }

    /// All messages: `1:*`.
    pub fn all() -> Self {
        Self { ranges: Vec::from([(1, STAR)]), saved: false, of: PhantomData }
    }

    /// What the last search with [`save`](crate::command::ExtendedSearch::save) found: `$` (SEARCHRES,
    /// RFC 5182). It stands for the whole set.
    pub fn saved_search() -> Self {
        Self { ranges: Vec::new(), saved: true, of: PhantomData }
    }

    /// It is `$`.
    pub fn is_saved_search(&self) -> bool {
        self.saved
    }

    /// The numbers of ranges, both ends included, whichever is lower.
    ///
    /// # Errors
    /// [`SetError::Empty`].
    pub fn from_ranges(ranges: impl IntoIterator<Item = (T, T)>) -> Result<Self, SetError> {
        let ordered = |(one, other): (T, T)| (value(one.min(other)), value(one.max(other)));
        Self::of_ranges(ranges.into_iter().map(ordered).collect())
    }

    /// The message with the highest number: `*`.
    pub fn last() -> Self {
        Self { ranges: Vec::from([(STAR, STAR)]), saved: false, of: PhantomData }
    }

    /// The numbers between two, both included, whichever is lower.
    pub fn range(one: T, other: T) -> Self {
        let (from, to) = (value(one.min(other)), value(one.max(other)));
        Self { ranges: Vec::from([(from, to)]), saved: false, of: PhantomData }
    }

    /// All numbers from `first` on: `n:*`.
    pub fn starting_at(first: T) -> Self {
        Self { ranges: Vec::from([(value(first), STAR)]), saved: false, of: PhantomData }
    }

    /// What is in this set or in the other. One with numbers and `$` cannot be sent (RFC 5182, 2.4): the command
    /// is refused.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        self.ranges.extend_from_slice(&other.ranges);
        let saved = self.saved || other.saved;
        Self { ranges: coalesced(self.ranges), saved, of: PhantomData }
    }

    /// Only the server knows all of its numbers.
    pub(crate) fn is_open(&self) -> bool {
        self.saved || self.ranges.last().is_some_and(|&(_, to)| to == STAR)
    }

    /// `$` stands alone.
    pub(crate) fn can_be_sent(&self) -> bool {
        self.ranges.is_empty() || !self.saved
    }

    /// The number is in the set. Of a range up to `*` that is every number from its start on; `*` alone is
    /// a number this set does not know.
    pub fn contains(&self, number: T) -> bool {
        let number = value(number);
        let after = self.ranges.partition_point(|&(from, _)| from <= number);
        let range = after.checked_sub(1).and_then(|index| self.ranges.get(index));
        range.is_some_and(|&(_, to)| number <= to)
    }

    /// The set may hold the number, `*` and `$` being what they may be.
    pub(crate) fn may_hold(&self, number: T) -> bool {
        self.is_open() || self.contains(number)
    }

    /// The ranges, both ends included; a set with `*` or `$` is all numbers.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let all = self.is_open().then_some((1, STAR));
        let ranges: &[(u64, u64)] = if all.is_some() { &[] } else { &self.ranges };
        all.into_iter().chain(ranges.iter().copied())
    }

    /// How many numbers those are.
    pub(crate) fn count(&self) -> u64 {
        self.spans().map(|(from, to)| to - from + 1).fold(0, u64::saturating_add)
    }

    /// The numbers in ascending order, made as they are asked for; `highest` is what `*` means.
    pub fn iter(&self, highest: T) -> impl Iterator<Item = T> + use<'_, T> {
        let highest = value(highest);
        let meant = move |end| if end == STAR { highest } else { end };
        let ends = move |&(from, to): &(u64, u64)| {
            let (from, to) = (meant(from), meant(to));
            from.min(to)..=from.max(to)
        };
        // Only the last range can end in `*`; what the ones before it hold is not told twice.
        let mut next = 1;
        self.ranges.iter().map(ends).flat_map(move |range| {
            let range = (*range.start()).max(next)..=*range.end();
            next = next.max(range.end().saturating_add(1));
            range.filter_map(number)
        })
    }

    /// Writes the set as an argument.
    pub fn encode(&self, out: &mut dyn ArgumentSink) {
        out.raw(&self.to_string());
    }

    fn of_ranges(ranges: Vec<(u64, u64)>) -> Result<Self, SetError> {
        if ranges.is_empty() {
            return Err(SetError::Empty);
        }
        Ok(Self { ranges: coalesced(ranges), saved: false, of: PhantomData })
    }
}

/// Sorts ranges and joins those that touch.
fn coalesced(mut ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match joined.last_mut() {
            Some((_, last)) if from <= last.saturating_add(1) => *last = to.max(*last),
            _ => joined.push((from, to)),
        }
    }
    joined
}

fn value<T: Number>(number: T) -> u64 {
    let number: NonZeroU32 = number.into();
    u64::from(number.get())
}

fn number<T: Number>(value: u64) -> Option<T> {
    u32::try_from(value).ok().and_then(NonZeroU32::new).map(T::from)
}

impl<T: Number> FromStr for Set<T> {
    type Err = SetError;

    fn from_str(text: &str) -> Result<Self, SetError> {
        if text == "$" {
            return Ok(Self::saved_search());
        }
        let mut at = 0;
        let mut ranges = Vec::new();
        for range in text.split(',') {
            let (from, to) = match range.split_once(':') {
                Some((from, to)) => (end(from, at, text)?, end(to, at + from.len() + 1, text)?),
                None => {
                    let number = end(range, at, text)?;
                    (number, number)
                }
            };
            ranges.push((from.min(to), from.max(to)));
            at += range.len() + 1;
        }
        Self::of_ranges(ranges)
    }
}

/// `seq-number = nz-number / "*"`.
fn end(word: &str, at: usize, text: &str) -> Result<u64, SetError> {
    if word == "*" {
        return Ok(STAR);
    }
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits < word.len() {
        let at = at + digits;
        return Err(SetError::Unexpected {
            found: text.get(at..).and_then(|t| t.chars().next()),
            at,
        });
    }
    match word.parse::<u32>() {
        Ok(number @ 1..) => Ok(u64::from(number)),
        _ => Err(SetError::OutOfRange { at }),
    }
}

impl<T: Number> From<T> for Set<T> {
    fn from(number: T) -> Self {
        Self::range(number, number)
    }
}

impl<T: Number> TryFrom<&str> for Set<T> {
    type Error = SetError;

    fn try_from(text: &str) -> Result<Self, SetError> {
        text.parse()
    }
}

impl<T: Number> TryFrom<String> for Set<T> {
    type Error = SetError;

    fn try_from(text: String) -> Result<Self, SetError> {
        text.parse()
    }
}

impl<T: Number> TryFrom<Vec<T>> for Set<T> {
    type Error = SetError;

    fn try_from(numbers: Vec<T>) -> Result<Self, SetError> {
        Self::new(numbers)
    }
}

impl<T: Number> TryFrom<&[T]> for Set<T> {
    type Error = SetError;

    fn try_from(numbers: &[T]) -> Result<Self, SetError> {
        Self::new(numbers.iter().copied())
    }
}

impl<T: Number> TryFrom<&Vec<T>> for Set<T> {
    type Error = SetError;

    fn try_from(numbers: &Vec<T>) -> Result<Self, SetError> {
        Self::new(numbers.iter().copied())
    }
}

impl<T> fmt::Display for Set<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, &(from, to)) in self.ranges.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match (from, to) {
                (STAR, _) => f.write_str("*")?,
                (from, STAR) => write!(f, "{from}:*")?,
                (from, to) if from == to => write!(f, "{from}")?,
                (from, to) => write!(f, "{from}:{to}")?,
            }
        }
        match (self.saved, self.ranges.is_empty()) {
            (true, true) => f.write_str("$"),
            (true, false) => f.write_str(",$"),
            (false, _) => Ok(()),
        }
    }
}

impl<T> fmt::Debug for Set<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Set({self})")
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty sequence set, expected a number"),
            Self::Unexpected { found: Some(found), at } => {
                write!(f, "unexpected {found:?} at offset {at} of sequence set, expected a number")
            }
            Self::Unexpected { found: None, .. } => {
                f.write_str("unexpected end of sequence set, expected a number")
            }
            Self::OutOfRange { at } => write!(
                f,
                "number out of range at offset {at} of sequence set, expected 1 to 4294967295"
            ),
        }
    }
}

impl core::error::Error for SetError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use proptest::prelude::*;

    fn uids(numbers: &[u32]) -> Vec<Uid> {
        numbers.iter().copied().filter_map(Uid::new).collect()
    }

    #[test]
    fn text_is_read_and_joined() {
        let cases = [
            // RFC 9051, 9.
            ("2,4:7,9,12:*", "2,4:7,9,12:*"),
            ("*:4,5:7", "4:*"),
            ("2:4,4,3:2", "2:4"),
            ("*", "*"),
            ("1:*", "1:*"),
            ("5,4,3,1", "1,3:5"),
            ("4294967295", "4294967295"),
            ("4294967295,*", "4294967295,*"),
            // RFC 5182, 2.1.
            ("$", "$"),
        ];
        for (text, expected) in cases {
            let set: UidSet = text.parse().unwrap();
            assert_eq!(set.to_string(), expected, "{text}");
            assert_eq!(expected.parse(), Ok(set), "{text}");
        }
    }

    #[test]
    fn what_is_no_set_is_refused() {
        let cases = [
            ("", "unexpected end of sequence set, expected a number"),
            ("1:", "unexpected end of sequence set, expected a number"),
            ("1,", "unexpected end of sequence set, expected a number"),
            ("1,,2", "unexpected ',' at offset 2 of sequence set, expected a number"),
            ("1:2:3", "unexpected ':' at offset 3 of sequence set, expected a number"),
            ("12q", "unexpected 'q' at offset 2 of sequence set, expected a number"),
            ("7 ", "unexpected ' ' at offset 1 of sequence set, expected a number"),
            ("1:é", "unexpected 'é' at offset 2 of sequence set, expected a number"),
            ("3,0", "number out of range at offset 2 of sequence set, expected 1 to 4294967295"),
            (
                "4294967296",
                "number out of range at offset 0 of sequence set, expected 1 to 4294967295",
            ),
            ("1,$", "unexpected '$' at offset 2 of sequence set, expected a number"),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<SeqSet>().unwrap_err().to_string(), expected, "{text}");
        }
        let none = UidSet::new([]).unwrap_err();
        assert_eq!(none.to_string(), "empty sequence set, expected a number");
    }

    #[test]
    fn the_highest_number_is_what_the_caller_says() {
        let numbers = |text: &str, highest| {
            let set: UidSet = text.parse().unwrap();
            let numbers: Vec<_> = set.iter(Uid::new(highest).unwrap()).map(Uid::get).collect();
            numbers
        };
        assert_eq!(numbers("2:3,7:*", 9), [2, 3, 7, 8, 9]);
        assert_eq!(numbers("*", 9), [9]);
        assert_eq!(numbers("7:*", 5), [5, 6, 7]);
        assert_eq!(numbers("5:8,11:*", 7), [5, 6, 7, 8, 9, 10, 11]);
        // Nothing is made before it is asked for.
        let all = UidSet::all();
        assert_eq!(all.iter(Uid::new(u32::MAX).unwrap()).nth(1_000).map(Uid::get), Some(1_001));
    }

    #[test]
    fn a_saved_search_is_all_of_its_set() {
        let [saved, five] = ["$", "5"].map(|text| text.parse::<UidSet>().unwrap());
        assert_eq!(saved, UidSet::saved_search());
        assert!(saved.is_saved_search() && saved.can_be_sent() && five.can_be_sent());
        assert!(!saved.contains(Uid::new(1).unwrap()));
        let both = five.union(&saved);
        assert!(!both.can_be_sent());
        assert_eq!(both.to_string(), "5,$");
        let pair = (Uid::new(9).unwrap(), Uid::new(7).unwrap());
        assert_eq!(UidSet::from_ranges([pair]).unwrap().to_string(), "7:9");
        assert_eq!(UidSet::from_ranges([]), Err(SetError::Empty));
    }

    #[test]
    fn sets_are_made_from_numbers() {
        let [two, five] = [2, 5].map(|number| Uid::new(number).unwrap());
        assert_eq!(UidSet::from(five).to_string(), "5");
        assert_eq!(UidSet::range(five, two).to_string(), "2:5");
        assert_eq!(UidSet::starting_at(five).to_string(), "5:*");
        assert_eq!(UidSet::last().to_string(), "*");
        assert_eq!(UidSet::range(two, two).union(&UidSet::starting_at(five)).to_string(), "2,5:*");
        assert_eq!(UidSet::try_from(uids(&[9, 1, 2, 3, 10])).unwrap().to_string(), "1:3,9:10");
        assert_eq!(format!("{:?}", UidSet::all()), "Set(1:*)");
    }

    proptest! {
        #[test]
        fn sets_hold_what_was_put_in(numbers in prop::collection::vec(1u32..200, 1..40)) {
            let set = UidSet::new(uids(&numbers)).unwrap();
            prop_assert_eq!(set.to_string().parse(), Ok(set.clone()));
            for number in 1..200 {
                let number = Uid::new(number).unwrap();
                prop_assert_eq!(set.contains(number), numbers.contains(&number.get()));
            }
            let mut sorted = numbers;
            sorted.sort_unstable();
            sorted.dedup();
            let highest = Uid::new(200).unwrap();
            prop_assert_eq!(set.iter(highest).map(Uid::get).collect::<Vec<_>>(), sorted);
        }

        #[test]
        fn text_never_panics(text in "[0-9:,* q]{0,12}") {
            if let Ok(set) = text.parse::<UidSet>() {
                prop_assert_eq!(set.to_string().parse(), Ok(set));
            }
        }
    }
}
