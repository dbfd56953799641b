//! The sequential tests: are more callers hit than chance explains?
//!
//! In: the [`View`] of a region, and an origin. Out: a [`Run`]: a test that has crossed its threshold, or how near it is.
//! Pure; what follows from it is decided elsewhere.
//!
//! Two ways of explaining what is seen compete: an ordinary day and an outage. Each event adds to a sum the logarithm of
//! how much likelier the outage makes it (Wald's sequential probability ratio test, SPRT), so that e to the sum is the
//! odds for the outage. Where it would fall under 0 it begins anew, because an outage may begin at any time (Page's
//! cumulative sum, CUSUM): from one 0 to the next is a run. On ordinary days such a sum crosses a threshold `h` on average
//! at most once in e^h events of the kind that an outage is made of: a run may begin at any of them, and e^h is the odds
//! against chance. So the threshold is the logarithm of (events in a year / false pages allowed in a year).
//!
//! **Failed against answered.** p0 = `usual_failures` and p1 = `outage_failures` are the shares of calls that fail on an
//! ordinary day and in the smallest outage worth a page. A caller newly hit adds ln(p1/p0); each answered call adds
//! ln((1-p1)/(1-p0)), which is negative. An event is a caller, not a failure: the calls of one broken laptop are not
//! independent of each other, so its further failures add nothing. For the same reason a hit caller that is then served
//! takes its vote back.
//!
//! **Hits in time**, where no successes are seen: callers are newly hit at random times, λ0 a day on ordinary days and λ1 a
//! day in an outage. A newly hit caller adds ln(λ1/λ0), and time takes λ1-λ0 (a Poisson CUSUM). The events in a year are
//! those that λ1 would bring: runs begin at hits, so λ0 a year, but each begins with the ln(λ1/λ0) of its first hit. λ0 is
//! learned, and so uncertain: the threshold has a margin.
//!
//! Where one-off failures are common, a caller hit just now is little news: most of those before it were served a moment
//! later, or their success is still on its way to us. So it adds only the share of those hit in the last hour that were not
//! served within `cured_s`, and the rest once it has stood for so long. Where nobody was cured like that, it is all news.
//!
//! Either way sum = (callers in the run) · `up` - (what spoke against it since the run began), in closed form: no call is
//! looked at by itself.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::time::Duration;

use jiff::Timestamp;
use triage_model::caller::{CallerHash, CallerMap};
use triage_model::classify::SERVICE_CAUSES;
use triage_model::observation::Origin;
use triage_model::time::before;

use crate::evidence::mark::Mark;
use crate::evidence::slot::Slot;
use crate::policy::Policy;
use crate::spread::{Spread, beyond, callers_per_mark, calls, latest, slots};
use crate::view::View;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestKind {
    FailedAgainstAnswered,
    HitsInTime,
}

/// A test that has crossed its threshold, or how near it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub origin: Origin,
    pub kind: TestKind,
    /// The first failure of the run: of the one that crossed if one did, else of the latest.
    pub began_at: Timestamp,
    /// The first time within the evidence that a run crossed.
    pub crossed_at: Option<Timestamp>,
    /// Who is hit and has not taken its vote back, in the order of being hit. Of a run that crossed: all who were hit in it,
    /// until it ended, but for those who had taken it back before it crossed.
    pub callers: Vec<CallerHash>,
    /// In nats, when it crossed; else now.
    pub sum: f64,
    pub threshold: f64,
    /// Calls of these callers that failed since the run began, and calls that were answered, until it ended or now.
    pub failed: usize,
    pub answered: usize,
}

impl Run {
    /// Chance alone would bring a sum like this once in so many years. More than a million are told as a million.
    pub fn chance_years(&self, policy: &Policy) -> f64 {
        ((self.sum - self.threshold).exp() / policy.false_pages_per_year).min(CHANCE_YEARS_MAX)
    }
}

/// Beyond this a number says no more than its size.
const CHANCE_YEARS_MAX: f64 = 1_000_000.0;

const DAYS_PER_YEAR: f64 = 365.0;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// The test of one origin on everything since the latest incident ended. None if no caller was newly hit since.
pub fn test(view: &View, origin: Origin, policy: &Policy, now: Timestamp) -> Option<Run> {
    test_since(view, origin, policy, view.ledger.settled_until(), now)
}

/// The same on everything later than `since`.
pub fn test_since(
    view: &View,
    origin: Origin,
    policy: &Policy,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Option<Run> {
    let slots = slots(&view.evidence, policy, now);
    let mut events = failures(view, &slots, origin, now);
    let counts = |event: &Event| since.is_none_or(|since| event.at > since);
    if !events.iter().any(counts) {
        return None;
    }
    let scale = if successes_are_seen(view, &slots, origin, policy, now) {
        Scale::of_calls(calls_per_year(view, policy, now), policy)
    } else {
        events.sort_unstable_by_key(Event::order);
        mark_newly_hit(&mut events, view, policy);
        Scale::of_hits(hits_per_day(view, policy, now), policy)
    };
    events.retain(counts);
    let hit: CallerMap<()> = events.iter().map(|event| (event.caller, ())).collect();
    // A success seen through another origin is a success.
    let served = slots.iter().flat_map(|(_, slot)| &slot.served).filter(|call| hit.contains_key(&call.caller));
    events.extend(served.map(|call| Event::new(call.at, call.caller, What::Served)));
    events.sort_unstable_by_key(Event::order);
    let lasting = 1.0 - cured_share(&events, policy.cured, now);
    if lasting < 1.0 {
        mature(&mut events, policy.cured, now);
        events.sort_unstable_by_key(Event::order);
    }
    put_apart(&mut events);
    let counts = |mark: &Mark| mark.origin == origin && !view.ledger.is_left_out(mark.caller);
    let test = Test {
        scale,
        lasting,
        callers: policy.outage_callers,
        answered: Spread::of(&slots, origin, now, |slot| calls(slot, origin) as f64),
        beyond: Spread::of(&slots, origin, now, |slot| {
            SERVICE_CAUSES.iter().map(|cause| beyond(slot, *cause, counts)).sum()
        }),
    };
    test.judge(&events, origin, now)
}

/// Calls that the region is taken to have in a year: the mean since it was first seen, from what was learned and what the
/// evidence holds beyond that.
pub fn calls_per_year(view: &View, policy: &Policy, now: Timestamp) -> f64 {
    let learned = &view.learned;
    let new = slots(&view.evidence, policy, now).into_iter().filter(|(begin, _)| !learned.holds(*begin));
    let calls = learned.calls as f64 + new.map(|(_, slot)| slot.all_calls() as f64).sum::<f64>();
    (calls / days_seen(view, now).max(1.0) * DAYS_PER_YEAR).max(policy.calls_per_year_min)
}

/// Callers newly hit on an ordinary day: what was learned, weighed with what is assumed before anything is.
pub fn hits_per_day(view: &View, policy: &Policy, now: Timestamp) -> f64 {
    let hits = policy.hits_per_day * policy.hits_weight_days + view.learned.newly_hit as f64;
    (hits / (policy.hits_weight_days + days_seen(view, now))).max(policy.hits_per_day_min)
}

fn days_seen(view: &View, now: Timestamp) -> f64 {
    let learned = view.learned.first_seen.map(Timestamp::as_second);
    let first = learned.into_iter().chain(view.evidence.slots.keys().next().copied()).min();
    first.map_or(0.0, |first| (now.as_second() - first).max(0) as f64 / SECONDS_PER_DAY)
}

fn successes_are_seen(view: &View, slots: &[(i64, &Slot)], origin: Origin, policy: &Policy, now: Timestamp) -> bool {
    if origin == Origin::Call {
        // Only failures are handed over. What was cured by us is no sample of what is served.
        return false;
    }
    let seen_from = before(now, policy.successes_seen);
    let seen = view.learned.succeeded.get(&origin).is_some_and(|at| *at >= seen_from);
    seen || slots.iter().any(|(_, slot)| slot.calls.iter().any(|((of, _), calls)| *of == origin && calls.served > 0))
}

#[derive(Clone, Copy, Debug)]
struct Event {
    at: Timestamp,
    /// When it is taken to have occurred, in seconds since 1970: [`put_apart`].
    moment: f64,
    caller: CallerHash,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Failed {
        /// Hit for the first time, if it is not hit already.
        newly: bool,
        /// For how many callers it stands.
        weight: f64,
    },
    Served,
    /// Hit at that time, and long enough ago to be more than a one-off.
    Matures(Timestamp),
}

impl What {
    /// A run begins with a caller newly hit.
    const fn begins_a_run(self) -> bool {
        matches!(self, Self::Failed { newly: true, .. })
    }
}

impl Event {
    fn new(at: Timestamp, caller: CallerHash, what: What) -> Self {
        Self { at, moment: at.as_second() as f64, caller, what }
    }

    /// The order of time; within a second one that does not depend on how the events came, in which a caller's own
    /// success comes after its failure.
    fn order(&self) -> (Timestamp, u8, CallerHash, Reverse<u64>) {
        let (rank, weight) = match self.what {
            // Weights are positive, and their bits are in the order of the numbers.
            What::Failed { weight, .. } => (0, weight.to_bits()),
            What::Served => (1, 0),
            What::Matures(_) => (2, 0),
        };
        (self.at, rank, self.caller, Reverse(weight))
    }
}

/// The failures of an origin that count towards an outage.
fn failures(view: &View, slots: &[(i64, &Slot)], origin: Origin, now: Timestamp) -> Vec<Event> {
    let latest = latest(now);
    let mut events = Vec::new();
    for (slot, cause) in slots.iter().flat_map(|(_, slot)| SERVICE_CAUSES.map(|cause| (slot, cause))) {
        let weight = callers_per_mark(slot, cause);
        for mark in slot.failures_of(cause).iter().filter(|mark| mark.origin == origin && mark.at <= latest) {
            if !view.ledger.is_left_out(mark.caller) {
                events.push(Event::new(mark.at, mark.caller, What::Failed { newly: true, weight }));
            }
        }
    }
    events
}

/// Takes the news out of failures of callers that had one within `new_caller` before. `events` are in order, and nothing
/// but failures. What an incident already told of explains is no sign of a caller that always fails: it is as new.
fn mark_newly_hit(events: &mut [Event], view: &View, policy: &Policy) {
    let told = view.ledger.incident.as_ref().and_then(|told| Some((told.since.min(told.opened_at), told.resolved_at?)));
    let mut latest: CallerMap<Timestamp> = CallerMap::default();
    for event in events {
        let from = before(event.at, policy.new_caller);
        let known = latest.get(&event.caller).is_some_and(|at| *at >= from)
            || view.learned.hit.get(&event.caller.to_bits()).is_some_and(|streak| streak.has_within(from, event.at));
        if let What::Failed { newly, .. } = &mut event.what {
            *newly = !known;
        }
        if !told.is_some_and(|(from, to)| (from..=to).contains(&event.at)) {
            latest.insert(event.caller, event.at);
        }
    }
}

/// Of the callers hit, the share that was served within that time; of few it is taken as less. `events` are in order.
fn cured_share(events: &[Event], within: Duration, now: Timestamp) -> f64 {
    let (mut hit_at, mut hits, mut cured) = (CallerMap::default(), 0, 0);
    for event in events {
        match event.what {
            What::Failed { .. } => {
                hit_at.entry(event.caller).or_insert(event.at);
            }
            What::Served => {
                if let Some(at) = hit_at.remove(&event.caller) {
                    hits += 1;
                    cured += usize::from(before(event.at, within) <= at);
                }
            }
            What::Matures(_) => {}
        }
    }
    hits += hit_at.values().filter(|at| before(now, within) >= **at).count();
    cured as f64 / (hits + HITS_UNKNOWN) as f64
}

/// So many callers who were not cured are taken to have been there before the first.
const HITS_UNKNOWN: usize = 3;

/// Adds to each hit the time at which it is more than a one-off.
fn mature(events: &mut Vec<Event>, within: Duration, now: Timestamp) {
    let hits = events.iter().filter(|event| matches!(event.what, What::Failed { newly: true, .. }));
    let matures = hits.filter_map(|hit| Some((hit.at.checked_add(within).ok()?, hit)));
    let matures =
        matures.filter(|(at, _)| *at <= now).map(|(at, hit)| Event::new(at, hit.caller, What::Matures(hit.at)));
    events.extend(matures.collect::<Vec<_>>());
}

/// Spreads events of one second evenly over it. Otherwise no answered call would lie between them, and in a busy region a
/// second with a few failures by chance would look like an outage.
fn put_apart(events: &mut [Event]) {
    for second in events.chunk_by_mut(|one, next| one.at == next.at) {
        let many = second.len() as f64;
        for (nth, event) in second.iter_mut().enumerate() {
            event.moment = event.at.as_second() as f64 + (nth as f64 + 0.5) / many;
        }
    }
}

/// What each event is worth, in nats.
#[derive(Clone, Copy, Debug)]
struct Scale {
    kind: TestKind,
    /// What a newly hit caller adds.
    up: f64,
    /// What an answered call and a second take.
    per_call: f64,
    per_second: f64,
    threshold: f64,
}

impl Scale {
    fn of_calls(calls_per_year: f64, policy: &Policy) -> Self {
        let (p0, p1) = (policy.usual_failures, policy.outage_failures);
        Self {
            kind: TestKind::FailedAgainstAnswered,
            up: (p1 / p0).ln(),
            per_call: ((1.0 - p0) / (1.0 - p1)).ln(),
            per_second: 0.0,
            threshold: (calls_per_year / policy.false_pages_per_year).ln().max(0.0),
        }
    }

    fn of_hits(hits_per_day: f64, policy: &Policy) -> Self {
        let outage = (policy.outage_hits_factor * hits_per_day).max(24.0 * policy.outage_hits_per_hour);
        let hits_per_page = outage * DAYS_PER_YEAR / policy.false_pages_per_year;
        Self {
            kind: TestKind::HitsInTime,
            up: (outage / hits_per_day).ln(),
            per_call: 0.0,
            per_second: (outage - hits_per_day) / SECONDS_PER_DAY,
            threshold: hits_per_page.ln().max(0.0) + policy.hits_margin,
        }
    }
}

/// One test, ready to run.
struct Test {
    scale: Scale,
    /// How much of a hit counts at once.
    lasting: f64,
    /// Without so many distinct callers nothing crosses.
    callers: usize,
    answered: Spread,
    /// Failures of which no mark is kept.
    beyond: Spread,
}

impl Test {
    /// All that has spoken against an outage up to that time.
    fn against(&self, moment: f64) -> f64 {
        self.scale.per_call * self.answered.until(moment) + self.scale.per_second * moment
    }

    fn sum(&self, tally: &Tally, moment: f64) -> f64 {
        let sum = tally.weight * self.scale.up - (self.against(moment) - tally.against);
        if tally.standing == 0 { 0.0 } else { sum.max(0.0) }
    }

    /// What the test comes to over events in order: the run that crossed, else the latest. None if there was none.
    fn judge(&self, events: &[Event], origin: Origin, now: Timestamp) -> Option<Run> {
        let mut state = State::NotBegun;
        for event in events {
            state = self.at(state, event.moment);
            match &state {
                State::Ended(tally) if tally.crossed.is_some() => break,
                State::NotBegun | State::Ended(_) if event.what.begins_a_run() => {
                    state = State::Running(Tally::from(event, self.against(event.moment)));
                }
                State::NotBegun | State::Running(_) | State::Ended(_) => {}
            }
            if let State::Running(tally) = &mut state {
                self.add(tally, event);
            }
        }
        let now = now.as_second() as f64;
        let end = events.last().map_or(now, |event| event.moment.max(now));
        match self.at(state, end) {
            State::NotBegun => None,
            State::Running(tally) => Some(self.report(&tally, self.sum(&tally, end), origin)),
            State::Ended(mut tally) => {
                if tally.crossed.is_none() {
                    tally.votes.clear();
                }
                Some(self.report(&tally, 0.0, origin))
            }
        }
    }

    /// A run has ended when what spoke against it has brought its sum down to 0.
    fn at(&self, state: State, moment: f64) -> State {
        match state {
            State::Running(tally) if self.sum(&tally, moment) == 0.0 => State::Ended(tally),
            State::Running(tally) => State::Running(Tally { seen_until: moment, ..tally }),
            State::NotBegun | State::Ended(_) => state,
        }
    }

    fn add(&self, tally: &mut Tally, event: &Event) {
        match event.what {
            What::Failed { newly, weight } => {
                let news = News { at: event.at, weight, counts: weight * self.lasting };
                tally.failed(event.caller, newly.then_some(news));
                self.cross(tally, event);
            }
            What::Served => tally.served(event.caller),
            What::Matures(hit_at) => {
                tally.matures(event.caller, hit_at);
                self.cross(tally, event);
            }
        }
    }

    /// Notes it if the sum has come to the threshold for the first time.
    fn cross(&self, tally: &mut Tally, event: &Event) {
        let sum = self.sum(tally, event.moment);
        if tally.crossed.is_none() && tally.standing >= self.callers && sum >= self.scale.threshold {
            tally.crossed = Some((event.at, sum));
        }
    }

    fn report(&self, tally: &Tally, sum: f64, origin: Origin) -> Run {
        let within = |spread: &Spread| spread.until(tally.seen_until) - spread.until(tally.begin);
        let mut votes: Vec<(&CallerHash, &Vote)> = tally.votes.iter().collect();
        votes.sort_by_key(|(_, vote)| vote.nth);
        let failed: usize = votes.iter().map(|(_, vote)| vote.failed).sum();
        Run {
            origin,
            kind: self.scale.kind,
            began_at: tally.began_at,
            crossed_at: tally.crossed.map(|(at, _)| at),
            callers: votes.iter().map(|(caller, _)| **caller).collect(),
            sum: tally.crossed.map_or(sum, |(_, sum)| sum),
            threshold: self.scale.threshold,
            failed: failed + within(&self.beyond).round() as usize,
            answered: within(&self.answered).round() as usize,
        }
    }
}

/// How far a test has come in the order of time.
enum State {
    /// Nobody was newly hit yet.
    NotBegun,
    Running(Tally),
    /// The sum came down to 0. The next caller newly hit begins another run, unless this one had crossed.
    Ended(Tally),
}

/// A run as far as it has come.
struct Tally {
    began_at: Timestamp,
    /// The same as a moment, and [`Test::against`] then.
    begin: f64,
    against: f64,
    votes: CallerMap<Vote>,
    /// Callers hit and not served since, and how many they stand for.
    standing: usize,
    weight: f64,
    ever_hit: usize,
    /// When it crossed, and with what sum.
    crossed: Option<(Timestamp, f64)>,
    /// The latest time at which it had not ended.
    seen_until: f64,
}

/// What one caller that was hit says in a run. A caller that is then served takes its vote back.
struct Vote {
    /// In the order of being hit.
    nth: usize,
    failed: usize,
    stands: bool,
    news: News,
}

/// What a newly hit caller brings.
#[derive(Clone, Copy)]
struct News {
    at: Timestamp,
    /// For how many callers it stands, and for how many it counts as yet.
    weight: f64,
    counts: f64,
}

impl Tally {
    fn from(first: &Event, against: f64) -> Self {
        Self {
            began_at: first.at,
            begin: first.moment,
            against,
            votes: CallerMap::default(),
            standing: 0,
            weight: 0.0,
            ever_hit: 0,
            crossed: None,
            seen_until: first.moment,
        }
    }

    /// A failure, and what it brings if it can be news.
    fn failed(&mut self, caller: CallerHash, news: Option<News>) {
        let known = self.votes.get_mut(&caller);
        match (known, news) {
            (Some(vote), Some(news)) if !vote.stands => {
                (vote.stands, vote.news, vote.failed) = (true, news, vote.failed + 1);
                self.standing += 1;
                self.weight += news.counts;
            }
            (Some(vote), _) => vote.failed += 1,
            (None, Some(news)) => {
                self.votes.insert(caller, Vote { nth: self.ever_hit, failed: 1, stands: true, news });
                self.ever_hit += 1;
                self.standing += 1;
                self.weight += news.counts;
            }
            (None, None) => {}
        }
    }

    /// A vote that still stands counts in full from now on.
    fn matures(&mut self, caller: CallerHash, hit_at: Timestamp) {
        if let Some(vote) = self.votes.get_mut(&caller).filter(|vote| vote.stands && vote.news.at == hit_at) {
            self.weight += vote.news.weight - vote.news.counts;
            vote.news.counts = vote.news.weight;
        }
    }

    /// A caller takes its vote back. Once the test has crossed, it stays on the list of those who were hit.
    fn served(&mut self, caller: CallerHash) {
        if let Some(vote) = self.votes.get_mut(&caller).filter(|vote| vote.stands) {
            vote.stands = false;
            self.standing -= 1;
            self.weight -= vote.news.counts;
            if self.crossed.is_none() {
                self.votes.remove(&caller);
            }
        }
    }
}
