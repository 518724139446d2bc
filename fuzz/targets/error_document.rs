//! See `e2e::fuzzing::error_document`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| e2e::fuzzing::error_document(octets));
