//! See `fuzz::fuzzing::smtp_fragments`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::fuzzing::smtp_fragments(octets));
