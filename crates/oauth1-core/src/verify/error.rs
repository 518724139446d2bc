//! Why a received request was refused.

use alloc::string::String;
use core::fmt;

use crate::Error;
use crate::verify::NonceError;

/// Why a received request was refused.
///
/// [`http_status`](VerifyError::http_status) sorts the variants as RFC 5849 3.2 does. No message
/// holds a secret, a signature or a base string. Whether the client is told which of the variants
/// it was is the server's choice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// The method or the URL of the request cannot be signed at all.
    Request(Error),
    /// A header or parameter list is not in the form of RFC 5849 3.5.1.
    Malformed {
        /// Which text: `authorization header` or `parameter list`.
        place: &'static str,
        /// Where it stops being well formed, in octets from its start.
        offset: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// The request has more parameters than [`ReceivedRequest::MAX_PARAMETERS`].
    ///
    /// [`ReceivedRequest::MAX_PARAMETERS`]: crate::ReceivedRequest::MAX_PARAMETERS
    TooManyParameters,
    /// A parameter that may be given once is there twice, in one place or in two.
    DuplicateParameter {
        /// Its name, shortened and with control characters escaped.
        name: String,
    },
    /// A required parameter is missing or empty.
    MissingParameter {
        /// Its name.
        name: &'static str,
    },
    /// `oauth_version` is not `1.0`.
    Version,
    /// The signature method is unknown, or not allowed here.
    SignatureMethod,
    /// `oauth_timestamp` is not a number of seconds in digits.
    Timestamp,
    /// The timestamp is too far from the server's time.
    OutOfWindow {
        /// The largest distance allowed, in seconds.
        window: u64,
    },
    /// There is no such consumer.
    UnknownConsumer,
    /// There is no such token, or it is not this consumer's.
    UnknownToken,
    /// The signature is not the one that the credentials give.
    Signature,
    /// The body is not the one whose hash was signed.
    BodyHash,
    /// The nonce was used before: this request has been seen.
    Replayed,
    /// The nonce store cannot take the nonce now. The request may be sound; without a place in the
    /// store it cannot be told from a replay.
    NonceStore(NonceError),
}

impl VerifyError {
    /// The HTTP status for it (RFC 5849 3.2): 400 for a request that is not in order, 401 for
    /// one whose credentials, signature or nonce are not accepted.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            Self::Request(_)
            | Self::Malformed { .. }
            | Self::TooManyParameters
            | Self::DuplicateParameter { .. }
            | Self::MissingParameter { .. }
            | Self::Version
            | Self::SignatureMethod
            | Self::Timestamp => 400,
            Self::OutOfWindow { .. }
            | Self::UnknownConsumer
            | Self::UnknownToken
            | Self::Signature
            | Self::BodyHash
            | Self::Replayed
            | Self::NonceStore(_) => 401,
        }
    }

    /// Whether the same credentials may succeed a little later, signed afresh: the fault is the
    /// nonce store's, not the client's.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::NonceStore(_))
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(_) => f.write_str("request line cannot be signed"),
            Self::Malformed { place, offset, expected } => {
                write!(f, "malformed {place} at octet {offset}, expected {expected}")
            }
            Self::TooManyParameters => f.write_str("too many parameters"),
            Self::DuplicateParameter { name } => {
                write!(f, "parameter {name} is given twice, expected it once")
            }
            Self::MissingParameter { name } => {
                write!(f, "parameter {name} is missing, expected it once and not empty")
            }
            Self::Version => f.write_str("unsupported oauth_version, expected 1.0"),
            Self::SignatureMethod => f.write_str("unsupported oauth_signature_method"),
            Self::Timestamp => f.write_str("malformed oauth_timestamp, expected seconds in digits"),
            Self::OutOfWindow { window } => {
                write!(f, "oauth_timestamp is more than {window} seconds from the time here")
            }
            Self::UnknownConsumer => f.write_str("unknown consumer"),
            Self::UnknownToken => f.write_str("unknown token"),
            Self::Signature => f.write_str("signature does not match"),
            Self::BodyHash => f.write_str("body does not match oauth_body_hash"),
            Self::Replayed => f.write_str("nonce was used before"),
            Self::NonceStore(_) => f.write_str("nonce cannot be checked now"),
        }
    }
}

impl core::error::Error for VerifyError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Request(fault) => Some(fault),
            Self::NonceStore(fault) => Some(fault),
            _ => None,
        }
    }
}

impl From<Error> for VerifyError {
    fn from(fault: Error) -> Self {
        Self::Request(fault)
    }
}

impl From<NonceError> for VerifyError {
    fn from(fault: NonceError) -> Self {
        match fault {
            NonceError::Replayed => Self::Replayed,
            other => Self::NonceStore(other),
        }
    }
}
