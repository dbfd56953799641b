//! How much of the error budget a history used.
//!
//! In: the [`Objective`] at the end of a history, as the function's metrics have it. Out: its words, and its JSON. Nothing is
//! counted here a second time.

use jiff::Timestamp;
use serde::Serialize;
use triage_decide::calls::Window;
use triage_decide::objective::Objective;
use triage_notify::notice::BudgetCost;
use triage_notify::words::of_budget;

/// The names of the windows, and the windows.
pub const fn windows(objective: &Objective) -> [(&'static str, Window); 3] {
    let windows = objective.windows;
    [("last hour", windows.hour), ("last day", windows.day), ("last 30 days", windows.month)]
}

/// `99.91%`, rounded down: what is not all is not 100%.
pub fn percent(window: Window) -> Option<String> {
    window.calls.share().map(|share| format!("{:.2}%", (share * 1e4).floor() / 1e2))
}

/// `2 times the error budget of 30 days`; None where the history is shorter than a day.
pub fn used(objective: &Objective) -> Option<String> {
    objective.budget_used().map(of_budget)
}

/// `12%`, `3.5 times`: what an incident cost.
pub fn in_short(cost: BudgetCost) -> String {
    let words = of_budget(cost.cost / 100.0);
    let end = words.find(" of the error").or_else(|| words.find(" the error")).unwrap_or(words.len());
    words[..end].to_owned()
}

/// `99.91% in the last 30 days, 99.85% in the last day, 100.00% in the last hour of calls worked; target 99.9%; 90% of the
/// error budget of 30 days used`.
pub fn in_words(objective: &Objective) -> String {
    let shares = windows(objective).into_iter().rev();
    let shares = shares.filter_map(|(name, window)| Some(format!("{} in the {name}", percent(window)?)));
    let used = used(objective).map_or_else(
        || "; what that is of the error budget is known after a day of history".to_owned(),
        |used| format!("; {used} used"),
    );
    format!("{} of calls worked; target {}%{used}", shares.collect::<Vec<_>>().join(", "), objective.target.percent())
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
        let short = |cost| in_short(BudgetCost { target: 99.9, cost });
        assert_eq!([0.0, 0.2, 12.0, 100.0, 350.0].map(short), ["nothing", "less than 1%", "12%", "all", "3.5 times"]);
    }
}
