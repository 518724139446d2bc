//! Search queries.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::{BitAnd, BitOr, Not};

use super::section::check_field_name;
use super::{ArgumentSink, Date, Flag, SeqSet, UidSet};

/// `search-key`, RFC 9051 6.4.4 and 9: which messages to look for.
///
/// Keys are combined with `&`, `|` and `!`, to any depth. Converts from the text of the grammar:
/// `"UNSEEN SINCE 1-Feb-1994".parse()`.
///
/// ```
/// use xoauth_imap::{Date, Flag, Query};
///
/// let since = Query::Since(Date::new(1994, 2, 1)?);
/// let query = since & !Query::from_contains("Smith") & Query::Has(Flag::Deleted);
/// # let _ = query;
/// # Ok::<(), xoauth_imap::DateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Query {
    /// All messages.
    All,
    /// Messages with the flag: SEEN, KEYWORD and the like.
    Has(Flag),
    /// Messages without the flag: UNSEEN, UNKEYWORD and the like.
    Lacks(Flag),
    /// NEW: \Recent and not \Seen (RFC 3501).
    New,
    /// Received by the server before this day.
    Before(Date),
    /// Received by the server on this day.
    On(Date),
    /// Received by the server on this day or later.
    Since(Date),
    /// Sent, by its Date field, before this day.
    SentBefore(Date),
    /// Sent, by its Date field, on this day.
    SentOn(Date),
    /// Sent, by its Date field, on this day or later.
    SentSince(Date),
    /// Larger than this many octets.
    Larger(u64),
    /// Smaller than this many octets.
    Smaller(u64),
    /// The text stands in the From field.
    From(String),
    /// The text stands in the To field.
    To(String),
    /// The text stands in the Cc field.
    Cc(String),
    /// The text stands in the Bcc field.
    Bcc(String),
    /// The text stands in the Subject field.
    Subject(String),
    /// The text stands in the body.
    Body(String),
    /// The text stands in the header or the body.
    Text(String),
    /// The text, which may be empty, stands in the header field of this name.
    Header(String, String),
    /// Messages by unique identifier.
    Uid(UidSet),
    /// Messages by sequence number.
    Seq(SeqSet),
    /// Changed at this modification sequence or later (RFC 7162).
    ModSeq(u64),
    /// Several keys combined: made by the operators, [`Query::all_of`] and [`Query::any_of`].
    Combined(Combined),
}

/// Keys combined, in the order they are written: operators before what they apply to. Flat, so that
/// nothing about it is recursive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combined(Vec<Token>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Never itself combined.
    Key(Query),
    Or,
    Not,
    Open,
    Close,
}

impl Query {
    /// The text stands in the Subject field.
    pub fn subject(text: impl Into<String>) -> Self {
        Self::Subject(text.into())
    }

    /// The text stands in the From field.
    pub fn from_contains(text: impl Into<String>) -> Self {
        Self::From(text.into())
    }

    /// The text stands in the To field.
    pub fn to_contains(text: impl Into<String>) -> Self {
        Self::To(text.into())
    }

    /// The text stands in the header or the body.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The text stands in the body.
    pub fn body(text: impl Into<String>) -> Self {
        Self::Body(text.into())
    }

    /// The text stands in the header field of this name; an empty text asks whether the field is there.
    pub fn header(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Header(name.into(), text.into())
    }

    /// Messages that are not read.
    pub fn unseen() -> Self {
        Self::Lacks(Flag::Seen)
    }

    /// Messages that every key matches; all messages where there is no key.
    pub fn all_of(keys: impl IntoIterator<Item = Self>) -> Self {
        let mut keys = keys.into_iter();
        let Some(first) = keys.next() else { return Self::All };
        keys.fold(first, |all, key| all & key)
    }

    /// Messages that some key matches; no message where there is no key.
    pub fn any_of(keys: impl IntoIterator<Item = Self>) -> Self {
        let keys: Vec<Vec<Token>> = keys.into_iter().map(Self::into_tokens).collect();
        let count = keys.len();
        let mut tokens = Vec::new();
        for (index, key) in keys.into_iter().enumerate() {
            // `OR` takes two keys, the second of which may be another `OR`.
            if index + 1 < count {
                tokens.push(Token::Or);
            }
            tokens.extend(key);
        }
        if tokens.is_empty() { !Self::All } else { Self::from_tokens(tokens) }
    }

    /// Some text is not ASCII, so that a server of RFC 3501 must be told the charset.
    pub fn needs_charset(&self) -> bool {
        match self {
            Self::From(text)
            | Self::To(text)
            | Self::Cc(text)
            | Self::Bcc(text)
            | Self::Subject(text)
            | Self::Body(text)
            | Self::Text(text)
            | Self::Header(_, text) => !text.is_ascii(),
            Self::Combined(Combined(tokens)) => {
                tokens.iter().any(|token| matches!(token, Token::Key(key) if key.needs_charset()))
            }
            _ => false,
        }
    }

    /// Writes the query as arguments of SEARCH.
    ///
    /// # Errors
    /// The name of a header field that cannot be one, or a flag that is neither a system flag nor a
    /// keyword.
    pub fn encode(&self, out: &mut dyn ArgumentSink) -> Result<(), &'static str> {
        let Self::Combined(Combined(tokens)) = self else { return self.encode_key(out) };
        // The keys of the outermost list need no parentheses.
        let tokens = match tokens.as_slice() {
            [Token::Open, keys @ .., Token::Close] => keys,
            key => key,
        };
        let mut first = true;
        for token in tokens {
            if !first && *token != Token::Close {
                out.raw(" ");
            }
            first = *token == Token::Open;
            match token {
                Token::Key(key) => key.encode_key(out)?,
                Token::Or => out.raw("OR"),
                Token::Not => out.raw("NOT"),
                Token::Open => out.raw("("),
                Token::Close => out.raw(")"),
            }
        }
        Ok(())
    }

    fn encode_key(&self, out: &mut dyn ArgumentSink) -> Result<(), &'static str> {
        let text = |word: &str, text: &str, out: &mut dyn ArgumentSink| {
            out.raw(word);
            out.raw(" ");
            out.astring(text.as_bytes());
        };
        let value = |word: &str, value: &dyn core::fmt::Display, out: &mut dyn ArgumentSink| {
            out.raw(&alloc::format!("{word} {value}"));
        };
        match self {
            Self::All => out.raw("ALL"),
            Self::New => out.raw("NEW"),
            Self::Has(flag) => encode_flag(flag, true, out)?,
            Self::Lacks(flag) => encode_flag(flag, false, out)?,
            Self::Before(date) => value("BEFORE", date, out),
            Self::On(date) => value("ON", date, out),
            Self::Since(date) => value("SINCE", date, out),
            Self::SentBefore(date) => value("SENTBEFORE", date, out),
            Self::SentOn(date) => value("SENTON", date, out),
            Self::SentSince(date) => value("SENTSINCE", date, out),
            Self::Larger(octets) => value("LARGER", octets, out),
            Self::Smaller(octets) => value("SMALLER", octets, out),
            Self::From(from) => text("FROM", from, out),
            Self::To(to) => text("TO", to, out),
            Self::Cc(cc) => text("CC", cc, out),
            Self::Bcc(bcc) => text("BCC", bcc, out),
            Self::Subject(subject) => text("SUBJECT", subject, out),
            Self::Body(body) => text("BODY", body, out),
            Self::Text(any) => text("TEXT", any, out),
            Self::Header(name, contained) => {
                check_field_name(name)?;
                text("HEADER", name, out);
                out.raw(" ");
                out.astring(contained.as_bytes());
            }
            Self::Uid(set) => {
                out.raw("UID ");
                set.encode(out);
            }
            Self::Seq(set) => set.encode(out),
            Self::ModSeq(number) => value("MODSEQ", number, out),
            // Tokens are never combined.
            Self::Combined(_) => {}
        }
        Ok(())
    }

    fn into_tokens(self) -> Vec<Token> {
        match self {
            Self::Combined(Combined(tokens)) => tokens,
            key => Vec::from([Token::Key(key)]),
        }
    }

    pub(super) fn from_tokens(tokens: Vec<Token>) -> Self {
        Self::Combined(Combined(tokens))
    }
}

/// System flags have words of their own, RFC 9051 6.4.4.
fn encode_flag(flag: &Flag, has: bool, out: &mut dyn ArgumentSink) -> Result<(), &'static str> {
    let (with, without) = match flag {
        Flag::Seen => ("SEEN", "UNSEEN"),
        Flag::Answered => ("ANSWERED", "UNANSWERED"),
        Flag::Flagged => ("FLAGGED", "UNFLAGGED"),
        Flag::Deleted => ("DELETED", "UNDELETED"),
        Flag::Draft => ("DRAFT", "UNDRAFT"),
        Flag::Recent => ("RECENT", "OLD"),
        // A server may have told a keyword that is no atom.
        Flag::Keyword(_) if Flag::keyword(flag.as_str()).is_ok() => {
            out.raw(if has { "KEYWORD " } else { "UNKEYWORD " });
            out.raw(flag.as_str());
            return Ok(());
        }
        _ => return Err("no search key is about this flag"),
    };
    out.raw(if has { with } else { without });
    Ok(())
}

impl BitAnd for Query {
    type Output = Self;

    /// Messages that both match.
    fn bitand(self, other: Self) -> Self {
        let mut tokens = self.into_tokens();
        // A list takes another key at its end; anything else becomes the first key of a list.
        if tokens.first() == Some(&Token::Open) {
            tokens.pop();
        } else {
            tokens.insert(0, Token::Open);
        }
        tokens.extend(other.into_tokens());
        tokens.push(Token::Close);
        Self::from_tokens(tokens)
    }
}

impl BitOr for Query {
    type Output = Self;

    /// Messages that one of them matches, or both.
    fn bitor(self, other: Self) -> Self {
        Self::any_of([self, other])
    }
}

impl Not for Query {
    type Output = Self;

    /// Messages that it does not match.
    fn not(self) -> Self {
        let mut tokens = self.into_tokens();
        if tokens.first() == Some(&Token::Not) {
            tokens.remove(0);
            return match <[Token; 1]>::try_from(tokens) {
                Ok([Token::Key(key)]) => key,
                Ok([token]) => Self::from_tokens(Vec::from([token])),
                Err(tokens) => Self::from_tokens(tokens),
            };
        }
        tokens.insert(0, Token::Not);
        Self::from_tokens(tokens)
    }
}

impl From<UidSet> for Query {
    fn from(set: UidSet) -> Self {
        Self::Uid(set)
    }
}

impl From<SeqSet> for Query {
    fn from(set: SeqSet) -> Self {
        Self::Seq(set)
    }
}
