//! `make bench`: the command line on a month of a trail's log files, side by side with `zcat | jq` and with Python.
//!
//! The records are made up, of which one in twenty is a call to SSO OIDC: a month of sign-ins in which one in a thousand
//! fails, and an outage of twenty minutes. Every tool gets the same .gz files. Trust the ratios, not the seconds.
//!
//! How a trail's records are spread over files is not ours to choose. So the same records are read in both shapes: as tens of
//! thousands of small files beside those of other services, as S3 has them for most organizations, and as a few large
//! ones.
//!
//! `OIDC_TRIAGE_BENCH_LARGE=1` adds the run of ten million records, which takes some gigabytes of disk.

mod history;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// Small files of the month.
const SMALL_FILES: usize = 60_000;

const LARGE: u64 = 10_000_000;

/// Where others work on a machine as well, the quickest of some runs is the nearest to what it takes.
const RUNS: usize = 3;

/// The goals of the project.
const TIMES_JQ: f64 = 5.0;
const SMALL_TO_LARGE: f64 = 1.5;
const SUGGEST_TO_REPLAY: f64 = 2.0;
const MEMORY_KIB: u64 = 40 * 1024;

fn main() {
    let ours = PathBuf::from(env!("CARGO_BIN_EXE_oidc-triage"));
    println!(
        "goals: {TIMES_JQ} times as fast as jq, a record of small files at most {SMALL_TO_LARGE} times one of large ones, \
         suggest at most {SUGGEST_TO_REPLAY} times replay, under {MEMORY_KIB} KiB\n"
    );
    let small = history::small_files(SMALL_FILES);
    let large = history::large_files(small.iter().sum());
    let [of_small, of_large] = [small, large].map(|files| side_by_side(&ours, &files, true));
    println!("a record of small files takes {:.2} times as long as one of large files\n", of_small / of_large);
    if std::env::var_os("OIDC_TRIAGE_BENCH_LARGE").is_some() {
        side_by_side(&ours, &history::large_files(LARGE), false);
    }
}

/// How many seconds a record takes.
fn side_by_side(ours: &Path, files: &[u64], with_others: bool) -> f64 {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replay-{}", files.len()));
    let history = history::write(&folder, files);
    let (records, packed) = (history.records, history.packed);
    println!(
        "{records} records in {} files of {:.1} kB on average, {:.0} MB packed, {:.0} MB of JSON",
        history.files,
        packed as f64 / 1e3 / history.files as f64,
        mb(packed),
        mb(history.text)
    );
    let mine = run(|| command(ours, "replay", &folder));
    let failures = mine.lines.iter().filter(|line| line.starts_with("{\"type\":\"failure\"")).count() as u64;
    assert_eq!(failures, history.failures, "every failure is found");
    row("oidc-triage replay", records, &mine);
    let suggest = run(|| command(ours, "suggest", &folder));
    row("oidc-triage suggest", records, &suggest);
    println!("  {:24} {:.2} times as long as replay", "", suggest.took.as_secs_f64() / mine.took.as_secs_f64());
    if with_others {
        for (name, program, other) in
            [("zcat | jq", "jq", jq as fn(&Path) -> Command), ("Python (gzip, json)", "python3", python)]
        {
            if !is_installed(program) {
                println!("  {name:24} not installed here");
                continue;
            }
            let theirs = run(|| other(&folder));
            assert_eq!(theirs.lines.len() as u64, history.failures, "{name} finds the same failures");
            row(name, records, &theirs);
            println!("  {:24} {:.1} times as long as replay", "", theirs.took.as_secs_f64() / mine.took.as_secs_f64());
        }
    }
    println!();
    let _ = fs::remove_dir_all(&folder);
    mine.took.as_secs_f64() / records as f64
}

fn command(ours: &Path, what: &str, folder: &Path) -> Command {
    let mut command = Command::new(ours);
    command.args([what, "--format", "json"]).arg(folder).stderr(Stdio::null());
    command
}

/// The same filter as ours: failed calls of the four operations. It evaluates nothing. One process for all files, and what most
/// records lack is asked first: of what jq can do, that was the fastest.
fn jq(folder: &Path) -> Command {
    let filter = r#".Records[] | select(.errorCode != null and (.eventName | IN("CreateToken", "CreateTokenWithIAM", "RegisterClient", "StartDeviceAuthorization")))"#;
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"find "$0" -path '*/CloudTrail/*.gz' -print0 | sort -z | xargs -0 zcat | jq -c "$1""#])
        .arg(folder)
        .arg(filter);
    command
}

fn python(folder: &Path) -> Command {
    let program = r#"
import gzip, json, pathlib, sys
NAMES = {"CreateToken", "CreateTokenWithIAM", "RegisterClient", "StartDeviceAuthorization"}
for path in sorted(path for path in pathlib.Path(sys.argv[1]).rglob("*.gz") if "/CloudTrail/" in str(path)):
    for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]:
        if record["eventName"] in NAMES and record.get("errorCode"):
            print(json.dumps(record))
"#;
    let mut command = Command::new("python3");
    command.args(["-c", program]).arg(folder);
    command
}

fn is_installed(program: &str) -> bool {
    let tried = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

struct Run {
    took: Duration,
    lines: Vec<String>,
    /// Of all runs the most.
    peak_kib: u64,
}

/// The quickest of some runs.
fn run(command: impl Fn() -> Command) -> Run {
    let runs: Vec<Run> = (0..RUNS).map(|_| run_once(&mut command())).collect();
    let peak_kib = runs.iter().map(|run| run.peak_kib).max().unwrap_or(0);
    let quickest = runs.into_iter().min_by_key(|run| run.took).expect("there is one");
    Run { peak_kib, ..quickest }
}

fn run_once(command: &mut Command) -> Run {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut out = child.stdout.take().expect("it was piped");
    let reader = thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut out, &mut text).expect("it prints text");
        text
    });
    let peak_kib = peak_until_end(&mut child);
    let text = reader.join().expect("it was read");
    Run { took: started.elapsed(), lines: text.lines().map(str::to_owned).collect(), peak_kib }
}

/// The most memory that the process had, which the kernel keeps until it ends. Of a pipe it is that of its shell.
fn peak_until_end(child: &mut Child) -> u64 {
    let mut peak = 0;
    while child.try_wait().expect("it is ours").is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        thread::sleep(Duration::from_millis(5));
    }
    peak
}

fn row(name: &str, records: u64, run: &Run) {
    let seconds = run.took.as_secs_f64();
    println!(
        "  {name:24} {seconds:7.2} s, {:9.0} records a second, peak {:6} KiB",
        records as f64 / seconds,
        run.peak_kib
    );
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
