//! Items read from the table.

#![no_main]
#![allow(unsafe_code, reason = "libFuzzer calls us by the name of a C function")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| triage_fuzz::items::kept(data));
