#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Without a protocol there is nobody to use what both share.
#![cfg_attr(
    not(any(feature = "imap", feature = "smtp")),
    allow(dead_code, unused_imports, unused_macros)
)]

mod error;
#[cfg(feature = "imap")]
pub mod imap;
mod login;
pub mod net;
#[cfg(feature = "smtp")]
pub mod smtp;
mod time;
mod trace;

pub use error::Error;
pub use login::LoginRefused;
pub use login::{
    Ask, Credentials, Fixed, Named, Renew, TokenCommand, TokenCommandOverdue, TokenFailed,
    TokenSource, TokenUnavailable,
};
#[cfg(feature = "tokio")]
pub use login::{AsyncTokenSource, Awaited};
#[cfg(feature = "tokio")]
pub use net::AsyncTlsTransport;
pub use net::{Deadlines, Transport};
#[cfg(feature = "native-tls")]
pub use net::{Tls, TlsTransport};
pub use trace::Trace;
pub use xoauth_sasl as sasl;
pub use xoauth_sasl::wire::Direction;
pub use xoauth_sasl::{Consumer, Secret, Token};
