#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod command;
mod error;
pub mod parse;
pub mod proto;
mod types;

pub use error::{AuthenticationRefused, Error};
pub use proto::{Faults, LimitKind, Limits, MessageLimit, Selected, State};
pub use types::*;
pub use xoauth_sasl as sasl;
pub use xoauth_sasl::wire::{InvalidArgument, Source, SourceFault, TransportFault};
