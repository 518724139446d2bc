//! Signing in: who as, with what, and what a refusal leaves.

mod credentials;
mod heard;
mod refused;
mod renewals;
mod sign_in;
mod source;

pub use credentials::Credentials;
pub(crate) use credentials::Manner;
pub use refused::LoginRefused;
pub(crate) use sign_in::{Asker, Candidate, Door, Given, Immediate, Opening, sign_in};
#[cfg(feature = "tokio")]
pub(crate) use sign_in::{AsyncOpening, Waiting};
pub(crate) use source::may_come_later;
pub use source::{
    Ask, Fixed, Named, Renew, TokenCommand, TokenCommandOverdue, TokenFailed, TokenSource,
    TokenUnavailable,
};
#[cfg(feature = "tokio")]
pub use source::{AsyncTokenSource, Awaited};
