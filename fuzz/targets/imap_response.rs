//! See `e2e::fuzzing::imap_response`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| e2e::fuzzing::imap_response(octets));
