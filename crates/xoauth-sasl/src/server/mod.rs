//! The server's side: reading a client's message, judging it, saying why it is refused.

mod document;
mod exchange;
mod judge;
mod message;

pub use document::ErrorDocument;
pub use exchange::{
    Refusal, ServerExchange, ServerStep, decode_initial_response, decode_response, encode_challenge,
};
pub use judge::{BearerJudge, BearerRequest, Identity, IdentityRequest, Server, Verdict};
pub use message::{ClientMessage, Credential, LoginRequest, ParseError, parse_client_message};
