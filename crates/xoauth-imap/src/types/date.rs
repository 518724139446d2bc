//! Dates without a clock.

use core::fmt;
use core::str::FromStr;

use crate::parse::Cursor;

/// `date`, RFC 9051 9: a day of the Gregorian calendar, as SEARCH takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// `date-time`, RFC 9051 9: a point in time with the offset of its zone, as INTERNALDATE is.
///
/// Two are equal when all their parts are; [`DateTime::unix_seconds`] compares points in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateTime {
    date: Date,
    hour: u8,
    minute: u8,
    second: u8,
    /// Minutes east of UTC.
    offset: i16,
}

/// Text or numbers that are no date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DateError {
    expected: &'static str,
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const DAY: i64 = 86_400;

impl Date {
    /// A day: the year from 0 to 9999, the month and the day counted from 1.
    ///
    /// # Errors
    /// There is no such day.
    pub fn new(year: u16, month: u8, day: u8) -> Result<Self, DateError> {
        if year > 9999 || !(1..=12).contains(&month) || day < 1 || day > days_of(year, month) {
            return Err(DateError { expected: "a day of the calendar" });
        }
        Ok(Self { year, month, day })
    }

    /// The day `days` after 1 January 1970.
    ///
    /// # Errors
    /// A year before 0 or after 9999.
    pub fn from_unix_days(days: i64) -> Result<Self, DateError> {
        let error = DateError { expected: "a year from 0 to 9999" };
        // Counted from 1 March of the year 0, leap days are at the end of each cycle.
        let days = days.checked_add(719_468).ok_or(error)?;
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let shifted = (5 * day + 2) / 153;
        let day = day - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year + era * 400 + i64::from(month <= 2);
        let fits = (u16::try_from(year), u8::try_from(month), u8::try_from(day));
        let (Ok(year), Ok(month), Ok(day)) = fits else { return Err(error) };
        Self::new(year, month, day).map_err(|_| error)
    }

    /// Days from 1 January 1970 to this day; negative before.
    pub fn unix_days(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
        let shifted = if month > 2 { month - 3 } else { month + 9 };
        era * 146_097 + year * 365 + year / 4 - year / 100 + (153 * shifted + 2) / 5 + day
            - 1
            - 719_468
    }

    /// The year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month, from 1 on.
    pub fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, from 1 on.
    pub fn day(self) -> u8 {
        self.day
    }
}

fn days_of(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

impl DateTime {
    /// A time of a day in a zone `offset` minutes east of UTC. The second may be 60.
    ///
    /// # Errors
    /// There is no such time, or the offset is a day or more.
    pub fn new(
        date: Date,
        (hour, minute, second): (u8, u8, u8),
        offset: i16,
    ) -> Result<Self, DateError> {
        if hour > 23 || minute > 59 || second > 60 {
            return Err(DateError { expected: "a time of a day" });
        }
        if offset.unsigned_abs() >= 24 * 60 {
            return Err(DateError { expected: "a zone less than a day from UTC" });
        }
        Ok(Self { date, hour, minute, second, offset })
    }

    /// The point in time `seconds` after 1 January 1970 UTC, in a zone `offset` minutes east of it.
    ///
    /// # Errors
    /// A year before 0 or after 9999, or an offset of a day or more.
    pub fn from_unix_seconds(seconds: i64, offset: i16) -> Result<Self, DateError> {
        let error = DateError { expected: "a year from 0 to 9999" };
        let local = seconds.checked_add(i64::from(offset) * 60).ok_or(error)?;
        let date = Date::from_unix_days(local.div_euclid(DAY))?;
        let second = local.rem_euclid(DAY);
        let part = |n: i64| u8::try_from(n).map_err(|_| error);
        let time = (part(second / 3600)?, part(second / 60 % 60)?, part(second % 60)?);
        Self::new(date, time, offset)
    }

    /// Seconds from 1 January 1970 UTC to this point in time; negative before.
    pub fn unix_seconds(self) -> i64 {
        let (hour, minute) = (i64::from(self.hour), i64::from(self.minute));
        let local =
            self.date.unix_days() * DAY + hour * 3600 + minute * 60 + i64::from(self.second);
        local - i64::from(self.offset) * 60
    }

    /// The day in its zone.
    pub fn date(self) -> Date {
        self.date
    }

    /// Hour, minute and second in its zone.
    pub fn time(self) -> (u8, u8, u8) {
        (self.hour, self.minute, self.second)
    }

    /// Minutes that its zone is east of UTC.
    pub fn offset(self) -> i16 {
        self.offset
    }

    /// `date-day-fixed "-" date-month "-" date-year SP time SP zone`; servers write the day with a space,
    /// a zero or one digit.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::of(text);
        while cursor.eat(b' ') {}
        let date = parse_date(&mut cursor)?;
        let mut small = |before: u8| {
            if !cursor.eat(before) {
                return None;
            }
            digits(&mut cursor, 2).and_then(|n| u8::try_from(n).ok())
        };
        let time = (small(b' ')?, small(b':')?, small(b':')?);
        if !cursor.eat(b' ') {
            return None;
        }
        let west = cursor.eat(b'-');
        if !west && !cursor.eat(b'+') {
            return None;
        }
        let zone = i16::try_from(digits(&mut cursor, 4)?).ok()?;
        if zone % 100 > 59 || !cursor.is_empty() {
            return None;
        }
        let offset = zone / 100 * 60 + zone % 100;
        Self::new(date, time, if west { -offset } else { offset }).ok()
    }
}

/// Exactly `count` digits.
fn digits(cursor: &mut Cursor<'_>, count: usize) -> Option<u16> {
    let digits = cursor.take(count)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0')))
}

/// `date-day "-" date-month "-" date-year`.
fn parse_date(cursor: &mut Cursor<'_>) -> Option<Date> {
    let day = u8::try_from(cursor.number32().ok()?).ok()?;
    if !cursor.eat(b'-') {
        return None;
    }
    let month = cursor.take(3)?;
    let month = MONTHS.iter().position(|name| month.eq_ignore_ascii_case(name.as_bytes()))?;
    if !cursor.eat(b'-') {
        return None;
    }
    Date::new(digits(cursor, 4)?, u8::try_from(month + 1).ok()?, day).ok()
}

impl FromStr for Date {
    type Err = DateError;

    /// `1-Feb-1994`.
    fn from_str(text: &str) -> Result<Self, DateError> {
        let mut cursor = Cursor::of(text.as_bytes());
        let date = parse_date(&mut cursor).filter(|_| cursor.is_empty());
        date.ok_or(DateError { expected: "a date such as 1-Feb-1994" })
    }
}

impl FromStr for DateTime {
    type Err = DateError;

    /// `17-Jul-1996 02:44:25 -0700`.
    fn from_str(text: &str) -> Result<Self, DateError> {
        let expected = "a date and time such as 17-Jul-1996 02:44:25 -0700";
        Self::parse(text.as_bytes()).ok_or(DateError { expected })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let month = MONTHS.get(usize::from(self.month) - 1).unwrap_or(&"");
        write!(f, "{}-{month}-{:04}", self.day, self.year)
    }
}

impl fmt::Display for DateTime {
    /// As in the grammar, the day of two characters, without the quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pad = if self.date.day < 10 { " " } else { "" };
        let sign = if self.offset < 0 { '-' } else { '+' };
        let offset = self.offset.unsigned_abs();
        write!(
            f,
            "{pad}{} {:02}:{:02}:{:02} {sign}{:02}{:02}",
            self.date,
            self.hour,
            self.minute,
            self.second,
            offset / 60,
            offset % 60
        )
    }
}

impl fmt::Display for DateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid date, expected {}", self.expected)
    }
}

impl core::error::Error for DateError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn dates_are_read_and_written() {
        let cases = [
            ("1-Feb-1994", "1-Feb-1994"),
            ("01-feb-1994", "1-Feb-1994"),
            ("29-Feb-2000", "29-Feb-2000"),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Date>().unwrap().to_string(), expected);
        }
        for text in [
            "",
            "1-Feb-94",
            "0-Feb-1994",
            "29-Feb-1900",
            "31-Apr-2024",
            "1-Foo-1994",
            "1-Feb-1994 ",
            "1 Feb 1994",
        ] {
            let error = text.parse::<Date>().unwrap_err();
            assert_eq!(error.to_string(), "invalid date, expected a date such as 1-Feb-1994");
        }
        assert!(Date::new(10_000, 1, 1).is_err() && Date::new(2024, 13, 1).is_err());
    }

    #[test]
    fn times_are_read_and_written() {
        let cases = [
            // RFC 9051, 6.3.12 and 7.5.2.
            ("17-Jul-1996 02:44:25 -0700", "17-Jul-1996 02:44:25 -0700", 837_596_665),
            (" 7-Feb-1994 21:52:25 -0800", " 7-Feb-1994 21:52:25 -0800", 760_686_745),
            ("07-feb-1994 21:52:25 +0530", " 7-Feb-1994 21:52:25 +0530", 760_638_145),
            ("7-Feb-1994 00:00:00 +0000", " 7-Feb-1994 00:00:00 +0000", 760_579_200),
            (" 1-Jan-1970 00:00:00 +0000", " 1-Jan-1970 00:00:00 +0000", 0),
            ("31-Dec-1969 23:59:60 +0000", "31-Dec-1969 23:59:60 +0000", 0),
        ];
        for (text, expected, seconds) in cases {
            let time: DateTime = text.parse().unwrap();
            assert_eq!(time.to_string(), expected);
            assert_eq!(time.unix_seconds(), seconds, "{text}");
        }
        for text in [
            "",
            "17-Jul-1996",
            "17-Jul-1996 02:44:25",
            "17-Jul-1996 2:44:25 -0700",
            "17-Jul-1996 24:00:00 -0700",
            "17-Jul-1996 02:60:25 -0700",
            "17-Jul-1996 02:44:61 -0700",
            "17-Jul-1996 02:44:25 -0760",
            "17-Jul-1996 02:44:25 +2400",
            "17-Jul-1996 02:44:25 0700",
            "17-Jul-1996 02:44:25 -0700x",
            "17-Jul-1996 02:44:25 -9999",
        ] {
            assert!(text.parse::<DateTime>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_calendar_goes_from_0_to_9999() {
        for (days, text) in [
            (-719_528, "1-Jan-0000"),
            (2_932_896, "31-Dec-9999"),
            (0, "1-Jan-1970"),
            (11_016, "29-Feb-2000"),
        ] {
            let date = Date::from_unix_days(days).unwrap();
            assert_eq!(date.to_string(), text);
            assert_eq!(date.unix_days(), days);
        }
        for days in [-719_529, 2_932_897, i64::MIN, i64::MAX] {
            assert!(Date::from_unix_days(days).is_err(), "{days}");
        }
        assert!(DateTime::from_unix_seconds(i64::MAX, 0).is_err());
        assert!(DateTime::from_unix_seconds(0, 1440).is_err());
    }

    proptest! {
        #[test]
        fn points_in_time_come_back(seconds in -62_167_132_800i64..253_402_214_400, offset in -1439i16..1440) {
            let time = DateTime::from_unix_seconds(seconds, offset).unwrap();
            prop_assert_eq!(time.unix_seconds(), seconds);
            prop_assert_eq!(time.to_string().parse(), Ok(time));
            prop_assert_eq!(time.date().to_string().parse(), Ok(time.date()));
        }

        #[test]
        fn octets_never_panic(octets: alloc::vec::Vec<u8>) {
            let _ = DateTime::parse(&octets);
        }
    }
}
