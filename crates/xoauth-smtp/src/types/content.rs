//! What stands in a message, looked at whole or in pieces.

use crate::error::{Fault, InvalidArgument};
use crate::types::message::Form;

/// What a message needs of the server that takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    /// Octets, a missing last CRLF counted (RFC 1870 5), where they are known.
    pub(crate) size: Option<u64>,
    /// It may hold any octet in any order (RFC 3030 3).
    pub(crate) is_binary: bool,
    /// It holds octets beyond ASCII (RFC 6152).
    pub(crate) is_eight_bit: bool,
    /// They stand in its header section too (RFC 6532).
    pub(crate) is_internationalised: bool,
    /// Some line may begin with a dot, which DATA has to double (RFC 5321 4.5.2).
    pub(crate) may_have_dots: bool,
}

/// Looks at a message that comes in pieces, for what it was not said to hold.
///
/// Offsets count from its start. Each octet is looked at once by search, and the header section octet by
/// octet.
#[derive(Debug)]
pub(crate) struct Scan {
    form: Form,
    offset: u64,
    /// The last octet was a CR.
    behind_return: bool,
    /// How much of CRLF CRLF was seen; 4 is the end of the header section, which begins as if behind a CRLF.
    header: u8,
    /// The first octets of a letter in the header section whose last ones the next piece has.
    letter: Letter,
}

/// Octets of UTF-8 that are no letter yet; at most three.
#[derive(Debug, Default)]
struct Letter {
    octets: [u8; 4],
    count: usize,
}

/// Why a message that is read cannot be sent to its end.
#[derive(Debug, Clone)]
pub(crate) enum ScanFault {
    Invalid(InvalidArgument),
    /// It has another size than was said.
    Size,
}

/// RFC 6532 3.2; what has other letters beyond ASCII in its header section no extension carries.
pub(crate) const UTF8_HEADER: &str = "UTF-8 in the header section (RFC 6532 3.2)";

const CRLF_ONLY: &str = "CRLF line ends only (Message::normalise_line_ends makes them)";

impl Scan {
    pub(crate) fn new(form: Form) -> Self {
        Self { form, offset: 0, behind_return: false, header: 2, letter: Letter::default() }
    }

    /// Looks at the next piece.
    pub(crate) fn piece(&mut self, piece: &[u8]) -> Result<(), ScanFault> {
        if !self.form.is_binary {
            self.text(piece)?;
        }
        self.encoding(piece)?;
        self.offset = self.offset.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        match self.form.size {
            Some(size) if self.offset > size => Err(ScanFault::Size),
            _ => Ok(()),
        }
    }

    /// Nothing more comes.
    pub(crate) fn end(&self) -> Result<(), ScanFault> {
        if !self.form.is_binary && !self.form.normalises && self.behind_return {
            return Err(self.bare_return());
        }
        if self.letter.count > 0 {
            return Err(self.no_letter(0));
        }
        match self.form.size {
            Some(size) if self.offset != size => Err(ScanFault::Size),
            _ => Ok(()),
        }
    }

    /// Line ends, and NUL.
    fn text(&mut self, piece: &[u8]) -> Result<(), ScanFault> {
        let (Some(&first), Some(&last)) = (piece.first(), piece.last()) else { return Ok(()) };
        if !self.form.normalises {
            let rest = match (self.behind_return, first) {
                (true, b'\n') => piece.get(1..).unwrap_or_default(),
                (true, _) => return Err(self.bare_return()),
                (false, _) => piece,
            };
            // A CR at the end is judged by the piece that follows.
            let whole = rest.strip_suffix(b"\r").unwrap_or(rest);
            if let Some(fault) = bare_line_end(whole) {
                let skipped = piece.len() - rest.len();
                let found = if fault.is_return() { '\r' } else { '\n' };
                return Err(self.invalid(skipped + fault.offset(), found, CRLF_ONLY));
            }
        }
        self.behind_return = last == b'\r';
        match memchr::memchr(0, piece) {
            Some(at) => Err(self.invalid(at, '\0', "no NUL octet (RFC 5322 2.1)")),
            None => Ok(()),
        }
    }

    /// Octets beyond ASCII.
    fn encoding(&mut self, piece: &[u8]) -> Result<(), ScanFault> {
        let beyond = match piece.is_ascii() {
            true => None,
            false => piece.iter().position(|octet| !octet.is_ascii()),
        };
        let header = self.header_octets(piece);
        if self.letter.count > 0 || beyond.is_some_and(|at| at < header) {
            self.header_text(piece.get(..header).unwrap_or_default())?;
        }
        let Some(at) = beyond else { return Ok(()) };
        let found = piece.get(at).map_or('?', |&octet| char::from(octet));
        if self.form.is_seven_bit {
            return Err(self.invalid(at, found, "ASCII, as the message was said to hold"));
        }
        if at < header && !self.form.is_internationalised {
            let expected = "ASCII in the header section (Message::utf8 allows more)";
            return Err(self.invalid(at, found, expected));
        }
        Ok(())
    }

    /// Octets of the header section are UTF-8, where those beyond ASCII may stand there at all.
    fn header_text(&mut self, octets: &[u8]) -> Result<(), ScanFault> {
        if !self.form.is_internationalised || self.form.is_seven_bit {
            return Ok(());
        }
        let mut rest = octets;
        while let (1.., Some((&next, behind))) = (self.letter.count, rest.split_first()) {
            match self.letter.push(next) {
                Ok(()) => rest = behind,
                Err(()) => return Err(self.no_letter(octets.len() - rest.len())),
            }
        }
        let Err(error) = core::str::from_utf8(rest) else { return Ok(()) };
        let at = error.valid_up_to();
        let open = rest.get(at..).unwrap_or_default();
        if error.error_len().is_some() {
            let found = open.first().map_or('?', |&octet| char::from(octet));
            return Err(self.invalid(octets.len() - open.len(), found, UTF8_HEADER));
        }
        open.iter().try_for_each(|&octet| self.letter.push(octet)).map_err(|()| self.no_letter(0))
    }

    /// The letter that is open ends before its last octet, so many octets into this piece.
    fn no_letter(&self, at: usize) -> ScanFault {
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX).saturating_add(at);
        let [first, ..] = self.letter.octets;
        let fault =
            Fault::at(offset.saturating_sub(self.letter.count), char::from(first), UTF8_HEADER);
        ScanFault::Invalid(InvalidArgument::new("message", "", fault))
    }

    /// How many octets of the piece stand in the header section.
    fn header_octets(&mut self, piece: &[u8]) -> usize {
        for (at, octet) in piece.iter().enumerate() {
            if self.header == 4 {
                return at;
            }
            self.header = match (octet, self.header) {
                // Where line ends are mended a CR alone ends one too: the second of two, or whatever else stands
                // behind an empty line, is no more of it.
                (b'\r', 1) if self.form.normalises => 3,
                (octet, 3) if self.form.normalises && *octet != b'\n' => {
                    self.header = 4;
                    return at;
                }
                (b'\r', 0 | 2) => self.header + 1,
                (b'\r', _) => 1,
                (b'\n', 1 | 3) => self.header + 1,
                // And so does a LF alone.
                (b'\n', 2) if self.form.normalises => 4,
                (b'\n', _) if self.form.normalises => 2,
                _ => 0,
            };
        }
        piece.len()
    }

    /// The last octet of the piece before.
    fn bare_return(&self) -> ScanFault {
        let before = usize::try_from(self.offset.saturating_sub(1)).unwrap_or(usize::MAX);
        let fault = Fault::at(before, '\r', CRLF_ONLY);
        ScanFault::Invalid(InvalidArgument::new("message", "", fault))
    }

    fn invalid(&self, at: usize, found: char, expected: &'static str) -> ScanFault {
        let before = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let fault = Fault::at(before.saturating_add(at), found, expected);
        ScanFault::Invalid(InvalidArgument::new("message", "", fault))
    }
}

impl Letter {
    /// Adds an octet; the letter is closed by its last one. Whether it still may become a letter.
    fn push(&mut self, octet: u8) -> Result<(), ()> {
        let Some(room) = self.octets.get_mut(self.count) else { return Err(()) };
        *room = octet;
        let octets = self.octets.get(..=self.count).unwrap_or_default();
        match core::str::from_utf8(octets) {
            Ok(_) => self.count = 0,
            Err(error) if error.error_len().is_none() => self.count += 1,
            Err(_) => return Err(()),
        }
        Ok(())
    }
}

/// Hands `piece` to `write` with every bare CR and bare LF turned into CRLF. `behind_return`: the octet
/// before it was a CR, which was handed on. Answers whether its own last octet is.
pub(crate) fn normalise(piece: &[u8], behind_return: bool, mut write: impl FnMut(&[u8])) -> bool {
    let mut behind_return = behind_return;
    let mut rest = piece;
    while let Some(&first) = rest.first() {
        if behind_return {
            write(b"\n");
            rest = if first == b'\n' { rest.get(1..).unwrap_or_default() } else { rest };
        }
        let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let (line, behind) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        write(line);
        behind_return = behind.first() == Some(&b'\r');
        rest = match behind.split_first() {
            Some((b'\r', behind)) => {
                write(b"\r");
                behind
            }
            Some((_, behind)) => {
                write(b"\r\n");
                behind
            }
            None => behind,
        };
    }
    behind_return
}

/// Whether some CR has no LF behind it, or some LF no CR before it.
pub(crate) fn has_bare_line_end(octets: &[u8]) -> bool {
    let Some((first, behind)) = octets.split_first() else { return false };
    let differs = |bare, (&a, &b): (&u8, &u8)| bare | ((a == b'\r') != (b == b'\n'));
    *first == b'\n'
        || octets.last() == Some(&b'\r')
        || octets
            .chunks(4096)
            .zip(behind.chunks(4096))
            .any(|(octets, behind)| octets.iter().zip(behind).fold(false, differs))
}

/// The first CR or LF that is no part of a CRLF.
pub(crate) fn bare_line_end(octets: &[u8]) -> Option<Fault> {
    if !has_bare_line_end(octets) {
        return None;
    }
    memchr::memchr2_iter(b'\r', b'\n', octets).find_map(|at| match octets.get(at) {
        Some(b'\r') if octets.get(at + 1) != Some(&b'\n') => Some(Fault::at(at, '\r', CRLF_ONLY)),
        Some(b'\n') if at == 0 || octets.get(at - 1) != Some(&b'\r') => {
            Some(Fault::at(at, '\n', CRLF_ONLY))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// What is wrong with a message that comes in pieces of a size.
    fn scan(form: Form, octets: &[u8], size: usize) -> Option<String> {
        let mut scan = Scan::new(form);
        let scanned = octets.chunks(size).try_for_each(|piece| scan.piece(piece));
        match scanned.and_then(|()| scan.end()) {
            Ok(()) => None,
            Err(ScanFault::Size) => Some("size".to_string()),
            Err(ScanFault::Invalid(error)) => Some(error.to_string()),
        }
    }

    #[test]
    fn pieces_are_judged_as_the_whole() {
        let open = Form::default();
        let seven = Form { is_seven_bit: true, ..open };
        let header = Form { is_internationalised: true, ..open };
        let binary = Form { is_binary: true, ..header };
        let mending = Form { normalises: true, ..open };
        let sized = Form { size: Some(5), ..open };
        let cases: [(Form, &[u8], &str); 36] = [
            (header, b"A: \xe2\x82\xac \xf0\x9f\x93\xa7\r\n\r\n\xff", ""),
            (header, b"A: gr\xfcn\r\n\r\n", "'\u{fc}' at octet 5, expected UTF-8 in the header"),
            (header, b"A: \xe2\x82\r\n\r\n", "'\u{e2}' at octet 3, expected UTF-8 in the header"),
            (header, b"A: \xe2\x82", "'\u{e2}' at octet 3, expected UTF-8 in the header"),
            (
                header,
                b"A: \xc3\xbc\xf0\x9f\xff",
                "'\u{f0}' at octet 5, expected UTF-8 in the header",
            ),
            (binary, b"A: \xfc\r\n\r\n", "'\u{fc}' at octet 3, expected UTF-8 in the header"),
            (mending, b"A: b\r\r\xc3\xbc", ""),
            (mending, b"A: b\r\r\n\xc3\xbc", ""),
            (mending, b"A: b\n\r\xc3\xbc", ""),
            (mending, b"A: b\r\n\r\xc3\xbc", ""),
            (mending, b"\r\xc3\xbc", ""),
            (mending, b"A: b\r\xc3\xbc\r", "'\u{c3}' at octet 5, expected ASCII in the header"),
            (
                mending,
                b"A: b\r\nB: \xc3\xbc\r\r",
                "'\u{c3}' at octet 9, expected ASCII in the header",
            ),
            (mending, b"A: b\rx\r\xc3\xbc\r", "'\u{c3}' at octet 7, expected ASCII in the header"),
            (open, b"", ""),
            (open, b"A: b\r\n\r\nc\r\n.\r\n", ""),
            (open, b"a\rb", r"'\r' at octet 1, expected CRLF"),
            (open, b"a\r", r"'\r' at octet 1, expected CRLF"),
            (open, b"a\r\n\nb", r"'\n' at octet 3, expected CRLF"),
            (open, b"\n", r"'\n' at octet 0, expected CRLF"),
            (open, b"a\0b", r"'\0' at octet 1, expected no NUL"),
            (open, b"A: b\r\n\r\n\xc3\xbc", ""),
            (open, b"\r\n\xc3\xbc", ""),
            (open, b"A: \xc3\xbc\r\n\r\n", "'\u{c3}' at octet 3, expected ASCII in the header"),
            (open, b"A: b\r\n\rx", r"'\r' at octet 6, expected CRLF"),
            (header, b"A: \xc3\xbc\r\n\r\n", ""),
            (seven, b"A: b\r\n\r\n\xc3\xbc", "'\u{c3}' at octet 8, expected ASCII, as"),
            (seven, b"A: b\r\n\r\nu", ""),
            (binary, b"\r\n\n\0\r\xff\r", ""),
            (mending, b"A: b\n\n\xc3\xbc\r", ""),
            (mending, b"A: b\n\xc3\xbc\n\n", "'\u{c3}' at octet 5, expected ASCII in the header"),
            (mending, b"a\0", r"'\0' at octet 1, expected no NUL"),
            (sized, b"12345", ""),
            (sized, b"1234", "size"),
            (sized, b"123456", "size"),
            (sized, b"", "size"),
        ];
        for (form, octets, expected) in cases {
            for size in [1, 2, 3, 1000] {
                let found = scan(form, octets, size).unwrap_or_default();
                let shown = found.strip_prefix("invalid message: ").unwrap_or(&found);
                assert_eq!(expected.is_empty(), found.is_empty(), "{octets:?} by {size}: {found}");
                assert!(shown.starts_with(expected), "{octets:?} by {size}: {found}");
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_are_normalised_as_the_whole(
            octets in prop::collection::vec(prop::sample::select(b"\r\na".to_vec()), 0..40),
            size in 1usize..8,
        ) {
            let mut mended = Vec::new();
            let mut open = false;
            for piece in octets.chunks(size) {
                open = normalise(piece, open, |piece| mended.extend_from_slice(piece));
            }
            if open {
                mended.push(b'\n');
            }
            let text = String::from_utf8(octets).unwrap();
            let slow = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
            prop_assert_eq!(String::from_utf8(mended).unwrap(), slow);
        }

        #[test]
        fn header_sections_end_in_pieces_where_they_end_mended(
            octets in prop::collection::vec(prop::sample::select(b"\r\na\xc3\xbc".to_vec()), 0..20),
            size in 1usize..8,
        ) {
            let form = Form { normalises: true, ..Form::default() };
            let mut mended = Vec::new();
            if normalise(&octets, false, |piece| mended.extend_from_slice(piece)) {
                mended.push(b'\n');
            }
            let plain = Form::default();
            prop_assert_eq!(scan(form, &octets, size).is_some(), scan(plain, &mended, size).is_some());
        }

        #[test]
        fn header_sections_are_judged_in_pieces_as_the_whole(
            octets in prop::collection::vec(
                prop::sample::select(b"a\xc3\xbc\xe2\x82\xac\xf0\x9f\x93\xa7".to_vec()), 0..12),
            size in 1usize..8,
        ) {
            let form = Form { is_internationalised: true, ..Form::default() };
            let fault = core::str::from_utf8(&octets).err().map(|error| error.valid_up_to());
            let expected = fault.map(|at| alloc::format!("at octet {at}, expected UTF-8"));
            let found = scan(form, &octets, size);
            prop_assert_eq!(found.is_some(), expected.is_some());
            if let (Some(found), Some(expected)) = (found, expected) {
                prop_assert!(found.contains(&expected), "{} {}", found, expected);
            }
        }

        #[test]
        fn scanning_in_pieces_agrees_with_the_whole(
            octets in prop::collection::vec(prop::sample::select(b"\r\na".to_vec()), 0..20),
            size in 1usize..8,
        ) {
            let found = scan(Form::default(), &octets, size);
            prop_assert_eq!(found.is_some(), bare_line_end(&octets).is_some());
        }

        #[test]
        fn quick_check_agrees_with_the_slow_search(
            octets in prop::collection::vec(prop::sample::select(b"\r\na".to_vec()), 0..20)
        ) {
            let text = String::from_utf8(octets.clone()).unwrap();
            let bare = text.replace("\r\n", "");
            prop_assert_eq!(has_bare_line_end(&octets), bare.contains(['\r', '\n']));
            prop_assert_eq!(has_bare_line_end(&octets), bare_line_end(&octets).is_some());
        }
    }
}
