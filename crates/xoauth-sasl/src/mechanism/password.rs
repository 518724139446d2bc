//! PLAIN and LOGIN: a user and a password, for private servers that have no OAuth.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use oauth1_core::Secret;

use super::{Context, Mechanism, Speaker};
use crate::Error;
use crate::error::check;

/// PLAIN: a user and a password in one message (RFC 4616), for TLS connections only.
///
/// Both are sent as they are given, in UTF-8; the server prepares them (SASLprep) where it compares them.
///
/// ```
/// use xoauth_sasl::{Context, Mechanism, Nonce, Plain, Stamp};
///
/// let login = Plain::new("tim", "tanstaaftanstaaf")?;
/// let stamp = Stamp::new(Nonce::new("unused")?, 0);
/// let message = login.initial_response(&Context::new(&stamp, "mail.example.org", 465))?;
/// assert_eq!(message.expose(), "\0tim\0tanstaaftanstaaf");
/// # Ok::<(), xoauth_sasl::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Plain {
    user: String,
    password: Secret,
    authorization: String,
}

/// LOGIN: the server asks for the user and for the password, one after the other.
///
/// It was never standardised, and PLAIN is better wherever it is offered. The prompts are not looked at:
/// servers word them differently. (The command LOGIN of IMAP, which is no SASL mechanism, has a type in `xoauth-imap`.)
#[derive(Debug, Clone)]
pub struct Login {
    user: String,
    password: Secret,
}

impl Plain {
    /// A login as a user with a password.
    ///
    /// # Errors
    /// [`Error::Empty`] or [`Error::Character`]: one of them is empty or holds a NUL.
    pub fn new(user: impl Into<String>, password: impl Into<Secret>) -> Result<Self, Error> {
        Ok(Self {
            user: without_nul("user", user.into())?,
            password: checked_password(password)?,
            authorization: String::new(),
        })
    }

    /// Acts as another user than the one whose password it is, where the server allows that.
    ///
    /// # Errors
    /// [`Error::Empty`] or [`Error::Character`]: it is empty or holds a NUL.
    pub fn acting_as(mut self, user: impl Into<String>) -> Result<Self, Error> {
        self.authorization = without_nul("user to act as", user.into())?;
        Ok(self)
    }
}

impl Login {
    /// A login as a user with a password.
    ///
    /// # Errors
    /// [`Error::Empty`] or [`Error::Character`]: one of them is empty or holds a NUL.
    pub fn new(user: impl Into<String>, password: impl Into<Secret>) -> Result<Self, Error> {
        Ok(Self { user: without_nul("user", user.into())?, password: checked_password(password)? })
    }
}

/// `1*SAFE`, RFC 4616 2.
fn without_nul(argument: &'static str, text: String) -> Result<String, Error> {
    check(argument, &text, "no NUL", |c| c != '\0')?;
    Ok(text)
}

fn checked_password(password: impl Into<Secret>) -> Result<Secret, Error> {
    let password = password.into();
    check("password", password.expose(), "no NUL", |c| c != '\0')?;
    Ok(password)
}

impl Mechanism for Plain {
    fn name(&self) -> &str {
        "PLAIN"
    }

    /// `message = [authzid] UTF8NUL authcid UTF8NUL passwd`
    ///
    /// RFC 4616 2
    fn initial_response(&self, _: &Context<'_>) -> Result<Secret, Error> {
        let parts = [&self.authorization, "\0", &self.user, "\0", self.password.expose()];
        // The room is exact, so that the text is never moved and left behind.
        let mut message = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        parts.iter().for_each(|part| message.push_str(part));
        Ok(Secret::new(message))
    }

    fn explains_refusals(&self) -> bool {
        false
    }

    fn sensitive(&self, visit: &mut dyn FnMut(&str)) {
        visit(self.password.expose());
    }
}

impl Mechanism for Login {
    fn name(&self) -> &str {
        "LOGIN"
    }

    fn initial_response(&self, _: &Context<'_>) -> Result<Secret, Error> {
        Ok(Secret::new(self.user.clone()))
    }

    fn further_responses(&self) -> Vec<Secret> {
        vec![self.password.clone()]
    }

    fn first_speaker(&self) -> Speaker {
        Speaker::Server
    }

    fn explains_refusals(&self) -> bool {
        false
    }

    fn sensitive(&self, visit: &mut dyn FnMut(&str)) {
        visit(self.password.expose());
    }
}
