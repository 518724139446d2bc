//! What the lines of a server begin and end with: which kind of response it is, and whether a literal follows.

/// What kind of line a response begins with: decides its limit and whether `{n}` announces a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// `* ` and no status word: response data, which may hold literals (RFC 9051, 7).
    Data,
    /// `+ `: text of a continuation (RFC 9051, 7.6).
    Continuation,
    /// A status response, tagged or not: its text is free and may end in `{5}` without meaning anything.
    Status,
}

/// The words of status responses (RFC 9051, 7.1), and the octets of the longest.
const STATUS: [&[u8]; 5] = [b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"];
const LONGEST_STATUS: usize = 7;

/// The beginning of a response, looked at once.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Once the word that decides it is complete.
    class: Option<Class>,
    /// Blank octets behind the `*` that need no second look while the class is unknown.
    blank: usize,
    /// Octets looked at to tell classes.
    #[cfg(test)]
    pub(super) looked_at: usize,
}

impl Head {
    /// Another response begins.
    pub(super) fn begin(&mut self) {
        self.class = None;
        self.blank = 0;
    }

    /// The class of the response that begins with `head`; `None` while the word that decides it is not complete.
    ///
    /// It is asked at every reading once a response is long, so each octet is looked at once: blanks are
    /// counted, of the word behind them its first octets decide.
    pub(super) fn class(&mut self, head: &[u8]) -> Option<Class> {
        if self.class.is_none() {
            self.class = match head {
                [] => None,
                [b'+', ..] => Some(Class::Continuation),
                // One octet tells that this is none of the words in `STATUS`.
                [b'*', b' ', first, ..] if !begins_status(*first) => Some(Class::Data),
                [b'*', ..] => {
                    let rest = head.get(1 + self.blank..).unwrap_or_default();
                    let text = rest.trim_ascii_start();
                    let blank = rest.len() - text.len();
                    self.blank += blank;
                    let text = text.get(..=LONGEST_STATUS).unwrap_or(text);
                    let letters = text.iter().take_while(|octet| octet.is_ascii_alphabetic());
                    let (word, behind) = text.split_at_checked(letters.count())?;
                    #[cfg(test)]
                    {
                        self.looked_at += blank + word.len() + 1;
                    }
                    if STATUS.iter().any(|status| word.eq_ignore_ascii_case(status)) {
                        behind.first().map(|_| Class::Status)
                    } else if behind.is_empty() && word.len() <= LONGEST_STATUS {
                        None
                    } else {
                        Some(Class::Data)
                    }
                }
                _ => Some(Class::Status),
            };
        }
        self.class
    }
}

/// How a SEARCH answer begins that is cut into pieces, and how long they are.
pub(super) const SEARCH: &[u8] = b"* SEARCH";
pub(super) const PIECE: usize = 32 * 1024;

/// Where `piece`, the beginning of a SEARCH answer that holds nothing but numbers, can be cut: at its last space.
pub(super) fn end_of_numbers(piece: &[u8]) -> Option<usize> {
    let numbers = piece.strip_prefix(SEARCH).filter(|numbers| numbers.first() == Some(&b' '))?;
    // One pass without a branch an octet.
    let sound = numbers.iter().fold(true, |sound, b| sound & matches!(b, b'0'..=b'9' | b' '));
    let cut = memchr::memrchr(b' ', numbers).filter(|&cut| sound && cut > 0)?;
    Some(SEARCH.len() + cut)
}

/// A word of [`STATUS`] may begin here, or a blank before it.
fn begins_status(octet: u8) -> bool {
    matches!(octet.to_ascii_uppercase(), b'O' | b'N' | b'B' | b'P') || octet.is_ascii_whitespace()
}

/// `literal = "{" number64 ["+"] "}" CRLF` at the end of a line, RFC 9051 9; `literal8` has a `~` before
/// it, which changes nothing here. The inner `None` is a number beyond 64 bits.
pub(super) fn announced_literal(line: &[u8]) -> Option<Option<u64>> {
    let rest = line.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', rest)?;
    let digits = rest.get(open + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().try_fold(0u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_that_announce_nothing_are_text() {
        for text in [b"{}".as_slice(), b"{-1}", b"{1 }", b"{+}", b"1}", b"{1}x", b"{1++}"] {
            assert_eq!(announced_literal(text), None, "{text:?}");
        }
        assert_eq!(announced_literal(b"~{12}"), Some(Some(12)));
        assert_eq!(announced_literal(b"x {0+}"), Some(Some(0)));
    }
}
