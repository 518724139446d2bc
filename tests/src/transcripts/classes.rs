//! Which octets of a server hold a session together: with another in its place, no client may call the
//! session a success.

/// The offsets of octets that must stay what they are.
///
/// For IMAP: of a tagged answer the tag, its status word, the spaces behind them and the line end; of a
/// line with a literal the announcement. For SMTP: the code, what stands behind it, and the line end.
pub(super) fn structural(said: &[u8], is_imap: bool) -> Vec<usize> {
    if is_imap { imap(said) } else { smtp(said) }
}

fn smtp(said: &[u8]) -> Vec<usize> {
    let mut offsets = Vec::new();
    let mut start = 0;
    for line in said.split_inclusive(|&octet| octet == b'\n') {
        let end = start + line.len();
        offsets.extend(start..(start + 4).min(end));
        offsets.extend(end.saturating_sub(2)..end);
        start = end;
    }
    offsets
}

fn imap(said: &[u8]) -> Vec<usize> {
    let mut offsets = Vec::new();
    let mut start = 0;
    while let Some(rest) = said.get(start..).filter(|rest| !rest.is_empty()) {
        let length = rest.iter().position(|&octet| octet == b'\n').map_or(rest.len(), |at| at + 1);
        let line = rest.get(..length).unwrap_or_default();
        let end = start + length;
        if !matches!(line.first(), Some(b'*' | b'+')) {
            let mut words = line.split(|&octet| octet == b' ');
            let tag = words.next().map_or(0, <[u8]>::len);
            let status = words.next().map_or(0, <[u8]>::len);
            if matches!(line.get(tag + 1..tag + 1 + status), Some(b"OK")) {
                offsets.extend(start..start + tag + 1 + status + 1);
                offsets.extend(end.saturating_sub(2)..end);
            }
        }
        start = end;
        if let Some(literal) = literal(line) {
            // `{12}`: the digits and the closing brace.
            let digits = literal.to_string().len();
            offsets.extend(end.saturating_sub(digits + 3)..end - 2);
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

    fn marked(said: &str, is_imap: bool) -> String {
        let offsets = structural(said.as_bytes(), is_imap);
        let mark = |(at, c): (usize, char)| if offsets.contains(&at) { c } else { '.' };
        said.char_indices().map(mark).collect::<String>().replace("\r\n", "|")
    }

    #[test]
    fn what_holds_a_session_together_is_found() {
        assert_eq!(marked("250-mx\r\n250 ok\r\n", false), "250-..|250 ..|");
        let said = "* OK hi\r\n* 1 FETCH (BODY[] {5}\r\na\r\nOK)\r\na1 OK done\r\na2 NO no\r\n";
        assert_eq!(
            marked(said, true),
            "............................5}..........a1 OK ....|.........."
        );
    }
}
