//! Text as encoded words, on lines of the length they may have.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// No encoded word is longer (RFC 2047 2).
const LONGEST_WORD: usize = 75;

/// No line with one in it is longer, its line end not counted (RFC 2047 2).
pub(super) const LONGEST_LINE: usize = 76;

/// Room for one letter at least, however it is encoded.
const LEAST: usize = 12;

/// White space longer than this becomes one space: nobody looks at it.
const WIDEST_SPACE: usize = 60;

/// The value of a field in pieces, of which lines may be broken at white space.
#[derive(Debug, Default)]
pub(super) struct Words(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Space(String),
    /// Stays as it is.
    Literal(String),
    /// To be encoded.
    Text(String),
}

impl Words {
    /// A text without a structure: the words that are beyond ASCII are encoded.
    pub(super) fn of_text(text: &str) -> Self {
        let mut words = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let (space, behind) = split_at(rest, |c| !is_space(c));
            let (word, behind) = split_at(behind, is_space);
            words.push_space(space);
            if word.is_ascii() {
                words.push_literal(word)
            } else {
                words.push_text(word)
            }
            rest = behind;
        }
        words
    }

    pub(super) fn push_space(&mut self, space: &str) {
        match self.0.last_mut() {
            _ if space.is_empty() => {}
            Some(Piece::Space(before)) => before.push_str(space),
            _ => self.0.push(Piece::Space(space.to_owned())),
        }
    }

    /// White space, where none is.
    pub(super) fn separate(&mut self) {
        if !matches!(self.0.last(), None | Some(Piece::Space(_))) {
            self.push_space(" ");
        }
    }

    /// Something that stays as it is.
    pub(super) fn push_literal(&mut self, literal: &str) {
        match self.0.last_mut() {
            _ if literal.is_empty() => {}
            Some(Piece::Literal(before)) => before.push_str(literal),
            _ => self.0.push(Piece::Literal(literal.to_owned())),
        }
    }

    /// Something that is encoded. White space between two encoded words is not shown (RFC 2047 6.2): there it becomes
    /// part of the text.
    pub(super) fn push_text(&mut self, text: &str) {
        let space = match self.0.as_slice() {
            [.., Piece::Text(_), Piece::Space(_)] => self.0.pop(),
            _ => None,
        };
        match (self.0.last_mut(), space) {
            (Some(Piece::Text(before)), Some(Piece::Space(space))) => {
                before.push_str(&space);
                before.push_str(text);
            }
            (Some(Piece::Text(before)), _) => before.push_str(text),
            _ => self.0.push(Piece::Text(text.to_owned())),
        }
    }

    /// The field with this name (and its colon), its lines and line end.
    pub(super) fn folded(mut self, name: &str, charset: &str) -> String {
        self.keep_space_of_neighbours();
        let mut lines = Lines { whole: name.to_owned(), column: name.len(), name: name.len() };
        let mut pieces = self.0.as_slice();
        while !pieces.is_empty() {
            // White space, and all that no other is in.
            let space = match pieces.split_first() {
                Some((Piece::Space(space), behind)) => {
                    pieces = behind;
                    space.as_str()
                }
                _ => "",
            };
            let is_space = |piece: &Piece| matches!(piece, Piece::Space(_));
            let end = pieces.iter().position(is_space).unwrap_or(pieces.len());
            let (together, behind) = pieces.split_at_checked(end).unwrap_or((pieces, &[]));
            pieces = behind;
            if together.is_empty() {
                break; // The end of the line is no place for white space.
            }
            lines.begin(space, together, charset);
            for (at, piece) in together.iter().enumerate() {
                match piece {
                    Piece::Literal(text) => lines.push(text),
                    Piece::Text(text) => {
                        lines.encode(text, charset, literal_length(together.get(at + 1)));
                    }
                    Piece::Space(_) => {}
                }
            }
        }
        lines.whole + "\r\n"
    }

    /// Where the text already had an encoded word, white space between it and one of ours would not be shown either.
    fn keep_space_of_neighbours(&mut self) {
        for at in 1..self.0.len().saturating_sub(1) {
            let Some([before, Piece::Space(space), behind]) = self.0.get_mut(at - 1..=at + 1)
            else {
                continue;
            };
            match (before, behind) {
                (Piece::Text(text), Piece::Literal(word))
                    if is_encoded(word.trim_end_matches(')')) =>
                {
                    text.push_str(space);
                }
                (Piece::Literal(word), Piece::Text(text))
                    if is_encoded(word.trim_start_matches('(')) =>
                {
                    text.insert_str(0, space);
                }
                _ => {}
            }
        }
    }
}

/// What looks like an encoded word, and is shown decoded.
pub(super) fn is_encoded(word: &str) -> bool {
    word.len() > 6 && word.starts_with("=?") && word.ends_with("?=")
}

struct Lines {
    whole: String,
    /// Octets of the last line.
    column: usize,
    /// Those of the name, which no line has alone but for want of room.
    name: usize,
}

impl Lines {
    /// Goes on behind white space, on a new line where these pieces have no room on this one.
    fn begin(&mut self, space: &str, together: &[Piece], charset: &str) {
        let space = if space.len() > WIDEST_SPACE { " " } else { space };
        let needed = match together {
            [Piece::Text(_), behind @ ..] => least(charset) + literal_length(behind.first()),
            [Piece::Literal(text), Piece::Text(_), ..] => text.len() + least(charset),
            pieces => literal_length(pieces.first()),
        };
        let is_first = self.whole.len() == self.name && matches!(together, [Piece::Literal(_)]);
        if !space.is_empty() && !is_first && self.column + space.len() + needed > LONGEST_LINE {
            self.whole.push_str("\r\n");
            self.column = 0;
        }
        self.push(space);
    }

    fn push(&mut self, text: &str) {
        self.whole.push_str(text);
        self.column += text.len();
    }

    /// Encoded words, each of whole letters (RFC 2047 5); so many octets follow the last without white space.
    fn encode(&mut self, text: &str, charset: &str, behind: usize) {
        let letters = || text.chars().map(|letter| Letter::of(letter, charset));
        let (count, quoted) = letters().fold((0, 0), |(count, quoted), letter| {
            (count + letter.octets().len(), quoted + letter.quoted_length())
        });
        // What is legible may be longer.
        let is_quoted = quoted < 2 * base64_length(count);
        let mut letters = letters().peekable();
        while letters.peek().is_some() {
            let room = LONGEST_LINE.saturating_sub(self.column + behind).min(LONGEST_WORD);
            let room = room.saturating_sub(frame(charset)).max(LEAST);
            let (mut word, mut length) = (Vec::with_capacity(LONGEST_WORD), 0);
            while let Some(letter) = letters.peek() {
                length = match is_quoted {
                    true => length + letter.quoted_length(),
                    false => base64_length(word.len() + letter.octets().len()),
                };
                if length > room {
                    break;
                }
                word.extend_from_slice(letter.octets());
                letters.next();
            }
            let content = match is_quoted {
                true => word.iter().map(|&octet| self::quoted(octet)).collect(),
                false => STANDARD.encode(&word),
            };
            let encoding = if is_quoted { 'q' } else { 'b' };
            self.push(&format!("=?{charset}?{encoding}?{content}?="));
            if letters.peek().is_some() {
                self.whole.push_str("\r\n ");
                self.column = 1;
            }
        }
    }
}

/// The octets of a letter.
pub(super) struct Letter([u8; 4], usize);

impl Letter {
    pub(super) fn of(letter: char, charset: &str) -> Self {
        let mut octets = [0; 4];
        let count = match charset {
            "utf-8" => letter.encode_utf8(&mut octets).len(),
            _ => {
                octets = [u8::try_from(letter).unwrap_or(b'?'), 0, 0, 0];
                1
            }
        };
        Self(octets, count)
    }

    pub(super) fn octets(&self) -> &[u8] {
        self.0.get(..self.1).unwrap_or_default()
    }

    fn quoted_length(&self) -> usize {
        self.octets().iter().map(|&octet| quoted(octet).len()).sum()
    }
}

fn base64_length(octets: usize) -> usize {
    octets.div_ceil(3) * 4
}

/// The encoding "Q" with what it may have in every place, phrases too (RFC 2047 4.2, 5 (3)).
fn quoted(octet: u8) -> String {
    match octet {
        b' ' => "_".to_owned(),
        b'!' | b'*' | b'+' | b'-' | b'/' => char::from(octet).to_string(),
        _ if octet.is_ascii_alphanumeric() => char::from(octet).to_string(),
        _ => format!("={octet:02X}"),
    }
}

/// What an encoded word is beside its content.
fn frame(charset: &str) -> usize {
    "=??q??=".len() + charset.len()
}

/// The shortest encoded word that every letter fits in.
fn least(charset: &str) -> usize {
    frame(charset) + LEAST
}

fn literal_length(piece: Option<&Piece>) -> usize {
    match piece {
        Some(Piece::Literal(text)) => text.len(),
        _ => 0,
    }
}

pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// What is in front of the first of these letters, and the rest.
pub(super) fn split_at(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at_checked(text.find(ends).unwrap_or(text.len())).unwrap_or((text, ""))
}
