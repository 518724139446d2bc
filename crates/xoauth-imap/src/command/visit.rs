//! Answers looked at where they are: nothing is copied.

use super::{Fetch, List, accepted};
use crate::error::Error;
use crate::parse::{FetchRef, ListRef, Response};
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, Leaves, State};
use crate::types::StatusText;

/// Reads messages without owning them: [`Fetch::for_each`].
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct ForEach<F> {
    fetch: Fetch,
    visit: F,
    count: u64,
}

impl<F> ForEach<F> {
    pub(super) fn new(fetch: Fetch, visit: F) -> Self {
        Self { fetch, visit, count: 0 }
    }
}

impl<F: FnMut(&FetchRef<'_>) + Send> Exchange for ForEach<F> {
    fn footprint(&self) -> Footprint<'_> {
        self.fetch.footprint()
    }

    fn leaves(&self) -> Leaves {
        self.fetch.leaves()
    }

    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        self.fetch.encode(out, state)
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::Fetch(fetch) = response else { return Ok(Claim::Pass) };
        if !self.fetch.is_answer(fetch) {
            return Ok(Claim::Pass);
        }
        (self.visit)(fetch);
        self.count += 1;
        Ok(Claim::Mine)
    }
}

impl<F: FnMut(&FetchRef<'_>) + Send> Command for ForEach<F> {
    /// How many responses there were.
    type Output = u64;

    fn finish(self, status: StatusText) -> Result<u64, Error> {
        accepted("FETCH", status).map(|_| self.count)
    }
}

/// Lists mailboxes without owning them: [`List::for_each`].
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct ForEachMailbox<F> {
    list: List,
    visit: F,
    count: u64,
}

impl<F> ForEachMailbox<F> {
    pub(super) fn new(list: List, visit: F) -> Self {
        Self { list, visit, count: 0 }
    }
}

impl<F: FnMut(&ListRef<'_>) + Send> Exchange for ForEachMailbox<F> {
    fn footprint(&self) -> Footprint<'_> {
        self.list.footprint()
    }

    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        self.list.encode(out, state)
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::List(entry) = response else { return self.list.on_untagged(response) };
        (self.visit)(entry);
        self.count += 1;
        Ok(Claim::Mine)
    }
}

impl<F: FnMut(&ListRef<'_>) + Send> Command for ForEachMailbox<F> {
    /// How many mailboxes there are.
    type Output = u64;

    fn finish(self, status: StatusText) -> Result<u64, Error> {
        accepted("LIST", status).map(|_| self.count)
    }
}
