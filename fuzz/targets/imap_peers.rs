//! See `fuzz::peers::imap_peers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::peers::imap_peers(octets));
