//! See `e2e::fuzzing::smtp_fragments`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| e2e::fuzzing::smtp_fragments(octets));
