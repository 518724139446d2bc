//! A login that failed, with the connection it left.

use std::fmt;

use crate::Error;

/// The server did not let us in; the connection may take another attempt.
///
/// Converts into [`Error`], so that `?` works where the connection is of no interest.
#[derive(Debug)]
pub struct LoginRefused<C> {
    error: Error,
    client: Option<Box<C>>,
}

impl<C> LoginRefused<C> {
    pub(crate) fn new(error: Error, client: Option<C>) -> Self {
        Self { error, client: client.map(Box::new) }
    }

    /// Why.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The connection, for another attempt; `None` where the session is over.
    pub fn into_client(self) -> Option<C> {
        self.client.map(|client| *client)
    }

    /// Why, and the connection.
    pub fn into_parts(self) -> (Error, Option<C>) {
        (self.error, self.client.map(|client| *client))
    }
}

impl<C> From<LoginRefused<C>> for Error {
    fn from(refused: LoginRefused<C>) -> Self {
        refused.error
    }
}

impl<C> fmt::Display for LoginRefused<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<C: fmt::Debug> std::error::Error for LoginRefused<C> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}
