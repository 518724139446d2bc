//! Mail addresses as they stand in an envelope.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use super::domain::{Labels, check_domain, is_utf8_letter};
use crate::error::{Fault, InvalidArgument};

/// An address of an envelope: `Mailbox`, or `Postmaster` alone (RFC 5321 4.1.2, 4.1.1.3; RFC 6531 3.3 for
/// letters beyond ASCII).
///
/// It is the bare address, without a display name and without angle brackets. What an envelope could not
/// carry, or a careless server could take for syntax, is refused here.
///
/// ```
/// use xoauth_smtp::Address;
///
/// let address: Address = "alice@example.org".parse()?;
/// assert_eq!(address.as_str(), "alice@example.org");
/// assert_eq!(
///     "b@example.net>\r\nRCPT TO:<c@example.com".parse::<Address>().unwrap_err().to_string(),
///     r"invalid address 'b@example.net>\r\nRCPT TO:<c@example.com': '>' at octet 13, expected a domain of letters, digits, '-' and '.'",
/// );
/// # Ok::<(), xoauth_smtp::InvalidArgument>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address(String);

/// The sender of an envelope: an address, or nobody (RFC 5321 4.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`: notifications about mail have no sender, so that nobody is notified about them
    /// (RFC 5321 4.5.5).
    Null,
    /// Who hears about mail that cannot be delivered.
    Address(Address),
}

/// `Path`, without its angle brackets; RFC 5321 4.5.3.1.3.
const LONGEST: usize = 254;

impl Address {
    /// The address as it is sent, without angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Stands where no address could be read, until the error is told.
    pub(crate) fn nobody() -> Self {
        Self(String::new())
    }

    /// The domain or address literal; `None` for `Postmaster`.
    pub(crate) fn domain(&self) -> Option<&str> {
        self.0.rsplit_once('@').map(|(_, domain)| domain)
    }

    /// Sending it needs SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }
}

impl ReversePath {
    /// `Postmaster` without a domain is for recipients alone: `Reverse-path = Path / "<>"`.
    ///
    /// RFC 5321 4.1.1.3, 4.1.2
    pub(crate) fn check(&self) -> Result<(), InvalidArgument> {
        match self {
            Self::Address(address)
                if !address.as_str().is_empty() && address.domain().is_none() =>
            {
                let text = address.as_str();
                let fault = Fault::end(text.len(), "'@' and a domain");
                Err(InvalidArgument::new("address", text, fault))
            }
            Self::Address(_) | Self::Null => Ok(()),
        }
    }

    /// The address as it is sent, without angle brackets; empty for [`ReversePath::Null`].
    pub fn as_str(&self) -> &str {
        match self {
            Self::Null => "",
            Self::Address(address) => address.as_str(),
        }
    }
}

impl FromStr for Address {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        match check_mailbox(text) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(fault) => Err(InvalidArgument::new("address", text, fault)),
        }
    }
}

impl FromStr for ReversePath {
    type Err = InvalidArgument;

    /// Takes an address, or `<>`. An empty text is refused: it is more often a mistake than meant.
    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        let path = match text {
            "<>" => Self::Null,
            _ => text.parse().map(Self::Address)?,
        };
        path.check().map(|()| path)
    }
}

impl From<Address> for ReversePath {
    fn from(address: Address) -> Self {
        Self::Address(address)
    }
}

impl From<&Address> for ReversePath {
    fn from(address: &Address) -> Self {
        Self::Address(address.clone())
    }
}

impl From<&Address> for Address {
    fn from(address: &Address) -> Self {
        address.clone()
    }
}

macro_rules! try_from_text {
    ($target:ty: $($text:ty),*) => {$(
        impl TryFrom<$text> for $target {
            type Error = InvalidArgument;

            fn try_from(text: $text) -> Result<Self, InvalidArgument> {
                text.parse()
            }
        }
    )*};
}

try_from_text!(Address: &str, &&str, String, &String);
try_from_text!(ReversePath: &str, &&str, String, &String);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ReversePath {
    /// In angle brackets, as it is sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.as_str())
    }
}

/// `Mailbox = Local-part "@" ( Domain / address-literal )`
///
/// RFC 5321 4.1.2
fn check_mailbox(text: &str) -> Result<(), Fault> {
    if text.len() > LONGEST {
        return Err(Fault::too_long(LONGEST, "an address of at most 254 octets"));
    }
    if text.eq_ignore_ascii_case("postmaster") {
        return Ok(());
    }
    let local = if text.starts_with('"') { quoted_string(text)? } else { dot_string(text)? };
    let behind = text.get(local..).unwrap_or_default();
    let Some(domain) = behind.strip_prefix('@') else {
        return Err(match behind.chars().next() {
            Some(found) => Fault::at(local, found, "'@' behind the local part"),
            None => Fault::end(local, "'@' and a domain"),
        });
    };
    check_domain(domain, local + 1, Labels::Utf8)
}

/// `Dot-string`, up to the `@`; its length.
///
/// RFC 5321 4.1.2
fn dot_string(text: &str) -> Result<usize, Fault> {
    let mut before = '.';
    for (at, c) in text.char_indices() {
        match c {
            '.' | '@' if before == '.' => {
                let expected = "letters on both sides of a dot, or a quoted local part";
                return Err(Fault::at(at, c, expected));
            }
            '@' => return Ok(at),
            '.' => {}
            c if is_atext(c) => {}
            c => {
                return Err(Fault::at(
                    at,
                    c,
                    "a local part of letters, digits and !#$%&'*+-/=?^_`{|}~.",
                ));
            }
        }
        before = c;
    }
    Ok(text.len())
}

/// `Quoted-string`, quotes included; its length. `<` and `>` are refused although the grammar has them:
/// servers exist that look for the first `>`.
///
/// RFC 5321 4.1.2
fn quoted_string(text: &str) -> Result<usize, Fault> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        let plain = matches!(c, ' '..='~') && !matches!(c, '<' | '>') || is_utf8_letter(c);
        match c {
            _ if !plain || escaped && !c.is_ascii() => {
                return Err(Fault::at(at, c, "printable characters in a quoted local part"));
            }
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Ok(at + 1),
            _ => {}
        }
    }
    Err(Fault::end(text.len(), "a closing '\"'"))
}

/// `atext`, RFC 5322 3.2.3 and RFC 6531 3.3.
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_utf8_letter(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn addresses_are_taken_as_they_are() {
        let cases = [
            "a@b",
            "alice.smith+tag@mail.example.org",
            "!#$%&'*+-/=?^_`{|}~@example.org",
            "\"john smith\"@example.org",
            "\"a\\\"b\\\\\"@example.org",
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
            "Postmaster",
            "grün@bücher.example",
            "用户@例子.广告",
            // 68 octets, and 46 in DNS.
            "a@общероссийскаяорганизацияинвалидов.example",
        ];
        for case in cases {
            assert_eq!(case.parse::<Address>().unwrap().as_str(), case);
        }
        assert_eq!("<>".parse::<ReversePath>(), Ok(ReversePath::Null));
        let error = "PostMaster".parse::<ReversePath>().unwrap_err().to_string();
        assert!(error.ends_with("end of text at octet 10, expected '@' and a domain"), "{error}");
        assert_eq!(ReversePath::Null.to_string(), "<>");
        assert_eq!("a@b".parse::<ReversePath>().unwrap().to_string(), "<a@b>");
    }

    #[test]
    fn malformed_addresses_are_refused_and_the_place_is_told() {
        let dots = "letters on both sides of a dot, or a quoted local part";
        let local = "a local part of letters, digits and !#$%&'*+-/=?^_`{|}~.";
        let domain = "a domain of letters, digits, '-' and '.'";
        let cases = [
            ("", "end of text at octet 0, expected '@' and a domain".to_string()),
            ("alice", "end of text at octet 5, expected '@' and a domain".to_string()),
            ("@b", alloc::format!("'@' at octet 0, expected {dots}")),
            (".a@b", alloc::format!("'.' at octet 0, expected {dots}")),
            ("a..b@c", alloc::format!("'.' at octet 2, expected {dots}")),
            ("a.@b", alloc::format!("'@' at octet 2, expected {dots}")),
            ("a b@c", alloc::format!("' ' at octet 1, expected {local}")),
            ("<a@b>", alloc::format!("'<' at octet 0, expected {local}")),
            ("A <a@b>", alloc::format!("' ' at octet 1, expected {local}")),
            ("a@b>", alloc::format!("'>' at octet 3, expected {domain}")),
            ("a@b c", alloc::format!("' ' at octet 3, expected {domain}")),
            ("a@b@c", alloc::format!("'@' at octet 3, expected {domain}")),
            ("a@", "end of text at octet 2, expected a domain without empty labels".to_string()),
            ("\"a\"b@c", "'b' at octet 3, expected '@' behind the local part".to_string()),
            ("\"a", "end of text at octet 2, expected a closing '\"'".to_string()),
        ];
        for (address, expected) in cases {
            let error = address.parse::<Address>().unwrap_err().to_string();
            assert_eq!(error, alloc::format!("invalid address '{address}': {expected}"));
        }
        let long = alloc::format!("{}@example.org", "a".repeat(243));
        assert!(long.parse::<Address>().unwrap_err().to_string().contains("at most 254 octets"));
        for (label, fits) in [("a", 63), ("ü", 63)] {
            let address = |count: usize| alloc::format!("a@{}.org", label.repeat(count));
            address(fits).parse::<Address>().unwrap();
            let error = address(fits + 1).parse::<Address>().unwrap_err().to_string();
            assert!(error.ends_with("expected labels of at most 63 characters"), "{error}");
        }
        assert!("".parse::<ReversePath>().is_err());
    }
}
