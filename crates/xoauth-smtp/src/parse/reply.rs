//! Replies, RFC 5321 4.2.

use alloc::vec::Vec;
use core::fmt;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::Excerpt;

use crate::types::{EnhancedCode, ReplyCode, ReplyText};

/// A complete reply as an [`Exchange`](crate::proto::Exchange) hears it, borrowed from the machine.
///
/// Its octets are the server's own. [`Reply::to_text`] makes of it what may be kept and shown.
#[derive(Clone, Copy)]
pub struct Reply<'a> {
    code: ReplyCode,
    /// All lines, each with its code and CRLF; every one has passed [`parse_line`].
    octets: &'a [u8],
    mask: &'a Mask,
}

/// One line of a reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ReplyLine {
    pub(crate) code: ReplyCode,
    pub(crate) separator: Separator,
}

/// What stands behind the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Separator {
    /// `-`: more lines follow.
    More,
    /// A space, or nothing.
    Last,
}

/// Octets of a line that [`ReplyText`] keeps: the longest line the RFC allows (RFC 5321 4.5.3.1.5).
const KEPT_OCTETS: usize = 512;

/// Lines that [`ReplyText`] keeps.
const KEPT_LINES: usize = 64;

impl<'a> Reply<'a> {
    /// `octets` are whole lines of one code.
    pub(crate) fn new(code: ReplyCode, octets: &'a [u8], mask: &'a Mask) -> Self {
        Self { code, octets, mask }
    }

    /// The reply code.
    pub fn code(&self) -> ReplyCode {
        self.code
    }

    /// The enhanced status code that begins the first line, where its class is that of the reply code
    /// (RFC 2034 4).
    pub fn enhanced(&self) -> Option<EnhancedCode> {
        self.lines().next().and_then(|line| Some(enhanced_code(line, self.code)?.0))
    }

    /// What stands behind the code in each line, as it came.
    pub fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.octets
            .split_inclusive(|&octet| octet == b'\n')
            .map(|line| line.strip_suffix(b"\r\n").unwrap_or(line))
            .map(|line| line.get(4..).unwrap_or_default())
    }

    /// What hides our secrets in what is made of its octets.
    pub(crate) fn mask(&self) -> &'a Mask {
        self.mask
    }

    /// What may be kept and shown: bounded, escaped, our secrets masked. For errors and outcomes, of which there may
    /// be many: 64 lines of 512 octets at most.
    pub fn to_text(&self) -> ReplyText {
        self.shown(KEPT_LINES, KEPT_OCTETS)
    }

    /// The same, and every line of it whole: for replies that are what was asked for. The session's
    /// [`Limits`](crate::Limits) are the bound.
    pub fn to_whole_text(&self) -> ReplyText {
        self.shown(usize::MAX, usize::MAX)
    }

    /// The lines without their codes, as they may be shown. Each line repeats the enhanced code (RFC 2034 4); one with
    /// another code keeps it in its text.
    fn shown(&self, lines: usize, octets: usize) -> ReplyText {
        let mut enhanced = None;
        let mut texts = Vec::new();
        for (index, line) in self.lines().take(lines).enumerate() {
            let found = enhanced_code(line, self.code);
            if index == 0 {
                enhanced = found.map(|(code, _)| code);
            }
            let text = match found {
                Some((code, text)) if Some(code) == enhanced => text,
                _ => line,
            };
            texts.push(Excerpt::bounded(text, self.mask, octets).into());
        }
        ReplyText::new(self.code, enhanced, texts)
    }
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_text().fmt(f)
    }
}

/// `Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF`; one line of
/// it, its LF included. `Err` says what was expected.
///
/// RFC 5321 4.2
pub(crate) fn parse_line(line: &[u8]) -> Result<ReplyLine, &'static str> {
    let line = line.strip_suffix(b"\r\n").ok_or("a carriage return before the line feed")?;
    let digit = |octet: u8| u16::from(octet.wrapping_sub(b'0'));
    let (code, behind) = match line {
        [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', behind @ ..] => {
            (100 * digit(*a) + 10 * digit(*b) + digit(*c), behind)
        }
        _ => return Err("a reply code of three digits, 200 to 599"),
    };
    let separator = match behind.first() {
        None | Some(b' ') => Separator::Last,
        Some(b'-') => Separator::More,
        Some(_) => return Err("a space or '-' behind the reply code"),
    };
    if memchr::memchr2(0, b'\r', behind).is_some() {
        return Err("text without NUL and bare carriage return");
    }
    Ok(ReplyLine { code: ReplyCode::new(code), separator })
}

/// `status-code = class "." subject "." detail`, and the text behind it.
///
/// RFC 2034 4, RFC 3463 2
fn enhanced_code(line: &[u8], code: ReplyCode) -> Option<(EnhancedCode, &[u8])> {
    let end = line.iter().position(|&octet| octet == b' ').unwrap_or(line.len());
    let (word, text) = line.split_at_checked(end)?;
    let mut parts = word.split(|&octet| octet == b'.');
    let class = number(parts.next()?)?;
    let subject = number(parts.next()?)?;
    let detail = number(parts.next()?)?;
    if parts.next().is_some() || class != code.get() / 100 || !matches!(class, 2 | 4 | 5) {
        return None;
    }
    let code = EnhancedCode::new(u8::try_from(class).ok()?, subject, detail);
    Some((code, text.strip_prefix(b" ").unwrap_or(text)))
}

/// One to three digits.
fn number(digits: &[u8]) -> Option<u16> {
    if !matches!(digits.len(), 1..=3) {
        return None;
    }
    digits.iter().try_fold(0, |number, &octet| {
        octet.is_ascii_digit().then(|| 10 * number + u16::from(octet - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    fn reply<'a>(octets: &'a [u8], mask: &'a Mask) -> Reply<'a> {
        let first = octets.split_inclusive(|&octet| octet == b'\n').next().unwrap();
        Reply::new(parse_line(first).unwrap().code, octets, mask)
    }

    #[test]
    fn lines_are_told_apart() {
        type Case<'a> = (&'a [u8], Result<(u16, Separator), &'a str>);
        let cases: [Case<'_>; 17] = [
            (b"250 ok\r\n", Ok((250, Separator::Last))),
            (b"250\r\n", Ok((250, Separator::Last))),
            (b"250 \r\n", Ok((250, Separator::Last))),
            (b"250-\r\n", Ok((250, Separator::More))),
            (b"250-x\r\n", Ok((250, Separator::More))),
            (b"599 \xff\r\n", Ok((599, Separator::Last))),
            (b"250 ok\n", Err("a carriage return before the line feed")),
            (b"\r\n", Err("a reply code of three digits, 200 to 599")),
            (b"25 x\r\n", Err("a reply code of three digits, 200 to 599")),
            (b"25\r\n", Err("a reply code of three digits, 200 to 599")),
            (b"199 x\r\n", Err("a reply code of three digits, 200 to 599")),
            (b"600 x\r\n", Err("a reply code of three digits, 200 to 599")),
            (b"-1 x\r\n", Err("a reply code of three digits, 200 to 599")),
            (
                "\u{662}\u{665}\u{660} ok\r\n".as_bytes(),
                Err("a reply code of three digits, 200 to 599"),
            ),
            (b"2500 x\r\n", Err("a space or '-' behind the reply code")),
            (b"250 a\0b\r\n", Err("text without NUL and bare carriage return")),
            (b"250 a\rb\r\n", Err("text without NUL and bare carriage return")),
        ];
        for (line, expected) in cases {
            let found = parse_line(line).map(|line| (line.code.get(), line.separator));
            assert_eq!(found, expected, "{line:?}");
        }
    }

    #[test]
    fn enhanced_codes_are_taken_out_of_the_text() {
        let cases: [(&[u8], &str, &[&str]); 9] = [
            (b"250 2.1.5 ok\r\n", "2.1.5", &["ok"]),
            (b"501 5.5.124 no\r\n", "5.5.124", &["no"]),
            (b"535-5.7.8 a\r\n535 5.7.8 b\r\n", "5.7.8", &["a", "b"]),
            (b"550-5.1.1 a\r\n550 5.7.1 b\r\n", "5.1.1", &["a", "5.7.1 b"]),
            (b"250 2.0.0\r\n", "2.0.0", &[""]),
            (b"250 4.1.1 lies\r\n", "", &["4.1.1 lies"]),
            (b"250 2.1 x\r\n", "", &["2.1 x"]),
            (b"250 2.1.5.6 x\r\n", "", &["2.1.5.6 x"]),
            (b"250 2.1.5000 x\r\n", "", &["2.1.5000 x"]),
        ];
        for (octets, code, lines) in cases {
            let text = reply(octets, &Mask::default()).to_text();
            assert_eq!(text.enhanced.map(|code| code.to_string()).unwrap_or_default(), code);
            assert_eq!(text.lines, lines);
        }
    }

    #[test]
    fn kept_text_is_bounded_escaped_and_masked() {
        let mut mask = Mask::default();
        mask.add("ya29.secret-token");
        let text = reply(b"535 \x1b[2Jgot ya29.secret-token\r\n", &mask).to_text();
        assert_eq!(text.to_string(), r"535 \x1b[2Jgot [secret]");
        let long = [b"250 ".to_vec(), vec![b'x'; 1000], b"\r\n".to_vec()].concat();
        let text = reply(&long, &mask).to_text();
        assert_eq!(text.lines, [alloc::format!("{}… (1000 octets)", "x".repeat(512))]);
        let many = b"250-x\r\n".repeat(100);
        assert_eq!(reply(&many, &mask).to_text().lines.len(), KEPT_LINES);
        assert_eq!(reply(&many, &mask).lines().count(), 100);
        assert_eq!(reply(&many, &mask).to_whole_text().lines.len(), 100);
        assert_eq!(reply(&long, &mask).to_whole_text().lines, ["x".repeat(1000)]);
    }
}
