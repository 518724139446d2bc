//! See `e2e::fuzzing::base_string`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| e2e::fuzzing::base_string(octets));
