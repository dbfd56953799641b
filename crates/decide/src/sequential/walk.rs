//! One test over its events, in order.
//!
//! In: the [`Scale`], what was answered, and the [`Event`]s. Out: the [`Run`] that crossed, else the latest.

use jiff::Timestamp;
use triage_model::caller::{CallerHash, CallerMap};
use triage_model::observation::Origin;

use crate::cell::Cell;
use crate::evidence::mark::Asked;
use crate::sequential::event::{Event, What};
use crate::sequential::run::Run;
use crate::sequential::scale::Scale;
use crate::spread::Spread;

/// Of so many callers one at most may be unrelated, and one of fewer.
const STRAYS: usize = 4;

/// One test, ready to run.
pub struct Walk {
    pub scale: Scale,
    /// How much of a hit counts at once.
    pub lasting: f64,
    /// Without so many distinct callers nothing crosses.
    pub callers: usize,
    pub answered: Spread,
    /// Failures of which no mark is kept.
    pub beyond: Spread,
}

impl Walk {
    /// All that has spoken against an outage up to that time.
    fn against(&self, moment: f64) -> f64 {
        self.scale.per_call * self.answered.until(moment) + self.scale.per_second * moment
    }

    fn sum(&self, tally: &Tally, moment: f64) -> f64 {
        let sum = tally.weight * self.scale.up - (self.against(moment) - tally.against);
        if tally.standing == 0 { 0.0 } else { sum.max(0.0) }
    }

    /// What the test comes to over events in order: the run that crossed, else the latest. None if there was none.
    pub fn evaluate(&self, events: &[Event], cell: Cell, origin: Origin, now: Timestamp) -> Option<Run> {
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
            State::Running(tally) => Some(self.report(&tally, self.sum(&tally, end), cell, origin)),
            State::Ended(mut tally) => {
                if tally.crossed.is_none() {
                    tally.votes.clear();
                }
                Some(self.report(&tally, 0.0, cell, origin))
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
            What::Failed { newly, weight, asked } => {
                let news = News { at: event.at, weight, counts: weight * self.lasting };
                tally.failed(event.caller, event.moment, newly.then_some(news), asked);
                self.cross(tally, event);
            }
            What::Served(asked) => tally.served(event.caller, asked),
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
            self.leave_out_strays(tally, event.moment);
        }
    }

    /// A run may begin with an unrelated failure or two, long before the others: the likeliest beginning of what crossed
    /// is the one from which on failures are densest (a maximum likelihood estimate of the change point).
    fn leave_out_strays(&self, tally: &mut Tally, crossed: f64) {
        let mut hits: Vec<(f64, News)> = tally.votes.values().map(|vote| (vote.moment, vote.news)).collect();
        hits.sort_by(|(one, _), (next, _)| next.total_cmp(one));
        let answered = self.answered.until(crossed);
        // More are no strays: failures that become more frequent are of one outage.
        let strays = (hits.len() / STRAYS).max(1);
        let mut weight = 0.0;
        let mut best: Option<(f64, f64, Timestamp)> = None;
        for (nth, (moment, news)) in hits.iter().enumerate() {
            weight += news.weight;
            if nth + 1 + strays < hits.len() {
                continue;
            }
            let nats = self.scale.began_then(weight, answered - self.answered.until(*moment), crossed - moment);
            if best.is_none_or(|(most, ..)| nats >= most) {
                best = Some((nats, *moment, news.at));
            }
        }
        if let Some((_, moment, at)) = best {
            tally.begin_at(moment, at, self.against(moment));
        }
    }

    fn report(&self, tally: &Tally, sum: f64, cell: Cell, origin: Origin) -> Run {
        let within = |spread: &Spread| spread.until(tally.seen_until) - spread.until(tally.begin);
        let mut votes: Vec<(&CallerHash, &Vote)> = tally.votes.iter().collect();
        votes.sort_by_key(|(_, vote)| vote.nth);
        let failed: usize = votes.iter().map(|(_, vote)| vote.failed).sum();
        Run {
            cell,
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
    /// The same as a moment, and [`Walk::against`] then.
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

/// The vote of one affected caller in a run. A caller that is then served takes its vote back.
struct Vote {
    /// In the order of being hit.
    nth: usize,
    /// When it was hit, and when it failed last.
    moment: f64,
    latest: f64,
    failed: usize,
    stands: bool,
    /// What its latest failure was of: only what cures that takes it back.
    asked: Asked,
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

    /// As if it had begun then: callers that failed only before are not in it.
    fn begin_at(&mut self, moment: f64, at: Timestamp, against: f64) {
        (self.begin, self.began_at, self.against) = (moment, at, against);
        self.votes.retain(|_, vote| {
            let stays = vote.latest >= moment;
            if vote.stands && !stays {
                self.standing -= 1;
                self.weight -= vote.news.counts;
            }
            stays
        });
    }

    /// A failure, and what it brings if it can be news.
    fn failed(&mut self, caller: CallerHash, moment: f64, news: Option<News>, asked: Asked) {
        let known = self.votes.get_mut(&caller);
        match (known, news) {
            (Some(vote), Some(news)) if !vote.stands => {
                (vote.stands, vote.asked, vote.news, vote.failed) = (true, asked, news, vote.failed + 1);
                (vote.moment, vote.latest) = (moment, moment);
                self.standing += 1;
                self.weight += news.counts;
            }
            (Some(vote), _) => (vote.failed, vote.asked, vote.latest) = (vote.failed + 1, asked, moment),
            (None, Some(news)) => {
                self.votes.insert(
                    caller,
                    Vote { nth: self.ever_hit, moment, latest: moment, failed: 1, stands: true, asked, news },
                );
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
    fn served(&mut self, caller: CallerHash, asked: Asked) {
        let taken_back = |vote: &&mut Vote| vote.stands && asked.cures(vote.asked);
        if let Some(vote) = self.votes.get_mut(&caller).filter(taken_back) {
            vote.stands = false;
            self.standing -= 1;
            self.weight -= vote.news.counts;
            if self.crossed.is_none() {
                self.votes.remove(&caller);
            }
        }
    }
}
