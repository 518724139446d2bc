//! Which messages: the flags that `search` and `fetch` share.

use std::num::NonZeroU32;

use clap::Args;
use jiff::{Span, ZonedDateTime};
use xoauth::imap::command::Search;
use xoauth::imap::{Date, Flag, Query, Session, Uid, UidSet};

use crate::Result;
use crate::connect::Stream;
use crate::failure::Failure;

/// What messages must be; all of it together.
#[derive(Debug, Args, Default)]
pub(crate) struct Criteria {
    /// From somebody whose name or address has this
    #[arg(long, value_name = "TEXT")]
    from: Option<String>,
    /// To somebody whose name or address has this
    #[arg(long, value_name = "TEXT")]
    to: Option<String>,
    /// With this in the subject
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// With this in the body
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// Received on or after: 2026-11-24, 3d, 2w
    #[arg(long, value_name = "DATE", value_parser = date)]
    since: Option<Date>,
    /// Received before
    #[arg(long, value_name = "DATE", value_parser = date)]
    before: Option<Date>,
    /// Not read yet
    #[arg(long)]
    unseen: bool,
    /// Flagged
    #[arg(long)]
    flagged: bool,
    /// Larger than so many octets: 500, 20k, 5m
    #[arg(long, value_name = "SIZE", value_parser = size)]
    larger: Option<u64>,
    /// Search keys as IMAP has them: 'OR SEEN NOT ANSWERED'
    #[arg(long, value_name = "KEYS")]
    keys: Option<String>,
}

impl Criteria {
    /// The query; `None` where nothing was asked for.
    pub(crate) fn query(&self) -> Result<Option<Query>> {
        let mut all = Vec::new();
        all.extend(self.from.as_ref().map(Query::from_contains));
        all.extend(self.to.as_ref().map(Query::to_contains));
        all.extend(self.subject.as_ref().map(Query::subject));
        all.extend(self.body.as_ref().map(Query::body));
        all.extend(self.since.map(Query::Since));
        all.extend(self.before.map(Query::Before));
        all.extend(self.unseen.then(Query::unseen));
        all.extend(self.flagged.then_some(Query::Has(Flag::Flagged)));
        all.extend(self.larger.map(Query::Larger));
        if let Some(keys) = &self.keys {
            let query = keys.parse::<Query>();
            all.push(query.map_err(|error| Failure::usage(format!("--keys: {error}")))?);
        }
        Ok(if all.is_empty() { None } else { Some(Query::all_of(all)) })
    }
}

/// The messages that match, in ascending order. A server that ends a search at its limit of messages says how far it
/// came (MESSAGELIMIT, RFC 9738), and is asked for what lies below.
pub(crate) fn find(
    session: &mut Session<Stream>,
    query: &Query,
) -> std::result::Result<Vec<Uid>, xoauth::Error> {
    let mut found = session.run(Search::new(query.clone()))?;
    let reached = |session: &Session<Stream>| session.state().message_limit()?.lowest_done;
    let mut lowest = reached(session);
    while let Some(below) = lowest.and_then(|lowest| Uid::new(lowest.get() - 1)) {
        let rest = Query::Uid(UidSet::range(Uid::from(NonZeroU32::MIN), below));
        found.extend(session.run(Search::new(Query::all_of([query.clone(), rest])))?);
        // A server that comes no further would be asked for ever.
        lowest = reached(session).filter(|now| *now <= below);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// A day: `2026-11-24`, or so many days or weeks before today.
fn date(text: &str) -> std::result::Result<Date, String> {
    let expected = || "expected a date such as 2026-11-24, 3d or 2w".to_owned();
    let back = |unit: char, days: i64| {
        let number = text.strip_suffix(unit)?.parse::<i64>().ok()?.checked_mul(days)?;
        let span = Span::new().try_days(number).ok()?;
        ZonedDateTime::now().date().checked_sub(span).ok()
    };
    let day = text.parse::<jiff::civil::Date>().ok();
    let day = day.or_else(|| back('d', 1)).or_else(|| back('w', 7)).ok_or_else(expected)?;
    let number = |number: i8| u8::try_from(number).map_err(|_| expected());
    let year = u16::try_from(day.year()).map_err(|_| expected())?;
    Date::new(year, number(day.month())?, number(day.day())?).map_err(|_| expected())
}

/// Octets: `500`, `20k`, `5m`.
fn size(text: &str) -> std::result::Result<u64, String> {
    let (number, factor) = match text.to_ascii_lowercase() {
        text if text.ends_with('k') => (text.trim_end_matches('k').to_owned(), 1024),
        text if text.ends_with('m') => (text.trim_end_matches('m').to_owned(), 1024 * 1024),
        text => (text, 1),
    };
    let octets = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    octets.ok_or_else(|| "expected a size such as 500, 20k or 5m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_sizes_are_read() {
        assert_eq!(date("2026-11-24"), Ok(Date::new(2026, 11, 24).unwrap()));
        let today = ZonedDateTime::now().date();
        let expected = today.checked_sub(Span::new().days(14)).unwrap();
        let found = date("2w").unwrap();
        assert_eq!(
            (i16::try_from(found.year()).unwrap(), found.month(), found.day()),
            (
                expected.year(),
                u8::try_from(expected.month()).unwrap(),
                u8::try_from(expected.day()).unwrap()
            )
        );
        for text in ["", "d", "-", "2026-13-01", "99999999999999d", "x3d"] {
            assert!(date(text).is_err(), "{text}");
        }
        assert_eq!((size("500"), size("2k"), size("1M")), (Ok(500), Ok(2048), Ok(1024 * 1024)));
        assert!(size("k").is_err() && size("").is_err());
    }
}
