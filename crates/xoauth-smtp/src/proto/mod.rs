//! The connection as a state machine without I/O.

mod encoder;
mod exchange;
mod limits;
mod machine;
mod output;
mod receive;
mod running;
mod shown;
mod stuffing;

pub use encoder::{Encoder, Place};
pub use exchange::{Command, Exchange, Progress};
pub use limits::{LimitKind, Limits};
pub use machine::Machine;
pub(crate) use machine::Step;
pub(crate) use output::History;
#[cfg(test)]
pub(crate) use output::Output;
pub use running::Running;
pub use stuffing::DotStuffing;
