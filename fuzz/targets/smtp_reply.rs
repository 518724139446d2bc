//! See `fuzz::fuzzing::smtp_reply`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::fuzzing::smtp_reply(octets));
