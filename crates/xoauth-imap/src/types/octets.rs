//! Octets that a server sent where text is meant.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::escape_into;

/// Octets of a server: mostly text, in whatever charset the message has.
///
/// They are kept as they came; [`Octets::lossy`] reads them as UTF-8. `Debug` shows them as escaped text.
/// Most texts of envelopes and structures are short and take no memory but their place.
#[derive(Clone)]
pub struct Octets(Repr);

/// 24 octets, and with them an `Option` of it.
#[derive(Clone)]
enum Repr {
    /// The first `len` octets; the others are 0.
    Short {
        len: u8,
        octets: [u8; SHORT],
    },
    Long(Box<[u8]>),
}

/// What fits beside the length and the kind: of the sixty strings of an ordinary envelope and structure all but
/// the date, the subject, the message identifiers and some file names.
const SHORT: usize = 22;

impl Octets {
    /// The octets.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Short { len, octets } => octets.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Long(octets) => octets,
        }
    }

    /// A copy without the secrets that `mask` knows. Nothing is cut off.
    pub(crate) fn masked(octets: &[u8], mask: Option<&Mask>) -> Self {
        let Some(mask) = mask.filter(|mask| !mask.is_empty()) else { return octets.into() };
        mask.apply_whole(octets).as_ref().into()
    }

    /// The octets, without a copy where they are many, such as a body.
    pub fn into_vec(self) -> Vec<u8> {
        match self.0 {
            Repr::Short { .. } => self.as_bytes().to_vec(),
            Repr::Long(octets) => octets.into_vec(),
        }
    }

    /// The octets as UTF-8; what is not becomes U+FFFD.
    pub fn lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    fn short(octets: &[u8]) -> Option<Self> {
        let mut place = [0; SHORT];
        place.get_mut(..octets.len())?.copy_from_slice(octets);
        let len = u8::try_from(octets.len()).ok()?;
        Some(Self(Repr::Short { len, octets: place }))
    }
}

/// A text of a server that was learned before these secrets were known, without them. Where they stood, in the memory it has.
pub(crate) fn hidden(text: String, mask: &Mask) -> String {
    if !mask.may_hide(text.as_bytes()) {
        return text;
    }
    let mut octets = text.into_bytes();
    mask.hide_in_place(&mut octets);
    // A part of ours may begin inside a character that it shares its octets with.
    String::from_utf8(octets)
        .unwrap_or_else(|fault| String::from_utf8_lossy(fault.as_bytes()).into_owned())
}

impl Default for Octets {
    fn default() -> Self {
        Self(Repr::Short { len: 0, octets: [0; SHORT] })
    }
}

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for Octets {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl From<Vec<u8>> for Octets {
    fn from(octets: Vec<u8>) -> Self {
        Self::short(&octets).unwrap_or_else(|| Self(Repr::Long(octets.into())))
    }
}

impl From<&[u8]> for Octets {
    #[inline]
    fn from(octets: &[u8]) -> Self {
        Self::short(octets).unwrap_or_else(|| Self(Repr::Long(octets.into())))
    }
}

impl From<&str> for Octets {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl PartialEq for Octets {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Octets {}

impl PartialOrd for Octets {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Octets {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Octets {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialEq<str> for Octets {
    fn eq(&self, text: &str) -> bool {
        self.as_bytes() == text.as_bytes()
    }
}

impl PartialEq<&str> for Octets {
    fn eq(&self, text: &&str) -> bool {
        self.as_bytes() == text.as_bytes()
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        escape_into(self.as_bytes(), &mut text);
        write!(f, "\"{text}\"")
    }
}

/// A vector for the few items most lists have; without this the first takes room for four.
pub(super) fn few<T>(mut items: impl Iterator<Item = T>) -> Vec<T> {
    let Some(first) = items.next() else { return Vec::new() };
    let mut list = Vec::with_capacity(1);
    list.push(first);
    list.extend(items);
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::format;

    #[test]
    fn short_and_long_octets_are_the_same_to_their_owner() {
        assert_eq!(size_of::<Option<Octets>>(), 24);
        let all = [b'a'; 2 * SHORT];
        for len in 0..all.len() {
            let octets = &all[..len];
            let (copied, taken) = (Octets::from(octets), Octets::from(octets.to_vec()));
            assert_eq!(copied, taken);
            assert_eq!(copied.as_bytes(), octets);
            assert_eq!(taken.clone().into_vec(), octets);
            assert_eq!(copied, &*"a".repeat(len));
            assert_eq!(format!("{copied:?}"), format!("\"{}\"", "a".repeat(len)));
        }
        assert_eq!(Octets::default(), "");
        let texts = ["b", "a", "ab"].map(|text| text.repeat(15));
        let ordered: BTreeSet<Octets> = texts.iter().map(|text| text.as_str().into()).collect();
        assert!(ordered.iter().is_sorted_by(|one, other| one.as_bytes() < other.as_bytes()));
        assert_ne!(Octets::from("a"), Octets::from("a\0"));
    }

    #[test]
    fn many_octets_are_not_copied() {
        let octets = alloc::vec![b'x'; 1000];
        let place = octets.as_ptr();
        let octets = Octets::from(octets);
        assert_eq!(octets.as_ptr(), place);
        let octets = octets.into_vec();
        assert_eq!(octets.as_ptr(), place);
    }

    #[test]
    fn a_list_of_one_takes_the_room_of_one() {
        assert_eq!(few([1u64].into_iter()).capacity(), 1);
        assert_eq!(few([1u64, 2, 3].into_iter()), [1, 2, 3]);
        assert_eq!(few(core::iter::empty::<u64>()).capacity(), 0);
    }
}
