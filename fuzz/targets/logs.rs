//! A log document, packed as CloudWatch Logs does it, and bytes that only seem packed.

#![no_main]
#![allow(unsafe_code, reason = "libFuzzer calls us by the name of a C function")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| match data.split_first() {
    Some((b'{', _)) => triage_fuzz::decode::logs(data),
    _ => triage_fuzz::decode::packed(data),
});
