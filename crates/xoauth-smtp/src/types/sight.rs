//! One look at all octets of a message.
//!
//! It costs one time for each octet what sending costs several times over, so that it must not search: it goes
//! over pieces of memory that stay in the processor's cache, [`LANES`] octets at once, without a branch an octet,
//! and keeps what it saw of each lane apart until the piece is over. One instruction an octet in vectors of 16,
//! half of what it costs when all lanes are put together at once.

/// What octets hold that text may not, or that needs an extension.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sight {
    /// Some CR has no LF behind it, or some LF no CR before it.
    pub(crate) has_bare_line_end: bool,
    pub(crate) has_nul: bool,
    pub(crate) is_eight_bit: bool,
    /// Some line begins with a dot.
    pub(crate) has_dots: bool,
}

/// Looks at each octet once. What cannot be sent ends the look.
pub(crate) fn look(octets: &[u8]) -> Sight {
    let (Some((&first, behind)), Some(&last)) = (octets.split_first(), octets.last()) else {
        return Sight::default();
    };
    let mut sight = Sight {
        has_bare_line_end: first == b'\n' || last == b'\r',
        has_nul: last == 0,
        is_eight_bit: !last.is_ascii(),
        has_dots: first == b'.',
    };
    for (octets, behind) in octets.chunks(PIECE).zip(behind.chunks(PIECE)) {
        Lanes::of(octets, behind).add_to(&mut sight);
        if sight.has_bare_line_end || sight.has_nul {
            break;
        }
    }
    sight
}

/// Octets that are looked at before it is asked what was seen.
const PIECE: usize = 4096;

/// Octets that are looked at at once: two vectors of 16, which every processor of 64 bits has.
const LANES: usize = 32;

/// What was seen so far, in each lane: all bits of an octet say yes.
struct Lanes {
    bare: [u8; LANES],
    dots: [u8; LANES],
    least: [u8; LANES],
    bits: [u8; LANES],
}

impl Lanes {
    /// Looks at all octets that have one behind them: `behind` holds the same ones, from the second on.
    fn of(octets: &[u8], behind: &[u8]) -> Self {
        let mut lanes =
            Self { bare: [0; LANES], dots: [0; LANES], least: [u8::MAX; LANES], bits: [0; LANES] };
        let octets = octets.get(..behind.len()).unwrap_or(octets);
        let (octets, behind) = (octets.chunks_exact(LANES), behind.chunks_exact(LANES));
        lanes.look(octets.remainder(), behind.remainder());
        for (octets, behind) in octets.zip(behind) {
            // Arrays have as many octets as there are lanes, which slices are not known to have.
            if let (Some(octets), Some(behind)) =
                (octets.first_chunk::<LANES>(), behind.first_chunk::<LANES>())
            {
                lanes.look(octets, behind);
            }
        }
        lanes
    }

    #[inline(always)]
    fn look(&mut self, octets: &[u8], behind: &[u8]) {
        let pairs = octets.iter().zip(behind);
        let seen = self.bare.iter_mut().zip(&mut self.dots);
        let gathered = self.least.iter_mut().zip(&mut self.bits);
        for ((&octet, &next), ((bare, dots), (least, bits))) in pairs.zip(seen.zip(gathered)) {
            *bare |= all_bits(octet == b'\r') ^ all_bits(next == b'\n');
            *dots |= all_bits(octet == b'\n') & all_bits(next == b'.');
            *least = octet.min(*least);
            *bits |= octet;
        }
    }

    fn add_to(&self, sight: &mut Sight) {
        let all = |lanes: &[u8; LANES]| lanes.iter().fold(0, |all, lane| all | lane);
        sight.has_bare_line_end |= all(&self.bare) != 0;
        sight.has_dots |= all(&self.dots) != 0;
        sight.has_nul |= self.least.iter().min() == Some(&0);
        sight.is_eight_bit |= !all(&self.bits).is_ascii();
    }
}

/// What a comparison of vectors answers.
fn all_bits(yes: bool) -> u8 {
    if yes { u8::MAX } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::content::has_bare_line_end;
    use alloc::vec;
    use proptest::prelude::*;

    fn agrees_with_searches(octets: &[u8]) {
        let sight = look(octets);
        if sight.has_bare_line_end || sight.has_nul {
            assert!(!sight.has_bare_line_end || has_bare_line_end(octets));
            assert!(!sight.has_nul || octets.contains(&0));
            return;
        }
        assert!(!has_bare_line_end(octets) && !octets.contains(&0));
        assert_eq!(sight.is_eight_bit, !octets.is_ascii());
        let has_dots = octets.starts_with(b".") || memchr::memmem::find(octets, b"\n.").is_some();
        assert_eq!(sight.has_dots, has_dots);
    }

    #[test]
    fn everything_is_seen_wherever_it_stands() {
        let lengths =
            [1, 2, LANES - 1, LANES, LANES + 1, 2 * LANES + 1, PIECE, PIECE + 1, PIECE + 33];
        // Under miri whole pieces cost minutes.
        for length in lengths.into_iter().filter(|&length| !cfg!(miri) || length < PIECE) {
            for at in (0..length).filter(|at| length - at < 35 || *at < 35) {
                for what in [&b"\r\n"[..], b"\r", b"\n", b"\0", b"\xff", b".", b"\r\n."] {
                    let mut octets = vec![b'a'; length];
                    let behind = octets.split_off(at);
                    octets.extend_from_slice(what);
                    octets.extend(behind.get(what.len()..).unwrap_or_default());
                    agrees_with_searches(&octets);
                }
            }
        }
        agrees_with_searches(b"");
    }

    proptest! {
        #[test]
        fn one_look_sees_what_searches_find(
            octets in prop::collection::vec(prop::sample::select(b"\r\n\0a.\xff".to_vec()), 0..8),
            filler in prop::sample::select(vec![0usize, 30, 31, 32, 33, 4094, 4095, 4096, 8191]),
        ) {
            agrees_with_searches(&[vec![b'a'; filler], octets].concat());
        }
    }
}
