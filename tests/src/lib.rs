//! The test ground of the workspace: the embedded mail host and its helpers.
//!
//! * [`authorization`]: an OAuth 2 and OAuth 1.0a authorization server on loopback.
//! * [`host`]: an IMAP and submission host on loopback, with TLS, users and mailboxes in memory.
//! * [`scripted`]: a peer that plays a script and knows no protocol.
//! * [`player`]: a client that a request describes; the shim is this behind a command line.
//! * [`sink`]: a server that takes mail at full speed, counts, and fails on demand.
//! * [`setup`]: where the examples sign in.
//! * [`attacks`]: the corpus of hostile servers and its runner.
//! * [`transcripts`]: recorded sessions, played again in memory and swept.
//! * [`hear`]: what the machines make of octets. [`fuzzing`]: what the fuzz targets call.
//! * [`secrets`]: looks for secrets where none may be.
//! * [`certificates`]: throw-away authorities and certificates, good ones and bad ones.
//!
//! Nothing here is a product. The host has a line reader and a command parser of its own, so that
//! it judges the client crates from outside.

pub mod attacks;
pub mod authorization;
pub mod certificates;
mod connection;
pub mod fuzzing;
pub mod growth;
pub mod hear;
pub mod host;
mod pieces;
pub mod player;
pub mod scripted;
pub mod secrets;
pub mod setup;
pub mod sink;
pub mod sources;
pub mod transcripts;

/// Where async sessions run: one thread, timers and sockets.
///
/// # Panics
/// The system gives no sockets.
#[allow(clippy::expect_used, reason = "a test without a runtime has nothing to say")]
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("sockets and timers")
}

/// The pages people read first: their examples compile and run as they stand.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../README.md")]
    mod readme {}

    #[doc = include_str!("../../docs/from-python.md")]
    mod from_python {}

    #[doc = include_str!("../../docs/security.md")]
    mod security {}
}
