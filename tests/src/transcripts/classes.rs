//! Which octets of a server hold a session together: what may come of it when one of them is another.

/// What a session may come to behind the action whose answer has another octet here: mostly it comes no further than that
/// action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Nothing: there it ends.
    Never,
    /// Not what it would have come to, and nothing where the octet is no digit: it says how the answer goes.
    Another,
    /// As `Another`; yet 0 makes 200 of 250, which old servers say instead and which is taken for it.
    AnotherBut200,
    /// As `Another`; yet this octet makes an announcement too, of fewer digits: `{{4}`, `{1+}`. What that breaks may be one
    /// item of many, and is told as such.
    AnotherOr(u8),
    /// Nothing where it is no digit.
    Any,
    /// As `Never`; yet a space ends an answer here, and that there is another behind it is seen where the next command
    /// begins.
    Continues,
}

impl Rule {
    /// Whether a session may not come further: `same` as without the change, `octet` in the place of another.
    pub(crate) fn forbids(self, octet: u8, same: bool) -> bool {
        match self {
            Self::Never | Self::Continues => true,
            Self::Another => same || !octet.is_ascii_digit(),
            Self::AnotherBut200 => (same && octet != b'0') || !octet.is_ascii_digit(),
            Self::AnotherOr(mark) => same || !(octet.is_ascii_digit() || octet == mark),
            Self::Any => !octet.is_ascii_digit(),
        }
    }

    /// Whether it is the step behind the one with the octet that a session may end in which must end.
    pub(super) fn is_seen_later(self, octet: u8) -> bool {
        self == Self::Continues && octet == b' '
    }
}

/// The offsets of octets that must stay what they are, ascending.
///
/// For IMAP: of a tagged answer the tag, its status word, the spaces behind them and the line end; of any other line the
/// mark it begins with and its space, and the carriage return at its end (behind which another octet than a line feed
/// makes one line of two, data that breaks the grammar); of the greeting its status word too; of a line with a literal
/// the announcement, whose digits make another literal of it. For SMTP: what stands behind a
/// code, the line end, and of the code its first two digits, which make another answer of it (RFC 5321, 4.2.1: the
/// third is a finer shade that no client depends on).
pub(crate) fn structural(said: &[u8], is_imap: bool) -> Vec<(usize, Rule)> {
    let mut offsets = if is_imap { imap(said) } else { smtp(said) };
    offsets.sort_unstable_by_key(|(at, _)| *at);
    offsets
}

fn smtp(said: &[u8]) -> Vec<(usize, Rule)> {
    let mut offsets = Vec::new();
    let mut start = 0;
    for line in said.split_inclusive(|&octet| octet == b'\n') {
        let end = start + line.len();
        let second = if line.starts_with(b"250") { Rule::AnotherBut200 } else { Rule::Another };
        offsets.extend([(start, Rule::Another), (start + 1, second)]);
        offsets.push((start + 2, Rule::Any));
        let is_last = line.get(3) != Some(&b'-');
        offsets.push((start + 3, if is_last { Rule::Never } else { Rule::Continues }));
        offsets.extend((end.saturating_sub(2)..end).map(|at| (at, Rule::Never)));
        start = end;
    }
    offsets
}

fn imap(said: &[u8]) -> Vec<(usize, Rule)> {
    let mut offsets = Vec::new();
    let mut start = 0;
    while let Some(rest) = said.get(start..).filter(|rest| !rest.is_empty()) {
        let length = rest.iter().position(|&octet| octet == b'\n').map_or(rest.len(), |at| at + 1);
        let line = rest.get(..length).unwrap_or_default();
        let end = start + length;
        if let [b'*' | b'+', ..] = line {
            let begins = if start == 0 { b"* OK ".len() } else { b"* ".len() };
            offsets.extend((start..start + begins.min(length)).map(|at| (at, Rule::Never)));
            offsets.push((end.saturating_sub(2), Rule::Never));
        } else {
            let mut words = line.split(|&octet| octet == b' ');
            let tag = words.next().map_or(0, <[u8]>::len);
            let status = words.next().map_or(0, <[u8]>::len);
            if matches!(line.get(tag + 1..tag + 1 + status), Some(b"OK" | b"NO" | b"BAD")) {
                offsets.extend((start..start + tag + 1 + status + 1).map(|at| (at, Rule::Never)));
                offsets.extend((end.saturating_sub(2)..end).map(|at| (at, Rule::Never)));
            }
        }
        start = end;
        if let Some(literal) = literal(line) {
            // `{12}`: the digits and the closing brace.
            let digits = literal.to_string().len();
            let last = end.saturating_sub(4);
            let others = end.saturating_sub(digits + 3)..last;
            offsets.extend(others.map(|at| (at, Rule::AnotherOr(b'{'))));
            offsets.push((last, if digits > 1 { Rule::AnotherOr(b'+') } else { Rule::Another }));
            offsets.push((end.saturating_sub(3), Rule::Never));
            start += literal;
        }
    }
    offsets
}

/// The length of the literal that a line announces.
fn literal(line: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(line.strip_suffix(b"}\r\n")?).ok()?;
    text.rsplit_once('{')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The octets that allow no success as they are, those that make another answer as `#`.
    fn marked(said: &str, is_imap: bool) -> String {
        let offsets = structural(said.as_bytes(), is_imap);
        let mark = |(at, c): (usize, char)| match offsets.iter().find(|(found, _)| *found == at) {
            Some((_, Rule::Never | Rule::Continues)) => c,
            Some((_, Rule::Another | Rule::AnotherBut200 | Rule::AnotherOr(_))) => '#',
            Some((_, Rule::Any)) => '?',
            None => '.',
        };
        said.char_indices().map(mark).collect::<String>().replace("\r\n", "|")
    }

    #[test]
    fn what_holds_a_session_together_is_found() {
        assert_eq!(marked("250-mx\r\n250 ok\r\n", false), "##?-..|##? ..|");
        let said =
            "* OK hi\r\n* 1 FETCH (BODY[] {15}\r\na\r\n0123456789OK)\r\na1 OK done\r\na2 NO no\r\n";
        let marked = marked(said, true);
        assert!(marked.starts_with("* OK ..") && marked.contains("* ......"), "{marked}");
        assert!(marked.contains("##}\r.") && marked.contains("a1 OK ....|"), "{marked}");
        assert!(marked.ends_with("a2 NO ..|"), "{marked}");
        assert_eq!(marked.matches(char::is_alphanumeric).count(), 10, "{marked}");
    }
}
