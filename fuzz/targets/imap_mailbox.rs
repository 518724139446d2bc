//! See `fuzz::fuzzing::imap_mailbox`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::fuzzing::imap_mailbox(octets));
