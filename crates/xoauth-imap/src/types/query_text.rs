//! Search queries from the text of the grammar.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU32;
use core::str::FromStr;

use super::query::Token;
use super::{Date, Flag, Number, ObjectId, Query, Set};
use crate::parse::Cursor;

/// Text that is no query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryError {
    /// What was expected.
    pub expected: &'static str,
    /// Offset in the text.
    pub at: usize,
}

/// What a key that was begun still needs.
enum Open {
    /// Keys, up to the closing parenthesis or the end.
    List { keys: usize },
    /// This many keys.
    Keys(u8),
}

impl FromStr for Query {
    type Err = QueryError;

    /// `search-key *(SP search-key)`, RFC 9051 9: `UNSEEN OR FROM "Smith" SUBJECT hello`. Text is UTF-8.
    fn from_str(text: &str) -> Result<Self, QueryError> {
        let mut cursor = Cursor::of(text.as_bytes());
        let error = |cursor: &Cursor<'_>, expected| QueryError { expected, at: cursor.position() };
        let mut tokens = Vec::from([Token::Open]);
        let mut open = Vec::from([Open::List { keys: 0 }]);
        loop {
            while cursor.eat(b' ') {}
            if cursor.eat(b'(') {
                tokens.push(Token::Open);
                open.push(Open::List { keys: 0 });
                continue;
            }
            let closes = cursor.eat(b')');
            if closes || cursor.is_empty() {
                // The list around all is closed by the end of the text, the others by a parenthesis.
                let outermost = open.len() == 1;
                let keys = match open.pop() {
                    Some(Open::List { keys: keys @ 1.. }) => keys,
                    _ => return Err(error(&cursor, "a search key")),
                };
                if closes == outermost {
                    return Err(error(&cursor, "as many closing parentheses as opening ones"));
                }
                tokens.push(Token::Close);
                if outermost {
                    return Ok(whole(tokens, keys));
                }
            } else {
                match token(&mut cursor).map_err(|expected| error(&cursor, expected))? {
                    Token::Or => {
                        tokens.push(Token::Or);
                        open.push(Open::Keys(2));
                        continue;
                    }
                    Token::Not => {
                        tokens.push(Token::Not);
                        open.push(Open::Keys(1));
                        continue;
                    }
                    key => tokens.push(key),
                }
            }
            // A key is complete, and with it the operators that waited for it.
            loop {
                match open.last_mut() {
                    Some(Open::Keys(1)) => {
                        open.pop();
                    }
                    Some(Open::Keys(left)) => {
                        *left -= 1;
                        break;
                    }
                    Some(Open::List { keys }) => {
                        *keys += 1;
                        break;
                    }
                    None => break,
                }
            }
        }
    }
}

/// What stands in the outermost list, which has no parentheses of its own in the text.
fn whole(mut tokens: Vec<Token>, keys: usize) -> Query {
    if keys == 1 {
        tokens.pop();
        tokens.remove(0);
    }
    Query::from_tokens(tokens)
}

/// One `search-key` without the keys inside it, or the operator it begins with.
fn token(cursor: &mut Cursor<'_>) -> Result<Token, &'static str> {
    let start = *cursor;
    if cursor.peek().is_some_and(|octet| octet.is_ascii_digit() || matches!(octet, b'*' | b'$')) {
        return set(cursor).map(Query::Seq).map(Token::Key);
    }
    let word = cursor.take_while(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    let word = word.to_ascii_uppercase();
    let has = |flag| Ok(Query::Has(flag));
    let lacks = |flag| Ok(Query::Lacks(flag));
    let key = match &*word {
        b"OR" => return Ok(Token::Or),
        b"NOT" => return Ok(Token::Not),
        b"ALL" => Ok(Query::All),
        b"NEW" => Ok(Query::New),
        b"SEEN" => has(Flag::Seen),
        b"ANSWERED" => has(Flag::Answered),
        b"FLAGGED" => has(Flag::Flagged),
        b"DELETED" => has(Flag::Deleted),
        b"DRAFT" => has(Flag::Draft),
        b"RECENT" => has(Flag::Recent),
        b"UNSEEN" => lacks(Flag::Seen),
        b"UNANSWERED" => lacks(Flag::Answered),
        b"UNFLAGGED" => lacks(Flag::Flagged),
        b"UNDELETED" => lacks(Flag::Deleted),
        b"UNDRAFT" => lacks(Flag::Draft),
        b"OLD" => lacks(Flag::Recent),
        b"KEYWORD" => keyword(cursor).map(Query::Has),
        b"UNKEYWORD" => keyword(cursor).map(Query::Lacks),
        b"BEFORE" => date(cursor).map(Query::Before),
        b"ON" => date(cursor).map(Query::On),
        b"SINCE" => date(cursor).map(Query::Since),
        b"SENTBEFORE" => date(cursor).map(Query::SentBefore),
        b"SENTON" => date(cursor).map(Query::SentOn),
        b"SENTSINCE" => date(cursor).map(Query::SentSince),
        b"LARGER" => number(cursor).map(Query::Larger),
        b"SMALLER" => number(cursor).map(Query::Smaller),
        b"MODSEQ" => number(cursor).map(Query::ModSeq),
        b"OLDER" => seconds(cursor).map(Query::Older),
        b"YOUNGER" => seconds(cursor).map(Query::Younger),
        b"SAVEDBEFORE" => date(cursor).map(Query::SavedBefore),
        b"SAVEDON" => date(cursor).map(Query::SavedOn),
        b"SAVEDSINCE" => date(cursor).map(Query::SavedSince),
        b"SAVEDATESUPPORTED" => Ok(Query::SaveDateSupported),
        b"EMAILID" => object_id(cursor).map(Query::EmailId),
        b"THREADID" => object_id(cursor).map(Query::ThreadId),
        b"X-GM-RAW" => string(cursor).map(Query::GmailRaw),
        b"X-GM-MSGID" => number(cursor).map(Query::GmailMessageId),
        b"X-GM-THRID" => number(cursor).map(Query::GmailThreadId),
        b"X-GM-LABELS" => string(cursor).map(|label| Query::GmailLabel(label.into())),
        b"FROM" => string(cursor).map(Query::From),
        b"TO" => string(cursor).map(Query::To),
        b"CC" => string(cursor).map(Query::Cc),
        b"BCC" => string(cursor).map(Query::Bcc),
        b"SUBJECT" => string(cursor).map(Query::Subject),
        b"BODY" => string(cursor).map(Query::Body),
        b"TEXT" => string(cursor).map(Query::Text),
        b"HEADER" => {
            string(cursor).and_then(|name| string(cursor).map(|text| Query::Header(name, text)))
        }
        b"UID" => space(cursor).and_then(|()| set(cursor)).map(Query::Uid),
        _ => {
            *cursor = start;
            Err("a search key")
        }
    };
    let key = key?;
    match cursor.peek() {
        None | Some(b' ' | b')') => Ok(Token::Key(key)),
        Some(_) => Err("a space"),
    }
}

fn space(cursor: &mut Cursor<'_>) -> Result<(), &'static str> {
    if cursor.eat(b' ') { Ok(()) } else { Err("a space") }
}

fn string(cursor: &mut Cursor<'_>) -> Result<String, &'static str> {
    space(cursor)?;
    let text = cursor.astring().map_err(|_| "a string")?;
    String::from_utf8(text.to_vec()).map_err(|_| "a string")
}

/// What stands before the next space or parenthesis.
fn word<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, &'static str> {
    space(cursor)?;
    let word = cursor.take_while(|octet| !matches!(octet, b' ' | b'(' | b')'));
    core::str::from_utf8(word).map_err(|_| "a word")
}

fn keyword(cursor: &mut Cursor<'_>) -> Result<Flag, &'static str> {
    Flag::keyword(word(cursor)?).map_err(|_| "a keyword")
}

fn date(cursor: &mut Cursor<'_>) -> Result<Date, &'static str> {
    let word = word(cursor)?;
    let date = word.strip_prefix('"').and_then(|word| word.strip_suffix('"')).unwrap_or(word);
    date.parse().map_err(|_| "a date such as 1-Feb-1994")
}

fn number(cursor: &mut Cursor<'_>) -> Result<u64, &'static str> {
    space(cursor)?;
    cursor.number64().map_err(|_| "a number")
}

fn seconds(cursor: &mut Cursor<'_>) -> Result<NonZeroU32, &'static str> {
    let number = number(cursor)?;
    u32::try_from(number).ok().and_then(NonZeroU32::new).ok_or("a number of seconds")
}

fn object_id(cursor: &mut Cursor<'_>) -> Result<ObjectId, &'static str> {
    ObjectId::new(word(cursor)?).ok_or("an object identifier")
}

fn set<T: Number>(cursor: &mut Cursor<'_>) -> Result<Set<T>, &'static str> {
    let word = cursor.take_while(|octet| !matches!(octet, b' ' | b'(' | b')'));
    let set = core::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
    set.ok_or("a set of message numbers such as 1:4,7,9:*")
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid query at offset {}, expected {}", self.at, self.expected)
    }
}

impl core::error::Error for QueryError {}
