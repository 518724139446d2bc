//! See `fuzz::fuzzing::authorization_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::fuzzing::authorization_header(octets));
