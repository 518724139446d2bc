//! Text that must not be printed.

use alloc::string::String;
use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroize;

/// Text that is overwritten with zeros when dropped and never prints itself.
///
/// Consumer and token secrets are secrets, and so are signatures and everything that holds one:
/// authorization headers, parameter lists, signed bodies and URLs. There is no `Display`,
/// `PartialEq` or `Serialize`; [`expose`](Secret::expose) is the only way to the text, which makes
/// every use easy to find.
///
/// ```
/// use oauth1_core::Secret;
///
/// let secret = Secret::new("kd94hf93k423kf44");
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// assert_eq!(secret.expose(), "kd94hf93k423kf44");
/// ```
///
/// What would print or compare it does not compile:
///
/// ```compile_fail,E0277
/// println!("{}", oauth1_core::Secret::new("kd94hf93k423kf44"));
/// ```
///
/// ```compile_fail,E0369
/// let secret = oauth1_core::Secret::new("kd94hf93k423kf44");
/// assert!(secret == secret);
/// ```
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Takes the text over. A `String` is moved, not copied, so that no copy stays behind.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is this text, in a time that does not depend on where they differ.
    ///
    /// ```
    /// use oauth1_core::Secret;
    ///
    /// let secret = Secret::new("kd94hf93k423kf44");
    /// assert!(secret.is("kd94hf93k423kf44"));
    /// assert!(!secret.is("kd94hf93k423kf4") && !secret.is(""));
    /// ```
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        // Two texts are equal when their hashes are, and those compare in constant time.
        let mac =
            |text: &str| Hmac::<Sha256>::new(&Default::default()).chain_update(text.as_bytes());
        mac(&self.0).verify_slice(&mac(text).finalize().into_bytes()).is_ok()
    }
}

impl Drop for Secret {
    /// Overwrites the whole room of the text. All of it is spare once the text is cleared, and
    /// spare room is overwritten as one piece, text octet by octet.
    fn drop(&mut self) {
        self.0.clear();
        self.0.zeroize();
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
