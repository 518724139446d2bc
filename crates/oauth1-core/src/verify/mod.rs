//! The server's side: reading a signed request and judging it (RFC 5849 3.2).

mod error;
mod list;
mod nonces;
mod received;
mod verifier;

pub use error::VerifyError;
pub use nonces::{MemoryNonceStore, NonceError, NonceKey, NonceStore};
pub use received::ReceivedRequest;
pub use verifier::{CredentialStore, Verified, Verifier};
