//! Commands: each a value with a typed output.
//!
//! A new command, also a user's own, is a type that implements [`Exchange`](crate::proto::Exchange) and
//! [`Command`]; nothing else has to know of it.

mod any_state;
mod authenticate;
mod fetch;
mod items;
mod mailbox;
mod search;
mod set;
mod starttls;
mod store;

pub use any_state::{BeforeLogin, Capability, Discard, Greeting, Logout, Noop};
pub use authenticate::{Authenticate, SaslIr};
pub use fetch::{BodyInfo, Fetch, FetchEvent};
pub use items::{Item, Items, ItemsError, SectionItem};
pub use mailbox::{Close, Examine, List, Select};
pub use search::Search;
pub use set::Numbers;
pub use starttls::StartTls;
pub use store::{Store, StoreAction};

use crate::error::Error;
use crate::proto::Command;
use crate::types::StatusText;

/// A command whose answer consists of items that can be handed out one by one.
pub trait Streamed: Command {
    /// One item of the answer.
    type Item;

    /// The next item that is complete.
    fn take_item(&mut self) -> Option<Self::Item>;
}

/// `Ok` for a tagged OK, else [`Error::Refused`].
fn accepted(command: &'static str, status: StatusText) -> Result<StatusText, Error> {
    if status.is_ok() { Ok(status) } else { Err(Error::Refused { command, status: status.into() }) }
}
