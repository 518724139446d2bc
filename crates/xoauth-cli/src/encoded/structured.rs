//! Fields with a structure, as far as encoded words may stand in them: display names, other phrases, and comments
//! (RFC 2047 5 (2) and (3)).

use super::words::{Words, is_encoded, is_space, split_at};

/// A part of a value that no encoded word goes over the border of.
#[derive(Debug)]
pub(super) enum Token<'a> {
    Space(&'a str),
    /// As it is written, and what it says: the same but for a quoted string.
    Word(&'a str, String),
    /// With its parentheses.
    Comment(&'a str),
    /// `<address>`, with its brackets.
    Angle(&'a str),
    /// What ends an element of a list, or the name of a group.
    Border(&'a str),
}

/// Addresses with display names, names of groups, or names alone.
pub(super) fn with_phrases(value: &str) -> Option<Words> {
    let mut words = Words::default();
    let mut element: Vec<Token<'_>> = Vec::new();
    for token in tokens(value)? {
        match token {
            Token::Angle(address) => {
                let encoded = phrase(&mut words, &element)?;
                element.clear();
                if encoded {
                    words.separate();
                }
                words.push_literal(Some(address).filter(|address| address.is_ascii())?);
            }
            Token::Border(border) => {
                let encoded = phrase(&mut words, &element)?;
                element.clear();
                if encoded {
                    words.separate();
                }
                words.push_literal(border);
            }
            token => element.push(token),
        }
    }
    phrase(&mut words, &element)?;
    Some(words)
}

/// Anything else: letters beyond ASCII are in comments.
pub(super) fn with_comments(value: &str) -> Option<Words> {
    let mut words = Words::default();
    tokens(value)?.iter().try_for_each(|token| literal(&mut words, token))?;
    Some(words)
}

/// A token as it is, unless it is a comment.
pub(super) fn literal(words: &mut Words, token: &Token<'_>) -> Option<()> {
    match token {
        Token::Space(space) => words.push_space(space),
        Token::Comment(text) => comment(words, text)?,
        Token::Word(text, _) | Token::Angle(text) | Token::Border(text) => {
            words.push_literal(Some(text).filter(|text| text.is_ascii())?);
        }
    }
    Some(())
}

/// Whether it can stay as it is, which comments need not.
pub(super) fn is_ascii(token: &Token<'_>) -> bool {
    match token {
        Token::Space(_) | Token::Comment(_) => true,
        Token::Word(text, _) | Token::Angle(text) | Token::Border(text) => text.is_ascii(),
    }
}

/// The words in front of an address or a border; says whether some were encoded. What has an `@` is an address, which cannot be.
fn phrase(words: &mut Words, tokens: &[Token<'_>]) -> Option<bool> {
    let is_ascii = |token: &Token<'_>| !matches!(token, Token::Word(raw, _) if !raw.is_ascii());
    let is_address = |token: &Token<'_>| matches!(token, Token::Word(raw, _) if !raw.starts_with('"') && raw.contains('@'));
    let encodes = !tokens.iter().all(is_ascii);
    if encodes && tokens.iter().any(is_address) {
        return None;
    }
    let mut is_encoded_last = false;
    for token in tokens {
        match token {
            Token::Space(space) => words.push_space(space),
            Token::Comment(text) => {
                if is_encoded_last {
                    words.separate();
                }
                comment(words, text)?;
                is_encoded_last = false;
            }
            Token::Word(raw, text) if encodes && !is_encoded(raw) => {
                if !is_encoded_last {
                    words.separate();
                }
                words.push_text(text);
                is_encoded_last = true;
            }
            Token::Word(raw, _) => words.push_literal(raw),
            Token::Angle(_) | Token::Border(_) => {}
        }
    }
    Some(encodes)
}

/// A comment; those in it are told apart (RFC 2047 5 (2)).
pub(super) fn comment(words: &mut Words, text: &str) -> Option<()> {
    if text.is_ascii() {
        let mut rest = text;
        while !rest.is_empty() {
            let (word, behind) = split_at(rest, is_space);
            let (space, behind) = split_at(behind, |c| !is_space(c));
            words.push_literal(word);
            words.push_space(space);
            rest = behind;
        }
        return Some(());
    }
    let mut rest = text;
    while let Some(border) = rest.chars().next() {
        words.push_literal(border.encode_utf8(&mut [0; 4]));
        let mut letters = rest.char_indices().skip(1);
        let (mut said, mut end) = (String::new(), rest.len());
        while let Some((at, letter)) = letters.next() {
            match letter {
                '(' | ')' => {
                    end = at;
                    break;
                }
                '\\' => said.push(letters.next()?.1),
                _ => said.push(letter),
            }
        }
        let raw = rest.get(1..end)?;
        if raw.is_ascii() {
            let inner = raw.trim_matches(is_space);
            words.push_space(split_at(raw, |c| !is_space(c)).0);
            words.push_literal(inner);
            if !inner.is_empty() {
                words.push_space(raw.trim_start_matches(is_space).strip_prefix(inner)?);
            }
        } else {
            let inner = said.trim_matches(is_space);
            words.push_space(split_at(&said, |c| !is_space(c)).0);
            words.push_text(inner);
            words.push_space(said.trim_start_matches(is_space).strip_prefix(inner)?);
        }
        rest = rest.get(end..)?;
    }
    Some(())
}

/// `None` where something that is begun does not end.
pub(super) fn tokens(value: &str) -> Option<Vec<Token<'_>>> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some(first) = rest.chars().next() {
        let (token, behind) = match first {
            ' ' | '\t' => {
                let (space, behind) = split_at(rest, |c| !is_space(c));
                (Token::Space(space), behind)
            }
            '"' => {
                let (raw, said, behind) = quoted_string(rest)?;
                (Token::Word(raw, said), behind)
            }
            '(' => {
                let (raw, behind) = rest.split_at_checked(comment_end(rest)?)?;
                (Token::Comment(raw), behind)
            }
            '<' => {
                let (raw, behind) = rest.split_at_checked(rest.find('>')? + 1)?;
                (Token::Angle(raw), behind)
            }
            ',' | ';' | ':' => {
                let (raw, behind) = rest.split_at_checked(1)?;
                (Token::Border(raw), behind)
            }
            // The address of a host has colons (RFC 5321 4.1.3).
            '[' => {
                let (raw, behind) = rest.split_at_checked(rest.find(']')? + 1)?;
                (Token::Word(raw, raw.to_owned()), behind)
            }
            _ => {
                let ends = |c| is_space(c) || matches!(c, '"' | '(' | '<' | ',' | ';' | ':' | '[');
                let (raw, behind) = split_at(rest, ends);
                (Token::Word(raw, raw.to_owned()), behind)
            }
        };
        found.push(token);
        rest = behind;
    }
    Some(found)
}

/// As it is written, what it says, and the rest.
fn quoted_string(text: &str) -> Option<(&str, String, &str)> {
    let mut said = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                let (raw, behind) = text.split_at_checked(at + 1)?;
                return Some((raw, said, behind));
            }
            '\\' => said.push(letters.next()?.1),
            _ => said.push(letter),
        }
    }
    None
}

fn comment_end(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(at + 1),
            ')' => depth = depth.checked_sub(1)?,
            '\\' => {
                letters.next()?;
            }
            _ => {}
        }
    }
    None
}
