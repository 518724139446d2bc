//! What a mechanism is.

mod message;
mod oauth10a;
mod oauthbearer;
mod password;
mod xoauth;
mod xoauth2;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Debug;

use oauth1_core::{Secret, Stamp};

pub(crate) use message::{endpoint_url, is_host_character};
pub use oauth10a::OAuth10A;
pub use oauthbearer::OAuthBearer;
pub use password::{Login, Plain};
pub use xoauth::{Service, XOAuth};
pub use xoauth2::XOAuth2;

use crate::Error;

/// What a mechanism needs to know when an exchange starts: a fresh nonce and timestamp, and where
/// the connection goes.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    stamp: &'a Stamp,
    host: &'a str,
    port: u16,
}

impl<'a> Context<'a> {
    /// The nonce and timestamp of this exchange, the name of the server as the client connected
    /// to it, and its port.
    #[must_use]
    pub fn new(stamp: &'a Stamp, host: &'a str, port: u16) -> Self {
        Self { stamp, host, port }
    }

    /// The nonce and timestamp of this exchange.
    #[must_use]
    pub fn stamp(&self) -> &'a Stamp {
        self.stamp
    }

    /// The name or address of the server.
    #[must_use]
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The port of the server.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Who speaks first in an exchange (RFC 4422 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The client: its message may go with the command.
    Client,
    /// The server: it asks for the message with a challenge of its own.
    Server,
}

/// A SASL mechanism with its credentials, for any number of exchanges.
///
/// Each exchange asks for a new message, so that the same value serves every reconnect. The OAuth
/// mechanisms are all of one shape: the client speaks first and says everything at once; a challenge
/// after that is the server's reason for refusing. LOGIN is of another: the server asks, and asks
/// again. Write your own of either shape by implementing the trait.
pub trait Mechanism: Debug + Send + Sync {
    /// The registered name, as it is sent: `XOAUTH2`. Up to 20 upper-case letters, digits, `-`
    /// and `_` (RFC 4422 3.1).
    fn name(&self) -> &str;

    /// The client's message, before base64. A signing mechanism signs here, with the nonce and
    /// timestamp of the context.
    ///
    /// # Errors
    /// When the message cannot be made for this server; nothing is sent then.
    fn initial_response(&self, context: &Context<'_>) -> Result<Secret, Error>;

    /// What the client says after its message, one text to each challenge, before base64. The
    /// challenges are not looked at. None by default.
    fn further_responses(&self) -> Vec<Secret> {
        Vec::new()
    }

    /// Who speaks first; the client by default.
    fn first_speaker(&self) -> Speaker {
        Speaker::Client
    }

    /// Whether a challenge after everything was said is the server's reason for refusing, to be
    /// acknowledged; so by default. Without it, such a challenge cancels the exchange.
    fn explains_refusals(&self) -> bool {
        true
    }

    /// The answer to the server's error challenge, before base64: empty by default, `%x01` for the
    /// mechanisms of RFC 7628 (3.2.3).
    fn error_acknowledgement(&self) -> &str {
        ""
    }

    /// Shows every secret of the login (tokens, secrets) to `visit`, so that they can be
    /// [masked](crate::Mask) in what the server says.
    fn sensitive(&self, visit: &mut dyn FnMut(&str));
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<T: Mechanism + ?Sized> Mechanism for $pointer {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn initial_response(&self, context: &Context<'_>) -> Result<Secret, Error> {
                (**self).initial_response(context)
            }

            fn further_responses(&self) -> Vec<Secret> {
                (**self).further_responses()
            }

            fn first_speaker(&self) -> Speaker {
                (**self).first_speaker()
            }

            fn explains_refusals(&self) -> bool {
                (**self).explains_refusals()
            }

            fn error_acknowledgement(&self) -> &str {
                (**self).error_acknowledgement()
            }

            fn sensitive(&self, visit: &mut dyn FnMut(&str)) {
                (**self).sensitive(visit);
            }
        }
    )*};
}

forward!(&T, Box<T>, Arc<T>);
