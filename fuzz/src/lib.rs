//! Invariants for any input, one function for each parser of untrusted data.
//!
//! In: bytes. Out: nothing, or a panic that names the broken invariant. Each function is cheap enough for ten thousand
//! calls a second. `targets/` runs them with libFuzzer, `tests/smoke.rs` with a mutator of our own that needs only
//! Rust.

pub mod bounds;
pub mod decode;
pub mod items;
pub mod mutate;
pub mod policy;
pub mod replay;
