//! See `fuzz::fuzzing::base_string`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::fuzzing::base_string(octets));
