//! Transparency of message content.

/// Dot-stuffing of a message that comes in pieces: where a line begins with a dot, another is put before
/// it, wherever the pieces are cut (RFC 5321 4.5.2).
///
/// ```
/// use xoauth_smtp::proto::DotStuffing;
///
/// let mut wire = Vec::new();
/// let mut stuffing = DotStuffing::new();
/// for piece in [&b".one\r"[..], b"\n", b".two"] {
///     stuffing.stuff(piece, |octets| wire.extend_from_slice(octets));
/// }
/// wire.extend_from_slice(stuffing.end());
/// assert_eq!(wire, b"..one\r\n..two\r\n.\r\n");
/// ```
#[derive(Debug, Clone, Default)]
pub struct DotStuffing {
    before: Before,
}

/// What stands before the next octet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Before {
    /// Nothing, or CRLF.
    #[default]
    LineStart,
    /// CR, which LF may make a line end.
    Return,
    /// Anything else.
    Text,
}

impl DotStuffing {
    /// At the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands the next piece of the message to `write`, in slices of it and dots between them.
    pub fn stuff(&mut self, piece: &[u8], mut write: impl FnMut(&[u8])) {
        if piece.is_empty() {
            return;
        }
        let dot_first = match self.before {
            Before::LineStart => piece.starts_with(b".").then_some(0),
            Before::Return => piece.starts_with(b"\n.").then_some(1),
            Before::Text => None,
        };
        let inside = memchr::memmem::find_iter(piece, b"\r\n.").map(|at| at + 2);
        let mut rest = piece;
        let mut written = 0;
        for dot in dot_first.into_iter().chain(inside) {
            if let Some((head, tail)) = rest.split_at_checked(dot - written) {
                write(head);
                write(b".");
                rest = tail;
                written = dot;
            }
        }
        write(rest);
        self.note_end(piece);
    }

    fn note_end(&mut self, piece: &[u8]) {
        let Some(&last) = piece.last() else { return };
        self.before = match last {
            b'\r' => Before::Return,
            b'\n' if piece.ends_with(b"\r\n") => Before::LineStart,
            b'\n' if piece.len() == 1 && self.before == Before::Return => Before::LineStart,
            _ => Before::Text,
        };
    }

    /// The next piece goes as it is: no line of the message begins with a dot.
    pub(crate) fn pass(&mut self, piece: &[u8]) {
        self.note_end(piece);
    }

    /// Whether the next piece goes as it is; it counts as handed on then.
    pub fn passes(&mut self, piece: &[u8]) -> bool {
        let dot_first = match self.before {
            Before::LineStart => piece.starts_with(b"."),
            Before::Return => piece.starts_with(b"\n."),
            Before::Text => false,
        };
        let passes = !dot_first && memchr::memmem::find(piece, b"\r\n.").is_none();
        if passes {
            self.note_end(piece);
        }
        passes
    }

    /// What ends the message: a line with a dot, after a CRLF where the last line lacks one.
    pub fn end(&self) -> &'static [u8] {
        match self.before {
            Before::LineStart => b".\r\n",
            Before::Return | Before::Text => b"\r\n.\r\n",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// RFC 5321 4.5.2 read aloud: look at each line.
    fn slow(message: &[u8]) -> Vec<u8> {
        let text: alloc::string::String = message.iter().copied().map(char::from).collect();
        let lines: Vec<_> = text.split("\r\n").collect();
        let stuffed: Vec<_> = lines
            .iter()
            .map(
                |line| {
                    if line.starts_with('.') { alloc::format!(".{line}") } else { (*line).into() }
                },
            )
            .collect();
        let mut wire = stuffed.join("\r\n");
        if !wire.is_empty() && !wire.ends_with("\r\n") {
            wire.push_str("\r\n");
        }
        wire.push_str(".\r\n");
        wire.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
    }

    fn in_pieces<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut wire = Vec::new();
        let mut stuffing = DotStuffing::new();
        for piece in pieces {
            if stuffing.passes(piece) {
                wire.extend_from_slice(piece);
            } else {
                stuffing.stuff(piece, |octets| wire.extend_from_slice(octets));
            }
        }
        wire.extend_from_slice(stuffing.end());
        wire
    }

    #[test]
    fn dots_at_line_starts_are_doubled() {
        let cases: [(&[u8], &[u8]); 9] = [
            (b"", b".\r\n"),
            (b"a", b"a\r\n.\r\n"),
            (b"a\r\n", b"a\r\n.\r\n"),
            (b".", b"..\r\n.\r\n"),
            (b".\r\n", b"..\r\n.\r\n"),
            (b"..\r\n.x\r\n", b"...\r\n..x\r\n.\r\n"),
            (b"a.b\r\n\r\n\r\n.\r\nend", b"a.b\r\n\r\n\r\n..\r\nend\r\n.\r\n"),
            (b"\r\n.\r\n", b"\r\n..\r\n.\r\n"),
            (b"\xff\r\n.\0", b"\xff\r\n..\0\r\n.\r\n"),
        ];
        for (message, wire) in cases {
            assert_eq!(in_pieces(core::iter::once(message)), wire);
            assert_eq!(in_pieces(message.chunks(1)), wire);
            assert_eq!(slow(message), wire);
        }
    }

    #[test]
    fn a_line_ends_in_crlf_and_in_nothing_else() {
        // RFC 5321 2.3.8: a bare line feed ends no line, so that no dot behind it stands at the start of one.
        let cases: [(&[&[u8]], &[u8]); 8] = [
            (&[b"a\n"], b"a\n\r\n.\r\n"),
            (&[b"a\n", b".b"], b"a\n.b\r\n.\r\n"),
            (&[b"a", b"\n", b".b"], b"a\n.b\r\n.\r\n"),
            (&[b"a\r", b"\n", b".b"], b"a\r\n..b\r\n.\r\n"),
            (&[b"a\r", b"\n.b"], b"a\r\n..b\r\n.\r\n"),
            (&[b"a\r", b"b\n", b".c"], b"a\rb\n.c\r\n.\r\n"),
            (&[b"a\r", b".b"], b"a\r.b\r\n.\r\n"),
            (&[b"a\r"], b"a\r\r\n.\r\n"),
        ];
        for (pieces, wire) in cases {
            assert_eq!(in_pieces(pieces.iter().copied()), wire, "{pieces:?}");
        }
    }

    #[test]
    fn a_piece_without_a_dot_at_a_line_start_passes() {
        let mut stuffing = DotStuffing::new();
        assert!(!stuffing.passes(b"."));
        for piece in [&b"a\r"[..], b"\n", b"a.\r\nb", b".", b"\r"] {
            assert!(stuffing.passes(piece), "{piece:?}");
        }
        // It counts as handed on: the carriage return stands before this.
        assert!(!stuffing.passes(b"\n.") && !stuffing.passes(b"\r\n."));
    }

    proptest! {
        #[test]
        fn pieces_may_be_cut_anywhere(
            // Whole line ends only: the machine refuses others before anything is sent.
            words in prop::collection::vec(prop::sample::select(alloc::vec!["\r\n", ".", "a", "\r\n.", ""]), 0..60),
            cuts in prop::collection::vec(0usize..6, 0..60),
        ) {
            let message = words.concat().into_bytes();
            let mut pieces = Vec::new();
            let mut rest = &message[..];
            for cut in cuts {
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            pieces.push(rest);
            prop_assert_eq!(in_pieces(pieces.into_iter()), slow(&message));
        }
    }
}
