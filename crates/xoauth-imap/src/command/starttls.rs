//! STARTTLS, RFC 9051 6.2.1.

use crate::error::Error;
use crate::proto::{Command, Encoder, Exchange, Kind, State};
use crate::types::{ArgumentSink, StatusText};

/// Asks the server to go on under TLS. After its OK the machine is spent: everything it knows was said in
/// the clear.
#[derive(Debug, Default)]
#[must_use = "a command does nothing until it is run"]
pub struct StartTls(());

impl StartTls {
    /// Asks for TLS.
    pub fn new() -> Self {
        Self(())
    }
}

impl Exchange for StartTls {
    /// # Errors
    /// [`Error::TlsUnavailable`]: the server does not offer it, or greeted with PREAUTH, after which
    /// STARTTLS is not allowed (RFC 9051, 11.1 names the attack).
    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        let unavailable = |reason| Err(Error::TlsUnavailable { reason, status: None });
        if state.is_preauthenticated() {
            return unavailable("server greeted with PREAUTH");
        }
        if state.capabilities().is_some_and(|capabilities| !capabilities.has("STARTTLS")) {
            return unavailable("server does not offer STARTTLS");
        }
        out.raw("STARTTLS");
        Ok(())
    }

    fn kind(&self) -> Kind {
        Kind::StartTls
    }
}

impl Command for StartTls {
    type Output = ();

    fn finish(self, status: StatusText) -> Result<(), Error> {
        if status.is_ok() {
            return Ok(());
        }
        let status = Some(status.into());
        Err(Error::TlsUnavailable { reason: "server refused STARTTLS", status })
    }
}
