//! `make bench`: the cost of decoding a CloudWatch Logs payload beyond inflating and scanning it.
//!
//! Ours and the floor alternate, and each figure is the median of its runs; trust the ratios, not the milliseconds. The
//! floor inflates the same gzip into a window with the same library, and scans each window for the end of a log event
//! and for one word.

#![expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "it measures and prints")]

mod payload;

use std::hint::black_box;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::{Decompress, FlushDecompress, Status};
use jiff::{SignedDuration, Timestamp};
use memchr::memmem::Finder;
use triage_decode::trust::Trust;
use triage_decode::{Setting, decode};
use triage_model::region::KnownRegions;

const RUNS: usize = 21;
const WORST_RUNS: usize = 3;
const WINDOW: usize = 128 * 1024;

fn main() {
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
    let regions = KnownRegions::default();
    let setting = Setting {
        now,
        horizon: now - SignedDuration::from_hours(1),
        default_region: regions.find("us-east-1").expect("a region"),
        regions,
        own_log_groups: vec!["/aws/lambda/oidc-triage".into()],
        trust: Trust::default(),
        own_request_ids: Vec::new(),
        own_client_ids: vec!["an-id-of-our-own-probe".into()],
    };
    let (old, fresh) = (now - SignedDuration::from_hours(3), now - SignedDuration::from_mins(15));
    println!("decoding of a CloudWatch Logs payload, beside inflating and looking through it alone");
    let run = |name, document: &dyn Fn() -> String, runs| {
        if is_wanted(name) {
            side_by_side(name, &document(), &setting, runs);
        }
    };
    run("10,000 lines of a trail, older than an hour", &|| payload::trail(old), RUNS);
    run("10,000 lines of a trail, fresh", &|| payload::trail(fresh), RUNS);
    run("30,000 lines of an application", &|| payload::application(fresh), RUNS);
    println!("the worst that inflates to 64 MB");
    let worst = |line: &str| payload::worst(fresh, line);
    let minimal = r#"{"eventSource":"sso.amazonaws.com","eventName":"CreateToken","errorCode":"x"}"#;
    let error = "An error occurred (InternalServerException) when calling the CreateToken operation";
    let deep = format!(r#"{{"eventSource":"sso.amazonaws.com","eventName":{}"#, "[".repeat(100_000));
    let endless = format!("CreateToken {}", r#"{""#.repeat(200));
    run("failures of few letters", &|| worst(minimal), WORST_RUNS);
    run("errors in text", &|| worst(error), WORST_RUNS);
    run("objects without an end", &|| worst(&endless), WORST_RUNS);
    run("deep nesting", &|| worst(&deep), WORST_RUNS);
    run("empty lines in a spaced document", &|| worst("").replace("},{", "}, {"), WORST_RUNS);
    run("empty lines", &|| worst(""), WORST_RUNS);
    run("one line", &|| worst(&minimal.repeat(500_000)), WORST_RUNS);
    run("failures with hidden quotes", &|| worst(minimal).replace("\\\"", "\\u0022"), WORST_RUNS);
    run("failures in a spaced document", &|| worst(minimal).replace("},{\"id", "}, {\"id"), WORST_RUNS);
}

/// `cargo bench --bench wire -- WORD`: only the cases with that word in their name.
fn is_wanted(name: &str) -> bool {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with('-')).peekable();
    words.peek().is_none() || words.any(|word| name.contains(&word))
}

fn side_by_side(name: &str, document: &str, setting: &Setting, runs: usize) {
    let payload = payload::packed(document);
    let data = payload.strip_prefix(r#"{"awslogs":{"data":""#).and_then(|rest| rest.strip_suffix(r#""}}"#));
    let gzip = BASE64_STANDARD.decode(data.expect("a payload")).expect("base64");
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        floor.push(timed(|| inflate_and_look(&gzip)));
        ours.push(timed(|| decode(&payload, setting)));
    }
    let batch = decode(&payload, setting);
    let [ours, floor] = [ours, floor].map(median);
    let ms = |took: Duration| took.as_secs_f64() * 1e3;
    println!(
        "  {name:44} {:5.1} MB in {:5.2} MB: {:7.1} ms, floor {:6.1} ms, ratio {:5.2}, observations {}",
        document.len() as f64 / 1e6,
        payload.len() as f64 / 1e6,
        ms(ours),
        ms(floor),
        ms(ours) / ms(floor),
        batch.observations.len(),
    );
    for (name, count, detail) in batch.problems.iter() {
        println!("    {name} {count}: {detail}");
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn median(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[took.len() / 2]
}

/// The floor: every byte is inflated and scanned for the end of a log event and for one word.
fn inflate_and_look(gzip: &[u8]) -> usize {
    let finders = [Finder::new(r#"},{"id":"#), Finder::new("errorCode")];
    let mut window = vec![0; WINDOW];
    let mut decoder = Decompress::new_gzip(15);
    let mut found = 0;
    loop {
        let (from, rest) = (decoder.total_out(), &gzip[decoder.total_in() as usize..]);
        let status = decoder.decompress(rest, &mut window, FlushDecompress::None).expect("gzip");
        let bytes = &window[..(decoder.total_out() - from) as usize];
        found += finders.iter().map(|finder| finder.find_iter(bytes).count()).sum::<usize>();
        if status == Status::StreamEnd {
            return found;
        }
    }
}
