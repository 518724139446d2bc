//! Finding the end of a message among octets that come in pieces.

/// Looks for the line that holds nothing but a dot (RFC 5321 4.1.1.4).
#[derive(Debug, Clone)]
pub(super) struct FinalDot {
    /// How many octets of [`END`] the octets so far end with.
    matched: usize,
}

const END: &[u8] = b"\r\n.\r\n";

impl FinalDot {
    /// At the start of a message: the CRLF of the line before counts.
    pub(super) fn new() -> Self {
        Self { matched: 2 }
    }

    /// How many octets of `piece` belong to the message and its end; `None` where the end has not come.
    pub(super) fn find(&mut self, piece: &[u8]) -> Option<usize> {
        // Octet by octet only while the last piece may go on in this one.
        let mut seen = 0;
        for &octet in piece {
            if self.matched == 0 {
                break;
            }
            self.step(octet);
            seen += 1;
            if self.matched == END.len() {
                return Some(seen);
            }
        }
        let rest = piece.get(seen..).unwrap_or_default();
        let found = has_dots(rest).then(|| memchr::memmem::find(rest, END)).flatten();
        if let Some(at) = found {
            return Some(seen + at + END.len());
        }
        let tail = rest.get(rest.len().saturating_sub(END.len() - 1)..).unwrap_or_default();
        tail.iter().for_each(|&octet| self.step(octet));
        None
    }

    fn step(&mut self, octet: u8) {
        self.matched = match END.get(self.matched) {
            Some(&next) if next == octet => self.matched + 1,
            _ if octet == b'\r' => 1,
            _ => 0,
        };
    }
}

/// Whether some line begins with a dot. One look at all octets costs less than a search that stops at each line.
fn has_dots(octets: &[u8]) -> bool {
    let behind = octets.get(1..).unwrap_or_default();
    let begins = |seen, (&end, &next): (&u8, &u8)| seen | ((end == b'\n') & (next == b'.'));
    octets
        .chunks(4096)
        .zip(behind.chunks(4096))
        .any(|(octets, behind)| octets.iter().zip(behind).fold(false, begins))
}

/// The message as it was before dots were added: without the final line, and with one dot less where a line
/// begins with one (RFC 5321 4.5.2).
pub(super) fn undo_dots(octets: &[u8]) -> Vec<u8> {
    let message = octets.strip_suffix(b".\r\n").unwrap_or(octets);
    let mut plain = Vec::with_capacity(message.len());
    for line in message.split_inclusive(|&octet| octet == b'\n') {
        plain.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_wherever_pieces_are_cut() {
        let cases: [(&[u8], Option<usize>); 8] = [
            (b".\r\n", Some(3)),
            (b"a\r\n.\r\nMAIL", Some(6)),
            (b"a\r\n..\r\n.\r\n", Some(10)),
            (b"a\r\n\r\n.\r\n", Some(8)),
            (b"a\r\r\n.\r\n", Some(7)),
            (b"a\n.\r\n", None),
            (b"a\r\n.\n", None),
            (b"\r\n.\r\r\n.\r\n", Some(9)),
        ];
        for (octets, end) in cases {
            for size in [1, 2, 3, 5, 100] {
                let mut dot = FinalDot::new();
                let mut seen = 0;
                let found = octets.chunks(size).find_map(|piece| {
                    let found = dot.find(piece).map(|at| seen + at);
                    seen += piece.len();
                    found
                });
                assert_eq!(found, end, "{octets:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn dots_are_undone() {
        assert_eq!(undo_dots(b"..a\r\nb.\r\n..\r\n.\r\n"), b".a\r\nb.\r\n.\r\n");
        assert_eq!(undo_dots(b".\r\n"), b"");
    }
}
