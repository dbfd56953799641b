//! Items read from the table: another release, or anybody with write access, may have written them.
//!
//! Each part is JSON in an attribute of its own. Here they are the members of one object; unreadable parts are left
//! out, as in the store. The result is evaluated, and a notice is rendered for each channel.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use triage_decide::diagnose::diagnose;
use triage_decide::evidence::Evidence;
use triage_decide::evidence::mark::{Answered, Mark, ServedCall, Traits};
use triage_decide::evidence::slot::{self, AnsweredCalls};
use triage_decide::incident::turn;
use triage_decide::ledger::Ledger;
use triage_decide::objective::Objective;
use triage_decide::policy::Policy;
use triage_decide::recovery::recoveries;
use triage_decide::view::View;
use triage_model::caller::CallerHash;
use triage_model::classify::Cause;
use triage_model::observation::{HealthIssue, Operation, Origin};
use triage_model::region::Region;
use triage_model::time::before;
use triage_notify::notice::Notice;
use triage_notify::place::Place;
use triage_notify::{chat, compose, machine, mail, pager, sms};

/// The parts of a region, by their names.
type Kept = BTreeMap<String, Box<RawValue>>;

/// The part of that name, if it can be read.
fn part<T: DeserializeOwned>(kept: &Kept, name: &str) -> Option<T> {
    serde_json::from_str(kept.get(name)?.get()).ok()
}

pub fn kept(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let kept: Kept = serde_json::from_str(&text).unwrap_or_default();
    let now: Timestamp = part(&kept, "now").unwrap_or(Timestamp::UNIX_EPOCH);
    let region: Region = part(&kept, "region").unwrap_or_else(|| crate::policy::SETTINGS.region.clone());
    let mut evidence = seen(now, part(&kept, "answered").unwrap_or(1));
    for issue in part::<Vec<HealthIssue>>(&kept, "health").unwrap_or_default() {
        evidence.add_health(issue);
    }
    let view = View {
        evidence,
        learned: part(&kept, "learned").unwrap_or_default(),
        ledger: part(&kept, "ledger").unwrap_or_default(),
        probe: part(&kept, "probe").unwrap_or_default(),
        ..View::default()
    };
    evaluate(&region, &view, now);
    if let Some(notice) = part::<Notice>(&kept, "notice") {
        show(&notice);
    }
}

/// Calls of half an hour ago and of now, so that there is something to learn and to evaluate.
fn seen(now: Timestamp, answered: u32) -> Evidence {
    let mut evidence = Evidence::default();
    for (number, ago) in (0_u32..8).zip([1_800, 1_700, 60, 50, 40, 30, 20, 10]) {
        let at = before(now, Duration::from_secs(ago));
        let caller = CallerHash::from_bits(u64::from(number % 5));
        let (operation, origin, traits) = (Some(Operation::CreateToken), Origin::CloudTrail, Traits::default());
        let call = ServedCall { at, caller, operation, origin, traits, pending: false, was_hit: false };
        let most = AnsweredCalls { answered, served: answered };
        evidence.slot_mut(at).calls.insert(slot::Place::from(&call), most);
        evidence.add_answered(&Answered { call, served: true });
        evidence.add_failure(Mark {
            at,
            caller,
            operation,
            cause: Cause::Service,
            origin,
            kms: false,
            region_assumed: false,
            label: 1,
            traits,
            id: number,
        });
    }
    evidence
}

fn evaluate(region: &Region, view: &View, now: Timestamp) {
    let policy = Policy::default();
    if let Some(learned) = view.learned_by(&policy, now) {
        let view = View { learned, ..view.clone() };
        let objective = Objective::of(&view, &policy, now);
        let _ = black_box(objective.map(|objective| (objective.budget_used(), objective.cost(u64::MAX))));
    }
    let _ = black_box(view.probe.usable_registration(now));
    let evaluation = diagnose(region, view, &policy, now);
    let recoveries = recoveries(view, &policy, now);
    if let Some(turn) = turn(region, &view.ledger, &evaluation, &recoveries, &policy, now) {
        let written = serde_json::to_string(&turn.ledger).expect("a ledger can be written");
        let read: Ledger = serde_json::from_str(&written).expect("a written ledger can be read");
        assert_eq!(read, turn.ledger, "a ledger changes when it is read back");
        let _ = black_box(compose::notices(
            region,
            &turn,
            &evaluation,
            &recoveries,
            Objective::of(view, &policy, now).as_ref(),
            None,
            now,
        ));
    }
}

fn show(notice: &Notice) {
    let place = Place::default();
    // The texts are not checked: anybody who may write to the table writes what people read.
    let _ = black_box((mail::render(notice, &place), sms::render(notice, &place)));
    for json in
        [serde_json::to_string(&chat::render(notice, &place)), serde_json::to_string(&machine::render(notice, &place))]
    {
        json.expect("a notice can be written");
    }
    let _ = black_box(pager::render(notice, &place));
}
