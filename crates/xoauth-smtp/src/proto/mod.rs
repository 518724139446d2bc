//! The connection as a state machine without I/O.

mod encoder;
mod exchange;
mod limits;
mod machine;
mod output;
mod receive;
mod stuffing;

pub use encoder::{Encoder, Place};
pub use exchange::{Command, Exchange, Progress};
pub use limits::{LimitKind, Limits};
pub use machine::{Machine, Running};
pub(crate) use output::History;
pub use stuffing::DotStuffing;
