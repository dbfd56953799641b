//! Verdicts, incidents, recoveries and notices by hand, for tests of what is made of them.

use triage_decide::concern::Concern;
use triage_decide::incident::{Recoveries, turn};
use triage_decide::ledger::{Alarm, Ledger};
use triage_decide::policy::Policy;
use triage_decide::probe::StepState;
use triage_decide::scope::Scope;
use triage_decide::testing::verdicts::{ADVISED, NOTIFIED, advised, at, given_up, incident, proved, region, verdict};
use triage_decide::verdict::{Diagnosis, Evaluation, FailedRequest, FailingPart, PartRecovery, Recovery, Verdict};
use triage_model::observation::Operation;

use crate::compose;
use crate::notice::{Notice, NoticeKind};
use crate::place::{Company, Place};
use crate::words::Clock;

/// That second, in UTC.
pub fn clock(second: i64) -> Clock<'static> {
    Clock { now: at(second), zone: None }
}

pub fn opened(verdict: &Verdict) -> Notice {
    Notice::of_incident(NoticeKind::Opened, &incident(verdict), verdict, &[], clock(60))
}

/// As it would be after the first notice.
pub fn later(kind: NoticeKind, diagnosis: Diagnosis, verdict: &Verdict, changes: &[&str], second: i64) -> Notice {
    let mut incident = incident(&self::verdict(diagnosis).hitting(verdict.callers.max(3)));
    incident.sequence = 2;
    incident.alarm_change = None;
    if kind == NoticeKind::Reopened {
        incident.reopened = 1;
        incident.reopened_at = Some(at(second));
        incident.alarm_change = Some(Alarm::Alarm);
    }
    let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
    Notice::of_incident(kind, &incident, verdict, &changes, clock(second))
}

/// Of an incident whose latest failure was 25 minutes after its first one.
pub fn resolved(diagnosis: Diagnosis, recovery: &Recovery) -> Notice {
    let mut incident = incident(&verdict(diagnosis).seen(0, 1500));
    incident.sequence = 2;
    incident.resolved_at = recovery.over_at;
    incident.alarm_change = incident.is_paged.then_some(Alarm::Ok);
    Notice::of_recovery(&incident, recovery, clock(1810))
}

/// A region's incidents as they go, and their notices.
#[derive(Default)]
pub struct Life {
    ledger: Ledger,
}

impl Life {
    /// The notices of an evaluation, with how the incidents stand.
    pub fn notices(&mut self, evaluation: &Evaluation, recoveries: &Recoveries, second: i64) -> Vec<Notice> {
        let policy = Policy::default();
        let Some(turn) = turn(&region(), &self.ledger, evaluation, recoveries, &policy, at(second)) else {
            return Vec::new();
        };
        let notices = compose::notices(&region(), &turn, evaluation, recoveries, None, None, at(second));
        self.ledger = turn.ledger;
        notices
    }

    /// The last notice of a verdict.
    pub fn goes_on(&mut self, verdict: Verdict, recovery: Recovery, second: i64) -> Notice {
        let recoveries = Recoveries::from([(verdict.apart, recovery)]);
        self.notices(&verdict.into(), &recoveries, second).pop().unwrap()
    }
}

pub fn place() -> Place {
    Place {
        account: Some("111122223333".to_owned()),
        region: "eu-central-1".to_owned(),
        log_group: Some("oidc-triage-LogGroup".to_owned()),
        function: Some("oidc-triage-Triage:direct".to_owned()),
        company: Company::default(),
    }
}

/// With reasons as the decision gives them.
fn lifelike(verdict: Verdict) -> Verdict {
    if !verdict.diagnosis.is_incident() {
        return verdict;
    }
    let facts = |facts: &[&str]| facts.iter().map(|&fact| fact.to_owned()).collect();
    let reason = match verdict.concern {
        Concern::Service => "3 of 4 callers failed in 2 s; by chance alone once in 300 years",
        Concern::Admin { .. } => "3 callers were refused with KMS_DisabledException within 5 minutes, and 1 was served",
        Concern::Request { .. } => {
            "3 callers were refused with InvalidRequestException of CreateToken, and 1 was served"
        }
    };
    let mut verdict = Verdict {
        opening: Some(reason.to_owned()),
        reasons: facts(&[reason, "of 4 active callers 1 was served within 5 minutes", "the service was not probed"]),
        ..verdict
    };
    let [service, throttling, input] = &mut verdict.weighed;
    service.speaks_for = facts(&["3 of 4 active callers failed with it, none has been served since"]);
    service.speaks_against = facts(&["no probe confirms it"]);
    throttling.speaks_for = Vec::new();
    throttling.speaks_against = facts(&["no call was refused as throttled", "no tool is near a quota"]);
    input.speaks_for = Vec::new();
    input.speaks_against = facts(&["3 callers with 2 tools made the same mistake at once: unlikely"]);
    verdict
}

/// The same trouble at other operations than CreateToken, which alone fail.
pub fn only(verdict: Verdict, operations: &[Operation]) -> Verdict {
    let part = |operation: &Operation| FailingPart {
        operation: Some(*operation),
        grant: None,
        since: verdict.since.unwrap(),
        latest: verdict.latest.unwrap(),
        is_enough: true,
    };
    Verdict {
        scope: Scope { operations: Some(operations.iter().copied().collect()), ..verdict.scope.clone() },
        parts: operations.iter().map(part).collect(),
        operations: operations.iter().map(|operation| (*operation, 3)).collect(),
        requests: verdict
            .requests
            .iter()
            .map(|request| FailedRequest { operation: operations.first().copied(), ..request.clone() })
            .collect(),
        ..verdict
    }
}

/// What is said of one tool, network or application, while others are served.
fn apart(diagnosis: Diagnosis, what: &str, others: &str) -> Verdict {
    let contrast =
        format!("12 of 12 hit callers {what}; 31 callers {others} were served on CreateToken since 08:00:00 UTC");
    Verdict { opening: Some(contrast.clone()), reasons: vec![contrast], ..verdict(diagnosis).hitting(12) }
}

fn one_tool() -> Verdict {
    let verdict = apart(Diagnosis::OneTool, "use acme-login 3.0", "with other tools");
    Verdict { tools: vec![("acme-login/3.0".to_owned(), 3)], ..verdict }
}

fn known(diagnosis: Diagnosis) -> Verdict {
    match diagnosis {
        Diagnosis::OneTool => one_tool(),
        Diagnosis::OneNetwork => apart(diagnosis, "come from 192.0.2.7", "elsewhere"),
        Diagnosis::OneAccount => apart(diagnosis, "are of account 444455556666", "of other accounts"),
        Diagnosis::OneApplication => {
            apart(diagnosis, "sign in to arn:aws:sso::111122223333:application/ssoins-1/apl-1", "of other applications")
        }
        _ => lifelike(verdict(diagnosis)),
    }
}

/// One notice of each kind and diagnosis, and of each change, by the name of its snapshot.
pub fn samples() -> Vec<(String, Notice)> {
    let opened = NOTIFIED.map(|diagnosis| (format!("opened_{}", diagnosis.as_str()), opened(&known(diagnosis))));
    let advised = ADVISED.map(|diagnosis| {
        (format!("advice_{}", diagnosis.as_str()), Notice::of_advice(&region(), &advised(diagnosis), clock(60)))
    });
    let others = one_operation().into_iter().chain(of_the_region()).chain(taken_for_another());
    let others = others.map(|(name, notice)| (name.to_owned(), notice));
    opened.into_iter().chain(others).chain(advised).collect()
}

/// StartDeviceAuthorization fails, then RegisterClient too: a warning first, and as a page when it lasts.
fn one_operation() -> Vec<(&'static str, Notice)> {
    let device = Operation::StartDeviceAuthorization;
    let of = |operations: &[Operation], latest: i64| {
        only(lifelike(verdict(Diagnosis::Outage)).hitting(4).seen(0, latest), operations)
    };
    let ongoing = Recovery::default;
    let mut life = Life::default();
    let opened = life.goes_on(of(&[device], 20), ongoing(), 20);
    let lasts = life.goes_on(of(&[device], 40), ongoing(), 60);
    let worse = life.goes_on(of(&[Operation::RegisterClient, device], 1200).hitting(9), ongoing(), 1200);
    let part = |second: Option<i64>| PartRecovery { proved_at: second.map(at), so_far: None };
    // In the order in which they came to fail.
    let one_works = Recovery { parts: vec![part(None), part(Some(2400))], ..ongoing() };
    let works = life.goes_on(of(&[device], 2400).hitting(12), one_works, 2400);
    let recovering = Recovery { recovering_since: Some(at(2700)), ..ongoing() };
    let recovers = life.goes_on(of(&[device], 2700).hitting(12), recovering, 6000);
    vec![
        ("opened_one_operation", opened),
        ("changed_lasts", lasts),
        ("changed_another_operation", worse),
        ("changed_one_works_again", works),
        ("reminder_recovering", recovers),
    ]
}

/// Everything fails.
fn of_the_region() -> Vec<(&'static str, Notice)> {
    let verdict = |diagnosis| lifelike(verdict(diagnosis));
    let confirmed = || Verdict { probe: Some(StepState::Down), health: true, ..verdict(Diagnosis::Outage) };
    let changes = ["12 callers are hit, and were 3 when last told", "AWS Health confirms it"];
    let changed = later(NoticeKind::Changed, Diagnosis::Outage, &confirmed().hitting(12), &changes, 700);
    let reminder = later(NoticeKind::Reminder, Diagnosis::Outage, &confirmed().hitting(12), &[], 4300);
    let back = ["it is back; it had been over since 08:20 UTC"];
    let reopened = later(NoticeKind::Reopened, Diagnosis::Outage, &verdict(Diagnosis::Outage), &back, 1800);
    let over = resolved(Diagnosis::Outage, &proved(1800));
    let began_and_over = over.clone().after(&[opened(&verdict(Diagnosis::Outage))]);
    let merged = reminder.clone().after(std::slice::from_ref(&changed));
    let mut life = Life::default();
    life.goes_on(verdict(Diagnosis::Outage), Recovery::default(), 60);
    let silent = Recovery { silent_since: Some(at(300)), ..Recovery::default() };
    let reasons = vec!["no service failure within 60 minutes".to_owned()];
    let nobody = Verdict { active: 0, served: 0, reasons, ..verdict(Diagnosis::Quiet) };
    let nobody_calls = life.goes_on(nobody, silent, 2100);
    vec![
        ("changed", changed),
        ("changed_nobody_calls", nobody_calls),
        ("reminder", reminder),
        ("reopened", reopened),
        ("resolved", over),
        ("resolved_unproved", resolved(Diagnosis::Outage, &given_up(44_700))),
        ("resolved_one_tool", resolved(Diagnosis::OneTool, &proved(1800))),
        ("began_and_resolved", began_and_over),
        ("merged", merged),
    ]
}

/// An outage that turns out to be of one tool, and then not of it alone.
fn taken_for_another() -> Vec<(&'static str, Notice)> {
    let mut life = Life::default();
    life.goes_on(lifelike(verdict(Diagnosis::Degraded)).hitting(6), Recovery::default(), 60);
    let attributed = life.goes_on(Verdict { explains_open: true, ..one_tool() }, Recovery::default(), 300);
    let evaluation = Evaluation {
        region: lifelike(verdict(Diagnosis::Outage)).hitting(30),
        apart: vec![Verdict { is_refuted: true, ..one_tool() }],
    };
    let refuted = life.notices(&evaluation, &Recoveries::new(), 900).pop().unwrap();
    vec![("changed_to_one_tool", attributed), ("changed_back_to_the_service", refuted)]
}

impl Notice {
    /// As a mail says it, without links to anybody's console.
    pub fn mail(&self) -> String {
        super::mail::render(self, &Place::default())
    }
}
