//! What the protocol crates share: text of a peer for errors, the output buffer, the driver's side.

mod argument;
mod conversation;
mod excerpt;
mod farewell;
mod outgoing;
mod source;

pub use argument::{ArgumentFault, InvalidArgument};
pub use conversation::{Conversation, Direction, TransportFault, Want};
pub use excerpt::{Excerpt, escape_into};
pub use farewell::Farewell;
pub use outgoing::Outgoing;
pub use source::{AnySource, Source, SourceFault, poll_piece};
