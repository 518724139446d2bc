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
#[cfg(feature = "native-tls")]
mod keeper;
#[cfg(feature = "tokio")]
pub mod nonblocking;
#[cfg(feature = "native-tls")]
mod opening;
#[cfg(all(test, feature = "tokio"))]
mod paused;
#[cfg(feature = "native-tls")]
mod reconnect;
#[cfg(feature = "native-tls")]
mod reopened;
mod session;
#[cfg(all(test, feature = "tokio"))]
mod simulated;
mod stream;
#[cfg(feature = "native-tls")]
mod watch;
#[cfg(feature = "native-tls")]
mod watcher;

pub use client::{Client, PlainClient};
#[cfg(feature = "deflate")]
pub use compression::Compression;
pub use connect::Builder;
#[cfg(feature = "native-tls")]
pub use connect::connect;
pub use door::log_in;
pub use idle::{Idle, Interrupter};
#[cfg(feature = "native-tls")]
pub use reconnect::Reconnect;
#[cfg(feature = "native-tls")]
pub use reopened::{Gap, Reopened};
pub use session::Session;
pub use stream::{Body, Part, Stream};
#[cfg(feature = "native-tls")]
pub use watch::Watch;
#[cfg(feature = "native-tls")]
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
