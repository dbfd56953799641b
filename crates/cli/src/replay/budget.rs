//! How much of the error budget a history used.
//!
//! In: the [`Objective`] at the end of a history, as the function's metrics have it. Out: its words, and its JSON. Nothing is
//! counted here a second time.

use jiff::Timestamp;
use serde::Serialize;
use triage_decide::calls::Window;
use triage_decide::objective::Objective;
use triage_notify::words::{of_budget, percent_of};

/// The names of the windows, and the windows.
pub const fn windows(objective: &Objective) -> [(&'static str, Window); 3] {
    let [hour, day, month] = objective.windows.all();
    [("last hour", hour), ("last day", day), ("last 30 days", month)]
}

/// `99.91%`, rounded down: what is not all is not 100%.
pub fn percent(window: Window) -> Option<String> {
    window.calls.share().map(|share| format!("{}%", percent_of(share)))
}

/// Where the history is shorter.
pub const KNOWN_AFTER_A_DAY: &str = "what that is of the error budget is known after a day of history";

/// `2 times the error budget of 30 days`; None where the history is shorter than a day.
pub fn used(objective: &Objective) -> Option<String> {
    objective.budget_used().map(of_budget)
}

/// `99.91% in the last 30 days, 99.85% in the last day, 100.00% in the last hour of calls worked; target 99.9%; 90% of the
/// error budget of 30 days used`.
pub fn in_words(objective: &Objective) -> String {
    let shares = windows(objective).into_iter().rev();
    let shares = shares.filter_map(|(name, window)| Some(format!("{} in the {name}", percent(window)?)));
    let (shares, target) = (shares.collect::<Vec<_>>().join(", "), objective.target.percent());
    let used = used(objective).map_or_else(|| KNOWN_AFTER_A_DAY.to_owned(), |used| format!("{used} used"));
    format!("{shares} of calls worked; target {target}%; {used}")
}

/// As in the JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetLine {
    target_percent: f64,
    at: Timestamp,
    hour: WindowLine,
    day: WindowLine,
    month: WindowLine,
    /// In percent of the budget of 30 days.
    budget_used_percent: Option<f64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WindowLine {
    from: Timestamp,
    served: u64,
    failed: u64,
    percent: Option<f64>,
    burn_rate: Option<f64>,
}

impl From<&Objective> for BudgetLine {
    fn from(objective: &Objective) -> Self {
        let line = |window: Window| WindowLine {
            from: window.from,
            served: window.calls.served,
            failed: window.calls.failed,
            percent: window.calls.share().map(|share| share * 100.0),
            burn_rate: objective.target.burn_rate(window.calls),
        };
        Self {
            target_percent: objective.target.percent(),
            at: objective.windows.hour.until,
            hour: line(objective.windows.hour),
            day: line(objective.windows.day),
            month: line(objective.windows.month),
            budget_used_percent: objective.budget_used().map(|used| used * 100.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use triage_decide::calls::{Calls, Windows};
    use triage_decide::objective::Target;

    use super::*;

    fn objective(days: i64, served: u64, failed: u64) -> Objective {
        let second = |second| Timestamp::from_second(second).unwrap();
        let window = Window { from: second(0), until: second(days * 86_400), calls: Calls { served, failed } };
        Objective { target: Target::default(), windows: Windows { hour: window, day: window, month: window } }
    }

    #[test]
    fn a_share_is_rounded_down_and_the_budget_is_known_after_a_day() {
        assert_eq!(
            in_words(&objective(30, 99_999, 1)),
            "99.99% in the last 30 days, 99.99% in the last day, 99.99% in the last hour of calls worked; target 99.9%; less \
             than 1% of the error budget of 30 days used"
        );
        assert!(in_words(&objective(0, 9, 1)).ends_with("is known after a day of history"));
    }
}
