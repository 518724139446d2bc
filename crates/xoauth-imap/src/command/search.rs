//! SEARCH, RFC 9051 6.4.4 and RFC 3501 6.4.4.

use alloc::string::String;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::num::NonZeroU32;

use super::accepted;
use crate::error::Error;
use crate::parse::{EsearchRef, Response};
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, LimitKind, State};
use crate::types::{ArgumentSink, Number, Query, SeqNo, StatusText, Uid};

/// Which messages of the selected mailbox match a query.
///
/// [`Search::new`] answers unique identifiers (UID SEARCH), which stay what they are;
/// [`Search::sequence_numbers`] answers sequence numbers.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Search<N = Uid> {
    verb: &'static str,
    query: Query,
    found: Vec<u32>,
    tag: String,
    /// How many numbers may be kept.
    most: usize,
    numbers: PhantomData<N>,
}

impl Search<Uid> {
    /// UID SEARCH.
    pub fn new(query: impl Into<Query>) -> Self {
        Self::with("UID SEARCH", query.into())
    }
}

impl Search<SeqNo> {
    /// SEARCH.
    pub fn sequence_numbers(query: impl Into<Query>) -> Self {
        Self::with("SEARCH", query.into())
    }
}

impl<N> Search<N> {
    fn with(verb: &'static str, query: Query) -> Self {
        Self { verb, query, found: Vec::new(), tag: String::new(), most: 0, numbers: PhantomData }
    }
}

impl<N: Number> Exchange for Search<N> {
    fn footprint(&self) -> Footprint<'_> {
        match (self.verb, self.query.has_sequence_numbers()) {
            ("UID SEARCH", false) => Footprint::Data("SEARCH"),
            // The server may renumber the messages while it searches by them.
            ("UID SEARCH", true) => Footprint::Alone,
            _ => Footprint::NumberedData("SEARCH"),
        }
    }

    /// Sequence numbers mean other messages once the mailbox changed; unique identifiers do not.
    fn is_repeatable(&self) -> bool {
        self.verb == "UID SEARCH" && self.query.is_lasting()
    }

    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        self.most = state.limits().response / size_of::<u32>();
        out.needs_mailbox("SEARCH")?;
        self.tag = out.tag().into();
        out.raw(self.verb);
        encode_query("SEARCH", &self.query, true, out)
    }

    /// Exchange sends several SEARCH responses for one command; their numbers are taken together.
    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        match response {
            // It comes in pieces, so that no more than one of them is too much.
            Response::Search(found) => {
                self.found.extend(found.iter());
                if self.found.len() > self.most {
                    return Err(Error::Limit { kind: LimitKind::Response });
                }
            }
            Response::Esearch(EsearchRef { tag: Some(tag), .. })
                if *tag.cow() != *self.tag.as_bytes() =>
            {
                return Ok(Claim::Pass);
            }
            Response::Esearch(told) if names_others(told, self.verb == "UID SEARCH") => {
                return Ok(Claim::Spoilt);
            }
            // IMAP4rev2 has no other (RFC 9051, 6.4.4). Ranges become numbers here, within a limit.
            Response::Esearch(EsearchRef { all: Some(all), .. }) => {
                for (from, to) in all.ranges() {
                    let span = (to.get() - from.get()) as usize;
                    if self.found.len().saturating_add(span) >= self.most {
                        return Err(Error::Limit { kind: LimitKind::Response });
                    }
                    self.found.extend(from.get()..=to.get());
                }
            }
            Response::Esearch(_) => {}
            _ => return Ok(spoilt_or_news(response, &["SEARCH", "ESEARCH"])),
        }
        Ok(Claim::Mine)
    }
}

/// The numbers are unique identifiers where sequence numbers were asked for, or the other way round: `UID` tells it and
/// must be there (RFC 4731 3.1). Who took them for what was asked for would change other messages. Where nothing was
/// found, or messages were only counted, it does not matter (Cyrus 2.4 leaves it out then).
pub(super) fn names_others(told: &EsearchRef<'_>, by_uid: bool) -> bool {
    let part = told.partial.is_some_and(|part| part.numbers.is_some());
    let has_numbers = told.all.is_some() || told.min.is_some() || told.max.is_some() || part;
    has_numbers && told.uid != by_uid
}

/// Whose a response is that was not read as one of these. If it has one of their names, it should have been one, and
/// what it tells is lost: otherwise the answer would lack a part, and nobody would see that.
pub(super) fn spoilt_or_news(response: &Response<'_>, names: &[&str]) -> Claim {
    match response {
        Response::Other { name, .. }
            if names.iter().any(|own| name.eq_ignore_ascii_case(own.as_bytes())) =>
        {
            Claim::Spoilt
        }
        _ => Claim::Pass,
    }
}

/// `[SP "CHARSET" SP charset] SP search-key`, RFC 9051 9, where the server knows the keys.
pub(super) fn encode_query(
    command: &'static str,
    query: &Query,
    charset: bool,
    out: &mut Encoder<'_>,
) -> Result<(), Error> {
    for capability in query.needs() {
        out.needs(command, &[capability])?;
    }
    // RFC 9051 makes UTF-8 the default; RFC 3501 servers must be told, and US-ASCII needs no word. Once
    // UTF8=ACCEPT is enabled the word is an error (RFC 6855, 3).
    if charset && query.needs_charset() && !out.takes_utf8() {
        out.raw(" CHARSET UTF-8");
    }
    out.raw(" ");
    Ok(query.encode(out)?)
}

impl<N: Number> Command for Search<N> {
    /// In the order the server told them, which need not be ascending.
    type Output = Vec<N>;

    fn finish(self, status: StatusText) -> Result<Vec<N>, Error> {
        accepted(self.verb, status)?;
        Ok(self.found.into_iter().filter_map(NonZeroU32::new).map(N::from).collect())
    }
}
