//! Async SMTP sessions over tokio: the same exchanges, the same `run`, awaited.
//!
//! ```no_run
//! use xoauth::sasl::OAuthBearer;
//! use xoauth::smtp::{exchange::Send, nonblocking};
//!
//! # async fn send() -> Result<(), Box<dyn std::error::Error>> {
//! let login = OAuthBearer::new("ann@example.com", std::env::var("ACCESS_TOKEN")?)?;
//! let mut session = nonblocking::connect("smtp.example.com").await?.authenticate(login).await?;
//! let message = "Subject: hello\r\n\r\nHi.\r\n";
//! let sent = session.run(Send::new("ann@example.com", ["ben@example.org"], message)).await?;
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
mod session;
#[cfg(test)]
mod simulated;

pub use client::{Client, PlainClient};
pub use connect::{Builder, connect};
pub use outcomes::Outcomes;
pub use pool::{Mailer, Pool, Pooled};
pub use session::Session;
