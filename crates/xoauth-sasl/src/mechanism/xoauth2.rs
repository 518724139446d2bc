//! XOAUTH2, the mechanism of Google, Microsoft, Yahoo and Yandex for OAuth 2.0.

use alloc::string::String;
use alloc::vec::Vec;

use oauth1_core::Secret;

use super::message::{SEPARATOR, checked_token, checked_user};
use super::{Context, Mechanism};
use crate::Error;
use crate::error::check;

/// XOAUTH2: a user and an OAuth 2.0 access token, for TLS connections only.
///
/// ```
/// use xoauth_sasl::{Context, Mechanism, Nonce, Stamp, XOAuth2};
///
/// let login = XOAuth2::new("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3Rlcg")?;
/// let stamp = Stamp::new(Nonce::new("unused")?, 0);
/// let message = login.initial_response(&Context::new(&stamp, "imap.gmail.com", 993))?;
/// assert_eq!(
///     message.expose(),
///     "user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3Rlcg\x01\x01",
/// );
/// # Ok::<(), xoauth_sasl::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct XOAuth2 {
    user: String,
    token: Secret,
    vendor: Vec<(String, String)>,
}

impl XOAuth2 {
    /// A login as a user with an access token. For a shared mailbox of Microsoft's the user is
    /// the mailbox, the token the real user's.
    ///
    /// # Errors
    /// [`Error::Empty`] or [`Error::Character`] for a user or token that is empty, a user with
    /// control characters, a token with anything but visible ASCII.
    pub fn new(user: impl Into<String>, token: impl Into<Secret>) -> Result<Self, Error> {
        Ok(Self { user: checked_user(user)?, token: checked_token(token)?, vendor: Vec::new() })
    }

    /// Adds a field of a vendor behind the token: Yahoo's is `vendor` with the program's name.
    ///
    /// # Errors
    /// [`Error::Empty`] or [`Error::Character`] for a name with anything but ASCII letters, or a
    /// value that is empty or has control characters.
    pub fn vendor(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, Error> {
        let (name, value) = (name.into(), value.into());
        check("vendor field name", &name, "ASCII letters only", |c| c.is_ascii_alphabetic())?;
        check("vendor field value", &value, "no control character", |c| !c.is_control())?;
        self.vendor.push((name, value));
        Ok(self)
    }
}

impl Mechanism for XOAuth2 {
    fn name(&self) -> &str {
        "XOAUTH2"
    }

    fn initial_response(&self, _: &Context<'_>) -> Result<Secret, Error> {
        let vendor = self.vendor.iter().flat_map(|(name, value)| [name, "=", value, SEPARATOR]);
        let user = ["user=", &self.user, SEPARATOR];
        let auth = ["auth=Bearer ", self.token.expose(), SEPARATOR];
        let pieces = user.into_iter().chain(auth).chain(vendor).chain([SEPARATOR]);
        // Made in one piece, so that it is never moved and left behind.
        let mut message = String::with_capacity(pieces.clone().map(str::len).sum());
        message.extend(pieces);
        Ok(Secret::new(message))
    }

    fn sensitive(&self, visit: &mut dyn FnMut(&str)) {
        visit(self.token.expose());
    }
}
