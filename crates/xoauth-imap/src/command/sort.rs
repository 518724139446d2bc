//! SORT and THREAD, RFC 5256.

use alloc::vec::Vec;
use core::marker::PhantomData;
use core::num::NonZeroU32;

use super::{
    accepted,
    search::{encode_query, spoilt_or_news},
};
use crate::error::Error;
use crate::parse::Response;
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, State};
use crate::types::{ArgumentSink, Number, Query, SeqNo, StatusText, Threads, Uid};

/// `sort-key`, RFC 5256 3 (DISPLAYFROM and DISPLAYTO: RFC 5957): what messages are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SortKey {
    /// When the server received them.
    Arrival,
    /// The first address of Cc.
    Cc,
    /// When they were sent, by their Date field.
    Date,
    /// The first address of From.
    From,
    /// Their size.
    Size,
    /// Their base subject, without `Re:`.
    Subject,
    /// The first address of To.
    To,
    /// The name shown for From (SORT=DISPLAY).
    DisplayFrom,
    /// The name shown for To (SORT=DISPLAY).
    DisplayTo,
}

/// A sort key, and which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SortOrder {
    key: SortKey,
    reverse: bool,
}

impl SortKey {
    /// From the highest to the lowest.
    pub fn reversed(self) -> SortOrder {
        SortOrder { key: self, reverse: true }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Arrival => "ARRIVAL",
            Self::Cc => "CC",
            Self::Date => "DATE",
            Self::From => "FROM",
            Self::Size => "SIZE",
            Self::Subject => "SUBJECT",
            Self::To => "TO",
            Self::DisplayFrom => "DISPLAYFROM",
            Self::DisplayTo => "DISPLAYTO",
        }
    }
}

impl From<SortKey> for SortOrder {
    fn from(key: SortKey) -> Self {
        Self { key, reverse: false }
    }
}

/// `SP "(" sort-criterion *(SP sort-criterion) ")"`, RFC 5256 5.
pub(super) fn encode_order(order: &[SortOrder], out: &mut Encoder<'_>) -> Result<(), Error> {
    if order.is_empty() {
        return Err(Error::unfit("order", "", "a key to sort by"));
    }
    for (index, SortOrder { key, reverse }) in order.iter().enumerate() {
        if matches!(key, SortKey::DisplayFrom | SortKey::DisplayTo) {
            out.needs("SORT by names", &["SORT=DISPLAY"])?;
        }
        out.raw(if index == 0 { " (" } else { " " });
        out.raw(if *reverse { "REVERSE " } else { "" });
        out.raw(key.as_str());
    }
    out.raw(")");
    Ok(())
}

/// During either command the server may renumber the messages (RFC 9051, 7.5.1).
fn footprint(name: &'static str, by_uid: bool, query: &Query) -> Footprint<'static> {
    if by_uid && !query.has_sequence_numbers() { Footprint::Data(name) } else { Footprint::Alone }
}

/// SORT, RFC 5256 3: which messages match a query, in an order.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Sort<N = Uid> {
    verb: &'static str,
    order: Vec<SortOrder>,
    query: Query,
    found: Vec<u32>,
    numbers: PhantomData<N>,
}

impl Sort<Uid> {
    /// UID SORT by one key or several: `[SortKey::Date]`, `[SortKey::Subject.reversed()]`.
    pub fn new<O: Into<SortOrder>>(
        order: impl IntoIterator<Item = O>,
        query: impl Into<Query>,
    ) -> Self {
        Self::with("UID SORT", order, query.into())
    }
}

impl Sort<SeqNo> {
    /// SORT.
    pub fn sequence_numbers<O: Into<SortOrder>>(
        order: impl IntoIterator<Item = O>,
        query: impl Into<Query>,
    ) -> Self {
        Self::with("SORT", order, query.into())
    }
}

impl<N> Sort<N> {
    fn with<O: Into<SortOrder>>(
        verb: &'static str,
        order: impl IntoIterator<Item = O>,
        query: Query,
    ) -> Self {
        let order = order.into_iter().map(Into::into).collect();
        Self { verb, order, query, found: Vec::new(), numbers: PhantomData }
    }
}

impl<N: Number + Send> Exchange for Sort<N> {
    fn footprint(&self) -> Footprint<'_> {
        footprint("SORT", self.verb == "UID SORT", &self.query)
    }

    fn is_repeatable(&self) -> bool {
        self.verb == "UID SORT" && self.query.is_lasting()
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs("SORT", &["SORT"])?;
        out.needs_mailbox("SORT")?;
        out.raw(self.verb);
        encode_order(&self.order, out)?;
        // The charset always stands there (RFC 5256, 3); every server knows UTF-8.
        out.raw(" UTF-8");
        encode_query("SORT", &self.query, false, out)
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::Sort(found) = response else {
            return Ok(spoilt_or_news(response, &["SORT"]));
        };
        self.found.extend(found.iter());
        Ok(Claim::Mine)
    }
}

impl<N: Number + Send> Command for Sort<N> {
    /// In the order that was asked for.
    type Output = Vec<N>;

    fn finish(self, status: StatusText) -> Result<Vec<N>, Error> {
        accepted("SORT", status)?;
        Ok(self.found.into_iter().filter_map(NonZeroU32::new).map(N::from).collect())
    }
}

/// How conversations are found, RFC 5256 4 (REFS: an Internet-Draft that servers have).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ThreadAlgorithm {
    /// By subject, in the order of dates.
    OrderedSubject,
    /// By the fields References and In-Reply-To.
    References,
    /// By References alone, with the newest conversations last.
    Refs,
}

/// THREAD, RFC 5256 3: which messages match a query, in conversations.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Thread<N = Uid> {
    verb: &'static str,
    algorithm: ThreadAlgorithm,
    query: Query,
    found: Threads<N>,
}

impl Thread<Uid> {
    /// UID THREAD.
    pub fn new(algorithm: ThreadAlgorithm, query: impl Into<Query>) -> Self {
        let found = Threads::default();
        Self { verb: "UID THREAD", algorithm, query: query.into(), found }
    }
}

impl Thread<SeqNo> {
    /// THREAD.
    pub fn sequence_numbers(algorithm: ThreadAlgorithm, query: impl Into<Query>) -> Self {
        Self { verb: "THREAD", algorithm, query: query.into(), found: Threads::default() }
    }
}

impl<N: Number + Send> Exchange for Thread<N> {
    fn footprint(&self) -> Footprint<'_> {
        footprint("THREAD", self.verb == "UID THREAD", &self.query)
    }

    fn is_repeatable(&self) -> bool {
        self.verb == "UID THREAD" && self.query.is_lasting()
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        let (name, capability) = match self.algorithm {
            ThreadAlgorithm::OrderedSubject => ("ORDEREDSUBJECT", "THREAD=ORDEREDSUBJECT"),
            ThreadAlgorithm::References => ("REFERENCES", "THREAD=REFERENCES"),
            ThreadAlgorithm::Refs => ("REFS", "THREAD=REFS"),
        };
        out.needs("THREAD", &[capability])?;
        out.needs_mailbox("THREAD")?;
        out.raw(self.verb);
        out.raw(" ");
        out.raw(name);
        out.raw(" UTF-8");
        encode_query("THREAD", &self.query, false, out)
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::Thread(found) = response else {
            return Ok(spoilt_or_news(response, &["THREAD"]));
        };
        self.found.extend(found, N::from);
        Ok(Claim::Mine)
    }
}

impl<N: Number + Send> Command for Thread<N> {
    type Output = Threads<N>;

    fn finish(self, status: StatusText) -> Result<Threads<N>, Error> {
        accepted("THREAD", status)?;
        Ok(self.found)
    }
}
