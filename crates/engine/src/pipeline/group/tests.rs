//! Histories of two regions of one Identity Center, minute by minute.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use triage_decide::ledger::Alarm;
use triage_decide::replica::Standing;
use triage_decode::decode;
use triage_notify::notice::{Notice, NoticeKind};
use triage_notify::place::Company;

use super::*;
use crate::handled::{Handled, Invocation};
use crate::memory::MemoryStore;
use crate::service::Nobody;
use crate::settings::{REPLICAS_VARIABLE, Settings};

const EU: &str = "eu-central-1";
const US: &str = "us-east-1";
const EU_PORTAL: &str = "https://d-1.awsapps.com/start";
const US_PORTAL: &str = "https://d-1.us-east-1.portal.amazonaws.com";
const MINUTE: i64 = 60;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn settings(replicas: bool) -> Settings {
    let both = format!("{EU}={EU_PORTAL},{US}={US_PORTAL}");
    let variables = [
        (REPLICAS_VARIABLE, if replicas { both } else { String::new() }),
        ("OIDC_TRIAGE_REGIONS", format!("{EU},{US}")),
    ];
    Settings::read(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())).unwrap()
}

/// Two regions, and what people read of them.
struct History {
    pipeline: Pipeline<MemoryStore, Nobody, Nobody>,
    notices: Vec<Notice>,
    last: Option<Handled>,
}

impl History {
    fn new(replicas: bool) -> Self {
        Self { pipeline: Pipeline::offline(settings(replicas)), notices: Vec::new(), last: None }
    }

    /// The same table, with other settings.
    fn deployed(self, replicas: bool) -> Self {
        let pipeline = Pipeline::new(settings(replicas), self.pipeline.store.clone(), None, None, None);
        Self { pipeline, ..self }
    }

    fn handle(&mut self, payload: &str, second: i64) {
        let deadline = Instant::now() + Duration::from_secs(28);
        let invocation =
            Invocation { id: format!("i-{second}"), invoked_arn: String::new(), now: at(second), deadline };
        let batch = decode(payload, &self.pipeline.setting(at(second), ""));
        let handled = self.pipeline.evaluate_at_once(batch, &invocation);
        // An advice notice belongs to no incident.
        self.notices.extend(handled.notices.iter().filter(|notice| notice.incident.is_some()).cloned());
        self.last = Some(handled);
    }

    /// Twelve people sign in in each region twice a minute; `fails` says where and when that fails.
    fn lives(&mut self, from: i64, to: i64, fails: impl Fn(&str, i64) -> bool) {
        for second in (from..to).step_by(5) {
            let person = second / 5 % 12;
            let calls = [EU, US].map(|region| call(region, person, second, fails(region, second)));
            self.handle(&format!("[{}]", calls.join(",")), second);
            if second % MINUTE == 0 {
                self.handle(&tick(second), second);
            }
        }
    }

    fn kinds(&self) -> Vec<NoticeKind> {
        self.notices.iter().map(|notice| notice.kind).filter(|kind| *kind != NoticeKind::Reminder).collect()
    }

    fn incidents(&self) -> BTreeSet<&str> {
        self.notices.iter().filter_map(|notice| notice.incident.as_deref()).collect()
    }

    fn alarms(&self) -> Vec<Alarm> {
        self.notices.iter().filter_map(|notice| notice.alarm).collect()
    }

    /// Whose portal each notice sends people to.
    fn linked(&self) -> Vec<Option<&str>> {
        self.notices.iter().map(|notice| notice.portal().map(|one| one.region.as_str())).collect()
    }

    fn page(&self, second: i64) -> String {
        let deadline = Instant::now() + Duration::from_secs(28);
        let invocation = Invocation { id: "i".into(), invoked_arn: String::new(), now: at(second), deadline };
        let (handled, company) = (self.last.as_ref().unwrap(), Company::default());
        let due = self.pipeline.status_due(handled, &company, "bucket/", &invocation);
        let due = futures_util::FutureExt::now_or_never(due).unwrap();
        due.files.into_iter().find(|file| file.name == "index.html").unwrap().body
    }
}

fn call(region: &str, person: i64, second: i64, fails: bool) -> String {
    let error = if fails { r#""errorCode":"InternalServerException","# } else { "" };
    format!(
        r#"{{"eventSource":"sso.amazonaws.com","eventName":"CreateToken","awsRegion":"{region}",{error}
           "eventTime":"{}","eventID":"v-{region}-{second}","requestID":"r-{region}-{second}",
           "requestParameters":{{"grantType":"refresh_token"}},
           "userAgent":"aws-cli/2.31.0","userIdentity":{{"onBehalfOf":{{"userId":"person-{person}"}}}}}}"#,
        at(second)
    )
}

fn tick(second: i64) -> String {
    format!(
        r#"{{"detail-type":"Scheduled Event","source":"aws.events","id":"t-{second}","time":"{}","detail":{{}}}}"#,
        at(second)
    )
}

const HOUR: i64 = 60 * MINUTE;

fn within(from: i64, to: i64, second: i64) -> bool {
    (from * MINUTE..to * MINUTE).contains(&second)
}

#[test]
fn while_one_region_fails_people_are_sent_to_the_other_one() {
    let mut history = History::new(true);
    history.lives(0, 2 * HOUR, |region, second| region == EU && within(30, 60, second));
    assert_eq!(history.incidents().len(), 1);
    assert_eq!((history.kinds()[0], *history.kinds().last().unwrap()), (NoticeKind::Opened, NoticeKind::Resolved));
    assert_eq!(history.alarms(), [Alarm::Alarm, Alarm::Ok]);
    let (last, open) = history.notices.split_last().unwrap();
    assert!(history.linked()[..open.len()].iter().all(|linked| *linked == Some(US)), "{:?}", history.linked());
    assert!(open.iter().all(|notice| notice.advice.now[0].contains(US_PORTAL)));
    assert!(last.headline[1].ends_with("not in us-east-1.") && last.portal().is_none(), "{:?}", last.headline);
    assert_eq!(last.impact.callers, 12);
}

#[test]
fn both_regions_fail_and_the_first_recovers_while_the_second_fails() {
    let mut history = History::new(true);
    history.lives(0, 3 * HOUR, |region, second| match region {
        EU => within(30, 60, second),
        _ => within(45, 100, second),
    });
    assert_eq!(history.incidents().len(), 1, "{:?}", history.incidents());
    assert_eq!(history.alarms(), [Alarm::Alarm, Alarm::Ok]);
    let kinds = history.kinds();
    let count = |kind| kinds.iter().filter(|one| **one == kind).count();
    assert_eq!((count(NoticeKind::Opened), count(NoticeKind::Reopened), count(NoticeKind::Resolved)), (1, 0, 1));
    // There, nowhere, and the other way round.
    let mut linked = history.linked();
    linked.dedup();
    assert_eq!(linked, [Some(US), None, Some(EU), None]);
    let nowhere = history.notices.iter().find(|notice| notice.fails_everywhere()).unwrap();
    assert!(nowhere.headline[1].contains("it works in no region"));
    let all = serde_json::to_string(&nowhere.advice).unwrap();
    assert!(!all.contains(EU_PORTAL) && !all.contains(US_PORTAL), "{all}");
    assert!(history.notices.iter().all(|notice| notice.impact.callers <= 12), "whoever fails in both is one");
    let last = history.notices.last().unwrap();
    assert!(last.replicas.iter().all(|one| one.failed_from.is_some() && one.state == Standing::Works));
    let sequences: Vec<u32> = history.notices.iter().map(|notice| notice.sequence).collect();
    assert!(sequences.is_sorted_by(|one, next| one < next), "{sequences:?}");
}

#[test]
fn what_flaps_between_the_regions_is_one_incident() {
    let mut history = History::new(true);
    history.lives(0, 4 * HOUR, |region, second| match region {
        EU => within(30, 36, second) || within(54, 60, second) || within(80, 86, second),
        _ => within(42, 48, second) || within(66, 72, second),
    });
    assert_eq!(history.incidents().len(), 1, "{:?}", history.kinds());
    let in_turn: Vec<Alarm> = [Alarm::Alarm, Alarm::Ok].into_iter().cycle().take(history.alarms().len()).collect();
    assert_eq!(history.alarms(), in_turn);
    assert_eq!(history.kinds().last(), Some(&NoticeKind::Resolved));
}

#[test]
fn a_change_of_the_setting_in_an_incident_loses_nothing_and_pages_nobody() {
    let fails = |region: &str, second| match region {
        EU => within(30, 90, second),
        _ => within(45, 100, second),
    };
    // Set while one region fails.
    let mut history = History::new(false);
    history.lives(0, 40 * MINUTE, fails);
    assert_eq!(history.alarms(), [Alarm::Alarm]);
    let mut history = history.deployed(true);
    history.lives(40 * MINUTE, 70 * MINUTE, fails);
    assert_eq!((history.alarms(), history.incidents().len()), (vec![Alarm::Alarm], 1));
    assert!(history.notices.iter().any(|notice| notice.fails_everywhere()));
    // And emptied while both do.
    let mut history = history.deployed(false);
    history.lives(70 * MINUTE, 3 * HOUR, fails);
    let ended = history.notices.iter().filter(|notice| notice.kind == NoticeKind::Resolved);
    assert_eq!(ended.filter_map(|notice| notice.incident.as_deref()).collect::<BTreeSet<_>>().len(), 2);
    let opened = history.kinds().iter().filter(|kind| **kind == NoticeKind::Opened).count();
    assert_eq!((opened, history.alarms().iter().filter(|alarm| **alarm == Alarm::Alarm).count()), (1, 1));
    let ids: BTreeSet<&str> = history.notices.iter().map(|notice| notice.id.as_str()).collect();
    assert_eq!(ids.len(), history.notices.len());
}

#[test]
fn without_the_setting_each_region_is_by_itself() {
    let mut history = History::new(false);
    history.lives(0, 2 * HOUR, |_, second| within(30, 60, second));
    assert_eq!(history.incidents().len(), 2);
    assert!(history.notices.iter().all(|notice| notice.replicas.is_empty()));
}

#[test]
fn the_status_page_has_one_incident_and_links_the_portal_that_works() {
    let mut history = History::new(true);
    history.lives(0, 40 * MINUTE, |region, second| region == EU && within(30, 60, second));
    let page = history.page(40 * MINUTE);
    assert!(page.contains("Sign-in fails in eu-central-1. It works in us-east-1."), "{page}");
    assert!(page.contains(&format!("href=\"{US_PORTAL}\"")) && !page.contains(EU_PORTAL), "{page}");
    history.lives(40 * MINUTE, 3 * HOUR, |_, second| within(45, 60, second));
    let page = history.page(3 * HOUR);
    assert!(page.contains("It failed in eu-central-1 from ") && !page.contains(US_PORTAL), "{page}");
    assert_eq!(page.matches("<li>").count(), 1, "{page}");
}
