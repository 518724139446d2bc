//! Async IMAP sessions over tokio: the same commands, the same `run` and `stream`, awaited.
//!
//! ```no_run
//! use xoauth::imap::{Query, command::{Fetch, Item, Search, Select}, nonblocking};
//! use xoauth::Credentials;
//!
//! # async fn read() -> Result<(), Box<dyn std::error::Error>> {
//! let credentials = Credentials::token("ann@example.com", std::env::var("ACCESS_TOKEN")?);
//! let mut session = nonblocking::Builder::new("imap.example.com").log_in(&credentials).await?;
//! session.run(Select::new("INBOX")).await?;
//! let unseen = session.run(Search::new(Query::unseen())).await?;
//! let mut stream = session.stream(Fetch::new(unseen, Item::Body)).await?;
//! while let Some(message) = stream.next().await {
//!     println!("{} octets", message?.body().map_or(0, <[u8]>::len));
//! }
//! session.logout().await?;
//! # Ok(()) }
//! ```
//!
//! # Dropped futures
//! A future of `run`, `stream` or a step of a stream may be dropped at any point, by `select!` or a time-out: what was
//! sent stays sent, its answer is heard and thrown away before the next command, and the session goes on. Whether the
//! server carried the command out is then not known. News that come with the answer are told all the same, and its deadline
//! stays what it was: a dead connection is found too by those who wait in slices. A dropped step of a stream loses nothing:
//! the next step goes on where it stopped.
//!
//! | dropped | what is left |
//! |---|---|
//! | SELECT, EXAMINE, CLOSE, UNSELECT | no mailbox is known to be selected: commands about messages are refused until one is |
//! | APPEND whose content was begun and not sent whole | the next command ends the session, for a content cannot be taken back |
//! | `authenticate`, `starttls`, `compress`, `logout` | no session: they take the connection with them |

mod client;
mod connect;
mod door;
mod idle;
mod reconnect;
mod session;
#[cfg(all(test, feature = "tokio"))]
mod simulated;
mod stream;
mod watch;

pub use client::{Client, PlainClient};
pub use connect::{Builder, connect};
pub use door::log_in;
pub use idle::Idle;
pub use reconnect::Reconnect;
pub use session::Session;
pub use stream::{Body, Part, Stream};
pub use watch::Watch;
