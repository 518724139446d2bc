//! See `fuzz::fuzzing::imap_machine`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::fuzzing::imap_machine(octets));
