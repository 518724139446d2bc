//! See `e2e::fuzzing::authorization_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| e2e::fuzzing::authorization_header(octets));
