//! AUTH, RFC 4954.

use alloc::boxed::Box;
use alloc::string::ToString;

use xoauth_sasl::{Context, Mechanism, Reply as Answer, SaslIr};

use crate::error::{AuthenticationRefused, Error};
use crate::parse::Reply;
use crate::proto::{Command, Encoder, Exchange, Place, Progress};
use crate::types::{Extensions, ReplyText};

/// Authenticates with a SASL mechanism.
///
/// The mechanism's message goes on the command line where the line stays within 512 octets, else on a
/// line of its own when the server asks for it: a longer command line is refused or misread by Dovecot,
/// Postfix and others, and long tokens pass it.
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Auth {
    exchange: xoauth_sasl::Exchange,
    sasl_ir: SaslIr,
    listing: Listing,
    reply: Option<ReplyText>,
}

#[derive(Debug, PartialEq, Eq)]
enum Listing {
    Required,
    Ignored,
}

/// RFC 4954 4, RFC 5321 4.5.3.1.4: CRLF included.
const LONGEST_COMMAND: usize = 512;

impl Auth {
    /// Makes the mechanism's message, with the nonce and timestamp of `context`; a value serves one
    /// attempt.
    ///
    /// # Errors
    /// The mechanism's own: [`Error::Sasl`].
    pub fn new(mechanism: &dyn Mechanism, context: &Context<'_>) -> Result<Self, Error> {
        Ok(Self::with(xoauth_sasl::Exchange::start(mechanism, context)?))
    }

    /// The same with a SASL exchange that has been started, for example with another
    /// [`Tolerance`](xoauth_sasl::Tolerance).
    pub fn with(exchange: xoauth_sasl::Exchange) -> Self {
        Self { exchange, sasl_ir: SaslIr::Auto, listing: Listing::Required, reply: None }
    }

    /// Whether the message goes on the command line; [`SaslIr::Auto`]: where that stays within 512 octets.
    pub fn sasl_ir(mut self, sasl_ir: SaslIr) -> Self {
        self.sasl_ir = sasl_ir;
        self
    }

    /// Tries the mechanism although the server does not list it.
    pub fn even_if_unlisted(mut self) -> Self {
        self.listing = Listing::Ignored;
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

    /// Whether the command line stays within 512 octets with the message on it: `"AUTH" SP sasl-mech SP initial-response
    /// CRLF`, RFC 4954 4.
    pub fn fits_command_line(&self) -> bool {
        let around = "AUTH ".len() + self.mechanism().len() + " ".len() + "\r\n".len();
        around + self.message_len() <= LONGEST_COMMAND
    }

    /// Whether the message goes on the command line of a server with these extensions, for programs that tell.
    ///
    /// # Errors
    /// [`Error::MechanismUnavailable`] where the server does not list the mechanism and it is not to be tried all the same.
    pub fn goes_with_command(&self, extensions: &Extensions) -> Result<bool, Error> {
        let mechanism = self.mechanism();
        if self.listing == Listing::Required && !extensions.offers_mechanism(mechanism) {
            let offered = extensions.mechanisms_shown(&self.exchange.mask());
            return Err(Error::MechanismUnavailable { mechanism: mechanism.to_string(), offered });
        }
        let inline = match self.sasl_ir {
            SaslIr::Auto => self.fits_command_line(),
            SaslIr::Always => true,
            SaslIr::Never => false,
        };
        Ok(inline && self.exchange.allows_initial_response())
    }
}

impl Exchange for Auth {
    /// # Errors
    /// [`Error::MechanismUnavailable`] where the server does not list the mechanism.
    fn encode(&mut self, out: &mut Encoder<'_>, extensions: &Extensions) -> Result<(), Error> {
        let inline = self.goes_with_command(extensions)?;
        out.protect(self.exchange.mask());
        out.text("AUTH ");
        out.text(self.exchange.mechanism());
        if inline {
            out.text(" ");
            out.secret(self.exchange.initial_response());
        }
        out.end_line(Place::Last);
        Ok(())
    }

    fn on_reply(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<Progress, Error> {
        let code = reply.code();
        match code.get() {
            235 if !self.exchange.has_said_all() => {
                return Err(Error::unexpected("334 before the credentials are sent", reply));
            }
            // Whether it let us in or not is not known (RFC 7628 3.2.3; RFC 4954 4: 501 behind "*").
            235 if self.exchange.cancelled().is_some() => {
                return Err(Error::unexpected("a refusal behind '*'", reply));
            }
            235 if self.exchange.has_failed() => {
                return Err(Error::unexpected("a refusal behind the error document", reply));
            }
            235 => {}
            334 => {
                let mut lines = reply.lines();
                let (Some(challenge), None) = (lines.next(), lines.next()) else {
                    return Err(Error::unexpected("a challenge of one line", reply));
                };
                self.exchange.protect(reply.mask());
                match self.exchange.on_challenge(challenge) {
                    Ok(Answer::Response(response)) => out.secret(response),
                    Ok(Answer::Cancel) => out.text("*"),
                    Err(_) => return Err(Error::unexpected("the end of AUTH after '*'", reply)),
                }
                out.end_line(Place::Last);
                return Ok(Progress::Continue);
            }
            _ if code.is_refusal() => {}
            _ => return Err(Error::unexpected("235, 334 or a refusal to AUTH", reply)),
        }
        self.reply = Some(reply.to_text());
        Ok(Progress::Continue)
    }
}

impl Command for Auth {
    /// The server's words of welcome.
    type Output = ReplyText;

    /// # Errors
    /// [`Error::AuthenticationRefused`], with the error challenge and the final reply; the session takes
    /// another attempt.
    fn finish(self) -> Result<ReplyText, Error> {
        let reply = self.reply.ok_or(Error::Busy)?;
        if reply.code.get() == 235 {
            return Ok(reply);
        }
        Err(Error::AuthenticationRefused(Box::new(AuthenticationRefused {
            mechanism: self.exchange.mechanism().to_string(),
            challenge: self.exchange.refusal().cloned(),
            cancelled: self.exchange.cancelled(),
            reply,
        })))
    }
}
