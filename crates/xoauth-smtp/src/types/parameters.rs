//! What the parameters of MAIL and RCPT say.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt::{self, Write};

use crate::error::{Fault, InvalidArgument};

/// What a notification of failure returns of the message (RFC 3461 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// The whole message.
    Full,
    /// Its header section only.
    Headers,
}

/// When the server is to notify the sender about a recipient (RFC 3461 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    /// Never.
    Never,
    /// In each of the named cases; at least one.
    When {
        /// The message was delivered.
        success: bool,
        /// The message could not be delivered.
        failure: bool,
        /// Delivery takes unusually long.
        delay: bool,
    },
}

/// How soon a message must be delivered, and what happens to it else (RFC 2852).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverBy {
    seconds: i64,
    mode: Mode,
    is_traced: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Return,
    Notify,
}

/// The priority of a message, -9 to 9; 0 is that of a message without (RFC 6710 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(i8);

/// The largest `by-time`: nine digits (RFC 2852 4).
const LONGEST_TIME: i64 = 999_999_999;

impl Return {
    pub(crate) fn keyword(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Headers => "HDRS",
        }
    }
}

impl Notify {
    /// On failure, which is what servers do unasked.
    pub const FAILURE: Self = Self::When { success: false, failure: true, delay: false };

    /// On success, failure and delay.
    pub const ALWAYS: Self = Self::When { success: true, failure: true, delay: true };

    /// `notify-esmtp-value = "NEVER" / 1#notify-list-element`; `None` where no case is named.
    ///
    /// RFC 3461 4.1
    pub(crate) fn value(self) -> Option<String> {
        let Self::When { success, failure, delay } = self else { return Some("NEVER".to_owned()) };
        let mut value = String::new();
        for (named, word) in [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")] {
            if named {
                if !value.is_empty() {
                    value.push(',');
                }
                value.push_str(word);
            }
        }
        (!value.is_empty()).then_some(value)
    }
}

impl DeliverBy {
    /// Give it up and notify the sender when this many seconds have passed: 1 to 999,999,999.
    pub const fn or_return(seconds: u32) -> Self {
        Self { seconds: seconds as i64, mode: Mode::Return, is_traced: false }
    }

    /// Notify the sender when this many seconds have passed, and go on: -999,999,999 to 999,999,999; what is
    /// not positive has passed already.
    pub const fn or_notify(seconds: i32) -> Self {
        Self { seconds: seconds as i64, mode: Mode::Notify, is_traced: false }
    }

    /// Each relay on the way is to notify the sender too.
    #[must_use]
    pub const fn traced(mut self) -> Self {
        self.is_traced = true;
        self
    }

    /// `by-value = by-time ";" by-mode [by-trace]`
    ///
    /// RFC 2852 4
    pub(crate) fn value(self) -> Result<String, InvalidArgument> {
        let (mode, least) = match self.mode {
            Mode::Return => ('R', 1),
            Mode::Notify => ('N', -LONGEST_TIME),
        };
        let trace = if self.is_traced { "T" } else { "" };
        let text = format!("{};{mode}{trace}", self.seconds);
        if (least..=LONGEST_TIME).contains(&self.seconds) {
            return Ok(text);
        }
        let fault = Fault::end(0, "a time of 1 to 999999999 seconds");
        Err(InvalidArgument::new("delivery time", &text, fault))
    }

    /// The time a server judges by the least it takes (RFC 2852 4); one that only notifies is not judged.
    pub(crate) fn return_after(self) -> Option<u32> {
        match self.mode {
            Mode::Return => u32::try_from(self.seconds).ok(),
            Mode::Notify => None,
        }
    }
}

impl Priority {
    /// A priority of -9 to 9.
    ///
    /// # Errors
    /// The number is beyond that.
    pub fn new(priority: i8) -> Result<Self, InvalidArgument> {
        if (-9..=9).contains(&priority) {
            return Ok(Self(priority));
        }
        let fault = Fault::end(0, "a number of -9 to 9");
        Err(InvalidArgument::new("priority", &format!("{priority}"), fault))
    }

    /// The number.
    pub const fn get(self) -> i8 {
        self.0
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `xtext = *( xchar / hexchar )`: octets as they may stand in the value of a parameter.
///
/// RFC 3461 4
pub(crate) fn xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'+' | b'=' => push_hex(octet, &mut out),
            b'!'..=b'~' => out.push(char::from(octet)),
            _ => push_hex(octet, &mut out),
        }
    }
    out
}

/// `utf-8-addr-xtext`: letters beyond ASCII as `\x{HEXPOINT}`, the rest as xtext has it, so that the value
/// is ASCII whatever the server understands.
///
/// RFC 6533 3
pub(crate) fn utf8_xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // Both would end or begin an escape.
            '\\' | '+' | '=' => write_point(c, &mut out),
            '!'..='~' => out.push(c),
            _ => write_point(c, &mut out),
        }
    }
    out
}

fn push_hex(octet: u8, out: &mut String) {
    // Writing to a `String` does not fail.
    let _ = write!(out, "+{octet:02X}");
}

fn write_point(c: char, out: &mut String) {
    let _ = write!(out, "\\x{{{:02X}}}", u32::from(c));
}

/// Octets of a keyword or value at most: as many as the longest parameter of a standard has (ORCPT, RFC 3461 4.2). A
/// server has room for a line of 512, and as much as each extension it offers adds (RFC 5321 4.5.3.1.4).
const LONGEST: usize = 500;

/// `esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")`
///
/// RFC 5321 4.1.2
pub(crate) fn check_keyword(keyword: &str) -> Result<(), InvalidArgument> {
    let expected = "a keyword of letters, digits and '-'";
    let fault = match keyword.char_indices().find(|&(at, c)| !is_keyword_character(at, c)) {
        _ if keyword.len() > LONGEST => Fault::too_long(LONGEST, expected),
        Some((at, found)) => Fault::at(at, found, expected),
        None if keyword.is_empty() => Fault::end(0, expected),
        None => return Ok(()),
    };
    Err(InvalidArgument::new("parameter keyword", keyword, fault))
}

fn is_keyword_character(at: usize, c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' && at > 0
}

/// `esmtp-value = 1*(%d33-60 / %d62-126)`
///
/// RFC 5321 4.1.2
pub(crate) fn check_value(value: &str) -> Result<(), InvalidArgument> {
    let expected = "printable ASCII without ' ' and '='";
    let fault = match value.char_indices().find(|&(_, c)| !matches!(c, '!'..='<' | '>'..='~')) {
        _ if value.len() > LONGEST => Fault::too_long(LONGEST, expected),
        Some((at, found)) => Fault::at(at, found, expected),
        None if value.is_empty() => Fault::end(0, expected),
        None => return Ok(()),
    };
    Err(InvalidArgument::new("parameter value", value, fault))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn text_is_encoded_as_xtext() {
        let cases = [
            ("QQ314159", "QQ314159", "QQ314159"),
            ("a+b=c", "a+2Bb+3Dc", r"a\x{2B}b\x{3D}c"),
            ("Bob Smith", "Bob+20Smith", r"Bob\x{20}Smith"),
            ("grün@x", "gr+C3+BCn@x", r"gr\x{FC}n@x"),
            ("a\\b", "a\\b", r"a\x{5C}b"),
            ("\u{1F600}", "+F0+9F+98+80", r"\x{1F600}"),
            ("a\r\n", "a+0D+0A", r"a\x{0D}\x{0A}"),
        ];
        for (text, octets, points) in cases {
            assert_eq!(xtext(text), octets);
            assert_eq!(utf8_xtext(text), points);
        }
    }

    #[test]
    fn values_are_written_as_the_rfcs_have_them() {
        assert_eq!(Notify::Never.value().unwrap(), "NEVER");
        assert_eq!(Notify::ALWAYS.value().unwrap(), "SUCCESS,FAILURE,DELAY");
        assert_eq!(Notify::FAILURE.value().unwrap(), "FAILURE");
        let none = Notify::When { success: false, failure: false, delay: false };
        assert_eq!(none.value(), None);
        // RFC 2852 4's example.
        assert_eq!(DeliverBy::or_return(120).value().unwrap(), "120;R");
        assert_eq!(DeliverBy::or_notify(-5).traced().value().unwrap(), "-5;NT");
        assert_eq!(Return::Full.keyword(), "FULL");
        assert_eq!(Priority::new(-9).unwrap().to_string(), "-9");
    }

    #[test]
    fn values_out_of_range_are_refused() {
        assert_eq!(
            DeliverBy::or_return(0).value().unwrap_err().to_string(),
            "invalid delivery time '0;R': end of text at octet 0, expected a time of 1 to 999999999 seconds"
        );
        assert!(DeliverBy::or_return(1_000_000_000).value().is_err());
        assert!(DeliverBy::or_notify(i32::MIN).value().is_err());
        assert!(Priority::new(10).is_err() && Priority::new(-10).is_err());
        for keyword in ["", "-X", "X Y", "X=1", "X\r\n", "Ü"] {
            assert!(check_keyword(keyword).is_err(), "{keyword}");
        }
        for value in ["", "a b", "a=b", "a\r\nRCPT", "ü", "\0"] {
            assert!(check_value(value).is_err(), "{value}");
        }
        let (longest, longer) = ("x".repeat(LONGEST), "x".repeat(LONGEST + 1));
        assert!(check_keyword(&longest).is_ok() && check_value(&longest).is_ok());
        for told in [check_keyword(&longer), check_value(&longer)] {
            let told = told.unwrap_err().to_string();
            assert!(told.contains("500"), "{told}");
        }
        assert!(check_keyword("X-PRIO9").is_ok() && check_value("a;b,+2B<>~").is_ok());
    }
}
