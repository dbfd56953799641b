//! `make bench`: the release binary behind a Runtime API, next to the common way and a hello world.
//!
//! Every figure is a median of runs that alternate between the two, in one process tree on one machine; trust the
//! ratios, not the milliseconds.

// Figures of the decoder alone come from the decoder's own bench.
#[path = "../../crates/decode/benches/wire/payload.rs"]
mod payload;
mod requests;
mod runtime_api;
mod sns;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use payload::{Draw, FAILURES_IN_100, LINES};
use runtime_api::{Function, PATIENCE};
use sns::Sns;

const BATCHES: usize = 15;
const STARTS: usize = 31;
const SINGLES: usize = 300;

fn main() {
    let ours = PathBuf::from(env!("CARGO_BIN_EXE_oidc-triage-function"));
    let examples = ours.parent().expect("a binary lies in a folder").join("examples");
    let (common_way, hello_world) = (examples.join("common-way"), examples.join("hello-world"));
    for binary in [&common_way, &hello_world] {
        assert!(binary.exists(), "{} is missing: run `make bench`", binary.display());
    }
    let size = std::fs::metadata(&ours).map_or(0.0, |file| file.len() as f64 / 1e6);
    println!("binary: {size:.1} MB\n");
    let now = Timestamp::now();
    let (old, fresh) = (now - SignedDuration::from_hours(3), now - SignedDuration::from_mins(12));
    let worse = [("older than an hour", old), ("fresh", fresh)]
        .map(|(age, at)| logs_batch(&ours, &common_way, age, &payload::packed(&payload::trail(at))))
        .into_iter()
        .reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
    if let Some((ratio, peak)) = worse {
        println!(
            "  the worse of them: {ratio:.1} times faster (goal: at least 8), peak {peak:.1} MiB (goal: at most 20)\n"
        );
    }
    start(&ours, &hello_world);
    single_failure(&ours);
}

/// 10,000 CloudTrail lines through both: how many times faster ours is, and its peak memory in MiB.
fn logs_batch(ours: &Path, common_way: &Path, age: &str, payload: &str) -> (f64, f64) {
    let batch = Arc::new(payload.as_bytes().to_vec());
    // A port without a listener: fresh failures are probed once, before anything is measured.
    let nobody = HashMap::from([("AWS_ENDPOINT_URL", "http://127.0.0.1:9")]);
    let functions = [ours, common_way].map(|binary| Function::start(binary, &nobody).expect("the binary starts"));
    for function in &functions {
        function.until_ready();
    }
    let first = functions.each_ref().map(|function| function.invoke(&batch));
    let [our_answer, common_answer] = first.map(|m| serde_json::from_slice::<Value>(&m.answer).expect("JSON"));
    let failures = LINES * FAILURES_IN_100 / 100;
    assert_eq!(our_answer["counts"]["service"], failures, "{our_answer}");
    assert_eq!(our_answer["counts"]["success"], LINES - failures);
    assert_eq!(common_answer, json!({ "failures": failures, "successes": LINES - failures }));
    functions[0].log_line();
    let (mut took, mut inside) = ([Vec::new(), Vec::new()], Vec::new());
    for _ in 0..BATCHES {
        for (function, took) in functions.iter().zip(&mut took) {
            took.push(function.invoke(&batch).took);
        }
        inside.push(handled_in(&functions[0]));
    }
    let [mine, common] = took.map(median);
    println!(
        "CloudWatch Logs event, {LINES} CloudTrail lines, {FAILURES_IN_100} % failures, {age}, {:.1} MB of JSON",
        batch.len() as f64 / 1e6
    );
    row("oidc-triage", mine, &functions[0]);
    row("common way (aws_lambda_events + Value)", common, &functions[1]);
    let inside = median(inside).as_secs_f64() * 1e3;
    println!("  ratio: {:.1} times faster; of ours, {inside:.1} ms in the handler", ratio(common, mine));
    (ratio(common, mine), functions[0].peak_memory_mib())
}

fn row(name: &str, took: Duration, function: &Function) {
    println!("  {name:40} {:7.1} ms, peak {:5.1} MiB", took.as_secs_f64() * 1e3, function.peak_memory_mib());
}

/// The distributions' path for the bundle that `template.yaml` names for Amazon Linux.
const BUNDLES: [&str; 3] =
    ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"];

/// Another build of the function to measure in the same run, as a path: the parent commit's, say.
const BESIDE: &str = "OIDC_TRIAGE_BENCH_BESIDE";

/// A cold start: the time until it asks for an event, and until people are notified of the first one.
fn start(ours: &Path, hello_world: &Path) {
    let sns = Sns::start().expect("loopback has a port");
    // All channels are set; AWS Health's reports go to the topic only.
    let mut environment = HashMap::from([
        ("OIDC_TRIAGE_TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:identity"),
        ("OIDC_TRIAGE_PAGER_TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:pager"),
        ("OIDC_TRIAGE_EVENT_BUS", "default"),
        ("AWS_ENDPOINT_URL_SNS", &sns.url),
    ]);
    let without_bundle = environment.clone();
    let bundle = BUNDLES.into_iter().find(|path| Path::new(path).exists());
    environment.extend(bundle.map(|path| ("SSL_CERT_FILE", path)));
    let beside = std::env::var_os(BESIDE).map(PathBuf::from);
    let mut cases = vec![
        Start::new("hello world", hello_world, &environment),
        Start::new("oidc-triage", ours, &environment),
        Start::new("oidc-triage, without SSL_CERT_FILE", ours, &without_bundle),
    ];
    if let Some(beside) = &beside {
        cases.push(Start::new("the build beside it", beside, &environment));
        cases.push(Start::new("the build beside it, without SSL_CERT_FILE", beside, &without_bundle));
    }
    let hello = 0;
    for _ in 0..STARTS {
        for (n, case) in cases.iter_mut().enumerate() {
            case.until_ready.push(case.function().until_ready());
            if n != hello {
                let function = case.function();
                function.has_waiting(&health_issue());
                case.until_notified.push(sns.next_notice(PATIENCE) - function.started);
            }
        }
    }
    let ms = |took: Duration| took.as_secs_f64() * 1e3;
    let hello = median(cases.remove(hello).until_ready);
    println!(
        "process start to first request for an event (hello world: {:.1} ms), and to the first notice at SNS",
        ms(hello)
    );
    for case in cases {
        let (ready, notified) = (median(case.until_ready), median(case.until_notified));
        println!(
            "  {:42} {:5.1} ms, {:.1} times a hello world; notice {:5.1} ms",
            case.name,
            ms(ready),
            ratio(ready, hello),
            ms(notified)
        );
    }
    println!("  goal: at most 2 times a hello world with SSL_CERT_FILE, as the stack sets it\n");
}

/// One build, started in one way.
struct Start<'a> {
    name: &'static str,
    binary: &'a Path,
    environment: &'a HashMap<&'a str, &'a str>,
    until_ready: Vec<Duration>,
    until_notified: Vec<Duration>,
}

impl<'a> Start<'a> {
    const fn new(name: &'static str, binary: &'a Path, environment: &'a HashMap<&'a str, &'a str>) -> Self {
        Self { name, binary, environment, until_ready: Vec::new(), until_notified: Vec::new() }
    }

    fn function(&self) -> Function {
        Function::start(self.binary, self.environment).expect("the binary starts")
    }
}

/// AWS Health reports an issue: a notice that needs only SNS.
fn health_issue() -> Arc<Vec<u8>> {
    let mut event: Value = serde_json::from_str(include_str!("../../events/health__open.json")).expect("JSON");
    let ago = |minutes| {
        (Timestamp::now() - SignedDuration::from_mins(minutes)).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    };
    event["time"] = Timestamp::now().to_string().into();
    event["detail"]["startTime"] = ago(10).into();
    event["detail"]["lastUpdatedTime"] = ago(1).into();
    Arc::new(event.to_string().into_bytes())
}

/// One CloudTrail failure that needs no call, as the handler itself measures it.
fn single_failure(ours: &Path) {
    let event = |n: usize| {
        let record = payload::record(&mut Draw(n as u64), Timestamp::now(), true);
        let mut record: Value = serde_json::from_str(&record).expect("JSON");
        record["errorCode"] = "InvalidGrantException".into();
        let envelope = json!({
            "version": "0", "id": format!("envelope-{n}"), "detail-type": "AWS API Call via CloudTrail",
            "source": "aws.sso", "account": "111122223333", "time": Timestamp::now(), "region": "us-east-1",
            "resources": [], "detail": record,
        });
        Arc::new(envelope.to_string().into_bytes())
    };
    let function = Function::start(ours, &HashMap::new()).expect("the binary starts");
    function.until_ready();
    let mut took = Vec::new();
    for n in 0..SINGLES {
        let answer: Value = serde_json::from_slice(&function.invoke(&event(n)).answer).expect("JSON");
        assert_eq!(answer["counts"]["request"], 1, "{answer}");
        took.push(handled_in(&function));
    }
    println!("one CloudTrail failure that needs no call, in the handler");
    println!("  median {:.3} ms of {SINGLES} (goal: under 0.3)", median(took).as_secs_f64() * 1e3);
}

/// The handler's time for the latest event, from its own log line.
fn handled_in(function: &Function) -> Duration {
    let line: Value = serde_json::from_str(&function.log_line()).expect("a JSON line");
    Duration::from_secs_f64(line["durationMs"].as_f64().expect("a number") / 1e3)
}

fn median(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[took.len() / 2]
}

fn ratio(long: Duration, short: Duration) -> f64 {
    long.as_secs_f64() / short.as_secs_f64()
}
