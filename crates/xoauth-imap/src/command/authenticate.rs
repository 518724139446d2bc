//! AUTHENTICATE, RFC 9051 6.2.2, with an initial response where the server takes one (RFC 4959).

use alloc::boxed::Box;
use alloc::string::ToString;

use xoauth_sasl::{Context, Mechanism, Reply, SaslIr};

use crate::error::{AuthenticationRefused, Error};
use crate::parse::Response;
use crate::proto::{Claim, Command, Continued, Encoder, Exchange, State};
use crate::types::{ArgumentSink, Capabilities, StatusText};

/// Authenticates with a SASL mechanism.
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Authenticate {
    exchange: xoauth_sasl::Exchange,
    sasl_ir: SaslIr,
    unlisted: bool,
    capabilities_told: bool,
}

impl Authenticate {
    /// Makes the mechanism's message, with the nonce and timestamp of `context`; a value serves one
    /// attempt.
    ///
    /// # Errors
    /// The mechanism's own: [`Error::Sasl`].
    pub fn new(mechanism: &dyn Mechanism, context: &Context<'_>) -> Result<Self, Error> {
        let exchange = xoauth_sasl::Exchange::start(mechanism, context)?;
        let sasl_ir = SaslIr::default();
        Ok(Self { exchange, sasl_ir, unlisted: false, capabilities_told: false })
    }

    /// Whether the message goes on the command line; [`SaslIr::Auto`]: where the server advertises SASL-IR or
    /// IMAP4rev2.
    pub fn sasl_ir(mut self, sasl_ir: SaslIr) -> Self {
        self.sasl_ir = sasl_ir;
        self
    }

    /// Tries the mechanism although the server does not list it: Yandex takes XOAUTH2 unlisted.
    pub fn even_if_unlisted(mut self) -> Self {
        self.unlisted = true;
        self
    }

    /// The mechanism's name.
    pub fn mechanism(&self) -> &str {
        self.exchange.mechanism()
    }

    /// How many octets the mechanism's message has in base64.
    pub fn message_len(&self) -> usize {
        self.exchange.initial_len()
    }

    /// Whether the message goes on the command line of a server in this state, for programs that tell.
    ///
    /// # Errors
    /// [`Error::MechanismUnavailable`] where the server does not list the mechanism and it is not to be tried all the same.
    pub fn goes_with_command(&self, state: &State) -> Result<bool, Error> {
        let name = self.exchange.mechanism();
        let offered = state.capabilities().is_some_and(|capabilities| {
            capabilities.mechanisms().any(|mechanism| mechanism.eq_ignore_ascii_case(name))
        });
        if !offered && !self.unlisted {
            let mask = self.exchange.mask();
            let shown = |offered: &Capabilities| offered.mechanisms_shown(&mask);
            let offered = state.capabilities().map_or_else(Default::default, shown);
            return Err(Error::MechanismUnavailable { mechanism: name.to_string(), offered });
        }
        let inline = match self.sasl_ir {
            SaslIr::Always => true,
            SaslIr::Never => false,
            SaslIr::Auto => state.capabilities().is_some_and(|capabilities| {
                capabilities.has("SASL-IR") || capabilities.has("IMAP4REV2")
            }),
        };
        Ok(inline && self.exchange.allows_initial_response())
    }
}

impl Exchange for Authenticate {
    /// # Errors
    /// [`Error::MechanismUnavailable`] where the server does not list the mechanism;
    /// [`Error::AlreadyAuthenticated`] where it knows who we are: behind a PREAUTH greeting, or an earlier login.
    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        if state.is_authenticated() {
            return Err(Error::AlreadyAuthenticated);
        }
        out.protect(self.exchange.mask());
        self.exchange.protect(&out.mask());
        let inline = self.goes_with_command(state)?;
        out.raw("AUTHENTICATE ");
        out.raw(self.exchange.mechanism());
        if inline {
            out.raw(" ");
            out.secret(self.exchange.initial_response());
        }
        Ok(())
    }

    fn on_continuation(&mut self, text: &[u8], out: &mut Encoder<'_>) -> Result<Continued, Error> {
        match self.exchange.on_challenge(text) {
            Ok(Reply::Response(response)) => out.secret(response),
            Ok(Reply::Cancel) => out.raw("*"),
            // A challenge after the exchange was cancelled.
            Err(_) => return Ok(Continued::Unexpected),
        }
        out.line_end();
        Ok(Continued::Answered)
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        self.capabilities_told |= matches!(response, Response::Capability(_));
        Ok(Claim::Pass)
    }

    /// Behind an error document (RFC 7628 3.2.3), and behind our `*` (RFC 9051 6.2.2), there is no success that could be
    /// said: whether the server let us in is not known.
    fn has_said_all(&self) -> bool {
        self.exchange.has_said_all() && !self.exchange.has_failed()
    }

    /// What a server can do changes when it knows who asks; where it did not tell, it must be asked again.
    fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        state.authenticated |= status.is_ok();
        if status.is_ok() && !self.capabilities_told && !status.tells_capabilities() {
            state.capabilities = None;
        }
    }
}

impl Command for Authenticate {
    /// The server's words of welcome.
    type Output = StatusText;

    fn finish(self, status: StatusText) -> Result<StatusText, Error> {
        if status.is_ok() {
            return Ok(status);
        }
        Err(Error::AuthenticationRefused(Box::new(AuthenticationRefused {
            mechanism: self.exchange.mechanism().to_string(),
            challenge: self.exchange.refusal().cloned(),
            cancelled: self.exchange.cancelled(),
            status,
        })))
    }
}
