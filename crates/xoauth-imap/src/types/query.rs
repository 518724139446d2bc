//! Search queries.

mod combine;
#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::num::NonZeroU32;

use xoauth_sasl::wire::{ArgumentFault, InvalidArgument};

use super::section::check_field_name;
use super::{ArgumentSink, Date, Flag, Mailbox, Number, ObjectId, SeqSet, Set, UidSet};

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
    /// Received by the server more than so many seconds ago (WITHIN, RFC 5032).
    Older(NonZeroU32),
    /// Received by the server within so many seconds (WITHIN, RFC 5032).
    Younger(NonZeroU32),
    /// Came into the mailbox before this day (SAVEDATE, RFC 8514).
    SavedBefore(Date),
    /// Came into the mailbox on this day (SAVEDATE, RFC 8514).
    SavedOn(Date),
    /// Came into the mailbox on this day or later (SAVEDATE, RFC 8514).
    SavedSince(Date),
    /// All messages where the mailbox keeps when they came, none else (SAVEDATE, RFC 8514).
    SaveDateSupported,
    /// The message of this identifier (OBJECTID, RFC 8474).
    EmailId(ObjectId),
    /// Messages of this conversation (OBJECTID, RFC 8474).
    ThreadId(ObjectId),
    /// A search in Gmail's own language: `has:attachment in:unread`.
    GmailRaw(String),
    /// The message of this number of Gmail's.
    GmailMessageId(u64),
    /// Messages of this conversation of Gmail's.
    GmailThreadId(u64),
    /// Messages with this label of Gmail's.
    GmailLabel(Mailbox),
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
            | Self::GmailRaw(text)
            | Self::Header(_, text) => !text.is_ascii(),
            Self::Combined(Combined(tokens)) => {
                tokens.iter().any(|token| matches!(token, Token::Key(key) if key.needs_charset()))
            }
            _ => false,
        }
    }

    /// The capabilities that a server must offer to know the keys.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.keys().filter_map(Self::capability)
    }

    /// The keys, none of which is combined.
    fn keys(&self) -> impl Iterator<Item = &Self> {
        let tokens = match self {
            Self::Combined(Combined(tokens)) => tokens.as_slice(),
            _ => &[],
        };
        let single = (!matches!(self, Self::Combined(_))).then_some(self);
        let combined = tokens.iter().filter_map(|token| match token {
            Token::Key(key) => Some(key),
            _ => None,
        });
        single.into_iter().chain(combined)
    }

    /// Some key names messages by sequence number.
    pub(crate) fn has_sequence_numbers(&self) -> bool {
        self.keys().any(|key| matches!(key, Self::Seq(set) if !set.is_saved_search()))
    }

    /// It means the same in another session while UIDVALIDITY stays what it is: it names no messages by sequence
    /// number and not what a search kept.
    pub(crate) fn is_lasting(&self) -> bool {
        !self.keys().any(|key| match key {
            Self::Seq(_) => true,
            Self::Uid(set) => set.is_saved_search(),
            _ => false,
        })
    }

    fn capability(&self) -> Option<&'static str> {
        Some(match self {
            Self::Older(_) | Self::Younger(_) => "WITHIN",
            Self::SavedBefore(_)
            | Self::SavedOn(_)
            | Self::SavedSince(_)
            | Self::SaveDateSupported => "SAVEDATE",
            Self::EmailId(_) | Self::ThreadId(_) => "OBJECTID",
            Self::GmailRaw(_)
            | Self::GmailMessageId(_)
            | Self::GmailThreadId(_)
            | Self::GmailLabel(_) => "X-GM-EXT-1",
            Self::ModSeq(_) => "CONDSTORE",
            Self::Uid(set) if set.is_saved_search() => "SEARCHRES",
            Self::Seq(set) if set.is_saved_search() => "SEARCHRES",
            _ => return None,
        })
    }

    /// Writes the query as arguments of SEARCH.
    ///
    /// # Errors
    /// The name of a header field that cannot be one, or a flag that is neither a system flag nor a
    /// keyword.
    pub fn encode(&self, out: &mut dyn ArgumentSink) -> Result<(), InvalidArgument> {
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

    fn encode_key(&self, out: &mut dyn ArgumentSink) -> Result<(), InvalidArgument> {
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
                check_set(set)?;
                out.raw("UID ");
                set.encode(out);
            }
            Self::Seq(set) => {
                check_set(set)?;
                set.encode(out);
            }
            Self::Older(seconds) => value("OLDER", seconds, out),
            Self::Younger(seconds) => value("YOUNGER", seconds, out),
            Self::SavedBefore(date) => value("SAVEDBEFORE", date, out),
            Self::SavedOn(date) => value("SAVEDON", date, out),
            Self::SavedSince(date) => value("SAVEDSINCE", date, out),
            Self::SaveDateSupported => out.raw("SAVEDATESUPPORTED"),
            Self::EmailId(id) => value("EMAILID", id, out),
            Self::ThreadId(id) => value("THREADID", id, out),
            Self::GmailRaw(raw) => text("X-GM-RAW", raw, out),
            Self::GmailMessageId(id) => value("X-GM-MSGID", id, out),
            Self::GmailThreadId(id) => value("X-GM-THRID", id, out),
            Self::GmailLabel(label) => {
                out.raw("X-GM-LABELS ");
                label.encode(out);
            }
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

    /// A single key is itself.
    pub(super) fn from_tokens(mut tokens: Vec<Token>) -> Self {
        match tokens.pop() {
            Some(Token::Key(key)) if tokens.is_empty() => key,
            last => {
                tokens.extend(last);
                Self::Combined(Combined(tokens))
            }
        }
    }
}

fn check_set<T: Number>(set: &Set<T>) -> Result<(), InvalidArgument> {
    if set.can_be_sent() { Ok(()) } else { Err(unfit("", "$ alone, or numbers alone")) }
}

fn unfit(text: &str, expected: &'static str) -> InvalidArgument {
    InvalidArgument::new("query", text, ArgumentFault::unfit(expected))
}

/// System flags have words of their own, RFC 9051 6.4.4.
fn encode_flag(flag: &Flag, has: bool, out: &mut dyn ArgumentSink) -> Result<(), InvalidArgument> {
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
        _ => return Err(unfit(flag.as_str(), "a flag that a search key is about")),
    };
    out.raw(if has { with } else { without });
    Ok(())
}
