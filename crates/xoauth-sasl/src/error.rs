//! What a client's mechanism can refuse.

use core::fmt;

use oauth1_core::Error as OAuth1Error;

/// Why a mechanism cannot be made, or an exchange cannot go on.
///
/// Nothing was sent. No message repeats a token, a key or a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// An argument that must not be empty is empty.
    Empty {
        /// Which argument: `user`, `access token`, …
        argument: &'static str,
    },
    /// An argument holds a character that the mechanism's message cannot carry. The usual case is
    /// the line end of a file that a token was read from.
    Character {
        /// Which argument: `user`, `access token`, …
        argument: &'static str,
        /// The character.
        found: char,
        /// Where it is, in octets from the start of the argument.
        offset: usize,
        /// What may stand there.
        expected: &'static str,
    },
    /// OAuth 1.0a refuses the URL or the credentials, or the system gives no random octets.
    OAuth1(OAuth1Error),
    /// The server goes on although the exchange was [cancelled](crate::Exchange::cancelled).
    Cancelled,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty { argument } => OAuth1Error::Empty { argument }.fmt(f),
            Self::Character { argument, found, offset, expected } => {
                OAuth1Error::Character { argument, found, offset, expected }.fmt(f)
            }
            Self::OAuth1(ref fault) => fault.fmt(f),
            Self::Cancelled => {
                f.write_str("challenge after the exchange was cancelled, expected its end")
            }
        }
    }
}

impl core::error::Error for Error {}

impl From<OAuth1Error> for Error {
    fn from(fault: OAuth1Error) -> Self {
        Self::OAuth1(fault)
    }
}

/// Refuses an empty text, and the first character that is not allowed.
pub(crate) fn check(
    argument: &'static str,
    text: &str,
    expected: &'static str,
    allowed: impl Fn(char) -> bool,
) -> Result<(), Error> {
    if text.is_empty() {
        return Err(Error::Empty { argument });
    }
    match text.char_indices().find(|&(_, c)| !allowed(c)) {
        Some((offset, found)) => Err(Error::Character { argument, found, offset, expected }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn messages_say_what_is_wrong_and_where() {
        let cases = [
            (Error::Empty { argument: "user" }, "user is empty, expected at least one character"),
            (
                check("access token", "abc\n", "visible ASCII", |c| c.is_ascii_graphic())
                    .unwrap_err(),
                "access token holds a line feed at octet 3, expected visible ASCII",
            ),
            (
                OAuth1Error::Random { code: None }.into(),
                "no random octets from the operating system",
            ),
            (Error::Cancelled, "challenge after the exchange was cancelled, expected its end"),
        ];
        for (error, expected) in cases {
            assert_eq!(error.to_string(), expected);
        }
    }
}
