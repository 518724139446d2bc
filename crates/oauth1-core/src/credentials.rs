//! The client's and the token's credentials.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use crate::encode::{
    CONTROL, ESCAPED, Plus, classes, decode_strict, encoded_length, percent_encode_into,
    split_pairs, wipe,
};
use crate::error::{refuse, refuse_controls};
use crate::{Error, Secret};

/// The client credentials (RFC 5849 1.1): what the service gave the program.
///
/// Keys and secrets are any text without control characters; a key is not empty, a secret may be.
#[derive(Clone)]
pub struct Consumer {
    key: String,
    key_is_plain: bool,
    secret: Secret,
}

impl Consumer {
    /// Credentials from the consumer key and the consumer secret.
    ///
    /// # Errors
    /// [`Error::Empty`] for an empty key, [`Error::Character`] for a control character in either
    /// (typically the line end of the file that it was read from).
    pub fn new(key: impl Into<String>, secret: impl Into<Secret>) -> Result<Self, Error> {
        let (key, secret) = (key.into(), secret.into());
        let key_is_plain = check("consumer key", &key, "consumer secret", &secret)?;
        Ok(Self { key, key_is_plain, secret })
    }

    /// The consumer key, sent as `oauth_consumer_key`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The consumer secret, never sent except by PLAINTEXT.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The credentials as `oauth_consumer_key=…&oauth_consumer_secret=…`, form-encoded.
    #[must_use]
    pub fn to_form(&self) -> Secret {
        form("oauth_consumer_key", &self.key, "oauth_consumer_secret", &self.secret, "")
    }

    /// Reads what [`to_form`](Consumer::to_form) wrote; unknown parameters are ignored.
    ///
    /// # Errors
    /// As [`new`](Consumer::new); also [`Error::MissingParameter`], [`Error::ReservedParameter`]
    /// for a parameter given twice, and [`Error::PercentEncoding`].
    pub fn from_form(text: &str) -> Result<Self, Error> {
        let mut key = Slot::new("oauth_consumer_key");
        let mut secret = Slot::new("oauth_consumer_secret");
        read_form(text, &mut [&mut key, &mut secret])?;
        Self::new(key.take()?, Secret::new(secret.take()?))
    }

    /// Whether the key has nothing to encode; known once, asked at every signature.
    pub(crate) fn key_is_plain(&self) -> bool {
        self.key_is_plain
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("key", &self.key).finish_non_exhaustive()
    }
}

impl FromStr for Consumer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_form(text)
    }
}

/// Temporary or token credentials (RFC 5849 1.1): what stands for the user's permission.
///
/// A temporary token on its way through the redirection (RFC 5849 2.2) also carries its callback
/// and, once the user has agreed, the verifier; a signer sends the verifier with the token.
#[derive(Clone)]
pub struct Token {
    key: String,
    key_is_plain: bool,
    secret: Secret,
    callback: Option<String>,
    callback_confirmed: bool,
    verifier: Option<Secret>,
}

impl Token {
    /// Credentials from the token and the token secret.
    ///
    /// # Errors
    /// [`Error::Empty`] for an empty key, [`Error::Character`] for a control character in either
    /// (typically the line end of the file that it was read from).
    pub fn new(key: impl Into<String>, secret: impl Into<Secret>) -> Result<Self, Error> {
        let (key, secret) = (key.into(), secret.into());
        let key_is_plain = check("token", &key, "token secret", &secret)?;
        Ok(Self {
            key,
            key_is_plain,
            secret,
            callback: None,
            callback_confirmed: false,
            verifier: None,
        })
    }

    /// The token, sent as `oauth_token`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The token secret, never sent except by PLAINTEXT.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Adds the callback: an absolute URI of any scheme, or `oob` (RFC 5849 2.1).
    ///
    /// The token counts as [confirmed](Token::callback_confirmed) from then on.
    ///
    /// # Errors
    /// [`Error::Empty`], or [`Error::Character`] for a control character, a space, or a first
    /// character that cannot begin a URI.
    pub fn with_callback(mut self, url: impl Into<String>) -> Result<Self, Error> {
        let url = url.into();
        refuse_empty("callback", &url)?;
        refuse("callback", &url, "no control character and no space", |c| {
            c.is_ascii_control() || c == ' '
        })?;
        let scheme = url.split(':').next().unwrap_or_default();
        if url != OUT_OF_BAND && (scheme.len() == url.len() || scheme.is_empty()) {
            let found = url.chars().next().unwrap_or_default();
            let expected = "an absolute URI or oob";
            return Err(Error::Character { argument: "callback", found, offset: 0, expected });
        }
        self.callback = Some(url);
        self.callback_confirmed = true;
        Ok(self)
    }

    /// The callback, where one was added.
    #[must_use]
    pub fn callback(&self) -> Option<&str> {
        self.callback.as_deref()
    }

    /// Whether the server confirmed the callback: `oauth_callback_confirmed=true` in the answer
    /// that carried a temporary token (RFC 5849 2.1), or a callback was added here.
    #[must_use]
    pub fn callback_confirmed(&self) -> bool {
        self.callback_confirmed
    }

    /// Adds the verifier that the server handed out when the user agreed (RFC 5849 2.2).
    ///
    /// # Errors
    /// [`Error::Empty`], or [`Error::Character`] for a control character.
    pub fn with_verifier(mut self, verifier: impl Into<Secret>) -> Result<Self, Error> {
        let verifier = verifier.into();
        refuse_empty("verifier", verifier.expose())?;
        refuse_controls("verifier", verifier.expose())?;
        self.verifier = Some(verifier);
        Ok(self)
    }

    /// The verifier, sent as `oauth_verifier`.
    #[must_use]
    pub fn verifier(&self) -> Option<&Secret> {
        self.verifier.as_ref()
    }

    /// Where a server sends the user back to: the callback with `oauth_token` and
    /// `oauth_verifier` added to its query (RFC 5849 2.2).
    ///
    /// `None` without a callback or verifier, and for `oob`, which is no URL.
    #[must_use]
    pub fn callback_url_with_verifier(&self) -> Option<Secret> {
        let callback = self.callback.as_deref().filter(|&callback| callback != OUT_OF_BAND)?;
        let verifier = self.verifier.as_ref()?.expose();
        let parameters = [("oauth_token", self.key.as_str()), ("oauth_verifier", verifier)];
        Some(append_query(callback, parameters.into_iter()))
    }

    /// The token as `oauth_token=…&oauth_token_secret=…`, form-encoded as servers send it, with
    /// `&oauth_callback_confirmed=true` behind it where that holds. The callback and the verifier
    /// are not part of it.
    #[must_use]
    pub fn to_form(&self) -> Secret {
        let tail = if self.callback_confirmed { "&oauth_callback_confirmed=true" } else { "" };
        form("oauth_token", &self.key, "oauth_token_secret", &self.secret, tail)
    }

    /// Reads what [`to_form`](Token::to_form) wrote or a server answered (RFC 5849 2.1, 2.3);
    /// unknown parameters are ignored, an empty secret is one.
    ///
    /// # Errors
    /// As [`new`](Token::new); also [`Error::MissingParameter`], [`Error::ReservedParameter`] for
    /// a parameter given twice, and [`Error::PercentEncoding`].
    pub fn from_form(text: &str) -> Result<Self, Error> {
        let mut key = Slot::new("oauth_token");
        let mut secret = Slot::new("oauth_token_secret");
        let mut confirmed = Slot::new("oauth_callback_confirmed");
        read_form(text, &mut [&mut key, &mut secret, &mut confirmed])?;
        let mut token = Self::new(key.take()?, Secret::new(secret.take()?))?;
        token.callback_confirmed = confirmed.value.as_deref() == Some("true");
        Ok(token)
    }

    /// Whether the key has nothing to encode; known once, asked at every signature.
    pub(crate) fn key_is_plain(&self) -> bool {
        self.key_is_plain
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}

impl FromStr for Token {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_form(text)
    }
}

/// RFC 5849 2.1: the callback of a client that cannot be called back.
const OUT_OF_BAND: &str = "oob";

/// Adds parameters to the query of a URL, in front of its fragment.
pub(crate) fn append_query<'a>(
    url: &str,
    parameters: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Secret {
    let (front, fragment) = match url.find('#').and_then(|at| url.split_at_checked(at)) {
        Some(parts) => parts,
        None => (url, ""),
    };
    let mut out = String::with_capacity(query_room(url, parameters.clone()));
    out.push_str(front);
    let mut separator = match front.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) if front.ends_with('&') => "",
        Some(_) => "&",
    };
    for (name, value) in parameters {
        out.push_str(separator);
        percent_encode_into(name, &mut out);
        out.push('=');
        percent_encode_into(value, &mut out);
        separator = "&";
    }
    out.push_str(fragment);
    Secret::new(out)
}

/// The exact room, or an octet more.
fn query_room<'a>(url: &str, parameters: impl Iterator<Item = (&'a str, &'a str)>) -> usize {
    let each = |(name, value)| encoded_length(name) + encoded_length(value) + 2;
    url.len() + parameters.map(each).sum::<usize>()
}

/// Whether the key has nothing to encode.
fn check(
    what_key: &'static str,
    key: &str,
    what_secret: &'static str,
    secret: &Secret,
) -> Result<bool, Error> {
    refuse_empty(what_key, key)?;
    let classes = classes(key);
    if classes & CONTROL != 0 {
        refuse_controls(what_key, key)?;
    }
    refuse_controls(what_secret, secret.expose())?;
    Ok(classes & ESCAPED == 0)
}

fn refuse_empty(what: &'static str, text: &str) -> Result<(), Error> {
    if text.is_empty() { Err(Error::Empty { argument: what }) } else { Ok(()) }
}

fn form(key_name: &str, key: &str, secret_name: &str, secret: &Secret, tail: &str) -> Secret {
    let secret = secret.expose();
    // The exact room, so that the text is never moved and left behind.
    let names = key_name.len() + secret_name.len() + "=&=".len();
    let values = encoded_length(key) + encoded_length(secret);
    let mut out = String::with_capacity(names + values + tail.len());
    out.push_str(key_name);
    out.push('=');
    percent_encode_into(key, &mut out);
    out.push('&');
    out.push_str(secret_name);
    out.push('=');
    percent_encode_into(secret, &mut out);
    out.push_str(tail);
    Secret::new(out)
}

/// A parameter that a form may hold once.
struct Slot<'a> {
    name: &'static str,
    value: Option<Cow<'a, str>>,
}

impl<'a> Slot<'a> {
    fn new(name: &'static str) -> Self {
        Self { name, value: None }
    }

    fn take(mut self) -> Result<String, Error> {
        let missing = Error::MissingParameter { name: self.name };
        self.value.take().map(Cow::into_owned).ok_or(missing)
    }
}

impl Drop for Slot<'_> {
    /// It may hold a secret that nobody took.
    fn drop(&mut self) {
        self.value.iter_mut().for_each(wipe);
    }
}

fn read_form<'a>(text: &'a str, slots: &mut [&mut Slot<'a>]) -> Result<(), Error> {
    for (name, value) in split_pairs(text) {
        let name = decode_strict(name, Plus::Space)?;
        let Some(slot) = slots.iter_mut().find(|slot| slot.name == name) else { continue };
        if slot.value.is_some() {
            return Err(Error::ReservedParameter { name: slot.name.to_owned(), place: "form" });
        }
        slot.value = Some(decode_strict(value, Plus::Space)?);
    }
    Ok(())
}
