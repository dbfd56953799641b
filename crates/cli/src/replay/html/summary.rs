//! All calls by cause, what was read, and what the words mean.

use crate::replay::budget;
use crate::replay::html::words::{Number, count, failures_of, meaning};
use crate::replay::review::Review;
use triage_decide::calls::Calls;
use triage_decide::objective::Objective;
use triage_model::classify::Cause;
use triage_notify::markup::Html;
use triage_notify::words::capitalized;

/// Tools listed: the most frequent ones. The JSON has them all.
const TOOLS_MAX: usize = 20;

pub fn calls(h: &mut Html, review: &Review) {
    h.element("table", &[("class", &"plain"), ("id", &"the-causes")], |h| {
        h.leaf("caption", &[], "Calls by cause");
        h.element("tbody", &[], |h| {
            for cause in Cause::ALL {
                fact(h, failures_of(cause), count(&review.counts, cause), meaning(cause));
            }
            fact(h, "Duplicates", review.counts.duplicate, "delivered more than once: not counted again");
            fact(h, "Calls that worked", review.counts.success, "the service answered them as it should");
            fact(h, "Own calls", review.counts.own, "made by oidc-triage itself: not evaluated");
        });
    });
    if let Some(objective) = &review.objective {
        shares(h, objective);
    }
    if !review.tools.is_empty() {
        tools(h, review);
    }
}

/// The shares of calls that worked, against the target.
fn shares(h: &mut Html, objective: &Objective) {
    h.element("table", &[("class", &"plain"), ("id", &"the-budget")], |h| {
        let target = objective.target.percent();
        h.leaf("caption", &[], format!("Calls that worked, up to the end of the history. The target is {target}%"));
        h.element("tbody", &[], |h| {
            for (name, window) in budget::windows(objective) {
                let Calls { served, failed } = window.calls;
                h.element("tr", &[], |h| {
                    h.leaf("th", &[("scope", &"row")], capitalized(name));
                    h.leaf("td", &[("class", &"count")], budget::percent(window).unwrap_or_default());
                    let all = format!("{} of {} calls", Number(served), Number(served + failed));
                    h.leaf("td", &[("class", &"quiet")], all);
                });
            }
        });
    });
    let used = budget::used(objective);
    let used = used.map_or_else(|| capitalized(budget::KNOWN_AFTER_A_DAY), |used| format!("Used: {used}"));
    h.leaf("p", &[("class", &"quiet")], format!("{used}."));
}

fn tools(h: &mut Html, review: &Review) {
    h.element("table", &[("class", &"plain tools")], |h| {
        h.leaf("caption", &[], "Tools of affected callers, by failed calls");
        h.element("tbody", &[], |h| {
            for tool in review.tools.iter().take(TOOLS_MAX) {
                h.element("tr", &[], |h| {
                    h.element("th", &[("scope", &"row")], |h| h.name(&tool.name));
                    h.leaf("td", &[("class", &"count")], Number(tool.count as u64));
                });
            }
        });
    });
    if let Some(more @ 1..) = review.tools.len().checked_sub(TOOLS_MAX) {
        h.leaf("p", &[("class", &"quiet")], format!("and {} more", Number(more as u64)));
    }
}

pub fn input(h: &mut Html, review: &Review) {
    h.element("table", &[("class", &"plain")], |h| {
        h.leaf("caption", &[], "Input");
        h.element("tbody", &[], |h| {
            fact(h, "Files", review.files, "");
            fact(h, "Records", review.records, "events and lines that were read");
            fact(h, "Other services", review.left_alone, "their events were skipped");
            fact(h, "Out of order", review.out_of_order, "came too late to be put where they belong");
        });
    });
    if review.problems.is_empty() {
        h.leaf("p", &[], "Everything could be read.");
        return;
    }
    h.element("table", &[("class", &"plain"), ("id", &"the-problems")], |h| {
        h.leaf("caption", &[], "Problems, with an example of each");
        h.element("tbody", &[], |h| {
            for (name, count, detail) in review.problems.iter() {
                fact(h, name.as_str(), count, detail);
            }
        });
    });
}

fn fact(h: &mut Html, name: &str, count: u64, meaning: &str) {
    h.element("tr", &[], |h| {
        h.leaf("th", &[("scope", &"row")], name);
        h.leaf("td", &[("class", &"count")], Number(count));
        h.element("td", &[("class", &"quiet")], |h| h.name(meaning));
    });
}

/// What the words of the page mean.
pub fn terms(h: &mut Html, review: &Review) {
    let clock = review.clock();
    let terms = [
        (
            "Minutes down, degraded",
            "From the first failure of an incident to its latest, in whole minutes, as its times show them. Time without an incident is not counted, and time \
             that several incidents share is counted once. Down: most callers could not sign in, or your own key or policy \
             refused everyone. Degraded: some could not.",
        ),
        (
            "Affected",
            "Distinct callers with a failed call that the incident is about. They are called people where all of them are users \
             of IAM Identity Center or named by a mail address. Those who called then or shortly before are all \
             distinct callers within its scope, from five minutes before its first failure to its latest.",
        ),
        (
            "Calls that worked",
            "Served calls among those that were served or failed as the incident is about, within its scope, from the first \
             failure to the latest. A tool that tries again and again counts each time.",
        ),
        (
            "Whose fault",
            "What it looks like by what the recorded calls, a probe and AWS Health show. AWS has not confirmed it, unless AWS Health is named.",
        ),
        ("Noticed", "From the first failure to the first notice."),
    ];
    h.element("dl", &[("class", &"terms")], |h| {
        for (term, meaning) in terms {
            h.leaf("dt", &[], term);
            h.leaf("dd", &[], meaning);
        }
        h.leaf("dt", &[], "Times");
        h.leaf("dd", &[], format!("In UTC. The clock: {clock}."));
    });
}
