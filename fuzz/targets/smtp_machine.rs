//! See `fuzz::fuzzing::smtp_machine`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::fuzzing::smtp_machine(octets));
