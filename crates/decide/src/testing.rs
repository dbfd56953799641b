//! What the tests of several files and crates share.

use triage_model::region::{KnownRegions, Region};

pub mod marks;
pub mod verdicts;

/// For a property whose cases are long: one for so many of `PROPTEST_CASES`, of which there are 256 by default.
#[cfg(test)]
pub fn one_case_in(many: u32) -> proptest::test_runner::Config {
    let config = proptest::test_runner::Config::default();
    proptest::test_runner::Config { cases: (config.cases / many).max(1), ..config }
}

pub fn region(name: &str) -> Region {
    KnownRegions::default().find(name).expect("a real region")
}
