//! Where the clock and the random source meet the protocol crates, which have neither.

use std::time::{SystemTime, UNIX_EPOCH};

#[cfg(feature = "imap")]
use xoauth_sasl::oauth1::Nonce;
use xoauth_sasl::oauth1::Stamp;

use crate::Error;

/// A fresh nonce with the time of now, for one exchange.
pub(crate) fn stamp() -> Result<Stamp, Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Stamp::random(now.as_secs()).map_err(xoauth_sasl::Error::from)?)
}

/// Random text, for what a peer must not guess.
#[cfg(feature = "imap")]
pub(crate) fn random_text() -> Result<Nonce, Error> {
    Ok(Nonce::random().map_err(xoauth_sasl::Error::from)?)
}

/// A random number from 0 to 1; a half where the system gives none.
#[cfg(feature = "imap")]
pub(crate) fn random_share() -> f64 {
    let Ok(nonce) = Nonce::random() else { return 0.5 };
    // Ten bits tell clients apart well enough.
    let digits = nonce.as_str().bytes().take(8);
    let sum = digits.fold(0_u32, |sum, digit| sum.wrapping_mul(31).wrapping_add(u32::from(digit)));
    f64::from(sum % 1024) / 1023.0
}
