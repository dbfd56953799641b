//! The table of numbers: the struct, its defaults and its bounds.
//!
//! One line of the table is one number: what it does, its group on the page, its key, its type, its default and from
//! where to where it may go. What must hold between two numbers is checked when a text is read.

use std::time::Duration;

use crate::policy::text::{Number, PolicyError, Text};

/// A number of the policy as an operator sees it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub key: &'static str,
    /// The sentences of its doc comment.
    pub effect: &'static [&'static str],
    pub default: f64,
    pub least: f64,
    pub most: f64,
    pub unit: &'static str,
    pub group: &'static str,
}

macro_rules! policy {
    ($($(#[doc = $doc:literal])+ $group:literal $field:ident ($key:literal): $type:ty = $default:literal in $least:literal ..= $most:literal;)+) => {
        /// How the program decides. The defaults suit a company of any size.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Policy {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl Default for Policy {
            fn default() -> Self {
                Self { $($field: <$type as Number>::of(f64::from($default)),)+ }
            }
        }

        /// The table behind the struct, in the order of the page.
        pub const SETTINGS: &[Setting] = &[
            $(Setting {
                key: $key,
                effect: &[$($doc),+],
                default: $default as f64,
                least: $least as f64,
                most: $most as f64,
                unit: <$type as Number>::UNIT,
                group: $group,
            },)+
        ];

        impl Policy {
            fn read(text: &mut Text<'_>) -> Self {
                Self { $($field: text.number::<$type>($key, f64::from($default), f64::from($least), f64::from($most)),)+ }
            }
        }
    };
}

policy! {
    /// How far back evidence counts, and how late an event may come and still be evaluated.
    "Evidence" evidence ("evidence_s"): Duration = 3600 in 600 ..= 3600;
    /// A caller with a call within this time is active.
    "Evidence" active ("active_s"): Duration = 300 in 10 ..= 3600;

    /// The share of calls that fails on an ordinary day.
    "An outage: failed against served" usual_failures ("usual_failures"): f64 = 0.001 in 0.00001 ..= 0.1;
    /// The share of calls that fails in the smallest outage worth a page.
    "An outage: failed against served" outage_failures ("outage_failures"): f64 = 0.05 in 0.001 ..= 0.9;
    /// False pages allowed in a year. The fewer, the more callers must be affected before a page.
    "An outage: failed against served" false_pages_per_year ("false_pages_per_year"): f64 = 1 in 0.001 ..= 1000;
    /// The fewest distinct callers that can make a page: two broken laptops are no outage.
    "An outage: failed against served" outage_callers ("outage_callers"): usize = 3 in 2 ..= 1000;
    /// Where most affected callers are served within this time, a caller that failed more recently counts only in part.
    "An outage: failed against served" cured ("cured_s"): Duration = 20 in 1 ..= 300;
    /// A region with fewer calls a year is treated as if it had this many.
    "An outage: failed against served" calls_per_year_min ("calls_per_year_min"): f64 = 1000 in 1 ..= 1000000000;

    /// Affected callers have something in common only if chance would bring it less often than this.
    "Where it fails" shared_chance ("shared_chance"): f64 = 0.001 in 0.000001 ..= 0.1;
    /// And if at least this share of the affected callers has it,
    "Where it fails" shared_share ("shared_share"): f64 = 0.9 in 0.5 ..= 1;
    /// and at least this many callers without it were served since.
    "Where it fails" shared_served ("shared_served"): usize = 3 in 1 ..= 1000;
    /// A caller that stands for many (an address, an application's role) is dark if it was served at least this often
    /// within a day,
    "Where it fails" dark_served ("dark_served"): usize = 10 in 1 ..= 100000;
    /// and then this many of its calls in a row fail,
    "Where it fails" dark_failures ("dark_failures"): usize = 10 in 2 ..= 1000;
    /// over at least this time.
    "Where it fails" dark_span ("dark_span_s"): Duration = 60 in 0 ..= 3600;

    /// If one origin reported no served call of a region for this time, affected callers are counted against time
    /// instead.
    "An outage: where no served calls are seen" successes_seen ("successes_seen_s"): Duration = 604800 in 60 ..= 31536000;
    /// A caller is newly affected if it had no such failure for this time.
    "An outage: where no served calls are seen" new_caller ("new_caller_s"): Duration = 86400 in 3600 ..= 604800;
    /// Newly affected callers on an ordinary day, before anything was learned.
    "An outage: where no served calls are seen" hits_per_day ("hits_per_day"): f64 = 20 in 0.5 ..= 10000;
    /// What was learned in this many days counts as much as that number.
    "An outage: where no served calls are seen" hits_weight_days ("hits_weight_days"): f64 = 3 in 0.1 ..= 365;
    /// However quiet a region was, at least this many a day count as ordinary.
    "An outage: where no served calls are seen" hits_per_day_min ("hits_per_day_min"): f64 = 0.5 in 0.01 ..= 10000;
    /// An outage affects this many times more callers than an ordinary day,
    "An outage: where no served calls are seen" outage_hits_factor ("outage_hits_factor"): f64 = 20 in 2 ..= 10000;
    /// or this many an hour, whichever is more.
    "An outage: where no served calls are seen" outage_hits_per_hour ("outage_hits_per_hour"): f64 = 6 in 0.1 ..= 10000;
    /// Added to the threshold, because the base rate is itself a guess.
    "An outage: where no served calls are seen" hits_margin ("hits_margin"): f64 = 2 in 0 ..= 20;

    /// A probe that is down twice, at least this far apart, opens an incident even without affected callers.
    "Other signs of an outage" probe_down ("probe_down_s"): Duration = 30 in 0 ..= 3600;
    /// With an open AWS Health issue about sign-in, this many affected callers open an incident.
    "Other signs of an outage" health_callers ("health_callers"): usize = 2 in 1 ..= 1000;

    /// How far back refusals by your own key or policy count.
    "Your own key or policy" misconfigured_window ("misconfigured_window_s"): Duration = 300 in 10 ..= 3600;
    /// Callers refused for the same reason. For a KMS key only calls served since the first of them count against it.
    "Your own key or policy" misconfigured_callers ("misconfigured_callers"): usize = 3 in 2 ..= 1000;
    /// Callers refused because of a KMS key.
    "Your own key or policy" misconfigured_kms_callers ("misconfigured_kms_callers"): usize = 2 in 1 ..= 1000;

    /// Callers refused with one code of one operation, and not served since.
    "An outage that looks like mistakes of callers" suspected_callers ("suspected_callers"): usize = 10 in 3 ..= 10000;
    /// Each of them at least this long ago: a caller served at the second attempt was not refused.
    "An outage that looks like mistakes of callers" suspected_age ("suspected_age_s"): Duration = 60 in 0 ..= 3600;
    /// Within this time fewer callers must have been served than affected.
    "An outage that looks like mistakes of callers" suspected_window ("suspected_window_s"): Duration = 300 in 10 ..= 3600;

    /// Throttled calls that are worth advice,
    "Advice" throttled_calls ("throttled_calls"): usize = 10 in 1 ..= 100000;
    /// over at least this time.
    "Advice" throttled_span ("throttled_span_s"): Duration = 120 in 0 ..= 3600;
    /// A tool is worth advice if it makes this share of all calls,
    "Advice" talker_share ("talker_share"): f64 = 0.5 in 0.01 ..= 1;
    /// and uses this share of a published quota.
    "Advice" quota_share ("quota_share"): f64 = 0.5 in 0.01 ..= 1;
    /// Service failures of one caller while others are served,
    "Advice" one_caller_failures ("one_caller_failures"): usize = 5 in 2 ..= 1000;
    /// spanning at least this time.
    "Advice" one_caller_span ("one_caller_span_s"): Duration = 60 in 0 ..= 3600;
    /// The same advice is not repeated within this time.
    "Advice" advice_quiet ("advice_quiet_s"): Duration = 86400 in 60 ..= 31536000;

    /// What would be a page has severity warning until this long after its first failure, and longer while the affected
    /// callers are served again.
    "The life of an incident" page_after ("page_after_s"): Duration = 60 in 0 ..= 3600;
    /// It becomes a page earlier if the failures already span this time.
    "The life of an incident" page_span ("page_span_s"): Duration = 45 in 0 ..= 3600;
    /// If all affected callers share a tool or a network and others are served, a page waits until the cause is clear,
    /// at most this long after the first failure.
    "The life of an incident" page_hold ("page_hold_s"): Duration = 300 in 0 ..= 3600;
    /// A change that does not make the incident worse is sent at most once in this time.
    "The life of an incident" changed_every ("changed_every_s"): Duration = 600 in 1 ..= 86400;
    /// An incident that is still open gets a reminder after this time without a notice.
    "The life of an incident" reminder ("reminder_s"): Duration = 3600 in 10 ..= 604800;
    /// The odds at which recovery is proved.
    "The life of an incident" proof_odds ("proof_odds"): f64 = 1000 in 2 ..= 1000000000;
    /// An incident of one tool, network or application gets a reminder after this time.
    "The life of an incident" reminder_apart ("reminder_apart_s"): Duration = 86400 in 10 ..= 2592000;
    /// Recovery must last this long; each reopening doubles it.
    "The life of an incident" proof ("proof_s"): Duration = 300 in 1 ..= 1800;
    /// At least this many calls must be served in that time,
    "The life of an incident" proof_calls ("proof_calls"): usize = 5 in 1 ..= 1000;
    /// of at least this many callers.
    "The life of an incident" proof_callers ("proof_callers"): usize = 2 in 1 ..= 1000;
    /// If a probe step was down: this many healthy probes of it in a row,
    "The life of an incident" proof_probes ("proof_probes"): usize = 3 in 1 ..= 100;
    /// over at least this time.
    "The life of an incident" proof_probes_span ("proof_probes_s"): Duration = 120 in 0 ..= 3600;
    /// After this time without any call a notice says that nobody calls. If nothing can ever prove recovery, the
    /// incident ends as quiet, not confirmed.
    "The life of an incident" quiet ("quiet_s"): Duration = 1800 in 10 ..= 3600;
    /// If nobody calls, healthy probes of each step that failed prove recovery, over this time after the latest
    /// failure.
    "The life of an incident" quiet_probes ("quiet_probes_s"): Duration = 600 in 0 ..= 3600;
    /// After this time without any call an incident ends as quiet, not confirmed.
    "The life of an incident" quiet_end ("quiet_end_s"): Duration = 43200 in 60 ..= 604800;
    /// The same for one tool, network or application, which may not be used for a night.
    "The life of an incident" quiet_end_apart ("quiet_end_apart_s"): Duration = 129600 in 60 ..= 2592000;
    /// A new outage this long after the latest failure of an incident about which nobody calls is an incident of its
    /// own.
    "The life of an incident" quiet_anew ("quiet_anew_s"): Duration = 3600 in 60 ..= 604800;
    /// Failures that return within this time reopen the incident.
    "The life of an incident" reopen ("reopen_s"): Duration = 900 in 1 ..= 86400;

    /// The share of calls to sign in that should work, in percent. What may fail is the error budget; 100 would leave none.
    "The target" slo_target ("slo_target"): f64 = 99.9 in 50 ..= 99.999;

    /// At most one probe of a region in this time; all failures in it share the answer.
    "Probes and notices" probe_interval ("probe_interval_s"): Duration = 20 in 1 ..= 3600;
    /// A tick older than this is ignored: the next one is already here.
    "Probes and notices" tick_age ("tick_age_s"): Duration = 90 in 10 ..= 3600;
    /// What only counts (served calls, everything while an incident is open) is written at most once in this time.
    "Probes and notices" gather ("gather_s"): Duration = 10 in 0 ..= 300;
    /// A notice that SNS did not take is sent again after this time, then after twice, four and eight times as long.
    "Probes and notices" publish_again ("publish_again_s"): Duration = 60 in 1 ..= 3600;
    /// At most one notice in this time of one incident, or of one kind of advice; the rest is merged.
    "Probes and notices" notice_every ("notice_every_s"): Duration = 60 in 0 ..= 3600;
    /// At most this many notices a minute in all; the rest waits. SNS drops mail to an address above ten a second.
    "Probes and notices" notices_per_minute ("notices_per_minute"): usize = 10 in 1 ..= 600;
    /// Without a table, an execution environment sends a notice about the same incident at most once in this time.
    "Probes and notices" unshared_quiet ("unshared_quiet_s"): Duration = 900 in 10 ..= 86400;
}

impl Policy {
    /// The policy that `toml` describes, with the default for each number it leaves out.
    pub fn from_toml(toml: &str) -> Result<Self, PolicyError> {
        let mut text = Text::of(toml)?;
        let policy = Self::read(&mut text);
        let mut problems = text.problems();
        if policy.usual_failures >= policy.outage_failures {
            let (usual, outage) = (policy.usual_failures, policy.outage_failures);
            problems
                .push(format!("usual_failures is {usual}, but must be less than outage_failures, which is {outage}"));
        }
        for (key, span) in [
            ("active_s", policy.active),
            ("misconfigured_window_s", policy.misconfigured_window),
            ("suspected_window_s", policy.suspected_window),
            ("suspected_age_s", policy.suspected_age),
            ("quiet_s", policy.quiet),
            ("probe_down_s", policy.probe_down),
        ] {
            if span > policy.evidence {
                let (span, evidence) = (span.as_secs(), policy.evidence.as_secs());
                problems.push(format!("{key} is {span}, but must not exceed evidence_s, which is {evidence}"));
            }
        }
        if policy.proof > policy.evidence / 2 {
            let (proof, evidence) = (policy.proof.as_secs(), policy.evidence.as_secs());
            problems.push(format!("proof_s is {proof}, but must not exceed half of evidence_s, which is {evidence}"));
        }
        if problems.is_empty() { Ok(policy) } else { Err(PolicyError(problems)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_is_the_default() {
        assert_eq!(Policy::from_toml(""), Ok(Policy::default()));
    }

    #[test]
    fn a_number_is_taken_from_the_text() {
        let policy = Policy::from_toml("outage_callers = 5\nactive_s = 200").unwrap();
        assert_eq!(policy, Policy { outage_callers: 5, active: Duration::from_secs(200), ..Policy::default() });
    }

    #[test]
    fn all_that_is_wrong_is_reported_together_with_its_line() {
        let text = "quiet_s = -3\n\noutage_caller = 3\nactive_s = \"60\"\nno_such = [1]\noutage_callers = 1";
        let PolicyError(problems) = Policy::from_toml(text).unwrap_err();
        let begin: Vec<&str> = problems.iter().map(|problem| problem.split([',', ':']).nth(1).unwrap()).collect();
        assert_eq!(
            begin,
            [
                " quiet_s is -3",
                " unknown key `outage_caller`",
                " active_s must be a whole number",
                " unknown key `no_such`",
                " outage_callers is 1"
            ]
        );
        let lines: Vec<&str> = problems.iter().map(|problem| problem.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["line 1", "line 3", "line 4", "line 5", "line 6"]);
        assert_eq!(problems[1], "line 3: unknown key `outage_caller`: did you mean `outage_callers`?");
        assert_eq!(problems[3], "line 5: unknown key `no_such`: docs/policy.md lists them all");
    }

    #[test]
    fn a_text_that_is_no_toml_names_its_line() {
        let error = Policy::from_toml("active_s = 60\n= 3\n").unwrap_err().to_string();
        assert!(error.starts_with("line 2: "), "{error}");
    }

    #[test]
    fn a_window_longer_than_the_evidence_is_refused() {
        let error = Policy::from_toml("evidence_s = 600\nproof_s = 900").unwrap_err().to_string();
        assert!(error.contains("proof_s is 900"), "{error}");
    }

    #[test]
    fn fractions_are_taken_where_they_mean_something_and_nonsense_nowhere() {
        assert_eq!(Policy::from_toml("usual_failures = 0.002").unwrap().usual_failures, 0.002);
        assert!(Policy::from_toml("outage_callers = 3.5").is_err());
        assert!(Policy::from_toml("usual_failures = nan").is_err());
        assert!(
            Policy::from_toml("usual_failures = 0.06").unwrap_err().to_string().contains("less than outage_failures")
        );
    }

    #[test]
    fn every_default_is_within_its_bounds() {
        for setting in SETTINGS {
            assert!((setting.least..=setting.most).contains(&setting.default), "{}", setting.key);
        }
    }
}
