//! SEARCH and SORT with options: ESEARCH (RFC 4731), SEARCHRES (RFC 5182), PARTIAL (RFC 9394), ESORT (RFC 5267).

use alloc::string::String;
use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::sort::{SortOrder, encode_order};
use super::{
    accepted,
    search::{encode_query, names_others, spoilt_or_news},
};
use crate::error::Error;
use crate::parse::{EsearchRef, Response, SetRef};
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, State};
use crate::types::{ArgumentSink, Found, FoundPart, Number, Query, Ranges, SeqNo, StatusText, Uid};

/// Which messages match a query, told as it is asked for: how many, the first, the last, all as ranges, a part.
///
/// ```
/// use xoauth_imap::Query;
/// use xoauth_imap::command::{ExtendedSearch, SortKey};
///
/// let how_many = ExtendedSearch::new(Query::unseen()).count();
/// // The 50 newest, and nothing of the million before them.
/// let newest = ExtendedSearch::new(Query::All).partial(-1, -50);
/// let by_date = ExtendedSearch::new(Query::All).sorted([SortKey::Date.reversed()]).all();
/// # let _ = (how_many, newest, by_date);
/// ```
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct ExtendedSearch<N = Uid> {
    by_uid: bool,
    query: Query,
    options: Vec<&'static str>,
    save: bool,
    partial: Option<(i64, i64)>,
    order: Vec<SortOrder>,
    tag: String,
    found: Found<N>,
}

impl ExtendedSearch<Uid> {
    /// UID SEARCH. Without options the server tells all.
    pub fn new(query: impl Into<Query>) -> Self {
        Self::with(true, query.into())
    }
}

impl ExtendedSearch<SeqNo> {
    /// SEARCH.
    pub fn sequence_numbers(query: impl Into<Query>) -> Self {
        Self::with(false, query.into())
    }
}

impl<N: Number> ExtendedSearch<N> {
    fn with(by_uid: bool, query: Query) -> Self {
        Self {
            by_uid,
            query,
            options: Vec::new(),
            save: false,
            partial: None,
            order: Vec::new(),
            tag: String::new(),
            found: Found::default(),
        }
    }

    /// Asks for the lowest number.
    pub fn min(self) -> Self {
        self.option("MIN")
    }

    /// Asks for the highest number.
    pub fn max(self) -> Self {
        self.option("MAX")
    }

    /// Asks how many there are.
    pub fn count(self) -> Self {
        self.option("COUNT")
    }

    /// Asks for all numbers, as ranges.
    pub fn all(self) -> Self {
        self.option("ALL")
    }

    /// Lets the server keep what was found, for a command on `Set::saved_search()` (SEARCHRES, RFC 5182). Alone
    /// it tells nothing.
    pub fn save(mut self) -> Self {
        self.save = true;
        self
    }

    /// Asks for a part of what was found: places counted from 1, or from the end with -1 (PARTIAL, RFC 9394).
    pub fn partial(mut self, from: i64, to: i64) -> Self {
        self.partial = Some((from, to));
        self
    }

    /// Asks for the numbers in this order (ESORT, RFC 5267).
    pub fn sorted<O: Into<SortOrder>>(mut self, order: impl IntoIterator<Item = O>) -> Self {
        self.order.extend(order.into_iter().map(Into::into));
        self
    }

    fn option(mut self, option: &'static str) -> Self {
        if !self.options.contains(&option) {
            self.options.push(option);
        }
        self
    }

    fn encode_options(&self, command: &'static str, out: &mut Encoder<'_>) -> Result<(), Error> {
        out.raw(" RETURN (");
        let mut space = "";
        for option in &self.options {
            out.raw(space);
            out.raw(option);
            space = " ";
        }
        if self.save {
            out.needs(command, &["SEARCHRES"])?;
            out.raw(space);
            out.raw("SAVE");
            space = " ";
        }
        if let Some((from, to)) = self.partial {
            // RFC 5267 knows places from the beginning alone, RFC 9394 (3.1) those from the end as well.
            let from_end = from < 0;
            out.needs(
                command,
                match self.order.is_empty() {
                    _ if from_end => &["PARTIAL"],
                    true => &["PARTIAL", "CONTEXT=SEARCH"],
                    false => &["PARTIAL", "CONTEXT=SORT"],
                },
            )?;
            if self.options.contains(&"ALL") {
                let expected = "either a part or all (RFC 9394, 3.1)";
                return Err(Error::unfit("search options", "PARTIAL ALL", expected));
            }
            let places = 1..=i64::from(u32::MAX);
            let sound = |from: i64, to: i64| places.contains(&from) && places.contains(&to);
            if !sound(from, to) && !sound(from.saturating_neg(), to.saturating_neg()) {
                let expected = "two places counted from 1, or two from the end counted from -1";
                let text = alloc::format!("{from}:{to}");
                return Err(Error::unfit("partial", &text, expected));
            }
            out.raw(space);
            out.raw(&alloc::format!("PARTIAL {from}:{to}"));
        }
        out.raw(")");
        Ok(())
    }

    fn hear(&mut self, told: &EsearchRef<'_>) {
        let sorts = !self.order.is_empty();
        let ranges = |set: SetRef<'_>| {
            let ends = |(from, to): (NonZeroU32, NonZeroU32)| (from.min(to), from.max(to));
            let ordered = |(from, to)| if sorts { (from, to) } else { ends((from, to)) };
            set.in_order()
                .map(ordered)
                .map(|(from, to)| (N::from(from), N::from(to)))
                .collect::<Vec<_>>()
        };
        let found = &mut self.found;
        found.min = told.min.map(N::from).or(found.min);
        found.max = told.max.map(N::from).or(found.max);
        found.count = told.count.or(found.count);
        found.mod_seq = told.mod_seq.or(found.mod_seq);
        if let Some(all) = told.all {
            found.all.get_or_insert_default().extend(ranges(all));
        }
        if let Some(part) = told.partial {
            let mut numbers = Ranges::default();
            numbers.extend(part.numbers.map(ranges).unwrap_or_default());
            found.partial = Some(FoundPart { places: part.places, numbers });
        }
    }
}

impl<N: Number + Send> Exchange for ExtendedSearch<N> {
    /// Several share a flight, for their answers tell their tags. One that does not is taken to answer the first,
    /// as a server does that works on one command after the other.
    fn footprint(&self) -> Footprint<'_> {
        let name = if self.order.is_empty() { "SEARCH" } else { "SORT" };
        if self.by_uid && !self.query.has_sequence_numbers() {
            Footprint::TaggedData(name)
        } else {
            Footprint::Alone
        }
    }

    fn is_repeatable(&self) -> bool {
        self.by_uid && !self.save && self.query.is_lasting()
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs_mailbox("SEARCH")?;
        self.tag = out.tag().into();
        let sorts = !self.order.is_empty();
        let command = if sorts { "SORT with options" } else { "SEARCH with options" };
        out.needs(command, if sorts { &["ESORT"] } else { &["ESEARCH"] })?;
        out.raw(if self.by_uid { "UID " } else { "" });
        out.raw(if sorts { "SORT" } else { "SEARCH" });
        self.encode_options(command, out)?;
        if sorts {
            encode_order(&self.order, out)?;
            out.raw(" UTF-8");
        }
        encode_query(command, &self.query, !sorts, out)
    }

    /// Of ESEARCH responses those that carry our tag, or none, are ours (RFC 4731, 3.1). Some servers answer
    /// with SEARCH or SORT all the same.
    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        match response {
            Response::Esearch(told) => {
                let other = told.tag.is_some_and(|tag| *tag.cow() != *self.tag.as_bytes());
                if other {
                    return Ok(Claim::Pass);
                }
                if names_others(told, self.by_uid) {
                    return Ok(Claim::Spoilt);
                }
                self.hear(told);
            }
            Response::Search(told) | Response::Sort(told) => {
                let numbers = told.iter().filter_map(NonZeroU32::new).map(N::from);
                let all = self.found.all.get_or_insert_default();
                all.extend(numbers.map(|number| (number, number)));
            }
            _ => return Ok(spoilt_or_news(response, &["SEARCH", "ESEARCH", "SORT"])),
        }
        Ok(Claim::Mine)
    }
}

impl<N: Number + Send> Command for ExtendedSearch<N> {
    type Output = Found<N>;

    fn finish(self, status: StatusText) -> Result<Found<N>, Error> {
        accepted("SEARCH", status)?;
        Ok(self.found)
    }
}
