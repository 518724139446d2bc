//! Commands: each a value with a typed output.
//!
//! A new command, also a user's own, is a type that implements [`Exchange`](crate::proto::Exchange) and
//! [`Command`]; nothing else has to know of it.

mod acl;
mod any_state;
mod append;
mod authenticate;
mod batch;
mod compress;
mod content;
mod custom;
mod extended_search;
mod fetch;
mod flags;
mod idle;
mod items;
mod jmap;
mod list;
mod mailbox;
mod manage;
mod messages;
mod metadata;
mod notify;
mod quota;
mod resync;
mod search;
mod session;
mod set;
mod sort;
mod starttls;
mod store;
mod visit;

pub use acl::{DeleteAcl, GetAcl, ListRights, MyRights, RightsChange, SetAcl};
pub use any_state::{BeforeLogin, Capability, Greeting, Logout, Noop};
pub use append::{Append, NewMessage, Replace};
pub use authenticate::Authenticate;
pub use batch::{Batch, Commands, Outputs, Ticket};
pub use compress::Compress;
pub use content::Content;
pub use custom::{Custom, CustomAnswer};
pub use extended_search::ExtendedSearch;
pub use fetch::{BodyInfo, Fetch, FetchEvent};
pub use idle::Idle;
pub use items::{Item, Items, ItemsError, SectionItem};
pub use jmap::GetJmapAccess;
pub use list::{List, ListReturn, ListSelect, Lsub};
pub use mailbox::{Check, Close, Examine, Select, Unselect};
pub use manage::{Create, Delete, Rename, Status, Subscribe, Unsubscribe};
pub use messages::{Copy, Expunge, Expunged, Move, Moved};
pub use metadata::{Depth, GetMetadata, SetMetadata, ToldMetadata};
pub use notify::{News, Notify, Watched};
pub use quota::{GetQuota, GetQuotaRoot, MailboxQuotas, SetQuota};
pub use resync::{Resync, Resynced};
pub use search::Search;
pub use session::{Enable, Id, Login, Namespace, ProxyAuth};
pub use set::Numbers;
pub use sort::{Sort, SortKey, SortOrder, Thread, ThreadAlgorithm};
pub use starttls::StartTls;
pub use store::{ConditionalStore, Store, StoreAction, StoreLabels, Stored};
pub use visit::{ForEach, ForEachMailbox};
pub use xoauth_sasl::SaslIr;

use crate::error::Error;
use crate::proto::{Command, Forced};
use crate::types::StatusText;

/// A command whose answer consists of items that can be handed out one by one.
pub trait Streamed: Command {
    /// One item of the answer.
    type Item;

    /// The next item that is complete.
    fn take_item(&mut self) -> Option<Self::Item>;
}

impl<C: Streamed> Streamed for Forced<C> {
    type Item = C::Item;

    fn take_item(&mut self) -> Option<C::Item> {
        self.command_mut().take_item()
    }
}

/// `Ok` for a tagged OK, else [`Error::Refused`].
fn accepted(command: &'static str, status: StatusText) -> Result<StatusText, Error> {
    if status.is_ok() { Ok(status) } else { Err(Error::Refused { command, status: status.into() }) }
}
