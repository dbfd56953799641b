//! What became of one failure at each stage, as it is shown.
//!
//! In: a failure, and what the pipeline reported of it. Out: a [`Stage`]. Of texts of others only names, codes and ids
//! are shown, bounded and on one line; a message is only said to be there.

use jiff::Timestamp;
use serde::Serialize;
use triage_engine::answer::{Action, FailureReport};
use triage_engine::retry::{Call, NotRepeatable};
use triage_engine::settings::CallerNames;
use triage_model::caller::{Caller, CallerHash};
use triage_model::classify::{Cause, Retry, Symptoms, classify, decide, is_pending};
use triage_model::observation::{Failure, Operation, Origin};
use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_model::region::Region;
use triage_notify::words::utc;

use crate::explain::row::ShownRow;
use crate::explain::text::Sheet;

/// Who made a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShownCaller {
    pub hash: CallerHash,
    /// Null where names are not shown (`OIDC_TRIAGE_CALLER_NAMES=hashed`).
    pub name: Option<String>,
}

impl ShownCaller {
    pub fn new(caller: &Caller, hash: CallerHash, names: CallerNames) -> Self {
        let name = match names {
            CallerNames::Shown => Some(one_line(&caller.to_string(), SHOWN_NAME_MAX)),
            CallerNames::Hashed => None,
        };
        Self { hash, name }
    }

    pub fn words(&self) -> String {
        match &self.name {
            Some(name) => format!("{name} ({})", self.hash),
            None => self.hash.to_string(),
        }
    }
}

/// One failure on its way through the stages.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    pub at: Timestamp,
    pub id: String,
    pub event_id: Option<String>,
    pub request_id: Option<String>,
    pub origin: Origin,
    pub region: Option<Region>,
    pub operation: Option<Operation>,
    pub code: Option<String>,
    pub inner_code: Option<String>,
    pub reason: Option<String>,
    pub status: Option<u16>,
    pub grant_type: Option<String>,
    pub no_answer: bool,
    pub has_message: bool,
    pub caller: ShownCaller,
    pub row: ShownRow,
    pub action: Action,
    pub evidence: Evidence,
    pub again: Again,
}

/// Whether a failure speaks for or against anything when its region is classified.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    pub counts: bool,
    pub why: String,
}

/// Whether the function could make the call again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Again {
    pub possible: bool,
    pub why: String,
}

impl Stage {
    /// `oldest` is when evidence begins.
    pub fn of(failure: &Failure, report: &FailureReport, oldest: Timestamp, names: CallerNames) -> Self {
        let shown = |text: &Option<String>| text.as_deref().map(|text| one_line(text, SHOWN_NAME_MAX));
        let symptoms = Symptoms::from(failure);
        let caller = ShownCaller::new(&failure.caller, report.caller, names);
        let evidence = weigh(failure, report, oldest);
        Self {
            at: failure.occurred_at,
            id: one_line(&failure.id, SHOWN_NAME_MAX),
            event_id: shown(&failure.event_id),
            request_id: shown(&failure.request_id),
            origin: failure.origin,
            region: failure.region.clone(),
            operation: failure.operation,
            code: shown(&failure.code),
            inner_code: shown(&failure.inner_code),
            reason: shown(&failure.reason),
            status: failure.status,
            grant_type: symptoms.grant_type.map(|grant| one_line(grant, SHOWN_NAME_MAX)),
            no_answer: failure.no_answer,
            has_message: failure.message.is_some(),
            caller,
            row: ShownRow::of(decide(&symptoms), &report.advice),
            action: report.action,
            again: again(failure, &evidence),
            evidence: evidence.into(),
        }
    }

    /// What was found in the input.
    pub fn write_found(&self, sheet: &mut Sheet) {
        let known = |text: Option<&str>| text.unwrap_or("unknown").to_owned();
        sheet.fact("time", &utc(self.at));
        sheet.fact("caller", &self.caller.words());
        sheet.fact("region", &known(self.region.as_ref().map(|region| region.as_str())));
        sheet.fact("operation", &known(self.operation.map(|operation| operation.as_str())));
        let nothing = if self.no_answer { "none: no answer came" } else { "none" };
        sheet.fact("code", self.code.as_deref().unwrap_or(nothing));
        let status = self.status.map(|status| status.to_string());
        sheet.fact("status", &known(status.as_deref()));
        let further = [("inner code", &self.inner_code), ("reason", &self.reason), ("grant type", &self.grant_type)];
        for (label, text) in further {
            text.iter().for_each(|text| sheet.fact(label, text));
        }
        if self.has_message {
            sheet.fact("message", "there is one; not shown, because a message may hold anything");
        }
        sheet.fact("origin", origin(self.origin));
        sheet.fact("request id", &known(self.request_id.as_deref()));
        if self.request_id.as_deref() != Some(&self.id) {
            sheet.fact("known by", &self.id);
        }
    }

    /// What it is, and what is done about it.
    pub fn write_class(&self, sheet: &mut Sheet) {
        self.row.write(sheet);
        let yes = |is| if is { "yes" } else { "no" };
        sheet.fact("evidence", &format!("{}: {}", yes(self.evidence.counts), self.evidence.why));
        sheet.fact("retried", &format!("{}: {}", yes(self.again.possible), self.again.why));
    }
}

pub fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::CloudTrail => "cloudtrail",
        Origin::Logs => "logs",
        Origin::Call => "call",
    }
}

/// The reasons for and against counting a failure, in the order in which the pipeline asks.
#[derive(Clone, Debug, PartialEq)]
enum Weight {
    Duplicate,
    Archive,
    NoRegion,
    TooOld,
    Served,
    Normal,
    Counts { cause: Cause, caller: CallerHash, region: Region },
}

fn weigh(failure: &Failure, report: &FailureReport, oldest: Timestamp) -> Weight {
    if failure.replayed {
        return Weight::Archive;
    }
    let Some(region) = failure.region.clone() else { return Weight::NoRegion };
    if failure.occurred_at < oldest {
        return Weight::TooOld;
    }
    match (report.action, report.cause) {
        (Action::Duplicate, _) => Weight::Duplicate,
        (_, Cause::Expected) if failure.code.as_deref().is_some_and(is_pending) => Weight::Served,
        (_, Cause::Expected) => Weight::Normal,
        (_, cause) => Weight::Counts { cause, caller: report.caller, region },
    }
}

impl From<Weight> for Evidence {
    fn from(weight: Weight) -> Self {
        let counts = matches!(weight, Weight::Counts { .. } | Weight::Served);
        let why = match weight {
            Weight::Duplicate => "it stands in this event before".to_owned(),
            Weight::Archive => {
                "it comes out of an archive (replay-name), so it is classified and counted only".to_owned()
            }
            Weight::NoRegion => "its region does not exist".to_owned(),
            Weight::TooOld => "it is too much older than the newest of this event".to_owned(),
            Weight::Served => "as served and not as a failure: the service did its work for this caller".to_owned(),
            Weight::Normal => "normal traffic, neither for trouble nor against it".to_owned(),
            Weight::Counts { cause, caller, region } => format!("caller {caller} in {region} {}", says(cause)),
        };
        Self { counts, why }
    }
}

/// What a failure of that cause speaks for.
const fn says(cause: Cause) -> &'static str {
    match cause {
        Cause::Service | Cause::Unreachable => "counts as affected; enough distinct callers make an outage",
        Cause::Throttled => "counts as throttled, which is no sign of an outage",
        Cause::Admin => "counts as refused by your own key or policy",
        Cause::Request => "counts as refused, which also shows that the service answers",
        Cause::Expected | Cause::Unrecognised => "is kept and counted, for no diagnosis",
    }
}

fn again(failure: &Failure, weight: &Weight) -> Again {
    let no = |why: &str| Again { possible: false, why: why.to_owned() };
    match (classify(failure).retry, Call::of(failure)) {
        (Retry::Never, _) => no("a retry cannot help"),
        (_, Err(NotRepeatable::NoRequest)) => {
            no("the call's inputs were not handed over; only the `request` of a direct `call` does that")
        }
        (_, Err(why)) => no(&why.to_string()),
        (Retry::Transient | Retry::Throttled, Ok(_)) => match weight {
            Weight::Archive | Weight::NoRegion | Weight::TooOld => no("nothing is done about what is no evidence"),
            Weight::Duplicate | Weight::Served | Weight::Normal | Weight::Counts { .. } => Again {
                possible: true,
                why: "its inputs were handed over; once for each failure, and not during an outage".to_owned(),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use triage_model::caller::CallerHasher;
    use triage_model::observation::CallRequest;
    use triage_model::redact::Secret;
    use triage_model::region::KnownRegions;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn failure(code: &str) -> Failure {
        Failure {
            id: "r-1".into(),
            event_id: None,
            request_id: Some("r-1".into()),
            origin: Origin::Call,
            region: KnownRegions::default().find("us-east-1"),
            is_region_assumed: false,
            operation: Some(Operation::CreateToken),
            code: Some(code.into()),
            inner_code: None,
            status: None,
            message: None,
            reason: None,
            grant_type: None,
            no_answer: false,
            caller: Caller::Named("ana\nforged".into()),
            client_id: None,
            user_agent: None,
            address: None,
            occurred_at: at(0),
            request: None,
            account: None,
            program: None,
            replayed: false,
            answer_only: false,
        }
    }

    fn stage(failure: &Failure, action: Action) -> Stage {
        let hash = CallerHasher::new(&CallerHasher::FIXED_KEY).hash(&failure.caller);
        let report = FailureReport { action, ..FailureReport::new(failure, &classify(failure), hash) };
        Stage::of(failure, &report, at(-3600), CallerNames::Shown)
    }

    #[test]
    fn what_is_no_evidence_is_said_with_its_reason() {
        let internal = failure("InternalServerException");
        for (failure, action, counts, why) in [
            (internal.clone(), Action::Recorded, true, "distinct callers make an outage"),
            (internal.clone(), Action::Duplicate, false, "stands in this event before"),
            (Failure { replayed: true, ..internal.clone() }, Action::Ignored, false, "archive"),
            (Failure { region: None, ..internal.clone() }, Action::Ignored, false, "region does not exist"),
            (Failure { occurred_at: at(-7200), ..internal }, Action::Ignored, false, "older"),
            (failure("AuthorizationPendingException"), Action::Ignored, true, "did its work"),
            (failure("InvalidGrantException"), Action::Advised, true, "the service answers"),
        ] {
            let evidence = stage(&failure, action).evidence;
            assert!(evidence.counts == counts && evidence.why.contains(why), "{evidence:?}");
        }
    }

    #[test]
    fn a_call_is_made_again_only_with_its_inputs_and_where_that_helps() {
        let request = CallRequest {
            client_id: Some("c".into()),
            client_secret: Some(Secret::new("planted")),
            grant_type: Some("refresh_token".into()),
            refresh_token: Some(Secret::new("planted")),
            ..CallRequest::default()
        };
        let handed = Failure { request: Some(Box::new(request)), ..failure("InternalServerException") };
        let signed = Failure { operation: Some(Operation::CreateTokenWithIam), ..handed.clone() };
        let lacking = Failure { request: Some(Box::default()), ..handed.clone() };
        for (failure, possible, why) in [
            (failure("InternalServerException"), false, "were not handed over"),
            (failure("InvalidGrantException"), false, "cannot help"),
            (signed, false, "signed as this function"),
            (lacking, false, "lacks clientId, clientSecret, grantType"),
            (Failure { replayed: true, ..handed.clone() }, false, "no evidence"),
            (handed, true, "handed over"),
        ] {
            let stage = stage(&failure, Action::Recorded);
            assert!(stage.again.possible == possible && stage.again.why.contains(why), "{:?}", stage.again);
            assert!(!serde_json::to_string(&stage).unwrap().contains("planted"));
        }
    }

    #[test]
    fn names_of_others_stay_on_one_line_and_can_be_left_out() {
        let failure = failure("InternalServerException");
        assert_eq!(stage(&failure, Action::Recorded).caller.name.as_deref(), Some("ana forged"));
        let hash = CallerHash::from_bits(7);
        assert_eq!(ShownCaller::new(&failure.caller, hash, CallerNames::Hashed).words(), hash.to_string());
    }
}
