//! See `fuzz::fuzzing::error_document`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::fuzzing::error_document(octets));
