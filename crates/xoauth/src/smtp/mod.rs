//! Blocking SMTP sessions.
//!
//! [`connect`] opens implicit TLS on port 465; [`Builder`] chooses everything else. A connection is a
//! [`Client`] until it is authenticated and a [`Session`] from then on; what it does are values of
//! [`exchange`], and `run` is the verb. Async sessions over tokio are in `nonblocking` (feature `tokio`).
//!
//! What is defined here fails with [`xoauth::Error`](crate::Error). This module also has all of `xoauth_smtp`, whose own [`Error`] is what
//! stands in the variant [`Smtp`](crate::Error::Smtp) of that one.

mod bulk;
mod client;
mod connect;
mod core;
mod door;
#[cfg(feature = "mail-parser")]
mod headers;
#[cfg(feature = "tokio")]
pub mod nonblocking;
mod outcomes;
mod pool;
mod pool_options;
mod posting;
mod rate;
mod session;
mod shelf;

pub use client::{Client, PlainClient};
pub use connect::Builder;
#[cfg(feature = "native-tls")]
pub use connect::connect;
pub use door::log_in;
#[cfg(feature = "mail-parser")]
pub use headers::{Headers, mail_from_headers};
pub use outcomes::Outcomes;
pub use pool::{Mailer, Pool, Pooled};
pub use pool_options::PoolOptions;
pub use session::Session;
pub use xoauth_smtp::*;
