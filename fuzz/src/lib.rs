//! What must hold of any input, one function for each reader of what others wrote.
//!
//! In: bytes. Out: nothing, or a panic that says what does not hold. Each function is cheap enough for ten thousand calls in a
//! second. `targets/` has them tried by libFuzzer, `tests/smoke.rs` by a mutator of our own, which needs nothing but Rust.

pub mod bounds;
pub mod decode;
pub mod items;
pub mod mutate;
pub mod policy;
pub mod replay;
