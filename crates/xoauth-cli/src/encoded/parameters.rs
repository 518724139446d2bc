//! Parameters of MIME fields (RFC 2045 5.1): values with letters beyond ASCII, which no encoded word may be part of, in the
//! form that RFC 2231 has for them.

use super::structured::{Token, comment, is_ascii, literal, tokens};
use super::words::{LONGEST_LINE, Letter, Words};

/// Room for one letter at least, however long the name.
const LEAST: usize = 12;

/// A value like that of `Content-Type`: something, and parameters behind it.
pub(super) fn with_parameters(value: &str, charset: &str) -> Option<Words> {
    let tokens = tokens(value)?;
    let elements = || tokens.split(|token| matches!(token, Token::Border(";")));
    // `filename` stands beside `filename*` for readers that do not know the latter, and has nothing more to say.
    let extended: Vec<String> = elements().filter_map(extended_name).collect();
    let mut words = Words::default();
    for (at, element) in elements().enumerate() {
        if element.iter().all(is_ascii) {
            if at > 0 {
                words.push_literal(";");
            }
            element.iter().try_for_each(|token| literal(&mut words, token))?;
            continue;
        }
        let parameter = Parameter::read(element).filter(|_| at > 0)?;
        if extended.contains(&parameter.name.to_ascii_lowercase()) {
            continue;
        }
        words.push_literal(";");
        words.separate();
        parameter.encode(&mut words, charset);
        for token in element {
            if let Token::Comment(text) = token {
                words.separate();
                comment(&mut words, text)?;
            }
        }
    }
    Some(words)
}

/// The name of a parameter in the form of RFC 2231, without what follows it.
fn extended_name(element: &[Token<'_>]) -> Option<String> {
    let (name, _) = Parameter::split(element)?;
    name.split_once('*').map(|(name, _)| name.to_ascii_lowercase())
}

struct Parameter {
    name: String,
    value: String,
}

impl Parameter {
    /// One whose name can be kept. What stands in its value without quotes, though it should not, is taken as it is.
    fn read(element: &[Token<'_>]) -> Option<Self> {
        let (name, value) = Self::split(element)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.+!#$&^`{|}~".contains(c);
        let is_name = !name.is_empty() && name.chars().all(is_plain);
        is_name.then_some(Self { name, value })
    }

    fn split(element: &[Token<'_>]) -> Option<(String, String)> {
        let (mut name, mut value) = (String::new(), None::<String>);
        let mut space = "";
        for token in element {
            let (raw, said) = match token {
                Token::Space(text) => {
                    space = text;
                    continue;
                }
                Token::Comment(_) => continue,
                Token::Word(raw, said) => (*raw, said.as_str()),
                Token::Angle(raw) | Token::Border(raw) => (*raw, *raw),
            };
            match (&mut value, raw.split_once('=')) {
                (Some(value), _) => {
                    if !value.is_empty() {
                        value.push_str(space);
                    }
                    value.push_str(said);
                }
                (None, Some((before, behind))) => {
                    name.push_str(before);
                    value = Some(behind.to_owned());
                }
                (None, None) => name.push_str(raw),
            }
            space = "";
        }
        Some((name, value?))
    }

    /// `name*=charset''value`, or in sections where a line has no room for that (RFC 2231 3, 4).
    fn encode(&self, words: &mut Words, charset: &str) {
        let letters: Vec<String> =
            self.value.chars().map(|letter| encoded(&Letter::of(letter, charset))).collect();
        let whole = format!("{}*={charset}''{}", self.name, letters.concat());
        // A blank in front and a semicolon behind.
        if whole.len() + 2 <= LONGEST_LINE {
            return words.push_literal(&whole);
        }
        let mut letters = letters.iter().peekable();
        let mut number = 0;
        while letters.peek().is_some() {
            let mut section = format!("{}*{number}*=", self.name);
            if number == 0 {
                section.push_str(charset);
                section.push_str("''");
            } else {
                words.push_literal(";");
                words.separate();
            }
            let most = (LONGEST_LINE - 2).max(section.len() + LEAST);
            while let Some(letter) = letters.next_if(|one| section.len() + one.len() <= most) {
                section.push_str(letter);
            }
            words.push_literal(&section);
            number += 1;
        }
    }
}

/// With what `attribute-char` leaves as it is (RFC 2231 7).
fn encoded(letter: &Letter) -> String {
    let octets = letter.octets().iter();
    let encoded = octets.map(|&octet| match octet {
        b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'{' | b'|'
        | b'}' | b'~' => char::from(octet).to_string(),
        _ if octet.is_ascii_alphanumeric() => char::from(octet).to_string(),
        _ => format!("%{octet:02X}"),
    });
    encoded.collect()
}
