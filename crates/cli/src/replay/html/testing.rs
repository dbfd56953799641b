//! Reviews by hand: a month with a dozen incidents, the same with hostile names, an empty one, a flood.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use triage_decide::calls::{Calls, Window, Windows};
use triage_decide::objective::{Objective, Target};
use triage_decide::testing::verdicts::NAMES;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_engine::answer::Counts;
use triage_model::classify::Cause;
use triage_model::problem::{ProblemName, Problems};
use triage_model::region::KnownRegions;
use triage_notify::notice::{Notice, Tally};
use triage_notify::testing::samples;
use triage_notify::words::{between, span};

use crate::replay::clock_by::ClockBy;
use crate::replay::close_up::{CloseUp, Slice, Toll};
use crate::replay::review::{Bin, Chart, Review, Story};

const DAY: i64 = 86_400;
const MINUTE: i64 = 60;

/// The width of a month's bins.
const WIDTH: i64 = 3600;

/// Text that a page must not take for its own.
pub const HOSTILE: &str = "</script></style><script>alert(1)</script><img src=x onerror=\"alert(2)\">'\u{202e}&amp;";

/// The first second of the month that the samples' time is the end of.
fn start() -> Timestamp {
    "2026-12-16T00:00:00Z".parse().unwrap()
}

fn at(second: i64) -> Timestamp {
    start() + SignedDuration::from_secs(second)
}

pub fn empty() -> Review {
    Review::default()
}

fn sample(name: &str) -> Notice {
    samples().into_iter().find(|(sample, _)| sample == name).unwrap().1
}

/// The notice as it would be had its incident begun at that second.
fn notice(name: &str, begins: i64, after: i64) -> Notice {
    let mut notice = sample(name);
    let moved = |was: Timestamp| was + at(begins).duration_since(sample("opened_outage").times.since.unwrap());
    notice.times.since = notice.times.since.map(moved);
    let latest = if notice.times.over_at.is_some() { after - 6 * MINUTE } else { after - 5 };
    notice.times.latest = notice.times.latest.map(|_| at(begins + latest.max(0)));
    notice.times.over_at = notice.times.over_at.map(|_| at(begins + after - MINUTE));
    notice.impact.requests.iter_mut().for_each(|request| request.at = moved(request.at));
    notice.merged.notices.iter_mut().for_each(|earlier| earlier.at = moved(earlier.at));
    notice.at = at(begins + after);
    if let Some(lasted) = notice.times.over_at.and_then(|_| notice.times.lasted()) {
        let texts = notice.headline.iter_mut().chain([&mut notice.subject]);
        texts.for_each(|text| *text = text.replace("25 minutes", &span(lasted)));
    }
    notice
}

/// An incident of these notices, each with the minutes after its beginning.
fn story(begins: i64, diagnosis: Diagnosis, region: &str, callers: usize, notices: &[(&str, i64)]) -> Story {
    let region = KnownRegions::default().find(region).unwrap();
    let id = format!("{region}-{}", at(begins).strftime("%Y%m%dT%H%M%SZ"));
    let mut notices: Vec<Notice> = notices.iter().map(|(name, after)| notice(name, begins, after * MINUTE)).collect();
    for (sequence, notice) in (1..).zip(&mut notices) {
        notice.incident = Some(id.clone());
        notice.id = format!("{id}-{sequence}");
        notice.sequence = sequence;
        notice.region = region.clone();
        notice.subject = notice.subject.replace("eu-central-1", region.as_str());
    }
    let scope = notices[0].scope.clone();
    for notice in &mut notices {
        notice.impact.callers = callers;
        notice.impact.seen = Some(callers + 40);
        notice.scope.clone_from(&scope);
    }
    let last = notices.last().unwrap();
    let (over_at, latest) = (last.times.over_at, last.times.latest);
    Story {
        id,
        region,
        diagnosis,
        severity: diagnosis.severity(),
        opened_at: at(begins + MINUTE),
        over_at,
        proved: last.proved == Some(true),
        scope: last.scope.clone(),
        callers,
        about: callers > 100,
        began: at(begins),
        latest,
        over_for: Duration::ZERO,
        close_up: close_up(at(begins), latest.unwrap_or(at(begins)), callers),
        notices,
    }
}

/// Some are served before it and after it, and few meanwhile.
fn close_up(began: Timestamp, ended: Timestamp, callers: usize) -> CloseUp {
    let width = Duration::from_secs(if between(began, ended).as_secs() > 3 * 3600 { 900 } else { 60 });
    let step = SignedDuration::try_from(width).unwrap();
    let from = Timestamp::from_second(began.as_second().div_euclid(900) * 900 - 900).unwrap();
    let mut dice = fastrand::Rng::with_seed(callers as u64);
    let mut bins = Vec::new();
    let mut at = from;
    while at < ended + step * 10 {
        let is_during = at + step > began && at <= ended;
        let affected = if is_during { dice.u64(1..=callers as u64) } else { 0 };
        let calls = Calls { served: dice.u64(if is_during { 0..4 } else { 10..30 }), failed: affected * 2 };
        bins.push(Slice { at, calls, affected });
        at += step;
    }
    let sum = |is_of: &dyn Fn(&&Slice) -> bool| {
        let mut calls = Calls::default();
        bins.iter().filter(is_of).for_each(|bin| calls.add(bin.calls));
        calls
    };
    CloseUp {
        width,
        during: sum(&|bin| bin.at + step > began && bin.at <= ended),
        before: sum(&|bin| bin.at + step <= began),
        affected: Some(callers),
        active: Some(callers + 40),
        are_people: true,
        unanswered: 0,
        bins,
    }
}

fn stories() -> Vec<Story> {
    use Diagnosis::{Degraded, Misconfigured, OneTool, Outage, Suspected};
    let hour = 60 * MINUTE;
    vec![
        story(DAY + 9 * hour, Suspected, "eu-central-1", 11, &[("opened_suspected", 1), ("resolved_unproved", 40)]),
        story(3 * DAY + 14 * hour, Degraded, "eu-central-1", 3, &[("opened_degraded", 1), ("resolved", 5)]),
        story(6 * DAY + 8 * hour, Misconfigured, "eu-central-1", 21, &[("opened_misconfigured", 1), ("resolved", 95)]),
        story(9 * DAY + 7 * hour, Degraded, "us-east-1", 4, &[("began_and_resolved", 4)]),
        story(
            12 * DAY + 13 * hour,
            Outage,
            "us-east-1",
            118,
            &[("opened_outage", 1), ("changed", 12), ("reminder", 62), ("merged", 122), ("resolved", 171)],
        ),
        story(12 * DAY + 16 * hour, Outage, "eu-central-1", 12, &[("opened_outage", 1), ("resolved", 22)]),
        story(13 * DAY + 2 * hour, Degraded, "eu-central-1", 7, &[("opened_degraded", 1), ("resolved", 31)]),
        story(18 * DAY + 10 * hour, Suspected, "eu-west-1", 14, &[("opened_suspected", 1), ("resolved_unproved", 55)]),
        story(21 * DAY + 9 * hour, Degraded, "eu-central-1", 3, &[("opened_degraded", 1), ("resolved", 4)]),
        story(
            24 * DAY + 8 * hour,
            Outage,
            "eu-central-1",
            64,
            &[("opened_outage", 1), ("changed", 8), ("resolved", 26), ("reopened", 36), ("resolved", 85)],
        ),
        // Beside the outage, in the same region.
        story(
            24 * DAY + 8 * hour + 10 * MINUTE,
            OneTool,
            "eu-central-1",
            60,
            &[("opened_one_tool", 1), ("reminder", 1441), ("resolved_one_tool", 1500)],
        ),
        story(
            27 * DAY + 15 * hour,
            Outage,
            "us-west-2",
            23,
            &[("opened_one_operation", 1), ("changed_lasts", 2), ("changed_nobody_calls", 40), ("resolved", 64)],
        ),
        story(28 * DAY + 11 * hour, Outage, "ap-southeast-2", 9, &[("opened_outage", 1), ("resolved", 48)]),
        story(30 * DAY - 40 * MINUTE, Outage, "eu-central-1", 12, &[("opened_outage", 1), ("changed", 12)]),
    ]
}

/// What happened within each width: little on most days, and much where an incident was.
fn bins(stories: &[Story]) -> Vec<Bin> {
    let mut dice = fastrand::Rng::with_seed(7);
    let bin = |place: i64| {
        let at = at(place * WIDTH);
        let (hour, day) = (place * WIDTH / 3600 % 24, place * WIDTH / DAY % 7);
        let busy = u64::from((7..19).contains(&hour)) * if day < 5 { 10 } else { 2 } + 1;
        let mut failures = BTreeMap::new();
        let mut fail = |cause: Cause, count: u64| *failures.entry(cause).or_default() += count;
        fail(Cause::Expected, busy * dice.u64(20..40));
        fail(Cause::Request, dice.u64(0..=busy));
        fail(Cause::Admin, dice.u64(0..3) * dice.u64(0..2) * busy / 8);
        fail(Cause::Throttled, u64::from(dice.u8(0..40) == 0) * dice.u64(20..60));
        fail(Cause::Unrecognised, u64::from(dice.u8(0..60) == 0));
        fail(Cause::Service, u64::from(dice.u8(0..12) == 0));
        let mut callers = u64::from(dice.u8(0..12) == 0);
        let during = |story: &&Story| {
            story.opened_at < at + SignedDuration::from_secs(WIDTH)
                && story.over_at.unwrap_or(Timestamp::MAX) > at - SignedDuration::from_secs(120)
        };
        for story in stories.iter().filter(during) {
            let affected = story.callers as u64;
            callers += affected;
            fail(
                if story.severity == Severity::Page { Cause::Service } else { Cause::Request },
                affected + dice.u64(0..=affected),
            );
            fail(Cause::Unreachable, affected / 3);
        }
        failures.retain(|_, count| *count > 0);
        Bin { at, failures, callers, served: busy * dice.u64(30..60) }
    };
    (0..30 * DAY / WIDTH).map(bin).collect()
}

fn counts(bins: &[Bin]) -> Counts {
    let mut counts = Counts { duplicate: 214, own: 43_200, ..Counts::default() };
    for bin in bins {
        counts.success += bin.served;
        for (cause, count) in &bin.failures {
            (0..*count).for_each(|_| counts.add(*cause, false));
        }
    }
    counts
}

/// At its end: two thirds of the budget are used.
fn objective() -> Objective {
    let window = |days: i64, served, failed| Window {
        from: at((30 - days) * DAY),
        until: at(30 * DAY),
        calls: Calls { served, failed },
    };
    let (hour, day, month) = (window(1, 140, 0), window(1, 3_310, 1), window(30, 99_934, 66));
    Objective { target: Target::default(), windows: Windows { hour, day, month } }
}

/// A month as there are such.
pub fn month() -> Review {
    let incidents = stories();
    let bins = bins(&incidents);
    let mut problems = Problems::default();
    problems.note(ProblemName::JsonInvalid, "AWSLogs/2027/01/03/part-0007.json.gz: not JSON: line 1, column 80413");
    problems.note(ProblemName::JsonInvalid, "another");
    problems.note(ProblemName::TimeInvalid, "AWSLogs/2027/01/09/part-0001.json.gz");
    let advices = [("advice_throttling", 4), ("advice_one_caller", 7), ("advice_aws_health", 12), ("advice_blind", 20)];
    let tools = [("aws-cli/2.31.0", 611), ("Boto3/1.40", 204), ("aws-sdk-js/3.700.0", 77), ("granted/0.27", 12)];
    Review {
        by: ClockBy::Calls,
        without_arrival: 0,
        span: Some((at(0), at(30 * DAY - 1))),
        files: 1440,
        records: 1_204_518,
        left_alone: 1_101_003,
        outside: 0,
        zone: None,
        out_of_order: 12,
        counts: counts(&bins),
        problems,
        incidents,
        kinds: Vec::new(),
        advices: advices.map(|(name, day)| notice(name, day * DAY + 9 * 3600, 0)).to_vec(),
        callers: 241,
        tools: tools.map(|(name, count)| Tally { name: name.to_owned(), count }).to_vec(),
        paged_toll: Toll { calls: Calls { served: 312, failed: 2_104 }, affected: 233, active: 1_402 },
        toll: Toll { calls: Calls { served: 912, failed: 2_604 }, affected: 301, active: 1_511 },
        chart: Chart { width: Duration::from_secs(WIDTH as u64), bins },
        objective: Some(objective()),
        interrupted: false,
    }
}

/// The same month, with every text of others replaced by one that would like to be more than text.
pub fn hostile() -> Review {
    let mut review = month();
    let notices = review.incidents.iter_mut().flat_map(|story| &mut story.notices).chain(&mut review.advices);
    notices.for_each(soil);
    review.tools.iter_mut().for_each(|tally| HOSTILE.clone_into(&mut tally.name));
    for story in &mut review.incidents {
        story.scope = story.notices.first().and_then(|notice| notice.scope.clone());
    }
    review.incidents[0].id = HOSTILE.to_owned();
    review.problems.note(ProblemName::CallInvalid, HOSTILE);
    review.interrupted = true;
    review
}

fn soil(notice: &mut Notice) {
    let soil = |text: &mut String| HOSTILE.clone_into(text);
    soil(&mut notice.subject);
    notice.headline.iter_mut().for_each(soil);
    notice.reasons.iter_mut().for_each(soil);
    notice.impact.names.iter_mut().for_each(soil);
    let tallies = [&mut notice.impact.codes, &mut notice.impact.tools, &mut notice.impact.operations];
    tallies.into_iter().flatten().for_each(|tally| soil(&mut tally.name));
    for request in &mut notice.impact.requests {
        soil(&mut request.code);
        request.id = Some(HOSTILE.to_owned());
    }
    for weighed in &mut notice.weighed {
        soil(&mut weighed.cause);
        weighed.speaks_for.iter_mut().chain(&mut weighed.speaks_against).for_each(soil);
    }
    if let Some(scope) = &mut notice.scope {
        scope.tool.iter_mut().chain(&mut scope.network).chain(&mut scope.application).for_each(soil);
    }
    notice.advice.now.iter_mut().for_each(soil);
    notice.advice.users = Some(HOSTILE.to_owned());
    notice.merged.notices.iter_mut().for_each(|earlier| soil(&mut earlier.summary));
    notice.note = Some(HOSTILE.to_owned());
}

/// More incidents than anybody reads, many of them with more reminders than are listed, all of long texts.
pub fn flood() -> Review {
    let mut review = month();
    review.incidents = review.incidents.iter().cycle().take(1200).cloned().collect();
    review.advices = review.advices.iter().cycle().take(1200).cloned().collect();
    for (place, story) in review.incidents.iter_mut().enumerate() {
        story.id = format!("{}-{place}", story.id);
    }
    for story in review.incidents.iter_mut().skip(20).take(60) {
        story.notices = std::iter::repeat_n(notice("reminder", 20 * DAY, 0), 50).collect();
        for notice in &mut story.notices {
            notice.reasons = vec!["\"".repeat(400); 16];
            notice.impact.names = vec![NAMES[0].to_owned(); 10];
        }
    }
    review
}
