//! `make bench`: the command line on a month of a trail's log files, side by side with `zcat | jq` and with Python.
//!
//! The records are made up, of which one in twenty is a call to SSO OIDC: a month of sign-ins in which one in a thousand
//! fails, and an outage of twenty minutes. Every tool gets the same .gz files. Trust the ratios, not the seconds.
//!
//! How a trail's records are spread over files is not ours to choose: so the same are read as thousands of small files, as
//! S3 has them for most accounts, and as one large file.
//!
//! `OIDC_TRIAGE_BENCH_LARGE=1` adds the run of ten million records, which takes some gigabytes of disk.

mod history;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// Records of each run in files of a busy account. The others are tried on those up to [`OTHERS_MAX`].
const SIZES: [u64; 2] = [100_000, 1_000_000];
const LARGE: u64 = 10_000_000;
const OTHERS_MAX: u64 = 1_000_000;

/// Files of the run that is of many small ones.
const SMALL_FILES: usize = 2_000;

/// The goals of the project.
const RECORDS_A_SECOND: f64 = 400_000.0;
const MEMORY_MIB: f64 = 200.0;

fn main() {
    let ours = PathBuf::from(env!("CARGO_BIN_EXE_oidc-triage"));
    let large = std::env::var_os("OIDC_TRIAGE_BENCH_LARGE").map(|_| LARGE);
    println!("goal: {RECORDS_A_SECOND} records a second on two processors, under {MEMORY_MIB} MiB\n");
    let small = history::small_files(SMALL_FILES);
    let one = vec![small.iter().sum()];
    let busy = SIZES.into_iter().chain(large).map(history::large_files);
    for files in busy.chain([small, one]) {
        side_by_side(&ours, &files);
    }
}

fn side_by_side(ours: &Path, files: &[u64]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replay-{}", files.len()));
    let history = history::write(&folder, files);
    let (records, packed) = (history.records, history.packed);
    println!(
        "{records} records in {} of {:.0} kB on average, {:.0} MB packed, {:.0} MB of JSON",
        if history.files == 1 { "one file".to_owned() } else { format!("{} files", history.files) },
        packed as f64 / 1e3 / history.files as f64,
        mb(packed),
        mb(history.text)
    );
    let mine = run(Command::new(ours).args(["replay", "--format", "json"]).arg(&folder));
    let failures = mine.lines.iter().filter(|line| line.starts_with("{\"type\":\"failure\"")).count() as u64;
    assert_eq!(failures, history.failures, "every failure is found");
    row("oidc-triage replay", records, &mine);
    if records <= OTHERS_MAX {
        for (name, filter) in [("zcat | jq", jq(&folder)), ("Python (gzip, json)", python(&folder))] {
            let Some(mut filter) = filter else {
                println!("  {name:24} not installed here");
                continue;
            };
            let theirs = run(&mut filter);
            assert_eq!(theirs.lines.len() as u64, history.failures, "{name} finds the same failures");
            row(name, records, &theirs);
            println!("  {:24} {:.1} times as long as ours", "", theirs.took.as_secs_f64() / mine.took.as_secs_f64());
        }
    }
    println!();
    let _ = fs::remove_dir_all(&folder);
}

/// The same filter as ours: failed calls of the four operations. It judges nothing.
fn jq(folder: &Path) -> Option<Command> {
    installed("jq")?;
    let filter = r#".Records[] | select((.eventName | IN("CreateToken", "CreateTokenWithIAM", "RegisterClient", "StartDeviceAuthorization")) and .errorCode != null)"#;
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"find "$0" -name '*.gz' -print0 | sort -z | xargs -0 zcat | jq -c "$1""#])
        .arg(folder)
        .arg(filter);
    Some(command)
}

fn python(folder: &Path) -> Option<Command> {
    installed("python3")?;
    let program = r#"
import gzip, json, pathlib, sys
NAMES = {"CreateToken", "CreateTokenWithIAM", "RegisterClient", "StartDeviceAuthorization"}
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.gz")):
    for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]:
        if record["eventName"] in NAMES and record.get("errorCode"):
            print(json.dumps(record))
"#;
    let mut command = Command::new("python3");
    command.args(["-c", program]).arg(folder);
    Some(command)
}

fn installed(program: &str) -> Option<()> {
    let tried = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    tried.ok()?.success().then_some(())
}

struct Run {
    took: Duration,
    lines: Vec<String>,
    peak_mib: f64,
}

fn run(command: &mut Command) -> Run {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("it starts");
    let mut out = child.stdout.take().expect("it was piped");
    let reader = thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut out, &mut text).expect("it prints text");
        text
    });
    let peak_mib = peak_until_end(&mut child);
    let text = reader.join().expect("it was read");
    Run { took: started.elapsed(), lines: text.lines().map(str::to_owned).collect(), peak_mib }
}

/// The most memory that the process had, which the kernel keeps until it ends. Of a pipe it is that of its shell.
fn peak_until_end(child: &mut Child) -> f64 {
    let mut peak = 0.0_f64;
    while child.try_wait().expect("it is ours").is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        peak = peak.max(kib.unwrap_or(0.0_f64) / 1024.0);
        thread::sleep(Duration::from_millis(5));
    }
    peak
}

fn row(name: &str, records: u64, run: &Run) {
    let seconds = run.took.as_secs_f64();
    println!(
        "  {name:24} {seconds:7.2} s, {:9.0} records a second, peak {:5.1} MiB",
        records as f64 / seconds,
        run.peak_mib
    );
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
