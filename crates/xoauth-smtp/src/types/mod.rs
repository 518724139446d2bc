//! Values of the protocol, checked where they are made.

mod address;
mod client_name;
mod content;
mod domain;
mod envelope;
mod extensions;
mod mail;
mod message;
mod outcome;
mod parameters;
mod reply;
mod sight;

pub use address::{Address, ReversePath};
pub use client_name::ClientName;
pub(crate) use content::{Content, Scan, ScanFault, normalise};
pub(crate) use envelope::Parameter;
pub use envelope::{Envelope, Recipient};
pub use extensions::Extensions;
pub use mail::{Mail, Transfer};
pub use message::Message;
pub(crate) use message::Octets;
pub use outcome::{Delivery, RecipientOutcome, Sent, Stage};
pub use parameters::{DeliverBy, Notify, Priority, Return};
pub use reply::{EnhancedCode, ReplyCode, ReplyText};
