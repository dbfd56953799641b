//! Putting names in place of user ids, just before a notice is sent.
//!
//! In: a notice from the outbox, which holds ids alone. Out: the same with the names that were found, and a remark
//! about the others. The notice always goes out: after an error of Identity Store or the table, or without time left,
//! the ids stay.

use std::time::{Duration, Instant};

use triage_model::problem::ProblemName;
use triage_notify::notice::Notice;

use super::case::Case;
use super::parts::Pipeline;
use crate::directory::Directory;
use crate::publish::Publish;
use crate::service::Service;
use crate::store::{At, Store};

/// How long all notices of an invocation together wait for names: at most this, and at most this share of the time that
/// is left.
const NAMES_WITHIN: Duration = Duration::from_secs(1);
const PART_OF_THE_TIME: u32 = 4;

/// What the table knows comes in milliseconds. Where it does not answer, Identity Store still has the other half.
const PART_OF_THE_TABLE: u32 = 2;

/// Ids looked up for one notice: twice what it lists, for its sentences may name others.
const IDS_MAX: usize = 20;

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    /// The notice with the names that were found in time.
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
        let named = notice.clone().with_people(&case.people.known, case.people.reason());
        if let Some(unresolved) = &named.unresolved {
            case.draft.problems.note(ProblemName::NamesUnresolved, unresolved.in_words());
        }
        named
    }

    /// The table first. Identity Store resolves the rest, and its answers are kept for the next notice.
    async fn look_up(&self, directory: &D, mut ids: Vec<String>, started: Instant, within: Duration, case: &mut Case) {
        let kept = At { now: case.schedule.now, until: started + within / PART_OF_THE_TABLE };
        // Without any time the table would look unavailable.
        if !within.is_zero() {
            match self.store.people(&ids, kept).await {
                Ok(people) => {
                    ids.retain(|id| !people.contains_key(id));
                    case.people.known.extend(people);
                }
                Err(error) => case.note_store_error(Some(error)),
            }
        }
        let until = started + within;
        let found = case.people.ask(directory, &ids, until).await;
        if !found.is_empty() {
            let kept = self.store.keep_people(&found, At { now: case.schedule.now, until }).await;
            // The next notice asks again.
            case.note_store_error(kept.err());
            case.people.known.extend(found);
        }
    }
}

#[cfg(test)]
mod tests;
