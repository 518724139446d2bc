//! See `fuzz::fuzzing::sasl_server`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::fuzzing::sasl_server(octets));
