//! What could not be decoded or done, named and counted.
//!
//! In: a [`ProblemName`] and a detail, from whoever met the problem. Out: [`Problems`], as answers, logs and reports
//! show them. Nothing here decides what follows from a problem; what it costs of the input is told by [`InputLoss`].

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::redact::mask::masked;
use crate::redact::{SHOWN_TEXT_MAX, one_line};

/// What a problem costs of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputLoss {
    /// The problem is not one of reading, or the input was read all the same.
    Nothing,
    /// A part could not be read, the rest was used.
    Part,
    /// It, or what follows of it, could not be read and is left out.
    Unread,
    /// It could have been read, and is left out on purpose.
    PassedOver,
}

impl InputLoss {
    /// As the README has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "read",
            Self::Part => "read in part",
            Self::Unread => "left out",
            Self::PassedOver => "passed over",
        }
    }
}

/// The names as an enum, and what is to be known of each, from one list.
macro_rules! problem_names {
    ($($variant:ident $name:literal $loss:ident $meaning:literal)*) => {
        /// The name of a problem. It is stable: alarms and queries rest on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ProblemName {
            $(#[doc = $meaning] $variant,)*
        }

        impl ProblemName {
            /// In the order of their names, in which problems are shown.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// In one sentence, as the README has it.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }

            pub const fn input_loss(self) -> InputLoss {
                match self {
                    $(Self::$variant => InputLoss::$loss,)*
                }
            }
        }
    };
}

problem_names! {
    Base64Invalid "base64_invalid" Unread "the data of a CloudWatch Logs event is not base64; what came before the fault was used"
    BatchEmpty "batch_empty" Nothing "a batch without records or log events"
    CallInvalid "call_invalid" Unread "a `call` without what it must have: no failure was made of it"
    CallNotRepeatable "call_not_repeatable" Nothing "a `call` that cannot be made again: the failure counts"
    Deadline "deadline" Nothing "the time was up before all was done; the detail tells what was left"
    EventUnknown "event_unknown" Unread "JSON, but of no event that is known; the detail names its keys"
    FieldWrongType "field_wrong_type" Part "a member is of a type that cannot be read; the rest was"
    FileUnreadable "file_unreadable" Unread "a file of a replay, or a part of it, cannot be read"
    GzipInvalid "gzip_invalid" Unread "damaged gzip; what came before the damage was used"
    GzipTooLarge "gzip_too_large" Unread "gzip that inflates to more than is read; what came before was used"
    GzipTruncated "gzip_truncated" Unread "gzip without its end; what was there was used"
    JsonInvalid "json_invalid" Unread "the payload, or a body, record or log line in it, is not JSON"
    LogLineTooLong "log_line_too_long" Unread "a log line longer than any that is read"
    NamesUnresolved "names_unresolved" Nothing "user ids that Identity Store gave no names for in time: the notice shows the ids; the detail tells why"
    NestedTooDeeply "nested_too_deeply" Unread "more wrappings around an event than any service makes"
    NoticeGivenUp "notice_given_up" Nothing "a notice that its channel did not take for a day: it is dropped"
    NoticeHeldBack "notice_held_back" Nothing "people were told enough for now: the notice waits in the table"
    NoticeNotPublished "notice_not_published" Nothing "a notice that SNS did not take and that no table keeps"
    NoticePending "notice_pending" Nothing "a notice that SNS did not take: it waits in the table"
    OutcomeUnknown "outcome_unknown" PassedOver "a record that says `success` false and names no error: neither a failure nor served"
    OwnLogGroup "own_log_group" PassedOver "lines of the function's own log group, which are never read"
    OwnProbe "own_probe" Nothing "a call of the function's own probe: counted, never evidence"
    PayloadCut "payload_cut" Unread "a payload that holds more than any that AWS sends; what came before the bound was used"
    RegionAssumed "region_assumed" Nothing "log lines that name no region, taken for one in which nothing else was seen while others were: no incident opens there"
    RegionUnknown "region_unknown" Part "a region that does not exist: the failure is answered, and is no evidence"
    RequestInvalid "request_invalid" Part "a `call` whose `request` is not understood: the failure counts, the call is not made again"
    RetryBudgetEmpty "retry_budget_empty" Nothing "so many calls failed that none is made again for now"
    RetryWithheld "retry_withheld" Nothing "a call is not made again during an outage, which retries would feed"
    SecretInEnvelope "secret_in_envelope" Nothing "a `call` that carries secrets elsewhere than in a direct invocation: the failure counts, the request was dropped"
    SourceNotBelieved "source_not_believed" PassedOver "a record of a source that may not tell it, left out or taken for less; the detail names the setting that would change it"
    StoreUnavailable "store_unavailable" Nothing "the table could not be had, or held what cannot be read"
    TickLate "tick_late" Nothing "a tick that came so late that it was not taken"
    TimeInvalid "time_invalid" Part "a time is missing where nothing stands in for it, or cannot be read"
    TopicUnreachable "topic_unreachable" Nothing "the topic could not be had; the fallback topic took the notice"
    Utf8Invalid "utf8_invalid" Part "text that is not UTF-8: what cannot be read of it was replaced"
}

impl ProblemName {
    /// Whether input, or a part of it, could not be read, so that something may have been missed.
    pub const fn is_undecodable(self) -> bool {
        match self.input_loss() {
            InputLoss::Part | InputLoss::Unread => true,
            InputLoss::Nothing | InputLoss::PassedOver => false,
        }
    }

    /// Whether input is left out. All others tell of input that was read all the same.
    pub const fn leaves_input_out(self) -> bool {
        match self.input_loss() {
            InputLoss::Unread | InputLoss::PassedOver => true,
            InputLoss::Nothing | InputLoss::Part => false,
        }
    }
}

impl fmt::Display for ProblemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ProblemName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One problem, as a value: for whoever finds it and does not keep [`Problems`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub name: ProblemName,
    pub detail: String,
}

impl Problem {
    pub fn new(name: ProblemName, detail: impl Into<String>) -> Self {
        Self { name, detail: detail.into() }
    }
}

/// The problems of one invocation: by name, how many, and the detail of the first of each.
///
/// A detail is shown to people: it is bounded, on one line and masked, whoever makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(BTreeMap<ProblemName, Noted>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Noted {
    count: u64,
    detail: String,
}

impl Problems {
    pub fn note(&mut self, name: ProblemName, detail: impl AsRef<str>) {
        self.0
            .entry(name)
            .and_modify(|noted| noted.count += 1)
            .or_insert_with(|| Noted { count: 1, detail: one_line(&masked(detail.as_ref()), SHOWN_TEXT_MAX) });
    }

    pub fn add(&mut self, problem: Problem) {
        self.note(problem.name, problem.detail);
    }

    pub fn merge(&mut self, other: Self) {
        for (name, noted) in other.0 {
            self.0.entry(name).and_modify(|mine| mine.count += noted.count).or_insert(noted);
        }
    }

    /// Has each detail reworded.
    pub fn reword(&mut self, reworded: impl Fn(&str) -> String) {
        self.0.values_mut().for_each(|noted| noted.detail = reworded(&noted.detail));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many problems of that name there were.
    pub fn count(&self, name: ProblemName) -> u64 {
        self.0.get(&name).map_or(0, |noted| noted.count)
    }

    /// The first detail of a problem of that name.
    pub fn detail(&self, name: ProblemName) -> Option<&str> {
        self.0.get(&name).map(|noted| noted.detail.as_str())
    }

    /// Name, count and first detail of each, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (ProblemName, u64, &str)> {
        self.0.iter().map(|(name, noted)| (*name, noted.count, noted.detail.as_str()))
    }
}

impl Serialize for Problems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Shown<'a> {
            name: ProblemName,
            count: u64,
            detail: &'a str,
        }
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for (name, count, detail) in self.iter() {
            list.serialize_element(&Shown { name, count, detail })?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_stand_in_their_order_in_which_problems_are_shown() {
        assert!(ProblemName::ALL.is_sorted_by_key(|name| name.as_str()));
    }

    #[test]
    fn problems_of_one_name_are_counted_and_the_first_detail_is_kept_on_one_line() {
        let mut problems = Problems::default();
        problems.note(ProblemName::JsonInvalid, "line 1\nforged");
        problems.note(ProblemName::JsonInvalid, "line 2");
        let shown = serde_json::to_string(&problems).unwrap();
        assert_eq!(shown, r#"[{"name":"json_invalid","count":2,"detail":"line 1 forged"}]"#);
    }
}
