//! Blocking IMAP sessions.
//!
//! [`connect`] opens implicit TLS on port 993; [`Builder`] chooses everything else. A connection is a
//! [`Client`] until it is authenticated and a [`Session`] from then on; commands are values of
//! [`command`], and `run` is the verb. Async sessions over tokio are in `nonblocking` (feature `tokio`).
//!
//! What is defined here fails with [`xoauth::Error`](crate::Error). This module also has all of `xoauth_imap`, whose own [`Error`] is what
//! stands in the variant [`Imap`](crate::Error::Imap) of that one.

mod client;
#[cfg(feature = "deflate")]
mod compression;
mod connect;
mod core;
mod door;
mod flow;
mod idle;
mod keeper;
#[cfg(feature = "tokio")]
pub mod nonblocking;
mod opening;
#[cfg(all(test, feature = "tokio"))]
mod paused;
mod reconnect;
mod reopened;
mod session;
#[cfg(all(test, feature = "tokio"))]
mod simulated;
mod stream;
mod watch;
mod watcher;

pub use client::{Client, PlainClient};
#[cfg(feature = "deflate")]
pub use compression::Compression;
pub use connect::Builder;
#[cfg(feature = "native-tls")]
pub use connect::connect;
pub use door::log_in;
pub use idle::{Idle, Interrupter};
pub use reconnect::Reconnect;
pub use reopened::{Gap, Reopened};
pub use session::Session;
pub use stream::{Body, Part, Stream};
pub use watch::Watch;
pub use watcher::Change;
pub use xoauth_imap::*;

/// What the answer to the first command after a login says about it: BAD to a command that is right by its grammar
/// means that there is no mailbox behind the login.
fn probed<T>(answer: Result<T, crate::Error>) -> Result<(), crate::Error> {
    match answer {
        Err(crate::Error::Imap(Error::Refused { status, .. }))
            if status.kind == StatusKind::Bad =>
        {
            Err(crate::Error::NotConnected { status })
        }
        Err(error) if error.is_fatal() => Err(error),
        _ => Ok(()),
    }
}
