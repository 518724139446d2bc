//! The functions of `tests/src/fuzzing`, without the rest of the package they belong to: a target with
//! TLS, a runtime and servers in it takes minutes to build and is executed less often. Beside them are those
//! that need other parsers.
#![forbid(unsafe_code)]

#[path = "../../tests/src/fuzzing/mod.rs"]
pub mod fuzzing;
#[path = "../../tests/src/hear/mod.rs"]
pub mod hear;
pub mod peers;
#[path = "../../tests/src/pieces.rs"]
mod pieces;

/// All targets.
pub const TARGETS: &[&[fuzzing::Target]] =
    &[fuzzing::TARGETS, &[("imap_peers", peers::imap_peers)]];
