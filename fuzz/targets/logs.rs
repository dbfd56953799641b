//! A log document, packed as by CloudWatch Logs, and bytes that only look packed.

#![no_main]
#![allow(unsafe_code, reason = "libFuzzer calls us by the name of a C function")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| match data.split_first() {
    Some((b'{', _)) => triage_fuzz::decode::logs(data),
    _ => triage_fuzz::decode::packed(data),
});
