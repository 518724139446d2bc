//! Dates as IMAP and the message header write them. Days are counted from 1970-01-01.

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: i64 = 86_400;

/// A point in time with the zone it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub(crate) seconds: i64,
    /// Minutes east of Greenwich.
    pub(crate) offset: i64,
}

impl Moment {
    pub(crate) fn utc(seconds: i64) -> Self {
        Self { seconds, offset: 0 }
    }

    /// The day in the moment's own zone: what SEARCH compares ("disregarding time and timezone",
    /// RFC 3501 section 6.4.4).
    pub(crate) fn day(self) -> i64 {
        (self.seconds + self.offset * 60).div_euclid(DAY)
    }

    /// `date-time` without the quotes, RFC 3501 section 9.
    pub(crate) fn internal_date(self) -> String {
        let (year, month, day) = civil(self.day());
        let clock = (self.seconds + self.offset * 60).rem_euclid(DAY);
        let sign = if self.offset < 0 { '-' } else { '+' };
        let zone = self.offset.abs();
        let name = usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at)).unwrap_or(&"Jan");
        format!(
            "{day:2}-{name}-{year:04} {:02}:{:02}:{:02} {sign}{:02}{:02}",
            clock / 3600,
            clock / 60 % 60,
            clock % 60,
            zone / 60,
            zone % 60,
        )
    }

    /// Reads a `date-time` without its quotes, RFC 3501 section 9.
    pub(crate) fn parse_internal_date(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let day = parse_date(words.next()?)?;
        let clock = parse_clock(words.next()?)?;
        let offset = parse_zone(words.next()?)?;
        if words.next().is_some() {
            return None;
        }
        Some(Self { seconds: day * DAY + clock - offset * 60, offset })
    }
}

/// Reads a `date-text` (`1-Feb-1994`), RFC 3501 section 9.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let mut fields = text.split('-');
    let (day, month, year) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() || year.len() != 4 {
        return None;
    }
    day_of(number(year)?, month_of(month)?, number(day)?)
}

/// The day in a Date field (`Mon, 7 Feb 1994 21:52:25 -0800 (PST)`), as it is written there
/// (RFC 5322, section 3.3).
pub(crate) fn parse_header_day(text: &str) -> Option<i64> {
    let text = text.split_once(',').map_or(text, |(_, rest)| rest);
    let mut words = text.split_ascii_whitespace();
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    // Two and three digits: RFC 5322, section 4.3.
    let year = match (year.len(), number(year)?) {
        (2, year) if year < 50 => 2000 + year,
        (2 | 3, year) => 1900 + year,
        (_, year) => year,
    };
    day_of(year, month_of(month)?, number(day)?)
}

fn parse_clock(text: &str) -> Option<i64> {
    let mut fields = text.split(':');
    let (hours, minutes, seconds) = (fields.next()?, fields.next()?, fields.next()?);
    let (hours, minutes, seconds) = (number(hours)?, number(minutes)?, number(seconds)?);
    let possible = hours < 24 && minutes < 60 && seconds < 61 && fields.next().is_none();
    possible.then_some(hours * 3600 + minutes * 60 + seconds)
}

fn parse_zone(text: &str) -> Option<i64> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let value = number(digits)?;
    (digits.len() == 4 && value % 100 < 60).then_some(sign * (value / 100 * 60 + value % 100))
}

fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|o| o.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn month_of(name: &str) -> Option<i64> {
    let at = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;
    i64::try_from(at + 1).ok()
}

fn day_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let days = days_from_civil(year, month, day);
    (civil(days) == (year, month, day)).then_some(days)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, counted in eras of 400 years that
/// begin in March, so that the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`]: year, month, day.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_dates_round_trip() {
        for text in [
            "17-Jul-1996 02:44:25 -0700",
            " 1-Jan-1970 00:00:00 +0000",
            "29-Feb-2024 23:59:59 +1345",
            "31-Dec-1969 23:59:59 +0000",
        ] {
            let moment = Moment::parse_internal_date(text).unwrap();
            assert_eq!(moment.internal_date(), text);
        }
        assert_eq!(
            Moment::parse_internal_date("17-Jul-1996 02:44:25 -0700").unwrap().seconds,
            837_596_665
        );
    }

    #[test]
    fn impossible_dates_are_refused() {
        for text in ["30-Feb-2023", "1-Foo-2023", "0-Jan-2023", "1-Jan-23", "1-Jan-2023-1", ""] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn the_day_is_the_one_written() {
        let late = Moment::parse_internal_date("17-Jul-1996 23:30:00 -0700").unwrap();
        assert_eq!(Some(late.day()), parse_date("17-Jul-1996"));
        for (text, day) in [
            ("Wed, 17 Jul 1996 23:23:25 -0700 (PDT)", "17-Jul-1996"),
            ("7 Feb 94 21:52:25 GMT", "7-Feb-1994"),
        ] {
            assert_eq!(parse_header_day(text), parse_date(day), "{text}");
        }
    }
}
