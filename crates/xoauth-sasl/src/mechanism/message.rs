//! What the messages of the mechanisms have in common.

use alloc::format;
use alloc::string::String;

use oauth1_core::{Consumer, Secret, Signer, Token};

use crate::Error;
use crate::error::check;

/// `kvsep` of RFC 7628 3.1, and what ends each field of XOAUTH2.
pub(crate) const SEPARATOR: &str = "\u{1}";

/// A user: any text without control characters.
pub(super) fn checked_user(user: impl Into<String>) -> Result<String, Error> {
    let user = user.into();
    check("user", &user, "no control character", |c| !c.is_control())?;
    Ok(user)
}

/// An access token. RFC 6750 2.1 allows less; tokens outside of it are in use, and visible ASCII
/// is what `auth` can carry between spaces (RFC 7628 3.1).
pub(super) fn checked_token(token: impl Into<Secret>) -> Result<Secret, Error> {
    let token = token.into();
    check("access token", token.expose(), "visible ASCII characters only", |c| {
        c.is_ascii_graphic()
    })?;
    Ok(token)
}

/// A host as the key `host` carries it.
pub(super) fn check_host(host: &str) -> Result<(), Error> {
    check("host", host, "a host name or address", is_host_character)
}

/// What may stand in a host name or address, were it part of a URL (RFC 3986 3.2.2).
pub(crate) fn is_host_character(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '/' | '?' | '#' | '@' | '\\')
}

/// Room for the longest message around its variable parts, so that a message is never moved and
/// left behind.
const FRAME: usize = 64;

/// A message of RFC 7628 3.1 on its way.
pub(super) struct Message(String);

impl Message {
    /// Begins with the gs2-header: no channel binding, the user as authorization identity with
    /// `,` and `=` escaped. `room` octets are still to come.
    ///
    /// RFC 5801 4
    pub(super) fn new(user: Option<&str>, room: usize) -> Self {
        let longest = user.map_or(0, |user| 3 * user.len());
        let mut text = String::with_capacity(FRAME + longest + room);
        text.push_str("n,");
        if let Some(user) = user {
            text.push_str("a=");
            for c in user.chars() {
                match c {
                    ',' => text.push_str("=2C"),
                    '=' => text.push_str("=3D"),
                    other => text.push(other),
                }
            }
        }
        text.push(',');
        text.push_str(SEPARATOR);
        Self(text)
    }

    /// Adds a key with a value of one or more pieces.
    pub(super) fn pair(&mut self, key: &str, pieces: &[&str]) {
        self.0.push_str(key);
        self.0.push('=');
        pieces.iter().for_each(|piece| self.0.push_str(piece));
        self.0.push_str(SEPARATOR);
    }

    pub(super) fn finish(mut self) -> Secret {
        self.0.push_str(SEPARATOR);
        Secret::new(self.0)
    }
}

/// The URL that an OAUTH10A client signs: always `http`, the root path, and the port, which falls
/// away from the base string where it is 80.
///
/// RFC 7628 3.2; an IPv6 address is bracketed as RFC 3986 3.2.2 wants it.
pub(crate) fn endpoint_url(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("http://[{host}]:{port}/")
    } else {
        format!("http://{host}:{port}/")
    }
}

/// The secrets of OAuth 1.0a credentials. The consumer key is not secret: it names the program.
pub(super) fn visit_credentials(signer: &Signer, visit: &mut dyn FnMut(&str)) {
    visit(Consumer::secret(signer.consumer()).expose());
    if let Some(token) = signer.token() {
        visit(token.key());
        visit(Token::secret(token).expose());
        if let Some(verifier) = token.verifier() {
            visit(verifier.expose());
        }
    }
}
