//! The functions of `tests/src/fuzzing`, without the rest of the package they belong to: a target with
//! TLS, a runtime and servers in it takes minutes to build and is executed less often.
#![forbid(unsafe_code)]

#[path = "../../tests/src/fuzzing/mod.rs"]
pub mod fuzzing;
#[path = "../../tests/src/hear/mod.rs"]
pub mod hear;
