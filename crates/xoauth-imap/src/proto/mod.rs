//! The connection as a state machine without I/O.

mod ask;
mod echo;
mod encoder;
mod events;
mod exchange;
mod flight;
mod footprint;
mod forced;
mod left;
mod limits;
mod line;
mod machine;
mod output;
mod receive;
mod respond;
mod running;
mod state;
mod tag;

pub use encoder::{Encoder, LiteralForm};
pub use exchange::{Announcement, Claim, Command, Continued, Exchange, Kind, Leaves, Sink};
pub use footprint::Footprint;
pub(crate) use footprint::GONE;
pub use forced::Forced;

pub use left::Left;
pub use limits::{Faults, LimitKind, Limits};
pub use machine::Machine;
pub use running::Running;
pub use state::{MessageLimit, Selected, State};
pub use tag::TagPrefix;
