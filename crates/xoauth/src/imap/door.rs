//! Signing in to IMAP.

use std::sync::Arc;

use xoauth_imap::command::List;
use xoauth_sasl::{Mask, Mechanism};

#[cfg(feature = "native-tls")]
use super::Builder;
use super::{Client, Session};
use crate::login::{Candidate, Given, Immediate, Manner, Opening, sign_in};
#[cfg(feature = "native-tls")]
use crate::net::TlsTransport;
use crate::net::{Transport, now};
use crate::{Credentials, Error, LoginRefused, TokenSource};

#[cfg(feature = "native-tls")]
impl Builder {
    /// Connects, authenticates and hands out the session; asks the source of the credentials for a token first, and
    /// once more where the server refuses the token as such.
    ///
    /// ```no_run
    /// use xoauth::{Credentials, TokenCommand, imap};
    ///
    /// let source = TokenCommand::new("pass", ["show", "mail/access-token"]);
    /// let credentials = Credentials::bearer("ann@example.com", source);
    /// let mut session = imap::Builder::new("imap.example.com").log_in(&credentials)?;
    /// # Ok::<(), xoauth::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Builder::connect`] and [`Client::authenticate`]; [`Error::Token`]; [`Error::NotConnected`] where the
    /// credentials [probe](Credentials::probe).
    pub fn log_in<S: TokenSource>(
        &self,
        credentials: &Credentials<S>,
    ) -> Result<Session<TlsTransport>, Error> {
        log_in(|| self.connect(), credentials)
    }
}

impl<T: Transport> Client<T> {
    /// Authenticates by `credentials` on this connection, whatever its stream is: as `Builder::log_in`, save that the
    /// connection is dialled already. A token that is refused is renewed once where the server takes another attempt on
    /// the same connection.
    ///
    /// # Errors
    /// Those of [`Client::authenticate`]; [`Error::Token`]; [`Error::NotConnected`] where the
    /// credentials [probe](Credentials::probe).
    pub fn log_in<S: TokenSource>(self, credentials: &Credentials<S>) -> Result<Session<T>, Error> {
        let door = Given::new(self);
        now(sign_in(&door, credentials, None, Immediate::new))
    }
}

/// As [`Client::log_in`], on connections that `open` makes: over another TLS library, through a tunnel, or in the clear to
/// a server on this machine. It is called again where the server ends the connection with its refusal of a token that
/// can be renewed.
///
/// ```no_run
/// use xoauth::{Credentials, imap};
///
/// let builder = imap::Builder::new("127.0.0.1").port(1143);
/// let open = || Ok(builder.connect_plain()?.trust());
/// let mut session = imap::log_in(open, &Credentials::token("ann@example.com", "ya29.token"))?;
/// # Ok::<(), xoauth::Error>(())
/// ```
///
/// # Errors
/// Those of `open` and [`Client::authenticate`]; [`Error::Token`]; [`Error::NotConnected`] where the credentials
/// [probe](Credentials::probe).
pub fn log_in<T: Transport, S: TokenSource>(
    open: impl Fn() -> Result<Client<T>, Error>,
    credentials: &Credentials<S>,
) -> Result<Session<T>, Error> {
    now(sign_in(&Opening(open), credentials, None, Immediate::new))
}

impl<T: Transport> Candidate for Client<T> {
    type Session = Session<T>;

    fn protect(&mut self, secrets: &Arc<Mask>) {
        self.core.protect(secrets);
    }

    async fn offers(&mut self) -> Result<Vec<String>, Error> {
        Ok(self.capabilities()?.mechanisms().map(str::to_owned).collect())
    }

    async fn attempt(
        self,
        mechanism: &dyn Mechanism,
        manner: Manner,
    ) -> Result<Session<T>, LoginRefused<Self>> {
        self.authenticate_with(mechanism, |command| {
            let command = command.sasl_ir(manner.sasl_ir);
            if manner.unlisted { command.even_if_unlisted() } else { command }
        })
    }

    async fn probe(session: &mut Session<T>) -> Result<(), Error> {
        // The hierarchy's root: no name is listed, and nothing is changed (RFC 9051, 6.3.9).
        super::probed(session.run(List::new("")))
    }
}
