//! See `fuzz::fuzzing::sasl_round_trip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::fuzzing::sasl_round_trip(octets));
