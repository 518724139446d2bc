//! Why a value was refused.

use alloc::string::String;
use core::convert::Infallible;
use core::fmt;

use crate::encode::{CONTROL, classes};

/// Why credentials, a URL, a request or a nonce cannot be used.
///
/// Every one is the caller's input (or, for [`Random`](Error::Random), the operating system)
/// refused before anything is signed. No message repeats a key, a secret or a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A text that must not be empty is empty.
    Empty {
        /// Which text: `consumer key`, `nonce`, …
        argument: &'static str,
    },
    /// A text holds a character that cannot be sent or signed. The usual case is the line end of
    /// a file that the text was read from.
    Character {
        /// Which text: `consumer secret`, `nonce`, …
        argument: &'static str,
        /// The character.
        found: char,
        /// Where it is, in octets from the start of the text.
        offset: usize,
        /// What may stand there.
        expected: &'static str,
    },
    /// The request URL cannot be signed.
    Url {
        /// The character that is wrong; `None` at the end of the text.
        found: Option<char>,
        /// Where it is, in octets from the start of the text.
        offset: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// A `%` is not followed by two hexadecimal digits, or the octets are not UTF-8.
    PercentEncoding {
        /// Where the escape is, in octets from the start of the text.
        offset: usize,
    },
    /// Form-encoded credentials lack a parameter.
    MissingParameter {
        /// Its name.
        name: &'static str,
    },
    /// A parameter is set twice, or is one that the signer sets itself.
    ReservedParameter {
        /// Its name.
        name: String,
        /// Where it was found: `url query`, `form`, …
        place: &'static str,
    },
    /// The name of a signature method is not known.
    SignatureMethod,
    /// The operating system gave no random octets. Nothing weaker is used instead.
    Random {
        /// The system's error number, where it has one.
        code: Option<i32>,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { argument } => {
                write!(f, "{argument} is empty, expected at least one character")
            }
            Self::Character { argument, found, offset, expected } => {
                write!(
                    f,
                    "{argument} holds {} at octet {offset}, expected {expected}",
                    Shown(*found)
                )
            }
            Self::Url { found: Some(found), offset, expected } => {
                write!(f, "url holds {} at octet {offset}, expected {expected}", Shown(*found))
            }
            Self::Url { found: None, offset, expected } => {
                write!(f, "url ends at octet {offset}, expected {expected}")
            }
            Self::PercentEncoding { offset } => write!(
                f,
                "malformed percent-encoding at octet {offset}, \
                 expected two hexadecimal digits behind '%' and UTF-8"
            ),
            Self::MissingParameter { name } => {
                write!(f, "parameter {name} is missing, expected name=value pairs joined by '&'")
            }
            Self::ReservedParameter { name, place } => write!(
                f,
                "parameter {name} in the {place}, expected it once and where the signer puts it"
            ),
            Self::SignatureMethod => f.write_str(
                "unknown signature method, expected HMAC-SHA1, HMAC-SHA256 or PLAINTEXT",
            ),
            Self::Random { code: Some(code) } => {
                write!(f, "no random octets from the operating system (error {code})")
            }
            Self::Random { code: None } => {
                f.write_str("no random octets from the operating system")
            }
        }
    }
}

impl core::error::Error for Error {}

/// Lets `impl TryInto<RequestUrl, Error: Into<Error>>` take a `RequestUrl` itself.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// A character in a message: printable ASCII in quotes, anything else by its number.
struct Shown(char);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            '\n' => f.write_str("a line feed"),
            '\r' => f.write_str("a carriage return"),
            ' ' => f.write_str("a space"),
            shown @ '!'..='~' => write!(f, "'{shown}'"),
            other => write!(f, "U+{:04X}", u32::from(other)),
        }
    }
}

/// Refuses the control characters (C0, DEL), which no key, secret or header can carry.
pub(crate) fn refuse_controls(argument: &'static str, text: &str) -> Result<(), Error> {
    if classes(text) & CONTROL == 0 {
        return Ok(());
    }
    refuse(argument, text, "no control character", |c| c.is_ascii_control())
}

/// Refuses the first character for which `forbidden` holds.
pub(crate) fn refuse(
    argument: &'static str,
    text: &str,
    expected: &'static str,
    forbidden: impl Fn(char) -> bool,
) -> Result<(), Error> {
    match text.char_indices().find(|&(_, c)| forbidden(c)) {
        Some((offset, found)) => Err(Error::Character { argument, found, offset, expected }),
        None => Ok(()),
    }
}
