//! Signing in: who as, with what, and what a refusal leaves.

#[cfg(feature = "native-tls")]
mod credentials;
mod refused;
#[cfg(feature = "native-tls")]
mod sign_in;
#[cfg(feature = "native-tls")]
mod source;

#[cfg(feature = "native-tls")]
pub use credentials::Credentials;
pub use refused::LoginRefused;
#[cfg(all(feature = "imap", feature = "native-tls"))]
pub(crate) use sign_in::Asker;
#[cfg(feature = "tokio")]
pub(crate) use sign_in::Waiting;
#[cfg(feature = "native-tls")]
pub(crate) use sign_in::{Door, Immediate, sign_in};
#[cfg(feature = "native-tls")]
pub use source::{Ask, Fixed, Named, Renew, TokenCommand, TokenFailed, TokenSource};
#[cfg(feature = "tokio")]
pub use source::{AsyncTokenSource, Awaited};
