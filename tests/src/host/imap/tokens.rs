//! One command as it came, and a cursor that takes its arguments apart (RFC 3501, section 9).

use std::collections::VecDeque;

use super::Refusal;
use super::utf7;
use crate::host::store::canonical_name;

/// A command: its line with the literals lifted out.
#[derive(Debug, Default)]
pub(crate) struct Command {
    /// The text without `{n}` and without CRLF.
    line: Vec<u8>,
    /// Literals with the offset in `line` where they stand.
    literals: VecDeque<(usize, Vec<u8>)>,
    at: usize,
}

/// The announcement of a literal at the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) length: u64,
    /// `{n}`: the client waits to be asked.
    pub(crate) synchronising: bool,
}

type Parsed<T> = Result<T, Refusal>;

impl Command {
    /// Adds a line; gives the literal that it announces.
    pub(crate) fn push_line(&mut self, line: &[u8]) -> Option<Announced> {
        let announced = announced(line);
        let text = match announced {
            Some(_) => {
                let brace = line.iter().rposition(|octet| *octet == b'{').unwrap_or(0);
                line.get(..brace).unwrap_or_default()
            }
            None => line,
        };
        self.line.extend_from_slice(text);
        announced
    }

    /// Adds the literal announced last.
    pub(crate) fn push_literal(&mut self, octets: Vec<u8>) {
        self.literals.push_back((self.line.len(), octets));
    }

    /// Octets of the command so far.
    pub(crate) fn len(&self) -> usize {
        self.line.len() + self.literals.iter().map(|(_, octets)| octets.len()).sum::<usize>()
    }

    /// Whether a word stands as the command name, behind the tag.
    pub(crate) fn is(&self, name: &str) -> bool {
        let mut words = self.line.split(|octet| *octet == b' ');
        words.nth(1).is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The next octet, unless a literal or the end is there.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text().first().copied()
    }

    pub(crate) fn at_end(&self) -> bool {
        self.text().is_empty() && self.literals.is_empty()
    }

    pub(crate) fn end(&self) -> Parsed<()> {
        if self.at_end() { Ok(()) } else { Err(Refusal::bad("unexpected arguments")) }
    }

    /// Takes `expected` (ASCII, in any case) if it stands next.
    pub(crate) fn eat(&mut self, expected: &str) -> bool {
        let found = self.text().get(..expected.len());
        let is_next = found.is_some_and(|found| found.eq_ignore_ascii_case(expected.as_bytes()));
        if is_next {
            self.at += expected.len();
        }
        is_next
    }

    pub(crate) fn expect(&mut self, expected: &str) -> Parsed<()> {
        if self.eat(expected) {
            Ok(())
        } else {
            Err(Refusal::bad(format!("expected {expected:?} at {}", self.at)))
        }
    }

    pub(crate) fn space(&mut self) -> Parsed<()> {
        self.expect(" ")
    }

    /// Takes octets while they satisfy `accept`; at least one.
    pub(crate) fn word(&mut self, what: &str, accept: impl Fn(u8) -> bool) -> Parsed<String> {
        let text = self.text();
        let length = text.iter().position(|octet| !accept(*octet)).unwrap_or(text.len());
        let word = text.get(..length).unwrap_or_default();
        if word.is_empty() {
            return Err(Refusal::bad(format!("expected {what} at {}", self.at)));
        }
        let word = String::from_utf8_lossy(word).into_owned();
        self.at += length;
        Ok(word)
    }

    pub(crate) fn atom(&mut self) -> Parsed<String> {
        self.word("an atom", is_atom_char)
    }

    /// The tag: ASTRING-CHAR without `+`.
    pub(crate) fn tag(&mut self) -> Parsed<String> {
        self.word("a tag", |octet| (is_atom_char(octet) || octet == b']') && octet != b'+')
    }

    pub(crate) fn number(&mut self) -> Parsed<u32> {
        let digits = self.word("a number", |octet| octet.is_ascii_digit())?;
        digits.parse().map_err(|_| Refusal::bad("number out of range"))
    }

    pub(crate) fn string(&mut self) -> Parsed<Vec<u8>> {
        if let Some(literal) = self.literal() {
            return Ok(literal);
        }
        self.expect("\"")?;
        let mut value = Vec::new();
        let mut text = self.text().iter();
        loop {
            let octet = match text.next() {
                Some(b'"') => break,
                Some(b'\\') => match text.next() {
                    Some(escaped @ (b'"' | b'\\')) => *escaped,
                    _ => return Err(Refusal::bad("bad escape in quoted string")),
                },
                // QUOTED-CHAR is 7-bit; octets beyond it need a literal.
                Some(octet @ 1..=127) => *octet,
                Some(_) => return Err(Refusal::bad("8-bit octet or NUL in quoted string")),
                None => return Err(Refusal::bad("quoted string without an end")),
            };
            value.push(octet);
        }
        self.at += self.text().len() - text.len();
        Ok(value)
    }

    pub(crate) fn astring(&mut self) -> Parsed<Vec<u8>> {
        if self.at_string() {
            return self.string();
        }
        Ok(self.word("an astring", |octet| is_atom_char(octet) || octet == b']')?.into_bytes())
    }

    /// The literal that stands here.
    pub(crate) fn literal(&mut self) -> Option<Vec<u8>> {
        if self.literals.front().is_some_and(|(at, _)| *at == self.at) {
            return self.literals.pop_front().map(|(_, octets)| octets);
        }
        None
    }

    /// A mailbox name, decoded.
    pub(crate) fn mailbox(&mut self) -> Parsed<String> {
        let name = utf7::decode(&self.astring()?);
        let name = name.ok_or_else(|| Refusal::bad("mailbox name is not modified UTF-7"))?;
        Ok(canonical_name(&name))
    }

    /// `list-mailbox`: a name with wildcards, decoded.
    pub(crate) fn pattern(&mut self) -> Parsed<String> {
        let text = if self.at_string() {
            self.string()?
        } else {
            let accept = |octet| is_atom_char(octet) || matches!(octet, b']' | b'%' | b'*');
            self.word("a pattern", accept)?.into_bytes()
        };
        utf7::decode(&text).ok_or_else(|| Refusal::bad("pattern is not modified UTF-7"))
    }

    /// `(item item)` or `()`.
    pub(crate) fn list<T>(&mut self, item: impl Fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect("(")?;
        let mut items = Vec::new();
        while !self.eat(")") {
            if !items.is_empty() {
                self.space()?;
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    pub(crate) fn flag(&mut self) -> Parsed<String> {
        let system = if self.eat("\\") { "\\" } else { "" };
        let name = self.atom()?;
        let flag = format!("{system}{name}");
        if flag.eq_ignore_ascii_case("\\Recent") {
            return Err(Refusal::bad("\\Recent cannot be set"));
        }
        Ok(flag)
    }

    pub(crate) fn sequence_set(&mut self) -> Parsed<SequenceSet> {
        let mut ranges = Vec::new();
        loop {
            let first = self.sequence_number()?;
            let last = if self.eat(":") { self.sequence_number()? } else { first };
            ranges.push((first, last));
            if !self.eat(",") {
                return Ok(SequenceSet { ranges });
            }
        }
    }

    fn sequence_number(&mut self) -> Parsed<Option<u32>> {
        if self.eat("*") {
            return Ok(None);
        }
        match self.number()? {
            0 => Err(Refusal::bad("0 in a sequence set")),
            number => Ok(Some(number)),
        }
    }

    fn at_string(&self) -> bool {
        self.peek() == Some(b'"') || self.literals.front().is_some_and(|(at, _)| *at == self.at)
    }

    /// What stands up to the next literal or the end.
    fn text(&self) -> &[u8] {
        let end = self.literals.front().map_or(self.line.len(), |(at, _)| *at);
        self.line.get(self.at..end).unwrap_or_default()
    }
}

/// A sequence set; `None` is `*`.
#[derive(Debug, Clone)]
pub(crate) struct SequenceSet {
    ranges: Vec<(Option<u32>, Option<u32>)>,
}

impl SequenceSet {
    /// Whether the set holds `number`, where `*` is `largest`. The ends of a range may stand in
    /// either order (RFC 3501, section 9, `seq-range`).
    pub(crate) fn contains(&self, number: u32, largest: u32) -> bool {
        self.bounds(largest).any(|(first, last)| (first..=last).contains(&number))
    }

    /// The least and the largest number of each range, where `*` is `largest`.
    pub(crate) fn bounds(&self, largest: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.ranges.iter().map(move |(first, last)| {
            let (first, last) = (first.unwrap_or(largest), last.unwrap_or(largest));
            (first.min(last), first.max(last))
        })
    }

    /// The largest number named; `*` names none.
    pub(crate) fn largest_named(&self) -> u32 {
        let named = self.ranges.iter().flat_map(|(first, last)| [*first, *last]);
        named.flatten().max().unwrap_or(0)
    }
}

/// ATOM-CHAR: no controls, no 8-bit octets, no atom-specials.
pub(crate) fn is_atom_char(octet: u8) -> bool {
    matches!(octet, 0x21..=0x7e)
        && !matches!(octet, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}

fn announced(line: &[u8]) -> Option<Announced> {
    let inner = line.strip_suffix(b"}")?;
    let brace = inner.iter().rposition(|octet| *octet == b'{')?;
    let digits = inner.get(brace + 1..)?;
    let (digits, synchronising) = match digits.strip_suffix(b"+") {
        Some(digits) => (digits, false),
        None => (digits, true),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length = std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX);
    Some(Announced { length, synchronising })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_literals_comes_apart() {
        let mut command = Command::default();
        let announced = command.push_line(b"a1 APPEND \"x \\\"y\" (\\Seen k) {3}").unwrap();
        assert_eq!(announced, Announced { length: 3, synchronising: true });
        command.push_literal(b"abc".to_vec());
        assert_eq!(command.push_line(b" tail"), None);
        assert_eq!(command.tag().unwrap(), "a1");
        command.space().unwrap();
        assert_eq!(command.atom().unwrap(), "APPEND");
        command.space().unwrap();
        assert_eq!(command.astring().unwrap(), b"x \"y");
        command.space().unwrap();
        assert_eq!(command.list(Command::flag).unwrap(), ["\\Seen", "k"]);
        command.space().unwrap();
        assert_eq!(command.peek(), None);
        assert!(!command.at_end());
        assert_eq!(command.literal().unwrap(), b"abc");
        command.space().unwrap();
        assert_eq!(command.atom().unwrap(), "tail");
        command.end().unwrap();
    }

    #[test]
    fn announcements_are_told_from_text() {
        for (line, expected) in [
            (&b"a {12+}"[..], Some((12, false))),
            (b"a {99999999999999999999}", Some((u64::MAX, true))),
            (b"a {}", None),
            (b"a {1 }", None),
            (b"a \"{1}\"", None),
        ] {
            let found = announced(line).map(|found| (found.length, found.synchronising));
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn sets_hold_their_numbers() {
        let mut command = Command::default();
        command.push_line(b"2,4:5,*:9");
        let set = command.sequence_set().unwrap();
        let held: Vec<u32> = (1..=12).filter(|number| set.contains(*number, 10)).collect();
        assert_eq!(held, [2, 4, 5, 9, 10]);
        assert_eq!(set.largest_named(), 9);
    }
}
