//! What management reads: how long it was down, how many people, how many calls worked, whose fault, how soon it was noticed.

use std::time::Duration;

use triage_decide::calls::Calls;
use triage_notify::markup::Html;
use triage_notify::words::{between, capitalized, part_in_short, span};

use crate::replay::answer::{Answer, BadTime, HeadCount, is, is_page, times};
use crate::replay::clock_by::ClockBy;
use crate::replay::fault::{Bad, Fault};
use crate::replay::html::words::{LOOKS_FALSE, Number, about, counted, date, head_count, minutes, range, share};
use crate::replay::review::{Review, Story};

/// Of several causes so many are named.
const FAULTS_MAX: usize = 3;

/// The answer in sentences; and before it, what must not be overlooked.
pub fn verdict(h: &mut Html, review: &Review, answer: Option<&Answer>) {
    if review.interrupted {
        h.element("p", &[("class", &"alert"), ("role", &"note")], |h| {
            h.leaf("strong", &[], "Interrupted. ");
            h.text("This report covers the history up to there. Run it again for all of it.");
        });
    }
    h.leaf("p", &[("class", &"verdict")], sentence(review, answer));
    if let Some(answer) = answer {
        h.leaf("p", &[("class", &"quiet")], pages(review, answer));
    }
}

/// The first sentence.
pub fn sentence(review: &Review, answer: Option<&Answer>) -> String {
    let Some((from, to)) = review.span else {
        return "Nothing was read that could be evaluated: there is no event of AWS SSO OIDC in it.".to_owned();
    };
    let Some(answer) = answer else {
        let counts = &review.counts;
        let failed = counts.service + counts.unreachable + counts.admin + counts.throttled + counts.request;
        return format!(
            "AWS sign-in had no incident in {}. {} worked, {} failed.",
            about(between(from, to)),
            counted(usize::try_from(counts.success).unwrap_or(usize::MAX), "call"),
            Number(failed + counts.unrecognised)
        );
    };
    let (bad, BadTime { seconds, incidents }) = answer.worst();
    let what = match bad {
        Bad::Down => "AWS sign-in was down",
        Bad::Degraded => "AWS sign-in was degraded",
        Bad::Partial => "A part of AWS sign-in failed",
    };
    let how_long = span(Duration::from_secs(seconds));
    let counts = |story: &&Story| is(story, bad) && (!answer.is_of_pages || is_page(story));
    let when = match (incidents, review.incidents.iter().rfind(counts)) {
        (1, Some(story)) => {
            let (from, to) = times(story, Some(to));
            // To the second where minutes would be the same.
            let clock = if seconds < 60 { "%H:%M:%S" } else { "%H:%M" };
            let until = if date(from) == date(to) { clock.to_owned() } else { format!("%-d %B, {clock}") };
            let place = format!("in {} on {}", story.region, date(from));
            format!("{how_long} {place}, from {} to {} UTC", from.strftime(clock), to.strftime(&until))
        }
        (several, _) => format!("{how_long} in {} over {}", counted(several, "incident"), about(between(from, to))),
    };
    let whom = match (answer.affected.affected, answer.incidents) {
        (0, _) => "No caller was affected: a probe failed.".to_owned(),
        (_, 1) => format!("{} could not sign in.", capitalized(&head_count(&answer.affected))),
        _ => format!("In all, {} could not sign in.", head_count(&answer.affected)),
    };
    let besides: Vec<String> = answer.bad_times().iter().skip(1).map(|bad| in_short(*bad)).collect();
    let besides = if besides.is_empty() { String::new() } else { format!(" Besides, {}.", besides.join(", and ")) };
    format!("{what} for {when}.{besides} {whom}")
}

/// `it was degraded for 34 minutes in 1 incident`.
fn in_short((bad, BadTime { seconds, incidents }): (Bad, BadTime)) -> String {
    let what = match bad {
        Bad::Down => "it was down",
        Bad::Degraded => "it was degraded",
        Bad::Partial => "a part of it failed",
    };
    format!("{what} for {} in {}", span(Duration::from_secs(seconds)), counted(incidents, "incident"))
}

fn pages(review: &Review, answer: &Answer) -> String {
    let all = counted(review.incidents.len(), "incident");
    let paged = match (answer.is_of_pages, answer.others) {
        (true, 0) if answer.incidents == 1 => "1 incident. It would have paged on-call.".to_owned(),
        (false, _) => format!("{all}, and none would have paged on-call."),
        (true, 0) => format!("{all}, each of which would have paged on-call."),
        (true, others) => {
            format!("{all}: {} would have paged on-call, {} would not.", answer.incidents, Number(others as u64))
        }
    };
    let looks_false = match review.false_looking_pages() {
        0 => String::new(),
        1 => format!(" One of these pages looks false: it {LOOKS_FALSE}."),
        more => format!(" {} of these pages look false: each {LOOKS_FALSE}.", Number(more as u64)),
    };
    format!("{paged}{looks_false} Times are in UTC. The clock: {}.", review.clock())
}

/// The answer in numbers.
pub fn numbers(h: &mut Html, review: &Review, answer: &Answer) {
    h.element("dl", &[("class", &"answer"), ("id", &"the-answer")], |h| {
        down(h, answer);
        people(h, &answer.affected);
        worked(h, answer.calls, answer.are_served_seen, None);
        faults(h, answer, review);
        if let Some((least, most)) = answer.noticed {
            noticed(h, least, most, review.by);
        }
    });
}

/// The same of one incident.
pub fn of_incident(h: &mut Html, story: &Story, by: ClockBy, lasted: Duration) {
    let bad = Bad::of(story.diagnosis);
    let count = HeadCount::of(story);
    h.element("dl", &[("class", &"answer small")], |h| {
        let open = if story.over_at.is_none() { "so far: still open" } else { "from the first failure to the latest" };
        card(h, &format!("{} for", bad.in_words()), &span(lasted), open);
        people(h, &count);
        worked(h, story.close_up.during, count.active.is_some(), Some(story.close_up.before));
        if let Some(cost) = story.cost() {
            let meaning = format!("of what may fail in 30 days (target {}%)", cost.target);
            card(h, "Error budget", &capitalized(&part_in_short(cost.cost / 100.0)), &meaning);
        }
        let fault = Fault::of(story);
        card(h, "Whose fault", &capitalized(&fault.in_words()), &fault.why(story));
        let noticed_after = between(story.began, story.opened_at);
        noticed(h, noticed_after, noticed_after, by);
    });
}

fn card(h: &mut Html, name: &str, big: &str, meaning: &str) {
    // A word is longer than a number, and set smaller.
    let is_word = big.chars().count() > 9 || !big.contains(|letter: char| letter.is_ascii_digit());
    let class = if is_word { "big long" } else { "big" };
    h.element("div", &[], |h| {
        h.leaf("dt", &[], name);
        h.element("dd", &[("class", &class)], |h| h.name(big));
        h.element("dd", &[("class", &"quiet")], |h| h.name(meaning));
    });
}

fn down(h: &mut Html, answer: &Answer) {
    let (bad, BadTime { seconds, incidents }) = answer.worst();
    let mut meaning = format!("{} in {}", span(Duration::from_secs(seconds)), counted(incidents, "incident"));
    for other in answer.bad_times().into_iter().skip(1) {
        meaning += &format!("; besides, {}", in_short(other));
    }
    if answer.open > 0 {
        meaning += &format!("; {} still open", Number(answer.open as u64));
    }
    card(h, &format!("Minutes {}", bad.in_words().to_lowercase()), &Number(minutes(seconds)).to_string(), &meaning);
}

fn people(h: &mut Html, count: &HeadCount) {
    let name = format!("{} affected", capitalized(count.noun(2)));
    let estimate = if count.is_about { "an estimate; " } else { "" };
    let meaning = match count.active {
        Some(active) => format!("{estimate}of {} who called then or shortly before", Number(active as u64)),
        None => "How many called is not known: no served call was seen.".to_owned(),
    };
    card(h, &name, &Number(count.affected as u64).to_string(), &meaning);
}

fn worked(h: &mut Html, calls: Calls, are_served_seen: bool, before: Option<Calls>) {
    let Some(worked) = share(calls).filter(|_| are_served_seen) else {
        card(h, "Calls that worked", "Not known", "No served call was seen.");
        return;
    };
    let all = Number(calls.served + calls.failed);
    let before = before.and_then(share).map(|before| format!("; {before} before it")).unwrap_or_default();
    card(h, "Calls that worked", &worked, &format!("{} of {all} calls to sign in{before}", Number(calls.served)));
}

fn faults(h: &mut Html, answer: &Answer, review: &Review) {
    match answer.faults.as_slice() {
        [(fault, _)] => {
            let story = review.incidents.iter().rfind(|story| Fault::of(story) == *fault);
            let why = story.map(|story| fault.why(story)).unwrap_or_default();
            card(h, "Whose fault", &capitalized(&fault.in_words()), &why);
        }
        several => {
            let words = |(fault, count): &(Fault, usize)| format!("{} ({})", fault.in_words(), Number(*count as u64));
            let named: Vec<String> = several.iter().take(FAULTS_MAX).map(words).collect();
            let rest = several.len().saturating_sub(FAULTS_MAX);
            let rest = if rest > 0 { format!(", and {} more", Number(rest as u64)) } else { String::new() };
            let words = format!("{}{rest}", named.join(", "));
            card(h, "Whose fault", &capitalized(&words), "with the number of incidents; each says why below");
        }
    }
}

fn noticed(h: &mut Html, least: Duration, most: Duration, by: ClockBy) {
    let meaning = match by {
        ClockBy::Calls => {
            "after the first failure, by the calls’ own times: CloudTrail delivers them some minutes later"
        }
        ClockBy::Arrival => "after the first failure, by when the calls were delivered",
    };
    card(h, "Noticed", &range(least, most), meaning);
}
