//! See `fuzz::fuzzing::imap_round_trip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::fuzzing::imap_round_trip(octets));
