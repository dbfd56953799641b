//! Problems: what could not be decoded or done, named and counted.
//!
//! In: a [`ProblemName`] and a detail. Out: [`Problems`], as answers, logs and reports show them. Nothing here decides
//! what follows from a problem; [`InputLoss`] says how much input it costs.

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::redact::mask::masked;
use crate::redact::{SHOWN_TEXT_MAX, one_line};

/// How much of the input a problem costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputLoss {
    /// Not a problem of reading, or the input was read anyway.
    Nothing,
    /// A part could not be read; the rest was used.
    Part,
    /// It, or the rest of it, could not be read and is left out.
    Unread,
    /// It is readable, and left out on purpose.
    PassedOver,
}

impl InputLoss {
    /// As the documentation names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "read",
            Self::Part => "read in part",
            Self::Unread => "left out",
            Self::PassedOver => "passed over",
        }
    }
}

/// The names as an enum with the facts about each, from one list.
macro_rules! problem_names {
    ($($variant:ident $name:literal $loss:ident $meaning:literal)*) => {
        /// The name of a problem. It is stable: alarms and queries depend on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ProblemName {
            $(#[doc = $meaning] $variant,)*
        }

        impl ProblemName {
            /// In alphabetical order, as they are shown.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// One sentence for the documentation.
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
    Base64Invalid "base64_invalid" Unread "the data of a CloudWatch Logs event is not base64; everything before the fault was used"
    BatchEmpty "batch_empty" Nothing "a batch without records or log events"
    CallInvalid "call_invalid" Unread "a `call` without a required member: it does not count as a failure"
    CallNotRepeatable "call_not_repeatable" Nothing "a `call` that cannot be retried: the failure counts"
    Deadline "deadline" Nothing "the time ran out before all work was done; the detail names what was left"
    EventUnknown "event_unknown" Unread "JSON, but no known event; the detail names its keys"
    FieldWrongType "field_wrong_type" Part "a member has the wrong type and was ignored; the rest was used"
    FileUnreadable "file_unreadable" Unread "a file of a replay, or a part of it, cannot be read"
    GzipInvalid "gzip_invalid" Unread "damaged gzip; everything before the damage was used"
    GzipTooLarge "gzip_too_large" Unread "gzip that inflates to more than the limit; everything before it was used"
    GzipTruncated "gzip_truncated" Unread "gzip without its end; the rest was used"
    JsonInvalid "json_invalid" Unread "the payload, or a body, record or log line in it, is not JSON"
    LogLineTooLong "log_line_too_long" Unread "a log line over the limit"
    NamesUnresolved "names_unresolved" Nothing "no names for user ids from Identity Store in time: the notice shows the ids; the detail says why"
    NestedTooDeeply "nested_too_deeply" Unread "an event in more wrappers than any service makes"
    NoticeGivenUp "notice_given_up" Nothing "a channel refused a notice for a day: the notice is dropped"
    NoticeHeldBack "notice_held_back" Nothing "too many notices for now: this one waits in the table"
    NoticeNotPublished "notice_not_published" Nothing "SNS refused a notice, and no table keeps it"
    NoticePending "notice_pending" Nothing "SNS refused a notice: it waits in the table"
    ObjectMissing "object_missing" Unread "an object of the trail's bucket that is not there any more"
    ObjectNotRead "object_not_read" Nothing "an object of the trail's bucket that cannot be read for now: its notification comes again; the detail says why"
    ObjectTooLarge "object_too_large" Unread "an object of the trail's bucket over the limit"
    OperatorRequestInvalid "operator_request_invalid" PassedOver "a request such as `testNotice` that is unknown, or not the whole payload of a direct invocation; the detail says what is wrong"
    OutcomeUnknown "outcome_unknown" PassedOver "a record with `success` false and no error: it counts neither as failed nor as served"
    OwnLogGroup "own_log_group" PassedOver "lines of the function's own log group, which are never read"
    OwnProbe "own_probe" Nothing "a call by the function's own probe: counted, never evidence"
    PayloadCut "payload_cut" Unread "a payload larger than any from AWS; everything up to the limit was used"
    RegionAssumed "region_assumed" Nothing "log lines without a region, assigned to one where nothing else was seen while other regions had calls: no incident opens there"
    RegionUnknown "region_unknown" Part "a region that does not exist: the failure gets an answer, but is no evidence"
    RequestInvalid "request_invalid" Part "a `call` with an unreadable `request`: the failure counts, the call is not retried"
    RetryBudgetEmpty "retry_budget_empty" Nothing "so many calls failed that none is retried for now"
    RetryWithheld "retry_withheld" Nothing "a call is not retried during an outage: retries would make it worse"
    SecretInEnvelope "secret_in_envelope" Nothing "a `call` with secrets that is not a direct invocation: the failure counts, the request was dropped"
    SourceNotBelieved "source_not_believed" PassedOver "a record from an untrusted source, left out or given less weight; the detail names the setting that trusts it"
    StatusPageNotWritten "status_page_not_written" Nothing "a file of the status page could not be written: the next tick tries again; the detail says why"
    StoreUnavailable "store_unavailable" Nothing "the table is unavailable, or holds an unreadable item"
    TickLate "tick_late" Nothing "a tick came too late and was ignored"
    TimeInvalid "time_invalid" Part "a time is missing or cannot be read, and nothing stands in for it"
    TopicUnreachable "topic_unreachable" Nothing "the topic is unavailable; the fallback topic took the notice"
    Utf8Invalid "utf8_invalid" Part "text that is not UTF-8: the invalid bytes were replaced"
}

impl ProblemName {
    /// Whether input, or a part of it, could not be read, so that something may have been missed.
    pub const fn is_undecodable(self) -> bool {
        match self.input_loss() {
            InputLoss::Part | InputLoss::Unread => true,
            InputLoss::Nothing | InputLoss::PassedOver => false,
        }
    }

    /// Whether input is left out. All others concern input that was read.
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

/// One problem, as a value: for code that does not keep [`Problems`].
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
/// People read the details: each is bounded, on one line and masked.
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

    /// Replaces each detail.
    pub fn reword(&mut self, reworded: impl Fn(&str) -> String) {
        self.0.values_mut().for_each(|noted| noted.detail = reworded(&noted.detail));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

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
