//! The conversations of a submission client, one type each.
//!
//! Each is a value that a [`Machine`](crate::proto::Machine) is started with and that is
//! [finished](crate::proto::Command::finish) for its output.

mod ask;
mod auth;
mod bulk;
mod ehlo;
mod greeting;
mod send;
mod sender;
mod simple;
mod starttls;

pub use ask::{Expand, Help, Raw, Verify};
pub use auth::Auth;
pub use bulk::{Bulk, Outcome, Sending, Tally, Window};
pub use ehlo::Ehlo;
pub use greeting::Greeting;
pub use send::Submit;
pub use sender::VerifySender;
pub use simple::{BeforeLogin, Noop, Quit, Rset};
pub use starttls::StartTls;
