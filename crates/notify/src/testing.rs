//! Verdicts, incidents, recoveries and notices by hand, for tests of what is made of them.

use triage_decide::concern::Concern;
use triage_decide::ledger::Alarm;
use triage_decide::probe::RungState;
use triage_decide::testing::verdicts::{ADVISED, TOLD, advised, at, given_up, incident, proved, region, verdict};
use triage_decide::verdict::{Diagnosis, Recovery, Verdict};

use crate::notice::{Notice, NoticeKind};
use crate::place::Place;

pub fn opened(verdict: &Verdict) -> Notice {
    Notice::of_incident(NoticeKind::Opened, &incident(verdict), verdict, &[], at(60))
}

/// As it would be after the first notice.
pub fn later(kind: NoticeKind, diagnosis: Diagnosis, verdict: &Verdict, changes: &[&str], second: i64) -> Notice {
    let mut incident = incident(&self::verdict(diagnosis));
    incident.sequence = 2;
    incident.alarm_change = None;
    if kind == NoticeKind::Reopened {
        incident.reopened = 1;
        incident.reopened_at = Some(at(second));
        incident.alarm_change = Some(Alarm::Alarm);
    }
    let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
    Notice::of_incident(kind, &incident, verdict, &changes, at(second))
}

pub fn resolved(diagnosis: Diagnosis, recovery: &Recovery, verdict: &Verdict) -> Notice {
    let mut incident = incident(&self::verdict(diagnosis));
    incident.sequence = 2;
    incident.resolved_at = recovery.over_at;
    incident.alarm_change = incident.is_paged.then_some(Alarm::Ok);
    Notice::of_recovery(&incident, verdict, recovery, at(2600))
}

pub fn place() -> Place {
    Place {
        account: Some("111122223333".to_owned()),
        region: "eu-central-1".to_owned(),
        log_group: Some("oidc-triage-LogGroup".to_owned()),
    }
}

/// With reasons as the decision gives them.
fn lifelike(verdict: Verdict) -> Verdict {
    if !verdict.diagnosis.is_incident() {
        return verdict;
    }
    let facts = |facts: &[&str]| facts.iter().map(|&fact| fact.to_owned()).collect();
    let reason = match verdict.concern {
        Concern::Service => "3 callers failed within 2 s, and 1 call was answered: by chance once in 40000 years",
        Concern::Admin { .. } => "3 callers were refused with KMS_DisabledException within 5 minutes, and 1 was served",
        Concern::Request { .. } => {
            "3 callers were refused with InvalidRequestException of CreateToken, and 1 was served"
        }
    };
    let mut verdict = Verdict {
        reasons: facts(&[reason, "of 4 active callers 1 was served within 5 minutes", "no probe has answered lately"]),
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

/// One notice of each kind and diagnosis, by the name of its snapshot.
pub fn samples() -> Vec<(String, Notice)> {
    let verdict = |diagnosis| lifelike(verdict(diagnosis));
    let confirmed = || Verdict { probe: Some(RungState::Down), health: true, ..verdict(Diagnosis::Outage) };
    let mut samples: Vec<(String, Notice)> = TOLD
        .into_iter()
        .map(|diagnosis| (format!("opened_{}", diagnosis.as_str()), opened(&verdict(diagnosis))))
        .collect();
    let changes = ["12 callers are hit, and were 3 when last told", "AWS Health confirms it"];
    let changed = later(NoticeKind::Changed, Diagnosis::Outage, &confirmed().hitting(12), &changes, 700);
    let reminder = later(NoticeKind::Reminder, Diagnosis::Outage, &confirmed(), &[], 4300);
    let back = ["it is back; it had been over since 08:20 UTC"];
    let reopened = later(NoticeKind::Reopened, Diagnosis::Outage, &verdict(Diagnosis::Outage), &back, 1800);
    let over = resolved(Diagnosis::Outage, &proved(2520), &verdict(Diagnosis::Quiet));
    let silent = Verdict { served: 0, ..verdict(Diagnosis::Outage) };
    let began_and_over = over.clone().after(&[opened(&verdict(Diagnosis::Outage))]);
    let merged = reminder.clone().after(std::slice::from_ref(&changed));
    samples.extend(
        [
            ("changed", changed),
            ("reminder", reminder),
            ("reopened", reopened),
            ("resolved", over),
            ("resolved_unproved", resolved(Diagnosis::Outage, &given_up(1802), &silent)),
            ("began_and_resolved", began_and_over),
            ("merged", merged),
        ]
        .map(|(name, notice)| (name.to_owned(), notice)),
    );
    samples.extend(ADVISED.into_iter().map(|diagnosis| {
        (format!("advice_{}", diagnosis.as_str()), Notice::of_advice(&region(), &advised(diagnosis), at(60)))
    }));
    samples
}

impl Notice {
    /// As a mail says it, without links to anybody's console.
    pub fn mail(&self) -> String {
        super::mail::render(self, &Place::default())
    }
}
