//! `docs/scenarios.md`, printed from the scores.

use std::fmt::Write as _;
use std::path::Path;

use super::families::{Family, Goal};
use super::goals::right_scopes;
use super::score::{SEEDS, Score, Scores};

const PAGE: &str = "docs/scenarios.md";

pub fn page(families: &[&Family], scores: &[Vec<Scores>]) -> String {
    let mut page = introduction();
    page += "| history | noticed | paged | right scope | false alarms | false pages | missed | incidents | notices an incident | \
             resolved after the end | too early |\n|---|---|---|---|---|---|---|---|---|---|---|\n";
    for (family, scores) in families.iter().zip(scores) {
        let ours: Vec<&Score> = scores.iter().map(|scores| &scores.ours).collect();
        let found = || ours.iter().flat_map(|score| &score.found);
        let sum = |count: fn(&Score) -> usize| ours.iter().map(|score| count(score)).sum::<usize>();
        let noticed = match family.goal {
            Goal::ByCalls { .. } => spread(found().map(|found| found.calls as f64), "calls"),
            Goal::ByCallers { .. } => spread(found().map(|found| found.callers as f64), "callers"),
            Goal::Within { .. } | Goal::Silence { .. } | Goal::Blip | Goal::Nothing => {
                spread(found().map(|found| found.noticed), "s")
            }
        };
        let resolved = match family.goal {
            Goal::ByCalls { .. } | Goal::ByCallers { .. } => {
                let after = spread(found().filter_map(|found| found.after_the_fifth), "s");
                format!("{after} after the fifth call")
            }
            Goal::Within { .. } | Goal::Silence { .. } | Goal::Blip | Goal::Nothing => {
                spread(found().filter_map(|found| found.resolved), "s")
            }
        };
        let paged = spread(found().filter(|found| found.page_is_due).filter_map(|found| found.paged), "s");
        let scope = match right_scopes(ours.iter().copied()) {
            (_, 0) => "-".to_owned(),
            (right, scored) => format!("{right} of {scored}"),
        };
        let missed = match sum(|score| score.unknowable) {
            0 => sum(|score| score.missed).to_string(),
            few => format!("{} (and {few} of under enough callers)", sum(|score| score.missed)),
        };
        let (incidents, messages) = (sum(|score| score.incidents), sum(|score| score.messages));
        let notices =
            if incidents == 0 { "-".to_owned() } else { format!("{:.1}", messages as f64 / incidents as f64) };
        let _ = writeln!(
            page,
            "| {} | {noticed} | {paged} | {scope} | {} | {} | {missed} | {incidents} | {notices} | {resolved} | {} |",
            family.name,
            sum(|score| score.false_alarms),
            sum(|score| score.false_pages),
            sum(|score| score.too_early),
        );
    }
    page += &beside(families, scores);
    page
}

fn introduction() -> String {
    format!(
        "# Scenarios

The decision on simulated histories, {SEEDS} of each family, with the default policy. The function's own pipeline runs each
one, with a tick a minute; it probes only where the table says so. The generator and the goals that a test checks are in
`crates/engine/tests/scenarios/`, and print this page (`UPDATE_DOCS=1 make scenarios`). Where the decision is known to be
weak, a few of a family's histories may miss its goal: `families/mod.rs` says which, and how many.

A cell is the median and the maximum of all {SEEDS}. *Noticed* and *paged* count from the failure that completed the evidence:
that of the n-th distinct caller, where n is what the test of a cell with that traffic needs (three to six), or the tenth
in a row of one caller that stands for many. Both are negative where other evidence came first. An incident with fewer
callers is not a miss. *Right scope*: the latest notice before the end has the right scope. *False alarms* are incidents
of any severity where nothing was wrong, or with a wrong diagnosis; *false pages* are incidents of severity page without
cause for one. Advice counts as a notice, but not as an incident.

"
    )
}

/// The alternatives, on the same histories.
fn beside(families: &[&Family], scores: &[Vec<Scores>]) -> String {
    let mut page = format!(
        "
## Alternatives

The same histories with an EventBridge rule that sends each failure to SNS, and with a CloudWatch alarm on
InternalServerException, at least {} in a minute, in 1 of 1 or in 3 of 5 minutes. (False / missed / messages, the sums of
{SEEDS}; in brackets the median seconds until noticed and until resolved, and the number of times it was resolved too early.)

| history | this program | a message an event | alarm, 1 of 1 | alarm, 3 of 5 |
|---|---|---|---|---|
",
        super::rivals::FAILURES_A_MINUTE
    );
    let kinds: [fn(&Scores) -> &Score; 4] =
        [|it| &it.ours, |it| &it.per_event, |it| &it.one_of_one, |it| &it.three_of_five];
    for (family, scores) in families.iter().zip(scores) {
        let cells = kinds.map(|kind| in_short(&scores.iter().map(kind).collect::<Vec<_>>()));
        let _ = writeln!(page, "| {} | {} |", family.name, cells.join(" | "));
    }
    page
}

fn in_short(scores: &[&Score]) -> String {
    let sum = |count: fn(&Score) -> usize| scores.iter().map(|score| count(score)).sum::<usize>();
    let mut short = format!("{} / {} / {}", sum(|it| it.false_alarms), sum(|it| it.missed), sum(|it| it.messages));
    let found = || scores.iter().flat_map(|score| &score.found);
    if let Some(noticed) = median(found().map(|found| found.noticed)) {
        let resolved = median(found().filter_map(|found| found.resolved));
        let resolved = resolved.map_or_else(|| "never".to_owned(), |at| format!("{at:.0}"));
        let early = sum(|score| score.too_early);
        let _ = write!(short, " ({noticed:.0}, {resolved}, {early})");
    }
    short
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn median(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let numbers = sorted(numbers);
    numbers.get(numbers.len() / 2).copied()
}

/// The median and the maximum.
fn spread(numbers: impl Iterator<Item = f64>, unit: &str) -> String {
    let numbers = sorted(numbers);
    match (numbers.get(numbers.len() / 2), numbers.last()) {
        (Some(median), Some(most)) => format!("{median:.0} {unit}, at most {most:.0}"),
        _ => "-".to_owned(),
    }
}

/// The difference to the page in `docs/`; `UPDATE_DOCS` rewrites it.
pub fn differs_from_the_docs(page: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(PAGE);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page).expect("the page can be written");
        return None;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    (kept != page).then(|| format!("{PAGE} differs; run: UPDATE_DOCS=1 make scenarios"))
}
