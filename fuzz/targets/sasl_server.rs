//! See `e2e::fuzzing::sasl_server`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| e2e::fuzzing::sasl_server(octets));
