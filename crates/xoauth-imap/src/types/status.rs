//! Statuses: OK, NO, BAD, BYE, PREAUTH.

use alloc::string::String;
use core::fmt;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::Excerpt;

use super::ResponseCode;
use crate::parse::StatusRef;

/// The word a status begins with, RFC 9051 7.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusKind {
    /// OK: done, or a note.
    Ok,
    /// NO: refused, or a warning.
    No,
    /// BAD: the server did not understand.
    Bad,
    /// BYE: the server closes the connection.
    Bye,
    /// PREAUTH: the greeting of a session that is authenticated already.
    Preauth,
}

/// A status of the server with its code and its text for people.
///
/// Of what the server says, control characters are escaped and our secrets masked. At most 512 octets of the
/// text are kept, and 2,048 of what a response code says; what was cut tells its length.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusText {
    /// Its word.
    pub kind: StatusKind,
    /// Its code.
    pub code: Option<ResponseCode>,
    text: String,
}

impl StatusText {
    /// An OK that says nothing.
    pub(crate) fn ok() -> Self {
        Self { kind: StatusKind::Ok, code: None, text: String::new() }
    }

    /// An OK with a code, and no words.
    pub(crate) fn ok_with(code: ResponseCode) -> Self {
        Self { code: Some(code), ..Self::ok() }
    }

    /// OK.
    pub fn is_ok(&self) -> bool {
        self.kind == StatusKind::Ok
    }

    /// NO.
    pub fn is_no(&self) -> bool {
        self.kind == StatusKind::No
    }

    /// BAD.
    pub fn is_bad(&self) -> bool {
        self.kind == StatusKind::Bad
    }

    /// What the server says to people, in no known language.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, where the server wants it shown to the user (ALERT, RFC 9051 7.1).
    pub fn alert(&self) -> Option<&str> {
        (self.code == Some(ResponseCode::Alert)).then_some(&self.text)
    }

    /// The code is READ-ONLY.
    pub fn says_read_only(&self) -> bool {
        self.code == Some(ResponseCode::ReadOnly)
    }

    /// The code is CAPABILITY.
    pub fn tells_capabilities(&self) -> bool {
        matches!(self.code, Some(ResponseCode::Capability(_)))
    }
}

impl StatusRef<'_> {
    /// An owned copy; the secrets that `mask` knows are replaced in it.
    pub fn to_owned_masked(&self, mask: &Mask) -> StatusText {
        let code = self.code.as_ref().map(|code| ResponseCode::new(code, mask));
        StatusText { kind: self.kind, code, text: bounded(self.text, mask, TEXT) }
    }
}

/// Octets of a text for people that are kept: as many as SMTP allows one of its lines.
const TEXT: usize = 512;

/// Octets of a response code that are kept, a list or a URL for example.
const CODE: usize = 2048;

/// What a response code says, without our secrets and fit to be shown.
pub(super) fn shown(octets: &[u8], mask: &Mask) -> String {
    bounded(octets, mask, CODE)
}

fn bounded(octets: &[u8], mask: &Mask, limit: usize) -> String {
    Excerpt::bounded(octets, mask, limit).into()
}

impl fmt::Display for StatusKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "OK",
            Self::No => "NO",
            Self::Bad => "BAD",
            Self::Bye => "BYE",
            Self::Preauth => "PREAUTH",
        })
    }
}

impl fmt::Display for StatusText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if let Some(code) = &self.code {
            write!(f, " [{code}]")?;
        }
        if self.text.is_empty() { Ok(()) } else { write!(f, " {}", self.text) }
    }
}
