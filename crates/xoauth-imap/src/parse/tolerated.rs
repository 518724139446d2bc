//! What a server did wrong without harm.

use alloc::vec::Vec;
use core::fmt;

use super::cursor::{Cursor, Result};
use crate::proto::Limits;

/// The faults of a server that were tolerated, each counted by its kind, the first of them kept.
#[derive(Debug, Clone, Default)]
pub struct Tolerated {
    count: u64,
    responses: u64,
    kinds: Vec<(FaultKind, u64)>,
    last: Option<Fault>,
    first: Vec<Fault>,
    /// No fault, but known to every parser: names of mailboxes are UTF-8 from now on, not modified UTF-7.
    utf8_names: bool,
    /// No fault either.
    unfolded: Unfolded,
}

/// What the values in lists of the response under way take beside their texts.
#[derive(Debug, Clone, Copy)]
struct Unfolded {
    octets: usize,
    most: usize,
}

impl Default for Unfolded {
    fn default() -> Self {
        Self { octets: 0, most: Limits::default().response }
    }
}

/// A fault of a server that did no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// What was wrong.
    pub kind: FaultKind,
    /// Offset in its response.
    pub at: usize,
}

/// The faults that are tolerated, with a server that was seen to have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// A space too many (DavMail, T-Online, imap.qq.com).
    SurplusSpace,
    /// `+` without the space behind it.
    BareContinuation,
    /// A response code without a status word before it (home.pl).
    MissingStatus,
    /// A string that is neither quoted nor a literal.
    UnquotedString,
    /// A mailbox name with characters that need quotes (Exchange Online).
    UnquotedMailbox,
    /// `()` for an empty list of addresses (hydroxide).
    EmptyAddressList,
    /// NIL among the addresses of a list.
    MissingAddress,
    /// A multipart in which there are no parts.
    MultipartWithoutParts,
    /// A body part with one string where its media type and subtype belong.
    MissingSubtype,
    /// A message inside a message, with neither envelope nor structure.
    MissingMessage,
    /// A text without its number of lines.
    MissingLines,
    /// NIL for the encoding of a body part.
    MissingEncoding,
    /// A parameter with NIL for its value, or with none (mail.ru).
    MissingParameterValue,
    /// A size that is no number, such as `-1` (SmarterMail, Exchange) or `9.4e+06` (mail.ru).
    SizeNotNumber,
    /// A string for the disposition of a body part (Exchange 2016).
    DispositionNotList,
    /// A list where a string belongs, of a body part (Exchange Online).
    ListForString,
    /// 0 where the grammar wants a number above it (SmarterMail).
    Zero,
    /// A response code whose arguments break the grammar.
    MalformedCode,
    /// A response whose data breaks the grammar; it is handed on as it is.
    MalformedData,
    /// An item of a FETCH response that breaks the grammar; the items beside it are read.
    MalformedItem,
    /// A FETCH response in which a quotation mark, a parenthesis or an octet of a literal was too few or
    /// too many; the items behind it were found by their names (DavMail).
    LostBalance,
    /// A FETCH response without its last parenthesis.
    UnclosedList,
    /// Something behind the end of a response.
    TrailingOctets,
}

/// How many faults are kept; the others are only counted.
const KEPT: usize = 32;

impl Tolerated {
    /// From now on names of mailboxes are UTF-8 (RFC 6855, RFC 9051), not modified UTF-7, or the other way round.
    pub fn set_utf8_names(&mut self, utf8: bool) {
        self.utf8_names = utf8;
    }

    /// Responses are parsed with it as with this one, and nothing was noted yet.
    pub(crate) fn anew(&self) -> Self {
        let unfolded = Unfolded { octets: 0, ..self.unfolded };
        Self { utf8_names: self.utf8_names, unfolded, ..Self::default() }
    }

    pub(crate) fn has_utf8_names(&self) -> bool {
        self.utf8_names
    }

    /// How many faults there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many responses had a fault.
    pub fn responses(&self) -> u64 {
        self.responses
    }

    /// How many faults of this kind there were.
    pub fn count_of(&self, kind: FaultKind) -> u64 {
        let counted = self.kinds.iter().find(|(counted, _)| *counted == kind);
        counted.map_or(0, |&(_, count)| count)
    }

    /// The kinds of faults there were, in the order they were first met, and how many of each.
    pub fn kinds(&self) -> impl Iterator<Item = (FaultKind, u64)> + '_ {
        self.kinds.iter().copied()
    }

    /// The first 32 of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Fault> + '_ {
        self.first.iter().copied()
    }

    /// The last fault of the response that was just parsed, which counts as one with faults.
    pub(crate) fn end_response(&mut self) -> Option<Fault> {
        let last = self.last.take()?;
        self.responses = self.responses.saturating_add(1);
        Some(last)
    }

    /// So many values of a list, each of which is a `T` once it is kept: that takes more memory than its text.
    #[inline]
    pub(super) fn unfold<T>(&mut self, count: usize, cursor: &Cursor<'_>) -> Result<()> {
        let Unfolded { octets, most } = &mut self.unfolded;
        *octets = octets.saturating_add(count.saturating_mul(size_of::<T>()));
        if *octets > *most {
            return Err(cursor.error("values that take no more than a response may have"));
        }
        Ok(())
    }

    /// The values of a list that is parsed when it is asked for, each of which is a `T` then: no more than the octets
    /// that can stand before one.
    #[inline]
    pub(super) fn unfold_list<T>(&mut self, list: &[u8], cursor: &Cursor<'_>) -> Result<()> {
        let begins = |octet: &&u8| matches!(octet, b' ' | b'"' | b'(' | b'{' | b'.');
        self.unfold::<T>(list.iter().filter(begins).count(), cursor)
    }

    /// The values of a response may take so many octets beside its text from now on.
    pub(crate) fn set_most_unfolded(&mut self, most: usize) {
        self.unfolded.most = most;
    }

    /// Another response is parsed.
    pub(super) fn begin_response(&mut self) {
        self.unfolded.octets = 0;
    }

    /// Octets that the values of the response just parsed take beside its text.
    pub(crate) fn unfolded(&self) -> usize {
        self.unfolded.octets
    }

    #[cold]
    pub(crate) fn record(&mut self, kind: FaultKind, at: usize) {
        self.count = self.count.saturating_add(1);
        match self.kinds.iter_mut().find(|(counted, _)| *counted == kind) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.kinds.push((kind, 1)),
        }
        self.last = Some(Fault { kind, at });
        if self.first.len() < KEPT {
            self.first.push(Fault { kind, at });
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.kind, self.at)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SurplusSpace => "a space too many",
            Self::BareContinuation => "a continuation without its space",
            Self::MissingStatus => "a response code without a status",
            Self::UnquotedString => "a string without quotes",
            Self::UnquotedMailbox => "a mailbox name that needs quotes",
            Self::EmptyAddressList => "an empty list for no address",
            Self::MissingAddress => "no address in a list of them",
            Self::MultipartWithoutParts => "a multipart without parts",
            Self::MissingSubtype => "a body part without its subtype",
            Self::MissingMessage => "a message without its envelope",
            Self::MissingLines => "no number of lines of a text",
            Self::MissingEncoding => "no encoding of a body part",
            Self::MissingParameterValue => "a parameter without a value",
            Self::SizeNotNumber => "a size that is no number",
            Self::DispositionNotList => "a disposition that is no list",
            Self::ListForString => "a list in place of a string",
            Self::Zero => "0 for a number that is never 0",
            Self::MalformedCode => "a malformed response code",
            Self::MalformedData => "malformed response data",
            Self::MalformedItem => "a malformed FETCH item",
            Self::LostBalance => "a FETCH item without its end",
            Self::UnclosedList => "a list without its closing parenthesis",
            Self::TrailingOctets => "octets behind the end of a response",
        })
    }
}
