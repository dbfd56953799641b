//! Files for replay: plain, packed, or bytes that only look packed.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use oidc_triage::replay::run::{End, Happened, History, Run};

use crate::bounds::hold_problems;
use crate::decode::packed_bytes;
use crate::policy::SETTINGS;

/// The result of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub records: u64,
    pub evaluated: u64,
    pub complaints: usize,
    pub skipped: bool,
}

/// A file of these bytes, with the same result packed and plain.
pub fn file(data: &[u8]) {
    let plain = outcome_of(data);
    if !data.starts_with(&[0x1f, 0x8b]) {
        assert_eq!(plain, outcome_of(&packed_bytes(data)), "packed and plain differ");
    }
}

/// Replays a file.
pub fn outcome_of(data: &[u8]) -> Outcome {
    let file = Written::new(data);
    let paths = [file.0.clone()];
    let stop = Arc::new(AtomicBool::new(false));
    let history = History {
        paths: &paths,
        by: End::default().by,
        window: Default::default(),
        shows_progress: false,
        stop: &stop,
    };
    let mut run = Run::new(history, &SETTINGS, [SETTINGS.policy.clone()]);
    let mut outcome = Outcome::default();
    for happened in run.by_ref() {
        match happened {
            Happened::Read(reading) => {
                hold_problems(&reading.problems);
                assert!(reading.left_alone <= reading.records.max(1), "more left alone than there was");
                outcome.records += reading.records;
                outcome.complaints += reading.complaints.len();
            }
            Happened::ClassifiedFailure(..) => outcome.evaluated += 1,
        }
    }
    let end = run.end();
    assert!(!end.interrupted, "interrupted without an interrupt");
    assert!(!end.skipped || outcome.complaints > 0, "something was skipped without a complaint");
    outcome.skipped = end.skipped;
    outcome
}

/// A file that exists as long as this value.
struct Written(PathBuf);

impl Written {
    fn new(data: &[u8]) -> Self {
        static FILES: AtomicU64 = AtomicU64::new(0);
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("triage-fuzz-{}-{number}.json", std::process::id()));
        fs::write(&path, data).expect("a folder for files that do not last");
        Self(path)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
