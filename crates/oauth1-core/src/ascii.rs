//! Short texts on the stack.

/// Up to `N` ASCII characters on the stack, where `N` is a multiple of 16.
///
/// Octets that are aligned and a multiple of 16 are seen to be UTF-8 in a few steps, so those
/// behind the text are ASCII too, and seen with it.
#[derive(Clone)]
#[repr(align(16))]
pub(crate) struct Ascii<const N: usize> {
    octets: [u8; N],
    length: usize,
}

impl<const N: usize> Ascii<N> {
    /// The first `length` of the octets, all of which are ASCII.
    pub(crate) fn new(octets: [u8; N], length: usize) -> Self {
        Self { octets, length }
    }

    /// `None` for a text that is too long or not ASCII.
    pub(crate) fn copied(text: &str) -> Option<Self> {
        let mut octets = [0; N];
        octets.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        octets.is_ascii().then_some(Self { octets, length: text.len() })
    }

    pub(crate) fn as_str(&self) -> &str {
        let text = core::str::from_utf8(&self.octets).unwrap_or_default();
        text.get(..self.length).unwrap_or_default()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

/// A number as decimal text.
pub(crate) type Decimal = Ascii<32>;

impl Decimal {
    pub(crate) fn number(number: u64) -> Self {
        let length = number.checked_ilog10().map_or(1, |power| power as usize + 1);
        let mut octets = [0; 32];
        let mut left = number;
        // Two digits a division, the last ones first. What is below 100 fits an octet.
        for place in octets.get_mut(..length).unwrap_or_default().rchunks_mut(2) {
            let pair = u8::try_from(left % 100).unwrap_or_default();
            match place {
                [tens, ones] => (*tens, *ones) = (b'0' + pair / 10, b'0' + pair % 10),
                place => place.fill(b'0' + pair),
            }
            left /= 100;
        }
        Self { octets, length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn numbers_are_written_in_decimal() {
        let around = (0..20).map(|power| 10_u64.pow(power)).flat_map(|n| [n - 1, n, n + 1]);
        for number in around.chain([u64::MAX, 1_274_215_474]) {
            assert_eq!(Decimal::number(number).as_str(), number.to_string());
        }
    }

    #[test]
    fn only_short_ascii_is_copied() {
        let longest = "0123456789abcdef";
        for text in ["", "a", longest] {
            assert_eq!(Ascii::<16>::copied(text).unwrap().as_str(), text);
        }
        for text in ["0123456789abcdefg", "ä"] {
            assert!(Ascii::<16>::copied(text).is_none());
        }
    }
}
