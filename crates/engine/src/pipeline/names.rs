//! Putting names in place of user ids, just before a notice is sent.
//!
//! In: a notice as it waits in the outbox, which holds ids alone. Out: the same with the names that could be had, and with a
//! word about the others. Whatever Identity Store or the table does, the notice goes out: an error of theirs, or the end of
//! the time that names are worth, leaves ids where they are.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use triage_model::problem::ProblemName;
use triage_notify::notice::Notice;
use triage_notify::people::Person;

use super::case::Case;
use super::parts::Pipeline;
use crate::directory::Directory;
use crate::publish::Publish;
use crate::service::Service;
use crate::store::{At, Store};

/// All notices of an invocation together wait no longer for names than this, and no longer than that part of the time that is left.
const NAMES_WITHIN: Duration = Duration::from_secs(1);
const PART_OF_THE_TIME: u32 = 4;

/// What the table knows comes in milliseconds. Where it does not answer, Identity Store still has the other half.
const PART_OF_THE_TABLE: u32 = 2;

/// Ids looked up for one notice: twice what it lists, for its sentences may name others.
const IDS_MAX: usize = 20;

/// Calls of one invocation. Few at once: the quota is the account's, and whoever administers users needs it as well.
const ASKED_AT_ONCE: usize = 4;
const ASKED_MAX: usize = 40;

const NO_TIME: &str = "no time was left to ask";
const TOO_MANY: &str = "too many at once";

/// What one invocation knows of people.
#[derive(Debug, Default)]
pub struct People {
    known: BTreeMap<String, Person>,
    asked: usize,
    /// Time that notices have waited for names.
    waited: Duration,
    /// Why nobody is asked any more.
    given_up: Option<String>,
}

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    /// The notice with names, as far as they can be had in time.
    pub(super) async fn with_names(&self, notice: &Notice, case: &mut Case) -> Notice {
        let Some(directory) = &self.directory else { return notice.clone() };
        let mut unknown = notice.user_ids();
        unknown.retain(|id| !case.people.known.contains_key(id));
        unknown.truncate(IDS_MAX);
        if !unknown.is_empty() {
            let started = Instant::now();
            let left = case.schedule.deadline.saturating_duration_since(started) / PART_OF_THE_TIME;
            let within = NAMES_WITHIN.saturating_sub(case.people.waited).min(left);
            self.look_up(directory, unknown, started, within, case).await;
            case.people.waited += started.elapsed();
        }
        let People { known, given_up, .. } = &case.people;
        let named = notice.clone().with_people(known, given_up.as_deref().unwrap_or(TOO_MANY));
        if let Some(unresolved) = &named.unresolved {
            case.draft.problems.note(ProblemName::NamesUnresolved, unresolved.in_words());
        }
        named
    }

    /// In the table first. What that does not know Identity Store is asked, and the answer is kept for the next notice.
    async fn look_up(&self, directory: &D, mut ids: Vec<String>, started: Instant, within: Duration, case: &mut Case) {
        let kept = At { now: case.schedule.now, until: started + within / PART_OF_THE_TABLE };
        match self.store.people(&ids, kept).await {
            Ok(people) => {
                ids.retain(|id| !people.contains_key(id));
                case.people.known.extend(people);
            }
            Err(error) => case.troubled_by(Some(error)),
        }
        let until = started + within;
        let found = case.people.ask(directory, ids, until).await;
        if !found.is_empty() {
            let kept = self.store.keep_people(&found, At { now: case.schedule.now, until }).await;
            // The next notice asks again.
            case.troubled_by(kept.err());
            case.people.known.extend(found);
        }
    }
}

impl People {
    /// Asks for a few at a time, until one is refused or not answered: so would the others be, and people wait for the notice.
    async fn ask<D: Directory>(&mut self, directory: &D, ids: Vec<String>, until: Instant) -> BTreeMap<String, Person> {
        let mut found = BTreeMap::new();
        for few in ids.chunks(ASKED_AT_ONCE) {
            let within = until.saturating_duration_since(Instant::now());
            if within.is_zero() {
                self.give_up(NO_TIME);
            } else if self.asked + few.len() > ASKED_MAX {
                self.give_up(TOO_MANY);
            }
            if self.given_up.is_some() {
                break;
            }
            self.asked += few.len();
            let answers = join_all(few.iter().map(|id| directory.person(id, within))).await;
            for (id, answer) in few.iter().zip(answers) {
                match answer {
                    Ok(person) => _ = found.insert(id.clone(), person),
                    Err(error) => self.give_up(error),
                }
            }
        }
        found
    }

    fn give_up(&mut self, why: impl ToString) {
        self.given_up.get_or_insert_with(|| why.to_string());
    }
}

#[cfg(test)]
mod tests;
