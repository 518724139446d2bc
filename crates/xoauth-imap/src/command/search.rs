//! SEARCH, RFC 9051 6.4.4 and RFC 3501 6.4.4.

use alloc::vec::Vec;
use core::marker::PhantomData;
use core::num::NonZeroU32;

use super::accepted;
use crate::error::Error;
use crate::parse::Response;
use crate::proto::{Claim, Command, Encoder, Exchange, State};
use crate::types::{ArgumentSink, Number, Query, SeqNo, StatusText, Uid};

/// Which messages of the selected mailbox match a query.
///
/// [`Search::new`] answers unique identifiers (UID SEARCH), which stay what they are;
/// [`Search::sequence_numbers`] answers sequence numbers.
#[derive(Debug, Clone)]
pub struct Search<N = Uid> {
    verb: &'static str,
    query: Query,
    found: Vec<u32>,
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
        Self { verb, query, found: Vec::new(), numbers: PhantomData }
    }
}

impl<N: Number> Exchange for Search<N> {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.raw(self.verb);
        // RFC 9051 makes UTF-8 the default; RFC 3501 servers must be told, and US-ASCII needs no word.
        if self.query.needs_charset() {
            out.raw(" CHARSET UTF-8");
        }
        out.raw(" ");
        self.query
            .encode(out)
            .map_err(|reason| Error::InvalidArgument { argument: "query", reason })
    }

    /// Exchange sends several SEARCH responses for one command; their numbers are taken together.
    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::Search(found) = response else { return Ok(Claim::Pass) };
        self.found.extend(found.iter());
        Ok(Claim::Mine)
    }
}

impl<N: Number> Command for Search<N> {
    /// In the order the server told them, which need not be ascending.
    type Output = Vec<N>;

    fn finish(self, status: StatusText) -> Result<Vec<N>, Error> {
        accepted(self.verb, status)?;
        Ok(self.found.into_iter().filter_map(NonZeroU32::new).map(N::from).collect())
    }
}
