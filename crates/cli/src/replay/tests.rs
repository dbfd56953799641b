//! The same history gives the same output, byte for byte: whatever the threads do, and however the files are named.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use proptest::prelude::*;
use triage_decide::policy::Policy;
use triage_engine::settings::Settings;

use crate::replay::clock_by::ClockBy;
use crate::replay::reviewer::Reviewer;
use crate::replay::run::{Happened, History, Run};
use crate::replay::window::Window;
use crate::replay::{html, json, text};
use crate::terminal::Colour;

/// How often a history is lived through again.
const ROUNDS: usize = 4;

/// A folder that is gone when the test is.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("oidc-triage-run-{}-{}", std::process::id(), fastrand::u64(..)));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A failed call, of which each has a code of its own, so that no two are of one kind.
fn call(id: &str, time: Option<&str>) -> String {
    let time = time.map(|time| format!(r#""occurredAt":"{time}","#)).unwrap_or_default();
    format!(
        r#"{{"operation":"CreateToken","region":"us-east-1",{time}"caller":"{id}","error":{{"code":"Made{id}","status":500,"requestId":"{id}"}}}}"#
    )
}

/// A record of another service, of which many make a file that takes long.
const OTHER: &str = r#"{"eventVersion":"1.11","eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances"}"#;

/// All that a run says and prints, and the ids of the failures as they were evaluated.
fn lived(path: &Path, by: ClockBy) -> (String, Vec<String>) {
    let settings = Settings::read(|name| (name == "OIDC_TRIAGE_CALL_SOURCES").then(|| "made.up".to_owned())).unwrap();
    let (paths, stop) = ([path.to_owned()], Arc::new(AtomicBool::new(false)));
    let mut run = Run::new(
        History { paths: &paths, by, window: Window::default(), shows_progress: false, stop: &stop },
        &settings,
        [settings.policy.clone()],
    );
    let (mut out, mut ids, mut reviewer) = (Vec::new(), Vec::new(), Reviewer::of_a_report());
    let mut lines = Vec::new();
    let mut printer = json::Printer::new(&mut lines);
    for happened in &mut run {
        match happened {
            Happened::Read(reading) => {
                reading
                    .complaints
                    .iter()
                    .for_each(|complaint| out.extend_from_slice(format!("{complaint}\n").as_bytes()));
                reviewer.read(&reading);
            }
            Happened::ClassifiedFailure(_, moment) => {
                ids.extend(moment.handled.answer.failures.iter().map(|failure| failure.id.clone()));
                reviewer.classified(&moment);
                printer.moment(&moment).unwrap();
            }
        }
    }
    let review = reviewer.close(run.end());
    printer.close(&review).unwrap();
    out.extend(lines);
    text::print(&review, true, Colour::NONE, &mut out).unwrap();
    out.extend_from_slice(html::page(&review).as_bytes());
    (String::from_utf8(out).unwrap(), ids)
}

/// Runs it again and again, and every other time beside threads that take the processors away.
fn always_the_same(path: &Path, by: ClockBy) -> (String, Vec<String>) {
    let first = lived(path, by);
    for round in 0..ROUNDS {
        let busy = AtomicBool::new(round % 2 == 0);
        let again = thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while busy.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            let again = lived(path, by);
            busy.store(false, Ordering::Relaxed);
            again
        });
        assert!(again == first, "round {round} differs");
    }
    first
}

#[test]
fn what_is_of_one_time_is_in_the_order_of_the_names_and_of_the_places_however_long_a_file_takes() {
    let folder = Folder::new();
    let (early, late) = (Some("2026-11-25T01:00:00Z"), Some("2026-11-25T01:00:05Z"));
    folder.write("c.jsonl", [call("c1", early), call("c2", late), call("c3", late)].join("\n"));
    // The first by its name takes the longest.
    let others = vec![OTHER; 5_000].join("\n");
    folder.write("a.jsonl", [others, call("a1", late), call("a2", late), call("a3", late)].join("\n"));
    folder.write("b.jsonl", [call("b1", late), call("b2", early)].join("\n"));
    folder.write("broken.json", "{ broken");
    folder.write("damaged.json.gz", b"\x1f\x8bnot gzip");
    folder.write("z-no-time.json", call("n1", None));
    folder.write("y-no-time.json", call("n0", None));
    let (out, ids) = always_the_same(&folder.0, ClockBy::Calls);
    assert_eq!(ids, ["b2", "c1", "a1", "a2", "a3", "b1", "c2", "c3", "n0", "n1"]);
    let complaints: Vec<&str> = out.lines().filter(|line| line.starts_with(folder.0.to_str().unwrap())).collect();
    assert!(
        complaints.len() == 2 && complaints[0].contains("broken.json") && complaints[1].contains("damaged.json.gz")
    );
    assert!(out.contains("2026-11-25 01:00:00 UTC to 2026-11-25 01:00:05 UTC"), "what has no time is of the latest");
}

#[test]
fn more_files_than_can_be_open_are_the_same_in_every_run() {
    let folder = Folder::new();
    for file in 0..100 {
        let at = |number: usize| format!("2026-11-25T01:{:02}:{:02}Z", number / 60, number % 60);
        let calls = (0..6).map(|number| call(&format!("f{file}n{number}"), Some(&at(number * 40 + file % 5))));
        let bad = if file % 10 == 0 { "{broken\n" } else { "" };
        folder.write(&format!("{file:03}.jsonl"), format!("{bad}{}", calls.collect::<Vec<_>>().join("\n")));
    }
    let (_, ids) = always_the_same(&folder.0, ClockBy::Calls);
    assert_eq!(ids.len(), 100 * 6);
}

#[test]
fn by_arrival_what_was_delivered_last_is_judged_last_and_the_same_in_every_run() {
    let at = |minute: usize| format!("2026-11-25T01:{minute:02}:00Z");
    // Each made in the minute of its number; `late` minutes later EventBridge has it.
    let delivered = |minute: usize, late: usize| {
        let detail = call(&format!("m{minute}"), Some(&at(minute)));
        format!(
            r#"{{"detail-type":"SSO OIDC Call Failed","source":"made.up","time":"{}","detail":{detail}}}"#,
            at(minute + late)
        )
    };
    let folder = Folder::new();
    folder.write("a.jsonl", [delivered(0, 30), delivered(2, 1), delivered(4, 0)].join("\n"));
    folder.write("b.jsonl", [delivered(1, 8), call("m5", Some(&at(5))), delivered(6, 0)].join("\n"));
    // A clock that was behind, and one that is nobody's.
    folder.write(
        "c.jsonl",
        [
            delivered(7, 0).replace("\"time\":\"2026", "\"time\":\"2025"),
            delivered(8, 0).replace("\"time\":\"2026", "\"time\":\"2126"),
        ]
        .join("\n"),
    );
    let (_, ids) = always_the_same(&folder.0, ClockBy::Calls);
    assert_eq!(ids, ["m0", "m1", "m2", "m4", "m5", "m6", "m7", "m8"]);
    let (out, ids) = always_the_same(&folder.0, ClockBy::Arrival);
    assert_eq!(ids, ["m2", "m4", "m5", "m6", "m7", "m8", "m1", "m0"]);
    assert!(out.contains("2026-11-25 01:03:00 UTC to 2026-11-25 01:30:00 UTC"), "{out}");
    assert!(out.contains(r#""clock":"arrival","withoutArrival":2,"#) && out.contains("of 2 events that is not known"));
}

#[test]
fn the_folder_of_events_gives_the_same_in_every_run() {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let (out, ids) = always_the_same(&events, ClockBy::Calls);
    assert!(ids.len() > 40 && out.contains("call__without_error.json"));
}

/// A record as a trail writes it, of one of some people; served where there is no code.
fn record(number: usize, at: &str, by: usize, code: Option<&str>) -> String {
    let error = code.map(|code| format!(r#""errorCode":"{code}","#)).unwrap_or_default();
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"IdentityCenterUser","onBehalfOf":{{"userId":"user-{by}"}}}},"eventTime":"{at}","eventSource":"sso.amazonaws.com","eventName":"CreateToken","awsRegion":"us-east-1",{error}"requestID":"r-{number}","eventID":"e-{number}"}}"#
    )
}

/// A trail's log file of some records, named by when the first of them was.
fn log_file(folder: &Folder, account: usize, number: usize, records: &[(Timestamp, String)]) {
    let texts: Vec<&str> = records.iter().map(|(_, text)| text.as_str()).collect();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(format!(r#"{{"Records":[{}]}}"#, texts.join(",")).as_bytes()).unwrap();
    let stamp = records[0].0.strftime("%Y%m%dT%H%MZ");
    let name = format!("{account:012}_CloudTrail_us-east-1_{stamp}_{number:08}.json.gz");
    folder.write(&name, gzip.finish().unwrap());
}

/// All that each of the policies evaluates.
fn classified(path: &Path, policies: &[Policy]) -> Vec<String> {
    let settings = Settings::read(|name| (name == "OIDC_TRIAGE_CALL_SOURCES").then(|| "made.up".to_owned())).unwrap();
    let (paths, stop) = ([path.to_owned()], Arc::new(AtomicBool::new(false)));
    let history =
        History { paths: &paths, by: ClockBy::Calls, window: Window::default(), shows_progress: false, stop: &stop };
    let mut told = vec![Vec::new(); policies.len()];
    for happened in Run::new(history, &settings, policies.to_vec()) {
        if let Happened::ClassifiedFailure(by, moment) = happened {
            by.iter().for_each(|policy| json::Printer::new(&mut told[*policy]).moment(&moment).unwrap());
        }
    }
    told.into_iter().map(|told| String::from_utf8(told).unwrap()).collect()
}

/// Some hours of sign-ins: seconds between them, who, and how it ends.
fn calls(steps: &[(i64, usize, usize)]) -> Vec<(Timestamp, String)> {
    const CODES: [Option<&str>; 5] = [
        Some("InternalServerException"),
        Some("InvalidGrantException"),
        Some("SlowDownException"),
        Some("AuthorizationPendingException"),
        Some("AccessDeniedException"),
    ];
    let mut second = 1_795_570_000;
    let call = |(number, (pause, by, code)): (usize, &(i64, usize, usize))| {
        second += pause;
        let at = Timestamp::from_second(second).unwrap();
        (at, record(number, &at.to_string(), *by, CODES.get(*code).copied().flatten()))
    };
    steps.iter().enumerate().map(call).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn it_makes_no_difference_over_how_many_files_a_history_is_spread(
        // Of two files that begin in one second, the names tell which comes first.
        steps in proptest::collection::vec((1_i64..120, 0_usize..12, 0_usize..12), 1..300),
        of_a_file in 1_usize..20,
    ) {
        let calls = calls(&steps);
        let (small, large) = (Folder::new(), Folder::new());
        for (number, records) in calls.chunks(of_a_file).enumerate() {
            log_file(&small, number % 3, number, records);
        }
        log_file(&large, 0, 0, &calls);
        let ((small, ids), (large, of_large)) = (lived(&small.0, ClockBy::Calls), lived(&large.0, ClockBy::Calls));
        prop_assert_eq!(ids, of_large);
        let files = |out: &str| out.replace(&format!(r#""files":{},"#, calls.len().div_ceil(of_a_file)), r#""files":1,"#);
        let classified = |out: &str| out.lines().take_while(|line| line.starts_with('{')).map(files).collect::<Vec<_>>();
        prop_assert_eq!(classified(&small), classified(&large));
    }

    #[test]
    fn policies_that_are_judged_together_come_to_what_each_comes_to_by_itself(
        steps in proptest::collection::vec((0_i64..400, 0_usize..12, 0_usize..12), 1..200),
        outage_from in 0_usize..200,
    ) {
        let mut steps = steps;
        // Many are hit one after the other, so that there is something to tell.
        for (number, step) in steps.iter_mut().enumerate().skip(outage_from).take(12) {
            *step = (20, number, 0);
        }
        let folder = Folder::new();
        log_file(&folder, 0, 0, &calls(&steps));
        let policy = |outage_callers, false_pages_per_year| {
            Policy { outage_callers, false_pages_per_year, ..Policy::default() }
        };
        let other = Policy { quiet: Policy::default().quiet * 2, ..Policy::default() };
        let policies = [policy(3, 1.0), policy(2, 12.0), policy(5, 0.1), other, policy(8, 12.0)];
        let together = classified(&folder.0, &policies);
        for (policy, together) in policies.into_iter().zip(together) {
            prop_assert_eq!(classified(&folder.0, &[policy]), [together]);
        }
    }
}

#[test]
fn as_many_files_as_a_bucket_has_may_begin_in_one_second() {
    let (many, one) = (Folder::new(), Folder::new());
    let calls = calls(&(0..6_000).map(|number| (0, number % 40, 10)).collect::<Vec<_>>());
    for (number, records) in calls.chunks(1).enumerate() {
        log_file(&many, number % 7, number, records);
    }
    log_file(&one, 0, 0, &calls);
    let began = std::time::Instant::now();
    let (told, _) = lived(&one.0, ClockBy::Calls);
    let (of_one, began) = (began.elapsed(), std::time::Instant::now());
    let (of_many, _) = lived(&many.0, ClockBy::Calls);
    assert!(told.contains(r#""records":6000,"#) && of_many.contains(r#""files":6000,"records":6000,"#), "{of_many}");
    assert!(of_many.contains(r#""outOfOrder":0,"#));
    // Were each compared with each, it would be minutes.
    let took = began.elapsed();
    assert!(took < of_one + std::time::Duration::from_secs(20), "{took:?} instead of {of_one:?}");
}
