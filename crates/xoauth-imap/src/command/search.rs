//! SEARCH, RFC 9051 6.4.4 and RFC 3501 6.4.4.

use alloc::vec::Vec;
use core::marker::PhantomData;

use super::accepted;
use crate::error::Error;
use crate::parse::Response;
use crate::proto::{Claim, Command, Encoder, Exchange, State};
use crate::types::{ArgumentSink, Query, SeqNo, StatusText, Uid};

/// Which messages of the selected mailbox match a query.
///
/// [`Search::new`] answers unique identifiers (UID SEARCH), which stay what they are;
/// [`Search::sequence_numbers`] answers sequence numbers.
#[derive(Debug, Clone)]
pub struct Search<N = Uid> {
    query: Query,
    found: Vec<u32>,
    numbers: PhantomData<N>,
}

impl Search<Uid> {
    /// UID SEARCH.
    pub fn new(query: impl Into<Query>) -> Self {
        Self { query: query.into(), found: Vec::new(), numbers: PhantomData }
    }
}

impl Search<SeqNo> {
    /// SEARCH.
    pub fn sequence_numbers(query: impl Into<Query>) -> Self {
        Self { query: query.into(), found: Vec::new(), numbers: PhantomData }
    }
}

impl<N> Search<N> {
    fn encode_as(&self, verb: &str, out: &mut Encoder<'_>) -> Result<(), Error> {
        out.raw(verb);
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
    fn hear(&mut self, response: &Response<'_>) -> Claim {
        let Response::Search(found) = response else { return Claim::Pass };
        self.found.extend(found.iter());
        Claim::Mine
    }
}

impl Exchange for Search<Uid> {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        self.encode_as("UID SEARCH", out)
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        Ok(self.hear(response))
    }
}

impl Command for Search<Uid> {
    /// In the order the server told them, which need not be ascending.
    type Output = Vec<Uid>;

    fn finish(self, status: StatusText) -> Result<Vec<Uid>, Error> {
        accepted("UID SEARCH", status)?;
        Ok(self.found.into_iter().filter_map(Uid::new).collect())
    }
}

impl Exchange for Search<SeqNo> {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        self.encode_as("SEARCH", out)
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        Ok(self.hear(response))
    }
}

impl Command for Search<SeqNo> {
    /// In the order the server told them, which need not be ascending.
    type Output = Vec<SeqNo>;

    fn finish(self, status: StatusText) -> Result<Vec<SeqNo>, Error> {
        accepted("SEARCH", status)?;
        Ok(self.found.into_iter().filter_map(SeqNo::new).collect())
    }
}
