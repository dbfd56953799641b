//! Simple alternatives to this program, on the same histories.
//!
//! In: a [`History`]. Out: [`Alarm`]s and the number of messages, for an EventBridge rule that sends each failure to
//! SNS, and for a CloudWatch alarm on the failures in each minute.

use std::collections::{BTreeMap, BTreeSet};

use super::alarm::Alarm;
use super::call::INTERNAL;
use super::history::{History, MINUTE};

/// An SNS message for each event with an `errorCode`: its end is never reported.
pub fn message_per_event(history: &History) -> (Vec<Alarm>, usize) {
    let failed: Vec<_> = history.records.iter().filter(|record| record.fault.is_some()).collect();
    // A row of messages without a pause of a quarter of an hour is one alarm.
    let mut alarms: Vec<Alarm> = Vec::new();
    let mut latest: BTreeMap<&str, f64> = BTreeMap::new();
    for record in &failed {
        let at = record.arrives.ceil();
        if latest.insert(record.call.region, at).is_none_or(|latest| at > latest + 15.0 * MINUTE) {
            alarms.push(alarm(record.call.region, at));
        }
    }
    (alarms, failed.len())
}

/// A CloudWatch alarm's setting: M out of N minutes must breach.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub minutes: usize,
    pub of: usize,
}

/// Failures in a minute: a metric filter on InternalServerException, and a usual first threshold.
pub const FAILURES_A_MINUTE: usize = 3;

pub fn metric_alarm(history: &History, setting: Setting) -> (Vec<Alarm>, usize) {
    let regions: BTreeSet<&str> = history.records.iter().map(|record| record.call.region).collect();
    let alarms: Vec<Alarm> = regions.into_iter().flat_map(|region| in_region(history, region, setting)).collect();
    // A message for ALARM, and one for OK.
    let messages = alarms.iter().map(|alarm| 1 + usize::from(alarm.called_off.is_some())).sum();
    (alarms, messages)
}

fn in_region(history: &History, region: &str, setting: Setting) -> Vec<Alarm> {
    let minutes = (history.end() / MINUTE) as usize + setting.of + 2;
    let mut counts = vec![0; minutes];
    for record in &history.records {
        if record.call.region == region && record.fault.is_some_and(|fault| fault.code == INTERNAL.code) {
            counts[(record.arrives / MINUTE) as usize] += 1;
        }
    }
    let mut alarms: Vec<Alarm> = Vec::new();
    for minute in 0..minutes {
        let from = (minute + 1).saturating_sub(setting.of);
        let breaching = counts[from..=minute].iter().filter(|count| **count >= FAILURES_A_MINUTE).count();
        let now = (minute + 1) as f64 * MINUTE;
        let open = alarms.last_mut().filter(|alarm| alarm.called_off.is_none());
        match (open, breaching >= setting.minutes) {
            (None, true) => alarms.push(alarm(region, now)),
            (Some(alarm), false) => alarm.called_off = Some(now),
            (None, false) | (Some(_), true) => {}
        }
    }
    alarms
}

fn alarm(region: &str, raised: f64) -> Alarm {
    Alarm {
        region: region.to_owned(),
        incident: format!("{region} {raised}"),
        raised,
        paged: Some(raised),
        called_off: None,
        diagnosis: None,
        scopes: Vec::new(),
        reminders: Vec::new(),
    }
}
