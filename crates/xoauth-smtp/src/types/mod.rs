//! Values of the protocol, checked where they are made.

mod address;
mod client_name;
mod domain;
mod extensions;
mod message;
mod outcome;
mod reply;

pub use address::{Address, ReversePath};
pub use client_name::ClientName;
pub use extensions::Extensions;
pub(crate) use message::Content;
pub use message::Message;
pub use outcome::{RecipientOutcome, Sent};
pub use reply::{EnhancedCode, ReplyCode, ReplyText};
