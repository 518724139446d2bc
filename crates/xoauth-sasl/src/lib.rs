#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod challenge;
mod error;
mod exchange;
mod initial;
mod mask;
mod mechanism;
mod server;
pub mod wire;

pub use challenge::ErrorChallenge;
pub use error::Error;
pub use exchange::{CancelReason, Exchange, Reply, Tolerance};
pub use initial::SaslIr;
pub use mask::Mask;
pub use mechanism::{
    Context, Login, Mechanism, OAuth10A, OAuthBearer, Plain, Service, Speaker, XOAuth, XOAuth2,
};
pub use oauth1_core as oauth1;
pub use oauth1_core::{Consumer, Nonce, Secret, SignatureMethod, Stamp, Token};
pub use server::{
    BearerJudge, BearerRequest, ClientMessage, Credential, ErrorDocument, Identity,
    IdentityRequest, LoginRequest, ParseError, Refusal, Server, ServerExchange, ServerStep,
    Verdict, decode_initial_response, decode_response, encode_challenge, parse_client_message,
};
