//! One event, walked through every stage.
//!
//! In: the text of an event, and the setting that it is evaluated in. Out: a [`Walk`]: what it was taken for, what it tells,
//! what each failure is, and what follows from this event alone. The stages are the function's own, with an empty memory,
//! the event's time as the clock, and no network.

mod shown;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use shown::{ShownNotice, ShownVerdict};
use triage_decode;
use triage_decode::batch::{Batch, InputKind, Setting};
use triage_engine::answer::FailureReport;
use triage_engine::handled::Invocation;
use triage_engine::pipeline::Pipeline;
use triage_engine::settings::{CallerNames, Settings};
use triage_engine::unnamed::{unname, unnamed};
use triage_model::caller::CallerHasher;
use triage_model::classify::Cause;
use triage_model::observation::{Failure, Observation, Operation, Origin};
use triage_model::problem::{ProblemName, Problems};
use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_model::region::Region;
use triage_model::time::before;
use triage_notify::words::{counted, utc};

use crate::explain::stage::{ShownCaller, Stage, origin};
use crate::explain::text::Sheet;

/// Failures shown in full, and as many of everything else; the rest is counted. More is what `replay` is for.
const LISTED_MAX: usize = 20;

/// Nothing is asked, so nothing waits and no deadline is near.
const TIME_LEFT: Duration = Duration::from_secs(60);

/// What each stage made of an event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Walk {
    #[serde(rename = "type")]
    what: &'static str,
    pub kind: InputKind,
    /// The kind in words.
    pub taken_for: &'static str,
    /// It carries secrets, used or refused. None of them is shown.
    pub carries_secrets: bool,
    pub found: ObservationCounts,
    pub problems: Problems,
    /// The clock: the time of the newest observation.
    pub judged_at: Timestamp,
    pub failures: Vec<Stage>,
    pub failures_omitted: usize,
    /// What is no failure.
    pub others: Vec<Other>,
    pub others_omitted: usize,
    /// Of each region that is evaluated.
    pub verdicts: Vec<ShownVerdict>,
    /// The notices that people would get.
    pub notices: Vec<ShownNotice>,
}

/// How many observations of each sort there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservationCounts {
    pub failures: usize,
    pub successes: usize,
    pub health_issues: usize,
    pub ticks: usize,
    /// Records of our own probe, which are left out.
    pub own: u64,
}

/// An observation that is no failure.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Other {
    Success {
        at: Timestamp,
        id: String,
        region: Option<Region>,
        operation: Operation,
        origin: Origin,
        caller: ShownCaller,
        from_archive: bool,
    },
    HealthIssue {
        at: Timestamp,
        region: Option<Region>,
        service: String,
        event_type_code: String,
        started_at: Option<Timestamp>,
        ended_at: Option<Timestamp>,
        concerns_sign_in: bool,
    },
    Tick {
        at: Timestamp,
    },
}

/// Walks one event through the stages. `now` stands in where it tells no time.
pub fn walk(text: &str, config: Settings, now: Timestamp) -> Walk {
    let pipeline = Pipeline::offline(config);
    // No record is too old to be read here: the clock is the event's.
    let setting = Setting { horizon: Timestamp::MIN, ..pipeline.setting(now, "") };
    let batch = triage_decode::decode(text, &setting);
    let clock = batch.observations.iter().map(Observation::occurred_at).max().unwrap_or(now);
    let oldest = before(clock, pipeline.settings.policy.evidence);
    let names = pipeline.settings.caller_names;
    let hasher = CallerHasher::new(&CallerHasher::FIXED_KEY);

    let found = ObservationCounts::of(&batch);
    let mut failures: Vec<Failure> = failures(&batch).take(LISTED_MAX).cloned().collect();
    if pipeline.settings.hides_names() {
        failures.iter_mut().for_each(|failure| unname(failure.texts(), &hasher));
    }
    let others: Vec<Other> =
        batch.observations.iter().filter_map(|seen| Other::of(seen, &hasher, names)).take(LISTED_MAX).collect();
    let (kind, carries_secrets) = (batch.kind, batch.carries_secrets);

    let invocation = Invocation {
        id: "explain".to_owned(),
        invoked_arn: String::new(),
        now: clock,
        deadline: Instant::now() + TIME_LEFT,
    };
    let handled = pipeline.evaluate_at_once(batch, &invocation);
    let stage = |(failure, report): (&Failure, &FailureReport)| Stage::of(failure, report, oldest, names);
    Walk {
        what: "event",
        kind,
        taken_for: in_words(kind),
        carries_secrets,
        problems: handled.answer.problems,
        judged_at: clock,
        failures: failures.iter().zip(&handled.answer.failures).map(stage).collect(),
        failures_omitted: found.failures - failures.len(),
        others_omitted: found.others() - others.len(),
        others,
        found,
        verdicts: handled
            .evaluations
            .iter()
            .flat_map(|(region, evaluation)| {
                evaluation.verdicts().map(move |verdict| ShownVerdict::of(region, verdict))
            })
            .collect(),
        notices: handled.notices.iter().map(ShownNotice::of).collect(),
    }
}

fn failures(batch: &Batch) -> impl Iterator<Item = &Failure> {
    batch.observations.iter().filter_map(|observation| match observation {
        Observation::Failure(failure) => Some(failure.as_ref()),
        Observation::Success(_) | Observation::HealthIssue(_) | Observation::Tick(_) => None,
    })
}

impl ObservationCounts {
    fn of(batch: &Batch) -> Self {
        let mut found = Self { own: batch.own, ..Self::default() };
        for observation in &batch.observations {
            *match observation {
                Observation::Failure(_) => &mut found.failures,
                Observation::Success(_) => &mut found.successes,
                Observation::HealthIssue(_) => &mut found.health_issues,
                Observation::Tick(_) => &mut found.ticks,
            } += 1;
        }
        found
    }

    fn others(self) -> usize {
        self.successes + self.health_issues + self.ticks
    }

    /// `2 failures, 1 success`.
    fn words(self) -> String {
        let success =
            if self.successes == 1 { "1 success".to_owned() } else { format!("{} successes", self.successes) };
        let parts = [
            (self.failures, counted(self.failures, "failure")),
            (self.successes, success),
            (self.health_issues, counted(self.health_issues, "state") + " of an issue of AWS Health"),
            (self.ticks, counted(self.ticks, "tick") + " of the clock"),
            (self.own as usize, counted(self.own as usize, "record") + " of our own probe, left out"),
        ];
        let told: Vec<String> = parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, words)| words).collect();
        if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }
    }
}

impl Other {
    /// None for a failure.
    fn of(observation: &Observation, hasher: &CallerHasher, names: CallerNames) -> Option<Self> {
        let shown = |text: &str| match names {
            CallerNames::Shown => one_line(text, SHOWN_NAME_MAX),
            CallerNames::Hashed => one_line(&unnamed(text), SHOWN_NAME_MAX),
        };
        match observation {
            Observation::Failure(_) => None,
            Observation::Success(success) => Some(Self::Success {
                at: success.occurred_at,
                id: shown(&success.id),
                region: success.region.clone(),
                operation: success.operation,
                origin: success.origin,
                caller: ShownCaller::new(&success.caller, hasher.hash(&success.caller), names),
                from_archive: success.replayed,
            }),
            Observation::HealthIssue(issue) => Some(Self::HealthIssue {
                at: issue.occurred_at,
                region: issue.region.clone(),
                service: shown(&issue.service),
                event_type_code: shown(&issue.event_type_code),
                started_at: issue.started_at,
                ended_at: issue.ended_at,
                concerns_sign_in: issue.concerns_sign_in(),
            }),
            Observation::Tick(tick) => Some(Self::Tick { at: tick.occurred_at }),
        }
    }

    fn words(&self) -> String {
        let place = |region: &Option<Region>| region.as_ref().map_or("unknown region", |it| it.as_str()).to_owned();
        match self {
            Self::Success { at, id, region, operation, origin: from, caller, from_archive } => {
                let archive = if *from_archive { ", out of an archive and so no evidence" } else { "" };
                let (at, region, caller, from) = (utc(*at), place(region), caller.words(), origin(*from));
                format!("success: {operation} in {region} at {at} by {caller}, from {from}, id {id}{archive}")
            }
            Self::HealthIssue { at, region, service, event_type_code, started_at, ended_at, concerns_sign_in } => {
                let time = |at: &Option<Timestamp>| at.map_or_else(|| "unknown".to_owned(), utc);
                let end = ended_at.map_or_else(|| "open".to_owned(), |end| format!("over since {}", utc(end)));
                let about = if *concerns_sign_in { "about signing in" } else { "not about signing in" };
                let (at, region, start) = (utc(*at), place(region), time(started_at));
                format!("AWS Health, {at}: {event_type_code} of {service} in {region}, {about}, began {start}, {end}")
            }
            Self::Tick { at } => format!("tick of {}", utc(*at)),
        }
    }
}

/// What a payload was found to be, in words.
const fn in_words(kind: InputKind) -> &'static str {
    match kind {
        InputKind::CloudTrail => "a CloudTrail record of a call of SSO OIDC",
        InputKind::CloudTrailFile => "a file of CloudTrail records, as a trail writes it",
        InputKind::LookupEvents => "what `aws cloudtrail lookup-events` prints",
        InputKind::Health => "an issue of AWS Health",
        InputKind::Schedule => "a tick of the schedule",
        InputKind::CallEnvelope => "a `call` on the event bus: a failed call that its own program reports",
        InputKind::CallDirect => "a `call` of a direct invocation: a failed call that its own program reports",
        InputKind::OperatorRequest => "a request about the function itself, as an operator makes it",
        InputKind::Logs => "lines of a log group, from a CloudWatch Logs subscription",
        InputKind::LogsControl => "a control message of CloudWatch Logs, without a log event",
        InputKind::Sqs => "a batch of SQS messages",
        InputKind::Kinesis => "a batch of records of a Kinesis stream",
        InputKind::Sns => "an SNS notification",
        InputKind::List => "a list of events",
        InputKind::Foreign => "an event of something else, which is left alone",
        InputKind::Unknown => "nothing that this program knows",
    }
}

impl Walk {
    /// Whether the event is of a kind that the program knows.
    pub fn is_understood(&self) -> bool {
        self.kind != InputKind::Unknown
    }

    /// Whether some of it could not be read. What is not trusted was read.
    pub fn is_incomplete(&self) -> bool {
        let mut names = self.problems.iter().map(|(name, ..)| name);
        names.any(|name| name.leaves_input_out() && name != ProblemName::SourceNotBelieved)
    }

    /// The code of a failure that the table does not know.
    pub fn unknown_code(&self) -> Option<&str> {
        let mut unknown = self.failures.iter().filter(|failure| failure.row.cause == Cause::Unrecognised);
        unknown.find_map(|failure| failure.code.as_deref())
    }

    pub fn text(&self) -> String {
        let mut sheet = Sheet::default();
        self.write_taken_for(&mut sheet);
        self.write_found(&mut sheet);
        self.write_classes(&mut sheet);
        self.write_verdicts(&mut sheet);
        self.write_notices(&mut sheet);
        sheet.into_text()
    }

    fn write_taken_for(&self, sheet: &mut Sheet) {
        sheet.heading("1. What it is");
        sheet.under(self.taken_for);
        if self.carries_secrets {
            sheet.under("It carries secrets. None of them is shown.");
        }
    }

    fn write_found(&self, sheet: &mut Sheet) {
        sheet.heading("2. What is in it");
        sheet.under(&self.found.words());
        for (number, failure) in (1..).zip(&self.failures) {
            sheet.under(&format!("failure {number}"));
            failure.write_found(sheet);
        }
        omitted(sheet, self.failures_omitted, "failure");
        self.others.iter().for_each(|other| sheet.under(&other.words()));
        omitted(sheet, self.others_omitted, "observation");
        for (name, count, detail) in self.problems.iter() {
            let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
            sheet.under(&format!("problem {name}{times}: {detail}"));
        }
    }

    fn write_classes(&self, sheet: &mut Sheet) {
        sheet.heading("3. What each failure is");
        if self.failures.is_empty() {
            sheet.under("there is none");
        }
        for (number, failure) in (1..).zip(&self.failures) {
            let code = failure.code.as_deref().unwrap_or("no code");
            sheet.under(&format!("failure {number}, {code}"));
            failure.write_class(sheet);
        }
        omitted(sheet, self.failures_omitted, "failure");
    }

    fn write_verdicts(&self, sheet: &mut Sheet) {
        sheet.heading("4. The verdict that this event alone gives");
        if self.verdicts.is_empty() {
            sheet
                .under("none: no failed call in it is evidence of a failure (a served call is evidence that it works)");
        }
        for verdict in &self.verdicts {
            verdict.write(sheet, self.judged_at);
        }
    }

    fn write_notices(&self, sheet: &mut Sheet) {
        sheet.heading("5. The notices that people would get");
        if self.notices.is_empty() {
            sheet.under("nothing");
        }
        self.notices.iter().for_each(|notice| notice.write(sheet));
    }
}

fn omitted(sheet: &mut Sheet, count: usize, noun: &str) {
    if count > 0 {
        sheet.under(&format!("and {} more (`oidc-triage replay` lists all)", counted(count, noun)));
    }
}

#[cfg(test)]
mod tests;
