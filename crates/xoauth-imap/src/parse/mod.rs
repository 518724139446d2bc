//! Octets of one framed response to typed values that borrow from it.
//!
//! [`parse_response`] takes a complete response and goes through it once, without recursion and without a
//! copy; what is lists of unknown length (flags, numbers, addresses) stays octets and is gone through
//! when asked for. What breaks the grammar spoils as little as possible: an item of a FETCH response, a
//! response code, a response; each such fault is counted in [`Tolerated`].

mod acl;
mod announce;
mod body_fields;
mod body_structure;
mod code;
mod cursor;
mod envelope;
mod fetch;
mod flags;
mod item_name;
mod list;
mod namespace;
mod quota;
mod response;
mod salvage;
mod search;
mod text;
mod thread;
mod tolerated;
mod vanished;

pub(crate) use announce::{announced_section, is_fetched};
pub use body_fields::{DispositionRef, ParametersRef, StringsRef};
pub use body_structure::{BodyStructureRef, PartRef};
pub use code::Code;
pub(crate) use cursor::{Cursor, is_atom_char};
pub use cursor::{Input, ParseError, StreamedLiteral};
pub use envelope::{AddressRef, AddressesRef, EnvelopeRef};
pub use fetch::{BodyRef, FetchItem, FetchRef};
pub use flags::FlagsRef;
pub use list::{ListRef, MailboxStatusRef};
pub(crate) use response::parse_into;
pub use response::{CapabilitiesRef, Response, StatusRef, parse_response};
pub use search::{EsearchRef, PartialRef, SearchRef, SetRef};
pub use text::Text;
pub use tolerated::{Fault, FaultKind, Tolerated};
pub use vanished::VanishedRef;

#[cfg(test)]
mod quirks;
#[cfg(test)]
mod tests;
