//! Tags, RFC 9051 2.2.1.

use alloc::format;
use alloc::string::String;

/// The random text that every tag of one connection begins with, so that a server cannot answer a command
/// before it was sent.
#[derive(Debug, Clone)]
pub struct TagPrefix(String);

impl TagPrefix {
    /// Keeps the letters and digits of `random`, at most 16 of them. Take at least 40 bits of randomness,
    /// say the text of an `oauth1::Nonce`.
    pub fn new(random: &str) -> Self {
        let mut prefix = String::from("x");
        prefix.extend(random.chars().filter(char::is_ascii_alphanumeric).take(16));
        Self(prefix)
    }

    /// The tag of the `n`th command.
    pub(super) fn tag(&self, n: u64) -> String {
        format!("{}{n}", self.0)
    }
}
