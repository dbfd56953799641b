use std::time::Duration;

use triage_decide::probe::{ProbeAnswer, ProbeStep, StepState};
use triage_decide::testing::verdicts::{at, region};
use triage_decide::view::StoreError;
use triage_model::observation::Operation;

use super::check::State;
use super::facts::{
    Brings, Found, LogGroup, Ourselves, Probe, Records, Rule, SourceBus, Stream, Subscriptions, Table, Topic, Trail,
    TrailQueue, Trouble,
};
use super::*;
use crate::publish::Destination;
use crate::settings::Mode;
use crate::status_page::{WriteTrouble, Written};

const NOW: i64 = 1_000_000;

fn rule(brings: Brings, age: i64) -> Rule {
    Rule {
        name: format!("stack-{brings:?}"),
        brings,
        is_enabled: true,
        last_invoked: Ok(Some(at(NOW - age))),
        failed: Ok(0),
    }
}

fn topic(destination: Destination) -> Topic {
    let subscriptions = Ok(Subscriptions { confirmed: 2, pending: 0 });
    Topic { destination, name: format!("made-up-{}", destination.as_str()), subscriptions, publish: Ok(()) }
}

fn probed(age: i64, answer: StepState) -> Probe {
    let step = ProbeStep { operation: Operation::CreateToken, answer, fault: None, latency: Duration::ZERO };
    let latest = ProbeAnswer { region: region(), at: at(NOW - age), steps: vec![step], control: None };
    Probe { latest: Some(latest), is_own: false }
}

/// Of a stack with everything, in which all is well.
fn healthy() -> Facts {
    Facts {
        trails: Ok(vec![Trail { name: "main".into(), is_logging: Ok(true), has_management_events: Ok(true) }]),
        records: Ok(Records { newest: Some(at(NOW - 600)), due: Some(at(NOW - 4000)) }),
        rules: Some(Ok(vec![
            rule(Brings::CloudTrail, 500),
            rule(Brings::Calls, 9000),
            Rule { last_invoked: Ok(None), ..rule(Brings::Health, 0) },
        ])),
        ticks: Some(Ok(vec![rule(Brings::Ticks, 90)])),
        log_groups: vec![LogGroup {
            name: "/app".into(),
            subscription: Ok(Some("stack-Subscription1".into())),
            last_delivered: Ok(Some(at(NOW - 4000))),
            failed: Ok(0),
        }],
        source_bus: Some(SourceBus { name: "org".into(), has_policy: Ok(true) }),
        streams: vec![Stream {
            name: "many".into(),
            last_written: Ok(Some(at(NOW - 3000))),
            last_read: Ok(Some(at(NOW - 3000))),
            behind: Ok(Some(Duration::from_secs(2))),
        }],
        trail_queue: Some(TrailQueue {
            bucket: "made-up-trail".into(),
            last_sent: Ok(Some(at(NOW - 3000))),
            last_done: Ok(Some(at(NOW - 3000))),
        }),
        table: Some(Table { written: Ok(()), read: Ok(true) }),
        silences: Ok(vec![]),
        topics: vec![topic(Destination::Topic), topic(Destination::Fallback), topic(Destination::Pager)],
        bus: Some(Ok(())),
        probes: vec![(region(), probed(60, StepState::Healthy))],
        status_page: Ok(Some(Written { noted_at: at(NOW - 90), at: Some(at(NOW - 90)), ..Written::default() })),
        clock_ahead_s: Some(-1),
        ourselves: Ourselves {
            version: "0.1.0".into(),
            function: "made-up:direct".into(),
            mode: Mode::Live,
            has_own_policy: false,
            has_table: true,
            has_topic: true,
        },
    }
}

fn denied<T>() -> Found<T> {
    Err(Trouble::Denied("made:Up"))
}

fn silent<T>() -> Found<T> {
    Err(Trouble::Silent("made:Up", "it timed out"))
}

fn refused<T>() -> Found<T> {
    Err(Trouble::Refused("made:Up", "Strange".into()))
}

/// The check that differs from a healthy one, if exactly one does.
#[track_caller]
fn the_one_that_differs(change: impl FnOnce(&mut Facts)) -> Check {
    let mut facts = healthy();
    change(&mut facts);
    let mut differing = report(&facts, at(NOW)).checks.into_iter().filter(|check| check.state != State::Ok);
    let check = differing.next().expect("a check that is not ok");
    assert_eq!(differing.next(), None, "beside {check:?}");
    check
}

#[test]
fn of_a_healthy_stack_every_link_is_ok() {
    let report = report(&healthy(), at(NOW));
    let names: Vec<&str> = report.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "trail",
            "records",
            "rule cloudtrail",
            "rule health",
            "rule stack-Calls",
            "rule tick",
            "logs /app",
            "source bus",
            "stream many",
            "trail bucket",
            "table",
            "silences",
            "topic",
            "fallback",
            "pager",
            "bus",
            "status_page",
            "probe eu-central-1",
            "clock",
            "policy",
            "mode",
            "version"
        ]
    );
    for check in &report.checks {
        assert_eq!((check.state, check.action.as_str()), (State::Ok, ""), "{check:?}");
        assert!(report.text.contains(&format!("ok      {}: {}", check.name, check.detail)), "{}", report.text);
    }
    assert!(report.text.starts_with("0 broken, 0 unknown, 22 ok.\n") && !report.any_broken());
}

#[test]
fn each_broken_link_is_named_with_what_to_do() {
    type Change = fn(&mut Facts);
    let table: &[(&str, &str, &str, Change)] = &[
        ("trail", "there is no trail", "Create a trail", |facts| {
            facts.source_bus = None;
            facts.trails = Ok(vec![]);
        }),
        ("trail", "main is stopped", "start-logging --name main", |facts| {
            facts.source_bus = None;
            facts.trails.as_mut().unwrap()[0].is_logging = Ok(false);
        }),
        ("trail", "main records no management events", "Create a trail", |facts| {
            facts.source_bus = None;
            facts.trails.as_mut().unwrap()[0].has_management_events = Ok(false);
        }),
        ("rule cloudtrail", "no such EventBridge rule", "Deploy", |facts| {
            facts.rules.as_mut().unwrap().as_mut().unwrap().remove(0);
        }),
        ("rule cloudtrail", "stack-CloudTrail is disabled", "enable-rule --name stack-CloudTrail", |facts| {
            facts.rules.as_mut().unwrap().as_mut().unwrap()[0].is_enabled = false;
        }),
        ("rule cloudtrail", "could not invoke the function 3 times", "permission", |facts| {
            facts.rules.as_mut().unwrap().as_mut().unwrap()[0].failed = Ok(3);
        }),
        ("rule cloudtrail", "did not match since 2027", "management events", |facts| {
            facts.rules.as_mut().unwrap().as_mut().unwrap()[0].last_invoked = Ok(Some(at(NOW - 20_000)));
            facts.records.as_mut().unwrap().due = Some(at(NOW - 3000));
        }),
        ("rule cloudtrail", "did not match within 14 days", "management events", |facts| {
            facts.rules.as_mut().unwrap().as_mut().unwrap()[0].last_invoked = Ok(None);
            facts.records.as_mut().unwrap().due = Some(at(NOW - 3000));
        }),
        ("rule health", "stack-Health is disabled", "enable-rule", |facts| {
            facts.rules.as_mut().unwrap().as_mut().unwrap()[2].is_enabled = false;
        }),
        ("rule stack-Calls", "disabled", "enable-rule", |facts| {
            facts.rules.as_mut().unwrap().as_mut().unwrap()[1].is_enabled = false;
        }),
        ("rule tick", "disabled", "enable-rule", |facts| {
            facts.ticks.as_mut().unwrap().as_mut().unwrap()[0].is_enabled = false;
        }),
        ("rule tick", "has not ticked since", "permission|watcher", |facts| {
            facts.ticks.as_mut().unwrap().as_mut().unwrap()[0].last_invoked = Ok(Some(at(NOW - 1000)));
        }),
        ("rule tick", "has not ticked for three hours", "was just deployed", |facts| {
            facts.ticks.as_mut().unwrap().as_mut().unwrap()[0].last_invoked = Ok(None);
        }),
        ("logs /app", "no subscription", "ApplicationLogGroups", |facts| facts.log_groups[0].subscription = Ok(None)),
        ("logs /app", "could not deliver 2 times", "logs.amazonaws.com", |facts| facts.log_groups[0].failed = Ok(2)),
        ("source bus", "org has no policy", "OrganizationId", |facts| {
            facts.source_bus.as_mut().unwrap().has_policy = Ok(false);
        }),
        ("source bus", "there is no bus org", "EventBusName", |facts| {
            facts.source_bus.as_mut().unwrap().has_policy =
                Err(Trouble::Refused("made:Up", "ResourceNotFoundException".into()));
        }),
        ("stream many", "none was read since", "list-event-source-mappings", |facts| {
            facts.streams[0].last_read = Ok(Some(at(NOW - 9000)));
        }),
        ("stream many", "none was read within 14 days", "LogStreamArn", |facts| facts.streams[0].last_read = Ok(None)),
        ("stream many", "were read 40 min", "duration", |facts| {
            facts.streams[0].behind = Ok(Some(Duration::from_secs(2400)));
        }),
        ("trail bucket", "none was done with since", "object_not_read", |facts| {
            facts.trail_queue.as_mut().unwrap().last_done = Ok(Some(at(NOW - 9000)));
        }),
        ("trail bucket", "none was done with within 14 days", "object_not_read", |facts| {
            facts.trail_queue.as_mut().unwrap().last_done = Ok(None);
        }),
        ("trail bucket", "no notification of made-up-trail", "TrailTopicArn", |facts| {
            facts.trail_queue.as_mut().unwrap().last_sent = Ok(None);
        }),
        ("table", "could not be written: the right made:Up is missing", "dynamodb:PutItem", |facts| {
            facts.table = Some(Table { written: denied(), read: denied() });
        }),
        ("table", "could not be written: made:Up was refused: Strange", "exists", |facts| {
            facts.table = Some(Table { written: refused(), read: refused() });
        }),
        ("table", "could not be read", "dynamodb:GetItem", |facts| facts.table.as_mut().unwrap().read = denied()),
        ("table", "is not there", "nothing but this stack", |facts| facts.table.as_mut().unwrap().read = Ok(false)),
        ("table", "no table is configured", "OIDC_TRIAGE_TABLE", |facts| {
            facts.table = None;
            facts.ourselves.has_table = false;
        }),
        ("topic", "no confirmed subscription, 1 not confirmed yet", "confirm the mail", |facts| {
            facts.topics[0].subscriptions = Ok(Subscriptions { confirmed: 0, pending: 1 });
        }),
        ("pager", "no confirmed subscription", "paging service", |facts| {
            facts.topics[2].subscriptions = Ok(Subscriptions { confirmed: 0, pending: 0 });
        }),
        ("fallback", "may not publish to made-up-fallback", "sns:Publish", |facts| facts.topics[1].publish = denied()),
        ("topic", "refuses a notice: Strange", "KMS key", |facts| facts.topics[0].publish = refused()),
        ("pager", "it timed out", "network", |facts| facts.topics[2].publish = silent()),
        ("bus", "may not publish to the event bus", "events:PutEvents", |facts| facts.bus = Some(denied())),
        ("bus", "it timed out", "network", |facts| facts.bus = Some(silent())),
        ("topic", "no topic is configured", "OIDC_TRIAGE_TOPIC_ARN", |facts| {
            facts.topics.remove(0);
            facts.ourselves.has_topic = false;
        }),
        ("probe eu-central-1", "CreateToken down", "AWS Health", |facts| {
            facts.probes[0].1 = probed(60, StepState::Down)
        }),
        ("probe eu-central-1", "CreateToken healthy", "rule tick", |facts| {
            facts.probes[0].1 = probed(9000, StepState::Healthy);
        }),
        ("clock", "301 s ahead of AWS's", "Deploy", |facts| facts.clock_ahead_s = Some(301)),
        ("clock", "61 s behind AWS's", "Deploy", |facts| facts.clock_ahead_s = Some(-61)),
    ];
    for (name, detail, action, change) in table {
        let check = the_one_that_differs(change);
        assert_eq!((check.name.as_str(), check.state), (*name, State::Broken), "{detail}: {check:?}");
        assert!(check.detail.contains(detail), "{detail}: {check:?}");
        assert!(action.split('|').any(|action| check.action.contains(action)), "{action}: {check:?}");
    }
}

#[test]
fn what_cannot_be_found_out_is_unknown_and_says_why() {
    type Change = fn(&mut Facts);
    let table: &[(&str, &str, Change)] = &[
        ("trail", "the right made:Up is missing", |facts| facts.trails = denied()),
        // Where records are forwarded, the trail is another account's.
        ("trail", "no trail in this region; what org brings needs one", |facts| facts.trails = Ok(vec![])),
        ("trail", "had no answer: it timed out", |facts| facts.trails = silent()),
        ("trail", "main not all is known", |facts| facts.trails.as_mut().unwrap()[0].is_logging = denied()),
        ("records", "the right made:Up is missing", |facts| facts.records = denied()),
        ("records", "no CreateToken of the last 14 days", |facts| facts.records = Ok(Records::default())),
        ("rule cloudtrail", "when it last matched is unknown: the right made:Up is missing", |facts| {
            facts.rules.as_mut().unwrap().as_mut().unwrap()[0].last_invoked = denied();
        }),
        ("rule tick", "the right made:Up is missing", |facts| facts.ticks = Some(denied())),
        ("logs /app", "the right made:Up is missing", |facts| facts.log_groups[0].subscription = denied()),
        ("logs /app", "whether it delivers is unknown", |facts| facts.log_groups[0].last_delivered = silent()),
        ("logs /app", "delivered nothing within 14 days", |facts| facts.log_groups[0].last_delivered = Ok(None)),
        ("source bus", "the right made:Up is missing", |facts| {
            facts.source_bus.as_mut().unwrap().has_policy = denied();
        }),
        ("stream many", "it timed out", |facts| facts.streams[0].last_written = silent()),
        ("stream many", "the right made:Up is missing", |facts| facts.streams[0].behind = denied()),
        ("stream many", "no record came within 14 days", |facts| facts.streams[0].last_written = Ok(None)),
        ("trail bucket", "it timed out", |facts| facts.trail_queue.as_mut().unwrap().last_sent = silent()),
        ("trail bucket", "the right made:Up is missing", |facts| {
            facts.trail_queue.as_mut().unwrap().last_done = denied()
        }),
        ("topic", "who subscribes is unknown", |facts| facts.topics[0].subscriptions = denied()),
        ("probe eu-central-1", "CreateToken unknown", |facts| facts.probes[0].1 = probed(60, StepState::Unknown)),
        ("probe eu-central-1", "CreateToken unexpected", |facts| facts.probes[0].1 = probed(60, StepState::Unexpected)),
        ("probe eu-central-1", "nothing was probed", |facts| facts.probes[0].1.latest = None),
        ("clock", "no answer of AWS", |facts| facts.clock_ahead_s = None),
    ];
    for (name, detail, change) in table {
        let check = the_one_that_differs(change);
        assert_eq!((check.name.as_str(), check.state), (*name, State::Unknown), "{detail}: {check:?}");
        assert!(check.detail.contains(detail) && !check.action.is_empty(), "{detail}: {check:?}");
    }
}

#[test]
fn without_rights_for_eventbridge_all_of_its_rules_are_unknown() {
    let mut facts = healthy();
    facts.rules = Some(denied());
    let checks = report(&facts, at(NOW)).checks;
    let unknown: Vec<&str> =
        checks.iter().filter(|check| check.state == State::Unknown).map(|check| check.name.as_str()).collect();
    assert_eq!(unknown, ["rule cloudtrail", "rule health"]);
    assert!(checks[2].action.contains("Allow made:Up to TriageRole"), "{:?}", checks[2]);
}

#[test]
fn a_quiet_company_is_no_broken_rule() {
    // Nobody signed in, or the newest call is too fresh to have arrived.
    for (newest, state) in [(None, State::Unknown), (Some(at(NOW - 60)), State::Unknown)] {
        let mut facts = healthy();
        facts.records = Ok(Records { newest, due: None });
        facts.rules.as_mut().unwrap().as_mut().unwrap()[0].last_invoked = Ok(None);
        let checks = report(&facts, at(NOW)).checks;
        assert_eq!(checks[2].state, state, "{:?}", checks[2]);
        assert!(checks[2].action.contains("aws sso login"));
    }
}

#[test]
fn one_good_trail_is_enough() {
    let mut facts = healthy();
    let other = Trail { name: "other".into(), is_logging: denied(), has_management_events: Ok(false) };
    facts.trails.as_mut().unwrap().insert(0, other.clone());
    assert_eq!(report(&facts, at(NOW)).checks[0].state, State::Ok);
    facts.trails = Ok(vec![other]);
    facts.source_bus = None;
    assert_eq!(report(&facts, at(NOW)).checks[0].state, State::Broken, "whatever it logs, it has no management events");
}

#[test]
fn of_a_function_on_somebodys_own_machine_only_what_it_has_is_checked() {
    let mut facts = healthy();
    (facts.rules, facts.ticks, facts.bus) = (None, None, None);
    facts.log_groups.clear();
    facts.streams.clear();
    facts.trail_queue = None;
    facts.source_bus = None;
    let checks = report(&facts, at(NOW)).checks;
    assert!(!checks.iter().any(|check| check.name.starts_with("rule") || check.name.starts_with("logs")), "{checks:?}");
}

#[test]
fn the_text_begins_with_what_is_broken_and_no_foreign_text_forges_a_line() {
    let mut facts = healthy();
    facts.records = denied();
    facts.log_groups[0].name = "/evil\nok      trail: all is well\u{202e}".into();
    facts.log_groups[0].subscription = Ok(None);
    let report = report(&facts, at(NOW));
    let lines: Vec<&str> = report.text.lines().collect();
    assert_eq!(lines[0], "1 broken, 1 unknown, 20 ok.");
    assert!(lines[1].starts_with("broken  logs /evil ok trail: all is well: no subscription"), "{}", report.text);
    assert!(lines[2].starts_with("unknown records: the right made:Up is missing. Do: Allow"), "{}", report.text);
    assert_eq!(lines.len(), 1 + report.checks.len());
    assert!(report.any_broken() && !report.text.contains('\u{202e}'));
}

#[test]
fn shadow_mode_says_that_nobody_is_notified() {
    let mut facts = healthy();
    facts.ourselves.mode = Mode::Shadow;
    let check = report(&facts, at(NOW)).checks.into_iter().find(|check| check.name == "mode").unwrap();
    assert!(check.detail.contains("nobody is notified") && check.action.contains("Mode=live"));
}

#[test]
fn a_status_page_is_checked_by_what_the_watcher_noted_of_it() {
    let of = |status_page| the_one_that_differs(|facts| facts.status_page = status_page);
    let written = |age, trouble| Written { noted_at: at(NOW - age), at: Some(at(NOW - 3600)), trouble, feed: None };
    let trouble = WriteTrouble { detail: "there is no bucket made-up".to_owned(), action: "Create it.".to_owned() };
    let refused = of(Ok(Some(written(60, Some(trouble)))));
    assert_eq!((refused.state, refused.action.as_str()), (State::Broken, "Create it."));
    assert!(refused.detail.starts_with("there is no bucket made-up; last written at"), "{refused:?}");
    let stopped = of(Ok(Some(written(1200, None))));
    assert!(stopped.detail.ends_with("and not tried since") && stopped.action.contains("StatusBucket"), "{stopped:?}");
    let unread = of(Err(StoreError::Unavailable("it timed out".to_owned())));
    assert_eq!((unread.name.as_str(), unread.state), ("status_page", State::Unknown));
    let mut none = healthy();
    none.status_page = Ok(None);
    assert!(report(&none, at(NOW)).checks.iter().all(|check| check.name != "status_page"));
}
