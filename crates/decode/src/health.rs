//! AWS Health events: issues that AWS reports.
//!
//! In: an envelope whose `detail` is an AWS Health event. Out: a [`HealthIssue`] for an issue, also one still under
//! investigation; planned changes and account notifications are ignored. All services pass: policy decides which
//! matter. AWS's samples lack members that its documentation calls required, so each member has a default.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess};
use triage_model::observation::{HealthIssue, Observation};
use triage_model::problem::ProblemName;

use crate::batch::{Batch, InputKind, Setting};
use crate::envelope::OuterKeys;
use crate::json::{AnyVisitor, FromAny, Member, Part, Scalar, object, skip_map};
use crate::{json, values};

/// The categories for issues. AWS says `investigation` first, and `issue` once the cause is known.
///
/// The template's rule matches the same (`tests/template`).
const ISSUE_CATEGORIES: [&str; 2] = ["issue", "investigation"];

/// The longest kept description: a notice shows less.
const DESCRIPTION_MAX: usize = 2048;

object! {
    struct Detail<'a> {
        event_arn: Scalar<'a> = "eventArn",
        service: Scalar<'a> = "service",
        event_type_code: Scalar<'a> = "eventTypeCode",
        category: Scalar<'a> = "eventTypeCategory",
        communication_id: Scalar<'a> = "communicationId",
        region: Scalar<'a> = "eventRegion",
        status_code: Scalar<'a> = "statusCode",
        start_time: Scalar<'a> = "startTime",
        end_time: Scalar<'a> = "endTime",
        last_updated_time: Scalar<'a> = "lastUpdatedTime",
        descriptions: Descriptions<'a> = "eventDescription",
    }
}

object! {
    struct Description<'a> {
        language: Scalar<'a> = "language",
        latest: Scalar<'a> = "latestDescription",
    }
}

pub fn read(keys: &OuterKeys<'_>, setting: &Setting, batch: &mut Batch) -> InputKind {
    let detail = match keys.detail.get().map(serde_json::from_str::<Part<Detail<'_>>>) {
        Some(Ok(Part::Found(detail))) => detail,
        None | Some(Ok(Part::Missing | Part::Wrong)) => {
            batch.problems.note(ProblemName::FieldWrongType, "detail is not an object");
            return InputKind::Foreign;
        }
        Some(Err(error)) => {
            batch.problems.note(ProblemName::JsonInvalid, format!("detail: {}", json::describe(&error)));
            return InputKind::Foreign;
        }
    };
    if !detail.is_issue() {
        return InputKind::Foreign;
    }
    let wrong = detail.wrong_members();
    if !wrong.is_empty() {
        batch.problems.note(ProblemName::FieldWrongType, values::listed(wrong));
    }
    let started_at = values::time_or_note(&detail.start_time, "startTime", batch);
    let updated_at = values::time_or_note(&detail.last_updated_time, "lastUpdatedTime", batch);
    let said_at = keys.time_or_note(batch).or(updated_at);
    if said_at.is_none() && !keys.time.is_given() {
        batch.problems.note(ProblemName::TimeInvalid, "an AWS Health event without time");
    }
    let occurred_at = said_at.unwrap_or(setting.now);
    let description = detail.descriptions.english();
    let ended_at = values::time_or_note(&detail.end_time, "endTime", batch).or_else(|| {
        // AWS leaves a resolved issue `open`: any end time, or the word in the text, ends it.
        let is_over = detail.end_time.is_given()
            || detail.status_code.text() == Some("closed")
            || description.to_ascii_uppercase().contains("[RESOLVED]");
        is_over.then_some(updated_at.unwrap_or(occurred_at))
    });
    let event_arn = detail.event_arn.text().or(detail.communication_id.text()).or(keys.id.text());
    let region = match detail.region(keys) {
        // A global service: valid in all regions, and not a misspelling.
        Some("global") => None,
        name => values::region(name, setting, batch),
    };
    batch.observations.push(Observation::HealthIssue(HealthIssue {
        event_arn: values::bounded(event_arn.unwrap_or_default(), values::NAME_MAX).to_owned(),
        service: values::name(&detail.service).unwrap_or_default(),
        event_type_code: values::name(&detail.event_type_code).unwrap_or_default(),
        region,
        started_at,
        ended_at,
        description: values::bounded(description, DESCRIPTION_MAX).to_owned(),
        occurred_at,
    }));
    InputKind::Health
}

impl<'a> Detail<'a> {
    fn is_issue(&self) -> bool {
        match (self.category.text(), self.event_type_code.text()) {
            (Some(category), _) => ISSUE_CATEGORIES.contains(&category),
            (None, Some(code)) => code.ends_with("_ISSUE"),
            (None, None) => false,
        }
    }

    /// The affected region. The envelope's own is only where a copy was delivered: the last resort.
    fn region<'b>(&'b self, keys: &'b OuterKeys<'a>) -> Option<&'b str> {
        let of_arn = || self.event_arn.text().and_then(|arn| arn.split(':').nth(3)).filter(|name| !name.is_empty());
        self.region.text().or_else(of_arn).or(keys.region.text())
    }
}

/// The description in each language.
#[derive(Debug, Default)]
struct Descriptions<'a> {
    all: Vec<Description<'a>>,
    is_wrong: bool,
}

impl Descriptions<'_> {
    /// The English description, else the first.
    fn english(&self) -> &str {
        let is_english = |text: &&Description<'_>| text.language.text().is_some_and(|name| name.starts_with("en"));
        let chosen = self.all.iter().find(is_english).or(self.all.first());
        chosen.and_then(|description| description.latest.text()).unwrap_or_default()
    }
}

impl Member for Descriptions<'_> {
    fn is_given(&self) -> bool {
        self.is_wrong || !self.all.is_empty()
    }

    fn is_wrong(&self) -> bool {
        self.is_wrong
    }
}

impl<'de> FromAny<'de> for Descriptions<'de> {
    fn null() -> Self {
        Self::default()
    }

    fn text(text: Cow<'de, str>) -> Self {
        let only = Description { language: Scalar::Missing, latest: Scalar::Text(text) };
        Self { all: vec![only], is_wrong: true }
    }

    fn map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        skip_map(map).map(|()| Self { all: Vec::new(), is_wrong: true })
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut found = Self::default();
        while let Some(part) = list.next_element::<Part<Description<'de>>>()? {
            match part {
                Part::Found(description) => found.all.push(description),
                Part::Missing => {}
                Part::Wrong => found.is_wrong = true,
            }
        }
        Ok(found)
    }
}

impl<'de> Deserialize<'de> for Descriptions<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor::<Self>(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::read::decode;
    use crate::testing::setting;

    fn envelope(detail: &str) -> String {
        format!(
            r#"{{"version":"0","id":"e1","detail-type":"AWS Health Event","source":"aws.health",
                "time":"2022-06-10T06:27:57Z","region":"us-west-2","detail":{detail}}}"#
        )
    }

    fn detail(more: &str) -> String {
        format!(
            r#"{{"eventArn":"arn:aws:health:eu-west-1::event/SSO/AWS_SSO_OPERATIONAL_ISSUE/1","service":"SSO",
                "eventTypeCode":"AWS_SSO_OPERATIONAL_ISSUE","eventTypeCategory":"issue",
                "startTime":"Fri, 10 Jun 2022 05:01:10 GMT","page":"1","totalPages":"1","backupEvent":"false"{more}}}"#
        )
    }

    fn issue(more: &str) -> (HealthIssue, Batch) {
        let batch = decode(&envelope(&detail(more)), &setting());
        match batch.observations.as_slice() {
            [Observation::HealthIssue(issue)] => (issue.clone(), batch),
            other => panic!("{other:?}"),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_open_issue_has_no_end() {
        let (issue, batch) = issue(r#","eventRegion":"eu-central-1","statusCode":"open""#);
        assert_eq!(batch.kind, InputKind::Health);
        assert!(batch.problems.is_empty(), "{:?}", batch.problems);
        assert_eq!(issue.started_at, Some(at("2022-06-10T05:01:10Z")));
        assert_eq!(issue.ended_at, None);
        assert_eq!(issue.occurred_at, at("2022-06-10T06:27:57Z"));
        assert_eq!(issue.service, "SSO");
        assert_eq!(issue.region.unwrap().as_str(), "eu-central-1");
    }

    #[test]
    fn an_issue_with_an_end_is_over_though_its_status_says_open() {
        let (issue, _) = issue(r#","statusCode":"open","endTime":"2022-06-10T05:30:57Z""#);
        assert_eq!(issue.ended_at, Some(at("2022-06-10T05:30:57Z")));
    }

    #[test]
    fn an_issue_with_resolved_in_its_text_ended_with_that_update() {
        let text = r#","eventDescription":[{"language":"en_US","latestDescription":"x [Resolved] y"}]"#;
        assert_eq!(issue(text).0.ended_at, Some(at("2022-06-10T06:27:57Z")));
        let updated = format!(r#"{text},"lastUpdatedTime":"Fri, 10 Jun 2022 06:00:00 GMT""#);
        assert_eq!(issue(&updated).0.ended_at, Some(at("2022-06-10T06:00:00Z")));
        assert_eq!(issue(r#","statusCode":"closed""#).0.ended_at, Some(at("2022-06-10T06:27:57Z")));
    }

    #[test]
    fn an_end_that_cannot_be_read_is_an_end_and_noted() {
        let (issue, batch) = issue(r#","endTime":"soon""#);
        assert_eq!(issue.ended_at, Some(at("2022-06-10T06:27:57Z")));
        assert_eq!(batch.problems.count(ProblemName::TimeInvalid), 1);
    }

    #[test]
    fn the_region_is_the_affected_one_and_never_where_the_copy_arrived() {
        assert_eq!(issue("").0.region.unwrap().as_str(), "eu-west-1");
        let (issue, batch) = issue(r#","eventRegion":"global""#);
        assert_eq!((issue.region, batch.problems.is_empty()), (None, true));
    }

    #[test]
    fn the_english_description_is_kept_in_bounds() {
        let long = "ä".repeat(3000);
        let (issue, _) = issue(&format!(
            r#","eventDescription":[{{"language":"de_DE","latestDescription":"x"}},
                {{"language":"en_US","latestDescription":"{long}"}}]"#
        ));
        assert_eq!(issue.description.len(), DESCRIPTION_MAX);
        assert!(issue.description.starts_with('ä'));
    }

    #[test]
    fn other_categories_are_ignored() {
        for category in ["scheduledChange", "accountNotification"] {
            let batch = decode(&envelope(&format!(r#"{{"eventTypeCategory":"{category}"}}"#)), &setting());
            assert_eq!((batch.kind, batch.observations.len()), (InputKind::Foreign, 0));
            assert!(batch.problems.is_empty());
        }
    }

    #[test]
    fn an_investigation_counts_like_an_issue() {
        let detail = detail("").replace(r#""issue""#, r#""investigation""#);
        let batch = decode(&envelope(&detail), &setting());
        let [Observation::HealthIssue(issue)] = batch.observations.as_slice() else { panic!("{batch:?}") };
        assert_eq!((issue.service.as_str(), issue.ended_at, batch.problems.is_empty()), ("SSO", None, true));
    }

    #[test]
    fn an_issue_that_lacks_nearly_everything_is_still_one() {
        let text = r#"{"detail-type":"AWS Health Event","source":"aws.health","id":"e1",
            "detail":{"eventTypeCategory":"issue","service":{},"eventDescription":"down"}}"#;
        let batch = decode(text, &setting());
        let [Observation::HealthIssue(issue)] = batch.observations.as_slice() else { panic!("{batch:?}") };
        assert_eq!((issue.event_arn.as_str(), issue.description.as_str()), ("e1", "down"));
        assert_eq!(issue.occurred_at, setting().now);
        assert_eq!(batch.problems.count(ProblemName::TimeInvalid), 1);
        assert_eq!(batch.problems.count(ProblemName::FieldWrongType), 1);
    }

    #[test]
    fn both_copies_of_an_issue_have_one_arn() {
        let first = issue("").0;
        let second = issue(r#","backupEvent":"true""#).0;
        assert_eq!(first.event_arn, second.event_arn);
    }
}
