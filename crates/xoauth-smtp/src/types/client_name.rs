//! The name a client introduces itself with.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use super::domain::{Labels, check_domain};
use crate::error::InvalidArgument;

/// The name in EHLO and HELO: a domain, or an address literal where the client has no name
/// (RFC 5321 4.1.1.1, 4.1.4).
///
/// ```
/// use xoauth_smtp::ClientName;
///
/// let name: ClientName = "client.example.org".parse()?;
/// assert_eq!(name.as_str(), "client.example.org");
/// assert_eq!(ClientName::from(std::net::IpAddr::from([192, 0, 2, 1])).as_str(), "[192.0.2.1]");
/// assert_eq!(
///     "x\r\nNOOP".parse::<ClientName>().unwrap_err().to_string(),
///     r"invalid client name 'x\r\nNOOP': '\r' at octet 1, expected a domain of letters, digits, '-' and '.'",
/// );
/// # Ok::<(), xoauth_smtp::InvalidArgument>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientName(String);

impl ClientName {
    /// The name as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ClientName {
    /// `[127.0.0.1]`: says nothing about the machine, and needs no name server.
    fn default() -> Self {
        Self("[127.0.0.1]".to_owned())
    }
}

impl From<IpAddr> for ClientName {
    /// The address literal.
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => format!("[{address}]"),
            IpAddr::V6(address) => format!("[IPv6:{address}]"),
        })
    }
}

impl FromStr for ClientName {
    type Err = InvalidArgument;

    /// Takes a domain or an address literal. Letters beyond ASCII are refused: before EHLO was answered
    /// nobody knows whether the server understands them (RFC 6531 3.7.1).
    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        match check_domain(text, 0, Labels::Ascii) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(fault) => Err(InvalidArgument::new("client name", text, fault)),
        }
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_and_literals_are_taken() {
        for name in [
            "localhost",
            "a.b-c.example",
            "xn--bcher-kva.example",
            "3com.com",
            "[192.0.2.1]",
            "[IPv6:::1]",
        ] {
            assert_eq!(name.parse::<ClientName>().unwrap().to_string(), name);
        }
        assert_eq!(ClientName::from("::1".parse::<IpAddr>().unwrap()).as_str(), "[IPv6:::1]");
        let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        assert_eq!(ClientName::from(mapped).as_str(), "[192.0.2.7]");
        assert!(ClientName::default().as_str().parse::<ClientName>().is_ok());
    }

    #[test]
    fn other_names_are_refused_and_the_place_is_told() {
        let cases = [
            ("", "end of text at octet 0, expected a domain without empty labels"),
            ("a b", "' ' at octet 1, expected a domain of letters, digits, '-' and '.'"),
            ("a..b", "end of text at octet 2, expected a domain without empty labels"),
            ("-a.b", "'-' at octet 0, expected a letter or digit at both ends of a label"),
            ("a.b-", "'-' at octet 3, expected a letter or digit at both ends of a label"),
            ("bücher.example", "'ü' at octet 1, expected a domain of letters, digits, '-' and '.'"),
            ("a_b", "'_' at octet 1, expected a domain of letters, digits, '-' and '.'"),
            ("[192.0.2.1", "end of text at octet 10, expected a closing ']'"),
        ];
        for (name, expected) in cases {
            let error = name.parse::<ClientName>().unwrap_err().to_string();
            assert_eq!(error, alloc::format!("invalid client name '{name}': {expected}"));
        }
        for name in ["[1.2.3]", "[IPv6:1]", "[x:y]", "[1.2.3.4]x", "[]", "[\r\n]", "[1.2.3.4>]"] {
            assert!(name.parse::<ClientName>().is_err(), "{name}");
        }
    }
}
