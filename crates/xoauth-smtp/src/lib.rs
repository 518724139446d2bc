#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod error;
pub mod exchange;
mod parse;
pub mod proto;
mod types;

pub use error::{AuthenticationRefused, ContentFault, Error, InvalidArgument};
pub use parse::Reply;
pub use proto::{LimitKind, Limits};
pub use types::*;
pub use xoauth_sasl as sasl;
pub use xoauth_sasl::wire::{Source, SourceFault, TransportFault};
