//! Async SMTP sessions over tokio: the same exchanges, the same `run`, awaited.
//!
//! ```no_run
//! use xoauth::Credentials;
//! use xoauth::smtp::{exchange::Submit, nonblocking};
//!
//! # async fn send() -> Result<(), Box<dyn std::error::Error>> {
//! let credentials = Credentials::token("ann@example.com", std::env::var("ACCESS_TOKEN")?);
//! let mut session = nonblocking::Builder::new("smtp.example.com").log_in(&credentials).await?;
//! let message = "From: ann@example.com\r\nTo: ben@example.org\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\n\
//!     Subject: hello\r\n\r\nHi.\r\n";
//! let sent = session.run(Submit::new("ann@example.com", ["ben@example.org"], message)).await?;
//! println!("{}", sent.reply());
//! session.quit().await?;
//! # Ok(()) }
//! ```
//!
//! # Dropped futures
//! A future of `run` that is dropped before it is ready, by `select!` or a time-out, leaves an exchange half way: what
//! became of it nobody can tell, so that the session is over and the next call closes the connection. A message under
//! way may have been accepted.

mod client;
mod connect;
mod door;
mod outcomes;
mod pool;
#[cfg(test)]
mod rested;
mod session;
#[cfg(test)]
mod simulated;

pub use client::{Client, PlainClient};
pub use connect::{Builder, connect};
pub use door::log_in;
pub use outcomes::Outcomes;
pub use pool::{Mailer, Pool, Pooled};
pub use session::Session;
