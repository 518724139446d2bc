//! Which messages: the flags that `search` and `fetch` share.

use std::num::NonZeroU32;

use clap::Args;
use jiff::{Span, ZonedDateTime};
use xoauth::imap::command::Search;
use xoauth::imap::{self, Date, Flag, LimitKind, Query, Session, Uid, UidSet};

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
    // All rounds together find no more than one search may.
    let most = session.state().limits().response / size_of::<u32>();
    in_rounds(most, |highest| {
        let first = Uid::from(NonZeroU32::MIN);
        let range = highest.map(|highest| Query::Uid(UidSet::range(first, highest)));
        let keys = std::iter::once(query.clone()).chain(range);
        let found = session.run(Search::new(Query::all_of(keys)))?;
        let limit = session.state().message_limit();
        Ok((found, limit.and_then(|limit| limit.lowest_done)))
    })
}

/// Searches for one query at most. A server's limit should be a thousand messages at least (RFC 9738 3), and each search
/// that ends at it goes through so many: these are enough for ten million.
const ROUNDS: usize = 10_000;

/// Searches from the top down, round by round, until the server has gone through all messages.
///
/// `search` is told the highest number to search, and tells what it found and, where the server ended at its limit, the
/// lowest number it has gone through. The limit counts messages that are searched, not those that match (RFC 9738 3.1): a
/// round that finds nothing is no reason to end.
fn in_rounds(
    most: usize,
    mut search: impl FnMut(Option<Uid>) -> Result<(Vec<Uid>, Option<Uid>), xoauth::Error>,
) -> Result<Vec<Uid>, xoauth::Error> {
    let limit = || xoauth::Error::Imap(imap::Error::Limit { kind: LimitKind::Answers });
    let mut all: Vec<Uid> = Vec::new();
    let mut highest: Option<Uid> = None;
    for _ in 0..ROUNDS {
        let (mut found, lowest) = search(highest)?;
        // A server that comes no further would be asked for ever.
        let lowest = lowest.filter(|&lowest| highest.is_none_or(|highest| lowest <= highest));
        // What lies above was not asked for, and what lies below is asked for next: no number comes in two rounds.
        found.retain(|&uid| {
            highest.is_none_or(|highest| uid <= highest)
                && lowest.is_none_or(|lowest| uid >= lowest)
        });
        found.sort_unstable();
        found.dedup();
        all.append(&mut found);
        if all.len() > most {
            return Err(limit());
        }
        highest = lowest.and_then(|lowest| Uid::new(lowest.get() - 1));
        if highest.is_none() {
            all.sort_unstable();
            return Ok(all);
        }
    }
    Err(limit())
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

    /// What is found where the server answers so, each time with the lowest number it has gone through (0: all of them),
    /// and from which number down it was asked (0: from the top).
    fn play(most: usize, answers: &[(&[u32], u32)]) -> (Option<Vec<u32>>, Vec<u32>) {
        let (mut asked, mut answers) = (Vec::new(), answers.iter());
        let found = in_rounds(most, |highest| {
            asked.push(highest.map_or(0, Uid::get));
            let &(numbers, lowest) = answers.next().unwrap();
            let numbers = numbers.iter().copied().filter_map(Uid::new).collect();
            Ok((numbers, Uid::new(lowest)))
        });
        let found = found.ok().map(|found| found.into_iter().map(Uid::get).collect());
        (found, asked)
    }

    #[test]
    fn a_search_that_ended_at_a_limit_goes_on_below_and_keeps_what_was_asked_for() {
        let found = play(9, &[(&[9, 8, 8, 3], 8), (&[], 6), (&[5, 99, 5], 5), (&[1, 3, 7], 0)]);
        assert_eq!(found, (Some(vec![1, 3, 5, 8, 9]), vec![0, 7, 5, 4]));
        // RFC 9738 counts what is searched: a match may come after many rounds without one.
        let none: &[u32] = &[];
        let mut answers: Vec<(&[u32], u32)> =
            (2..1000).rev().map(|lowest| (none, lowest)).collect();
        answers.push((&[1], 1));
        let (found, asked) = play(9, &answers);
        assert_eq!((found, asked.len()), (Some(vec![1]), 999));
    }

    #[test]
    fn a_server_that_comes_no_further_is_not_asked_again() {
        let found = play(9, &[(&[9], 9), (&[4, 9], 9)]);
        assert_eq!(found, (Some(vec![4, 9]), vec![0, 8]));
    }

    #[test]
    fn all_rounds_together_find_no_more_than_one_may() {
        assert_eq!(play(3, &[(&[9, 8], 8), (&[7, 6], 6)]), (None, vec![0, 7]));
        let found = play(3, &[(&[9, 8], 8), (&[7, 7, 7, 9], 0)]);
        assert_eq!(found, (Some(vec![7, 8, 9]), vec![0, 7]));
    }

    #[test]
    fn a_search_that_goes_on_and_on_is_given_up() {
        let mut rounds = 0;
        // A number further down each time, and numbers that are asked for later.
        let found = in_rounds(9, |highest| {
            rounds += 1;
            Ok((vec![Uid::from(NonZeroU32::MIN); 5], highest.or(Uid::new(u32::MAX))))
        });
        assert!(matches!(found, Err(xoauth::Error::Imap(imap::Error::Limit { .. }))), "{found:?}");
        assert_eq!(rounds, ROUNDS);
    }
}
