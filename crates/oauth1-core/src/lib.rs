#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod ascii;
mod base_string;
mod credentials;
mod encode;
mod error;
mod method;
mod prepared;
mod request;
mod request_url;
mod secret;
mod signer;
mod stamp;
mod verify;

pub use credentials::{Consumer, Token};
pub use encode::{percent_decode, percent_encode, percent_encode_into};
pub use error::Error;
pub use method::{SignatureMethod, hmac_signature, signing_key};
pub use prepared::Prepared;
pub use request::Request;
pub use request_url::RequestUrl;
pub use secret::Secret;
pub use signer::{Signed, Signer};
pub use stamp::{Nonce, Stamp};
pub use verify::{
    CredentialStore, MemoryNonceStore, NonceError, NonceKey, NonceStore, ReceivedRequest, Verified,
    Verifier, VerifyError,
};
