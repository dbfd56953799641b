//! Output of real clients about a failed call, in the forms of loggers and collectors.
//!
//! `tests/clients` ran them against a failing service; each text comes with what happened and what the text says about
//! it.

#![expect(clippy::disallowed_methods, reason = "the corpus and the page about it are files")]

mod collected;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use collected::{FORMS, read};
use proptest::prelude::*;
use serde::Deserialize;
use triage_model::classify::classify;
use triage_model::observation::Failure;

#[derive(Deserialize)]
struct Corpus {
    client: String,
    run: bool,
    #[serde(default)]
    versions: Vec<String>,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    #[serde(default)]
    form: String,
    /// For files with several clients.
    client: Option<String>,
    text: String,
    #[serde(default)]
    lines_are_events: bool,
    expect: Expected,
    stated: Vec<String>,
}

impl Entry {
    /// Its log events.
    fn events(&self) -> Vec<String> {
        if self.lines_are_events { self.text.lines().map(str::to_owned).collect() } else { vec![self.text.clone()] }
    }
}

#[derive(Deserialize)]
struct Expected {
    operation: Option<String>,
    code: Option<String>,
    status: Option<u16>,
    no_answer: bool,
    region: Option<String>,
    cause: Option<String>,
}

fn corpora() -> Vec<Corpus> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join("corpus"))
        .expect("the corpus")
        .map(|file| file.expect("a file").path())
        .collect();
    files.extend([folder.join("unrun.json"), folder.join("posted.json")]);
    files.sort();
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).expect("text");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    files.iter().filter(|file| file.extension().is_some_and(|ext| ext == "json")).map(read).collect()
}

/// Codes that no other AWS service is known to have.
const DISTINCT: &[&str] = &[
    "AuthorizationPendingException",
    "InvalidClientException",
    "InvalidClientMetadataException",
    "InvalidGrantException",
    "InvalidRedirectUriException",
    "InvalidRequestRegionException",
    "InvalidScopeException",
    "UnauthorizedClientException",
    "UnsupportedGrantTypeException",
];

/// Whether the text shows which service it is about, and that the call failed. `read ECONNRESET` may be anybody's.
fn can_be_read(entry: &Entry) -> bool {
    let states = |what: &str| entry.stated.iter().any(|fact| fact == what);
    let names_service = states("region")
        || states("operation") && states("code")
        || entry.text.to_ascii_lowercase().contains("ssooidc")
        || entry.text.to_ascii_lowercase().contains("sso-oidc")
        || entry.text.contains("sso.oidc");
    let is_distinct = entry.text.contains("Exception: UnknownError")
        && DISTINCT.iter().any(|code| entry.text.contains(code))
        || entry.text.contains("rror_description") && DISTINCT.iter().any(|code| entry.text.contains(code));
    // The operation without the error: `Err:(*retry.MaxAttemptsError)(0xc0004620d8)`.
    let is_pointer = entry.id.ends_with("/%#v") && entry.text.contains("(0x");
    let names_fault = states("code") || states("status") || entry.expect.no_answer;
    // got logs its options, which list every status, and not the answer's.
    let is_of_options = entry.text.contains("ERR_NON_2XX_3XX_RESPONSE") && !entry.text.contains("Response code");
    (names_service || is_distinct) && names_fault && !is_pointer && !is_of_options
}

/// The errors in reading a text, if any.
fn wrong(entry: &Entry, failures: &[Failure]) -> Option<String> {
    if !can_be_read(entry) {
        return (failures.len() > 1).then(|| format!("{} failures", failures.len()));
    }
    // Debug output of an SDK may cover attempts, or only requests.
    if entry.id.ends_with("/debug") {
        return None;
    }
    let [failure] = failures else { return Some(format!("{} failures", failures.len())) };
    let expected = &entry.expect;
    if failure.code.as_deref() == Some("HtmlPage") {
        return (!entry.id.contains("/page-") && !entry.id.contains("/proxy-")).then(|| "a page".to_owned());
    }
    let states = |what: &str| entry.stated.iter().any(|fact| fact == what);
    let differs = |what: &str, found: Option<&str>, right: Option<&str>| {
        let is_right = found == right || !states(what) && found.is_none();
        (!is_right).then(|| format!("{what} {found:?}, not {right:?}"))
    };
    let region = failure.region.as_ref().map(|region| region.as_str()).filter(|_| !failure.is_region_assumed);
    let operation = failure.operation.map(|operation| operation.as_str());
    let bare = expected.status.map(|status| status.to_string());
    let code = failure.code.as_deref().filter(|_| !expected.no_answer);
    // OAuth has no name for it that the service would send.
    let is_unnamed = entry.id.contains("/InternalServer/") && entry.text.contains("internal_server");
    let code = code
        .filter(|_| !is_unnamed)
        .filter(|code| states("code") && expected.code.is_some() || Some(*code) != bare.as_deref());
    let cause = classify(failure).cause.as_str();
    differs("operation", operation, expected.operation.as_deref())
        .or_else(|| differs("region", region, expected.region.as_deref()))
        .or_else(|| differs("code", code, expected.code.as_deref()).filter(|_| !is_unnamed))
        .or_else(|| {
            let status = failure.status.map(|status| status.to_string());
            differs("status", status.as_deref(), bare.as_deref())
        })
        .or_else(|| (failure.no_answer != expected.no_answer).then(|| format!("no_answer {}", failure.no_answer)))
        .or_else(|| {
            // A poorer form does not say why.
            let is_assignment = cause == "admin" && entry.text.contains("not assigned");
            let is_right = is_assignment
                || expected.cause.as_deref() == Some("admin") && !entry.text.contains("KMS_") && cause == "request"
                || expected.cause.as_deref() == Some(cause)
                || !states("code") && !expected.no_answer;
            (!is_right).then(|| format!("cause {cause}, not {:?}", expected.cause))
        })
}

#[test]
fn output_of_real_clients_is_read() {
    let mut missed = Vec::new();
    for entry in corpora().iter().flat_map(|corpus| &corpus.entries) {
        for (name, form) in FORMS {
            let texts = if *name == FORMS[0].0 { entry.events() } else { vec![entry.text.clone()] };
            let failures = read(&form(&texts));
            // Without indentation only a traceback's author knows where it ends.
            let is_lost =
                *name == "a line an event, trimmed" && entry.text.contains("Traceback (most recent call last)");
            let failures = if is_lost && failures.len() > 1 { &failures[..1] } else { &failures };
            let what = wrong(entry, failures).filter(|_| !is_lost || !failures.is_empty());
            missed.extend(what.map(|what| format!("{} as {name}: {what}", entry.id)));
        }
    }
    let shown: Vec<&String> = missed.iter().take(SHOWN_MAX).collect();
    assert!(missed.is_empty(), "{} are read wrong: {shown:#?}", missed.len());
}

/// More would add nothing.
const SHOWN_MAX: usize = 100;

#[derive(Deserialize)]
struct Strangers {
    entries: Vec<Stranger>,
}

#[derive(Clone, Deserialize)]
struct Stranger {
    id: String,
    text: String,
}

#[test]
fn output_of_real_clients_about_something_else_is_ignored() {
    let strangers = |name: &str| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(name);
        let text = std::fs::read_to_string(file).expect("text");
        serde_json::from_str::<Strangers>(&text).expect("strangers").entries
    };
    let mut taken = Vec::new();
    // The same sentence in a program's source: no log reader can distinguish it from a printed one.
    let is_source = |stranger: &&Stranger| stranger.id.starts_with("posted-strangers/source/");
    let all = [strangers("strangers.json"), strangers("posted-strangers.json")].concat();
    for stranger in all.iter().filter(|stranger| !is_source(stranger)) {
        for (name, form) in FORMS {
            let failures = read(&form(std::slice::from_ref(&stranger.text)));
            if !failures.is_empty() {
                taken.push(format!("{} as {name}: {} {:?}", stranger.id, failures.len(), failures[0].code));
            }
        }
    }
    assert!(taken.is_empty(), "{} are taken for ours: {taken:#?}", taken.len());
}

#[test]
fn the_clients_of_the_page_are_those_of_the_corpus() {
    let mut table = String::from("| client | versions | texts | forms | read |\n|---|---|---|---|---|\n");
    for corpus in corpora() {
        let mut clients: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in &corpus.entries {
            let client = entry.client.as_deref().filter(|_| corpus.client != "posted in public");
            clients.entry(client.unwrap_or(&corpus.client)).or_default().push(entry);
        }
        for (client, entries) in clients {
            let forms: BTreeSet<&str> = entries.iter().map(|entry| entry.form.as_str()).collect();
            let read_count = entries.iter().filter(|entry| !read(&entry.events()).is_empty()).count();
            let versions = if corpus.run { corpus.versions.join(", ") } else { "not run".to_owned() };
            table += &format!("| {client} | {versions} | {} | {} | {read_count} |\n", entries.len(), forms.len());
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/clients.md");
    let page = std::fs::read_to_string(&path).expect("text");
    let (before, section) = page.split_once("\n## Clients\n").expect("the page has the section");
    let begin = section.find("| client |").expect("the section has the table");
    let length = section[begin..].find("\n\n").map_or(section.len() - begin, |end| end + 1);
    let (text, after) = (&section[..begin], &section[begin + length..]);
    let printed = format!("{before}\n## Clients\n{text}{table}{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, printed).expect("the page can be written");
        return;
    }
    assert!(page == printed, "docs/clients.md differs; run: UPDATE_DOCS=1 cargo test -p triage-decode --test corpus");
}

/// The facts of a failure, without the ids made by the test.
fn facts(failure: &Failure) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?}",
        failure.operation, failure.code, failure.status, failure.region, failure.request_id
    )
}

/// Each line as a Fluent Bit record, from a pod of that name.
fn of_pod(pod: usize, entry: &Entry) -> Vec<String> {
    let record = |line: &str| {
        serde_json::json!({"log": line, "stream": "stderr", "kubernetes": {"pod_name": format!("login-{pod}")}})
            .to_string()
    };
    entry.text.lines().map(record).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pods_that_write_at_once_are_read_separately(
        picked in prop::collection::vec(any::<prop::sample::Index>(), 2..6),
        turns in prop::collection::vec(0..6_usize, 0..400),
    ) {
        static CORPORA: LazyLock<Vec<Corpus>> = LazyLock::new(corpora);
        let entries: Vec<&Entry> = CORPORA
            .iter()
            // Handwritten texts share their ids.
            .filter(|corpus| corpus.run)
            .flat_map(|corpus| &corpus.entries)
            .filter(|entry| can_be_read(entry))
            .collect();
        let pods: Vec<Vec<String>> =
            picked.iter().enumerate().map(|(pod, index)| of_pod(pod, entries[index.index(entries.len())])).collect();
        let mut alone: Vec<String> = pods.iter().flat_map(|lines| read(lines)).map(|failure| facts(&failure)).collect();
        let mut rest: Vec<std::slice::Iter<'_, String>> = pods.iter().map(|lines| lines.iter()).collect();
        let count = rest.len();
        let mut mixed: Vec<String> = turns.iter().filter_map(|turn| rest[turn % count].next()).cloned().collect();
        mixed.extend(rest.into_iter().flatten().cloned());
        let mut together: Vec<String> = read(&mixed).iter().map(facts).collect();
        alone.sort();
        together.sort();
        // One text may be picked twice: its request is one.
        alone.dedup();
        together.dedup();
        prop_assert_eq!(alone, together);
    }

    #[test]
    fn no_cut_or_broken_text_panics(
        picked in any::<prop::sample::Index>(), form in 0..FORMS.len(), at in any::<prop::sample::Index>(), byte in any::<char>(),
    ) {
        static CORPORA: LazyLock<Vec<Corpus>> = LazyLock::new(corpora);
        let entries: Vec<&Entry> = CORPORA.iter().flat_map(|corpus| &corpus.entries).collect();
        let text = &entries[picked.index(entries.len())].text;
        let at = text.floor_char_boundary(at.index(text.len().max(1)));
        let broken = format!("{}{byte}{}", &text[..at], &text[text.ceil_char_boundary((at + 1).min(text.len()))..]);
        read(&FORMS[form].1(&[broken]));
        read(&FORMS[form].1(&[text[..at].to_owned()]));
    }
}
